//! What a check may look at: the estate, the facts and the settings at one instant. Nothing measured can be read here
//! without the question how old it is, and nothing without a note of what was looked at ([`crate::looked`]).

use crate::Name;
use crate::estate::kafka::{GroupSample, KafkaConfigs, KafkaSample, PartitionSample, TopicSample};
use crate::estate::mongodb::{MirrorSample, MongoSample};
use crate::estate::probe::ProbeSample;
use crate::estate::{
    Estate, Failure, FailureKind, KafkaMemory, Listing, MirrorMemory, MongoMemory, ProbeMemory, Side, Target,
};
use crate::facts::{Facts, LogKey};
use crate::looked::{Looked, Part, State};
use crate::playbook::{Downtime, steps};
use crate::reading::{Basis, Code, Demand, Gap, Known, Subject};
use crate::settings::{KafkaSettings, MirrorSettings, MongodbSettings, ProbeKind, ProbeSettings, Settings, Track};
use crate::time::{Dur, Now, Span};
use std::collections::BTreeSet;

/// The estate, the facts and the settings at one instant.
#[derive(Copy, Clone, Debug)]
pub struct View<'a> {
    estate: &'a Estate,
    /// What was journaled.
    pub facts: &'a Facts,
    /// What was configured.
    pub settings: &'a Settings,
    now: Now,
    looked: Option<&'a Looked>,
}

/// A side's Kafka cluster, its newest sample fresh.
#[derive(Copy, Clone, Debug)]
pub struct Kafka<'a> {
    /// The side.
    pub side: Side,
    /// The newest good sample.
    pub sample: &'a KafkaSample,
    /// What is remembered besides.
    pub memory: &'a KafkaMemory,
    /// The samples this rests on.
    pub basis: Basis,
}

/// A side's MongoDB deployment, its newest sample fresh.
#[derive(Copy, Clone, Debug)]
pub struct Mongodb<'a> {
    /// The side.
    pub side: Side,
    /// The newest good sample.
    pub sample: &'a MongoSample,
    /// What is remembered besides.
    pub memory: &'a MongoMemory,
    /// When the newest sample was taken.
    pub span: Span,
    /// The samples this rests on.
    pub basis: Basis,
}

/// A mirror, its newest sample fresh.
#[derive(Copy, Clone, Debug)]
pub struct Mirror<'a> {
    /// Its name.
    pub name: &'a Name,
    /// How it is configured.
    pub settings: &'a MirrorSettings,
    /// The newest good sample.
    pub sample: &'a MirrorSample,
    /// What is remembered besides.
    pub memory: &'a MirrorMemory,
    /// When the newest sample was taken.
    pub span: Span,
    /// The samples this rests on.
    pub basis: Basis,
}

/// A probe, its newest sample fresh.
#[derive(Copy, Clone, Debug)]
pub struct Probe<'a> {
    /// Its name.
    pub name: &'a Name,
    /// How it is configured.
    pub settings: &'a ProbeSettings,
    /// The newest good sample.
    pub sample: &'a ProbeSample,
    /// What is remembered besides.
    pub memory: &'a ProbeMemory,
    /// The samples this rests on.
    pub basis: Basis,
}

/// A sample may be this many of its sampler's intervals old.
pub const INTERVALS: i64 = 3;

impl From<FailureKind> for Code {
    fn from(k: FailureKind) -> Code {
        match k {
            FailureKind::Timeout => Code::Timeout,
            FailureKind::Unreachable => Code::Unreachable,
            FailureKind::Tls => Code::Tls,
            FailureKind::Auth => Code::Auth,
            FailureKind::Privilege => Code::Privilege,
            FailureKind::Protocol => Code::Protocol,
            FailureKind::Server => Code::Server,
        }
    }
}

/// The gap that a failure leaves.
pub fn gap(f: &Failure, at: Subject) -> Gap {
    let said = Gap::new(f.kind.into(), at).detail(f.message.clone());
    // A missing right comes with the command that grants it.
    match f.message.split_once("grant it: ") {
        Some((_, command)) => said.fix(command),
        None => said,
    }
}

/// Why a sample may not be believed any more.
enum Stale {
    /// The clocks jumped apart since.
    Jumped,
    /// It is too old.
    Old { age: Dur, max_age: Dur },
}

impl Stale {
    fn gap(self, at: Subject) -> Gap {
        let gap = Gap::new(Code::Stale, at);
        match self {
            Stale::Jumped => {
                gap.detail("the newest sample was asked for before the clocks jumped apart (a suspend or a clock step)")
            }
            Stale::Old { age, max_age } => {
                gap.detail(format!("the newest sample was asked for {age} ago; believed for {max_age}"))
            }
        }
    }
}

impl<'a> View<'a> {
    /// All of it, for somebody who keeps nothing of what is seen.
    pub fn new(estate: &'a Estate, facts: &'a Facts, settings: &'a Settings, now: Now) -> View<'a> {
        View { estate, facts, settings, now, looked: None }
    }

    /// The same, noting what is looked at.
    pub(crate) fn noting(self, looked: &'a Looked) -> View<'a> {
        View { looked: Some(looked), ..self }
    }

    /// The instant.
    pub fn now(&self) -> Now {
        self.looked.inspect(|l| l.at_clock());
        self.now
    }

    /// The state of everything that can be looked at; who looks at the steps' lives sees when they were go as well.
    pub(crate) fn state(&self, lives: bool) -> State<'a> {
        let facts = if lives { self.facts.revision() } else { self.facts.revision_but_gos() };
        State { parts: self.estate.revisions(), facts, now: self.now }
    }

    /// Everything measured, for the gate, which keeps nothing of it.
    pub(crate) fn estate(&self) -> &'a Estate {
        debug_assert!(self.looked.is_none(), "a check looks at what it needs");
        self.estate
    }

    fn part(&self, p: Part) -> &'a Estate {
        self.looked.inspect(|l| l.at(p));
        self.estate
    }

    /// What is remembered of a side's Kafka cluster, however old.
    pub(crate) fn kafka_memory(&self, side: Side) -> Option<&'a KafkaMemory> {
        self.part(Part::Kafka(side)).kafka(side)
    }

    /// What is remembered of a side's MongoDB deployment, however old.
    pub(crate) fn mongodb_memory(&self, side: Side) -> Option<&'a MongoMemory> {
        self.part(Part::Mongodb(side)).mongodb(side)
    }

    /// The newest sample of a target failed, and why.
    pub(crate) fn failing(&self, target: &Target) -> Option<&'a Failure> {
        self.part(target.part()).health().get(target)?.failing.as_ref()
    }

    /// Whether what was asked for then may still be believed for `max_age`.
    pub(crate) fn is_young(&self, span: Span, max_age: Dur) -> bool {
        let until = span.sent + max_age;
        let young = self.now.mono < until;
        self.looked.filter(|_| young).inspect(|l| l.until(until));
        young
    }

    /// The settings of the Kafka move.
    pub fn kafka_settings(&self) -> Known<&'a KafkaSettings> {
        self.settings
            .kafka
            .as_ref()
            .ok_or_else(|| Gap::new(Code::NotMeasured, Subject::Whole).detail("no kafka section in the configuration"))
    }

    /// The newest sample of a side's Kafka cluster, if it may still be believed.
    pub fn kafka(&self, side: Side) -> Known<Kafka<'a>> {
        let max_age = Dur(self.kafka_settings()?.interval.0 * INTERVALS);
        let found = self.kafka_memory(side).and_then(|m| Some((m, m.last()?)));
        let found = found.map(|(m, (span, sample))| (m, span, sample));
        let (memory, _, sample, basis) = self.newest(&Target::Kafka(side), &Subject::Side(side), max_age, found)?;
        if let Some(began_on) = self.facts.clusters.get(&side).filter(|c| **c != sample.cluster_id) {
            return Err(Gap::new(Code::OtherCluster, Subject::Side(side))
                .detail(format!("{} answers, it was {began_on}", sample.cluster_id))
                .fix("point it at the cluster it was, or start again with a higher `attempt`"));
        }
        Ok(Kafka { side, sample, memory, basis })
    }

    /// The newest configurations of a side's Kafka cluster, if they are of the cluster sampled and may be believed.
    pub fn configs(&self, k: &Kafka<'a>) -> Known<(Basis, Span, &'a KafkaConfigs)> {
        let max_age = Dur(self.kafka_settings()?.slow_interval.0 * INTERVALS);
        let want = Demand::Configs(k.side);
        let unread = || {
            let (span, why) = k.memory.unread.as_ref()?;
            let told = gap(why, Subject::Side(k.side));
            let said = format!("its configurations and logs could not be read: {}", why.message);
            self.is_young(*span, max_age).then(|| told.detail(said).want(want.clone()))
        };
        let missing = || {
            let never = Gap::new(Code::NeverSampled, Subject::Side(k.side)).detail("its topic configurations");
            unread().unwrap_or_else(|| never.want(want.clone()))
        };
        let (span, configs) = k.memory.configs.as_ref().ok_or_else(missing)?;
        if configs.cluster_id != k.sample.cluster_id {
            return Err(missing());
        }
        let stale = |s: Stale| unread().unwrap_or_else(|| s.gap(Subject::Side(k.side)).want(want.clone()));
        let basis = self.fresh(*span, max_age).map_err(stale)?;
        // A slow reading says until when it may be believed, but a dwell counts on the regular samples.
        Ok((Basis { span: k.basis.span, until: basis.until.min(k.basis.until) }, *span, configs))
    }

    /// The settings of the MongoDB move.
    pub fn mongodb_settings(&self) -> Known<&'a MongodbSettings> {
        self.settings.mongodb.as_ref().ok_or_else(|| {
            Gap::new(Code::NotMeasured, Subject::Whole).detail("no mongodb section in the configuration")
        })
    }

    /// The newest sample of a side's MongoDB deployment, if it may still be believed.
    pub fn mongodb(&self, side: Side) -> Known<Mongodb<'a>> {
        let max_age = Dur(self.mongodb_settings()?.interval.0 * INTERVALS);
        let memory = self.mongodb_memory(side).and_then(|m| Some((m, m.last()?)));
        let found = memory.map(|(m, (span, sample))| (m, span, sample));
        let (memory, span, sample, basis) =
            self.newest(&Target::Mongodb(side), &Subject::Mongodb(side), max_age, found)?;
        if let Some(began_on) = self.facts.deployments.get(&side).filter(|c| **c != sample.set_id) {
            return Err(Gap::new(Code::OtherCluster, Subject::Mongodb(side))
                .detail(format!("replica set id {} answers, it was {began_on}", sample.set_id))
                .fix("point it at the deployment it was, or start again with a higher `attempt`"));
        }
        Ok(Mongodb { side, sample, memory, span, basis })
    }

    /// The newest sample of a mirror, if it may still be believed.
    pub fn mirror(&self, name: &'a Name, settings: &'a MirrorSettings) -> Known<Mirror<'a>> {
        let max_age = Dur(self.mongodb_settings()?.interval.0 * INTERVALS);
        let found = self.part(Part::Mirrors).mirror(name).and_then(|m| Some((m, m.last()?)));
        let found = found.map(|(m, (span, sample))| (m, span, sample));
        let at = Subject::Mirror(name.clone());
        let (memory, span, sample, basis) = self.newest(&Target::Mirror(name.clone()), &at, max_age, found)?;
        Ok(Mirror { name, settings, sample, memory, span, basis })
    }

    /// The newest sample of a probe, if it may still be believed.
    pub fn probe(&self, name: &'a Name, settings: &'a ProbeSettings) -> Known<Probe<'a>> {
        let max_age = Dur(settings.interval.0 * INTERVALS);
        let found = self.part(Part::Probes).probe(name).and_then(|m| Some((m, m.last()?)));
        let found = found.map(|(m, (span, sample))| (m, span, sample));
        let at = Subject::Probe(name.clone());
        let unread = match settings.kind {
            ProbeKind::Pods => Some("pods through the Kubernetes API"),
            ProbeKind::Count => Some("counts of documents"),
            _ => None,
        };
        if let Some(what) = unread {
            return Err(Gap::new(Code::NotBuilt, at).detail(what));
        }
        let (memory, _, sample, basis) = self.newest(&Target::Probe(name.clone()), &at, max_age, found)?;
        Ok(Probe { name, settings, sample, memory, basis })
    }

    /// What was found of a target, if it is fresh; why not otherwise, the failure of the newest sample first.
    fn newest<M, S>(
        &self,
        target: &Target,
        at: &Subject,
        max_age: Dur,
        found: Option<(M, Span, S)>,
    ) -> Known<(M, Span, S, Basis)> {
        let failing = || self.failing(target);
        let Some((memory, span, sample)) = found else {
            return Err(match failing() {
                Some(f) => gap(f, at.clone()),
                None => Gap::new(Code::NeverSampled, at.clone()),
            });
        };
        let basis = self.fresh(span, max_age).map_err(|stale| match failing() {
            Some(f) => gap(f, at.clone()),
            None => stale.gap(at.clone()),
        })?;
        Ok((memory, span, sample, basis))
    }

    /// The newest catalogue of a side's MongoDB, if it is of the deployment sampled and may be believed.
    pub fn catalog(&self, m: &Mongodb<'a>) -> Known<(Basis, Span, &'a Listing)> {
        let max_age = Dur(self.mongodb_settings()?.slow_interval.0 * INTERVALS);
        let want = Demand::Collections(m.side);
        let missing = || {
            let at = Subject::Mongodb(m.side);
            let never = Gap::new(Code::NeverSampled, at).detail("its collections and indexes");
            self.unlisted(m).unwrap_or(never).want(want.clone())
        };
        let (span, catalog) = m.memory.catalog().ok_or_else(missing)?;
        if catalog.catalog.set_id != m.sample.set_id {
            return Err(missing());
        }
        let stale = |s: Stale| self.unlisted(m).unwrap_or(s.gap(Subject::Mongodb(m.side))).want(want.clone());
        let basis = self.fresh(span, max_age).map_err(stale)?;
        // A slow reading says until when it may be believed, but a dwell counts on the regular samples.
        Ok((Basis { span: m.basis.span, until: basis.until.min(m.basis.until) }, span, catalog))
    }

    /// Why the newest try to read a catalogue came to nothing.
    pub fn unlisted(&self, m: &Mongodb<'a>) -> Option<Gap> {
        let (span, why) = m.memory.unlisted()?;
        let max_age = Dur(self.mongodb_settings().ok()?.slow_interval.0 * INTERVALS);
        self.is_young(span, max_age).then(|| {
            let told = gap(why, Subject::Mongodb(m.side));
            told.detail(format!("its collections could not be listed: {}", why.message))
        })
    }

    /// The side services should use now for what a track moves: the source before its downtime, the destination after
    /// it, none in between.
    pub fn in_force(&self, track: Track) -> Option<Side> {
        let of = |d: Downtime| steps(track).iter().filter(move |s| s.downtime == d);
        if of(Downtime::Closes).any(|s| self.facts.is_done(s.id)) {
            return Some(Side::Destination);
        }
        (!of(Downtime::Opens).any(|s| self.facts.is_begun(s.id))).then_some(Side::Source)
    }

    fn fresh(&self, span: Span, max_age: Dur) -> Result<Basis, Stale> {
        if self.estate.jumped().is_some_and(|j| span.sent <= j) {
            return Err(Stale::Jumped);
        }
        if !self.is_young(span, max_age) {
            return Err(Stale::Old { age: self.now().mono - span.sent, max_age });
        }
        Ok(Basis { span, until: span.sent + max_age })
    }

    /// Every topic in scope on the source: those listed now, and those seen before that are not. One that vanished from
    /// the list is not known to be gone: the agent may have lost its right to see it.
    /// One of which a person says that it was deleted, and which is not listed, is left out.
    pub fn topics(&self, source: &Kafka<'a>) -> BTreeSet<&'a Name> {
        let mut topics = self.topics_ever(source);
        topics.retain(|t| !self.is_deleted(source, t));
        topics
    }

    /// A person says that a source topic which is not listed was deleted.
    fn is_deleted(&self, source: &Kafka<'a>, topic: &Name) -> bool {
        !source.sample.topics.contains_key(topic)
            && self.facts.confirmed("deleted", std::slice::from_ref(topic)).is_some()
    }

    /// The same with those that were deleted.
    pub fn topics_ever(&self, source: &Kafka<'a>) -> BTreeSet<&'a Name> {
        let Some(s) = self.settings.kafka.as_ref() else { return BTreeSet::new() };
        let listed = &source.sample.topics;
        let before = self
            .facts
            .topics
            .keys()
            .filter(|(c, t)| *c == source.sample.cluster_id && !listed.contains_key(t) && s.in_scope(t));
        // What a group subscribes to exists, or is thought to: without the right to see it Kafka leaves it out in silence.
        let read = self.facts.pairs(&source.sample.cluster_id);
        let read = read.filter(|(g, t)| !s.ignored.contains_key(g) && !listed.contains_key(t) && s.in_scope(t));
        listed.keys().chain(before.map(|(_, t)| t)).chain(read.map(|(_, t)| t)).collect()
    }

    /// The pairs seen on the source in this attempt that count, with their topic's name.
    pub fn pairs(&self, source: &Kafka<'a>) -> Vec<(&'a Name, &'a Name)> {
        let Some(s) = self.settings.kafka.as_ref() else { return Vec::new() };
        self.facts
            .pairs(&source.sample.cluster_id)
            // What the sampler lists is in scope.
            .filter(|(g, t)| !s.ignored.contains_key(g) && (source.sample.topics.contains_key(t) || s.in_scope(t)))
            .filter(|(_, t)| !self.is_deleted(source, t))
            .map(|(g, t)| (g, t))
            .collect()
    }
}

impl<'a> Kafka<'a> {
    /// A topic in scope, its partitions known.
    pub fn topic(&self, topic: &Name) -> Known<&'a TopicSample> {
        let at = || Subject::Topic(self.side, topic.clone());
        let t = self.sample.topics.get(topic).ok_or_else(|| {
            let why = match self.side {
                Side::Source => format!(
                    "let the agent see it; or, if it was deleted and all that it ever held was read or carried over: \
                         cutover-agent confirm deleted {topic} --reason …"
                ),
                Side::Destination => "let the agent see it, or create it again".to_owned(),
            };
            Gap::new(Code::Vanished, at()).detail("it is not in the cluster's list of topics").fix(why)
        })?;
        if let Some(f) = &t.failed {
            return Err(gap(f, at()));
        }
        if t.partitions.is_empty() {
            return Err(Gap::new(Code::Partial, at()).detail("the cluster lists no partition of it"));
        }
        Ok(t)
    }

    /// A group the listing shows.
    pub fn group(&self, group: &Name) -> Option<&'a GroupSample> {
        self.sample.groups.get(group)
    }

    /// The log ends were asked for after the commits came back.
    pub fn ordered(&self) -> bool {
        self.sample.committed.zip(self.sample.ended).is_some_and(|(c, e)| e.sent >= c.received)
    }

    /// Its high watermark moves with what is written. While fewer replicas are in sync than `min.insync.replicas` it stands,
    /// and so does everything that is measured by it, although whoever asks for no more than the leader's word goes on
    /// writing (KAFKA-15583).
    pub fn moves(&self, topic: &Name, partition: i32, part: &PartitionSample) -> Known<()> {
        let at = || Subject::Partitions(self.side, topic.clone(), vec![partition]);
        if part.in_sync.is_none() {
            return Err(Gap::new(Code::Partial, at()).detail("which of its replicas are in sync was not told"));
        }
        let why = match self.memory.short_of_replicas(topic, part) {
            None => return Ok(()),
            Some((0, _)) => "a replica that is in sync is offline".to_owned(),
            Some((n, least)) => format!("{n} of {} replicas are in sync and {least} must be", part.replicas),
        };
        Err(Gap::new(Code::Partial, at())
            .detail(format!("{why}: its high watermark may stand over records that were written"))
            .fix("bring its replicas back"))
    }

    /// The key of a partition's facts.
    pub fn key(&self, topic: &Name, t: &TopicSample, partition: i32) -> LogKey {
        LogKey { cluster: self.sample.cluster_id.clone(), id: t.id, topic: topic.clone(), partition }
    }

    /// Some partition in scope has more than one replica.
    pub fn replicated(&self) -> bool {
        self.sample.topics.values().flat_map(|t| t.partitions.values()).any(|p| p.replicas > 1)
    }
}
