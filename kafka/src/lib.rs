//! A strictly read-only Kafka protocol client: the base of a sampler that must never report what it did not measure.
//!
//! Requests are a small closed list ([`Api`]), encoded by `kafka-protocol`; answers are decoded by bounded readers of
//! our own ([`decode`]), because that crate's decoder reserves whatever a hostile length says. Every high-level call of
//! [`Cluster`] returns everything it was asked for, each item a value or its own [`KafkaError`], with the instants
//! between which it was measured ([`Timed`]).
//!
//! It never joins a group, commits, produces, or creates a topic, and it leaves out reading records.

mod api;
mod cluster;
mod codes;
pub mod config;
mod conn;
pub mod decode;
mod error;
mod request;
mod scram;
mod secret;
mod timed;
mod tls;

pub use api::Api;
pub use cluster::{
    BrokerId, Cluster, Committed, ConfigValues, GroupDescription, GroupKind, Isolation, LogDir, Named, OffsetAt,
    OffsetSpec, PartitionOffset, Partitions, PerBroker, ShareOffset, Timeouts, Transaction,
};
pub use codes::{code as error_code, name as error_name};
pub use config::{ClientConfig, PropertyError};
pub use decode::{
    BrokerInfo, ClusterDescription, ListedGroup, Member, Metadata, PartitionMetadata, ProducerState, Readable,
    Subscription, TopicMetadata,
};
pub use decode::{ConfigEntry, ListedTransaction, Operation, Operations};
pub use error::{At, KafkaError};
pub use secret::Secret;
pub use timed::{Clock, Timed};
