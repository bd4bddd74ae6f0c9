//! The MongoDB side of the shop: services that write and read, mirrors, and a hand on all of them.
//!
//! Every method is blocking, returns when what it says is done, and enters it in the ledger of the shop's
//! [`MongoOracle`].

mod actions;
mod mirrors;
mod open;
mod options;
mod pen;
mod service;
mod transaction;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::Client;

pub use options::{CRASHER, MongoShopOptions, NIGHTLY, READERS, WRITERS, WriterSpec, Writes};

use crate::clock;
use crate::error::{Error, Result};
use crate::mirror::Mirror;
use crate::mongo::Account;
use crate::oracle::MongoOracle;
use crate::words::{MongoStep, Side};
use service::{Post, Service};
use transaction::Open;
use watch::Watch;

/// What the shop knows of a replica set; the set itself stays free to be frozen or killed.
#[derive(Debug)]
struct Place {
    /// Of the user who may do anything.
    admin: Client,
    hosts: String,
    set: String,
    writer: Account,
    reader: Account,
}

/// The MongoDB side of a shop on a pair of replica sets. Dropping it ends its services and mirrors; its data stays.
#[derive(Debug)]
pub struct MongoShop {
    options: MongoShopOptions,
    oracle: MongoOracle,
    // What runs comes before what it runs on.
    watch: Option<Watch>,
    services: Mutex<BTreeMap<(Side, String), Service>>,
    transactions: Mutex<BTreeMap<String, Open>>,
    mirrors: BTreeMap<String, Mirror>,
    homes: Mutex<Side>,
    source: Place,
    destination: Place,
}

impl MongoShop {
    /// What is safe now, and the timeline.
    pub fn oracle(&self) -> &MongoOracle {
        &self.oracle
    }

    /// What it was opened with.
    pub fn options(&self) -> &MongoShopOptions {
        &self.options
    }

    /// A client of that side that may do anything, as `lab-hand`. What it changes, the ledger does not know.
    pub fn client(&self, side: Side) -> &Client {
        &self.place(side).admin
    }

    /// Waits until `step` is safe, as far as the lab itself knows.
    pub fn wait_safe(&self, step: MongoStep, limit: Duration) -> Result<()> {
        clock::wait_for(&format!("{step} to be safe"), limit, || {
            let reasons = self.oracle.unsafe_reasons(step);
            if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
        })
    }

    /// Waits until that many writes were acknowledged on a side.
    pub fn wait_written(&self, side: Side, writes: u64, limit: Duration) -> Result<()> {
        clock::wait_for(&format!("{writes} writes at the {side}"), limit, || {
            let written = self.oracle.ledger().acknowledged.get(&side).copied().unwrap_or_default();
            if written >= writes { Ok(()) } else { Err(format!("{written} written")) }
        })
    }

    /// The infrastructure on which services that are started now run.
    pub fn home(&self) -> Side {
        *lock(&self.homes)
    }

    /// Starts one of [`WRITERS`], or [`CRASHER`], on a side.
    pub fn start_writer(&self, side: Side, name: &str) -> Result<()> {
        let spec = service::writer(name)?;
        self.add(side, name, true, |post| Service::writer(post, spec, &self.options))
    }

    /// Starts one of [`READERS`], or [`NIGHTLY`], on a side.
    pub fn start_reader(&self, side: Side, name: &str) -> Result<()> {
        let name = service::reader(name)?;
        self.add(side, name, false, |post| Service::reader(post, name, &self.options))
    }

    /// Ends a service on a side, and returns when its connections are closed.
    pub fn stop_service(&self, side: Side, name: &str) -> Result<()> {
        let service = lock(&self.services).remove(&(side, name.to_owned()));
        service.ok_or_else(|| Error::Usage(format!("{name} does not run at the {side}")))?.stop()
    }

    /// The services that run on a side.
    pub fn services(&self, side: Side) -> Vec<String> {
        lock(&self.services).keys().filter(|(at, _)| *at == side).map(|(_, name)| name.clone()).collect()
    }

    fn add(&self, side: Side, name: &str, writes: bool, start: impl FnOnce(Post) -> Result<Service>) -> Result<()> {
        let mut services = lock(&self.services);
        let key = (side, name.to_owned());
        if services.contains_key(&key) {
            return Err(Error::Usage(format!("{name} already runs at the {side}")));
        }
        let home = self.home();
        let connect = self.place(side).connect(writes, self.options.app_name(name, home));
        let post = Post { side, home, oracle: self.oracle.clone(), connect: Arc::new(connect) };
        services.insert(key, start(post)?);
        Ok(())
    }

    fn place(&self, side: Side) -> &Place {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }
}

impl Drop for MongoShop {
    fn drop(&mut self) {
        self.watch = None;
        lock(&self.services).clear();
        lock(&self.transactions).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
