//! The agent as it runs: the real gate, estate and facts, a journal in memory, a published board.

use crate::mutate::Mutation;
use cutover_core::Name;
use cutover_core::estate::{Estate, Sample, Side, Target};
use cutover_core::facts::{Fact, Facts, LogKey};
use cutover_core::gate::Gate;
use cutover_core::gate::board::Board;
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::reading::Demand;
use cutover_core::settings::Settings;
use cutover_core::time::{Mono, Now};
use cutover_core::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const ROUNDS: usize = 16;

/// What stands around an agent: where its facts go, who is shown its boards, what its samples are called. A rehearsal
/// puts the real journal and the real surfaces here; without any, the disk is memory and nobody looks.
pub trait Outside: std::fmt::Debug {
    /// Facts go to the disk, as text; they count only if this succeeds.
    fn append(&mut self, facts: &[Fact], lines: &[String]) -> bool;
    /// The process starts again: what the disk holds, which was lost with everything on it if `lost`.
    fn reopen(&mut self, lost: bool) -> Vec<String>;
    /// A sample is about to be applied; it may be given other names.
    fn taking(&mut self, sample: &mut Sample, now: Now);
    /// Readings are asked for; they may have to be given the model's names.
    fn asking(&mut self, demands: BTreeSet<Demand>) -> BTreeSet<Demand>;
    /// It is about to evaluate.
    fn turning(&mut self, now: Now);
    /// A person's request was judged, by whom and why: the facts that it makes, before they are written; none if it is
    /// refused.
    fn asked(&mut self, by: &(Name, Name), op: &Op, facts: Option<&[Fact]>, now: Now);
    /// A board is published.
    fn publishing(&mut self, board: &Board, estate: &Estate, facts: &Facts);
}

/// A board and the samples it was made of, in true milliseconds: (sent, received) by target.
#[derive(Debug)]
pub struct Published {
    /// The board.
    pub board: Board,
    /// The newest good samples then.
    pub rests: BTreeMap<Target, (i64, i64)>,
    /// When it was published, in true milliseconds.
    pub at: i64,
    /// Which board it is.
    pub serial: u64,
}

/// The agent.
#[derive(Debug)]
pub struct Agent {
    /// What it decides by.
    pub settings: Arc<Settings>,
    /// It runs.
    pub up: bool,
    /// The facts on the disk, as text, a turn each.
    pub disk: Vec<Vec<String>>,
    /// The newest board; readers keep it while the agent is down.
    pub published: Option<Arc<Published>>,
    /// What the gate wants.
    pub demands: BTreeSet<Demand>,
    /// Facts of the last turn.
    pub fresh: Vec<Fact>,
    /// New facts never ended.
    pub unsettled: bool,
    /// Evaluations.
    pub turns: u64,
    /// Die after the next write, before anything is applied or published.
    pub die_after_write: bool,
    /// What stands around it.
    pub outside: Option<Box<dyn Outside>>,
    /// Who asks, and why: what the journal says of the operator's requests.
    pub author: (Name, Name),
    estate: Estate,
    facts: Facts,
    gate: Gate,
    times: BTreeMap<Target, BTreeMap<Mono, (i64, i64)>>,
    mutation: Option<Mutation>,
}

impl Agent {
    /// An agent that knows nothing.
    pub fn new(settings: Arc<Settings>, mutation: Option<Mutation>) -> Agent {
        Agent {
            gate: Gate::new(settings.clone()),
            settings,
            up: true,
            disk: Vec::new(),
            published: None,
            demands: BTreeSet::new(),
            fresh: Vec::new(),
            unsettled: false,
            turns: 0,
            die_after_write: false,
            outside: None,
            author: ("alice".into(), "because".into()),
            estate: Estate::new(),
            facts: Facts::default(),
            times: BTreeMap::new(),
            mutation,
        }
    }

    /// What it has journaled, as a look-up.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What it has measured.
    pub fn estate(&self) -> &Estate {
        &self.estate
    }

    /// Starts again with what is on the disk.
    ///
    /// # Panics
    /// If a fact cannot be read back from its own text: a defect of the facts.
    pub fn restart(&mut self, now: Now) {
        self.estate = Estate::watching(now);
        self.facts = Facts::default();
        self.gate = Gate::new(self.settings.clone());
        self.demands.clear();
        self.die_after_write = false;
        let kept = match &mut self.outside {
            Some(o) => o.reopen(self.disk.is_empty()),
            None => self.disk.iter().flatten().cloned().collect(),
        };
        for line in &kept {
            self.facts.apply(serde_json::from_str(line).expect("a fact reads back"));
        }
        self.up = true;
    }

    /// Takes in a sample; the true times of a regular one are kept beside it.
    pub fn take(&mut self, mut sample: Sample, times: Option<(i64, i64)>, now: Now) {
        if let Some(times) = times {
            let kept = self.times.entry(sample.target.clone()).or_default();
            kept.insert(sample.span.sent, times);
            if kept.len() > 32 {
                kept.pop_first();
            }
        }
        if let Some(o) = &mut self.outside {
            o.taking(&mut sample, now);
        }
        self.estate.apply(sample, now);
    }

    /// Evaluates until no fact is new, and publishes. False if it died on the way.
    pub fn turn(&mut self, now: Now, truly: i64) -> bool {
        if let Some(o) = &mut self.outside {
            o.turning(now);
        }
        self.estate.tick(now);
        for _ in 0..ROUNDS {
            self.turns += 1;
            if self.mutation == Some(Mutation::AnchorsFollow) {
                self.let_anchors_follow();
            }
            let mut t = self.gate.evaluate(&self.estate, &self.facts, now);
            if let Some(m) = self.mutation.filter(|_| t.facts.is_empty()) {
                t.facts = m.concludes(&t.board, &View::new(&self.estate, &self.facts, &self.settings, now));
            }
            if self.mutation == Some(Mutation::EverythingWasGo) {
                let was = |s: &str| Fact::WasGo { step: s.into(), from: now.wall, until: now.wall };
                let last = |s: &&str| matches!(*s, "retire-source" | "start-writers" | "switch-dns");
                crate::watch::STEPS.iter().filter(|s| !last(s)).for_each(|s| self.facts.apply(was(s)));
            }
            if t.facts.is_empty() {
                self.demands = match &mut self.outside {
                    Some(o) => o.asking(t.demands),
                    None => t.demands,
                };
                self.publish(t.board, truly);
                return true;
            }
            if !self.write(t.facts) {
                return false;
            }
        }
        self.unsettled = true;
        true
    }

    /// Anchors are what was measured last.
    fn let_anchors_follow(&mut self) {
        let mut moved = Vec::new();
        if self.facts.is_done("stop-consumers")
            && let Some(k) = self.estate.kafka(Side::Source)
            && let Some((_, s)) = k.last()
        {
            moved.extend(k.ends().iter().map(|((topic, partition), m)| {
                let (cluster, topic) = (s.cluster_id.clone(), topic.clone());
                let key = LogKey { cluster, id: m.id, topic, partition: *partition };
                Fact::SourceEnd { key, offset: m.ends.high, adopted: None }
            }));
        }
        for (side, step) in [(Side::Source, "stop-writers"), (Side::Destination, "stop-mirror")] {
            let newest = self.estate.mongodb(side).filter(|_| self.facts.is_done(step)).and_then(|m| m.last());
            let Some((_, s)) = newest else { continue };
            let last = s.writes.as_ref().ok().and_then(|w| w.last.values().max().copied());
            moved.extend(last.map(|ts| Fact::LastWrite { set: s.set_id.clone(), ts, unseen: false, adopted: None }));
        }
        moved.into_iter().for_each(|f| self.facts.apply(f));
    }

    fn publish(&mut self, board: Board, truly: i64) {
        if let Some(o) = &mut self.outside {
            o.publishing(&board, &self.estate, &self.facts);
        }
        let newest = |t: &Target| match t {
            Target::Kafka(side) => self.estate.kafka(*side).and_then(|m| m.last()).map(|(s, _)| s.sent),
            Target::Mongodb(side) => self.estate.mongodb(*side).and_then(|m| m.last()).map(|(s, _)| s.sent),
            Target::Mirror(name) => self.estate.mirror(name).and_then(|m| m.last()).map(|(s, _)| s.sent),
            Target::Probe(name) => self.estate.probe(name).and_then(|m| m.last()).map(|(s, _)| s.sent),
        };
        let rests = self.times.iter().filter_map(|(t, kept)| Some((t.clone(), *kept.get(&newest(t)?)?)));
        let rests = rests.collect();
        self.published = Some(Arc::new(Published { board, rests, at: truly, serial: self.turns }));
    }

    fn write(&mut self, facts: Vec<Fact>) -> bool {
        let forgets = |f: &Fact| self.mutation.is_some_and(|m| m.forgets(f));
        let lines: Vec<String> =
            facts.iter().filter(|f| !forgets(f)).filter_map(|f| serde_json::to_string(f).ok()).collect();
        if self.outside.as_mut().is_some_and(|o| !o.append(&facts, &lines)) {
            return false;
        }
        self.disk.push(lines);
        if self.die_after_write {
            self.up = false;
            return false;
        }
        for f in facts {
            self.fresh.push(f.clone());
            self.facts.apply(f);
        }
        true
    }

    /// A person's request.
    ///
    /// # Errors
    /// The refusal, or `None` if the agent died while it wrote.
    pub fn request(&mut self, op: &Op, now: Now, truly: i64) -> Result<(), Option<Refusal>> {
        if !self.up || !self.turn(now, truly) {
            return Err(None);
        }
        let by = self.author.clone();
        let answer = self.gate.request(&self.estate, &self.facts, now, &by.0, &by.1, op);
        if let Some(o) = &mut self.outside {
            o.asked(&by, op, answer.as_deref().ok(), now);
        }
        let facts = answer.map_err(Some)?;
        if !self.write(facts) || !self.turn(now, truly) {
            return Err(None);
        }
        Ok(())
    }
}
