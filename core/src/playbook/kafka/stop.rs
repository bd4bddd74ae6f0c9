//! Is nobody there any more, and does the source stay as it was left?

use super::clusters::{hidden_there, visible};
use super::shared::{NO_PAIR, attached, body};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::{GroupKind, TopicSample};
use crate::facts::{Anchor, Fact, How, LogKey, Word};
use crate::reading::{Code, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::time::Dur;
use crate::view::{Kafka, View, gap};

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
        let silent = each(Some(s.basis), groups.iter().map(|g| (*g, *g)), NO_PAIR, |g| detached(v, &s, g, stopped));
        let seen = v.facts.members(&s.sample.cluster_id).any(|((g, _), _)| groups.contains(&g));
        let adopted = matches!(v.facts.step("stop-consumers").begun, Some((_, How::Adopted { .. })));
        let word = v.facts.confirmed("scaled-to-zero", &["kafka".into()]);
        let witness = match (seen, word) {
            (true, _) => Finding::yes(Code::Ok, Subject::Whole),
            (false, Some(w)) => {
                Finding::yes(Code::Confirmed, Subject::Whole).detail(format!("{}: {}", w.author, w.reason))
            }
            // Who adopts the step says that they were there.
            (false, None) if adopted => Finding::yes(Code::Confirmed, Subject::Whole).detail("the step was adopted"),
            (false, None) => Finding::unknown(Code::NeverSeen, Subject::Whole)
                .detail("no member of a group in scope was ever seen there, so their absence proves nothing")
                .fix("cutover-agent confirm scaled-to-zero kafka --reason …"),
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
fn detached(v: &View<'_>, s: &Kafka<'_>, group: &Name, stopped: bool) -> Known<Finding> {
    let at = || Subject::Group(Side::Source, group.clone());
    let Some(g) = s.group(group) else {
        // Its offsets expired, or somebody deleted it: proof of absence only once it was proven gone; or it never
        // committed, and the broker forgot it with its last member.
        let forgotten = s.sample.lists_every_group() && !v.facts.ever_committed(&s.sample.cluster_id, group);
        return if stopped || forgotten {
            Ok(Finding::yes(Code::Ok, at()))
        } else {
            Err(Gap::new(Code::Vanished, at()))
        };
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
        match s.memory.commit(group, tp).filter(|m| m.unmoved_for() == Dur::ZERO) {
            Some(m) if m.moved => {
                return Ok(Finding::no(Code::Advancing, here()).detail("its committed offset moved: somebody reads it"));
            }
            // One that is there since this sample: whoever commits what was never committed reads as well.
            Some(_) if s.memory.earlier(1).is_some() => {
                return Ok(Finding::no(Code::Dwelling, here())
                    .detail("its committed offset was read only once: somebody may just have committed it"));
            }
            _ => {}
        }
    }
    Ok(Finding::yes(Code::Ok, at()))
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
        let (id, settings) = (&s.sample.cluster_id, v.kafka_settings()?);
        let ours = |k: &LogKey| k.cluster == *id && settings.in_scope(&k.topic);
        let anchors: Vec<_> = v.facts.source_ends.iter().filter(|(k, _)| ours(k)).collect();
        let known = IfEmpty::Unknown("end offsets anchored when the consumers were stopped");
        let kept = each(Some(s.basis), anchors.iter().map(|a| (a.0, *a)), known, |(key, anchor)| {
            let at = || Subject::Partitions(Side::Source, key.topic.clone(), vec![key.partition]);
            let t = match s.topic(&key.topic) {
                Err(_) if !s.sample.topics.contains_key(&key.topic) => return gone(v, &s, at(), key, anchor),
                t => t?,
            };
            if t.id != key.id {
                return Ok(recreated(v, &s, at(), key, anchor, t));
            }
            let part = t.partitions.get(&key.partition).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
            let ends = part.ends.as_ref().map_err(|f| gap(f, at()))?;
            s.moves(&key.topic, key.partition, part)?;
            if part.has_open_transaction() {
                // Nobody can have carried over what is not decided yet.
                let held = Qty::Count(ends.high - ends.stable, "records held back");
                return Ok(Finding::no(Code::OpenTransaction, at()).seen(held));
            }
            Ok(if ends.high == anchor.offset { held(at(), anchor) } else { moved(at(), key, anchor.offset, ends.high) })
        });
        // What was not there then, or not to be read, must be empty, and be read.
        let mut fresh = Vec::new();
        for (name, t) in s.sample.topics.iter().filter(|_| !anchors.is_empty()) {
            if let Some(f) = t.failed.as_ref().filter(|_| !anchors.iter().any(|(k, _)| k.topic == *name)) {
                fresh.push(Finding::from(gap(f, Subject::Topic(Side::Source, name.clone()))));
            }
            for (p, part) in &t.partitions {
                let key = s.key(name, t, *p);
                let at = || Subject::Partitions(Side::Source, name.clone(), vec![*p]);
                match &part.ends {
                    _ if v.facts.source_ends.contains_key(&key) => {}
                    Ok(ends) if ends.high > 0 => fresh.push(moved(at(), &key, 0, ends.high)),
                    Ok(_) => {}
                    Err(f) => fresh.push(gap(f, at()).into()),
                }
            }
        }
        Ok(kept.and(none_of(Some(s.basis), fresh)))
    })
}

/// What begins the basis of the word by which a person says of a partition whose topic is not listed any more that nothing of
/// it is missing; the ids of the logs follow, so that one that was given of another log, or while it was there, does not do.
pub(crate) const VANISHED_WORD: &str = "gone";

/// What a person has to have read or carried over of a log that is gone: up to its anchor, or as far as it was seen since.
pub(crate) fn end_of_gone(v: &View<'_>, key: &LogKey, anchor: &Anchor) -> i64 {
    v.facts.source_moved.get(key).map_or(anchor.offset, |moved| anchor.offset.max(*moved))
}

/// The word that settles a log whose topic is not listed any more.
pub(super) fn word_of_gone<'a>(v: &View<'a>, key: &LogKey, anchor: &Anchor) -> Option<&'a Word> {
    let (p, offset) = (key.partition.to_string(), end_of_gone(v, key, anchor).to_string());
    let subject: [Name; 3] = [key.topic.clone(), p.as_str().into(), offset.as_str().into()];
    v.facts.confirmed("reconciled", &subject).filter(|w| ids_of_gone(w).any(|id| id == key.id.to_string()))
}

/// The ids of the logs that a word is about which are gone; none where it is about one that is there.
pub(crate) fn ids_of_gone(w: &Word) -> impl Iterator<Item = &str> {
    w.basis.as_deref().and_then(|b| b.strip_prefix(VANISHED_WORD)).unwrap_or_default().split_whitespace()
}

/// The logs of a partition that were anchored and are not listed now, and how far each was seen.
pub(crate) fn gone_of<'a>(v: &View<'a>, s: &Kafka<'a>, topic: &Name, partition: &str) -> Vec<(&'a LogKey, i64)> {
    let listed = s.sample.topics.get(topic).map(|t| t.id);
    let gone = v.facts.source_ends.iter().filter(|(k, _)| {
        k.cluster == s.sample.cluster_id
            && k.topic == *topic
            && Some(k.id) != listed
            && k.partition.to_string() == partition
    });
    gone.map(|(k, a)| (k, end_of_gone(v, k, a))).collect()
}

/// The words that settle every partition of a topic that is gone, as far as each was seen.
fn words_of_gone(v: &View<'_>, s: &Kafka<'_>, of: &LogKey) -> String {
    let anchors = v.facts.source_ends.iter().filter(|(k, _)| k.cluster == s.sample.cluster_id && k.id == of.id);
    let anchors = anchors.filter(|(k, a)| k.topic == of.topic && word_of_gone(v, k, a).is_none());
    let words = anchors.map(|(k, a)| {
        format!("cutover-agent confirm reconciled {} {} {} --reason …", k.topic, k.partition, end_of_gone(v, k, a))
    });
    words.collect::<Vec<_>>().join(" && ")
}

/// A topic that was deleted, or that the agent may not see any more.
fn gone(v: &View<'_>, s: &Kafka<'_>, at: Subject, key: &LogKey, anchor: &Anchor) -> Known<Finding> {
    // Brokers say that it is there: then no word is about a topic that was deleted.
    if let Some(f) = hidden_there(v, s, &key.topic) {
        return Ok(f);
    }
    if let Some(w) = word_of_gone(v, key, anchor) {
        return Ok(Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)));
    }
    let end = end_of_gone(v, key, anchor);
    let missing = "it is not in the cluster's list of topics";
    let missing = match end > anchor.offset {
        true => format!("{missing}; it was seen to end at {end}, {} when the consumers were stopped", anchor.offset),
        false => missing.to_owned(),
    };
    Err(Gap::new(Code::Vanished, at).detail(missing).fix(format!(
        "let the agent see it; or, if it was deleted and all that it ever held was read or carried over: {}",
        words_of_gone(v, s, key)
    )))
}

/// A topic that was deleted and made again: the log that was anchored is gone. That is settled where a person has spoken for
/// what came to the old log after the stop, if anything was seen to, and for every partition of the new one, or that was there
/// when the consumers were stopped.
fn recreated(v: &View<'_>, s: &Kafka<'_>, at: Subject, key: &LogKey, anchor: &Anchor, t: &TopicSample) -> Finding {
    let end = end_of_gone(v, key, anchor);
    let lost = end > anchor.offset && word_of_gone(v, key, anchor).is_none();
    let of = |p: &i32| v.facts.source_ends.get(&s.key(&key.topic, t, *p)).filter(|a| !a.late);
    let open: Vec<&i32> = t.partitions.keys().filter(|p| of(p).is_none()).collect();
    if !lost && open.is_empty() {
        return Finding::yes(Code::Confirmed, at).detail("it was recreated, and its new log is anchored");
    }
    let old = if lost { words_of_gone(v, s, key) } else { String::new() };
    let new = open.into_iter().map(|p| {
        let end = t.partitions.get(p).and_then(|part| part.ends.as_ref().ok()).map(|e| e.high);
        let end = end.map_or("<where it ends>".to_owned(), |e| e.to_string());
        format!("cutover-agent confirm reconciled {} {p} {end} --reason …", key.topic)
    });
    let words = Some(old).filter(|w| !w.is_empty()).into_iter().chain(new).collect::<Vec<_>>().join(" && ");
    let f = Finding::no(Code::Recreated, at)
        .fix(format!("find out who deleted it, carry over what was not read, then: {words}"));
    match lost {
        true => f.detail(format!(
            "the log that is gone was seen to end at {end}, {} when the consumers were stopped",
            anchor.offset
        )),
        false => f,
    }
}

/// At its anchor; one that was not measured in time says so.
pub(super) fn held(at: Subject, anchor: &Anchor) -> Finding {
    match &anchor.adopted {
        None => Finding::yes(Code::Ok, at),
        Some(who) => Finding::yes(Code::Confirmed, at).detail(format!("its anchor was adopted by {who}")),
    }
}

pub(super) fn moved(at: Subject, key: &LogKey, from: i64, to: i64) -> Finding {
    Finding::no(Code::Moved, at)
        .seen(Qty::Count(to, "end offset"))
        .limit(Qty::Count(from, "when the consumers were stopped"))
        .fix(format!(
            "carry the records over, then: cutover-agent confirm reconciled {} {} {to} --reason …",
            key.topic, key.partition
        ))
}
