//! What documents say: offsets that projections store, and projection changes not dealt with yet.

use super::server::{Need, Server};
use super::values::{at, int_at, number};
use cutover_core::Name;
use cutover_core::estate::Failure;
use cutover_core::estate::mongodb::StoredOffsets;
use mongodb::bson::{Bson, Document, doc};
use std::time::Duration;

/// The newest documents of a collection that are looked at, by `_id`.
const NEWEST: i32 = 500;
/// Others of it, by chance: a projection updates old documents too.
const OTHERS: i32 = 200;
/// Changes of a collection are counted this far.
const CHANGES: i64 = 100_000;

/// Adds what sampled documents of a collection store. What is found is the least that was stored, not the most.
pub(super) async fn stored(
    s: &Server,
    (db, collection): (&Name, &Name),
    field: &str,
    out: &mut StoredOffsets,
    within: Duration,
) -> Result<(), Failure> {
    let what = format!("find on {db}.{collection}");
    let need = Need { what: &what, role: "read", db };
    let fields = fields(field);
    let projection: Document = fields.iter().map(|f| (f.clone(), Bson::Int32(1))).collect();
    let newest = doc! {
        "find": &**collection, "projection": projection.clone(), "sort": { "_id": -1 }, "limit": NEWEST,
        "batchSize": NEWEST,
    };
    let before = out.highest.len();
    let newest = s.list(&need, db, newest, within).await?;
    newest.iter().for_each(|d| add(d, &fields, out));
    if newest.len() < NEWEST as usize || out.highest.len() == before && newest.iter().all(|d| at(d, field).is_none()) {
        // All of it was seen, or it is no projection.
        return Ok(());
    }
    let others = doc! {
        "aggregate": &**collection, "pipeline": [{ "$sample": { "size": OTHERS } }, { "$project": projection }],
        "cursor": { "batchSize": OTHERS },
    };
    s.list(&need, db, others, within).await?.iter().for_each(|d| add(d, &fields, out));
    Ok(())
}

/// The paths of offset, topic and partition.
fn fields(field: &str) -> [String; 3] {
    let beside = |name: &str| match field.rsplit_once('.') {
        Some((parent, _)) => format!("{parent}.{name}"),
        None => name.to_owned(),
    };
    [field.to_owned(), beside("topic"), beside("partition")]
}

fn add(d: &Document, [offset, topic, partition]: &[String; 3], out: &mut StoredOffsets) {
    out.documents += 1;
    // Some connectors write numbers as texts.
    let whole = |path: &str| {
        let value = at(d, path)?;
        number(value).or_else(|| value.as_str()?.parse().ok())
    };
    let tp = (at(d, topic).and_then(Bson::as_str), whole(partition).and_then(|p| i32::try_from(p).ok()));
    match (tp, whole(offset)) {
        ((Some(topic), Some(partition)), Some(offset)) => {
            let highest = out.highest.entry((topic.into(), partition)).or_insert(offset);
            *highest = offset.max(*highest);
        }
        // It stores one, of what and how high is not known.
        _ => out.unreadable += u64::from(at(d, offset).is_some_and(|v| *v != Bson::Null)),
    }
}

/// Whether a collection holds projection changes.
pub(super) fn is_changes(collection: &str) -> bool {
    collection.starts_with("fd-pc-")
}

/// How many changes of a collection are not dealt with yet.
pub(super) async fn changes(s: &Server, db: &Name, collection: &Name, within: Duration) -> Result<u64, Failure> {
    let what = format!("find on {db}.{collection}");
    let need = Need { what: &what, role: "read", db };
    let command = doc! {
        "aggregate": &**collection,
        "pipeline": [
            { "$match": { "state": { "$in": ["NEW", "IN_PROGRESS"] } } }, { "$limit": CHANGES }, { "$count": "n" },
        ],
        "cursor": {},
    };
    let counted = s.list(&need, db, command, within).await?;
    // No document at all is counted by no answer.
    match counted.first() {
        None => Ok(0),
        Some(d) => {
            int_at(d, "n").and_then(|n| u64::try_from(n).ok()).ok_or_else(|| s.odd("a count without its number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_offset_of_each_partition_is_kept() {
        let info = |topic: &str, partition: i32, offset: Bson| {
            doc! { "__internal__kafkaInfo": { "topic": topic, "partition": partition, "offset": offset } }
        };
        let mut out = StoredOffsets::default();
        let fields = fields("__internal__kafkaInfo.offset");
        let docs = [
            info("a", 0, Bson::Int32(7)),
            info("a", 0, Bson::Int64(9_007_199_254_740_993)),
            info("a", 1, Bson::Double(3.0)),
            info("b", 0, Bson::String("12".into())),
            info("b", 0, Bson::Double(12.5)),
            doc! { "_id": 1 },
        ];
        docs.iter().for_each(|d| add(d, &fields, &mut out));
        let told: Vec<_> = out.highest.iter().map(|((t, p), o)| (&**t, *p, *o)).collect();
        assert_eq!(told, [("a", 0, 9_007_199_254_740_993), ("a", 1, 3), ("b", 0, 12)]);
        assert_eq!((out.documents, out.unreadable), (6, 1), "12.5 is no offset, and is one all the same");
        add(&doc! { "__internal__kafkaInfo": { "offset": 5_i64 } }, &fields, &mut out);
        assert_eq!(out.unreadable, 2, "of which topic?");
    }
}
