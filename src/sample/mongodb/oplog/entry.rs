//! One entry of the oplog, reduced to what it touches.

use super::super::values::{int, ts};
use cutover_core::Name;
use cutover_core::estate::mongodb::{ANYWHERE, Ts};
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeMap;

/// How often something touches a namespace.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Touch {
    /// Inserts, updates and commands.
    pub(super) writes: u64,
    /// Deletes, of which some may be the TTL monitor's.
    pub(super) deletes: u64,
}

/// What is touched, by namespace; databases of the migration or not.
pub(super) type Touches = BTreeMap<Name, Touch>;

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Its timestamp.
    pub(super) ts: Ts,
    /// The term in which it was written.
    pub(super) term: Option<i64>,
    /// What it is.
    pub(super) kind: Kind,
}

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Nothing that counts.
    Nothing,
    /// A write or a command by itself.
    Single(Touches),
    /// Several at once: a transaction, a part of one, or a batch.
    Batch(Batch),
    /// A prepared transaction became visible.
    Commit { prepared: Option<Ts> },
    /// A prepared transaction was given up.
    Abort { prepared: Option<Ts> },
}

/// Several operations in one entry (`applyOps`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Batch {
    /// What they touch.
    pub(super) touches: Touches,
    /// The entry of the same transaction before this one.
    pub(super) previous: Option<Ts>,
    /// More of the same transaction follow.
    pub(super) partial: bool,
    /// It is visible only when a commit comes.
    pub(super) prepared: bool,
}

/// Where deletes in the server's own namespaces are counted: they are nobody's writes, but the TTL monitor's counter has
/// them (`config.system.sessions` expires).
pub(super) const ELSEWHERE: &str = "config.";

/// How deep batches may lie in batches.
const DEPTH: u32 = 8;

/// What to ask of the server: documents' bodies stay there. Commands come whole, batches without the bodies in them.
pub(super) fn projection() -> Document {
    let is_command = |op: &str| doc! { "$eq": [op, "c"] };
    let views = doc! { "$regexMatch": { "input": { "$ifNull": ["$ns", ""] }, "regex": r"\.system\.views$" } };
    let inner = doc! { "$map": { "input": "$o.applyOps", "in": {
        "op": "$$this.op",
        "ns": "$$this.ns",
        "fromMigrate": "$$this.fromMigrate",
        "o": { "$cond": [is_command("$$this.op"), "$$this.o", "$$REMOVE"] },
    } } };
    let batch = doc! { "applyOps": inner, "partialTxn": "$o.partialTxn", "prepare": "$o.prepare" };
    let command = doc! { "$cond": [{ "$isArray": "$o.applyOps" }, batch, "$o"] };
    let body =
        doc! { "$cond": [is_command("$op"), command, { "$cond": [views.clone(), { "_id": "$o._id" }, "$$REMOVE"] }] };
    doc! {
        "_id": 0, "ts": 1, "t": 1, "op": 1, "ns": 1, "fromMigrate": 1, "prevOpTime": 1, "multiOpType": 1,
        "o": body,
        "o2": { "$cond": [views, { "_id": "$o2._id" }, "$$REMOVE"] },
    }
}

/// Reads an entry; `None` if it is none.
pub(super) fn parse(d: &Document) -> Option<Entry> {
    let at = ts(d, "ts")?;
    let (term, op) = (int(d, "t"), d.get_str("op").ok()?);
    // What a chunk migration moved was written elsewhere.
    if op == "n" || d.get_bool("fromMigrate").unwrap_or(false) {
        return Some(Entry { ts: at, term, kind: Kind::Nothing });
    }
    let command = (op == "c").then(|| d.get_document("o").ok()).flatten();
    let previous = d.get_document("prevOpTime").ok().and_then(|p| ts(p, "ts")).filter(|t| *t != Ts(0));
    let kind = match command {
        Some(o) if o.contains_key("commitTransaction") => Kind::Commit { prepared: previous },
        Some(o) if o.contains_key("abortTransaction") => Kind::Abort { prepared: previous },
        Some(o) if o.contains_key("applyOps") => {
            let mut touches = Touches::new();
            apply_ops(o, DEPTH, &mut touches);
            // A retried batch points at the batch before it, which stood for itself.
            let chained = int(d, "multiOpType").is_none_or(|t| t == 0);
            Kind::Batch(Batch {
                touches,
                previous: previous.filter(|_| chained),
                partial: o.get_bool("partialTxn").unwrap_or(false),
                prepared: o.get_bool("prepare").unwrap_or(false),
            })
        }
        _ => {
            let mut touches = Touches::new();
            operation(d, DEPTH, &mut touches);
            if touches.is_empty() { Kind::Nothing } else { Kind::Single(touches) }
        }
    };
    Some(Entry { ts: at, term, kind })
}

/// Adds what a list of operations touches.
fn apply_ops(o: &Document, depth: u32, touches: &mut Touches) {
    let Ok(ops) = o.get_array("applyOps") else { return touch(touches, ANYWHERE.into(), false) };
    for op in ops {
        match op {
            Bson::Document(d) if d.get_bool("fromMigrate").unwrap_or(false) => {}
            Bson::Document(d) => operation(d, depth, touches),
            _ => touch(touches, ANYWHERE.into(), false),
        }
    }
}

/// Adds what one operation touches.
fn operation(d: &Document, depth: u32, touches: &mut Touches) {
    let (Ok(op), Ok(ns)) = (d.get_str("op"), d.get_str("ns")) else {
        return touch(touches, ANYWHERE.into(), false);
    };
    match op {
        "n" => {}
        "c" => match d.get_document("o") {
            Ok(o) if o.contains_key("applyOps") && depth > 0 => apply_ops(o, depth - 1, touches),
            Ok(o) => command(ns, o, touches),
            Err(_) => touch(touches, somewhere(ns), false),
        },
        _ if ns.ends_with(".system.views") => {
            // What a view is called is in its document; a failure to tell is a write to the list of views.
            let id = |key| d.get_document(key).ok().and_then(|o| o.get_str("_id").ok()).filter(|v| v.contains('.'));
            touch(touches, id("o").or(id("o2")).unwrap_or(ns).into(), false);
        }
        _ => match told(ns) {
            Some(ns) => touch(touches, ns, op == "d"),
            None if op == "d" => touch(touches, ELSEWHERE.into(), true),
            None => {}
        },
    }
}

/// Adds what a command touches: its namespace is `db.$cmd`, the collection stands in the command.
fn command(ns: &str, o: &Document, touches: &mut Touches) {
    let database = ns.split_once('.').map_or(ns, |(database, _)| database);
    let Some((name, target)) = o.iter().next() else { return touch(touches, somewhere(ns), false) };
    match (name.as_str(), target) {
        // Both names are whole namespaces; a dropped target is the new name.
        ("renameCollection", Bson::String(from)) => {
            let to = o.get_str("to").unwrap_or(from);
            [from.as_str(), to].into_iter().filter_map(told).for_each(|ns| touch(touches, ns, false));
        }
        // Every collection of it.
        ("dropDatabase", _) => touch(touches, somewhere(ns), false),
        (_, Bson::String(collection)) if !collection.is_empty() => {
            if let Some(ns) = told(&format!("{database}.{collection}")) {
                touch(touches, ns, false);
            }
        }
        _ => touch(touches, somewhere(ns), false),
    }
}

/// Somewhere in a database: its name alone, which is in scope or not as its collections are.
fn somewhere(ns: &str) -> Name {
    match ns.split_once('.').map_or(ns, |(database, _)| database) {
        "admin" => ANYWHERE.into(),
        database => database.into(),
    }
}

fn touch(touches: &mut Touches, ns: Name, delete: bool) {
    let t = touches.entry(ns).or_default();
    match delete {
        true => t.deletes += 1,
        false => t.writes += 1,
    }
}

/// The name a namespace is told under; `None` if it is the server's own.
fn told(ns: &str) -> Option<Name> {
    let (database, collection) = ns.split_once('.').unwrap_or((ns, ""));
    if matches!(database, "admin" | "local" | "config") {
        return None;
    }
    if let Some(measured) = collection.strip_prefix("system.buckets.") {
        return Some(format!("{database}.{measured}").into());
    }
    if let Some(temporary) = ["tmp.agg_out.", "tmp.mr."].iter().find(|t| collection.starts_with(**t)) {
        // A fresh name at every run: told as one, or they would never end.
        return Some(format!("{database}.{}", temporary.trim_end_matches('.')).into());
    }
    (!collection.starts_with("system.") || collection == "system.js").then(|| ns.into())
}
