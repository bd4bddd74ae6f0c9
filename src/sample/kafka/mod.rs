//! The sampler of a Kafka cluster: a supervised task for the regular reading, one for the slow one, one for proofs.
//!
//! It only asks. The requests it can send are those of `cutover_kafka::Api`; records are read only where a proof needs
//! them (`proof`). Left out: retries inside a sample. A failed sample is a fact of its own, and the next one is near.

mod convert;
mod proof;
mod regular;
mod slow;

use super::{millis, supervised};
use crate::clock;
use cutover_core::Name;
use cutover_core::estate::kafka::{KafkaConfigs, KafkaSample};
use cutover_core::estate::{Content, Failure, Sample, Side, Target};
use cutover_core::reading::Demand;
use cutover_core::settings::KafkaSettings;
use cutover_core::time::{Dur, Mono, Span};
use cutover_kafka::config::ClientConfig;
use cutover_kafka::{Clock, Cluster, KafkaError, Timeouts};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What `check --connect` reads of a cluster.
pub(crate) struct Once {
    /// The regular reading.
    pub sample: KafkaSample,
    /// The slow one.
    pub configs: Result<KafkaConfigs, Failure>,
    /// Topics outside of the scope, where none is inside; not those of Kafka itself.
    pub outside: Vec<Name>,
}

/// Takes both readings once, for `check --connect`.
pub(crate) async fn read_once(s: &Sampler) -> Result<Once, Failure> {
    let c = s.connect().await.map_err(|e| convert::failure(&e))?;
    let sample = regular::read(s, &c).await.map_err(|e| convert::failure(&e))?.1;
    let configs = slow::read(s, &c).await.map(|r| r.1).map_err(|e| convert::failure(&e));
    let outside = match sample.topics.is_empty() {
        true => c.metadata(None).await.map_err(|e| convert::failure(&e))?.value.topics,
        false => Vec::new(),
    };
    let outside = outside.into_iter().filter(|t| !t.internal).filter_map(|t| t.name).collect();
    Ok(Once { sample, configs, outside })
}

/// What a sampler needs.
#[derive(Clone)]
pub(crate) struct Sampler {
    /// Which side it looks at.
    pub side: Side,
    /// How to connect.
    pub client: ClientConfig,
    /// Scope and cadence.
    pub settings: Arc<KafkaSettings>,
    /// How long one sample may take.
    pub timeout: Dur,
    /// Where samples go.
    pub samples: mpsc::Sender<Sample>,
    /// What the gate wants beyond the regular reading.
    pub demands: watch::Receiver<BTreeSet<Demand>>,
}

impl Sampler {
    /// Starts the sampler's tasks; they end when the set is dropped or shut down. One that panics is started again.
    pub(crate) fn spawn(self, tasks: &mut JoinSet<()>) {
        let (regular, slow, proof) = (self.clone(), self.clone(), self);
        tasks.spawn(supervised("regular", move || regular::run(regular.clone())));
        tasks.spawn(supervised("slow", move || slow::run(slow.clone())));
        tasks.spawn(supervised("proof", move || proof::run(proof.clone())));
    }

    /// Connects within the time allowed.
    pub(crate) async fn connect(&self) -> Result<Cluster, KafkaError> {
        let call = millis(self.timeout) / 2;
        let timeouts = Timeouts { connect: call, call, ..Timeouts::default() };
        Cluster::connect(self.client.clone(), timeouts, Clock::new(|| clock::now().mono.0)).await
    }

    fn target(&self) -> Target {
        Target::Kafka(self.side)
    }

    /// Runs one reading and sends what came of it. False when nobody takes samples any more.
    async fn take(&self, reading: impl Future<Output = Result<(Span, Content), Failure>>, within: Dur) -> bool {
        super::take(&self.samples, self.target(), reading, within).await
    }
}

fn span<T>(t: &cutover_kafka::Timed<T>) -> Span {
    Span { sent: Mono(t.sent), received: Mono(t.received) }
}
