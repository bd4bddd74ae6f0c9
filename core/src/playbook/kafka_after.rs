//! Checks of the Kafka track from the drain on: pairs, members, anchors, expiry.

use super::kafka_before::{attached, body, config, sighted, there, visible};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::{Ends, GroupKind};
use crate::facts::{Fact, LogKey};
use crate::reading::{Basis, Code, Demand, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::time::{Dur, Mono};
use crate::view::{Kafka, View, gap};

const NO_PAIR: IfEmpty = IfEmpty::Unknown("groups that read topics in scope on the source");

/// The committed offset and the log ends of a partition of a pair, the ends asked for after the commits came back.
pub(crate) fn position<'a>(k: &Kafka<'a>, group: &Name, topic: &Name, p: i32) -> Known<(Option<i64>, Ends, LogKey)> {
    let at = || Subject::Pair(k.side, group.clone(), topic.clone(), vec![p]);
    let t = k.topic(topic)?;
    let part = t.partitions.get(&p).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
    let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
    let ordered = k.sample.committed.zip(k.sample.ended).is_some_and(|(c, e)| e.sent >= c.received);
    if !ordered {
        return Err(Gap::new(Code::Order, at()).detail("the log ends were not asked for after the commits came back"));
    }
    let g = k.group(group).ok_or_else(|| {
        Gap::new(Code::Vanished, at())
            .detail("the group was seen before and is not in the cluster's list now")
            .fix(format!("kafka: {{ ignored: {{ \"{group}\": \"<why>\" }} }}"))
    })?;
    let commits = g.commits.as_ref().map_err(|f| gap(f, at()))?;
    let committed = match commits.get(&(topic.clone(), p)) {
        None => None,
        Some(Ok(c)) => Some(*c),
        Some(Err(f)) => return Err(gap(f, at())),
    };
    Ok((committed, *ends, k.key(topic, t, p)))
}

pub(super) fn drained(v: &View<'_>) -> Reading {
    body(|| {
        let s = v.kafka(Side::Source)?;
        let pairs = v.pairs(&s);
        let done = each(Some(s.basis), pairs.into_iter().map(|p| (p, p)), NO_PAIR, |(group, topic)| {
            pair_drained(v, &s, group, topic)
        });
        let still = each(
            Some(s.basis),
            v.topics(&s).into_iter().map(|t| (t, t)),
            IfEmpty::Unknown("topics in scope on the source"),
            |topic| still(&s, topic),
        );
        Ok(done.and(still))
    })
}

/// No end offset of a topic moved since the sample before.
fn still(s: &Kafka<'_>, topic: &Name) -> Known<Finding> {
    let t = s.topic(topic)?;
    for (p, part) in &t.partitions {
        let at = || Subject::Partitions(Side::Source, topic.clone(), vec![*p]);
        part.ends.as_ref().map_err(|f| gap(f, at()))?;
        let m = s.memory.ends().get(&(topic.clone(), *p)).ok_or_else(|| Gap::new(Code::Partial, at()))?;
        if m.unmoved_for() == Dur::ZERO {
            let grows = m.grew == Some(m.last);
            return Ok(Finding::no(if grows { Code::StillWritten } else { Code::Dwelling }, at())
                .detail("its end offset moved between the last two samples, or was read only once"));
        }
    }
    Ok(Finding::yes(Code::Ok, Subject::Topic(Side::Source, topic.clone())))
}

/// One pair over all partitions the topic has now: the worst of them, with the partitions that share it.
fn pair_drained(v: &View<'_>, s: &Kafka<'_>, group: &Name, topic: &Name) -> Known<Finding> {
    let t = s.topic(topic)?;
    let seen = v.facts.topics.get(&(s.sample.cluster_id.clone(), topic.clone()));
    if seen.is_some_and(|id| *id != t.id) {
        return Err(Gap::new(Code::Recreated, Subject::Topic(Side::Source, topic.clone())));
    }
    let mut worst: Option<Finding> = None;
    let mut behind = 0i64;
    for p in t.partitions.keys() {
        let f = partition_drained(v, s, group, topic, *p).unwrap_or_else(Finding::from);
        if f.code == Code::Draining
            && let Some(Qty::Count(n, _)) = f.observed
        {
            behind += n;
        }
        worst = Some(match worst.take() {
            None => f,
            Some(w) if w.is == f.is && w.code == f.code => join(w, f),
            Some(w) if rank(&w) <= rank(&f) => w,
            Some(_) => f,
        });
    }
    let f = worst.ok_or_else(|| Gap::new(Code::Partial, Subject::Topic(Side::Source, topic.clone())))?;
    Ok(if f.code == Code::Draining { trend(s, group, topic, behind, f) } else { f })
}

fn rank(f: &Finding) -> u8 {
    use crate::reading::Tri;
    match (f.is, f.code) {
        (Tri::No, Code::Draining) => 1,
        (Tri::No, _) => 0,
        (Tri::Unknown, _) => 2,
        (Tri::Yes, Code::Ok) => 4,
        (Tri::Yes, _) => 3,
    }
}

fn join(mut a: Finding, b: Finding) -> Finding {
    if let (Subject::Pair(_, _, _, ps), Subject::Pair(_, _, _, more)) = (&mut a.at, b.at) {
        ps.extend(more);
    }
    a
}

fn partition_drained(v: &View<'_>, s: &Kafka<'_>, group: &Name, topic: &Name, p: i32) -> Known<Finding> {
    let (committed, ends, key) = position(s, group, topic, p)?;
    let at = Subject::Pair(s.side, group.clone(), topic.clone(), vec![p]);
    if ends.has_open_transaction() {
        return Ok(
            Finding::no(Code::OpenTransaction, at).seen(Qty::Count(ends.high - ends.stable, "records held back"))
        );
    }
    if v.facts.accepted.get(&(group.clone(), key.clone())) == Some(&(committed, ends.high)) {
        return Ok(Finding::yes(Code::Accepted, at));
    }
    let Some(c) = committed else {
        return Ok(if ends.is_empty() {
            Finding::yes(Code::Ok, at)
        } else {
            Finding::unknown(Code::NeverCommitted, at).seen(Qty::Count(ends.high - ends.low, "records")).fix(format!(
                "cutover-agent accept-offset {group} {topic} {p} --reason …  # if it is never to commit there"
            ))
        });
    };
    Ok(if c > ends.high {
        Finding::unknown(Code::Recreated, at).seen(Qty::Count(c, "")).limit(Qty::Count(ends.high, ""))
    } else if c < ends.low {
        Finding::no(Code::Lost, at).seen(Qty::Count(ends.low - c, "records"))
    } else if c == ends.high {
        Finding::yes(Code::Ok, at)
    } else if v.facts.phantoms.contains(&(key.clone(), c, ends.high)) {
        Finding::yes(Code::Phantom, at).seen(Qty::Count(ends.high - c, "markers or aborted records"))
    } else {
        let want =
            Demand::Tail { side: s.side, topic: topic.clone(), topic_id: key.id, partition: p, from: c, to: ends.high };
        Finding::no(Code::Draining, at).seen(Qty::Count(ends.high - c, "records behind")).want(want)
    })
}

/// How a lag moves: falling, with the time to zero; standing with members; standing with nobody there.
fn trend(s: &Kafka<'_>, group: &Name, topic: &Name, behind: i64, f: Finding) -> Finding {
    const WINDOW: Dur = Dur::secs(60);
    const LONG: Dur = Dur::mins(5);
    let f = f.seen(Qty::Count(behind, "records behind"));
    let members = s.group(group).and_then(|g| g.members.as_ref().ok()).map_or(0, Vec::len);
    let Some(series) = s.memory.lags(group, topic) else { return f };
    let Some(new) = series.back() else { return f };
    let watched = series.front().map_or(Dur::ZERO, |p| new.at - p.at);
    let stood = series.iter().rev().take_while(|p| p.lag == new.lag).last().map_or(Dur::ZERO, |p| new.at - p.at);
    if members == 0 && stood >= WINDOW.min(LONG) {
        let fix = format!("kafka: {{ ignored: {{ \"{group}\": \"<why>\" }} }}  # or start it again and let it drain");
        return Finding { code: Code::Abandoned, ..f }
            .detail("no member, and nothing committed while watched")
            .fix(fix);
    }
    let Some(old) = series.iter().rev().find(|p| new.at - p.at >= WINDOW).or(series.front()) else { return f };
    let (over, fell) = ((new.at - old.at).0, old.lag - new.lag);
    if fell > 0 && over > 0 {
        let eta = Dur(new.lag.saturating_mul(over) / fell);
        let rate = fell.saturating_mul(1000) / over;
        return f.detail(format!("falling {rate}/s, zero in about {eta}")).wait(eta);
    }
    if watched >= LONG && fell <= 0 {
        return Finding { code: Code::Stuck, ..f }.detail(format!("not falling for {}", Dur(over)));
    }
    f
}

pub(super) fn every_topic_read(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let s = v.kafka(Side::Source)?;
        let pairs = v.pairs(&s);
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(s.basis), topics, IfEmpty::Unknown("topics in scope on the source"), |topic| {
            let at = || Subject::Topic(Side::Source, topic.clone());
            let mut records = 0;
            for part in s.topic(topic)?.partitions.values() {
                let e = part.ends.as_ref().map_err(|f| gap(f, at()))?;
                records += e.high - e.low;
            }
            Ok(if records == 0 || pairs.iter().any(|(_, t)| *t == topic) {
                Finding::yes(Code::Ok, at())
            } else if let Some(why) = settings.unread.get(topic) {
                Finding::yes(Code::Relaxed, at()).detail(why.clone())
            } else {
                Finding::unknown(Code::NotRead, at())
                    .seen(Qty::Count(records, "records"))
                    .fix(format!("kafka: {{ unread: {{ \"{topic}\": \"<why nobody reads it>\" }} }}"))
            })
        }))
    })
}

/// With `confirm source-kafka-fenced` a source that does not answer is taken to be as it was; one that answers speaks
/// for itself.
fn or_fenced(v: &View<'_>, f: impl FnOnce(Kafka<'_>) -> Known<Reading>) -> Reading {
    match (v.kafka(Side::Source), v.facts.confirmed("source-kafka-fenced", &[])) {
        (Err(_), Some(w)) => Reading::of(
            Finding::yes(Code::Confirmed, Subject::Side(Side::Source)).detail(format!("{}: {}", w.author, w.reason)),
            None,
        ),
        (Ok(k), _) => body(|| f(k)),
        (Err(g), None) => Reading::unknown(g.fix("cutover-agent confirm source-kafka-fenced --reason …")),
    }
}

pub(super) fn nobody_attached(v: &View<'_>) -> Reading {
    or_fenced(v, |s| {
        let settings = v.kafka_settings()?;
        let stopped = v.facts.is_done("stop-consumers");
        let members: Vec<Finding> = attached(&s)
            .into_iter()
            .filter(|f| !matches!(&f.at, Subject::Group(_, g) if settings.ignored.contains_key(g)))
            .filter(|f| f.code == Code::Attached || !commits_only(&s, &f.at))
            .collect();
        let mut groups: Vec<&Name> = v.pairs(&s).into_iter().map(|(g, _)| g).collect();
        groups.dedup();
        let silent = each(Some(s.basis), groups.iter().map(|g| (*g, *g)), NO_PAIR, |g| detached(&s, g, stopped));
        let witness = match v.facts.members(&s.sample.cluster_id).any(|((g, _), _)| groups.contains(&g)) {
            true => Finding::yes(Code::Ok, Subject::Whole),
            false => Finding::unknown(Code::NeverSeen, Subject::Whole)
                .detail("no member of a group in scope was ever seen there, so their absence proves nothing"),
        };
        let listed = visible(v, Side::Source);
        Ok(listed.and(none_of(Some(s.basis), members)).and(silent).and(Reading::of(witness, Some(s.basis))))
    })
}

/// Classic groups of another protocol type (Connect, registries) count by their commits only.
fn commits_only(k: &Kafka<'_>, at: &Subject) -> bool {
    let Subject::Group(_, g) = at else { return false };
    matches!(k.group(g).map(|g| &g.kind), Some(GroupKind::Classic { protocol_type })
        if !protocol_type.is_empty() && &**protocol_type != "consumer")
}

/// A group in scope has no member on a topic in scope, is Empty if it has none at all, and commits nothing.
fn detached(s: &Kafka<'_>, group: &Name, stopped: bool) -> Known<Finding> {
    let at = || Subject::Group(Side::Source, group.clone());
    let Some(g) = s.group(group) else {
        // Its offsets expired, or somebody deleted it: proof of absence only once it was proven gone.
        return if stopped { Ok(Finding::yes(Code::Ok, at())) } else { Err(Gap::new(Code::Vanished, at())) };
    };
    if !commits_only(s, &at()) {
        let members = g.members.as_ref().map_err(|f| gap(f, at()))?;
        if members.is_empty() && &*g.state != "Empty" {
            return Ok(Finding::unknown(Code::NotEmptyGroup, at()).detail(g.state.clone()));
        }
    }
    let commits = g.commits.as_ref().map_err(|f| gap(f, at()))?;
    for (tp, c) in commits {
        let here = || Subject::Pair(Side::Source, group.clone(), tp.0.clone(), vec![tp.1]);
        c.as_ref().map_err(|f| gap(f, here()))?;
        if s.memory.commit(group, tp).is_some_and(|m| m.moved && m.unmoved_for() == Dur::ZERO) {
            return Ok(Finding::no(Code::Advancing, here()).detail("its committed offset moved: somebody reads it"));
        }
    }
    Ok(Finding::yes(Code::Ok, at()))
}

/// A pair at the destination: group and topic there, and the group's name on the source.
type PairThere = (Name, Name, Name);

/// The destination's pairs: those of the source after renaming.
fn pairs_there<'a>(v: &View<'a>) -> Known<(Kafka<'a>, Vec<PairThere>)> {
    let settings = v.kafka_settings()?;
    let d = v.kafka(Side::Destination)?;
    // The source may be fenced by now; its pairs are facts of the cluster it was, whichever answered last.
    let sampled = || v.estate.kafka(Side::Source).and_then(|m| m.last()).map(|(_, k)| k.cluster_id.clone());
    let source = v.facts.clusters.get(&Side::Source).cloned().or_else(sampled);
    let known: Vec<&(Name, Name)> = match &source {
        Some(id) => v.facts.pairs(id).collect(),
        None => v.facts.pairs.iter().filter(|(c, _)| **c != d.sample.cluster_id).flat_map(|(_, p)| p).collect(),
    };
    let pairs = known
        .into_iter()
        .filter(|(g, t)| !settings.ignored.contains_key(g) && settings.in_scope(t))
        .map(|(g, t)| (settings.group_there(g), settings.topic_there(t), g.clone()))
        .collect();
    Ok((d, pairs))
}

fn start_of(v: &View<'_>, key: &LogKey) -> Known<i64> {
    v.facts.starts.get(key).map(|a| a.offset).ok_or_else(|| {
        let at = Subject::Partitions(Side::Destination, key.topic.clone(), vec![key.partition]);
        Gap::new(Code::NoAnchor, at).detail("it was never seen empty before the producers were switched")
    })
}

pub(super) fn seeded(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let (d, pairs) = pairs_there(v)?;
        let expires = d.memory.configs.as_ref().and_then(|(_, c)| c.offsets_retention_ms).map(Dur);
        Ok(each(Some(d.basis), pairs.into_iter().map(|p| (p.clone(), p)), NO_PAIR, |(group, topic, old)| {
            if let Some(why) = settings.unseeded.get(&old) {
                return Ok(Finding::yes(Code::Relaxed, Subject::Group(d.side, group)).detail(why.clone()));
            }
            let t = d.topic(&topic)?;
            let mut missing = Vec::new();
            let mut fixes = Vec::new();
            for p in t.partitions.keys() {
                let key = d.key(&topic, t, *p);
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

pub(super) fn destination_unattended(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.kafka(Side::Destination)?;
        Ok(visible(v, Side::Destination).and(none_of(Some(d.basis), attached(&d))))
    })
}

pub(super) fn destination_attended(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.kafka(Side::Destination)?;
        let found = attached(&d).into_iter().filter(|f| f.code == Code::Attached);
        Ok(sighted(Some(d.basis), found.map(|f| Finding { is: crate::reading::Tri::Yes, ..f })))
    })
}

pub(super) fn offset_assumptions(v: &View<'_>) -> Reading {
    match v.facts.confirmed("offsets-handled", &[]) {
        Some(w) => Reading::of(
            Finding::yes(Code::Confirmed, Subject::Whole).detail(format!("{}: {}", w.author, w.reason)),
            None,
        ),
        None => Reading::unknown(
            Gap::new(Code::NotBuilt, Subject::Whole)
                .detail("offsets stored in projections are not read by this version")
                .fix("cutover-agent confirm offsets-handled --reason …"),
        ),
    }
}

pub(super) fn destination_kept(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.kafka(Side::Destination)?;
        let starts: Vec<_> =
            v.facts.starts.iter().filter(|(k, _)| k.cluster == d.sample.cluster_id).map(|(k, a)| (k, (k, a))).collect();
        Ok(each(Some(d.basis), starts, IfEmpty::Unknown("recorded starts at the destination"), |(key, anchor)| {
            let at = || Subject::Partitions(Side::Destination, key.topic.clone(), vec![key.partition]);
            let t = d.topic(&key.topic)?;
            if t.id != key.id {
                return Ok(Finding::no(Code::Recreated, at()));
            }
            let part = t.partitions.get(&key.partition).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
            let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
            Ok(if ends.low == anchor.offset {
                held(at(), anchor)
            } else {
                Finding::no(Code::Trimmed, at())
                    .seen(Qty::Count(ends.low, "low watermark"))
                    .limit(Qty::Count(anchor.offset, "recorded start"))
            })
        }))
    })
}

/// Where the source ends now, as anchors.
pub(super) fn source_end_anchors(v: &View<'_>, adopted: Option<&str>) -> Vec<Fact> {
    let Ok(s) = v.kafka(Side::Source) else { return Vec::new() };
    let mut facts = Vec::new();
    for (name, t) in &s.sample.topics {
        for (p, part) in &t.partitions {
            if let Ok(e) = &part.ends {
                let key = s.key(name, t, *p);
                facts.push(Fact::SourceEnd { key, offset: e.high, adopted: adopted.map(Into::into) });
            }
        }
    }
    facts
}

pub(super) fn source_ends(v: &View<'_>) -> Reading {
    or_fenced(v, |s| {
        let id = &s.sample.cluster_id;
        let anchors: Vec<_> = v.facts.source_ends.iter().filter(|(k, _)| k.cluster == *id).collect();
        let known = IfEmpty::Unknown("end offsets anchored when the consumers were stopped");
        let kept = each(Some(s.basis), anchors.iter().map(|a| (a.0, *a)), known, |(key, anchor)| {
            let at = || Subject::Partitions(Side::Source, key.topic.clone(), vec![key.partition]);
            let t = s.topic(&key.topic)?;
            if t.id != key.id {
                return Ok(Finding::no(Code::Recreated, at()));
            }
            let part = t.partitions.get(&key.partition).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
            let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
            Ok(if ends.high == anchor.offset { held(at(), anchor) } else { moved(at(), key, anchor.offset, ends.high) })
        });
        let fresh = s.sample.topics.iter().flat_map(|(name, t)| {
            t.partitions.iter().filter_map(|(p, part)| {
                let key = s.key(name, t, *p);
                let ends = part.ends.as_ref().ok()?;
                (ends.high > 0 && !v.facts.source_ends.contains_key(&key)).then(|| {
                    let at = Subject::Partitions(Side::Source, name.clone(), vec![*p]);
                    moved(at, &key, 0, ends.high)
                })
            })
        });
        let fresh: Vec<Finding> = if anchors.is_empty() { Vec::new() } else { fresh.collect() };
        Ok(kept.and(none_of(Some(s.basis), fresh)))
    })
}

/// At its anchor; one that was not measured in time says so.
fn held(at: Subject, anchor: &crate::facts::Anchor) -> Finding {
    match &anchor.adopted {
        None => Finding::yes(Code::Ok, at),
        Some(who) => Finding::yes(Code::Confirmed, at).detail(format!("its anchor was adopted by {who}")),
    }
}

fn moved(at: Subject, key: &LogKey, from: i64, to: i64) -> Finding {
    Finding::no(Code::Moved, at)
        .seen(Qty::Count(to, "end offset"))
        .limit(Qty::Count(from, "when the consumers were stopped"))
        .fix(format!(
            "carry the records over, then: cutover-agent confirm reconciled {} {} {to} --reason …",
            key.topic, key.partition
        ))
}

pub(super) fn redeployed(v: &View<'_>) -> Reading {
    body(|| {
        let (d, pairs) = pairs_there(v)?;
        Ok(each(Some(d.basis), pairs.into_iter().map(|p| (p.clone(), p)), NO_PAIR, |(group, topic, _)| {
            let at = |ps: Vec<i32>| Subject::Pair(d.side, group.clone(), topic.clone(), ps);
            let t = d.topic(&topic)?;
            let Some(g) = d.group(&group) else { return Ok(Finding::no(Code::NotAttached, at(vec![]))) };
            let members = g.members.as_ref().map_err(|f| gap(f, at(vec![])))?;
            if !members.iter().any(|m| m.topics.as_ref().is_ok_and(|t| t.contains(&topic))) {
                return Ok(Finding::no(Code::NotAttached, at(vec![])).seen(Qty::Count(0, "members")));
            }
            for p in t.partitions.keys() {
                let (committed, ends, key) = position(&d, &group, &topic, *p)?;
                let Some(then) = v.facts.attached.get(&(group.clone(), key.clone())) else {
                    return Err(Gap::new(Code::NoAnchor, at(vec![*p])).detail("where it attached is not recorded yet"));
                };
                let c = committed.unwrap_or(-1);
                let reached =
                    c >= then.end || ends.is_empty() || v.facts.phantoms.contains(&(key.clone(), c, ends.high));
                if !reached {
                    let mut f = Finding::no(Code::CatchingUp, at(vec![*p]))
                        .seen(Qty::Count(c, "committed"))
                        .limit(Qty::Count(then.end, "end when it attached"));
                    if c >= ends.low && !ends.has_open_transaction() {
                        let (side, topic, topic_id) = (d.side, topic.clone(), key.id);
                        f = f.want(Demand::Tail { side, topic, topic_id, partition: *p, from: c, to: ends.high });
                    }
                    return Ok(f);
                }
            }
            Ok(Finding::yes(Code::Ok, at(vec![])))
        }))
    })
}

pub(super) fn nothing_skipped(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let (d, pairs) = pairs_there(v)?;
        let unseeded: Vec<_> = pairs
            .into_iter()
            .filter(|(_, _, old)| settings.unseeded.contains_key(old))
            .map(|p| (p.clone(), p))
            .collect();
        if unseeded.is_empty() {
            return Ok(Reading::of(Finding::yes(Code::Ok, Subject::Whole), Some(d.basis)));
        }
        Ok(each(Some(d.basis), unseeded, NO_PAIR, |(group, topic, _)| {
            let t = d.topic(&topic)?;
            if let Some(w) = v.facts.confirmed("nothing-skipped", &[group.clone(), topic.clone()]) {
                let at = Subject::Pair(d.side, group, topic, vec![]);
                return Ok(Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)));
            }
            let mut unproven = Vec::new();
            for p in t.partitions.keys() {
                let key = d.key(&topic, t, *p);
                let start = start_of(v, &key)?;
                let then = v.facts.attached.get(&(group.clone(), key.clone()));
                let nothing_there = then.is_some_and(|a| a.end == start);
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

pub(super) fn expired(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.kafka_settings()?;
        let s = v.kafka(Side::Source)?;
        let (basis, read, configs) = v.configs(&s)?;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(basis), topics, IfEmpty::Unknown("topics in scope on the source"), |topic| {
            let at = |p: i32| Subject::Partitions(Side::Source, topic.clone(), vec![p]);
            let t = s.topic(topic)?;
            if let Some(why) = settings.archived.get(topic) {
                return Ok(Finding::yes(Code::Relaxed, Subject::Topic(s.side, topic.clone())).detail(why.clone()));
            }
            for (p, part) in &t.partitions {
                let ends = part.ends.as_ref().map_err(|f| gap(f, at(*p)))?;
                if ends.is_empty() {
                    continue;
                }
                let c = config(configs, topic, s.side)?;
                if c.retention_ms < 0 || !c.cleanup_policy.split(',').any(|w| w == "delete") {
                    return Ok(Finding::no(Code::NeverExpires, at(*p))
                        .fix(format!("kafka: {{ archived: {{ \"{topic}\": \"<where it is kept>\" }} }}")));
                }
                let tp = (topic.clone(), *p);
                let since = s.memory.ends().get(&tp).and_then(|m| m.since);
                let newest = match configs.newest.get(&tp) {
                    // Read while the end stood where it stands now, or it may speak of an older record.
                    Some(Ok(Some(ts))) if since.is_some_and(|m: Mono| m <= read.sent) => *ts,
                    Some(Err(f)) => return Err(gap(f, at(*p))),
                    _ => {
                        return Ok(Finding::unknown(Code::Partial, at(*p))
                            .detail("the timestamp of its last record has not been read since it last grew")
                            .want(Demand::Configs(s.side)));
                    }
                };
                let due = newest.saturating_add(c.retention_ms);
                if v.now.wall.0 < due {
                    return Ok(Finding::no(Code::Unexpired, at(*p))
                        .seen(Qty::Count(ends.high - ends.low, "records"))
                        .limit(Qty::At(crate::time::Wall(due)))
                        .wait(Dur(due - v.now.wall.0)));
                }
            }
            Ok(Finding::yes(Code::Ok, Subject::Topic(s.side, topic.clone())))
        }))
    })
}

pub(super) fn topics_gone(v: &View<'_>) -> Reading {
    if let Some(w) = v.facts.confirmed("source-retired", &[]) {
        let f =
            Finding::yes(Code::Confirmed, Subject::Side(Side::Source)).detail(format!("{}: {}", w.author, w.reason));
        return Reading::of(f, None);
    }
    body(|| {
        let s = v.kafka(Side::Source)?;
        let basis: Option<Basis> = Some(s.basis);
        if !v.facts.source_ends.keys().any(|k| k.cluster == s.sample.cluster_id) {
            return Err(Gap::new(Code::NeverSeen, Subject::Side(Side::Source))
                .detail("no topic in scope was ever anchored there, so their absence proves nothing"));
        }
        let left = s.sample.topics.keys().map(|t| Finding::no(Code::StillThere, Subject::Topic(s.side, t.clone())));
        Ok(visible(v, Side::Source).and(none_of(basis, left)))
    })
}

/// What the destination's samples add to the facts once producers and consumers may be there.
pub(super) fn destination_facts(v: &View<'_>, out: &mut Vec<Fact>) {
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

fn grown(v: &View<'_>, d: &Kafka<'_>, name: &Name, t: &crate::estate::kafka::TopicSample, out: &mut Vec<Fact>) {
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
