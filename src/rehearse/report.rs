//! What came of a rehearsal: each step's times, the downtimes to expect, and the line that confirms it.

use super::account::{Account, Times};
use super::drive::Ended;
use super::plan::Plan;
use cutover_core::playbook;
use cutover_core::render;
use cutover_core::settings::Track;
use cutover_core::time::Dur;
use cutover_sim::report::Outcome;
use cutover_sim::world::World;
use serde::Serialize;

/// Other seeds that are played in silence to see how far downtimes lie apart.
const SEEDS: u64 = 4;

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    simulated: bool,
    /// What was rehearsed.
    pub(super) of: String,
    migration: Option<String>,
    attempt: Option<u32>,
    config_hash: Option<String>,
    seed: u64,
    /// The end of the playbook was reached.
    pub(super) finished: bool,
    /// How long it took.
    pub(super) lasted_seconds: i64,
    /// Each step, in order.
    pub(super) steps: Vec<StepReport>,
    /// Each track's downtime.
    pub(super) downtimes: Vec<DowntimeReport>,
    /// What was taken from a recording of the real estate.
    pub(super) measured: Vec<String>,
    /// What was invented.
    pub(super) assumptions: Vec<String>,
    /// What a scenario expected and did not get, and what should never have been said.
    pub(super) broken: Vec<String>,
    /// What it waits for, if it did not come to its end.
    pub(super) waits_for: Option<String>,
    /// The line that confirms the requirement, if it stands for a real migration.
    pub(super) confirm: Option<String>,
    #[serde(skip)]
    scripted: bool,
}

/// One step.
#[derive(Debug, Serialize)]
pub(super) struct StepReport {
    pub(super) step: &'static str,
    track: Track,
    pub(super) irreversible: bool,
    pub(super) next_seconds: Option<i64>,
    pub(super) waited_seconds: Option<i64>,
    pub(super) begun_seconds: Option<i64>,
    pub(super) done_seconds: Option<i64>,
    pub(super) took_seconds: Option<i64>,
}

/// One track's downtime.
#[derive(Debug, Serialize)]
pub(super) struct DowntimeReport {
    pub(super) track: Track,
    /// In this run, all together; none where it did not end.
    pub(super) seconds: Option<i64>,
    /// The shortest and the longest over some more seeds.
    pub(super) expect_seconds: Option<(i64, i64)>,
    pub(super) rehearsals: u64,
}

impl Report {
    /// Of a rehearsal that is over.
    pub(super) fn of(plan: &Plan, account: &Account, w: &World, ended: Ended) -> Report {
        let board = w.agent.published.as_ref().map(|p| &p.board);
        let secs = |ms: i64| ms / 1000;
        let steps = plan.settings.tracks.iter().flat_map(|t| playbook::steps(*t)).map(|s| {
            let t: Times = account.times.get(s.id).copied().unwrap_or_default();
            let apart = |a: Option<i64>, b: Option<i64>| Some(secs((b? - a?).max(0)));
            StepReport {
                step: s.id,
                track: s.track,
                irreversible: !s.way_back,
                next_seconds: t.next.map(secs),
                waited_seconds: apart(t.next, t.go),
                begun_seconds: t.begun.map(secs),
                done_seconds: t.done.map(secs),
                took_seconds: apart(t.begun, t.done),
            }
        });
        let steps: Vec<StepReport> = steps.collect();
        let finished = w.finished();
        let waits_for = board.filter(|_| !finished).and_then(|b| {
            let s = b.steps.iter().find(|s| s.life.as_str() != "done" && s.life.as_str() != "skipped")?;
            let begun = s.life.as_str() == "begun";
            let said = render::answer(if begun { &s.done } else { &s.ready });
            Some(format!("{}{}: {said}", s.step.id, if begun { " done?" } else { "" }))
        });
        let outcome = Outcome::judged(w);
        let mut broken = outcome.missed.clone();
        let counts = |what: &str| plan.scripted || (what != "stuck" && plan.settings.faster == 1);
        broken.extend(
            outcome.failing.iter().filter(|f| counts(f.what)).map(|f| format!("{} {}: {}", f.what, f.step, f.text)),
        );
        if ended == Ended::Stopped {
            broken.push("stopped by a person".to_owned());
        }
        let downtimes = downtimes(plan, account, finished && !plan.scripted);
        let confirm = plan.real.as_ref().filter(|_| finished && broken.is_empty()).map(|r| {
            let down = downtimes.iter().filter_map(|d| Some(format!("{} downtime {}", d.track, said(d)?)));
            let down = down.collect::<Vec<_>>().join(", ");
            format!(
                "cutover-agent confirm requirement rehearsed --reason \"rehearsed on a simulated estate: configuration {}, \
                 seed {}, {down}\"",
                r.config_hash, plan.scenario.seed
            )
        });
        Report {
            schema_version: 1,
            simulated: true,
            of: plan.of.clone(),
            migration: plan.real.as_ref().map(|r| r.migration.to_string()),
            attempt: plan.real.as_ref().map(|r| r.attempt),
            config_hash: plan.real.as_ref().map(|r| r.config_hash.to_string()),
            seed: plan.scenario.seed,
            finished,
            lasted_seconds: secs(w.now),
            steps,
            downtimes,
            measured: plan.measured.clone(),
            assumptions: plan.assumptions.clone(),
            broken,
            waits_for,
            confirm,
            scripted: plan.scripted,
        }
    }

    /// Whether all went as it should.
    pub(super) fn good(&self) -> bool {
        self.broken.is_empty() && (self.finished || self.scripted)
    }
}

/// A downtime to expect, in words.
pub(super) fn said(d: &DowntimeReport) -> Option<String> {
    let dur = |s: i64| Dur::secs(s).to_string();
    Some(match d.expect_seconds {
        Some((least, most)) if least < most => format!("{} to {}", dur(least), dur(most)),
        _ => dur(d.seconds?),
    })
}

fn downtimes(plan: &Plan, account: &Account, expect: bool) -> Vec<DowntimeReport> {
    let total = |a: &Account, t: Track| -> Option<i64> {
        let all = a.downtimes.get(&t).filter(|d| !d.is_empty())?;
        all.iter().map(|(from, to)| Some((*to)? - from)).sum::<Option<i64>>().map(|ms| ms / 1000)
    };
    let others: Vec<Account> = match expect {
        true => (1..=SEEDS)
            .map(|n| {
                let mut other = plan.clone();
                other.seeded(plan.scenario.seed.wrapping_add(n));
                other.silently().1
            })
            .collect(),
        false => Vec::new(),
    };
    let tracks = plan.settings.tracks.iter().filter(|t| account.downtimes.get(t).is_some_and(|d| !d.is_empty()));
    tracks
        .map(|t| {
            let seconds = total(account, *t);
            let all: Vec<i64> = seconds.into_iter().chain(others.iter().filter_map(|a| total(a, *t))).collect();
            let expect_seconds = all.iter().min().copied().zip(all.iter().max().copied()).filter(|_| seconds.is_some());
            DowntimeReport { track: *t, seconds, expect_seconds, rehearsals: all.len() as u64 }
        })
        .collect()
}
