//! MongoDB and Kafka in one downtime, which the services use to move as well; after a first attempt that was backed out
//! in the middle.

use super::estate::{BOTH, Estate, text};
use super::{numbers, series};
use crate::agent::PATIENCE;
use crate::claims::reason;
use cutover_lab::mongodb::bson::doc;
use cutover_lab::{MongoStep, READERS, Side, Stop};

pub(super) fn migrate(e: &mut Estate) -> Result<(), String> {
    e.agent.up()?;
    e.open()?;
    first_attempt(e)?;
    prepare(e)?;
    downtime(e)?;
    services(e)
}

/// Up to the switched readers, and all the way back.
fn first_attempt(e: &mut Estate) -> Result<(), String> {
    e.agent.go("start-mirror")?;
    e.mongo.start_mirrors().map_err(text)?;
    e.agent.done("start-mirror")?;
    e.mongo.write_block(Side::Destination, true).map_err(text)?;
    e.agent.go("switch-readers")?;
    e.mongo.switch_readers().map_err(text)?;
    e.agent.done("switch-readers")?;
    // Kafka has not come that far: a downtime that is joint could not be ended.
    e.agent.wait_reason("ready", "stop-writers", "predecessor", "switch-producers")?;
    e.agent.refuses("stop-writers", 503)?;

    // So everything is started again where it was, and the step is taken back.
    for reader in READERS {
        e.mongo.stop_service(Side::Destination, reader).map_err(text)?;
        e.mongo.start_reader(Side::Source, reader).map_err(text)?;
    }
    withdraw(e, "switch-readers")?;
    e.mongo.stop_mirrors().map_err(text)?;
    e.mongo.write_block(Side::Destination, false).map_err(text)?;
    e.mongo_pair.set(Side::Destination).run(&e.prefix, doc! { "dropDatabase": 1 }).map_err(text)?;
    e.mongo.oracle().record(|l| {
        l.begun.clear();
        l.done.clear();
        // What was written between the end of that mirror and now belongs to the attempt that was backed out.
        l.late_writes.clear();
    });
    e.agent.next_attempt()?;
    for step in [MongoStep::StartMirror, MongoStep::SwitchReaders, MongoStep::StopWriters] {
        let a = e.agent.wait("ready", step.name(), "pending", |a| a.life() == "pending")?;
        if a.body["attempt"] != 2 {
            return Err(format!("the second attempt answers {:#}", a.body));
        }
    }
    Ok(())
}

fn withdraw(e: &Estate, step: &str) -> Result<(), String> {
    cutover_lab::wait_for(&format!("withdraw {step} to be taken"), PATIENCE, || {
        let a = e.agent.post(&format!("/withdraw/{step}"), &reason("backed out"))?;
        if a.status == 200 { Ok(()) } else { Err(format!("{} {}", a.status, a.body["summary"])) }
    })
    .map_err(|e| e.to_string())
}

fn prepare(e: &mut Estate) -> Result<(), String> {
    // Go comes before this attempt has seen the producers write: then nothing that comes later can show that they have
    // moved, and the answer says what a person can do.
    e.agent.go("switch-producers")?;
    e.kafka.switch_producers().map_err(text)?;
    let a = e.agent.wait("done", "switch-producers", "go, or how to go on", |a| {
        a.is_go() || a.body.to_string().contains("cutover-agent adopt switch-producers")
    })?;
    if !a.is_go() {
        cutover_lab::wait_for("switch-producers to be adopted", PATIENCE, || {
            let (code, said) = e.agent.cli(&["adopt", "switch-producers", "--reason", "they write there"])?;
            // It may have seen them write at last.
            let done = code == 0 || e.agent.ask("done", "switch-producers")?.is_go();
            if done { Ok(()) } else { Err(said) }
        })
        .map_err(|e| e.to_string())?;
    }
    e.agent.done("switch-producers")?;
    e.agent.go("start-mirror")?;
    // It begins all over: what it noted of the first attempt counts no more.
    e.mongo.oracle().record(|l| l.begun.insert(MongoStep::StartMirror));
    e.mongo.start_mirror("mirror", true).map_err(text)?;
    e.mongo.mirror("mirror").and_then(|m| m.await_oplog_sync(PATIENCE)).map_err(text)?;
    e.agent.done("start-mirror")?;
    e.mongo.write_block(Side::Destination, true).map_err(text)?;
    e.agent.go("switch-readers")?;
    e.mongo.switch_readers().map_err(text)?;
    e.agent.done("switch-readers")?;
    e.kafka.seed_destination().map_err(text)?;
    e.agent.confirm("offsets-handled", "the lab's services compare no offsets")
}

fn downtime(e: &mut Estate) -> Result<(), String> {
    // By polling: one stop is both steps where the downtime is joint.
    e.agent.wait_go("ready", "stop-writers")?;
    e.agent.wait_go("ready", "stop-consumers")?;
    e.agent.wait_go("ready", "deploy-services")?;
    e.kafka.oracle().note("operator: everything is stopped at once");
    e.truth.stopped.store(true, std::sync::atomic::Ordering::Relaxed);
    for service in BOTH {
        e.stop(service)?;
    }
    e.agent.done("stop-writers")?;
    e.agent.done("stop-consumers")?;
    // Nobody has told the agent: to it, the downtime begins with the proof. So it does to who knows what is safe.
    e.mongo.stop_writers().map_err(text)?;
    e.kafka.stop_consumers(Stop::Leave).map_err(text)?;
    e.truth.stopped.store(false, std::sync::atomic::Ordering::Relaxed);
    for (step, author) in [("stop-writers", "life_by"), ("stop-consumers", "life_by")] {
        let a = e.agent.ask("done", step)?;
        if a.life() != "done" || !a.body[author].is_null() {
            return Err(format!("{step} was begun by nobody's claim: {:#}", a.body));
        }
    }
    e.agent.wait_reason("ready", "deploy-services", "other-downtime", "")?;
    Side::BOTH.iter().try_for_each(|side| numbers::groups(e, *side))?;
    numbers::mongodb(e)?;
    series::verdicts(e)?;

    // Neither starts before both may: the mirror still runs.
    e.agent.wait_reason("ready", "start-consumers", "predecessor", "stop-mirror")?;
    e.agent.refuses("start-consumers", 503)?;
    e.agent.go("stop-mirror")?;
    e.mongo.stop_mirrors().map_err(text)?;
    e.agent.done("stop-mirror")?;
    e.agent.wait_reason("ready", "start-consumers", "write-blocked", "destination")?;
    e.mongo.write_block(Side::Destination, false).map_err(text)?;
    e.agent.wait_go("ready", "start-consumers")?;
    e.agent.wait_go("ready", "start-writers")?;
    // A consumer of the source comes back: a tripwire of both.
    e.kafka.start_service(Side::Source, "rtu").map_err(text)?;
    let rtu = e.kafka.group(Side::Source, "rtu");
    e.agent.wait_reason("ready", "start-writers", "tripwire", &rtu)?;
    e.agent.wait_reason("ready", "start-consumers", "tripwire", &rtu)?;
    e.agent.refuses("start-writers", 503)?;
    series::fires(e, "CutoverTripwire")?;
    e.kafka.stop_service(Side::Source, "rtu", Stop::Leave).map_err(text)?;

    e.agent.go("start-writers")?;
    // They start on the other infrastructure, connected to the other clusters.
    e.set_home(Side::Destination);
    e.mongo.start_writers(Side::Destination).map_err(text)?;
    e.agent.go("start-consumers")?;
    e.kafka.start_consumers(Side::Destination).map_err(text)?;
    if let Ok(mut deployed) = e.truth.deployed.lock() {
        deployed.extend(BOTH.map(str::to_owned));
    }
    e.agent.done("start-writers")?;
    e.agent.done("start-consumers")
}

/// What moved within the downtime counts as moved once it is over.
fn services(e: &mut Estate) -> Result<(), String> {
    let a = e.agent.wait("ready", "deploy-services", "go, or that it was begun", |a| {
        a.is_go() || matches!(a.life(), "begun" | "done" | "out-of-order")
    })?;
    println!("deploy-services after the joint downtime: {} {}", a.life(), a.summary());
    if a.is_go() && a.life() == "pending" {
        e.agent.claim("deploy-services")?;
    }
    for reader in READERS {
        e.deploy(reader)?;
    }
    e.agent.done("deploy-services")?;
    e.agent.go("redirect-traffic")?;
    e.site().traffic(Side::Destination);
    e.agent.done("redirect-traffic")?;
    e.agent.go("stop-source-services")?;
    e.mongo.stop_home(Side::Source).map_err(text)?;
    e.agent.done("stop-source-services")?;
    e.kafka.empty_topics(Side::Source).map_err(text)?;
    e.agent.go("retire-source")?;
    e.kafka.retire_source().map_err(text)?;
    e.agent.done("retire-source")?;
    series::verdicts(e)?;
    numbers::at_all_times(e)
}
