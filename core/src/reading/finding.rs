//! What a check found: about what, why, the values measured, and what would mend it.

use super::{Code, Tri};
use crate::Name;
use crate::estate::Side;
use crate::time::{Dur, Wall};
use uuid::Uuid;

/// What a finding is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Subject {
    /// The check as a whole.
    #[default]
    Whole,
    /// A side of a move.
    Side(Side),
    /// A step.
    Step(&'static str),
    /// A topic of a side.
    Topic(Side, Name),
    /// Partitions of a topic of a side.
    Partitions(Side, Name, Vec<i32>),
    /// A group of a side.
    Group(Side, Name),
    /// A group on a topic of a side, and the partitions concerned.
    Pair(Side, Name, Name, Vec<i32>),
    /// A declared producer.
    Producer(Name),
    /// A broker of a side.
    Broker(Side, Name),
    /// The MongoDB deployment of a side.
    Mongodb(Side),
    /// A MongoDB namespace of a side.
    Namespace(Side, Name),
    /// A MongoDB member of a side, by its address.
    MongoMember(Side, Name),
    /// A mirror.
    Mirror(Name),
    /// A probe.
    Probe(Name),
    /// A client of a side, by the identity a rule gave it.
    Client(Side, Name),
    /// A requirement, a confirmation or another named thing.
    Thing(Name),
}

/// A measured value or a limit, with its unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Qty {
    /// Records, offsets, members: a plain number of `unit`.
    Count(i64, &'static str),
    /// A time.
    Time(Dur),
    /// An instant.
    At(Wall),
    /// Words.
    Words(Name),
}

/// A reading that a check wants beyond the regular ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Demand {
    /// Read the records of a partition from an offset to its end, `read_committed`: is there anything at all?
    Tail {
        /// The side.
        side: Side,
        /// The topic.
        topic: Name,
        /// Its id.
        topic_id: Uuid,
        /// The partition.
        partition: i32,
        /// A committed offset.
        from: i64,
        /// The high watermark, equal to the last stable offset.
        to: i64,
    },
    /// Read the configurations of a side afresh.
    Configs(Side),
    /// Read the collections of a side's MongoDB afresh.
    Collections(Side),
    /// Count the documents of a namespace one by one, on a side's MongoDB.
    Count {
        /// The side.
        side: Side,
        /// The namespace, `database.collection`.
        namespace: Name,
    },
}

/// One thing a check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Yes, no or unknown.
    pub is: Tri,
    /// Why.
    pub code: Code,
    /// About what.
    pub at: Subject,
    /// The value measured.
    pub observed: Option<Qty>,
    /// The limit it is held against.
    pub limit: Option<Qty>,
    /// More words: what came back, a name.
    pub detail: Option<Name>,
    /// What would mend it: a command or a line to paste.
    pub fix: Option<Name>,
    /// How long until it could be yes, where that is known.
    pub wait: Option<Dur>,
    /// A reading that could settle it.
    pub want: Option<Demand>,
}

impl Finding {
    fn new(is: Tri, code: Code, at: Subject) -> Finding {
        Finding { is, code, at, observed: None, limit: None, detail: None, fix: None, wait: None, want: None }
    }

    /// It holds.
    pub fn yes(code: Code, at: Subject) -> Finding {
        Finding::new(Tri::Yes, code, at)
    }

    /// It does not hold.
    pub fn no(code: Code, at: Subject) -> Finding {
        Finding::new(Tri::No, code, at)
    }

    /// Not known.
    pub fn unknown(code: Code, at: Subject) -> Finding {
        Finding::new(Tri::Unknown, code, at)
    }

    /// With the value measured.
    pub fn seen(mut self, q: Qty) -> Finding {
        self.observed = Some(q);
        self
    }

    /// With the limit.
    pub fn limit(mut self, q: Qty) -> Finding {
        self.limit = Some(q);
        self
    }

    /// With more words.
    pub fn detail(mut self, d: impl Into<Name>) -> Finding {
        self.detail = Some(d.into());
        self
    }

    /// With what would mend it.
    pub fn fix(mut self, f: impl Into<Name>) -> Finding {
        self.fix = Some(f.into());
        self
    }

    /// With the time until it could hold.
    pub fn wait(mut self, d: Dur) -> Finding {
        self.wait = Some(d);
        self
    }

    /// With the reading that could settle it.
    pub fn want(mut self, d: Demand) -> Finding {
        self.want = Some(d);
        self
    }
}

/// Why something is not known: becomes an unknown finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Why.
    pub code: Code,
    /// Of what.
    pub at: Subject,
    /// What was tried and came back.
    pub detail: Option<Name>,
    /// What would mend it.
    pub fix: Option<Name>,
    /// A reading that would fill it.
    pub want: Option<Box<Demand>>,
}

impl Gap {
    /// A gap about `at`.
    pub fn new(code: Code, at: Subject) -> Gap {
        Gap { code, at, detail: None, fix: None, want: None }
    }

    /// With more words.
    pub fn detail(mut self, d: impl Into<Name>) -> Gap {
        self.detail = Some(d.into());
        self
    }

    /// With the reading that would fill it.
    pub fn want(mut self, d: Demand) -> Gap {
        self.want = Some(Box::new(d));
        self
    }

    /// With what would mend it.
    pub fn fix(mut self, d: impl Into<Name>) -> Gap {
        self.fix = Some(d.into());
        self
    }
}

impl From<Gap> for Finding {
    fn from(g: Gap) -> Finding {
        Finding { detail: g.detail, fix: g.fix, want: g.want.map(|w| *w), ..Finding::unknown(g.code, g.at) }
    }
}
