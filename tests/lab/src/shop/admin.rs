//! What an administrator does to topics, records and groups, entered in the ledger: before the act where it makes a
//! danger, after it where it ends one.

use std::time::Duration;

use rdkafka::producer::Producer;

use super::{Shop, acks};
use crate::error::{Doing, Result};
use crate::oracle::{GroupFacts, TopicFacts};
use crate::words::{Part, Side};

const LIMIT: Duration = Duration::from_secs(60);

impl Shop {
    /// Creates a topic, replicated as widely as the cluster allows.
    pub fn create_topic(&self, side: Side, topic: &str, partitions: i32, retention_ms: Option<i64>) -> Result<()> {
        let retention = retention_ms.map(|ms| ms.to_string());
        let config: Vec<_> = retention.iter().map(|ms| ("retention.ms", ms.as_str())).collect();
        let facts = TopicFacts { partitions, retention_ms };
        if side == Side::Source {
            self.oracle.record(|ledger| ledger.topic_created(side, topic, facts.clone()));
        }
        self.client(side).create_topic(topic, partitions, self.place(side).replication, &config)?;
        self.oracle.record(|ledger| ledger.topic_created(side, topic, facts));
        Ok(())
    }

    /// Deletes a topic.
    pub fn delete_topic(&self, side: Side, topic: &str) -> Result<()> {
        if side == Side::Destination {
            self.oracle.record(|ledger| ledger.topic_deleted(side, topic));
        }
        self.client(side).delete_topic(topic)?;
        self.oracle.record(|ledger| ledger.topic_deleted(side, topic));
        self.oracle.note(format!("topic {topic} is deleted at the {side}"));
        Ok(())
    }

    /// Deletes a topic and creates it again: same name, another topic id, offsets from zero.
    pub fn recreate_topic(&self, side: Side, topic: &str) -> Result<()> {
        let facts = self.oracle.ledger().topics.get(&(side, topic.to_owned())).cloned();
        self.delete_topic(side, topic)?;
        let facts = facts.unwrap_or(TopicFacts { partitions: 1, retention_ms: None });
        self.create_topic(side, topic, facts.partitions, facts.retention_ms)
    }

    /// Writes that many records outside any transaction and returns when all are acknowledged. Without a partition,
    /// their keys spread them.
    pub fn produce(&self, side: Side, topic: &str, partition: Option<i32>, records: usize) -> Result<()> {
        let doing = || format!("write {records} records to {topic} at the {side}");
        let name = format!("lab-hand-{}", uuid::Uuid::new_v4().simple());
        let config = acks::config(&self.place(side).bootstrap, "lab-hand", true);
        let producer = acks::producer(&config, &self.oracle, side)?;
        self.oracle.record(|ledger| ledger.producer_started(side, &name, &[topic.to_owned()]));
        let write = || {
            for n in 0..records {
                let record = format!("{{\"from\":\"lab\",\"n\":{n}}}");
                acks::send(&producer, topic, partition, format!("lab-{n}").as_bytes(), record.as_bytes())?;
            }
            acks::flush(&producer, 0, LIMIT)
        };
        let written = write().doing(doing);
        let count = producer.context().acknowledged();
        // What it leaves behind on a failure is in doubt, and said so when it goes.
        drop(producer);
        self.oracle.record(|ledger| ledger.producer_stopped(side, &name));
        self.oracle.note(format!("{count} records written to {topic} at the {side}"));
        written
    }

    /// Deletes the records below `before`, or all, as retention would; returns the new low watermark.
    pub fn delete_records(&self, side: Side, topic: &str, partition: i32, before: Option<i64>) -> Result<i64> {
        let part = Part::new(side, topic, partition);
        self.oracle.record(|ledger| {
            let written = ledger.logs.get(&part).map_or(0, |log| log.written);
            ledger.records_deleted(&part, before.unwrap_or(written));
        });
        let low = self.client(side).delete_records(topic, partition, before)?;
        self.oracle.record(|ledger| ledger.records_deleted(&part, low));
        self.oracle.note(format!("records of {topic}/{partition} below {low} are deleted at the {side}"));
        Ok(low)
    }

    /// Empties every topic of the shop on a side, as natural expiry would.
    pub fn empty_topics(&self, side: Side) -> Result<()> {
        for (topic, partitions) in self.client(side).topics()? {
            if self.names().in_scope(side, &topic) {
                for partition in 0..partitions {
                    self.delete_records(side, &topic, partition, None)?;
                }
            }
        }
        Ok(())
    }

    /// Commits one offset for a group that has no members.
    pub fn seed(&self, side: Side, group: &str, topic: &str, partition: i32, offset: i64) -> Result<()> {
        self.seed_all(side, group, &[(topic.to_owned(), partition, offset)])
    }

    /// Commits several at once.
    pub fn seed_all(&self, side: Side, group: &str, offsets: &[(String, i32, i64)]) -> Result<()> {
        self.changing(
            side,
            group,
            || self.client(side).commit(group, offsets),
            |facts| {
                facts.committed.retain(|(topic, partition), _| {
                    !offsets.iter().any(|(other, number, _)| (other, number) == (topic, partition))
                });
            },
        )?;
        self.oracle.record(|ledger| {
            for (topic, partition, at) in offsets {
                ledger.seeded(side, group, topic, *partition, *at);
            }
        });
        self.oracle.note(format!("group {group} is seeded on {} partitions at the {side}", offsets.len()));
        Ok(())
    }

    /// Deletes a group that has no members, with its commits.
    pub fn delete_group(&self, side: Side, group: &str) -> Result<()> {
        self.changing(side, group, || self.client(side).delete_group(group), |facts| facts.committed.clear())?;
        self.oracle.note(format!("group {group} is deleted at the {side}"));
        Ok(())
    }

    /// Forgets commits before they are changed, and remembers them again if nothing was changed after all.
    fn changing(
        &self,
        side: Side,
        group: &str,
        act: impl FnOnce() -> Result<()>,
        forget: impl FnOnce(&mut GroupFacts),
    ) -> Result<()> {
        let before = self.oracle.record(|ledger| {
            let facts = ledger.groups.get_mut(&(side, group.to_owned()))?;
            let before = facts.committed.clone();
            forget(facts);
            Some(before)
        });
        let done = act();
        if done.is_err() {
            self.oracle.record(|ledger| {
                let facts = ledger.groups.get_mut(&(side, group.to_owned()));
                if let (Some(facts), Some(before)) = (facts, before) {
                    facts.committed = before;
                }
            });
        }
        done
    }
}
