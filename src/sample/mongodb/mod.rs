//! The sampler of a MongoDB deployment: a supervised task for the regular reading, one for the catalogue, one for exact
//! counts.
//!
//! It only reads: the commands it sends are hello, connectionStatus, buildInfo, replSetGetStatus, replSetGetConfig,
//! serverStatus, finds and aggregations that read, listDatabases, listCollections and listIndexes. Each part of a reading
//! fails by itself, and a missing right comes with the command that grants it.

mod canonical;
mod catalog;
mod clients;
mod counts;
mod deployment;
mod failure;
mod offsets;
mod oplog;
mod regular;
mod server;
mod slow;
mod topology;
mod values;

pub(super) use failure::shown;

use super::{millis, supervised};
use crate::config::MongodbTarget;
use cutover_core::Name;
use cutover_core::estate::mongodb::{MongoCatalog, MongoSample};
use cutover_core::estate::{Content, Failure, FailureKind, Sample, Side, Target};
use cutover_core::reading::Demand;
use cutover_core::settings::MongodbSettings;
use cutover_core::time::{Dur, Span};
use deployment::Deployment;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

/// What a sampler needs.
#[derive(Clone)]
pub(crate) struct Sampler {
    /// Which side it looks at.
    pub(crate) side: Side,
    /// How to connect.
    pub(crate) target: MongodbTarget,
    /// The path of the field in which projections store offsets.
    pub(crate) offset_field: Name,
    /// Scope and cadence.
    pub(crate) settings: Arc<MongodbSettings>,
    /// How long one sample may take.
    pub(crate) timeout: Dur,
    /// Where samples go.
    pub(crate) samples: mpsc::Sender<Sample>,
    /// What the gate wants beyond the regular reading.
    pub(crate) demands: watch::Receiver<BTreeSet<Demand>>,
    /// What the tasks share.
    pub(crate) shared: Shared,
}

/// What the tasks of a sampler share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Collections with a TTL index, as the catalogue saw them last.
    expiring: Arc<watch::Sender<BTreeSet<Name>>>,
    /// Requests that may be under way.
    under_way: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Shared {
        let (expiring, _) = watch::channel(BTreeSet::new());
        Shared { expiring: Arc::new(expiring), under_way: Arc::new(Semaphore::new(server::UNDER_WAY)) }
    }
}

impl Sampler {
    /// Starts the sampler's tasks; they end when the set is dropped or shut down. One that panics is started again.
    pub(crate) fn spawn(self, tasks: &mut JoinSet<()>) {
        let (regular, slow, counts) = (self.clone(), self.clone(), self);
        tasks.spawn(supervised("regular", move || regular::run(regular.clone())));
        tasks.spawn(supervised("slow", move || slow::run(slow.clone())));
        tasks.spawn(supervised("counts", move || counts::run(counts.clone())));
    }

    /// Takes both readings once, for `check --connect`.
    pub(crate) async fn read_once(&self) -> Result<(MongoSample, Result<MongoCatalog, Failure>), Failure> {
        let mut d = self.open().await?;
        let mut ring = None;
        let mut sample = regular::read(self, &mut d, &mut ring).await?.1;
        for _ in 0..4 {
            // A long oplog takes more than one reading.
            if sample.writes.as_ref().is_err_and(|f| f.kind == FailureKind::Timeout) {
                sample = regular::read(self, &mut d, &mut ring).await?.1;
            }
        }
        let catalog = slow::read(self, &d).await.map(|r| r.1);
        Ok((sample, catalog))
    }

    async fn open(&self) -> Result<Deployment, Failure> {
        Deployment::open(&self.target, millis(self.timeout), self.shared.under_way.clone()).await
    }

    /// Runs one reading and sends what came of it. False when nobody takes samples any more.
    async fn take(&self, reading: impl Future<Output = Result<(Span, Content), Failure>>, within: Dur) -> bool {
        super::take(&self.samples, Target::Mongodb(self.side), reading, within).await
    }
}
