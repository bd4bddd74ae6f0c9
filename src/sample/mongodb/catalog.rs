//! What is in a database: collections, views, their options, indexes and sizes.

use super::canonical;
use super::server::{Need, Server};
use super::values::{int_at, truthy};
use cutover_core::Name;
use cutover_core::estate::Failure;
use cutover_core::estate::mongodb::{Collection, CollectionKind, Index};
use mongodb::bson::{Binary, Bson, Document, doc};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// Collections looked at side by side.
const TOGETHER: usize = 4;
/// A server's own word for "no such option".
const UNKNOWN_OPTION: [&str; 3] = ["(40415)", "(72)", "(9)"];

/// A collection, and whether its documents expire.
pub(super) struct Found {
    pub(super) collection: Collection,
    pub(super) expires: bool,
}

/// The collections and views of a database, without the server's own.
pub(super) async fn database(s: &Server, db: &Name, within: Duration) -> Result<BTreeMap<Name, Found>, Failure> {
    let what = format!("listCollections of {db}");
    let need = Need { what: &what, role: "read", db };
    let listed = s.list(&need, db, doc! { "listCollections": 1, "cursor": {} }, within).await?;
    let mut found = BTreeMap::new();
    for together in listed.chunks(TOGETHER) {
        let mut reading = JoinSet::new();
        for d in together {
            let name: Name =
                d.get_str("name").map_err(|_| s.odd("listCollections lists a thing without a name"))?.into();
            if name.starts_with("system.") && &*name != "system.js" {
                continue;
            }
            let (s, db, d) = (s.clone(), db.clone(), d.clone());
            reading.spawn(async move { (name.clone(), collection(&s, &db, &name, &d, within).await) });
        }
        while let Some(read) = reading.join_next().await {
            let (name, collection) = read.map_err(|_| s.odd("reading a collection ended by a defect"))?;
            found.insert(name, collection);
        }
    }
    Ok(found)
}

async fn collection(s: &Server, db: &Name, name: &Name, listed: &Document, within: Duration) -> Found {
    let empty = Document::new();
    let options = listed.get_document("options").unwrap_or(&empty);
    let kind = match listed.get_str("type") {
        Ok("view") => CollectionKind::View,
        Ok("timeseries") => CollectionKind::TimeSeries,
        _ => CollectionKind::Collection,
    };
    let uuid = listed.get_document("info").ok().and_then(|i| i.get("uuid")).map_or_else(String::new, hex);
    let mut collection = Collection {
        kind,
        uuid: uuid.into(),
        options: canonical::options(options).into(),
        indexes: Ok(BTreeMap::new()),
        documents: Ok(None),
        data_size: 0,
        index_size: 0,
    };
    if kind != CollectionKind::View {
        collection.indexes = indexes(s, db, name, within).await;
        match sizes(s, db, name, kind, within).await {
            Ok((documents, data_size, index_size)) => {
                collection.documents = Ok(documents);
                (collection.data_size, collection.index_size) = (data_size, index_size);
            }
            Err(f) => collection.documents = Err(f),
        }
    }
    let expires = options.contains_key("expireAfterSeconds")
        || collection.indexes.as_ref().is_ok_and(|indexes| indexes.values().any(|i| i.ttl));
    Found { collection, expires }
}

async fn indexes(s: &Server, db: &Name, name: &Name, within: Duration) -> Result<BTreeMap<Name, Index>, Failure> {
    let what = format!("listIndexes of {db}.{name}");
    let need = Need { what: &what, role: "read", db };
    let plain = doc! { "listIndexes": &**name, "cursor": {} };
    let mut building = plain.clone();
    building.insert("includeBuildUUIDs", true);
    let listed = match s.list(&need, db, building, within).await {
        // A server that does not tell builds apart; `$currentOp` still does.
        Err(f) if UNKNOWN_OPTION.iter().any(|code| f.message.contains(code)) => {
            s.list(&need, db, plain, within).await?
        }
        listed => listed?,
    };
    let index = |d: &Document| {
        let building = d.contains_key("buildUUID");
        let spec = d.get_document("spec").unwrap_or(d);
        let name = spec.get_str("name").ok()?;
        let ttl = spec.contains_key("expireAfterSeconds");
        Some((name.into(), Index { spec: canonical::index(spec).into(), ttl, building }))
    };
    let indexes: Option<BTreeMap<Name, Index>> = listed.iter().map(index).collect();
    indexes.ok_or_else(|| s.odd(&format!("{what} lists an index without a name")))
}

/// Documents, where they are counted, bytes of them, and bytes of their indexes.
type Sizes = (Option<i64>, i64, i64);

async fn sizes(s: &Server, db: &Name, name: &Name, kind: CollectionKind, within: Duration) -> Result<Sizes, Failure> {
    let what = format!("$collStats of {db}.{name}");
    let need = Need { what: &what, role: "clusterMonitor", db: "admin" };
    let fields = doc! { "storageStats.count": 1, "storageStats.size": 1, "storageStats.totalIndexSize": 1 };
    let command = doc! {
        "aggregate": &**name,
        "pipeline": [{ "$collStats": { "storageStats": {} } }, { "$project": fields }],
        "cursor": {},
    };
    let stats = s.list(&need, db, command, within).await?;
    let told = stats.first().and_then(|d| told_sizes(d, kind));
    told.ok_or_else(|| s.odd(&format!("{what} tells no sizes")))
}

fn told_sizes(stats: &Document, kind: CollectionKind) -> Option<Sizes> {
    let told = |key: &str| int_at(stats, &format!("storageStats.{key}"));
    let documents = match kind {
        // A number that is not there is not 0.
        CollectionKind::Collection => Some(told("count")?),
        // It counts its buckets, which are no documents, and tells no count at all while it holds nothing.
        CollectionKind::TimeSeries | CollectionKind::View => None,
    };
    Some((documents, told("size")?, told("totalIndexSize")?))
}

/// How many user databases there are besides these.
pub(super) async fn outside<'a>(
    s: &Server,
    databases: impl Iterator<Item = &'a Name> + Clone,
    within: Duration,
) -> Result<u64, Failure> {
    const NEED: Need<'static> = Need { what: "listDatabases", role: "clusterMonitor", db: "admin" };
    // Without this a shortened list would come without a word.
    let command = doc! { "listDatabases": 1, "nameOnly": true, "authorizedDatabases": false };
    let reply = s.ask(&NEED, "admin", command, within).await?;
    let listed = reply.get_array("databases").map_err(|_| s.odd("listDatabases tells no databases"))?;
    let names = listed.iter().filter_map(Bson::as_document).filter(|d| !truthy(d, "empty"));
    let names = names.filter_map(|d| d.get_str("name").ok());
    let other = names.filter(|n| !matches!(*n, "admin" | "local" | "config") && databases.clone().all(|d| &**d != *n));
    Ok(u64::try_from(other.count()).unwrap_or(u64::MAX))
}

fn hex(uuid: &Bson) -> String {
    match uuid {
        Bson::Binary(Binary { bytes, .. }) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_is_not_told_is_not_zero() {
        let of = |d: Document, kind| told_sizes(&doc! { "storageStats": d }, kind);
        let whole = doc! { "count": 3_i64, "size": 50, "totalIndexSize": 20.0 };
        assert_eq!(of(whole.clone(), CollectionKind::Collection), Some((Some(3), 50, 20)));
        assert_eq!(of(whole, CollectionKind::TimeSeries), Some((None, 50, 20)), "buckets are no documents");
        let uncounted = doc! { "size": 50, "totalIndexSize": 20 };
        assert_eq!(of(uncounted.clone(), CollectionKind::Collection), None);
        assert_eq!(of(uncounted, CollectionKind::TimeSeries), Some((None, 50, 20)), "it holds nothing yet");
        assert_eq!(of(doc! { "count": "3", "size": 50, "totalIndexSize": 20 }, CollectionKind::Collection), None);
        assert_eq!(of(doc! { "count": 3, "size": 50 }, CollectionKind::Collection), None);
    }
}
