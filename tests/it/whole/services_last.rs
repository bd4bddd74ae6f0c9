//! Kafka, then MongoDB, then the services, by a pipeline that only polls `/ready` and acts; until one stop could mean
//! either of two steps.

use super::estate::{BOTH, Estate, text};
use super::{numbers, series, unchanged};
use crate::claims::reason;
use cutover_lab::{READERS, Side, Stop};

pub(super) fn migrate(e: &mut Estate) -> Result<(), String> {
    e.agent.up()?;
    e.open()?;
    prepare(e)?;
    one_stop_for_two(e)?;
    installed_in_the_middle(e)?;
    mongodb(e)?;
    services(e)?;
    // The names are never switched, and nothing has waited for them.
    let a = e.agent.ask("done", "switch-dns")?;
    if a.life() != "pending" {
        return Err(format!("nobody switched the names, and the step is {:#}", a.body));
    }
    e.kafka.empty_topics(Side::Source).map_err(text)?;
    e.agent.wait_go("ready", "retire-source")?;

    // Nobody at work any more, and nothing may begin meanwhile; the agent is at work.
    let held = e.agent.post("/hold", &reason("everything is stopped for a look"))?;
    if held.status != 200 || e.agent.ask("ready", "retire-source")?.is_go() {
        return Err(format!("held, and yet: {:#}", held.body));
    }
    for side in Side::BOTH {
        e.kafka.producers(side).iter().try_for_each(|p| e.kafka.stop_producer(side, p)).map_err(text)?;
    }
    for service in BOTH {
        e.stop(service)?;
    }
    for reader in READERS {
        e.mongo.stop_service(Side::Destination, reader).map_err(text)?;
    }
    numbers::groups(e, Side::Destination)?;
    numbers::mongodb(e)?;
    series::verdicts(e)?;
    numbers::at_all_times(e)?;
    unchanged::by_looking(e)
}

/// Up to where both downtimes could begin.
fn prepare(e: &mut Estate) -> Result<(), String> {
    // A step performed early: a reader is sent to the destination before there is anything to read.
    e.agent.wait_go("ready", "start-mirror")?;
    e.mongo.switch_reader(READERS[0]).map_err(text)?;
    let early = e.agent.wait_reason("ready", "start-mirror", "out-of-order", "switch-readers")?;
    e.agent.refuses("start-mirror", 503)?;
    if e.agent.ask("ready", "switch-readers")?.life() != "out-of-order" {
        return Err(format!("a reader was switched early, and it is not said: {:#}", early.body));
    }
    series::fires(e, "CutoverStepOutOfOrder")?;
    e.mongo.stop_service(Side::Destination, READERS[0]).map_err(text)?;
    e.mongo.start_reader(Side::Source, READERS[0]).map_err(text)?;

    e.agent.wait_go("ready", "switch-producers")?;
    e.kafka.switch_producers().map_err(text)?;
    e.agent.done("switch-producers")?;
    e.kafka.seed_destination().map_err(text)?;
    e.agent.confirm("offsets-handled", "the lab's services compare no offsets")?;
    e.agent.wait_go("ready", "start-mirror")?;
    e.mongo.start_mirrors().map_err(text)?;
    e.agent.done("start-mirror")?;
    e.mongo.write_block(Side::Destination, true).map_err(text)?;
    e.agent.wait_go("ready", "switch-readers")?;
    e.mongo.switch_readers().map_err(text)?;
    e.agent.done("switch-readers")
}

/// The services are scaled to zero, which is what both tracks wait for: neither is begun by that.
fn one_stop_for_two(e: &mut Estate) -> Result<(), String> {
    e.agent.wait_go("ready", "stop-writers")?;
    e.agent.wait_go("ready", "stop-consumers")?;
    e.agent.wait_go("ready", "deploy-services")?;
    for service in BOTH {
        e.stop(service)?;
    }
    e.agent.wait_reason("done", "stop-consumers", "unclaimed", "stop-consumers")?;
    e.agent.wait_reason("done", "stop-writers", "unclaimed", "stop-writers")?;
    for step in ["stop-consumers", "stop-writers"] {
        let a = e.agent.ask("done", step)?;
        if a.life() != "pending" || !a.body.to_string().contains(&format!("cutover-agent begin {step}")) {
            return Err(format!("one stop could be meant for either, and {step} is {}: {:#}", a.life(), a.body));
        }
    }
    // Somebody says which.
    e.agent.claim("stop-consumers")?;
    e.kafka.stop_consumers(Stop::Leave).map_err(text)?;
    e.agent.wait_reason("ready", "stop-writers", "other-downtime", "kafka")?;
    e.agent.refuses("stop-writers", 503)?;
    e.agent.done("stop-consumers")?;
    Side::BOTH.iter().try_for_each(|side| numbers::groups(e, *side))?;
    numbers::mongodb(e)?;
    series::verdicts(e)?;

    // A service is redeployed inside the downtime of Kafka, seen on the MongoDB in force: the step stays where it is.
    e.mongo.deploy_service(Side::Source, Side::Destination, "svc").map_err(text)?;
    series::is(e, "cutover_mongodb_clients{side=\"source\",role=\"writer\",home=\"destination\"} > bool 0", 1.0)?;
    e.agent.wait_reason("ready", "deploy-services", "other-downtime", "kafka")?;
    e.agent.wait_go("ready", "start-consumers")?;
    for (step, life) in [("deploy-services", "pending"), ("stop-writers", "pending")] {
        let a = e.agent.ask("ready", step)?;
        if a.life() != life || a.is_go() {
            return Err(format!("in the downtime of Kafka {step} is {}: {:#}", a.life(), a.body));
        }
    }
    e.kafka.start_consumers(Side::Destination).map_err(text)?;
    for service in BOTH {
        e.mongo.start_writer(Side::Source, service).map_err(text)?;
    }
    e.agent.done("start-consumers")?;
    let a = e.agent.ask("done", "stop-writers")?;
    if a.life() != "pending" {
        return Err(format!("the writers are back, and stop-writers is {}: {:#}", a.life(), a.body));
    }
    // Once it is over, what is there begins the step, which was go before; the rest is missing.
    e.agent.wait("ready", "deploy-services", "begun by what was deployed", |a| a.life() == "begun")?;
    let a = e.agent.ask("done", "deploy-services")?;
    if a.is_go() || !a.body["life_by"].is_null() {
        return Err(format!("one service of five is deployed, and nobody claimed it: {:#}", a.body));
    }
    e.agent.wait_go("ready", "stop-writers").map(drop)
}

/// The agent is lost with its journal, and another one is installed: it begins nothing by itself, and lists what can be
/// adopted.
fn installed_in_the_middle(e: &mut Estate) -> Result<(), String> {
    e.agent.forget_and_restart()?;
    // One service was at the destination before this agent: out of order to it, and it says how to go on.
    let found = e.agent.wait_reason("ready", "redirect-traffic", "out-of-order", "deploy-services")?;
    if !found.body.to_string().contains("cutover-agent adopt deploy-services") {
        return Err(format!(
            "deploy-services was begun before this agent came, and nothing says how to go on: {found:?}"
        ));
    }
    // What can be seen to have taken effect is listed before anybody adopts it, and is not begun by that.
    let listed = |a: &crate::agent::Answer| a.body["adoptable"] == true && a.life() != "begun" && a.life() != "done";
    e.agent.wait("done", "start-mirror", "listed as adoptable", listed)?;
    for (track, steps) in [
        ("kafka", &["switch-producers", "stop-consumers", "start-consumers"][..]),
        ("mongodb", &["start-mirror", "switch-readers"][..]),
    ] {
        for step in steps {
            adopt(e, step).map_err(|e| format!("{track}: {e}"))?;
            e.agent.done(step)?;
        }
    }
    e.agent.confirm("offsets-handled", "the lab's services compare no offsets").map(drop)
}

/// Adopts a step as soon as its effect has been there for long enough.
fn adopt(e: &Estate, step: &str) -> Result<(), String> {
    cutover_lab::wait_for(&format!("{step} to be adopted"), crate::agent::PATIENCE, || {
        let (code, said) = e.agent.cli(&["adopt", step, "--reason", "done before this agent was installed"])?;
        if code == 0 {
            return Ok(());
        }
        // Whether the groups were seeded before they attached, this agent has not seen: a person has to say so, as the
        // refusal tells.
        if let Some(words) = said.split("cutover-agent confirm ").nth(1).and_then(|w| w.split(" --reason").next()) {
            e.agent.confirm(words, "seeded before it was started")?;
        }
        Err(format!("adopt exits {code}: {said}"))
    })
    .map_err(|e| e.to_string())
}

fn mongodb(e: &mut Estate) -> Result<(), String> {
    e.agent.go("stop-writers")?;
    for service in BOTH {
        e.stop(service)?;
    }
    e.mongo.stop_writers().map_err(text)?;
    e.agent.done("stop-writers")?;
    e.agent.go("stop-mirror")?;
    e.mongo.stop_mirrors().map_err(text)?;
    e.agent.done("stop-mirror")?;
    e.mongo.write_block(Side::Destination, false).map_err(text)?;
    e.agent.go("start-writers")?;
    for service in BOTH {
        e.kafka.start_service(Side::Destination, service).map_err(text)?;
    }
    e.mongo.start_writers(Side::Destination).map_err(text)?;
    e.agent.done("start-writers")
}

fn services(e: &mut Estate) -> Result<(), String> {
    e.agent.go("deploy-services")?;
    for service in BOTH.iter().chain(&READERS) {
        e.deploy(service)?;
    }
    e.agent.done("deploy-services")?;
    e.agent.go("redirect-traffic")?;
    e.site().traffic(Side::Destination);
    e.agent.done("redirect-traffic")?;
    e.agent.go("stop-source-services")?;
    e.set_home(Side::Destination);
    e.kafka.stop_home(Side::Source).map_err(text)?;
    e.mongo.stop_home(Side::Source).map_err(text)?;
    e.agent.done("stop-source-services")
}
