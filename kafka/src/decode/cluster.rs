//! Metadata and DescribeCluster: brokers, topics, partitions and what we may do.

use std::sync::Arc;

use uuid::Uuid;

use super::Operations;
use super::reader::{Reader, Result, known_version};
use crate::api::Api;

/// A broker as the cluster advertises it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerInfo {
    /// Its id.
    pub id: i32,
    /// The advertised host.
    pub host: Arc<str>,
    /// The advertised port.
    pub port: u16,
    /// Its rack.
    pub rack: Option<Arc<str>>,
}

/// One partition in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Its error code; 0 if it has a leader.
    pub error_code: i16,
    /// Its number.
    pub partition: i32,
    /// The leader's broker id; -1 for none.
    pub leader: i32,
    /// The leader's epoch; -1 where the broker does not say.
    pub leader_epoch: i32,
    /// The brokers that hold a replica.
    pub replicas: Vec<i32>,
    /// Those that are in sync.
    pub in_sync: Vec<i32>,
    /// Those that are offline.
    pub offline: Vec<i32>,
}

/// One topic in the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its error code; 0 for none.
    pub error_code: i16,
    /// Its name; none only for an unknown topic id.
    pub name: Option<Arc<str>>,
    /// Its id; nil where the broker does not have one (before v10).
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
    /// Its partitions.
    pub partitions: Vec<PartitionMetadata>,
    /// What we may do with it.
    pub operations: Operations,
}

/// The answer to Metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// The live brokers.
    pub brokers: Vec<BrokerInfo>,
    /// The cluster's id.
    pub cluster_id: Option<Arc<str>>,
    /// The controller's broker id.
    pub controller: i32,
    /// The topics asked for.
    pub topics: Vec<TopicMetadata>,
}

/// Decodes Metadata v9-12.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_metadata(version: i16, body: &[u8]) -> Result<Metadata> {
    known_version(version, Api::Metadata.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let brokers = r.array("brokers", 11, broker)?;
    let cluster_id = r.nullable_name("cluster_id")?;
    let controller = r.i32("controller_id")?;
    let topics = r.array("topics", 10, |r| topic(r, version))?;
    if version <= 10 {
        r.i32("cluster_authorized_operations")?;
    }
    r.tags()?;
    r.end(Metadata { throttle_ms, brokers, cluster_id, controller, topics })
}

fn broker(r: &mut Reader<'_>) -> Result<BrokerInfo> {
    let broker = BrokerInfo {
        id: r.i32("broker_id")?,
        host: r.name("host")?,
        port: r.port("port")?,
        rack: r.nullable_name("rack")?,
    };
    r.tags()?;
    Ok(broker)
}

fn topic(r: &mut Reader<'_>, version: i16) -> Result<TopicMetadata> {
    let error_code = r.i16("topic_error_code")?;
    let name = if version >= 12 { r.nullable_name("topic_name")? } else { Some(r.name("topic_name")?) };
    let id = if version >= 10 { r.uuid("topic_id")? } else { Uuid::nil() };
    let internal = r.bool("is_internal")?;
    let partitions = r.array("partitions", 18, partition)?;
    let operations = Operations(r.i32("topic_authorized_operations")?);
    r.tags()?;
    Ok(TopicMetadata { error_code, name, id, internal, partitions, operations })
}

fn partition(r: &mut Reader<'_>) -> Result<PartitionMetadata> {
    let partition = PartitionMetadata {
        error_code: r.i16("partition_error_code")?,
        partition: r.i32("partition_index")?,
        leader: r.i32("leader_id")?,
        leader_epoch: r.i32("leader_epoch")?,
        replicas: r.array("replica_nodes", 4, |r| r.i32("replica"))?,
        in_sync: r.array("isr_nodes", 4, |r| r.i32("replica"))?,
        offline: r.array("offline_replicas", 4, |r| r.i32("replica"))?,
    };
    r.tags()?;
    Ok(partition)
}

/// The answer to DescribeCluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// The error code.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// The cluster's id.
    pub cluster_id: Arc<str>,
    /// The controller's broker id.
    pub controller: i32,
    /// The live brokers.
    pub brokers: Vec<BrokerInfo>,
    /// What we may do with the cluster.
    pub operations: Operations,
}

/// Decodes DescribeCluster v0-1.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_cluster(version: i16, body: &[u8]) -> Result<ClusterDescription> {
    known_version(version, Api::DescribeCluster.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let error_code = r.i16("error_code")?;
    let error_message = r.nullable_name("error_message")?;
    if version >= 1 {
        r.i8("endpoint_type")?;
    }
    let cluster_id = r.name("cluster_id")?;
    let controller = r.i32("controller_id")?;
    let brokers = r.array("brokers", 11, broker)?;
    let operations = Operations(r.i32("cluster_authorized_operations")?);
    r.tags()?;
    r.end(ClusterDescription { throttle_ms, error_code, error_message, cluster_id, controller, brokers, operations })
}
