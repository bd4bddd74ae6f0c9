//! `--replay`: a recording is fed to the real gate, and every change of its verdicts is told, as it was then; with other
//! configurations, where their answers would have been different.

use super::account::{Account, Line, Who};
use super::say::Say;
use crate::config::Config;
use crate::record::{Entry, Recording};
use cutover_core::estate::Estate;
use cutover_core::facts::{Fact, Facts};
use cutover_core::gate::Gate;
use cutover_core::gate::board::{Board, StepBoard};
use cutover_core::render;
use cutover_core::settings::Settings;
use cutover_core::time::{Dur, Now, Wall};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Evaluating again with new facts settles after a few rounds.
const ROUNDS: usize = 16;

/// The agent of a recording.
pub(crate) struct Replay {
    /// Judges by these instead of the recorded ones.
    other: Option<Arc<Settings>>,
    estate: Estate,
    facts: Facts,
    gate: Option<Gate>,
    /// Facts since they were last taken.
    pub(super) fresh: Vec<Fact>,
}

impl Replay {
    /// By the recorded settings, or by others.
    pub(crate) fn new(other: Option<Arc<Settings>>) -> Replay {
        Replay { other, estate: Estate::new(), facts: Facts::default(), gate: None, fresh: Vec::new() }
    }

    /// Applies an entry; a board if it was an evaluation.
    ///
    /// # Errors
    /// A fact that this version does not know.
    pub(crate) fn apply(&mut self, entry: &Entry) -> Result<Option<Board>, String> {
        match entry {
            Entry::Start { at, settings, facts } => {
                let settings = self.other.clone().unwrap_or_else(|| Arc::new((**settings).clone()));
                self.estate = Estate::watching(*at);
                self.facts = Facts::default();
                self.gate = Some(Gate::new(settings));
                for f in parsed(facts)? {
                    self.facts.apply(f);
                }
            }
            Entry::Sample(now, sample) => self.estate.apply((**sample).clone(), *now),
            Entry::Turn(now) => return Ok(self.turn(*now)),
            Entry::Said(now, facts) => {
                self.estate.tick(*now);
                for f in parsed(facts)? {
                    self.learn(f);
                }
            }
            Entry::HoldFile(text) => {
                if let Some(gate) = &mut self.gate {
                    gate.set_hold_file(text.as_deref().map(Into::into));
                }
            }
        }
        Ok(None)
    }

    fn turn(&mut self, now: Now) -> Option<Board> {
        self.estate.tick(now);
        for _ in 0..ROUNDS {
            let turn = self.gate.as_mut()?.evaluate(&self.estate, &self.facts, now);
            if turn.facts.is_empty() {
                return Some(turn.board);
            }
            turn.facts.into_iter().for_each(|f| self.learn(f));
        }
        None
    }

    fn learn(&mut self, f: Fact) {
        self.fresh.push(f.clone());
        self.facts.apply(f);
    }
}

fn parsed(facts: &[String]) -> Result<Vec<Fact>, String> {
    let read = |f: &String| serde_json::from_str(f).map_err(|e| format!("a fact is none that this version knows: {e}"));
    facts.iter().map(read).collect()
}

/// What stands on a step's board, as far as a person would ask.
type Stands = (&'static str, &'static str, String, &'static str);

fn stands(s: &StepBoard) -> Stands {
    let code = render::chief(&s.ready).map_or("", |f| f.code.as_str());
    (s.life.as_str(), s.ready.verdict.as_str(), code.to_owned(), s.done.verdict.as_str())
}

fn shown((life, ready, code, done): &Stands) -> String {
    let code = if code.is_empty() || *ready == "go" { String::new() } else { format!(" ({code})") };
    format!("{life}, ready {ready}{code}, done {done}")
}

/// Tells a recording; with another configuration, where its answers are different. False if they are.
///
/// # Errors
/// The recording cannot be read.
pub(super) fn run(file: &Path, other: Option<&Config>, say: &mut Say<'_>) -> Result<bool, String> {
    let mut recording = Recording::open(file)?;
    let mut then = Replay::new(None);
    let mut now = other.map(|c| Replay::new(Some(Arc::new(c.settings.clone()))));
    let mut account = Account::default();
    let mut differs: BTreeMap<&'static str, (Stands, Stands)> = BTreeMap::new();
    let mut began: Option<Wall> = None;
    let (mut turns, mut other_turns, mut last) = (0u64, 0u64, Dur::ZERO);
    while let Some(entry) = recording.next()? {
        if let Entry::Start { at, settings, .. } = &entry {
            last = at.wall - *began.get_or_insert(at.wall);
            let text = format!(
                "recorded from {}: migration {}, attempt {}, configuration {}",
                render::instant(at.wall),
                settings.migration,
                settings.attempt,
                settings.config_hash
            );
            say.line(&line(last.0, Who::Rehearsal, None, text));
        }
        let board = then.apply(&entry)?;
        let judged = now.as_mut().map(|r| r.apply(&entry)).transpose()?.flatten();
        let Some(board) = board else { continue };
        turns += 1;
        let at_ms = (board.at.wall - began.unwrap_or(board.at.wall)).0;
        for f in std::mem::take(&mut then.fresh) {
            account.fact(at_ms, &f);
        }
        account.board(at_ms, &board, board.at);
        let told = account.taken();
        if now.is_none() {
            told.iter().for_each(|l| say.line(l));
        }
        let mut here = false;
        for s in judged.iter().flat_map(|b| &b.steps) {
            let a = board.step(s.step.id).map(stands);
            let pair = (a.unwrap_or(("absent", "unknown", String::new(), "unknown")), stands(s));
            let known = differs.get(s.step.id);
            here |= pair.0 != pair.1;
            if pair.0 == pair.1 {
                if differs.remove(s.step.id).is_some() {
                    let text = format!("{}: the same again: {}", s.step.id, shown(&pair.0));
                    say.line(&line(at_ms, Who::Agent, Some(s.step.id), text));
                }
            } else if known != Some(&pair) {
                let text = format!("{}: recorded: {}; now: {}", s.step.id, shown(&pair.0), shown(&pair.1));
                say.line(&line(at_ms, Who::Agent, Some(s.step.id), text));
                differs.insert(s.step.id, pair);
            }
        }
        other_turns += u64::from(here);
        last = board.at.wall - began.unwrap_or(board.at.wall);
    }
    if let Some(torn) = recording.torn() {
        say.line(&line(last.0, Who::Rehearsal, None, format!("the recording is {torn}: the agent was killed there")));
    }
    let text = match &now {
        None => format!("{turns} evaluations"),
        Some(_) => format!("{turns} evaluations, {other_turns} of them with different answers"),
    };
    say.line(&line(last.0, Who::Rehearsal, None, text));
    Ok(other_turns == 0)
}

fn line(at_ms: i64, who: Who, step: Option<&'static str>, text: String) -> Line {
    Line { at_ms, who, step, verdict: None, code: None, text }
}
