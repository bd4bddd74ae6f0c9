//! The MongoDB migration by claims, with the near misses that can be mended on the way.

use crate::Estate;
use crate::agent::{Agent, metric, scrape};
use crate::watch::Watch;
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{Faults, MongoPair, MongoShop, MongoShopOptions, Side, now};
use std::time::Duration;

const SHOP: &str = "shop";
/// For how long the source has to be silent in these tests (6 min, ten times faster), and so much longer the crash loop is
/// watched alone.
const SILENCE: Duration = Duration::from_secs(36);
const ALONE: Duration = Duration::from_secs(24);

pub(crate) fn run(_: &Estate) -> Result<(), String> {
    let pair = MongoPair::start().map_err(text)?;
    let shop = MongoShop::open(&pair, MongoShopOptions::database(SHOP)).map_err(text)?;
    shop.start().map_err(text)?;
    let mut agent = Agent::prepared("mongo-claims")?;
    let mirror = shop.mirror("mirror").map_err(text)?;
    agent.with_mongodb(&pair, shop.options(), &[SHOP, "forgotten"], &[(mirror, "shop.*")])?;
    agent.read_by("report-*");
    agent.up()?;
    let watch = Watch::start(agent.url(), shop.oracle());
    let told = migrate(&pair, &shop, &mut agent);
    // What failed first is told first; a false go is told in any case.
    let watched = watch.finish();
    told.map_err(|e| format!("{e}\n{}\n{}", shop.oracle().timeline(), agent.log())).and(watched)
}

fn migrate(pair: &MongoPair, shop: &MongoShop, agent: &mut Agent) -> Result<(), String> {
    start_mirror(pair, shop, agent)?;
    switch_readers(shop, agent)?;
    stop_writers(pair, shop, agent)?;
    stop_mirror(pair, shop, agent)?;
    start_writers(pair, shop, agent)
}

fn start_mirror(pair: &MongoPair, shop: &MongoShop, agent: &mut Agent) -> Result<(), String> {
    let step = "start-mirror";
    // A database that nobody mirrors; a leftover at the destination; an index the mirror cannot carry.
    command(pair, Side::Source, "forgotten", doc! { "insert": "things", "documents": [{ "n": 1 }] })?;
    command(pair, Side::Destination, SHOP, doc! { "insert": "left", "documents": [{ "n": 1 }] })?;
    let ttl = doc! { "key": { "at": 1 }, "name": "expiry", "expireAfterSeconds": 3600 };
    command(pair, Side::Source, SHOP, doc! { "createIndexes": "events", "indexes": [ttl] })?;
    agent.wait_reason("ready", step, "not-covered", "forgotten.things")?;
    agent.wait_reason("ready", step, "not-empty", "shop.left")?;
    agent.wait_reason("ready", step, "not-mirrorable", "shop.events")?;
    agent.refuses(step, 503)?;
    command(pair, Side::Source, "forgotten", doc! { "drop": "things" })?;
    command(pair, Side::Destination, SHOP, doc! { "drop": "left" })?;
    command(pair, Side::Source, SHOP, doc! { "dropIndexes": "events", "index": "expiry" })?;
    agent.wait_go("ready", step)?;
    agent.claim(step)?;
    agent.refuses(step, 409)?;
    shop.start_mirrors().map_err(text)?;
    agent.wait_go("done", step)?;
    agent.refuses(step, 409)
}

fn switch_readers(shop: &MongoShop, agent: &Agent) -> Result<(), String> {
    let step = "switch-readers";
    agent.wait_reason("ready", step, "writable", "destination")?;
    shop.write_block(Side::Destination, true).map_err(text)?;
    let fault = |faults: Faults| shop.set_faults("mirror", &faults).map_err(text);
    fault(Faults { stuck: true, ..Faults::default() })?;
    agent.wait_reason("ready", step, "behind", "mirror")?;
    fault(Faults { error: Some("error applying oplog entries".into()), ..Faults::default() })?;
    agent.wait_reason("ready", step, "mirror-error", "applying oplog")?;
    fault(Faults { refuse: true, ..Faults::default() })?;
    agent.wait_reason("ready", step, "unreachable", "mirror")?;
    fault(Faults::default())?;
    agent.wait_go("ready", step)?;
    gauges(agent)?;
    agent.claim(step)?;
    shop.switch_reader("crud-api").map_err(text)?;
    agent.wait_reason("done", step, "connected", "crud-portal")?;
    shop.switch_readers().map_err(text)?;
    // A pattern that never matched anybody proves nothing by matching nobody; then its reader wakes up.
    agent.wait_reason("done", step, "never-seen", "report-*")?;
    shop.start_reader(Side::Source, "report-daily").map_err(text)?;
    agent.wait_reason("done", step, "connected", "report-daily")?;
    shop.stop_service(Side::Source, "report-daily").map_err(text)?;
    agent.wait_reason("done", step, "not-connected", "report-daily")?;
    shop.start_reader(Side::Destination, "report-daily").map_err(text)?;
    agent.wait_go("done", step)?;
    Ok(())
}

fn stop_writers(pair: &MongoPair, shop: &MongoShop, agent: &mut Agent) -> Result<(), String> {
    let step = "stop-writers";
    agent.wait_go("ready", step)?;
    agent.claim(step)?;
    crash_loop(shop, agent, step)?;
    // A transaction that is open: nobody is connected who writes, and nothing is written yet.
    let open = shop.open_transaction(Side::Source, &["orders", "payments"], 3).map_err(text)?;
    shop.stop_writers().map_err(text)?;
    agent.wait_reason("done", step, "open-transaction", "source")?;
    shop.commit_transaction(&open).map_err(text)?;
    // The last write of all was inside that transaction: the agent, which reads the oplog anew, names it and no other.
    let last = last_transaction(pair)?;
    agent.kill_and_restart()?;
    agent.wait_reason("done", step, "recent-write", "shop.payments")?;
    agent.wait_go("done", step)?;
    // Against that write everything is held from now on.
    let config = command(pair, Side::Source, "admin", doc! { "replSetGetConfig": 1 })?;
    let settings = config.get_document("config").and_then(|c| c.get_document("settings")).map_err(|e| e.to_string())?;
    let set = settings.get_object_id("replicaSetId").map_err(|e| e.to_string())?.to_hex();
    let anchor = format!("{{\"fact\":\"last-write\",\"set\":\"{set}\",\"ts\":{last},\"unseen\":false");
    let journal = agent.journal()?;
    match journal.contains(&anchor) {
        true => Ok(()),
        false => Err(format!("the anchor of the source is not {anchor}…:\n{journal}")),
    }
}

/// A writer in a crash loop and nothing else: all others have been stopped for longer than the silence that is asked for,
/// no transaction is open, and most of the time nobody is connected.
fn crash_loop(shop: &MongoShop, agent: &Agent, step: &str) -> Result<(), String> {
    shop.start_writer(Side::Source, "svc-flaky").map_err(text)?;
    for writer in ["svc-orders", "svc-import", "svc-payments", "svc-digest"] {
        shop.stop_service(Side::Source, writer).map_err(text)?;
    }
    let (alone, mut unseen, mut named) = (now(), 0, 0);
    while alone.elapsed() < SILENCE + ALONE {
        let a = agent.ask("done", step)?;
        if a.is_go() {
            return Err(format!("done beside a writer in a crash loop: {:#}", a.body));
        }
        // What the others wrote last is old enough by now: it is this one that is in the way, and that is said.
        if alone.elapsed() > SILENCE + Duration::from_secs(8) {
            let (wrote, connected) = (a.says("recent-write", "shop.events"), a.says("connected", "svc-flaky"));
            let said = a.summary();
            if !(wrote || connected) || !(said.contains("shop.events") || said.contains("svc-flaky")) {
                return Err(format!("beside a writer in a crash loop: {said}\n{:#}", a.body));
            }
            named += 1;
            unseen += u32::from(!connected);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    // Otherwise nothing was shown of the time in which it is away.
    if unseen == 0 { Err(format!("svc-flaky was connected in each of {named} answers")) } else { Ok(()) }
}

/// The timestamp of the newest transaction in the source's oplog, after which nothing was written.
fn last_transaction(pair: &MongoPair) -> Result<u64, String> {
    let real = doc! { "op": { "$ne": "n" }, "ns": { "$not": { "$regex": "^config\\." } } };
    let find = doc! { "find": "oplog.rs", "filter": real, "sort": { "$natural": -1 }, "limit": 1 };
    let answer = command(pair, Side::Source, "local", find)?;
    let batch = answer.get_document("cursor").and_then(|c| c.get_array("firstBatch")).map_err(|e| e.to_string())?;
    let entry = batch.first().and_then(|d| d.as_document()).ok_or("an empty oplog")?;
    let inside = entry.get_document("o").and_then(|o| o.get_array("applyOps")).map_err(|e| format!("{e}: {entry}"))?;
    let touched = |ns: &str| inside.iter().filter_map(|d| d.as_document()?.get_str("ns").ok()).any(|n| n == ns);
    if !touched("shop.orders") || !touched("shop.payments") {
        return Err(format!("the newest entry is not the transaction: {entry}"));
    }
    let ts = entry.get_timestamp("ts").map_err(|e| e.to_string())?;
    Ok((u64::from(ts.time) << 32) | u64::from(ts.increment))
}

fn stop_mirror(pair: &MongoPair, shop: &MongoShop, agent: &mut Agent) -> Result<(), String> {
    let step = "stop-mirror";
    agent.wait_go("ready", step)?;
    // An index that is missing although the counts agree; a document that is missing.
    shop.mirror("mirror").and_then(|m| m.drop_index("shop.orders", "by-service")).map_err(text)?;
    agent.wait_reason("ready", step, "differs", "by-service")?;
    let again = doc! { "key": { "by": 1, "n": -1 }, "name": "by-service" };
    command(pair, Side::Destination, SHOP, doc! { "createIndexes": "orders", "indexes": [again] })?;
    command(
        pair,
        Side::Destination,
        SHOP,
        doc! { "delete": "orders", "deletes": [{ "q": { "_id": "old-1" }, "limit": 1 }] },
    )?;
    agent.wait_reason("ready", step, "count-differs", "shop.orders")?;
    agent.refuses(step, 503)?;
    let lost = doc! { "_id": "old-1", "n": 0_i64, "by": "history", "state": { "open": false } };
    command(pair, Side::Destination, SHOP, doc! { "insert": "orders", "documents": [lost] })?;
    // Whoever mends things at the destination by hand has to say so.
    agent.wait_reason("ready", step, "moved", "destination")?;
    reconcile(agent, step, "destination")?;

    // 0 s behind, and one increment missing: the very last write is held back.
    shop.set_faults("mirror", &Faults { hold_last: true, ..Faults::default() }).map_err(text)?;
    shop.write(Side::Source, "orders", 1).map_err(text)?;
    agent.wait_reason("ready", step, "behind", "mirror")?;
    agent.wait_reason("ready", step, "moved", "source")?;
    shop.set_faults("mirror", &Faults::default()).map_err(text)?;
    // A write after the writers were stopped: who wrote is stopped, and what was written is carried by the mirror.
    reconcile(agent, step, "source")?;
    // The mirror's own copy of that write arrives at the destination first.
    agent.wait("ready", step, "the mirror to have caught up", |a| !a.says("behind", "mirror"))?;
    agent.wait_reason("ready", step, "moved", "destination")?;
    reconcile(agent, step, "destination")?;
    agent.wait_go("ready", step)?;
    agent.claim(step)?;

    // Its port refuses, but it lives: what shows that is its sessions on the servers, and for long nothing else does.
    shop.set_faults("mirror", &Faults { refuse: true, ..Faults::default() }).map_err(text)?;
    refused(agent, "mirror/mirror")?;
    for _ in 0..20 {
        let a = agent.ask("done", step)?;
        if a.is_go() || !a.says("still-there", "a session on ") || a.says("still-there", "its status port answers") {
            return Err(format!("its port refuses and its sessions are there: {:#}", a.body));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    refused(agent, "mirror/mirror")?;
    shop.stop_mirrors().map_err(text)?;
    agent.wait_go("done", step)?;
    agent.refuses(step, 409)
}

fn start_writers(pair: &MongoPair, shop: &MongoShop, agent: &mut Agent) -> Result<(), String> {
    let step = "start-writers";
    agent.wait_reason("ready", step, "write-blocked", "destination")?;
    shop.write_block(Side::Destination, false).map_err(text)?;
    agent.wait_go("ready", step)?;
    // The mirror comes back.
    shop.start_mirror("mirror", false).map_err(text)?;
    agent.wait_reason("ready", step, "tripwire", "mirror")?;
    agent.refuses(step, 503)?;
    shop.stop_mirrors().map_err(text)?;
    agent.wait_go("ready", step)?;
    // Somebody writes to the source, where nothing carries it any more; it is carried over by hand.
    let late = doc! { "_id": "late", "n": 0_i64, "by": "hand", "state": { "open": true } };
    command(pair, Side::Source, SHOP, doc! { "insert": "orders", "documents": [late.clone()] })?;
    agent.wait_reason("ready", step, "tripwire", "source-still")?;
    agent.kill_and_restart()?;
    agent.wait_reason("ready", step, "tripwire", "source-still")?;
    command(pair, Side::Destination, SHOP, doc! { "insert": "orders", "documents": [late] })?;
    reconcile(agent, step, "source")?;
    agent.wait_reason("ready", step, "tripwire", "destination-quiet")?;
    reconcile(agent, step, "destination")?;
    agent.wait_go("ready", step)?;
    agent.claim(step)?;
    shop.start_writers(Side::Destination).map_err(text)?;
    // The mirror comes back, now that it would overwrite what is written here.
    shop.start_mirror("mirror", false).map_err(text)?;
    agent.wait_reason("ready", step, "tripwire", "mirrors-stay-away")?;
    shop.stop_mirrors().map_err(text)?;
    // The one in a crash loop may have been seen on the source as well, and is not started here.
    let a = agent.wait("done", step, "go, or who is missing", |a| a.is_go() || a.says("not-connected", "svc-flaky"))?;
    if !a.is_go() {
        let (code, said) = agent.cli(&["confirm", "writers-started", "--reason", "svc-flaky is retired"])?;
        if code != 0 {
            return Err(format!("confirm exits {code}: {said}"));
        }
    }
    agent.wait_go("done", step)?;
    shop.wait_written(Side::Destination, 5, Duration::from_secs(60)).map_err(text)
}

/// Does what the answer says: `confirm reconciled-writes <side> <timestamp>`, as printed.
fn reconcile(agent: &Agent, step: &str, side: &str) -> Result<(), String> {
    let command = format!("confirm reconciled-writes {side} ");
    let a = agent.wait("ready", step, "how to reconcile", |a| a.body.to_string().contains(&command))?;
    let body = a.body.to_string();
    let words = body.split(&command).nth(1).unwrap_or_default();
    let subject: Vec<&str> = [side].into_iter().chain(words.split_whitespace().take(1)).collect();
    let args = [&["confirm", "reconciled-writes"], &subject[..], &["--reason", "carried over"]].concat();
    match agent.cli(&args)? {
        (0, _) => Ok(()),
        (code, said) => Err(format!("{args:?} exits {code}: {said}")),
    }
}

/// The agent itself has found that this target refuses.
fn refused(agent: &Agent, target: &str) -> Result<(), String> {
    let up = format!("{{target=\"{target}\"}}");
    cutover_lab::wait_for(&format!("{target} to be down"), Duration::from_secs(60), || {
        let scraped = scrape(agent.url())?;
        match metric(&scraped, "cutover_target_up").get(&up) {
            Some(v) if *v == 0.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .map_err(text)
}

/// The gauges say what the replica sets say.
fn gauges(agent: &Agent) -> Result<(), String> {
    let scraped = scrape(agent.url())?;
    let one = |name: &str| metric(&scraped, name).into_values().collect::<Vec<_>>();
    let (window, lag) = (one("cutover_mongodb_oplog_window_seconds"), one("cutover_mirror_lag_seconds"));
    let clients = metric(&scraped, "cutover_mongodb_clients");
    let writers = clients.iter().find(|(l, _)| l.contains("\"source\"") && l.contains("writer")).map(|(_, n)| *n);
    if window.len() == 2 && window.iter().all(|w| *w > 0.0) && lag.iter().all(|l| *l < 60.0) && writers >= Some(4.0) {
        return Ok(());
    }
    Err(format!("windows {window:?}, lag {lag:?}, clients {clients:?}"))
}

fn command(pair: &MongoPair, side: Side, database: &str, command: Document) -> Result<Document, String> {
    pair.set(side).run(database, command).map_err(text)
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
