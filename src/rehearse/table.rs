//! The end of the account: what each step took, in a table.

use super::report::{Report, said};
use super::say::{hours, wrap};
use cutover_core::time::Dur;
use std::fmt::Write;

/// The summary of a report.
pub(super) fn of(r: &Report) -> String {
    let mut o = String::new();
    let head = ["step", "asked from", "waited for go", "begun at", "until done"];
    let _ = writeln!(o, "\n{:<20} {:>10}  {:<14} {:>9}  {:<12}", head[0], head[1], head[2], head[3], head[4]);
    let at = |s: Option<i64>| s.map_or("-".to_owned(), |s| hours(s * 1000));
    let took = |s: Option<i64>| s.map_or("-".to_owned(), |s| Dur::secs(s).to_string());
    for s in &r.steps {
        let back = if s.irreversible { "no way back" } else { "" };
        let line = format!(
            "{:<20} {:>10}  {:<14} {:>9}  {:<12} {back}",
            s.step,
            at(s.next_seconds),
            took(s.waited_seconds),
            at(s.begun_seconds),
            took(s.took_seconds)
        );
        let _ = writeln!(o, "{}", line.trim_end());
    }
    o.push('\n');
    for d in &r.downtimes {
        let this = d.seconds.map_or("did not end".to_owned(), |s| Dur::secs(s).to_string());
        let _ = write!(o, "downtime of the {} track: {this}", d.track);
        match said(d).filter(|_| d.rehearsals > 1) {
            Some(range) => {
                let _ = writeln!(o, "; over {} rehearsals {range}", d.rehearsals);
            }
            None => o.push('\n'),
        }
    }
    let lasted = Dur::secs(r.lasted_seconds);
    let end = match r.finished {
        true => "the migration came to its end",
        false => "the migration did not come to its end",
    };
    let _ = writeln!(o, "{end}; it took {lasted}");
    let mut paragraph = |text: &str| {
        for line in wrap(text, 98) {
            let _ = writeln!(o, "{line}");
        }
    };
    if let Some(w) = &r.waits_for {
        paragraph(&format!("it waits for {w}"));
    }
    for b in &r.broken {
        paragraph(&format!("BROKEN: {b}"));
    }
    if let Some(confirm) = &r.confirm {
        // Not wrapped: it is there to be pasted.
        let _ = write!(
            o,
            "\nIf this is what you want to answer for, say so to the agent of the real migration:\n\n{confirm}\n"
        );
    }
    o.trim_end().to_owned()
}
