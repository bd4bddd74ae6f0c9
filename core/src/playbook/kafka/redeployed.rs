//! Have the consumers found everything at the destination?

use super::drain::position;
use super::shared::{NO_PAIR, body};
use super::start::{PairThere, pairs_there, start_of};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::Ends;
use crate::facts::{How, LogKey};
use crate::reading::{Code, Demand, Finding, Gap, Known, Qty, Reading, Subject, each};
use crate::view::{Kafka, View, gap};

pub(super) fn redeployed(v: &View<'_>) -> Reading {
    body(|| {
        let (d, pairs) = pairs_there(v)?;
        Ok(each(Some(d.basis), pairs.into_iter().map(|p| (p.clone(), p)), NO_PAIR, |pair| {
            pair_redeployed(v, &d, &pair)
        }))
    })
}

fn pair_redeployed(v: &View<'_>, d: &Kafka<'_>, pair: &PairThere) -> Known<Finding> {
    let PairThere { group, topic, old } = pair;
    let at = |ps: Vec<i32>| Subject::Pair(d.side, group.clone(), topic.clone(), ps);
    if let Some(w) = v.facts.confirmed("redeployed", std::slice::from_ref(group)) {
        return Ok(Finding::yes(Code::Confirmed, at(vec![])).detail(format!("{}: {}", w.author, w.reason)));
    }
    let t = d.topic(topic)?;
    let exit = format!("cutover-agent confirm redeployed {group} --reason …  # if it reads there and never shows it");
    let Some(g) = d.group(group) else { return Ok(Finding::no(Code::NotAttached, at(vec![])).fix(exit)) };
    let members = g.members.as_ref().map_err(|f| gap(f, at(vec![])))?;
    let joined = members.iter().any(|m| m.topics.as_ref().is_ok_and(|t| t.contains(topic)));
    if !joined && !v.facts.only_commits(&old.0) {
        return Ok(Finding::no(Code::NotAttached, at(vec![])).seen(Qty::Count(0, "members")).fix(exit));
    }
    for p in t.partitions.keys() {
        if joined && never_commits(v, d, pair, *p) {
            continue;
        }
        if let Some(f) = partition_redeployed(v, d, pair, *p, joined)? {
            // Who committed on the source shows here as well how far it is: it only has to be waited for. Unless what it is
            // to reach is not there any more, which is the one thing said beside how far it is.
            let source = v.facts.clusters.get(&Side::Source);
            let comes = f.code == Code::CatchingUp && f.detail.is_none();
            let shows = comes && source.is_some_and(|id| v.facts.ever_committed(id, &old.0));
            return Ok(if shows { f } else { f.fix(exit) });
        }
    }
    Ok(Finding::yes(Code::Ok, at(vec![])))
}

/// Taken off the list on the source with no commit at all: nothing it does here can be asked of its commits either.
fn never_commits(v: &View<'_>, d: &Kafka<'_>, pair: &PairThere, p: i32) -> bool {
    let (group, topic) = &pair.old;
    let accepted = |k: &LogKey| v.facts.accepted.get(&(group.clone(), k.clone())).is_some_and(|(c, _)| c.is_none());
    let keys = || v.facts.accepted.keys().filter(|(g, k)| g == group && k.topic == *topic).map(|(_, k)| k);
    // Its other partitions may have been empty on the source.
    let never = keys().all(|k| !v.facts.ever_committed(&k.cluster, group));
    keys().any(|k| k.cluster != d.sample.cluster_id && accepted(k) && (k.partition == p || never))
}

/// What a partition of a pair still waits for, if anything.
fn partition_redeployed(v: &View<'_>, d: &Kafka<'_>, pair: &PairThere, p: i32, joined: bool) -> Known<Option<Finding>> {
    let PairThere { group, topic, .. } = pair;
    let at = || Subject::Pair(d.side, group.clone(), topic.clone(), vec![p]);
    let (committed, ends, key) = position(v, d, group, topic, p)?;
    let c = committed.unwrap_or(-1);
    let want = |f: Finding| match demand(d, &key, c, ends) {
        Some(w) => f.want(w),
        None => f,
    };
    let Some(then) = v.facts.attached.get(&(group.clone(), key.clone())) else {
        if joined {
            return Err(Gap::new(Code::NoAnchor, at()).detail("where it attached is not recorded yet"));
        }
        // Its readers use `assign()`: they are seen only where its committed offset moves (see `arrivals`). Where nothing lies
        // that they could read, it has to have been seen to move somewhere else.
        let nothing_to_read =
            ends.is_empty() || c == ends.high || v.facts.phantoms.contains(&(key.clone(), c, ends.high));
        let elsewhere = || v.facts.attached.keys().any(|(g, k)| g == group && k.cluster == d.sample.cluster_id);
        return Ok((!nothing_to_read || !elsewhere()).then(|| {
            let f = Finding::no(Code::NotAttached, at()).seen(Qty::Count(0, "members"));
            match nothing_to_read {
                true => f.detail("it reads without joining, and there is nothing whose reading could show it"),
                false => want(f).detail("it reads without joining, and its committed offset has not moved there"),
            }
        }));
    };
    let reached = c >= then.end || ends.is_empty() || v.facts.phantom(&key, c, then.end);
    Ok((!reached).then(|| {
        let f = want(Finding::no(Code::CatchingUp, at()))
            .seen(committed.map_or(Qty::Words("no committed offset".into()), |c| Qty::Count(c, "committed")))
            .limit(Qty::Count(then.end, "end when it attached"));
        match ends.high < then.end {
            true => f.detail(format!("its log was cut back since (an unclean election) and ends at {}", ends.high)),
            false => f,
        }
    }))
}

/// The reading that could prove that what is left holds no record.
fn demand(d: &Kafka<'_>, key: &LogKey, c: i64, ends: Ends) -> Option<Demand> {
    (c >= ends.low && c < ends.high && !ends.has_open_transaction()).then(|| Demand::Tail {
        side: d.side,
        topic: key.topic.clone(),
        topic_id: key.id,
        partition: key.partition,
        from: c,
        to: ends.high,
    })
}

pub(super) fn nothing_skipped(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let (d, pairs) = pairs_there(v)?;
        // Adoption passes over `seeded`, and so does a start long after the go: then every pair has to show that it skipped
        // nothing.
        let life = v.facts.life("start-consumers");
        let adopted = matches!(life.begun, Some((_, How::Adopted { .. }))) || life.long_after_go;
        // So has one whose seeded offsets were lost under it: it began wherever `auto.offset.reset` sent it.
        let moved = |topic: &Name| {
            let mut late = v.facts.starts.iter().filter(|(_, a)| a.late);
            late.any(|(k, _)| k.topic == *topic && k.cluster == d.sample.cluster_id)
        };
        // Or whose committed offset was gone for a while.
        let lost = |p: &PairThere| {
            let mut gone = v.facts.commits_gone.iter();
            gone.any(|(g, k)| *g == p.group && k.topic == p.topic && k.cluster == d.sample.cluster_id)
        };
        // And one that reads a partition which came when it was started already.
        let grown = |topic: &Name| {
            let t = d.sample.topics.get(topic);
            t.is_some_and(|t| t.partitions.keys().any(|p| !v.facts.starts.contains_key(&d.key(topic, t, *p))))
        };
        let unseeded: Vec<_> = pairs
            .into_iter()
            .filter(|p| {
                adopted || settings.unseeded.contains_key(&p.old.0) || moved(&p.topic) || grown(&p.topic) || lost(p)
            })
            .map(|p| (p.clone(), p))
            .collect();
        if unseeded.is_empty() {
            return Ok(Reading::of(Finding::yes(Code::Ok, Subject::Whole), Some(d.basis)));
        }
        Ok(each(Some(d.basis), unseeded, NO_PAIR, |PairThere { group, topic, .. }| {
            let t = d.topic(&topic)?;
            if let Some(w) = v.facts.confirmed("nothing-skipped", &[group.clone(), topic.clone()]) {
                let at = Subject::Pair(d.side, group, topic, vec![]);
                return Ok(Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)));
            }
            let mut unproven = Vec::new();
            for (p, part) in &t.partitions {
                let key = d.key(&topic, t, *p);
                let start = start_of(v, &key)?;
                // That nothing lay there when it attached shows nothing once something does: without a committed offset it
                // begins anew whenever it comes back, and between two samples nobody sees it go.
                let nothing_there = part.ends.as_ref().is_ok_and(|e| e.high <= start);
                if !nothing_there && !v.facts.read_from_start.contains(&(group.clone(), key)) {
                    unproven.push(*p);
                }
            }
            let fix = format!("cutover-agent confirm nothing-skipped {group} {topic} --reason …");
            let at = Subject::Pair(d.side, group, topic, unproven.clone());
            Ok(if unproven.is_empty() {
                Finding::yes(Code::Ok, at)
            } else {
                Finding::unknown(Code::Skipped, at).fix(fix)
            })
        }))
    })
}
