//! The MongoDB half of an invented estate: databases, mirrors and limits are the configuration's, collections, services and
//! what they look like are made up.

use super::invent::or_none;
use super::measured::OfMongodb;
use cutover_core::Name;
use cutover_core::pattern::Pattern;
use cutover_core::settings::{ClientRule, Home, MirrorKind, MongoField, MongodbSettings, Settings, Track};
use cutover_core::time::Dur;
use cutover_sim::model::mongodb::mirror::Mirror;
use cutover_sim::model::mongodb::service::{Service, Temper};
use cutover_sim::scenario::Order;
use cutover_sim::scenario_mongodb::Mongo;
use std::collections::{BTreeMap, BTreeSet};

/// What stands for a star.
const WORDS: [&str; 2] = ["orders", "customers"];
/// Documents of an invented collection.
const DOCUMENTS: i64 = 20_000;

/// The estate; none where there is no section, or its mirrors are of a kind that is not simulated.
pub(super) fn estate(
    settings: &Settings,
    seen: Option<&OfMongodb>,
    assumed: &mut Vec<String>,
    told: &mut Vec<String>,
) -> Option<Mongo> {
    let m = settings.mongodb.as_ref()?;
    if m.mirrors.is_empty() || m.mirrors.values().any(|x| x.kind != MirrorKind::Mongomirror) {
        return None;
    }
    let mut out = Mongo { databases: m.databases.iter().cloned().collect(), ..Mongo::default() };
    for (what, named) in [("left-behind", &m.left_behind), ("may-have", &m.may_have)] {
        out.relaxed.extend(named.keys().map(|ns| (what.to_owned(), ns.clone())));
    }
    for (name, x) in &m.mirrors {
        let allowed = x.lag.map(|l| l.0);
        out.mirrors.push(Mirror { namespaces: x.namespaces.clone(), allowed, ..Mirror::new(name) });
    }
    match seen {
        Some(seen) => measured(&mut out, m, seen, assumed, told),
        None => invented(&mut out, m, assumed),
    }
    assumed.push(
        "a mirror is at most 1.5 s behind; the operator blocks user writes at the destination while readers read there"
            .to_owned(),
    );
    Some(out)
}

/// As a recording tells it.
fn measured(out: &mut Mongo, m: &MongodbSettings, seen: &OfMongodb, assumed: &mut Vec<String>, told: &mut Vec<String>) {
    let (held, others) = seen.collections(m);
    let documents: i64 = held.values().map(|h| h.documents).sum();
    let (written, rate, seconds) = seen.written();
    told.push(format!("{} collections with {documents} documents, watched for {}", held.len(), seen.watched()));
    if !others.is_empty() {
        assumed.push(format!(
            "left out are views, time-series collections, what could not be read whole, and what no mirror or more than one \
             carries: {}",
            others.join(", ")
        ));
    }
    for mirror in &mut out.mirrors {
        let mine = held.iter().filter(|(ns, _)| mirror.carries(ns));
        let copying = mine.map(|(_, h)| h.copying).fold(Dur::secs(1), |a, b| a + b);
        mirror.copies = copying.0;
        told.push(format!(
            "mirror {} copies for {copying}: what was found, by `mongodb.copy_rate` and `mongodb.index_rate`",
            mirror.name
        ));
    }
    out.collections = held.into_iter().map(|(ns, h)| (ns, h.documents, h.indexes)).collect();
    match seen.window() {
        Some(window) => {
            out.window = window.0;
            told.push(format!("the source's oplog reaches back {window}"));
        }
        None => assumed.push(format!("the source's oplog reaches back {}: its window was not read", Dur(out.window))),
    }
    let plain = |all: &BTreeSet<String>| all.iter().filter(|n| !n.contains(['*', '{'])).cloned().collect::<Vec<_>>();
    let (readers, writers) = (plain(&seen.readers), plain(&seen.writers));
    told.push(format!(
        "readers {}; writers {}; something was written in {seconds} of {} seconds, and never nothing for longer than {}",
        or_none(&readers),
        or_none(&writers),
        rate.over.0 / 1000,
        rate.longest
    ));
    out.services.extend(readers.iter().map(|name| service(name, Vec::new(), Temper::Reads)));
    let written: Vec<Name> = written.into_iter().filter(|ns| out.collections.iter().any(|(c, ..)| c == ns)).collect();
    if !writers.is_empty() {
        let each = i64::try_from(writers.len()).unwrap_or(1);
        let gap = rate.gap().map_or(60_000, |gap| (gap.0 * each).clamp(200, 120_000));
        assumed.push(format!(
            "each of the writers writes to all of {}, once in {} on average",
            or_none(&written.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Dur(gap)
        ));
        let steady = |name| Service { gap: (gap / 2, gap * 3 / 2), ..service(name, written.clone(), Temper::Steady) };
        out.services.extend(writers.iter().map(|name| steady(name)));
    }
    (out.readers, out.writers) = (readers, writers);
}

/// Made up.
fn invented(out: &mut Mongo, m: &MongodbSettings, assumed: &mut Vec<String>) {
    for database in &m.databases {
        for word in WORDS {
            let ns: Name = format!("{database}.{word}").into();
            if m.in_scope(&ns) && m.carriers(&ns).count() == 1 {
                out.collections.push((ns, DOCUMENTS, vec!["by_id".into()]));
            }
        }
    }
    let written: Vec<Name> = out.collections.iter().map(|(ns, ..)| ns.clone()).collect();
    let readers = names(&m.readers, "reader");
    let writers = names(&m.writers, "writer");
    for name in &readers {
        out.services.push(service(name, Vec::new(), Temper::Reads));
    }
    for (i, name) in writers.iter().enumerate() {
        let ns = written.get(i % written.len().max(1)).cloned();
        out.services.push(service(name, ns.into_iter().collect(), Temper::Steady));
    }
    (out.readers, out.writers) = (readers.clone(), writers.clone());
    let collections: Vec<&str> = written.iter().map(|ns| &**ns).collect();
    assumed.push(format!(
        "collections of {DOCUMENTS} documents with an index each: {}; the destination is empty",
        collections.join(", ")
    ));
    assumed.push(format!(
        "MongoDB clients, one instance each, known by their names whatever the rules look at: readers {}; writers {}, \
         which write every 2 to 10 s",
        or_none(&readers),
        or_none(&writers)
    ));
    assumed.push("a mirror copies for 20 s".to_owned());
}

/// A name for each rule.
fn names(rules: &[ClientRule], what: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (i, r) in rules.iter().enumerate() {
        let name = match r.field {
            MongoField::AppName => {
                let text = r.pattern.as_str().replace('*', WORDS[i % WORDS.len()]);
                let (head, tail) = text.split_once('{').unwrap_or((&text, ""));
                let tail = tail.split_once('}').map_or("", |(_, t)| t);
                if text.contains('{') { format!("{head}{}{tail}", WORDS[i % WORDS.len()]) } else { text }
            }
            MongoField::User | MongoField::Address => format!("{what}-{}", i + 1),
        };
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn service(name: &str, writes: Vec<Name>, temper: Temper) -> Service {
    let gap = (2_000, 10_000);
    Service {
        name: name.into(),
        writes,
        temper,
        gap,
        secondary: false,
        at: BTreeMap::new(),
        home: None,
        deployed: true,
    }
}

/// Clients and mirrors are recognised as the simulation shows them.
pub(super) fn recognised(m: &mut MongodbSettings, estate: &Mongo) {
    let rule = |text: &str| Pattern::parse(text).ok().map(|pattern| ClientRule { field: MongoField::AppName, pattern });
    let rules = |names: &[String]| names.iter().filter_map(|n| rule(n)).collect::<Vec<_>>();
    (m.readers, m.writers) = (rules(&estate.readers), rules(&estate.writers));
    m.homes = rule("{service}-dst").map(|r| (Home::Destination, r)).into_iter().collect();
    m.bystanders = Vec::new();
    for (name, x) in &mut m.mirrors {
        x.client = rule(&format!("mongomirror-{name}")).into_iter().collect();
    }
}

/// The tracks that are simulated, in the order that `after` gives them; at the same time where it gives none.
pub(super) fn order(s: &Settings, mongodb: bool) -> (Vec<Track>, Order) {
    let waits = |step: &str, on: &str| s.after.get(step).is_some_and(|all| all.iter().any(|o| &**o == on));
    match (mongodb, s.kafka.is_some()) {
        (true, true) if s.joint => (vec![Track::Mongodb, Track::Kafka], Order::Joint),
        (true, true) if waits("switch-producers", "start-writers") => {
            (vec![Track::Mongodb, Track::Kafka], Order::After)
        }
        (true, true) if waits("start-mirror", "start-consumers") => (vec![Track::Kafka, Track::Mongodb], Order::After),
        (true, true) => (vec![Track::Mongodb, Track::Kafka], Order::Beside),
        (true, false) => (vec![Track::Mongodb], Order::After),
        (false, true) => (vec![Track::Kafka], Order::After),
        (false, false) => (Vec::new(), Order::After),
    }
}
