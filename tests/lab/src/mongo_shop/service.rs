//! Services as tasks: each has a client and an application name of its own, and ends when told to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Result as Answer;
use mongodb::{Client, Collection};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::options::{CRASHER, MongoShopOptions, NIGHTLY, READERS, WriterSpec, Writes};
use super::pen::Pen;
use crate::clock;
use crate::error::{Error, Result};
use crate::mongo::runtime;
use crate::oracle::{ClientFacts, MongoOracle};
use crate::words::Side;

/// As many documents, or batches of them, as a writer keeps.
const KEPT: usize = 40;
const BATCH: usize = 5;
/// How long a service may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What makes clients of a service.
pub(super) type Connect = Arc<dyn Fn() -> Answer<Client> + Send + Sync>;

/// A running service.
pub(super) struct Service {
    pub(super) side: Side,
    pub(super) app_name: String,
    oracle: MongoOracle,
    stop: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("side", &self.side).field("app_name", &self.app_name).finish_non_exhaustive()
    }
}

/// Where a service runs.
pub(super) struct Post {
    pub(super) side: Side,
    pub(super) home: Side,
    pub(super) oracle: MongoOracle,
    pub(super) connect: Connect,
}

impl Service {
    /// Starts a writer; the ledger knows it from before it connects.
    pub(super) fn writer(post: Post, spec: WriterSpec, options: &MongoShopOptions) -> Result<Self> {
        let run = Run { options: options.clone(), oracle: post.oracle.clone(), side: post.side, spec };
        let connect = Arc::clone(&post.connect);
        Self::start(post, spec.name, true, options, |stop| runtime::spawn(run.write(connect, stop)))
    }

    /// Starts a reader.
    pub(super) fn reader(post: Post, name: &str, options: &MongoShopOptions) -> Result<Self> {
        let (connect, database) = (Arc::clone(&post.connect), options.database.clone());
        Self::start(post, name, false, options, |stop| runtime::spawn(read(connect, database, stop)))
    }

    fn start(
        post: Post,
        name: &str,
        writes: bool,
        options: &MongoShopOptions,
        task: impl FnOnce(Arc<AtomicBool>) -> Result<JoinHandle<()>>,
    ) -> Result<Self> {
        let Post { side, home, oracle, .. } = post;
        let app_name = options.app_name(name, home);
        let facts = ClientFacts { service: name.to_owned(), home, writes };
        oracle.record(|ledger| ledger.client_started(side, &app_name, facts));
        oracle.note(format!("{app_name} starts at the {side}"));
        let stop = Arc::new(AtomicBool::new(false));
        let task = task(Arc::clone(&stop))?;
        Ok(Self { side, app_name, oracle, stop, task: Some(task) })
    }

    /// Ends it: returns when its last write was answered and its connections are closed.
    pub(super) fn stop(mut self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(task) = self.task.take() {
            let ended = runtime::wait(async { tokio::time::timeout(PATIENCE, task).await })?;
            let late = || Error::Usage(format!("{} does not end: is its server frozen?", self.app_name));
            ended.map_err(|_| late())?.map_err(|panicked| Error::Usage(panicked.to_string()))?;
        }
        self.oracle.record(|ledger| ledger.client_gone(self.side, &self.app_name));
        self.oracle.note(format!("{} is gone from the {}", self.app_name, self.side));
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A writer at work.
struct Run {
    options: MongoShopOptions,
    oracle: MongoOracle,
    side: Side,
    spec: WriterSpec,
}

impl Run {
    async fn write(self, connect: Connect, stop: Arc<AtomicBool>) {
        let mark = &crate::secret()[..6];
        let mut counter = 0;
        let mut kept = VecDeque::new();
        let mut pen: Option<Pen> = None;
        while !stop.load(Ordering::SeqCst) {
            let ready = match pen.take() {
                Some(pen) => Ok(pen),
                None => self.connect(&connect).await,
            };
            let Ok(mut with) = ready else {
                rest(Duration::from_millis(500), &stop).await;
                continue;
            };
            counter += 1;
            let first = format!("{}-{mark}-{counter}", self.spec.name);
            // What went wrong is in the timeline; a service goes on.
            let _ = self.step(&mut with, &first, counter, &mut kept).await;
            let pause = match self.spec.how {
                Writes::Every => self.options.every,
                Writes::CrashLoop => {
                    let gone = with.client.clone();
                    drop(with);
                    gone.shutdown().immediate(true).await;
                    rest(self.options.crash_pause, &stop).await;
                    continue;
                }
                _ => Duration::from_secs_f64(1.0 / self.options.rate.clamp(0.01, 1000.0)),
            };
            pen = Some(with);
            rest(pause, &stop).await;
        }
        if let Some(pen) = pen {
            let client = pen.client.clone();
            drop(pen);
            client.shutdown().immediate(true).await;
        }
    }

    async fn connect(&self, connect: &Connect) -> Answer<Pen> {
        let (database, service) = (self.options.database.clone(), self.spec.name.to_owned());
        Pen::new(connect()?, self.oracle.clone(), self.side, database, service).await
    }

    async fn step(&self, pen: &mut Pen, first: &str, counter: i64, kept: &mut VecDeque<Vec<String>>) -> Answer<()> {
        let collection = self.spec.collection;
        let ids: Vec<String> = match self.spec.how {
            Writes::Batch | Writes::Transaction => (0..BATCH).map(|part| format!("{first}-{part}")).collect(),
            _ => vec![first.to_owned()],
        };
        match self.spec.how {
            Writes::Batch => {
                pen.insert_many(collection, &ids).await?;
                pen.update(collection, &ids, 1).await?;
            }
            Writes::Transaction => pen.transact(first, [collection, "bookings"], &ids, counter).await?,
            Writes::Single | Writes::Every | Writes::CrashLoop => {
                pen.insert(collection, first).await?;
                if counter % 2 == 0 {
                    pen.update(collection, &ids, counter).await?;
                }
            }
        }
        if matches!(self.spec.how, Writes::Single | Writes::Batch) {
            kept.push_back(ids);
            if kept.len() > KEPT
                && let Some(oldest) = kept.pop_front()
            {
                pen.delete(collection, &oldest).await?;
            }
        }
        Ok(())
    }
}

async fn read(connect: Connect, database: String, stop: Arc<AtomicBool>) {
    let Ok(client) = connect() else { return };
    while !stop.load(Ordering::SeqCst) {
        let orders: Collection<Document> = client.database(&database).collection("orders");
        // A reader that is refused reads again.
        let _ = orders.find_one(doc! { "state.open": true }).await;
        rest(Duration::from_millis(250), &stop).await;
    }
    client.shutdown().immediate(true).await;
}

/// Sleeps for that long, or until told to stop.
async fn rest(pause: Duration, stop: &AtomicBool) {
    let start = clock::now();
    while !stop.load(Ordering::SeqCst) && start.elapsed() < pause {
        sleep(pause.saturating_sub(start.elapsed()).min(Duration::from_millis(50))).await;
    }
}

/// The writer of that name.
pub(super) fn writer(name: &str) -> Result<WriterSpec> {
    let mut known = super::options::WRITERS.into_iter().chain([CRASHER]);
    known.find(|spec| spec.name == name).ok_or_else(|| {
        Error::Usage(format!("no writer {name}: svc-orders, svc-import, svc-payments, svc-digest, svc-flaky"))
    })
}

/// The reader of that name.
pub(super) fn reader(name: &str) -> Result<&'static str> {
    let known = READERS.into_iter().chain([NIGHTLY]).find(|reader| *reader == name);
    known.ok_or_else(|| Error::Usage(format!("no reader {name}: {}, {NIGHTLY}", READERS.join(", "))))
}
