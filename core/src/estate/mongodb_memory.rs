//! What is remembered of a MongoDB deployment and of a mirror between samples.

use super::Failure;
use super::memory::CLIENTS;
use super::mongodb::{
    Collection, HeldData, MirrorSample, MirrorStatus, MongoCatalog, MongoClient, MongoCounts, MongoSample, Ts, Writes,
};
use crate::Name;
use crate::time::{Dur, Mono, Span, Wall};
use std::collections::{BTreeMap, VecDeque};

/// Points kept of a series: at least ten minutes at the default interval.
const POINTS: usize = 160;

/// How far the oplog went is remembered for this long: longer than anybody waits for silence.
const SCANS: Dur = Dur::hours(2);
/// And so many of its ends at most.
const MOST_SCANS: usize = 16_384;

/// A sample tells every write of so many seconds.
const RECENT: i64 = 120;

/// A catalogue. What every check of every evaluation compares is worked out once, when it comes in.
#[derive(Clone, Debug)]
pub struct Listing {
    /// As it was read.
    pub catalog: MongoCatalog,
    /// For each database that could be listed its collections, in the catalogue's order.
    described: BTreeMap<Name, Vec<Described>>,
}

/// A collection as it was read, and what it holds, or why that is not known.
pub type Listed<'a> = (&'a Collection, &'a Result<HeldData, Failure>);

/// A namespace, `database.collection`, and what it holds, or why that is not known.
type Described = (Name, Result<HeldData, Failure>);

impl Listing {
    fn new(catalog: MongoCatalog) -> Listing {
        let described = catalog.databases.iter().filter_map(|(database, listed)| {
            let each = listed.as_ref().ok()?.iter();
            let all = each.map(|(name, c)| (Name::from(format!("{database}.{name}")), c.held()));
            Some((database.clone(), all.collect()))
        });
        Listing { described: described.collect(), catalog }
    }

    /// The collections and views of a database, each with its namespace and what it holds; a failure where it could not
    /// be listed. `None` where the list does not have the database at all.
    pub fn collections(&self, database: &str) -> Option<Result<impl Iterator<Item = (&Name, Listed<'_>)>, &Failure>> {
        let listed = self.catalog.databases.get(database)?;
        Some(listed.as_ref().map(|all| {
            let described = self.described.get(database).into_iter().flatten();
            all.values().zip(described).map(|(c, (ns, held))| (ns, (c, held)))
        }))
    }
}

/// What is remembered of one deployment.
#[derive(Clone, Debug, Default)]
pub struct MongoMemory {
    /// The newest good sample.
    pub(crate) last: Option<(Span, MongoSample)>,
    /// The newest catalogue.
    pub(crate) catalog: Option<(Span, Listing)>,
    /// When the newest catalogue was taken that told the same as the newest of all, as have all between the two, and after which
    /// the oplog was read.
    listed_before: Option<Span>,
    /// Why the newest try to read a catalogue came to nothing, and when it ended; none once one succeeded.
    unlisted: Option<(Span, Failure)>,
    /// The newest exact count of each namespace, or why counting failed.
    counts: BTreeMap<Name, (Span, Result<u64, Failure>)>,
    /// The newest write anywhere in the databases, and when the first sample that showed it had come in.
    pub(crate) newest: Option<(Option<Ts>, Mono)>,
    /// The newest write of each namespace, and when the first sample that showed it had come in.
    written: BTreeMap<Name, (Ts, Mono)>,
    /// How far the oplog was read, and since when without a gap and without anything that was taken back.
    read: Option<(Ts, Mono)>,
    /// The newest write of each namespace before the one that is its newest now.
    pub(crate) previous: BTreeMap<Name, Ts>,
    /// Clients by (app name, user, address), seen within the last ten minutes, and when last.
    pub(crate) clients: BTreeMap<(Name, Name, Name), (Mono, MongoClient)>,
    watched: Option<Mono>,
    /// User writes were blocked in the newest sample that told.
    blocked: bool,
    /// When the first sample had come in that told that user writes are not blocked any more.
    unblocked: Option<Mono>,
    /// What came before the newest writes, the last of these last.
    came_after: VecDeque<CameAfter>,
    /// How far the oplog went, and when it was asked: whatever lies beyond was written later.
    scans: VecDeque<(Ts, Mono)>,
}

/// What was known in the sample before a newer write showed.
#[derive(Clone, Debug)]
struct CameAfter {
    /// The newest write then.
    newest: Option<Ts>,
    /// Who was connected then, or when the newer one showed; none where a member did not tell.
    clients: Option<Vec<MongoClient>>,
}

/// Newer writes remembered with what came before them.
const CAME_AFTER: usize = 16;

impl MongoMemory {
    /// The newest good sample and its span.
    pub fn last(&self) -> Option<(Span, &MongoSample)> {
        self.last.as_ref().map(|(s, m)| (*s, m))
    }

    /// The newest catalogue and its span.
    pub fn catalog(&self) -> Option<(Span, &Listing)> {
        self.catalog.as_ref().map(|(s, c)| (*s, c))
    }

    /// When an earlier catalogue was taken that tells the same collections with the same content as the newest, as have all
    /// between the two: the newest of those after which the oplog was read.
    pub fn listed_before(&self) -> Option<Span> {
        self.listed_before
    }

    /// When the oplog was last asked for and read to its end: what is not seen by then was written later.
    pub fn oplog_read(&self) -> Option<Mono> {
        self.scans.back().map(|(_, asked)| *asked)
    }

    /// Why the newest try to read a catalogue came to nothing, and when that was; `None` where it succeeded.
    pub fn unlisted(&self) -> Option<(Span, &Failure)> {
        self.unlisted.as_ref().map(|(span, f)| (*span, f))
    }

    /// The newest exact count of a namespace, and when it was taken; `None` also where counting failed.
    pub fn exact(&self, namespace: &str) -> Option<(Span, u64)> {
        let (span, n) = self.counted(namespace)?;
        Some((span, *n.ok()?))
    }

    /// The newest try to count a namespace exactly, and when it was made.
    pub fn counted(&self, namespace: &str) -> Option<(Span, Result<&u64, &Failure>)> {
        self.counts.get(namespace).map(|(span, n)| (*span, n.as_ref()))
    }

    /// From here on every write of every namespace is remembered by the second.
    pub fn remembered(&self) -> Ts {
        let Some(Ok(w)) = self.last.as_ref().map(|(_, l)| &l.writes) else { return Ts(u64::MAX) };
        back_to(w)
    }

    /// Clients seen on any member within the last ten minutes.
    pub fn clients(&self) -> impl Iterator<Item = &MongoClient> {
        self.clients.values().map(|(_, c)| c)
    }

    /// Since when clients have been watched without a jump of the clocks.
    pub fn watched(&self) -> Option<Mono> {
        self.watched
    }

    /// Since when user writes are not blocked any more: `None` while they are, or where they never were, as far as this
    /// memory goes.
    pub fn unblocked(&self) -> Option<Mono> {
        self.unblocked
    }

    /// Since when no newer write to any of these namespaces has been seen.
    pub fn quiet_since(&self, counts: impl Fn(&str) -> bool) -> Option<Mono> {
        let seen = self.written.iter().filter(|(ns, _)| counts(ns)).map(|(_, (_, at))| *at).max();
        seen.max(self.read.map(|(_, since)| since))
    }

    /// The latest instant at which it is known that this was not written yet: the oplog was asked for then, and ended
    /// before it. `None` where no sample that is remembered ended before it. The server's clock has no part in this.
    pub fn not_yet(&self, ts: Ts) -> Option<Mono> {
        self.scans.iter().rev().find(|(to, _)| *to < ts).map(|(_, asked)| *asked)
    }

    /// How far the oplog went when it was asked at this instant, or last before it: whatever was written later lies beyond.
    pub fn ended_at(&self, at: Mono) -> Option<Ts> {
        self.scans.iter().rev().find(|(_, asked)| *asked <= at).map(|(to, _)| *to)
    }

    /// The newest write before those that came when nobody of these clients had been connected any more. Samples list the
    /// clients before they read the oplog: whoever is not listed has written nothing that is not read. `None` where no
    /// such write is known.
    pub fn last_before(&self, of: impl Fn(&MongoClient) -> bool) -> Option<Ts> {
        let without = |c: &&CameAfter| c.clients.as_ref().is_some_and(|all| !all.iter().any(&of));
        self.came_after.iter().rev().take_while(without).last()?.newest
    }

    /// The newest write of a namespace that was written not later than `cutoff`, by the source's clock; where only
    /// later ones are known, the instant before which all others lie.
    pub fn write_by(&self, namespace: &str, cutoff: Wall) -> Option<Ts> {
        let writes = self.last.as_ref()?.1.writes.as_ref().ok()?;
        let newest = *writes.last.get(namespace)?;
        if newest.wall() <= cutoff {
            return Some(newest);
        }
        let recent = writes.recent.iter().rev().filter(|(ts, ns)| ts.wall() <= cutoff && **ns == *namespace);
        let before = recent.map(|(ts, _)| *ts).max();
        before.max(self.previous.get(namespace).copied().filter(|ts| ts.wall() <= cutoff))
    }

    /// Takes in a sample; whether it forgot for it what was remembered, since another deployment answers.
    pub(super) fn apply(&mut self, span: Span, sample: MongoSample) -> bool {
        // A sample overtaken by a newer one proves nothing new.
        if self.last.as_ref().is_some_and(|(s, _)| span.sent < s.received) {
            return false;
        }
        let another = self.last.as_ref().is_some_and(|(_, l)| l.set_id != sample.set_id);
        if another {
            *self = MongoMemory::default();
        }
        if let Ok(w) = &sample.writes {
            let newest = w.last.values().max().copied();
            if let (Some((before, _)), Some((_, last))) = (self.newest, &self.last)
                && newest > before
            {
                // Who came and wrote between the two samples is listed by the newer one.
                let members = last.members.values().chain(sample.members.values());
                let listed: Option<Vec<_>> = members.map(|m| m.clients.as_ref().ok()).collect();
                let clients = listed.map(|all| all.into_iter().flatten().cloned().collect());
                self.came_after.push_back(CameAfter { newest: before, clients });
                if self.came_after.len() > CAME_AFTER {
                    self.came_after.pop_front();
                }
            }
            if self.newest.is_none_or(|(before, _)| before != newest) {
                self.newest = Some((newest, span.received));
            }
            // What should be there and is not was taken back, and what was written in a gap between two readings nobody knows.
            let gone = self.written.iter().any(|(ns, (ts, _))| *ts >= w.from && !w.last.contains_key(ns));
            let gap = self.read.is_some_and(|(to, _)| w.from > to);
            let since = self.read.map(|(_, since)| since).filter(|_| !gone && !gap);
            self.read = Some((w.to, since.unwrap_or(span.received)));
            let since = |ns: &Name, ts: Ts| match self.written.get(ns) {
                Some((before, at)) if *before == ts => *at,
                _ => span.received,
            };
            self.written = w.last.iter().map(|(ns, ts)| (ns.clone(), (*ts, since(ns, *ts)))).collect();
        }
        if let (Ok(w), Some(scanned)) = (&sample.writes, sample.scanned) {
            if self.scans.back().is_some_and(|(to, _)| *to == w.to) {
                self.scans.pop_back();
            }
            self.scans.push_back((w.to, scanned.sent));
            let old = |(_, asked): &(Ts, Mono)| scanned.sent - *asked > SCANS;
            while self.scans.len() > MOST_SCANS || self.scans.front().is_some_and(old) {
                self.scans.pop_front();
            }
        }
        if let Ok(now) = &sample.writes {
            // Between two readings further apart than what is kept of the newest, there may have been others.
            let kept = back_to(now);
            let before = self.last.as_ref().and_then(|(_, l)| l.writes.as_ref().ok()).filter(|b| b.to >= kept);
            if before.is_none() {
                self.previous.clear();
            }
            for (ns, ts) in before.iter().flat_map(|b| &b.last) {
                if now.last.get(ns).is_some_and(|newer| newer > ts) {
                    self.previous.insert(ns.clone(), *ts);
                }
            }
            self.previous.retain(|ns, _| now.last.contains_key(ns));
        }
        self.watched.get_or_insert(span.sent);
        match sample.write_block {
            Ok(true) => (self.blocked, self.unblocked) = (true, None),
            Ok(false) if self.blocked => (self.blocked, self.unblocked) = (false, Some(span.received)),
            _ => {}
        }
        for c in sample.members.values().filter_map(|m| m.clients.as_ref().ok()).flatten() {
            let key = (c.app_name.clone(), c.user.clone(), c.address.clone());
            self.clients.insert(key, (span.sent, c.clone()));
        }
        self.clients.retain(|_, (at, _)| span.sent - *at <= CLIENTS);
        self.last = Some((span, sample));
        another
    }

    /// After a jump of the clocks nobody can be told to have been seen within ten minutes.
    pub(super) fn forget_spans(&mut self) {
        self.clients.clear();
        self.watched = None;
        // A monotonic clock that stood still makes what it measured shorter than it was: ends of the oplog stay.
    }

    pub(super) fn list(&mut self, span: Span, catalog: MongoCatalog) {
        let listing = Listing::new(catalog);
        let same = self.catalog.as_ref().filter(|(_, before)| before.described == listing.described);
        self.listed_before = match (same, self.oplog_read()) {
            (None, _) => None,
            (Some((before, _)), Some(asked)) if before.received <= asked => Some(*before),
            (Some(_), _) => self.listed_before,
        };
        self.catalog = Some((span, listing));
        self.unlisted = None;
    }

    pub(super) fn not_listed(&mut self, span: Span, why: Failure) {
        self.unlisted = Some((span, why));
    }

    pub(super) fn count(&mut self, span: Span, counts: MongoCounts) {
        let Some((_, last)) = &self.last else { return };
        let same = last.set_id == counts.set_id;
        // A count that failed says nothing but why, and takes an older one with it; whoever could not even say which
        // deployment it is has failed too.
        let told = counts.counts.into_iter().filter(|(_, n)| same || (counts.set_id.is_empty() && n.is_err()));
        self.counts.extend(told.map(|(ns, n)| (ns, (span, n))));
    }
}

/// What is remembered of one mirror.
#[derive(Clone, Debug, Default)]
pub struct MirrorMemory {
    /// The newest good sample.
    pub(crate) last: Option<(Span, MirrorSample)>,
    /// The lowest position over the instances, and when it had come in: one point per position seen, of this run.
    pub(crate) points: VecDeque<(Mono, Ts)>,
    /// The same over the whole run, thinned out: when a position was first reached.
    marks: Vec<(Mono, Ts)>,
    /// When the newest sample with a position had come in.
    pub(crate) at: Option<Mono>,
    /// How many different positions were seen in this run: its refreshes, told apart from repeated reads.
    pub(crate) refreshes: u64,
    /// When the first sample of this run had come in.
    pub(crate) run: Option<Mono>,
    /// How often it has begun anew, seen by its position or stage falling back.
    pub(crate) restarts: u64,
    /// How far each instance had come when it last said so.
    stages: Vec<Option<u8>>,
}

/// From here on the newest writes of a reading are told by the second.
fn back_to(w: &Writes) -> Ts {
    Ts::new(u32::try_from((w.to.seconds() - RECENT).max(0)).unwrap_or(u32::MAX), 0).max(w.from)
}

impl MirrorMemory {
    /// The newest good sample and its span.
    pub fn last(&self) -> Option<(Span, &MirrorSample)> {
        self.last.as_ref().map(|(s, m)| (*s, m))
    }

    /// When its present run was first seen; another run is another answer.
    pub fn run(&self) -> Option<Mono> {
        self.run
    }

    /// How many different positions this run has shown.
    pub fn refreshes(&self) -> u64 {
        self.refreshes
    }

    /// How often it has begun anew.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// When a position at or past `ts` was first seen in this run, or a little later.
    pub fn reached(&self, ts: Ts) -> Option<Mono> {
        self.marks.iter().find(|(_, p)| *p >= ts).map(|(at, _)| *at)
    }

    /// How fast the position moves against the clock, in thousandths (1000: as fast as the clock), and over how many
    /// milliseconds that was measured: the newest `least` of this run, or a little more, or all where it is shorter.
    pub fn speed(&self, least: Dur) -> Option<(i64, i64)> {
        let (at, last) = (self.at?, self.points.back()?);
        // It stood there until the next point.
        let first = self.points.iter().rev().find(|(seen, _)| at - *seen >= least).or(self.points.front())?;
        let over = at - first.0;
        (over.0 > 0).then(|| (last.1.since(first.1).0.saturating_mul(1000) / over.0, over.0))
    }

    /// The lowest position over the instances; `None` if any of them gives none.
    pub fn position(sample: &MirrorSample) -> Option<Ts> {
        let of = |s: &_| match s {
            Ok(MirrorStatus::Mongomirror(m)) => m.position,
            Err(_) => None,
        };
        sample.instances.iter().map(of).collect::<Option<Vec<Ts>>>()?.into_iter().min()
    }

    pub(super) fn apply(&mut self, span: Span, sample: MirrorSample) {
        if self.last.as_ref().is_some_and(|(s, _)| span.sent < s.received) {
            return;
        }
        let position = MirrorMemory::position(&sample);
        let fell = position.zip(self.points.back()).is_some_and(|(p, (_, before))| p < *before);
        if self.began_anew(&sample) || fell {
            self.points.clear();
            self.marks.clear();
            self.refreshes = 0;
            self.restarts += 1;
            self.run = None;
        }
        self.run.get_or_insert(span.received);
        if let Some(p) = position {
            if self.points.back().is_none_or(|(_, before)| *before != p) {
                self.refreshes += 1;
                self.points.push_back((span.received, p));
                if self.points.len() > POINTS {
                    self.points.pop_front();
                }
                self.marks.push((span.received, p));
                if self.marks.len() > 2 * POINTS {
                    // Every other one of the older half: each mark that stays still says no more than was seen.
                    let mut i = 0;
                    self.marks.retain(|_| {
                        i += 1;
                        i > POINTS || i % 2 == 1
                    });
                }
            }
            self.at = Some(span.received);
        }
        self.last = Some((span, sample));
    }

    /// After a jump of the clocks no length of time can be told from before it.
    pub(super) fn forget_spans(&mut self) {
        self.points.clear();
        self.marks.clear();
        self.run = None;
    }

    /// An instance that had come further than it says now was started again.
    fn began_anew(&mut self, sample: &MirrorSample) -> bool {
        self.stages.resize(sample.instances.len(), None);
        let mut anew = false;
        for (before, now) in self.stages.iter_mut().zip(&sample.instances) {
            if let Some(now) = stage(now) {
                anew |= before.is_some_and(|b| now < b);
                *before = Some(now);
            }
        }
        anew
    }
}

fn stage(s: &Result<MirrorStatus, Failure>) -> Option<u8> {
    match s {
        Ok(MirrorStatus::Mongomirror(m)) => match &*m.stage {
            "initializing" => Some(0),
            "initial sync" => Some(1),
            "oplog sync" => Some(2),
            _ => None,
        },
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
