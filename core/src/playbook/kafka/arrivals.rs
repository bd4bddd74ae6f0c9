//! What the destination's samples add to the facts: empty logs, growth, where groups attached.

use super::producers::written;
use super::start::{pairs_of, start_of};
use crate::Name;
use crate::estate::Side;
use crate::facts::{Fact, LogKey};
use crate::view::{Kafka, View};

/// What the destination's samples add to the facts once producers and consumers may be there.
pub(in crate::playbook) fn destination_facts(v: &View<'_>, out: &mut Vec<Fact>) {
    let Ok(d) = v.kafka(Side::Destination) else { return };
    for (name, t) in &d.sample.topics {
        grown(v, &d, name, t, out);
    }
    if v.facts.is_begun("start-consumers") {
        seeds(v, &d, out);
        attachments(v, &d, out);
        advances(v, &d, out);
        commits_gone(v, &d, out);
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
        let before = v.facts.empty.get(&key).copied();
        let moves = !begun && ends.is_empty() && before != Some(ends.high);
        if moves && !before.is_some_and(|before| ends.high > before && may_be_switched(v, name)) {
            out.push(Fact::Empty { key: key.clone(), offset: ends.high });
        }
        past |= v.facts.starts.get(&key).is_some_and(|a| ends.high > a.offset);
    }
    let key = (d.sample.cluster_id.clone(), name.clone(), t.id);
    if past && !v.facts.grown.contains(&key) {
        out.push(Fact::Grown { cluster: key.0, topic: key.1, id: key.2 });
    }
}

/// A log that was written and emptied again between two samples has grown: where a producer may just have been switched to it,
/// its start stays where it was, and what is gone is missed. Before switch-producers was go it was a test, cleaned up.
fn may_be_switched(v: &View<'_>, topic: &Name) -> bool {
    v.facts.life("switch-producers").recently_go(v.now())
        && v.settings.kafka.as_ref().is_some_and(|s| written(v, s).contains(topic))
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
                        let before = end_before(v, d, group, &key);
                        out.push(Fact::Attached { key, group: group.clone(), end: ends.high, before });
                    }
                    Some(a) => {
                        let committed = g.commits.as_ref().ok().and_then(|c| c.get(&(topic.clone(), *p)));
                        // Before it attached nobody but a person commits, and not while it runs: whoever has committed at the
                        // recorded start goes on from there in every life.
                        let start = start_of(v, &key).ok();
                        let early = |c: i64| a.before.is_some_and(|b| c < b) || start.is_some_and(|s| c <= s);
                        // One below the low watermark is out of range: where it reads then, nobody knows.
                        let early = matches!(committed, Some(Ok(c)) if early(*c) && *c >= ends.low);
                        if early && !v.facts.read_from_start.contains(&(group.clone(), key.clone())) {
                            out.push(Fact::ReadFromStart { key, group: group.clone() });
                        }
                    }
                }
            }
        }
    }
}

/// A group whose readers use `assign()` is attached, as far as it shows, once it has committed past a recorded start.
/// Ends are read after commits: the end in that sample lies behind where the log ended when it began to read.
fn advances(v: &View<'_>, d: &Kafka<'_>, out: &mut Vec<Fact>) {
    for pair in pairs_of(v, d).unwrap_or_default().into_iter().filter(|p| v.facts.only_commits(&p.old.0)) {
        let (Some(t), Some(g)) = (d.sample.topics.get(&pair.topic), d.group(&pair.group)) else { continue };
        let (Ok(commits), true) = (&g.commits, g.members.as_ref().is_ok_and(Vec::is_empty)) else { continue };
        let past = |p: i32| match (commits.get(&(pair.topic.clone(), p)), start_of(v, &d.key(&pair.topic, t, p))) {
            (Some(Ok(c)), Ok(start)) => *c > start,
            _ => false,
        };
        if !d.ordered() || !t.partitions.keys().any(|p| past(*p)) {
            continue;
        }
        for (p, part) in &t.partitions {
            let (key, Ok(ends)) = (d.key(&pair.topic, t, *p), &part.ends) else { continue };
            if !v.facts.attached.contains_key(&(pair.group.clone(), key.clone())) {
                out.push(Fact::Attached { key, group: pair.group.clone(), end: ends.high, before: None });
            }
        }
    }
}

/// Groups that had shown that they skipped nothing, and whose committed offset somebody deleted since, or the broker forgot.
fn commits_gone(v: &View<'_>, d: &Kafka<'_>, out: &mut Vec<Fact>) {
    let here = v.facts.read_from_start.iter().filter(|(_, k)| k.cluster == d.sample.cluster_id);
    let gone = here.filter(|(group, k)| committed(d, group, k) == Some(None));
    out.extend(gone.map(|(group, key)| Fact::CommitGone { key: key.clone(), group: group.clone() }));
}

/// Groups that have not attached yet although their consumers may be started, and whose seeded offset is gone, or there again.
fn seeds(v: &View<'_>, d: &Kafka<'_>, out: &mut Vec<Fact>) {
    let Some(settings) = &v.settings.kafka else { return };
    if v.facts.is_done("start-consumers") {
        return;
    }
    let pairs = pairs_of(v, d).unwrap_or_default();
    for pair in pairs.into_iter().filter(|p| !settings.unseeded.contains_key(&p.old.0)) {
        let starts = v.facts.starts.iter();
        for (key, start) in starts.filter(|(k, _)| k.cluster == d.sample.cluster_id && k.topic == pair.topic) {
            let it = (pair.group.clone(), key.clone());
            let current = d.sample.topics.get(&key.topic).is_some_and(|t| t.id == key.id);
            if !current || v.facts.attached.contains_key(&it) || v.facts.read_from_start.contains(&it) {
                continue;
            }
            let lost = v.facts.commits_gone.contains(&it);
            let (group, key) = it;
            match committed(d, &group, &key) {
                Some(None) if !lost => out.push(Fact::CommitGone { key, group }),
                Some(Some(c)) if lost && c == start.offset => out.push(Fact::ReadFromStart { key, group }),
                _ => {}
            }
        }
    }
}

/// The committed offset of a group, if it has one; `None` where that is not known.
fn committed(d: &Kafka<'_>, group: &Name, key: &LogKey) -> Option<Option<i64>> {
    let Some(g) = d.group(group) else { return d.sample.lists_every_group().then_some(None) };
    match g.commits.as_ref().ok()?.get(&(key.topic.clone(), key.partition)) {
        Some(c) => c.as_ref().ok().map(|c| Some(*c)),
        None => Some(None),
    }
}

/// The end of a partition surely before any member of the group attached: read in a sample whose successor still listed
/// none. The sample just before the first with a member does not do: its ends were read after its members, and one may
/// have attached between the two.
fn end_before(v: &View<'_>, d: &Kafka<'_>, group: &Name, key: &LogKey) -> Option<i64> {
    let without = d.memory.earlier(1)?;
    let start = v.facts.starts.get(key).map(|a| a.offset);
    let none = match without.groups.get(group) {
        None => without.lists_every_group(),
        Some(g) => {
            // A commit that stands past the recorded start is the trace of an earlier life: nothing can be shown then.
            let fresh = |c: &Result<i64, _>| matches!((c, start), (Ok(c), Some(s)) if *c <= s);
            let tp = (key.topic.clone(), key.partition);
            g.members.as_ref().is_ok_and(Vec::is_empty)
                && g.commits.as_ref().is_ok_and(|c| c.get(&tp).is_none_or(fresh))
        }
    };
    let t = d.memory.earlier(2)?.topics.get(&key.topic).filter(|t| t.id == key.id)?;
    none.then(|| t.partitions.get(&key.partition)?.ends.as_ref().ok().map(|e| e.high)).flatten()
}
