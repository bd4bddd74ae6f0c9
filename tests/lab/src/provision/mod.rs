//! Fetches Kafka and MongoDB once, verified, into a cache; offline and instant from the second time on.
//!
//! The cache is `$CUTOVER_CACHE`, or `~/.cache/cutover-lab`. The jars come through Maven and its own settings, are
//! compared with the list of SHA-256 sums in this crate, and only then renamed into place; whoever finds the folder can
//! believe it. A lock keeps two labs from fetching at once.

mod jars;
mod maven;
mod mongod;
mod tools;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub use mongod::{MONGOD_VERSION, Mongod, provision_mongod, provision_mongod_in, verify_mongod};

use crate::error::{Doing, Error, Result};
use crate::progress::say;
use crate::scratch::lock_file;
use crate::words::Version;

/// A Kafka that can be run.
#[derive(Debug, Clone)]
pub struct Kafka {
    version: Version,
    java: PathBuf,
    libs: PathBuf,
}

impl Kafka {
    /// Which one it is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The Java virtual machine to run it with.
    pub fn java(&self) -> &Path {
        &self.java
    }

    /// Its class path.
    pub fn class_path(&self) -> String {
        format!("{}/*", self.libs.display())
    }
}

/// The folder where everything fetched is kept.
pub fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("CUTOVER_CACHE").filter(|dir| !dir.is_empty()) {
        return Ok(PathBuf::from(dir));
    }
    match std::env::var_os("HOME").filter(|dir| !dir.is_empty()) {
        Some(home) => Ok(PathBuf::from(home).join(".cache/cutover-lab")),
        None => Err(Error::Usage("neither CUTOVER_CACHE nor HOME says where to keep what is fetched".to_owned())),
    }
}

/// Makes sure this Kafka is in the cache and can be run.
pub fn provision(version: Version) -> Result<Kafka> {
    provision_in(&cache_dir()?, version)
}

/// The same with a cache of one's own.
pub fn provision_in(cache: &Path, version: Version) -> Result<Kafka> {
    let java = tools::java()?;
    let libs = cache.join(format!("kafka-{version}"));
    let kafka = Kafka { version, java, libs: libs.clone() };
    if libs.is_dir() {
        jars::verify_names(version, &libs)?;
        return Ok(kafka);
    }
    let _lock = lock_cache(cache)?;
    if libs.is_dir() {
        return Ok(kafka);
    }
    let temp = tempfile::Builder::new()
        .prefix("fetching-")
        .tempdir_in(cache)
        .doing(|| format!("create a folder in {}", cache.display()))?;
    maven::fetch(version, temp.path())?;
    let fetched = temp.path().join("libs");
    say(format!("Kafka {version}: verifying {} jars", jars::expected(version).len()));
    jars::verify(version, &fetched)?;
    fs::rename(&fetched, &libs).doing(|| format!("rename into {}", libs.display()))?;
    say(format!("Kafka {version}: ready"));
    Ok(kafka)
}

/// Keeps other labs from fetching until the value is dropped.
fn lock_cache(cache: &Path) -> Result<File> {
    fs::create_dir_all(cache).doing(|| format!("create {}", cache.display()))?;
    let lock = lock_file(&cache.join("lock"))?;
    if lock.try_lock().is_err() {
        say("another lab is fetching; waiting for it");
        lock.lock().doing(|| format!("lock {}", cache.display()))?;
    }
    Ok(lock)
}

/// Verifies every byte of what lies in the cache again.
pub fn verify(version: Version) -> Result<()> {
    jars::verify(version, &cache_dir()?.join(format!("kafka-{version}")))
}
