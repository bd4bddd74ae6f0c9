//! What came of a run, and of many.

use crate::scenario::Expect;
use crate::watch::{Failing, STEPS};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Gos checked.
    pub gos: u64,
    /// Dones checked.
    pub dones: u64,
    /// Evaluations of the gate.
    pub turns: u64,
    /// Broken promises.
    pub failing: Vec<Failing>,
    /// What the scenario expected and did not get.
    pub missed: Vec<String>,
    /// What it expected never to be, and was: a go or a done.
    pub let_through: Vec<String>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// How far the operator of the Kafka track came: 8 is the end.
    pub phase: u8,
    /// How far the operator of the MongoDB track came: 10 is the end.
    pub phase_there: u8,
    /// How far the operator of the services track came: 8 is the end.
    pub phase_of_services: u8,
    /// The migration came to its end.
    pub finished: bool,
    /// When it ended, in true milliseconds.
    pub ended: i64,
    /// What was said and done.
    pub story: Vec<String>,
}

impl Outcome {
    /// What was said that should not have been, if anything was: a go or a done, not a step that got stuck.
    pub fn unsafe_because(&self) -> Option<String> {
        let worse = |f: &&Failing| !matches!(f.what, "stuck" | "unsettled");
        let said = self.failing.iter().find(worse).map(|f| format!("{} {}: {}", f.what, f.step, f.kind));
        said.or_else(|| self.let_through.first().cloned())
    }

    /// Of a world that has been played.
    pub fn of(w: World) -> Outcome {
        Outcome::judged(&w)
    }

    /// Of a world as far as it has been played.
    pub fn judged(w: &World) -> Outcome {
        let (mut missed, mut let_through) = (Vec::new(), Vec::new());
        for e in &w.scenario.expects {
            let first = |m: &BTreeMap<&'static str, i64>, s: &str| m.get(s).copied();
            let bad = match e {
                Expect::NoGo(s, from, to) => w.watch.went.iter().any(|(at, id)| id == s && from <= at && at < to),
                Expect::Go(s, t) => first(&w.watch.first_go, s).is_none_or(|at| at > *t),
                Expect::Done(s, t) => first(&w.watch.first_done, s).is_none_or(|at| at > *t),
                Expect::NotDone(s) => first(&w.watch.first_done, s).is_some(),
                Expect::Silent(words) => w.watch.story.iter().any(|l| l.contains(words.as_str())),
                Expect::Says(words) => !w.watch.story.iter().any(|l| l.contains(words.as_str())),
            };
            match e {
                Expect::NoGo(s, ..) if bad => let_through.push(format!("go {s}: expected no-go")),
                Expect::NotDone(s) if bad => let_through.push(format!("done {s}: expected not-done")),
                _ => {}
            }
            if bad {
                missed.push(format!("{e:?}: first go {:?}, first done {:?}", w.watch.first_go, w.watch.first_done));
            }
        }
        let failing = w.watch.failing.clone();
        Outcome {
            gos: w.watch.gos,
            dones: w.watch.dones,
            turns: w.agent.turns,
            failing,
            missed,
            let_through,
            faults: w.watch.faults.clone(),
            phase: w.person.phase,
            phase_there: w.dba.phase,
            phase_of_services: w.sre.phase,
            finished: w.finished(),
            ended: w.now,
            story: w.watch.story.clone(),
        }
    }
}

/// Failures that have been reported, as (what, step, kind): a run that ends in one proves nothing more, and does not
/// fail the proof. A line goes when its defect does.
pub const REPORTED: &[(&str, &str, &str, &str)] =
    &[("stuck", "switch-producers", "never-seen", "by design: nobody was there to see the topics grow; adopt")];

/// The report a failure belongs to, if it has been reported.
pub fn reported(f: &Failing) -> Option<&'static str> {
    REPORTED.iter().find(|r| (r.0, r.1, r.2) == (f.what, f.step, f.kind.as_str())).map(|r| r.3)
}

/// Maps whose keys are no text, as lists of pairs.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        m: &BTreeMap<K, V>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(m)
    }

    pub(super) fn deserialize<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<BTreeMap<K, V>, D::Error> {
        Ok(Vec::<(K, V)>::deserialize(d)?.into_iter().collect())
    }
}

/// Many runs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Runs.
    pub runs: u64,
    /// Runs that came to the end of the playbook.
    pub finished: u64,
    /// How far they came: the phases of the Kafka, the MongoDB and the services track.
    #[serde(with = "pairs")]
    pub phases: BTreeMap<(u8, u8, u8), u64>,
    /// Gos checked.
    pub gos: u64,
    /// Dones checked.
    pub dones: u64,
    /// Evaluations of the gate.
    pub turns: u64,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// New failures by (what, step, kind), with the first seeds.
    #[serde(with = "pairs")]
    pub failing: BTreeMap<(String, String, String), (u64, Vec<u64>)>,
    /// Those that have been reported, by the report.
    pub reported: BTreeMap<String, (u64, Vec<u64>)>,
    /// Those that were failures of the program as it was then, and are none any more: what, step, kind and seed.
    #[serde(default)]
    pub mended: Vec<(String, String, String, u64)>,
    /// Simulated milliseconds.
    pub simulated: i64,
}

impl Report {
    /// Takes in one run.
    pub fn add(&mut self, seed: u64, o: &Outcome) {
        self.runs += 1;
        self.finished += u64::from(o.finished);
        *self.phases.entry((o.phase, o.phase_there, o.phase_of_services)).or_default() += 1;
        self.gos += o.gos;
        self.dones += o.dones;
        self.turns += o.turns;
        self.simulated += o.ended;
        for (k, n) in &o.faults {
            *self.faults.entry(k.clone()).or_default() += n;
        }
        for f in &o.failing {
            if let Some(why) = reported(f) {
                let e = self.reported.entry(why.to_owned()).or_default();
                e.0 += 1;
                if e.1.len() < 5 {
                    e.1.push(seed);
                }
                continue;
            }
            let e = self.failing.entry((f.what.to_owned(), f.step.to_owned(), f.kind.clone())).or_default();
            e.0 += 1;
            if e.1.len() < 5 {
                e.1.push(seed);
            }
        }
    }

    /// Takes in another report.
    pub fn merge(&mut self, o: Report) {
        self.runs += o.runs;
        self.finished += o.finished;
        self.gos += o.gos;
        self.dones += o.dones;
        self.turns += o.turns;
        self.simulated += o.simulated;
        o.phases.into_iter().for_each(|(k, n)| *self.phases.entry(k).or_default() += n);
        o.faults.into_iter().for_each(|(k, n)| *self.faults.entry(k).or_default() += n);
        let few = |e: &mut (u64, Vec<u64>), (n, seeds): (u64, Vec<u64>)| {
            e.0 += n;
            e.1.extend(seeds);
            e.1.truncate(5);
        };
        o.failing.into_iter().for_each(|(k, v)| few(self.failing.entry(k).or_default(), v));
        o.reported.into_iter().for_each(|(k, v)| few(self.reported.entry(k).or_default(), v));
        self.mended.extend(o.mended);
    }

    /// Asks of every failure whose seeds are all known whether it still is one: those that are not count as mended.
    pub fn ask_again(&mut self, fails: impl Fn(u64) -> bool) {
        for (kind, (n, seeds)) in std::mem::take(&mut self.failing) {
            let known = usize::try_from(n) == Ok(seeds.len());
            let (still, mended): (Vec<u64>, Vec<u64>) = seeds.into_iter().partition(|seed| !known || fails(*seed));
            let (what, step, why) = kind.clone();
            self.mended.extend(mended.iter().map(|seed| (what.clone(), step.clone(), why.clone(), *seed)));
            if !still.is_empty() {
                self.failing.insert(kind, (n - mended.len() as u64, still));
            }
        }
    }

    /// The first seed of a failure nobody has reported.
    pub fn first_failing(&self) -> Option<u64> {
        self.failing.values().flat_map(|(_, seeds)| seeds).min().copied()
    }

    /// False gos, stale ones included.
    pub fn false_gos(&self) -> u64 {
        self.failing.iter().filter(|(k, _)| k.0 != "stuck").map(|(_, v)| v.0).sum()
    }

    /// Stuck states.
    pub fn stuck(&self) -> u64 {
        self.failing.iter().filter(|(k, _)| k.0 == "stuck").map(|(_, v)| v.0).sum()
    }

    /// As text.
    pub fn text(&self) -> String {
        let mut o = String::new();
        let _ = writeln!(o, "migrations      {} ({} to the end)", self.runs, self.finished);
        let _ = writeln!(o, "simulated       {} h", self.simulated / 3_600_000);
        let _ = writeln!(o, "evaluations     {}", self.turns);
        let _ = writeln!(o, "gos checked     {}", self.gos);
        let _ = writeln!(o, "dones checked   {}", self.dones);
        let _ = writeln!(o, "false gos       {}", self.false_gos());
        let _ = writeln!(o, "stuck           {}", self.stuck());
        let _ = writeln!(o, "ended at        {:?}", self.phases);
        let _ = writeln!(o, "faults");
        for (k, n) in &self.faults {
            let _ = writeln!(o, "  {n:>8} {k}");
        }
        for (why, (n, seeds)) in &self.reported {
            let _ = writeln!(o, "reported {why}: {n} (seeds {seeds:?})");
        }
        for (what, step, kind, seed) in &self.mended {
            let _ = writeln!(o, "mended since: {what} {step} {kind} (seed {seed})");
        }
        for ((what, step, kind), (n, seeds)) in &self.failing {
            let _ = writeln!(o, "FAILING {what} {step} {kind}: {n} (seeds {seeds:?})");
        }
        o
    }
}

/// The place of a step in order.
pub fn position(step: &str) -> Option<usize> {
    STEPS.iter().position(|s| *s == step)
}
