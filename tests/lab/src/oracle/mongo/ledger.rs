//! What the lab did to the two replica sets and what was acknowledged to it, as plain data.
//!
//! As with Kafka's, an entry is made *before* a hazard begins (a writer is live before it connects, a document is no
//! longer expected before its delete is sent) and *after* it has ended.

use std::collections::{BTreeMap, BTreeSet};

use crate::mirror::MirrorOptions;
use crate::words::{MongoStep, Side};

/// A service's client, live from before it connects until its process would be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFacts {
    /// Which service it is: the name by which it is known on both sides.
    pub service: String,
    /// The infrastructure it runs on, whatever side it is connected to.
    pub home: Side,
    /// Whether it writes.
    pub writes: bool,
}

/// One mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorFacts {
    /// What it carries.
    pub options: MirrorOptions,
    /// Whether its process lives.
    pub alive: bool,
    /// How many runs it has had.
    pub runs: u32,
    /// The error it was made to meet, if any.
    pub error: Option<String>,
}

/// What an acknowledged write says about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is there, with a version `n` of at least this.
    Present(i64),
    /// It is gone.
    Gone,
}

/// The last acknowledged write to one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// On which side it was made.
    pub side: Side,
    /// What it says.
    pub expected: Expected,
    /// The server's time of the operation, as a 64-bit timestamp.
    pub ts: u64,
    /// When the answer came, in milliseconds of the wall clock.
    pub at_ms: u64,
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenMongoTransaction {
    /// On which side.
    pub side: Side,
    /// The namespaces it has written.
    pub namespaces: BTreeSet<String>,
}

/// Everything the lab did. The methods are the entries one may make.
#[derive(Debug, Clone)]
pub struct MongoLedger {
    /// The databases the migration is about.
    pub databases: BTreeSet<String>,
    /// How old an acknowledged write may be before readers at the destination must see it, in milliseconds.
    pub following_within_ms: u64,
    /// Live clients by side and application name.
    pub clients: BTreeMap<(Side, String), ClientFacts>,
    /// Every service that was ever seen, by side, with whether it writes.
    pub ever: BTreeSet<(Side, String, bool)>,
    /// Readers that could write, were they let: their user may.
    pub readers_may_write: bool,
    /// The mirrors by name, planned or running.
    pub mirrors: BTreeMap<String, MirrorFacts>,
    /// Open transactions by id.
    pub transactions: BTreeMap<String, OpenMongoTransaction>,
    /// The last acknowledged write to each document, by namespace and `_id`.
    pub documents: BTreeMap<(String, String), Acknowledged>,
    /// How many writes were acknowledged, by side.
    pub acknowledged: BTreeMap<Side, u64>,
    /// Writes to the source in scope after the mirrors were stopped, by namespace.
    pub late_writes: BTreeMap<String, u64>,
    /// The newest acknowledged write in scope, by side, as a 64-bit timestamp.
    pub last_write: BTreeMap<Side, u64>,
    /// Namespaces the destination may have before the mirrors start.
    pub may_have: BTreeSet<String>,
    /// Steps the operator leaves out: `switch-readers` only.
    pub skipped: BTreeSet<MongoStep>,
    /// Steps the operator has begun.
    pub begun: BTreeSet<MongoStep>,
    /// Steps the operator has finished.
    pub done: BTreeSet<MongoStep>,
}

impl MongoLedger {
    /// An empty ledger about these databases.
    pub fn new(databases: impl IntoIterator<Item = String>) -> Self {
        Self {
            databases: databases.into_iter().collect(),
            following_within_ms: 15_000,
            clients: BTreeMap::new(),
            ever: BTreeSet::new(),
            readers_may_write: false,
            mirrors: BTreeMap::new(),
            transactions: BTreeMap::new(),
            documents: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            late_writes: BTreeMap::new(),
            last_write: BTreeMap::new(),
            may_have: BTreeSet::new(),
            skipped: BTreeSet::new(),
            begun: BTreeSet::new(),
            done: BTreeSet::new(),
        }
    }

    /// Whether a namespace is what the migration is about.
    pub fn in_scope(&self, namespace: &str) -> bool {
        self.databases.contains(namespace.split('.').next().unwrap_or(namespace))
    }

    /// A client is about to connect.
    pub fn client_started(&mut self, side: Side, app_name: &str, facts: ClientFacts) {
        self.ever.insert((side, facts.service.clone(), facts.writes));
        self.clients.insert((side, app_name.to_owned()), facts);
    }

    /// A client has closed its connections and does not come back.
    pub fn client_gone(&mut self, side: Side, app_name: &str) {
        self.clients.remove(&(side, app_name.to_owned()));
    }

    /// A mirror is prepared; nothing of it runs.
    pub fn mirror_planned(&mut self, options: &MirrorOptions) {
        let facts = MirrorFacts { options: options.clone(), alive: false, runs: 0, error: None };
        self.mirrors.insert(options.name.clone(), facts);
    }

    /// A mirror's process is about to start.
    pub fn mirror_started(&mut self, name: &str) {
        if let Some(mirror) = self.mirrors.get_mut(name) {
            mirror.alive = true;
            mirror.runs += 1;
            mirror.error = None;
        }
    }

    /// A mirror's process has ended.
    pub fn mirror_ended(&mut self, name: &str) {
        if let Some(mirror) = self.mirrors.get_mut(name) {
            mirror.alive = false;
        }
    }

    /// A mirror is made to meet an error, or mended.
    pub fn mirror_error(&mut self, name: &str, error: Option<String>) {
        if let Some(mirror) = self.mirrors.get_mut(name) {
            mirror.error = error;
        }
    }

    /// A transaction is about to be opened.
    pub fn transaction_opened(&mut self, id: &str, side: Side, namespaces: &[String]) {
        let namespaces = namespaces.iter().cloned().collect();
        self.transactions.insert(id.to_owned(), OpenMongoTransaction { side, namespaces });
    }

    /// A transaction was committed or aborted.
    pub fn transaction_ended(&mut self, id: &str) {
        self.transactions.remove(id);
    }

    /// A document is about to be deleted, or written with nobody knowing what became of it.
    pub fn uncertain(&mut self, namespace: &str, id: &str) {
        self.documents.remove(&(namespace.to_owned(), id.to_owned()));
    }

    /// A write was acknowledged.
    pub fn acknowledged(&mut self, namespace: &str, id: &str, write: Acknowledged) {
        self.documents.insert((namespace.to_owned(), id.to_owned()), write);
        *self.acknowledged.entry(write.side).or_default() += 1;
        if self.in_scope(namespace) {
            let last = self.last_write.entry(write.side).or_default();
            *last = (*last).max(write.ts);
            if write.side == Side::Source && self.done.contains(&MongoStep::StopMirror) {
                *self.late_writes.entry(namespace.to_owned()).or_default() += 1;
            }
        }
    }
}
