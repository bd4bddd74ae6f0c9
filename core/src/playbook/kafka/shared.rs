//! What the checks of this track have in common.

use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::TopicSample;
use crate::reading::{Basis, Code, Demand, Finding, Gap, IfEmpty, Known, Reading, Subject, none_of};
use crate::settings::KafkaSettings;
use crate::view::{Kafka, View, gap};

/// Runs a check body in which `?` means "unknown, because".
pub(in crate::playbook) fn body(f: impl FnOnce() -> Known<Reading>) -> Reading {
    f().unwrap_or_else(Reading::unknown)
}

pub(super) fn both<'a>(v: &View<'a>) -> Known<(&'a KafkaSettings, Kafka<'a>, Kafka<'a>)> {
    Ok((v.kafka_settings()?, v.kafka(Side::Source)?, v.kafka(Side::Destination)?))
}

pub(super) const NO_TOPIC: IfEmpty = IfEmpty::Unknown("topics in scope on the source");

pub(super) const NO_PAIR: IfEmpty = IfEmpty::Unknown("groups that read topics in scope on the source");

pub(super) fn config<'c>(
    c: &'c crate::estate::kafka::KafkaConfigs,
    topic: &Name,
    side: Side,
) -> Known<&'c crate::estate::kafka::TopicConfig> {
    let at = || Subject::Topic(side, topic.clone());
    match c.topics.get(topic) {
        Some(Ok(c)) => Ok(c),
        Some(Err(f)) => Err(gap(f, at())),
        None => Err(Gap::new(Code::Partial, at())
            .detail("its configuration has not been read yet")
            .want(Demand::Configs(side))),
    }
}

/// The log that a topic of the source has now is the one it had when it was first seen, or a person has said that it was made
/// again on purpose.
pub(super) fn as_first_seen(v: &View<'_>, s: &Kafka<'_>, topic: &Name, t: &TopicSample) -> Known<()> {
    let seen = v.facts.topics.get(&(s.sample.cluster_id.clone(), topic.clone()));
    let said = || v.facts.confirmed("recreated", std::slice::from_ref(topic)).and_then(|w| w.basis.as_deref());
    if seen.is_none_or(|id| *id == t.id) || said() == Some(&*t.id.to_string()) {
        return Ok(());
    }
    Err(Gap::new(Code::Recreated, Subject::Topic(s.side, topic.clone())).fix(format!(
        "if its groups have read all that the old log held, and commit on the new one: cutover-agent confirm recreated {topic} \
         --reason …"
    )))
}

/// The id of a source topic where it is another than when it was first seen: what `confirm recreated` rests on.
pub(crate) fn renewed_basis(v: &View<'_>, topic: &Name) -> Known<Option<Name>> {
    let s = v.kafka(Side::Source)?;
    let t = s.topic(topic)?;
    let seen = v.facts.topics.get(&(s.sample.cluster_id.clone(), topic.clone()));
    Ok(seen.filter(|id| **id != t.id).map(|_| t.id.to_string().into()))
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

/// The same at the destination, without groups that are ignored and not to be read: of others, who share the cluster.
pub(super) fn attached_there(s: &KafkaSettings, d: &Kafka<'_>) -> Vec<Finding> {
    let other = |f: &Finding| {
        f.is == crate::reading::Tri::Unknown && matches!(&f.at, Subject::Group(_, g) if ignored_there(s, g))
    };
    attached(d).into_iter().filter(|f| !other(f)).collect()
}

/// A group that is ignored, by its own name or by that of the source's.
pub(super) fn ignored_there(s: &KafkaSettings, group: &Name) -> bool {
    s.ignored.keys().any(|g| g == group || s.group_there(g) == *group)
}

fn first_few<'n>(names: impl Iterator<Item = &'n Name>) -> String {
    let names: Vec<&str> = names.map(|n| &**n).collect();
    match names.len() {
        0..=3 => names.join(", "),
        n => format!("{} and {} more", names[..2].join(", "), n - 2),
    }
}

/// A sighting: yes when there is at least one; without any no, or unknown where something could not be looked at.
pub(in crate::playbook) fn sighted(
    basis: Option<Basis>,
    found: impl IntoIterator<Item = Finding>,
    missing: Option<Gap>,
) -> Reading {
    let found: Vec<Finding> = found.into_iter().take(crate::reading::WORST).collect();
    match missing {
        Some(gap) if found.is_empty() => Reading::unknown(gap),
        None if found.is_empty() => Reading::of(Finding::no(Code::NeverSeen, Subject::Whole), basis),
        _ => none_of(basis, found),
    }
}
