//! Everything was go, and then the source's broker stands still (SIGSTOP): its connections stay open and say nothing.

use crate::Estate;
use crate::agent::Agent;
use crate::claims::reason;
use cutover_lab::{Pair, Shop, ShopOptions, Side};

pub(crate) fn run(_: &Estate) -> Result<(), String> {
    let mut pair = Pair::start().map_err(text)?;
    let shop = Shop::open(&pair, ShopOptions::renamed("mute.PROD.", "mute.prod.").without_kip848()).map_err(text)?;
    shop.start().map_err(text)?;
    let agent = Agent::start(&pair, "mute.PROD.", "mute.prod.")?;
    agent.wait_go("ready", "switch-producers")?;
    agent.begin("switch-producers")?;
    shop.switch_producers().map_err(text)?;
    agent.wait_go("done", "switch-producers")?;
    shop.seed_destination().map_err(text)?;
    agent.post("/confirm/offsets-handled", &reason("the lab's services compare no offsets"))?;
    agent.wait_go("ready", "stop-consumers")?;

    pair.cluster_mut(Side::Source).pause(0).map_err(text)?;
    // At the instant the newest sample is too old the answer has expired; the evaluation after it says what is missing.
    agent.wait("ready", "stop-consumers", "unknown, and that the source is silent", |a| {
        let named = a.says("timeout", "source") || a.says("stale", "source");
        a.verdict.as_deref() == Some("unknown") && named
    })?;
    let begun = agent.begin("stop-consumers")?;
    pair.cluster_mut(Side::Source).resume(0).map_err(text)?;
    if begun.status != 503 {
        return Err(format!("a claim while the source is silent: {} {:#}", begun.status, begun.body));
    }
    agent.wait_go("ready", "stop-consumers").map_err(|e| format!("{e}\n{}", shop.oracle().timeline()))?;
    Ok(())
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
