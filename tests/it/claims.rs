//! The Kafka migration by claims, with every near miss that can be mended on the way.

use crate::Estate;
use crate::agent::{Agent, metric, scrape};
use crate::watch::Watch;
use cutover_lab::{Shop, ShopOptions, Side, Stop};
use serde_json::json;

const CRM: &str = "crm.customers.ingestion";
const ERP: &str = "erp.orders.ingestion";

pub(crate) fn run(estate: &Estate) -> Result<(), String> {
    let pair = estate.pair()?;
    let shop = Shop::open(&pair, ShopOptions::renamed("claims.PROD.", "claims.prod.")).map_err(text)?;
    shop.start().map_err(text)?;
    // A test's leftovers at the destination.
    shop.produce(Side::Destination, &shop.topic(Side::Destination, CRM), Some(0), 3).map_err(text)?;
    let mut agent = Agent::start(&pair, "claims.PROD.", "claims.prod.")?;
    let watch = Watch::start(agent.url(), shop.oracle());
    let told = migrate(&shop, &mut agent);
    // What failed first is told first; a false go is told in any case.
    let watched = watch.finish();
    told.map_err(|e| format!("{e}\n{}\n{}", shop.oracle().timeline(), agent.log())).and(watched)
}

fn migrate(shop: &Shop, agent: &mut Agent) -> Result<(), String> {
    switch_producers(shop, agent)?;
    stop_consumers(shop, agent)?;
    start_consumers(shop, agent)?;
    retire_source(shop, agent)
}

fn switch_producers(shop: &Shop, agent: &mut Agent) -> Result<(), String> {
    let step = "switch-producers";
    agent.wait_reason("ready", step, "not-empty", &shop.topic(Side::Destination, CRM))?;
    agent.refuses(step, 503)?;

    // A forgotten producer on a topic of no class.
    let odd = [shop.topic(Side::Source, "odd"), shop.topic(Side::Destination, "odd")];
    shop.create_topic(Side::Source, &odd[0], 1, None).map_err(text)?;
    shop.create_topic(Side::Destination, &odd[1], 1, None).map_err(text)?;
    shop.start_producer(Side::Source, "ghost", &odd[..1], cutover_lab::ProducerOptions::rate(5.0)).map_err(text)?;
    agent.wait_reason("ready", step, "unclassified", &odd[0])?;
    shop.stop_producer(Side::Source, "ghost").map_err(text)?;
    shop.delete_topic(Side::Source, &odd[0]).map_err(text)?;
    shop.delete_topic(Side::Destination, &odd[1]).map_err(text)?;
    // Gone from the list is not known to be gone: a person has to say so.
    agent.wait_reason("ready", step, "vanished", &odd[0])?;
    agent.ignore(&odd[0], "a test's own topic, deleted");

    shop.delete_records(Side::Destination, &shop.topic(Side::Destination, CRM), 0, None).map_err(text)?;
    agent.kill_and_restart()?;
    let go = agent.wait_go("ready", step)?;
    if go.body["rehearsal"].is_null() || go.body["relaxations"].as_array().is_none_or(Vec::is_empty) {
        return Err(format!("a go under a rehearsal with a relaxation must say both: {:#}", go.body));
    }
    agent.claim(step)?;
    agent.refuses(step, 409)?;
    shop.switch_producers().map_err(text)
}

fn stop_consumers(shop: &Shop, agent: &mut Agent) -> Result<(), String> {
    let step = "stop-consumers";
    // Ingestion would be idle, but a transaction is open.
    let erp = shop.topic(Side::Source, ERP);
    let id = shop.open_transaction(Side::Source, &erp, 2).map_err(text)?;
    agent.wait_reason("ready", step, "open-transaction", &erp)?;
    agent.wait_reason("done", "switch-producers", "open-transaction", &erp)?;
    shop.commit_transaction(&id).map_err(text)?;
    agent.wait_go("done", "switch-producers")?;
    if agent.ask("ready", "switch-producers")?.status != 409 {
        return Err("a done step must answer 409".to_owned());
    }

    // A pair that has committed on one partition only.
    let crm = shop.topic(Side::Source, CRM);
    let late = shop.group(Side::Source, "late");
    let end = |p| shop.client(Side::Source).watermarks(&crm, p).map(|w| w.1).map_err(text);
    shop.seed(Side::Source, &late, &crm, 0, end(0)?).map_err(text)?;
    agent.wait_reason("ready", step, "never-committed", &late)?;
    shop.seed(Side::Source, &late, &crm, 1, end(1)?).map_err(text)?;

    // The groups are not seeded: the downtime could not be ended.
    agent.wait_reason("ready", step, "way-out", "not seeded")?;
    agent.refuses(step, 503)?;
    shop.seed_destination().map_err(text)?;
    // The lab knows nothing of the group that only committed: it is seeded by hand.
    let there = [shop.group(Side::Destination, "late"), shop.topic(Side::Destination, CRM)];
    for p in [0, 1] {
        agent.wait_reason("ready", step, "way-out", &there[0])?;
        let start = shop.client(Side::Destination).watermarks(&there[1], p).map_err(text)?.0;
        shop.seed(Side::Destination, &there[0], &there[1], p, start).map_err(text)?;
    }
    agent.wait_reason("ready", step, "way-out", "offset-assumptions")?;
    let (code, said) =
        agent.cli(&["confirm", "offsets-handled", "--reason", "the lab's services compare no offsets"])?;
    if code != 0 {
        return Err(format!("confirm exits {code}: {said}"));
    }

    // Killed in the middle of a dwell: it starts again.
    agent.wait_go("ready", step)?;
    agent.kill_and_restart()?;
    let first = agent.ask("ready", step)?;
    if first.is_go() {
        return Err(format!("go right after a start, with no dwell behind it: {:#}", first.body));
    }
    agent.wait_reason("ready", step, "dwelling", "")?;
    agent.wait_go("ready", step)?;
    lag_is_exported(shop, agent)?;
    agent.claim(step)?;

    // Lag is 0 everywhere, but a KIP-848 member is attached.
    for service in ["rtu", "svt", "svc"] {
        shop.stop_service(Side::Source, service, Stop::Leave).map_err(text)?;
    }
    agent.wait_reason("done", step, "attached", &shop.group(Side::Source, "sink"))?;
    shop.stop_consumers(Stop::Leave).map_err(text)?;

    // A group is Empty, but its offsets move.
    let mut seen = Err(String::new());
    for round in 0..60 {
        shop.seed(Side::Source, &late, &crm, 0, end(0)? - i64::from(round % 2 == 0)).map_err(text)?;
        let a = agent.ask("done", step)?;
        seen = if a.says("advancing", &late) { Ok(()) } else { Err(a.summary()) };
        if seen.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    seen.map_err(|e| format!("offsets of an Empty group moved and it was not said: {e}"))?;
    shop.seed(Side::Source, &late, &crm, 0, end(0)?).map_err(text)?;
    agent.wait_go("done", step)?;
    agent.refuses(step, 409)
}

fn start_consumers(shop: &Shop, agent: &mut Agent) -> Result<(), String> {
    let step = "start-consumers";
    agent.wait_go("ready", step)?;
    // A consumer of the source comes back: a tripwire.
    shop.start_service(Side::Source, "rtu").map_err(text)?;
    agent.wait_reason("ready", step, "tripwire", &shop.group(Side::Source, "rtu"))?;
    agent.refuses(step, 503)?;
    shop.stop_service(Side::Source, "rtu", Stop::Leave).map_err(text)?;
    agent.wait_go("ready", step)?;
    agent.claim(step)?;
    agent.refuses(step, 409)?;
    shop.start_consumers(Side::Destination).map_err(text)?;
    // The group that only committed at the source reads on at the destination as well.
    let late = shop.group(Side::Destination, "late");
    agent.wait_reason("done", step, "not-attached", &late)?;
    let left = shop.group(Side::Source, "late");
    agent.ignore(&left, "it only committed");
    shop.oracle().record(|l| l.groups.retain(|(_, g), _| *g != left && *g != late));
    agent.kill_and_restart()?;
    agent.wait_go("done", step)?;
    Ok(())
}

fn retire_source(shop: &Shop, agent: &mut Agent) -> Result<(), String> {
    let step = "retire-source";
    agent.wait_reason("ready", step, "unexpired", &shop.topic(Side::Source, CRM))?;
    shop.empty_topics(Side::Source).map_err(text)?;
    agent.wait_go("ready", step)?;
    // The recommended way: claim and act in one.
    let marker = agent.folder().join("claimed");
    let touch = marker.display().to_string();
    let (code, said) = agent.cli(&["wait", step, "--timeout", "60s", "--allow-rehearsal", "--", "touch", &touch])?;
    if code != 0 || !marker.exists() {
        return Err(format!("wait -- cmd exits {code}: {said}"));
    }
    agent.refuses(step, 409)?;
    agent.wait_reason("done", step, "still-there", &shop.topic(Side::Source, CRM))?;
    shop.retire_source().map_err(text)?;
    agent.wait_go("done", step)?;
    let (code, said) = agent.cli(&["wait", step, "--timeout", "5s", "--allow-rehearsal"])?;
    if code != 4 {
        return Err(format!("waiting for a done step is refused for good (4), not {code}: {said}"));
    }
    Ok(())
}

/// The gauges say what the brokers say.
fn lag_is_exported(shop: &Shop, agent: &Agent) -> Result<(), String> {
    let scraped = scrape(agent.url())?;
    let lags = metric(&scraped, "cutover_kafka_consumergroup_lag");
    let of = |topic: &str| {
        let labels = [shop.group(Side::Source, "rtu"), shop.topic(Side::Source, topic)];
        lags.iter().find(|(l, _)| labels.iter().all(|n| l.contains(&format!("\"{n}\"")))).map(|(_, v)| *v)
    };
    let ready = metric(&scraped, "cutover_step_ready");
    // The marker of the transaction stays ahead of the group for ever: a phantom, and the gauge does not hide it.
    if of(CRM) == Some(0.0) && of(ERP) == Some(1.0) && ready.values().sum::<f64>() >= 1.0 {
        return Ok(());
    }
    Err(format!("drained, and the gauges say lag {lags:?}, ready {ready:?}"))
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}

/// A word of JSON, so that a reader of this file sees what a claim carries.
pub(crate) fn reason(text: &str) -> serde_json::Value {
    json!({ "reason": text })
}
