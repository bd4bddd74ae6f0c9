//! Checks of the Kafka track up to the drain: clusters, topics, producers.

use super::kafka::IDLE;
use super::own_time;
use crate::Name;
use crate::estate::Side;
use crate::facts::Fact;
use crate::reading::{Basis, Code, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::settings::{Class, KafkaSettings, Producer};
use crate::time::Dur;
use crate::view::{Kafka, View, gap};

/// Runs a check body in which `?` means "unknown, because".
pub(super) fn body(f: impl FnOnce() -> Known<Reading>) -> Reading {
    f().unwrap_or_else(Reading::unknown)
}

fn both<'a>(v: &View<'a>) -> Known<(&'a KafkaSettings, Kafka<'a>, Kafka<'a>)> {
    Ok((v.kafka_settings()?, v.kafka(Side::Source)?, v.kafka(Side::Destination)?))
}

pub(super) fn two_clusters(v: &View<'_>) -> Reading {
    body(|| {
        let (_, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        let ids = if s.sample.cluster_id.is_empty() || d.sample.cluster_id.is_empty() {
            Finding::unknown(Code::Partial, Subject::Whole).detail("a cluster does not tell its id")
        } else if s.sample.cluster_id == d.sample.cluster_id {
            Finding::no(Code::SameCluster, Subject::Whole).detail(s.sample.cluster_id.clone())
        } else {
            Finding::yes(Code::Ok, Subject::Whole)
        };
        let brokers = [s, d]
            .into_iter()
            .flat_map(|k| k.sample.brokers.values().map(move |b| ((k.side, b.address.clone()), (k.side, b))));
        let reached = each(basis, brokers, IfEmpty::Unknown("advertised brokers"), |(side, b)| {
            let at = Subject::Broker(side, b.address.clone());
            Ok(match &b.reached {
                Ok(()) => Finding::yes(Code::Ok, at),
                Err(f) => Finding::no(Code::BrokerUnreachable, at).detail(f.message.clone()),
            })
        });
        Ok(Reading::of(ids, basis).and(reached))
    })
}

/// Whether the list of groups of a side is known to hide nothing.
pub(super) fn visible(v: &View<'_>, side: Side) -> Reading {
    body(|| {
        let k = v.kafka(side)?;
        let basis = Some(k.basis);
        let at = Subject::Side(side);
        let may = match &k.sample.may_describe {
            Ok(true) => Finding::yes(Code::Ok, at),
            Ok(false) => Finding::unknown(Code::Hidden, at).fix(
                "kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --cluster",
            ),
            Err(f) => gap(f, at).into(),
        };
        let brokers = k.sample.brokers.iter().map(|(id, b)| (*id, (id, b)));
        let listed = each(basis, brokers, IfEmpty::Unknown("brokers that list their groups"), |(id, b)| {
            let at = Subject::Broker(side, b.address.clone());
            match k.sample.unlisted.get(id) {
                None => Ok(Finding::yes(Code::Ok, at)),
                Some(f) => Err(gap(f, at)),
            }
        });
        Ok(Reading::of(may, basis).and(listed))
    })
}

pub(super) fn visible_source(v: &View<'_>) -> Reading {
    visible(v, Side::Source)
}

pub(super) fn visible_both(v: &View<'_>) -> Reading {
    visible(v, Side::Source).and(visible(v, Side::Destination))
}

const NO_TOPIC: IfEmpty = IfEmpty::Unknown("topics in scope on the source");

pub(super) fn topics_ready(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let (sb, _, sc) = v.configs(&s)?;
        let (db, _, dc) = v.configs(&d)?;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(sb.merge(db)), topics, NO_TOPIC, |topic| {
            let old = s.topic(topic)?;
            let there = settings.topic_there(topic);
            let at = Subject::Topic(Side::Destination, there.clone());
            if !d.sample.topics.contains_key(&there) {
                return Ok(Finding::no(Code::MissingTopic, at).fix(format!(
                    "kafka-topics --bootstrap-server <destination> --create --topic {there} --partitions {}",
                    old.partitions.len()
                )));
            }
            let new = d.topic(&there)?;
            if old.partitions.len() != new.partitions.len() && !settings.partitions_differ.contains_key(topic) {
                return Ok(Finding::no(Code::PartitionsDiffer, at)
                    .seen(partitions(new.partitions.len()))
                    .limit(partitions(old.partitions.len()))
                    .detail("records with the same key would move to another partition"));
            }
            let (oc, nc) = (config(sc, topic, Side::Source)?, config(dc, &there, Side::Destination)?);
            let replicas = new.partitions.values().map(|p| i64::from(p.replicas)).min().unwrap_or(0);
            let mut differs = Vec::new();
            if oc.cleanup_policy != nc.cleanup_policy {
                differs.push(format!("cleanup.policy {} instead of {}", nc.cleanup_policy, oc.cleanup_policy));
            }
            if nc.min_insync_replicas > replicas {
                differs.push(format!("min.insync.replicas {} with {replicas} replicas", nc.min_insync_replicas));
            } else if nc.min_insync_replicas < oc.min_insync_replicas {
                let (n, o) = (nc.min_insync_replicas, oc.min_insync_replicas);
                differs.push(format!("min.insync.replicas {n} below {o}"));
            }
            if nc.max_message_bytes < oc.max_message_bytes {
                let (n, o) = (nc.max_message_bytes, oc.max_message_bytes);
                differs.push(format!("max.message.bytes {n} below {o}"));
            }
            Ok(if differs.is_empty() {
                Finding::yes(Code::Ok, at)
            } else {
                Finding::no(Code::ConfigDiffers, at).detail(differs.join(", "))
            })
        }))
    })
}

fn partitions(n: usize) -> Qty {
    Qty::Count(i64::try_from(n).unwrap_or(i64::MAX), "partitions")
}

pub(super) fn config<'c>(
    c: &'c crate::estate::kafka::KafkaConfigs,
    topic: &Name,
    side: Side,
) -> Known<&'c crate::estate::kafka::TopicConfig> {
    let at = || Subject::Topic(side, topic.clone());
    match c.topics.get(topic) {
        Some(Ok(c)) => Ok(c),
        Some(Err(f)) => Err(gap(f, at())),
        None => Err(Gap::new(Code::Partial, at()).detail("its configuration has not been read yet")),
    }
}

pub(super) fn retention_outlasts(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let (db, _, dc) = v.configs(&d)?;
        let (sb, _, sc) = v.configs(&s)?;
        let pause = settings.longest_pause;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(db.merge(sb)), topics, NO_TOPIC, |topic| {
            let there = settings.topic_there(topic);
            let at = Subject::Topic(Side::Destination, there.clone());
            let c = config(dc, &there, Side::Destination)?;
            if !c.cleanup_policy.split(',').any(|p| p == "delete") {
                return Ok(Finding::yes(Code::Ok, at));
            }
            if c.retention_ms >= 0 && c.retention_ms < pause.0 {
                return Ok(Finding::no(Code::RetentionShort, at)
                    .seen(Qty::Time(Dur(c.retention_ms)))
                    .limit(Qty::Time(pause))
                    .fix(format!(
                        "kafka-configs --bootstrap-server <destination> --alter --topic {there} --add-config \
                         retention.ms={}",
                        pause.0
                    )));
            }
            if c.retention_bytes < 0 {
                return Ok(Finding::yes(Code::Ok, at));
            }
            let need = bytes_needed(&s, sc, topic, pause)?;
            if c.retention_bytes >= need {
                return Ok(Finding::yes(Code::Ok, at));
            }
            Ok(Finding::no(Code::RetentionShort, at)
                .seen(Qty::Count(c.retention_bytes, "bytes"))
                .limit(Qty::Count(need, "bytes"))
                .detail(format!("twice the measured rate of one partition over {pause}")))
        }))
    })
}

/// Twice what the busiest partition of a source topic would be written in `pause`, at the rate measured.
fn bytes_needed(s: &Kafka<'_>, c: &crate::estate::kafka::KafkaConfigs, topic: &Name, pause: Dur) -> Known<i64> {
    const WINDOW: Dur = Dur::mins(5);
    let t = s.topic(topic)?;
    let at = || Subject::Topic(Side::Source, topic.clone());
    let mut most = 0i128;
    for p in t.partitions.keys() {
        let tp = (topic.clone(), *p);
        let m = s.memory.ends().get(&tp).ok_or_else(|| Gap::new(Code::Partial, at()))?;
        let held = m.ends.high - m.ends.low;
        let first = m.points.front().copied().unwrap_or((m.last, m.ends.high));
        let watched = s.memory.first().map_or(Dur::ZERO, |f| m.last - f);
        if watched < WINDOW {
            return Err(Gap::new(Code::NotMeasured, at()).detail(format!(
                "retention.bytes is limited and the rate was watched for {watched} of {WINDOW}; set it to -1, or wait"
            )));
        }
        let grown = m.ends.high - first.1;
        if grown == 0 || held == 0 {
            continue;
        }
        let size = c.sizes.get(&tp).copied().ok_or_else(|| {
            Gap::new(Code::NotMeasured, at()).detail("retention.bytes is limited and its size on disk is not known")
        })?;
        let over = (m.last - first.0).0.max(1);
        let need =
            2 * i128::from(size) * i128::from(grown) * i128::from(pause.0) / (i128::from(held) * i128::from(over));
        most = most.max(need);
    }
    Ok(i64::try_from(most).unwrap_or(i64::MAX))
}

/// Members and commits on topics in scope of a side, as findings against it being untouched.
pub(super) fn attached(k: &Kafka<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (group, g) in &k.sample.groups {
        let at = || Subject::Group(k.side, group.clone());
        match &g.members {
            Err(f) => found.push(gap(f, at()).into()),
            Ok(members) => {
                for m in members {
                    match &m.topics {
                        Ok(t) if t.is_empty() => {}
                        Ok(t) => found.push(Finding::no(Code::Attached, at()).detail(format!(
                            "{} reads {}",
                            m.client_id,
                            first_few(t.iter())
                        ))),
                        Err(f) => found.push(gap(f, at()).into()),
                    }
                }
            }
        }
    }
    found
}

fn first_few<'n>(names: impl Iterator<Item = &'n Name>) -> String {
    let names: Vec<&str> = names.map(|n| &**n).collect();
    match names.len() {
        0..=3 => names.join(", "),
        n => format!("{} and {} more", names[..2].join(", "), n - 2),
    }
}

pub(super) fn destination_clean(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        let empty = each(basis, topics, NO_TOPIC, |topic| {
            let there = settings.topic_there(topic);
            let t = d.topic(&there)?;
            let mut full = Vec::new();
            let mut records = 0i64;
            for (p, part) in &t.partitions {
                let at = || Subject::Partitions(Side::Destination, there.clone(), vec![*p]);
                let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
                if !ends.is_empty() {
                    full.push(*p);
                    records += ends.high - ends.low;
                }
            }
            if full.is_empty() {
                return Ok(Finding::yes(Code::Ok, Subject::Topic(Side::Destination, there)));
            }
            let deletes: Vec<String> =
                full.iter().map(|p| format!(r#"{{"topic":"{there}","partition":{p},"offset":-1}}"#)).collect();
            Ok(Finding::no(Code::NotEmpty, Subject::Partitions(Side::Destination, there, full))
                .seen(Qty::Count(records, "records"))
                .fix(format!(
                    "echo '{{\"version\":1,\"partitions\":[{}]}}' > leftovers.json && kafka-delete-records \
                     --bootstrap-server <destination> --offset-json-file leftovers.json",
                    deletes.join(",")
                )))
        });
        let mut found = attached(&d);
        for (group, g) in &d.sample.groups {
            let at = || Subject::Group(Side::Destination, group.clone());
            let commits = match &g.commits {
                Ok(c) => c,
                Err(f) => {
                    found.push(gap(f, at()).into());
                    continue;
                }
            };
            for ((topic, p), offset) in commits {
                let at = Subject::Pair(Side::Destination, group.clone(), topic.clone(), vec![*p]);
                let end = d.topic(topic).map(|t| t.partitions.get(p).map(|p| p.ends.clone()));
                match (offset, end) {
                    (Ok(o), Ok(Some(Ok(e)))) if *o == e.high && e.is_empty() => {}
                    (Ok(o), Ok(Some(Ok(_)))) => {
                        found.push(Finding::no(Code::LeftoverCommit, at).seen(Qty::Count(*o, "")).fix(format!(
                            "kafka-consumer-groups --bootstrap-server <destination> --group {group} --topic {topic} \
                             --delete-offsets"
                        )))
                    }
                    (Err(f), _) => found.push(gap(f, at).into()),
                    (_, Ok(Some(Err(f)))) => found.push(gap(&f, at).into()),
                    (_, Err(g)) => found.push(g.into()),
                    (_, Ok(None)) => found.push(Finding::unknown(Code::Vanished, at)),
                }
            }
        }
        Ok(empty.and(none_of(basis, found)))
    })
}

pub(super) fn producers_known(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let s = v.kafka(Side::Source)?;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(s.basis), topics, NO_TOPIC, |topic| {
            let t = s.topic(topic)?;
            let at = || Subject::Topic(Side::Source, topic.clone());
            let mut ever = false;
            for part in t.partitions.values() {
                ever |= part.ends.as_ref().map_err(|f| gap(f, at()))?.high > 0;
            }
            let grew = v.facts.grew.contains_key(&(s.sample.cluster_id.clone(), topic.clone(), t.id));
            Ok(match settings.class(topic) {
                None if grew => Finding::no(Code::Unclassified, at())
                    .fix(format!("kafka: {{ classes: {{ \"{topic}\": ingestion }} }}  # or the class it has")),
                Some(Class::Ingestion) if ever && writers_of(settings, topic).next().is_none() => {
                    Finding::no(Code::Undeclared, at())
                        .fix(format!("producers: {{ <name>: {{ topics: [\"{topic}\"], owner: <who answers> }} }}"))
                }
                _ => Finding::yes(Code::Ok, at()),
            })
        }))
    })
}

/// The declared producers of a source topic.
pub(crate) fn writers_of<'s>(
    s: &'s KafkaSettings,
    topic: &'s str,
) -> impl Iterator<Item = (&'s Name, &'s Producer)> + 's {
    s.producers.iter().filter(move |(_, p)| p.topics.iter().any(|t| t.matches(topic)))
}

fn no_producers(settings: &KafkaSettings) -> IfEmpty {
    match &settings.no_producers {
        Some(why) => IfEmpty::Expected(why.clone()),
        None => IfEmpty::Unknown("declared producers (`producers:`)"),
    }
}

pub(super) fn ingestion_idle(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let s = v.kafka(Side::Source)?;
        let producers = settings.producers.iter().map(|(n, p)| (n, (n, p)));
        Ok(each(Some(s.basis), producers, no_producers(settings), |(name, p)| producer_idle(v, &s, name, p)))
    })
}

fn producer_idle(v: &View<'_>, s: &Kafka<'_>, name: &Name, p: &Producer) -> Known<Finding> {
    let at = || Subject::Producer(name.clone());
    let base = own_time(v.settings, &IDLE);
    let topics: Vec<&Name> = v.topics(s).into_iter().filter(|t| p.topics.iter().any(|m| m.matches(t))).collect();
    if topics.is_empty() {
        return Err(Gap::new(Code::NeverSeen, at()).detail("no topic in scope on the source matches its `topics`"));
    }
    let mut idle: Option<Dur> = None;
    let mut grew: Option<Dur> = None;
    let mut sum = 0i128;
    let mut late: Option<(Name, i32)> = None;
    for topic in topics {
        let t = s.topic(topic)?;
        let seen = v.facts.topics.get(&(s.sample.cluster_id.clone(), topic.clone()));
        if seen.is_some_and(|id| *id != t.id) {
            return Err(Gap::new(Code::Recreated, Subject::Topic(Side::Source, topic.clone())));
        }
        for (n, part) in &t.partitions {
            let here = || Subject::Partitions(Side::Source, topic.clone(), vec![*n]);
            let ends = part.ends.as_ref().map_err(|f| gap(f, here()))?;
            sum += i128::from(ends.high);
            if ends.has_open_transaction() {
                return Ok(Finding::no(Code::OpenTransaction, here())
                    .seen(Qty::Count(ends.high - ends.stable, "records held back"))
                    .detail(name.clone()));
            }
            let states = part.producers.as_ref().map_err(|f| gap(f, here()))?;
            if states.iter().any(|p| p.in_transaction) {
                return Ok(Finding::no(Code::OpenTransaction, here()).detail(name.clone()));
            }
            let m = s.memory.ends().get(&(topic.clone(), *n)).ok_or_else(|| Gap::new(Code::Partial, here()))?;
            let quiet = m.quiet_for().ok_or_else(|| Gap::new(Code::Partial, here()))?;
            let still = m.unmoved_for().min(quiet);
            let ago = m.grew.map(|g| m.last - g);
            grew = grew.into_iter().chain(ago).min();
            if idle.is_none_or(|i| still < i) {
                idle = Some(still);
                late = Some((topic.clone(), *n));
            }
        }
    }
    let idle = idle.ok_or_else(|| Gap::new(Code::EmptySet, at()))?;
    let word = v.facts.confirmed("ingestion-idle", std::slice::from_ref(name));
    let said = word.filter(|w| w.basis.as_deref() == Some(sum.to_string().as_str()));
    let cadence = match (p.cadence, &p.stopped, said) {
        (_, Some(_), _) | (_, _, Some(_)) => Dur::ZERO,
        (Some(c), ..) => v.settings.scaled(c),
        (None, None, None) => match v.facts.gaps.get(&(s.sample.cluster_id.clone(), name.clone())) {
            Some((n, longest)) if *n >= 3 => Dur(longest.0.saturating_mul(2)),
            _ => {
                return Err(Gap::new(Code::CadenceUnknown, at()).fix(format!(
                    "producers: {{ {name}: {{ cadence: 1h }} }}  # the longest it is ever silent; or: cutover-agent \
                     confirm ingestion-idle {name} --reason …"
                )));
            }
        },
    };
    let need = base.max(cadence);
    let at = match late {
        Some((topic, n)) if idle < need => Subject::Partitions(Side::Source, topic, vec![n]),
        _ => at(),
    };
    if idle >= need {
        return Ok(match said {
            Some(w) => Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)),
            None => Finding::yes(Code::Ok, at),
        });
    }
    let code = if grew.is_some_and(|ago| ago < need) { Code::StillWritten } else { Code::Dwelling };
    Ok(Finding::no(code, at).seen(Qty::Time(idle)).limit(Qty::Time(need)).detail(name.clone()).wait(need - idle))
}

/// The sum of the end offsets of a producer's topics: what a word on it rests on.
pub(crate) fn producer_basis(v: &View<'_>, name: &Name) -> Known<Name> {
    let settings = v.kafka_settings()?;
    let s = v.kafka(Side::Source)?;
    let at = || Subject::Producer(name.clone());
    let p = settings.producers.get(name).ok_or_else(|| Gap::new(Code::NeverSeen, at()))?;
    let mut sum = 0i128;
    for topic in v.topics(&s).into_iter().filter(|t| p.topics.iter().any(|m| m.matches(t))) {
        for part in s.topic(topic)?.partitions.values() {
            sum += i128::from(part.ends.as_ref().map_err(|f| gap(f, at()))?.high);
        }
    }
    Ok(sum.to_string().into())
}

pub(super) fn switched(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let basis: Option<Basis> = Some(s.basis.merge(d.basis));
        // Whatever its id: a topic that was recreated, or is not listed any more, was written all the same.
        let grew = |t: &Name| v.facts.grew.keys().any(|(c, n, _)| *c == s.sample.cluster_id && n == t);
        let topics = v
            .topics(&s)
            .into_iter()
            .filter(|t| grew(t) && writers_of(settings, t).any(|(_, p)| p.stopped.is_none()))
            .map(|t| (t, t));
        let alive = settings.producers.values().any(|p| p.stopped.is_none());
        let empty = match (&settings.no_producers, alive) {
            (Some(why), _) => IfEmpty::Expected(why.clone()),
            (None, false) if !settings.producers.is_empty() => {
                IfEmpty::Expected("every declared producer is retired".into())
            }
            // Not an empty set: nobody was there to see them grow.
            _ => IfEmpty::Never("no ingestion topic was ever seen growing on the source"),
        };
        let grown = each(basis, topics, empty, |topic| {
            let there = settings.topic_there(topic);
            let t = d.topic(&there)?;
            let at = Subject::Topic(Side::Destination, there.clone());
            let key = (d.sample.cluster_id.clone(), there, t.id);
            Ok(if v.facts.grown.contains(&key) { Finding::yes(Code::Ok, at) } else { Finding::no(Code::NotGrown, at) })
        });
        Ok(ingestion_idle(v).and(grown))
    })
}

/// The destination's partitions of the topics in scope, with the source topic each belongs to.
pub(super) fn there<'a>(
    settings: &KafkaSettings,
    s: &Kafka<'a>,
    d: &Kafka<'a>,
) -> impl Iterator<Item = (Name, &'a crate::estate::kafka::TopicSample)> {
    let names: Vec<Name> = s.sample.topics.keys().map(|t| settings.topic_there(t)).collect();
    let d = *d;
    names.into_iter().filter_map(move |n| d.sample.topics.get(&n).map(|t| (n, t)))
}

/// Sighting of switch-producers: a destination partition that was empty has grown.
pub(super) fn destination_grows(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.kafka(Side::Destination)?;
        let grown = d.sample.topics.iter().flat_map(|(name, t)| {
            t.partitions.iter().filter_map(move |(p, part)| {
                let ends = part.ends.as_ref().ok()?;
                let before = v.facts.empty.get(&d.key(name, t, *p))?;
                (ends.high > *before).then(|| {
                    Finding::yes(Code::NotEmpty, Subject::Partitions(Side::Destination, name.clone(), vec![*p]))
                        .seen(Qty::Count(ends.high - before, "records"))
                })
            })
        });
        Ok(sighted(Some(d.basis), grown))
    })
}

/// A sighting: yes when there is at least one, no otherwise.
pub(super) fn sighted(basis: Option<Basis>, found: impl IntoIterator<Item = Finding>) -> Reading {
    let found: Vec<Finding> = found.into_iter().take(crate::reading::WORST).collect();
    if found.is_empty() {
        return Reading::of(Finding::no(Code::NeverSeen, Subject::Whole), basis);
    }
    none_of(basis, found)
}

/// Freezes the recorded start of every destination partition in scope.
pub(super) fn recorded_starts(v: &View<'_>) -> Vec<Fact> {
    let Ok((settings, s, d)) = both(v) else { return Vec::new() };
    let mut facts = Vec::new();
    for (name, t) in there(settings, &s, &d) {
        for p in t.partitions.keys() {
            let key = d.key(&name, t, *p);
            if let Some(offset) = v.facts.empty.get(&key) {
                facts.push(Fact::RecordedStart { key, offset: *offset, adopted: None });
            }
        }
    }
    facts
}

/// Recorded starts measured late: the low watermarks of now, said to be adopted.
pub(super) fn adopted_starts(v: &View<'_>, author: &str) -> Vec<Fact> {
    let Ok((settings, s, d)) = both(v) else { return Vec::new() };
    let mut facts = Vec::new();
    for (name, t) in there(settings, &s, &d) {
        for (p, part) in &t.partitions {
            let (key, Ok(ends)) = (d.key(&name, t, *p), &part.ends) else { continue };
            facts.push(match v.facts.empty.get(&key) {
                Some(offset) => Fact::RecordedStart { key, offset: *offset, adopted: None },
                None => Fact::RecordedStart { key, offset: ends.low, adopted: Some(author.into()) },
            });
        }
    }
    facts
}
