//! The real estate `cutover-agent` is tested against: two Kafka clusters, a small Fast Data shop on them, the operator's
//! actions of the migration, and an [`Oracle`] that knows what is safe because it knows what the lab itself did.
//!
//! **Everything is blocking** and `Send + Sync`: from async code, call it inside `spawn_blocking`. Nothing outlives the
//! values: dropping a [`Shop`] ends its producers and services, dropping a [`Pair`] kills its servers and removes their
//! folders; a process that is killed takes its servers with it.
//!
//! ```no_run
//! use cutover_lab::{Pair, Shop, ShopOptions, Side, Step, Stop};
//! use std::time::Duration;
//!
//! # fn main() -> cutover_lab::Result<()> {
//! let pair = Pair::start()?;                                    // 3.9.1 → 4.1.0, fetched once
//! let shop = Shop::open(&pair, ShopOptions::renamed("t1.PROD.", "t1.prod."))?;
//! shop.start()?;                                                // topics on both sides, all else on the source
//! assert!(shop.oracle().is_safe(Step::SwitchProducers));
//! shop.switch_producers()?;
//! shop.wait_safe(Step::StopConsumers, Duration::from_secs(60))?;
//! shop.stop_consumers(Stop::Leave)?;
//! shop.seed_destination()?;
//! println!("{:?}", shop.oracle().unsafe_reasons(Step::StartConsumers));
//! shop.start_consumers(Side::Destination)?;
//! shop.retire_source()?;
//! println!("{}", shop.oracle().timeline());
//! # Ok(())
//! # }
//! ```
//!
//! Several shops share one [`Pair`], each with its own prefix. A test that pauses, kills or stops a broker starts a pair
//! of its own.

mod client;
mod clock;
mod cluster;
mod error;
mod http;
mod mirror;
mod mongo;
mod mongo_shop;
mod oracle;
mod pair;
mod ports;
mod process;
mod progress;
mod prometheus;
mod provision;
mod scratch;
mod shop;
mod words;

pub use client::{Client, Commits};
pub use clock::{now, wait_for, wall_ms};
pub use cluster::{ClientAuth, Cluster, ClusterBuilder, Listener, TlsFiles, User};
pub use error::{Error, Result};
pub use mirror::{Faults, Mirror, MirrorOptions, MirrorState, Positions, mirror_if_asked, mirror_main};
pub use mongo::{Account, MongoPair, ReplicaSet, ReplicaSetBuilder, Rights};
pub use mongo_shop::{CRASHER, MongoShop, MongoShopOptions, READERS, WRITERS, WriterSpec, Writes};
pub use mongodb;
pub use oracle::{
    Acknowledged, Attachment, ClientFacts, CollectionLook, DocumentLook, Entry, Expected, GroupFacts, Ledger, LogFacts,
    Look, MirrorFacts, MongoLedger, MongoOracle, Names, OpenMongoTransaction, OpenTransaction, Oracle, SideLook,
    Sighting, Timeline, TopicFacts, Turn, mongo_undone_reasons, mongo_unsafe_reasons, unsafe_reasons,
};
pub use pair::Pair;
pub use ports::free as free_port;
pub use prometheus::{Labels, Prometheus};
pub use provision::{
    Kafka, MONGOD_VERSION, Mongod, cache_dir, provision, provision_in, provision_mongod, provision_mongod_in, verify,
    verify_mongod,
};
pub use scratch::Scratch;
pub use shop::{ProducerOptions, SERVICES, ServiceSpec, Shop, ShopOptions, Stop, TOPICS, TopicSpec};
pub use words::{MongoStep, Part, Side, Step, Version};

// Tests share a shop and a pair between threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Shop>();
    shared::<Pair>();
    shared::<Oracle>();
    shared::<MongoShop>();
    shared::<MongoOracle>();
};

/// A random word nobody can guess, for tokens.
pub fn secret() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
