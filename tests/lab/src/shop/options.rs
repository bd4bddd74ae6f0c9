//! What the shop consists of, and what can be chosen about it.

use crate::oracle::{Attachment, Names};
use crate::words::Side;

/// A topic of the shop, named without its prefix.
#[derive(Debug, Clone, Copy)]
pub struct TopicSpec {
    /// The name after the prefix.
    pub suffix: &'static str,
    /// How many partitions.
    pub partitions: i32,
}

/// The shop's topics.
pub const TOPICS: [TopicSpec; 5] = [
    TopicSpec { suffix: "crm.customers.ingestion", partitions: 2 },
    TopicSpec { suffix: "erp.orders.ingestion", partitions: 1 },
    TopicSpec { suffix: "crm.customers.pr-update", partitions: 2 },
    TopicSpec { suffix: "sv.customers.sv-trigger", partitions: 1 },
    TopicSpec { suffix: "sv.customers.sv-update", partitions: 1 },
];

/// A service of the shop: one consumer group.
#[derive(Debug, Clone, Copy)]
pub struct ServiceSpec {
    /// Its name: the group after the prefix, and the front of its client ids (`rtu-src-0`).
    pub name: &'static str,
    /// The topics it reads.
    pub reads: &'static [&'static str],
    /// The topic it writes for every record read, if any.
    pub writes: Option<&'static str>,
    /// How many members it has.
    pub members: usize,
    /// How its members attach.
    pub how: Attachment,
}

/// The shop's services. `sink` is the KIP-848 group.
pub const SERVICES: [ServiceSpec; 4] = [
    ServiceSpec {
        name: "rtu",
        reads: &["crm.customers.ingestion", "erp.orders.ingestion"],
        writes: Some("crm.customers.pr-update"),
        members: 2,
        how: Attachment::Classic,
    },
    ServiceSpec {
        name: "svt",
        reads: &["crm.customers.pr-update"],
        writes: Some("sv.customers.sv-trigger"),
        members: 1,
        how: Attachment::Classic,
    },
    ServiceSpec {
        name: "svc",
        reads: &["sv.customers.sv-trigger"],
        writes: Some("sv.customers.sv-update"),
        members: 1,
        how: Attachment::Classic,
    },
    ServiceSpec {
        name: "sink",
        reads: &["sv.customers.sv-update"],
        writes: None,
        members: 1,
        how: Attachment::Consumer,
    },
];

/// The topic that only the KIP-848 group reads.
const LAST: &str = "sv.customers.sv-update";

/// How a producer behaves.
#[derive(Debug, Clone)]
pub struct ProducerOptions {
    /// Records a second, over all of its topics.
    pub rate: f64,
    /// Writes in transactions of that many records, each committed.
    pub transaction: Option<usize>,
    /// An idempotent producer, as most are today; not for one in transactions, which always is.
    pub idempotent: bool,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self { rate: 5.0, transaction: None, idempotent: true }
    }
}

impl ProducerOptions {
    /// The default with another rate.
    pub fn rate(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

/// What can be chosen about a shop.
#[derive(Debug, Clone)]
pub struct ShopOptions {
    /// Prefixes and whether groups are renamed.
    pub names: Names,
    /// The external producers' behaviour.
    pub producers: ProducerOptions,
    /// Whether there is a KIP-848 group (the service `sink`): on a 3.9.1 cluster it costs a small Java process.
    pub kip848: bool,
    /// `auto.offset.reset` of the services at the source, where they start before the first record.
    pub source_reset: &'static str,
    /// The same at the destination: `latest`, as common defaults of Fast Data have it.
    pub destination_reset: &'static str,
    /// `retention.ms` of the topics, where not the broker's default.
    pub retention_ms: [Option<i64>; 2],
}

impl ShopOptions {
    /// A shop with the same names on both sides: `t1.PROD.`
    pub fn prefix(prefix: &str) -> Self {
        Self::named(Names::same(prefix))
    }

    /// A shop whose topics are renamed at the destination.
    pub fn renamed(source: &str, destination: &str) -> Self {
        Self::named(Names::renamed(source, destination))
    }

    /// A shop with these names.
    pub fn named(names: Names) -> Self {
        Self {
            names,
            producers: ProducerOptions::default(),
            kip848: true,
            source_reset: "earliest",
            destination_reset: "latest",
            retention_ms: [None, None],
        }
    }

    /// Without the KIP-848 group.
    pub fn without_kip848(mut self) -> Self {
        self.kip848 = false;
        self
    }

    /// With another rate of the external producers, in records a second each.
    pub fn rate(mut self, rate: f64) -> Self {
        self.producers.rate = rate;
        self
    }

    pub(crate) fn reset(&self, side: Side) -> &'static str {
        match side {
            Side::Source => self.source_reset,
            Side::Destination => self.destination_reset,
        }
    }

    pub(crate) fn retention(&self, side: Side) -> Option<i64> {
        match side {
            Side::Source => self.retention_ms[0],
            Side::Destination => self.retention_ms[1],
        }
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = ServiceSpec> + use<> {
        let kip848 = self.kip848;
        let wanted = SERVICES.into_iter().filter(move |service| kip848 || service.how != Attachment::Consumer);
        // Nor does anybody write the topic that only it reads.
        wanted.map(move |service| ServiceSpec { writes: service.writes.filter(|t| kip848 || *t != LAST), ..service })
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = TopicSpec> + use<> {
        let kip848 = self.kip848;
        // Without its reader the last topic would hold records that nobody reads.
        TOPICS.into_iter().filter(move |topic| kip848 || topic.suffix != LAST)
    }
}
