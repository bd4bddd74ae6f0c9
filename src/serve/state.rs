//! What every request may look at.

use super::Tokens;
use super::metrics::Cache;
use crate::agent::{Handle, Published};
use cutover_core::time::Now;
use std::sync::Arc;
use tokio::sync::watch;

/// What every request may look at.
#[derive(Debug)]
pub(super) struct State {
    pub(super) handle: Handle,
    pub(super) tokens: Tokens,
    pub(super) metrics: Arc<Cache>,
    stop: watch::Receiver<bool>,
}

impl State {
    pub(super) fn new(handle: Handle, tokens: Tokens, stop: watch::Receiver<bool>) -> State {
        State { handle, tokens, metrics: Arc::default(), stop }
    }

    /// The newest board, and the instant at which it is looked at: always read after the board.
    pub(super) fn look(&self) -> (Option<Arc<Published>>, Now) {
        let board = self.handle.board();
        (board, self.handle.clock.now())
    }

    /// Whether the agent is going down.
    pub(super) fn stopping(&self) -> bool {
        *self.stop.borrow()
    }
}
