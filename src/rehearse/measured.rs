//! What a recording (`run --record`) tells of the real estate before anything was moved: its topics, groups, collections and
//! clients, and how fast they are written.

use crate::record::{Entry, Recording};
use cutover_core::Name;
use cutover_core::estate::kafka::{GroupKind, KafkaSample};
use cutover_core::estate::mongodb::{CollectionKind, MongoCatalog, MongoSample, Oplog};
use cutover_core::estate::{Content, Sample, Side, Target};
use cutover_core::playbook;
use cutover_core::settings::{Class, KafkaSettings, MongodbSettings, Role, Settings, Track};
use cutover_core::time::{Dur, Mono};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was measured of an estate.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) kafka: Option<OfKafka>,
    pub(super) mongodb: Option<OfMongodb>,
    /// Sections of which nothing is left to take: what it says of them, in words.
    pub(super) missing: Vec<String>,
}

/// The source's Kafka cluster.
#[derive(Debug, Default)]
pub(super) struct OfKafka {
    watch: Watch,
    /// Where something was not watched: a silence does not go on behind it.
    breaks: Vec<Dur>,
    pub(super) topics: BTreeMap<Name, Topic>,
    pub(super) groups: BTreeMap<Name, Group>,
}

/// A topic in scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Topic {
    pub(super) partitions: usize,
    pub(super) replicas: u32,
    highs: BTreeMap<i32, i64>,
    /// Records that came while it was watched.
    records: i64,
    /// When they were seen to come, since watching began.
    grew: Vec<Dur>,
}

/// A consumer group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) kind: GroupKind,
    /// Somebody was seen to be a member.
    pub(super) members: bool,
    /// A commit of it was seen to move.
    pub(super) moved: bool,
    /// Topics in scope that it subscribes to, is assigned or has committed on.
    pub(super) topics: BTreeSet<Name>,
    commits: BTreeMap<(Name, i32), i64>,
}

/// The source's MongoDB deployment.
#[derive(Debug, Default)]
pub(super) struct OfMongodb {
    watch: Watch,
    catalog: Option<MongoCatalog>,
    oplog: Option<Oplog>,
    /// Seconds in which a namespace in scope was written.
    written: BTreeSet<(i64, Name)>,
    /// The longest time in which it was watched and nothing was written, and since when it has been silent.
    longest: Dur,
    silent: Option<Dur>,
    pub(super) readers: BTreeSet<String>,
    pub(super) writers: BTreeSet<String>,
}

/// A collection and what it takes to copy it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) documents: i64,
    pub(super) indexes: Vec<Name>,
    pub(super) copying: Dur,
}

/// For how long a target was sampled, however often the agent was started.
#[derive(Copy, Clone, Debug, Default)]
struct Watch {
    last: Option<Mono>,
    watched: Dur,
}

impl Watch {
    /// Another sample; whether the time since the one before it was watched: between good ones that lie more than three
    /// intervals apart nothing was.
    fn see(&mut self, at: Mono, interval: Dur) -> bool {
        let most = Dur(interval.0 * 3);
        let since = self.last.replace(at).map(|last| at - last).filter(|d| (Dur::ZERO..=most).contains(d));
        self.watched = self.watched + since.unwrap_or_default();
        since.is_some()
    }
}

/// How fast something is written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Rate {
    /// Records, or seconds with a write.
    pub(super) writes: i64,
    /// Over so long.
    pub(super) over: Dur,
    /// The longest time in which nothing was seen to come.
    pub(super) longest: Dur,
}

impl Rate {
    /// The mean time between two of them; none where none came.
    pub(super) fn gap(&self) -> Option<Dur> {
        (self.writes > 0).then(|| Dur(self.over.0 / self.writes))
    }
}

/// Reads a recording as far as it tells of the time before each track began.
///
/// # Errors
/// It cannot be read, or it tells nothing of what the configuration moves.
pub(super) fn read(file: &Path, settings: &Settings) -> Result<Measured, String> {
    let mut recording = Recording::open(file)?;
    if recording.first_form() {
        return Err(format!(
            "{}: was recorded by a version that did not record answers, so that nothing tells where a step was begun: record \
             the estate anew",
            file.display()
        ));
    }
    let mut begun = BTreeSet::new();
    let (mut kafka, mut mongodb) = (OfKafka::default(), OfMongodb::default());
    while let Some(entry) = recording.next()? {
        match entry {
            // Its clock is another, and what came meanwhile came at no known instant.
            Entry::Start { .. } => (kafka.watch.last, mongodb.watch.last) = (None, None),
            Entry::Sample(_, sample) => {
                if let (Some(s), false) = (&settings.kafka, begun.contains(&Track::Kafka)) {
                    kafka.see(s, &sample);
                }
                if let (Some(s), false) = (&settings.mongodb, begun.contains(&Track::Mongodb)) {
                    mongodb.see(s, *sample);
                }
            }
            Entry::Turned { answers, .. } => {
                let steps = answers.iter().filter(|a| a.begun()).filter_map(|a| playbook::step(&a.step));
                begun.extend(steps.map(|s| s.track));
            }
            _ => {}
        }
    }
    let mut out = Measured::default();
    let mut missing = |what: &str, track| {
        let why = match begun.contains(track) {
            true => "from before its track was begun",
            false => "that was good, and another soon after it",
        };
        out.missing.push(format!("the recording holds no reading of the source's {what} {why}: it is invented"));
    };
    // One sample alone tells no rate.
    let kafka = Some(kafka).filter(|k| !k.topics.is_empty() && k.watched() > Dur::ZERO);
    let mongodb = Some(mongodb).filter(|m| m.catalog.is_some() && m.watched() > Dur::ZERO);
    if settings.kafka.is_some() && kafka.is_none() {
        missing("Kafka", &Track::Kafka);
    }
    if settings.mongodb.is_some() && mongodb.is_none() {
        missing("MongoDB with its collections", &Track::Mongodb);
    }
    (out.kafka, out.mongodb) = (kafka, mongodb);
    if out.kafka.is_none() && out.mongodb.is_none() {
        return Err(format!(
            "{}: nothing can be taken from it: {}; record the estate with `run --record` and this configuration before \
             the first step is begun",
            file.display(),
            out.missing.join("; ")
        ));
    }
    Ok(out)
}

impl Group {
    /// It has committed at all.
    pub(super) fn commits(&self) -> bool {
        !self.commits.is_empty()
    }
}

impl OfKafka {
    fn see(&mut self, settings: &KafkaSettings, sample: &Sample) {
        let (Target::Kafka(Side::Source), Ok(Content::Kafka(k))) = (&sample.target, &sample.outcome) else { return };
        let fresh = !self.watch.see(sample.span.sent, settings.interval);
        if fresh {
            self.breaks.push(self.watch.watched);
        }
        self.topics.retain(|name, _| k.topics.contains_key(name));
        for (name, t) in k.topics.iter().filter(|(name, t)| settings.in_scope(name) && t.failed.is_none()) {
            let known = self.topics.entry(name.clone()).or_default();
            known.partitions = t.partitions.len();
            known.replicas = t.partitions.values().map(|p| p.replicas).min().unwrap_or(0);
            let mut came = 0;
            for (n, ends) in t.partitions.iter().filter_map(|(n, p)| Some((n, p.ends.as_ref().ok()?))) {
                let before = known.highs.insert(*n, ends.high).filter(|_| !fresh);
                came += before.map_or(0, |before| (ends.high - before).max(0));
            }
            known.records += came;
            if came > 0 {
                known.grew.push(self.watch.watched);
            }
        }
        self.groups(settings, k);
    }

    fn groups(&mut self, settings: &KafkaSettings, k: &KafkaSample) {
        for (name, g) in k.groups.iter().filter(|(name, _)| !settings.ignored.contains_key(*name)) {
            let known = self.groups.entry(name.clone()).or_insert_with(|| Group {
                kind: g.kind.clone(),
                members: false,
                moved: false,
                topics: BTreeSet::new(),
                commits: BTreeMap::new(),
            });
            for m in g.members.as_ref().ok().into_iter().flatten() {
                (known.members, known.kind) = (true, g.kind.clone());
                known.topics.extend(m.topics.iter().flatten().filter(|t| settings.in_scope(t)).cloned());
            }
            for ((topic, n), offset) in g.commits.as_ref().ok().into_iter().flatten() {
                let Some(offset) = offset.as_ref().ok().filter(|_| settings.in_scope(topic)) else { continue };
                known.topics.insert(topic.clone());
                let before = known.commits.insert((topic.clone(), *n), *offset);
                known.moved |= before.is_some_and(|before| before != *offset);
            }
        }
    }

    /// For how long it was watched.
    pub(super) fn watched(&self) -> Dur {
        self.watch.watched
    }

    /// How fast these topics are written together.
    pub(super) fn rate(&self, topics: &[Name]) -> Rate {
        let all = || topics.iter().filter_map(|t| self.topics.get(t));
        let mut grew: Vec<Dur> = all().flat_map(|t| &t.grew).copied().collect();
        grew.extend(&self.breaks);
        grew.sort();
        grew.push(self.watch.watched);
        let mut longest = Dur::ZERO;
        let mut before = Dur::ZERO;
        for at in grew {
            longest = longest.max(at - before);
            before = at;
        }
        Rate { writes: all().map(|t| t.records).sum(), over: self.watch.watched, longest }
    }

    /// The ingestion topics among them that a pattern of a producer matches.
    pub(super) fn ingestion(&self, settings: &KafkaSettings, matches: impl Fn(&str) -> bool) -> Vec<Name> {
        let written = self.topics.keys().filter(|t| settings.class(t) == Some(Class::Ingestion));
        written.filter(|t| matches(t)).cloned().collect()
    }
}

impl OfMongodb {
    fn see(&mut self, settings: &MongodbSettings, sample: Sample) {
        if sample.target != Target::Mongodb(Side::Source) {
            return;
        }
        match sample.outcome {
            // One that could not list everything tells less than one before it.
            Ok(Content::MongoCatalog(c)) if c.databases.values().all(Result::is_ok) => self.catalog = Some(*c),
            Ok(Content::Mongodb(m)) => {
                if !self.watch.see(sample.span.sent, settings.interval) {
                    self.silent = None;
                }
                self.regular(settings, &m);
            }
            _ => {}
        }
    }

    fn regular(&mut self, settings: &MongodbSettings, m: &MongoSample) {
        self.oplog = m.oplog.as_ref().ok().copied().or(self.oplog);
        let before = self.written.len();
        for (ts, ns) in m.writes.iter().flat_map(|w| &w.recent).filter(|(_, ns)| settings.in_scope(ns)) {
            self.written.insert((ts.seconds(), ns.clone()));
        }
        let since = *self.silent.get_or_insert(self.watch.watched);
        self.longest = self.longest.max(self.watch.watched - since);
        if self.written.len() > before {
            self.silent = Some(self.watch.watched);
        }
        for c in m.members.values().filter_map(|m| m.clients.as_ref().ok()).flatten() {
            let identity = settings.identity(c).1.to_owned();
            match settings.role(c) {
                Role::Reader => drop(self.readers.insert(identity)),
                Role::Writer => drop(self.writers.insert(identity)),
                Role::Mirror(_) | Role::Bystander | Role::Unmatched => {}
            }
        }
    }

    /// For how long it was watched.
    pub(super) fn watched(&self) -> Dur {
        self.watch.watched
    }

    /// How far its oplog reached back.
    pub(super) fn window(&self) -> Option<Dur> {
        self.oplog?.window()
    }

    /// The plain collections in scope that one mirror carries, and what else there is.
    pub(super) fn collections(&self, settings: &MongodbSettings) -> (BTreeMap<Name, Held>, Vec<Name>) {
        let (mut held, mut others) = (BTreeMap::new(), Vec::new());
        let databases = self.catalog.iter().flat_map(|c| &c.databases);
        for (database, (name, c)) in databases.flat_map(|(d, all)| all.iter().flatten().map(move |c| (d, c))) {
            let ns: Name = format!("{database}.{name}").into();
            if !settings.in_scope(&ns) {
                continue;
            }
            let plain = c.kind == CollectionKind::Collection && settings.carriers(&ns).count() == 1;
            let (Ok(Some(documents)), Ok(indexes), true) = (&c.documents, &c.indexes, plain) else {
                others.push(ns);
                continue;
            };
            let at = |bytes: i64, rate: i64| bytes.saturating_mul(1000) / rate.max(1);
            let copying = at(c.data_size, settings.copy_rate) + at(c.index_size, settings.index_rate);
            let indexes = indexes.keys().filter(|i| &***i != "_id_").cloned().collect();
            held.insert(ns, Held { documents: *documents, indexes, copying: Dur(copying) });
        }
        (held, others)
    }

    /// The namespaces that were written; in how many seconds each of them, all counted together, and how many seconds had a
    /// write at all.
    pub(super) fn written(&self) -> (BTreeSet<Name>, Rate, usize) {
        let namespaces = self.written.iter().map(|(_, ns)| ns.clone()).collect();
        let seconds: BTreeSet<i64> = self.written.iter().map(|(second, _)| *second).collect();
        let writes = i64::try_from(self.written.len()).unwrap_or(i64::MAX);
        // The first sample tells of up to two minutes before it.
        let told = seconds.first().zip(seconds.last()).map_or(0, |(a, b)| b - a);
        let over = self.watch.watched.max(Dur::secs(told));
        (namespaces, Rate { writes, over, longest: self.longest }, seconds.len())
    }
}
