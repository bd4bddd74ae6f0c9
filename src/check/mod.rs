//! `check --connect`: what the agent can read of each target, what needs it, and what would grant it; and what the
//! readings show already that would hold up a step. It takes the same readings as the samplers, once, and changes nothing.

mod foresight;
mod kafka;
mod mongodb;
mod probe;
mod scope;
mod table;
#[cfg(test)]
mod tests;
mod unread;

pub(crate) use probe::probes;
pub(crate) use table::table;
pub(crate) use unread::unread;

use crate::daemon::Samplers;
use cutover_core::estate::{Content, Failure, Target};
use cutover_core::settings::Settings;
use serde::Serialize;
use std::borrow::Cow;

/// One capability of one target.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The target, such as `kafka/source`.
    pub target: String,
    /// What the agent tried to read.
    pub capability: &'static str,
    /// Steps whose checks need it.
    pub needed_by: Cow<'static, str>,
    /// It could be read.
    pub ok: bool,
    /// Needed for some step; an optional one only makes the evidence richer.
    pub required: bool,
    /// What came back.
    pub found: String,
    /// What would grant it.
    pub fix: Option<String>,
    /// Of a probe that could be asked: whether it passes now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes: Option<bool>,
}

/// Tries everything on every target.
pub(crate) async fn connect(samplers: &Samplers, settings: &Settings) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut taken = Taken::default();
    for s in &samplers.kafka {
        rows.extend(kafka::side(s, &mut taken).await);
    }
    rows.extend(different(&rows, "kafka", "two different clusters", "switch-producers", "properties files"));
    for s in &samplers.mongodb {
        rows.extend(mongodb::side(s, &mut taken).await);
    }
    rows.extend(different(&rows, "mongodb", "two different deployments", "start-mirror", "connection strings"));
    for s in &samplers.mirrors {
        rows.extend(mongodb::mirror(s).await);
    }
    rows.extend(foresight::rows(settings, taken));
    rows
}

/// The readings that were taken on the way.
type Taken = Vec<(Target, Content)>;

/// Whether the two sides of a system are two, once both have told their ids.
fn different(
    rows: &[Row],
    system: &str,
    capability: &'static str,
    needed_by: &'static str,
    files: &str,
) -> Option<Row> {
    let of = |r: &&Row| r.capability == CONNECT && r.ok && r.target.split('/').next() == Some(system);
    let ids: Vec<&str> = rows.iter().filter(of).map(|r| r.found.as_str()).collect();
    let [a, b] = ids[..] else { return None };
    let same = a == b;
    Some(Row {
        target: system.to_owned(),
        capability,
        needed_by: needed_by.into(),
        ok: !same,
        required: true,
        found: if same { "source and destination are the same".into() } else { "the ids differ".into() },
        fix: same.then(|| format!("let one of the two {files} name the other one")),
        passes: None,
    })
}

/// The first of several failures, and how many more there are; what is good if there is none.
fn first<'f>(failures: impl Iterator<Item = &'f Failure>, good: &str) -> (bool, String) {
    let said: Vec<&str> = failures.map(|f| &*f.message).collect();
    match said[..] {
        [] => (true, good.to_owned()),
        [f] => (false, f.to_owned()),
        [f, ..] => (false, format!("{f} (and {} more)", said.len() - 1)),
    }
}

/// The capability whose absence means that a target cannot be reached at all.
const CONNECT: &str = "connect";

/// 0 if everything required can be read, 1 if something cannot or if nothing at all was reached, 3 if a target cannot be
/// reached at all.
pub(crate) fn exit_code(rows: &[Row]) -> u8 {
    let unreachable = rows.iter().any(|r| !r.ok && r.capability == CONNECT);
    match rows.iter().all(|r| r.ok || !r.required) {
        true if nothing(rows) => 1,
        true => 0,
        false if unreachable => 3,
        false => 1,
    }
}

/// Whether no target was read and no probe passes: then nothing shows that the agent gets anywhere.
fn nothing(rows: &[Row]) -> bool {
    !rows.iter().any(|r| r.ok && r.passes != Some(false))
}
