//! What was measured, what is remembered of it and for how long.
//!
//! The estate has one writer and is pure: samples go in by [`Estate::apply`], nothing else changes it. It holds no
//! opinion: whether a reading is fresh enough, or good, is the business of [`crate::view`] and the playbook.

pub mod kafka;
mod memory;
pub mod mongodb;
mod mongodb_memory;
pub mod probe;
#[cfg(test)]
mod tests;

use crate::Name;
use crate::looked::{PARTS, Part, Revision};
use crate::time::{DRIFT, Mono, Now, Span, Wall};
use kafka::{KafkaConfigs, KafkaSample, KafkaTails};
pub use memory::{CLIENTS, CommitMemory, EndsMemory, KafkaClient, KafkaMemory, LagPoint};
use mongodb::{MirrorSample, MongoCatalog, MongoCounts, MongoSample};
pub use mongodb_memory::{Listed, Listing, MirrorMemory, MongoMemory};
pub use probe::ProbeMemory;
use probe::ProbeSample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A side of the move.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The infrastructure being left.
    Source,
    /// The infrastructure being moved to.
    Destination,
}

impl Side {
    /// Both sides, source first.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Destination];

    /// `source` or `destination`.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Destination => "destination",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a sampler looks at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    /// The Kafka cluster of a side.
    Kafka(Side),
    /// The MongoDB deployment of a side.
    Mongodb(Side),
    /// A mirror, by its configured name.
    Mirror(Name),
    /// A probe, by its configured name.
    Probe(Name),
}

impl Target {
    /// The part of the estate that its samples change.
    pub(crate) fn part(&self) -> Part {
        match self {
            Target::Kafka(side) => Part::Kafka(*side),
            Target::Mongodb(side) => Part::Mongodb(*side),
            Target::Mirror(_) => Part::Mirrors,
            Target::Probe(_) => Part::Probes,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Kafka(s) => write!(f, "kafka/{s}"),
            Target::Mongodb(s) => write!(f, "mongodb/{s}"),
            Target::Mirror(n) => write!(f, "mirror/{n}"),
            Target::Probe(n) => write!(f, "probe/{n}"),
        }
    }
}

/// Why a reading could not be taken, by what a person has to mend.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No answer within the time allowed.
    Timeout,
    /// The address refuses, does not resolve or cannot be routed.
    Unreachable,
    /// TLS failed: certificate, name or version.
    Tls,
    /// The credentials were not accepted.
    Auth,
    /// Logged in, but not allowed to read this.
    Privilege,
    /// The answer could not be understood, or the server is too old.
    Protocol,
    /// The server answered with an error of its own.
    Server,
}

impl FailureKind {
    /// The stable name, as in metrics and codes.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Timeout => "timeout",
            FailureKind::Unreachable => "unreachable",
            FailureKind::Tls => "tls",
            FailureKind::Auth => "auth",
            FailureKind::Privilege => "privilege",
            FailureKind::Protocol => "protocol",
            FailureKind::Server => "server",
        }
    }
}

/// A reading that failed: what kind of failure, and what was tried and came back. Never holds a secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// What a person has to mend.
    pub kind: FailureKind,
    /// What was tried, on what, and what came back.
    pub message: Name,
}

impl Failure {
    /// A failure of `kind`, said in a sentence.
    pub fn new(kind: FailureKind, message: impl Into<Name>) -> Failure {
        Failure { kind, message: message.into() }
    }
}

/// What one sampler learned of one target in one go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// The target sampled.
    pub target: Target,
    /// When its first request was sent and its last answer came.
    pub span: Span,
    /// The content, or why there is none.
    pub outcome: Result<Content, Failure>,
}

/// The content of a sample.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Content {
    /// The regular reading of a Kafka cluster.
    Kafka(Box<KafkaSample>),
    /// The slow reading of a Kafka cluster: configurations and sizes.
    KafkaConfigs(Box<KafkaConfigs>),
    /// Why the slow reading of a Kafka cluster came to nothing.
    KafkaUnread(Failure),
    /// The tails a check demanded.
    KafkaTails(KafkaTails),
    /// The regular reading of a MongoDB deployment.
    Mongodb(Box<MongoSample>),
    /// The slow reading of a MongoDB deployment: what is in it.
    MongoCatalog(Box<MongoCatalog>),
    /// Why the slow reading of a MongoDB deployment came to nothing.
    MongoUnlisted(Failure),
    /// The exact counts a check demanded.
    MongoCounts(MongoCounts),
    /// The regular reading of a mirror.
    Mirror(MirrorSample),
    /// What a probe came back with.
    Probe(ProbeSample),
}

impl Content {
    /// Taken at every interval, so that it says how its target is doing.
    fn is_regular(&self) -> bool {
        matches!(self, Content::Kafka(_) | Content::Mongodb(_) | Content::Mirror(_) | Content::Probe(_))
    }
}

/// How a target is doing, for metrics and the log.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Regular samples taken, failed ones included.
    pub samples: u64,
    /// Failures by kind.
    pub failures: BTreeMap<&'static str, u64>,
    /// When the last good regular sample was sent, by the wall clock.
    pub last_success: Option<Wall>,
    /// The newest sample failed, and why.
    pub failing: Option<Failure>,
}

/// Everything measured.
#[derive(Clone, Debug, Default)]
pub struct Estate {
    kafka: BTreeMap<Side, KafkaMemory>,
    mongodb: BTreeMap<Side, MongoMemory>,
    mirrors: BTreeMap<Name, MirrorMemory>,
    probes: BTreeMap<Name, ProbeMemory>,
    health: BTreeMap<Target, Health>,
    looked: Option<Now>,
    jumps: u64,
    jumped: Option<Mono>,
    forgotten: u64,
    revisions: [Revision; PARTS],
}

impl Estate {
    /// An estate of which nothing is known.
    pub fn new() -> Estate {
        Estate::default()
    }

    /// The same, with the clocks watched from `now` on: a machine that is suspended before the first sample comes has been
    /// suspended all the same.
    pub fn watching(now: Now) -> Estate {
        let mut estate = Estate::new();
        estate.tick(now);
        estate
    }

    /// Takes in one sample, at `now`.
    pub fn apply(&mut self, sample: Sample, now: Now) {
        self.tick(now);
        self.revisions[sample.target.part().index()] = Revision::next();
        let regular = sample.outcome.as_ref().map_or(true, Content::is_regular);
        let health = self.health.entry(sample.target.clone()).or_default();
        match &sample.outcome {
            Ok(_) if regular => {
                health.samples += 1;
                health.failing = None;
                health.last_success = Some(now.wall_of(sample.span.sent));
            }
            Ok(_) => {}
            Err(e) => {
                health.samples += 1;
                *health.failures.entry(e.kind.as_str()).or_default() += 1;
                health.failing = Some(e.clone());
            }
        }
        let span = sample.span;
        match (sample.target, sample.outcome) {
            (Target::Kafka(side), Ok(content)) => {
                let memory = self.kafka.entry(side).or_default();
                match content {
                    Content::Kafka(k) => self.forgotten += u64::from(memory.apply(span, *k)),
                    Content::KafkaConfigs(c) => memory.configured(span, *c),
                    Content::KafkaUnread(why) => memory.unread = Some((span, why)),
                    Content::KafkaTails(t) => memory.tails = Some((span, t)),
                    _ => {}
                }
            }
            (Target::Mongodb(side), Ok(content)) => {
                let memory = self.mongodb.entry(side).or_default();
                match content {
                    Content::Mongodb(m) => self.forgotten += u64::from(memory.apply(span, *m)),
                    Content::MongoCatalog(c) => memory.list(span, *c),
                    Content::MongoUnlisted(why) => memory.not_listed(span, why),
                    Content::MongoCounts(c) => memory.count(span, c),
                    _ => {}
                }
            }
            (Target::Probe(name), Ok(Content::Probe(p))) => self.probes.entry(name).or_default().apply(span, p),
            (Target::Mirror(name), Ok(Content::Mirror(m))) => self.mirrors.entry(name).or_default().apply(span, m),
            _ => {}
        }
    }

    /// Looks at the two clocks; a suspend or a clock step makes every dwell start again (see [`Estate::jumps`]).
    pub fn tick(&mut self, now: Now) {
        if self.looked.is_some_and(|before| before.drift(now) > DRIFT) {
            self.jumps += 1;
            self.revisions = [(); PARTS].map(|()| Revision::next());
            self.jumped = Some(now.mono);
            self.kafka.values_mut().for_each(KafkaMemory::forget_spans);
            self.mirrors.values_mut().for_each(MirrorMemory::forget_spans);
            self.mongodb.values_mut().for_each(MongoMemory::forget_spans);
            self.probes.values_mut().for_each(ProbeMemory::forget_spans);
        }
        // Slow drift (NTP slewing) is followed; only a jump between two looks counts.
        self.looked = Some(now);
    }

    /// When the clocks were last seen to have jumped apart: what was asked for before may be older than it looks, since
    /// the monotonic clock stands still while a machine sleeps.
    pub fn jumped(&self) -> Option<Mono> {
        self.jumped
    }

    /// The state of each part.
    pub(crate) fn revisions(&self) -> &[Revision; PARTS] {
        &self.revisions
    }

    /// How often the clocks have jumped apart.
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// How often it forgot what it remembered of a cluster or a deployment, since another one answered in its place: what
    /// moved meanwhile is then seen for the first time, and nothing can be said to have stood still since before.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is remembered of a side's Kafka cluster; `None` before its first good sample.
    pub fn kafka(&self, side: Side) -> Option<&KafkaMemory> {
        self.kafka.get(&side).filter(|m| m.last.is_some())
    }

    /// What is remembered of a side's MongoDB deployment; `None` before its first good sample.
    pub fn mongodb(&self, side: Side) -> Option<&MongoMemory> {
        self.mongodb.get(&side).filter(|m| m.last.is_some())
    }

    /// What is remembered of a mirror; `None` before its first good sample.
    pub fn mirror(&self, name: &str) -> Option<&MirrorMemory> {
        self.mirrors.get(name).filter(|m| m.last.is_some())
    }

    /// What is remembered of a probe; `None` before its first good sample.
    pub fn probe(&self, name: &str) -> Option<&ProbeMemory> {
        self.probes.get(name).filter(|p| p.last.is_some())
    }

    /// How each target sampled so far is doing.
    pub fn health(&self) -> &BTreeMap<Target, Health> {
        &self.health
    }
}
