//! What has been read of an oplog so far: transactions being put together, and the newest writes.

use super::entry::{ELSEWHERE, Entry, Kind, Touches};
use cutover_core::Name;
use cutover_core::estate::mongodb::{ANYWHERE, Ts, Writes};
use std::collections::{BTreeMap, BTreeSet};

/// How far back the newest write of each second is kept.
const RECENT: i64 = 120;
/// Sets of namespaces written together that are kept.
const SETS: usize = 1000;
/// Unfinished transactions that are kept; of one that is forgotten the commit is a write anywhere.
const UNFINISHED: usize = 10_000;

/// How many entries back the first reading of an oplog goes at most.
pub(super) const BACK_ENTRIES: u32 = 200_000;

/// The memory of a deployment's oplog. It outlives elections: timestamp and term name an entry in every member's oplog,
/// and two that hold the same one hold the same before it. A primary that does not hold the entry seen last, which an
/// election took back, has another past.
#[derive(Clone, Debug)]
pub(in super::super) struct Memory {
    databases: BTreeSet<Name>,
    from: Option<Ts>,
    to: Option<Ts>,
    /// The term of the newest entry.
    term: Option<i64>,
    /// The oplog of the primary that is asked now holds the newest entry.
    of_this: bool,
    /// How many entries back a first reading tries to go.
    reach: u32,
    last: BTreeMap<Name, Ts>,
    recent: BTreeMap<(i64, Name), Ts>,
    together: BTreeSet<BTreeSet<Name>>,
    together_cut: bool,
    /// Transactions of which more is to come, by their newest entry.
    chains: BTreeMap<Ts, Touches>,
    /// Prepared ones, by the entry that prepared them.
    prepared: BTreeMap<Ts, Touches>,
    /// Deletes in collections with a TTL index, not judged yet, by second and namespace; and how many deletes there were
    /// since the last judgement, wherever.
    deletes: BTreeMap<(i64, Name), Ts>,
    deleted: u64,
    /// The TTL monitor's counter at the last judgement.
    swept: Option<i64>,
    /// The TTL monitor had counted exactly the deletes there had been, at the last judgement.
    even: bool,
}

impl Memory {
    /// Of an oplog of which nothing was read yet.
    pub(in super::super) fn new(databases: BTreeSet<Name>) -> Memory {
        Memory {
            databases,
            from: None,
            to: None,
            term: None,
            of_this: false,
            reach: BACK_ENTRIES,
            last: BTreeMap::new(),
            recent: BTreeMap::new(),
            together: BTreeSet::new(),
            together_cut: false,
            chains: BTreeMap::new(),
            prepared: BTreeMap::new(),
            deletes: BTreeMap::new(),
            deleted: 0,
            swept: None,
            even: false,
        }
    }

    /// The newest entry taken in.
    pub(super) fn to(&self) -> Option<Ts> {
        self.to
    }

    /// That is the newest entry taken in, and no other that happens to have its timestamp.
    pub(super) fn ends_with(&self, entry: &Entry) -> bool {
        self.to == Some(entry.ts) && self.term == entry.term
    }

    /// Another primary is asked from now on, or the same one after an election: its oplog may have another past, and its
    /// TTL monitor counts by itself.
    pub(in super::super) fn moved(&mut self) {
        (self.of_this, self.swept, self.even) = (false, None, false);
    }

    /// The primary that is asked holds the newest entry.
    pub(super) fn found(&mut self) {
        self.of_this = true;
    }

    /// Whether it was found to.
    pub(super) fn is_of_this(&self) -> bool {
        self.of_this
    }

    /// Begins anew.
    pub(super) fn forget(&mut self) {
        *self = Memory::new(std::mem::take(&mut self.databases));
    }

    /// How many entries back a first reading tries to go.
    pub(super) fn reach(&self) -> u32 {
        self.reach
    }

    /// So many took too long: half as many from now on.
    pub(super) fn halve(&mut self) -> u32 {
        self.reach /= 2;
        self.reach
    }

    /// Takes in the next entry; `expiring` are the collections with a TTL index.
    pub(super) fn take(&mut self, entry: Entry, expiring: &BTreeSet<Name>) {
        let at = entry.ts;
        self.from.get_or_insert(at);
        (self.to, self.term) = (Some(at), entry.term);
        match entry.kind {
            Kind::Nothing => {}
            Kind::Single(touches) => self.write(at, touches, expiring),
            Kind::Batch(b) => {
                let mut touches = match b.previous {
                    None => Touches::new(),
                    Some(previous) => self.chains.remove(&previous).unwrap_or_else(unresolved),
                };
                for (ns, t) in b.touches {
                    let sum = touches.entry(ns).or_default();
                    sum.writes += t.writes;
                    sum.deletes += t.deletes;
                }
                match (b.partial, b.prepared) {
                    (true, _) => keep(&mut self.chains, at, touches),
                    (false, true) => keep(&mut self.prepared, at, touches),
                    (false, false) => self.transaction(at, touches, expiring),
                }
            }
            Kind::Commit { prepared } => {
                let touches = prepared.and_then(|p| self.prepared.remove(&p)).unwrap_or_else(unresolved);
                self.transaction(at, touches, expiring);
            }
            Kind::Abort { prepared } => {
                prepared.map(|p| self.prepared.remove(&p));
            }
        }
    }

    fn transaction(&mut self, at: Ts, touches: Touches, expiring: &BTreeSet<Name>) {
        let concerns = touches.keys().any(|ns| self.told(ns).is_some());
        let several = touches.keys().filter(|ns| &***ns != ELSEWHERE).count() > 1;
        if several && concerns {
            let set: BTreeSet<Name> = touches.keys().filter(|ns| &***ns != ELSEWHERE).cloned().collect();
            match self.together.len() < SETS || self.together.contains(&set) {
                true => drop(self.together.insert(set)),
                false => self.together_cut = true,
            }
        }
        self.write(at, touches, expiring);
    }

    fn write(&mut self, at: Ts, touches: Touches, expiring: &BTreeSet<Name>) {
        for (ns, t) in touches {
            self.deleted += t.deletes;
            let Some(told) = self.told(&ns) else { continue };
            if t.writes > 0 || !expiring.contains(&ns) {
                self.real(at, told);
            } else {
                self.deletes.insert((at.seconds(), told), at);
            }
        }
    }

    /// The name a write is told under; `None` if it does not concern the databases of the migration.
    fn told(&self, ns: &Name) -> Option<Name> {
        match ns.split_once('.') {
            _ if &**ns == ANYWHERE => Some(ns.clone()),
            Some((database, _)) => self.databases.contains(database).then(|| ns.clone()),
            // A database as a whole.
            None => self.databases.contains(ns).then(|| ANYWHERE.into()),
        }
    }

    fn real(&mut self, at: Ts, ns: Name) {
        let newest = self.last.entry(ns.clone()).or_insert(at);
        *newest = at.max(*newest);
        let newest = self.recent.entry((at.seconds(), ns)).or_insert(at);
        *newest = at.max(*newest);
    }

    /// Judges the deletes taken in since the last judgement, by the TTL monitor's counter as read after them.
    ///
    /// It counts what it deletes on the whole server, and later than that is in the oplog. So that nobody's delete is taken
    /// for one of its own, they are only where it counted exactly as many as there were anywhere, and nothing was left
    /// to be counted from before.
    pub(super) fn judge(&mut self, counter: Option<i64>) {
        let rise = self.swept.zip(counter).and_then(|(before, now)| u64::try_from(now - before).ok());
        let even = rise == Some(self.deleted);
        let explained = even && self.even;
        self.even = even;
        let deletes = std::mem::take(&mut self.deletes);
        if !explained {
            for ((_, ns), at) in deletes {
                self.real(at, ns);
            }
        }
        self.deleted = 0;
        self.swept = counter;
    }

    /// What is told of it; `None` while nothing was read.
    pub(super) fn writes(&mut self) -> Option<Writes> {
        let (from, to) = (self.from?, self.to?);
        self.recent.retain(|(second, _), _| *second >= to.seconds() - RECENT);
        let mut recent: Vec<(Ts, Name)> = self.recent.iter().map(|((_, ns), at)| (*at, ns.clone())).collect();
        recent.sort();
        Some(Writes {
            from,
            to,
            last: self.last.clone(),
            recent,
            together: self.together.clone(),
            together_cut: self.together_cut,
        })
    }
}

/// What stands for the part of a transaction that was not read.
fn unresolved() -> Touches {
    let mut touches = Touches::new();
    touches.entry(ANYWHERE.into()).or_default().writes += 1;
    touches
}

fn keep(unfinished: &mut BTreeMap<Ts, Touches>, at: Ts, touches: Touches) {
    unfinished.insert(at, touches);
    if unfinished.len() > UNFINISHED {
        unfinished.pop_first();
    }
}
