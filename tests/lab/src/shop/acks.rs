//! Enters in the ledger what a producer's broker acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::error::{Doing, Result};
use crate::oracle::Oracle;
use crate::words::{Part, Side};

/// The context of a producer whose acknowledgements go to the ledger.
pub(super) struct Acks {
    oracle: Oracle,
    side: Side,
    transaction: Mutex<Option<String>>,
    failed: AtomicU64,
    acknowledged: AtomicU64,
}

/// A producer with such a context.
pub(super) type LedgerProducer = BaseProducer<Acks>;

impl Acks {
    /// How many records failed so far.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::SeqCst)
    }

    /// How many were acknowledged so far.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// The side it writes to.
    pub(super) fn side(&self) -> Side {
        self.side
    }

    /// What is acknowledged from now on belongs to this transaction, or to none.
    pub(super) fn within(&self, transaction: Option<&str>) {
        *self.transaction.lock().unwrap_or_else(PoisonError::into_inner) = transaction.map(str::to_owned);
    }
}

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => {
                let part = Part::new(self.side, message.topic(), message.partition());
                let within = self.transaction.lock().unwrap_or_else(PoisonError::into_inner).clone();
                self.oracle.record(|ledger| match within {
                    Some(id) => ledger.acknowledged_in(&id, &part, message.offset()),
                    None => ledger.acknowledged(&part, message.offset()),
                });
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err((error, message)) => {
                self.failed.fetch_add(1, Ordering::SeqCst);
                let part = Part::new(self.side, message.topic(), message.partition());
                let text = format!("a record to {part} was not acknowledged: {error}");
                if surely_not_stored(error) {
                    self.oracle.note(text);
                } else {
                    self.oracle.note(format!("{text}: in doubt"));
                    self.oracle.record(|ledger| ledger.in_doubt(&part));
                }
            }
        }
    }
}

fn surely_not_stored(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::PurgeQueue
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
        )
    )
}

/// A producer that keeps the ledger.
pub(super) fn producer(config: &ClientConfig, oracle: &Oracle, side: Side) -> Result<LedgerProducer> {
    let acks = Acks {
        oracle: oracle.clone(),
        side,
        transaction: Mutex::new(None),
        failed: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
    };
    LedgerProducer::from_config_and_context(config, acks).doing(|| "create a producer".to_owned())
}

/// Queues one record, waiting while the queue is full.
pub(super) fn send(
    producer: &LedgerProducer,
    topic: &str,
    partition: Option<i32>,
    key: &[u8],
    payload: &[u8],
) -> KafkaResult<()> {
    let mut record = BaseRecord::to(topic).key(key).payload(payload);
    if let Some(partition) = partition {
        record = record.partition(partition);
    }
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(50));
                record = back;
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Waits until every queued record was acknowledged or has failed; an error if one failed since `failed_before`.
pub(super) fn flush(producer: &LedgerProducer, failed_before: u64, limit: Duration) -> KafkaResult<()> {
    producer.flush(limit)?;
    // Delivery reports may be served by a poll after the flush.
    producer.poll(Duration::ZERO);
    if producer.context().failed() > failed_before {
        return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
    }
    Ok(())
}

/// The settings of a producer that waits long before it gives up.
pub(super) fn config(bootstrap: &str, client_id: &str, idempotent: bool) -> ClientConfig {
    let mut config = crate::client::config(bootstrap, client_id);
    config
        .set("acks", "all")
        .set("enable.idempotence", if idempotent { "true" } else { "false" })
        .set("linger.ms", "5")
        .set("message.timeout.ms", "300000");
    config
}
