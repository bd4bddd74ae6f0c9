//! The three questions to a mirror: does it follow, is it drained, has it finished. Each kind answers in its own terms;
//! this version knows those of MongoMirror.

use super::clients::sessions;
use super::shared::{NO_MIRROR, body, counts_for, each_mirror, newest, writes};
use super::writes::fenced;
use crate::Name;
use crate::estate::mongodb::{MirrorStatus, MongomirrorStatus, Ts, Writes};
use crate::estate::{MirrorMemory, Side};
use crate::reading::{Basis, Code, Finding, Gap, Known, Qty, Reading, Subject, each, none_of};
use crate::settings::{MirrorKind, MirrorSettings, MongodbSettings};
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
    // It may have been read a little later than the oplog.
    let ahead = position.since(oplog.last) > Dur::secs(60);
    let idle = matches!(newest(settings, writes(s)?, Some(m.settings)), (last, true) if position >= last);
    if (position < oplog.first && !idle) || ahead {
        return Err(Gap::new(Code::ForeignPosition, at()).detail(format!(
            "{position} is not between {} and {}: it fell off, or mirrors another deployment",
            oplog.first, oplog.last
        )));
    }
    Ok(())
}

/// A quarter of the window, in percent.
const QUARTER: i64 = 25;
const TIME_LEFT: Dur = Dur::hours(2);
/// A slope says something over this long.
const SLOPE: Dur = Dur::mins(10);

/// How far a steady mirror is behind the last real write in its namespaces, in whole seconds.
pub(crate) fn behind_of(v: &View<'_>, s: &Mongodb<'_>, m: &Mirror<'_>) -> Known<Dur> {
    let position = steady(m)?.map_err(|f| Gap::new(f.code, f.at))?;
    let settings = v.mongodb_settings()?;
    belongs(s, m, settings, position)?;
    let last = last_write(settings, s, m, position)?;
    Ok(last.since(position).max(Dur::ZERO))
}

/// How far a mirror is from falling off the source's oplog.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Headroom {
    /// What is left between its position and the oldest entry.
    pub(crate) left: Dur,
    /// The window.
    pub(crate) window: Dur,
    /// It has applied the newest real write in its namespaces.
    pub(crate) caught_up: bool,
}

/// The headroom of a mirror, from its position and the oplog's ends.
pub(crate) fn headroom_of(v: &View<'_>, s: &Mongodb<'_>, m: &Mirror<'_>) -> Known<Headroom> {
    let settings = v.mongodb_settings()?;
    let at = || Subject::Mirror(m.name.clone());
    let oplog = s.sample.oplog.as_ref().map_err(|f| gap(f, Subject::Mongodb(Side::Source)))?;
    let window = oplog.window().ok_or_else(|| {
        Gap::new(Code::Partial, Subject::Mongodb(Side::Source)).detail("its oplog holds only an instant")
    })?;
    let position = MirrorMemory::position(m.sample)
        .ok_or_else(|| Gap::new(Code::Partial, at()).detail("its status gives no position"))?;
    belongs(s, m, settings, position)?;
    let caught_up = last_write(settings, s, m, position).is_ok_and(|last| position >= last);
    let behind = if caught_up { Dur::ZERO } else { oplog.last.since(position).max(Dur::ZERO) };
    Ok(Headroom { left: Dur(window.0 - behind.0), window, caught_up })
}

pub(super) fn headroom(v: &View<'_>) -> Reading {
    body(|| {
        let s = v.mongodb(Side::Source)?;
        each_mirror(v, Some(&s), |m| {
            let at = || Subject::Mirror(m.name.clone());
            if let Err(f) = steady(m)? {
                return Ok(f);
            }
            let h = headroom_of(v, &s, m)?;
            let least = Dur(h.window.0 * QUARTER / 100);
            if h.left < least {
                return Ok(short(at(), h.left, least));
            }
            let yes = Finding::yes(Code::Ok, at()).seen(Qty::Time(h.left)).limit(Qty::Time(least));
            if h.caught_up || keeps_up(v, &s, m) {
                return Ok(yes);
            }
            let over = v.settings.scaled(SLOPE);
            let (speed, measured) = m.memory.speed().unwrap_or((0, 0));
            if measured < over.0 {
                return Ok(Finding::unknown(Code::Dwelling, at())
                    .detail("how fast its position moves is not known yet")
                    .wait(over - Dur(measured)));
            }
            if speed >= 1000 {
                return Ok(yes);
            }
            // It loses 1000 - speed thousandths of a second each second.
            let left = Dur(h.left.0.saturating_mul(1000) / (1000 - speed));
            Ok(if left >= TIME_LEFT { yes } else { short(at(), left, TIME_LEFT).detail("at the speed it moves") })
        })
    })
}

/// It has applied all that is old enough to show: it does not fall behind, however short it has been watched.
fn keeps_up(v: &View<'_>, s: &Mongodb<'_>, m: &Mirror<'_>) -> bool {
    let (Ok(settings), Some(position)) = (v.mongodb_settings(), MirrorMemory::position(m.sample)) else { return false };
    newest_by(settings, s, m, position, REFRESH).is_ok_and(|need| position >= need)
}

fn short(at: Subject, seen: Dur, limit: Dur) -> Finding {
    Finding::no(Code::HeadroomShort, at)
        .seen(Qty::Time(seen))
        .limit(Qty::Time(limit))
        .fix("enlarge the oplog (replSetResizeOplog) or slow the writers down")
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
    let mut since = s.memory.quiet_since().ok_or_else(|| Gap::new(Code::Partial, Subject::Mongodb(Side::Source)))?;
    for (name, m) in &settings.mirrors {
        // One that has finished answers no more: what it had reached before is journaled.
        let Ok(mirror) = v.mirror(name, m) else { continue };
        let (last, _) = newest(settings, writes(&s)?, Some(m));
        if let Some(t) = mirror.memory.reached(last) {
            since = since.max(t);
        }
    }
    Ok(since)
}

/// It has ended as it should: its sessions are gone on both sides, and it had applied everything that was written. Where
/// the source is fenced and does not answer, the destination's sessions and the journaled last write stand for it.
pub(super) fn finished(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
        let s = match v.mongodb(Side::Source) {
            Ok(s) => Some(s),
            Err(_) if fenced(v).is_some() => None,
            Err(g) => return Err(g.fix("cutover-agent confirm source-fenced --reason …")),
        };
        let basis = Some(s.as_ref().map_or(d.basis, |s| s.basis.merge(d.basis)));
        let all = settings.mirrors.iter().map(|(n, m)| (n, (n, m)));
        Ok(each(basis, all, NO_MIRROR, |(name, m)| ended(v, s.as_ref(), &d, name, m)))
    })
}

fn ended(v: &View<'_>, s: Option<&Mongodb<'_>>, d: &Mongodb<'_>, name: &Name, m: &MirrorSettings) -> Known<Finding> {
    let settings = v.mongodb_settings()?;
    let at = || Subject::Mirror(name.clone());
    if m.kind != MirrorKind::Mongomirror {
        return Err(Gap::new(Code::NotBuilt, at()).detail(format!("mirrors of kind {}", m.kind.as_str())));
    }
    if m.client.is_empty() {
        return Err(Gap::new(Code::NotMeasured, at())
            .detail("its end is the absence of its sessions, and nothing says what they look like")
            .fix(format!("mongodb.mirrors.{name}.client: {{ address: … }} or {{ app_name: … }}")));
    }
    let sides: Vec<&Mongodb<'_>> = s.into_iter().chain([d]).collect();
    if let Some(f) = still_there(v, &sides, name)? {
        return Ok(f);
    }
    let position = v.facts.positions.get(name).copied().filter(|p| *p > Ts::default()).ok_or_else(|| {
        Gap::new(Code::NoAnchor, at())
            .detail("no position of it was journaled since the writers were stopped")
            .fix("start it again where it was, let it drain, end it")
    })?;
    let last = match s {
        Some(s) => match newest(settings, writes(s)?, Some(m)) {
            (ts, true) => ts,
            (_, false) => unseen(writes(s)?, position, &at())?,
        },
        None => {
            let set = v.facts.deployments.get(&Side::Source);
            let anchor = set.and_then(|set| v.facts.last_writes.get(set));
            anchor.map(|a| a.ts).ok_or_else(|| Gap::new(Code::NoAnchor, Subject::Mongodb(Side::Source)))?
        }
    };
    if position < last && !carried_over(v, last) {
        return Ok(Finding::no(Code::Behind, at())
            .seen(Qty::Words(position.to_string().into()))
            .limit(Qty::Words(last.to_string().into()))
            .detail("it ended before it had applied everything: start it again, let it drain"));
    }
    for side in sides {
        if !v.facts.sessions.contains(&(side.sample.set_id.clone(), name.clone())) {
            return Err(Gap::new(Code::NeverSeen, at()).detail(format!(
                "none of its sessions was ever seen on the {}, so their absence proves nothing",
                side.side
            )));
        }
    }
    Ok(Finding::yes(Code::Ok, at()).seen(Qty::Words(position.to_string().into())))
}

/// A person has carried over by hand what was written on the source up to here, and said so.
fn carried_over(v: &View<'_>, last: Ts) -> bool {
    let subject = [Side::Source.as_str().into(), last.to_string().into()];
    v.facts.confirmed("reconciled-writes", &subject).is_some()
}

/// What shows that a mirror is still there: its sessions, or an answer of its status port.
fn still_there(v: &View<'_>, sides: &[&Mongodb<'_>], name: &Name) -> Known<Option<Finding>> {
    let at = || Subject::Mirror(name.clone());
    for m in sides {
        if let Some(host) = sessions(v, m, name)?.first() {
            let f = Finding::no(Code::StillThere, at()).detail(format!("a session on {host} ({})", m.side));
            return Ok(Some(f));
        }
    }
    Ok(answers(v, name).then(|| Finding::no(Code::StillThere, at()).detail("its status port answers")))
}

/// Its status port answers; a port that refuses or is silent says nothing.
fn answers(v: &View<'_>, name: &Name) -> bool {
    let target = crate::estate::Target::Mirror(name.clone());
    let failing = v.estate.health().get(&target).is_some_and(|h| h.failing.is_some());
    let settings = v.settings.mongodb.as_ref().and_then(|s| s.mirrors.get(name).map(|m| (s, m)));
    !failing
        && settings.is_some_and(|(s, m)| {
            let own = s.mirrors.get_key_value(name).map(|(n, _)| n);
            own.is_some_and(|n| v.mirror(n, m).is_ok_and(|m| m.sample.instances.iter().any(Result::is_ok)))
        })
}

/// Nothing contradicts that every mirror has ended. Silence is no contradiction.
pub(super) fn stay_away(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.mongodb_settings()?;
        let sides: Vec<Mongodb<'_>> = Side::BOTH.iter().filter_map(|s| v.mongodb(*s).ok()).collect();
        let basis = sides.iter().map(|m| m.basis).reduce(Basis::merge);
        let mut found = Vec::new();
        for name in settings.mirrors.keys() {
            let at = || Subject::Mirror(name.clone());
            for m in &sides {
                let seen = m.sample.members.values().filter_map(|x| x.clients.as_ref().ok()).flatten();
                let rules = &settings.mirrors[name];
                if seen.into_iter().any(|c| rules.is_session(c)) {
                    found.push(Finding::no(Code::StillThere, at()).detail(format!("a session on the {}", m.side)));
                }
            }
            if answers(v, name) {
                found.push(Finding::no(Code::StillThere, at()).detail("its status port answers"));
            }
        }
        Ok(none_of(basis, found))
    })
}

/// A mirror is there: what begins `start-mirror`.
pub(super) fn appears(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.mongodb_settings()?;
        let mut basis = None;
        let mut found = Vec::new();
        for (name, m) in &settings.mirrors {
            let at = || Subject::Mirror(name.clone());
            if let Ok(mirror) = v.mirror(name, m) {
                basis = Basis::join(basis, Some(mirror.basis));
                if answers(v, name) {
                    found.push(Finding::yes(Code::Seen, at()).detail("its status port answers"));
                }
            }
            for side in Side::BOTH {
                let Ok(db) = v.mongodb(side) else { continue };
                basis = Basis::join(basis, Some(db.basis));
                if sessions(v, &db, name).is_ok_and(|s| !s.is_empty()) {
                    found.push(Finding::yes(Code::Seen, at()).detail(format!("a session on the {side}")));
                }
            }
        }
        Ok(super::shared::sighted(basis, found))
    })
}
