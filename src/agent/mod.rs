//! The running agent: one writer (the main loop), many readers (scrapes, probes, the command line's requests).

mod run;
#[cfg(test)]
mod tests;

pub(crate) use run::{Agent, Parts, ROUNDS};

use crate::clock::Clock;
use arc_swap::ArcSwap;
use cutover_core::Name;
use cutover_core::estate::Estate;
use cutover_core::facts::Facts;
use cutover_core::gate::board::{Board, Life};
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::measures::Measures;
use cutover_core::settings::Settings;
use cutover_core::time::Now;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Everything a reader may ask for, at one instant: immutable, swapped whole.
#[derive(Debug)]
pub(crate) struct Published {
    /// All verdicts.
    pub board: Board,
    /// Every number behind them.
    pub measures: Measures,
    /// What they were decided by.
    pub settings: Arc<Settings>,
    /// Why facts cannot be written, if they cannot: every go is unknown then.
    pub journal: Option<Name>,
    /// The journal began empty beside those of other migrations, as long as no step was begun: what to look at.
    pub suspect: Option<Name>,
    /// When the agent started.
    pub started: Now,
    /// Facts in the journal, newest last, as its text: for `/history`, bounded.
    pub history: Arc<Vec<Name>>,
    /// The estate is simulated: nothing here is about real servers, and every answer says so.
    pub simulated: bool,
}

impl Published {
    /// A board as readers see it.
    pub(crate) fn of(
        board: Board,
        estate: &Estate,
        facts: &Facts,
        settings: &Arc<Settings>,
        about: About,
    ) -> Published {
        let measures = Measures::of(estate, facts, settings, board.at);
        let About { journal, suspect, started, history, simulated } = about;
        let fresh = board.steps.iter().all(|s| !matches!(s.life, Life::Begun(..) | Life::Done(..)));
        let suspect = suspect.filter(|_| fresh);
        Published { board, measures, settings: settings.clone(), journal, suspect, started, history, simulated }
    }
}

/// What readers are told besides the board.
#[derive(Debug)]
pub(crate) struct About {
    /// See [`Published`].
    pub journal: Option<Name>,
    /// See [`Published`].
    pub suspect: Option<Name>,
    /// See [`Published`].
    pub started: Now,
    /// See [`Published`].
    pub history: Arc<Vec<Name>>,
    /// See [`Published`].
    pub simulated: bool,
}

/// Lines of history kept for readers.
pub(crate) const HISTORY: usize = 10_000;

/// A person's request and where its answer goes.
#[derive(Debug)]
pub(crate) struct Request {
    /// The token's name.
    pub author: Name,
    /// Why.
    pub reason: Name,
    /// What.
    pub op: Op,
    /// What it made true, or why not.
    pub reply: oneshot::Sender<Result<Taken, Denied>>,
}

/// What a request made true.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The board after it.
    pub published: Arc<Published>,
    /// What was taken down, where it is more than the life of a step.
    pub said: Option<String>,
}

/// Why a request changed nothing.
#[derive(Debug)]
pub(crate) enum Denied {
    /// The gate refuses.
    Refused(Refusal),
    /// It would be allowed, but the facts could not be written.
    Journal(Name),
}

/// What the surfaces hold of the agent.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    /// The newest board; `None` until the first evaluation.
    pub published: Arc<ArcSwap<Option<Arc<Published>>>>,
    /// Requests of people.
    pub requests: mpsc::Sender<Request>,
    /// What answers are dated and judged by.
    pub clock: Clock,
}

impl Handle {
    /// The newest board.
    pub(crate) fn board(&self) -> Option<Arc<Published>> {
        self.published.load().as_ref().clone()
    }
}
