//! Fetching through Maven: a generated `pom.xml`, `dependency:copy-dependencies`, offline first.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::tools;
use crate::error::{Doing, Error, Result};
use crate::process;
use crate::progress::say;
use crate::words::Version;

const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

/// Copies the jars of `version` into `dir/libs`.
pub(super) fn fetch(version: Version, dir: &Path) -> Result<()> {
    let maven = tools::maven()?;
    fs::write(dir.join("pom.xml"), pom(version)).doing(|| "write the pom.xml".to_owned())?;
    let attempt = |offline: bool| {
        let libs = dir.join("libs");
        let mut args = vec!["-B".to_owned(), "-ntp".to_owned()];
        if offline {
            args.push("-o".to_owned());
        }
        args.extend([
            PLUGIN.to_owned(),
            "-DincludeScope=runtime".to_owned(),
            format!("-DoutputDirectory={}", libs.display()),
        ]);
        let log = dir.join(if offline { "offline.log" } else { "online.log" });
        process::run("mvn", &maven.to_string_lossy(), &args, dir, &log, Duration::from_secs(900))
    };
    // What Maven's own repository already holds needs no network.
    if attempt(true).is_ok() {
        say(format!("Kafka {version}: taken from Maven's own repository, offline"));
        return Ok(());
    }
    let _ = fs::remove_dir_all(dir.join("libs"));
    say(format!("Kafka {version}: fetching about 55 MB through Maven"));
    attempt(false).map(drop).map_err(|error| Error::Fetch {
        version: version.number(),
        tried: format!("mvn {PLUGIN}"),
        output: match error {
            Error::Server { problem, log, .. } => format!("{problem}\n{log}"),
            other => other.to_string(),
        },
    })
}

fn pom(version: Version) -> String {
    let kafka = version.number();
    let mut wanted = vec![("org.apache.kafka", "kafka_2.13", kafka), ("org.apache.kafka", "kafka-tools", kafka)];
    // 3.9.1 brings its own logging.
    if version == Version::V4_1_0 {
        wanted.push(("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"));
    }
    let dependencies: String = wanted
        .iter()
        .map(|(group, artifact, version)| {
            format!(
                "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>\n"
            )
        })
        .collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>cutover</groupId><artifactId>lab</artifactId><version>1</version><packaging>pom</packaging>\n  \
         <dependencies>\n{dependencies}  </dependencies>\n</project>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newer_kafka_needs_its_logging() {
        assert!(!pom(Version::V3_9_1).contains("log4j"));
        let newer = pom(Version::V4_1_0);
        assert!(newer.contains("<artifactId>kafka-tools</artifactId><version>4.1.0</version>"), "{newer}");
        assert!(newer.contains("<artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>"), "{newer}");
    }
}
