//! What the destination's samples add to the facts: empty logs, growth, where groups attached.

use super::shared::there;
use crate::Name;
use crate::estate::Side;
use crate::facts::Fact;
use crate::view::{Kafka, View};

/// What the destination's samples add to the facts once producers and consumers may be there.
pub(in crate::playbook) fn destination_facts(v: &View<'_>, out: &mut Vec<Fact>) {
    let (Ok(settings), Ok(d)) = (v.kafka_settings(), v.kafka(Side::Destination)) else { return };
    if let Ok(s) = v.kafka(Side::Source) {
        for (name, t) in there(settings, &s, &d) {
            grown(v, &d, &name, t, out);
        }
    }
    if v.facts.is_begun("start-consumers") {
        attachments(v, &d, out);
    }
}

pub(super) fn grown(
    v: &View<'_>,
    d: &Kafka<'_>,
    name: &Name,
    t: &crate::estate::kafka::TopicSample,
    out: &mut Vec<Fact>,
) {
    let begun = v.facts.is_begun("switch-producers");
    let mut past = false;
    for (p, part) in &t.partitions {
        let (key, Ok(ends)) = (d.key(name, t, *p), &part.ends) else { continue };
        if !begun && ends.is_empty() && v.facts.empty.get(&key) != Some(&ends.high) {
            out.push(Fact::Empty { key: key.clone(), offset: ends.high });
        }
        past |= v.facts.starts.get(&key).is_some_and(|a| ends.high > a.offset);
    }
    let key = (d.sample.cluster_id.clone(), name.clone(), t.id);
    if past && !v.facts.grown.contains(&key) {
        out.push(Fact::Grown { cluster: key.0, topic: key.1, id: key.2 });
    }
}

fn attachments(v: &View<'_>, d: &Kafka<'_>, out: &mut Vec<Fact>) {
    for (group, g) in &d.sample.groups {
        let Ok(members) = &g.members else { continue };
        let topics: std::collections::BTreeSet<&Name> =
            members.iter().filter_map(|m| m.topics.as_ref().ok()).flatten().collect();
        for topic in topics {
            let Some(t) = d.sample.topics.get(topic) else { continue };
            for (p, part) in &t.partitions {
                let (key, Ok(ends)) = (d.key(topic, t, *p), &part.ends) else { continue };
                let known = v.facts.attached.get(&(group.clone(), key.clone()));
                match known {
                    None => {
                        let before = end_before(d, group, topic, t.id, *p);
                        out.push(Fact::Attached { key, group: group.clone(), end: ends.high, before });
                    }
                    Some(a) => {
                        let committed = g.commits.as_ref().ok().and_then(|c| c.get(&(topic.clone(), *p)));
                        let early = matches!((a.before, committed), (Some(b), Some(Ok(c))) if *c < b);
                        if early && !v.facts.read_from_start.contains(&(group.clone(), key.clone())) {
                            out.push(Fact::ReadFromStart { key, group: group.clone() });
                        }
                    }
                }
            }
        }
    }
}

/// The end of a partition surely before any member of the group attached: read in a sample whose successor still listed
/// none. The sample just before the first with a member does not do: its ends were read after its members, and one may
/// have attached between the two.
fn end_before(d: &Kafka<'_>, group: &Name, topic: &Name, id: uuid::Uuid, p: i32) -> Option<i64> {
    let without = d.memory.earlier(1)?;
    let none = match without.groups.get(group) {
        None => without.unlisted.is_empty(),
        Some(g) => g.members.as_ref().is_ok_and(Vec::is_empty),
    };
    let t = d.memory.earlier(2)?.topics.get(topic).filter(|t| t.id == id)?;
    none.then(|| t.partitions.get(&p)?.ends.as_ref().ok().map(|e| e.high)).flatten()
}
