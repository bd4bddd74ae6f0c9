//! An oplog: what was written, in order, under timestamps of seconds and ordinals.

use crate::EPOCH;
use cutover_core::Name;
use cutover_core::estate::mongodb::{CollectionKind, Ts};
use std::collections::{BTreeMap, VecDeque};

/// What an entry does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Nothing: a heartbeat.
    Noop,
    /// Documents more or fewer (0: changed), by namespace; several are one transaction.
    Docs(Vec<(Name, i64)>),
    /// A collection is created.
    Create(Name, CollectionKind),
    /// A collection is dropped.
    Drop(Name),
    /// An index is created.
    Index(Name, Name),
    /// An index is dropped.
    DropIndex(Name, Name),
}

impl What {
    /// The namespaces it touches.
    pub fn namespaces(&self) -> Vec<&Name> {
        match self {
            What::Noop => Vec::new(),
            What::Docs(docs) => docs.iter().map(|(ns, _)| ns).collect(),
            What::Create(ns, _) | What::Drop(ns) | What::Index(ns, _) | What::DropIndex(ns, _) => vec![ns],
        }
    }
}

/// An entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its timestamp.
    pub ts: Ts,
    /// When it was written, in true milliseconds.
    pub at: i64,
    /// What it does.
    pub what: What,
    /// A mirror wrote it.
    pub carried: bool,
}

/// An oplog.
#[derive(Clone, Debug)]
pub struct Oplog {
    /// What is left of it, oldest first.
    pub entries: VecDeque<Entry>,
    /// The newest real write of each namespace.
    pub last: BTreeMap<Name, Ts>,
    /// How far back it reaches, in milliseconds.
    pub window: i64,
}

impl Oplog {
    /// One that reaches back `window` milliseconds, with one heartbeat at its beginning.
    pub fn new(window: i64) -> Oplog {
        let at = -window;
        let entry = Entry { ts: stamp(at, 1), at, what: What::Noop, carried: false };
        Oplog { entries: VecDeque::from([entry]), last: BTreeMap::new(), window }
    }

    /// Its oldest entry.
    pub fn first(&self) -> Ts {
        self.entries.front().map_or(Ts::default(), |e| e.ts)
    }

    /// Its newest entry.
    pub fn newest(&self) -> Ts {
        self.entries.back().map_or(Ts::default(), |e| e.ts)
    }

    /// The newest entry that was written not later than an instant.
    pub fn by(&self, at: i64) -> Ts {
        self.entries.iter().rev().find(|e| e.at <= at).map_or(self.first(), |e| e.ts)
    }

    /// Entries after a timestamp.
    pub fn after(&self, ts: Ts) -> impl Iterator<Item = &Entry> {
        let from = self.entries.partition_point(|e| e.ts <= ts);
        self.entries.range(from..)
    }

    /// When the entry of that timestamp was written, in true milliseconds; `None` where there is none.
    pub fn written_at(&self, ts: Ts) -> Option<i64> {
        let i = self.entries.binary_search_by(|e| e.ts.cmp(&ts)).ok()?;
        self.entries.get(i).map(|e| e.at)
    }

    /// Appends an entry and lets go of what is older than the window.
    pub fn append(&mut self, what: What, carried: bool, now: i64) -> Ts {
        let (newest, fresh) = (self.newest(), stamp(now, 1));
        let ts = if newest >= fresh { Ts(newest.0 + 1) } else { fresh };
        for ns in what.namespaces() {
            self.last.insert(ns.clone(), ts);
        }
        self.entries.push_back(Entry { ts, at: now, what, carried });
        while self.entries.len() > 2 && self.entries[1].at <= now - self.window {
            self.entries.pop_front();
        }
        ts
    }

    /// Takes back what is newer than a timestamp, newest first.
    pub fn roll_back(&mut self, to: Ts) -> Vec<Entry> {
        let mut gone = Vec::new();
        while self.entries.len() > 1 && self.newest() > to {
            gone.extend(self.entries.pop_back());
        }
        if !gone.is_empty() {
            let lost: Vec<Name> = gone.iter().flat_map(|e| e.what.namespaces()).cloned().collect();
            for ns in lost {
                let before = self.entries.iter().rev().find(|e| e.what.namespaces().contains(&&ns));
                match before.map(|e| e.ts) {
                    Some(ts) => drop(self.last.insert(ns, ts)),
                    None => drop(self.last.remove(&ns)),
                }
            }
        }
        gone
    }
}

/// The timestamp of the `ordinal`th entry in the second of an instant.
pub fn stamp(at: i64, ordinal: u32) -> Ts {
    Ts::new(u32::try_from((EPOCH + at).div_euclid(1000)).unwrap_or(0), ordinal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(o: &mut Oplog, at: i64) -> Ts {
        o.append(What::Docs(vec![("a.b".into(), 1)]), false, at)
    }

    #[test]
    fn entries_of_one_second_have_ordinals_of_their_own() {
        let mut o = Oplog::new(10_000);
        let (a, b, c) = (write(&mut o, 5_100), write(&mut o, 5_900), write(&mut o, 6_000));
        assert!(a < b && b < c && a.seconds() == b.seconds() && c.seconds() == a.seconds() + 1);
        assert_eq!(o.after(a).count(), 2);
        assert_eq!(o.by(5_950), b);
    }

    #[test]
    fn the_window_slides_and_a_rollback_forgets() {
        let mut o = Oplog::new(10_000);
        let a = write(&mut o, 1_000);
        let b = write(&mut o, 20_000);
        write(&mut o, 20_001);
        assert!(o.first() >= a, "what is older than the window is gone");
        assert_eq!(o.roll_back(b).len(), 1);
        assert_eq!(o.last.values().max(), Some(&b));
    }
}
