//! Everything was go, and then the source's broker stands still (SIGSTOP): its connections stay open and say nothing. The
//! same of the source's MongoDB. A real Prometheus has scraped what was measured before: it must lose it, and get it back.

use crate::Estate;
use crate::agent::{Agent, PATIENCE};
use crate::asked::{absent, is, there};
use crate::claims::reason;
use cutover_lab::{MongoPair, MongoShop, MongoShopOptions, Pair, Prometheus, Shop, ShopOptions, Side};

/// What is known of a Kafka cluster only while it answers, of a side.
const KAFKA: [&str; 7] = [
    "cutover_kafka_consumergroup_lag",
    "cutover_kafka_consumergroup_lag_seconds",
    "cutover_kafka_consumergroup_unknown_partitions",
    "cutover_kafka_consumergroup_members",
    "cutover_kafka_topic_end_offset_total",
    "cutover_kafka_topics",
    "cutover_kafka_consumergroups",
];
/// The same of MongoDB.
const MONGODB: [&str; 4] = [
    "cutover_mongodb_oplog_window_seconds",
    "cutover_mongodb_open_transactions",
    "cutover_mongodb_write_block",
    "cutover_mongodb_clients",
];

pub(crate) fn run(_: &Estate) -> Result<(), String> {
    let mut pair = Pair::start().map_err(text)?;
    let mut mongo = MongoPair::start().map_err(text)?;
    let shop = Shop::open(&pair, ShopOptions::renamed("mute.PROD.", "mute.prod.").without_kip848()).map_err(text)?;
    shop.start().map_err(text)?;
    // Its collections, and nobody at work: it is there to fall silent.
    let documents = MongoShop::open(&mongo, MongoShopOptions::database("mute")).map_err(text)?;
    documents.create_collections().map_err(text)?;
    let mut agent = Agent::prepared("it-mute-prod")?;
    agent.with_kafka(&pair, "mute.PROD.", "mute.prod.")?;
    let mirror = documents.mirror("mirror").map_err(text)?;
    agent.with_mongodb(&mongo, documents.options(), &["mute"], &[(mirror, "*")])?;
    agent.up()?;
    let prometheus = Prometheus::scraping("cutover-agent", agent.address()).map_err(text)?;
    agent.wait_go("ready", "switch-producers")?;
    // It may be go from the first sample on, which cannot tell that anybody writes; and no sample after the switch can.
    cutover_lab::wait_for("the journal to have a topic that grew", PATIENCE, || {
        let journal = agent.journal()?;
        let grew = |l: &str| l.contains("\"fact\":\"grew\"") && l.contains(".ingestion\"");
        if journal.lines().any(grew) { Ok(()) } else { Err("it has none that producers write".to_owned()) }
    })
    .map_err(text)?;
    agent.begin("switch-producers")?;
    shop.switch_producers().map_err(text)?;
    agent.wait_go("done", "switch-producers")?;
    shop.seed_destination().map_err(text)?;
    agent.post("/confirm/offsets-handled", &reason("the lab's services compare no offsets"))?;
    agent.wait_go("ready", "stop-consumers")?;
    measured(&prometheus, "kafka", &KAFKA, Side::Source)?;
    measured(&prometheus, "kafka", &KAFKA, Side::Destination)?;

    pair.cluster_mut(Side::Source).pause(0).map_err(text)?;
    // At the instant the newest sample is too old the answer has expired; the evaluation after it says what is missing.
    agent.wait("ready", "stop-consumers", "unknown, and that the source is silent", |a| {
        let named = a.says("timeout", "source") || a.says("stale", "source");
        a.verdict.as_deref() == Some("unknown") && named
    })?;
    let begun = agent.begin("stop-consumers")?;
    silent(&prometheus, "kafka", &KAFKA)?;
    pair.cluster_mut(Side::Source).resume(0).map_err(text)?;
    if begun.status != 503 {
        return Err(format!("a claim while the source is silent: {} {:#}", begun.status, begun.body));
    }
    agent.wait_go("ready", "stop-consumers").map_err(|e| format!("{e}\n{}", shop.oracle().timeline()))?;
    measured(&prometheus, "kafka", &KAFKA, Side::Source)?;

    measured(&prometheus, "mongodb", &MONGODB, Side::Source)?;
    mongo.set_mut(Side::Source).freeze(0).map_err(text)?;
    silent(&prometheus, "mongodb", &MONGODB)?;
    mongo.set_mut(Side::Source).thaw(0).map_err(text)?;
    measured(&prometheus, "mongodb", &MONGODB, Side::Source)
}

/// The side is up, and every series of it is there.
fn measured(p: &Prometheus, kind: &str, metrics: &[&str], side: Side) -> Result<(), String> {
    is(p, &format!("cutover_target_up{{target=\"{kind}/{side}\"}}"), 1.0)?;
    metrics.iter().try_for_each(|m| there(p, &format!("{m}{{side=\"{side}\"}}")))
}

/// The source is down and no series of it is left: not its last value, and no zero. The agent and the other side are as
/// they were, and when the source last answered is still told.
fn silent(p: &Prometheus, kind: &str, metrics: &[&str]) -> Result<(), String> {
    is(p, &format!("cutover_target_up{{target=\"{kind}/source\"}}"), 0.0)?;
    metrics.iter().try_for_each(|m| absent(p, &format!("{m}{{side=\"source\"}}")))?;
    is(p, "up", 1.0)?;
    measured(p, kind, metrics, Side::Destination)?;
    there(p, &format!("cutover_target_last_success_timestamp_seconds{{target=\"{kind}/source\"}}"))?;
    // All of it at one instant, and nothing has come back.
    let names = metrics.join("|");
    absent(p, &format!("{{__name__=~\"{names}\",side=\"source\"}}"))?;
    is(p, &format!("cutover_target_up{{target=\"{kind}/source\"}}"), 0.0)
}

fn text(e: cutover_lab::Error) -> String {
    format!("the lab: {e}")
}
