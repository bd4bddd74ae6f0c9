//! The sampler of a probe: one supervised task each, which asks one question at every interval.
//!
//! Whoever refuses, is silent or shows a wrong certificate has answered a TCP or HTTP probe: it does not pass. A sample
//! fails only where nothing was learned of what is asked. Everything is asked directly: no proxies, no redirects.

mod connect;
mod dns;
mod http;
mod promql;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use tls::Roots;

use super::{millis, supervised, take};
use crate::clock;
use crate::config::{ProbeTarget, Question};
use connect::Looker;
use cutover_core::Name;
use cutover_core::estate::probe::ProbeSample;
use cutover_core::estate::{Content, Failure, FailureKind, Sample, Target};
use cutover_core::settings::ProbeKind;
use cutover_core::time::{Dur, Span};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// What the sampler of a probe needs.
#[derive(Clone)]
pub(crate) struct Prober {
    /// Its name.
    pub(crate) name: Name,
    /// Its kind.
    pub(crate) kind: ProbeKind,
    /// How often it is asked.
    pub(crate) interval: Dur,
    /// What it asks, and how long that may take.
    pub(crate) target: ProbeTarget,
    /// Whose certificates are trusted.
    pub(crate) roots: Arc<Roots>,
    /// Where samples go.
    pub(crate) samples: mpsc::Sender<Sample>,
}

impl Prober {
    /// Starts the probe's task; it ends when nobody takes samples any more. One that panics is started again.
    pub(crate) fn spawn(self, tasks: &mut JoinSet<()>) {
        tasks.spawn(supervised("probe", move || run(self.clone())));
    }

    /// Asks once.
    ///
    /// # Errors
    /// Nothing was learned of what the probe asks, and why.
    pub(crate) async fn look(&self) -> Result<ProbeSample, Failure> {
        self.ask(&Looker::new(self.roots.clone(), self.patience())).await
    }

    /// What a question may take by itself: shorter than the sample, so that it ends with an answer and not in silence.
    fn patience(&self) -> Dur {
        Dur(self.target.timeout.0 * 9 / 10)
    }

    async fn ask(&self, looker: &Looker) -> Result<ProbeSample, Failure> {
        match &self.target.question {
            Question::Tcp { host, port, tls, days } => tcp::look(looker, host, *port, *tls, *days).await,
            Question::Http { url, status, days } => http::look(looker, url, *status, *days).await,
            Question::Dns { name, resolvers, expect } => dns::look(looker, name, resolvers, expect).await,
            Question::Promql { url, query } => promql::look(looker, url, query).await,
            Question::Unread => {
                let what = format!("{} probes are not read by this version", self.kind.as_str());
                Err(Failure::new(FailureKind::Protocol, what))
            }
        }
    }
}

/// Asks until nobody takes samples any more.
async fn run(p: Prober) {
    let mut tick = tokio::time::interval(millis(p.interval));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looker = Looker::new(p.roots.clone(), p.patience());
    loop {
        tick.tick().await;
        let reading = async {
            let sent = clock::now().mono;
            let sample = p.ask(&looker).await?;
            Ok((Span { sent, received: clock::now().mono }, Content::Probe(sample)))
        };
        if !take(&p.samples, Target::Probe(p.name.clone()), reading, p.target.timeout).await {
            return;
        }
    }
}

/// A sample of a probe that asks no resolvers.
fn plain(pass: bool, said: String, certificate_days: Option<i64>) -> ProbeSample {
    ProbeSample { pass, said: said.into(), certificate_days, names: Default::default() }
}

/// What is wrong with how long a certificate is valid, in words.
fn too_short(days: Option<i64>, least: Option<u32>) -> Option<String> {
    let (days, least) = (days?, least?);
    let short = days < i64::from(least);
    short.then(|| format!("its certificate is valid for {}, {least} are asked", counted(days)))
}

fn counted(days: i64) -> String {
    if days == 1 { "1 day".into() } else { format!("{days} days") }
}

/// A few of many, in one line.
fn few(words: impl IntoIterator<Item = String>) -> String {
    const FEW: usize = 6;
    let words: Vec<String> = words.into_iter().collect();
    let rest = words.len().saturating_sub(FEW);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    format!("{}{more}", words.into_iter().take(FEW).collect::<Vec<_>>().join("; "))
}

/// What somebody else wrote, on one line and not longer than a person reads.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 200;
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &one_line[..at]),
        None => one_line,
    }
}
