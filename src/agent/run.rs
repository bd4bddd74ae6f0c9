//! The main loop: samples and requests in, facts to disk, boards out. The only writer of estate, facts and journal.

use super::{About, Denied, HISTORY, Handle, Published, Request, Taken};
use crate::clock::{self, Clock};
use crate::journal_folder::Opened;
use crate::record::Recorder;
use arc_swap::ArcSwap;
use cutover_core::Name;
use cutover_core::estate::{Estate, Sample, Target};
use cutover_core::facts::{Fact, Facts};
use cutover_core::gate::Gate;
use cutover_core::gate::board::{Board, Verdict};
use cutover_core::gate::ops::{Op, taken};
use cutover_core::reading::Demand;
use cutover_core::render;
use cutover_core::settings::Settings;
use cutover_core::time::Now;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Evaluating again with new facts settles after a few rounds; more than this is a defect, and then nothing is go.
pub(crate) const ROUNDS: usize = 16;
/// Bytes of the hold file that are shown.
const HOLD_FILE: usize = 1024;

/// What an agent is made of.
pub(crate) struct Parts {
    /// What it decides by.
    pub settings: Arc<Settings>,
    /// Its journal and what it held.
    pub opened: Opened,
    /// Where samples come in.
    pub samples: mpsc::Receiver<Sample>,
    /// Where readings beyond the regular ones are asked for.
    pub demands: watch::Sender<BTreeSet<Demand>>,
    /// A file whose presence holds every step.
    pub hold_file: Option<PathBuf>,
    /// Where everything it decides by is recorded, if anywhere.
    pub recorder: Option<Recorder>,
}

/// The running agent.
pub(crate) struct Agent {
    parts: Parts,
    requests: mpsc::Receiver<Request>,
    published: Arc<ArcSwap<Option<Arc<Published>>>>,
    estate: Estate,
    facts: Facts,
    gate: Gate,
    history: Arc<Vec<Name>>,
    journal_error: Option<Name>,
    started: Now,
    hold: Option<String>,
    said: BTreeMap<&'static str, (Verdict, &'static str)>,
    failing: BTreeMap<Target, bool>,
}

impl Agent {
    /// An agent that remembers what its journal held.
    ///
    /// # Errors
    /// A record that is not a fact this version knows: deciding without it could be wrong.
    pub(crate) fn new(mut parts: Parts) -> Result<(Agent, Handle), String> {
        let mut facts = Facts::default();
        let mut history = Vec::new();
        for r in std::mem::take(&mut parts.opened.records) {
            let fact: Fact = serde_json::from_str(&r.payload).map_err(|e| {
                format!(
                    "record {} of the journal is not a fact this version knows ({e}); run the version that wrote it",
                    r.seq
                )
            })?;
            facts.apply(fact);
            history.push(Name::from(r.payload));
        }
        let started = clock::now();
        if let Some(r) = &mut parts.recorder {
            let facts: Vec<String> = history.iter().map(ToString::to_string).collect();
            r.start(started, &parts.settings, &facts);
        }
        let drop = history.len().saturating_sub(HISTORY);
        history.drain(..drop);
        let (requests_in, requests) = mpsc::channel(64);
        let published = Arc::new(ArcSwap::from_pointee(None));
        let handle = Handle { published: published.clone(), requests: requests_in, clock: Clock::Machine };
        let gate = Gate::new(parts.settings.clone());
        let agent = Agent {
            parts,
            requests,
            published,
            estate: Estate::watching(started),
            facts,
            gate,
            history: Arc::new(history),
            journal_error: None,
            started,
            hold: None,
            said: BTreeMap::new(),
            failing: BTreeMap::new(),
        };
        Ok((agent, handle))
    }

    /// Runs until `stop` turns true.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|s| *s) => return,
                Some(request) = self.requests.recv() => self.answer(request),
                Some(sample) = self.parts.samples.recv() => {
                    self.take(sample);
                    self.turn();
                }
                _ = tick.tick() => {
                    self.look_at_hold_file();
                    self.mend_journal();
                    self.turn();
                }
            }
        }
    }

    fn take(&mut self, sample: Sample) {
        let failed = sample.outcome.as_ref().err().map(|f| (f.kind, f.message.clone()));
        let target = sample.target.clone();
        // One line when a target changes state, not one per failure.
        if self.failing.insert(target.clone(), failed.is_some()) != Some(failed.is_some()) {
            match failed {
                Some((kind, why)) => tracing::warn!(%target, kind = kind.as_str(), "cannot be sampled: {why}"),
                None => tracing::info!(%target, "is sampled"),
            }
        }
        let now = clock::now();
        if let Some(r) = &mut self.parts.recorder {
            r.sample(now, &sample);
        }
        self.estate.apply(sample, now);
    }

    /// Evaluates until no fact is new, and publishes.
    fn turn(&mut self) {
        let now = clock::now();
        if let Some(r) = &mut self.parts.recorder {
            r.turn(now);
        }
        self.estate.tick(now);
        for round in 0..ROUNDS {
            let turn = self.gate.evaluate(&self.estate, &self.facts, now);
            if turn.facts.is_empty() {
                self.ask(turn.demands);
                self.publish(turn.board, None);
                return;
            }
            if self.write(turn.facts).is_err() {
                self.publish(turn.board, u32::try_from(round).ok());
                return;
            }
        }
        self.journal_error = Some("new facts did not settle: a defect, please report it with the journal".into());
        tracing::error!("new facts did not settle after {ROUNDS} rounds");
        let turn = self.gate.evaluate(&self.estate, &self.facts, now);
        self.publish(turn.board, None);
        self.journal_error = None;
    }

    /// Facts count only once they are on disk.
    fn write(&mut self, facts: Vec<Fact>) -> Result<(), Name> {
        let lines: Result<Vec<String>, _> = facts.iter().map(serde_json::to_string).collect();
        let lines = lines.map_err(|e| Name::from(e.to_string()))?;
        let journal = &mut self.parts.opened.journal;
        if let Err(e) = tokio::task::block_in_place(|| journal.append(&lines)) {
            let why = Name::from(format!("{e}"));
            if self.journal_error.is_none() {
                tracing::error!("nothing is go until facts can be written: {why}");
            }
            self.journal_error = Some(why.clone());
            return Err(why);
        }
        let history = Arc::make_mut(&mut self.history);
        for (fact, line) in facts.into_iter().zip(lines) {
            match &fact {
                Fact::WasGo { .. } | Fact::Gaps { .. } | Fact::Empty { .. } => tracing::debug!(%line, "journaled"),
                _ => tracing::info!(%line, "journaled"),
            }
            history.push(line.into());
            self.facts.apply(fact);
        }
        let drop = history.len().saturating_sub(HISTORY);
        history.drain(..drop);
        Ok(())
    }

    fn mend_journal(&mut self) {
        if self.parts.opened.journal.poisoned().is_none() {
            self.journal_error = None;
            return;
        }
        let journal = &mut self.parts.opened.journal;
        match tokio::task::block_in_place(|| journal.reopen()) {
            Ok(_) => {
                tracing::info!("facts can be written again");
                self.journal_error = None;
            }
            Err(e) => self.journal_error = Some(e.to_string().into()),
        }
    }

    fn answer(&mut self, request: Request) {
        // Nothing may rest on facts that the newest samples imply and the journal does not hold yet.
        self.turn();
        let Request { author, reason, op, reply } = request;
        let outcome = match &self.journal_error {
            Some(why) => Err(Denied::Journal(why.clone())),
            None => self.judge(&author, &reason, &op),
        };
        match &outcome {
            Ok(_) => tracing::info!(%author, ?op, "accepted"),
            Err(Denied::Refused(r)) => tracing::info!(%author, ?op, "refused: {}", r.text()),
            Err(Denied::Journal(why)) => tracing::error!(%author, ?op, "refused, facts cannot be written: {why}"),
        }
        self.turn();
        let published = self.published.load().as_ref().clone();
        let answer = match (outcome, published) {
            (Ok(said), Some(published)) => Ok(Taken { published, said }),
            (Ok(_), None) => Err(Denied::Journal("no board has been published yet".into())),
            (Err(e), _) => Err(e),
        };
        // A client that has gone away does not undo what it asked for.
        let _ = reply.send(answer);
    }

    /// What a request made true, once it is on the disk.
    fn judge(&mut self, author: &Name, reason: &Name, op: &Op) -> Result<Option<String>, Denied> {
        let now = clock::now();
        self.estate.tick(now);
        let facts = self.gate.request(&self.estate, &self.facts, now, author, reason, op).map_err(Denied::Refused);
        let outcome = facts.and_then(|facts| {
            self.write(facts.clone()).map_err(Denied::Journal)?;
            Ok(facts)
        });
        if let Some(r) = &mut self.parts.recorder {
            r.asked(now, author, reason, op, outcome.as_deref().ok());
        }
        outcome.map(|facts| taken(&facts))
    }

    fn ask(&self, demands: BTreeSet<Demand>) {
        self.parts.demands.send_if_modified(|old| {
            let new = *old != demands;
            if new {
                *old = demands;
            }
            new
        });
    }

    /// Shows a board; the journal did not take facts after it took those of `unwritten` rounds, if so.
    fn publish(&mut self, board: Board, unwritten: Option<u32>) {
        if let Some(r) = &mut self.parts.recorder {
            r.journal(board.at, self.journal_error.as_ref());
            r.turned(&board, unwritten);
        }
        for s in &board.steps {
            let said = (s.ready.verdict, render::chief(&s.ready).map_or("", |f| f.code.as_str()));
            if self.said.insert(s.step.id, said) != Some(said) {
                let answer = render::answer(&s.ready);
                tracing::info!(step = s.step.id, life = s.life.as_str(), "{answer}");
            }
        }
        let about = About {
            journal: self.journal_error.clone(),
            suspect: self.parts.opened.suspect.clone(),
            started: self.started,
            history: self.history.clone(),
            simulated: false,
        };
        let published = Published::of(board, &self.estate, &self.facts, &self.parts.settings, about);
        self.published.store(Arc::new(Some(Arc::new(published))));
    }

    fn look_at_hold_file(&mut self) {
        let Some(path) = &self.parts.hold_file else { return };
        let text = match std::fs::read(path) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(HOLD_FILE)]);
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Some(if text.is_empty() { "no reason given".to_owned() } else { text })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => Some(format!("{} cannot be read ({e}), which counts as held", path.display())),
        };
        if text != self.hold
            && let Some(r) = &mut self.parts.recorder
        {
            r.hold_file(clock::now(), text.as_deref());
        }
        self.hold.clone_from(&text);
        self.gate.set_hold_file(text.map(Name::from));
    }
}
