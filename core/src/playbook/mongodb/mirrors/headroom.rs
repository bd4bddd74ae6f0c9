//! How far a mirror is from falling off the source's oplog, and whether that gets worse.

use super::super::shared::{body, each_mirror};
use super::{REFRESH, belongs, last_write, newest_by, steady};
use crate::estate::{MirrorMemory, Side};
use crate::reading::{Code, Finding, Gap, Known, Qty, Reading, Subject};
use crate::time::Dur;
use crate::view::{Mirror, Mongodb, View, gap};

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

pub(in crate::playbook::mongodb) fn headroom(v: &View<'_>) -> Reading {
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
            let (speed, measured) = m.memory.speed(over).unwrap_or((0, 0));
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
