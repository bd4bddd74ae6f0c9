//! The MongoDB migration by a pipeline that only polls `/ready`, from a replica set of three members that elects another
//! primary on the way; and nothing is written by looking.

use crate::Estate;
use crate::agent::{Agent, Answer, PATIENCE};
use crate::watch::Watch;
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{MongoPair, MongoShop, MongoShopOptions, ReplicaSet, Side, now};
use std::time::{Duration, Instant};

/// How long `drained` has to hold: 35 s, ten times faster.
const DWELL: f64 = 3.5;
/// An instant is told by two clocks, which differ by a little more or less each time; in milliseconds.
const SHAKES: i64 = 500;

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
    // Who comes back while there is no primary leaves no trace: silence counts from the new one on.
    pair.set(Side::Source).step_down(5).map_err(text)?;
    pair.set_mut(Side::Source).await_primary().map_err(text)?;
    silence_counts_from_the_election(agent)?;
    agent.wait_go("done", "stop-writers")?;
    agent.wait_go("ready", "stop-mirror")?;
    election_in_the_dwell(pair, agent, "stop-mirror")?;
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

/// The last write is old enough, and the election is not.
fn silence_counts_from_the_election(agent: &Agent) -> Result<(), String> {
    let seen = cutover_lab::wait_for("the silence to be that of the new primary", PATIENCE, || {
        let a = agent.ask("done", "stop-writers")?;
        let silent = check(&a, "no-source-write").ok_or("no no-source-write")?;
        match (silent["verdict"].as_str(), silent["code"].as_str()) {
            (Some("unknown"), Some("unwritable")) => Ok(Ok(())),
            (Some("go"), _) => Ok(Err(format!("silent enough, and no word of the election: {:#}", a.body))),
            (verdict, code) => Err(format!("{verdict:?} {code:?}")),
        }
    });
    seen.map_err(text)?
}

/// What `drained` rested on has to be shown again after an election, from the beginning: what the former primary wrote last
/// may have been rolled back. One election lets it dwell, another comes in the middle of that; a machine too busy for it
/// is given a few tries.
fn election_in_the_dwell(pair: &MongoPair, agent: &Agent, step: &str) -> Result<(), String> {
    let mut told = Vec::new();
    for _ in 0..5 {
        let before = three(pair)?;
        let go = agent.wait_go("ready", step)?;
        let since = check(&go, "drained").and_then(true_since).ok_or("go, and drained since never")?;
        pair.set(Side::Source).step_down(5).map_err(text)?;
        let first = anew(agent, step, since)?;
        pair.set(Side::Source).step_down(5).map_err(text)?;
        let so_far = first.dwelt + first.seen.elapsed().as_secs_f64();
        if so_far >= DWELL {
            told.push(format!("the second election came {so_far} s after it had begun"));
            continue;
        }
        // Unknown on the way, false never: there is no other reason to begin anew than the other primary.
        let second = anew(agent, step, first.since)?;
        let go = agent.wait_go("ready", step)?;
        let drained = check(&go, "drained").ok_or("no drained")?;
        let same = true_since(drained).is_some_and(|s| (s - second.since).abs() < SHAKES);
        if !same || drained["dwelt_seconds"].as_f64() < Some(DWELL) {
            return Err(format!("go after the election without a whole dwell since {}: {:#}", second.since, go.body));
        }
        let after = three(pair)?;
        return match after >= before + 2 {
            true => Ok(()),
            false => Err(format!("two elections, and the term goes from {before} to {after}")),
        };
    }
    Err(format!("no election came inside a dwell: {told:?}"))
}

/// A dwell that has begun.
struct Dwelling {
    /// Since when, by the agent, in milliseconds.
    since: i64,
    /// For how long, in seconds.
    dwelt: f64,
    /// When the agent was asked.
    seen: Instant,
}

/// Waits until `drained` has been true since later than `before` only.
fn anew(agent: &Agent, step: &str, before: i64) -> Result<Dwelling, String> {
    let found = cutover_lab::wait_for("drained to dwell anew", PATIENCE, || {
        let seen = now();
        let a = agent.ask("ready", step)?;
        let drained = check(&a, "drained").ok_or("no drained")?;
        let (verdict, code) = (drained["verdict"].as_str(), drained["code"].as_str());
        let since = true_since(drained).unwrap_or_default();
        if verdict == Some("no-go") && code != Some("dwelling") {
            return Ok(Err(format!("drained is false: {:#}", a.body)));
        }
        match verdict {
            Some("no-go" | "go") if since > before + SHAKES => {
                let dwelt = drained["dwelt_seconds"].as_f64().unwrap_or_default();
                Ok(Ok(Dwelling { since, dwelt, seen }))
            }
            _ => Err(format!("{verdict:?} {code:?} since {since}")),
        }
    });
    found.map_err(text)?
}

/// Since when a check is true, in milliseconds.
fn true_since(check: &serde_json::Value) -> Option<i64> {
    Some(check["since"].as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

/// A check of an answer.
fn check<'a>(a: &'a Answer, id: &str) -> Option<&'a serde_json::Value> {
    a.body["checks"].as_array()?.iter().find(|c| c["id"] == id)
}

/// The source has three members that bear data, one of them primary: its term.
fn three(pair: &MongoPair) -> Result<i64, String> {
    cutover_lab::wait_for("a primary and two secondaries", PATIENCE, || {
        let status = pair.set(Side::Source).run("admin", doc! { "replSetGetStatus": 1 }).map_err(text)?;
        let members = status.get_array("members").map_err(|e| e.to_string())?;
        let count = |state: &str| {
            let all = members.iter().filter_map(|m| m.as_document());
            all.filter(|m| m.get_str("stateStr").is_ok_and(|s| s == state)).count()
        };
        match (count("PRIMARY"), count("SECONDARY")) {
            (1, 2) => status.get_i64("term").map_err(|e| e.to_string()),
            (primaries, secondaries) => Err(format!("{primaries} primaries and {secondaries} secondaries")),
        }
    })
    .map_err(text)
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
