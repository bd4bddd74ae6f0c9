//! The requests this crate can send: a small closed list, none of which changes anything on a broker.
//!
//! Every frame is headed by [`Api::key`], so a request that is not in [`Api`] cannot be encoded at all. There is no
//! Produce, Fetch, JoinGroup, OffsetCommit, CreateTopics or any Alter or Delete here, and none is to be added.
//! `FindCoordinator` makes a broker create `__consumer_offsets` where it does not exist yet: the cluster only sends it
//! once that topic has been seen.

use std::fmt;

/// One request of the Kafka protocol that this crate can encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum Api {
    /// Offsets of a partition by timestamp or end of log.
    ListOffsets = 2,
    /// Brokers, topics, partitions and their leaders.
    Metadata = 3,
    /// Committed offsets of groups.
    OffsetFetch = 9,
    /// Which broker coordinates a group.
    FindCoordinator = 10,
    /// Members of classic groups.
    DescribeGroups = 15,
    /// Groups a broker coordinates.
    ListGroups = 16,
    /// Choosing the SASL mechanism.
    SaslHandshake = 17,
    /// What the broker can answer.
    ApiVersions = 18,
    /// Configuration of topics and brokers.
    DescribeConfigs = 32,
    /// Size of the logs on disk.
    DescribeLogDirs = 35,
    /// One step of a SASL exchange.
    SaslAuthenticate = 36,
    /// Cluster id, brokers and what we may do.
    DescribeCluster = 60,
    /// Producer state of partitions.
    DescribeProducers = 61,
    /// One transaction's state.
    DescribeTransactions = 65,
    /// Transactions a broker coordinates.
    ListTransactions = 66,
    /// Members of KIP-848 groups.
    ConsumerGroupDescribe = 69,
    /// Members of share groups.
    ShareGroupDescribe = 77,
    /// Members of streams groups.
    StreamsGroupDescribe = 89,
    /// Start offsets of share groups.
    DescribeShareGroupOffsets = 90,
}

impl Api {
    /// Every request there is, in key order.
    pub const ALL: [Self; 19] = [
        Self::ListOffsets,
        Self::Metadata,
        Self::OffsetFetch,
        Self::FindCoordinator,
        Self::DescribeGroups,
        Self::ListGroups,
        Self::SaslHandshake,
        Self::ApiVersions,
        Self::DescribeConfigs,
        Self::DescribeLogDirs,
        Self::SaslAuthenticate,
        Self::DescribeCluster,
        Self::DescribeProducers,
        Self::DescribeTransactions,
        Self::ListTransactions,
        Self::ConsumerGroupDescribe,
        Self::ShareGroupDescribe,
        Self::StreamsGroupDescribe,
        Self::DescribeShareGroupOffsets,
    ];

    /// The key on the wire.
    pub const fn key(self) -> i16 {
        self as i16
    }

    /// The lowest and highest version this crate encodes and decodes.
    pub const fn versions(self) -> (i16, i16) {
        match self {
            Self::ListOffsets => (2, 8),
            Self::Metadata => (9, 12),
            Self::OffsetFetch => (6, 9),
            Self::FindCoordinator => (3, 6),
            Self::DescribeGroups => (5, 6),
            Self::ListGroups => (3, 5),
            Self::SaslHandshake | Self::ShareGroupDescribe => (1, 1),
            Self::ApiVersions => (0, 3),
            Self::DescribeConfigs | Self::DescribeLogDirs => (1, 4),
            Self::SaslAuthenticate => (0, 2),
            Self::DescribeCluster | Self::ListTransactions | Self::ConsumerGroupDescribe => (0, 1),
            Self::DescribeProducers
            | Self::DescribeTransactions
            | Self::StreamsGroupDescribe
            | Self::DescribeShareGroupOffsets => (0, 0),
        }
    }

    /// The first version whose request header and body carry tagged fields.
    pub(crate) const fn flexible_from(self) -> i16 {
        match self {
            Self::ListOffsets | Self::OffsetFetch => 6,
            Self::Metadata => 9,
            Self::FindCoordinator | Self::ListGroups | Self::ApiVersions => 3,
            Self::DescribeGroups => 5,
            Self::SaslHandshake => i16::MAX,
            Self::DescribeConfigs => 4,
            Self::DescribeLogDirs | Self::SaslAuthenticate => 2,
            Self::DescribeCluster
            | Self::DescribeProducers
            | Self::DescribeTransactions
            | Self::ListTransactions
            | Self::ConsumerGroupDescribe
            | Self::ShareGroupDescribe
            | Self::StreamsGroupDescribe
            | Self::DescribeShareGroupOffsets => 0,
        }
    }

    /// Whether a response of this version has tagged fields in its header: ApiVersions never has, by design.
    pub(crate) const fn flexible_response_header(self, version: i16) -> bool {
        !matches!(self, Self::ApiVersions) && version >= self.flexible_from()
    }

    /// Whether the response body begins with the throttle time.
    pub(crate) const fn throttle_first(self) -> bool {
        !matches!(self, Self::ApiVersions | Self::SaslHandshake | Self::SaslAuthenticate)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Api;
    use kafka_protocol::messages::ApiKey;

    #[test]
    fn only_these_requests_can_be_encoded() {
        let keys: Vec<i16> = Api::ALL.iter().map(|api| api.key()).collect();
        assert_eq!(keys, [2, 3, 9, 10, 15, 16, 17, 18, 32, 35, 36, 60, 61, 65, 66, 69, 77, 89, 90]);
        for word in [
            "Produce",
            "Fetch",
            "Join",
            "Commit",
            "Create",
            "Alter",
            "Delete",
            "Heartbeat",
            "Leave",
            "Write",
            "Init",
            "Txn",
        ] {
            for api in Api::ALL {
                assert!(api == Api::OffsetFetch || api == Api::DescribeProducers || !api.to_string().contains(word));
            }
        }
    }

    #[test]
    fn headers_agree_with_the_schemas() {
        for api in Api::ALL.into_iter().filter(|api| *api != Api::StreamsGroupDescribe) {
            let theirs = ApiKey::try_from(api.key()).expect("known key");
            let (min, max) = api.versions();
            for version in min..=max {
                let flexible = version >= api.flexible_from();
                assert_eq!(theirs.request_header_version(version) == 2, flexible, "{api} v{version}");
                let header = theirs.response_header_version(version);
                assert_eq!(header == 1, api.flexible_response_header(version), "{api} v{version}");
            }
        }
    }
}
