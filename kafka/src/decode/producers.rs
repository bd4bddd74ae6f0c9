//! Producer state of partitions, and transactions.

use std::sync::Arc;

use super::reader::{Reader, Result, known_version};
use crate::api::Api;

/// One producer id that a partition remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerState {
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch.
    pub epoch: i32,
    /// The sequence number of its last record; -1 for none.
    pub last_sequence: i32,
    /// The timestamp of its last record: the client's own clock, which proves nothing.
    pub last_timestamp: i64,
    /// The epoch of its transaction coordinator.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins; none without one.
    pub open_transaction: Option<i64>,
}

/// The producers of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProducers {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The error code.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// The producers.
    pub producers: Vec<ProducerState>,
}

/// The answer to DescribeProducers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedProducers {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each partition asked for.
    pub partitions: Vec<PartitionProducers>,
}

/// Decodes DescribeProducers v0.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_producers(version: i16, body: &[u8]) -> Result<DescribedProducers> {
    known_version(version, Api::DescribeProducers.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let mut partitions = Vec::new();
    r.array("topics", 3, |r| {
        let topic = r.name("topic_name")?;
        r.array("partitions", 9, |r| {
            partitions.push(PartitionProducers {
                topic: Arc::clone(&topic),
                partition: r.i32("partition_index")?,
                error_code: r.i16("error_code")?,
                error_message: r.nullable_name("error_message")?,
                producers: r.array("active_producers", 37, producer)?,
            });
            r.tags()
        })?;
        r.tags()
    })?;
    r.tags()?;
    r.end(DescribedProducers { throttle_ms, partitions })
}

fn producer(r: &mut Reader<'_>) -> Result<ProducerState> {
    let producer = ProducerState {
        producer_id: r.i64("producer_id")?,
        epoch: r.i32("producer_epoch")?,
        last_sequence: r.i32("last_sequence")?,
        last_timestamp: r.i64("last_timestamp")?,
        coordinator_epoch: r.i32("coordinator_epoch")?,
        open_transaction: Some(r.i64("current_txn_start_offset")?).filter(|offset| *offset >= 0),
    };
    r.tags()?;
    Ok(producer)
}

/// A transaction in a coordinator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// The producer id.
    pub producer_id: i64,
    /// Its state, as the broker names it.
    pub state: Arc<str>,
}

/// The answer to ListTransactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTransactions {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// The error code.
    pub error_code: i16,
    /// The transactions this broker coordinates, without those we may not describe.
    pub transactions: Vec<ListedTransaction>,
}

/// Decodes ListTransactions v0-1.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_list_transactions(version: i16, body: &[u8]) -> Result<ListedTransactions> {
    known_version(version, Api::ListTransactions.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let error_code = r.i16("error_code")?;
    r.array("unknown_state_filters", 1, |r| r.str("state").map(drop))?;
    let transactions = r.array("transaction_states", 11, |r| {
        let listed = ListedTransaction {
            transactional_id: r.name("transactional_id")?,
            producer_id: r.i64("producer_id")?,
            state: r.name("transaction_state")?,
        };
        r.tags()?;
        Ok(listed)
    })?;
    r.tags()?;
    r.end(ListedTransactions { throttle_ms, error_code, transactions })
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The error code.
    pub error_code: i16,
    /// The transactional id.
    pub transactional_id: Arc<str>,
    /// Its state, as the broker names it.
    pub state: Arc<str>,
    /// Its timeout.
    pub timeout_ms: i32,
    /// When it began, on the broker's clock; -1 if it has not.
    pub start_ms: i64,
    /// The producer id.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// The partitions in it.
    pub partitions: Vec<(Arc<str>, i32)>,
}

/// The answer to DescribeTransactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedTransactions {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each transactional id asked for.
    pub transactions: Vec<TransactionDescription>,
}

/// Decodes DescribeTransactions v0.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_transactions(version: i16, body: &[u8]) -> Result<DescribedTransactions> {
    known_version(version, Api::DescribeTransactions.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let transactions = r.array("transaction_states", 28, |r| {
        let error_code = r.i16("error_code")?;
        let transactional_id = r.name("transactional_id")?;
        let state = r.name("transaction_state")?;
        let timeout_ms = r.i32("transaction_timeout_ms")?;
        let start_ms = r.i64("transaction_start_time_ms")?;
        let producer_id = r.i64("producer_id")?;
        let producer_epoch = r.i16("producer_epoch")?;
        let mut partitions = Vec::new();
        r.array("topics", 3, |r| {
            let topic = r.name("topic_name")?;
            r.array("partitions", 4, |r| {
                partitions.push((Arc::clone(&topic), r.i32("partition")?));
                Ok(())
            })?;
            r.tags()
        })?;
        r.tags()?;
        Ok(TransactionDescription {
            error_code,
            transactional_id,
            state,
            timeout_ms,
            start_ms,
            producer_id,
            producer_epoch,
            partitions,
        })
    })?;
    r.tags()?;
    r.end(DescribedTransactions { throttle_ms, transactions })
}
