//! The samplers of MongoDB: they turn the model into samples the way `src/sample/mongodb/` and `src/sample/mirror/` do.
//! Topology (with the majority commit point), clients, status, the oplog's ends and last the writes are each read at an
//! instant of their own, while the model goes on in between.

use crate::model::mongodb::mirror::Mirror;
use crate::model::mongodb::oplog::{What, stamp};
use crate::model::mongodb::{Db, MEMBERS};
use crate::mutate::Mutation;
use crate::sampler::failure;
use cutover_core::Name;
use cutover_core::estate::mongodb::{
    Collection, CollectionKind, Index, MirrorSample, MongoCatalog, MongoClient, MongoMember, MongoSample, Oplog,
    StoredOffsets, Transactions, Ts, Writes,
};
use cutover_core::estate::{Failure, FailureKind, Side};
use cutover_core::time::{Mono, Span, Wall};
use std::collections::{BTreeMap, BTreeSet};

/// The sub-readings of a regular sample, in their order.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Who is primary, the term, its clock, the majority commit point.
    Topology,
    /// Every member's clients; transactions and builds as the primary's operations show them.
    Clients,
    /// Transactions as the primary counts them, and its write block.
    Status,
    /// The ends of the oplog.
    Ends,
    /// What was written.
    Writes,
}

/// The order in which the sampler reads.
pub const ORDER: [Part; 5] = [Part::Topology, Part::Clients, Part::Status, Part::Ends, Part::Writes];

/// How far back the first reading of an oplog goes, in milliseconds.
const BACK: i64 = 2 * 86_400_000;
/// A sample tells every write of so many seconds.
const RECENT: i64 = 120;

/// What the sampler remembers of an oplog, and whose it is. It outlives elections: only where the entry that was the newest
/// is gone, because a rollback took it back or the window has passed it, does it begin anew.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    of: Name,
    from: Ts,
    to: Ts,
    /// When the newest entry was written: another one may have its timestamp after a rollback.
    at: Option<i64>,
    last: BTreeMap<Name, Ts>,
    recent: BTreeMap<(i64, Name), Ts>,
    together: BTreeSet<BTreeSet<Name>>,
}

impl Ring {
    /// Reads on to the end. `unpacks`: what transactions wrote is found in them.
    fn read(&mut self, db: &Db, side: Side, now: i64, unpacks: bool) -> Writes {
        let d = db.side(side);
        if self.of != d.id || d.oplog.written_at(self.to) != self.at {
            let from = d.oplog.first().max(stamp(now - BACK, 0));
            *self = Ring { of: d.id.clone(), from, to: Ts(from.0 - 1), ..Ring::default() };
        }
        for e in d.oplog.after(self.to) {
            let touched = e.what.namespaces();
            let transaction = matches!(&e.what, What::Docs(docs) if docs.len() > 1);
            let concerns = touched.iter().any(|ns| db.databases.contains(ns.split('.').next().unwrap_or("")));
            if transaction && concerns && unpacks {
                self.together.insert(touched.iter().map(|ns| (*ns).clone()).collect());
            }
            for ns in touched {
                if db.databases.contains(ns.split('.').next().unwrap_or("")) && (!transaction || unpacks) {
                    self.last.insert(ns.clone(), e.ts);
                    self.recent.insert((e.ts.seconds(), ns.clone()), e.ts);
                }
            }
        }
        self.to = d.oplog.newest();
        self.at = d.oplog.written_at(self.to);
        self.recent.retain(|(second, _), _| *second >= self.to.seconds() - RECENT);
        let mut recent: Vec<(Ts, Name)> = self.recent.iter().map(|((_, ns), ts)| (*ts, ns.clone())).collect();
        recent.sort();
        Writes {
            from: self.from,
            to: self.to,
            last: self.last.clone(),
            recent,
            together: self.together.clone(),
            together_cut: false,
        }
    }
}

/// A sample while it is being read.
#[derive(Debug)]
pub struct Draft {
    /// The side.
    pub side: Side,
    /// What has been read.
    pub sample: MongoSample,
    /// Some part failed as a whole.
    pub failed: Option<Failure>,
    /// When its first request was sent: true time and monotonic.
    pub sent: (i64, Mono),
    /// When the part before was answered: the next is asked for then.
    pub answered: Mono,
    open: u64,
}

fn refused() -> Failure {
    Failure::new(FailureKind::Privilege, "not authorized on local")
}

impl Draft {
    /// A sample whose first request goes out now.
    pub fn new(side: Side, now: i64, mono: Mono) -> Draft {
        let unread = || failure("not read");
        let sample = MongoSample {
            set_id: "".into(),
            set_name: "rs0".into(),
            primary: Err(unread()),
            term: 0,
            elected: Err(unread()),
            version: "".into(),
            clock: Wall(0),
            members: BTreeMap::new(),
            majority: Err(unread()),
            oplog: Err(unread()),
            committed: Err(unread()),
            writes: Err(unread()),
            transactions: Err(unread()),
            index_builds: Err(unread()),
            write_block: Err(unread()),
            listed: None,
            scanned: None,
        };
        Draft { side, sample, failed: None, sent: (now, mono), answered: mono, open: 0 }
    }

    /// Reads one part at this instant, asked for at `sent` and answered at `received`.
    pub fn read(
        &mut self,
        part: Part,
        db: &Db,
        ring: &mut Ring,
        now: i64,
        (sent, received): (Mono, Mono),
        broken: Option<Mutation>,
    ) {
        let d = db.side(self.side);
        if d.faults.down {
            self.failed.get_or_insert_with(|| failure("no answer"));
            return;
        }
        let span = Span { sent, received };
        let s = &mut self.sample;
        let primary = || match d.faults.election {
            true => Err(Failure::new(FailureKind::Server, "no primary")),
            false => Ok(()),
        };
        match part {
            Part::Topology => {
                s.set_id = if d.faults.imposter { "imposter".into() } else { d.id.clone() };
                s.primary = primary().map(|()| MEMBERS[0].into());
                (s.term, s.version, s.clock) = (d.term, d.version.clone(), Wall(crate::EPOCH + now));
                let hidden = broken == Some(Mutation::ElectionsHidden);
                s.elected = primary().map(|()| if hidden { Ts::default() } else { d.elected });
                s.majority = primary().map(|()| d.faults.majority.is_none());
                s.committed = primary().map(|()| d.committed(now));
                for (i, host) in MEMBERS.iter().enumerate() {
                    let state = if i == 0 && !d.faults.election { "PRIMARY" } else { "SECONDARY" };
                    let clients = Err(failure("its clients were not listed"));
                    s.members.insert((*host).into(), MongoMember { state: state.into(), clients });
                }
            }
            Part::Clients => {
                for (i, host) in MEMBERS.iter().enumerate() {
                    let clients = match d.faults.members.contains(*host) {
                        true => Err(failure("member does not answer")),
                        false => Ok(clients(db, self.side, i == 1, broken == Some(Mutation::RefusingIsGone))),
                    };
                    if let Some(m) = s.members.get_mut(*host) {
                        m.clients = clients;
                    }
                }
                self.open = d.open.len() as u64;
                s.index_builds = match d.faults.members.contains(MEMBERS[0]) {
                    true => Err(failure("member does not answer")),
                    false => primary().map(|()| d.builds.clone()),
                };
                s.listed = Some(span);
            }
            Part::Status => {
                let open = self.open.max(d.open.len() as u64);
                s.transactions = match &s.index_builds {
                    Ok(_) => primary().map(|()| Transactions { open, prepared: 0 }),
                    Err(f) => Err(f.clone()),
                };
                s.write_block = primary().map(|()| d.blocked);
            }
            Part::Ends => {
                s.scanned = Some(span);
                s.oplog = match d.faults.oplog {
                    true => Err(refused()),
                    false => primary().map(|()| Oplog {
                        first: d.oplog.first(),
                        last: d.oplog.newest(),
                        size: 1_000_000_000,
                        max_size: 1_000_000_000,
                    }),
                };
            }
            Part::Writes => {
                s.scanned = Some(s.scanned.map_or(span, |old| old.merge(span)));
                s.writes = match &s.oplog {
                    Ok(_) => {
                        let unpacks = broken != Some(Mutation::TransactionsPacked);
                        primary().map(|()| ring.read(db, self.side, now, unpacks))
                    }
                    Err(f) => Err(f.clone()),
                };
            }
        }
    }
}

/// Who is connected to a member.
fn clients(db: &Db, side: Side, secondary: bool, by_port: bool) -> Vec<MongoClient> {
    let client = |app_name: Name, id: i64| MongoClient {
        app_name,
        user: "".into(),
        address: "10.0.0.9".into(),
        first: id,
        last: id,
    };
    let services = db.services.iter().filter(|s| s.secondary == secondary);
    let mut all: Vec<_> = services.filter_map(|s| Some(client(s.app_name(side), s.connected(side)?))).collect();
    if !secondary {
        let lives = |m: &&Mirror| m.lives() && m.sessions && (m.port || !by_port);
        all.extend(db.mirrors.iter().filter(lives).map(|m| client(format!("mongomirror-{}", m.name).into(), 1)));
        all.extend(db.side(side).strangers.iter().map(|(name, id)| client(name.clone(), *id)));
    }
    all
}

/// The regular reading of a mirror, at one instant.
pub fn mirror(m: &Mirror) -> Result<MirrorSample, Failure> {
    let refused = || Failure::new(FailureKind::Unreachable, "connection refused");
    Ok(MirrorSample { instances: vec![Ok(m.status().ok_or_else(refused)?)] })
}

/// The first half of the slow reading: what there is.
pub fn catalog(db: &Db, side: Side) -> Result<MongoCatalog, Failure> {
    let d = db.side(side);
    if d.faults.down || d.faults.imposter || d.faults.election {
        return Err(failure("no answer"));
    }
    let empty = |name: &Name| (name.clone(), Ok(BTreeMap::new()));
    let mut databases: BTreeMap<Name, Result<BTreeMap<Name, Collection>, Failure>> =
        db.databases.iter().map(empty).collect();
    for (ns, c) in &d.collections {
        let Some((database, name)) = ns.split_once('.') else { continue };
        let Some(Ok(all)) = databases.get_mut(database) else { continue };
        let id = ("_id_".into(), Index { spec: "{\"_id\":1}".into(), ttl: false, building: false });
        let index = |i: &Name| {
            let building = d.builds.contains(ns);
            (i.clone(), Index { spec: format!("{{\"{i}\":1}}").into(), ttl: i.starts_with("ttl"), building })
        };
        let held = Collection {
            kind: c.kind,
            uuid: format!("{}-{}", d.id, c.uuid).into(),
            options: "{}".into(),
            indexes: Ok(std::iter::once(id).chain(c.indexes.iter().map(index)).collect()),
            documents: Ok(None),
            data_size: c.documents * 1_000,
            index_size: c.documents * 100,
        };
        all.insert(name.into(), held);
    }
    let set_id = d.id.clone();
    let changes = told(db, side, "changes").find_map(|n| n.parse().ok()).unwrap_or(0);
    Ok(MongoCatalog {
        set_id,
        databases,
        databases_outside: Ok(0),
        offsets: Ok(stored(db, side)),
        changes: Ok(changes),
    })
}

/// What a scenario says of a side's documents that the model does not hold.
fn told<'a>(db: &'a Db, side: Side, what: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let key = format!("{side} {what}");
    db.relaxed.iter().filter(move |(k, _)| *k == key).map(|(_, says)| &**says)
}

/// The offsets that documents store: `t/p N`, or `none` where those looked at store none.
fn stored(db: &Db, side: Side) -> StoredOffsets {
    let mut all = StoredOffsets::default();
    for says in told(db, side, "stored") {
        all.documents += 1;
        let offset = says.split_once(' ').and_then(|(tp, n)| Some((tp.rsplit_once('/')?, n.parse().ok()?)));
        if let Some(((topic, p), n)) = offset {
            all.highest.insert((topic.into(), p.parse().unwrap_or(0)), n);
        }
    }
    all
}

/// The second half: how many documents each says that it holds.
pub fn sizes(db: &Db, side: Side, c: &mut MongoCatalog) -> Result<(), Failure> {
    let d = db.side(side);
    if d.faults.down || d.faults.imposter || d.faults.election {
        return Err(failure("no answer"));
    }
    for (database, all) in &mut c.databases {
        for (name, held) in all.as_mut().map_err(|f| f.clone())? {
            let now = d.collections.get(&Name::from(format!("{database}.{name}")));
            if held.kind == CollectionKind::Collection {
                held.documents = now.map_or(Err(failure("ns does not exist")), |c| Ok(Some(c.documents + c.misjudged)));
            }
        }
    }
    Ok(())
}
