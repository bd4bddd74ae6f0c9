//! The jars this crate was written for, by name and SHA-256, and whether a folder holds exactly those.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::words::Version;

/// Name and SHA-256 of every jar.
pub(super) fn expected(version: Version) -> BTreeMap<&'static str, &'static str> {
    let list = match version {
        Version::V3_9_1 => include_str!("../../kafka-3.9.1.sha256"),
        Version::V4_1_0 => include_str!("../../kafka-4.1.0.sha256"),
    };
    list.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect()
}

/// Whether the folder holds exactly the jars of the list, by name: instant, for a folder verified when it was made.
pub(super) fn verify_names(version: Version, dir: &Path) -> Result<()> {
    compare(version, dir, &expected(version), |_| Ok(None))
}

/// Whether the folder holds exactly the jars of the list, byte by byte.
pub(super) fn verify(version: Version, dir: &Path) -> Result<()> {
    compare(version, dir, &expected(version), |file| sum(file).map(Some))
}

fn compare(
    version: Version,
    dir: &Path,
    expected: &BTreeMap<&str, &str>,
    sum: impl Fn(&Path) -> io::Result<Option<String>>,
) -> Result<()> {
    let wrong = |problem: String| Error::Jars { version: version.number(), dir: dir.to_owned(), problem };
    let found = names(dir).map_err(|error| wrong(error.to_string()))?;
    for (name, wanted) in expected {
        if !found.contains(*name) {
            return Err(wrong(format!("{name} is missing")));
        }
        match sum(&dir.join(name)).map_err(|error| wrong(format!("{name}: {error}")))? {
            Some(is) if is != *wanted => {
                return Err(wrong(format!("{name} has SHA-256 {is} and should have {wanted}")));
            }
            _ => {}
        }
    }
    match found.iter().find(|name| !expected.contains_key(name.as_str())) {
        Some(stranger) => Err(wrong(format!("{stranger} is not on the list"))),
        None => Ok(()),
    }
}

fn names(dir: &Path) -> io::Result<BTreeSet<String>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The SHA-256 of a file, as lower-case hexadecimal digits.
pub(super) fn sum(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(file)?, &mut hasher)?;
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn check(list: &[(&str, &str)], files: &[(&str, &str)]) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let list = list.iter().copied().collect();
        compare(Version::V3_9_1, dir.path(), &list, |file| sum(file).map(Some)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_lists_are_complete() {
        for version in Version::ALL {
            let list = expected(version);
            assert!(list.len() > 90, "{version}: {}", list.len());
            assert!(list.values().all(|sum| sum.len() == 64));
            assert!(list.contains_key(format!("kafka-clients-{version}.jar").as_str()));
        }
    }

    #[test]
    fn exactly_the_listed_jars_pass() {
        check(&[("a.jar", HELLO)], &[("a.jar", "hello")]).unwrap();
    }

    #[test]
    fn a_changed_a_missing_and_a_strange_jar_are_refused() {
        let changed = check(&[("a.jar", HELLO)], &[("a.jar", "hullo")]).unwrap_err();
        assert!(changed.contains("a.jar has SHA-256"), "{changed}");
        let missing = check(&[("a.jar", HELLO)], &[]).unwrap_err();
        assert!(missing.contains("a.jar is missing"), "{missing}");
        let strange = check(&[("a.jar", HELLO)], &[("a.jar", "hello"), ("b.jar", "")]).unwrap_err();
        assert!(strange.contains("b.jar is not on the list"), "{strange}");
    }
}
