//! `status` and `history`: what the agent says, on a terminal. The table is the agent's own text, so that `curl` and
//! this command show the same.

use super::args::{AgentArgs, HistoryArgs, StatusArgs};
use super::http::{Answered, Base, Http, base, encoded, plain};
use super::judge::foreign;
use super::wait::stamped;
use super::{Io, exit};
use cutover_core::render;
use cutover_core::time::Wall;
use serde_json::Value;
use std::fmt::Write;

/// Facts the agent notes for itself, shown only when asked for.
const OWN: [&str; 11] =
    ["was-go", "pair", "topic", "member", "grew", "gaps", "empty", "attached", "phantom", "read-from-start", "grown"];

/// `status`.
pub(super) fn status(a: &StatusArgs, io: &mut Io<'_>) -> u8 {
    let (base, http) = match prepare(&a.at) {
        Ok(p) => p,
        Err(said) => {
            io.note(&format!("status: {said}"));
            return exit::USAGE;
        }
    };
    let path = a.step.as_deref().map_or_else(|| "/status".to_owned(), |s| format!("/status/{}", encoded(s)));
    let accept = if a.json { "application/json" } else { "text/plain" };
    loop {
        let shown = fetch(&http, &base, &path, accept);
        if a.watch {
            // Home, clear to the end: no flicker, and what scrolled away stays.
            let _ = write!(io.out, "\x1b[H\x1b[2J");
        }
        let code = match shown {
            Ok(a) => {
                io.say(printable(&a.body).trim_end());
                exit::OK
            }
            Err((code, said)) => {
                let line = format!("status: {said}");
                if a.watch {
                    io.say(&stamped(&line))
                } else {
                    io.note(&line)
                }
                code
            }
        };
        if !a.watch || matches!(code, exit::USAGE | exit::REFUSED) {
            return code;
        }
        std::thread::sleep(a.every.max(std::time::Duration::from_millis(500)));
    }
}

/// `history`.
pub(super) fn history(a: &HistoryArgs, io: &mut Io<'_>) -> u8 {
    let (base, http) = match prepare(&a.at) {
        Ok(p) => p,
        Err(said) => {
            io.note(&format!("history: {said}"));
            return exit::USAGE;
        }
    };
    match fetch(&http, &base, &format!("/history?limit={}", a.limit), "*/*") {
        Ok(answer) if a.json => io.say(answer.body.trim_end()),
        Ok(answer) => {
            for line in answer.body.lines() {
                if let Some(said) = fact(line, a.all) {
                    io.say(&said);
                }
            }
        }
        Err((code, said)) => {
            io.note(&format!("history: {said}"));
            return code;
        }
    }
    exit::OK
}

fn prepare(at: &AgentArgs) -> Result<(Base, Http), String> {
    Ok((base(at)?, Http::new(at)?))
}

fn fetch(http: &Http, base: &Base, path: &str, accept: &str) -> Result<Answered, (u8, String)> {
    let a = http
        .get(base, path, accept)
        .map_err(|e| (exit::UNREACHABLE, format!("{}; is the agent running, and is --agent right?", e.said)))?;
    if !a.is_agents() {
        return Err((exit::UNREACHABLE, format!("{} {}; check --agent", base.as_str(), foreign(&a))));
    }
    match a.status {
        200 => Ok(a),
        400 => Err((exit::USAGE, a.summary())),
        401 | 404 | 409 | 412 => Err((exit::REFUSED, a.summary())),
        503 => Err((exit::NOT_NOW, a.summary())),
        _ => Err((exit::UNREACHABLE, a.summary())),
    }
}

/// Lines from elsewhere without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !c.is_control()).collect()
}

/// A fact in one line: when, what, and its other fields.
fn fact(line: &str, all: bool) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    let fields = value.as_object()?;
    let what = fields.get("fact")?.as_str()?;
    if !all && OWN.contains(&what) {
        return None;
    }
    let at = fields.get("at").or_else(|| fields.get("until")).and_then(Value::as_i64);
    let mut out = at.map_or_else(|| " ".repeat(20), |ms| render::instant(Wall(ms)));
    let _ = write!(out, "  {what:<14}");
    match fields.get("step") {
        Some(Value::String(step)) => out.extend([" ", &plain(step)]),
        Some(_) => out.push_str(" everything"),
        None => {}
    }
    let told = |k: &str| matches!(k, "fact" | "at" | "step" | "evidence");
    for (key, v) in fields.iter().filter(|(k, v)| !told(k) && !v.is_null()) {
        let shown = match v {
            Value::String(s) => plain(s),
            Value::Array(a) if a.is_empty() => continue,
            Value::Array(a) => a.iter().map(|v| plain(v.as_str().unwrap_or_default())).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        };
        let _ = write!(out, " {key}: {shown};");
    }
    Some(out.trim_end_matches(';').to_owned())
}
