//! The sampler of a mirror: asks each instance's status port.
//!
//! Only MongoMirror is read. Left out: retries inside a sample, and redirects, which a status port does not send.

mod status;
#[cfg(test)]
mod tests;

use super::mongodb::shown;
use super::{millis, supervised};
use crate::clock;
use crate::config::MirrorTarget;
use cutover_core::Name;
use cutover_core::estate::mongodb::{MirrorSample, MirrorStatus};
use cutover_core::estate::{Content, Failure, FailureKind, Sample, Target};
use cutover_core::settings::MirrorKind;
use cutover_core::time::{Dur, Span};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// The longest body that is read.
const BODY: u64 = 1024 * 1024;

/// What a sampler needs.
#[derive(Clone)]
pub(crate) struct Sampler {
    /// The mirror's name.
    pub(crate) name: Name,
    /// Where it answers.
    pub(crate) target: MirrorTarget,
    /// How often it is asked.
    pub(crate) interval: Dur,
    /// How long one sample may take.
    pub(crate) timeout: Dur,
    /// Where samples go.
    pub(crate) samples: mpsc::Sender<Sample>,
}

impl Sampler {
    /// Whether this version reads such a mirror at all.
    pub(crate) fn reads(kind: MirrorKind) -> bool {
        kind == MirrorKind::Mongomirror
    }

    /// Starts the sampler's task; it ends when the set is dropped or shut down. If it panics it is started again.
    pub(crate) fn spawn(self, tasks: &mut JoinSet<()>) {
        tasks.spawn(supervised("mirror", move || run(self.clone())));
    }

    /// Asks every instance once; a failure if none of them answers.
    pub(crate) async fn read_once(&self) -> Result<(Span, MirrorSample), Failure> {
        let sent = clock::now().mono;
        let within = millis(self.timeout) * 19 / 20;
        let asked: Vec<_> = self.target.urls.iter().map(|url| tokio::spawn(ask(url.clone(), within))).collect();
        let mut instances = Vec::new();
        for task in asked {
            let defect = || Failure::new(FailureKind::Protocol, "reading the status ended by a defect");
            instances.push(task.await.unwrap_or_else(|_| Err(defect())));
        }
        let span = Span { sent, received: clock::now().mono };
        match &instances[..] {
            [] => Err(Failure::new(FailureKind::Protocol, "no instance is configured")),
            [Err(first), rest @ ..] if rest.iter().all(Result::is_err) => Err(first.clone()),
            _ => Ok((span, MirrorSample { instances })),
        }
    }
}

/// Samples until nobody takes samples any more.
async fn run(s: Sampler) {
    let mut tick = tokio::time::interval(millis(s.interval));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let reading = async { s.read_once().await.map(|(span, sample)| (span, Content::Mirror(sample))) };
        if !super::take(&s.samples, Target::Mirror(s.name.clone()), reading, s.timeout).await {
            return;
        }
    }
}

async fn ask(url: Name, within: Duration) -> Result<MirrorStatus, Failure> {
    let asked = tokio::task::spawn_blocking(move || get(&url, within).map_err(|f| about(&url, &f))).await;
    asked.unwrap_or_else(|_| Err(Failure::new(FailureKind::Protocol, "reading the status ended by a defect")))
}

fn about(url: &str, f: &Failure) -> Failure {
    Failure::new(f.kind, format!("GET {url}: {}", f.message))
}

fn get(url: &str, within: Duration) -> Result<MirrorStatus, Failure> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(within))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("cutover-agent/", env!("CARGO_PKG_VERSION")))
        .proxy(None)
        .build();
    let mut answer = ureq::Agent::new_with_config(config).get(url).call().map_err(|e| failure(&e))?;
    let code = answer.status();
    let body = answer.body_mut().with_config().limit(BODY).read_to_vec().map_err(|e| failure(&e))?;
    let read = status::read(&body);
    match read {
        // On an error the process stays up and says so in the body, whatever the code.
        Ok(s) if code.is_success() || s.error.is_some() => Ok(MirrorStatus::Mongomirror(s)),
        Err(what) if code.is_success() => Err(Failure::new(FailureKind::Protocol, what)),
        _ => Err(Failure::new(FailureKind::Server, format!("HTTP {}", code.as_u16()))),
    }
}

fn failure(e: &ureq::Error) -> Failure {
    use std::io::ErrorKind as Io;
    let kind = match e {
        ureq::Error::Timeout(_) => FailureKind::Timeout,
        ureq::Error::Io(io) if matches!(io.kind(), Io::TimedOut | Io::WouldBlock) => FailureKind::Timeout,
        ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => FailureKind::Unreachable,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => FailureKind::Tls,
        _ => FailureKind::Protocol,
    };
    Failure::new(kind, shown(&e.to_string()))
}
