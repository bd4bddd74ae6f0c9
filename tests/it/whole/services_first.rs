//! Services, then MongoDB, then Kafka: the services move first and reach back to the clusters of the source.

use super::estate::{BOTH, Estate, REQUIREMENTS, text};
use super::numbers;
use super::series::{self, Answered};
use super::site::NAME;
use super::unchanged;
use crate::agent::PATIENCE;
use crate::claims::reason;
use cutover_lab::{Faults, READERS, Side, Stop};

pub(super) fn migrate(e: &mut Estate) -> Result<(), String> {
    // Ten times faster: 10 s between two steps.
    e.agent.pace("100s");
    e.agent.configure(
        "requirements: enforced\nsteps: { start-mirror: { after: stop-source-services }, switch-producers: { after: \
         start-writers } }\n",
    );
    e.agent.up()?;
    e.open()?;
    let mut answered = Answered::new();
    requirements(e)?;
    services(e, &mut answered)?;
    mongodb(e, &mut answered)?;
    kafka(e, &mut answered)?;
    for step in series::STEPS {
        let a = e.agent.ask("ready", step)?;
        if a.status != 409 {
            return Err(format!("{step} is done and answers {}", a.summary()));
        }
        // Over the whole run, as scraped: it was ready once, and is done.
        series::is(e, &format!("max_over_time(cutover_step_ready{{step=\"{step}\"}}[1h])"), 1.0)?;
        series::is(e, &format!("cutover_step_life{{step=\"{step}\",life=\"done\"}}"), 1.0)?;
    }
    series::verdicts(e)?;
    numbers::at_all_times(e)?;
    series::dashboard(e, &mut answered)?;
    series::alerts_evaluate(e)?;
    series::all_answered(&answered)
}

/// Nothing begins before every requirement is met: by a person's word, or by the probe that is attached to it.
fn requirements(e: &Estate) -> Result<(), String> {
    e.site().healthy(false);
    for step in ["deploy-services", "start-mirror", "switch-producers"] {
        e.agent.wait_reason("ready", step, "not-confirmed", "permissions")?;
        e.agent.refuses(step, 503)?;
    }
    for word in REQUIREMENTS {
        e.agent.confirm(&format!("requirement {word}"), "checked")?;
    }
    // Measured: what a person says of it does not count.
    e.agent.wait_reason("ready", "deploy-services", "probe-fails", "api")?;
    e.site().healthy(true);
    // What waits for other steps names them.
    e.agent.wait_reason("ready", "start-mirror", "after", "stop-source-services")?;
    e.agent.wait_reason("ready", "switch-producers", "after", "start-writers")?;
    let (code, table, rows) = unchanged::connect(e)?;
    if code != 0 || rows.len() < 10 {
        return Err(format!("check exits {code} with {} rows:\n{table}", rows.len()));
    }
    Ok(())
}

/// Waits for a go, until it was scraped as well, and claims the step.
fn go(e: &Estate, step: &str) -> Result<(), String> {
    e.agent.wait_go("ready", step)?;
    series::is(e, &format!("cutover_step_ready{{step=\"{step}\"}}"), 1.0)?;
    e.agent.claim(step)
}

fn services(e: &Estate, answered: &mut Answered) -> Result<(), String> {
    go(e, "deploy-services")?;
    for service in ["rtu", "svt", READERS[0], READERS[1]] {
        e.deploy(service)?;
    }
    // One of them only consumes there yet.
    e.kafka.deploy_service(Side::Source, Side::Destination, "svc").map_err(text)?;
    e.agent.wait_reason("done", "deploy-services", "dwelling", "svc")?;
    e.mongo.deploy_service(Side::Source, Side::Destination, "svc").map_err(text)?;
    e.truth.deployed.lock().map_err(|e| e.to_string())?.insert("svc".to_owned());
    e.agent.done("deploy-services")?;
    for service in BOTH {
        numbers::members(e, Side::Source, &e.kafka.group(Side::Source, service))?;
    }
    numbers::mongodb(e)?;
    // 10 s have to pass between two steps.
    e.agent.wait_reason("ready", "redirect-traffic", "pace", "deploy-services")?;

    e.site().healthy(false);
    e.agent.wait_reason("ready", "redirect-traffic", "probe-fails", "api")?;
    e.agent.refuses("redirect-traffic", 503)?;
    e.site().healthy(true);
    go(e, "redirect-traffic")?;
    e.agent.wait_reason("done", "redirect-traffic", "probe-fails", "traffic")?;
    e.site().traffic(Side::Destination);
    e.agent.done("redirect-traffic")?;
    // Somebody takes the traffic back: the step has come undone.
    e.site().traffic(Side::Source);
    e.agent.wait_reason("ready", "stop-source-services", "undone", "redirect-traffic")?;
    series::fires(e, "CutoverStepUndone")?;
    series::is(e, "cutover_step_undone_total{step=\"redirect-traffic\"}", 1.0)?;
    e.site().traffic(Side::Destination);
    e.agent.done("redirect-traffic")?;

    // A hold of a person, which only makes the answer stricter.
    let held = e.agent.post("/hold/stop-source-services", &reason("the second shift is not here yet"))?;
    if held.status != 200 {
        return Err(format!("hold: {} {:#}", held.status, held.body));
    }
    e.agent.wait_reason("ready", "stop-source-services", "hold", "second shift")?;
    series::is(e, "count(cutover_step_blockers{code=\"hold\"} > 0)", 1.0)?;
    series::dashboard(e, answered)?;
    series::verdicts(e)?;
    e.agent.post("/release/stop-source-services", &reason("it is"))?;

    go(e, "stop-source-services")?;
    e.set_home(Side::Destination);
    // Stopped where they consume, but their other half still writes.
    e.kafka.stop_home(Side::Source).map_err(text)?;
    e.agent.wait_reason("done", "stop-source-services", "source-home", "rtu")?;
    e.mongo.stop_home(Side::Source).map_err(text)?;
    e.agent.done("stop-source-services")?;
    numbers::mongodb(e)?;
    for service in BOTH {
        numbers::members(e, Side::Source, &e.kafka.group(Side::Source, service))?;
    }

    e.site().entry(false)?;
    e.agent.wait_reason("ready", "switch-dns", "probe-fails", "entry")?;
    // What does not pass yet can be read all the same.
    let (code, table, rows) = unchanged::connect(e)?;
    let said = rows.iter().find(|r| r["target"] == "probe/entry").map(ToString::to_string).unwrap_or_default();
    if code != 0 || !said.contains("does not pass now") || !said.contains("refused") {
        return Err(format!("the entry point refuses, and check exits {code}:\n{table}"));
    }
    e.site().entry(true)?;
    go(e, "switch-dns")?;
    // One resolver of two, then both, then nobody may have the old answer any more.
    e.site().names(0, Side::Destination);
    e.agent.wait_reason("done", "switch-dns", "probe-fails", "192.0.2.1")?;
    e.site().names(1, Side::Destination);
    e.agent.wait_reason("done", "switch-dns", "still-cached", "names")?;
    e.agent.done("switch-dns").map_err(|e| format!("{NAME}: {e}"))
}

fn mongodb(e: &mut Estate, answered: &mut Answered) -> Result<(), String> {
    go(e, "start-mirror")?;
    e.mongo.start_mirrors().map_err(text)?;
    e.agent.done("start-mirror")?;
    e.agent.wait_reason("ready", "switch-readers", "pace", "start-mirror")?;
    e.mongo.write_block(Side::Destination, true).map_err(text)?;
    let fault = |faults: Faults| e.mongo.set_faults("mirror", &faults).map_err(text);
    // A mirror that stands still is behind; one that is silent has no lag at all, whatever it was.
    fault(Faults { stuck: true, ..Faults::default() })?;
    series::says(e, "cutover_mirror_lag_seconds", "more than 5 s", |got| matches!(got, [(_, v)] if *v > 5.0))?;
    series::dashboard(e, answered)?;
    fault(Faults { refuse: true, ..Faults::default() })?;
    series::absent(e, "cutover_mirror_lag_seconds")?;
    series::absent(e, "cutover_mirror_headroom_seconds")?;
    series::is(e, "cutover_target_up{target=\"mirror/mirror\"}", 0.0)?;
    series::pends(e, "CutoverTargetDown")?;
    series::dashboard(e, answered)?;
    fault(Faults::default())?;
    series::is(e, "cutover_target_up{target=\"mirror/mirror\"}", 1.0)?;
    go(e, "switch-readers")?;
    e.mongo.switch_readers().map_err(text)?;
    e.agent.done("switch-readers")?;
    numbers::mongodb(e)?;

    go(e, "stop-writers")?;
    // The downtime of MongoDB: nothing of the other tracks may go on, and nothing of the services comes undone.
    e.agent.wait_reason("ready", "switch-producers", "other-downtime", "mongodb")?;
    series::is(e, "count(cutover_track_downtime_start_timestamp_seconds{track=\"mongodb\"})", 1.0)?;
    series::dashboard(e, answered)?;
    for service in BOTH {
        e.stop(service)?;
    }
    e.mongo.stop_writers().map_err(text)?;
    e.agent.done("stop-writers")?;
    numbers::mongodb(e)?;
    series::is(e, "cutover_mirror_lag_seconds", 0.0)?;
    go(e, "stop-mirror")?;
    e.mongo.stop_mirrors().map_err(text)?;
    e.agent.done("stop-mirror")?;
    e.mongo.write_block(Side::Destination, false).map_err(text)?;
    go(e, "start-writers")?;
    e.mongo.start_writers(Side::Destination).map_err(text)?;
    for service in BOTH {
        e.kafka.start_service(Side::Source, service).map_err(text)?;
    }
    e.agent.done("start-writers")?;
    series::absent(e, "cutover_track_downtime_start_timestamp_seconds")?;
    numbers::mongodb(e)
}

fn kafka(e: &mut Estate, answered: &mut Answered) -> Result<(), String> {
    // No group has come to the destination yet: nobody says that it has no members, or that it is not behind.
    series::absent(e, "{__name__=~\"cutover_kafka_consumergroup_.*\",side=\"destination\"}")?;
    go(e, "switch-producers")?;
    e.kafka.switch_producers().map_err(text)?;
    e.agent.done("switch-producers")?;
    e.kafka.seed_destination().map_err(text)?;
    e.agent.confirm("offsets-handled", "the lab's services compare no offsets")?;

    // A group that stands still has a lag; one that has committed on one partition of two has none that anybody knows.
    let (crm, rtu) = (e.topic("crm.customers.ingestion"), e.kafka.group(Side::Source, "rtu"));
    e.agent.wait_go("ready", "stop-consumers")?;
    e.kafka.stop_service(Side::Source, "rtu", Stop::Leave).map_err(text)?;
    e.kafka.produce(Side::Source, &crm, None, 7).map_err(text)?;
    let late = e.kafka.group(Side::Source, "late");
    e.kafka.seed(Side::Source, &late, &crm, 0, 1).map_err(text)?;
    e.kafka.oracle().record(|l| l.group_reads(Side::Source, &late, std::slice::from_ref(&crm)));
    numbers::groups(e, Side::Source)?;
    numbers::waits(e, Side::Source, &rtu, &crm)?;
    series::pends(e, "CutoverPartitionsUnknown")?;
    series::dashboard(e, answered)?;
    e.kafka.delete_group(Side::Source, &late).map_err(text)?;
    // Gone is not drained: a person has to say so. Nobody knows its members any more, and none is not said.
    e.agent.wait_reason("ready", "stop-consumers", "vanished", &late)?;
    numbers::group(e, Side::Source, &late)?;
    series::dashboard(e, answered)?;
    e.kafka.oracle().record(|l| l.groups.retain(|(_, g), _| *g != late));
    e.agent.ignore(&late, "a test's own group, deleted");
    e.kafka.start_service(Side::Source, "rtu").map_err(text)?;
    e.agent.kill_and_restart()?;
    go(e, "stop-consumers")?;

    // The downtime is opened and cannot go on: it is taken back.
    for service in BOTH {
        e.stop(service)?;
    }
    e.kafka.stop_consumers(Stop::Leave).map_err(text)?;
    e.kafka.produce(Side::Source, &crm, None, 3).map_err(text)?;
    let behind = e.agent.wait_reason("done", "stop-consumers", "draining", &rtu);
    behind.or_else(|_| e.agent.wait_reason("done", "stop-consumers", "abandoned", &rtu))?;
    let early = e.agent.post("/withdraw/stop-consumers", &reason("records came after the stop"))?;
    for service in BOTH {
        e.start(service, Side::Source, Side::Destination)?;
    }
    e.kafka.start_consumers(Side::Source).map_err(text)?;
    cutover_lab::wait_for("withdraw to be taken", PATIENCE, || {
        let a = e.agent.post("/withdraw/stop-consumers", &reason("records came after the stop"))?;
        if a.status == 200 { Ok(()) } else { Err(format!("{} {}", a.status, a.body["summary"])) }
    })
    .map_err(|e| e.to_string())?;
    println!("withdraw right after the stop: {} {}", early.status, early.body["summary"]);
    series::absent(e, "cutover_track_downtime_start_timestamp_seconds")?;

    go(e, "stop-consumers")?;
    for service in BOTH {
        e.stop(service)?;
    }
    e.kafka.stop_consumers(Stop::Leave).map_err(text)?;
    e.agent.done("stop-consumers")?;
    Side::BOTH.iter().try_for_each(|side| numbers::groups(e, *side))?;
    series::verdicts(e)?;
    go(e, "start-consumers")?;
    for service in BOTH {
        e.mongo.start_writer(Side::Destination, service).map_err(text)?;
    }
    e.kafka.start_consumers(Side::Destination).map_err(text)?;
    e.agent.done("start-consumers")?;
    for service in BOTH {
        numbers::members(e, Side::Destination, &e.kafka.group(Side::Destination, service))?;
    }
    e.kafka.empty_topics(Side::Source).map_err(text)?;
    go(e, "retire-source")?;
    e.kafka.retire_source().map_err(text)?;
    e.agent.done("retire-source")
}
