//! A small Fast Data shop on a pair of clusters: topics, external producers, services, and a hand on all of them.
//!
//! Every method is blocking, returns when what it says is done, and enters it in the ledger of the shop's [`Oracle`].
//! Names given to methods are full names of topics and groups; [`Shop::topic`] and [`Shop::group`] make them.

mod acks;
mod actions;
mod admin;
mod console;
mod member;
mod options;
mod producer;
mod services;
mod transaction;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use options::{ProducerOptions, SERVICES, ServiceSpec, ShopOptions, TOPICS, TopicSpec};

use crate::client::Client;
use crate::clock;
use crate::error::{Error, Result};
use crate::oracle::{Names, Oracle};
use crate::pair::Pair;
use crate::provision::Kafka;
use crate::scratch::Scratch;
use crate::words::{Side, Step};
use console::Console;
use member::Member;
use producer::Running;
use transaction::Open;

/// How a consumer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It leaves its group.
    Leave,
    /// It goes silent: the broker keeps it as a member until the session timeout.
    Crash,
}

/// What the shop knows of a cluster; the cluster itself stays free to be paused or killed.
#[derive(Debug)]
struct Place {
    bootstrap: String,
    kafka: Kafka,
    client: Client,
    replication: i32,
    session_timeout: Duration,
}

/// A running member of a service.
#[derive(Debug)]
enum Attached {
    InProcess(Member),
    Java(Console),
}

impl Attached {
    /// How many partitions it holds, as far as it tells.
    fn assigned(&self) -> usize {
        match self {
            Attached::InProcess(member) => member.assigned(),
            Attached::Java(_) => 0,
        }
    }

    fn stop(self, how: Stop) -> Result<()> {
        match self {
            Attached::InProcess(member) => member.stop(how),
            Attached::Java(console) => console.stop(how),
        }
    }
}

/// Running services by the side they are connected to, the infrastructure they run on, and their name.
type Services = BTreeMap<(Side, Side, String), Vec<Attached>>;

/// A Fast Data shop on a pair of clusters. Dropping it ends its producers and readers; its topics stay.
#[derive(Debug)]
pub struct Shop {
    options: ShopOptions,
    oracle: Oracle,
    // What runs comes before what it runs on.
    producers: Mutex<BTreeMap<(Side, String), Running>>,
    services: Mutex<Services>,
    /// Where services that are started now run; where they are connected if nothing was said.
    homes: Mutex<Option<Side>>,
    readers: Mutex<BTreeMap<(Side, String), Member>>,
    transactions: Mutex<BTreeMap<String, Open>>,
    source: Place,
    destination: Place,
    scratch: Scratch,
}

impl Shop {
    /// A shop on these clusters, with nothing in it yet. Several may share a pair if their prefixes differ.
    pub fn open(pair: &Pair, options: ShopOptions) -> Result<Self> {
        let place = |side| -> Result<Place> {
            let cluster = pair.cluster(side);
            Ok(Place {
                bootstrap: cluster.bootstrap(),
                kafka: cluster.kafka().clone(),
                client: cluster.client()?,
                replication: i32::try_from(cluster.brokers()).unwrap_or(1),
                session_timeout: cluster.session_timeout(),
            })
        };
        Ok(Self {
            oracle: Oracle::new(options.names.clone()),
            producers: Mutex::default(),
            services: Mutex::default(),
            homes: Mutex::default(),
            readers: Mutex::default(),
            transactions: Mutex::default(),
            source: place(Side::Source)?,
            destination: place(Side::Destination)?,
            scratch: Scratch::new("shop")?,
            options,
        })
    }

    /// What is safe now, and the timeline.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// How things are called.
    pub fn names(&self) -> &Names {
        &self.options.names
    }

    /// The full name of a topic: `shop.topic(Side::Source, "crm.customers.ingestion")`.
    pub fn topic(&self, side: Side, suffix: &str) -> String {
        self.names().topic(side, suffix)
    }

    /// The full name of a group: `shop.group(Side::Source, "rtu")`.
    pub fn group(&self, side: Side, service: &str) -> String {
        self.names().group(side, service)
    }

    /// A client of that side, to look at what the brokers say. What it changes, the oracle does not know.
    pub fn client(&self, side: Side) -> &Client {
        &self.place(side).client
    }

    /// Waits until `step` is safe, as far as the lab itself knows.
    pub fn wait_safe(&self, step: Step, limit: Duration) -> Result<()> {
        clock::wait_for(&format!("{step} to be safe"), limit, || {
            let reasons = self.oracle.unsafe_reasons(step);
            if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
        })
    }

    /// Waits until that many records are processed by a service on that side, over all of its partitions.
    pub fn wait_processed(&self, side: Side, service: &str, records: i64, limit: Duration) -> Result<()> {
        let group = self.group(side, service);
        clock::wait_for(&format!("{group} to process {records} records"), limit, || {
            let ledger = self.oracle.ledger();
            let committed = ledger.groups.get(&(side, group.clone())).map_or(0, |facts| facts.committed.values().sum());
            if committed >= records { Ok(()) } else { Err(format!("{committed} processed")) }
        })
    }

    /// Starts an external producer on any topics. Undeclared to the agent, it is a *forgotten* one.
    pub fn start_producer(&self, side: Side, name: &str, topics: &[String], options: ProducerOptions) -> Result<()> {
        let mut running = lock(&self.producers);
        let key = (side, name.to_owned());
        if running.contains_key(&key) {
            return Err(Error::Usage(format!("producer {name} already runs at the {side}")));
        }
        if topics.is_empty() {
            return Err(Error::Usage(format!("producer {name} has no topic")));
        }
        let bootstrap = &self.place(side).bootstrap;
        running.insert(key, Running::start(bootstrap, side, name, topics.to_vec(), options, &self.oracle)?);
        Ok(())
    }

    /// Stops a producer, and returns when everything it sent was acknowledged.
    pub fn stop_producer(&self, side: Side, name: &str) -> Result<()> {
        let running = lock(&self.producers).remove(&(side, name.to_owned()));
        running.ok_or_else(|| Error::Usage(format!("no producer {name} at the {side}")))?.stop()
    }

    /// The names of the producers that run on a side.
    pub fn producers(&self, side: Side) -> Vec<String> {
        lock(&self.producers).keys().filter(|(at, _)| *at == side).map(|(_, name)| name.clone()).collect()
    }

    fn place(&self, side: Side) -> &Place {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        lock(&self.producers).clear();
        lock(&self.transactions).clear();
        lock(&self.readers).clear();
        lock(&self.services).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
