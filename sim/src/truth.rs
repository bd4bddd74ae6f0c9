//! What is safe, told from the state of the simulated servers and never from samples.
//!
//! A hazard is a reason why a step is not safe, about one subject, from one instant to another. The guarantee is
//! checked against these intervals: an answer that rests on a sample asked for at `s` (answered by `r`) promises that
//! no exact hazard overlaps `[s − for, s]`, and that no sampled one was there during the whole of `[s, r]` or for as
//! long as a sample may be believed inside the window.

use crate::model::Model;
use crate::model::apps::{ELSEWHERE, Style};
use crate::model::mongodb::Db;
use crate::truth_mongodb;
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
    /// The destination's MongoDB holds collections before the mirrors are started.
    DestinationData,
    /// A collection on the source is carried by no mirror, or by several.
    Uncovered,
    /// A transaction wrote what different mirrors carry, or none.
    Spanning,
    /// Something that the mirrors cannot carry.
    NotMirrorable,
    /// Both sides are one deployment.
    SameSet,
    /// The source has no primary.
    NoPrimary,
    /// The destination has no primary.
    Lonely,
    /// The destination has no majority.
    NoMajority,
    /// A mirror does not carry, or says that something is wrong.
    MirrorAway,
    /// A mirror runs.
    MirrorLives,
    /// A write was not carried for longer than it may show.
    Late,
    /// A mirror is close to the end of the source's oplog.
    ShortHeadroom,
    /// A collection or an index of the source is missing at the destination.
    MissingThere,
    /// Users may write at the destination.
    DestinationWritable,
    /// Users may not write at the destination.
    WriteBlocked,
    /// An index is being built at the destination.
    Build,
    /// A reader is connected to the source.
    MongoReader,
    /// A reader was never connected to the destination.
    ReaderAway,
    /// A writer of the source runs, whether it is connected at the moment or not.
    LiveWriter,
    /// A writer is connected to the source.
    MongoWriter,
    /// A writer is not connected to the destination.
    WriterAway,
    /// The source was written: an instant.
    Written,
    /// A transaction is open on the source.
    OpenWrite,
    /// A write on the source was not carried.
    Unapplied,
    /// The same, where no mirror carries it.
    Uncarried,
    /// The last write on the source is not committed by a majority.
    Uncommitted,
    /// Collections, indexes or counts are not the same on both sides.
    Differs,
    /// Somebody else than a mirror wrote at the destination: an instant.
    Stray,
    /// The same, since the mirrors ended, and nobody has spoken for it.
    Strayed,
}

impl Hazard {
    /// It is about MongoDB, and seen by the samplers of MongoDB.
    pub fn of_mongodb(self) -> bool {
        self >= DestinationData
    }

    /// It is seen by the samplers of the mirrors.
    pub fn of_mirrors(self) -> bool {
        matches!(self, MirrorAway | Late | ShortHeadroom)
    }

    /// It lies between two deployments: a change of either may be seen by the next sample of its side only.
    fn of_both(self) -> bool {
        matches!(self, Missing | Partitions | Differs | MirrorLives | MissingThere | Uncovered | Spanning)
    }
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
    /// Never inside the last so many milliseconds by the server's own clock, which is read after the request was sent.
    Since(i64),
    /// If it is still there: a list that was taken since the sample may show that it is gone.
    Standing,
    /// If it has lasted for as long as a list of collections may be believed, and is still there.
    Listed,
}

/// How long a list of collections may be believed: three slow intervals.
const LISTED: i64 = 900_000;

/// A question to the truth: which hazards matter for a step, on which side they are seen, and how.
pub type Rules = &'static [(Hazard, Side, Rule)];

use Hazard::{
    Advanced, Behind, DestinationCommit, DestinationData, DestinationMember, DestinationRecords, Differs, Late,
    LiveProducer, MirrorAway, MirrorLives, Missing, MissingThere, NobodyReads, NotAttached, NotSeeded, OpenTransaction,
    Partitions, ShortHeadroom, Skipped, SourceReader, Spanning, Stray, Trimmed, Uncovered, Undeclared,
    UndeclaredProducer, Unexpired, Unread, UnreadHidden, Written,
};
use Rule::{Exact, Listed, Sampled, Since, Standing};
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
            &[(Skipped, D, Sampled(0)), (NotAttached, D, Sampled(0)), (Behind, D, Sampled(0)), (Trimmed, D, Exact(0))]
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
    /// What is over, by hazard, in the order in which it ended.
    past: BTreeMap<Hazard, Vec<(Key, i64, i64)>>,
    names: Vec<Name>,
    /// How far each reader has committed on the source, by topic id: what it has read stays read when its offsets expire.
    read: BTreeMap<(usize, uuid::Uuid, i32), i64>,
    /// Pairs a person took off the list: reader, partition, at which committed offset and end.
    pub accepted: BTreeMap<(usize, TopicPartition), (Option<i64>, i64)>,
    seen: Option<u64>,
    seen_db: Option<u64>,
    /// When the next write to MongoDB becomes late.
    late_at: Option<i64>,
    written: usize,
    strays: usize,
}

impl Truth {
    /// Looks at the model.
    pub fn update(&mut self, m: &Model, db: &Db, now: i64) {
        self.advances(m, now);
        if self.seen != Some(m.version) {
            self.seen = Some(m.version);
            let current = self.current(m, now);
            self.follow(&current, false, now);
        }
        if !db.databases.is_empty() && (self.seen_db != Some(db.version) || self.late_at.is_some_and(|at| at <= now)) {
            self.seen_db = Some(db.version);
            self.late_at = truth_mongodb::late_at(db).map(|at| at.max(now + 1));
            let mut current = BTreeSet::new();
            truth_mongodb::current(db, now, |h, i| {
                current.insert((h, small(i), 0, 0));
            });
            self.follow(&current, true, now);
            // The majority follows by itself.
            if current.iter().any(|k| k.0 == Hazard::Uncommitted) {
                self.late_at = Some(self.late_at.map_or(now + 100, |at| at.min(now + 100)));
            }
            for at in &db.written[self.written..] {
                self.past.entry(Written).or_default().push(((Written, 0, 0, 0), *at, *at));
            }
            for (at, _) in &db.strays[self.strays..] {
                self.past.entry(Stray).or_default().push(((Stray, 0, 0, 0), *at, *at));
            }
            (self.written, self.strays) = (db.written.len(), db.strays.len());
        }
    }

    fn follow(&mut self, current: &BTreeSet<Key>, of_mongodb: bool, now: i64) {
        let mine = |k: &Key| k.0.of_mongodb() == of_mongodb;
        let gone: Vec<Key> = self.open.keys().filter(|k| mine(k) && !current.contains(*k)).copied().collect();
        for k in gone {
            if let Some(from) = self.open.remove(&k) {
                self.past.entry(k.0).or_default().push((k, from, now));
            }
        }
        for k in current {
            self.open.entry(*k).or_insert(now);
        }
    }

    /// What was written at these instants was taken back by an election: it was not.
    pub fn taken_back(&mut self, gone: &[i64]) {
        for h in [Written, Stray] {
            self.past.entry(h).or_default().retain(|(_, at, _)| !gone.contains(at));
        }
        self.seen_db = None;
    }

    /// A person has answered for what is different between the two deployments, or was not carried: a go may rest on
    /// that word at once.
    pub fn settled_in_mongodb(&mut self, hazards: &[Hazard]) {
        self.open.retain(|k, _| !hazards.contains(&k.0));
        self.past.retain(|h, _| !hazards.contains(h));
        self.seen_db = None;
    }

    /// A person has carried over, or answered for, what one topic of a side still held or lost: what was unread or
    /// trimmed there is so no more, and a go may rest on that word at once.
    pub fn settled_by_word(&mut self, side: Side, topic: &Name) {
        let id = self.topic(topic);
        let settled = |k: &Key| match side {
            S => matches!(k.0, Unread | UnreadHidden) && k.2 == id,
            // What starts there now is what groups are seeded at, from that instant on.
            D => matches!(k.0, Trimmed | NotSeeded) && k.2 == id,
        };
        self.open.retain(|k, _| !settled(k));
        self.past.values_mut().for_each(|p| p.retain(|(k, ..)| !settled(k)));
        self.seen = None;
    }

    /// A person says that a reader passes over nothing of a topic any more.
    pub fn nothing_skipped(&mut self, reader: usize, topic: &Name) {
        let id = self.topic(topic);
        let settled = |k: &Key| k.0 == Skipped && k.1 == small(reader) && k.2 == id;
        self.open.retain(|k, _| !settled(k));
        self.past.values_mut().for_each(|p| p.retain(|(k, ..)| !settled(k)));
        self.seen = None;
    }

    fn advances(&mut self, m: &Model, now: i64) {
        for (i, r) in m.readers.iter().enumerate().filter(|(_, r)| r.style == Style::Assign) {
            if r.at.get(&S).is_some_and(|x| x.advanced == Some(now)) {
                let key = (Advanced, small(i), 0, 0);
                let past = self.past.entry(Advanced).or_default();
                if past.last() != Some(&(key, now, now)) {
                    past.push((key, now, now));
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
    pub fn say(&self, k: Key, m: &Model, db: &Db) -> String {
        if k.0.of_mongodb() {
            let name = match k.0 {
                MirrorAway | MirrorLives | Late | ShortHeadroom => {
                    db.mirrors.get(usize::from(k.1)).map(|m| m.name.clone())
                }
                Hazard::MongoReader
                | Hazard::ReaderAway
                | Hazard::LiveWriter
                | Hazard::MongoWriter
                | Hazard::WriterAway => db.services.get(usize::from(k.1)).map(|s| s.name.clone()),
                Hazard::Unapplied | Hazard::Uncarried => db.side(S).oplog.last.keys().nth(usize::from(k.1)).cloned(),
                _ => db.side(S).collections.keys().nth(usize::from(k.1)).cloned(),
            };
            return format!("{:?} {}", k.0, name.as_deref().unwrap_or("?"));
        }
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
        // One that was killed is a member until its session has timed out.
        let member = |n: u32| d.groups.get(&r.group).is_some_and(|g| g.members.contains_key(&n));
        if !live(D) && !member(u32::from(small(i))) && !member(u32::from(small(i)) + ELSEWHERE) {
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
        // Set back to where the log began, it reads what it had skipped with the next poll.
        let starts_anew = !r.at.get(&D).is_some_and(|x| x.attached);
        let set_back = |tp: &TopicPartition| {
            let committed = d.groups.get(&r.group).and_then(|g| g.commits.get(tp));
            starts_anew && committed.zip(m.starts.get(tp)).is_some_and(|(c, (_, start))| c <= start)
        };
        for tp in r.skipped.keys().filter(|tp| r.style != Style::Silent && !set_back(tp)) {
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
                // Said to be read up to where it ended: what lies under a high watermark that stands still since is not.
                let said = self.accepted.get(&(i, tp.clone())) == Some(&(committed, log.high()));
                if said && log.high() == log.end() {
                    continue;
                }
                let from = if said { log.high() } else { committed.unwrap_or(log.low) };
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

    /// Whether records on the source that were there at `by` are younger than their retention at `now`; all of them, or those below
    /// the high watermarks of that time only.
    pub fn unexpired(m: &Model, now: i64, by: i64, all: bool) -> bool {
        m.side(S).topics.iter().filter(|(name, _)| !m.agreed("archived", name)).any(|(_, t)| {
            t.logs.iter().any(|l| {
                let below = if all { l.end() } else { l.high_at(by) };
                l.newest_by(by, below).is_some_and(|at| t.config.retention_ms < 0 || at + t.config.retention_ms > now)
            })
        })
    }

    /// The first promise that a go broke which rests on samples asked for and answered as `at` says of a hazard and its
    /// side, and that is not excused; `lasting` is how long a sampled hazard may go unseen.
    pub fn broken(
        &self,
        rules: Rules,
        m: &Model,
        at: impl Fn(Hazard, Side) -> Option<(i64, i64)>,
        lasting: i64,
        evaluated: i64,
        excused: impl Fn(&Broken) -> bool,
    ) -> Option<Broken> {
        for (hazard, side, rule) in rules {
            let span = match hazard.of_both() {
                true => at(*hazard, S).into_iter().chain(at(*hazard, D)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))),
                false => at(*hazard, *side),
            };
            let Some((s, r)) = span else { continue };
            if *hazard == Unexpired {
                // What is expired stays so: the instant of the answer counts.
                let b = Broken { key: (Unexpired, 0, 0, 0), from: s, to: None };
                if Truth::unexpired(m, evaluated, s, true) && !excused(&b) {
                    return Some(b);
                }
                continue;
            }
            let back = match rule {
                Exact(w) | Sampled(w) | Since(w) => *w,
                Listed | Standing => 0,
            };
            let open = self.open.range((*hazard, 0, 0, 0)..=(*hazard, u16::MAX, u16::MAX, u16::MAX));
            let past = self.past.get(hazard).map_or(&[][..], |p| p).iter().rev();
            // What ended before the window matters no more, nor does anything that ended earlier.
            let past = past.take_while(|(.., t)| *t >= s - back).map(|(k, f, t)| (*k, *f, Some(*t)));
            for (key, from, to) in open.map(|(k, f)| (*k, *f, None)).chain(past) {
                let end = to.unwrap_or(i64::MAX);
                let hit = match rule {
                    Exact(w) => from <= s && end > s - w,
                    Since(w) => from <= s && end > r - w,
                    Sampled(w) => (from <= s && end >= r) || end.min(s) - from.max(s - w) >= lasting,
                    Standing => from <= s && to.is_none(),
                    // A list that was taken since the sample may show that it is gone.
                    Listed => from <= s - LISTED && to.is_none(),
                };
                let b = Broken { key, from, to };
                if hit && !excused(&b) {
                    return Some(b);
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
        let past = rules.iter().filter_map(|(h, ..)| self.past.get(h)?.last());
        Some(past.map(|(.., t)| *t).max().unwrap_or(0))
    }

    /// Hazards that are there now, of these.
    pub fn now(&self, rules: &[(Hazard, Side, Rule)]) -> Vec<Key> {
        self.open.keys().filter(|k| rules.iter().any(|(h, ..)| *h == k.0)).copied().collect()
    }
}

fn small(i: usize) -> u16 {
    u16::try_from(i).unwrap_or(u16::MAX)
}
