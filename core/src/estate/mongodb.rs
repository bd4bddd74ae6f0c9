//! What the samplers learned of a MongoDB deployment and of a mirror in one go.
//!
//! Every part that can fail on its own carries its own failure: what was not measured stays visible as such.

use super::Failure;
use super::kafka::TopicPartition;
use crate::Name;
use crate::time::{Dur, Span, Wall};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// A BSON timestamp, whole: seconds since 1970 in the upper 32 bits, an ordinal within the second in the lower. Always
/// compared whole, since many writes share a second.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ts(pub u64);

impl Ts {
    /// A timestamp of its two parts.
    pub const fn new(seconds: u32, ordinal: u32) -> Ts {
        Ts(((seconds as u64) << 32) | ordinal as u64)
    }

    /// Seconds since 1970, by the clock of the server that wrote it.
    pub const fn seconds(self) -> i64 {
        (self.0 >> 32) as i64
    }

    /// The instant its second begins.
    pub const fn wall(self) -> Wall {
        Wall(self.seconds() * 1000)
    }

    /// How long `self` lies after `o`, by whole seconds; negative if before.
    pub const fn since(self, o: Ts) -> Dur {
        Dur::secs(self.seconds() - o.seconds())
    }
}

impl fmt::Display for Ts {
    /// `1732312345.7`: seconds and ordinal, as people paste it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seconds(), self.0 & 0xffff_ffff)
    }
}

impl std::str::FromStr for Ts {
    type Err = ();

    /// `1732312345.7`; anything else is refused.
    fn from_str(text: &str) -> Result<Ts, ()> {
        let (seconds, ordinal) = text.split_once('.').ok_or(())?;
        Ok(Ts::new(seconds.parse().map_err(|_| ())?, ordinal.parse().map_err(|_| ())?))
    }
}

/// The regular reading of a deployment.
///
/// Read in this order, each when the one before has come back: topology, clients, transactions and builds, oplog
/// ends, and last the writes. The writes are thereby never older than what was concluded without them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MongoSample {
    /// `settings.replicaSetId` of its configuration, in hex: what makes it this deployment and no other.
    pub set_id: Name,
    /// The replica set's name.
    pub set_name: Name,
    /// The primary's `host:port`, or why there is none.
    pub primary: Result<Name, Failure>,
    /// The election term.
    pub term: i64,
    /// Since when this primary takes writes: the later of `electionCandidateMetrics.newTermStartDate` (its wall clock) and
    /// `electionTime` (the oplog's) of `replSetGetStatus`. Whoever tried to write before, while there was no primary, left no
    /// trace of it.
    #[serde(default = "unread")]
    pub elected: Result<Ts, Failure>,
    /// The primary's version, as in `6.0.5`.
    pub version: Name,
    /// The primary's own clock when it answered.
    pub clock: Wall,
    /// Every data-bearing member, by `host:port`.
    pub members: BTreeMap<Name, MongoMember>,
    /// A majority of the voting members is healthy, as the primary sees it.
    pub majority: Result<bool, Failure>,
    /// The primary's oplog.
    pub oplog: Result<Oplog, Failure>,
    /// The majority commit point, `lastCommittedOpTime`.
    pub committed: Result<Ts, Failure>,
    /// What was really written, as far back as the oplog was read.
    pub writes: Result<Writes, Failure>,
    /// Open and prepared transactions on the primary.
    pub transactions: Result<Transactions, Failure>,
    /// Namespaces with an index build in progress.
    pub index_builds: Result<BTreeSet<Name>, Failure>,
    /// User writes are blocked (`setUserWriteBlockMode`); false where the version has no such thing.
    pub write_block: Result<bool, Failure>,
    /// When the clients were listed.
    pub listed: Option<Span>,
    /// When the oplog was read for `oplog` and `writes`.
    pub scanned: Option<Span>,
}

fn unread() -> Result<Ts, Failure> {
    Err(Failure::new(super::FailureKind::Protocol, "when its primary was elected was not read"))
}

/// A data-bearing member.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MongoMember {
    /// `PRIMARY`, `SECONDARY`, `RECOVERING`, …
    pub state: Name,
    /// Who is connected to it, or why that is not known. The agent itself and the set's own members are left out.
    pub clients: Result<Vec<MongoClient>, Failure>,
}

/// Clients of one member that look the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MongoClient {
    /// `appName`, empty where it gave none.
    pub app_name: Name,
    /// The user it is logged in as, without its database; empty where it is not.
    pub user: Name,
    /// The address it comes from, without its port.
    pub address: Name,
    /// The lowest connection id of these clients: when all are above what was seen before, they are new.
    pub first: i64,
    /// The highest connection id of these clients.
    pub last: i64,
}

/// The ends of an oplog.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Oplog {
    /// Its oldest entry.
    pub first: Ts,
    /// Its newest entry, no-ops included.
    pub last: Ts,
    /// Bytes in it.
    pub size: i64,
    /// Bytes it may hold; while it holds less, its window still grows.
    pub max_size: i64,
}

impl Oplog {
    /// The window: the time between its ends; while the oplog has not reached its size, its size over the rate it fills
    /// at. `None` where nothing can be said: it holds nothing yet.
    pub fn window(&self) -> Option<Dur> {
        let held = self.last.since(self.first);
        if held <= Dur::ZERO || self.size <= 0 {
            return None;
        }
        if self.max_size <= 0 || self.size * 10 >= self.max_size * 9 {
            return Some(held);
        }
        let whole = i128::from(held.0) * i128::from(self.max_size) / i128::from(self.size);
        Some(Dur(i64::try_from(whole).unwrap_or(i64::MAX)))
    }
}

/// The namespace of a write whose content could not be resolved: it may have been anywhere in scope.
pub const ANYWHERE: &str = "";

/// Real writes in the databases of the migration: inserts, updates, deletes and commands, transactions and batches
/// unpacked. Not among them: no-ops, internal namespaces, and deletes that the TTL monitor accounts for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Writes {
    /// Every entry from here on was read: an older write was not seen.
    pub from: Ts,
    /// Up to here.
    pub to: Ts,
    /// The newest write of each namespace; [`ANYWHERE`] for one whose namespaces are not known.
    pub last: BTreeMap<Name, Ts>,
    /// The newest write of each namespace in each second of the last two minutes, oldest first.
    pub recent: Vec<(Ts, Name)>,
    /// The sets of namespaces that single transactions have written, each once, inside the databases or not; bounded.
    pub together: BTreeSet<BTreeSet<Name>>,
    /// There were more such sets than are kept.
    pub together_cut: bool,
}

/// Transactions of a primary.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Transactions {
    /// Open ones.
    pub open: u64,
    /// Prepared ones among them.
    pub prepared: u64,
}

/// The slow reading of a deployment, also taken when a check asks: what is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MongoCatalog {
    /// The deployment.
    pub set_id: Name,
    /// Each database of the migration: its collections and views by name, or why they are not known. A database that
    /// does not exist is there, and empty.
    pub databases: BTreeMap<Name, Result<BTreeMap<Name, Collection>, Failure>>,
    /// How many other user databases there are.
    pub databases_outside: Result<u64, Failure>,
    /// The highest offset that sampled documents of projections store, by source topic and partition.
    pub offsets: Result<StoredOffsets, Failure>,
    /// Projection changes (`fd-pc-*`) in state NEW or IN_PROGRESS.
    pub changes: Result<u64, Failure>,
}

/// Offsets that documents store (Fast Data's `__internal__kafkaInfo`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct StoredOffsets {
    /// The highest seen, by topic and partition.
    pub highest: BTreeMap<TopicPartition, i64>,
    /// Documents looked at.
    pub documents: u64,
    /// Documents that store an offset whose number, topic or partition could not be read.
    #[serde(default)]
    pub unreadable: u64,
}

/// A collection or view.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Collection {
    /// What it is.
    pub kind: CollectionKind,
    /// Its UUID in hex; empty for a view.
    pub uuid: Name,
    /// Its options (for a view its definition) as canonical JSON: keys sorted, defaults and UUIDs left out.
    pub options: Name,
    /// Its indexes by name, or why they are not known.
    pub indexes: Result<BTreeMap<Name, Index>, Failure>,
    /// Documents, by the collection's own estimate; none for a view.
    pub documents: Result<Option<i64>, Failure>,
    /// Bytes of its documents; 0 for a view.
    pub data_size: i64,
    /// Bytes of its indexes.
    pub index_size: i64,
}

impl Collection {
    /// What it holds, in words that are equal where they mean the same.
    pub fn held(&self) -> Result<HeldData, Failure> {
        let mut shape = format!("{:?} {}", self.kind, self.options);
        for (name, i) in self.indexes.as_ref().map_err(Clone::clone)? {
            let building = if i.building { " (being built)" } else { "" };
            let _ = write!(shape, "\n{name} {}{building}", i.spec);
        }
        let documents = self.documents.as_ref().map_err(Clone::clone)?;
        Ok(HeldData { shape: shape.into(), documents: documents.filter(|_| self.kind != CollectionKind::View) })
    }
}

/// What a namespace holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldData {
    /// Kind, options and indexes as canonical text.
    pub shape: Name,
    /// Documents in it, by its own estimate; none for a view, which holds none, and for a time-series collection, which tells none.
    pub documents: Option<i64>,
}

impl HeldData {
    /// It holds no documents of its own.
    pub fn is_view(&self) -> bool {
        self.shape.split(' ').next() == Some(&format!("{:?}", CollectionKind::View))
    }
}

/// What a namespace is.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum CollectionKind {
    /// A plain collection, capped or not.
    #[default]
    Collection,
    /// A view.
    View,
    /// A time-series collection.
    TimeSeries,
}

/// An index.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Index {
    /// Its specification as canonical JSON: `key` in order, the other fields sorted; `v`, `ns` and `background` left out.
    pub spec: Name,
    /// It expires documents.
    pub ttl: bool,
    /// It is still being built.
    pub building: bool,
}

/// Exact counts that a check asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MongoCounts {
    /// The deployment; empty where it could not be asked for, and every count has failed.
    pub set_id: Name,
    /// Documents by namespace, counted one by one, or why they could not be.
    pub counts: BTreeMap<Name, Result<u64, Failure>>,
}

/// What a mirror's instances answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MirrorSample {
    /// Each instance by the place of its URL in the configuration, from 0: its status, or why there is none.
    pub instances: Vec<Result<MirrorStatus, Failure>>,
}

/// What an instance said of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MirrorStatus {
    /// MongoMirror's status port.
    Mongomirror(MongomirrorStatus),
}

/// MongoMirror's status, as its port gives it; any field may be missing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MongomirrorStatus {
    /// What decides: `initializing`, `initial sync` or `oplog sync`. Empty where it was not given.
    pub stage: Name,
    /// Free text, shown and never decided on.
    pub phase: Name,
    /// `details.currentTimestamp`: the oplog entry most recently processed; refreshed every 10 s.
    pub position: Option<Ts>,
    /// `details.latestTimestamp`.
    pub latest: Option<Ts>,
    /// `details.lastWriteOnSourceTimestamp`.
    pub last_write: Option<Ts>,
    /// `errorMessage`: the process stays up on errors, so any is a stop.
    pub error: Option<Name>,
    /// Bytes copied and to copy, while it copies.
    pub copied: Option<(i64, i64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_compared_whole_and_read_back() {
        let (a, b) = (Ts::new(100, 7), Ts::new(100, 8));
        assert!(a < b, "the ordinal counts");
        assert_eq!(b.since(a), Dur::ZERO);
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!("100".parse::<Ts>(), Err(()));
        assert_eq!(Ts::new(u32::MAX, u32::MAX).seconds(), i64::from(u32::MAX), "no sign is lost");
    }

    #[test]
    fn a_window_that_still_grows_is_what_it_will_be() {
        let o = |size, max_size| Oplog { first: Ts::new(1000, 0), last: Ts::new(1600, 0), size, max_size };
        assert_eq!(o(990, 1000).window(), Some(Dur::secs(600)));
        assert_eq!(o(100, 1000).window(), Some(Dur::secs(6000)));
        assert_eq!(o(800, 1000).window(), Some(Dur::secs(750)), "not nine tenths yet");
        assert_eq!(o(900, 1000).window(), Some(Dur::secs(600)));
        assert_eq!(o(0, 1000).window(), None);
        let empty = Oplog { last: Ts::new(1000, 5), ..o(10, 1000) };
        assert_eq!(empty.window(), None, "nothing can be said of an instant");
    }
}
