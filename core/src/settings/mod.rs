//! The settings the gate decides by: typed, validated by whoever built them, the same for a whole run.

mod kafka;
mod mongodb;
mod probes;

pub use kafka::{Class, ClientField, HomeRule, KafkaSettings, Producer};
pub use mongodb::{ClientRule, MirrorKind, MirrorSettings, MongoField, MongodbSettings, Role};
pub use probes::{ProbeKind, ProbeSettings};

use crate::Name;
use crate::time::Dur;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A migration of its own, with its steps in order.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// Kubernetes services.
    Services,
    /// MongoDB.
    Mongodb,
    /// Kafka.
    Kafka,
}

impl Track {
    /// Its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Track::Services => "services",
            Track::Mongodb => "mongodb",
            Track::Kafka => "kafka",
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a client runs; never the same thing as the side it is connected to.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// On the infrastructure being left.
    Source,
    /// On the infrastructure being moved to.
    Destination,
    /// No rule tells.
    Unattributed,
}

impl Home {
    /// `source`, `destination` or `unattributed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Home::Source => "source",
            Home::Destination => "destination",
            Home::Unattributed => "unattributed",
        }
    }
}

/// Everything the gate decides by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The migration's name.
    pub migration: Name,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// Hash over the whole configuration, relaxations included.
    pub config_hash: Name,
    /// Every time is divided by this; 1 unless the migration is a rehearsal.
    pub faster: i64,
    /// The tracks that are configured.
    pub tracks: BTreeSet<Track>,
    /// Steps skipped, and why.
    pub skip: BTreeMap<Name, Name>,
    /// Steps that wait for others besides the predecessor.
    pub after: BTreeMap<Name, Vec<Name>>,
    /// The reasonable time between steps.
    pub pace: Dur,
    /// MongoDB and Kafka share one downtime.
    pub joint: bool,
    /// `for` of a check of a step, where it is not the default.
    pub dwell: BTreeMap<(Name, Name), Dur>,
    /// The requirements block the first step of every track.
    pub requirements_enforced: bool,
    /// The Kafka move.
    pub kafka: Option<KafkaSettings>,
    /// The MongoDB move.
    pub mongodb: Option<MongodbSettings>,
    /// Probes, by name.
    pub probes: BTreeMap<Name, ProbeSettings>,
    /// Everything that relaxes a rule, in words, with the paths of the configuration.
    pub relaxations: Vec<Relaxation>,
}

/// A relaxation: what it touches and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Relaxation {
    /// Path in the configuration.
    pub path: Name,
    /// The reason given.
    pub reason: Name,
    /// Tracks whose answers it touches.
    pub tracks: Vec<Track>,
}

impl Settings {
    /// `d` as this run counts it: a rehearsal divides every time.
    pub fn scaled(&self, d: Dur) -> Dur {
        Dur(d.0 / self.faster.max(1))
    }

    /// The reason why a step is skipped, if it is.
    pub fn skipped(&self, step: &str) -> Option<&Name> {
        self.skip.get(step)
    }
}
