//! Has everything on the source been read?

use super::shared::{NO_PAIR, as_first_seen, body};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::{Ends, PartitionSample};
use crate::facts::LogKey;
use crate::reading::{Code, Demand, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each};
use crate::time::Dur;
use crate::view::{Kafka, View, gap};

/// The committed offset and the log ends of a partition of a pair, the ends asked for after the commits came back.
pub(crate) fn position<'a>(
    v: &View<'a>,
    k: &Kafka<'a>,
    group: &Name,
    topic: &Name,
    p: i32,
) -> Known<(Option<i64>, Ends, LogKey)> {
    let at = || Subject::Pair(k.side, group.clone(), topic.clone(), vec![p]);
    let t = k.topic(topic)?;
    let part = t.partitions.get(&p).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
    let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
    if !k.ordered() {
        return Err(Gap::new(Code::Order, at()).detail("the log ends were not asked for after the commits came back"));
    }
    if k.group(group).is_none() && k.sample.lists_every_group() && !v.facts.ever_committed(&k.sample.cluster_id, group)
    {
        // The broker forgets a group without members and commits at once: there is nothing it could have lost.
        return Ok((None, *ends, k.key(topic, t, p)));
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
pub(super) fn still(s: &Kafka<'_>, topic: &Name) -> Known<Finding> {
    let t = s.topic(topic)?;
    for (p, part) in &t.partitions {
        let at = || Subject::Partitions(Side::Source, topic.clone(), vec![*p]);
        part.ends.as_ref().map_err(|f| gap(f, at()))?;
        s.moves(topic, *p, part)?;
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
    as_first_seen(v, s, topic, t)?;
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

pub(super) fn join(mut a: Finding, b: Finding) -> Finding {
    if let (Subject::Pair(_, _, _, ps), Subject::Pair(_, _, _, more)) = (&mut a.at, b.at) {
        ps.extend(more);
    }
    a
}

fn partition_drained(v: &View<'_>, s: &Kafka<'_>, group: &Name, topic: &Name, p: i32) -> Known<Finding> {
    let (committed, ends, key) = position(v, s, group, topic, p)?;
    let at = Subject::Pair(s.side, group.clone(), topic.clone(), vec![p]);
    if s.topic(topic)?.partitions.get(&p).is_some_and(PartitionSample::has_open_transaction) {
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
        Finding::unknown(Code::Recreated, at).seen(Qty::Count(c, "")).limit(Qty::Count(ends.high, "")).fix(format!(
            "cutover-agent accept-offset {group} {topic} {p} --reason …  # if an unclean election took back what it read"
        ))
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
    if members == 0 && stood >= WINDOW {
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
    if watched >= LONG {
        let since = series.iter().rev().take_while(|p| p.lag <= new.lag).last().map_or(new.at, |p| p.at);
        return Finding { code: Code::Stuck, ..f }.detail(format!("not falling for {}", new.at - since));
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
