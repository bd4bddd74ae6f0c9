//! The MongoDB migration by a pipeline that only polls `/ready`, from a replica set of three members that elects another
//! primary on the way; and nothing is written by looking.

use crate::Estate;
use crate::agent::{Agent, PATIENCE};
use crate::watch::Watch;
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{MongoPair, MongoShop, MongoShopOptions, ReplicaSet, Side};
use std::time::Duration;

pub(crate) fn run(_: &Estate) -> Result<(), String> {
    let source = ReplicaSet::builder("three").members(3);
    let mut pair = MongoPair::start_with(source, ReplicaSet::builder("one")).map_err(text)?;
    let shop = MongoShop::open(&pair, MongoShopOptions::database("market").rate(3.0)).map_err(text)?;
    shop.start().map_err(text)?;
    let mut agent = Agent::prepared("mongo-polling")?;
    let mirror = shop.mirror("mirror").map_err(text)?;
    agent.with_mongodb(&pair, shop.options(), &["market"], &[(mirror, "*")])?;
    agent.up()?;
    let watch = Watch::start(agent.url(), shop.oracle());
    let told = migrate(&mut pair, &shop, &agent);
    let watched = watch.finish();
    told.map_err(|e| format!("{e}\n{}\n{}", shop.oracle().timeline(), agent.log())).and(watched)
}

fn migrate(pair: &mut MongoPair, shop: &MongoShop, agent: &Agent) -> Result<(), String> {
    agent.wait_go("ready", "start-mirror")?;
    shop.start_mirrors().map_err(text)?;
    agent.wait_go("done", "start-mirror")?;
    shop.write_block(Side::Destination, true).map_err(text)?;
    agent.wait_go("ready", "switch-readers")?;
    // An election: what the answer rested on has to be shown again.
    pair.set(Side::Source).step_down(5).map_err(text)?;
    pair.set_mut(Side::Source).await_primary().map_err(text)?;
    agent.wait_go("ready", "switch-readers")?;
    shop.switch_readers().map_err(text)?;
    agent.wait_go("done", "switch-readers")?;
    agent.wait_go("ready", "stop-writers")?;
    shop.stop_writers().map_err(text)?;
    agent.wait_go("done", "stop-writers")?;
    agent.wait_go("ready", "stop-mirror")?;
    // An election in the middle of the dwell.
    pair.set(Side::Source).step_down(5).map_err(text)?;
    agent.wait("ready", "stop-mirror", "not go after the election", |a| !a.is_go())?;
    pair.set_mut(Side::Source).await_primary().map_err(text)?;
    agent.wait_go("ready", "stop-mirror")?;
    writes_nothing(pair)?;
    shop.stop_mirrors().map_err(text)?;
    agent.wait_go("done", "stop-mirror")?;
    shop.write_block(Side::Destination, false).map_err(text)?;
    agent.wait_go("ready", "start-writers")?;
    shop.start_writers(Side::Destination).map_err(text)?;
    agent.wait_go("done", "start-writers")?;
    shop.wait_written(Side::Destination, 5, PATIENCE).map_err(text)?;
    for step in ["start-mirror", "switch-readers", "stop-writers", "stop-mirror", "start-writers"] {
        let a = agent.ask("ready", step)?;
        if a.status != 409 {
            return Err(format!("{step} is done and answers {}", a.summary()));
        }
    }
    Ok(())
}

/// Nobody writes but the sessions that every client has: with the agent sampling, the oplogs gain nothing else.
fn writes_nothing(pair: &MongoPair) -> Result<(), String> {
    let newest = |side| -> Result<Document, String> {
        let found = doc! { "find": "oplog.rs", "sort": { "$natural": -1 }, "limit": 1 };
        let answer = pair.set(side).run("local", found).map_err(text)?;
        let batch = answer.get_document("cursor").and_then(|c| c.get_array("firstBatch")).map_err(|e| e.to_string())?;
        batch.first().and_then(|d| d.as_document()).cloned().ok_or_else(|| "an empty oplog".to_owned())
    };
    let before: Vec<Document> = Side::BOTH.into_iter().map(newest).collect::<Result<_, _>>()?;
    std::thread::sleep(Duration::from_secs(10));
    for (side, before) in Side::BOTH.into_iter().zip(before) {
        let since = before.get_timestamp("ts").map_err(|e| e.to_string())?;
        let foreign =
            doc! { "ts": { "$gt": since }, "op": { "$ne": "n" }, "ns": { "$not": { "$regex": "^config\\." } } };
        let found = doc! { "find": "oplog.rs", "filter": foreign, "limit": 3 };
        let answer = pair.set(side).run("local", found).map_err(text)?;
        let batch = answer.get_document("cursor").and_then(|c| c.get_array("firstBatch")).map_err(|e| e.to_string())?;
        if !batch.is_empty() {
            return Err(format!("something was written to the {side} while the agent only looked: {batch:?}"));
        }
    }
    Ok(())
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
