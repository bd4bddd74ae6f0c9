//! What the operator does: the steps of the migration, and what leads up to them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::error::Result as Answer;
use mongodb::{Client, Database};

use super::MongoShop;
use super::options::{CRASHER, READERS};
use crate::error::Result;
use crate::mongo::runtime::ask;
use crate::words::{MongoStep, Side};

const LIMIT: Duration = Duration::from_secs(60);

impl MongoShop {
    /// Opens for business at the source: collections with options and indexes, a view, documents; writers and readers.
    pub fn start(&self) -> Result<()> {
        self.create_collections()?;
        for writer in &self.options.writers {
            self.start_writer(Side::Source, writer.name)?;
        }
        READERS.iter().try_for_each(|name| self.start_reader(Side::Source, name))
    }

    /// Creates the shop's collections at the source.
    pub fn create_collections(&self) -> Result<()> {
        let database = self.client(Side::Source).database(&self.options.database);
        ask("create the shop's collections", LIMIT, create(database))
    }

    /// **switch-readers**: every reader that runs at the source is ended there and connects to the destination.
    pub fn switch_readers(&self) -> Result<()> {
        self.oracle.record(|ledger| ledger.begun.insert(MongoStep::SwitchReaders));
        for name in READERS {
            self.switch_reader(name)?;
        }
        self.oracle.record(|ledger| ledger.done.insert(MongoStep::SwitchReaders));
        Ok(())
    }

    /// The same for one reader, where it runs at the source.
    pub fn switch_reader(&self, name: &str) -> Result<()> {
        if self.services(Side::Source).iter().any(|running| running == name) {
            self.stop_service(Side::Source, name)?;
            self.start_reader(Side::Destination, name)?;
        }
        Ok(())
    }

    /// **stop-writers**: ends every writer at the source.
    pub fn stop_writers(&self) -> Result<()> {
        self.oracle.record(|ledger| ledger.begun.insert(MongoStep::StopWriters));
        for name in self.writers(Side::Source) {
            self.stop_service(Side::Source, &name)?;
        }
        self.oracle.record(|ledger| ledger.done.insert(MongoStep::StopWriters));
        Ok(())
    }

    /// **start-writers**: starts the writers on a side: at the destination as the step, at the source again as the way
    /// back. The one in a crash loop is not among them.
    pub fn start_writers(&self, side: Side) -> Result<()> {
        let step = MongoStep::StartWriters;
        if side == Side::Destination {
            self.oracle.record(|ledger| ledger.begun.insert(step));
        }
        for writer in self.options.writers.clone() {
            self.start_writer(side, writer.name)?;
        }
        self.oracle.record(|ledger| match side {
            Side::Destination => {
                ledger.done.insert(step);
            }
            Side::Source => {
                ledger.begun.remove(&MongoStep::StopWriters);
                ledger.done.remove(&MongoStep::StopWriters);
            }
        });
        Ok(())
    }

    /// The names of the writers that run on a side.
    pub fn writers(&self, side: Side) -> Vec<String> {
        let known: Vec<_> = self.options.writers.iter().chain([&CRASHER]).map(|writer| writer.name).collect();
        self.services(side).into_iter().filter(|name| known.contains(&name.as_str())).collect()
    }

    /// Deploys the services anew with that home: those that run are started again, connected where they were, under the
    /// application name of the other home.
    pub fn redeploy(&self, home: Side) -> Result<()> {
        self.set_home(home);
        for side in Side::BOTH {
            let writers = self.writers(side);
            for name in self.services(side) {
                self.stop_service(side, &name)?;
                if writers.contains(&name) {
                    self.start_writer(side, &name)?;
                } else {
                    self.start_reader(side, &name)?;
                }
            }
        }
        Ok(())
    }

    /// Turns the user write block of a side on or off. It blocks services and whoever has not the right to bypass it;
    /// mirrors and the lab itself have.
    pub fn write_block(&self, side: Side, on: bool) -> Result<()> {
        let client = self.client(side).clone();
        let command = doc! { "setUserWriteBlockMode": 1, "global": on };
        ask("set the write block", LIMIT, async move { client.database("admin").run_command(command).await })?;
        self.oracle.note(format!("the write block of the {side} is {}", if on { "on" } else { "off" }));
        Ok(())
    }

    /// Counts every collection of the shop exactly, on both sides.
    pub fn count_check(&self) -> Result<BTreeMap<String, [u64; 2]>> {
        let mut counts: BTreeMap<String, [u64; 2]> = BTreeMap::new();
        for (place, side) in Side::BOTH.into_iter().enumerate() {
            let (client, database) = (self.client(side).clone(), self.options.database.clone());
            for (name, count) in ask("count documents", LIMIT, count(client, database))? {
                counts.entry(name).or_default()[place] = count;
            }
        }
        Ok(counts)
    }
}

async fn count(client: Client, database: String) -> Answer<Vec<(String, u64)>> {
    let database = client.database(&database);
    let listed: Vec<Document> = database
        .run_cursor_command(doc! { "listCollections": 1, "filter": { "type": "collection" } })
        .await?
        .try_collect()
        .await?;
    let mut counts = Vec::new();
    for name in listed.iter().filter_map(|one| one.get_str("name").ok()).filter(|name| !name.starts_with("system.")) {
        let count = database.collection::<Document>(name).count_documents(doc! {}).await?;
        counts.push((format!("{}.{name}", database.name()), count));
    }
    Ok(counts)
}

async fn create(database: Database) -> Answer<()> {
    let commands = [
        doc! { "create": "orders", "validator": { "_id": { "$type": "string" } } },
        doc! { "create": "customers", "collation": { "locale": "it", "strength": 2 } },
        doc! { "create": "payments" },
        doc! { "create": "bookings" },
        doc! { "create": "digests" },
        doc! { "create": "events" },
        doc! { "create": "open_orders", "viewOn": "orders", "pipeline": [{ "$match": { "state.open": true } }] },
        doc! { "createIndexes": "orders", "indexes": [
            { "key": { "by": 1, "n": -1 }, "name": "by-service" },
            { "key": { "n": 1 }, "name": "open", "partialFilterExpression": { "state.open": true } },
        ] },
        doc! { "createIndexes": "customers", "indexes": [{ "key": { "by": 1, "_id": 1 }, "name": "u", "unique": true }] },
        doc! { "createIndexes": "payments", "indexes": [{ "key": { "log": 1 }, "name": "log", "sparse": true }] },
    ];
    for command in commands {
        database.run_command(command).await?;
    }
    // Something to copy.
    let old =
        (0..50).map(|n| doc! { "_id": format!("old-{n}"), "n": 0_i64, "by": "history", "state": { "open": false } });
    database.collection::<Document>("orders").insert_many(old).await.map(drop)
}
