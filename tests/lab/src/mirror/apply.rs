//! Doing at the destination what the source's oplog tells: idempotent, so that an entry may come twice.

use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Collection};

use super::copy;
use super::oplog::Operation;
use super::trouble::{Trouble, refused_with};

const NAMESPACE_EXISTS: i32 = 48;
const NAMESPACE_NOT_FOUND: i32 = 26;
const INDEX_NOT_FOUND: i32 = 27;
/// As many operations as go into one `applyOps`.
const MOST: usize = 500;

/// The two ends.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    pub(super) source: Client,
    pub(super) destination: Client,
}

impl Ends {
    /// Applies operations in order.
    pub(super) async fn apply(&self, operations: &[Operation]) -> Result<(), Trouble> {
        let plain = |operation: &Operation| operation.kind != 'c' && !operation.namespace.ends_with(".system.views");
        let mut rest = operations;
        while let Some(first) = rest.first() {
            let run = rest.iter().take(MOST).take_while(|operation| plain(operation)).count();
            if run == 0 {
                self.special(first).await?;
                rest = &rest[1..];
            } else {
                self.writes(&rest[..run]).await?;
                rest = &rest[run..];
            }
        }
        Ok(())
    }

    /// Inserts, updates and deletes in one `applyOps`; one by one where that fails.
    async fn writes(&self, operations: &[Operation]) -> Result<(), Trouble> {
        let entries: Vec<Bson> = operations
            .iter()
            .map(|operation| {
                let mut entry =
                    doc! { "op": operation.kind.to_string(), "ns": &operation.namespace, "o": operation.o.clone() };
                if let Some(o2) = &operation.o2 {
                    entry.insert("o2", o2.clone());
                }
                entry.into()
            })
            .collect();
        match self.destination.database("admin").run_command(doc! { "applyOps": entries }).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                eprintln!("applyOps: {error}; one by one");
                if let Trouble::Transient(text) = error.into() {
                    return Err(Trouble::Transient(text));
                }
            }
        }
        for operation in operations {
            self.write(operation).await?;
        }
        Ok(())
    }

    /// One write by its `_id`. An update without its document happens when an entry comes twice: the document is then
    /// taken as it is now, and what follows in the oplog leads to the same end.
    async fn write(&self, operation: &Operation) -> Result<(), Trouble> {
        let there = collection(&self.destination, &operation.namespace);
        let id = operation.o2.as_ref().unwrap_or(&operation.o).get("_id").cloned();
        let id = doc! { "_id": id.unwrap_or(Bson::Null) };
        let document = match operation.kind {
            'i' => Some(operation.o.clone()),
            'u' => collection(&self.source, &operation.namespace).find_one(id.clone()).await?,
            _ => None,
        };
        match document {
            Some(document) => there.replace_one(id, document).upsert(true).await.map(drop)?,
            None => there.delete_one(id).await.map(drop)?,
        }
        Ok(())
    }

    /// Commands and definitions of views.
    async fn special(&self, operation: &Operation) -> Result<(), Trouble> {
        let database = operation.namespace.split('.').next().unwrap_or_default();
        let there = self.destination.database(database);
        if operation.kind != 'c' {
            // A write to system.views: its _id is the full name of the view.
            let document = operation.o2.as_ref().unwrap_or(&operation.o);
            let view = document.get_str("_id").unwrap_or_default();
            let name = view.split_once('.').map_or("", |(_, name)| name);
            return copy::view(self, database, name).await;
        }
        let mut command = operation.o.clone();
        let verb = command.keys().next().cloned().unwrap_or_default();
        let target = command.get_str(&verb).unwrap_or_default().to_owned();
        let forgive: &[i32] = match verb.as_str() {
            "create" => {
                command.remove("idIndex");
                &[NAMESPACE_EXISTS]
            }
            "createIndexes" => {
                command.remove("createIndexes");
                command = doc! { "createIndexes": target, "indexes": [command] };
                &[NAMESPACE_NOT_FOUND]
            }
            "commitIndexBuild" => {
                let specs = command.get_array("indexes").cloned().unwrap_or_default();
                command = doc! { "createIndexes": target, "indexes": specs };
                &[NAMESPACE_NOT_FOUND]
            }
            "dropIndexes" | "deleteIndexes" => {
                command = doc! { "dropIndexes": target, "index": command.get("index").cloned().unwrap_or(Bson::Null) };
                &[NAMESPACE_NOT_FOUND, INDEX_NOT_FOUND]
            }
            "drop" | "dropDatabase" => &[NAMESPACE_NOT_FOUND],
            _ => &[],
        };
        if let Ok(specs) = command.get_array_mut("indexes") {
            specs.iter_mut().filter_map(Bson::as_document_mut).for_each(|spec| {
                spec.remove("ns");
            });
        }
        match there.run_command(command).await {
            Err(error) if !refused_with(&error, forgive) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// The collection of a namespace.
pub(super) fn collection(client: &Client, namespace: &str) -> Collection<Document> {
    let (database, name) = namespace.split_once('.').unwrap_or((namespace, ""));
    client.database(database).collection(name)
}
