//! What was written, by the oplogs: on the source after the writers were stopped, at the destination by others than the
//! mirrors. An oplog whose last real write is older than a window proves that nothing was written in it.

use super::clients::{adopted, nobody_writes, silence, silenced};
use super::shared::{body, counts_for, newest, writes};
use super::{DESTINATION_QUIET, NO_WRITE};
use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::Ts;
use crate::facts::Fact;
use crate::playbook::{own_time, shortened};
use crate::reading::{Code, Finding, Gap, Known, Qty, Reading, Subject};
use crate::time::Dur;
use crate::view::{Mongodb, View, gap};

/// Single View Creators wake every minute: silence this long is enough where absence is shown otherwise.
pub(super) const SHORT: Dur = Dur::secs(150);

/// How old an entry of the oplog is at least, by the deployment's own clock.
fn age(m: &Mongodb<'_>, ts: Ts) -> Dur {
    // It may have come at the end of its second.
    let told = Dur((m.sample.clock.0 - (ts.wall().0 + 1000)).max(0));
    // That clock may have been set, or be a new primary's: what was seen to come is no older than it can be.
    let most = m.memory.not_yet(ts).map(|asked| m.span.received - asked);
    most.map_or(told, |most| told.min(most))
}

/// For how long a deployment could have been written by whoever tried, and why not before. Silence before proves nothing: who
/// comes back every few minutes and finds no primary, or user writes blocked, leaves neither a write nor a connection.
fn writable_for(v: &View<'_>, m: &Mongodb<'_>) -> Known<(Dur, &'static str)> {
    let at = || Subject::Mongodb(m.side);
    // Where silence was measured once, any write since is past the anchor, whatever primary takes it.
    let shown = v.facts.is_done("stop-writers") && adopted(v, "stop-writers").is_none();
    let elected = match shown && v.facts.last_writes.contains_key(&m.sample.set_id) {
        true => (Dur(i64::MAX), ""),
        false => (age(m, *m.sample.elected.as_ref().map_err(|f| gap(f, at()))?), "it had no primary before"),
    };
    // While they are blocked nobody writes who is not let. The silence that was measured may have been that of the block.
    let blocked = *m.sample.write_block.as_ref().map_err(|f| gap(f, at()))?;
    if blocked || !v.facts.write_blocks.contains(&m.sample.set_id) {
        return Ok(elected);
    }
    let let_again = match m.memory.unblocked() {
        Some(at) => (m.span.received - at, "user writes were blocked before"),
        // An agent that came since does not know when they were let again.
        None => {
            let watched = m.memory.watched().map_or(Dur::ZERO, |since| m.span.received - since);
            (watched, "user writes were blocked once, and it has been watched for no longer")
        }
    };
    Ok(elected.min(let_again))
}

/// The last real write in scope, where it is older than `need` by the deployment's own clock.
fn silent(v: &View<'_>, m: &Mongodb<'_>, need: Dur) -> Known<Finding> {
    let settings = v.mongodb_settings()?;
    let at = Subject::Mongodb(m.side);
    let w = writes(m)?;
    let (last, seen) = newest(settings, w, None);
    let age = age(m, last);
    let f = |f: Finding| f.seen(Qty::Time(age)).limit(Qty::Time(need));
    let (writable, before) = writable_for(v, m)?;
    if age >= need && writable < need {
        let f = Finding::unknown(Code::Unwritable, at).seen(Qty::Time(writable)).limit(Qty::Time(need));
        return Ok(f.detail(before).wait(need - writable));
    }
    if age >= need {
        let note = if seen { format!("last write {last}") } else { format!("no write since {last}") };
        return Ok(f(Finding::yes(Code::Ok, at)).detail(note));
    }
    let wait = need - writable.min(age);
    let ns = w.last.iter().filter(|(ns, _)| counts_for(settings, None, ns)).max_by_key(|(_, ts)| **ts);
    Ok(match ns {
        Some((ns, _)) => {
            let at = if ns.is_empty() { at } else { Subject::Namespace(m.side, ns.clone()) };
            f(Finding::no(Code::RecentWrite, at)).wait(wait)
        }
        None => {
            Finding::unknown(Code::Partial, at).detail(format!("its oplog was read for only {age} back")).wait(wait)
        }
    })
}

/// Nobody writes to the source: the last real write is old enough, and no transaction is open.
pub(super) fn no_source_write(v: &View<'_>) -> Reading {
    body(|| {
        let s = v.mongodb(Side::Source)?;
        let long = own_time(v.settings, &NO_WRITE);
        // Without a rule that says who writes, the witness only stands in for their absence.
        let rules = !v.mongodb_settings()?.writers.is_empty();
        let need = if rules && silenced(v).is_some() { v.settings.scaled(SHORT) } else { long };
        let mut silent = silent(v, &s, need)?;
        // Offered only where it would be believed: the writers are stopped, and none is seen.
        let stopped = rules && v.facts.is_begun("stop-writers") && nobody_writes(v).is_ok();
        let shorter = silence(v).filter(|_| stopped && silent.wait.is_some() && silenced(v).is_none());
        silent.fix = shorter.map(|said| shortened(&said, v.settings.scaled(SHORT)).into());
        let t = s.sample.transactions.as_ref().map_err(|f| gap(f, Subject::Mongodb(Side::Source)))?;
        let mut r = Reading::of(silent, Some(s.basis));
        if t.open > 0 || t.prepared > 0 {
            let open = i64::try_from(t.open.max(t.prepared)).unwrap_or(i64::MAX);
            let f = Finding::no(Code::OpenTransaction, Subject::Mongodb(Side::Source));
            r = r.and(Reading::of(f.seen(Qty::Count(open, "open")), Some(s.basis)));
        }
        Ok(r)
    })
}

/// The last write is committed by a majority: it will not be rolled back.
pub(super) fn majority(v: &View<'_>) -> Reading {
    body(|| {
        let mut r = committed(v, Side::Source)?;
        // What the mirrors wrote there may be taken back as well, once they carry.
        if v.facts.is_done("stop-writers") {
            r = r.and(committed(v, Side::Destination)?);
        }
        Ok(r)
    })
}

fn committed(v: &View<'_>, side: Side) -> Known<Reading> {
    let (settings, s) = (v.mongodb_settings()?, v.mongodb(side)?);
    let at = || Subject::Mongodb(side);
    let committed = *s.sample.committed.as_ref().map_err(|f| gap(f, at()))?;
    // Where no write was seen, all lie before the first entry that was read.
    let (last, _) = newest(settings, writes(&s)?, None);
    let f = if committed >= last { Finding::yes(Code::Ok, at()) } else { Finding::no(Code::NotCommitted, at()) };
    let words = |ts: Ts| Qty::Words(ts.to_string().into());
    Ok(Reading::of(f.seen(words(committed)).limit(words(last)), Some(s.basis)))
}

/// A source that does not answer and that nobody can write any more: a person says so. A write block that was seen on does
/// not: whoever the source answers may have lifted it since.
pub(super) fn fenced(v: &View<'_>) -> Option<Finding> {
    // Of a source that was never known there is nothing to say.
    v.facts.deployments.get(&Side::Source)?;
    super::shared::word(v, "source-fenced", &[])
}

/// Why the source is not measured, and what a person may say instead.
pub(super) fn unfenced(why: Gap) -> Gap {
    why.fix("cutover-agent confirm source-fenced --reason …")
}

/// The source, or the word of whoever says that it is fenced.
pub(super) fn source_or_word<'a>(v: &View<'a>) -> Known<Result<Mongodb<'a>, Finding>> {
    v.mongodb(Side::Source).map(Ok).or_else(|g| fenced(v).map(Err).ok_or_else(|| unfenced(g)))
}

/// Nothing was written to the source since the writers were stopped, or, once the mirrors have ended, beyond what they
/// had applied.
pub(super) fn source_still(v: &View<'_>) -> Reading {
    body(|| match source_or_word(v)? {
        Ok(s) => held(v, &s),
        Err(word) => Ok(Reading::of(word, None)),
    })
}

/// The newest write of a deployment is not past its anchor.
fn held(v: &View<'_>, m: &Mongodb<'_>) -> Known<Reading> {
    let settings = v.mongodb_settings()?;
    let at = || Subject::Mongodb(m.side);
    let w = writes(m)?;
    let (last, seen) = newest(settings, w, None);
    let anchor = v.facts.last_writes.get(&m.sample.set_id).ok_or_else(|| unanchored(v, m.side, last))?;
    let words = |ts: Ts| Qty::Words(ts.to_string().into());
    if seen && last > anchor.ts {
        let ns = w.last.iter().filter(|(ns, _)| counts_for(settings, None, ns)).max_by_key(|(_, ts)| **ts);
        let f = Finding::no(Code::Moved, at()).seen(words(last)).limit(words(anchor.ts));
        let f = f.fix(format!(
            "stop whoever wrote, carry the writes over, then: cutover-agent confirm reconciled-writes {} {last} --reason …",
            m.side
        ));
        let f = ns.map_or(f.clone(), |(ns, _)| f.clone().detail(format!("last in {ns}")));
        return Ok(Reading::of(f, Some(m.basis)));
    }
    if !anchor.unseen && w.from <= anchor.ts && (!seen || last < anchor.ts) {
        let f = Finding::no(Code::RolledBack, at()).seen(words(last)).limit(words(anchor.ts));
        return Ok(Reading::of(
            f.fix(format!(
                "an election took writes back: find out which, mend the other side, then: cutover-agent confirm \
                 reconciled-writes {} {last} --reason …",
                m.side
            )),
            Some(m.basis),
        ));
    }
    if !seen && w.from > anchor.ts {
        let gap = Gap::new(Code::Partial, at()).detail(format!(
            "its oplog was read back to {} only, and the anchor is {}: writes between the two are not known",
            w.from, anchor.ts
        ));
        return Err(gap.fix(format!(
            "find out whether anything was written between the two, carry it over, then: cutover-agent confirm \
             reconciled-writes {} {} --reason …",
            m.side, w.from
        )));
    }
    let f = match &anchor.adopted {
        None => Finding::yes(Code::Ok, at()),
        Some(who) => Finding::yes(Code::Confirmed, at()).detail(format!("its anchor was adopted by {who}")),
    };
    Ok(Reading::of(f, Some(m.basis)))
}

/// The step that anchors the last write of a side when it is done.
pub(crate) fn anchored_by(side: Side) -> &'static str {
    match side {
        Side::Source => "stop-writers",
        Side::Destination => "stop-mirror",
    }
}

/// There is no anchor. Where it is missing since its step was done, who knows what was written says up to where.
fn unanchored(v: &View<'_>, side: Side, last: Ts) -> Gap {
    let gap = Gap::new(Code::NoAnchor, Subject::Mongodb(side));
    if !v.facts.is_done(anchored_by(side)) {
        return gap;
    }
    gap.fix(format!(
        "find out what was written there since {}, carry it over, then: cutover-agent confirm reconciled-writes {side} \
         {last} --reason …",
        anchored_by(side)
    ))
}

/// Nobody but the mirrors writes at the destination: nothing for a while, and nothing since stop-mirror was first go.
pub(super) fn destination_quiet(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        // Once the mirrors have ended, silence tells nothing of what was written before it.
        if v.facts.last_writes.contains_key(&d.sample.set_id) || v.facts.is_done("stop-mirror") {
            return held(v, &d);
        }
        let need = own_time(v.settings, &DESTINATION_QUIET);
        Ok(Reading::of(silent(v, &d, need)?, Some(d.basis)))
    })
}

/// A real write at the destination since the mirrors ended.
pub(super) fn written_since(v: &View<'_>, d: &Mongodb<'_>) -> Known<Reading> {
    let settings = v.mongodb_settings()?;
    let at = || Subject::Mongodb(Side::Destination);
    let anchor = v.facts.last_writes.get(&d.sample.set_id).ok_or_else(|| Gap::new(Code::NoAnchor, at()))?;
    let (last, seen) = newest(settings, writes(d)?, None);
    let written = Qty::Words(last.to_string().into());
    let f = if seen && last > anchor.ts {
        Finding::yes(Code::Written, at()).seen(written)
    } else {
        Finding::no(Code::NotWritten, at()).limit(Qty::Words("the mirrors ended".into()))
    };
    Ok(Reading::of(f, Some(d.basis)))
}

/// Real writes at the destination since the anchor: shown.
pub(super) fn effect(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        written_since(v, &d)
    })
}

/// The newest real write in scope of a deployment.
pub(crate) fn newest_write(v: &View<'_>, m: &Mongodb<'_>) -> Known<Ts> {
    Ok(newest_write_seen(v, m)?.0)
}

/// The same, and whether it was read: where none was, it is the instant back to which none was.
pub(crate) fn newest_write_seen(v: &View<'_>, m: &Mongodb<'_>) -> Known<(Ts, bool)> {
    Ok(newest(v.mongodb_settings()?, writes(m)?, None))
}

/// The last write of a side, as an anchor.
pub(super) fn anchor(v: &View<'_>, side: Side, adopted: Option<&str>) -> Option<Fact> {
    let m = v.mongodb(side).ok()?;
    let (ts, seen) = newest(v.mongodb_settings().ok()?, writes(&m).ok()?, None);
    Some(Fact::LastWrite { set: m.sample.set_id.clone(), ts, unseen: !seen, adopted: adopted.map(Name::from) })
}
