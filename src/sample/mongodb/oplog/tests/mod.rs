//! Entries as a server writes them, and what is told of them.

mod reading;

use super::entry::parse;
use super::memory::Memory;
use cutover_core::Name;
use cutover_core::estate::mongodb::{Ts, Writes};
use mongodb::bson::{Document, Timestamp, doc};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn memory() -> Memory {
    Memory::new(BTreeSet::from(["shop".into(), "crm".into()]))
}

fn stamp(second: u32, i: u32) -> Timestamp {
    Timestamp { time: second, increment: i }
}

/// A plain entry.
fn op(at: u32, op: &str, ns: &str) -> Document {
    doc! { "op": op, "ns": ns, "ts": stamp(at, 1), "t": 1_i64, "v": 2 }
}

fn command(at: u32, ns: &str, o: Document) -> Document {
    doc! { "op": "c", "ns": ns, "o": o, "ts": stamp(at, 1) }
}

/// A batch as it comes through the projection: bodies are gone.
fn batch(at: u32, ops: &[(&str, &str)], more: Document, previous: u32) -> Document {
    let ops: Vec<Document> = ops.iter().map(|(op, ns)| doc! { "op": *op, "ns": *ns }).collect();
    let mut o = doc! { "applyOps": ops };
    o.extend(more);
    let mut d = command(at, "admin.$cmd", o);
    let previous = stamp(previous, u32::from(previous > 0));
    d.insert("prevOpTime", doc! { "ts": previous, "t": 1_i64 });
    d
}

fn commit(at: u32, kind: &str, prepared: u32) -> Document {
    let mut d = command(at, "admin.$cmd", doc! { kind: 1 });
    d.insert("prevOpTime", doc! { "ts": stamp(prepared, 1), "t": 1_i64 });
    d
}

fn read(memory: &mut Memory, entries: &[Document]) -> Writes {
    read_with(memory, entries, &[], None)
}

fn read_with(memory: &mut Memory, entries: &[Document], expiring: &[&str], counter: Option<i64>) -> Writes {
    let expiring: BTreeSet<Name> = expiring.iter().map(|ns| Name::from(*ns)).collect();
    for d in entries {
        memory.take(parse(d).unwrap(), &expiring);
    }
    memory.judge(counter);
    memory.writes().unwrap()
}

/// `shop.a@5 shop.b@7`, by namespace.
fn last(w: &Writes) -> String {
    let told: Vec<String> = w.last.iter().map(|(ns, ts)| format!("{ns}@{}", ts.seconds())).collect();
    told.join(" ")
}

fn together(w: &Writes) -> Vec<String> {
    w.together.iter().map(|set| set.iter().map(|ns| &**ns).collect::<Vec<_>>().join("+")).collect()
}

#[test]
fn single_writes_count_and_no_ops_do_not() {
    let w = read(
        &mut memory(),
        &[
            op(100, "i", "shop.a"),
            op(101, "u", "shop.a"),
            op(102, "d", "shop.b"),
            op(103, "n", ""),
            op(104, "i", "other.a"),
            op(105, "u", "config.transactions"),
            op(106, "i", "local.x"),
            op(107, "i", "shop.system.profile"),
            doc! { "op": "i", "ns": "shop.c", "fromMigrate": true, "ts": stamp(108, 1) },
        ],
    );
    assert_eq!(last(&w), "shop.a@101 shop.b@102");
    assert_eq!((w.from, w.to), (Ts::new(100, 1), Ts::new(108, 1)));
    let recent: Vec<(i64, &str)> = w.recent.iter().map(|(ts, ns)| (ts.seconds(), &**ns)).collect();
    assert_eq!(recent, [(100, "shop.a"), (101, "shop.a"), (102, "shop.b")]);
}

#[test]
fn only_the_newest_of_a_second_is_kept_and_only_for_two_minutes() {
    let at = |s, i| doc! { "op": "i", "ns": "shop.a", "ts": stamp(s, i) };
    let mut m = memory();
    let w = read(&mut m, &[at(100, 1), at(100, 9), at(101, 2)]);
    assert_eq!(w.recent, [(Ts::new(100, 9), "shop.a".into()), (Ts::new(101, 2), "shop.a".into())]);
    let w = read(&mut m, &[op(221, "n", "")]);
    assert_eq!(w.recent, [(Ts::new(101, 2), "shop.a".into())]);
    assert_eq!(last(&w), "shop.a@101", "the newest of all stays");
}

#[test]
fn batches_are_unpacked() {
    let mut vectored = batch(100, &[("i", "shop.a"), ("i", "shop.a")], doc! {}, 0);
    vectored.insert("multiOpType", 1);
    // A retried batch points at the one before, which stood for itself.
    let mut retried = batch(101, &[("i", "shop.b")], doc! {}, 100);
    retried.insert("multiOpType", 1);
    let nested =
        doc! { "applyOps": [{ "op": "u", "ns": "crm.x" }, { "op": "c", "ns": "shop.$cmd", "o": { "create": "new" } }] };
    let mut outer = batch(102, &[("n", "")], doc! {}, 0);
    let ops = outer.get_document_mut("o").unwrap().get_array_mut("applyOps").unwrap();
    ops.push(doc! { "op": "c", "ns": "admin.$cmd", "o": nested }.into());
    let w = read(&mut memory(), &[vectored, retried, outer]);
    assert_eq!(last(&w), "crm.x@102 shop.a@100 shop.b@101 shop.new@102");
    assert_eq!(together(&w), ["crm.x+shop.new"], "a batch of one namespace is nothing together");
}

#[test]
fn a_transaction_counts_at_its_entry_and_tells_what_it_wrote_together() {
    let w = read(
        &mut memory(),
        &[
            batch(100, &[("i", "shop.a"), ("u", "elsewhere.x"), ("d", "shop.b")], doc! {}, 0),
            batch(101, &[("i", "shop.a"), ("u", "elsewhere.x"), ("d", "shop.b")], doc! {}, 0),
            batch(102, &[("i", "elsewhere.x"), ("i", "elsewhere.y")], doc! {}, 0),
            batch(103, &[("i", "shop.a"), ("u", "config.image_collection")], doc! {}, 0),
        ],
    );
    assert_eq!(last(&w), "shop.a@103 shop.b@101");
    assert_eq!(together(&w), ["elsewhere.x+shop.a+shop.b"]);
    assert!(!w.together_cut);
}

#[test]
fn a_chain_counts_as_a_whole_at_its_last_entry() {
    let partial = doc! { "partialTxn": true };
    let chain = [
        batch(100, &[("i", "shop.a")], partial.clone(), 0),
        op(101, "i", "shop.z"),
        batch(102, &[("i", "shop.b")], partial.clone(), 100),
        batch(103, &[("i", "crm.c")], doc! { "count": 3_i64 }, 102),
    ];
    let mut m = memory();
    assert_eq!(last(&read(&mut m, &chain[..3])), "shop.z@101", "not visible yet");
    let w = read(&mut m, &chain[3..]);
    assert_eq!(last(&w), "crm.c@103 shop.a@103 shop.b@103 shop.z@101");
    assert_eq!(together(&w), ["crm.c+shop.a+shop.b"]);
    let w = read(&mut memory(), &chain[2..]);
    assert_eq!(last(&w), "@103 crm.c@103 shop.b@103", "its beginning was not read: anywhere");
    assert_eq!(together(&w), ["+crm.c+shop.b"]);
}

#[test]
fn a_prepared_transaction_counts_at_its_commit_or_never() {
    let prepare = |at| batch(at, &[("i", "shop.a"), ("i", "shop.b")], doc! { "prepare": true }, 0);
    let mut m = memory();
    assert_eq!(last(&read(&mut m, &[prepare(100)])), "");
    let w = read(&mut m, &[commit(105, "commitTransaction", 100)]);
    assert_eq!(last(&w), "shop.a@105 shop.b@105");
    assert_eq!(together(&w), ["shop.a+shop.b"]);

    let w = read(&mut memory(), &[prepare(100), commit(101, "abortTransaction", 100), op(102, "n", "")]);
    assert_eq!(last(&w), "");
    assert!(w.together.is_empty());

    let chained = [
        batch(100, &[("i", "shop.a")], doc! { "partialTxn": true }, 0),
        batch(101, &[("i", "shop.b")], doc! { "prepare": true }, 100),
        commit(102, "commitTransaction", 101),
    ];
    assert_eq!(last(&read(&mut memory(), &chained)), "shop.a@102 shop.b@102");
}

#[test]
fn a_commit_that_cannot_be_resolved_was_anywhere() {
    assert_eq!(last(&read(&mut memory(), &[commit(105, "commitTransaction", 100)])), "@105");
    let unlinked = command(105, "admin.$cmd", doc! { "commitTransaction": 1 });
    assert_eq!(last(&read(&mut memory(), &[unlinked])), "@105");
    let odd = command(106, "admin.$cmd", doc! { "applyOps": "none" });
    assert_eq!(last(&read(&mut memory(), &[odd])), "@106");
}

#[test]
fn commands_are_writes_where_their_collection_is() {
    let w = read(
        &mut memory(),
        &[
            command(100, "shop.$cmd", doc! { "create": "new", "idIndex": {} }),
            command(101, "shop.$cmd", doc! { "commitIndexBuild": "built", "indexes": [] }),
            command(102, "shop.$cmd", doc! { "collMod": "changed" }),
            command(103, "shop.$cmd", doc! { "drop": "dropped" }),
            command(104, "shop.$cmd", doc! { "renameCollection": "shop.from", "to": "crm.to" }),
            command(105, "other.$cmd", doc! { "drop": "x" }),
            command(106, "config.$cmd", doc! { "create": "x" }),
            command(107, "shop.$cmd", doc! { "create": "system.buckets.weather" }),
            command(108, "shop.$cmd", doc! { "create": "tmp.agg_out.2a5f" }),
            command(109, "shop.$cmd", doc! { "create": "system.views" }),
        ],
    );
    let expected = "crm.to@104 shop.built@101 shop.changed@102 shop.dropped@103 shop.from@104 shop.new@100 \
                    shop.tmp.agg_out@108 shop.weather@107";
    assert_eq!(last(&w), expected);
    let dropped =
        |db: &str| last(&read(&mut memory(), &[command(100, &format!("{db}.$cmd"), doc! { "dropDatabase": 1 })]));
    assert_eq!(dropped("shop"), "@100");
    assert_eq!(dropped("other"), "");
    let unknown = command(100, "shop.$cmd", doc! { "somethingNew": { "x": 1 } });
    assert_eq!(last(&read(&mut memory(), &[unknown])), "@100", "a command nobody knows was somewhere in its database");
}

#[test]
fn views_and_functions_are_what_people_wrote() {
    let view = |op: &str, o: &str| {
        doc! { "op": op, "ns": "shop.system.views", o: { "_id": "shop.recent" }, "ts": stamp(100, 1) }
    };
    assert_eq!(last(&read(&mut memory(), &[view("i", "o")])), "shop.recent@100");
    assert_eq!(last(&read(&mut memory(), &[view("u", "o2")])), "shop.recent@100");
    let js = op(100, "i", "shop.system.js");
    let buckets = op(100, "u", "shop.system.buckets.weather");
    assert_eq!(last(&read(&mut memory(), &[js, buckets])), "shop.system.js@100 shop.weather@100");
}

#[test]
fn deletes_of_the_ttl_monitor_are_no_writes_as_far_as_it_counts_them() {
    let deletes = |at: u32, n: u32| (0..n).map(move |i| op(at + i, "d", "shop.sessions")).collect::<Vec<_>>();
    let ttl = &["shop.sessions"][..];
    // One that has looked twice already, and whose counter stands at 50.
    let settled = || {
        let mut m = memory();
        read_with(&mut m, &[op(100, "n", "")], ttl, Some(50));
        read_with(&mut m, &[op(101, "n", "")], ttl, Some(50));
        m
    };
    let mut m = memory();
    assert_eq!(last(&read_with(&mut m, &deletes(102, 2), ttl, Some(52))), "shop.sessions@103", "no rise is known yet");
    let mut m = memory();
    read_with(&mut m, &[op(100, "n", "")], ttl, Some(50));
    let w = read_with(&mut m, &deletes(101, 3), ttl, Some(53));
    assert_eq!(last(&w), "shop.sessions@103", "nor that nothing was left to be counted from before");
    let mut m = settled();
    assert_eq!(last(&read_with(&mut m, &deletes(102, 3), ttl, Some(53))), "", "exactly the rise");
    assert_eq!(last(&read_with(&mut m, &deletes(106, 1), ttl, Some(54))), "", "and again");
    let w = read_with(&mut m, &deletes(110, 3), ttl, Some(56));
    assert_eq!(last(&w), "shop.sessions@112", "one too many: all count");
    assert_eq!(last(&read_with(&mut m, &deletes(120, 3), ttl, Some(2))), "shop.sessions@122", "it began anew");
    assert_eq!(last(&read_with(&mut m, &deletes(130, 3), ttl, None)), "shop.sessions@132", "it was not told");
    assert_eq!(last(&read_with(&mut m, &deletes(140, 3), ttl, Some(9))), "shop.sessions@142", "nor was it before");
    let mut m = settled();
    let other = [op(102, "d", "shop.orders"), op(103, "u", "shop.sessions")];
    assert_eq!(last(&read_with(&mut m, &other, ttl, Some(51))), "shop.orders@102 shop.sessions@103");
}

/// The counter is that of the whole server.
#[test]
fn what_expires_elsewhere_explains_no_delete_here() {
    let ttl = &["shop.sessions"][..];
    let settled = || {
        let mut m = memory();
        read_with(&mut m, &[op(100, "n", "")], ttl, Some(0));
        read_with(&mut m, &[op(101, "n", "")], ttl, Some(0));
        m
    };
    let elsewhere = [op(102, "d", "other.cache"), op(103, "d", "config.system.sessions"), op(104, "d", "other.cache")];
    let here = op(105, "d", "shop.sessions");
    let both = [&elsewhere[..], std::slice::from_ref(&here)].concat();
    // Three expired elsewhere, and somebody deleted one here.
    assert_eq!(last(&read_with(&mut settled(), &both, ttl, Some(3))), "shop.sessions@105");
    assert_eq!(last(&read_with(&mut settled(), &both, ttl, Some(4))), "", "all four expired");
    // What is told late hides nobody either: three are in the oplog before they are counted.
    let mut m = settled();
    read_with(&mut m, &elsewhere, ttl, Some(0));
    let mine: Vec<Document> = (0..3).map(|i| op(110 + i, "d", "shop.sessions")).collect();
    assert_eq!(last(&read_with(&mut m, &mine, ttl, Some(3))), "shop.sessions@112");
}

#[test]
fn what_is_no_entry_is_refused() {
    assert!(parse(&doc! {}).is_none());
    assert!(parse(&doc! { "op": "i", "ns": "shop.a" }).is_none());
    assert!(parse(&doc! { "ts": stamp(1, 1) }).is_none());
    let bare = doc! { "op": "i", "ts": stamp(1, 1) };
    assert_eq!(last(&read(&mut memory(), &[bare])), "@1", "a write without a namespace was anywhere");
}

/// Entries of transactions, cut and ordered at will.
fn entries() -> impl Strategy<Value = Vec<Document>> {
    let ns = prop_oneof![Just("shop.a"), Just("shop.b"), Just("other.x"), Just("config.y")];
    let kind = prop_oneof![Just(doc! {}), Just(doc! { "partialTxn": true }), Just(doc! { "prepare": true }),];
    let one = (ns, kind, 0u32..8, 0u8..4).prop_map(|(ns, kind, back, what)| (ns, kind, back, what));
    prop::collection::vec(one, 0..40).prop_map(|list| {
        let entry = |(i, (ns, kind, back, what)): (usize, (&str, Document, u32, u8))| {
            let at = 1000 + i as u32;
            match what {
                0 => op(at, "i", ns),
                1 => batch(at, &[("i", ns)], kind, if back == 0 { 0 } else { at - back }),
                2 => commit(at, "commitTransaction", at - back),
                _ => commit(at, "abortTransaction", at - back),
            }
        };
        list.into_iter().enumerate().map(entry).collect()
    })
}

proptest! {
    /// Reading in two goes is reading in one.
    #[test]
    fn samples_may_cut_the_oplog_anywhere(entries in entries(), cut in 0usize..40) {
        prop_assume!(!entries.is_empty());
        let cut = cut.min(entries.len());
        let whole = read(&mut memory(), &entries);
        let mut m = memory();
        if cut > 0 {
            read(&mut m, &entries[..cut]);
        }
        let parts = read(&mut m, &entries[cut..]);
        prop_assert_eq!(whole, parts);
    }

    /// Whoever begins to read later sees no less of what was written after that.
    #[test]
    fn a_later_beginning_hides_no_later_write(entries in entries(), cut in 0usize..40) {
        prop_assume!(cut < entries.len());
        let whole = read(&mut memory(), &entries);
        let late = read(&mut memory(), &entries[cut..]);
        let anywhere = late.last.get("").copied();
        for (ns, ts) in whole.last.iter().filter(|(_, ts)| **ts >= late.from) {
            prop_assert!(late.last.get(ns).copied().max(anywhere) >= Some(*ts), "{} at {}", ns, ts);
        }
    }
}
