//! The programs the lab needs from the system, and what to install when one is missing.

use std::path::PathBuf;
use std::process::Command;

use crate::error::{Error, Result};
use crate::process::which;

const INSTALL: &str = "apt-get install openjdk-17-jre-headless maven";
const LEAST_JAVA: u32 = 17;

/// A Java that can run Kafka 4: 17 or newer, from `JAVA_HOME` or the path.
pub(super) fn java() -> Result<PathBuf> {
    let missing = |problem: String| Error::Tool { tool: "java", problem, install: INSTALL };
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
    let java = home
        .filter(|java| java.is_file())
        .or_else(|| which("java"))
        .ok_or_else(|| missing("not found in JAVA_HOME or on the PATH".to_owned()))?;
    let output = Command::new(&java).arg("-version").output().map_err(|error| missing(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match major(&text) {
        Some(version) if version >= LEAST_JAVA => Ok(java),
        Some(version) => Err(missing(format!("{} is Java {version}; Kafka 4 needs {LEAST_JAVA}", java.display()))),
        None => Err(missing(format!("{} does not tell its version: {}", java.display(), text.trim()))),
    }
}

/// Maven, which only fetching needs.
pub(super) fn maven() -> Result<PathBuf> {
    which("mvn").ok_or(Error::Tool { tool: "mvn", problem: "not found on the PATH".to_owned(), install: INSTALL })
}

/// `17` from `openjdk version "17.0.15" …`, `8` from `"1.8.0_402"`.
fn major(text: &str) -> Option<u32> {
    let quoted = text.split('"').nth(1)?;
    let mut parts = quoted.split(['.', '_', '-', '+']).map(str::parse::<u32>);
    match parts.next()?.ok()? {
        1 => parts.next()?.ok(),
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_of_java_are_understood() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(major("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(major("java version \"1.8.0_402\""), Some(8));
        assert_eq!(major("openjdk version \"22-ea\" 2024"), Some(22));
        assert_eq!(major("no java here"), None);
    }
}
