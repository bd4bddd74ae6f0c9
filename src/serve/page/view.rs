//! What the page shows of a board at one instant, in the words of the other surfaces.

use super::Wish;
use super::checks::{Check, Found, Mark, blockers, checks};
use crate::agent::Published;
use crate::serve::answer::Said;
use crate::serve::json::{by_whom, relaxations, rfc3339, since_and_by, when};
use crate::serve::route::{YOUNG, age};
use cutover_core::gate::board::{Answer, Gated, Life, StepBoard, TrackBoard, Verdict};
use cutover_core::hint;
use cutover_core::reading::{Code, Finding, Tri};
use cutover_core::render;
use cutover_core::settings;
use cutover_core::time::{Dur, Now, Wall};
use std::collections::BTreeSet;

/// The board.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) migration: &'a str,
    pub(super) attempt: u32,
    pub(super) config: &'a str,
    /// When it was evaluated, how long ago, and until when it may be believed.
    pub(super) evaluated: Instant,
    pub(super) age: Dur,
    pub(super) until: Instant,
    /// How long it may still be believed.
    pub(super) left: Dur,
    /// It is too old to be believed.
    pub(super) old: bool,
    /// The estate is simulated.
    pub(super) simulated: bool,
    pub(super) faster: Option<i64>,
    pub(super) journal: Option<&'a str>,
    pub(super) suspect: Option<&'a str>,
    pub(super) holds: Vec<String>,
    pub(super) words: Vec<String>,
    pub(super) relaxed: Vec<String>,
    pub(super) targets: Vec<TargetRow>,
    pub(super) tracks: Vec<Track>,
    pub(super) started: Instant,
}

/// An instant for machines and for people.
#[derive(Debug)]
pub(super) struct Instant {
    pub(super) exact: String,
    pub(super) said: String,
}

/// A target and whether it is measured.
#[derive(Debug)]
pub(super) struct TargetRow {
    pub(super) name: String,
    pub(super) up: bool,
    pub(super) last: Option<String>,
}

/// A track with its steps, in order.
#[derive(Debug)]
pub(super) struct Track {
    /// As in the configuration.
    pub(super) name: &'static str,
    /// As people write it.
    pub(super) title: &'static str,
    /// Since when its downtime is open, and for how long.
    pub(super) downtime: Option<(Instant, Dur)>,
    pub(super) done: usize,
    pub(super) steps: Vec<Step>,
}

/// A step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) id: &'static str,
    pub(super) does: &'static str,
    pub(super) position: usize,
    pub(super) mark: Mark,
    /// What the mark answers; `None` where the step is settled.
    pub(super) asks: Option<&'static str>,
    /// Another step comes first: nothing to be done here yet.
    pub(super) waits: bool,
    pub(super) life: &'static str,
    /// Its life is an alarm by itself.
    pub(super) alarm: bool,
    pub(super) since: Option<Instant>,
    pub(super) by: Option<String>,
    pub(super) no_way_back: bool,
    pub(super) undone: u64,
    pub(super) code: Option<&'static str>,
    pub(super) why: Option<String>,
    pub(super) fix: Option<String>,
    pub(super) more: usize,
    pub(super) earliest: Option<Instant>,
    pub(super) until: Option<Instant>,
    pub(super) adoptable: bool,
    pub(super) open: bool,
    pub(super) gates: Vec<Gate>,
}

/// One of a step's two questions, with its evidence.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) asks: &'static str,
    pub(super) mark: Mark,
    pub(super) blockers: Vec<Found>,
    pub(super) checks: Vec<Check>,
}

impl<'a> Shown<'a> {
    /// What may be shown at `now`.
    pub(super) fn of(p: &'a Published, now: Now, wish: &Wish) -> Shown<'a> {
        let age = age(p, now);
        let until = until(p, now);
        let left = (until - now.wall).min(YOUNG - age);
        let old = left <= Dur::ZERO;
        Shown {
            migration: &p.settings.migration,
            attempt: p.settings.attempt,
            config: &p.settings.config_hash,
            evaluated: instant(p.board.at.wall, now.wall),
            age,
            until: instant(until, now.wall),
            left,
            old,
            simulated: p.simulated,
            faster: (p.settings.faster > 1).then_some(p.settings.faster),
            journal: p.journal.as_deref(),
            suspect: p.suspect.as_deref(),
            holds: super::super::text::holds(p).into_iter().collect(),
            words: words(p),
            relaxed: relaxations(p, None).iter().map(|r| r.said()).collect(),
            targets: targets(p, now),
            tracks: p.board.tracks.iter().map(|t| track(p, t, now, wish)).collect(),
            started: instant(p.started.wall, now.wall),
        }
    }
}

/// The earliest instant at which something on the page can no longer be believed; what is too old already is shown as
/// such and does not count, unless nothing else is left.
fn until(p: &Published, now: Now) -> Wall {
    let answers = || p.board.steps.iter().filter_map(question).map(|(_, a)| a).filter(|a| a.settled.is_none());
    let fresh = answers().filter(|a| !p.board.expired(a, now)).map(|a| a.until).min();
    match fresh.or_else(|| answers().map(|a| a.until).max()) {
        Some(until) => p.board.at.wall_of(until),
        None => p.board.at.wall + YOUNG,
    }
}

/// The question that matters for a step now.
fn question(s: &StepBoard) -> Option<(Gated, &Answer)> {
    match &s.life {
        Life::Skipped(_) => None,
        // What must stay so from then on does not.
        Life::Done(..) if s.done.verdict == Verdict::Go => None,
        Life::Done(..) | Life::Begun(..) => Some((Gated::Done, &s.done)),
        Life::Pending | Life::Undone(_) | Life::OutOfOrder => Some((Gated::Ready, &s.ready)),
    }
}

fn asks(g: Gated) -> &'static str {
    match g {
        Gated::Ready => "safe to start?",
        Gated::Done => "took effect?",
    }
}

fn track(p: &Published, t: &TrackBoard, now: Now, wish: &Wish) -> Track {
    let steps: Vec<&StepBoard> = p.board.steps.iter().filter(|s| s.step.track == t.track).collect();
    let settled = |s: &&&StepBoard| matches!(s.life, Life::Done(..) | Life::Skipped(_));
    Track {
        name: t.track.as_str(),
        title: match t.track {
            settings::Track::Services => "Services",
            settings::Track::Mongodb => "MongoDB",
            settings::Track::Kafka => "Kafka",
        },
        downtime: t.downtime.map(|at| (instant(at, now.wall), (now.wall - at).max(Dur::ZERO))),
        done: steps.iter().filter(settled).count(),
        steps: steps.into_iter().map(|s| step(p, s, now, wish)).collect(),
    }
}

fn step(p: &Published, s: &StepBoard, now: Now, wish: &Wish) -> Step {
    let (since, ..) = since_and_by(&s.life);
    let mut shown = Step {
        id: s.step.id,
        does: s.step.does,
        position: s.position,
        mark: Mark(s.life.as_str()),
        asks: None,
        waits: false,
        life: s.life.as_str(),
        alarm: matches!(s.life, Life::Undone(_) | Life::OutOfOrder),
        since: since.map(|at| instant(at, now.wall)),
        by: by_whom(&s.life),
        no_way_back: !s.step.way_back,
        undone: s.undone_total,
        code: None,
        why: None,
        fix: None,
        more: 0,
        earliest: None,
        until: None,
        adoptable: s.adoptable,
        open: wish.opens(s.step.id),
        gates: [Gated::Ready, Gated::Done].into_iter().filter_map(|g| gate(p, s, g, now)).collect(),
    };
    if let Life::Skipped(why) = &s.life {
        shown.why = Some(format!("left out by the configuration: {why}"));
    }
    if let Some((gated, answer)) = question(s) {
        judge(&mut shown, &Said::of(p, s, gated, now), answer);
    }
    shown
}

fn judge(shown: &mut Step, said: &Said<'_>, answer: &Answer) {
    shown.mark = said.verdict.into();
    shown.asks = Some(if answer.took_effect { "still so?" } else { asks(said.question) });
    shown.until = Some(instant(said.until(), said.now.wall)).filter(|_| said.verdict == Verdict::Go);
    if said.verdict == Verdict::Go {
        return;
    }
    // The summary of the other surfaces, less the verdict and the code, which stand on their own here.
    let why = said.summary.split_once("): ").map_or(&*said.summary, |(_, why)| why);
    shown.why = Some(why.to_owned());
    shown.code = Some(said.code.as_str());
    if !said.stands() {
        return;
    }
    shown.waits = matches!(said.code, Code::Predecessor | Code::After) && !shown.alarm;
    shown.earliest = answer.earliest_go.map(|at| instant(at, said.now.wall));
    shown.fix = render::chief(answer).and_then(|f| hint::fix(&f)).map(|f| f.to_string());
    let all = answer.blockers.iter().filter(|f| f.is != Tri::Yes).count()
        + answer.missing().map(|c| c.reading.bad.max(1)).sum::<usize>();
    shown.more = all.saturating_sub(1);
}

fn gate(p: &Published, s: &StepBoard, gated: Gated, now: Now) -> Option<Gate> {
    let said = Said::of(p, s, gated, now);
    // What is settled is said by its life; its checks are not judged any more.
    let blockers = if said.answer.settled.is_some() { Vec::new() } else { blockers(said.answer) };
    let checks = checks(said.answer, age(p, now), now.wall);
    if blockers.is_empty() && checks.is_empty() {
        return None;
    }
    Some(Gate { asks: asks(gated), mark: said.verdict.into(), blockers, checks })
}

/// Persons' words that count now: each stands where a check would otherwise have measured.
fn words(p: &Published) -> Vec<String> {
    let answers = p.board.steps.iter().flat_map(|s| [&s.ready, &s.done]);
    let findings = answers.flat_map(|a| a.checks.iter()).flat_map(|c| c.reading.worst.iter().map(move |f| (c, f)));
    let word = |f: &Finding| matches!(f.code, Code::Confirmed | Code::Accepted);
    let said: BTreeSet<String> =
        findings.filter(|(_, f)| word(f)).map(|(c, f)| format!("{}: {}", c.check.id, render::sentence(f))).collect();
    said.into_iter().collect()
}

fn targets(p: &Published, now: Now) -> Vec<TargetRow> {
    let rows = p.measures.targets.iter();
    rows.map(|(name, t)| TargetRow {
        name: name.to_string(),
        up: t.up,
        last: t.last_success.map(|at| format!("{}, {} ago", when(at, now.wall), (now.wall - at).max(Dur::ZERO))),
    })
    .collect()
}

fn instant(at: Wall, now: Wall) -> Instant {
    Instant { exact: rfc3339(at), said: when(at, now) }
}
