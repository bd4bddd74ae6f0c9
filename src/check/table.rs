//! The rows for people: a line each, wrapped to what a terminal shows beside each other. What mends a row stands below it
//! in one piece, so that it can be copied.

use super::{Row, nothing};
use std::fmt::Write;

/// Columns of a terminal.
const WIDTH: usize = 120;
const CAPABILITY: usize = 23;
const NEEDED: usize = 24;
/// The least that is left for what came back, however long the names of targets are.
const FOUND: usize = 30;
const GAP: usize = 2;
const HEAD: [&str; 4] = ["target", "capability", "needed by", "what came back; fix"];

/// A table for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let target = rows.iter().map(|r| length(&r.target)).chain([length(HEAD[0])]).max().unwrap_or(0);
    let found = WIDTH.saturating_sub(4 + target + CAPABILITY + NEEDED + 4 * GAP).max(FOUND);
    let widths = [target, CAPABILITY, NEEDED, found];
    let mut out = String::new();
    line(&mut out, "", HEAD, widths);
    for r in rows {
        let mark = match (r.ok, r.required) {
            (true, _) => "ok",
            (false, true) => "FAIL",
            (false, false) => "miss",
        };
        line(&mut out, mark, [&r.target, r.capability, &r.needed_by, &r.found], widths);
        if let Some(fix) = r.fix.as_ref().filter(|_| !r.ok) {
            let _ = writeln!(out, "      fix: {fix}");
        }
    }
    if nothing(rows) {
        let _ =
            writeln!(out, "FAIL  nothing was read, and no probe passes: nothing shows that the agent gets anywhere");
    }
    out
}

fn line(out: &mut String, mark: &str, cells: [&str; 4], widths: [usize; 4]) {
    let cells: Vec<Vec<String>> = cells.iter().zip(widths).map(|(cell, width)| wrapped(cell, width)).collect();
    for n in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
        let mut said = format!("{:4}", if n == 0 { mark } else { "" });
        for (lines, width) in cells.iter().zip(widths) {
            let text = lines.get(n).map_or("", String::as_str);
            let _ = write!(said, "{:GAP$}{text}{:rest$}", "", "", rest = width.saturating_sub(length(text)));
        }
        let _ = writeln!(out, "{}", said.trim_end());
    }
}

/// A text in lines of at most so many letters; a word is never cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if length(last) + 1 + length(word) <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn length(text: &str) -> usize {
    text.chars().count()
}
