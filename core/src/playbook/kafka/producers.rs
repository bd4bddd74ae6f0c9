//! Checks of the external producers, and where the destination's logs began.

use super::super::{REPLICAS_FLOOR, own_time};
use super::IDLE;
use super::shared::{NO_TOPIC, as_first_seen, body, both, sighted};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::TopicSample;
use crate::facts::Fact;
use crate::reading::{Basis, Code, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each};
use crate::settings::{Class, KafkaSettings, Producer};
use crate::time::Dur;
use crate::view::{INTERVALS, Kafka, View, gap};

/// Nobody writes to a topic of no class that holds records and was not seen to grow for so long.
const WATCHED: Dur = Dur::secs(60);

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
                None if ever => watched(v, &s, topic, t)?,
                Some(Class::Ingestion) if ever && writers_of(settings, topic).next().is_none() => {
                    Finding::no(Code::Undeclared, at())
                        .fix(format!("producers: {{ <name>: {{ topics: [\"{topic}\"], owner: <who answers> }} }}"))
                }
                _ => Finding::yes(Code::Ok, at()),
            })
        }))
    })
}

/// A topic of no class that holds records, and was not seen to grow: whoever writes it now and then would have been by now.
fn watched(v: &View<'_>, s: &Kafka<'_>, topic: &Name, t: &TopicSample) -> Known<Finding> {
    let at = || Subject::Topic(Side::Source, topic.clone());
    let need = v.settings.scaled(WATCHED);
    let mut watched = need;
    for n in t.partitions.keys() {
        let m = s.memory.ends().get(&(topic.clone(), *n)).ok_or_else(|| Gap::new(Code::Partial, at()))?;
        if m.ends.high > 0 {
            watched = watched.min(m.unmoved_for());
        }
    }
    if watched >= need {
        return Ok(Finding::yes(Code::Ok, at()));
    }
    let why = format!("it holds records, is of no class, and was watched for only {watched}: it may grow");
    Ok(Finding::unknown(Code::Partial, at()).detail(why).wait(need - watched))
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
    let too_long = Dur(v.kafka_settings()?.interval.0 * INTERVALS);
    let topics: Vec<&Name> = v.topics(s).into_iter().filter(|t| p.topics.iter().any(|m| m.matches(t))).collect();
    if topics.is_empty() {
        return Err(Gap::new(Code::NeverSeen, at()).detail("no topic in scope on the source matches its `topics`"));
    }
    let mut idle: Option<Dur> = None;
    let mut grew: Option<Dur> = None;
    let mut heard: Option<Dur> = None;
    let mut replicated = false;
    let mut sum = 0i128;
    let mut late: Option<(Name, i32)> = None;
    for topic in topics {
        let t = s.topic(topic)?;
        as_first_seen(v, s, topic, t)?;
        for (n, part) in &t.partitions {
            let here = || Subject::Partitions(Side::Source, topic.clone(), vec![*n]);
            let ends = part.ends.as_ref().map_err(|f| gap(f, here()))?;
            s.moves(topic, *n, part)?;
            sum += i128::from(ends.high);
            replicated |= part.replicas > 1;
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
            heard = heard.into_iter().chain(m.heard_for(too_long)).min();
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
    // A live producer may be silent for its cadence, and what it wrote then stay unseen while the high watermark stands.
    let unseen = if replicated && cadence > Dur::ZERO { v.settings.scaled(REPLICAS_FLOOR) } else { Dur::ZERO };
    let need = base.max(cadence + unseen);
    let at = match late {
        Some((topic, n)) if idle < need => Subject::Partitions(Side::Source, topic, vec![n]),
        _ => at(),
    };
    // While the agent could not read the source, whoever writes there may have been cut off from it as well: it has to have had the
    // time to go on.
    let back = base + unseen;
    if let Some(heard) = heard.filter(|h| idle >= need && *h < back) {
        let f = Finding::no(Code::Dwelling, at).seen(Qty::Time(heard)).limit(Qty::Time(back)).wait(back - heard);
        return Ok(f.detail("since the source can be read again"));
    }
    if idle >= need {
        return Ok(match said {
            Some(w) => Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)),
            None => Finding::yes(Code::Ok, at),
        });
    }
    let code = if grew.is_some_and(|ago| ago < need) { Code::StillWritten } else { Code::Dwelling };
    let f = Finding::no(code, at).seen(Qty::Time(idle)).limit(Qty::Time(need)).detail(name.clone()).wait(need - idle);
    // Only what it may still write is waited for: who knows that it will not may say so.
    Ok(if idle >= base {
        f.fix(format!("if {name} writes there no more: cutover-agent confirm ingestion-idle {name} --reason …"))
    } else {
        f
    })
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
        let alive_there = |t: &Name| writers_of(settings, t).any(|(_, p)| p.stopped.is_none());
        let topics: Vec<_> =
            v.topics_ever(&s).into_iter().filter(|t| grew(t) && alive_there(t)).map(|t| (t, t)).collect();
        let alive = settings.producers.values().any(|p| p.stopped.is_none());
        let empty = match (&settings.no_producers, alive) {
            (Some(why), _) => IfEmpty::Expected(why.clone()),
            (None, false) if !settings.producers.is_empty() => {
                IfEmpty::Expected("every declared producer is retired".into())
            }
            // Not an empty set: nobody was there to see them grow, and nothing that is still to come can show it.
            _ if topics.is_empty() => {
                let f = Finding::unknown(Code::NeverSeen, Subject::Whole)
                    .detail("no ingestion topic was ever seen growing on the source")
                    .fix(
                        "let the agent see the producers write before they are switched; if they write to the \
                          destination by now: cutover-agent adopt switch-producers --reason …",
                    );
                return Ok(ingestion_idle(v).and(Reading::of(f, basis)));
            }
            _ => IfEmpty::Unknown("ingestion topics"),
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

/// Topics of the destination that a declared producer may be switched to: only what one was seen writing on the source can be its
/// switch; any other record is a leftover (`destination-clean`), and begins nothing.
pub(super) fn written(v: &View<'_>, settings: &KafkaSettings) -> Vec<Name> {
    let grew = v.facts.grew.keys();
    grew.filter(|(_, t, _)| writers_of(settings, t).any(|(_, p)| p.stopped.is_none()))
        .map(|(_, t, _)| settings.topic_there(t))
        .collect()
}

/// Sighting of switch-producers: a destination partition that was empty has grown.
pub(super) fn destination_grows(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, d) = (v.kafka_settings()?, v.kafka(Side::Destination)?);
        let written = written(v, settings);
        let (mut grown, mut missing) = (Vec::new(), None);
        for (name, t) in d.sample.topics.iter().filter(|(name, _)| written.contains(name)) {
            if let Some(f) = &t.failed {
                missing = Some(gap(f, Subject::Topic(Side::Destination, name.clone())));
            }
            for (p, part) in &t.partitions {
                let at = || Subject::Partitions(Side::Destination, name.clone(), vec![*p]);
                let Some(before) = v.facts.empty.get(&d.key(name, t, *p)) else { continue };
                match &part.ends {
                    Ok(ends) if ends.high > *before => {
                        grown.push(Finding::yes(Code::NotEmpty, at()).seen(Qty::Count(ends.high - before, "records")))
                    }
                    Ok(_) => {}
                    Err(f) => missing = Some(gap(f, at())),
                }
            }
        }
        Ok(sighted(Some(d.basis), grown, missing))
    })
}

/// Freezes the recorded start of every destination partition in scope.
pub(super) fn recorded_starts(v: &View<'_>) -> Vec<Fact> {
    // Of every topic in scope there, whether or not the source answers now: nothing adds them later.
    let Ok(d) = v.kafka(Side::Destination) else { return Vec::new() };
    let mut facts = Vec::new();
    for (name, t) in &d.sample.topics {
        for p in t.partitions.keys() {
            let key = d.key(name, t, *p);
            if let Some(offset) = v.facts.empty.get(&key) {
                facts.push(Fact::RecordedStart { key, offset: *offset, adopted: None });
            }
        }
    }
    facts
}

/// Recorded starts measured late: the low watermarks of now, said to be adopted. All of them or none: nothing adds one
/// later.
pub(super) fn adopted_starts(v: &View<'_>, author: &str) -> Known<Vec<Fact>> {
    let d = v.kafka(Side::Destination)?;
    let mut facts = Vec::new();
    for name in d.sample.topics.keys() {
        let t = d.topic(name)?;
        for (p, part) in &t.partitions {
            let key = d.key(name, t, *p);
            facts.push(match (v.facts.empty.get(&key), &part.ends) {
                (Some(offset), _) => Fact::RecordedStart { key, offset: *offset, adopted: None },
                (None, Ok(ends)) => Fact::RecordedStart { key, offset: ends.low, adopted: Some(author.into()) },
                (None, Err(f)) => {
                    return Err(gap(f, Subject::Partitions(Side::Destination, name.clone(), vec![*p])));
                }
            });
        }
    }
    Ok(facts)
}
