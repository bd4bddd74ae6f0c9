//! Transactions in the operator's hand: opened, left open, committed, aborted.

use std::time::Duration;

use rdkafka::producer::Producer;

use super::acks::{self, LedgerProducer};
use super::{Shop, lock, producer};
use crate::error::{Doing, Error, Result};
use crate::words::Side;

const LIMIT: Duration = Duration::from_secs(60);

/// An open transaction with the producer that holds it.
pub(super) struct Open {
    producer: LedgerProducer,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

impl Shop {
    /// Opens a transaction, writes that many records into it, waits for their acknowledgement and leaves it open.
    /// Returns its id for [`commit_transaction`](Self::commit_transaction) and
    /// [`abort_transaction`](Self::abort_transaction). The broker aborts it by itself after 10 minutes.
    pub fn open_transaction(&self, side: Side, topic: &str, records: usize) -> Result<String> {
        let id = format!("lab-{}", uuid::Uuid::new_v4().simple());
        let doing = || format!("open transaction {id}");
        let mut config = acks::config(&self.place(side).bootstrap, "lab-transaction", true);
        config.set("transactional.id", &id).set("transaction.timeout.ms", "600000");
        let producer = acks::producer(&config, &self.oracle, side)?;
        producer.init_transactions(LIMIT).doing(doing)?;
        producer::open(&producer, &id, &self.oracle).doing(doing)?;
        for n in 0..records {
            acks::send(&producer, topic, None, format!("{id}-{n}").as_bytes(), b"{}").doing(doing)?;
        }
        acks::flush(&producer, producer.context().failed(), LIMIT).doing(doing)?;
        self.oracle.note(format!("transaction {id} is open on {topic} at the {side} with {records} records"));
        lock(&self.transactions).insert(id.clone(), Open { producer });
        Ok(id)
    }

    /// Commits an open transaction.
    pub fn commit_transaction(&self, id: &str) -> Result<()> {
        self.end_transaction(id, true)
    }

    /// Aborts an open transaction: its records stay in the log, unseen by whoever reads committed.
    pub fn abort_transaction(&self, id: &str) -> Result<()> {
        self.end_transaction(id, false)
    }

    /// The ids of the transactions opened and not ended here, oldest name first.
    pub fn open_transactions(&self) -> Vec<String> {
        lock(&self.transactions).keys().cloned().collect()
    }

    fn end_transaction(&self, id: &str, commit: bool) -> Result<()> {
        let open = lock(&self.transactions).remove(id);
        let open = open.ok_or_else(|| Error::Usage(format!("no open transaction {id}")))?;
        let (producer, what) = (&open.producer, if commit { "commit" } else { "abort" });
        let ended = if commit { producer.commit_transaction(LIMIT) } else { producer.abort_transaction(LIMIT) };
        // Should this fail, the ledger goes on counting the transaction as open.
        ended.doing(|| format!("{what} transaction {id}"))?;
        producer::closed(producer, id, commit, &self.oracle);
        self.oracle.note(format!("transaction {id}: {what}"));
        Ok(())
    }
}
