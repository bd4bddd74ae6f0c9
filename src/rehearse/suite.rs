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
    each(SCENARIOS, json, out)
}

fn each(scenarios: &[(&'static str, &str)], json: bool, out: &mut dyn Write) -> u8 {
    let mut failed = 0;
    if !json {
        let _ = writeln!(out, "{:<40} {:>12}  {:<7} {:>7}", "scenario", "lasted", "verdict", "ms");
    }
    for (name, text) in scenarios {
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
        let _ = writeln!(out, "{} scenarios, {failed} broken", scenarios.len());
    }
    if failed == 0 { exit::OK } else { exit::NOT_NOW }
}

fn row(name: &'static str, text: &str) -> Row {
    let since = clock::now().mono;
    let (outcome, bad) = match Scenario::parse(text) {
        Ok(s) if s.expects.is_empty() => {
            let why = format!(
                "sim/scenarios/{name}.scn is not run: it expects nothing, and so it proves nothing; say what must be said with \
                 `expect …` (docs/rehearse.md)"
            );
            (Outcome::default(), Some(why))
        }
        Ok(s) => (world::run(&s, None), None),
        Err(e) => (Outcome::default(), Some(format!("sim/scenarios/{name}.scn cannot be read: {}", e.0))),
    };
    let mut broken: Vec<String> = bad.into_iter().collect();
    broken.extend(outcome.failing.iter().map(|f| format!("{} {}: {}", f.what, f.step, f.text)));
    broken.extend(outcome.missed.iter().map(|m| format!("expected {m}")));
    broken.extend(outcome.story.iter().filter(|l| l.contains("not understood")).cloned());
    Row { scenario: name, broken, lasted_seconds: outcome.ended / 1000, ms: (clock::now().mono - since).0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_expects_nothing_is_refused_with_its_file() {
        let estate = "topic a.ingestion 1\nreader g reads=a.ingestion\nproducer p topics=a.ingestion gap=2..5\n";
        let expecting = format!("{estate}expect no-go start-consumers until 10\nuntil 20\n");
        let silent = format!("{estate}until 20\n");
        let told = |scenarios: &[(&'static str, &str)], json| {
            let mut out = Vec::new();
            (each(scenarios, json, &mut out), String::from_utf8(out).unwrap())
        };
        let (code, table) = told(&[("says-something", &expecting)], false);
        assert_eq!(code, exit::OK, "{table}");
        let both = [("says-something", &*expecting), ("says-nothing", &*silent)];
        let (code, table) = told(&both, false);
        assert_eq!(code, exit::NOT_NOW, "{table}");
        assert!(table.contains("sim/scenarios/says-nothing.scn is not run: it expects nothing"), "{table}");
        assert!(table.contains("2 scenarios, 1 broken"), "{table}");
        let json = told(&both, true).1;
        let row: serde_json::Value = serde_json::from_str(json.lines().nth(1).unwrap()).unwrap();
        assert!(row["broken"][0].as_str().unwrap().contains("says-nothing.scn"), "{json}");
    }
}
