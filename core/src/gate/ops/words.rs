//! Words of people that the gate believes as far as it can check them, and pairs taken off the list.

use super::{Refusal, list};
use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::Ts;
use crate::facts::Fact;
use crate::hint;
use crate::playbook::{self, Exit, Step};
use crate::reading::{Code, Finding, Gap};
use crate::render;
use crate::settings::Track;
use crate::view::View;

pub(super) fn confirm(
    v: &View<'_>,
    name: &Name,
    subject: &[Name],
    author: Name,
    reason: Name,
) -> Result<Vec<Fact>, Refusal> {
    let exits = playbook::exits();
    let exit: &Exit = exits.iter().find(|e| e.confirm == &**name).ok_or_else(|| {
        let mut known: Vec<&str> = exits.iter().map(|e| e.confirm).collect();
        known.sort_unstable();
        Refusal::NoSuch(hint::no_such("confirmation", name, &known))
    })?;
    if exit.about.len() != subject.len() {
        let wants: Vec<String> = exit.about.iter().map(|a| format!("<{a}>")).collect();
        return Err(Refusal::Bad(format!("confirm {name} takes {}: {}", wants.join(" "), exit.says)));
    }
    let mut facts = Vec::new();
    let mut basis = None;
    let none = |what: &str, given: &str, mut known: Vec<&str>| {
        known.sort_unstable();
        Refusal::NoSuch(hint::no_such(what, given, &known))
    };
    let kafka = v.settings.kafka.as_ref();
    for (what, given) in exit.about.iter().zip(subject) {
        match *what {
            "producer" => {
                let known: Vec<&str> = kafka.iter().flat_map(|k| k.producers.keys()).map(|n| &**n).collect();
                if !known.contains(&&**given) {
                    return Err(none("producer", given, known));
                }
                basis = Some(playbook::producer_basis(v, given).map_err(not_now)?);
            }
            "group" => {
                let pairs = v.facts.pairs.values().flatten();
                let known: std::collections::BTreeSet<Name> =
                    kafka.iter().flat_map(|k| pairs.clone().map(|(g, _)| k.group_there(g))).collect();
                if !known.contains(given) {
                    return Err(none("group", given, known.iter().map(|n| &**n).collect()));
                }
            }
            "requirement" => {
                let known: Vec<&str> = playbook::REQUIREMENTS.iter().map(|r| r.0).collect();
                if !known.contains(&&**given) {
                    return Err(none("requirement", given, known));
                }
            }
            "mirror" => {
                let known: Vec<&str> = v.settings.mongodb.iter().flat_map(|m| m.mirrors.keys()).map(|n| &**n).collect();
                if !known.contains(&&**given) {
                    return Err(none("mirror", given, known));
                }
            }
            "namespace" => {
                basis = Some(playbook::counts_basis(v, given).map_err(not_now)?);
            }
            "track" => {
                // Services have no such silence to shorten.
                let tracks = v.settings.tracks.iter().filter(|t| **t != Track::Services);
                let known: Vec<&str> = tracks.map(|t| t.as_str()).collect();
                if !known.contains(&&**given) {
                    return Err(none("track", given, known));
                }
            }
            _ => {}
        }
    }
    if exit.confirm == "source-kafka-fenced" && v.kafka(Side::Source).is_ok() {
        return Err(Refusal::NotNow(
            Code::Attached,
            "the source Kafka answers the agent: what it says counts, there is nothing to confirm".to_owned(),
        ));
    }
    if exit.confirm == "source-fenced" && v.mongodb(Side::Source).is_ok() {
        return Err(Refusal::NotNow(
            Code::Connected,
            "the source MongoDB answers the agent: what it says counts, there is nothing to confirm".to_owned(),
        ));
    }
    if exit.confirm == "scaled-to-zero" && subject.iter().any(|s| &**s == "mongodb") {
        playbook::nobody_writes(v).map_err(not_now)?;
    }
    let contradicted = match exit.confirm {
        "mirror-removed" => playbook::mirror_is_there(v, &subject[0]),
        "topics-listed" => playbook::hides_a_topic(v),
        _ => None,
    };
    if let Some(f) = contradicted {
        return Err(Refusal::NotNow(f.code, render::sentence(&f)));
    }
    // A word about an effect is said of a step that was taken.
    let of =
        [("traffic-moved", "redirect-traffic"), ("names-moved", "switch-dns"), ("writers-started", "start-writers")];
    if let Some((_, step)) = of.into_iter().find(|(word, step)| *word == exit.confirm && !v.facts.is_begun(step)) {
        return Err(Refusal::NotNow(
            Code::NotBegun,
            format!("{step} is not begun: there is no effect of it to confirm yet"),
        ));
    }
    match exit.confirm {
        "reconciled-writes" => facts.push(reconciled_writes(v, subject, &author)?),
        "reconciled" => {
            let (fact, gone) = reconciled_any(v, subject, &author)?;
            facts.extend(fact);
            basis = gone;
        }
        "deleted" => deleted(v, &subject[0])?,
        "recreated" => {
            basis = playbook::renewed_basis(v, &subject[0]).map_err(not_now)?;
            if basis.is_none() {
                let text = format!(
                    "{} has the log that it had when it was first seen: there is nothing to confirm",
                    subject[0]
                );
                return Err(Refusal::Bad(text));
            }
        }
        "reconciled-destination" => facts.push(reconciled_there(v, subject, &author)?),
        _ => {}
    }
    facts.push(Fact::Confirmed {
        name: name.clone(),
        subject: subject.to_vec(),
        at: v.now().wall,
        author,
        reason,
        basis,
    });
    Ok(facts)
}

/// Words that moved an anchor when they were given: nothing remembers where it was before.
const MOVED_AN_ANCHOR: [&str; 3] = ["reconciled", "reconciled-destination", "reconciled-writes"];

/// Takes back a word that is in force. It can only make the agent say go less often.
pub(super) fn retract(
    v: &View<'_>,
    name: &Name,
    subject: &[Name],
    author: Name,
    reason: Name,
) -> Result<Fact, Refusal> {
    let what = render::word(name, subject);
    if v.facts.confirmed(name, subject).is_none() {
        let all = v.facts.confirmed.iter().flat_map(|(name, of)| of.keys().map(|s| render::word(name, s)));
        let all: Vec<String> = all.collect();
        let list = list(all.iter().map(String::as_str).collect());
        return Err(Refusal::NoSuch(format!("no such word is in force: {what}; in force: {list}")));
    }
    if MOVED_AN_ANCHOR.contains(&&**name) {
        return Err(Refusal::Settled(
            Code::AlreadyDone,
            format!(
                "{what} moved an anchor when it was given, and where that was before is not kept: if it was not true, stop \
                 the steps that rest on it (cutover-agent hold <step> --reason …), make it true, and release them"
            ),
        ));
    }
    Ok(Fact::Retracted { name: name.clone(), subject: subject.to_vec(), at: v.now().wall, author, reason })
}

/// What `confirm reconciled` makes: the anchor of the log that the topic has, and the ids of logs that are gone of which it
/// names how far they were seen (what came to one after that nobody knows, and a person speaks for it).
fn reconciled_any(v: &View<'_>, subject: &[Name], author: &Name) -> Result<(Option<Fact>, Option<Name>), Refusal> {
    let [topic, partition, offset] = subject else { return Ok((Some(reconciled(v, subject, author)?), None)) };
    let s = v.kafka(Side::Source).map_err(not_now)?;
    let gone = playbook::gone_of(v, &s, topic, partition);
    let ids: Vec<String> =
        gone.iter().filter(|(_, end)| end.to_string() == **offset).map(|(k, _)| k.id.to_string()).collect();
    let basis = (!ids.is_empty()).then(|| Name::from(format!("{} {}", playbook::VANISHED_WORD, ids.join(" "))));
    if s.sample.topics.contains_key(topic) {
        return match reconciled(v, subject, author) {
            Ok(fact) => Ok((Some(fact), basis)),
            Err(_) if basis.is_some() => Ok((None, basis)),
            Err(refused) => Err(refused),
        };
    }
    let anchored = v.facts.source_ends.keys().any(|k| k.cluster == s.sample.cluster_id && k.topic == *topic);
    if !anchored {
        return Ok((Some(reconciled(v, subject, author)?), None));
    }
    if let Some(f) = playbook::hidden_there(v, &s, topic) {
        return Err(Refusal::NotNow(f.code, render::sentence(&f)));
    }
    let ends: Vec<String> = gone.iter().map(|(_, end)| end.to_string()).collect();
    match basis {
        Some(_) => Ok((None, basis)),
        None if ends.is_empty() => {
            Err(Refusal::NoSuch(format!("{topic} had no partition {partition} when the consumers were stopped")))
        }
        None => Err(Refusal::Bad(format!(
            "{topic} is not listed any more, and its partition {partition} was seen to end at {}: name that, if all that it \
             ever held was read or carried over",
            ends.join(" and, in another life, at ")
        ))),
    }
}

/// Whether a source topic can be said to be deleted: it was seen before, is in no list, and on no broker's disk as far as
/// they tell.
fn deleted(v: &View<'_>, topic: &Name) -> Result<(), Refusal> {
    let s = v.kafka(Side::Source).map_err(not_now)?;
    if s.sample.topics.contains_key(topic) {
        return Err(Refusal::NotNow(Code::StillThere, format!("{topic} is in the list of topics of the source")));
    }
    if let Some(f) = playbook::hidden_there(v, &s, topic) {
        return Err(Refusal::NotNow(f.code, render::sentence(&f)));
    }
    let missing: Vec<&str> =
        v.topics_ever(&s).into_iter().filter(|t| !s.sample.topics.contains_key(*t)).map(|t| &**t).collect();
    match missing.contains(&&**topic) {
        true => Ok(()),
        false => Err(Refusal::NoSuch(hint::no_such("topic of the source that is gone", topic, &missing))),
    }
}

fn reconciled(v: &View<'_>, subject: &[Name], author: &Name) -> Result<Fact, Refusal> {
    let [topic, partition, offset] = subject else {
        return Err(Refusal::Bad("confirm reconciled takes <topic> <partition> <offset>".to_owned()));
    };
    let number =
        |what: &str, n: &Name| n.parse::<i64>().map_err(|_| Refusal::Bad(format!("{what} `{n}` is not a number")));
    let (p, offset) = (number("partition", partition)?, number("offset", offset)?);
    let s = v.kafka(Side::Source).map_err(not_now)?;
    let t = s.topic(topic).map_err(|gap| {
        if s.sample.topics.contains_key(topic) {
            return not_now(gap);
        }
        let known = s.sample.topics.keys().map(|t| &**t).collect();
        Refusal::NoSuch(format!("there is no topic `{topic}` in scope on the source; known: {}", list(known)))
    })?;
    let part = i32::try_from(p).ok().and_then(|p| Some((p, t.partitions.get(&p)?)));
    let (p, part) = part.ok_or_else(|| Refusal::NoSuch(format!("{topic} has no partition {p}")))?;
    let ends = part.ends.as_ref().map_err(|f| Refusal::NotNow(f.kind.into(), f.message.to_string()))?;
    let key = s.key(topic, t, p);
    let old = v.facts.source_ends.get(&key).map_or(0, |a| a.offset);
    if ends.has_open_transaction() {
        let text = format!("a transaction is open on {topic} partition {p}: wait until it has ended");
        return Err(Refusal::NotNow(Code::OpenTransaction, text));
    }
    // After an unclean election the end may lie below its anchor: then a person speaks for what was lost.
    let lost = ends.high < old && offset == ends.high;
    if !lost && (offset > ends.high || offset < old) {
        return Err(Refusal::Bad(format!(
            "{topic} partition {p} was anchored at {old} and ends at {}: name an offset between the two",
            ends.high
        )));
    }
    Ok(Fact::SourceEnd { key, offset, adopted: Some(author.clone()) })
}

/// Moves a recorded start to where the destination's log begins now.
fn reconciled_there(v: &View<'_>, subject: &[Name], author: &Name) -> Result<Fact, Refusal> {
    let [topic, partition, offset] = subject else {
        return Err(Refusal::Bad("confirm reconciled-destination takes <topic> <partition> <offset>".to_owned()));
    };
    let d = v.kafka(Side::Destination).map_err(not_now)?;
    let t = d.topic(topic).map_err(|gap| {
        if d.sample.topics.contains_key(topic) {
            return not_now(gap);
        }
        let known = d.sample.topics.keys().map(|t| &**t).collect();
        Refusal::NoSuch(format!("there is no topic `{topic}` in scope at the destination; known: {}", list(known)))
    })?;
    let part = partition.parse::<i32>().ok().and_then(|p| Some((p, t.partitions.get(&p)?)));
    let (p, part) = part.ok_or_else(|| Refusal::NoSuch(format!("{topic} has no partition {partition}")))?;
    let ends = part.ends.as_ref().map_err(|f| Refusal::NotNow(f.kind.into(), f.message.to_string()))?;
    let key = d.key(topic, t, p);
    if !v.facts.is_begun("switch-producers") {
        let text = "switch-producers is not begun: it records the starts itself".to_owned();
        return Err(Refusal::NotNow(Code::NotBegun, text));
    }
    match (v.facts.starts.get(&key), offset.parse::<i64>()) {
        // One that came, or was seen, only after the producers were switched: all that lies there is to be read.
        (_, Ok(offset)) if offset == ends.low => Ok(Fact::RecordedStart { key, offset, adopted: Some(author.clone()) }),
        (None, _) => Err(Refusal::Bad(format!(
            "{topic} partition {p} has no recorded start and begins at {}: name {}",
            ends.low, ends.low
        ))),
        (Some(old), _) => Err(Refusal::Bad(format!(
            "{topic} partition {p} was recorded to start at {} and begins at {} now: name {}",
            old.offset, ends.low, ends.low
        ))),
    }
}

/// Moves the anchor of a side's last write to what was carried over, and no further.
fn reconciled_writes(v: &View<'_>, subject: &[Name], author: &Name) -> Result<Fact, Refusal> {
    let [side, ts] = subject else {
        return Err(Refusal::Bad("confirm reconciled-writes takes <side> <timestamp>".to_owned()));
    };
    let side = Side::BOTH.into_iter().find(|s| s.as_str() == &**side);
    let side =
        side.ok_or_else(|| Refusal::NoSuch(format!("there is no side `{}`; known: source, destination", subject[0])))?;
    let ts: Ts = ts.parse().map_err(|()| {
        Refusal::Bad(format!(
            "`{ts}` is no timestamp: write seconds and ordinal as the answer does, as in 1732312345.7"
        ))
    })?;
    let m = v.mongodb(side).map_err(not_now)?;
    let set = m.sample.set_id.clone();
    let (newest, seen) = playbook::newest_write_seen(v, &m).map_err(not_now)?;
    let anchor = v.facts.last_writes.get(&set).map(|a| a.ts);
    // The step that anchors it is done, and the side could not be read then: a person speaks for all that was written there.
    let missing = v.facts.is_done(playbook::anchored_by(side));
    let old = anchor.or(missing.then_some(newest)).ok_or_else(|| {
        Refusal::NotNow(Code::NoAnchor, format!("nothing was anchored on the {side}: there is nothing to reconcile"))
    })?;
    // After a rollback the newest write lies below its anchor: then a person speaks for what was lost.
    let lost = newest < old && ts == newest;
    if !lost && (ts < old || ts > newest) {
        let text = format!(
            "the {side} was anchored at {old} and was last written at {newest}: name a timestamp between the two"
        );
        return Err(Refusal::Bad(text));
    }
    // Where none was read back, it is the instant the oplog was read back to, and no write that could be missed later.
    Ok(Fact::LastWrite { set, ts, unseen: !seen, adopted: Some(author.clone()) })
}

/// What an adopted step would be held against cannot be measured now.
pub(super) fn not_adopted(step: &Step, g: Gap) -> Refusal {
    let f: Finding = g.into();
    let missing = render::sentence(&f);
    let fix = f.fix.map_or(String::new(), |fix| format!(" ({fix})"));
    Refusal::NotNow(
        f.code,
        format!("{} cannot be adopted: what it would be held against is missing: {missing}{fix}", step.id),
    )
}

/// A gap as the reason why not now.
fn not_now(g: Gap) -> Refusal {
    let f: Finding = g.into();
    Refusal::NotNow(f.code, render::sentence(&f))
}

pub(super) fn accept(
    v: &View<'_>,
    group: &Name,
    topic: &Name,
    p: i32,
    author: Name,
    reason: Name,
) -> Result<Fact, Refusal> {
    let s = v.kafka(Side::Source).map_err(not_now)?;
    let pairs = v.pairs(&s);
    if !pairs.iter().any(|(g, t)| *g == group && *t == topic) {
        let known: Vec<String> = pairs.iter().map(|(g, t)| format!("{g} on {t}")).collect();
        let known = list(known.iter().map(String::as_str).collect());
        return Err(Refusal::NoSuch(format!("`{group}` on `{topic}` is no pair of this migration; known: {known}")));
    }
    let (committed, ends, key) = playbook::position(v, &s, group, topic, p).map_err(not_now)?;
    if let Some(c) = committed.filter(|c| *c == ends.high || v.facts.phantom(&key, *c, ends.high)) {
        let text = format!(
            "{group} has read all of {topic} partition {p}: it has committed {c}, and the log ends at {}; there is \
             nothing to accept",
            ends.high
        );
        return Err(Refusal::Bad(text));
    }
    Ok(Fact::Accepted { key, group: group.clone(), committed, end: ends.high, at: v.now().wall, author, reason })
}
