//! A direct look at both replica sets, with the driver alone and nothing of the agent's: every document in scope.
//!
//! The source is read first, the destination second: what the source had and the destination has not was missing there
//! at that instant, for certain.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Result as Answer;

use crate::clock;
use crate::words::Side;

/// What was seen of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentLook {
    /// Its version, where it has a field `n`.
    pub n: Option<i64>,
    /// A sum over all of it.
    pub sum: u64,
}

/// What was seen of one collection or view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionLook {
    /// `collection`, `view` or `timeseries`.
    pub kind: String,
    /// Its options, as text.
    pub options: String,
    /// Its indexes by name, as text.
    pub indexes: BTreeMap<String, String>,
    /// Its documents by `_id`; none of a view.
    pub documents: BTreeMap<String, DocumentLook>,
}

/// What was seen of one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideLook {
    /// The id of the replica set.
    pub set: String,
    /// Collections and views in scope by namespace.
    pub collections: BTreeMap<String, CollectionLook>,
    /// Whether the user write block is on.
    pub write_block: bool,
    /// Open transactions, of whomever.
    pub open_transactions: i64,
    /// Index builds that run.
    pub index_builds: usize,
}

/// What was seen of both sides; a side that could not be seen says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The source.
    pub source: Result<SideLook, String>,
    /// The destination.
    pub destination: Result<SideLook, String>,
    /// When the destination was begun to be read, in milliseconds of the wall clock.
    pub at_ms: u64,
}

impl Look {
    /// A look at nothing yet.
    pub fn none() -> Self {
        let never = || Err("nobody has looked yet".to_owned());
        Self { source: never(), destination: never(), at_ms: 0 }
    }

    /// One of the two.
    pub fn side(&self, side: Side) -> &Result<SideLook, String> {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }
}

/// Looks at both, source first.
pub(super) async fn look(source: Client, destination: Client, databases: Vec<String>) -> Answer<Look> {
    let source = one(&source, &databases).await.map_err(|error| error.to_string());
    let at_ms = clock::wall_ms();
    let destination = one(&destination, &databases).await.map_err(|error| error.to_string());
    Ok(Look { source, destination, at_ms })
}

async fn one(client: &Client, databases: &[String]) -> Answer<SideLook> {
    let admin = client.database("admin");
    let status = admin.run_command(doc! { "serverStatus": 1, "metrics": 0, "wiredTiger": 0, "tcmalloc": 0 }).await?;
    let config = admin.run_command(doc! { "replSetGetConfig": 1 }).await?;
    let id = config.get_document("config").and_then(|config| config.get_document("settings"));
    let set = id.ok().and_then(|settings| settings.get_object_id("replicaSetId").ok()).map(|id| id.to_hex());
    let repl = status.get_document("repl").ok().and_then(|repl| repl.get("userWriteBlockMode").and_then(number));
    let transactions = status.get_document("transactions").ok().and_then(|all| all.get("currentOpen").and_then(number));
    let building = doc! { "currentOp": 1, "command.createIndexes": { "$exists": true } };
    let building = admin.run_command(building).await?;
    let mut side = SideLook {
        set: set.unwrap_or_default(),
        collections: BTreeMap::new(),
        // 1 is off, 2 is on.
        write_block: repl == Some(2),
        open_transactions: transactions.unwrap_or_default(),
        index_builds: building.get_array("inprog").map_or(0, Vec::len),
    };
    for name in databases {
        let database = client.database(name);
        let listed: Vec<Document> =
            database.run_cursor_command(doc! { "listCollections": 1 }).await?.try_collect().await?;
        for one in listed {
            let collection = one.get_str("name").unwrap_or_default();
            if collection.starts_with("system.") {
                continue;
            }
            let kind = one.get_str("type").unwrap_or_default().to_owned();
            let options = sorted(&one.get_document("options").cloned().unwrap_or_default());
            let mut seen = CollectionLook { kind, options, ..CollectionLook::default() };
            if seen.kind == "collection" {
                let list = doc! { "listIndexes": collection };
                let indexes: Vec<Document> = database.run_cursor_command(list).await?.try_collect().await?;
                for mut index in indexes {
                    index.remove("ns");
                    // The order of the key's fields is part of it, the order of the options is not.
                    let key = index.remove("key").map(|key| key.to_string()).unwrap_or_default();
                    let name = index.get_str("name").unwrap_or_default().to_owned();
                    seen.indexes.insert(name, format!("{key} {}", sorted(&index)));
                }
                let mut cursor = database.collection::<Document>(collection).find(doc! {}).await?;
                while let Some(document) = cursor.try_next().await? {
                    let id = document.get("_id").map(text).unwrap_or_default();
                    let mut hasher = DefaultHasher::new();
                    document.to_string().hash(&mut hasher);
                    let n = document.get("n").and_then(number);
                    seen.documents.insert(id, DocumentLook { n, sum: hasher.finish() });
                }
            }
            side.collections.insert(format!("{name}.{collection}"), seen);
        }
    }
    Ok(side)
}

/// A text of an `_id`: of a string the string itself.
fn text(id: &Bson) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn number(value: &Bson) -> Option<i64> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

/// The fields in the order of their names, without those that differ between two sides that are the same.
fn sorted(document: &Document) -> String {
    let fields: BTreeMap<_, _> =
        document.iter().filter(|(name, _)| *name != "uuid").map(|(name, value)| (name, value.to_string())).collect();
    format!("{fields:?}")
}
