//! What a reading looked at, so that it can be kept until one of these things changes.
//!
//! A check reads the estate, the facts and the clock through [`crate::view::View`] only, and its accessors note what they
//! gave. A reading that was kept is the reading that would be taken again: builds with debug assertions take one in eight
//! again and compare.

use crate::estate::Side;
use crate::time::{Mono, Now};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// A state of something that changes; two that are equal are the same state.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Revision(u64);

impl Revision {
    /// One that nothing had before. Counted over the whole process: a clone that goes its own way (an adoption that is only
    /// tried) never comes to a number that the original reaches as well.
    pub(crate) fn next() -> Revision {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Revision(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The parts of the estate that change apart from each other.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// A side's Kafka cluster.
    Kafka(Side),
    /// A side's MongoDB deployment.
    Mongodb(Side),
    /// All mirrors.
    Mirrors,
    /// All probes.
    Probes,
}

/// How many parts there are.
pub(crate) const PARTS: usize = 6;

impl Part {
    /// Its place among all.
    pub(crate) fn index(self) -> usize {
        match self {
            Part::Kafka(side) => side as usize,
            Part::Mongodb(side) => 2 + side as usize,
            Part::Mirrors => 4,
            Part::Probes => 5,
        }
    }
}

/// The state of everything that can be looked at.
#[derive(Copy, Clone, Debug)]
pub(crate) struct State<'a> {
    /// Of the parts of the estate.
    pub parts: &'a [Revision; PARTS],
    /// Of the facts.
    pub facts: Revision,
    /// The instant.
    pub now: Now,
}

/// Notes what is looked at.
#[derive(Debug)]
pub struct Looked {
    parts: Cell<[bool; PARTS]>,
    until: Cell<Mono>,
    clock: Cell<bool>,
}

impl Looked {
    /// Nothing was looked at yet.
    pub(crate) fn new() -> Looked {
        Looked { parts: Cell::default(), until: Cell::new(Mono(i64::MAX)), clock: Cell::new(false) }
    }

    /// At a part of the estate.
    pub(crate) fn at(&self, p: Part) {
        let mut parts = self.parts.get();
        parts[p.index()] = true;
        self.parts.set(parts);
    }

    /// At the clock: what came of it may be another thing a moment later.
    pub(crate) fn at_clock(&self) {
        self.clock.set(true);
    }

    /// Whether an instant has come, which it has not.
    pub(crate) fn until(&self, m: Mono) {
        self.until.set(self.until.get().min(m));
    }

    /// What a reading rests on that looked at these things in this state.
    pub(crate) fn rests(&self, s: State<'_>) -> Rests {
        let mut parts = [None; PARTS];
        for ((rests, now), looked) in parts.iter_mut().zip(s.parts).zip(self.parts.get()) {
            *rests = looked.then_some(*now);
        }
        Rests { parts, facts: s.facts, until: self.until.get(), clock: self.clock.get() }
    }
}

/// What a reading rests on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rests {
    parts: [Option<Revision>; PARTS],
    facts: Revision,
    until: Mono,
    clock: bool,
}

impl Rests {
    /// Nothing of it has changed.
    pub(crate) fn holds(&self, s: State<'_>) -> bool {
        !self.clock
            && self.facts == s.facts
            && s.now.mono < self.until
            && self.parts.iter().zip(s.parts).all(|(then, now)| then.is_none_or(|then| then == *now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wall;

    #[test]
    fn a_reading_stays_until_something_it_looked_at_changes() {
        let at = |ms| Now { mono: Mono(ms), wall: Wall(ms) };
        let mut parts = [Revision::default(); PARTS];
        let facts = Revision::next();
        let looked = Looked::new();
        looked.at(Part::Kafka(Side::Destination));
        looked.until(Mono(20));
        looked.until(Mono(10));
        let rests = looked.rests(State { parts: &parts, facts, now: at(1) });
        let holds = |parts: &_, facts, ms| rests.holds(State { parts, facts, now: at(ms) });
        assert!(holds(&parts, facts, 9));
        assert!(!holds(&parts, facts, 10), "what was fresh may be stale from then on");
        assert!(!holds(&parts, Revision::next(), 9), "facts");
        parts[Part::Kafka(Side::Source).index()] = Revision::next();
        parts[Part::Mongodb(Side::Destination).index()] = Revision::next();
        assert!(holds(&parts, facts, 9), "it did not look at these");
        parts[Part::Kafka(Side::Destination).index()] = Revision::next();
        assert!(!holds(&parts, facts, 9));
        looked.at_clock();
        let rests = looked.rests(State { parts: &parts, facts, now: at(1) });
        assert!(!rests.holds(State { parts: &parts, facts, now: at(1) }), "who looks at the clock looks again");
    }

    #[test]
    fn every_part_has_a_place_of_its_own() {
        let sides = || Side::BOTH.into_iter();
        let all = sides().map(Part::Kafka).chain(sides().map(Part::Mongodb)).chain([Part::Mirrors, Part::Probes]);
        let places: std::collections::BTreeSet<usize> = all.map(Part::index).collect();
        assert_eq!(places, (0..PARTS).collect());
    }

    #[test]
    fn every_revision_is_another() {
        let three = [Revision::next(), Revision::next(), Revision::next()];
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2]);
    }
}
