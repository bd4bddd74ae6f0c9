//! The servers: two Kafka clusters with topics, logs, groups and what can go wrong with them.

pub mod apps;
pub mod log;
pub mod mongodb;
pub mod site;
pub mod writers;

use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::kafka::{GroupKind, TopicConfig, TopicPartition};
use log::Log;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its id: another one once it was recreated.
    pub id: Uuid,
    /// Its partitions.
    pub logs: Vec<Log>,
    /// Its settings.
    pub config: TopicConfig,
}

/// A member as the coordinator knows it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// Client id.
    pub client: Name,
    /// What it subscribes to.
    pub topics: BTreeSet<Name>,
    /// When the coordinator gives it up, if it was killed.
    pub expires: Option<i64>,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its kind.
    pub kind: GroupKind,
    /// The broker that coordinates it.
    pub coordinator: i32,
    /// Its members, by the number of the application.
    pub members: BTreeMap<u32, Joined>,
    /// What it has committed.
    pub commits: BTreeMap<TopicPartition, i64>,
}

/// What is wrong with a cluster at the moment.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Nothing answers.
    pub down: bool,
    /// Another cluster answers at its address.
    pub imposter: bool,
    /// Groups are hidden because the agent lost its right to describe the cluster.
    pub hidden: bool,
    /// Topics that the agent may not describe: no list has them, and nobody tells what is committed on them.
    pub concealed: BTreeSet<Name>,
    /// A broker does not tell what it holds on disk.
    pub untold: bool,
    /// Brokers that do not answer what only they can: their groups are neither listed nor described.
    pub brokers: BTreeSet<i32>,
    /// Partitions whose leader does not answer.
    pub partitions: BTreeSet<TopicPartition>,
    /// Groups whose coordinator answers errors.
    pub groups: BTreeSet<Name>,
    /// Groups that rebalance: what their members subscribe to is withheld.
    pub rebalancing: BTreeSet<Name>,
    /// Answers take this much longer, in milliseconds.
    pub slow: i64,
}

impl Faults {
    /// Something is wrong.
    pub fn any(&self) -> bool {
        self.down
            || self.imposter
            || self.hidden
            || self.untold
            || !self.concealed.is_empty()
            || self.slow > 0
            || !(self.brokers.is_empty() && self.partitions.is_empty() && self.groups.is_empty())
            || !self.rebalancing.is_empty()
    }
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its id.
    pub id: Name,
    /// How many replicas a partition has.
    pub replicas: u32,
    /// Topics by name.
    pub topics: BTreeMap<Name, Topic>,
    /// Groups by id.
    pub groups: BTreeMap<Name, Group>,
    /// What is wrong.
    pub faults: Faults,
}

/// The brokers of every simulated cluster.
pub const BROKERS: [i32; 2] = [1, 2];

/// Both clusters and everything that talks to them.
#[derive(Clone, Debug)]
pub struct Model {
    /// The clusters.
    pub sides: BTreeMap<Side, Cluster>,
    /// Consumers.
    pub readers: Vec<apps::Reader>,
    /// External producers.
    pub producers: Vec<apps::Producer>,
    /// Where each destination partition began when the first producer was switched.
    pub starts: BTreeMap<TopicPartition, (Uuid, i64)>,
    /// What ends the transactions that are open.
    pub endings: Vec<writers::Ending>,
    /// What a person has agreed to: what, and of which group or topic.
    pub relaxed: Vec<(String, Name)>,
    /// Counts every change, so that the truth is looked at only when something changed.
    pub version: u64,
    ids: u128,
}

/// The settings of a topic by default.
pub fn config(retention_ms: i64) -> TopicConfig {
    TopicConfig {
        cleanup_policy: "delete".into(),
        retention_ms,
        retention_bytes: -1,
        min_insync_replicas: 1,
        max_message_bytes: 1_048_588,
    }
}

impl Model {
    /// Two empty clusters.
    pub fn new(replicas: u32) -> Model {
        let cluster = |id: &str| Cluster {
            id: id.into(),
            replicas,
            topics: BTreeMap::new(),
            groups: BTreeMap::new(),
            faults: Faults::default(),
        };
        Model {
            sides: BTreeMap::from([(Side::Source, cluster("old")), (Side::Destination, cluster("new"))]),
            readers: Vec::new(),
            producers: Vec::new(),
            starts: BTreeMap::new(),
            endings: Vec::new(),
            relaxed: Vec::new(),
            version: 0,
            ids: 0,
        }
    }

    /// Whether a person has agreed to something about a group or a topic.
    pub fn agreed(&self, what: &str, name: &Name) -> bool {
        self.relaxed.iter().any(|(w, n)| w == what && n == name)
    }

    /// A side's cluster.
    ///
    /// # Panics
    /// Never: both sides exist from the start.
    pub fn side(&self, side: Side) -> &Cluster {
        &self.sides[&side]
    }

    /// A side's cluster, to be changed.
    ///
    /// # Panics
    /// Never: both sides exist from the start.
    pub fn side_mut(&mut self, side: Side) -> &mut Cluster {
        self.version += 1;
        self.sides.get_mut(&side).expect("both sides exist")
    }

    /// Creates a topic; one of that name that is there is replaced by another of another id.
    pub fn create(&mut self, side: Side, name: &str, partitions: usize, retention_ms: i64) {
        self.ids += 1;
        let id = Uuid::from_u128(self.ids);
        let logs = vec![Log::default(); partitions];
        let topic = Topic { id, logs, config: config(retention_ms) };
        self.side_mut(side).topics.insert(name.into(), topic);
    }

    /// A partition's log.
    pub fn log(&self, side: Side, topic: &str, p: i32) -> Option<&Log> {
        self.side(side).topics.get(topic)?.logs.get(usize::try_from(p).ok()?)
    }

    /// A partition's log, to be changed.
    pub fn log_mut(&mut self, side: Side, topic: &str, p: i32) -> Option<&mut Log> {
        self.side_mut(side).topics.get_mut(topic)?.logs.get_mut(usize::try_from(p).ok()?)
    }

    /// The partitions of a topic.
    pub fn partitions(&self, side: Side, topic: &str) -> i32 {
        self.side(side).topics.get(topic).map_or(0, |t| i32::try_from(t.logs.len()).unwrap_or(0))
    }

    /// Freezes where the destination begins, once: where it was last empty. What is there already counts as new.
    pub fn note_starts(&mut self) {
        if !self.starts.is_empty() {
            return;
        }
        let all = self.side(Side::Destination).topics.iter().flat_map(|(name, t)| {
            (0i32..).zip(&t.logs).map(|(p, l)| ((name.clone(), p), (t.id, l.low))).collect::<Vec<_>>()
        });
        self.starts = all.collect();
    }

    /// Gives up members that were killed long enough ago.
    pub fn expire_members(&mut self, now: i64) {
        let mut gone = false;
        for c in self.sides.values_mut() {
            for g in c.groups.values_mut() {
                let before = g.members.len();
                g.members.retain(|_, m| m.expires.is_none_or(|at| at > now));
                gone |= g.members.len() != before;
            }
        }
        if gone {
            self.version += 1;
        }
    }
}
