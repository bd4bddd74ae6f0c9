//! Answers as text: lines a tired person can act on.

use super::answer::Said;
use super::json::{by_whom, since_and_by};
use crate::agent::Published;
use cutover_core::gate::board::{Answer, Gated, Life, StepBoard, Verdict};
use cutover_core::hint;
use cutover_core::reading::{Code, Finding, Tri};
use cutover_core::render;
use cutover_core::time::Now;
use std::collections::BTreeSet;
use std::fmt::Write;

/// One question about one step.
pub(super) fn answer(said: &Said<'_>) -> String {
    let mut out = format!("{} {}: {}\n", said.step.step.id, said.question.as_str(), said.summary);
    if said.verdict != Verdict::Go && said.stands() {
        evidence(&mut out, said.answer);
    }
    if let Some(at) = said.answer.earliest_go {
        let _ = writeln!(out, "  go at the earliest at {}", render::instant(at));
    }
    notes(&mut out, said.published, Some(said.step));
    if said.answer.settled.is_none() {
        let _ = writeln!(out, "  believe this until {}", render::instant(said.until()));
    }
    out
}

/// Everything that is in the way, each thing once, the chief one (already said) first.
fn evidence(out: &mut String, answer: &Answer) {
    let chief = render::chief(answer);
    fix(out, "  ", chief.as_ref());
    let is_chief = |f: &Finding| chief.as_ref() == Some(f);
    for f in answer.blockers.iter().filter(|f| f.is != Tri::Yes && !is_chief(f)) {
        let _ = writeln!(out, "  {} {}", also(f.is), render::sentence(f));
        fix(out, "    ", Some(f));
    }
    for c in answer.checks.iter().filter(|c| answer.judges(c) && c.is != Tri::Yes) {
        let advisory = if c.advisory { " (advisory)" } else { "" };
        let head = c.chief();
        if !is_chief(&head) {
            let _ = writeln!(out, "  {} {}{advisory}: {}", also(c.is), c.check.id, render::sentence(&head));
            fix(out, "    ", Some(&head));
        }
        let others = || c.reading.worst.iter().filter(|f| f.is != Tri::Yes);
        for f in others().filter(|f| **f != head) {
            let _ = writeln!(out, "  {} {}{advisory}: {}", also(f.is), c.check.id, render::sentence(f));
            fix(out, "    ", Some(f));
        }
        let more = c.reading.bad.saturating_sub(others().count());
        if more > 0 {
            let _ = writeln!(out, "  {}: and {more} more like these", c.check.id);
        }
    }
}

/// Every step of every track.
pub(super) fn status(p: &Published, now: Now) -> String {
    let s = &p.settings;
    let mut out = format!("migration {}, attempt {}, at {}\n", s.migration, s.attempt, render::instant(now.wall));
    if let Some(why) = &p.journal {
        let _ = writeln!(out, "  NOTHING IS GO: facts cannot be written to the journal: {why}");
    }
    if let Some(said) = &p.suspect {
        let _ = writeln!(out, "  {said}");
    }
    for (target, t) in p.measures.targets.iter().filter(|(_, t)| !t.up) {
        let last = t.last_success.map_or_else(|| "never".to_owned(), render::instant);
        let _ = writeln!(out, "  {target} is not measured now; last success: {last}");
    }
    for held in holds(p) {
        let _ = writeln!(out, "  HOLD: {held}");
    }
    notes(&mut out, p, None);
    for t in &p.board.tracks {
        let downtime = t.downtime.map(|at| format!(": downtime open since {}", render::instant(at)));
        let _ = writeln!(out, "\n{}{}", t.track, downtime.unwrap_or_default());
        for step in p.board.steps.iter().filter(|b| b.step.track == t.track) {
            line(&mut out, p, step, now);
        }
    }
    out
}

/// Who holds what, each once.
pub(super) fn holds(p: &Published) -> BTreeSet<String> {
    let blockers = p.board.steps.iter().flat_map(|s| &s.ready.blockers);
    blockers.filter(|f| f.code == Code::Hold).map(render::sentence).collect()
}

fn line(out: &mut String, p: &Published, step: &StepBoard, now: Now) {
    let (since, ..) = since_and_by(&step.life);
    let since = since.map(|at| format!(" since {}", render::instant(at))).unwrap_or_default();
    let by = by_whom(&step.life).map(|by| format!(" by {by}")).unwrap_or_default();
    let head = format!("  {} {:<20} {:<13}", step.position, step.step.id, step.life.as_str());
    let pad = "      ";
    match &step.life {
        Life::Skipped(why) => {
            let _ = writeln!(out, "{head}{why}");
            return;
        }
        Life::Begun(..) | Life::Done(..) => {
            let _ = writeln!(out, "{head}{}{by}", since.trim_start());
            let question = if matches!(step.life, Life::Begun(..)) { "done? " } else { "" };
            reason(out, pad, question, &Said::of(p, step, Gated::Done, now));
        }
        Life::Pending | Life::Undone(_) | Life::OutOfOrder => {
            let ready = Said::of(p, step, Gated::Ready, now);
            let no_way_back = if step.step.way_back { "" } else { " [no way back]" };
            let shown = ready.verdict.as_str();
            let shown = if ready.verdict == Verdict::Go { shown.to_uppercase() } else { shown.to_owned() };
            let _ = writeln!(out, "{head}{shown}{no_way_back}");
            reason(out, pad, "", &ready);
        }
    }
    if step.adoptable {
        let id = step.step.id;
        let _ = writeln!(out, "{pad}looks done; if it was taken: cutover-agent adopt {id} --reason …");
    }
}

/// Why not, and how much more there is.
fn reason(out: &mut String, pad: &str, question: &str, said: &Said<'_>) {
    if said.verdict == Verdict::Go {
        return;
    }
    let why = said.summary.strip_prefix(said.verdict.as_str()).unwrap_or(&said.summary).trim_start();
    let _ = writeln!(out, "{pad}{question}{why}");
    if !said.stands() {
        return;
    }
    fix(out, pad, render::chief(said.answer).as_ref());
    let blockers = said.answer.blockers.iter().filter(|f| f.is != Tri::Yes).count();
    let all = blockers + said.answer.missing().map(|c| c.reading.bad.max(1)).sum::<usize>();
    if all > 1 {
        let _ = writeln!(out, "{pad}and {} more: cutover-agent status {}", all - 1, said.step.step.id);
    }
}

fn notes(out: &mut String, p: &Published, step: Option<&StepBoard>) {
    if p.simulated {
        let _ = writeln!(out, "  REHEARSAL: the estate is simulated; this says nothing about real servers");
    }
    if p.settings.faster > 1 {
        let _ = writeln!(out, "  REHEARSAL: every time is divided by {}", p.settings.faster);
    }
    for r in super::json::relaxations(p, step.map(|s| s.step.track)) {
        let _ = writeln!(out, "  relaxed: {}", r.said());
    }
}

fn also(is: Tri) -> &'static str {
    match is {
        Tri::No => "no-go:  ",
        Tri::Unknown | Tri::Yes => "unknown:",
    }
}

fn fix(out: &mut String, pad: &str, f: Option<&Finding>) {
    if let Some(fix) = f.and_then(hint::fix) {
        let _ = writeln!(out, "{pad}fix: {fix}");
    }
}
