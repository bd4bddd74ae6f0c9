//! Opening a shop: users on both sides, mirrors prepared, the oracle's eyes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use mongodb::Client;
use mongodb::error::Result as Answer;
use mongodb::options::{ClientOptions, Credential, ServerAddress};

use super::options::MongoShopOptions;
use super::watch::Watch;
use super::{MongoShop, Place};
use crate::error::Result;
use crate::mirror::Mirror;
use crate::mongo::{Account, MongoPair, ReplicaSet, Rights};
use crate::oracle::{MongoLedger, MongoOracle};
use crate::words::Side;

impl MongoShop {
    /// A shop on this pair, with nothing in it yet.
    pub fn open(pair: &MongoPair, options: MongoShopOptions) -> Result<Self> {
        let mut ledger = MongoLedger::new([options.database.clone()]);
        ledger.following_within_ms = u64::try_from(options.following_within.as_millis()).unwrap_or(u64::MAX);
        ledger.readers_may_write = options.readers_may_write;
        let mut mirrors = BTreeMap::new();
        for mirror in &options.mirrors {
            ledger.mirror_planned(mirror);
            mirrors.insert(mirror.name.clone(), Mirror::open(pair, mirror.clone())?);
        }
        let (source, destination) = (Place::open(&pair.source, &options)?, Place::open(&pair.destination, &options)?);
        let eye = |set: &ReplicaSet| set.client(set.root(), "lab-oracle");
        let oracle = MongoOracle::new(ledger, Some((eye(&pair.source)?, eye(&pair.destination)?)));
        let watch = options.look_every.map(|every| Watch::start(oracle.clone(), every));
        Ok(Self {
            options,
            oracle,
            watch,
            services: Mutex::default(),
            transactions: Mutex::default(),
            mirrors,
            homes: Mutex::new(Side::Source),
            source,
            destination,
        })
    }
}

impl Place {
    fn open(set: &ReplicaSet, options: &MongoShopOptions) -> Result<Self> {
        let database = &options.database;
        let writer = set.create_user(&format!("{database}-writer"), Rights::none().role("readWrite", database))?;
        let reading = if options.readers_may_write { "readWrite" } else { "read" };
        let reader = set.create_user(&format!("{database}-reader"), Rights::none().role(reading, database))?;
        let admin = set.client(set.root(), "lab-hand")?;
        Ok(Self { admin, hosts: set.hosts(), set: set.name().to_owned(), writer, reader })
    }

    /// What makes a client of a service.
    pub(super) fn connect(
        &self,
        writes: bool,
        app_name: String,
    ) -> impl Fn() -> Answer<Client> + Send + Sync + 'static {
        let Account { name, password } = if writes { self.writer.clone() } else { self.reader.clone() };
        let (hosts, set) = (self.hosts.clone(), self.set.clone());
        move || {
            let hosts: Answer<Vec<_>> = hosts.split(',').map(ServerAddress::parse).collect();
            let credential = Credential::builder().username(name.clone()).password(password.clone());
            let mut options = ClientOptions::builder()
                .hosts(hosts?)
                .repl_set_name(set.clone())
                .app_name(app_name.clone())
                .server_selection_timeout(Duration::from_secs(5))
                .connect_timeout(Duration::from_secs(5))
                .heartbeat_freq(Duration::from_millis(500))
                .build();
            options.credential = Some(credential.source("admin".to_owned()).build());
            Client::with_options(options)
        }
    }
}
