//! What is safe, told from the state of the simulated servers and never from samples.
//!
//! A hazard is a reason why a step is not safe, about one subject, from one instant to another. The guarantee is
//! checked against these intervals: an answer that rests on a sample asked for at `s` (answered by `r`) promises that
//! no exact hazard overlaps `[s − for, s]`, and that no sampled one was there during the whole of `[s, r]` or for as
//! long as a sample may be believed inside the window.

use crate::model::Model;
use crate::model::apps::Style;
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::kafka::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};

/// Why a step is not safe.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hazard {
    /// The destination holds records before the switch.
    DestinationRecords,
    /// Somebody is attached at the destination.
    DestinationMember,
    /// A group has committed at the destination, elsewhere than at the end of an empty partition.
    DestinationCommit,
    /// A topic is missing at the destination.
    Missing,
    /// It has another number of partitions there.
    Partitions,
    /// A topic was written by a producer nobody declared.
    Undeclared,
    /// A producer still writes to the source.
    LiveProducer,
    /// The same, of a producer that nobody declared.
    UndeclaredProducer,
    /// A record on the source has not been committed by a group that reads its topic.
    Unread,
    /// The same, while the record is not replicated yet.
    UnreadHidden,
    /// A transaction is open on the source.
    OpenTransaction,
    /// A topic holds records, and no group reads it.
    NobodyReads,
    /// A pair is not committed where the destination began.
    NotSeeded,
    /// A reader is attached at the source.
    SourceReader,
    /// A reader that is no member committed something new at the source.
    Advanced,
    /// Records since the switch are gone from the destination.
    Trimmed,
    /// Records on the source are not past their retention.
    Unexpired,
    /// A group passed over records at the destination.
    Skipped,
    /// A group is not attached at the destination.
    NotAttached,
    /// A group has not committed what it found at the destination when it attached.
    Behind,
}

/// A hazard and what it is about: reader or producer, topic, partition.
pub type Key = (Hazard, u16, u16, u16);

/// How a hazard has to be caught.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Never inside the last so many milliseconds.
    Exact(i64),
    /// If it lasts.
    Sampled(i64),
}

/// A question to the truth: which hazards matter for a step, on which side they are seen, and how.
pub type Rules = &'static [(Hazard, Side, Rule)];

use Hazard::{
    Advanced, Behind, DestinationCommit, DestinationMember, DestinationRecords, LiveProducer, Missing, NobodyReads,
    NotAttached, NotSeeded, OpenTransaction, Partitions, Skipped, SourceReader, Trimmed, Undeclared,
    UndeclaredProducer, Unexpired, Unread, UnreadHidden,
};
use Rule::{Exact, Sampled};
use Side::{Destination as D, Source as S};

const NOBODY: i64 = 360_000;
const SHORT: i64 = 60_000;

/// What makes a go of a step's ready false. `begun`: the operator has begun it.
pub fn of_ready(step: &str, begun: bool, short: bool) -> Rules {
    match (step, begun, short) {
        ("switch-producers", false, _) => &[
            (DestinationRecords, D, Sampled(0)),
            (DestinationMember, D, Sampled(0)),
            (DestinationCommit, D, Sampled(0)),
            (Missing, D, Sampled(0)),
            (Partitions, D, Sampled(0)),
            (Undeclared, S, Exact(0)),
        ],
        ("switch-producers", true, _) => {
            &[(Missing, D, Sampled(0)), (Partitions, D, Sampled(0)), (Undeclared, S, Exact(0))]
        }
        ("stop-consumers", false, _) => &[
            (LiveProducer, S, Sampled(0)),
            (UndeclaredProducer, S, Sampled(0)),
            (Unread, S, Exact(60_000)),
            (UnreadHidden, S, Exact(0)),
            (OpenTransaction, S, Exact(60_000)),
            (NobodyReads, S, Sampled(0)),
            (NotSeeded, D, Sampled(0)),
            (DestinationMember, D, Sampled(0)),
        ],
        ("stop-consumers", true, _) => &[
            (LiveProducer, S, Sampled(0)),
            (UndeclaredProducer, S, Sampled(0)),
            (Unread, S, Exact(60_000)),
            (UnreadHidden, S, Exact(0)),
            (OpenTransaction, S, Exact(60_000)),
        ],
        ("start-consumers", false, false) => &[
            (SourceReader, S, Sampled(NOBODY)),
            (Unread, S, Exact(0)),
            // What it leaves behind is unread, or nothing: only what is open for the whole of a sample must be seen.
            (OpenTransaction, S, Sampled(0)),
            (NotSeeded, D, Sampled(0)),
            (DestinationMember, D, Sampled(0)),
            (Trimmed, D, Exact(0)),
        ],
        ("start-consumers", false, true) => &[
            (SourceReader, S, Sampled(SHORT)),
            (Unread, S, Exact(0)),
            // What it leaves behind is unread, or nothing: only what is open for the whole of a sample must be seen.
            (OpenTransaction, S, Sampled(0)),
            (NotSeeded, D, Sampled(0)),
            (DestinationMember, D, Sampled(0)),
            (Trimmed, D, Exact(0)),
        ],
        ("start-consumers", true, false) => {
            &[(SourceReader, S, Sampled(NOBODY)), (Unread, S, Exact(0)), (Trimmed, D, Exact(0))]
        }
        ("start-consumers", true, true) => {
            &[(SourceReader, S, Sampled(SHORT)), (Unread, S, Exact(0)), (Trimmed, D, Exact(0))]
        }
        ("retire-source", _, false) => {
            &[(SourceReader, S, Sampled(NOBODY)), (Unread, S, Exact(0)), (Unexpired, S, Exact(0))]
        }
        ("retire-source", _, true) => {
            &[(SourceReader, S, Sampled(SHORT)), (Unread, S, Exact(0)), (Unexpired, S, Exact(0))]
        }
        _ => &[],
    }
}

/// What makes it false that a step is done.
pub fn of_done(step: &str, short: bool) -> Rules {
    match (step, short) {
        ("switch-producers", _) => &[(LiveProducer, S, Sampled(0))],
        ("stop-consumers", false) => &[
            (SourceReader, S, Sampled(NOBODY)),
            (Advanced, S, Exact(NOBODY)),
            (Unread, S, Exact(60_000)),
            (OpenTransaction, S, Exact(60_000)),
        ],
        ("stop-consumers", true) => &[
            (SourceReader, S, Sampled(SHORT)),
            (Advanced, S, Exact(SHORT)),
            (Unread, S, Exact(60_000)),
            (OpenTransaction, S, Exact(60_000)),
        ],
        // A person may set a group back to what it skipped while a sample is being read: what lasts counts.
        ("start-consumers", _) => {
            &[(Skipped, D, Sampled(0)), (NotAttached, D, Sampled(0)), (Behind, D, Exact(0)), (Trimmed, D, Exact(0))]
        }
        _ => &[],
    }
}

/// A promise that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The hazard.
    pub key: Key,
    /// From when to when it was there, in true milliseconds; `None` if it still is.
    pub from: i64,
    /// See `from`.
    pub to: Option<i64>,
}

/// All hazards so far.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    open: BTreeMap<Key, i64>,
    past: Vec<(Key, i64, i64)>,
    names: Vec<Name>,
    /// How far each reader has committed on the source, by topic id: what it has read stays read when its offsets expire.
    read: BTreeMap<(usize, uuid::Uuid, i32), i64>,
    /// Pairs a person took off the list: reader, partition, at which committed offset and end.
    pub accepted: BTreeMap<(usize, TopicPartition), (Option<i64>, i64)>,
    seen: Option<u64>,
}

impl Truth {
    /// Looks at the model.
    pub fn update(&mut self, m: &Model, now: i64) {
        self.advances(m, now);
        if self.seen == Some(m.version) {
            return;
        }
        self.seen = Some(m.version);
        let current = self.current(m, now);
        let gone: Vec<Key> = self.open.keys().filter(|k| !current.contains(*k)).copied().collect();
        for k in gone {
            if let Some(from) = self.open.remove(&k) {
                self.past.push((k, from, now));
            }
        }
        for k in current {
            self.open.entry(k).or_insert(now);
        }
    }

    /// A person has carried over, or answered for, what one topic of a side still held or lost: what was unread or
    /// trimmed there is so no more, and a go may rest on that word at once.
    pub fn settled_by_word(&mut self, side: Side, topic: &Name) {
        let id = self.topic(topic);
        let settled = |k: &Key| match side {
            S => matches!(k.0, Unread | UnreadHidden) && k.2 == id,
            D => k.0 == Trimmed && k.2 == id,
        };
        self.open.retain(|k, _| !settled(k));
        self.past.retain(|(k, ..)| !settled(k));
        self.seen = None;
    }

    /// A person says that a reader passes over nothing of a topic any more.
    pub fn nothing_skipped(&mut self, reader: usize, topic: &Name) {
        let id = self.topic(topic);
        let settled = |k: &Key| k.0 == Skipped && k.1 == small(reader) && k.2 == id;
        self.open.retain(|k, _| !settled(k));
        self.past.retain(|(k, ..)| !settled(k));
        self.seen = None;
    }

    fn advances(&mut self, m: &Model, now: i64) {
        for (i, r) in m.readers.iter().enumerate().filter(|(_, r)| r.style == Style::Assign) {
            if r.at.get(&S).is_some_and(|x| x.advanced == Some(now)) {
                let key = (Advanced, small(i), 0, 0);
                if self.past.last() != Some(&(key, now, now)) {
                    self.past.push((key, now, now));
                }
            }
        }
    }

    fn topic(&mut self, t: &Name) -> u16 {
        let at = self.names.iter().position(|n| n == t).unwrap_or_else(|| {
            self.names.push(t.clone());
            self.names.len() - 1
        });
        small(at)
    }

    /// In words.
    pub fn say(&self, k: Key, m: &Model) -> String {
        let topic = self.names.get(usize::from(k.2)).map_or("", |n| n);
        let who = match k.0 {
            LiveProducer | UndeclaredProducer => m.producers.get(usize::from(k.1)).map(|p| p.name.clone()),
            _ => m.readers.get(usize::from(k.1)).map(|r| r.group.clone()),
        };
        format!("{:?} {} {topic}/{}", k.0, who.as_deref().unwrap_or("?"), k.3)
    }

    fn current(&mut self, m: &Model, now: i64) -> BTreeSet<Key> {
        let mut out = BTreeSet::new();
        self.source(m, &mut out);
        self.destination(m, &mut out);
        for (i, p) in m.producers.iter().enumerate() {
            if p.on == Some(S) && !p.retired && !p.returned {
                out.insert((if p.declared { LiveProducer } else { UndeclaredProducer }, small(i), 0, 0));
            }
        }
        for (i, r) in m.readers.iter().enumerate() {
            self.reader(m, i, r, &mut out);
        }
        // Retention runs by itself: `unexpired` is asked for, not watched.
        let _ = now;
        out
    }

    fn source(&mut self, m: &Model, out: &mut BTreeSet<Key>) {
        for (name, t) in &m.side(S).topics {
            let id = self.topic(name);
            let there = m.side(D).topics.get(name);
            match there {
                None => {
                    out.insert((Missing, 0, id, 0));
                }
                Some(d) if d.logs.len() != t.logs.len() && !m.agreed("partitions-differ", name) => {
                    out.insert((Partitions, 0, id, 0));
                }
                Some(_) => {}
            }
            let ever = t.logs.iter().any(|l| l.high() > 0);
            if ever && name.ends_with(".ingestion") && !m.declared(name) {
                out.insert((Undeclared, 0, id, 0));
            }
            let read = m.agreed("unread", name);
            if !read && t.logs.iter().any(|l| l.low < l.high()) && !m.readers.iter().any(|r| r.reads.contains(name)) {
                out.insert((NobodyReads, 0, id, 0));
            }
            for (p, l) in (0u16..).zip(&t.logs) {
                if l.open() {
                    out.insert((OpenTransaction, 0, id, p));
                }
            }
        }
    }

    fn destination(&mut self, m: &Model, out: &mut BTreeSet<Key>) {
        let d = m.side(D);
        for (name, t) in &d.topics {
            let id = self.topic(name);
            for (p, l) in (0u16..).zip(&t.logs) {
                if l.low < l.high() {
                    out.insert((DestinationRecords, 0, id, p));
                }
                let start = m.starts.get(&(name.clone(), i32::from(p)));
                if start.is_some_and(|(old, start)| *old != t.id || l.low > *start) {
                    out.insert((Trimmed, 0, id, p));
                }
            }
        }
        for (i, (_, g)) in d.groups.iter().enumerate() {
            if g.members.values().any(|j| j.expires.is_none() && j.topics.iter().any(|t| d.topics.contains_key(t))) {
                out.insert((DestinationMember, small(i), 0, 0));
            }
            for ((t, p), c) in &g.commits {
                let seeded = m.log(D, t, *p).is_some_and(|l| l.is_empty() && l.high() == *c);
                if !seeded {
                    let id = self.topic(t);
                    out.insert((DestinationCommit, small(i), id, u16::try_from(*p).unwrap_or(0)));
                }
            }
        }
    }

    fn reader(&mut self, m: &Model, i: usize, r: &crate::model::apps::Reader, out: &mut BTreeSet<Key>) {
        let (s, d) = (m.side(S), m.side(D));
        let live = |side: Side| r.at.get(&side).is_some_and(|x| x.running && x.attached);
        if live(S) && r.style != Style::Assign {
            out.insert((SourceReader, small(i), 0, 0));
        }
        if !live(D) {
            out.insert((NotAttached, small(i), 0, 0));
        }
        // Nothing measures what one that never commits has read: a member of it is all that can be asked for.
        let inst = r.at.get(&D).filter(|x| x.running && x.attached && r.style != Style::Silent);
        for (tp, found) in inst.into_iter().flat_map(|x| &x.found) {
            let committed = d.groups.get(&r.group).and_then(|g| g.commits.get(tp));
            let left = m.log(D, &tp.0, tp.1).map_or(0, |l| l.given(committed.copied().unwrap_or(l.low), *found));
            if left > 0 {
                let id = self.topic(&tp.0);
                out.insert((Behind, small(i), id, u16::try_from(tp.1).unwrap_or(0)));
            }
        }
        for tp in r.skipped.keys() {
            let id = self.topic(&tp.0);
            out.insert((Skipped, small(i), id, u16::try_from(tp.1).unwrap_or(0)));
        }
        let group = s.groups.get(&r.group);
        for topic in &r.reads {
            let id = self.topic(topic);
            for p in 0..m.partitions(S, topic) {
                let tp = (topic.clone(), p);
                let Some(log) = m.log(S, topic, p) else { continue };
                let mut committed = group.and_then(|g| g.commits.get(&tp)).copied();
                let about = (i, s.topics[topic].id, p);
                match committed {
                    Some(c) => {
                        self.read.insert(about, c);
                    }
                    None => committed = self.read.get(&about).copied(),
                }
                let key = |h| (h, small(i), id, u16::try_from(p).unwrap_or(0));
                if self.accepted.get(&(i, tp.clone())) == Some(&(committed, log.high())) && log.high() == log.end() {
                    continue;
                }
                let from = committed.unwrap_or(log.low);
                if log.given(from, log.high()) > 0 {
                    out.insert(key(Unread));
                } else if log.given(from, log.end()) > 0 {
                    out.insert(key(UnreadHidden));
                }
            }
            for p in 0..m.partitions(D, topic) {
                let tp = (topic.clone(), p);
                let Some((_, start)) = m.starts.get(&tp) else { continue };
                let committed = d.groups.get(&r.group).and_then(|g| g.commits.get(&tp));
                if !r.unseeded && committed != Some(start) {
                    out.insert((NotSeeded, small(i), id, u16::try_from(p).unwrap_or(0)));
                }
            }
        }
    }

    /// Whether records on the source that were there at `by` are younger than their retention at `now`.
    pub fn unexpired(m: &Model, now: i64, by: i64) -> bool {
        m.side(S).topics.iter().filter(|(name, _)| !m.agreed("archived", name)).any(|(_, t)| {
            t.logs.iter().any(|l| {
                l.newest_by(by).is_some_and(|at| t.config.retention_ms < 0 || at + t.config.retention_ms > now)
            })
        })
    }

    /// The first promise that a go broke which rests on samples asked for and answered at `sources` (source) and
    /// `destinations`; `lasting` is how long a sampled hazard may go unseen.
    pub fn broken(
        &self,
        rules: Rules,
        m: &Model,
        at: impl Fn(Side) -> Option<(i64, i64)>,
        lasting: i64,
        evaluated: i64,
    ) -> Option<Broken> {
        for (hazard, side, rule) in rules {
            let span = match hazard {
                // Two lists held against each other: a change of either may be seen by the next sample of its side only.
                Missing | Partitions => at(S).zip(at(D)).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))),
                _ => at(*side),
            };
            let Some((s, r)) = span else { continue };
            if *hazard == Unexpired {
                // What is expired stays so: the instant of the answer counts.
                if Truth::unexpired(m, evaluated, s) {
                    return Some(Broken { key: (Unexpired, 0, 0, 0), from: s, to: None });
                }
                continue;
            }
            let open = self.open.iter().map(|(k, f)| (*k, *f, None));
            let past = self.past.iter().rev().map(|(k, f, t)| (*k, *f, Some(*t)));
            for (key, from, to) in open.chain(past).filter(|(k, ..)| k.0 == *hazard) {
                let end = to.unwrap_or(i64::MAX);
                let hit = match rule {
                    Exact(w) => from <= s && end > s - w,
                    Sampled(w) => (from <= s && end >= r) || end.min(s) - from.max(s - w) >= lasting,
                };
                if hit {
                    return Some(Broken { key, from, to });
                }
            }
        }
        None
    }

    /// Since when none of these hazards has been there; `None` while one is.
    pub fn safe_since(&self, rules: Rules) -> Option<i64> {
        let mine = |k: &Key| rules.iter().any(|(h, ..)| *h == k.0);
        if self.open.keys().any(mine) {
            return None;
        }
        Some(self.past.iter().filter(|(k, ..)| mine(k)).map(|(.., t)| *t).max().unwrap_or(0))
    }

    /// Hazards that are there now, of these.
    pub fn now(&self, rules: &[(Hazard, Side, Rule)]) -> Vec<Key> {
        self.open.keys().filter(|k| rules.iter().any(|(h, ..)| *h == k.0)).copied().collect()
    }
}

fn small(i: usize) -> u16 {
    u16::try_from(i).unwrap_or(u16::MAX)
}
