//! Requests as plain data, written down by `kafka-protocol` in the version a broker has.
//!
//! StreamsGroupDescribe, which that crate does not know yet, is written by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeShareGroupOffsetsRequest,
    DescribeTransactionsRequest, FindCoordinatorRequest, GroupId, ListGroupsRequest, ListOffsetsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetFetchRequest, RequestHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest, ShareGroupDescribeRequest, TopicName, TransactionalId,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use crate::Secret;
use crate::api::Api;

/// A topic's partition, with the leader epoch it was last seen in (-1 for not known).
pub(crate) type PartitionAt = (Arc<str>, i32, i32);

/// One request. `allow_auto_topic_creation` and `require_stable` are always false.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    ApiVersions,
    SaslHandshake(&'static str),
    SaslAuthenticate(Secret),
    Metadata(Option<Vec<Arc<str>>>),
    DescribeCluster,
    ListGroups,
    FindCoordinator(Vec<Arc<str>>),
    DescribeGroups(Vec<Arc<str>>),
    ConsumerGroupDescribe(Vec<Arc<str>>),
    ShareGroupDescribe(Vec<Arc<str>>),
    StreamsGroupDescribe(Vec<Arc<str>>),
    DescribeShareGroupOffsets(Vec<Arc<str>>),
    OffsetFetch(Vec<Arc<str>>),
    ListOffsets { partitions: Vec<PartitionAt>, timestamp: i64, committed_only: bool },
    DescribeProducers(Vec<(Arc<str>, i32)>),
    DescribeConfigs { kind: i8, names: Vec<Arc<str>>, keys: Option<Vec<Arc<str>>> },
    DescribeLogDirs,
    ListTransactions,
    DescribeTransactions(Vec<Arc<str>>),
}

impl Request {
    pub(crate) fn api(&self) -> Api {
        match self {
            Self::ApiVersions => Api::ApiVersions,
            Self::SaslHandshake(_) => Api::SaslHandshake,
            Self::SaslAuthenticate(_) => Api::SaslAuthenticate,
            Self::Metadata(_) => Api::Metadata,
            Self::DescribeCluster => Api::DescribeCluster,
            Self::ListGroups => Api::ListGroups,
            Self::FindCoordinator(_) => Api::FindCoordinator,
            Self::DescribeGroups(_) => Api::DescribeGroups,
            Self::ConsumerGroupDescribe(_) => Api::ConsumerGroupDescribe,
            Self::ShareGroupDescribe(_) => Api::ShareGroupDescribe,
            Self::StreamsGroupDescribe(_) => Api::StreamsGroupDescribe,
            Self::DescribeShareGroupOffsets(_) => Api::DescribeShareGroupOffsets,
            Self::OffsetFetch(_) => Api::OffsetFetch,
            Self::ListOffsets { .. } => Api::ListOffsets,
            Self::DescribeProducers(_) => Api::DescribeProducers,
            Self::DescribeConfigs { .. } => Api::DescribeConfigs,
            Self::DescribeLogDirs => Api::DescribeLogDirs,
            Self::ListTransactions => Api::ListTransactions,
            Self::DescribeTransactions(_) => Api::DescribeTransactions,
        }
    }

    /// The versions that can carry this very request.
    pub(crate) fn versions(&self) -> (i16, i16) {
        let (min, max) = self.api().versions();
        match self {
            Self::ListOffsets { timestamp: -3, .. } => (7, max),
            Self::OffsetFetch(groups) if groups.len() != 1 => (8, max),
            Self::FindCoordinator(groups) if groups.len() != 1 => (4, max),
            _ => (min, max),
        }
    }

    /// The whole frame, length first.
    pub(crate) fn frame(&self, version: i16, correlation: i32, client_id: &str) -> Result<Bytes, String> {
        let api = self.api();
        let header = RequestHeader::default()
            .with_request_api_key(api.key())
            .with_request_api_version(version)
            .with_correlation_id(correlation)
            .with_client_id(Some(text(client_id)));
        let mut out = BytesMut::with_capacity(256);
        out.put_i32(0);
        let header_version = if version >= api.flexible_from() { 2 } else { 1 };
        header.encode(&mut out, header_version).map_err(|error| error.to_string())?;
        self.body(version, &mut out).map_err(|error| error.to_string())?;
        let length = i32::try_from(out.len() - 4).map_err(|_| "longer than 2 GiB".to_owned())?;
        out[..4].copy_from_slice(&length.to_be_bytes());
        Ok(out.freeze())
    }

    fn body(&self, version: i16, out: &mut BytesMut) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Self::ApiVersions => {
                let (name, number) = if version >= 3 { ("cutover-agent", env!("CARGO_PKG_VERSION")) } else { ("", "") };
                ApiVersionsRequest::default()
                    .with_client_software_name(text(name))
                    .with_client_software_version(text(number))
                    .encode(out, version)
            }
            Self::SaslHandshake(mechanism) => {
                SaslHandshakeRequest::default().with_mechanism(text(mechanism)).encode(out, version)
            }
            Self::SaslAuthenticate(message) => SaslAuthenticateRequest::default()
                .with_auth_bytes(Bytes::copy_from_slice(message.expose().as_bytes()))
                .encode(out, version),
            Self::Metadata(topics) => MetadataRequest::default()
                .with_topics(topics.as_ref().map(|topics| {
                    topics
                        .iter()
                        .map(|topic| MetadataRequestTopic::default().with_name(Some(topic_name(topic))))
                        .collect()
                }))
                .with_allow_auto_topic_creation(false)
                .with_include_topic_authorized_operations(true)
                .encode(out, version),
            Self::DescribeCluster => {
                DescribeClusterRequest::default().with_include_cluster_authorized_operations(true).encode(out, version)
            }
            Self::ListGroups => ListGroupsRequest::default().encode(out, version),
            Self::FindCoordinator(groups) if version >= 4 => {
                FindCoordinatorRequest::default().with_coordinator_keys(texts(groups)).encode(out, version)
            }
            Self::FindCoordinator(groups) => {
                let group = groups.first().ok_or("no group")?;
                FindCoordinatorRequest::default().with_key(text(group)).encode(out, version)
            }
            Self::DescribeGroups(groups) => DescribeGroupsRequest::default()
                .with_groups(group_ids(groups))
                .with_include_authorized_operations(true)
                .encode(out, version),
            Self::ConsumerGroupDescribe(groups) => ConsumerGroupDescribeRequest::default()
                .with_group_ids(group_ids(groups))
                .with_include_authorized_operations(true)
                .encode(out, version),
            Self::ShareGroupDescribe(groups) => ShareGroupDescribeRequest::default()
                .with_group_ids(group_ids(groups))
                .with_include_authorized_operations(true)
                .encode(out, version),
            Self::StreamsGroupDescribe(groups) => return streams_group_describe(groups, out),
            Self::DescribeShareGroupOffsets(groups) => DescribeShareGroupOffsetsRequest::default()
                .with_groups(
                    group_ids(groups)
                        .into_iter()
                        .map(|group| {
                            DescribeShareGroupOffsetsRequestGroup::default().with_group_id(group).with_topics(None)
                        })
                        .collect(),
                )
                .encode(out, version),
            Self::OffsetFetch(groups) if version >= 8 => OffsetFetchRequest::default()
                .with_topics(Some(Vec::new()))
                .with_groups(
                    group_ids(groups)
                        .into_iter()
                        .map(|group| OffsetFetchRequestGroup::default().with_group_id(group).with_topics(None))
                        .collect(),
                )
                .encode(out, version),
            Self::OffsetFetch(groups) => OffsetFetchRequest::default()
                .with_group_id(group_ids(groups).into_iter().next().ok_or("no group")?)
                .with_topics(None)
                .encode(out, version),
            Self::ListOffsets { partitions, timestamp, committed_only } => ListOffsetsRequest::default()
                .with_replica_id((-1).into())
                .with_isolation_level(i8::from(*committed_only))
                .with_topics(
                    by_topic(partitions.iter().map(|(topic, partition, epoch)| (topic, (*partition, *epoch))))
                        .into_iter()
                        .map(|(topic, list)| {
                            let partition = |(index, epoch)| {
                                let partition = ListOffsetsPartition::default()
                                    .with_partition_index(index)
                                    .with_timestamp(*timestamp);
                                if version >= 4 { partition.with_current_leader_epoch(epoch) } else { partition }
                            };
                            let list = list.into_iter().map(partition).collect();
                            ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(list)
                        })
                        .collect(),
                )
                .encode(out, version),
            Self::DescribeProducers(partitions) => DescribeProducersRequest::default()
                .with_topics(
                    by_topic(partitions.iter().map(|(topic, partition)| (topic, *partition)))
                        .into_iter()
                        .map(|(topic, list)| {
                            TopicRequest::default().with_name(topic_name(topic)).with_partition_indexes(list)
                        })
                        .collect(),
                )
                .encode(out, version),
            Self::DescribeConfigs { kind, names, keys } => DescribeConfigsRequest::default()
                .with_resources(
                    names
                        .iter()
                        .map(|name| {
                            DescribeConfigsResource::default()
                                .with_resource_type(*kind)
                                .with_resource_name(text(name))
                                .with_configuration_keys(keys.as_deref().map(texts))
                        })
                        .collect(),
                )
                .encode(out, version),
            Self::DescribeLogDirs => DescribeLogDirsRequest::default().with_topics(None).encode(out, version),
            Self::ListTransactions => ListTransactionsRequest::default().encode(out, version),
            Self::DescribeTransactions(ids) => DescribeTransactionsRequest::default()
                .with_transactional_ids(ids.iter().map(|id| TransactionalId(text(id))).collect())
                .encode(out, version),
        }
        .map_err(Into::into)
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn texts(list: &[Arc<str>]) -> Vec<StrBytes> {
    list.iter().map(|item| text(item)).collect()
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

fn group_ids(groups: &[Arc<str>]) -> Vec<GroupId> {
    groups.iter().map(|group| GroupId(text(group))).collect()
}

fn by_topic<'a, T>(items: impl Iterator<Item = (&'a Arc<str>, T)>) -> BTreeMap<&'a str, Vec<T>> {
    let mut out: BTreeMap<&str, Vec<T>> = BTreeMap::new();
    for (topic, item) in items {
        out.entry(topic).or_default().push(item);
    }
    out
}

/// StreamsGroupDescribe v0: a compact array of compact strings, a boolean, no tagged fields.
fn streams_group_describe(
    groups: &[Arc<str>],
    out: &mut BytesMut,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    put_uvarint(out, u32::try_from(groups.len())?.saturating_add(1));
    for group in groups {
        put_uvarint(out, u32::try_from(group.len())?.saturating_add(1));
        out.put_slice(group.as_bytes());
    }
    out.put_u8(1);
    out.put_u8(0);
    Ok(())
}

fn put_uvarint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
