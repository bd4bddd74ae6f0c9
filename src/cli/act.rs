//! The commands that change something: one request each, its answer in one line, its status as the exit code.

use super::args::{AcceptOffsetArgs, AdoptArgs, AgentArgs, BeginArgs, ConfirmArgs, HoldArgs, StepReasonArgs};
use super::http::{Http, base, encoded};
use super::judge::foreign;
use super::{Io, exit};
use serde_json::{Value, json};

/// `begin`.
pub(super) fn begin(a: &BeginArgs, io: &mut Io<'_>) -> u8 {
    let migration = a.migration.as_deref().map(|m| format!("?migration={}", encoded(m))).unwrap_or_default();
    let path = format!("/begin/{}{migration}", encoded(&a.step));
    let code = post("begin", &a.at, &path, &json!({ "reason": a.reason }), io);
    if code == exit::NOT_NOW {
        io.note(&format!("  to claim it as soon as it is safe: cutover-agent wait {} --begin", a.step));
    }
    code
}

/// `hold`.
pub(super) fn hold(a: &HoldArgs, io: &mut Io<'_>) -> u8 {
    post("hold", &a.at, &of_step("hold", a.step.as_deref()), &json!({ "reason": a.reason }), io)
}

/// `release`.
pub(super) fn release(a: &HoldArgs, io: &mut Io<'_>) -> u8 {
    post("release", &a.at, &of_step("release", a.step.as_deref()), &json!({ "reason": a.reason }), io)
}

/// `confirm`.
pub(super) fn confirm(a: &ConfirmArgs, io: &mut Io<'_>) -> u8 {
    word("confirm", a, io)
}

/// `retract`.
pub(super) fn retract(a: &ConfirmArgs, io: &mut Io<'_>) -> u8 {
    word("retract", a, io)
}

fn word(verb: &'static str, a: &ConfirmArgs, io: &mut Io<'_>) -> u8 {
    let body = json!({ "subject": a.about, "reason": a.reason });
    post(verb, &a.at, &of_step(verb, Some(&a.word)), &body, io)
}

/// `adopt`.
pub(super) fn adopt(a: &AdoptArgs, io: &mut Io<'_>) -> u8 {
    let mut rows: Vec<Value> = Vec::new();
    for (place, offset) in &a.anchor {
        let (topic, partition) = place.rsplit_once('/').unwrap_or((place, ""));
        rows.push(json!({ "topic": topic, "partition": partition.parse::<i32>().ok(), "offset": offset }));
    }
    let body = json!({ "anchors": rows, "reason": a.reason });
    post("adopt", &a.at, &of_step("adopt", Some(&a.step)), &body, io)
}

/// `withdraw`.
pub(super) fn withdraw(a: &StepReasonArgs, io: &mut Io<'_>) -> u8 {
    post("withdraw", &a.at, &of_step("withdraw", Some(&a.step)), &json!({ "reason": a.reason }), io)
}

/// `accept-offset`.
pub(super) fn accept_offset(a: &AcceptOffsetArgs, io: &mut Io<'_>) -> u8 {
    let body = json!({ "group": a.group, "topic": a.topic, "partition": a.partition, "reason": a.reason });
    post("accept-offset", &a.at, "/accept-offset", &body, io)
}

fn of_step(verb: &str, step: Option<&str>) -> String {
    step.map_or_else(|| format!("/{verb}"), |s| format!("/{verb}/{}", encoded(s)))
}

fn post(verb: &str, at: &AgentArgs, path: &str, body: &Value, io: &mut Io<'_>) -> u8 {
    let prepared = base(at).and_then(|b| Ok((b, Http::new(at)?)));
    let (base, http) = match prepared {
        Ok(p) => p,
        Err(said) => {
            io.note(&format!("{verb}: {said}"));
            return exit::USAGE;
        }
    };
    if !http.has_token() {
        io.note(&format!(
            "{verb}: this is journaled under a name, so it wants a token: give --token-file, or set \
             CUTOVER_TOKEN_FILE or CUTOVER_TOKEN"
        ));
        return exit::USAGE;
    }
    let at = base.as_str();
    let a = match http.post(&base, path, body) {
        Ok(a) if a.is_agents() => a,
        Ok(a) => {
            io.note(&format!("{verb}: {at} {}; check --agent", foreign(&a)));
            return exit::UNREACHABLE;
        }
        Err(e) => {
            let then = if e.unsent {
                "nothing was changed; is the agent running, and is --agent right?"
            } else {
                "it may have been journaled; look with `cutover-agent status` before trying again"
            };
            io.note(&format!("{verb}: {}; {then}", e.said));
            return exit::UNREACHABLE;
        }
    };
    let said = a.summary();
    match a.status {
        200 => {
            io.say(&said);
            return exit::OK;
        }
        400 => io.note(&format!("{verb}: {said}")),
        503 => io.note(&format!("{verb}: not now: {said}")),
        401 => io.note(&format!("{verb}: {at} does not take the token from {}: {said}", http.token_from())),
        status => io.note(&format!("{verb}: refused ({status}): {said}")),
    }
    match a.status {
        503 => exit::NOT_NOW,
        400 => exit::USAGE,
        401 | 404 | 409 | 412 => exit::REFUSED,
        _ => exit::UNREACHABLE,
    }
}
