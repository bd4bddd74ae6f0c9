//! The initial sync: collections with their options, documents, indexes, views.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, Result as Answer};

use super::apply::{Ends, collection};
use super::board::{Board, COPYING, INDEXING, Progress};
use super::options::MirrorOptions;
use super::trouble::{Trouble, refused_with};

const BATCH: usize = 500;
const DUPLICATE_KEY: i32 = 11_000;
const NAMESPACE_EXISTS: i32 = 48;

/// A collection or view of the source, as `listCollections` tells it.
struct Listed {
    namespace: String,
    kind: String,
    options: Document,
}

/// Copies everything the mirror carries. Without `drop` a destination that has some of it already is refused.
pub(super) async fn copy(ends: &Ends, options: &MirrorOptions, drop: bool, board: &Board) -> Result<(), Trouble> {
    for old in list(&ends.destination, options).await? {
        if !drop {
            let text =
                format!("{} exists at the destination already: start with an empty one or --drop", old.namespace);
            return Err(Trouble::Fatal(text));
        }
        collection(&ends.destination, &old.namespace).drop().await?;
    }
    let listed = list(&ends.source, options).await?;
    let tables: Vec<_> = listed.iter().filter(|one| one.kind == "collection").collect();
    if let Some(series) = listed.iter().find(|one| one.kind == "timeseries") {
        return Err(Trouble::Fatal(format!("{} is a time-series collection: not supported", series.namespace)));
    }
    board.lock().phase = Some(COPYING);
    for one in &tables {
        let total = size(&ends.source, &one.namespace).await?;
        board.lock().progress.insert(one.namespace.clone(), Progress { total, ..Progress::default() });
    }
    for one in &tables {
        create(&ends.destination, &one.namespace, one.options.clone()).await?;
        documents(ends, &one.namespace, Duration::from_millis(options.copy_pause_ms), board).await?;
    }
    board.lock().phase = Some(INDEXING);
    for one in &tables {
        let built = indexes(ends, &one.namespace).await?;
        if let Some(progress) = board.lock().progress.get_mut(&one.namespace) {
            progress.indexes = built;
        }
    }
    for one in listed.iter().filter(|one| one.kind == "view") {
        create(&ends.destination, &one.namespace, one.options.clone()).await?;
    }
    Ok(())
}

/// Makes one view at the destination what it is at the source, or lets it be gone.
pub(super) async fn view(ends: &Ends, database: &str, name: &str) -> Result<(), Trouble> {
    let filter = doc! { "name": name, "type": "view" };
    let listing = doc! { "listCollections": 1, "filter": filter };
    let mut cursor = ends.source.database(database).run_cursor_command(listing).await?;
    let found = cursor.try_next().await?;
    let namespace = format!("{database}.{name}");
    collection(&ends.destination, &namespace).drop().await?;
    match found {
        Some(found) => {
            create(&ends.destination, &namespace, found.get_document("options").cloned().unwrap_or_default()).await
        }
        None => Ok(()),
    }
}

async fn list(client: &Client, options: &MirrorOptions) -> Answer<Vec<Listed>> {
    let mut all = Vec::new();
    for database in client.list_database_names().await? {
        if !options.touches(&database) {
            continue;
        }
        let mut cursor = client.database(&database).run_cursor_command(doc! { "listCollections": 1 }).await?;
        while let Some(one) = cursor.try_next().await? {
            let name = one.get_str("name").unwrap_or_default();
            let namespace = format!("{database}.{name}");
            if !name.starts_with("system.") && options.carries(&namespace) {
                let kind = one.get_str("type").unwrap_or_default().to_owned();
                let options = one.get_document("options").cloned().unwrap_or_default();
                all.push(Listed { namespace, kind, options });
            }
        }
    }
    Ok(all)
}

async fn create(client: &Client, namespace: &str, options: Document) -> Result<(), Trouble> {
    let (database, name) = namespace.split_once('.').unwrap_or_default();
    let mut command = doc! { "create": name };
    command.extend(options);
    match client.database(database).run_command(command).await {
        Err(error) if !refused_with(&error, &[NAMESPACE_EXISTS]) => Err(error.into()),
        _ => Ok(()),
    }
}

async fn size(client: &Client, namespace: &str) -> Answer<u64> {
    let (database, name) = namespace.split_once('.').unwrap_or_default();
    let stats = client.database(database).run_command(doc! { "collStats": name }).await?;
    let size = stats.get("size").and_then(|size| size.as_i64().or_else(|| size.as_i32().map(i64::from)));
    Ok(size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default())
}

async fn documents(ends: &Ends, namespace: &str, pause: Duration, board: &Board) -> Result<(), Trouble> {
    let source = collection(&ends.source, namespace).clone_with_type::<RawDocumentBuf>();
    let destination = collection(&ends.destination, namespace).clone_with_type::<RawDocumentBuf>();
    let mut cursor = source.find(doc! {}).batch_size(u32::try_from(BATCH).unwrap_or(100)).await?;
    let mut more = true;
    while more {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH && more {
            match cursor.try_next().await? {
                Some(document) => batch.push(document),
                None => more = false,
            }
        }
        let bytes: usize = batch.iter().map(|document| document.as_bytes().len()).sum();
        if !batch.is_empty() {
            insert(&destination, batch).await?;
            tokio::time::sleep(pause).await;
        }
        if let Some(progress) = board.lock().progress.get_mut(namespace) {
            progress.copied += u64::try_from(bytes).unwrap_or_default();
            progress.complete = !more;
        }
    }
    Ok(())
}

/// Inserts, whatever is there already: a try that was cut short comes again.
async fn insert(destination: &mongodb::Collection<RawDocumentBuf>, batch: Vec<RawDocumentBuf>) -> Result<(), Trouble> {
    let Err(error) = destination.insert_many(batch).ordered(false).bypass_document_validation(true).await else {
        return Ok(());
    };
    match error.kind.as_ref() {
        ErrorKind::InsertMany(many)
            if many.write_concern_error.is_none()
                && many.write_errors.iter().flatten().all(|one| one.code == DUPLICATE_KEY) =>
        {
            Ok(())
        }
        _ => Err(error.into()),
    }
}

async fn indexes(ends: &Ends, namespace: &str) -> Result<usize, Trouble> {
    let (database, name) = namespace.split_once('.').unwrap_or_default();
    let mut cursor = ends.source.database(database).run_cursor_command(doc! { "listIndexes": name }).await?;
    let mut specs: Vec<Bson> = Vec::new();
    while let Some(mut spec) = cursor.try_next().await? {
        if spec.get_str("name").is_ok_and(|name| name != "_id_") {
            spec.remove("ns");
            specs.push(spec.into());
        }
    }
    let count = specs.len() + 1;
    if count > 1 {
        let command = doc! { "createIndexes": name, "indexes": specs };
        ends.destination.database(database).run_command(command).await?;
    }
    Ok(count)
}
