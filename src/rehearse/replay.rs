//! `--replay`: a recording is fed to the real gate, and every change of its verdicts is told; and where this version does
//! not answer as was answered then, or, with other configurations, where their answers would have been different.

use super::account::{Account, Line, Who};
use super::say::Say;
use crate::agent::ROUNDS;
use crate::config::Config;
use crate::record::{Entry, Recorder, Recording, Standing, Stands, standing};
use cutover_core::estate::Estate;
use cutover_core::facts::{Fact, Facts};
use cutover_core::gate::Gate;
use cutover_core::gate::board::Board;
use cutover_core::playbook;
use cutover_core::render;
use cutover_core::settings::{Settings, Track};
use cutover_core::time::{Dur, Now, Wall};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The agent of a recording.
pub(crate) struct Replay {
    /// Judges by these instead of the recorded ones.
    other: Option<Arc<Settings>>,
    estate: Estate,
    facts: Facts,
    gate: Option<Gate>,
    /// Facts since they were last taken.
    pub(crate) fresh: Vec<Fact>,
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
            Entry::Turn(at) => return Ok(self.turn(*at, None)),
            Entry::Turned { at, unwritten, .. } => return Ok(self.turn(*at, *unwritten)),
            Entry::Asked { at, author, reason, op, facts } => {
                self.estate.tick(*at);
                if let Some(gate) = &mut self.gate {
                    // What it says now does not matter: what people did is what they did. But it looked.
                    let _ = gate.request(&self.estate, &self.facts, *at, author, reason, op);
                }
                for f in parsed(facts.as_deref().unwrap_or_default())? {
                    self.learn(f);
                }
            }
            Entry::Journal(..) => {}
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

    /// Evaluates until no fact is new, or until the journal did not take them.
    fn turn(&mut self, now: Now, unwritten: Option<u32>) -> Option<Board> {
        self.estate.tick(now);
        for round in 0..ROUNDS {
            let turn = self.gate.as_mut()?.evaluate(&self.estate, &self.facts, now);
            if turn.facts.is_empty() || unwritten.is_some_and(|n| usize::try_from(n) == Ok(round)) {
                return Some(turn.board);
            }
            turn.facts.into_iter().for_each(|f| self.learn(f));
        }
        Some(self.gate.as_mut()?.evaluate(&self.estate, &self.facts, now).board)
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

/// What a step was answered by two sides, where they were not the same.
type Pair = (Option<Stands>, Option<Stands>);

/// Where two sides answer differently: each change of it is told once.
struct Compared {
    /// How the two sides are called.
    names: [&'static str; 2],
    differs: BTreeMap<String, Pair>,
    /// Evaluations that were compared, and those of them with a difference.
    compared: u64,
    different: u64,
}

impl Compared {
    fn new(names: [&'static str; 2]) -> Compared {
        Compared { names, differs: BTreeMap::new(), compared: 0, different: 0 }
    }

    /// The agent started again: what differed before is no more.
    fn afresh(&mut self) {
        self.differs.clear();
    }

    fn look(&mut self, at_ms: i64, a: &Standing, b: &Standing, say: &mut Say<'_>) {
        let steps: BTreeSet<(usize, &String)> = a.keys().chain(b.keys()).map(|step| (place(step), step)).collect();
        let mut here = false;
        for (_, step) in steps {
            let pair = (a.get(step), b.get(step));
            let id = playbook::step(step).map(|s| s.id);
            if pair.0 == pair.1 {
                if self.differs.remove(step).is_some() {
                    say.line(&line(at_ms, Who::Agent, id, format!("{step}: the same again")));
                }
                continue;
            }
            here = true;
            if self.differs.get(step).is_some_and(|(a, b)| (a.as_ref(), b.as_ref()) == pair) {
                continue;
            }
            let (left, right) = Stands::apart(pair.0, pair.1);
            let text = format!("{step}: {}: {left}; {}: {right}", self.names[0], self.names[1]);
            say.line(&line(at_ms, Who::Agent, id, text));
            self.differs.insert(step.clone(), (pair.0.cloned(), pair.1.cloned()));
        }
        self.compared += 1;
        self.different += u64::from(here);
    }
}

/// Where a step stands in the playbook: what is different is told in its order.
fn place(step: &str) -> usize {
    let mut all = [Track::Services, Track::Mongodb, Track::Kafka].into_iter().flat_map(playbook::steps);
    all.position(|s| s.id == step).unwrap_or(usize::MAX)
}

/// What a replay came to, for programs.
#[derive(Debug, Serialize)]
struct Summary {
    replay: bool,
    /// Evaluations that were made again.
    evaluations: u64,
    /// Those whose answers are in the recording.
    compared: u64,
    /// Those of them that this version answers differently.
    different: u64,
    /// Those that the other configuration answers differently, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    different_by_configuration: Option<u64>,
}

/// Tells a recording, and where this version does not answer as it was answered then; with another configuration, where
/// that would answer differently. False if anything is different. What this version answers is recorded in `recorder`.
///
/// # Errors
/// The recording cannot be read, or the new one not be written.
pub(super) fn run(
    file: &Path,
    other: Option<&Config>,
    mut recorder: Option<Recorder>,
    say: &mut Say<'_>,
) -> Result<bool, String> {
    let mut recording = Recording::open(file)?;
    let mut then = Replay::new(None);
    let mut now = other.map(|c| Replay::new(Some(Arc::new(c.settings.clone()))));
    let mut account = Account::default();
    let mut answered = Standing::new();
    let mut by_version = Compared::new(["answered then", "this version answers"]);
    let mut by_settings = Compared::new(["recorded", "now"]);
    let mut began: Option<Wall> = None;
    let (mut turns, mut last) = (0u64, Dur::ZERO);
    while let Some(entry) = recording.next()? {
        let began = *began.get_or_insert(entry.at().map_or(Wall(0), |at| at.wall));
        if let Some(at) = entry.at() {
            last = at.wall - began;
        }
        match &entry {
            Entry::Start { at, settings, .. } => {
                answered.clear();
                by_version.afresh();
                by_settings.afresh();
                account.journal(None);
                let text = format!(
                    "recorded from {}: migration {}, attempt {}, configuration {}",
                    render::instant(at.wall),
                    settings.migration,
                    settings.attempt,
                    settings.config_hash
                );
                say.line(&line(last.0, Who::Rehearsal, None, text));
            }
            Entry::Turned { answers, .. } => {
                answered.extend(answers.iter().map(|s| (s.step.clone(), s.clone())));
            }
            Entry::Journal(_, why) => {
                account.journal(why.as_deref());
                let text = match why {
                    Some(why) => format!("facts cannot be written to the journal, and nothing is go: {why}"),
                    None => "facts can be written again".to_owned(),
                };
                say.line(&line(last.0, Who::Agent, None, text));
            }
            _ => {}
        }
        let board = then.apply(&entry)?;
        let judged = now.as_mut().map(|r| r.apply(&entry)).transpose()?.flatten();
        if let Some(r) = &mut recorder {
            again(r, &entry, board.as_ref().filter(|_| recording.first_form() || entry.answers()));
        }
        let Some(board) = board else { continue };
        turns += 1;
        for f in std::mem::take(&mut then.fresh) {
            account.fact(last.0, &f);
        }
        account.board(last.0, &board, board.at);
        let told = account.taken();
        if now.is_none() {
            told.iter().for_each(|l| say.line(l));
        }
        let stands = standing(&board);
        if entry.answers() {
            by_version.look(last.0, &answered, &stands, say);
        }
        if let Some(judged) = judged {
            by_settings.look(last.0, &stands, &standing(&judged), say);
        }
    }
    if let Some(why) = recorder.and_then(Recorder::finish) {
        return Err(format!("the new recording ends before the old one does: {why}"));
    }
    if let Some(torn) = recording.torn() {
        say.line(&line(last.0, Who::Rehearsal, None, format!("the recording is {torn}: the agent was killed there")));
    }
    let summary = Summary {
        replay: true,
        evaluations: turns,
        compared: by_version.compared,
        different: by_version.different,
        different_by_configuration: now.is_some().then_some(by_settings.different),
    };
    say.line(&line(last.0, Who::Rehearsal, None, summary.in_words(recording.first_form())));
    say.object(&summary);
    Ok(by_version.different == 0 && by_settings.different == 0)
}

impl Summary {
    fn in_words(&self, first_form: bool) -> String {
        let Summary { evaluations, compared, different, .. } = self;
        let answers = match (first_form, *compared) {
            (true, _) => "nothing to compare them with: a recording of form 1 has no answers".to_owned(),
            (false, 0) => "nothing to compare them with: the recording has no answers".to_owned(),
            (false, n) if n < *evaluations => {
                format!(
                    "{n} of them recorded with their answers, {different} of those answered differently by this version"
                )
            }
            (false, _) => format!("{different} of them answered differently by this version"),
        };
        let settings = self.different_by_configuration;
        let settings =
            settings.map_or(String::new(), |n| format!("; {n} of them with different answers by the configuration"));
        format!("{evaluations} evaluations, {answers}{settings}")
    }
}

/// Records an entry of another recording with what this version makes of it.
fn again(r: &mut Recorder, entry: &Entry, board: Option<&Board>) {
    match (entry, board) {
        (Entry::Start { at, settings, facts }, _) => r.start(*at, settings, facts),
        (Entry::Turned { at, unwritten, .. }, Some(board)) => {
            r.turn(*at);
            r.turned(board, *unwritten);
        }
        (Entry::Turn(at), Some(board)) => {
            r.turn(*at);
            r.turned(board, None);
        }
        (entry, _) => r.copy(entry.at().unwrap_or_default(), entry),
    }
}

fn line(at_ms: i64, who: Who, step: Option<&'static str>, text: String) -> Line {
    Line { at_ms, who, step, verdict: None, code: None, text }
}
