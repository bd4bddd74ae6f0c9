//! The facts themselves, as the journal holds them. A fact's text is its wire format: fields are only ever added.

use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::Ts;
use crate::settings::{Home, Track};
use crate::time::{Dur, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// How a step came to be begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how")]
pub enum How {
    /// Claimed through `begin`.
    Claimed {
        /// The token's name.
        author: Name,
        /// Why, where it was said; journals of older versions do not have it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Name>,
    },
    /// Its effect was seen after it had been go.
    Unclaimed,
    /// Adopted by a person.
    Adopted {
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
    },
}

impl How {
    /// Whose it is and why, as far as either was said.
    pub fn said(&self) -> (Option<&Name>, Option<&Name>) {
        match self {
            How::Claimed { author, reason } => (Some(author), reason.as_ref()),
            How::Adopted { author, reason } => (Some(author), Some(reason)),
            How::Unclaimed => (None, None),
        }
    }
}

/// A partition of a topic of a cluster, by identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LogKey {
    /// Kafka cluster id.
    pub cluster: Name,
    /// Topic id.
    pub id: Uuid,
    /// Topic name: also part of the key, for clusters too old to give ids.
    pub topic: Name,
    /// Partition.
    pub partition: i32,
}

/// One fact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// A step was begun.
    Begun {
        /// The step.
        step: Name,
        /// When.
        at: Wall,
        /// How.
        #[serde(flatten)]
        how: How,
        /// What its ready checks said, in one line each.
        evidence: Vec<Name>,
    },
    /// A step's done checks held.
    Done {
        /// The step.
        step: Name,
        /// When.
        at: Wall,
        /// What its done checks said.
        evidence: Vec<Name>,
    },
    /// A done reversible step was measured false for its dwell.
    Undone {
        /// The step.
        step: Name,
        /// When.
        at: Wall,
    },
    /// A begun or done step was taken back.
    Withdrawn {
        /// The step.
        step: Name,
        /// When.
        at: Wall,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
    },
    /// A step's ready was go from `from` on, last at `until`.
    WasGo {
        /// The step.
        step: Name,
        /// Since when.
        from: Wall,
        /// Until when it was go at least.
        until: Wall,
    },
    /// The effect of a begun step was seen.
    EffectSeen {
        /// The step.
        step: Name,
        /// When.
        at: Wall,
    },
    /// A person holds a step, or all of them.
    Held {
        /// The step; `None` for all.
        step: Option<Name>,
        /// When.
        at: Wall,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
    },
    /// A hold was taken off.
    Released {
        /// The step; `None` for the hold on all.
        step: Option<Name>,
        /// When.
        at: Wall,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
    },
    /// A person's word.
    Confirmed {
        /// What, as in the playbook.
        name: Name,
        /// About what.
        subject: Vec<Name>,
        /// When.
        at: Wall,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
        /// What was measured when it was said; the word is void when that has changed.
        basis: Option<Name>,
    },
    /// A pair that will never commit, taken off the list at these offsets.
    Accepted {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// The group.
        group: Name,
        /// Its committed offset then.
        committed: Option<i64>,
        /// The end offset then.
        end: i64,
        /// When.
        at: Wall,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
    },
    /// A person takes a word back.
    Retracted {
        /// What, as in the playbook.
        name: Name,
        /// About what.
        subject: Vec<Name>,
        /// When.
        at: Wall,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
    },
    /// A person's word no longer counts: what was measured since contradicts it.
    Voided {
        /// What, as in the playbook.
        name: Name,
        /// About what.
        subject: Vec<Name>,
        /// When.
        at: Wall,
    },
    /// The cluster or deployment of a side that a go of a track's first step rested on.
    WentOn {
        /// The track.
        track: Track,
        /// The side.
        side: Side,
        /// The Kafka cluster id, or the replica set id.
        id: Name,
    },
    /// The cluster a side's Kafka was when the migration began.
    Cluster {
        /// The side.
        side: Side,
        /// Its id.
        cluster: Name,
    },
    /// A group has committed on, been assigned or subscribed to a topic.
    Pair {
        /// Kafka cluster id.
        cluster: Name,
        /// The group.
        group: Name,
        /// The topic.
        topic: Name,
    },
    /// A group has committed an offset on a topic in scope.
    Committed {
        /// Kafka cluster id.
        cluster: Name,
        /// The group.
        group: Name,
    },
    /// A topic was first seen with this id.
    Topic {
        /// Kafka cluster id.
        cluster: Name,
        /// The topic.
        topic: Name,
        /// Its id.
        id: Uuid,
    },
    /// A member of a group was seen.
    Member {
        /// Kafka cluster id.
        cluster: Name,
        /// The group.
        group: Name,
        /// The identity a rule captured, or the group id.
        identity: Name,
        /// Its home.
        home: Home,
    },
    /// A topic was seen growing.
    Grew {
        /// Kafka cluster id.
        cluster: Name,
        /// The topic.
        topic: Name,
        /// Its id.
        id: Uuid,
        /// When first.
        at: Wall,
    },
    /// The gaps between a producer's writes, as seen.
    Gaps {
        /// Kafka cluster id.
        cluster: Name,
        /// The producer.
        producer: Name,
        /// Growths seen.
        growths: u32,
        /// The longest gap between two of them.
        longest: Dur,
    },
    /// A destination partition was empty, ending at this offset.
    Empty {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// Its end offset.
        offset: i64,
    },
    /// Where a destination partition began when the producers were switched.
    RecordedStart {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// Its end offset, empty, before.
        offset: i64,
        /// Typed in or measured late, by whom; `None` if measured in time.
        adopted: Option<Name>,
    },
    /// A destination topic has grown past its recorded start.
    Grown {
        /// Kafka cluster id.
        cluster: Name,
        /// The topic.
        topic: Name,
        /// Its id.
        id: Uuid,
    },
    /// Where a source partition ended when the consumers were stopped, or what was carried over since.
    SourceEnd {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// Its end offset.
        offset: i64,
        /// `confirm reconciled` or adoption, by whom; `None` if measured in time.
        adopted: Option<Name>,
    },
    /// After the consumers were stopped a source partition was seen to end past its anchor: nobody may forget it should the
    /// topic go.
    SourceMoved {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// Its end offset.
        offset: i64,
    },
    /// Between the two offsets lies no record that an application would be given.
    Phantom {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// The committed offset.
        from: i64,
        /// The end.
        to: i64,
    },
    /// The first sample in which a group had a member on a destination topic.
    Attached {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// The group.
        group: Name,
        /// The partition's end in that sample.
        end: i64,
        /// Its end in a sample surely before any member attached.
        before: Option<i64>,
    },
    /// After it attached, a group had committed at the recorded start, or below the end that lay there before it attached: it did
    /// not skip to the end, and goes on from there whenever it comes back. So does one that was seeded again ([`Fact::CommitGone`]).
    ReadFromStart {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// The group.
        group: Name,
    },
    /// While the consumers are started, the committed offset of a group that had not skipped to the end is gone, or the seeded one of a
    /// group that has not attached yet: whoever comes, or comes back, begins anew.
    CommitGone {
        /// The partition.
        #[serde(flatten)]
        key: LogKey,
        /// The group.
        group: Name,
    },
    /// The deployment a side's MongoDB was when the migration began.
    Deployment {
        /// The side.
        side: Side,
        /// Its replica set id.
        set: Name,
    },
    /// A client with a role was seen on a deployment.
    Client {
        /// Replica set id.
        set: Name,
        /// It writes; it only reads otherwise.
        writes: bool,
        /// The identity a rule captured.
        identity: Name,
        /// Its home.
        home: Home,
    },
    /// A rule that says who reads or writes has recognised a client of a deployment.
    Recognised {
        /// Replica set id.
        set: Name,
        /// The rule, as in [`crate::settings::ClientRule::text`].
        rule: Name,
    },
    /// A session of a mirror was seen on a deployment.
    MirrorSession {
        /// Replica set id.
        set: Name,
        /// The mirror.
        mirror: Name,
    },
    /// User writes were seen to be blocked on a deployment.
    WriteBlock {
        /// Replica set id.
        set: Name,
        /// Always; journals of earlier versions also tell when they were let again.
        on: bool,
    },
    /// One transaction has written these namespaces.
    Together {
        /// Replica set id.
        set: Name,
        /// What it wrote.
        namespaces: BTreeSet<Name>,
    },
    /// The longest that a resolver lets an answer of a name be kept.
    LongestTtl {
        /// The probe.
        probe: Name,
        /// That long.
        ttl: Dur,
    },
    /// The newest write in scope of a deployment when it was frozen (of the source: when stop-writers was done; of the
    /// destination: when stop-mirror was first go), or what was carried over since.
    LastWrite {
        /// Replica set id.
        set: Name,
        /// Its timestamp: nothing newer was written.
        ts: Ts,
        /// No write was seen: it is only the instant before which all of them lie.
        #[serde(default)]
        unseen: bool,
        /// `confirm reconciled-writes` or adoption, by whom; `None` if measured in time.
        adopted: Option<Name>,
    },
    /// How far a mirror had come when it was last steady, since the writers were stopped; 0 once it has begun anew.
    Position {
        /// The mirror.
        mirror: Name,
        /// Its position.
        ts: Ts,
    },
    /// What the source held in a namespace when the mirror was stopped.
    SourceData {
        /// Replica set id.
        set: Name,
        /// The namespace.
        namespace: Name,
        /// Kind, options and indexes as canonical text.
        shape: Name,
        /// Documents in it; none for a view.
        documents: Option<i64>,
    },
}
