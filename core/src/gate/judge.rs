//! Judges each check once per board, however many steps use it.

use super::board::CheckBoard;
use super::dwell::Dwell;
use crate::Name;
use crate::estate::Side;
use crate::playbook::{Check, Dwell as Dwelling, Effect, Step, Use, dwell_of, shortened, steps};
use crate::reading::{Demand, Reading, Tri};
use crate::time::{Dur, Mono};
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What every check says of the newest samples, and for how long it has said so.
#[derive(Debug)]
pub(super) struct Judged {
    readings: BTreeMap<Place, Read>,
    sightings: BTreeMap<&'static str, Reading>,
    replicated: bool,
}

/// Where a check is: every check is a static, so that this says which it is, at less cost than its key.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place(usize);

impl Place {
    fn of(check: &'static Check) -> Place {
        Place(std::ptr::from_ref(check).addr())
    }
}

/// What one check says.
#[derive(Debug)]
struct Read {
    reading: Arc<Reading>,
    held: Dur,
    since: Option<Mono>,
    /// It is one of absence, and somebody or something shows that nobody is left.
    shown: bool,
}

/// Reads every check of the configured tracks and feeds its dwell.
pub(super) fn judge(v: &View<'_>, dwells: &mut BTreeMap<&'static str, Dwell>) -> Judged {
    let mut readings = BTreeMap::new();
    let mut sightings = BTreeMap::new();
    for step in v.settings.tracks.iter().flat_map(|t| steps(*t)) {
        let used = step.ready.iter().chain(step.done).map(|u| u.check);
        for check in used.chain(step.tripwires.iter().map(|t| t.check)) {
            readings.entry(Place::of(check)).or_insert_with(|| {
                let shown = matches!(check.dwell, Dwelling::Absence { shown, .. } if shown(v));
                let reading = (check.read)(v);
                let dwell = dwells.entry(check.key).or_default();
                dwell.feed(&reading);
                Read { reading: Arc::new(reading), held: dwell.held(), since: dwell.since(), shown }
            });
        }
        if let Effect::Appearance(sighting) = step.effect {
            sightings.insert(step.id, sighting(v));
        }
    }
    let replicated = Side::BOTH.iter().any(|s| v.kafka(*s).is_ok_and(|k| k.replicated()));
    Judged { readings, sightings, replicated }
}

impl Judged {
    /// A check as a step uses it.
    pub(super) fn of(&self, v: &View<'_>, step: &Step, u: &Use, begun: bool) -> CheckBoard {
        let mut c = self.check(v, step, u.check);
        c.advisory = u.advisory && !(u.check.id == "requirements" && v.settings.requirements_enforced);
        c.left_out = u.before && begun;
        c
    }

    /// A check with the dwell that a step asks of it.
    pub(super) fn check(&self, v: &View<'_>, step: &Step, check: &'static Check) -> CheckBoard {
        let (reading, held, since, shown) = match self.readings.get(&Place::of(check)) {
            Some(r) => (r.reading.clone(), r.held, r.since, r.shown),
            // Not of a configured track: nothing was read.
            None => (Arc::new(crate::playbook::not_built(v)), Dur::ZERO, None, false),
        };
        let need = dwell_of(v.settings, step, check, self.replicated, shown);
        // A reading that rests on no sample (a person's word) has nothing to dwell on.
        let dwelt = if reading.basis.is_none() && reading.is == Tri::Yes { need } else { held };
        let is = match reading.is {
            Tri::Yes if dwelt < need => Tri::No,
            other => other,
        };
        let waits = is == Tri::No && reading.is == Tri::Yes && !shown;
        CheckBoard {
            check,
            advisory: false,
            left_out: false,
            is,
            dwelt,
            need,
            since: since.filter(|_| reading.is == Tri::Yes).map(|m| v.now.wall_of(m)),
            age: reading.basis.map(|b| v.now.mono - b.span.sent),
            shorter: if waits { self.shorter(v, step, check, need) } else { None },
            reading,
        }
    }

    /// The word that makes an absence believed sooner, where one would.
    fn shorter(&self, v: &View<'_>, step: &Step, check: &Check, need: Dur) -> Option<Name> {
        let Dwelling::Absence { shorter, .. } = check.dwell else { return None };
        let then = dwell_of(v.settings, step, check, self.replicated, true);
        Some(shortened(&shorter(v).filter(|_| then < need)?, then).into())
    }

    /// Whether the effect of an appearance step is seen.
    pub(super) fn sighted(&self, step: &Step) -> Tri {
        self.sightings.get(step.id).map_or(Tri::No, |r| r.is)
    }

    /// What was seen of it.
    pub(super) fn sighting(&self, step: &Step) -> Option<&Reading> {
        self.sightings.get(step.id)
    }

    /// Everything the checks want beyond the regular readings.
    pub(super) fn demands(&self) -> BTreeSet<Demand> {
        self.readings.values().flat_map(|r| r.reading.wants.iter().cloned()).collect()
    }
}
