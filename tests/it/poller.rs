//! The Kafka migration by a pipeline that only polls `/ready`, and consumers stopped too early.

use crate::Estate;
use crate::agent::{Agent, PATIENCE};
use crate::claims::reason;
use crate::watch::Watch;
use cutover_lab::{Shop, ShopOptions, Side, Stop};

pub(crate) fn run(estate: &Estate) -> Result<(), String> {
    let pair = estate.pair()?;
    let shop = Shop::open(&pair, ShopOptions::renamed("poll.PROD.", "poll.prod.").without_kip848()).map_err(text)?;
    shop.start().map_err(text)?;
    let agent = Agent::start(&pair, "poll.PROD.", "poll.prod.")?;
    let watch = Watch::start(agent.url(), shop.oracle());
    let told = migrate(&shop, &agent);
    let watched = watch.finish();
    told.map_err(|e| format!("{e}\n{}\n{}", shop.oracle().timeline(), agent.log())).and(watched)
}

fn migrate(shop: &Shop, agent: &Agent) -> Result<(), String> {
    agent.wait_go("ready", "switch-producers")?;
    // A consumer too early: stopped before its step was go, with records left.
    shop.wait_processed(Side::Source, "rtu", 30, PATIENCE).map_err(text)?;
    shop.stop_service(Side::Source, "rtu", Stop::Leave).map_err(text)?;
    let crm = shop.topic(Side::Source, "crm.customers.ingestion");
    shop.produce(Side::Source, &crm, None, 20).map_err(text)?;
    shop.switch_producers().map_err(text)?;
    agent.wait("ready", "switch-producers", "begun by its effect", |a| a.life() != "pending" || a.status == 409)?;
    agent.wait_go("done", "switch-producers")?;
    shop.seed_destination().map_err(text)?;
    agent.post("/confirm/offsets-handled", &reason("the lab's services compare no offsets"))?;
    let rtu = shop.group(Side::Source, "rtu");
    let stopped = agent.wait("ready", "stop-consumers", "who is behind", |a| {
        !a.is_go() && (a.says("draining", &rtu) || a.says("abandoned", &rtu))
    })?;
    if stopped.life() != "pending" {
        return Err(format!("an absence that was never go begins nothing: {:#}", stopped.body));
    }
    shop.start_service(Side::Source, "rtu").map_err(text)?;

    agent.wait_go("ready", "stop-consumers")?;
    shop.stop_consumers(Stop::Leave).map_err(text)?;
    agent.wait_go("done", "stop-consumers")?;
    agent.wait_go("ready", "start-consumers")?;
    shop.start_consumers(Side::Destination).map_err(text)?;
    agent.wait_go("done", "start-consumers")?;
    shop.empty_topics(Side::Source).map_err(text)?;
    agent.wait_go("ready", "retire-source")?;
    shop.retire_source().map_err(text)?;
    agent.wait_go("done", "retire-source")?;
    for step in ["switch-producers", "stop-consumers", "start-consumers", "retire-source"] {
        let a = agent.ask("ready", step)?;
        if a.status != 409 {
            return Err(format!("{step} is done and answers {}", a.summary()));
        }
    }
    Ok(())
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
