//! The oracle: what is safe *now*, from what the lab itself did, never from the agent or its code.
//!
//! For MongoDB there is [`MongoOracle`], built the same way, which also looks at the documents themselves.
//!
//! [`Ledger`] is plain data, [`unsafe_reasons`] a pure function of it; [`Oracle`] is the shared handle on both, with a
//! timeline and the moments at which a step became safe or stopped being so.

mod ledger;
mod mongo;
mod names;
mod reasons;
#[cfg(test)]
mod tests;
mod timeline;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use ledger::{Attachment, GroupFacts, Ledger, LogFacts, OpenTransaction, TopicFacts};
pub use mongo::{
    Acknowledged, ClientFacts, CollectionLook, DocumentLook, Expected, Look, MirrorFacts, MongoLedger, MongoOracle,
    OpenMongoTransaction, SideLook, Sighting, mongo_undone_reasons, mongo_unsafe_reasons,
};
pub use names::Names;
pub use reasons::unsafe_reasons;
pub use timeline::{Entry, Timeline};

use crate::clock;
use crate::words::Step;

/// A shared handle on one estate's ledger and timeline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Oracle {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    ledger: Ledger,
    timeline: Timeline,
    /// Per step, every change between safe and unsafe, oldest first.
    turns: [Vec<Turn>; 4],
}

/// A moment at which a step became safe, or stopped being so.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// When.
    pub at: Instant,
    /// What it is since then.
    pub safe: bool,
}

impl Oracle {
    /// An oracle over an empty ledger.
    pub fn new(names: Names) -> Self {
        let inner =
            Inner { ledger: Ledger::new(names), timeline: Timeline::new(clock::now()), turns: Default::default() };
        let oracle = Self { inner: Arc::new(Mutex::new(inner)) };
        oracle.record(|_| {});
        oracle
    }

    /// Every reason why `step` would do harm now; empty means safe.
    pub fn unsafe_reasons(&self, step: Step) -> Vec<String> {
        unsafe_reasons(&self.lock().ledger, step)
    }

    /// Whether `step` would do no harm now.
    pub fn is_safe(&self, step: Step) -> bool {
        self.unsafe_reasons(step).is_empty()
    }

    /// Since when `step` has been safe without a break; `None` while it is not.
    pub fn safe_since(&self, step: Step) -> Option<Instant> {
        self.turns(step).last().filter(|turn| turn.safe).map(|turn| turn.at)
    }

    /// Whether `step` was safe at every instant of `from..=to`: what the agent's guarantee is about.
    pub fn was_safe_throughout(&self, step: Step, from: Instant, to: Instant) -> bool {
        let turns = self.turns(step);
        let before = turns.iter().rev().find(|turn| turn.at <= from).is_some_and(|turn| turn.safe);
        before && !turns.iter().any(|turn| turn.at > from && turn.at <= to && !turn.safe)
    }

    /// Every change of `step` between safe and unsafe, oldest first.
    pub fn turns(&self, step: Step) -> Vec<Turn> {
        self.lock().turns[index(step)].clone()
    }

    /// Makes entries in the ledger. What the lab's own producers and services do is entered by them; a test uses this
    /// for what it does behind the lab's back.
    pub fn record<T>(&self, entry: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut inner = self.lock();
        let out = entry(&mut inner.ledger);
        let at = clock::now();
        for step in Step::ALL {
            let reasons = unsafe_reasons(&inner.ledger, step);
            let safe = reasons.is_empty();
            let turns = &mut inner.turns[index(step)];
            if turns.last().is_none_or(|turn| turn.safe != safe) {
                turns.push(Turn { at, safe });
                let text = match reasons.first() {
                    None => format!("{step} is safe"),
                    Some(first) => format!("{step} is unsafe: {first}{}", more(reasons.len())),
                };
                inner.timeline.push(at, text);
            }
        }
        out
    }

    /// A copy of the ledger, to look at.
    pub fn ledger(&self) -> Ledger {
        self.lock().ledger.clone()
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

fn index(step: Step) -> usize {
    match step {
        Step::SwitchProducers => 0,
        Step::StopConsumers => 1,
        Step::StartConsumers => 2,
        Step::RetireSource => 3,
    }
}

fn more(reasons: usize) -> String {
    if reasons > 1 { format!(" (and {} more)", reasons - 1) } else { String::new() }
}
