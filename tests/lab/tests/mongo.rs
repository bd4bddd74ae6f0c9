//! The MongoDB half of the lab on real servers.

use std::time::Duration;

use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{Faults, Mirror, MirrorOptions, MongoPair, ReplicaSet, Rights, Side, wait_for};

#[test]
fn a_replica_set_elects_blocks_and_guards() {
    let mut set = ReplicaSet::builder("three").members(3).start().unwrap();
    println!(
        "three members answer after {:.1} s, resident {} MB",
        set.up_after().as_secs_f64(),
        set.resident_kb() / 1024
    );
    set.run("shop", doc! { "insert": "orders", "documents": [{ "_id": 1 }] }).unwrap();
    let reader = set.create_user("reader", Rights::none().role("read", "shop")).unwrap();
    let client = set.client(&reader, "crud-reader").unwrap();
    let primary = set.primary().unwrap().unwrap();
    // For longer than electing another takes on any machine.
    set.step_down(120).unwrap();
    let next = set.await_primary().unwrap();
    assert_ne!(primary, next);
    set.freeze(next).unwrap();
    let third = set.await_primary().unwrap();
    assert_ne!(next, third);
    set.thaw(next).unwrap();
    set.kill(third).unwrap();
    set.await_primary().unwrap();
    set.restart(third).unwrap();
    set.set_write_block(true).unwrap();
    let info = set.run("admin", doc! { "serverStatus": 1 }).unwrap();
    println!("{:?}", info.get_document("repl").unwrap().get("userWriteBlockMode"));
    set.set_write_block(false).unwrap();
    drop(client);
}

const LONG: Duration = Duration::from_secs(60);

fn ids(pair: &MongoPair, side: Side, collection: &str) -> Vec<i32> {
    let command = doc! { "find": collection, "sort": { "_id": 1 }, "projection": { "_id": 1 } };
    let answer = pair.set(side).run("shop", command).unwrap();
    let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    batch.iter().map(|one| one.as_document().unwrap().get_i32("_id").unwrap()).collect()
}

fn await_ids(pair: &MongoPair, collection: &str, expected: &[i32]) {
    wait_for("the documents to arrive", LONG, || match ids(pair, Side::Destination, collection) {
        found if found == expected => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .unwrap();
}

fn field(mirror: &Mirror, name: &str) -> u64 {
    mirror.status().unwrap()["details"][name].as_str().unwrap_or("0").parse().unwrap()
}

#[test]
fn a_mirror_copies_tails_fails_and_resumes() {
    let pair = MongoPair::start().unwrap();
    let run = |command: Document| pair.source.run("shop", command).unwrap();
    run(doc! { "insert": "orders", "documents": [{ "_id": 1, "a": [1, 2, 3] }, { "_id": 2 }] });
    run(doc! { "createIndexes": "orders", "indexes": [{ "key": { "n": 1 }, "name": "by-n", "unique": false }] });
    run(doc! { "create": "capped", "capped": true, "size": 4096 });
    run(doc! { "create": "open", "viewOn": "orders", "pipeline": [{ "$match": { "open": true } }] });
    pair.source.run("crm", doc! { "insert": "leads", "documents": [{ "_id": 1 }] }).unwrap();

    let mut options = MirrorOptions::databases(&["shop"]);
    options.program = Some(env!("CARGO_BIN_EXE_mirror").into());
    options.refresh_ms = 200;
    let mirror = Mirror::open(&pair, options).unwrap();
    mirror.start().unwrap();
    mirror.await_oplog_sync(LONG).unwrap_or_else(|error| panic!("{error}\n{}", mirror.log_tail()));
    assert_eq!(ids(&pair, Side::Destination, "orders"), [1, 2]);
    let there = pair.destination.run("shop", doc! { "listCollections": 1, "nameOnly": true }).unwrap();
    println!("{there}");
    assert!(pair.destination.run("crm", doc! { "count": "leads" }).unwrap().get_i32("n").unwrap() == 0);

    // Every kind of entry.
    run(doc! { "insert": "orders", "documents": [{ "_id": 3 }, { "_id": 4 }, { "_id": 5 }] });
    run(doc! { "update": "orders", "updates": [{ "q": { "_id": 1 }, "u": { "$set": { "a.1": 7, "b.c": "x" } } }] });
    run(doc! { "delete": "orders", "deletes": [{ "q": { "_id": 2 }, "limit": 1 }] });
    run(doc! { "create": "bills" });
    run(doc! { "createIndexes": "bills", "indexes": [{ "key": { "k": 1 }, "name": "k" }] });
    run(doc! { "createIndexes": "orders", "indexes": [{ "key": { "z": 1 }, "name": "z" }] });
    run(doc! { "collMod": "orders", "index": { "name": "z", "hidden": true } });
    run(doc! { "dropIndexes": "orders", "index": "by-n" });
    run(doc! { "create": "late", "viewOn": "bills", "pipeline": [] });
    run(doc! { "drop": "open" });
    transaction(&pair, &[10, 11], true);
    transaction(&pair, &[12], false);
    await_ids(&pair, "orders", &[1, 3, 4, 5, 10, 11]);
    let one = pair.destination.run("shop", doc! { "find": "orders", "filter": { "_id": 1 } }).unwrap();
    assert!(one.to_string().contains("[1, 7, 3]") && one.to_string().contains("\"b\": { \"c\": \"x\" }"), "{one}");
    let indexes = pair.destination.run("shop", doc! { "listIndexes": "orders" }).unwrap().to_string();
    assert!(indexes.contains("\"hidden\": true") && !indexes.contains("by-n"), "{indexes}");
    let listed = pair.destination.run("shop", doc! { "listCollections": 1 }).unwrap().to_string();
    assert!(
        listed.contains("\"late\"") && listed.contains("\"capped\": true") && !listed.contains("\"open\""),
        "{listed}"
    );
    println!("{}", mirror.status().unwrap());

    // The very last entry held back, published as 0 s.
    let insert = |id: i32| run(doc! { "insert": "orders", "documents": [{ "_id": id }] });
    mirror.set_faults(&Faults { hold_last: true, ..Faults::default() }).unwrap();
    insert(20);
    wait_for("the entry to be held", LONG, || {
        let (now, last) = (field(&mirror, "currentTimestamp"), field(&mirror, "lastWriteOnSourceTimestamp"));
        let held = !ids(&pair, Side::Destination, "orders").contains(&20);
        if now + 1 == last && held { Ok(()) } else { Err(format!("{now} {last}")) }
    })
    .unwrap();
    mirror.mend().unwrap();
    await_ids(&pair, "orders", &[1, 3, 4, 5, 10, 11, 20]);
    // Held back and let go in the middle of what is written: the order stays, and the last value wins.
    let mut last = 0;
    for round in 0..20 {
        mirror.set_faults(&Faults { stuck: true, ..Faults::default() }).unwrap();
        for _ in 0..100 {
            last += 1;
            run(doc! { "update": "orders", "updates": [{ "q": { "_id": 3 }, "u": { "$set": { "last": last } } }] });
        }
        mirror.set_faults(&Faults { hold_last: true, ..Faults::default() }).unwrap();
        std::thread::sleep(Duration::from_millis(40 + 5 * round));
        mirror.mend().unwrap();
        let holds = || {
            let there = pair.destination.run("shop", doc! { "find": "orders", "filter": { "_id": 3 } }).unwrap();
            if there.to_string().contains(&format!("\"last\": {last}")) { Ok(()) } else { Err(there.to_string()) }
        };
        wait_for("the last value", LONG, holds).unwrap();
        // What was held back and came after it would be there by now.
        std::thread::sleep(Duration::from_millis(150));
        holds().unwrap();
    }
    // Stuck: answering, standing.
    mirror.set_faults(&Faults { stuck: true, ..Faults::default() }).unwrap();
    insert(21);
    wait_for("it to fall behind", LONG, || {
        let (now, last) = (field(&mirror, "currentTimestamp"), field(&mirror, "lastWriteOnSourceTimestamp"));
        if now < last { Ok(()) } else { Err(format!("{now} {last}")) }
    })
    .unwrap();
    // An error at lag 0.
    mirror.set_faults(&Faults { error: Some("applier failed".to_owned()), ..Faults::default() }).unwrap();
    wait_for("the error", LONG, || {
        let status = mirror.status().unwrap();
        let zero = status["details"]["currentTimestamp"] == status["details"]["latestTimestamp"];
        if status["errorMessage"] == "applier failed" && zero { Ok(()) } else { Err(status.to_string()) }
    })
    .unwrap();
    // A port that refuses while it replicates.
    mirror.set_faults(&Faults { refuse: true, ..Faults::default() }).unwrap();
    await_ids(&pair, "orders", &[1, 3, 4, 5, 10, 11, 20, 21]);
    // The listener goes a moment after it was told to.
    wait_for("the port to refuse", LONG, || mirror.status().map_or(Ok(()), |status| Err(status.to_string()))).unwrap();
    assert!(mirror.state().is_ok());
    mirror.mend().unwrap();
    wait_for("the port", LONG, || mirror.status().map_err(|error| error.to_string())).unwrap();
    mirror.drop_index("shop.orders", "z").unwrap();
    assert!(!pair.destination.run("shop", doc! { "listIndexes": "orders" }).unwrap().to_string().contains("\"z\""));

    // Killed and resumed: nothing lost, nothing copied again.
    println!("{}", mirror.log_tail());
    mirror.kill().unwrap();
    insert(22);
    mirror.start().unwrap();
    await_ids(&pair, "orders", &[1, 3, 4, 5, 10, 11, 20, 21, 22]);
    mirror.stop().unwrap();
    mirror.start_with_drop().unwrap();
    mirror.await_oplog_sync(LONG).unwrap();
    await_ids(&pair, "orders", &[1, 3, 4, 5, 10, 11, 20, 21, 22]);
    assert!(pair.destination.run("shop", doc! { "listIndexes": "orders" }).unwrap().to_string().contains("\"z\""));
}

fn transaction(pair: &MongoPair, ids: &[i32], commit: bool) {
    let client = pair.source.client(pair.source.root(), "test").unwrap();
    let body = async {
        let mut session = client.start_session().await.unwrap();
        session.start_transaction().await.unwrap();
        let orders = client.database("shop").collection::<Document>("orders");
        for id in ids {
            orders.insert_one(doc! { "_id": *id }).session(&mut session).await.unwrap();
        }
        if commit { session.commit_transaction().await.unwrap() } else { session.abort_transaction().await.unwrap() }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(body);
}
