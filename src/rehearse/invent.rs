//! An estate invented from a configuration: what it names is taken from it, what it does not say is taken from a recording
//! of the real one, or made up and said to be. The limits are the configuration's own.

use super::invent_services;
use super::measured::{Measured, OfKafka, Rate};
use super::plan::{Plan, Real};
use crate::config::Config;
use cutover_core::Name;
use cutover_core::estate::kafka::GroupKind;
use cutover_core::pattern::Pattern;
use cutover_core::playbook;
use cutover_core::settings::{
    Class, ClientField, Home, HomeRule, KafkaSettings, Producer as Declared, Settings, Track,
};
use cutover_core::time::Dur;
use cutover_sim::model::apps::{Producer, Reader, Style, Writes};
use cutover_sim::scenario::Scenario;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Partitions of an invented topic.
const PARTITIONS: usize = 3;
/// What stands for a star.
const WORDS: [&str; 2] = ["orders", "customers"];
/// Records a second that an invented producer writes at most.
const FASTEST: i64 = 250;
/// The longest name of a migration.
const LONGEST: usize = 60;

/// The plan of a configuration.
///
/// # Errors
/// It has no section that can be simulated, or no name in its scope can be invented.
pub(super) fn plan(config: &Config, rate: u32, measured: Option<&Measured>) -> Result<Plan, String> {
    let kafka = config.settings.kafka.as_ref();
    let seen = measured.and_then(|m| m.kafka.as_ref());
    let mut estate = Estate::of(kafka);
    let mut told = Vec::new();
    if let Some(kafka) = kafka {
        match seen {
            Some(seen) => estate.take(kafka, seen, &mut told)?,
            None => estate.producers(kafka, rate),
        }
        estate.named(kafka);
        match seen {
            Some(seen) => estate.groups(kafka, seen, &mut told),
            None => {
                estate.internal(kafka);
                estate.readers(kafka);
            }
        }
        if estate.scenario.topics.is_empty() {
            return Err("no topic can be invented that is in `scope`; name one in `producers.<name>.topics`".to_owned());
        }
    }
    let Estate { mut scenario, mut assumed, .. } = estate;
    assumed.extend(measured.iter().flat_map(|m| &m.missing).cloned());
    let of_mongodb = measured.and_then(|m| m.mongodb.as_ref());
    let mongodb = super::invent_mongodb::estate(&config.settings, of_mongodb, &mut assumed, &mut told);
    let (tracks, order) = super::invent_mongodb::order(&config.settings, mongodb.is_some());
    (scenario.tracks, scenario.order) = invent_services::placed(&config.settings, tracks, order);
    scenario.services =
        invent_services::estate(&config.settings, &mut assumed).filter(|_| scenario.tracks.contains(&Track::Services));
    if scenario.tracks.is_empty() {
        return Err(
            "the configuration has neither a `kafka` section nor a `mongodb` section that can be simulated, and \
                    nothing else can be so far"
                .to_owned(),
        );
    }
    scenario.mongo = mongodb;
    scenario.skipped = config.settings.skip.keys().cloned().collect();
    let intervals = [kafka.map(|k| k.interval), config.settings.mongodb.as_ref().map(|m| m.interval)];
    let interval = intervals.into_iter().flatten().min().unwrap_or(Dur::secs(5));
    scenario.seed = 1;
    scenario.interval = interval.0;
    scenario.latency = (interval.0 / 40).clamp(10, 200);
    if seen.is_none() {
        scenario.replicas = 3;
    }
    scenario.until = i64::MAX / 4;
    // So that the agent has seen everybody at work before anything is moved.
    scenario.events.insert(0, (3_000, "late 90".to_owned()));
    scenario.events.insert(0, (3_000, "dba late 90".to_owned()));
    if scenario.services.is_some() {
        scenario.events.insert(0, (3_000, "sre late 90".to_owned()));
    }
    if kafka.is_some() {
        let made = match seen {
            Some(_) => String::new(),
            None => format!("has {PARTITIONS} partitions with 3 replicas, "),
        };
        assumed.push(format!(
            "every topic {made}exists on both sides with the same settings, and nothing is left of earlier tests"
        ));
        assumed.push(format!(
            "records of the source expire after {}: retire-source will wait for your retention instead",
            Dur(scenario.retention)
        ));
    }
    let settings = settings(&config.settings, &scenario, &mut assumed);
    let dwell = settings.dwell.values().map(|d| d.0).max().unwrap_or(0);
    let producers = kafka.into_iter().flat_map(|k| k.producers.values());
    let cadence = producers.filter_map(|p| p.cadence).map(|c| c.0).max().unwrap_or(0);
    Ok(Plan {
        of: format!("an estate invented from the configuration of {}", config.settings.migration),
        patience: settings.pace.0 + 4 * dwell.max(cadence),
        scenario: Arc::new(scenario),
        settings: Arc::new(settings),
        scripted: false,
        real: Some(Real {
            migration: config.settings.migration.clone(),
            attempt: config.settings.attempt,
            config_hash: config.settings.config_hash.clone(),
        }),
        assumptions: assumed,
        measured: told,
    })
}

/// The configuration's settings, under a name that no pipeline takes for the real migration's.
fn settings(real: &Settings, scenario: &Scenario, assumed: &mut Vec<String>) -> Settings {
    let mut s = real.clone();
    let mut name = format!("rehearsal-of-{}", real.migration);
    name.truncate(LONGEST);
    s.migration = name.into();
    s.config_hash = format!("simulated-{}", real.config_hash).into();
    let simulated = |t: &Track| scenario.tracks.contains(t);
    let left_out: Vec<&str> = s.tracks.iter().filter(|t| !simulated(t)).map(|t| t.as_str()).collect();
    if !left_out.is_empty() {
        assumed.push(format!(
            "of MongoDB only MongoMirror is simulated so far: the {} track and what waits for it are left out",
            left_out.join(" and the ")
        ));
    }
    s.tracks = scenario.tracks.iter().copied().collect();
    s.joint &= s.tracks.len() > 1;
    let simulated = |step: &Name| playbook::step(step).is_some_and(|s| scenario.tracks.contains(&s.track));
    s.after.retain(|step, _| simulated(step));
    s.after.values_mut().for_each(|steps| steps.retain(simulated));
    if let (Some(k), Ok(pattern)) = (&mut s.kafka, Pattern::parse("{service}-dst*")) {
        k.homes = vec![HomeRule { home: Home::Destination, field: ClientField::ClientId, pattern }];
        k.interval = Dur(scenario.interval);
    }
    invent_services::kept(&mut s, scenario.services.as_ref(), Dur(scenario.interval));
    if !s.tracks.contains(&Track::Mongodb) {
        s.mongodb = None;
    }
    if let (Some(m), Some(estate)) = (&mut s.mongodb, &scenario.mongo) {
        m.interval = Dur(scenario.interval);
        super::invent_mongodb::recognised(m, estate);
    }
    s
}

/// The estate so far.
struct Estate {
    scenario: Scenario,
    assumed: Vec<String>,
    /// What names in scope begin with.
    heads: Vec<String>,
}

impl Estate {
    fn of(kafka: Option<&KafkaSettings>) -> Estate {
        let head = |p: &Pattern| p.as_str().split('*').next().unwrap_or("").trim_end_matches('.').to_owned();
        let topics = kafka.into_iter().flat_map(|k| &k.topics);
        let mut heads: Vec<String> = topics.map(head).filter(|h| !h.is_empty()).collect();
        if heads.is_empty() {
            heads.push("estate".to_owned());
        }
        Estate { scenario: Scenario::default(), assumed: Vec::new(), heads }
    }

    /// The topics and producers of a recording.
    ///
    /// # Errors
    /// A producer was silent for longer than the configuration says that it ever is.
    fn take(&mut self, kafka: &KafkaSettings, seen: &OfKafka, told: &mut Vec<String>) -> Result<(), String> {
        self.scenario.topics = seen.topics.iter().map(|(name, t)| (name.clone(), t.partitions)).collect();
        let replicas = seen.topics.values().map(|t| t.replicas).min().unwrap_or(0);
        self.scenario.replicas = replicas;
        let partitions: usize = seen.topics.values().map(|t| t.partitions).sum();
        told.push(format!(
            "{} topics with {partitions} partitions, {replicas} replicas at least, watched for {}",
            seen.topics.len(),
            seen.watched()
        ));
        for (name, p) in &kafka.producers {
            let topics = seen.ingestion(kafka, |t| p.topics.iter().any(|x| x.matches(t)));
            if topics.is_empty() {
                let why = format!("no recorded ingestion topic is one of producer {name}: it is left out");
                self.assumed.push(why);
                continue;
            }
            let rate = seen.rate(&topics);
            let shown = topics.join(", ");
            let cadence = p.cadence;
            // What came between two samples came anywhere between them.
            let slack = Dur(kafka.interval.0 * 3);
            if let Some(c) = cadence.filter(|c| rate.writes > 0 && rate.longest > *c + slack) {
                return Err(format!(
                    "producer {name} was silent for {} in the recording, and `producers.{name}.cadence` says that it is never \
                     silent for longer than {c}: the agent would take it for stopped while it lives; raise it",
                    rate.longest
                ));
            }
            told.push(match rate.writes {
                0 => format!("producer {name} wrote nothing to {shown}"),
                _ => format!(
                    "producer {name} writes {} to {shown}; never silent for longer than {}",
                    per(&rate, "record"),
                    rate.longest
                ),
            });
            if rate.writes * 1000 > rate.over.0.saturating_mul(FASTEST) {
                self.assumed.push(format!("producer {name} is played with at most {FASTEST} records a second"));
            }
            let gap = match rate.gap() {
                Some(gap) => gap.0 * 2,
                None => {
                    let gap = cadence.map_or(rate.over.0, |c| c.0 / 2).clamp(1_000, 3_600_000);
                    self.assumed.push(format!("producer {name} writes about once in {}", Dur(gap)));
                    gap
                }
            };
            self.produce(name, p, topics, gap);
        }
        Ok(())
    }

    /// The groups of a recording.
    fn groups(&mut self, kafka: &KafkaSettings, seen: &OfKafka, told: &mut Vec<String>) {
        let mut readers = Vec::new();
        for (name, g) in seen.groups.iter().filter(|(_, g)| !g.topics.is_empty()) {
            let style = match (&g.kind, g.members, g.moved) {
                (GroupKind::Consumer, true, _) => Style::Next,
                (GroupKind::Classic { .. }, true, true) => Style::Classic,
                (GroupKind::Classic { .. }, true, false) if g.commits() => Style::Classic,
                (GroupKind::Classic { .. }, true, false) => Style::Silent,
                (GroupKind::Classic { .. }, false, true) => Style::Assign,
                (GroupKind::Classic { .. } | GroupKind::Consumer, false, _) => {
                    self.assumed.push(format!(
                        "group {name} had no member: it is left out; the real migration asks for it until it is named in \
                         `ignored`, or its offsets are accepted"
                    ));
                    continue;
                }
                (kind, ..) => {
                    self.assumed.push(format!("group {name} is of a kind that is not simulated: {}", kind.as_str()));
                    continue;
                }
            };
            let reads: Vec<Name> = g.topics.iter().filter(|t| seen.topics.contains_key(*t)).cloned().collect();
            let writes = self.written_by(kafka, &reads);
            let unseeded = kafka.unseeded.contains_key(name);
            readers.push(Reader { style, unseeded, ..reader(name.to_string(), reads, writes) });
        }
        let names: Vec<String> =
            readers.iter().map(|r| format!("{} ({:?})", r.group, r.style).to_lowercase()).collect();
        told.push(format!("consumer groups: {}", or_none(&names)));
        self.assumed.push(
            "what one class of topics leads to is written to the next, by the Fast Data suffixes; one instance of each \
             group"
                .to_owned(),
        );
        self.scenario.readers = readers;
    }

    /// The topic that whoever reads these writes to.
    fn written_by(&self, kafka: &KafkaSettings, reads: &[Name]) -> Option<Name> {
        let of = |class| reads.iter().find(|t| kafka.class(t) == Some(class));
        let first = |class| self.of_class(kafka, class).first().cloned();
        if let Some(t) = of(Class::Ingestion) {
            let update = format!("{}.pr-update", t.strip_suffix(".ingestion").unwrap_or(t));
            return self.of_class(kafka, Class::PrUpdate).into_iter().find(|u| **u == *update);
        }
        match (of(Class::PrUpdate), of(Class::SvTrigger)) {
            (Some(_), _) => first(Class::SvTrigger),
            (None, Some(_)) => first(Class::SvUpdate),
            (None, None) => None,
        }
    }

    /// Adds a topic in scope; whether it is there now.
    fn topic(&mut self, kafka: &KafkaSettings, name: &str) -> bool {
        if self.scenario.topics.iter().any(|(t, _)| &**t == name) {
            return true;
        }
        let fits = kafka.in_scope(name);
        if fits {
            self.scenario.topics.push((name.into(), PARTITIONS));
        }
        fits
    }

    fn producers(&mut self, kafka: &KafkaSettings, rate: u32) {
        for (name, p) in &kafka.producers {
            let mut topics: Vec<Name> = Vec::new();
            for pattern in &p.topics {
                let found = invent(pattern, &self.heads, kafka);
                if found.is_empty() {
                    self.assumed.push(format!(
                        "no ingestion topic in scope could be invented for `{}` of producer {name}: it is left out",
                        pattern.as_str()
                    ));
                }
                topics.extend(found.into_iter().map(Name::from));
            }
            topics.sort();
            topics.dedup();
            for t in &topics {
                self.topic(kafka, t);
            }
            if topics.is_empty() {
                continue;
            }
            let (shown, cadence) = (topics.join(", "), p.cadence);
            let records = if rate == 1 { "1 record".to_owned() } else { format!("{rate} records") };
            self.assumed.push(match (&p.stopped, cadence) {
                (Some(_), _) => format!("producer {name} is retired; its topics are {shown}, which are empty"),
                (None, Some(c)) => format!("producer {name} writes {records} a second to {shown}; cadence {c}"),
                (None, None) => format!(
                    "producer {name} writes {records} a second to {shown}; no cadence is declared: the operator \
                     confirms that it is idle"
                ),
            });
            // One to three records a write.
            self.produce(name, p, topics, 2_000 / i64::from(rate));
        }
        if self.scenario.topics.is_empty() {
            let head = self.heads[0].clone();
            self.topic(kafka, &format!("{head}.orders.ingestion"));
        }
    }

    /// A producer that writes to these once in `gap` milliseconds on average.
    fn produce(&mut self, name: &Name, p: &Declared, topics: Vec<Name>, gap: i64) {
        let most = p.cadence.map_or(i64::MAX, |c| c.0 * 4 / 5);
        let producer = Producer {
            name: name.clone(),
            topics,
            gap: ((gap / 2).min(most / 2).max(5), (gap * 3 / 2).min(most).max(10)),
            writes: Writes::Plain,
            on: None,
            declared: true,
            retired: p.stopped.is_some(),
            returned: false,
            pid: 1000 * i64::try_from(self.scenario.producers.len()).unwrap_or(0),
        };
        self.scenario.producers.push((producer, p.cadence.map(|c| c.0)));
    }

    /// Topics that the configuration names elsewhere.
    fn named(&mut self, kafka: &KafkaSettings) {
        let named = [&kafka.unread, &kafka.archived, &kafka.partitions_differ];
        for name in named.into_iter().flat_map(|m| m.keys()) {
            if self.topic(kafka, name) && kafka.partitions_differ.contains_key(name) {
                self.scenario.events.push((0, format!("dst delete {name}")));
                self.scenario.events.push((0, format!("dst create {name} {}", 2 * PARTITIONS)));
            }
        }
    }

    /// What Fast Data services write for each other.
    fn internal(&mut self, kafka: &KafkaSettings) {
        let ingestion: Vec<Name> = self.of_class(kafka, Class::Ingestion);
        let unread: Vec<&Name> = kafka.unread.keys().collect();
        let mut made = Vec::new();
        for t in ingestion.iter().filter(|t| !unread.contains(t)) {
            let base = t.strip_suffix(".ingestion").unwrap_or(t);
            made.push(format!("{base}.pr-update"));
        }
        let head = self.heads[0].clone();
        made.extend([format!("{head}.single-view.sv-trigger"), format!("{head}.single-view.sv-update")]);
        let made: Vec<String> = made.into_iter().filter(|t| self.topic(kafka, t)).collect();
        if !made.is_empty() {
            self.assumed.push(format!("internal topics, by the Fast Data suffixes: {}", made.join(", ")));
        }
    }

    fn of_class(&self, kafka: &KafkaSettings, class: Class) -> Vec<Name> {
        let topics = self.scenario.topics.iter().map(|(t, _)| t);
        topics.filter(|t| kafka.class(t) == Some(class) && !kafka.unread.contains_key(*t)).cloned().collect()
    }

    /// A group for each class, as the services have them.
    fn readers(&mut self, kafka: &KafkaSettings) {
        let head = self.heads[0].clone();
        let mut readers = Vec::new();
        let updates = self.of_class(kafka, Class::PrUpdate);
        for t in self.of_class(kafka, Class::Ingestion) {
            let base = t.strip_suffix(".ingestion").unwrap_or(&t).to_owned();
            let writes = updates.iter().find(|u| u.as_ref() == format!("{base}.pr-update")).cloned();
            readers.push(reader(format!("{base}.real-time-updater"), vec![t], writes));
        }
        let (triggers, views) = (self.of_class(kafka, Class::SvTrigger), self.of_class(kafka, Class::SvUpdate));
        let rows = [
            ("trigger-generator", updates, triggers.first()),
            ("single-view-creator", triggers.clone(), views.first()),
            ("single-view-reader", views.clone(), None),
        ];
        for (name, reads, writes) in rows.into_iter().filter(|r| !r.1.is_empty()) {
            readers.push(reader(format!("{head}.{name}"), reads, writes.cloned()));
        }
        let read: BTreeSet<Name> = readers.iter().flat_map(|r| r.reads.clone()).collect();
        let rest: Vec<Name> = self.scenario.topics.iter().map(|(t, _)| t.clone()).collect();
        let rest: Vec<Name> = rest.into_iter().filter(|t| !read.contains(t) && !kafka.unread.contains_key(t)).collect();
        if !rest.is_empty() {
            readers.push(reader(format!("{head}.others"), rest, None));
        }
        let first = self.scenario.topics.first().map(|(t, _)| t.clone());
        for group in kafka.unseeded.keys() {
            let Some(topic) = first.clone() else { continue };
            let unseeded = Reader { unseeded: true, ..reader(group.to_string(), vec![topic], None) };
            readers.push(unseeded);
        }
        readers.retain(|r| !kafka.ignored.contains_key(&r.group));
        let names: Vec<&str> = readers.iter().map(|r| &*r.group).collect();
        self.assumed.push(format!("consumer groups, one instance each: {}", names.join(", ")));
        self.scenario.readers = readers;
    }
}

/// How often something comes, in words.
pub(super) fn per(rate: &Rate, what: &str) -> String {
    match rate.writes * 1000 / rate.over.0.max(1) {
        0 => match rate.gap() {
            Some(gap) => format!("one {what} in {gap}"),
            None => format!("no {what}"),
        },
        1 => format!("1 {what} a second"),
        n => format!("{n} {what}s a second"),
    }
}

/// Names, or that there are none.
pub(super) fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn reader(group: String, reads: Vec<Name>, writes: Option<Name>) -> Reader {
    Reader { writes, every: 2_000, batch: 500, ..Reader::new(group.into(), reads) }
}

/// Names of ingestion topics in scope that a pattern matches: at most one for each word.
fn invent(pattern: &Pattern, heads: &[String], kafka: &KafkaSettings) -> Vec<String> {
    let parts: Vec<&str> = pattern.as_str().split('*').collect();
    let fits = |t: &String| pattern.matches(t) && kafka.in_scope(t) && kafka.class(t) == Some(Class::Ingestion);
    if parts.len() == 1 {
        return Some(pattern.as_str().to_owned()).filter(fits).into_iter().collect();
    }
    let one = |word: &str| {
        let mut firsts: Vec<String> = heads.iter().flat_map(|h| [h.clone(), format!("{h}.{word}")]).collect();
        firsts.push(word.to_owned());
        let lasts = [word.to_owned(), format!("{word}.ingestion")];
        firsts.iter().flat_map(|first| lasts.iter().map(move |last| (first, last))).find_map(|(first, last)| {
            let stars = parts.len() - 1;
            let fill = |i: usize| match i {
                0 if parts[0].is_empty() => first.as_str(),
                i if i + 1 == stars => last,
                _ => word,
            };
            let name = parts.iter().enumerate().fold(String::new(), |name, (i, part)| {
                let star = if i == 0 { "" } else { fill(i - 1) };
                name + star + part
            });
            Some(name).filter(fits)
        })
    };
    let mut found: Vec<String> = WORDS.iter().filter_map(|w| one(w)).collect();
    found.dedup();
    found
}
