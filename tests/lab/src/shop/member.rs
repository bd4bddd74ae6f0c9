//! In-process readers: the members of the services' groups, and `assign()` readers.
//!
//! One thread each: read a batch, write each record on, wait for the acknowledgements, commit, enter the commit in the
//! ledger. In that order, a record is never counted as processed before what it led to is in the next topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::producer::Producer;
use rdkafka::{Offset, TopicPartitionList};

use super::Stop;
use super::acks::{self, LedgerProducer};
use crate::error::{Doing, Error, Result};
use crate::oracle::{Attachment, Oracle};
use crate::words::Side;

const RUN: u8 = 0;
const LEAVE: u8 = 1;
const CRASH: u8 = 2;

/// Who reads what, and how.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) bootstrap: String,
    pub(super) side: Side,
    pub(super) group: String,
    pub(super) client_id: String,
    /// Topics with their partitions; the numbers matter for `assign()` only.
    pub(super) topics: Vec<(String, i32)>,
    pub(super) onward: Option<String>,
    pub(super) how: Attachment,
    pub(super) reset: &'static str,
    pub(super) session_timeout: Duration,
}

/// A running reader.
#[derive(Debug)]
pub(super) struct Member {
    reader: Reader,
    oracle: Oracle,
    shared: Arc<Shared>,
    ended: Receiver<()>,
    over: bool,
}

#[derive(Debug, Default)]
struct Shared {
    order: AtomicU8,
    assigned: AtomicUsize,
}

impl Member {
    /// Starts it; the ledger knows it from before it joins.
    pub(super) fn start(reader: Reader, oracle: &Oracle) -> Result<Self> {
        let consumer = reader.consumer()?;
        let onward = reader.producer(oracle)?;
        let topics: Vec<_> = reader.topics.iter().map(|(topic, _)| topic.clone()).collect();
        oracle.record(|ledger| {
            ledger.group_reads(reader.side, &reader.group, &topics);
            ledger.member_started(reader.side, &reader.group, &reader.client_id, reader.how);
        });
        oracle.note(format!("{} of {} starts at the {}", reader.client_id, reader.group, reader.side));
        let shared = Arc::new(Shared::default());
        let (done, ended) = channel();
        let (its_reader, its_oracle, its_shared) = (reader.clone(), oracle.clone(), Arc::clone(&shared));
        thread::spawn(move || {
            its_reader.live(consumer, onward.as_ref(), &its_oracle, &its_shared, &done);
        });
        Ok(Self { reader, oracle: oracle.clone(), shared, ended, over: false })
    }

    /// How many partitions it holds.
    pub(super) fn assigned(&self) -> usize {
        self.shared.assigned.load(Ordering::SeqCst)
    }

    /// Ends it. `Leave`: returns when it has left its group. `Crash`: it goes silent at once and reads no more, and the
    /// broker keeps its membership for the session timeout, as it would for one that was killed.
    pub(super) fn stop(mut self, how: Stop) -> Result<()> {
        self.end(how, Duration::from_secs(60))
    }

    fn end(&mut self, how: Stop, limit: Duration) -> Result<()> {
        if std::mem::replace(&mut self.over, true) {
            return Ok(());
        }
        let order = match how {
            Stop::Leave => LEAVE,
            Stop::Crash => CRASH,
        };
        self.shared.order.store(order, Ordering::SeqCst);
        match self.ended.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {}
            Err(RecvTimeoutError::Timeout) => {
                return Err(Error::Deadline {
                    what: format!("{} to leave {}", self.reader.client_id, self.reader.group),
                    waited_s: limit.as_secs(),
                    last: "still closing".to_owned(),
                });
            }
        }
        let Reader { side, group, client_id, .. } = &self.reader;
        self.oracle.record(|ledger| ledger.member_gone(*side, group, client_id));
        self.oracle.note(format!("{client_id} of {group} is gone from the {side} ({how:?})"));
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Without patience: its broker may be gone already.
        let _ = self.end(Stop::Leave, Duration::from_secs(5));
    }
}

impl Reader {
    fn consumer(&self) -> Result<BaseConsumer> {
        let mut config = crate::client::config(&self.bootstrap, &self.client_id);
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", self.reset)
            .set("max.poll.interval.ms", "120000")
            .set("topic.metadata.refresh.interval.ms", "5000");
        match self.how {
            Attachment::Consumer => {
                config.set("group.protocol", "consumer");
            }
            Attachment::Classic | Attachment::Assign => {
                config
                    .set("session.timeout.ms", self.session_timeout.as_millis().to_string())
                    .set("heartbeat.interval.ms", (self.session_timeout.as_millis() / 3).max(1).to_string());
            }
        }
        let consumer: BaseConsumer = config.create().doing(|| format!("create {}", self.client_id))?;
        if self.how == Attachment::Assign {
            let mut list = TopicPartitionList::new();
            for (topic, partitions) in &self.topics {
                for partition in 0..*partitions {
                    list.add_partition_offset(topic, partition, Offset::Stored)
                        .doing(|| format!("name {topic}/{partition}"))?;
                }
            }
            consumer.assign(&list).doing(|| format!("assign {}", self.client_id))?;
        } else {
            let topics: Vec<_> = self.topics.iter().map(|(topic, _)| topic.as_str()).collect();
            consumer.subscribe(&topics).doing(|| format!("subscribe {}", self.client_id))?;
        }
        Ok(consumer)
    }

    fn producer(&self, oracle: &Oracle) -> Result<Option<LedgerProducer>> {
        let config = acks::config(&self.bootstrap, &self.client_id, true);
        self.onward.as_ref().map(|_| acks::producer(&config, oracle, self.side)).transpose()
    }

    /// The life of the reader's thread.
    fn live(
        &self,
        consumer: BaseConsumer,
        onward: Option<&LedgerProducer>,
        oracle: &Oracle,
        shared: &Shared,
        done: &std::sync::mpsc::Sender<()>,
    ) {
        let mut consumer = Some(consumer);
        loop {
            match shared.order.load(Ordering::SeqCst) {
                RUN => {}
                CRASH => {
                    let _ = done.send(());
                    thread::sleep(self.session_timeout);
                    drop(consumer);
                    return;
                }
                _ => {
                    drop(consumer);
                    let _ = done.send(());
                    return;
                }
            }
            let Some(current) = &consumer else {
                // After a failure, read again from what was committed, as a restarted service would.
                consumer = self.consumer().map_err(|error| oracle.note(error.to_string())).ok();
                thread::sleep(Duration::from_millis(200));
                continue;
            };
            let held = current.assignment().map_or(0, |list| list.count());
            shared.assigned.store(held, Ordering::SeqCst);
            if let Err(error) = self.batch(current, onward, oracle) {
                oracle.note(format!("{} starts over: {error}", self.client_id));
                consumer = None;
            }
        }
    }

    /// Reads what there is, at most 200 records, and commits when all of it has been written on.
    fn batch(&self, consumer: &BaseConsumer, onward: Option<&LedgerProducer>, oracle: &Oracle) -> KafkaResult<()> {
        let mut upto: BTreeMap<(String, i32), i64> = BTreeMap::new();
        let failed = onward.map_or(0, |producer| producer.context().failed());
        let mut wait = Duration::from_millis(100);
        for _ in 0..200 {
            let Some(message) = consumer.poll(wait) else {
                break;
            };
            wait = Duration::ZERO;
            let message = message?;
            if let (Some(producer), Some(topic)) = (onward, &self.onward) {
                let (key, payload) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
                acks::send(producer, topic, None, key, payload)?;
            }
            upto.insert((message.topic().to_owned(), message.partition()), message.offset() + 1);
        }
        if upto.is_empty() {
            return Ok(());
        }
        if let Some(producer) = onward {
            acks::flush(producer, failed, Duration::from_secs(300))?;
        }
        let mut list = TopicPartitionList::new();
        for ((topic, partition), at) in &upto {
            list.add_partition_offset(topic, *partition, Offset::Offset(*at))?;
        }
        consumer.commit(&list, CommitMode::Sync)?;
        oracle.record(|ledger| {
            for ((topic, partition), at) in &upto {
                ledger.committed(self.side, &self.group, topic, *partition, *at);
            }
        });
        Ok(())
    }
}
