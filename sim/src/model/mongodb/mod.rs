//! MongoDB: two replica sets, the services that read and write them, and the mirrors between them.

pub mod mirror;
pub mod oplog;
pub mod service;

use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::mongodb::{CollectionKind, Ts};
use mirror::Mirror;
use oplog::{Oplog, What, stamp};
use service::Service;
use std::collections::{BTreeMap, BTreeSet};

/// The data-bearing members of every simulated replica set; the first is the primary.
pub const MEMBERS: [&str; 2] = ["h1:27017", "h2:27017"];

/// A collection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Documents in it.
    pub documents: i64,
    /// Its own estimate is wrong by so many.
    pub misjudged: i64,
    /// Indexes besides the one on `_id`; one whose name begins with `ttl` expires documents.
    pub indexes: BTreeSet<Name>,
    /// What it is.
    pub kind: CollectionKind,
    /// Counts its creations: another UUID.
    pub uuid: u32,
}

/// A transaction that is open on a primary.
#[derive(Clone, Debug)]
pub struct Open {
    /// Which.
    pub id: u64,
    /// What it has written so far, by namespace.
    pub docs: Vec<(Name, i64)>,
}

/// What is wrong with a deployment at the moment.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// It does not answer the agent.
    pub down: bool,
    /// No primary: an election.
    pub election: bool,
    /// Another deployment answers at its address.
    pub imposter: bool,
    /// Members that do not list their clients.
    pub members: BTreeSet<Name>,
    /// The agent may not read the oplog.
    pub oplog: bool,
    /// The majority commit point stands still.
    pub majority: Option<Ts>,
    /// Answers take this much longer, in milliseconds.
    pub slow: i64,
}

impl Faults {
    /// Something is wrong.
    pub fn any(&self) -> bool {
        self.down
            || self.election
            || self.imposter
            || self.oplog
            || self.slow > 0
            || self.majority.is_some()
            || !self.members.is_empty()
    }
}

/// A replica set.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its id.
    pub id: Name,
    /// Its version.
    pub version: Name,
    /// The election term.
    pub term: i64,
    /// Since when its primary takes writes.
    pub elected: Ts,
    /// What was written.
    pub oplog: Oplog,
    /// Its collections.
    pub collections: BTreeMap<Name, Held>,
    /// User writes are blocked.
    pub blocked: bool,
    /// When that was changed by the script, and to what.
    pub blocks: Vec<(i64, bool)>,
    /// Open transactions.
    pub open: Vec<Open>,
    /// Index builds under way.
    pub builds: BTreeSet<Name>,
    /// Clients that belong to nobody here: name, connection id.
    pub strangers: Vec<(Name, i64)>,
    /// What is wrong.
    pub faults: Faults,
    uuids: u32,
}

impl Deployment {
    fn new(id: &str, version: &str, window: i64) -> Deployment {
        Deployment {
            id: id.into(),
            version: version.into(),
            term: 1,
            elected: Ts::default(),
            oplog: Oplog::new(window),
            collections: BTreeMap::new(),
            blocked: false,
            blocks: Vec::new(),
            open: Vec::new(),
            builds: BTreeSet::new(),
            strangers: Vec::new(),
            faults: Faults::default(),
            uuids: 0,
        }
    }

    /// Writes, and does what is written; the timestamp.
    pub fn write(&mut self, what: What, carried: bool, now: i64) -> Ts {
        match &what {
            What::Noop => {}
            What::Docs(docs) => {
                for (ns, n) in docs {
                    self.uuids += u32::from(!self.collections.contains_key(ns));
                    let uuid = self.uuids;
                    let c = self.collections.entry(ns.clone()).or_insert(Held { uuid, ..Held::default() });
                    c.documents = (c.documents + n).max(0);
                }
            }
            What::Create(ns, kind) => {
                self.uuids += 1;
                let c = Held { uuid: self.uuids, kind: *kind, ..Held::default() };
                self.collections.entry(ns.clone()).or_insert(c);
            }
            What::Drop(ns) => drop(self.collections.remove(ns)),
            What::Index(ns, index) => {
                if let Some(c) = self.collections.get_mut(ns) {
                    c.indexes.insert(index.clone());
                }
            }
            What::DropIndex(ns, index) => {
                if let Some(c) = self.collections.get_mut(ns) {
                    c.indexes.remove(index);
                }
            }
        }
        self.oplog.append(what, carried, now)
    }

    /// The majority commit point.
    pub fn committed(&self, now: i64) -> Ts {
        let usual = self.oplog.by(now - COMMITS_WITHIN);
        self.faults.majority.map_or(usual, |stands| usual.min(stands))
    }

    /// User writes were blocked by the script at some instant of that time.
    pub fn was_blocked(&self, from: i64, to: i64) -> bool {
        let before = self.blocks.iter().rev().find(|(at, _)| *at <= from);
        before.is_some_and(|b| b.1) || self.blocks.iter().any(|(at, on)| *on && from < *at && *at <= to)
    }

    /// A client can write.
    pub fn writable(&self) -> bool {
        !self.blocked && !self.faults.election
    }

    /// An election takes back what was not committed by a majority; when that was written.
    pub fn roll_back(&mut self, now: i64) -> Vec<i64> {
        let committed = self.committed(now);
        let mut gone = Vec::new();
        for e in self.oplog.roll_back(committed) {
            gone.push(e.at);
            if let What::Docs(docs) = e.what {
                for (ns, n) in docs {
                    if let Some(c) = self.collections.get_mut(&ns) {
                        c.documents = (c.documents - n).max(0);
                    }
                }
            }
        }
        self.faults.majority = None;
        self.term += 1;
        self.elected = stamp(now, 0);
        self.open.clear();
        gone
    }
}

/// A majority has a write after so many milliseconds.
const COMMITS_WITHIN: i64 = 300;

/// Both deployments and everything that talks to them.
#[derive(Clone, Debug)]
pub struct Db {
    /// The deployments.
    pub sides: BTreeMap<Side, Deployment>,
    /// Readers and writers.
    pub services: Vec<Service>,
    /// The mirrors.
    pub mirrors: Vec<Mirror>,
    /// Databases of the migration.
    pub databases: BTreeSet<Name>,
    /// What a person has agreed to: what, and of which namespace.
    pub relaxed: Vec<(String, Name)>,
    /// Writes up to here were carried over by hand, and said to be: of the source, and at the destination.
    pub reconciled: BTreeMap<Side, Ts>,
    /// When the last mirror ended, if all have.
    pub ended: Option<Ts>,
    /// Writes at the destination by others than the mirrors, while one was at work or later.
    pub strays: Vec<(i64, Ts)>,
    /// Sets of namespaces in scope or not that one transaction has written.
    pub together: BTreeSet<Vec<Name>>,
    /// Writes on the source in scope: when each came, for the truth to take.
    pub written: Vec<i64>,
    /// Who is connected to the source for as long has been seen there.
    pub shows: i64,
    /// Counts every change, so that the truth is looked at only when something changed.
    pub version: u64,
    connections: i64,
}

impl Db {
    /// Two empty deployments; the source's oplog reaches back `window` milliseconds.
    pub fn new(window: i64) -> Db {
        let side = |id, version, window| Deployment::new(id, version, window);
        Db {
            sides: BTreeMap::from([
                (Side::Source, side("old", "5.0.14", window)),
                (Side::Destination, side("new", "6.0.5", 86_400_000)),
            ]),
            services: Vec::new(),
            mirrors: Vec::new(),
            databases: BTreeSet::new(),
            relaxed: Vec::new(),
            reconciled: BTreeMap::new(),
            ended: None,
            strays: Vec::new(),
            together: BTreeSet::new(),
            written: Vec::new(),
            shows: 0,
            version: 1,
            connections: 0,
        }
    }

    /// A side's deployment.
    ///
    /// # Panics
    /// Never: both sides exist from the start.
    pub fn side(&self, side: Side) -> &Deployment {
        &self.sides[&side]
    }

    /// A side's deployment, to be changed.
    ///
    /// # Panics
    /// Never: both sides exist from the start.
    pub fn side_mut(&mut self, side: Side) -> &mut Deployment {
        self.version += 1;
        self.sides.get_mut(&side).expect("both sides exist")
    }

    /// Whether a person has agreed to something about a namespace.
    pub fn agreed(&self, what: &str, ns: &str) -> bool {
        self.relaxed.iter().any(|(w, n)| w == what && **n == *ns)
    }

    /// Whether a namespace is moved.
    pub fn in_scope(&self, ns: &str) -> bool {
        let database = ns.split('.').next().unwrap_or("");
        self.databases.contains(database) && !self.agreed("left-behind", ns)
    }

    /// A write by somebody who is no mirror; `None` where it is refused.
    pub fn write(&mut self, side: Side, what: What, now: i64) -> Option<Ts> {
        let d = self.side_mut(side);
        if !d.writable() {
            return None;
        }
        let spans = what.namespaces().len() > 1;
        if spans {
            let mut set: Vec<Name> = what.namespaces().into_iter().cloned().collect();
            set.sort();
            self.together.insert(set);
        }
        let counts = what.namespaces().into_iter().any(|ns| self.in_scope(ns));
        let ts = self.side_mut(side).write(what, false, now);
        match side {
            Side::Source if counts => self.written.push(now),
            Side::Destination if counts => self.strays.push((now, ts)),
            _ => {}
        }
        Some(ts)
    }

    /// The newest real write in scope of a side that some mirror carries.
    pub fn newest(&self, side: Side) -> Ts {
        let last = &self.side(side).oplog.last;
        last.iter().filter(|(ns, _)| self.in_scope(ns)).map(|(_, ts)| *ts).max().unwrap_or_default()
    }

    /// The next connection id.
    pub fn connect(&mut self) -> i64 {
        self.connections += 1;
        self.connections
    }

    /// Where services move there is one of each for every home, the source's first; those of the destination are not
    /// deployed yet.
    pub fn split_homes(&mut self) {
        self.services.iter_mut().for_each(|s| s.home = Some(Side::Source));
        let there = |s: &Service| Service { home: Some(Side::Destination), deployed: false, ..s.clone() };
        let there: Vec<Service> = self.services.iter().map(there).collect();
        self.services.extend(there);
    }

    /// The service at a home, by the number of the one at the source.
    pub fn at_home(&self, i: usize, home: Side) -> Option<usize> {
        let name = &self.services.get(i)?.name;
        self.services.iter().position(|s| s.home == Some(home) && s.name == *name)
    }

    /// Whether some instance of a service, whatever its home, is so on a side.
    pub fn some_home(&self, i: usize, is: impl Fn(&Service) -> bool) -> bool {
        self.services.iter().filter(|s| s.name == self.services[i].name).any(is)
    }

    /// The journal was lost: who is not at the source now was never seen there.
    pub fn forget(&mut self) {
        for s in &mut self.services {
            if let Some(x) = s.at.get_mut(&Side::Source) {
                x.ever = x.connected.is_some();
            }
        }
        self.version += 1;
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<usize> {
        self.services.iter().position(|s| &*s.name == name)
    }

    /// The mirror of that name.
    pub fn mirror(&self, name: &str) -> Option<usize> {
        self.mirrors.iter().position(|m| &*m.name == name)
    }

    /// The mirrors that carry a namespace.
    pub fn carriers(&self, ns: &str) -> impl Iterator<Item = (usize, &Mirror)> {
        self.mirrors.iter().enumerate().filter(move |(_, m)| m.carries(ns))
    }
}
