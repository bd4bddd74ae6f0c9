//! Would the consumers find everything at the destination, and have they?

use super::clusters::visible;
use super::shared::{NO_PAIR, attached, attached_there, body, sighted};
use super::stop::held;
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::TopicSample;
use crate::facts::LogKey;
use crate::reading::{Code, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::time::Dur;
use crate::view::{Kafka, View, gap};

/// A pair at the destination.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct PairThere {
    /// The group there.
    pub(super) group: Name,
    /// The topic there.
    pub(super) topic: Name,
    /// The group and the topic on the source.
    pub(super) old: (Name, Name),
}

/// The destination's pairs: those of the source after renaming.
pub(super) fn pairs_there<'a>(v: &View<'a>) -> Known<(Kafka<'a>, Vec<PairThere>)> {
    let d = v.kafka(Side::Destination)?;
    let pairs = pairs_of(v, &d)?;
    Ok((d, pairs))
}

/// The same, for a destination at hand.
pub(super) fn pairs_of(v: &View<'_>, d: &Kafka<'_>) -> Known<Vec<PairThere>> {
    let settings = v.kafka_settings()?;
    // The source may be fenced by now; its pairs are facts of the cluster it was, whichever answered last.
    let sampled = || v.kafka_memory(Side::Source).and_then(|m| m.last()).map(|(_, k)| k.cluster_id.clone());
    let source = v.facts.clusters.get(&Side::Source).cloned().or_else(sampled);
    let known: Vec<&(Name, Name)> = match &source {
        Some(id) => v.facts.pairs(id).collect(),
        None => v.facts.pairs.iter().filter(|(c, _)| **c != d.sample.cluster_id).flat_map(|(_, p)| p).collect(),
    };
    let pairs = known
        .into_iter()
        .filter(|(g, t)| !settings.ignored.contains_key(g) && settings.in_scope(t))
        .map(|(g, t)| PairThere {
            group: settings.group_there(g),
            topic: settings.topic_there(t),
            old: (g.clone(), t.clone()),
        })
        .collect();
    Ok(pairs)
}

pub(super) fn start_of(v: &View<'_>, key: &LogKey) -> Known<i64> {
    v.facts.starts.get(key).map(|a| a.offset).ok_or_else(|| {
        let at = Subject::Partitions(Side::Destination, key.topic.clone(), vec![key.partition]);
        let again = v.facts.starts.keys().any(|k| {
            (&k.cluster, &k.topic, k.partition) == (&key.cluster, &key.topic, key.partition) && k.id != key.id
        });
        let said = Gap::new(Code::NoAnchor, at).detail(match again {
            true => "it was recreated since the producers were switched",
            false => "it was not there, or not seen empty, when the producers were switched",
        });
        let ends = v.kafka(Side::Destination).ok().and_then(|d| {
            let t = d.sample.topics.get(&key.topic).filter(|t| t.id == key.id)?;
            t.partitions.get(&key.partition)?.ends.as_ref().ok()
        });
        let Some(e) = ends.filter(|_| v.facts.is_begun("switch-producers")) else { return said };
        let first = match (again, e.low) {
            (true, _) => "carry over what was lost; then".to_owned(),
            (false, 0) => "if all that lies there is to be read".to_owned(),
            (false, low) => format!("if all that lies there is to be read, and what lay below {low} is not missed"),
        };
        let then = if v.facts.is_begun("start-consumers") { "" } else { "; then seed its groups there" };
        said.fix(format!(
            "{first}: cutover-agent confirm reconciled-destination {} {} {} --reason …{then}",
            key.topic, key.partition, e.low
        ))
    })
}

pub(super) fn seeded(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let (d, pairs) = pairs_there(v)?;
        let expires = d.memory.configs.as_ref().and_then(|(_, c)| c.offsets_retention_ms).map(Dur);
        // Once they are started, what is asked is whether one that has not attached yet has lost what it is to begin at.
        let begun = v.facts.is_begun("start-consumers");
        Ok(each(Some(d.basis), pairs.into_iter().map(|p| (p.clone(), p)), NO_PAIR, |pair| {
            let PairThere { group, topic, old } = pair;
            let t = d.topic(&topic)?;
            if let Some(why) = settings.unseeded.get(&old.0) {
                if begun {
                    return Ok(Finding::yes(Code::Relaxed, Subject::Group(d.side, group)).detail(why.clone()));
                }
                return unseeded(v, &d, &group, &topic, t, why);
            }
            let mut missing = Vec::new();
            let mut fixes = Vec::new();
            for p in t.partitions.keys() {
                let key = d.key(&topic, t, *p);
                let it = (group.clone(), key.clone());
                if begun && (!v.facts.commits_gone.contains(&it) || v.facts.attached.contains_key(&it)) {
                    continue;
                }
                let start = start_of(v, &key)?;
                let commits = match d.group(&group) {
                    None => None,
                    Some(g) => Some(g.commits.as_ref().map_err(|f| gap(f, Subject::Group(d.side, group.clone())))?),
                };
                let at = || Subject::Pair(d.side, group.clone(), topic.clone(), vec![*p]);
                match commits.and_then(|c| c.get(&(topic.clone(), *p))) {
                    Some(Ok(c)) if *c == start => {}
                    Some(Err(f)) => return Err(gap(f, at())),
                    _ => {
                        missing.push(*p);
                        fixes.push(format!(
                            "kafka-consumer-groups --bootstrap-server <destination> --group {group} --topic {topic}:{p} \
                             --reset-offsets --to-offset {start} --execute"
                        ));
                    }
                }
            }
            let at = Subject::Pair(d.side, group, topic, missing.clone());
            Ok(if missing.is_empty() {
                Finding::yes(Code::Ok, at)
            } else {
                let expiry =
                    expires.map_or(String::new(), |e| format!("; seeded offsets expire {e} after they were committed"));
                Finding::no(Code::NotSeeded, at)
                    .detail(format!("not committed at its recorded start{expiry}"))
                    .fix(fixes.join(" && "))
            })
        }))
    })
}

/// A group that needs no seeded offsets must not have any but the recorded start: another one is the trace of an earlier
/// life, which may have skipped what lay there.
fn unseeded(v: &View<'_>, d: &Kafka<'_>, group: &Name, topic: &Name, t: &TopicSample, why: &Name) -> Known<Finding> {
    let Some(g) = d.group(group) else {
        return Ok(Finding::yes(Code::Relaxed, Subject::Group(d.side, group.clone())).detail(why.clone()));
    };
    let commits = g.commits.as_ref().map_err(|f| gap(f, Subject::Group(d.side, group.clone())))?;
    for p in t.partitions.keys() {
        let at = || Subject::Pair(d.side, group.clone(), topic.clone(), vec![*p]);
        let Some(c) = commits.get(&(topic.clone(), *p)) else { continue };
        let c = *c.as_ref().map_err(|f| gap(f, at()))?;
        if c != start_of(v, &d.key(topic, t, *p))? {
            return Ok(Finding::no(Code::LeftoverCommit, at()).seen(Qty::Count(c, "")).fix(format!(
                "kafka-consumer-groups --bootstrap-server <destination> --group {group} --topic {topic} --delete-offsets"
            )));
        }
    }
    Ok(Finding::yes(Code::Relaxed, Subject::Group(d.side, group.clone())).detail(why.clone()))
}

pub(super) fn destination_unattended(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.kafka(Side::Destination)?;
        let found = attached_there(v.kafka_settings()?, &d);
        Ok(visible(v, Side::Destination).and(none_of(Some(d.basis), found)))
    })
}

pub(super) fn destination_attended(v: &View<'_>) -> Reading {
    body(|| {
        let (d, pairs) = pairs_there(v)?;
        // A group that is no pair of this migration is somebody's test: `destination-unattended` says so, and it begins
        // nothing.
        let ours = |f: &Finding| matches!(&f.at, Subject::Group(_, g) if pairs.iter().any(|p| p.group == *g));
        let (seen, hidden): (Vec<_>, Vec<_>) =
            attached(&d).into_iter().filter(ours).partition(|f| f.code == Code::Attached);
        let missing = match hidden.into_iter().next() {
            Some(f) => Some(Gap { detail: f.detail, fix: f.fix, ..Gap::new(f.code, f.at) }),
            None => (!d.sample.lists_every_group()).then(|| Gap::new(Code::Hidden, Subject::Side(d.side))),
        };
        Ok(sighted(Some(d.basis), seen.into_iter().map(|f| Finding { is: crate::reading::Tri::Yes, ..f }), missing))
    })
}

pub(super) fn destination_kept(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.kafka(Side::Destination)?;
        let settings = v.kafka_settings()?;
        let ours = |k: &LogKey| k.cluster == d.sample.cluster_id && settings.in_scope_on(d.side, &k.topic);
        let starts: Vec<_> = v.facts.starts.iter().filter(|(k, _)| ours(k)).map(|(k, a)| (k, (k, a))).collect();
        Ok(each(Some(d.basis), starts, IfEmpty::Unknown("recorded starts at the destination"), |(key, anchor)| {
            let at = || Subject::Partitions(Side::Destination, key.topic.clone(), vec![key.partition]);
            let t = d.topic(&key.topic)?;
            if t.id != key.id {
                // Settled where a person has recorded a start for every partition of the new log.
                let unrecorded = t.partitions.keys().find(|p| !v.facts.starts.contains_key(&d.key(&key.topic, t, **p)));
                return Ok(match unrecorded {
                    None => Finding::yes(Code::Confirmed, at()).detail("it was recreated, and its new log has a recorded start"),
                    Some(p) => Finding::no(Code::Recreated, at()).fix(format!(
                        "find out who deleted it, carry over what was lost, then of each of its partitions: cutover-agent \
                         confirm reconciled-destination {} {p} <where it begins> --reason …; and seed its groups there",
                        key.topic
                    )),
                });
            }
            let part = t.partitions.get(&key.partition).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
            let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
            Ok(if ends.low == anchor.offset {
                held(at(), anchor)
            } else {
                Finding::no(Code::Trimmed, at())
                    .seen(Qty::Count(ends.low, "low watermark"))
                    .limit(Qty::Count(anchor.offset, "recorded start"))
                    .fix(format!(
                        "carry the records over, then: cutover-agent confirm reconciled-destination {} {} {} --reason …",
                        key.topic, key.partition, ends.low
                    ))
            })
        }))
    })
}
