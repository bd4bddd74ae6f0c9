//! The real estate `cutover-agent` is tested against: two Kafka clusters, two MongoDB replica sets with a stand-in for
//! MongoMirror between them, a small Fast Data shop on both, the operator's actions of the migration, and oracles that
//! know what is safe because they know what the lab itself did.
//!
//! **Everything is blocking** and `Send + Sync`: from async code, call it inside `spawn_blocking`. Nothing outlives the
//! values: dropping a [`Shop`] or [`MongoShop`] ends its producers, services and mirrors, dropping a [`Pair`] or
//! [`MongoPair`] kills its servers and removes their folders; a process that is killed takes its servers with it.
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
//! The MongoDB half works the same way; its oracle also looks at the documents on both sides, with the driver alone:
//!
//! ```no_run
//! use cutover_lab::{Faults, MongoPair, MongoShop, MongoShopOptions, MongoStep, Rights, Side};
//! use std::time::Duration;
//!
//! # fn main() -> cutover_lab::Result<()> {
//! let pair = MongoPair::start()?;                               // 6.0.5 twice, fetched once
//! let shop = MongoShop::open(&pair, MongoShopOptions::database("shop"))?;
//! shop.start()?;                                                // collections, writers and readers on the source
//! let agent = pair.source.create_user("agent", Rights::agent(&["shop".to_owned()]))?;
//! println!("{} {}", pair.source.uri(&agent), shop.mirror("mirror")?.url());
//! shop.start_mirrors()?;
//! shop.wait_safe(MongoStep::SwitchReaders, Duration::from_secs(60))?;
//! shop.switch_readers()?;
//! shop.set_faults("mirror", &Faults { hold_last: true, ..Faults::default() })?;
//! shop.stop_writers()?;
//! println!("{:?}", shop.oracle().unsafe_reasons(MongoStep::StopMirror));
//! shop.set_faults("mirror", &Faults::default())?;
//! shop.wait_safe(MongoStep::StopMirror, Duration::from_secs(60))?;
//! shop.stop_mirrors()?;
//! shop.start_writers(Side::Destination)?;
//! println!("{}", shop.oracle().timeline());
//! # Ok(())
//! # }
//! ```
//!
//! A mirror is a process of its own. A test binary with its own `main` makes itself able to be one by calling
//! [`mirror_if_asked`] first; tests of this crate name `CARGO_BIN_EXE_mirror` in [`MirrorOptions::program`].
//!
//! An answer of the agent rests on samples of a moment ago: compare it with [`MongoOracle::unsafe_during`] over the
//! window it speaks about, not only with [`MongoOracle::unsafe_reasons`] of now.
//!
//! Several shops share one pair, each with its own prefix, or its own database ([`MongoShopOptions::shared`]). A test
//! that pauses, freezes, kills or stops a server, or uses the write block, starts a pair of its own.

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
pub use mongo_shop::{CRASHER, MongoShop, MongoShopOptions, NIGHTLY, READERS, WRITERS, WriterSpec, Writes};
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
