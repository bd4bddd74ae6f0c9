//! What a sampler learned of a Kafka cluster in one go.
//!
//! Every part that can fail on its own carries its own failure: what was not measured stays visible as such.

use super::Failure;
use crate::Name;
use crate::time::Span;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A topic and one of its partitions.
pub type TopicPartition = (Name, i32);

/// The regular reading: cluster, topics in scope, groups, commits, log ends, producers.
///
/// Read in this order, each when the one before has come back: listing of topics and groups, members, committed
/// offsets, log ends (low, high watermark, last stable offset), producers. Lag is thereby only ever overstated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KafkaSample {
    /// The cluster's own id.
    pub cluster_id: Name,
    /// Every advertised broker, and whether it answered at its advertised address.
    pub brokers: BTreeMap<i32, BrokerSample>,
    /// Whether the agent may describe the cluster; without it the list of groups is silently shortened.
    pub may_describe: Result<bool, Failure>,
    /// Topics in scope.
    pub topics: BTreeMap<Name, TopicSample>,
    /// How many topics lie outside the scope.
    pub topics_outside: u64,
    /// Brokers that did not list their groups.
    pub unlisted: BTreeMap<i32, Failure>,
    /// Groups that subscribe to, are assigned or have committed on a topic in scope, and every group of which that
    /// could not be found out.
    pub groups: BTreeMap<Name, GroupSample>,
    /// How many groups lie outside the scope.
    pub groups_outside: u64,
    /// When the groups, their members and the topics were listed.
    pub listed: Option<Span>,
    /// When the committed offsets were read.
    pub committed: Option<Span>,
    /// When the log ends were read.
    pub ended: Option<Span>,
}

impl KafkaSample {
    /// The list of groups hides nothing: the agent may see all of them, and every broker listed its own.
    pub fn lists_every_group(&self) -> bool {
        self.may_describe == Ok(true) && self.unlisted.is_empty() && !self.brokers.is_empty()
    }
}

/// One advertised broker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BrokerSample {
    /// Its advertised `host:port`.
    pub address: Name,
    /// Whether it answered there.
    pub reached: Result<(), Failure>,
}

/// A topic in scope.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TopicSample {
    /// Its id; nil where the cluster is too old to give one.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: BTreeMap<i32, PartitionSample>,
    /// Why its partitions are not known, if they are not.
    pub failed: Option<Failure>,
}

/// A partition of a topic in scope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartitionSample {
    /// How many replicas it has.
    pub replicas: u32,
    /// How many of them are in sync; 0 while one of those is offline, and not known where the broker does not say.
    #[serde(default)]
    pub in_sync: Option<u32>,
    /// Its log ends.
    pub ends: Result<Ends, Failure>,
    /// Its active producers, where the cluster can tell.
    pub producers: Result<Vec<ProducerState>, Failure>,
}

impl PartitionSample {
    /// A transaction is open, as far as is known: above the last stable offset, or by its producer's state while the
    /// high watermark stands still over what it wrote.
    pub fn has_open_transaction(&self) -> bool {
        self.ends.as_ref().is_ok_and(Ends::has_open_transaction)
            || self.producers.as_ref().is_ok_and(|ps| ps.iter().any(|p| p.in_transaction))
    }
}

/// The ends of a partition's log.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ends {
    /// The low watermark: the first offset still there.
    pub low: i64,
    /// The high watermark: the offset the next replicated record gets.
    pub high: i64,
    /// The last stable offset: below it no transaction is open.
    pub stable: i64,
    /// The leader epoch the high watermark was read in; -1 where the broker does not say.
    pub epoch: i32,
}

impl Ends {
    /// Nothing to read.
    pub fn is_empty(&self) -> bool {
        self.low == self.high
    }

    /// Some transaction is open.
    pub fn has_open_transaction(&self) -> bool {
        self.high > self.stable
    }
}

/// What DescribeProducers says of an idempotent or transactional producer. Its timestamps are the client's own and
/// prove nothing, so they are not kept.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ProducerState {
    /// Producer id.
    pub id: i64,
    /// Producer epoch.
    pub epoch: i32,
    /// Sequence number of its last batch.
    pub last_sequence: i32,
    /// It has an open transaction on this partition.
    pub in_transaction: bool,
}

/// The kind of a group, as the broker types it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum GroupKind {
    /// The classic protocol; `consumer`, or another protocol type (`connect`, a registry, none for a simple consumer).
    Classic {
        /// The protocol type, empty for a group that only commits.
        protocol_type: Name,
    },
    /// KIP-848.
    Consumer,
    /// KIP-932.
    Share,
    /// KIP-1071.
    Streams,
    /// A type this version does not know.
    Other(Name),
}

impl GroupKind {
    /// The name people know it by.
    pub fn as_str(&self) -> &str {
        match self {
            GroupKind::Classic { protocol_type } if protocol_type.is_empty() => "classic (commits only)",
            GroupKind::Classic { protocol_type } => protocol_type,
            GroupKind::Consumer => "KIP-848",
            GroupKind::Share => "share",
            GroupKind::Streams => "streams",
            GroupKind::Other(n) => n,
        }
    }
}

/// A group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupSample {
    /// Its kind.
    pub kind: GroupKind,
    /// Its state in the broker's words: `Empty`, `Stable`, `Assigning`, `Dead`, …
    pub state: Name,
    /// Its members, or why they are not known.
    pub members: Result<Vec<Member>, Failure>,
    /// Its committed offsets (for share groups the start offsets) on topics in scope, or why they are not known.
    /// A partition without a commit is absent.
    pub commits: Result<BTreeMap<TopicPartition, Result<i64, Failure>>, Failure>,
}

/// A member of a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The client id it gave.
    pub client_id: Name,
    /// The host the broker sees it at.
    pub host: Name,
    /// Topics in scope that it subscribes to or is assigned; a failure if its subscription cannot be read, in which
    /// case it counts as attached wherever its group ever was.
    pub topics: Result<BTreeSet<Name>, Failure>,
    /// Partitions in scope assigned to it.
    pub assigned: BTreeSet<TopicPartition>,
}

/// The slow reading: topic configurations, sizes, the broker's settings that matter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KafkaConfigs {
    /// The cluster's own id.
    pub cluster_id: Name,
    /// Configuration of each topic in scope, or why it is not known.
    pub topics: BTreeMap<Name, Result<TopicConfig, Failure>>,
    /// `offsets.retention.minutes` of the brokers, in milliseconds: when seeded offsets expire.
    pub offsets_retention_ms: Option<i64>,
    /// Size on disk of each partition's largest replica, in bytes, where the cluster tells.
    pub sizes: BTreeMap<TopicPartition, i64>,
    /// Topics in scope of which some broker said that it holds a log (DescribeLogDirs): whoever may describe the cluster is
    /// told of all of them, also those that the list of topics hides.
    #[serde(default)]
    pub logs: BTreeSet<Name>,
    /// Every broker told of every directory.
    #[serde(default)]
    pub logs_told: bool,
    /// The largest record timestamp of each partition (ms since 1970), `None` for one without records.
    pub newest: BTreeMap<TopicPartition, Result<Option<i64>, Failure>>,
}

/// The settings of a topic that a move depends on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TopicConfig {
    /// `cleanup.policy`, its words sorted and comma-separated.
    pub cleanup_policy: Name,
    /// `retention.ms`, -1 for ever.
    pub retention_ms: i64,
    /// `retention.bytes` of a partition, -1 without limit.
    pub retention_bytes: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i64,
    /// `max.message.bytes`.
    pub max_message_bytes: i64,
}

/// What reading the tails of partitions with `read_committed` showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KafkaTails {
    /// The cluster's own id.
    pub cluster_id: Name,
    /// One per tail demanded.
    pub tails: Vec<Tail>,
}

/// One tail that was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tail {
    /// The topic.
    pub topic: Name,
    /// Its id before and after the read: the same.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
    /// The offset the read began at (a committed offset).
    pub from: i64,
    /// The end that was reached: high watermark = last stable offset, unchanged over the read.
    pub to: i64,
    /// How many records an application would be given; 0 proves a phantom.
    pub records: Result<u64, Failure>,
}
