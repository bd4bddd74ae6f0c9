//! Samplers: one place per kind of target. They know servers and nothing of steps.

pub(crate) mod kafka;
pub(crate) mod mirror;
pub(crate) mod mongodb;
pub(crate) mod probe;

use crate::clock;
use cutover_core::estate::{Content, Failure, FailureKind, Sample, Target};
use cutover_core::time::{Dur, Span};
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;

/// Runs one reading within a time and sends what came of it. False when nobody takes samples any more.
async fn take(
    samples: &mpsc::Sender<Sample>,
    target: Target,
    reading: impl Future<Output = Result<(Span, Content), Failure>>,
    within: Dur,
) -> bool {
    let sent = clock::now().mono;
    let outcome = match tokio::time::timeout(millis(within), reading).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::new(FailureKind::Timeout, format!("no complete answer within {within}"))),
    };
    let (span, outcome) = match outcome {
        Ok((span, content)) => (span, Ok(content)),
        Err(f) => (Span { sent, received: clock::now().mono }, Err(f)),
    };
    samples.send(Sample { target, span, outcome }).await.is_ok()
}

fn millis(d: Dur) -> Duration {
    Duration::from_millis(u64::try_from(d.0).unwrap_or(0))
}

/// Starts a task again when it panics: a defect in one reading must not silence a target without a word.
async fn supervised<F: Future<Output = ()> + Send + 'static>(what: &'static str, make: impl Fn() -> F) {
    loop {
        match tokio::spawn(make()).await {
            Ok(()) => return,
            Err(e) if e.is_cancelled() => return,
            Err(e) => tracing::error!(what, "a sampler's task ended by a defect and is started again: {e}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
