//! The MongoDB side of the shop on real servers: through the five steps with near misses on the way, the oracle compared
//! with what is there.
//!
//! Deadlines are generous; no time is asserted.

use std::time::Duration;

use cutover_lab::mongodb::bson::doc;
use cutover_lab::{Faults, MongoPair, MongoShop, MongoShopOptions, MongoStep, Side, wait_for};

const LONG: Duration = Duration::from_secs(120);

/// Prints the timeline when the test fails.
struct Told<'a>(&'a MongoShop);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.0.oracle().timeline());
            for name in self.0.mirrors() {
                eprintln!("--- {name}\n{}", self.0.mirror(&name).map(|m| m.log_tail()).unwrap_or_default());
            }
        }
    }
}

fn options(database: &str) -> MongoShopOptions {
    let mut options = MongoShopOptions::database(database);
    for mirror in &mut options.mirrors {
        mirror.program = Some(env!("CARGO_BIN_EXE_mirror").into());
        mirror.refresh_ms = 200;
    }
    options.every = Duration::from_secs(2);
    options.crash_pause = Duration::from_secs(1);
    options.following_within = Duration::from_secs(5);
    options
}

#[track_caller]
fn safe(shop: &MongoShop, step: MongoStep) {
    assert_eq!(shop.oracle().unsafe_reasons(step), Vec::<String>::new(), "{step}");
}

#[track_caller]
fn done(shop: &MongoShop, step: MongoStep) {
    assert_eq!(shop.oracle().undone_reasons(step), Vec::<String>::new(), "{step}");
}

#[track_caller]
fn dangerous(shop: &MongoShop, step: MongoStep, words: &str) {
    let reasons = shop.oracle().unsafe_reasons(step);
    assert!(reasons.iter().any(|reason| reason.contains(words)), "{step}: wanted `{words}`, got {reasons:#?}");
}

fn await_danger(shop: &MongoShop, step: MongoStep, words: &str) {
    wait_for(&format!("`{words}`"), LONG, || {
        let reasons = shop.oracle().unsafe_reasons(step);
        if reasons.iter().any(|reason| reason.contains(words)) { Ok(()) } else { Err(format!("{reasons:?}")) }
    })
    .unwrap();
}

/// Waits until these are connected to a side, and those are not: a driver connects and lets go in its own time.
#[track_caller]
fn await_connected(pair: &MongoPair, side: Side, there: &[&str], away: &[&str]) {
    wait_for(&format!("{there:?} at the {side}, {away:?} not"), LONG, || {
        let names = connected(pair, side);
        let has = |name: &&str| names.iter().any(|one| one == name);
        if there.iter().all(has) && !away.iter().any(has) { Ok(()) } else { Err(format!("{names:?}")) }
    })
    .unwrap();
}

/// The application names connected to a side, as its server tells them.
fn connected(pair: &MongoPair, side: Side) -> Vec<String> {
    let command = doc! {
        "aggregate": 1, "cursor": {},
        "pipeline": [
            { "$currentOp": { "allUsers": true, "idleConnections": true } },
            { "$group": { "_id": "$appName" } },
        ],
    };
    let answer = pair.set(side).run("admin", command).unwrap();
    let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
    let names = batch.iter().filter_map(|one| one.as_document()?.get_str("_id").ok());
    let mut names: Vec<_> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn a_migration_with_near_misses() {
    let mut pair = MongoPair::start().unwrap();
    let shop = MongoShop::open(&pair, options("shop")).unwrap();
    let _told = Told(&shop);
    shop.start().unwrap();
    shop.wait_written(Side::Source, 60, LONG).unwrap();
    let all = ["svc-orders", "svc-import", "svc-payments", "svc-digest", "crud-api", "crud-portal"];
    await_connected(&pair, Side::Source, &all, &["mongomirror-src"]);
    safe(&shop, MongoStep::StartMirror);
    dangerous(&shop, MongoStep::SwitchReaders, "does not run");
    pair.destination.run("shop", doc! { "create": "orders" }).unwrap();
    dangerous(&shop, MongoStep::StartMirror, "exists at the destination already");
    pair.destination.run("shop", doc! { "drop": "orders" }).unwrap();
    shop.start_mirrors().unwrap();
    dangerous(&shop, MongoStep::StartMirror, "runs already");
    done(&shop, MongoStep::StartMirror);

    // Readers: a mirror that is stuck, one that has met an error, one that lost an index.
    shop.wait_safe(MongoStep::SwitchReaders, LONG).unwrap();
    shop.set_faults("mirror", &Faults { stuck: true, ..Faults::default() }).unwrap();
    await_danger(&shop, MongoStep::SwitchReaders, "acknowledged writes are not at the destination");
    shop.set_faults("mirror", &Faults { error: Some("no".to_owned()), ..Faults::default() }).unwrap();
    dangerous(&shop, MongoStep::SwitchReaders, "has met an error");
    shop.set_faults("mirror", &Faults::default()).unwrap();
    shop.mirror("mirror").unwrap().drop_index("shop.orders", "open").unwrap();
    await_danger(&shop, MongoStep::SwitchReaders, "has no index open");
    pair.destination
        .run(
            "shop",
            doc! { "createIndexes": "orders", "indexes": [
                { "key": { "n": 1 }, "name": "open", "partialFilterExpression": { "state.open": true } },
            ] },
        )
        .unwrap();
    shop.wait_safe(MongoStep::SwitchReaders, LONG).unwrap();
    dangerous(&shop, MongoStep::StopWriters, "reader crud-api still reads");
    shop.switch_readers().unwrap();
    done(&shop, MongoStep::SwitchReaders);
    await_connected(&pair, Side::Destination, &["crud-api", "mongomirror-dst"], &[]);
    await_connected(&pair, Side::Source, &["mongomirror-src"], &["crud-api"]);

    // Writers: a transaction left open, one in a crash loop, the very last entry held back.
    shop.wait_safe(MongoStep::StopWriters, LONG).unwrap();
    shop.start_writer(Side::Source, "svc-flaky").unwrap();
    let open = shop.open_transaction(Side::Source, &["orders", "payments"], 2).unwrap();
    shop.stop_writers().unwrap();
    assert!(shop.writers(Side::Source).is_empty());
    dangerous(&shop, MongoStep::StopMirror, "transaction lab-");
    shop.set_faults("mirror", &Faults { hold_last: true, ..Faults::default() }).unwrap();
    shop.commit_transaction(&open).unwrap();
    await_danger(&shop, MongoStep::StopMirror, "is missing");
    let mirror = shop.mirror("mirror").unwrap();
    println!("{}", mirror.status().unwrap());
    shop.set_faults("mirror", &Faults::default()).unwrap();
    shop.wait_safe(MongoStep::StopMirror, LONG).unwrap();
    done(&shop, MongoStep::StopWriters);
    shop.start_writer(Side::Source, "svc-flaky").unwrap();
    dangerous(&shop, MongoStep::StopMirror, "writer svc-flaky lives");
    shop.stop_service(Side::Source, "svc-flaky").unwrap();
    shop.write(Side::Destination, "orders", 1).unwrap();
    dangerous(&shop, MongoStep::StopMirror, "1 documents of shop.orders differ: hand-");
    let mine = doc! { "delete": "orders", "deletes": [{ "q": { "by": "hand" }, "limit": 0 }] };
    pair.destination.run("shop", mine).unwrap();
    shop.kill_mirror("mirror").unwrap();
    shop.write(Side::Source, "orders", 3).unwrap();
    dangerous(&shop, MongoStep::StopMirror, "acknowledged writes are not at the destination");
    shop.start_mirror("mirror", false).unwrap();
    shop.wait_safe(MongoStep::StopMirror, LONG).unwrap();
    for (namespace, [source, destination]) in shop.count_check().unwrap() {
        assert_eq!(source, destination, "{namespace}");
    }

    // The end of the mirror, a write too late, the start at the destination.
    dangerous(&shop, MongoStep::StartWriters, "still runs");
    shop.stop_mirrors().unwrap();
    done(&shop, MongoStep::StopMirror);
    shop.write_block(Side::Destination, true).unwrap();
    dangerous(&shop, MongoStep::StartWriters, "the write block is on");
    shop.write_block(Side::Destination, false).unwrap();
    safe(&shop, MongoStep::StartWriters);
    pair.source.freeze(0).unwrap();
    dangerous(&shop, MongoStep::StartWriters, "cannot be seen: the source");
    pair.source.thaw(0).unwrap();
    shop.wait_safe(MongoStep::StartWriters, LONG).unwrap();
    shop.write(Side::Source, "orders", 1).unwrap();
    dangerous(&shop, MongoStep::StartWriters, "1 writes reached shop.orders");
    // What an operator who confirms `reconciled` has done.
    let late = shop.oracle().record(|ledger| {
        let late = ledger.documents.keys().find(|(_, id)| id.starts_with("hand-")).cloned();
        ledger.late_writes.clear();
        late
    });
    println!("late: {late:?}");
    shop.start_mirror("mirror", false).unwrap();
    wait_for("the late write to be carried over", LONG, || {
        let reasons = shop.oracle().unsafe_reasons(MongoStep::StartWriters);
        if reasons == ["mirror mirror still runs"] { Ok(()) } else { Err(format!("{reasons:?}")) }
    })
    .unwrap();
    shop.stop_mirrors().unwrap();
    safe(&shop, MongoStep::StartWriters);
    shop.redeploy(Side::Destination).unwrap();
    shop.start_writers(Side::Destination).unwrap();
    assert_eq!(
        shop.oracle().undone_reasons(MongoStep::StartWriters),
        ["svc-flaky is not connected at the destination"]
    );
    shop.start_writer(Side::Destination, "svc-flaky").unwrap();
    shop.wait_written(Side::Destination, 20, LONG).unwrap();
    done(&shop, MongoStep::StartWriters);
    await_connected(&pair, Side::Destination, &["svc-orders-dst", "crud-api-dst"], &["mongomirror-dst", "crud-api"]);
    println!("resident {} and {} MB", pair.source.resident_kb() / 1024, pair.destination.resident_kb() / 1024);
}

#[test]
fn the_write_block_stops_services_and_not_the_mirror() {
    let pair = MongoPair::start().unwrap();
    let shop = MongoShop::open(&pair, options("t2")).unwrap();
    let _told = Told(&shop);
    shop.start().unwrap();
    shop.start_mirrors().unwrap();
    shop.write_block(Side::Destination, true).unwrap();
    shop.wait_written(Side::Source, 100, LONG).unwrap();
    shop.wait_safe(MongoStep::SwitchReaders, LONG).unwrap();
    shop.write_block(Side::Source, true).unwrap();
    wait_for("a refused write", LONG, || {
        let timeline = shop.oracle().timeline().to_string();
        if timeline.contains("is refused") { Ok(()) } else { Err("none yet".to_owned()) }
    })
    .unwrap();
    shop.switch_readers().unwrap();
    shop.stop_writers().unwrap();
    shop.wait_safe(MongoStep::StopMirror, LONG).unwrap();
    let from = cutover_lab::now();
    shop.oracle().look().unwrap();
    assert!(shop.oracle().was_safe_throughout(MongoStep::StopMirror, from, cutover_lab::now()));
}
