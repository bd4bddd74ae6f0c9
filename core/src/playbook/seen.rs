//! What the newest samples add to the facts: sightings, growths, proofs. Idempotent: a fact that is already there is not
//! emitted again, so evaluating until none is new ends.

use super::kafka::{destination_facts, end_of_gone, hides_a_topic, ids_of_gone, writers_of};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::GroupSample;
use crate::facts::{COMMITS_ONLY, Fact, How, LogKey};
use crate::settings::{Home, KafkaSettings, Track};
use crate::time::Dur;
use crate::view::{Kafka, View};
use std::collections::BTreeSet;

/// Facts that the newest samples show and the journal does not hold yet.
pub fn observe(v: &View<'_>) -> Vec<Fact> {
    let mut out = Vec::new();
    for side in Side::BOTH {
        if let Ok(k) = v.kafka(side) {
            members(v, &k, &mut out);
            phantoms(v, &k, &mut out);
        }
    }
    if let Ok(s) = v.kafka(Side::Source) {
        pairs(v, &s, &mut out);
        topics(v, &s, &mut out);
        gaps(v, &s, &mut out);
        after_the_stop(v, &s, &mut out);
    }
    destination_facts(v, &mut out);
    clusters(v, &mut out);
    words(v, &mut out);
    super::mongodb::observe(v, &mut out);
    super::services::observe(v, &mut out);
    out
}

/// From the first step on, a side is the cluster it was then.
fn clusters(v: &View<'_>, out: &mut Vec<Fact>) {
    for track in [Track::Kafka, Track::Mongodb] {
        let Some(first) = super::steps(track).first() else { continue };
        let life = v.facts.step(first.id);
        let unpinned = |side: &Side| match track {
            Track::Kafka => !v.facts.clusters.contains_key(side),
            _ => !v.facts.deployments.contains_key(side),
        };
        match &life.begun {
            Some((_, how)) => {
                // Whoever answers at the instant at which an effect is seen need not be the one that the go rested on.
                let by_effect = matches!(how, How::Unclaimed);
                let went = |side| v.facts.went_on.get(&(track, side)).filter(|_| by_effect).cloned();
                let known = |side| went(side).or_else(|| answers(v, track, side));
                let open = Side::BOTH.into_iter().filter(unpinned);
                out.extend(open.filter_map(|side| Some(pinned(track, side, known(side)?))));
            }
            // It was found to be go at this very instant, on the samples that are looked at.
            None if life.was_go.is_some_and(|(_, until)| until == v.now().wall) => {
                let now = Side::BOTH.into_iter().filter_map(|side| Some((side, answers(v, track, side)?)));
                let fresh = now.filter(|(side, id)| v.facts.went_on.get(&(track, *side)) != Some(id));
                out.extend(fresh.map(|(side, id)| Fact::WentOn { track, side, id }));
            }
            None => {}
        }
    }
}

/// Who answers on a side of a track.
fn answers(v: &View<'_>, track: Track, side: Side) -> Option<Name> {
    match track {
        Track::Kafka => Some(v.kafka(side).ok()?.sample.cluster_id.clone()),
        Track::Mongodb => Some(v.mongodb(side).ok()?.sample.set_id.clone()),
        Track::Services => None,
    }
}

fn pinned(track: Track, side: Side, id: Name) -> Fact {
    match track {
        Track::Kafka => Fact::Cluster { side, cluster: id },
        _ => Fact::Deployment { side, set: id },
    }
}

/// Another one answers on a side of a track than the one on which its first step was go: the side, who it was, who it is.
pub(crate) fn another(v: &View<'_>, track: Track) -> Option<(Side, Name, Name)> {
    Side::BOTH.into_iter().find_map(|side| {
        let (was, is) = (v.facts.went_on.get(&(track, side))?, answers(v, track, side)?);
        (*was != is).then(|| (side, was.clone(), is))
    })
}

/// Who answers on both sides of a track, as the clusters that the migration is about.
pub(crate) fn answering(v: &View<'_>, track: Track) -> Vec<Fact> {
    Side::BOTH.into_iter().filter_map(|side| Some(pinned(track, side, answers(v, track, side)?))).collect()
}

/// Words that what was measured since contradicts.
fn words(v: &View<'_>, out: &mut Vec<Fact>) {
    let Ok(s) = v.kafka(Side::Source) else { return };
    let mut void = |name: &str, subject: Vec<Name>| {
        if v.facts.confirmed(name, &subject).is_some() {
            out.push(Fact::Voided { name: name.into(), subject, at: v.now().wall });
        }
    };
    void("source-kafka-fenced", vec![]);
    if v.facts.confirmed("topics-listed", &[]).is_some() && hides_a_topic(v).is_some() {
        void("topics-listed", vec![]);
    }
    // A log that is listed again was not gone for good.
    let gone = v.facts.confirmed.get("reconciled").into_iter().flatten();
    let back = gone.filter(|(subject, w)| {
        let now = subject.first().and_then(|t| s.sample.topics.get(t));
        now.is_some_and(|t| ids_of_gone(w).any(|id| id == t.id.to_string()))
    });
    back.for_each(|(subject, _)| void("reconciled", subject.clone()));
    let deleted = v.facts.confirmed.get("deleted").into_iter().flatten();
    let back = deleted.filter(|(subject, _)| subject.first().is_some_and(|t| s.sample.topics.contains_key(t)));
    back.for_each(|(subject, _)| void("deleted", subject.clone()));
    let members = |k: &crate::estate::kafka::KafkaSample, g: &Name| {
        k.groups
            .get(g)
            .and_then(|g| g.members.as_ref().ok())
            .map(|m| m.iter().any(|m| m.topics.as_ref().is_ok_and(|t| !t.is_empty())))
    };
    let came_back = s.memory.earlier(1).is_some_and(|before| {
        s.sample.groups.keys().any(|g| members(s.sample, g) == Some(true) && members(before, g) != Some(true))
    });
    // Who is still there when every session that there was has ended was not scaled to zero.
    let zero = [Name::from("kafka")];
    let remains = v.facts.confirmed("scaled-to-zero", &zero).zip(v.settings.kafka.as_ref()).is_some_and(|(word, k)| {
        let asked = v.now().wall_of(s.basis.span.sent);
        asked > word.at + k.session_timeout + k.interval
            && s.sample.groups.keys().any(|g| !k.ignored.contains_key(g) && members(s.sample, g) == Some(true))
    });
    if came_back || remains {
        void("scaled-to-zero", zero.to_vec());
    }
}

fn members(v: &View<'_>, k: &Kafka<'_>, out: &mut Vec<Fact>) {
    let Some(settings) = &v.settings.kafka else { return };
    let cluster = &k.sample.cluster_id;
    let known = v.facts.members.get(cluster);
    let mut fresh = BTreeSet::new();
    for (group, g) in &k.sample.groups {
        for m in g.members.as_ref().ok().into_iter().flatten() {
            // A member that reads nothing in scope is no witness for anything in scope. What cannot be read now (it is
            // withheld while a group rebalances) is one of this migration if its group is.
            let counts = match &m.topics {
                Ok(topics) => !topics.is_empty(),
                Err(_) => is_in_scope(v, cluster, group, g),
            };
            if !counts {
                continue;
            }
            let (home, identity) = settings.home(group, &m.client_id, &m.host);
            let key = (group.clone(), Name::from(identity));
            if !known.and_then(|k| k.get(&key)).is_some_and(|homes| homes.contains(&home)) {
                fresh.insert((key, home));
            }
        }
    }
    for (group, home) in commit_without_joining(k, settings) {
        let key = (group, Name::from(COMMITS_ONLY));
        if !known.is_some_and(|k| k.contains_key(&key)) {
            fresh.insert((key, home));
        }
    }
    out.extend(fresh.into_iter().map(|((group, identity), home)| Fact::Member {
        cluster: cluster.clone(),
        group,
        identity,
        home,
    }));
}

/// Whether a group is known to read topics in scope: it has committed there, or one of its members was seen to.
fn is_in_scope(v: &View<'_>, cluster: &Name, group: &Name, g: &GroupSample) -> bool {
    g.commits.as_ref().is_ok_and(|c| !c.is_empty())
        || v.facts.pairs(cluster).any(|(g, _)| g == group)
        || v.facts.members(cluster).any(|((g, _), _)| g == group)
}

/// Groups without a member in two samples whose committed offset moved between them.
fn commit_without_joining(k: &Kafka<'_>, settings: &KafkaSettings) -> Vec<(Name, Home)> {
    let Some(before) = k.memory.earlier(1) else { return Vec::new() };
    let alone = |g: Option<&GroupSample>| g.is_some_and(|g| g.members.as_ref().is_ok_and(Vec::is_empty));
    let moved = |name: &Name, g: &GroupSample| {
        let Ok(commits) = &g.commits else { return false };
        commits.keys().any(|tp| k.memory.commit(name, tp).is_some_and(|m| m.moved && m.unmoved_for() == Dur::ZERO))
    };
    let groups = k.sample.groups.iter();
    groups
        .filter(|(name, g)| alone(Some(g)) && alone(before.groups.get(*name)) && moved(name, g))
        .map(|(name, _)| (name.clone(), settings.home(name, "", "").0))
        .collect()
}

fn phantoms(v: &View<'_>, k: &Kafka<'_>, out: &mut Vec<Fact>) {
    let Some((_, tails)) = k.memory.tails.as_ref().filter(|(_, t)| t.cluster_id == k.sample.cluster_id) else { return };
    for t in &tails.tails {
        let key = LogKey {
            cluster: tails.cluster_id.clone(),
            id: t.topic_id,
            topic: t.topic.clone(),
            partition: t.partition,
        };
        let known = v.facts.phantoms.contains(&(key.clone(), t.from, t.to));
        if t.records == Ok(0) && t.from < t.to && !known {
            out.push(Fact::Phantom { key, from: t.from, to: t.to });
        }
    }
}

fn pairs(v: &View<'_>, s: &Kafka<'_>, out: &mut Vec<Fact>) {
    let cluster = &s.sample.cluster_id;
    let known = v.facts.pairs.get(cluster);
    let mut fresh: BTreeSet<(Name, Name)> = BTreeSet::new();
    for (group, g) in &s.sample.groups {
        let read = g.members.as_ref().ok().into_iter().flatten().filter_map(|m| m.topics.as_ref().ok()).flatten();
        let committed = g.commits.as_ref().ok().into_iter().flat_map(|c| c.keys().map(|(t, _)| t));
        let mut last: Option<&Name> = None;
        for topic in read.chain(committed) {
            if last == Some(topic) {
                continue;
            }
            last = Some(topic);
            let pair = (group.clone(), topic.clone());
            if !known.is_some_and(|k| k.contains(&pair)) {
                fresh.insert(pair);
            }
        }
    }
    for (group, g) in &s.sample.groups {
        let commits = g.commits.as_ref().is_ok_and(|c| !c.is_empty());
        if commits && !v.facts.ever_committed(cluster, group) {
            out.push(Fact::Committed { cluster: cluster.clone(), group: group.clone() });
        }
    }
    out.extend(fresh.into_iter().map(|(group, topic)| Fact::Pair { cluster: cluster.clone(), group, topic }));
}

fn topics(v: &View<'_>, s: &Kafka<'_>, out: &mut Vec<Fact>) {
    let cluster = &s.sample.cluster_id;
    for (name, t) in &s.sample.topics {
        if t.failed.is_some() {
            continue;
        }
        if !v.facts.topics.contains_key(&(cluster.clone(), name.clone())) {
            out.push(Fact::Topic { cluster: cluster.clone(), topic: name.clone(), id: t.id });
        }
        let grew = t.partitions.keys().any(|p| s.memory.ends().get(&(name.clone(), *p)).is_some_and(|m| m.growths > 0));
        if grew && !v.facts.grew.contains_key(&(cluster.clone(), name.clone(), t.id)) {
            out.push(Fact::Grew { cluster: cluster.clone(), topic: name.clone(), id: t.id, at: v.now().wall });
        }
    }
}

/// What comes to the source when its consumers are stopped: a log that is seen for the first time was to hold nothing, and
/// that one moved is kept, or both would be forgotten with a topic that goes again.
fn after_the_stop(v: &View<'_>, s: &Kafka<'_>, out: &mut Vec<Fact>) {
    let anchored = || v.facts.source_ends.keys().any(|k| k.cluster == s.sample.cluster_id);
    if !v.facts.is_done("stop-consumers") || v.facts.is_begun("retire-source") || !anchored() {
        return;
    }
    ends_of_gone(v, s, out);
    for (name, t) in s.sample.topics.iter().filter(|(_, t)| t.failed.is_none()) {
        for (p, part) in &t.partitions {
            let Ok(ends) = &part.ends else { continue };
            let key = s.key(name, t, *p);
            let moved = v.facts.source_moved.get(&key);
            match v.facts.source_ends.get(&key) {
                None => out.push(Fact::SourceEnd { key, offset: 0, adopted: None }),
                Some(a) if ends.high > a.offset && moved.is_none_or(|m| *m <= a.offset) => {
                    out.push(Fact::SourceMoved { key, offset: ends.high });
                }
                Some(_) => {}
            }
        }
    }
}

/// How far the logs that have just gone were seen to end, where that is past what is known of them.
fn ends_of_gone(v: &View<'_>, s: &Kafka<'_>, out: &mut Vec<Fact>) {
    let Some(before) = s.memory.earlier(1).filter(|b| b.cluster_id == s.sample.cluster_id) else { return };
    for (name, t) in &before.topics {
        if s.sample.topics.get(name).is_some_and(|now| now.id == t.id) {
            continue;
        }
        for (p, part) in &t.partitions {
            let (key, Ok(ends)) = (s.key(name, t, *p), &part.ends) else { continue };
            let past = v.facts.source_ends.get(&key).is_some_and(|a| ends.high > end_of_gone(v, &key, a));
            if past {
                out.push(Fact::SourceMoved { key, offset: ends.high });
            }
        }
    }
}

/// The gaps between a producer's writes: those of its busiest partition bound those of the whole.
fn gaps(v: &View<'_>, s: &Kafka<'_>, out: &mut Vec<Fact>) {
    let Some(settings) = &v.settings.kafka else { return };
    for name in settings.producers.keys() {
        let mut best: Option<(u32, Dur)> = None;
        for ((topic, _), m) in s.memory.ends() {
            if m.growths < 3 || !writers_of(settings, topic).any(|(n, _)| n == name) {
                continue;
            }
            if best.is_none_or(|(_, gap)| m.longest_gap < gap) {
                best = Some((m.growths, m.longest_gap));
            }
        }
        let Some((growths, longest)) = best else { continue };
        let key = (s.sample.cluster_id.clone(), name.clone());
        // Only a gap clearly longer than the longest journaled says something new.
        let old = v.facts.gaps.get(&key).map_or(Dur::ZERO, |(_, d)| *d);
        if longest.0 > old.0 + old.0 / 10 {
            out.push(Fact::Gaps { cluster: key.0, producer: key.1, growths, longest });
        }
    }
}
