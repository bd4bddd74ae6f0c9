//! The gate: pure, `(estate, facts, now) → (board, new facts, demands)`, and it knows no step by name.
//!
//! One turn of the loop around it: evaluate, write the new facts, evaluate again with them; publish the board of the
//! evaluation that found none new. A fact counts once it is on disk.

pub mod board;
pub mod dwell;
mod judge;
mod life;
pub mod ops;

use crate::Name;
use crate::estate::Estate;
use crate::facts::{Fact, Facts};
use crate::reading::Demand;
use crate::settings::Settings;
use crate::time::{Mono, Now};
use crate::view::View;
use board::Board;
use judge::Judged;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one evaluation yields.
#[derive(Debug)]
pub struct Turn {
    /// The verdicts, to be published only if `facts` is empty.
    pub board: Board,
    /// Facts that are new; write them and evaluate again.
    pub facts: Vec<Fact>,
    /// Readings wanted beyond the regular ones.
    pub demands: BTreeSet<Demand>,
}

/// The gate's own memory: what every check said last and for how long it has, nothing that could not be read again.
#[derive(Clone, Debug)]
pub struct Gate {
    settings: Arc<Settings>,
    judged: Judged,
    falses: BTreeMap<&'static str, (Mono, Mono)>,
    jumps: u64,
    forgotten: u64,
    hold_file: Option<Name>,
}

impl Gate {
    /// A gate that has seen nothing.
    pub fn new(settings: Arc<Settings>) -> Gate {
        let judged = Judged::new(&settings);
        Gate { settings, judged, falses: BTreeMap::new(), jumps: 0, forgotten: 0, hold_file: None }
    }

    /// The settings it decides by.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Sets the text of the hold file; `None` where there is no such file. One that cannot be read counts as held: give
    /// the error as its text.
    pub fn set_hold_file(&mut self, text: Option<Name>) {
        self.hold_file = text;
    }

    /// What it would say if these were the facts: nothing of that is remembered, or what is only supposed would have been
    /// true for as long as it was supposed.
    fn suppose(&self, estate: &Estate, facts: &Facts, now: Now) -> Turn {
        self.clone().evaluate(estate, facts, now)
    }

    /// Judges every check of every step at `now`.
    pub fn evaluate(&mut self, estate: &Estate, facts: &Facts, now: Now) -> Turn {
        if self.jumps != estate.jumps() {
            self.jumps = estate.jumps();
            self.judged.forget_dwells();
            self.falses.clear();
        }
        if self.forgotten != estate.forgotten() {
            self.forgotten = estate.forgotten();
            self.judged.forget_dwells();
        }
        let settings = self.settings.clone();
        let view = View::new(estate, facts, &settings, now);
        let mut judged = std::mem::take(&mut self.judged);
        judged.read(&view);
        // What was seen is journaled before anything is concluded: somebody seen for the first time may be the effect of a
        // step, or in the way of one that would be found done. The evaluation with these facts says.
        let seen = judged.observe(&view);
        let mut concluded = Vec::new();
        let board = life::board(self, &view, &judged, &mut concluded);
        let facts = if seen.is_empty() { concluded } else { seen };
        let demands = judged.demands();
        self.judged = judged;
        Turn { board, facts, demands }
    }
}
