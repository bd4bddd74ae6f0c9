//! A cluster: its brokers, who leads and coordinates what, and questions to all of them.
//!
//! Connections are opened when they are needed and kept. A call has one deadline for everything it does: connecting,
//! finding out whom to ask, asking, and asking once more where leadership has moved. Back-off between calls is left to
//! the caller, and so is any judgement of what comes back.

mod brokers;
mod groups;
mod lookup;
mod offsets;
mod partitions;
mod route;
mod slot;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

pub use brokers::{LogDir, Transaction};
pub use groups::{GroupDescription, GroupKind};
pub use offsets::{Committed, PartitionOffset, ShareOffset};
pub use partitions::{Isolation, OffsetAt, OffsetSpec};

use crate::config::ClientConfig;
use crate::conn::{Call, Opener, lock};
use crate::decode::{
    ClusterDescription, ConfigEntry, Metadata, TopicMetadata, decode_describe_cluster, decode_metadata,
};
use crate::error::{At, KafkaError};
use crate::request::Request;
use crate::timed::{Clock, Timed, Watch};
use slot::Slot;

/// A broker's id.
pub type BrokerId = i32;
/// An answer or an error for each group or topic asked for.
pub type Named<T> = BTreeMap<Arc<str>, Result<T, KafkaError>>;
/// An answer or an error for each partition asked for.
pub type Partitions<T> = BTreeMap<(Arc<str>, i32), Result<T, KafkaError>>;
/// An answer or an error from each broker.
pub type PerBroker<T> = BTreeMap<BrokerId, Result<T, KafkaError>>;
/// Settings by name.
pub type ConfigValues = BTreeMap<Arc<str>, ConfigEntry>;

/// How long things may take, and how large an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Opening one connection, TLS and SASL included.
    pub connect: Duration,
    /// One high-level call with everything it needs.
    pub call: Duration,
    /// The largest answer accepted, in bytes.
    pub max_frame: usize,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(4), call: Duration::from_secs(10), max_frame: 64 * 1024 * 1024 }
    }
}

/// A connection pool to one cluster, cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    opener: Arc<Opener>,
    timeouts: Timeouts,
    clock: Clock,
    bootstrap: Arc<Vec<Arc<Slot>>>,
    state: Arc<Mutex<State>>,
}

/// What was learned about the cluster, to know whom to ask.
#[derive(Default)]
struct State {
    cluster_id: Option<Arc<str>>,
    brokers: BTreeMap<BrokerId, Arc<Slot>>,
    leaders: HashMap<(Arc<str>, i32), Leader>,
    coordinators: HashMap<Arc<str>, BrokerId>,
    offsets_topic_seen: bool,
}

#[derive(Debug, Clone, Copy)]
struct Leader {
    broker: BrokerId,
    epoch: i32,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("bootstrap", &self.opener.config.bootstrap).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects to any of the bootstrap servers and learns the brokers.
    ///
    /// # Errors
    /// When none of them answers, or not as a Kafka broker does.
    pub async fn connect(config: ClientConfig, timeouts: Timeouts, clock: Clock) -> Result<Self, KafkaError> {
        let bootstrap = config.bootstrap.iter().map(|server| Arc::new(Slot::new(server.clone(), None))).collect();
        let opener = Opener {
            config: Arc::new(config),
            connect_timeout: timeouts.connect,
            max_frame: timeouts.max_frame,
            platform: crate::tls::PlatformRoots::default(),
        };
        let cluster =
            Self { opener: Arc::new(opener), timeouts, clock, bootstrap: Arc::new(bootstrap), state: Arc::default() };
        cluster.metadata_within(Some(&[]), &cluster.call()).await?;
        Ok(cluster)
    }

    /// The cluster's id, from the first answer on; an answer with another one is an error.
    pub fn cluster_id(&self) -> Option<Arc<str>> {
        lock(&self.state).cluster_id.clone()
    }

    /// Asks for these topics, or for all, and remembers their leaders. Topics that do not exist are answered as such,
    /// and never created.
    ///
    /// # Errors
    /// When no broker answers, or the answer is not of this cluster.
    pub async fn metadata(&self, topics: Option<&[Arc<str>]>) -> Result<Timed<Metadata>, KafkaError> {
        let call = self.call();
        let metadata = self.metadata_within(topics, &call).await?;
        Ok(call.watch.stamp(metadata))
    }

    /// The cluster as a whole, and what we may do with it.
    ///
    /// # Errors
    /// When no broker answers, or with an error.
    pub async fn describe_cluster(&self) -> Result<Timed<ClusterDescription>, KafkaError> {
        let call = self.call();
        let slot = self.any(&call).await?;
        let description = self.ask(&slot, &Request::DescribeCluster, decode_describe_cluster, &call).await?;
        let at = slot.at("DescribeCluster");
        KafkaError::from_code(at, description.error_code, description.error_message.as_ref())?;
        self.learn_brokers(&slot, "DescribeCluster", Some(&description.cluster_id), &description.brokers)?;
        Ok(call.watch.stamp(description))
    }

    fn call(&self) -> Call {
        let after = self.timeouts.call;
        Call { deadline: Instant::now() + after, after, watch: Watch::start(&self.clock) }
    }

    async fn metadata_within(&self, topics: Option<&[Arc<str>]>, call: &Call) -> Result<Metadata, KafkaError> {
        let request = Request::Metadata(topics.map(<[_]>::to_vec));
        // Every broker can answer this: one that is silent gets half the time, another the rest.
        let half = (call.deadline - Instant::now()) / 2;
        let first = Call { deadline: call.deadline - half, after: half, watch: Arc::clone(&call.watch) };
        let (slot, metadata) = match self.metadata_of_any(&request, &first).await {
            Err(KafkaError::Timeout { .. } | KafkaError::Closed { .. }) => self.metadata_of_any(&request, call).await?,
            other => other?,
        };
        self.learn_brokers(&slot, "Metadata", metadata.cluster_id.as_ref(), &metadata.brokers)?;
        let told: HashSet<&str> = metadata.topics.iter().filter_map(|topic| topic.name.as_deref()).collect();
        if !topics.unwrap_or_default().iter().all(|topic| told.contains(&**topic)) {
            let reason = Arc::from("the answer leaves topics out that were asked for");
            return Err(KafkaError::Contradiction { at: slot.at("Metadata"), reason });
        }
        self.learn_leaders(&metadata.topics);
        Ok(metadata)
    }

    async fn metadata_of_any(&self, request: &Request, call: &Call) -> Result<(Arc<Slot>, Metadata), KafkaError> {
        let slot = self.any(call).await?;
        let metadata = self.ask(&slot, request, decode_metadata, call).await?;
        Ok((slot, metadata))
    }

    fn learn_leaders(&self, topics: &[TopicMetadata]) {
        let mut state = lock(&self.state);
        for topic in topics {
            let Some(name) = &topic.name else { continue };
            for partition in &topic.partitions {
                let key = (Arc::clone(name), partition.partition);
                if partition.leader < 0 {
                    state.leaders.remove(&key);
                } else {
                    state.leaders.insert(key, Leader { broker: partition.leader, epoch: partition.leader_epoch });
                }
            }
        }
    }

    /// Takes over the live brokers, unless they are another cluster's.
    fn learn_brokers(
        &self,
        slot: &Slot,
        what: &'static str,
        cluster_id: Option<&Arc<str>>,
        brokers: &[crate::BrokerInfo],
    ) -> Result<(), KafkaError> {
        let contradiction = |reason: String| KafkaError::Contradiction { at: slot.at(what), reason: Arc::from(reason) };
        if brokers.is_empty() {
            return Err(contradiction("the answer names no broker".into()));
        }
        let mut state = lock(&self.state);
        match (&state.cluster_id, cluster_id) {
            (Some(known), Some(told)) if known != told => {
                return Err(contradiction(format!("this is cluster {told}, not {known} as before")));
            }
            (None, Some(told)) => state.cluster_id = Some(Arc::clone(told)),
            _ => {}
        }
        let mut slots = BTreeMap::new();
        for broker in brokers {
            let target = crate::config::HostPort { host: Arc::clone(&broker.host), port: broker.port };
            let known = state.brokers.get(&broker.id).filter(|slot| slot.target == target).map(Arc::clone);
            slots.insert(broker.id, known.unwrap_or_else(|| Arc::new(Slot::new(target, Some(broker.id)))));
        }
        state.brokers = slots;
        Ok(())
    }
}

/// What an answer should have said and did not.
fn left_out(at: At) -> KafkaError {
    KafkaError::Contradiction { at, reason: Arc::from("the answer leaves it out") }
}
