//! What Prometheus has scraped, held against what the lab knows: lag and members as the brokers tell the lab's own
//! administrator, windows as the lab reads them, verdicts as `/ready` gives them; and every query of the dashboard and
//! every alert asked for real.

use super::estate::{Estate, text};
use super::truth::{SERVICES, track};
use crate::agent::PATIENCE;
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{Labels, Side, wait_for};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use yaml_rust2::{Yaml, YamlLoader};

const DASHBOARD: &str = include_str!("../../../dashboards/cutover-overview.json");
const RULES: &str = include_str!("../../../alerts/cutover.rules.yaml");

pub(crate) const STEPS: [&str; 13] = [
    SERVICES[0],
    SERVICES[1],
    SERVICES[2],
    SERVICES[3],
    "start-mirror",
    "switch-readers",
    "stop-writers",
    "stop-mirror",
    "start-writers",
    "switch-producers",
    "stop-consumers",
    "start-consumers",
    "retire-source",
];

/// Queries of the dashboard that have returned data at some time of the run.
pub(crate) type Answered = BTreeSet<String>;

/// Waits until Prometheus says that.
pub(crate) fn says(
    e: &Estate,
    expr: &str,
    what: &str,
    wanted: impl Fn(&[(Labels, f64)]) -> bool,
) -> Result<(), String> {
    wait_for(&format!("{expr} to say {what}"), PATIENCE, || {
        let got = e.prometheus.query(expr).map_err(text)?;
        if wanted(&got) { Ok(()) } else { Err(format!("{got:?}")) }
    })
    .map_err(|e| e.to_string())
}

/// Waits until a query has exactly this one value.
pub(crate) fn is(e: &Estate, expr: &str, value: f64) -> Result<(), String> {
    says(e, expr, &value.to_string(), |got| matches!(got, [(_, v)] if *v == value))
}

/// Waits until a query has no sample at all.
pub(crate) fn absent(e: &Estate, expr: &str) -> Result<(), String> {
    says(e, expr, "nothing", <[_]>::is_empty)
}

/// The gauges of all steps say what `/ready` and `/done` say, at one time.
pub(crate) fn verdicts(e: &Estate) -> Result<(), String> {
    wait_for("the gauges of verdicts to agree with the answers", PATIENCE, || {
        let shown: BTreeMap<(String, String), String> =
            e.prometheus.query("cutover_step_verdict == 1").map_err(text)?.into_iter().filter_map(verdict).collect();
        let ready: BTreeMap<String, f64> = (e.prometheus.query("cutover_step_ready").map_err(text)?.into_iter())
            .filter_map(|(l, v)| Some((l.get("step")?.clone(), v)))
            .collect();
        for step in STEPS {
            for gate in ["ready", "done"] {
                let a = e.agent.ask(gate, step)?;
                let shown = shown.get(&(step.to_owned(), gate.to_owned())).map(String::as_str);
                if shown != a.verdict.as_deref() {
                    return Err(format!("{gate} of {step}: {shown:?}, and the answer is {:?}", a.verdict));
                }
                if gate == "ready" && ready.get(step) != Some(&f64::from(u8::from(a.is_go()))) {
                    return Err(format!("ready of {step}: {:?}, and the answer is {}", ready.get(step), a.summary()));
                }
            }
        }
        Ok(())
    })
    .map_err(|e| e.to_string())?;
    let placed = e.prometheus.query("cutover_step_info").map_err(text)?;
    let right = |l: &Labels| l.get("step").zip(l.get("track")).is_some_and(|(s, t)| track(s) == t);
    if placed.len() == STEPS.len() && placed.iter().all(|(l, _)| right(l)) {
        return Ok(());
    }
    Err(format!("steps are not where they belong: {placed:?}"))
}

fn verdict((labels, _): (Labels, f64)) -> Option<((String, String), String)> {
    let of = |name: &str| labels.get(name).cloned();
    Some(((of("step")?, of("gate")?), of("verdict")?))
}

/// Lag and members of every group on a side, as the brokers tell the lab; nobody may be writing or reading meanwhile. A
/// lag that is not known of every partition has no series, and the number of such partitions has one.
pub(crate) fn groups(e: &Estate, side: Side) -> Result<(), String> {
    let ledger = e.kafka.oracle().ledger();
    let client = e.kafka.client(side);
    for ((_, group), facts) in ledger.groups.iter().filter(|((at, _), _)| *at == side) {
        for topic in facts.topics.iter().filter(|t| ledger.names.in_scope(side, t)) {
            let partitions = ledger.topics.get(&(side, topic.clone())).map_or(0, |t| t.partitions);
            let parts: Vec<(String, i32)> = (0..partitions).map(|p| (topic.clone(), p)).collect();
            let commits = client.committed(group, &parts).map_err(text)?;
            let (mut lag, mut unknown) = (0, 0);
            for (part, committed) in &commits {
                let (low, high) = client.watermarks(&part.0, part.1).map_err(text)?;
                match committed {
                    Some(at) => lag += high - at,
                    None if low == high => {}
                    None => unknown += 1,
                }
            }
            let labels = format!("{{side=\"{side}\",group=\"{group}\",topic=\"{topic}\"}}");
            let metric = format!("cutover_kafka_consumergroup_lag{labels}");
            #[expect(clippy::cast_precision_loss, reason = "a test's handful of records")]
            match unknown {
                0 => is(e, &metric, lag as f64)?,
                _ => absent(e, &metric)?,
            }
            is(e, &format!("cutover_kafka_consumergroup_unknown_partitions{labels}"), f64::from(unknown))?;
        }
        members(e, side, group)?;
    }
    Ok(())
}

/// The members of a group, by where they run.
pub(crate) fn members(e: &Estate, side: Side, group: &str) -> Result<(), String> {
    let [source, destination] = e.members(side, group);
    for (home, count) in [("source", source), ("destination", destination)] {
        let expr = format!(
            "max(cutover_kafka_consumergroup_members{{side=\"{side}\",group=\"{group}\",home=\"{home}\"}}) or vector(0)"
        );
        #[expect(clippy::cast_precision_loss, reason = "a handful of members")]
        is(e, &expr, count as f64)?;
    }
    Ok(())
}

/// The clients of MongoDB by home, and the oplog's window as the lab reads it: entries until now, stretched to the size
/// the oplog may have.
pub(crate) fn mongodb(e: &Estate) -> Result<(), String> {
    let ledger = e.mongo.oracle().ledger();
    for side in Side::BOTH {
        for home in Side::BOTH {
            for (role, writes) in [("writer", true), ("reader", false)] {
                let of = |((at, _), c): &(&(Side, String), &cutover_lab::ClientFacts)| {
                    *at == side && c.home == home && c.writes == writes
                };
                let count = ledger.clients.iter().filter(of).count();
                let labels = format!("{{side=\"{side}\",role=\"{role}\",home=\"{home}\"}}");
                let expr = format!("sum(cutover_mongodb_clients{labels}) or vector(0)");
                // A driver shows twice: once logged in, and once as its own watch on the server.
                #[expect(clippy::cast_precision_loss, reason = "a handful of clients")]
                says(
                    e,
                    &expr,
                    &format!("{count} clients"),
                    |got| matches!(got, [(_, v)] if *v >= count as f64 && *v <= 2.0 * count as f64),
                )?;
            }
        }
        let expr = format!("cutover_mongodb_oplog_window_seconds{{side=\"{side}\"}}");
        says(e, &expr, "what the oplog says", |got| {
            let Ok((entries, window)) = window(e, side) else { return false };
            // The rate at which it fills is that of another instant.
            matches!(got, [(_, v)] if *v + 10.0 >= entries && *v <= window * 3.0 && *v * 3.0 >= window)
        })?;
    }
    Ok(())
}

/// Seconds between the ends of an oplog, and what they become at its full size.
fn window(e: &Estate, side: Side) -> Result<(f64, f64), String> {
    let end = |order: i32| -> Result<f64, String> {
        let found = doc! { "find": "oplog.rs", "sort": { "$natural": order }, "limit": 1 };
        let answer = e.mongo_pair.set(side).run("local", found).map_err(text)?;
        let batch = answer.get_document("cursor").and_then(|c| c.get_array("firstBatch")).map_err(|e| e.to_string())?;
        let entry = batch.first().and_then(|d| d.as_document()).ok_or("an empty oplog")?;
        Ok(f64::from(entry.get_timestamp("ts").map_err(|e| e.to_string())?.time))
    };
    let stats = e.mongo_pair.set(side).run("local", doc! { "collStats": "oplog.rs" }).map_err(text)?;
    let number = |d: &Document, k: &str| -> f64 {
        d.get_i64(k).map(|n| n as f64).or_else(|_| d.get_i32(k).map(f64::from)).or_else(|_| d.get_f64(k)).unwrap_or(0.0)
    };
    let entries = end(-1)? - end(1)?;
    let stretch = (number(&stats, "maxSize") / number(&stats, "size").max(1.0)).max(1.0);
    Ok((entries, entries * stretch))
}

/// Asks every query of the dashboard, and remembers those with data.
pub(crate) fn dashboard(e: &Estate, answered: &mut Answered) -> Result<(), String> {
    for expr in queries() {
        if !e.prometheus.query(&filled(&expr)).map_err(text)?.is_empty() {
            answered.insert(expr);
        }
    }
    Ok(())
}

/// By the end of a run every query of the dashboard had data, but for what no run of real servers has.
pub(crate) fn all_answered(answered: &Answered) -> Result<(), String> {
    let never = |q: &String| q.contains("cutover_simulated");
    let silent: Vec<String> = queries().into_iter().filter(|q| !answered.contains(q) && !never(q)).collect();
    if silent.is_empty() { Ok(()) } else { Err(format!("queries of the dashboard without data: {silent:#?}")) }
}

/// Every alert evaluates here.
pub(crate) fn alerts_evaluate(e: &Estate) -> Result<(), String> {
    let exprs = alert_exprs();
    if exprs.len() < 15 {
        return Err(format!("where have the alerts gone? {exprs:?}"));
    }
    exprs.iter().try_for_each(|expr| e.prometheus.query(expr).map(drop).map_err(text))
}

/// This alert among others is pending or firing.
pub(crate) fn alerted(e: &Estate, name: &str) -> Result<(), String> {
    says(e, &format!("ALERTS{{alertname=\"{name}\"}}"), "anything", |got| !got.is_empty())
}

fn queries() -> Vec<String> {
    let d: Value = serde_json::from_str(DASHBOARD).unwrap_or_default();
    let empty = Vec::new();
    let list = |v: &Value| v.as_array().unwrap_or(&empty).clone();
    let panels: Vec<Value> = list(&d["panels"]).iter().flat_map(|p| list(&p["targets"])).collect();
    let notes = list(&d["annotations"]["list"]);
    panels.iter().chain(&notes).filter_map(|t| t["expr"].as_str()).map(str::to_owned).collect()
}

/// With the variables as a person leaves them: everything.
fn filled(expr: &str) -> String {
    let expr = expr.replace("$__rate_interval", "1m");
    ["$job", "$instance", "$group"].iter().fold(expr, |e, v| e.replace(v, ".*"))
}

fn alert_exprs() -> Vec<String> {
    let list = |y: &Yaml| y.as_vec().cloned().unwrap_or_default();
    let rules = YamlLoader::load_from_str(RULES).unwrap_or_default();
    let groups = rules.first().map(|r| list(&r["groups"])).unwrap_or_default();
    let rules = groups.iter().flat_map(|g| list(&g["rules"]));
    rules.filter_map(|r| r["expr"].as_str().map(str::to_owned)).collect()
}
