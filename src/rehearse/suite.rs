//! `--all`: every scenario, as fast as the machine can, in a table.

use crate::cli::exit;
use crate::clock;
use cutover_core::time::Dur;
use cutover_sim::report::Outcome;
use cutover_sim::scenario::Scenario;
use cutover_sim::{SCENARIOS, world};
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Row {
    scenario: &'static str,
    /// What is wrong, a line each; nothing if all is well.
    broken: Vec<String>,
    /// Virtual seconds.
    lasted_seconds: i64,
    /// Milliseconds of the machine.
    ms: i64,
}

/// Runs all of them; 1 if one does not say what it must.
pub(super) fn run(json: bool, out: &mut dyn Write) -> u8 {
    let mut failed = 0;
    if !json {
        let _ = writeln!(out, "{:<40} {:>12}  {:<7} {:>7}", "scenario", "lasted", "verdict", "ms");
    }
    for (name, text) in SCENARIOS {
        let row = row(name, text);
        failed += u32::from(!row.broken.is_empty());
        if json {
            let _ = writeln!(out, "{}", serde_json::to_string(&row).unwrap_or_default());
            continue;
        }
        let verdict = if row.broken.is_empty() { "ok" } else { "BROKEN" };
        let lasted = Dur::secs(row.lasted_seconds).to_string();
        let _ = writeln!(out, "{name:<40} {lasted:>12}  {verdict:<7} {:>7}", row.ms);
        for b in row.broken.iter().flat_map(|b| super::say::wrap(b, 94)) {
            let _ = writeln!(out, "      {b}");
        }
    }
    if !json {
        let _ = writeln!(out, "{} scenarios, {failed} broken", SCENARIOS.len());
    }
    if failed == 0 { exit::OK } else { exit::NOT_NOW }
}

fn row(name: &'static str, text: &str) -> Row {
    let since = clock::now().mono;
    let (outcome, bad) = match Scenario::parse(text) {
        Ok(s) => (world::run(&s, None), None),
        Err(e) => (Outcome::default(), Some(format!("cannot be read: {}", e.0))),
    };
    let mut broken: Vec<String> = bad.into_iter().collect();
    broken.extend(outcome.failing.iter().map(|f| format!("{} {}: {}", f.what, f.step, f.text)));
    broken.extend(outcome.missed.iter().map(|m| format!("expected {m}")));
    broken.extend(outcome.story.iter().filter(|l| l.contains("not understood")).cloned());
    Row { scenario: name, broken, lasted_seconds: outcome.ended / 1000, ms: (clock::now().mono - since).0 }
}
