//! Answers as values: pure functions from the bytes of one response body to what they say.
//!
//! Every function refuses unknown versions, bytes left over, text that is not UTF-8 and lengths the bytes cannot hold.
//! They leave out what nothing here needs (racks of members, documentation of settings) but read past it.

mod cluster;
mod configs;
mod embedded;
mod groups;
mod members;
mod offsets;
mod producers;
mod reader;
mod session;
mod streams;

pub use cluster::{
    BrokerInfo, ClusterDescription, Metadata, PartitionMetadata, TopicMetadata, decode_describe_cluster,
    decode_metadata,
};
pub use configs::{
    ConfigEntry, ConfigSource, DescribedConfigs, DescribedLogDirs, LogDirPartition, RawLogDir, ResourceConfigs,
    decode_describe_configs, decode_describe_log_dirs,
};
pub use embedded::{decode_assignment, decode_subscription};
pub use groups::{
    Coordinator, FoundCoordinators, ListedGroup, ListedGroups, decode_find_coordinator, decode_list_groups,
};
pub use members::{
    DescribedGroup, DescribedGroups, Member, Readable, Subscription, decode_consumer_group_describe,
    decode_describe_groups, decode_share_group_describe,
};
pub use offsets::{
    FetchedOffsets, GroupOffsets, ListedOffset, ListedOffsets, RawPartitionOffset, RawShareOffset, ShareGroupOffsets,
    ShareOffsets, decode_describe_share_group_offsets, decode_list_offsets, decode_offset_fetch,
};
pub use producers::{
    DescribedProducers, DescribedTransactions, ListedTransaction, ListedTransactions, PartitionProducers,
    ProducerState, TransactionDescription, decode_describe_producers, decode_describe_transactions,
    decode_list_transactions,
};
pub use reader::{DecodeError, DecodeReason};
pub use session::{
    ApiRange, ApiVersions, SaslAuthenticated, SaslHandshake, decode_api_versions, decode_sasl_authenticate,
    decode_sasl_handshake,
};
pub use streams::decode_streams_group_describe;

pub(crate) use reader::Reader;
pub(crate) use session::throttle;

/// What a principal may do, as the bit field of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operations(pub i32);

impl Operations {
    /// The broker did not say.
    pub const NOT_TOLD: Self = Self(i32::MIN);

    /// Whether `operation` is allowed; none if the broker did not say.
    pub fn allows(self, operation: Operation) -> Option<bool> {
        (self != Self::NOT_TOLD).then_some(self.0 & (1 << operation as u8) != 0)
    }
}

/// An operation of Kafka's access control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// Reading records.
    Read = 3,
    /// Writing records.
    Write = 4,
    /// Creating topics.
    Create = 5,
    /// Deleting.
    Delete = 6,
    /// Altering.
    Alter = 7,
    /// Describing.
    Describe = 8,
    /// Acting as a broker.
    ClusterAction = 9,
    /// Reading configuration.
    DescribeConfigs = 10,
    /// Altering configuration.
    AlterConfigs = 11,
}

#[cfg(test)]
mod tests;
