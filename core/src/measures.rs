//! Every number behind the answers, as metrics export it: only what is fresh, absent where it was not measured.
//!
//! It leaves out verdicts (they are on the board) and partitions (a series for each would outgrow any scrape). A sum
//! that would hide an unknown part is `None`: a zero nobody measured is the worst number there could be.

use crate::Name;
use crate::estate::kafka::{GroupSample, PartitionSample, TopicPartition, TopicSample};
use crate::estate::{Estate, Failure, FailureKind, Side, Target};
use crate::facts::Facts;
use crate::playbook::{behind_of, headroom_of, newest_write};
use crate::settings::{Home, KafkaSettings, MongodbSettings, Role, Settings};
use crate::time::{Dur, Now, Span, Wall};
use crate::view::{INTERVALS, Kafka, Mongodb, View};
use std::collections::{BTreeMap, BTreeSet};

/// Every number at one instant, in order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Measures {
    /// Per side and cluster, where the newest sample is fresh.
    pub clusters: BTreeMap<Side, ClusterMeasures>,
    /// Per side, group and topic.
    pub pairs: BTreeMap<(Side, Name, Name), PairMeasures>,
    /// Per side and topic: the sum of the high watermarks, where all of them are known.
    pub end_offsets: BTreeMap<(Side, Name), i64>,
    /// Per side, where the newest sample of its MongoDB is fresh.
    pub deployments: BTreeMap<Side, DeploymentMeasures>,
    /// Per mirror, where its newest sample and that of the source are fresh.
    pub mirrors: BTreeMap<Name, MirrorMeasures>,
    /// Per target that was sampled at least once.
    pub targets: BTreeMap<Target, TargetMeasures>,
}

/// What a cluster holds.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct ClusterMeasures {
    /// Topics in scope.
    pub topics: u64,
    /// Topics outside the scope.
    pub topics_outside: u64,
    /// Groups that touch the scope.
    pub groups: u64,
    /// Groups that do not.
    pub groups_outside: u64,
}

/// A group on a topic.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PairMeasures {
    /// Records between the committed offsets and the high watermarks; `None` if any partition is unknown.
    pub lag: Option<i64>,
    /// How long the oldest record not yet committed has lain there; `None` if any partition does not tell.
    pub lag_time: Option<Dur>,
    /// Partitions whose lag is not known; `None` if not even the partitions are.
    pub unknown_partitions: Option<u64>,
    /// Members by home, with a zero for a home that could be and is not; `None` if the members are not known.
    pub members: Option<BTreeMap<Home, u64>>,
}

/// What a MongoDB deployment shows; `None` for what was not measured.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeploymentMeasures {
    /// The oplog window.
    pub window: Option<Dur>,
    /// The second of the newest real write in scope, where one was seen.
    pub last_write: Option<Wall>,
    /// Open transactions.
    pub transactions: Option<u64>,
    /// User writes are blocked.
    pub write_block: Option<bool>,
    /// Kinds of clients by role and home; `None` if any member does not list its clients.
    pub clients: Option<BTreeMap<(&'static str, Home), u64>>,
}

/// How a mirror does; `None` for what is not known.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct MirrorMeasures {
    /// How far its position is behind the newest real write in its namespaces, in whole seconds.
    pub lag: Option<Dur>,
    /// What is left between its position and the oldest entry of the source's oplog.
    pub headroom: Option<Dur>,
    /// How often it was seen to begin anew.
    pub restarts: u64,
    /// How many different positions its present run has shown: its refreshes, told apart from repeated reads.
    pub refreshes: u64,
}

/// How sampling a target goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetMeasures {
    /// The newest sample is good and still fresh.
    pub up: bool,
    /// Regular samples taken, failed ones included.
    pub samples: u64,
    /// Failures by kind, every kind once.
    pub failures: BTreeMap<&'static str, u64>,
    /// When the last good sample was sent.
    pub last_success: Option<Wall>,
}

const KINDS: [FailureKind; 7] = [
    FailureKind::Timeout,
    FailureKind::Unreachable,
    FailureKind::Tls,
    FailureKind::Auth,
    FailureKind::Privilege,
    FailureKind::Protocol,
    FailureKind::Server,
];

impl Measures {
    /// The numbers that may be believed at `now`.
    pub fn of(estate: &Estate, facts: &Facts, settings: &Settings, now: Now) -> Measures {
        let v = View::new(estate, facts, settings, now);
        let mut m = Measures::default();
        if let Some(s) = &settings.kafka {
            for side in Side::BOTH {
                if let Ok(k) = v.kafka(side) {
                    m.cluster(&v, s, &k);
                }
            }
        }
        if let Some(s) = &settings.mongodb {
            m.mongodb(&v, s);
        }
        m.targets = estate.health().keys().map(|t| (t.clone(), target(&v, t))).collect();
        m
    }

    fn cluster(&mut self, v: &View<'_>, s: &KafkaSettings, k: &Kafka<'_>) {
        let topics: Vec<&Name> = k.sample.topics.keys().filter(|t| s.in_scope_on(k.side, t)).collect();
        let groups: Vec<(&Name, &GroupSample)> =
            k.sample.groups.iter().filter(|(g, _)| !ignored(s, k.side, g)).collect();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let cluster = ClusterMeasures {
            topics: count(topics.len()),
            topics_outside: k.sample.topics_outside,
            groups: count(groups.len()),
            groups_outside: k.sample.groups_outside,
        };
        self.clusters.insert(k.side, cluster);
        for topic in topics {
            if let Some(end) = k.topic(topic).ok().and_then(end_offset) {
                self.end_offsets.insert((k.side, topic.clone()), end);
            }
        }
        let homes = possible_homes(s);
        let mut seen: BTreeSet<(Name, Name)> = BTreeSet::new();
        for (group, g) in groups {
            seen.extend(topics_of(g).into_iter().map(|t| (group.clone(), t)));
        }
        if k.side == Side::Source {
            seen.extend(v.pairs(k).into_iter().map(|(g, t)| (g.clone(), t.clone())));
        }
        for (group, topic) in seen.into_iter().filter(|(_, t)| s.in_scope_on(k.side, t)) {
            let measured = pair(s, k, &homes, &group, &topic);
            self.pairs.insert((k.side, group, topic), measured);
        }
    }
}

impl Measures {
    fn mongodb(&mut self, v: &View<'_>, s: &MongodbSettings) {
        for side in Side::BOTH {
            if let Ok(m) = v.mongodb(side) {
                self.deployments.insert(side, deployment(v, s, &m));
            }
        }
        let source = v.mongodb(Side::Source).ok();
        for (name, settings) in &s.mirrors {
            let (Some(source), Ok(m)) = (&source, v.mirror(name, settings)) else { continue };
            let measured = MirrorMeasures {
                lag: behind_of(v, source, &m).ok(),
                headroom: headroom_of(v, source, &m).ok().map(|h| h.left),
                restarts: m.memory.restarts(),
                refreshes: m.memory.refreshes(),
            };
            self.mirrors.insert(name.clone(), measured);
        }
    }
}

fn deployment(v: &View<'_>, s: &MongodbSettings, m: &Mongodb<'_>) -> DeploymentMeasures {
    let seen = m.sample.writes.as_ref().ok().is_some_and(|w| !w.last.is_empty());
    let mut clients = Some(BTreeMap::new());
    for member in m.sample.members.values() {
        let (Some(count), Ok(listed)) = (&mut clients, &member.clients) else {
            clients = None;
            break;
        };
        for c in listed {
            let role = match s.role(c) {
                Role::Writer => "writer",
                Role::Reader => "reader",
                Role::Mirror(_) => "mirror",
                Role::Bystander => "bystander",
                Role::Unmatched => "unmatched",
            };
            *count.entry((role, s.identity(c).0)).or_default() += 1;
        }
    }
    DeploymentMeasures {
        window: m.sample.oplog.as_ref().ok().and_then(|o| o.window()),
        last_write: newest_write(v, m).ok().filter(|_| seen).map(|ts| ts.wall()),
        transactions: m.sample.transactions.as_ref().ok().map(|t| t.open.max(t.prepared)),
        write_block: m.sample.write_block.as_ref().ok().copied(),
        clients,
    }
}

fn ignored(s: &KafkaSettings, side: Side, group: &Name) -> bool {
    match side {
        Side::Source => s.ignored.contains_key(group),
        Side::Destination => s.ignored.keys().any(|g| s.group_there(g) == *group),
    }
}

/// Topics a group has committed on, subscribes to or is assigned.
fn topics_of(g: &GroupSample) -> BTreeSet<Name> {
    let committed = g.commits.iter().flat_map(BTreeMap::keys).map(|(t, _)| t);
    let members = g.members.iter().flatten();
    let read = members.clone().flat_map(|m| m.topics.iter().flatten());
    let assigned = members.flat_map(|m| &m.assigned).map(|(t, _)| t);
    committed.chain(read).chain(assigned).cloned().collect()
}

fn end_offset(t: &TopicSample) -> Option<i64> {
    t.partitions.values().try_fold(0i64, |sum, p| sum.checked_add(p.ends.as_ref().ok()?.high))
}

fn pair(s: &KafkaSettings, k: &Kafka<'_>, homes: &BTreeSet<Home>, group: &Name, topic: &Name) -> PairMeasures {
    let g = k.group(group);
    let members = g.and_then(|g| members_of(s, homes, group, g, topic));
    let Ok(t) = k.topic(topic) else { return PairMeasures { members, ..PairMeasures::default() } };
    let commits = g.and_then(|g| g.commits.as_ref().ok());
    let (mut lag, mut age, mut unknown) = (Some(0i64), Some(Dur::ZERO), 0u64);
    for (p, part) in &t.partitions {
        let key = (topic.clone(), *p);
        let behind = commits.and_then(|c| behind(c, &key, part));
        if behind.is_none() {
            unknown += 1;
        }
        lag = lag.zip(behind.as_ref()).and_then(|(sum, b)| sum.checked_add(b.records));
        let old = behind.and_then(|b| match b.committed {
            Some(at) => k.memory.ends().get(&key)?.age_of(at),
            None => Some(Dur::ZERO),
        });
        age = age.zip(old).map(|(max, old)| max.max(old));
    }
    PairMeasures { lag, lag_time: age, unknown_partitions: Some(unknown), members }
}

struct Behind {
    records: i64,
    committed: Option<i64>,
}

/// How far a group is behind on a partition. Without a commit that is known only where there is nothing to read.
fn behind(
    commits: &BTreeMap<TopicPartition, Result<i64, Failure>>,
    key: &TopicPartition,
    part: &PartitionSample,
) -> Option<Behind> {
    let ends = part.ends.as_ref().ok()?;
    match commits.get(key) {
        // Above the end the topic was recreated: that is not "nothing behind".
        Some(Ok(c)) if *c <= ends.high => Some(Behind { records: ends.high - c, committed: Some(*c) }),
        None if ends.is_empty() => Some(Behind { records: 0, committed: None }),
        _ => None,
    }
}

/// Homes a client can have under these rules: those a rule gives, and the one the rest falls to.
fn possible_homes(s: &KafkaSettings) -> BTreeSet<Home> {
    let mut homes: BTreeSet<Home> = s.homes.iter().map(|r| r.home).collect();
    let rest = match (homes.contains(&Home::Source), homes.contains(&Home::Destination)) {
        (true, false) => Home::Destination,
        (false, true) => Home::Source,
        _ => Home::Unattributed,
    };
    homes.insert(rest);
    homes
}

/// Members on a topic by home. One whose subscription cannot be read makes the number unknown.
fn members_of(
    s: &KafkaSettings,
    homes: &BTreeSet<Home>,
    group: &Name,
    g: &GroupSample,
    topic: &Name,
) -> Option<BTreeMap<Home, u64>> {
    let mut count: BTreeMap<Home, u64> = homes.iter().map(|h| (*h, 0)).collect();
    for m in g.members.as_ref().ok()? {
        if m.topics.as_ref().ok()?.contains(topic) || m.assigned.iter().any(|(t, _)| t == topic) {
            *count.entry(s.home(group, &m.client_id, &m.host).0).or_default() += 1;
        }
    }
    Some(count)
}

fn target(v: &View<'_>, t: &Target) -> TargetMeasures {
    let health = v.estate().health().get(t).cloned().unwrap_or_default();
    // A sampler that hangs reports no failure: its last sample must also be young.
    let young = |span: Option<Span>, interval: Option<Dur>| {
        span.zip(interval).is_some_and(|(span, i)| v.now().mono < span.sent + Dur(i.0 * INTERVALS))
    };
    let (kafka, mongodb) = (&v.settings.kafka, &v.settings.mongodb);
    let (kafka, mongodb) = (kafka.as_ref().map(|k| k.interval), mongodb.as_ref().map(|m| m.interval));
    let fresh = match t {
        Target::Kafka(side) => young(v.estate().kafka(*side).and_then(|m| m.last()).map(|l| l.0), kafka),
        Target::Mongodb(side) => young(v.estate().mongodb(*side).and_then(|m| m.last()).map(|l| l.0), mongodb),
        Target::Mirror(name) => young(v.estate().mirror(name).and_then(|m| m.last()).map(|l| l.0), mongodb),
        Target::Probe(name) => {
            let interval = v.settings.probes.get(name).map(|p| p.interval);
            young(v.estate().probe(name).and_then(|m| m.last()).map(|l| l.0), interval)
        }
    };
    TargetMeasures {
        up: fresh && health.failing.is_none(),
        samples: health.samples,
        failures: KINDS.iter().map(|k| (k.as_str(), health.failures.get(k.as_str()).copied().unwrap_or(0))).collect(),
        last_success: health.last_success,
    }
}

#[cfg(test)]
mod tests;
