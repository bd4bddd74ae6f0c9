//! The account on the standard output: for people, at most 100 columns wide, or a JSON object a line.

use super::account::{Line, Who};
use serde::Serialize;
use std::io::Write;

/// The widest line.
const WIDTH: usize = 100;
/// Where the words begin.
const INDENT: usize = 20;

/// Writes the account.
pub(super) struct Say<'a> {
    out: &'a mut dyn Write,
    json: bool,
    colour: bool,
}

impl<'a> Say<'a> {
    /// To `out`.
    pub(super) fn new(out: &'a mut dyn Write, json: bool, colour: bool) -> Say<'a> {
        Say { out, json, colour }
    }

    /// A line of the account; a closed pipe is not worth more than silence.
    pub(super) fn line(&mut self, line: &Line) {
        if self.json {
            return self.object(line);
        }
        let head = format!("{:>8}  {:<8}  ", hours(line.at_ms), label(line.who));
        let mut words = wrap(&line.text, WIDTH - INDENT).into_iter();
        let paint = paint(line);
        let (on, off) = if self.colour && !paint.is_empty() { (paint, "\x1b[0m") } else { ("", "") };
        let _ = writeln!(self.out, "{head}{on}{}{off}", words.next().unwrap_or_default());
        for rest in words {
            let _ = writeln!(self.out, "{:INDENT$}{on}{rest}{off}", "");
        }
        let _ = self.out.flush();
    }

    /// Text as it is, for people only.
    pub(super) fn text(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(self.out, "{text}");
            let _ = self.out.flush();
        }
    }

    /// An object, for programs only.
    pub(super) fn object(&mut self, object: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string(object).unwrap_or_default();
            let _ = writeln!(self.out, "{text}");
            let _ = self.out.flush();
        }
    }
}

fn label(who: Who) -> &'static str {
    match who {
        Who::Rehearsal => "",
        Who::Measured => "measured",
        Who::Assumed => "assumed",
        Who::Operator => "operator",
        Who::Agent => "agent",
        Who::Script => "estate",
        Who::Mirror => "mirror",
        Who::Step => "step",
        Who::NoWayBack => "!",
        Who::Downtime => "downtime",
        Who::Defect => "DEFECT",
    }
}

fn paint(line: &Line) -> &'static str {
    match (line.who, line.verdict) {
        (Who::NoWayBack | Who::Defect, _) => "\x1b[1;31m",
        (Who::Agent, Some("go")) => "\x1b[1;32m",
        (Who::Agent, Some("unknown")) => "\x1b[33m",
        (Who::Agent, Some(_)) => "\x1b[31m",
        (Who::Operator, _) => "\x1b[36m",
        (Who::Script | Who::Mirror | Who::Measured | Who::Assumed, _) => "\x1b[2m",
        (Who::Step | Who::Downtime, _) => "\x1b[1m",
        _ => "",
    }
}

/// `0:12:34`.
pub(super) fn hours(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// Words in lines no wider than `width`; a word that is wider has a line of its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(l) if l.chars().count() + 1 + word.chars().count() <= width => {
                l.push(' ');
                l.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &Line, json: bool, colour: bool) -> String {
        let mut out = Vec::new();
        Say::new(&mut out, json, colour).line(line);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_fit_a_terminal_and_are_coloured_only_where_asked() {
        let text = "stop-consumers: no-go (draining): group shop.PROD.crm.orders.rtu on shop.PROD.crm.orders.ingestion \
                    partitions 0, 3 (source) is 1 204 records behind";
        let line = Line {
            at_ms: 3_723_000,
            who: Who::Agent,
            step: Some("stop-consumers"),
            verdict: Some("no-go"),
            code: Some("draining"),
            text: text.to_owned(),
        };
        let plain = said(&line, false, false);
        assert!(plain.starts_with(" 1:02:03  agent     stop-consumers: no-go"), "{plain}");
        assert!(plain.lines().all(|l| l.chars().count() <= WIDTH), "{plain}");
        assert!(plain.lines().skip(1).all(|l| l.starts_with(&" ".repeat(INDENT))), "{plain}");
        assert!(!plain.contains('\x1b'));
        assert!(said(&line, false, true).contains("\x1b[31m"));
        let json: serde_json::Value = serde_json::from_str(&said(&line, true, true)).unwrap();
        assert_eq!(json["who"], "agent");
        assert_eq!(json["code"], "draining");
    }
}
