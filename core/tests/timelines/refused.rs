//! One check refuses, and nothing else does. Every use of a check has a timeline of its own: what it takes to make this one
//! refuse while everything else of the same answer is yes. Who drops a check from a step, or lets it say yes, fails here
//! and nowhere else needs to notice.
//!
//! A case is named `<step> <where> <check>`:
//!
//! - `ready`, `done`: the check as the step asks it. An advisory one is shown and does not block.
//! - `tripwire`: what an earlier step set and what holds this one up now; all of its own checks are yes.
//! - `holds`: the check is yes, and says why that is not measured as usual.
//! - `blocker`: no check; the reason of this code is the only one.
//!
//! What follows from the same check does not count as something else: a step before it that is no longer true because of
//! it, a tripwire on it, a way out that needs it.

use super::world::World;
use cutover_core::gate::board::{Answer, CheckBoard, StepBoard, Verdict};
use cutover_core::reading::{Code, Finding, Tri};
use cutover_core::render;
use cutover_core::settings::Settings;

/// A timeline and the check that refuses at its end.
pub(super) struct Case {
    what: &'static str,
    settings: Settings,
    text: String,
}

/// A case: under these settings, after all this was told.
pub(super) fn case(what: &'static str, settings: Settings, told: &[&str]) -> Case {
    Case { what, settings, text: told.concat() }
}

/// What a case showed.
pub(super) struct Told {
    pub(super) step: &'static str,
    pub(super) on: &'static str,
    pub(super) check: &'static str,
    pub(super) code: Code,
    line: String,
}

/// Tells every case, and sees to it that nothing else refuses.
pub(super) fn tell(cases: Vec<Case>) -> Vec<Told> {
    let (told, failed): (Vec<_>, Vec<_>) = cases.into_iter().map(Case::tell).partition(Result::is_ok);
    let failed: Vec<String> = failed.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    told.into_iter().filter_map(Result::ok).collect()
}

/// What they showed, a line each.
pub(super) fn lines(all: &[Told]) -> String {
    all.iter().map(|t| t.line.as_str()).collect::<Vec<_>>().join("\n")
}

impl Case {
    fn tell(self) -> Result<Told, String> {
        let words: Vec<&'static str> = self.what.split(' ').collect();
        let [step, on, check] = words[..] else { panic!("`{}` is no case", self.what) };
        let mut w = World::new(self.settings);
        w.play(&self.text);
        let board = w.settle().board;
        let s = board.step(step).expect("a configured step");
        let found = match on {
            "tripwire" => tripwire(s, check),
            "blocker" => blocker(s, check),
            _ => used(s, on, check),
        };
        let (is, f) =
            found.map_err(|(why, a)| format!("{}: {why}: {} {}", self.what, s.life.as_str(), everything(a)))?;
        let line = format!("{}: {} ({}): {}", self.what, Verdict::from(is).as_str(), f.code.as_str(), said(&f));
        Ok(Told { step, on, check, code: f.code, line })
    }
}

fn said(f: &Finding) -> String {
    let fix = f.fix.as_ref().map_or(String::new(), |fix| format!(" [{fix}]"));
    format!("{}{fix}", render::sentence(f))
}

/// What refuses, or what is wrong with the answer.
type Found<'a> = Result<(Tri, Finding), (&'static str, &'a Answer)>;

/// A check of the step itself: the only one that is not yes, or, where it holds, one among nothing that refuses.
fn used<'a>(s: &'a StepBoard, on: &str, check: &str) -> Found<'a> {
    let has = |a: &Answer| a.checks.iter().any(|c| c.check.id == check);
    let of_done = on == "done" || (on == "holds" && !has(&s.ready));
    let all = if of_done { &s.done } else { &s.ready };
    let c = all.checks.iter().find(|c| c.check.id == check).ok_or(("no such check", all))?;
    let is_so = if on == "holds" { c.is == Tri::Yes } else { c.is != Tri::Yes && !c.left_out };
    let alone = refusing(all).all(|o| o.check.id == check) && blockers(all).all(|f| because_of(f, check));
    match (is_so, alone, (all.verdict == Verdict::Go) == (c.advisory || on == "holds")) {
        (false, ..) => Err(("it is not so", all)),
        (_, false, _) => Err(("it is not alone", all)),
        (.., false) => Err(("an advisory one blocks, or another one does not", all)),
        _ => Ok((c.is, c.chief())),
    }
}

fn because_of(f: &Finding, check: &str) -> bool {
    f.detail.as_deref().is_some_and(|d| d.starts_with(&format!("{check}: ")))
}

fn tripwire<'a>(s: &'a StepBoard, check: &str) -> Found<'a> {
    let (is, f) = blocker(s, "tripwire")?;
    if because_of(&f, check) { Ok((is, f)) } else { Err(("another tripwire", &s.ready)) }
}

fn blocker<'a>(s: &'a StepBoard, code: &str) -> Found<'a> {
    let all: Vec<&Finding> = blockers(&s.ready).collect();
    match all[..] {
        [f] if f.code.as_str() == code && refusing(&s.ready).count() == 0 && s.ready.verdict != Verdict::Go => {
            Ok((f.is, f.clone()))
        }
        _ => Err(("it is not so, or not alone", &s.ready)),
    }
}

/// The checks that block.
fn refusing(a: &Answer) -> impl Iterator<Item = &CheckBoard> {
    a.missing()
}

fn blockers(a: &Answer) -> impl Iterator<Item = &Finding> {
    a.blockers.iter().filter(|f| f.is != Tri::Yes)
}

/// All that is said, for whoever reads why a case failed.
fn everything(a: &Answer) -> String {
    let checks = a.checks.iter().map(|c| {
        let aside = if c.left_out { " (left out)" } else { "" };
        format!("{}{aside} {}: {}", c.check.id, Verdict::from(c.is).as_str(), render::sentence(&c.chief()))
    });
    let why = blockers(a).map(|f| format!("{}: {}", f.code.as_str(), render::sentence(f)));
    format!("{}\n    {}", a.verdict.as_str(), why.chain(checks).collect::<Vec<_>>().join("\n    "))
}
