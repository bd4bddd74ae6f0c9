//! What an answer is worth. A go counts only if an agent said it, about this step, to this question, and it is still
//! valid; everything else is not go, a login page's 200 above all.
//!
//! Clocks of two hosts are never compared: how long an answer may be believed is the difference of two instants of the
//! agent's own clock, counted here from before the request was sent.

use super::http::{Answered, Unreached, plain};
use crate::clock;
use cutover_core::time::{Dur, Mono};

/// What is asked.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) step: &'a str,
    /// `ready` or `done`.
    pub(super) question: &'a str,
    pub(super) migration: Option<&'a str>,
    pub(super) allow_rehearsal: bool,
}

/// What one poll of one agent says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Poll {
    /// Go, until this instant of the local monotonic clock.
    Go(Mono),
    /// Not go, or not known; with why.
    Not(String),
    /// It will stay refused.
    Refused(String),
    /// The request makes no sense to the agent.
    Usage(String),
    /// Nobody answered, or somebody else did.
    NoAgent(String),
}

/// No answer is believed for longer, whatever it says.
const LONGEST: Dur = Dur::secs(60);

/// Judges what came back to a request sent at `sent`.
pub(super) fn judge(asked: &Asked<'_>, sent: Mono, came: Result<Answered, Unreached>) -> Poll {
    let a = match came {
        Ok(a) => a,
        Err(e) => return Poll::NoAgent(e.said),
    };
    let Some(verdict) = a.header("cutover-verdict").filter(|_| a.is_agents()) else {
        return Poll::NoAgent(foreign(&a));
    };
    if a.header("age").is_some_and(|age| age.trim() != "0") {
        return Poll::NoAgent("the answer came from a cache on the way; it says nothing about now".to_owned());
    }
    if let (Some(wanted), Some(is)) = (asked.migration, a.header("cutover-migration"))
        && wanted != is
    {
        return Poll::Refused(format!("this agent watches migration `{}`, not `{wanted}`", plain(is)));
    }
    match a.status {
        400 => return Poll::Usage(a.summary()),
        401 | 404 | 409 | 412 => return Poll::Refused(a.summary()),
        _ => {}
    }
    let body = a.json().unwrap_or_default();
    if let Some(marked) = body.get("rehearsal").filter(|r| !r.is_null())
        && !asked.allow_rehearsal
    {
        let how = match marked.get("simulated").and_then(serde_json::Value::as_bool) {
            Some(true) => "the estate is simulated".to_owned(),
            _ => {
                let faster = marked.get("faster").and_then(serde_json::Value::as_i64).unwrap_or_default();
                format!("every time is divided by {faster}")
            }
        };
        return Poll::Refused(format!("this is a rehearsal, {how}; --allow-rehearsal accepts it"));
    }
    if a.status != 200 || verdict != "go" {
        return Poll::Not(a.summary());
    }
    match go(asked, &a, &body) {
        Ok(left) => Poll::Go(sent + left),
        Err(why) => Poll::Not(format!("the answer says go and is not believed: {why}")),
    }
}

/// Whether a go still stands at this moment.
pub(super) fn still(until: Mono) -> bool {
    clock::now().mono < until
}

/// What answered instead of an agent.
pub(super) fn foreign(a: &Answered) -> String {
    let what = match a.status {
        300..=399 => "a redirect, which is not followed (a login page in between?)",
        200..=299 => "without the headers of a cutover-agent (a login page in between?)",
        _ => "which is not an agent's answer (a proxy in between?)",
    };
    format!("answered {} {what}", a.status)
}

fn go(asked: &Asked<'_>, a: &Answered, body: &serde_json::Value) -> Result<Dur, String> {
    let text = |field: &str| body.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    if body.get("schema_version").and_then(serde_json::Value::as_i64) != Some(1) {
        return Err("its body is of a form this version does not know".to_owned());
    }
    for (field, wanted) in [("verdict", "go"), ("step", asked.step), ("question", asked.question)] {
        if text(field) != wanted {
            return Err(format!("its body says {field} `{}` instead of `{wanted}`", plain(text(field))));
        }
    }
    let instant = |text: &str| text.parse::<jiff::Timestamp>().map(|t| t.as_millisecond()).ok();
    let until = a.header("cutover-valid-until").and_then(instant).ok_or("it does not say until when it is valid")?;
    let answered = instant(text("answered_at")).ok_or("it does not say when it was given")?;
    let left = Dur(until.saturating_sub(answered)).min(LONGEST);
    if left <= Dur::ZERO { Err("it had expired when it was given".to_owned()) } else { Ok(left) }
}
