//! The oracle of the MongoDB track: what is safe now, from what the lab itself did and from a direct look.
//!
//! [`MongoLedger`] is plain data, [`mongo_unsafe_reasons`] a pure function of it and of a [`Look`]; [`MongoOracle`] is
//! the shared handle on both, with a timeline and the moments at which a step became safe or stopped being so.

mod ledger;
mod look;
mod reasons;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mongodb::Client;

pub use ledger::{Acknowledged, ClientFacts, Expected, MirrorFacts, MongoLedger, OpenMongoTransaction};
pub use look::{CollectionLook, DocumentLook, Look, SideLook};
pub use reasons::{mongo_undone_reasons, mongo_unsafe_reasons};

use super::{Timeline, Turn};
use crate::clock;
use crate::error::Result;
use crate::mongo::runtime::ask;
use crate::words::MongoStep;

/// How long a look may take.
const LIMIT: Duration = Duration::from_secs(20);
/// As many sightings as are kept.
const MOST: usize = 20_000;

/// A shared handle on one estate's ledger, its last look and its timeline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MongoOracle {
    inner: Arc<Mutex<Inner>>,
    eyes: Option<(Client, Client)>,
}

#[derive(Debug)]
struct Inner {
    ledger: MongoLedger,
    look: Look,
    /// What that look shows against each step.
    seen: [Vec<String>; 5],
    timeline: Timeline,
    /// Per step, every change between safe and unsafe as far as it was known at once, oldest first.
    turns: [Vec<Turn>; 5],
    /// The same of what the ledger alone knows: exact.
    known: [Vec<Turn>; 5],
    sightings: Vec<Sighting>,
}

/// A danger that a look has found: it was there at some instant of that look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Which step it is a danger to.
    pub step: MongoStep,
    /// When the look began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// What it found.
    pub reasons: Vec<String>,
}

impl MongoOracle {
    /// An oracle over this ledger, which looks through two clients that may read everything: source, destination.
    /// Without them it knows the ledger alone.
    pub fn new(ledger: MongoLedger, eyes: Option<(Client, Client)>) -> Self {
        let inner = Inner {
            ledger,
            look: Look::none(),
            seen: Default::default(),
            timeline: Timeline::new(clock::now()),
            turns: Default::default(),
            known: Default::default(),
            sightings: Vec::new(),
        };
        let oracle = Self { inner: Arc::new(Mutex::new(inner)), eyes };
        oracle.record(|_| {});
        oracle
    }

    /// Looks at both sides now. Every answer of the oracle does so itself; a test calls it to notice what passes.
    pub fn look(&self) -> Result<()> {
        let Some((source, destination)) = self.eyes.clone() else { return Ok(()) };
        let databases = self.lock().ledger.databases.iter().cloned().collect();
        let from = clock::now();
        // A look that hangs is a look that saw nothing.
        let seen = ask("look at both sides", LIMIT, look::look(source, destination, databases));
        let to = clock::now();
        let mut inner = self.lock();
        inner.look = seen.unwrap_or_else(|error| Look {
            source: Err(error.to_string()),
            destination: Err(error.to_string()),
            at_ms: clock::wall_ms(),
        });
        for step in MongoStep::ALL {
            let reasons = reasons::seen(&inner.ledger, &inner.look, step);
            inner.seen[index(step)].clone_from(&reasons);
            if !reasons.is_empty() && inner.sightings.len() < MOST {
                inner.sightings.push(Sighting { step, from, to, reasons });
            }
        }
        inner.turn();
        Ok(())
    }

    /// Every reason why `step` would do harm now, after a look; empty means safe. What begins with `cannot be seen` is
    /// no danger by itself: nobody can say that it is safe.
    pub fn unsafe_reasons(&self, step: MongoStep) -> Vec<String> {
        if let Err(error) = self.look() {
            return vec![format!("cannot be seen: {error}")];
        }
        let inner = self.lock();
        mongo_unsafe_reasons(&inner.ledger, &inner.look, step)
    }

    /// Every reason why `step` has not taken effect, after a look; empty means done.
    pub fn undone_reasons(&self, step: MongoStep) -> Vec<String> {
        if let Err(error) = self.look() {
            return vec![format!("cannot be seen: {error}")];
        }
        let inner = self.lock();
        mongo_undone_reasons(&inner.ledger, &inner.look, step)
    }

    /// Whether `step` would do no harm now.
    pub fn is_safe(&self, step: MongoStep) -> bool {
        self.unsafe_reasons(step).is_empty()
    }

    /// Whether `step` has taken effect.
    pub fn is_done(&self, step: MongoStep) -> bool {
        self.undone_reasons(step).is_empty()
    }

    /// Since when `step` has been safe without a break, as far as looks have shown; `None` while it is not.
    pub fn safe_since(&self, step: MongoStep) -> Option<Instant> {
        self.turns(step).last().filter(|turn| turn.safe).map(|turn| turn.at)
    }

    /// Every danger to `step` that certainly was there at some instant of `from..=to`: what the agent's guarantee is
    /// about. Looks see what passes only as often as there are some; what the ledger knows is exact.
    pub fn unsafe_during(&self, step: MongoStep, from: Instant, to: Instant) -> Vec<String> {
        let inner = self.lock();
        let within = |sighting: &&Sighting| sighting.step == step && sighting.from >= from && sighting.to <= to;
        let mut reasons: Vec<_> = inner.sightings.iter().filter(within).flat_map(|one| one.reasons.clone()).collect();
        let turns = &inner.known[index(step)];
        let before = turns.iter().rev().find(|turn| turn.at <= from).is_some_and(|turn| turn.safe);
        if !before || turns.iter().any(|turn| turn.at > from && turn.at <= to && !turn.safe) {
            reasons.push(format!("{step} was unsafe by what the lab did; see the timeline"));
        }
        reasons
    }

    /// Whether no such danger was there.
    pub fn was_safe_throughout(&self, step: MongoStep, from: Instant, to: Instant) -> bool {
        self.unsafe_during(step, from, to).is_empty()
    }

    /// Every change of `step` between safe and unsafe, as it became known, oldest first.
    pub fn turns(&self, step: MongoStep) -> Vec<Turn> {
        self.lock().turns[index(step)].clone()
    }

    /// Makes entries in the ledger. What the lab's own services and mirrors do is entered by them; a test uses this for
    /// what it does behind the lab's back.
    pub fn record<T>(&self, entry: impl FnOnce(&mut MongoLedger) -> T) -> T {
        let mut inner = self.lock();
        let out = entry(&mut inner.ledger);
        inner.turn();
        out
    }

    /// A copy of the ledger.
    pub fn ledger(&self) -> MongoLedger {
        self.lock().ledger.clone()
    }

    /// What the last look has seen.
    pub fn last_look(&self) -> Look {
        self.lock().look.clone()
    }

    /// Adds a line to the timeline.
    pub fn note(&self, text: impl Into<String>) {
        self.lock().timeline.push(clock::now(), text.into());
    }

    /// The timeline so far; `Display` prints it, one line an entry.
    pub fn timeline(&self) -> Timeline {
        self.lock().timeline.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Notes what became safe or unsafe.
    fn turn(&mut self) {
        let at = clock::now();
        for step in MongoStep::ALL {
            let known = reasons::known(&self.ledger, step);
            let safe = known.is_empty();
            let turns = &mut self.known[index(step)];
            if turns.last().is_none_or(|turn| turn.safe != safe) {
                turns.push(Turn { at, safe });
            }
            let all = [known, self.seen[index(step)].clone(), reasons::blind(&self.look)].concat();
            let safe = all.is_empty();
            let turns = &mut self.turns[index(step)];
            if turns.last().is_none_or(|turn| turn.safe != safe) {
                turns.push(Turn { at, safe });
                let text = match all.first() {
                    None => format!("{step} is safe"),
                    Some(first) => format!("{step} is unsafe: {first}{}", super::more(all.len())),
                };
                self.timeline.push(at, text);
            }
        }
    }
}

fn index(step: MongoStep) -> usize {
    MongoStep::ALL.iter().position(|one| *one == step).unwrap_or_default()
}
