//! The words the whole lab uses: sides, versions, steps.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A side of the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Where the estate comes from.
    Source,
    /// Where it goes.
    Destination,
}

impl Side {
    /// Both, source first.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Destination];

    /// `src` or `dst`, as it appears in client ids.
    pub fn short(self) -> &'static str {
        match self {
            Side::Source => "src",
            Side::Destination => "dst",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Source => "source",
            Side::Destination => "destination",
        })
    }
}

/// A Kafka the lab can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Kafka 3.9.1, the older side: KIP-848 groups only by the Java client.
    V3_9_1,
    /// Kafka 4.1.0, the newer side.
    V4_1_0,
}

impl Version {
    /// Every version the lab provisions.
    pub const ALL: [Version; 2] = [Version::V3_9_1, Version::V4_1_0];

    /// Its number.
    pub fn number(self) -> &'static str {
        match self {
            Version::V3_9_1 => "3.9.1",
            Version::V4_1_0 => "4.1.0",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

/// A step of the Kafka track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// External producers go to the destination.
    SwitchProducers,
    /// The services leave the source.
    StopConsumers,
    /// The services start on the destination.
    StartConsumers,
    /// The old topics go.
    RetireSource,
}

impl Step {
    /// All four in order.
    pub const ALL: [Step; 4] = [Step::SwitchProducers, Step::StopConsumers, Step::StartConsumers, Step::RetireSource];

    /// The name the playbook gives it.
    pub fn name(self) -> &'static str {
        match self {
            Step::SwitchProducers => "switch-producers",
            Step::StopConsumers => "stop-consumers",
            Step::StartConsumers => "start-consumers",
            Step::RetireSource => "retire-source",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Step::ALL.into_iter().find(|step| step.name() == text).ok_or_else(|| {
            format!("no step `{text}`; the lab knows switch-producers, stop-consumers, start-consumers, retire-source")
        })
    }
}

/// A step of the MongoDB track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MongoStep {
    /// The mirrors begin to replicate.
    StartMirror,
    /// The reading services go to the destination.
    SwitchReaders,
    /// The writing services leave the source.
    StopWriters,
    /// The mirrors end.
    StopMirror,
    /// The writing services start on the destination.
    StartWriters,
}

impl MongoStep {
    /// All five in order.
    pub const ALL: [MongoStep; 5] = [
        MongoStep::StartMirror,
        MongoStep::SwitchReaders,
        MongoStep::StopWriters,
        MongoStep::StopMirror,
        MongoStep::StartWriters,
    ];

    /// The name the playbook gives it.
    pub fn name(self) -> &'static str {
        match self {
            MongoStep::StartMirror => "start-mirror",
            MongoStep::SwitchReaders => "switch-readers",
            MongoStep::StopWriters => "stop-writers",
            MongoStep::StopMirror => "stop-mirror",
            MongoStep::StartWriters => "start-writers",
        }
    }
}

impl fmt::Display for MongoStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MongoStep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        MongoStep::ALL.into_iter().find(|step| step.name() == text).ok_or_else(|| {
            format!(
                "no step `{text}`; the lab knows start-mirror, switch-readers, stop-writers, stop-mirror, start-writers"
            )
        })
    }
}

/// One partition on one side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Which cluster.
    pub side: Side,
    /// The topic, as named there.
    pub topic: String,
    /// The partition.
    pub partition: i32,
}

impl Part {
    /// `topic/partition` on `side`.
    pub fn new(side: Side, topic: impl Into<String>, partition: i32) -> Self {
        Self { side, topic: topic.into(), partition }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} ({})", self.topic, self.partition, self.side)
    }
}
