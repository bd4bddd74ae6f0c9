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
    // By the side they are connected to, the infrastructure they run on, and their name.
    services: Mutex<BTreeMap<(Side, Side, String), Service>>,
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
        self.deploy_writer(side, self.home(), name)
    }

    /// The same with its home said: connected to `side`, it runs on the infrastructure `home`.
    fn deploy_writer(&self, side: Side, home: Side, name: &str) -> Result<()> {
        let spec = self.options.writer(name)?;
        self.add(side, home, name, true, |post| Service::writer(post, spec, &self.options))
    }

    /// Starts one of [`READERS`], or [`NIGHTLY`], on a side.
    pub fn start_reader(&self, side: Side, name: &str) -> Result<()> {
        self.deploy_reader(side, self.home(), name)
    }

    fn deploy_reader(&self, side: Side, home: Side, name: &str) -> Result<()> {
        let name = service::reader(name)?;
        self.add(side, home, name, false, |post| Service::reader(post, name, &self.options))
    }

    /// Runs a service on that infrastructure as well, connected to `side`.
    pub fn deploy_service(&self, side: Side, home: Side, name: &str) -> Result<()> {
        if service::reader(name).is_ok() {
            self.deploy_reader(side, home, name)
        } else {
            self.deploy_writer(side, home, name)
        }
    }

    /// Ends a service on a side, wherever it runs, and returns when its connections are closed.
    pub fn stop_service(&self, side: Side, name: &str) -> Result<()> {
        if !self.services(side).iter().any(|running| running == name) {
            return Err(Error::Usage(format!("{name} does not run at the {side}")));
        }
        self.stop_where(|at, _, running| at == side && running == name)
    }

    /// **stop-source-services** for `home: source`: ends every service that runs there, whatever it is connected to.
    pub fn stop_home(&self, home: Side) -> Result<()> {
        self.stop_where(|_, at, _| at == home)
    }

    /// Where services that are started from now on run: the source until it is said.
    pub fn set_home(&self, home: Side) {
        *lock(&self.homes) = home;
    }

    fn stop_where(&self, which: impl Fn(Side, Side, &str) -> bool) -> Result<()> {
        let ended = {
            let mut running = lock(&self.services);
            let keys: Vec<_> = running.keys().filter(|(at, home, name)| which(*at, *home, name)).cloned().collect();
            keys.iter().filter_map(|key| running.remove(key)).collect::<Vec<_>>()
        };
        ended.into_iter().try_for_each(Service::stop)
    }

    /// The services that run on a side, each once.
    pub fn services(&self, side: Side) -> Vec<String> {
        let mut names: Vec<_> =
            lock(&self.services).keys().filter(|(at, ..)| *at == side).map(|(.., name)| name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn add(
        &self,
        side: Side,
        home: Side,
        name: &str,
        writes: bool,
        start: impl FnOnce(Post) -> Result<Service>,
    ) -> Result<()> {
        let mut services = lock(&self.services);
        let key = (side, home, name.to_owned());
        if services.contains_key(&key) {
            return Err(Error::Usage(format!("{name} already runs at the {side}, home {home}")));
        }
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
