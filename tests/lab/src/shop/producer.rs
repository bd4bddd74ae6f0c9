//! External producers: a thread each, sending at a steady rate until told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::error::KafkaResult;
use rdkafka::producer::Producer;

use super::acks::{self, LedgerProducer};
use super::options::ProducerOptions;
use crate::clock;
use crate::error::{Doing, Error, Result};
use crate::oracle::Oracle;
use crate::words::Side;

const LIMIT: Duration = Duration::from_secs(60);

/// A running external producer.
#[derive(Debug)]
pub(super) struct Running {
    side: Side,
    name: String,
    oracle: Oracle,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<KafkaResult<()>>>,
}

impl Running {
    /// Starts it; the ledger knows it from before its first record.
    pub(super) fn start(
        bootstrap: &str,
        side: Side,
        name: &str,
        topics: Vec<String>,
        options: ProducerOptions,
        oracle: &Oracle,
    ) -> Result<Self> {
        let mut config = acks::config(bootstrap, name, options.idempotent || options.transaction.is_some());
        if options.transaction.is_some() {
            config
                .set("transactional.id", format!("{name}-{}", uuid::Uuid::new_v4().simple()))
                .set("transaction.timeout.ms", "600000");
        }
        let producer = acks::producer(&config, oracle, side)?;
        if options.transaction.is_some() {
            producer.init_transactions(LIMIT).doing(|| format!("{name}: init transactions"))?;
        }
        oracle.note(format!("producer {name} starts at the {side}: {}", topics.join(", ")));
        oracle.record(|ledger| ledger.producer_started(side, name, &topics));
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let (its_name, its_oracle) = (name.to_owned(), oracle.clone());
        let thread = thread::spawn(move || produce(&its_name, &producer, &topics, &options, &seen, &its_oracle));
        Ok(Self { side, name: name.to_owned(), oracle: oracle.clone(), stop, thread: Some(thread) })
    }

    /// Stops it, and returns when everything it sent was acknowledged. If that fails, the ledger goes on counting it
    /// as live.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let name = &self.name;
        let ended = thread.join().map_err(|_| Error::Usage(format!("producer {name} panicked")))?;
        ended.doing(|| format!("stop producer {name}"))?;
        self.oracle.record(|ledger| ledger.producer_stopped(self.side, name));
        self.oracle.note(format!("producer {name} stopped at the {}", self.side));
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            self.oracle.note(error.to_string());
        }
    }
}

fn produce(
    name: &str,
    producer: &LedgerProducer,
    topics: &[String],
    options: &ProducerOptions,
    stop: &AtomicBool,
    oracle: &Oracle,
) -> KafkaResult<()> {
    let pause = Duration::from_secs_f64(1.0 / options.rate.clamp(0.001, 10_000.0));
    let mut sent: usize = 0;
    let mut transactions: usize = 0;
    while !stop.load(Ordering::SeqCst) {
        let failed = producer.context().failed();
        let id = format!("{name}#{transactions}");
        if options.transaction.is_some() {
            transactions += 1;
            open(producer, &id, oracle)?;
        }
        for _ in 0..options.transaction.unwrap_or(1).max(1) {
            let topic = &topics[sent % topics.len()];
            let record = format!("{{\"from\":\"{name}\",\"n\":{sent},\"at\":{}}}", clock::wall_ms());
            acks::send(producer, topic, None, format!("{name}-{sent}").as_bytes(), record.as_bytes())?;
            sent += 1;
            rest(producer, pause, stop);
        }
        if options.transaction.is_some() {
            acks::flush(producer, failed, LIMIT)?;
            producer.commit_transaction(LIMIT)?;
            closed(producer, &id, true, oracle);
        }
    }
    acks::flush(producer, u64::MAX, LIMIT)
}

/// Begins a transaction, in the ledger first.
pub(super) fn open(producer: &LedgerProducer, id: &str, oracle: &Oracle) -> KafkaResult<()> {
    oracle.record(|ledger| ledger.transaction_opened(id, producer.context().side()));
    producer.context().within(Some(id));
    producer.begin_transaction()
}

/// Enters the end of a transaction.
pub(super) fn closed(producer: &LedgerProducer, id: &str, committed: bool, oracle: &Oracle) {
    producer.context().within(None);
    oracle.record(|ledger| ledger.transaction_ended(id, committed));
}

fn rest(producer: &LedgerProducer, pause: Duration, stop: &AtomicBool) {
    let start = clock::now();
    loop {
        let left = pause.saturating_sub(start.elapsed()).min(Duration::from_millis(50));
        producer.poll(left);
        if stop.load(Ordering::SeqCst) || start.elapsed() >= pause {
            return;
        }
    }
}
