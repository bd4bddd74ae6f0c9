//! What the MongoDB side of the shop consists of, and what can be chosen about it.

use std::time::Duration;

use crate::mirror::MirrorOptions;
use crate::words::Side;

/// How a writing service writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// One document at a time: inserted, updated, the oldest deleted.
    Single,
    /// Several at once: `insertMany`, an update of all of them, a delete of an older batch.
    Batch,
    /// Multi-document transactions over two collections.
    Transaction,
    /// One document every [`MongoShopOptions::every`], nothing in between.
    Every,
    /// In a crash loop: connects, writes, dies without a word, pauses [`MongoShopOptions::crash_pause`].
    CrashLoop,
}

/// A writing service.
#[derive(Debug, Clone, Copy)]
pub struct WriterSpec {
    /// Its name, which is also its application name; with `-dst` where its home is the destination.
    pub name: &'static str,
    /// How it writes.
    pub how: Writes,
    /// The collection it writes, within the shop's database.
    pub collection: &'static str,
}

/// The writing services that run from the start.
pub const WRITERS: [WriterSpec; 4] = [
    WriterSpec { name: "svc-orders", how: Writes::Single, collection: "orders" },
    WriterSpec { name: "svc-import", how: Writes::Batch, collection: "customers" },
    WriterSpec { name: "svc-payments", how: Writes::Transaction, collection: "payments" },
    WriterSpec { name: "svc-digest", how: Writes::Every, collection: "digests" },
];

/// The one in a crash loop: started by whoever wants it.
pub const CRASHER: WriterSpec = WriterSpec { name: "svc-flaky", how: Writes::CrashLoop, collection: "events" };

/// The reading services, which only read.
pub const READERS: [&str; 2] = ["crud-api", "crud-portal"];

/// The one that is there now and then: started by whoever wants it.
pub const NIGHTLY: &str = "report-daily";

/// What can be chosen about a shop.
#[derive(Debug, Clone)]
pub struct MongoShopOptions {
    /// Its database, which is the migration's scope. Several shops share a pair if theirs differ.
    pub database: String,
    /// What application names begin with, to tell several shops on one pair apart: `t1-` makes `t1-svc-orders`.
    pub app_prefix: String,
    /// Writes a second of each steady writer.
    pub rate: f64,
    /// Between two writes of the writer that wakes every so often: a Single View Creator's 60 s, scaled.
    pub every: Duration,
    /// The pause of the writer in a crash loop.
    pub crash_pause: Duration,
    /// The mirrors; one of the shop's database by default.
    pub mirrors: Vec<MirrorOptions>,
    /// Whether the readers' user may write as well.
    pub readers_may_write: bool,
    /// How old an acknowledged write may be before readers at the destination must see it: MongoMirror refreshes every
    /// 10 s, and 5 s (the playbook's `following`).
    pub following_within: Duration,
    /// Between two looks of the oracle by itself; `None`: only when asked. Each reads all of the shop's documents.
    pub look_every: Option<Duration>,
}

impl MongoShopOptions {
    /// A shop in this database with one mirror of it.
    pub fn database(name: &str) -> Self {
        Self {
            database: name.to_owned(),
            app_prefix: String::new(),
            rate: 5.0,
            every: Duration::from_secs(6),
            crash_pause: Duration::from_secs(3),
            mirrors: vec![MirrorOptions::databases(&[name])],
            readers_may_write: false,
            following_within: Duration::from_secs(15),
            look_every: Some(Duration::from_millis(500)),
        }
    }

    /// One of several shops on a pair: its application names, and those of its mirror, begin with that.
    pub fn shared(name: &str) -> Self {
        let mut options = Self::database(name);
        options.app_prefix = format!("{name}-");
        options.mirrors = vec![MirrorOptions::databases(&[name]).named(name)];
        options
    }

    /// With another rate of the steady writers.
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }

    /// With these mirrors.
    pub fn mirrors(mut self, mirrors: Vec<MirrorOptions>) -> Self {
        self.mirrors = mirrors;
        self
    }

    /// The application name of a service.
    pub fn app_name(&self, service: &str, home: Side) -> String {
        let suffix = if home == Side::Destination { "-dst" } else { "" };
        format!("{}{service}{suffix}", self.app_prefix)
    }

    /// The full name of one of its collections.
    pub fn namespace(&self, collection: &str) -> String {
        format!("{}.{collection}", self.database)
    }
}
