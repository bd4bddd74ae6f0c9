//! Scenario files: read, or refused with the line and the word that was probably meant; and their script in words.

use cutover_sim::scenario::Scenario;
use cutover_sim::vocabulary::{self, Wrong};
use std::path::Path;

/// No scenario is longer; a file that is, is none.
const BYTES: u64 = 1 << 20;

/// Reads a scenario.
///
/// # Errors
/// Everything that is wrong with it, a line each.
pub(super) fn read(file: &Path) -> Result<Scenario, String> {
    let name = file.display().to_string();
    let bytes = std::fs::metadata(file).map_err(|e| format!("{name}: cannot be read: {e}"))?.len();
    if bytes > BYTES {
        return Err(format!("{name}: is longer than {BYTES} bytes: this is no scenario"));
    }
    let text = std::fs::read_to_string(file).map_err(|e| format!("{name}: cannot be read: {e}"))?;
    parse(&name, &text)
}

/// Parses a scenario that was read from `name`.
pub(super) fn parse(name: &str, text: &str) -> Result<Scenario, String> {
    vocabulary::parse(text).map_err(|wrong| {
        let lines: Vec<String> = wrong.iter().map(|w| said(name, w)).collect();
        lines.join("\n")
    })
}

fn said(name: &str, w: &Wrong) -> String {
    let n = w.line;
    match (&w.word, w.usage) {
        (Some(word), _) => {
            let near = nearest(word, &w.known).map(|k| format!("; did you mean `{k}`?")).unwrap_or_default();
            format!("{name}:{n}: unknown word `{word}`{near} Known here: {}", w.known.join(", "))
        }
        (None, Some(usage)) => format!("{name}:{n}: cannot be read; such a line looks like `{usage}`"),
        (None, None) => format!("{name}:{n}: cannot be read"),
    }
}

fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), *k)).min()?;
    (near.0 <= 2.max(word.len() / 3)).then_some(near.1)
}

/// A line of a script as a person would tell it; what has no words of its own is shown as it stands.
pub(super) fn in_words(script: &str) -> String {
    let words: Vec<&str> = script.split_whitespace().collect();
    let side = |s: &str| if s == "dst" { "destination" } else { "source" };
    let mongodb = |s: &str| if s == "mdst" { "destination" } else { "source" };
    match words.as_slice() {
        ["forget", "producer", p] => format!("the operator will forget producer {p}"),
        ["forget", "seed", g] => format!("the operator will forget to seed the offsets of {g}"),
        ["forget", "reader", g] => format!("the operator will forget to stop {g}"),
        ["late", s] => format!("the operator does nothing for another {s} s"),
        [s @ ("src" | "dst"), "down", d] => format!("the {} does not answer for {d} s", side(s)),
        [s @ ("src" | "dst"), "broker", n, d] => format!("broker {n} of the {} does not answer for {d} s", side(s)),
        [s @ ("src" | "dst"), "hide", d] => format!("the {} hides its groups for {d} s", side(s)),
        [s @ ("src" | "dst"), "stall", tp, d] => {
            format!("the high watermark of {tp} on the {} stands still for {d} s", side(s))
        }
        ["txn", s, tp, n, how, d] => {
            let how = if *how == "abort" { "aborted" } else { "committed" };
            format!("a transaction of {n} records is begun on {tp} ({}), {how} after {d} s", side(s))
        }
        ["write", s, tp, n] => format!("{n} records are written to {tp} ({}) by nobody the agent knows", side(s)),
        ["dba", "forget", "writer", s] => format!("the operator will forget to stop writer {s}"),
        ["dba", "forget", "reader", s] => format!("the operator will forget to move reader {s}"),
        ["dba", "forget", "mirror", m] => format!("the operator will forget to end mirror {m}"),
        ["dba", "forget", "block", _] => "the operator will forget the write block of the destination".to_owned(),
        ["dba", "late", s] => format!("the operator of MongoDB does nothing for another {s} s"),
        ["dba", "scaled"] => "the operator will say that every writer is scaled to zero".to_owned(),
        ["dba", "removed"] => "the operator will say that the mirrors are removed".to_owned(),
        ["sre", "forget", "traffic", _] => "the operator will forget to redirect the traffic".to_owned(),
        ["sre", "forget", "service", s] => format!("the operator will forget to move service {s}"),
        ["sre", "forget", "half", s] => format!("the operator will move one half of service {s} only"),
        ["sre", "late", s] => format!("the operator of the services does nothing for another {s} s"),
        ["svc", "deploy", s, home, ..] => format!("somebody deploys {s} at the {}", side(home)),
        ["svc", "remove", s, home, ..] => format!("{s} is gone from the {}", side(home)),
        ["traffic", to] => format!("somebody sends the traffic to the {}", side(to)),
        ["probe", p, "fail", ..] => format!("what probe {p} looks at lets nobody in"),
        ["probe", p, "silent", d] => format!("probe {p} is not answered for {d} s"),
        [s @ ("msrc" | "mdst"), "down", d] => format!("the {} MongoDB does not answer for {d} s", mongodb(s)),
        [s @ ("msrc" | "mdst"), "elect", d] => format!("the {} MongoDB has no primary for {d} s", mongodb(s)),
        [s @ ("msrc" | "mdst"), "write", ns, _] => format!("somebody writes {ns} by hand ({})", mongodb(s)),
        ["mirror", m, "error", rest @ ..] => format!("mirror {m} says: {}", rest.join(" ")),
        ["mirror", m, "stick"] => format!("mirror {m} carries nothing any more, and does not know"),
        ["kill", d] => format!("the agent is killed, and started again after {d} s"),
        ["sleep", d] => format!("the agent's machine sleeps for {d} s"),
        _ => format!("`{script}` happens"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named_with_the_word_that_was_meant() {
        let said = parse("mine.scn", "seed 1\ntopci crm 2\nat 5 src dwon 9\nretention soon\n").unwrap_err();
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].starts_with("mine.scn:2: unknown word `topci`; did you mean `topic`?"), "{said}");
        assert!(lines[1].starts_with("mine.scn:3: unknown word `dwon`; did you mean `down`?"), "{said}");
        assert_eq!(lines[2], "mine.scn:4: cannot be read; such a line looks like `retention 900`");
    }
}
