//! Answers as text: lines a tired person can act on.

use super::answer::Said;
use super::json::since_and_by;
use crate::agent::Published;
use cutover_core::gate::board::{Gated, Life, StepBoard, Verdict};
use cutover_core::reading::{Finding, Tri};
use cutover_core::render;
use cutover_core::time::Now;
use std::fmt::Write;

/// One question about one step.
pub(super) fn answer(said: &Said<'_>) -> String {
    let mut out = format!("{} {}: {}\n", said.step.step.id, said.question.as_str(), said.summary);
    let chief = render::chief(said.answer);
    if said.verdict != Verdict::Go {
        fix(&mut out, "  ", chief.as_ref());
        for f in said.answer.blockers.iter().filter(|f| f.is != Tri::Yes && chief.as_ref() != Some(*f)) {
            let _ = writeln!(out, "  {} {}", also(f.is), render::sentence(f));
            fix(&mut out, "    ", Some(f));
        }
        for c in said.answer.checks.iter().filter(|c| !c.left_out && c.is != Tri::Yes) {
            let f = c.chief();
            let more = match c.reading.bad {
                0 | 1 => String::new(),
                n => format!(" (and {} more)", n - 1),
            };
            let advisory = if c.advisory { ", advisory" } else { "" };
            if chief.as_ref() != Some(&f) {
                let _ = writeln!(out, "  {} {}{advisory}: {}{more}", also(c.is), c.check.id, render::sentence(&f));
                fix(&mut out, "    ", Some(&f));
            } else if !more.is_empty() {
                let _ = writeln!(out, "  {}: {} things in all are in the way", c.check.id, c.reading.bad);
            }
        }
    }
    if let Some(at) = said.answer.earliest_go {
        let _ = writeln!(out, "  go at the earliest at {}", render::instant(at));
    }
    notes(&mut out, said.published, Some(said.step));
    let until = render::instant(said.until());
    let _ = writeln!(out, "  believe this until {until}");
    out
}

/// Every step of every track.
pub(super) fn status(p: &Published, now: Now) -> String {
    let s = &p.settings;
    let mut out = format!("migration {}, attempt {}, at {}\n", s.migration, s.attempt, render::instant(now.wall));
    if let Some(why) = &p.journal {
        let _ = writeln!(out, "  NOTHING IS GO: facts cannot be written to the journal: {why}");
    }
    for (target, t) in p.measures.targets.iter().filter(|(_, t)| !t.up) {
        let last = t.last_success.map_or_else(|| "never".to_owned(), render::instant);
        let _ = writeln!(out, "  {target} is not measured now; last success: {last}");
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

fn line(out: &mut String, p: &Published, step: &StepBoard, now: Now) {
    let (since, by) = since_and_by(&step.life);
    let since = since.map(|at| format!(" since {}", render::instant(at))).unwrap_or_default();
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    let head = format!("  {} {:<20} {:<12}", step.position, step.step.id, step.life.as_str());
    let pad = " ".repeat(6);
    match &step.life {
        Life::Done(..) => {
            let _ = writeln!(out, "{head}{}{by}", since.trim_start());
            return;
        }
        Life::Skipped(why) => {
            let _ = writeln!(out, "{head}{why}");
            return;
        }
        Life::Begun(..) => {
            let _ = writeln!(out, "{head}{}{by}", since.trim_start());
            let done = Said::of(p, step, Gated::Done, now);
            let _ = writeln!(out, "{pad}done? {}", done.summary);
            fix(out, &format!("{pad}  "), render::chief(done.answer).as_ref());
        }
        Life::Pending | Life::Undone(_) | Life::OutOfOrder => {
            let ready = Said::of(p, step, Gated::Ready, now);
            let no_way_back = if step.step.way_back { "" } else { " [no way back]" };
            let shown = if ready.verdict == Verdict::Go { "GO" } else { ready.summary.as_str() };
            let _ = writeln!(out, "{head}{shown}{no_way_back}");
            if ready.verdict != Verdict::Go {
                fix(out, &format!("{pad}  "), render::chief(ready.answer).as_ref());
            }
        }
    }
    if step.adoptable {
        let id = step.step.id;
        let _ = writeln!(out, "{pad}looks done; if it was taken: cutover-agent adopt {id} --reason …");
    }
}

fn notes(out: &mut String, p: &Published, step: Option<&StepBoard>) {
    if p.settings.faster > 1 {
        let _ = writeln!(out, "  REHEARSAL: every time is divided by {}", p.settings.faster);
    }
    for r in super::json::relaxations(p, step.map(|s| s.step.track)) {
        let _ = writeln!(out, "  relaxed: {}", r.said());
    }
}

fn also(is: Tri) -> &'static str {
    match is {
        Tri::No => "no-go: ",
        Tri::Unknown | Tri::Yes => "unknown:",
    }
}

fn fix(out: &mut String, pad: &str, f: Option<&Finding>) {
    if let Some(fix) = f.and_then(|f| f.fix.as_deref()) {
        let _ = writeln!(out, "{pad}fix: {fix}");
    }
}
