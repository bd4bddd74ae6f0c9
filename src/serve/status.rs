//! The whole board as one body.

use super::answer::Said;
use super::json::{AnswerBody, Rehearsal, RelaxationBody, rehearsal, relaxations, rfc3339};
use super::reply::SCHEMA_VERSION;
use crate::agent::Published;
use cutover_core::gate::board::{Gated, StepBoard};
use cutover_core::settings::Track;
use cutover_core::time::Now;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct StatusBody<'a> {
    schema_version: u32,
    migration: &'a str,
    attempt: u32,
    answered_at: String,
    evaluated_at: String,
    started_at: String,
    config_hash: &'a str,
    rehearsal: Option<Rehearsal>,
    relaxations: Vec<RelaxationBody<'a>>,
    journal: Option<&'a str>,
    suspect: Option<&'a str>,
    targets: Vec<TargetBody>,
    tracks: Vec<TrackBody>,
    steps: Vec<Value>,
}

#[derive(Serialize)]
struct TargetBody {
    target: String,
    up: bool,
    last_success_at: Option<String>,
}

#[derive(Serialize)]
struct TrackBody {
    track: Track,
    downtime_since: Option<String>,
}

/// A step: the body of its ready answer, and its done answer as the member `done`.
pub(super) fn step(p: &Published, step: &StepBoard, now: Now) -> Value {
    let (ready, done) = (Said::of(p, step, Gated::Ready, now), Said::of(p, step, Gated::Done, now));
    let mut body = json!(AnswerBody::of(&ready));
    body["done"] = json!(AnswerBody::of(&done));
    body
}

/// Everything.
pub(super) fn all(p: &Published, now: Now) -> Value {
    let targets = p.measures.targets.iter();
    json!(StatusBody {
        schema_version: SCHEMA_VERSION,
        migration: &p.settings.migration,
        attempt: p.settings.attempt,
        answered_at: rfc3339(now.wall),
        evaluated_at: rfc3339(p.board.at.wall),
        started_at: rfc3339(p.started.wall),
        config_hash: &p.settings.config_hash,
        rehearsal: rehearsal(p),
        relaxations: relaxations(p, None),
        journal: p.journal.as_deref(),
        suspect: p.suspect.as_deref(),
        targets: targets
            .map(|(name, t)| TargetBody {
                target: name.to_string(),
                up: t.up,
                last_success_at: t.last_success.map(rfc3339),
            })
            .collect(),
        tracks: p
            .board
            .tracks
            .iter()
            .map(|t| TrackBody { track: t.track, downtime_since: t.downtime.map(rfc3339) })
            .collect(),
        steps: p.board.steps.iter().map(|s| step(p, s, now)).collect(),
    })
}
