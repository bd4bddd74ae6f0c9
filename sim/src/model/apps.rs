//! What talks to the clusters: consumers of every kind, and external producers.

use super::{Group, Joined, Model};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::kafka::{GroupKind, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};

/// How a consumer takes part in its group.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Style {
    /// The classic protocol.
    Classic,
    /// KIP-848.
    Next,
    /// `assign()`: commits, but is no member: its group is Empty.
    Assign,
    /// A member that never commits.
    Silent,
}

/// One instance of a consumer: the one at the source or the one at the destination.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// Its process runs.
    pub running: bool,
    /// It has joined, or has begun to read.
    pub attached: bool,
    /// Where it reads next.
    pub position: BTreeMap<TopicPartition, i64>,
    /// It has committed, or soon will, and still has this many records to write, from this instant on.
    pub owed: (usize, i64),
    /// It was started at the destination when its consumers were to be.
    pub due: bool,
    /// Where each partition ended when it began to read, in its first life of that kind.
    pub found: BTreeMap<TopicPartition, i64>,
    /// When its commits last went forward.
    pub advanced: Option<i64>,
    /// Where it runs: a member for each, which share one position.
    pub homes: BTreeSet<Side>,
}

/// A consumer, which may write what it read to another topic.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its group.
    pub group: Name,
    /// How it takes part.
    pub style: Style,
    /// What it reads.
    pub reads: Vec<Name>,
    /// Where it writes.
    pub writes: Option<Name>,
    /// Without a commit it begins at the end.
    pub latest: bool,
    /// It sees committed records only.
    pub committed: bool,
    /// It commits what it took before it writes what follows from it.
    pub late: bool,
    /// Milliseconds between two polls.
    pub every: i64,
    /// Records of a partition taken in one poll.
    pub batch: i64,
    /// A person said that it needs no seeded offsets.
    pub unseeded: bool,
    /// At the source and at the destination.
    pub at: BTreeMap<Side, Instance>,
    /// The homes it is deployed at, where services move; otherwise each cluster has an instance of its own.
    pub deployed: Option<BTreeSet<Side>>,
    /// At the destination, the partitions of which it passed over records.
    pub skipped: BTreeMap<TopicPartition, i64>,
    /// For how long it has polled at the source without an end, at the longest, and since when it does or did.
    pub polled: (i64, i64),
}

/// How an external producer writes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Writes {
    /// One batch at a time.
    Plain,
    /// With an idempotent producer.
    Idempotent,
    /// In transactions that stay open for a while, some of them aborted.
    Transactional,
    /// In transactions, and it crashes in some of them: the coordinator aborts those.
    Crashing,
}

/// An external producer.
#[derive(Clone, Debug)]
pub struct Producer {
    /// Its name.
    pub name: Name,
    /// The topics it writes.
    pub topics: Vec<Name>,
    /// The least and the most it is silent, in milliseconds.
    pub gap: (i64, i64),
    /// How it writes.
    pub writes: Writes,
    /// Where it writes now.
    pub on: Option<Side>,
    /// The configuration knows it and how long it may be silent.
    pub declared: bool,
    /// Retired: it will not write again.
    pub retired: bool,
    /// It was pointed back at the source and has not written there since: nobody can know.
    pub returned: bool,
    /// Its current producer id.
    pub pid: i64,
}

/// A coordinator aborts a transaction that its producer left open after this long.
pub const TRANSACTION_TIMEOUT: i64 = 40_000;
/// A coordinator gives a member up after this long.
pub const SESSION: i64 = 45_000;

impl Reader {
    /// An ordinary one, which has not run yet: it joins its group, sees committed records only, begins at the beginning.
    pub fn new(group: Name, reads: Vec<Name>) -> Reader {
        Reader {
            group,
            style: Style::Classic,
            reads,
            writes: None,
            latest: false,
            committed: true,
            late: false,
            every: 3_000,
            batch: 100,
            unseeded: false,
            at: BTreeMap::new(),
            deployed: None,
            skipped: BTreeMap::new(),
            polled: (0, 0),
        }
    }

    /// Where an instance on a cluster would run.
    pub fn homes(&self, side: Side) -> BTreeSet<Side> {
        self.deployed.clone().unwrap_or_else(|| BTreeSet::from([side]))
    }

    /// It is deployed somewhere.
    pub fn is_deployed(&self) -> bool {
        self.deployed.as_ref().is_none_or(|d| !d.is_empty())
    }

    /// The member of a home among those of a group, for the reader of that number.
    fn member(&self, i: usize, home: Side) -> u32 {
        let number = u32::try_from(i).unwrap_or(0);
        if self.deployed.is_some() && home == Side::Destination { number + ELSEWHERE } else { number }
    }
}

/// Added to the number of a member that runs at the destination, where services move.
pub const ELSEWHERE: u32 = 10_000;

impl Model {
    /// One poll of a reader at a side: joins, reads, writes what follows from it, commits what the poll before took.
    pub fn poll_reader(&mut self, i: usize, side: Side, now: i64) {
        let r = self.readers[i].clone();
        let Some(inst) = r.at.get(&side).filter(|x| x.running) else { return };
        let faults = &self.side(side).faults;
        let coordinator = coordinator_of(&r.group);
        if faults.brokers.contains(&coordinator) {
            // Without its coordinator a consumer neither commits nor goes on.
            return;
        }
        let mut inst = inst.clone();
        for home in inst.homes.clone() {
            self.join(&r, side, home, r.member(i, home));
        }
        let fresh = !inst.attached;
        inst.attached = true;
        if side == Side::Source {
            let (longest, since) = &mut self.readers[i].polled;
            if fresh {
                *since = now;
            }
            *longest = now.saturating_sub(*since).max(*longest);
        }
        self.commit(&r, side, &mut inst, now);
        if inst.owed.0 > 0 && inst.owed.1 <= now {
            self.emit(&r, side, std::mem::take(&mut inst.owed).0, now);
        }
        let mut taken = 0;
        for topic in &r.reads {
            for p in 0..self.partitions(side, topic) {
                let tp = (topic.clone(), p);
                if fresh || !inst.position.contains_key(&tp) {
                    let at = self.begin_at(&r, i, side, &tp);
                    inst.position.insert(tp.clone(), at);
                    let end = self.log(side, topic, p).map_or(0, super::log::Log::high);
                    inst.found.entry(tp.clone()).or_insert(end);
                }
                let Some(log) = self.log(side, topic, p) else { continue };
                let at = inst.position[&tp].clamp(log.low, log.high().max(log.low));
                let limit = if r.committed { log.stable() } else { log.high() };
                // A client goes past markers and aborted records only when it is given something after them.
                let to = log.after(at, limit, r.batch);
                taken += log.given(at, to);
                inst.position.insert(tp, to);
            }
        }
        if taken > 0 && r.late {
            inst.owed = (inst.owed.0 + taken, now + 2 * r.every);
        } else if taken > 0 {
            self.emit(&r, side, taken, now);
        }
        self.readers[i].at.insert(side, inst);
    }

    fn join(&mut self, r: &Reader, side: Side, home: Side, number: u32) {
        let member = match r.style {
            Style::Assign => None,
            _ => Some(Joined {
                client: format!("{}-{}", r.group, if home == Side::Source { "src-0" } else { "dst-0" }).into(),
                topics: r.reads.iter().cloned().collect(),
                expires: None,
            }),
        };
        let known = self.side(side).groups.get(&r.group).and_then(|g| g.members.get(&number));
        if known.is_some_and(|m| m.expires.is_none())
            || (member.is_none() && self.side(side).groups.contains_key(&r.group))
        {
            return;
        }
        let g = self.side_mut(side).groups.entry(r.group.clone()).or_insert_with(|| new_group(&r.group, r.style));
        if let Some(m) = member {
            g.members.insert(number, m);
        }
    }

    fn commit(&mut self, r: &Reader, side: Side, inst: &mut Instance, now: i64) {
        if r.style == Style::Silent {
            return;
        }
        let Some(g) = self.side(side).groups.get(&r.group) else { return };
        let moved: Vec<(TopicPartition, i64)> = inst
            .position
            .iter()
            .filter(|(tp, o)| g.commits.get(*tp) != Some(*o))
            .map(|(t, o)| (t.clone(), *o))
            .collect();
        if moved.is_empty() {
            return;
        }
        inst.advanced = Some(now);
        if let Some(g) = self.side_mut(side).groups.get_mut(&r.group) {
            g.commits.extend(moved);
        }
    }

    /// Where a reader begins on a partition, and whether it passes over anything by that.
    fn begin_at(&mut self, r: &Reader, i: usize, side: Side, tp: &TopicPartition) -> i64 {
        let Some(log) = self.log(side, &tp.0, tp.1) else { return 0 };
        let (low, high) = (log.low, log.high());
        let committed = self.side(side).groups.get(&r.group).and_then(|g| g.commits.get(tp)).copied();
        let at = match committed {
            Some(c) if c >= low && c <= high => c,
            _ if r.latest => high,
            _ => low,
        };
        if side == Side::Destination
            && let Some((_, start)) = self.starts.get(tp).copied()
            && committed.is_none_or(|c| c != at)
            && log.given(start, at) > 0
        {
            self.readers[i].skipped.insert(tp.clone(), at);
            self.version += 1;
        } else if side == Side::Destination
            && self.starts.get(tp).is_some_and(|(_, start)| at <= *start)
            && self.readers[i].skipped.remove(tp).is_some()
        {
            // Seeded after an earlier life that skipped, it reads everything after all.
            self.version += 1;
        }
        at
    }

    fn emit(&mut self, r: &Reader, side: Side, n: usize, now: i64) {
        let Some(topic) = &r.writes else { return };
        let parts = self.partitions(side, topic);
        if parts > 0
            && let Some(log) = self.log_mut(side, topic, i32::try_from(now % i64::from(parts)).unwrap_or(0))
        {
            log.append(n, None, false, now);
        }
    }

    /// Starts a reader at a side.
    pub fn start_reader(&mut self, i: usize, side: Side) {
        self.version += 1;
        let homes = self.readers[i].homes(side);
        let inst = self.readers[i].at.entry(side).or_default();
        *inst = Instance { running: !homes.is_empty(), homes, ..Instance::default() };
    }

    /// The journal was lost: nobody has seen for how long anybody polled before.
    pub fn forget(&mut self, now: i64) {
        self.readers.iter_mut().for_each(|r| r.polled = (0, now));
    }

    /// Deploys a reader at a home: where it runs already it joins with its next poll.
    pub fn deploy_reader(&mut self, i: usize, home: Side) {
        self.version += 1;
        let r = &mut self.readers[i];
        r.deployed.get_or_insert_default().insert(home);
        for x in r.at.values_mut().filter(|x| x.running) {
            x.homes.insert(home);
        }
    }

    /// Takes a reader away from a home; the last one stops it.
    pub fn remove_reader(&mut self, i: usize, home: Side, killed: bool, now: i64) {
        self.version += 1;
        self.readers[i].deployed.get_or_insert_default().remove(&home);
        for side in Side::BOTH {
            let Some(x) = self.readers[i].at.get_mut(&side).filter(|x| x.running) else { continue };
            if x.homes.len() == 1 && x.homes.contains(&home) {
                self.stop_reader(i, side, killed, now);
            } else if x.homes.remove(&home) {
                self.leave(i, side, home, killed, now);
            }
        }
    }

    fn leave(&mut self, i: usize, side: Side, home: Side, killed: bool, now: i64) {
        let number = self.readers[i].member(i, home);
        let group = self.readers[i].group.clone();
        let Some(g) = self.side_mut(side).groups.get_mut(&group) else { return };
        match g.members.get_mut(&number) {
            Some(m) if killed => m.expires = Some(now + SESSION),
            _ => {
                g.members.remove(&number);
            }
        }
    }

    /// Stops a reader at a side; one that is killed stays a member for a session timeout and does not commit.
    pub fn stop_reader(&mut self, i: usize, side: Side, killed: bool, now: i64) {
        let r = self.readers[i].clone();
        let Some(inst) = r.at.get(&side).filter(|x| x.running) else { return };
        let mut inst = inst.clone();
        if !killed && inst.attached && !self.side(side).faults.brokers.contains(&coordinator_of(&r.group)) {
            self.commit(&r, side, &mut inst, now);
        }
        for home in &inst.homes {
            self.leave(i, side, *home, killed, now);
        }
        let Instance { advanced, due, found, .. } = inst;
        self.readers[i].at.insert(side, Instance { advanced, due, found, ..Instance::default() });
    }
}

/// The broker that coordinates a group.
pub fn coordinator_of(group: &str) -> i32 {
    let sum: u32 = group.bytes().map(u32::from).sum();
    super::BROKERS[sum as usize % super::BROKERS.len()]
}

/// A group without members and commits.
pub fn new_group(name: &str, style: Style) -> Group {
    let kind = match style {
        Style::Next => GroupKind::Consumer,
        Style::Assign => GroupKind::Classic { protocol_type: "".into() },
        Style::Classic | Style::Silent => GroupKind::Classic { protocol_type: "consumer".into() },
    };
    Group { kind, coordinator: coordinator_of(name), members: BTreeMap::new(), commits: BTreeMap::new() }
}
