//! The HTTP surface: answers, requests of people, metrics. Readers only load the current board; nothing here waits for
//! a server of the estate, and everything is bounded: connections, headers, bodies, times.
//!
//! It leaves out TLS (a proxy in front or the loopback) and any way to make an answer looser.

mod act;
mod answer;
mod auth;
mod body;
mod conn;
mod json;
mod metrics;
mod page;
mod query;
mod reply;
mod route;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod text;

use crate::agent::Handle;
use cutover_core::Name;
use cutover_kafka::Secret;
use state::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// The tokens that may act, by the name that stands in the journal as the author. Their `Debug` shows no secret.
pub(crate) type Tokens = BTreeMap<Name, Secret>;

/// What tests of the command line may use.
#[cfg(test)]
pub(crate) use tests::{a_server, test_settings};

/// Connections at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 256;
/// The pause after an accept error, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(200);
/// How long connections may take to end at shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `stop` turns true (or its sender is gone), then lets open requests end under a timeout.
pub(crate) async fn serve(listener: TcpListener, handle: Handle, tokens: Tokens, mut stop: watch::Receiver<bool>) {
    let state = Arc::new(State::new(handle, tokens, stop.clone()));
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        let slot = tokio::select! {
            _ = stop.wait_for(|s| *s) => break,
            Ok(slot) = slots.clone().acquire_owned() => slot,
        };
        let accepted = tokio::select! {
            _ = stop.wait_for(|s| *s) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (state, stop) = (state.clone(), stop.clone());
                open.spawn(async move {
                    conn::serve(stream, state, stop).await;
                    drop(slot);
                });
            }
            Err(e) => {
                tracing::warn!("cannot accept a connection: {e}; trying again");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("{} connections did not end in time and are closed", open.len());
    }
}
