//! Whether a step may be begun: the order of the steps, the downtimes, tripwires, the way out, holds; and its checks.

use super::{World, downtime_since, predecessor, successor};
use crate::gate::board::{Answer, CheckBoard, Life, Verdict};
use crate::playbook::{Downtime, Run, Step, attached, step as step_named, steps};
use crate::reading::{Code, Finding, Qty, Subject, Tri};
use crate::render;
use crate::settings::Track;
use crate::time::Mono;

/// Findings of another step's check that are told before the rest is counted.
const SHOWN: usize = 3;

impl World<'_, '_> {
    pub(super) fn ready(&self, step: &'static Step, life: &Life) -> Answer {
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
                took_effect: false,
                blockers: vec![f],
                checks,
                until,
                earliest_go: None,
            };
        }
        let mut blockers = Vec::new();
        self.order(step, begun, &mut blockers);
        self.already(step, begun, &mut blockers);
        self.downtimes(step, &mut blockers);
        self.tripwires(step.track, &mut blockers);
        if step.downtime == Downtime::Opens && !begun {
            self.way_out(step, &mut blockers);
            if v.settings.joint {
                self.way_out_of_the_other(step, &mut blockers);
            }
        }
        if step.downtime == Downtime::Closes && v.settings.joint {
            self.joint(step, &mut blockers);
        }
        self.held(step, &mut blockers);
        let attached = self.attached(step, &mut blockers);
        let until = self.tripwires_until(step.track).into_iter().chain(attached).min();
        self.answer(blockers, checks, until)
    }

    /// What may be done only once has not been done already: unknown where nobody can look.
    fn already(&self, step: &'static Step, begun: bool, out: &mut Vec<Finding>) {
        if step.run == Run::Once && !begun {
            let unseen = self.j.effect(step).filter(|r| r.is == Tri::Unknown).and_then(|r| r.chief());
            out.extend(unseen.map(|f| {
                let said = format!("whether this was done already: {}", render::sentence(f));
                Finding { detail: Some(said.into()), at: Subject::Step(step.id), ..f.clone() }
            }));
        }
    }

    fn order(&self, step: &'static Step, begun: bool, out: &mut Vec<Finding>) {
        let v = self.v;
        for (other, life) in self.lives.iter().filter(|(s, _)| s.track == step.track) {
            if *life == Life::OutOfOrder {
                let seen = self.j.sighting(other).and_then(|r| r.chief()).map(render::sentence).unwrap_or_default();
                let f = Finding::no(Code::OutOfOrder, Subject::Step(other.id));
                let undo = format!("undo it, or, if it is meant: cutover-agent adopt {} --reason …", other.id);
                let unseen = self.j.effect(other).filter(|r| r.is == Tri::Unknown).and_then(|r| r.chief());
                out.push(match unseen {
                    None => f.detail(seen).fix(undo),
                    // It may have been undone long since.
                    Some(why) => {
                        let mend = why.fix.as_deref().unwrap_or("mend that");
                        f.detail(format!("{seen}; whether it still is cannot be told: {}", render::sentence(why)))
                            .fix(format!("{mend}; then {undo}"))
                    }
                });
            }
        }
        if let Some(p) = predecessor(v, step) {
            let f = v.facts.life(p.id);
            let at = Subject::Step(p.id);
            if f.undone.is_some() {
                out.push(Finding::no(Code::Undone, at));
            } else if !v.facts.is_done(p.id) {
                let done = self.lives.iter().zip(&self.dones).find(|((s, _), _)| s.id == p.id);
                let said = done.filter(|_| f.begun.is_some()).map(|(_, done)| done);
                let why = said.map_or("pending".to_owned(), |done| format!("begun; {}", render::answer(done)));
                out.push(Finding::no(Code::Predecessor, at).detail(why));
            } else if let Some(false_now) = self.falsified(p).filter(|_| !begun) {
                // It has come undone only when that has lasted; nothing goes on meanwhile.
                out.push(Finding::no(Code::Undone, at).detail(false_now));
            } else if let (Some(done), false, None) = (f.done, begun, downtime_since(v, step.track)) {
                let pace = v.settings.scaled(v.settings.pace);
                let since = v.now().wall - done;
                if since < pace {
                    out.push(
                        Finding::no(Code::Pace, at).seen(Qty::Time(since)).limit(Qty::Time(pace)).wait(pace - since),
                    );
                }
            }
        }
        for name in v.settings.after.get(step.id).into_iter().flatten() {
            // A skipped step counts as done once the one before it is.
            let skipped = v.settings.skipped(name).is_some();
            let named = step_named(name);
            let Some(s) = (if skipped { named.and_then(|s| predecessor(v, s)) } else { named }) else { continue };
            // It is measured on until the next step of its own track begins.
            let measured = !begun && !successor(v, s).is_some_and(|n| v.facts.is_begun(n.id));
            if !v.facts.is_done(s.id) {
                let f = Finding::no(Code::After, Subject::Step(s.id));
                out.push(if skipped { f.detail(format!("it comes before {name}, which is skipped")) } else { f });
            } else if let Some(false_now) = self.falsified(s).filter(|_| measured) {
                out.push(Finding::no(Code::Undone, Subject::Step(s.id)).detail(false_now));
            }
        }
    }

    /// The probes that somebody attached to this step pass now; until when that may be believed.
    fn attached(&self, step: &'static Step, out: &mut Vec<Finding>) -> Option<Mono> {
        let mut until: Option<Mono> = None;
        for (_, said) in attached(self.v, step.id) {
            let f = said.map_or_else(Finding::from, |(basis, f)| {
                until = Some(until.map_or(basis.until, |u| u.min(basis.until)));
                f
            });
            out.extend(Some(f).filter(|f| f.is != Tri::Yes));
        }
        until
    }

    /// What is measured against a reversible step that is done, in the newest samples.
    pub(super) fn falsified(&self, step: &'static Step) -> Option<String> {
        let used = step.done.iter().filter(|u| !u.advisory && step.way_back);
        let mut checks = used.map(|u| self.j.of(self.v, step, u, true));
        let c = checks.find(|c| c.reading.is == Tri::No)?;
        Some(format!("{}: {}", c.check.id, render::sentence(&c.chief())))
    }

    /// Other tracks whose downtime is open and not shared.
    pub(super) fn other_downtime(&self, track: Track) -> Option<Track> {
        let v = self.v;
        let shared = |a: Track, b: Track| v.settings.joint && a != Track::Services && b != Track::Services;
        v.settings.tracks.iter().copied().find(|t| *t != track && !shared(*t, track) && downtime_since(v, *t).is_some())
    }

    pub(super) fn downtimes(&self, step: &Step, out: &mut Vec<Finding>) {
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
            out.extend(
                self.live_tripwires(*t)
                    .filter(|(_, c)| c.is != Tri::Yes)
                    .map(|(step, c)| because(Code::Tripwire, step, &c)),
            );
        }
    }

    /// Tripwires that a done step or one before it set and that do not hold now, and until when that may be believed. No
    /// step may be left for them to block. Time in which they were not watched does not count: it took effect.
    pub(super) fn since_done(&self, step: &'static Step) -> (Vec<Finding>, Option<Mono>) {
        let so_far: Vec<&str> =
            steps(step.track).iter().map(|s| s.id).take_while(|id| *id != step.id).chain([step.id]).collect();
        let live = || self.live_tripwires(step.track).filter(|(s, _)| so_far.contains(&s.id));
        let broken =
            live().filter(|(_, c)| c.reading.is != Tri::Yes).map(|(s, c)| because(Code::Tripwire, s, &c)).collect();
        (broken, live().filter_map(|(_, c)| c.reading.basis.map(|b| b.until)).min())
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
                    out.push(because(Code::WayOut, s, &c));
                }
            }
            next = if s.downtime == Downtime::Closes { None } else { successor(self.v, s) };
        }
    }

    /// A joint downtime ends when both tracks have started again: it is not opened while the other track could not follow, or
    /// could not get out of it.
    fn way_out_of_the_other(&self, step: &Step, out: &mut Vec<Finding>) {
        let v = self.v;
        for opens in v.settings.tracks.iter().filter(|t| **t != step.track).flat_map(|t| steps(*t)) {
            let over = |s: &&&'static Step| s.downtime == Downtime::Closes && v.facts.is_done(s.id);
            if opens.downtime != Downtime::Opens || steps(opens.track).iter().any(|s| over(&s)) {
                continue;
            }
            if let Some(p) = predecessor(v, opens).filter(|p| !v.facts.is_done(p.id)) {
                out.push(Finding::no(Code::Predecessor, Subject::Step(p.id)).detail("the downtime is joint"));
            }
            if !v.facts.is_begun(opens.id) {
                for u in opens.ready.iter().filter(|u| !u.advisory) {
                    let c = self.j.of(v, opens, u, false);
                    if c.is != Tri::Yes {
                        out.push(because(Code::WayOut, opens, &c));
                    }
                }
            }
            self.way_out(opens, out);
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
                    let said = format!("{} of {}: {}", c.check.id, other.id, worst(&c));
                    out.push(Finding { detail: Some(said.into()), at: Subject::Step(other.id), ..c.chief() });
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
}

/// What a check of another step means for this one.
fn because(code: Code, step: &'static Step, c: &CheckBoard) -> Finding {
    let chief = c.chief();
    let said = format!("{}: {}", c.check.id, worst(c));
    let at = Subject::Step(step.id);
    let f = if c.is == Tri::No { Finding::no(code, at) } else { Finding::unknown(code, at) };
    Finding { detail: Some(said.into()), fix: chief.fix, wait: chief.wait, ..f }
}

/// The worst of what a check of another step found: the board of that step may not list it.
fn worst(c: &CheckBoard) -> String {
    let chief = c.chief();
    let others = || c.reading.worst.iter().filter(|f| f.is != Tri::Yes && **f != chief);
    let shown = std::iter::once(&chief).chain(others().take(SHOWN - 1)).map(render::sentence).collect::<Vec<_>>();
    match c.reading.bad.saturating_sub(shown.len()) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more like these", shown.join("; ")),
    }
}
