//! The three questions to a mirror: does it follow, is it drained, has it finished. Each kind answers in its own terms;
//! this version knows those of MongoMirror.

mod ended;
mod headroom;

pub(crate) use ended::mirror_is_there;
pub(super) use ended::{appears, finished, stay_away};
pub(super) use headroom::headroom;
pub(crate) use headroom::{behind_of, headroom_of};

use super::shared::{body, counts_for, each_mirror, newest, quiet_since, writes};
use crate::estate::mongodb::{MirrorStatus, MongomirrorStatus, Ts, Writes};
use crate::estate::{MirrorMemory, Side};
use crate::reading::{Code, Finding, Gap, Known, Qty, Reading, Subject};
use crate::settings::{MirrorKind, MongodbSettings};
use crate::time::{Dur, Mono, Wall};
use crate::view::{Mirror, Mongodb, View, gap};

/// MongoMirror refreshes its status every 10 s; what was written within that time and 5 s more may not show yet.
const REFRESH: Dur = Dur::secs(15);

/// Every instance is in the stage in which it applies what is written, without an error; its position, the lowest.
fn steady(m: &Mirror<'_>) -> Known<Result<Ts, Finding>> {
    let at = || Subject::Mirror(m.name.clone());
    if m.settings.kind != MirrorKind::Mongomirror {
        return Err(Gap::new(Code::NotBuilt, at()).detail(format!("mirrors of kind {}", m.settings.kind.as_str())));
    }
    if m.sample.instances.is_empty() {
        return Err(Gap::new(Code::EmptySet, at()).detail("instances of this mirror"));
    }
    for instance in &m.sample.instances {
        let MirrorStatus::Mongomirror(s) = instance.as_ref().map_err(|f| gap(f, at()))?;
        if let Some(f) = unsteady(s, &at()) {
            return Ok(Err(f));
        }
    }
    match MirrorMemory::position(m.sample) {
        Some(p) => Ok(Ok(p)),
        None => Err(Gap::new(Code::Partial, at()).detail("its status gives no position (details.currentTimestamp)")),
    }
}

fn unsteady(s: &MongomirrorStatus, at: &Subject) -> Option<Finding> {
    if let Some(e) = &s.error {
        return Some(Finding::no(Code::MirrorError, at.clone()).detail(e.clone()));
    }
    match &*s.stage {
        "oplog sync" => None,
        "" => Some(Finding::unknown(Code::Partial, at.clone()).detail("its status gives no stage")),
        other => {
            let copied = s.copied.filter(|(_, total)| *total > 0).map(|(done, total)| {
                format!("{} % of {} MB copied", (done.saturating_mul(100) / total).clamp(0, 100), total / 1_000_000)
            });
            let f = Finding::no(Code::MirrorStage, at.clone())
                .seen(Qty::Words(other.into()))
                .limit(Qty::Words("oplog sync".into()));
            Some(match copied {
                Some(c) => f.detail(c),
                None => f,
            })
        }
    }
}

/// It is there and carries on: what makes `start-mirror` done.
pub(super) fn follows(v: &View<'_>) -> Reading {
    body(|| {
        each_mirror(v, None, |m| {
            Ok(match steady(m)? {
                Ok(p) => position_note(m, p),
                Err(f) => f,
            })
        })
    })
}

fn position_note(m: &Mirror<'_>, p: Ts) -> Finding {
    Finding::yes(Code::Ok, Subject::Mirror(m.name.clone())).seen(Qty::Words(p.to_string().into()))
}

/// It has applied everything that was old enough to show when its position was read.
pub(super) fn following(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        each_mirror(v, Some(&s), |m| {
            let at = || Subject::Mirror(m.name.clone());
            let position = match steady(m)? {
                Ok(p) => p,
                Err(f) => return Ok(f),
            };
            let lag = m.settings.lag.unwrap_or(REFRESH).max(REFRESH);
            let need = newest_by(settings, &s, m, position, lag)?;
            belongs(&s, m, settings, position)?;
            if position >= need {
                let f = position_note(m, position);
                return Ok(match m.settings.lag.filter(|l| *l > REFRESH) {
                    Some(l) => Finding { code: Code::Relaxed, ..f }.detail(format!("lag: up to {l}")),
                    None => f,
                });
            }
            let behind = need.since(position).max(Dur::ZERO);
            Ok(Finding::no(Code::Behind, at())
                .seen(Qty::Words(position.to_string().into()))
                .limit(Qty::Words(need.to_string().into()))
                .detail(format!("{behind} behind the newest write that was older than {lag}")))
        })
    })
}

/// The newest real write that counts for a mirror among those older than `lag` when its position was read, by the
/// source's own clock.
fn newest_by(settings: &MongodbSettings, s: &Mongodb<'_>, m: &Mirror<'_>, position: Ts, lag: Dur) -> Known<Ts> {
    let at = || Subject::Mirror(m.name.clone());
    let scanned = s.sample.scanned.ok_or_else(|| Gap::new(Code::Partial, Subject::Mongodb(Side::Source)))?;
    if scanned.sent + lag < m.span.received {
        return Err(Gap::new(Code::Order, at()).detail("the source's oplog was read too long before its position"));
    }
    // The source's clock when the position was asked for, at the latest that it can have been.
    let clock = s.sample.clock.0 + (m.span.received.0 - s.span.sent.0);
    let cutoff = Wall(clock - lag.0);
    let w = writes(s)?;
    if position.wall() > cutoff {
        // Everything old enough to show lies before it.
        return Ok(position);
    }
    let mut by: Option<Ts> = None;
    for (ns, newest) in w.last.iter().filter(|(ns, _)| counts_for(settings, Some(m.settings), ns)) {
        match s.memory.write_by(ns, cutoff) {
            Some(ts) => by = by.max(Some(ts)),
            // All that is remembered of it is newer; what was written before that is not known.
            None if position < *newest && newest.wall() > cutoff && position < s.memory.remembered() => {
                return Err(Gap::new(Code::Partial, at()).detail(format!(
                    "its position {position} is older than what is remembered of the writes to {ns}"
                )));
            }
            None => {}
        }
    }
    by.map_or_else(|| unseen(w, position, &at()), Ok)
}

/// Where no write was seen as far back as the oplog was read, a position that lies there is past all of them; an older
/// one says nothing.
fn unseen(w: &Writes, position: Ts, at: &Subject) -> Known<Ts> {
    if position >= w.from {
        return Ok(w.from);
    }
    Err(Gap::new(Code::Partial, at.clone()).detail(format!(
        "its position {position} lies before {}, and no write in its namespaces was seen since then: whether there were \
         any in between is not known",
        w.from
    )))
}

/// The last write that counts for a mirror, which a position is held against.
fn last_write(settings: &MongodbSettings, s: &Mongodb<'_>, m: &Mirror<'_>, position: Ts) -> Known<Ts> {
    let w = writes(s)?;
    match newest(settings, w, Some(m.settings)) {
        (ts, true) => Ok(ts),
        (_, false) => unseen(w, position, &Subject::Mirror(m.name.clone())),
    }
}

/// A position lies between the ends of the oplog it is a position in. One that is past every write it has to carry may be
/// older than the oldest entry: nothing is left there to be read.
fn belongs(s: &Mongodb<'_>, m: &Mirror<'_>, settings: &MongodbSettings, position: Ts) -> Known<()> {
    let at = || Subject::Mirror(m.name.clone());
    let oplog = s.sample.oplog.as_ref().map_err(|f| gap(f, Subject::Mongodb(Side::Source)))?;
    // It may have been read later than the oplog, by no more than the source's clock has moved on since. The oplog's own
    // time may run ahead of that clock.
    let later = (m.span.received - s.span.sent).max(Dur::ZERO);
    let latest = Wall(s.sample.clock.0.max(oplog.last.wall().0 + 1000) + later.0);
    let ahead = position > oplog.last && position.wall() > latest;
    let idle = matches!(newest(settings, writes(s)?, Some(m.settings)), (last, true) if position >= last);
    if (position < oplog.first && !idle) || ahead {
        return Err(Gap::new(Code::ForeignPosition, at()).detail(format!(
            "{position} is not between {} and {}: it fell off, or mirrors another deployment",
            oplog.first, oplog.last
        )));
    }
    Ok(())
}

/// Everything written is applied: its position is at or past the last real write, read after it.
pub(super) fn drained(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        each_mirror(v, Some(&s), |m| {
            let at = || Subject::Mirror(m.name.clone());
            let position = match steady(m)? {
                Ok(p) => p,
                Err(f) => return Ok(f),
            };
            belongs(&s, m, settings, position)?;
            let last = last_write(settings, &s, m, position)?;
            if position < last {
                let behind = last.since(position);
                return Ok(Finding::no(Code::Behind, at())
                    .seen(Qty::Words(position.to_string().into()))
                    .limit(Qty::Words(last.to_string().into()))
                    .detail(if behind == Dur::ZERO {
                        "writes of the same second are missing".to_owned()
                    } else {
                        format!("{behind} behind")
                    }));
            }
            reached(&s, m, last)?;
            Ok(position_note(m, position))
        })
    })
}

/// When a mirror's position was first seen at or past `last`: before the oplog was read that says that this is the last.
fn reached(s: &Mongodb<'_>, m: &Mirror<'_>, last: Ts) -> Known<Mono> {
    let at = || Subject::Mirror(m.name.clone());
    let scanned = s.sample.scanned.ok_or_else(|| Gap::new(Code::Partial, Subject::Mongodb(Side::Source)))?;
    m.memory.reached(last).filter(|t| *t <= scanned.sent).ok_or_else(|| {
        Gap::new(Code::Order, at()).detail("the source's oplog has not been read since it reached this position")
    })
}

/// Since when all mirrors have been known to have applied everything and nothing newer was written.
pub(super) fn settled_since(v: &View<'_>) -> Known<Mono> {
    let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
    // An oplog that is not read says nothing of what was written since, whether or not a mirror still answers.
    let written = writes(&s)?;
    let mut since = quiet_since(settings, &s).ok_or_else(|| Gap::new(Code::Partial, Subject::Mongodb(Side::Source)))?;
    for (name, m) in &settings.mirrors {
        // One that has finished answers no more: what it had reached before is journaled.
        let Ok(mirror) = v.mirror(name, m) else { continue };
        let (last, _) = newest(settings, written, Some(m));
        if let Some(t) = mirror.memory.reached(last) {
            since = since.max(t);
        }
    }
    Ok(since)
}
