//! The life of a step (`pending → begun → done`), what it waits for, and the board made of it. The same for all steps.

mod ready;

use super::Gate;
use super::board::{Answer, Board, CheckBoard, Life, StepBoard, TrackBoard, Verdict};
use super::judge::Judged;
use crate::Name;
use crate::facts::{Fact, How, StepFacts};
use crate::playbook::{Downtime, Effect, Step, steps};
use crate::reading::{Code, Finding, Subject, Tri};
use crate::render;
use crate::settings::Track;
use crate::time::{Dur, Mono, Wall};
use crate::view::View;

/// How often "it is go" is journaled while it stays so.
const GO_NOTED: Dur = Dur::mins(1);
/// A board without any sample behind it may be believed for this long.
const BOARD: Dur = Dur::secs(15);

pub(super) fn board(gate: &mut Gate, v: &View<'_>, j: &Judged, new: &mut Vec<Fact>) -> Board {
    let all = || v.settings.tracks.iter().flat_map(|t| steps(*t).iter().copied().enumerate());
    let mut w = World { v, j, hold_file: gate.hold_file.clone(), lives: Vec::new(), dones: Vec::new() };
    w.lives = all().map(|(_, s)| (s, w.life_of(s))).collect();
    w.dones = w.lives.iter().map(|(s, life)| w.done(s, life)).collect();
    let ready: Vec<Answer> = w.lives.iter().map(|(s, life)| w.ready(s, life)).collect();
    let mut boards = Vec::with_capacity(ready.len());
    let lives = w.lives.iter().zip(std::mem::take(&mut w.dones)).zip(ready);
    for ((i, _), (((step, life), done), ready)) in all().zip(lives) {
        let life = life.clone();
        let pending = matches!(life, Life::Pending | Life::OutOfOrder);
        let adoptable = pending && holds(taken(step, &done)) == Tri::Yes;
        let undone_total = v.facts.life(step.id).undone_total;
        boards.push(StepBoard { step, position: i + 1, life, undone_total, ready, done, adoptable });
    }
    note_false(gate, v, &boards);
    for b in &boards {
        w.conclude(gate, b, &boards, new);
    }
    let tracks = v.settings.tracks.iter().map(|t| TrackBoard { track: *t, downtime: downtime_since(v, *t) }).collect();
    Board { at: v.now(), tracks, steps: boards }
}

/// Since when a track's downtime is open: its opening step was begun, its closing one is not done.
pub(super) fn downtime_since(v: &View<'_>, track: Track) -> Option<Wall> {
    let all = steps(track);
    let begun = all.iter().find(|s| s.downtime == Downtime::Opens).and_then(|s| v.facts.life(s.id).begun.as_ref())?;
    let closed = all.iter().filter(|s| s.downtime == Downtime::Closes).all(|s| v.facts.life(s.id).done.is_some());
    (!closed).then_some(begun.0)
}

/// The step before, skipped ones passed over.
fn predecessor(v: &View<'_>, step: &Step) -> Option<&'static Step> {
    let all = steps(step.track);
    let at = all.iter().position(|s| s.id == step.id)?;
    all[..at].iter().rev().copied().find(|s| v.settings.skipped(s.id).is_none())
}

/// The step after, skipped ones passed over.
pub(super) fn successor(v: &View<'_>, step: &Step) -> Option<&'static Step> {
    let all = steps(step.track);
    let at = all.iter().position(|s| s.id == step.id)?;
    all[at + 1..].iter().copied().find(|s| v.settings.skipped(s.id).is_none())
}

/// Remembers for how long the done checks of a begun step have been measured false.
fn note_false(gate: &mut Gate, v: &View<'_>, boards: &[StepBoard]) {
    for b in boards.iter().filter(|b| v.facts.is_begun(b.step.id)) {
        let step = b.step;
        let no = measured(b).find(|c| c.reading.is == Tri::No).and_then(|c| c.reading.basis);
        let yes = measured(b).all(|c| c.reading.is == Tri::Yes);
        match no {
            Some(b) => {
                let gap = b.until - b.span.sent;
                let e = gate.falses.entry(step.id).or_insert((b.span.received, b.span.sent));
                if b.span.sent - e.1 > gap {
                    *e = (b.span.received, b.span.sent);
                }
                e.1 = e.1.max(b.span.sent);
            }
            None if yes => {
                gate.falses.remove(step.id);
            }
            // Unknown neither feeds nor ends it.
            None => {}
        }
    }
}

/// Whether a begun step's done checks have been measured false for long enough to say so.
pub(super) fn long_false(gate: &Gate, v: &View<'_>, step: &Step) -> bool {
    let need = v.settings.scaled(Dur::secs(60));
    gate.falses.get(step.id).is_some_and(|(from, last)| *last - *from >= need)
}

/// The done checks of a step as they are asked of it once it was taken.
fn taken<'a>(step: &'static Step, done: &'a Answer) -> impl Iterator<Item = &'a CheckBoard> {
    step.done.iter().zip(&done.checks).filter(|(u, _)| !u.before).map(|(_, c)| c)
}

/// What is measured of a step's done checks, whether or not it has lasted.
fn measured(b: &StepBoard) -> impl Iterator<Item = &CheckBoard> {
    b.step.done.iter().zip(&b.done.checks).filter(|(u, _)| !u.advisory).map(|(_, c)| c)
}

fn holds<'a>(checks: impl Iterator<Item = &'a CheckBoard>) -> Tri {
    checks.filter(|c| !c.advisory).fold(Tri::Yes, |t, c| t.and(c.is))
}

struct World<'a, 'v> {
    v: &'a View<'v>,
    j: &'a Judged,
    hold_file: Option<Name>,
    /// Every configured step with its life.
    lives: Vec<(&'static Step, Life)>,
    /// What `/done` says of each of them.
    dones: Vec<Answer>,
}

impl World<'_, '_> {
    fn life_of(&self, step: &Step) -> Life {
        let v = self.v;
        if let Some(why) = v.settings.skipped(step.id) {
            return Life::Skipped(why.clone());
        }
        match v.facts.life(step.id) {
            StepFacts { undone: Some(at), .. } => Life::Undone(*at),
            StepFacts { begun: Some((_, how)), done: Some(at), .. } => Life::Done(*at, how.clone()),
            StepFacts { begun: Some((at, how)), .. } => Life::Begun(*at, how.clone()),
            f if self.j.sighting(step).is_some() && !f.recently_go(v.now()) => Life::OutOfOrder,
            _ => Life::Pending,
        }
    }

    fn done(&self, step: &'static Step, life: &Life) -> Answer {
        let begun = !matches!(life, Life::Pending | Life::OutOfOrder);
        let checks: Vec<CheckBoard> = step.done.iter().map(|u| self.j.of(self.v, step, u, begun)).collect();
        let mut blockers = Vec::new();
        let at = Subject::Step(step.id);
        match life {
            Life::Done(..) => {
                // It took effect; what must stay so from then on is asked for as long as its track sets it.
                let (blockers, until) = self.since_done(step);
                let verdict = blockers.iter().fold(Tri::Yes, |t, f| t.and(f.is)).into();
                let until = self.until(until);
                return Answer {
                    verdict,
                    settled: None,
                    took_effect: true,
                    blockers,
                    checks,
                    until,
                    earliest_go: None,
                };
            }
            Life::Skipped(why) => {
                let p = predecessor(self.v, step);
                if p.is_none_or(|p| self.v.facts.is_done(p.id)) {
                    let note = Finding::yes(Code::Relaxed, at).detail(why.clone());
                    let until = self.until(None);
                    return Answer {
                        verdict: Verdict::Go,
                        settled: None,
                        took_effect: true,
                        blockers: vec![note],
                        checks,
                        until,
                        earliest_go: None,
                    };
                }
                blockers.extend(p.map(|p| Finding::no(Code::Predecessor, Subject::Step(p.id))));
            }
            Life::Undone(_) => blockers.push(Finding::no(Code::Undone, at)),
            // It stays where it is meanwhile, whatever is seen.
            Life::Begun(..) => self.downtimes(step, &mut blockers),
            Life::Pending | Life::OutOfOrder => {
                let looks_done = holds(checks.iter()) == Tri::Yes;
                blockers.push(if looks_done {
                    Finding::unknown(Code::Unclaimed, at).fix(format!(
                        "cutover-agent begin {0}; or, if it was taken: cutover-agent adopt {0} --reason …",
                        step.id
                    ))
                } else {
                    Finding::no(Code::NotBegun, at)
                });
            }
        }
        self.answer(blockers, checks, None)
    }

    fn until(&self, samples: Option<Mono>) -> Mono {
        let cap = self.v.now().mono + BOARD;
        samples.map_or(cap, |u| u.min(cap))
    }

    fn answer(&self, blockers: Vec<Finding>, checks: Vec<CheckBoard>, until: Option<Mono>) -> Answer {
        let counted = || checks.iter().filter(|c| !c.advisory && !c.left_out);
        let is = blockers.iter().map(|f| f.is).chain(counted().map(|c| c.is)).fold(Tri::Yes, Tri::and);
        let samples = counted().filter_map(|c| c.reading.basis.map(|b| b.until)).chain(until).min();
        let missing = blockers.iter().filter(|f| f.is != Tri::Yes).map(|f| f.wait);
        let missing = missing.chain(counted().filter(|c| c.is != Tri::Yes).map(CheckBoard::wait));
        let longest = missing.collect::<Option<Vec<Dur>>>().and_then(|w| w.into_iter().max());
        Answer {
            verdict: is.into(),
            settled: None,
            took_effect: false,
            earliest_go: longest.filter(|_| is != Tri::Yes).map(|w| self.v.now().wall + w),
            until: self.until(samples),
            blockers,
            checks,
        }
    }

    /// What the board means for the steps' lives: new facts.
    fn conclude(&self, gate: &Gate, b: &StepBoard, all: &[StepBoard], new: &mut Vec<Fact>) {
        let v = self.v;
        let (step, name) = (b.step, Name::from(b.step.id));
        let f = v.facts.life(step.id);
        let still = self.other_downtime(step.track).is_some();
        let now_go = b.ready.verdict == Verdict::Go;
        if now_go && !f.was_go.is_some_and(|(_, until)| v.now().wall - until < GO_NOTED && v.now().wall >= until) {
            // A clock that was set back makes what it said before say nothing.
            let goes_on = |u: Wall| (Dur::ZERO..=Dur(GO_NOTED.0 * 2)).contains(&(v.now().wall - u));
            let from = f.was_go.filter(|(_, u)| goes_on(*u)).map_or(v.now().wall, |(f, _)| f);
            new.push(Fact::WasGo { step: name.clone(), from, until: v.now().wall });
        }
        let holds = holds(taken(step, &b.done));
        let sighted = self.j.sighted(step) == Tri::Yes;
        match &b.life {
            // What was go once says nothing any more when the step before it has come undone.
            Life::Pending if !still && (now_go || f.recently_go(v.now())) && self.comes_next(step) => {
                let taken = match step.effect {
                    Effect::Appearance(_) => sighted,
                    Effect::Absence => holds == Tri::Yes && !self.rival(step, all),
                };
                // Only once the go itself is a fact.
                if taken && f.recently_go(v.now()) {
                    // The checks have seen the effect by now: what they say of it is no evidence for the go before.
                    let was = f.was_go.map(|(from, to)| {
                        format!("go from {} until at least {}", render::instant(from), render::instant(to)).into()
                    });
                    new.extend((step.anchors_begun)(v));
                    new.push(Fact::Begun {
                        step: name,
                        at: v.now().wall,
                        how: How::Unclaimed,
                        evidence: was.into_iter().collect(),
                    });
                }
            }
            Life::Begun(..) | Life::Undone(_) => {
                if sighted && !f.effect_seen {
                    new.push(Fact::EffectSeen { step: name.clone(), at: v.now().wall });
                }
                if holds == Tri::Yes && !still {
                    new.extend((step.anchors_done)(v));
                    new.push(Fact::Done { step: name, at: v.now().wall, evidence: evidence(&b.done) });
                }
            }
            Life::Done(..) if step.way_back && !still => {
                let next_begun = successor(v, step).is_some_and(|s| v.facts.is_begun(s.id));
                // What was false before it was done, and cannot be measured now, says nothing.
                let now_false = measured(b).any(|c| c.reading.is == Tri::No);
                if !next_begun && now_false && long_false(gate, v, step) {
                    new.push(Fact::Undone { step: name, at: v.now().wall });
                }
            }
            _ => {}
        }
    }

    /// The step before it is done, and nothing that is measured now says otherwise: it may come undone in this very
    /// evaluation, which takes the go with it and what was anchored for the next step.
    fn comes_next(&self, step: &Step) -> bool {
        predecessor(self.v, step).is_none_or(|p| self.v.facts.is_done(p.id) && self.falsified(p).is_none())
    }

    /// Another absence step that is pending and was go lately: the same silence could mean either. What is stopped within
    /// a downtime is no service: its absence is mistaken for nothing else.
    fn rival(&self, step: &Step, all: &[StepBoard]) -> bool {
        let v = self.v;
        let stops_services = |s: &Step| s.downtime == Downtime::Opens || s.track == Track::Services;
        stops_services(step)
            && all.iter().filter(|o| stops_services(o.step)).any(|o| {
                let joint = v.settings.joint && step.downtime == Downtime::Opens && o.step.downtime == Downtime::Opens;
                o.step.id != step.id
                    && matches!(o.step.effect, Effect::Absence)
                    && o.life == Life::Pending
                    && !joint
                    && v.facts.life(o.step.id).recently_go(v.now())
            })
    }
}

/// What the checks of an answer say, a line each.
pub(super) fn evidence(a: &Answer) -> Vec<Name> {
    let said = a.checks.iter().filter(|c| !c.left_out);
    said.map(|c| format!("{}: {}", c.check.id, render::sentence(&c.chief())).into()).collect()
}
