//! What the mirror knows of itself, and what it publishes of that.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::options::{Faults, MirrorState};

/// The stages, exactly as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Initializing,
    InitialSync,
    OplogSync,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Initializing => "initializing",
            Stage::InitialSync => "initial sync",
            Stage::OplogSync => "oplog sync",
        }
    }
}

/// How far the copy of one namespace is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Progress {
    pub(super) complete: bool,
    pub(super) copied: u64,
    pub(super) total: u64,
    pub(super) indexes: usize,
}

/// The state; timestamps are 64-bit values, 0 where there is none yet.
#[derive(Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) phase: Option<&'static str>,
    pub(super) applied: u64,
    pub(super) scanned: u64,
    /// Of `applied` and `scanned` the one that is published, or one increment before an entry held back.
    pub(super) position: u64,
    pub(super) goal: u64,
    pub(super) progress: BTreeMap<String, Progress>,
    pub(super) error: Option<String>,
    pub(super) faults: Faults,
    details: Map<String, Value>,
}

/// The shared state.
#[derive(Debug)]
pub(super) struct Board(Mutex<State>);

impl Board {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            stage: Stage::Initializing,
            phase: None,
            applied: 0,
            scanned: 0,
            position: 0,
            goal: 0,
            progress: BTreeMap::new(),
            error: None,
            faults: Faults::default(),
            details: Map::new(),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }
}

impl State {
    /// Refreshes the published details; `latest` and `last_write` were asked of the source after `position` was taken.
    pub(super) fn refresh(&mut self, position: u64, latest: u64, last_write: u64) {
        // What has met an error stands where it stands.
        if self.faults.error.is_some() {
            if let Some(current) = self.details.get("currentTimestamp").cloned() {
                self.details.insert("latestTimestamp".to_owned(), current);
            }
            return;
        }
        let mut details = Map::new();
        let mut put = |name: &str, value: u64| {
            if value != 0 {
                details.insert(name.to_owned(), json!(value.to_string()));
            }
        };
        if self.phase == Some(APPLYING) {
            put("currentTimestamp", position.saturating_add_signed(self.faults.shift));
            put("latestTimestamp", if self.stage == Stage::InitialSync { self.goal } else { latest });
            put("lastWriteOnSourceTimestamp", last_write);
        }
        if self.stage == Stage::InitialSync {
            for (namespace, progress) in &self.progress {
                let mut one = json!({
                    "complete": progress.complete,
                    "copiedBytes": progress.copied,
                    "totalBytes": progress.total,
                });
                if self.phase == Some(INDEXING) {
                    one["createIndexes"] = json!(progress.indexes);
                }
                details.insert(namespace.clone(), one);
            }
        }
        self.details = details;
    }

    /// The body of the status port.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({ "stage": self.stage.name() });
        if let Some(phase) = self.phase {
            body["phase"] = json!(phase);
        }
        if !self.details.is_empty() {
            body["details"] = Value::Object(self.details.clone());
        }
        if let Some(error) = self.faults.error.as_ref().or(self.error.as_ref()) {
            body["errorMessage"] = json!(error);
        }
        body
    }

    /// The body of the control port.
    pub(super) fn truth(&self) -> MirrorState {
        MirrorState {
            pid: std::process::id(),
            stage: self.stage.name().to_owned(),
            applied: self.applied,
            scanned: self.scanned,
            error: self.error.clone(),
            faults: self.faults.clone(),
        }
    }
}

/// The phases are free text; this one and `copying indexes` have been seen of MongoMirror, `copying documents` is ours.
pub(super) const APPLYING: &str = "applying oplog entries";
pub(super) const INDEXING: &str = "copying indexes";
pub(super) const COPYING: &str = "copying documents";

#[cfg(test)]
mod tests {
    use super::*;

    fn following() -> Board {
        let board = Board::new();
        {
            let mut state = board.lock();
            state.stage = Stage::OplogSync;
            state.phase = Some(APPLYING);
            state.refresh(10, 12, 11);
        }
        board
    }

    #[test]
    fn timestamps_are_quoted_decimals() {
        let body = following().lock().body();
        let expected = json!({
            "stage": "oplog sync",
            "phase": "applying oplog entries",
            "details": {
                "currentTimestamp": "10", "latestTimestamp": "12", "lastWriteOnSourceTimestamp": "11",
            },
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn what_starts_tells_only_its_stage() {
        assert_eq!(Board::new().lock().body(), json!({ "stage": "initializing" }));
    }

    #[test]
    fn an_error_stands_at_lag_zero() {
        let board = following();
        let mut state = board.lock();
        state.faults.error = Some("oplog applier: no".to_owned());
        state.refresh(10, 20, 20);
        let body = state.body();
        assert_eq!(body["errorMessage"], "oplog applier: no");
        assert_eq!(body["details"]["currentTimestamp"], body["details"]["latestTimestamp"]);
    }

    #[test]
    fn a_shift_changes_what_is_published_only() {
        let board = following();
        let mut state = board.lock();
        state.applied = 10;
        state.faults.shift = -1;
        state.refresh(10, 12, 11);
        assert_eq!(state.body()["details"]["currentTimestamp"], "9");
        assert_eq!(state.truth().applied, 10);
    }

    #[test]
    fn the_initial_sync_tells_namespaces_and_its_goal() {
        let board = Board::new();
        let mut state = board.lock();
        state.stage = Stage::InitialSync;
        state.phase = Some(INDEXING);
        state.progress.insert("shop.orders".to_owned(), Progress { complete: true, copied: 5, total: 5, indexes: 2 });
        state.refresh(0, 12, 11);
        let expected = json!({ "complete": true, "copiedBytes": 5, "totalBytes": 5, "createIndexes": 2 });
        assert_eq!(state.body()["details"]["shop.orders"], expected);
        state.phase = Some(APPLYING);
        state.goal = 11;
        state.refresh(10, 12, 12);
        assert_eq!(state.body()["details"]["latestTimestamp"], "11");
    }
}
