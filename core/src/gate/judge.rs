//! Judges each check once per board, however many steps use it, and only if something it looks at has changed.

use super::board::CheckBoard;
use super::dwell::Dwell;
use crate::Name;
use crate::estate::Side;
use crate::facts::Fact;
use crate::looked::{Looked, Rests};
use crate::playbook::{Check, Dwell as Dwelling, Effect, Step, Use, dwell_of, seen, shortened, steps};
use crate::reading::{Demand, Reading, Tri};
use crate::settings::Settings;
use crate::time::Dur;
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// What every check says of the newest samples, and for how long it has said so. Kept from one board to the next: a check
/// is read again when something it looked at has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    checks: Vec<&'static Check>,
    readings: BTreeMap<Place, Read>,
    sightings: BTreeMap<&'static str, Kept<Reading>>,
    /// Effects of pending steps that were seen, and that nobody can look at now.
    lost: BTreeMap<&'static str, Reading>,
    seen: Option<Rests>,
    replicated: bool,
    boards: usize,
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
#[derive(Clone, Debug, Default)]
struct Read {
    kept: Option<Kept<Said>>,
    dwell: Dwell,
}

#[derive(Clone, PartialEq, Debug)]
struct Said {
    reading: Arc<Reading>,
    /// It is one of absence, and somebody or something shows that nobody is left.
    shown: bool,
}

/// Something that was read, and what it rests on.
#[derive(Clone, Debug)]
struct Kept<T> {
    it: T,
    rests: Rests,
}

impl<T: PartialEq + fmt::Debug> Kept<T> {
    /// The same for this instant: as it was kept where nothing it rests on has changed, read again otherwise. Where `doubts`
    /// is set it is read again all the same, and has to be what was kept.
    fn renewed(was: Option<Kept<T>>, v: &View<'_>, doubts: bool, read: impl Fn(&View<'_>) -> T) -> Kept<T> {
        let state = v.state(false);
        if let Some(was) = was.filter(|k| k.rests.holds(state)) {
            assert!(!doubts || read(v) == was.it, "kept although it has changed: {:?} is {:?} now", was.it, read(v));
            return was;
        }
        let looked = Looked::new();
        let it = read(&v.noting(&looked));
        Kept { it, rests: looked.rests(state) }
    }
}

/// One reading in this many that are kept is taken again to see whether it may be, in builds with debug assertions.
const DOUBTED: usize = 8;

impl Judged {
    /// Nothing read yet, of the tracks configured.
    pub(super) fn new(settings: &Settings) -> Judged {
        let mut j = Judged::default();
        for step in settings.tracks.iter().flat_map(|t| steps(*t)) {
            let used = step.ready.iter().chain(step.done).map(|u| u.check);
            for check in used.chain(step.tripwires.iter().map(|t| t.check)) {
                if j.readings.insert(Place::of(check), Read::default()).is_none() {
                    j.checks.push(check);
                }
            }
        }
        j
    }

    /// Reads what may have changed and feeds the dwells.
    pub(super) fn read(&mut self, v: &View<'_>) {
        self.boards = self.boards.wrapping_add(1);
        let doubts = |i: usize| cfg!(debug_assertions) && (self.boards + i).is_multiple_of(DOUBTED);
        for (i, check) in self.checks.iter().enumerate() {
            let read = self.readings.entry(Place::of(check)).or_default();
            let kept = Kept::renewed(read.kept.take(), v, doubts(i), |v| Said {
                shown: matches!(check.dwell, Dwelling::Absence { shown, .. } if shown(v)),
                reading: Arc::new((check.read)(v)),
            });
            read.dwell.feed(&kept.it.reading);
            read.kept = Some(kept);
        }
        for (i, step) in v.settings.tracks.iter().flat_map(|t| steps(*t)).enumerate() {
            if let Effect::Appearance(sighting) = step.effect {
                let was = self.sightings.remove(step.id);
                let pending = !v.facts.is_begun(step.id);
                let before = was.as_ref().filter(|k| pending && k.it.is == Tri::Yes).map(|k| k.it.clone());
                let kept = Kept::renewed(was, v, doubts(i), sighting);
                match (kept.it.is, before) {
                    (Tri::Unknown, None) if pending => {}
                    (Tri::Unknown, Some(seen)) => drop(self.lost.insert(step.id, seen)),
                    _ => drop(self.lost.remove(step.id)),
                }
                self.sightings.insert(step.id, kept);
            }
        }
        self.replicated = Side::BOTH.iter().any(|s| v.kafka(*s).is_ok_and(|k| k.replicated()));
    }

    /// What the newest samples add to the facts. Where they added nothing, they still do not while nothing has changed.
    pub(super) fn observe(&mut self, v: &View<'_>) -> Vec<Fact> {
        let state = v.state(true);
        if self.seen.as_ref().is_some_and(|r| r.holds(state)) {
            debug_assert_eq!(seen::observe(v), [], "something to observe although nothing has changed");
            return Vec::new();
        }
        let looked = Looked::new();
        let facts = seen::observe(&v.noting(&looked));
        self.seen = facts.is_empty().then(|| looked.rests(state));
        facts
    }

    /// Forgets for how long anything has been so.
    pub(super) fn forget_dwells(&mut self) {
        self.readings.values_mut().for_each(|r| r.dwell.forget());
    }
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
        let (reading, held, since, shown, unrefuted) = match self.readings.get(&Place::of(check)) {
            Some(Read { kept: Some(Kept { it, .. }), dwell }) => {
                (it.reading.clone(), dwell.held(), dwell.since(), it.shown, dwell.unrefuted())
            }
            // Not of a configured track: nothing was read.
            _ => (Arc::new(crate::playbook::not_built(v)), Dur::ZERO, None, false, None),
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
            unrefuted,
            since: since.filter(|_| reading.is == Tri::Yes).map(|m| v.now().wall_of(m)),
            age: reading.basis.map(|b| v.now().mono - b.span.sent),
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
        self.effect(step).map_or(Tri::No, |r| r.is)
    }

    /// What the newest samples say of the effect of an appearance step.
    pub(super) fn effect(&self, step: &Step) -> Option<&Reading> {
        self.sightings.get(step.id).map(|k| &k.it)
    }

    /// The effect of an appearance step as it is seen, or as it was seen last and not measured to be gone since.
    pub(super) fn sighting(&self, step: &Step) -> Option<&Reading> {
        self.effect(step).filter(|r| r.is == Tri::Yes).or_else(|| self.lost.get(step.id))
    }

    /// Everything the checks want beyond the regular readings.
    pub(super) fn demands(&self) -> BTreeSet<Demand> {
        let read = self.readings.values().filter_map(|r| r.kept.as_ref());
        read.flat_map(|k| k.it.reading.wants.iter().cloned()).collect()
    }
}
