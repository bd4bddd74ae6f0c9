//! The ledger: what the lab did and what was acknowledged to it, as plain data without servers or clocks.
//!
//! An entry is made *before* a hazard begins (a producer is live before its first record is sent) and *after* it has
//! ended (a record counts as processed when its commit was acknowledged), so that a ledger read in between can only
//! overstate the danger. It deliberately holds nothing the lab would have to ask a broker to know what is safe; two
//! exceptions are told to it by whoever asks: the end offsets at the switch, and the commits of Java consumers.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use crate::words::{Part, Side, Step};

/// One topic, as created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFacts {
    /// How many partitions.
    pub partitions: i32,
    /// `retention.ms`, where one was asked for; -1 is for ever.
    pub retention_ms: Option<i64>,
}

/// One partition's log, as acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogFacts {
    /// The lowest offset that was not deleted.
    pub start: i64,
    /// Just after the last acknowledged record that readers may see.
    pub end: i64,
    /// Just after the last acknowledged offset of any kind, aborted records and markers included.
    pub written: i64,
    /// Records of which nobody knows whether they arrived.
    pub in_doubt: u64,
}

/// How a reader is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// A member of a classic group.
    Classic,
    /// A member of a KIP-848 group.
    Consumer,
    /// `assign()` and commits only: its group looks Empty.
    Assign,
}

/// One consumer group on one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupFacts {
    /// What it reads.
    pub topics: BTreeSet<String>,
    /// Its live members by client id.
    pub members: BTreeMap<String, Attachment>,
    /// Commits as acknowledged, per topic and partition.
    pub committed: BTreeMap<(String, i32), i64>,
}

/// An open transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// On which cluster.
    pub side: Side,
    /// Just after its last acknowledged record, per partition.
    pub ends: BTreeMap<Part, i64>,
}

/// Everything the lab did. The methods are the entries one may make.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// How topics and groups are called.
    pub names: Names,
    /// Topics that exist now.
    pub topics: BTreeMap<(Side, String), TopicFacts>,
    /// Their logs.
    pub logs: BTreeMap<Part, LogFacts>,
    /// Live producers by name, with the topics they write.
    pub producers: BTreeMap<(Side, String), BTreeSet<String>>,
    /// Open transactions by id.
    pub transactions: BTreeMap<String, OpenTransaction>,
    /// Groups by side and id.
    pub groups: BTreeMap<(Side, String), GroupFacts>,
    /// Steps the operator has begun.
    pub begun: BTreeSet<Step>,
    /// Steps the operator has finished.
    pub done: BTreeSet<Step>,
    /// End offsets of the destination when the switch began.
    pub recorded_start: BTreeMap<(String, i32), i64>,
    /// What was written to the source after the consumers were stopped, per partition.
    pub late_writes: BTreeMap<Part, u64>,
    /// Source topics nobody has to read.
    pub unread: BTreeSet<String>,
    /// Destination topics that were deleted after the switch began, whether created again or not.
    pub lost_topics: BTreeSet<String>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(names: Names) -> Self {
        Self {
            names,
            topics: BTreeMap::new(),
            logs: BTreeMap::new(),
            producers: BTreeMap::new(),
            transactions: BTreeMap::new(),
            groups: BTreeMap::new(),
            begun: BTreeSet::new(),
            done: BTreeSet::new(),
            recorded_start: BTreeMap::new(),
            late_writes: BTreeMap::new(),
            unread: BTreeSet::new(),
            lost_topics: BTreeSet::new(),
        }
    }

    /// A topic was created.
    pub fn topic_created(&mut self, side: Side, topic: &str, facts: TopicFacts) {
        for partition in 0..facts.partitions {
            // It may be entered twice, before and after.
            self.logs.entry(Part::new(side, topic, partition)).or_default();
        }
        self.topics.insert((side, topic.to_owned()), facts);
    }

    /// A topic was deleted, with its records and the commits on it.
    pub fn topic_deleted(&mut self, side: Side, topic: &str) {
        self.topics.remove(&(side, topic.to_owned()));
        if side == Side::Destination && self.begun.contains(&Step::SwitchProducers) {
            self.lost_topics.insert(topic.to_owned());
        }
        self.logs.retain(|part, _| !(part.side == side && part.topic == topic));
        for ((at, _), group) in &mut self.groups {
            if *at == side {
                group.committed.retain(|(on, _), _| on != topic);
            }
        }
    }

    /// The records below `low` were deleted.
    pub fn records_deleted(&mut self, part: &Part, low: i64) {
        let log = self.logs.entry(part.clone()).or_default();
        log.start = log.start.max(low);
        log.written = log.written.max(low);
    }

    /// A producer is about to start.
    pub fn producer_started(&mut self, side: Side, name: &str, topics: &[String]) {
        self.producers.insert((side, name.to_owned()), topics.iter().cloned().collect());
    }

    /// A producer has flushed and is gone.
    pub fn producer_stopped(&mut self, side: Side, name: &str) {
        self.producers.remove(&(side, name.to_owned()));
    }

    /// A record outside any transaction was acknowledged at `offset`.
    pub fn acknowledged(&mut self, part: &Part, offset: i64) {
        let log = self.logs.entry(part.clone()).or_default();
        log.end = log.end.max(offset + 1);
        log.written = log.written.max(offset + 1);
        self.note_late(part);
    }

    /// A record was sent and nobody knows whether it arrived.
    pub fn in_doubt(&mut self, part: &Part) {
        self.logs.entry(part.clone()).or_default().in_doubt += 1;
    }

    /// A transaction is about to be opened.
    pub fn transaction_opened(&mut self, id: &str, side: Side) {
        self.transactions.insert(id.to_owned(), OpenTransaction { side, ends: BTreeMap::new() });
    }

    /// A record inside an open transaction was acknowledged.
    pub fn acknowledged_in(&mut self, id: &str, part: &Part, offset: i64) {
        let log = self.logs.entry(part.clone()).or_default();
        log.written = log.written.max(offset + 1);
        if let Some(open) = self.transactions.get_mut(id) {
            let end = open.ends.entry(part.clone()).or_default();
            *end = (*end).max(offset + 1);
        }
        self.note_late(part);
    }

    /// A transaction ended: its records are visible, or gone for ever. Either way each partition got a marker.
    pub fn transaction_ended(&mut self, id: &str, committed: bool) {
        let Some(open) = self.transactions.remove(id) else {
            return;
        };
        for (part, end) in open.ends {
            let log = self.logs.entry(part.clone()).or_default();
            if committed {
                log.end = log.end.max(end);
            }
            log.written += 1;
            self.note_late(&part);
        }
    }

    /// A group reads these topics on that side, live or not.
    pub fn group_reads(&mut self, side: Side, group: &str, topics: &[String]) {
        let facts = self.groups.entry((side, group.to_owned())).or_default();
        facts.topics.extend(topics.iter().cloned());
    }

    /// A reader is about to attach.
    pub fn member_started(&mut self, side: Side, group: &str, client: &str, how: Attachment) {
        let facts = self.groups.entry((side, group.to_owned())).or_default();
        facts.members.insert(client.to_owned(), how);
    }

    /// A reader is gone for good.
    pub fn member_gone(&mut self, side: Side, group: &str, client: &str) {
        if let Some(facts) = self.groups.get_mut(&(side, group.to_owned())) {
            facts.members.remove(client);
        }
    }

    /// A member's commit was acknowledged. Two members may report around a rebalance in either order: the higher one
    /// is what the group has processed.
    pub fn committed(&mut self, side: Side, group: &str, topic: &str, partition: i32, offset: i64) {
        let facts = self.groups.entry((side, group.to_owned())).or_default();
        let at = facts.committed.entry((topic.to_owned(), partition)).or_insert(offset);
        *at = (*at).max(offset);
    }

    /// Offsets were set from outside the group.
    pub fn seeded(&mut self, side: Side, group: &str, topic: &str, partition: i32, offset: i64) {
        let facts = self.groups.entry((side, group.to_owned())).or_default();
        facts.committed.insert((topic.to_owned(), partition), offset);
    }

    /// A group was deleted with its commits; what it ought to read is not forgotten.
    pub fn group_deleted(&mut self, side: Side, group: &str) {
        if let Some(facts) = self.groups.get_mut(&(side, group.to_owned())) {
            facts.committed.clear();
        }
    }

    /// The end offset of a destination partition when the switch began.
    pub fn start_recorded(&mut self, topic: &str, partition: i32, offset: i64) {
        self.recorded_start.insert((topic.to_owned(), partition), offset);
    }

    fn note_late(&mut self, part: &Part) {
        let stopped = self.done.contains(&Step::StopConsumers);
        if stopped && part.side == Side::Source && self.names.in_scope(part.side, &part.topic) {
            *self.late_writes.entry(part.clone()).or_default() += 1;
        }
    }
}
