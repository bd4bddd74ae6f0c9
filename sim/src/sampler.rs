//! The samplers: they turn the model into samples the way `src/sample/kafka/` does. Listing, members, commits,
//! producers, low, high and stable ends are each read at an instant of their own, while the model goes on in between.

use crate::model::apps::{ELSEWHERE, Style};
use crate::model::{BROKERS, Cluster, Model};
use cutover_core::Name;
use cutover_core::estate::kafka::{
    BrokerSample, Ends, GroupKind, GroupSample, KafkaConfigs, KafkaSample, KafkaTails, Member, PartitionSample,
    ProducerState, Tail, TopicPartition, TopicSample,
};
use cutover_core::estate::{Failure, FailureKind, Side};
use cutover_core::reading::Demand;
use cutover_core::time::{Mono, Span};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The sub-readings of a regular sample, in their order.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Topics, brokers, what the agent may do.
    Metadata,
    /// Which groups there are.
    List,
    /// Their members.
    Describe,
    /// Their commits.
    Commits,
    /// Producers (source only).
    Producers,
    /// Low watermarks.
    Low,
    /// High watermarks.
    High,
    /// Last stable offsets.
    Stable,
}

/// The order in which the sampler reads.
pub const ORDER: [Part; 8] =
    [Part::Metadata, Part::List, Part::Describe, Part::Commits, Part::Producers, Part::Low, Part::High, Part::Stable];

/// A failed answer of one kind.
pub fn failure(why: &str) -> Failure {
    Failure::new(FailureKind::Timeout, why)
}

/// A sample while it is being read.
#[derive(Debug)]
pub struct Draft {
    /// The side.
    pub side: Side,
    /// What has been read.
    pub sample: KafkaSample,
    /// Some part failed as a whole.
    pub failed: Option<Failure>,
    /// When its first request was sent: true time and monotonic.
    pub sent: (i64, Mono),
    /// When the part before was answered: the next is asked for then.
    pub answered: Mono,
    low: BTreeMap<TopicPartition, Result<i64, Failure>>,
    high: BTreeMap<TopicPartition, Result<(i64, i32), Failure>>,
}

impl Draft {
    /// A sample whose first request goes out now.
    pub fn new(side: Side, now: i64, mono: Mono) -> Draft {
        let sample = KafkaSample {
            cluster_id: "".into(),
            brokers: BTreeMap::new(),
            may_describe: Ok(true),
            topics: BTreeMap::new(),
            topics_outside: 0,
            unlisted: BTreeMap::new(),
            groups: BTreeMap::new(),
            groups_outside: 0,
            listed: None,
            committed: None,
            ended: None,
        };
        Draft {
            side,
            sample,
            failed: None,
            sent: (now, mono),
            answered: mono,
            low: BTreeMap::new(),
            high: BTreeMap::new(),
        }
    }

    /// Reads one part at this instant, asked for at `sent` and answered at `received`.
    pub fn read(&mut self, part: Part, m: &Model, sent: Mono, received: Mono) {
        let c = m.side(self.side);
        if c.faults.down {
            self.failed.get_or_insert_with(|| failure("no answer"));
            return;
        }
        if c.faults.imposter {
            self.imposter(sent, received);
            return;
        }
        let span = Span { sent, received };
        let merge = |old: Option<Span>| Some(old.map_or(span, |s| s.merge(span)));
        match part {
            Part::Metadata => {
                self.metadata(c);
                self.sample.listed = merge(None);
            }
            Part::List => self.list(c),
            Part::Describe => {
                self.describe(m, c);
                self.sample.listed = merge(self.sample.listed);
            }
            Part::Commits => {
                self.commits(c);
                self.sample.committed = merge(None);
            }
            Part::Producers => {
                self.producers(c);
                self.sample.ended = merge(None);
            }
            Part::Low => {
                self.low = self.ask(c, |l| l.low);
                self.sample.ended = merge(self.sample.ended);
            }
            Part::High => {
                self.high = self.ask(c, |l| (l.high(), l.epoch));
                self.sample.ended = merge(self.sample.ended);
            }
            Part::Stable => {
                let stable = self.ask(c, super::model::log::Log::stable);
                self.sample.ended = merge(self.sample.ended);
                self.ends(&stable);
            }
        }
    }

    fn imposter(&mut self, sent: Mono, received: Mono) {
        let span = Some(Span { sent, received });
        let brokers = BTreeMap::from([(1, BrokerSample { address: "x:9092".into(), reached: Ok(()) })]);
        let fresh = Draft::new(self.side, self.sent.0, self.sent.1).sample;
        self.sample =
            KafkaSample { cluster_id: "imposter".into(), brokers, listed: span, committed: span, ended: span, ..fresh };
    }

    fn metadata(&mut self, c: &Cluster) {
        self.sample.cluster_id = c.id.clone();
        self.sample.may_describe = Ok(!c.faults.hidden);
        for b in BROKERS {
            let reached = if c.faults.brokers.contains(&b) { Err(failure("broker does not answer")) } else { Ok(()) };
            self.sample.brokers.insert(b, BrokerSample { address: format!("b{b}:9092").into(), reached });
        }
        let unread = || failure("its log ends were not answered");
        for (name, t) in c.topics.iter().filter(|(name, _)| !c.faults.concealed.contains(*name)) {
            let part = |_| PartitionSample {
                replicas: c.replicas,
                in_sync: Some(c.replicas),
                ends: Err(unread()),
                producers: Err(unread()),
            };
            let partitions = (0i32..).zip(&t.logs).map(|(p, l)| (p, part(l))).collect();
            self.sample.topics.insert(name.clone(), TopicSample { id: t.id, partitions, failed: None });
        }
    }

    fn list(&mut self, c: &Cluster) {
        for b in &c.faults.brokers {
            self.sample.unlisted.insert(*b, failure("its groups were not listed"));
        }
        if c.faults.hidden {
            // Rights that are lost between two requests of one sample are not modelled.
            self.sample.may_describe = Ok(false);
            return;
        }
        for (name, g) in c.groups.iter().filter(|(_, g)| !c.faults.brokers.contains(&g.coordinator)) {
            let empty = GroupSample {
                kind: g.kind.clone(),
                state: "unknown".into(),
                members: Err(unasked()),
                commits: Err(unasked()),
            };
            self.sample.groups.insert(name.clone(), empty);
        }
    }

    fn describe(&mut self, m: &Model, c: &Cluster) {
        for (name, s) in &mut self.sample.groups {
            match c.groups.get(name) {
                Some(_) if c.faults.groups.contains(name) => s.members = Err(failure("coordinator not available")),
                Some(g) if c.faults.brokers.contains(&g.coordinator) => s.members = Err(failure("coordinator is down")),
                Some(g) => {
                    s.state = if g.members.is_empty() { "Empty".into() } else { "Stable".into() };
                    s.members = Ok(g
                        .members
                        .iter()
                        .map(|(i, j)| {
                            member(
                                j,
                                m.readers.get((*i % ELSEWHERE) as usize).is_some_and(|r| r.style == Style::Next),
                                c,
                            )
                        })
                        .map(|told| if c.faults.rebalancing.contains(name) { withheld(told) } else { told })
                        .collect());
                }
                None => s.members = Err(failure("listed, but Dead when described")),
            }
        }
    }

    fn commits(&mut self, c: &Cluster) {
        for (name, s) in &mut self.sample.groups {
            s.commits = match c.groups.get(name) {
                Some(g) if c.faults.groups.contains(name) || c.faults.brokers.contains(&g.coordinator) => {
                    Err(failure("coordinator not available"))
                }
                Some(g) => {
                    let told = g.commits.iter().filter(|(tp, _)| !c.faults.concealed.contains(&tp.0));
                    Ok(told.map(|(tp, o)| (tp.clone(), Ok(*o))).collect())
                }
                None => Ok(BTreeMap::new()),
            };
        }
        self.sample.groups.retain(|_, g| concerns(g));
    }

    fn producers(&mut self, c: &Cluster) {
        for (name, t) in &mut self.sample.topics {
            for (p, part) in &mut t.partitions {
                let log =
                    c.topics.get(name).filter(|n| n.id == t.id).and_then(|t| t.logs.get(usize::try_from(*p).ok()?));
                part.producers = match log {
                    _ if self.side == Side::Destination => Ok(Vec::new()),
                    Some(_) if c.faults.partitions.contains(&(name.clone(), *p)) => Err(failure("not leader")),
                    Some(l) => Ok(l
                        .producers
                        .iter()
                        .map(|(id, m)| ProducerState {
                            id: *id,
                            epoch: 0,
                            last_sequence: m.sequence,
                            in_transaction: m.open,
                        })
                        .collect()),
                    None => Err(failure("unknown topic or partition")),
                };
            }
        }
    }

    fn ask<T>(
        &self,
        c: &Cluster,
        of: impl Fn(&crate::model::log::Log) -> T,
    ) -> BTreeMap<TopicPartition, Result<T, Failure>> {
        let all = self.sample.topics.iter().flat_map(|(n, t)| t.partitions.keys().map(|p| (n.clone(), *p)));
        all.map(|tp| {
            let log = c.topics.get(&tp.0).and_then(|t| t.logs.get(usize::try_from(tp.1).ok()?));
            let told = match log {
                _ if c.faults.partitions.contains(&tp) => Err(failure("leader not available")),
                Some(l) => Ok(of(l)),
                None => Err(failure("unknown topic or partition")),
            };
            (tp, told)
        })
        .collect()
    }

    fn ends(&mut self, stable: &BTreeMap<TopicPartition, Result<i64, Failure>>) {
        for (name, t) in &mut self.sample.topics {
            for (p, part) in &mut t.partitions {
                let tp = (name.clone(), *p);
                part.ends = match (self.low.get(&tp), self.high.get(&tp), stable.get(&tp)) {
                    (Some(Ok(low)), Some(Ok((high, epoch))), Some(Ok(stable))) if low <= high => {
                        Ok(Ends { low: *low, high: *high, stable: *stable.min(high), epoch: *epoch })
                    }
                    (Some(Err(f)), ..) | (_, Some(Err(f)), _) | (.., Some(Err(f))) => Err(f.clone()),
                    _ => Err(failure("left out, or the log moved while it was read")),
                };
            }
        }
    }
}

fn unasked() -> Failure {
    failure("not asked")
}

fn member(j: &crate::model::Joined, next: bool, c: &Cluster) -> Member {
    let assigned: BTreeSet<TopicPartition> = j
        .topics
        .iter()
        .filter_map(|t| Some((t, c.topics.get(t)?)))
        .flat_map(|(n, t)| (0i32..).zip(&t.logs).map(|(p, _)| (n.clone(), p)).collect::<Vec<_>>())
        .collect();
    // A KIP-848 member may be shown while nothing is assigned yet; its subscription is always there.
    let assigned = if next { BTreeSet::new() } else { assigned };
    Member { client_id: j.client.clone(), host: "10.0.0.1".into(), topics: Ok(j.topics.clone()), assigned }
}

/// While a group rebalances the broker does not say what a member subscribes to.
fn withheld(told: Member) -> Member {
    Member { topics: Err(failure("withheld while the group rebalances")), assigned: BTreeSet::new(), ..told }
}

fn concerns(g: &GroupSample) -> bool {
    let by_commits = !g.commits.as_ref().is_ok_and(BTreeMap::is_empty);
    let commits_only = matches!(&g.kind, GroupKind::Classic { protocol_type }
        if !protocol_type.is_empty() && &**protocol_type != "consumer");
    let by_members = match &g.members {
        Err(_) => true,
        Ok(ms) => ms.iter().any(|m| !m.topics.as_ref().is_ok_and(BTreeSet::is_empty)),
    };
    by_commits || (by_members && !commits_only)
}

/// The slow reading, at one instant; timestamps are told by the brokers' clocks, which are true.
pub fn configs(m: &Model, side: Side) -> Result<KafkaConfigs, Failure> {
    let c = m.side(side);
    if c.faults.down || c.faults.imposter {
        return Err(failure("no answer"));
    }
    let mut out =
        KafkaConfigs { cluster_id: c.id.clone(), offsets_retention_ms: Some(604_800_000), ..KafkaConfigs::default() };
    if side == Side::Source {
        // One broker that does not tell takes half of it along.
        let told = c.topics.keys().enumerate().filter(|(i, _)| !c.faults.untold || i % 2 == 0);
        (out.logs, out.logs_told) = (told.map(|(_, name)| name.clone()).collect(), !c.faults.untold);
    }
    for (name, t) in c.topics.iter().filter(|(name, _)| !c.faults.concealed.contains(*name)) {
        out.topics.insert(name.clone(), Ok(t.config.clone()));
        if side == Side::Source {
            for (p, l) in (0i32..).zip(&t.logs) {
                let tp = (name.clone(), p);
                let told = if c.faults.partitions.contains(&tp) { Err(failure("not leader")) } else { Ok(l.newest()) };
                out.newest.insert(tp, told.map(|t| t.map(|t| t + crate::EPOCH)));
            }
        }
    }
    Ok(out)
}

/// The proofs asked for: the partition stands where the question says, before and after it is read.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The questions and where each partition stood before.
    pub questions: Vec<Demand>,
    /// How many records were given; `None` where the partition stood elsewhere.
    pub told: Vec<Option<u64>>,
}

impl Proof {
    /// What the proof sampler of a side does first: it looks where the partitions stand.
    pub fn begin(m: &Model, side: Side, due: Vec<Demand>) -> Proof {
        let told = due.iter().map(|d| stands(m, side, d).then_some(0)).collect();
        Proof { questions: due, told }
    }

    /// Reads each question's partition.
    pub fn read(&mut self, m: &Model, side: Side) {
        for (d, told) in self.questions.iter().zip(&mut self.told) {
            if let (Demand::Tail { topic, partition, from, .. }, Some(n)) = (d, told.as_mut()) {
                let log = m.log(side, topic, *partition);
                *n = log.map_or(0, |l| l.given(*from, l.stable()) as u64);
            }
        }
    }

    /// Looks again, and says what was proven.
    pub fn end(self, m: &Model, side: Side) -> KafkaTails {
        let mut tails = Vec::new();
        for (d, told) in self.questions.into_iter().zip(self.told) {
            let (true, Some(n)) = (stands(m, side, &d), told) else { continue };
            if let Demand::Tail { topic, topic_id, partition, from, to, .. } = d {
                tails.push(Tail { topic, topic_id, partition, from, to, records: Ok(n) });
            }
        }
        KafkaTails { cluster_id: m.side(side).id.clone(), tails }
    }
}

fn stands(m: &Model, side: Side, d: &Demand) -> bool {
    let Demand::Tail { topic, topic_id, partition, to, .. } = d else { return false };
    let c = m.side(side);
    let silent = c.faults.down || c.faults.imposter || c.faults.partitions.contains(&(topic.clone(), *partition));
    let id: Option<Uuid> = c.topics.get(topic).map(|t| t.id);
    let log = m.log(side, topic, *partition);
    !silent && id == Some(*topic_id) && log.is_some_and(|l| l.stable() == *to && l.high() == *to)
}

/// The questions to a side among the demands.
pub fn questions(side: Side, demands: &BTreeSet<Demand>) -> Vec<Demand> {
    demands.iter().filter(|d| matches!(d, Demand::Tail { side: s, .. } if *s == side)).cloned().collect()
}

/// Names of everything a sample lists, for reports.
pub fn names(s: &KafkaSample) -> Vec<&Name> {
    s.topics.keys().chain(s.groups.keys()).collect()
}
