//! The life of a step (`pending → begun → done`), what it waits for, and the board made of it. The same for all steps.

use super::Gate;
use super::board::{Answer, Board, CheckBoard, Life, StepBoard, TrackBoard, Verdict};
use super::judge::Judged;
use crate::Name;
use crate::facts::{Fact, How, StepFacts};
use crate::playbook::{Downtime, Effect, Run, Step, step as step_named, steps};
use crate::reading::{Code, Finding, Qty, Subject, Tri};
use crate::render;
use crate::settings::Track;
use crate::time::{Dur, Mono, Now, Wall};
use crate::view::View;

/// A poller's step may begin by its effect if it was go at most this long before.
const WAS_GO: Dur = Dur::mins(30);
/// How often "it is go" is journaled while it stays so.
const GO_NOTED: Dur = Dur::mins(1);
/// A board without any sample behind it may be believed for this long.
const BOARD: Dur = Dur::secs(15);

pub(super) fn board(gate: &mut Gate, v: &View<'_>, j: &Judged, new: &mut Vec<Fact>) -> Board {
    let w = World { v, j, hold_file: gate.hold_file.clone() };
    let mut boards = Vec::new();
    for track in &v.settings.tracks {
        for (i, step) in steps(*track).iter().enumerate() {
            let life = w.life(step);
            let ready = w.ready(step, &life);
            let done = w.done(step, &life);
            let pending = matches!(life, Life::Pending | Life::OutOfOrder);
            let adoptable = pending && w.holds(step.done.iter().map(|u| j.of(v, step, u, true))) == Tri::Yes;
            let undone_total = v.facts.life(step.id).undone_total;
            boards.push(StepBoard { step, position: i + 1, life, undone_total, ready, done, adoptable });
        }
    }
    note_false(gate, v, j);
    for b in &boards {
        w.conclude(gate, b, &boards, new);
    }
    let tracks = v.settings.tracks.iter().map(|t| TrackBoard { track: *t, downtime: downtime_since(v, *t) }).collect();
    Board { at: v.now, tracks, steps: boards }
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
fn note_false(gate: &mut Gate, v: &View<'_>, j: &Judged) {
    for step in v.settings.tracks.iter().flat_map(|t| steps(*t)).filter(|s| v.facts.is_begun(s.id)) {
        let readings: Vec<_> = step.done.iter().filter(|u| !u.advisory).map(|u| j.of(v, step, u, true)).collect();
        let no = readings.iter().find(|c| c.reading.is == Tri::No).and_then(|c| c.reading.basis);
        let yes = readings.iter().all(|c| c.reading.is == Tri::Yes);
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

struct World<'a, 'v> {
    v: &'a View<'v>,
    j: &'a Judged,
    hold_file: Option<Name>,
}

impl World<'_, '_> {
    fn life(&self, step: &Step) -> Life {
        let v = self.v;
        if let Some(why) = v.settings.skipped(step.id) {
            return Life::Skipped(why.clone());
        }
        match v.facts.life(step.id) {
            StepFacts { undone: Some(at), .. } => Life::Undone(*at),
            StepFacts { begun: Some((_, how)), done: Some(at), .. } => Life::Done(*at, how.clone()),
            StepFacts { begun: Some((at, how)), .. } => Life::Begun(*at, how.clone()),
            f if self.j.sighted(step) == Tri::Yes && !recently_go(f, v.now) => Life::OutOfOrder,
            _ => Life::Pending,
        }
    }

    fn holds(&self, checks: impl Iterator<Item = CheckBoard>) -> Tri {
        checks.filter(|c| !c.advisory && !c.left_out).fold(Tri::Yes, |t, c| t.and(c.is))
    }

    fn done(&self, step: &'static Step, life: &Life) -> Answer {
        let begun = !matches!(life, Life::Pending | Life::OutOfOrder);
        let checks: Vec<CheckBoard> = step.done.iter().map(|u| self.j.of(self.v, step, u, begun)).collect();
        let mut blockers = Vec::new();
        let at = Subject::Step(step.id);
        match life {
            Life::Done(..) => {
                return Answer {
                    verdict: Verdict::Go,
                    settled: None,
                    blockers,
                    checks,
                    until: self.until(None),
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
                        blockers: vec![note],
                        checks,
                        until,
                        earliest_go: None,
                    };
                }
                blockers.extend(p.map(|p| Finding::no(Code::Predecessor, Subject::Step(p.id))));
            }
            Life::Undone(_) => blockers.push(Finding::no(Code::Undone, at)),
            Life::Begun(..) => {}
            Life::Pending | Life::OutOfOrder => {
                let looks_done = self.holds(checks.iter().cloned()) == Tri::Yes;
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

    fn ready(&self, step: &'static Step, life: &Life) -> Answer {
        let v = self.v;
        let begun = matches!(life, Life::Begun(..) | Life::Undone(_) | Life::Done(..));
        let checks: Vec<CheckBoard> = step.ready.iter().map(|u| self.j.of(v, step, u, begun)).collect();
        let at = Subject::Step(step.id);
        let settled = match life {
            Life::Done(when, _) => Some(Finding::no(Code::AlreadyDone, at).seen(Qty::At(*when))),
            Life::Skipped(why) => Some(Finding::no(Code::AlreadyDone, at).detail(format!("skipped: {why}"))),
            // Undone it was begun all the same: started a second time it would begin all over.
            Life::Begun(when, _) | Life::Undone(when) if step.run == Run::Once => {
                Some(Finding::no(Code::AlreadyBegun, at).seen(Qty::At(*when)))
            }
            _ => None,
        };
        if let Some(f) = settled {
            let until = self.until(None);
            return Answer {
                verdict: Verdict::NoGo,
                settled: Some(f.code),
                blockers: vec![f],
                checks,
                until,
                earliest_go: None,
            };
        }
        let mut blockers = Vec::new();
        self.order(step, begun, &mut blockers);
        self.downtimes(step, &mut blockers);
        self.tripwires(step.track, &mut blockers);
        if step.downtime == Downtime::Opens && !begun {
            self.way_out(step, &mut blockers);
        }
        if step.downtime == Downtime::Closes && v.settings.joint {
            self.joint(step, &mut blockers);
        }
        self.held(step, &mut blockers);
        let tripped = self.tripwires_until(step.track);
        self.answer(blockers, checks, tripped)
    }

    fn order(&self, step: &'static Step, begun: bool, out: &mut Vec<Finding>) {
        let v = self.v;
        for other in steps(step.track) {
            if self.life(other) == Life::OutOfOrder {
                let seen = self.j.sighting(other).and_then(|r| r.chief()).map(render::sentence).unwrap_or_default();
                out.push(
                    Finding::no(Code::OutOfOrder, Subject::Step(other.id))
                        .detail(seen)
                        .fix(format!("undo it, or, if it is meant: cutover-agent adopt {} --reason …", other.id)),
                );
            }
        }
        if let Some(p) = predecessor(v, step) {
            let f = v.facts.life(p.id);
            let at = Subject::Step(p.id);
            if f.undone.is_some() {
                out.push(Finding::no(Code::Undone, at));
            } else if !v.facts.is_done(p.id) {
                let why = match f.begun {
                    Some(_) => format!("begun; {}", render::answer(&self.done(p, &self.life(p)))),
                    None => "pending".to_owned(),
                };
                out.push(Finding::no(Code::Predecessor, at).detail(why));
            } else if let Some(false_now) = self.falsified(p).filter(|_| !begun) {
                // It has come undone only when that has lasted; nothing goes on meanwhile.
                out.push(Finding::no(Code::Undone, at).detail(false_now));
            } else if let (Some(done), false, None) = (f.done, begun, downtime_since(v, step.track)) {
                let pace = v.settings.scaled(v.settings.pace);
                let since = v.now.wall - done;
                if since < pace {
                    out.push(
                        Finding::no(Code::Pace, at).seen(Qty::Time(since)).limit(Qty::Time(pace)).wait(pace - since),
                    );
                }
            }
        }
        for name in v.settings.after.get(step.id).into_iter().flatten() {
            let done = v.facts.is_done(name) || v.settings.skipped(name).is_some();
            if let (Some(s), false) = (step_named(name), done) {
                out.push(Finding::no(Code::After, Subject::Step(s.id)));
            }
        }
    }

    /// What is measured against a reversible step that is done, in the newest samples.
    fn falsified(&self, step: &'static Step) -> Option<String> {
        let used = step.done.iter().filter(|u| !u.advisory && step.way_back);
        let mut checks = used.map(|u| self.j.of(self.v, step, u, true));
        let c = checks.find(|c| c.reading.is == Tri::No)?;
        Some(format!("{}: {}", c.check.id, render::sentence(&c.chief())))
    }

    /// Other tracks whose downtime is open and not shared.
    fn other_downtime(&self, track: Track) -> Option<Track> {
        let v = self.v;
        let shared = |a: Track, b: Track| v.settings.joint && a != Track::Services && b != Track::Services;
        v.settings.tracks.iter().copied().find(|t| *t != track && !shared(*t, track) && downtime_since(v, *t).is_some())
    }

    fn downtimes(&self, step: &Step, out: &mut Vec<Finding>) {
        if let Some(t) = self.other_downtime(step.track) {
            out.push(Finding::no(Code::OtherDowntime, Subject::Thing(t.as_str().into())));
        }
    }

    /// Tripwires set by done steps of a track and still in force.
    fn live_tripwires(&self, track: Track) -> impl Iterator<Item = (&'static Step, CheckBoard)> {
        let v = self.v;
        steps(track).iter().copied().filter(|s| v.facts.is_done(s.id)).flat_map(move |s| {
            s.tripwires
                .iter()
                .filter(|t| !t.until.is_some_and(|u| v.facts.is_done(u)))
                .filter(|t| !t.until_begun.is_some_and(|u| v.facts.is_begun(u)))
                .map(move |t| (s, self.j.check(v, s, t.check)))
        })
    }

    fn tripwires(&self, track: Track, out: &mut Vec<Finding>) {
        let shared: &[Track] = match (self.v.settings.joint, track) {
            (true, Track::Kafka | Track::Mongodb) => &[Track::Mongodb, Track::Kafka],
            _ => std::slice::from_ref(&track),
        };
        for t in shared.iter().filter(|t| self.v.settings.tracks.contains(t)) {
            for (step, c) in self.live_tripwires(*t).filter(|(_, c)| c.is != Tri::Yes) {
                let chief = c.chief();
                let said = format!("{}: {}", c.check.id, render::sentence(&chief));
                let at = Subject::Step(step.id);
                let f = match c.is {
                    Tri::No => Finding::no(Code::Tripwire, at),
                    _ => Finding::unknown(Code::Tripwire, at),
                };
                out.push(Finding { detail: Some(said.into()), fix: chief.fix, wait: chief.wait, ..f });
            }
        }
    }

    fn tripwires_until(&self, track: Track) -> Option<Mono> {
        self.live_tripwires(track).filter_map(|(_, c)| c.reading.basis.map(|b| b.until)).min()
    }

    /// A downtime may be opened only if it could be ended again, as far as that can be told now.
    fn way_out(&self, step: &Step, out: &mut Vec<Finding>) {
        let mut next = successor(self.v, step);
        while let Some(s) = next {
            for u in s.ready.iter().filter(|u| !u.downtime && !u.advisory) {
                let c = self.j.of(self.v, s, u, false);
                if c.is != Tri::Yes {
                    let chief = c.chief();
                    let said = format!("{}: {}", c.check.id, render::sentence(&chief));
                    let at = Subject::Step(s.id);
                    let f = match c.is {
                        Tri::No => Finding::no(Code::WayOut, at),
                        _ => Finding::unknown(Code::WayOut, at),
                    };
                    out.push(Finding { detail: Some(said.into()), fix: chief.fix, wait: chief.wait, ..f });
                }
            }
            next = if s.downtime == Downtime::Closes { None } else { successor(self.v, s) };
        }
    }

    /// In a joint downtime each `start-…` needs the ready checks of both.
    fn joint(&self, step: &Step, out: &mut Vec<Finding>) {
        let v = self.v;
        for other in v.settings.tracks.iter().filter(|t| **t != step.track).flat_map(|t| steps(*t)) {
            if other.downtime != Downtime::Closes || v.facts.is_begun(other.id) {
                continue;
            }
            if let Some(p) = predecessor(v, other).filter(|p| !v.facts.is_done(p.id)) {
                out.push(Finding::no(Code::Predecessor, Subject::Step(p.id)).detail("the downtime is joint"));
            }
            for u in other.ready.iter().filter(|u| !u.advisory) {
                let c = self.j.of(v, other, u, false);
                if c.is != Tri::Yes {
                    let chief = c.chief();
                    let said = format!("{} of {}: {}", c.check.id, other.id, render::sentence(&chief));
                    out.push(Finding { detail: Some(said.into()), at: Subject::Step(other.id), ..chief });
                }
            }
        }
    }

    fn held(&self, step: &Step, out: &mut Vec<Finding>) {
        if let Some(text) = &self.hold_file {
            out.push(Finding::no(Code::Hold, Subject::Thing("the hold file".into())).detail(text.clone()));
        }
        for (what, word) in self.v.facts.holds() {
            if what.as_deref().is_none_or(|s| s == step.id) {
                let release = what.as_deref().map_or(String::new(), |s| format!(" {s}"));
                out.push(
                    Finding::no(Code::Hold, Subject::Thing(word.author.clone()))
                        .detail(word.reason.clone())
                        .seen(Qty::At(word.at))
                        .fix(format!("cutover-agent release{release} --reason …")),
                );
            }
        }
    }

    fn until(&self, samples: Option<Mono>) -> Mono {
        let cap = self.v.now.mono + BOARD;
        samples.map_or(cap, |u| u.min(cap))
    }

    fn answer(&self, blockers: Vec<Finding>, checks: Vec<CheckBoard>, until: Option<Mono>) -> Answer {
        let counted = || checks.iter().filter(|c| !c.advisory && !c.left_out);
        let is = blockers.iter().map(|f| f.is).chain(counted().map(|c| c.is)).fold(Tri::Yes, Tri::and);
        let samples = counted().filter_map(|c| c.reading.basis.map(|b| b.until)).chain(until).min();
        let missing = blockers.iter().filter(|f| f.is != Tri::Yes).map(|f| f.wait);
        let missing = missing.chain(counted().filter(|c| c.is != Tri::Yes).map(|c| c.chief().wait));
        let longest = missing.collect::<Option<Vec<Dur>>>().and_then(|w| w.into_iter().max());
        Answer {
            verdict: is.into(),
            settled: None,
            earliest_go: longest.filter(|_| is != Tri::Yes).map(|w| self.v.now.wall + w),
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
        if now_go && !f.was_go.is_some_and(|(_, until)| v.now.wall - until < GO_NOTED && v.now.wall >= until) {
            let from = f.was_go.filter(|(_, u)| v.now.wall - *u <= Dur(GO_NOTED.0 * 2)).map_or(v.now.wall, |(f, _)| f);
            new.push(Fact::WasGo { step: name.clone(), from, until: v.now.wall });
        }
        let checks = step.done.iter().map(|u| self.j.of(v, step, u, true));
        let holds = self.holds(checks);
        let sighted = self.j.sighted(step) == Tri::Yes;
        match &b.life {
            // What was go once says nothing any more when the step before it has come undone.
            Life::Pending if !still && (now_go || recently_go(f, v.now)) && self.comes_next(step) => {
                let taken = match step.effect {
                    Effect::Appearance(_) => sighted,
                    Effect::Absence => holds == Tri::Yes && !self.rival(step, all),
                };
                // Only once the go itself is a fact.
                if taken && recently_go(f, v.now) {
                    // The checks have seen the effect by now: what they say of it is no evidence for the go before.
                    let was = f.was_go.map(|(from, to)| {
                        format!("go from {} until at least {}", render::instant(from), render::instant(to)).into()
                    });
                    new.extend((step.anchors_begun)(v));
                    new.push(Fact::Begun {
                        step: name,
                        at: v.now.wall,
                        how: How::Unclaimed,
                        evidence: was.into_iter().collect(),
                    });
                }
            }
            Life::Begun(..) | Life::Undone(_) => {
                if sighted && !f.effect_seen {
                    new.push(Fact::EffectSeen { step: name.clone(), at: v.now.wall });
                }
                if holds == Tri::Yes && !still {
                    new.extend((step.anchors_done)(v));
                    new.push(Fact::Done { step: name, at: v.now.wall, evidence: evidence(&b.done) });
                }
            }
            Life::Done(..) if step.way_back && !still => {
                let next_begun = successor(v, step).is_some_and(|s| v.facts.is_begun(s.id));
                // What was false before it was done, and cannot be measured now, says nothing.
                let readings = || step.done.iter().filter(|u| !u.advisory).map(|u| self.j.of(v, step, u, true));
                let now_false = readings().any(|c| c.reading.is == Tri::No);
                if !next_begun && now_false && long_false(gate, v, step) {
                    new.push(Fact::Undone { step: name, at: v.now.wall });
                }
            }
            _ => {}
        }
    }

    /// The step before it is done.
    fn comes_next(&self, step: &Step) -> bool {
        predecessor(self.v, step).is_none_or(|p| self.v.facts.is_done(p.id))
    }

    /// Another absence step that is pending and was go lately: the same silence could mean either.
    fn rival(&self, step: &Step, all: &[StepBoard]) -> bool {
        let v = self.v;
        all.iter().any(|o| {
            let joint = v.settings.joint && step.downtime == Downtime::Opens && o.step.downtime == Downtime::Opens;
            o.step.id != step.id
                && matches!(o.step.effect, Effect::Absence)
                && o.life == Life::Pending
                && !joint
                && recently_go(v.facts.life(o.step.id), v.now)
        })
    }
}

fn recently_go(f: &StepFacts, now: Now) -> bool {
    f.was_go.is_some_and(|(_, until)| {
        let ago = now.wall - until;
        ago <= WAS_GO && ago >= Dur(-WAS_GO.0)
    })
}

/// What the checks of an answer say, a line each.
pub(super) fn evidence(a: &Answer) -> Vec<Name> {
    let said = a.checks.iter().filter(|c| !c.left_out);
    said.map(|c| format!("{}: {}", c.check.id, render::sentence(&c.chief())).into()).collect()
}
