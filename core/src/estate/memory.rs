//! What is remembered of a Kafka cluster between samples: how long an offset has stood still, how it grew, how lag
//! falls.
//!
//! A counter that only grows and reads the same at both ends of an interval did not move inside it, however few
//! samples lie between: that is what `since` and `last` of the memories below prove. They prove it only within one
//! topic id and one leader epoch, because an unclean election may take a log back and forth.

use super::Failure;
use super::kafka::{
    Ends, GroupSample, KafkaConfigs, KafkaSample, KafkaTails, PartitionSample, ProducerState, TopicPartition,
};
use crate::Name;
use crate::time::{Dur, Mono, Span};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uuid::Uuid;

/// Points kept of a series, at least ten minutes at the default interval.
const POINTS: usize = 128;

/// Good samples kept whole: what was before a member attached is read from them.
const KEPT: usize = 3;

/// What is remembered of one Kafka cluster.
#[derive(Clone, Debug, Default)]
pub struct KafkaMemory {
    /// The good samples, newest last, at most three.
    pub(crate) last: Option<(Span, KafkaSample)>,
    pub(crate) earlier: VecDeque<KafkaSample>,
    pub(crate) configs: Option<(Span, KafkaConfigs)>,
    /// Topics of which a broker told that it holds a log and that no list had, since every broker told last.
    hidden: BTreeSet<Name>,
    /// Why the newest slow reading came to nothing, if it did.
    pub(crate) unread: Option<(Span, Failure)>,
    pub(crate) tails: Option<(Span, KafkaTails)>,
    pub(crate) ends: BTreeMap<TopicPartition, EndsMemory>,
    pub(crate) commits: BTreeMap<Name, BTreeMap<TopicPartition, CommitMemory>>,
    pub(crate) lags: BTreeMap<(Name, Name), VecDeque<LagPoint>>,
    pub(crate) first: Option<Mono>,
    pub(crate) clients: BTreeMap<KafkaClient, Mono>,
    watched: Option<Mono>,
}

/// A member as the broker shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KafkaClient {
    /// The group it is a member of.
    pub group: Name,
    /// The client id it gave.
    pub client_id: Name,
    /// The host the broker sees it at.
    pub host: Name,
}

/// Clients are remembered for this long after they were last seen.
pub const CLIENTS: Dur = Dur::mins(10);

/// A total lag at an instant.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct LagPoint {
    /// When the sample that shows it was sent.
    pub at: Mono,
    /// Records between the committed offsets and the high watermarks, all partitions known.
    pub lag: i64,
}

/// How the end of a partition's log has moved.
#[derive(Clone, Debug)]
pub struct EndsMemory {
    /// The topic's id.
    pub id: Uuid,
    /// The newest ends read.
    pub ends: Ends,
    /// When the first sample with this high watermark, id and leader epoch had come in; `None` after a clock jump.
    pub since: Option<Mono>,
    /// When the newest sample with it was sent.
    pub last: Mono,
    /// When the newest sample that showed growth was sent.
    pub grew: Option<Mono>,
    /// How many growths were seen.
    pub growths: u32,
    /// The longest time between two growths seen.
    pub longest_gap: Dur,
    /// The producers of the newest sample.
    pub producers: Option<Vec<ProducerState>>,
    /// Since when no producer has been active; `None` if the cluster does not tell.
    pub quiet_since: Option<Mono>,
    /// (sent, high watermark), newest last.
    pub points: VecDeque<(Mono, i64)>,
    /// Times between two readings: when the later one had come in, and how long; each shorter than those before it.
    pub pauses: VecDeque<(Mono, Dur)>,
}

impl EndsMemory {
    /// How long it has been read without a pause longer than this, up to the newest sample; `None` if there was none.
    pub fn heard_for(&self, pause: Dur) -> Option<Dur> {
        let (at, _) = self.pauses.iter().rev().find(|(_, p)| *p > pause)?;
        Some((self.last - *at).max(Dur::ZERO))
    }

    /// How long it is proven that nothing was appended, up to the newest sample.
    pub fn unmoved_for(&self) -> Dur {
        self.since.map_or(Dur::ZERO, |s| (self.last - s).max(Dur::ZERO))
    }

    /// How long no producer has been active, up to the newest sample; `None` if the cluster does not tell.
    pub fn quiet_for(&self) -> Option<Dur> {
        self.quiet_since.map(|s| (self.last - s).max(Dur::ZERO))
    }

    /// How long before `self.last` the log ended at `offset`: the lag in time of a reader that stands there.
    /// `None` where the series does not reach back that far.
    pub fn age_of(&self, offset: i64) -> Option<Dur> {
        if offset >= self.ends.high {
            return Some(Dur::ZERO);
        }
        // The record at `offset` was appended after the newest point whose end is at or below it.
        let (at, _) = self.points.iter().rev().find(|(_, end)| *end <= offset)?;
        Some(self.last - *at)
    }
}

/// How a committed offset has moved.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct CommitMemory {
    /// The newest committed offset.
    pub offset: i64,
    /// When the first sample that showed it had come in; `None` after a clock jump.
    pub since: Option<Mono>,
    /// When the newest sample that showed it was sent.
    pub last: Mono,
    /// It has moved while it was watched.
    pub moved: bool,
}

impl CommitMemory {
    /// How long it has stood, up to the newest sample.
    pub fn unmoved_for(&self) -> Dur {
        self.since.map_or(Dur::ZERO, |s| (self.last - s).max(Dur::ZERO))
    }
}

impl KafkaMemory {
    /// The newest good sample and its span.
    pub fn last(&self) -> Option<(Span, &KafkaSample)> {
        self.last.as_ref().map(|(s, k)| (*s, k))
    }

    /// The good sample `n` before the newest, `n` from 1.
    pub fn earlier(&self, n: usize) -> Option<&KafkaSample> {
        self.earlier.len().checked_sub(n).and_then(|i| self.earlier.get(i))
    }

    /// How the end of each partition's log has moved.
    pub fn ends(&self) -> &BTreeMap<TopicPartition, EndsMemory> {
        &self.ends
    }

    /// How the committed offset of a group on a partition has moved.
    pub fn commit(&self, group: &str, tp: &TopicPartition) -> Option<&CommitMemory> {
        self.commits.get(group)?.get(tp)
    }

    /// The lag of a group on a topic over time.
    pub fn lags(&self, group: &Name, topic: &Name) -> Option<&VecDeque<LagPoint>> {
        self.lags.get(&(group.clone(), topic.clone()))
    }

    /// Members that read something in scope, seen within the last ten minutes, and when last.
    pub fn clients(&self) -> &BTreeMap<KafkaClient, Mono> {
        &self.clients
    }

    /// Since when members have been watched without a jump of the clocks.
    pub fn watched(&self) -> Option<Mono> {
        self.watched
    }

    /// When the first good sample was sent.
    pub fn first(&self) -> Option<Mono> {
        self.first
    }

    /// Takes in a sample; whether it forgot for it what was remembered, since another cluster answers.
    pub(super) fn apply(&mut self, span: Span, sample: KafkaSample) -> bool {
        // A sample overtaken by a newer one proves nothing new.
        if self.last.as_ref().is_some_and(|(s, _)| span.sent < s.received) {
            return false;
        }
        let another = self.last.as_ref().is_some_and(|(_, l)| l.cluster_id != sample.cluster_id);
        if another {
            *self = KafkaMemory::default();
        }
        self.first.get_or_insert(span.sent);
        self.watched.get_or_insert(span.sent);
        self.remember_ends(span, &sample);
        self.remember_commits(span, &sample);
        self.remember_lags(&sample);
        self.remember_clients(span, &sample);
        self.hidden.retain(|t| !sample.topics.contains_key(t));
        match self.last.replace((span, sample)) {
            None => self.remember_hidden(),
            Some((_, old)) => {
                self.earlier.push_back(old);
                if self.earlier.len() > KEPT - 1 {
                    self.earlier.pop_front();
                }
            }
        }
        another
    }

    /// Takes in a slow reading.
    pub(super) fn configured(&mut self, span: Span, configs: KafkaConfigs) {
        if configs.logs_told {
            self.hidden.clear();
        }
        (self.configs, self.unread) = (Some((span, configs)), None);
        self.remember_hidden();
    }

    /// What the newest slow reading tells of that no list has.
    fn remember_hidden(&mut self) {
        if let (Some((_, configs)), Some((_, last))) = (&self.configs, &self.last)
            && last.cluster_id == configs.cluster_id
        {
            self.hidden.extend(configs.logs.iter().filter(|t| !last.topics.contains_key(*t)).cloned());
        }
    }

    /// Topics of which a broker told that it holds a log and that no list had then.
    pub(crate) fn hidden(&self) -> &BTreeSet<Name> {
        &self.hidden
    }

    pub(super) fn forget_spans(&mut self) {
        self.watched = None;
        self.clients.clear();
        for m in self.ends.values_mut() {
            m.since = None;
            m.quiet_since = None;
        }
        for m in self.commits.values_mut().flat_map(BTreeMap::values_mut) {
            m.since = None;
        }
    }

    fn remember_clients(&mut self, span: Span, sample: &KafkaSample) {
        for (group, g) in &sample.groups {
            for m in g.members.as_ref().ok().into_iter().flatten() {
                if m.topics.as_ref().is_ok_and(|t| !t.is_empty()) {
                    let (client_id, host) = (m.client_id.clone(), m.host.clone());
                    self.clients.insert(KafkaClient { group: group.clone(), client_id, host }, span.sent);
                }
            }
        }
        self.clients.retain(|_, at| span.sent - *at <= CLIENTS);
    }

    /// Fewer replicas of a partition are in sync than `min.insync.replicas`: how many are (0 where one of them is offline), and
    /// how many must be. Whoever asks for more than the leader's word is refused then, and leaves no record.
    pub(crate) fn short_of_replicas(&self, topic: &Name, part: &PartitionSample) -> Option<(u32, i64)> {
        let n = part.in_sync.filter(|n| *n < part.replicas)?;
        let config = self.configs.as_ref().and_then(|(_, c)| c.topics.get(topic)?.as_ref().ok());
        let least = config.map_or(i64::from(part.replicas), |c| c.min_insync_replicas.min(part.replicas.into()));
        (n == 0 || i64::from(n) < least).then_some((n, least))
    }

    fn remember_ends(&mut self, span: Span, sample: &KafkaSample) {
        // The log ends' own requests are later than the sample's first: counting `last` from the latter understates.
        let at = sample.ended.unwrap_or(span);
        for (topic, t) in &sample.topics {
            for (p, part) in &t.partitions {
                let Ok(ends) = part.ends else { continue };
                let key = (topic.clone(), *p);
                let refused = self.short_of_replicas(topic, part).is_some();
                let memory = self.ends.entry(key).or_insert_with(|| EndsMemory::new(t.id, ends, at));
                memory.see(t.id, ends, at);
                memory.see_producers(part.producers.as_ref().ok(), at);
                if refused {
                    // Silence of those who are refused proves nothing: it counts from the first sample in which nobody is.
                    (memory.since, memory.quiet_since) = (None, None);
                }
            }
        }
        self.ends.retain(|(topic, p), _| {
            sample.topics.get(topic).is_some_and(|t| t.failed.is_some() || t.partitions.contains_key(p))
        });
    }

    fn remember_commits(&mut self, span: Span, sample: &KafkaSample) {
        let at = sample.committed.unwrap_or(span);
        for (group, g) in &sample.groups {
            let Ok(commits) = &g.commits else { continue };
            let memories = self.commits.entry(group.clone()).or_default();
            memories.retain(|tp, _| commits.contains_key(tp));
            for (tp, offset) in commits {
                let Ok(offset) = *offset else { continue };
                let fresh = CommitMemory { offset, since: Some(at.received), last: at.sent, moved: false };
                let m = memories.entry(tp.clone()).or_insert(fresh);
                if m.offset != offset {
                    *m = CommitMemory { moved: true, ..fresh };
                }
                m.since.get_or_insert(at.received);
                m.last = at.sent;
            }
        }
        // A group that its broker did not list may commit meanwhile: it has moved then, not come anew.
        let complete = sample.lists_every_group();
        self.commits.retain(|g, _| sample.groups.contains_key(g) || !complete);
    }

    fn remember_lags(&mut self, sample: &KafkaSample) {
        let Some(at) = sample.ended else { return };
        let mut kept = BTreeMap::new();
        for (group, g) in &sample.groups {
            let mut topics: Vec<&Name> = match &g.commits {
                Ok(c) => c.keys().map(|(t, _)| t).collect(),
                Err(_) => continue,
            };
            topics.dedup();
            for topic in topics {
                let key = (group.clone(), topic.clone());
                let mut series = self.lags.remove(&key).unwrap_or_default();
                if let Some(lag) = lag_of(g, topic, sample) {
                    series.push_back(LagPoint { at: at.sent, lag });
                    if series.len() > POINTS {
                        series.pop_front();
                    }
                }
                kept.insert(key, series);
            }
        }
        self.lags = kept;
    }
}

/// The lag of a group on a topic: high watermarks less committed offsets over all partitions; `None` where any part of
/// it is not known. A partition without a commit counts as unknown unless it is empty.
pub(super) fn lag_of(group: &GroupSample, topic: &Name, sample: &KafkaSample) -> Option<i64> {
    let t = sample.topics.get(topic).filter(|t| t.failed.is_none() && !t.partitions.is_empty())?;
    let commits = group.commits.as_ref().ok()?;
    let mut sum = 0i64;
    for (p, part) in &t.partitions {
        let ends = part.ends.as_ref().ok()?;
        sum = sum.checked_add(match commits.get(&(topic.clone(), *p)) {
            Some(Ok(c)) if *c <= ends.high => ends.high - c,
            None if ends.is_empty() => 0,
            _ => return None,
        })?;
    }
    Some(sum)
}

impl EndsMemory {
    fn new(id: Uuid, ends: Ends, at: Span) -> EndsMemory {
        EndsMemory {
            id,
            ends,
            since: Some(at.received),
            last: at.sent,
            grew: None,
            growths: 0,
            longest_gap: Dur::ZERO,
            producers: None,
            quiet_since: None,
            points: VecDeque::new(),
            pauses: VecDeque::new(),
        }
    }

    fn see(&mut self, id: Uuid, ends: Ends, at: Span) {
        if id != self.id {
            *self = EndsMemory::new(id, ends, at);
        }
        if ends.high != self.ends.high || ends.epoch != self.ends.epoch {
            self.since = Some(at.received);
        }
        if ends.high > self.ends.high {
            if let Some(before) = self.grew {
                self.longest_gap = self.longest_gap.max(at.received - before);
            }
            self.grew = Some(at.sent);
            self.growths = self.growths.saturating_add(1);
        }
        self.since.get_or_insert(at.received);
        self.ends = ends;
        let pause = at.sent - self.last;
        while self.pauses.back().is_some_and(|(_, p)| *p <= pause) {
            self.pauses.pop_back();
        }
        if self.pauses.len() < POINTS {
            self.pauses.push_back((at.received, pause));
        }
        self.last = at.sent;
        // Only the newest instant at which an end was seen matters to `age_of`.
        if self.points.back().is_some_and(|(_, e)| *e == ends.high) {
            self.points.pop_back();
        }
        self.points.push_back((at.sent, ends.high));
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
    }

    fn see_producers(&mut self, seen: Option<&Vec<ProducerState>>, at: Span) {
        let Some(seen) = seen else {
            self.quiet_since = None;
            self.producers = None;
            return;
        };
        let acted = match &self.producers {
            Some(old) => seen.iter().any(|p| p.in_transaction || !old.contains(p)),
            None => true,
        };
        if acted || self.quiet_since.is_none() {
            self.quiet_since = Some(at.received);
        }
        self.producers = Some(seen.clone());
    }
}

#[cfg(test)]
mod tests;
