//! What Prometheus has scraped: verdicts held against what `/ready` says, and every query of the dashboard and every
//! alert asked for real. The numbers are in [`super::numbers`].

use super::estate::{Estate, text};
use super::truth::{SERVICES, track};
use crate::agent::PATIENCE;
use crate::asked;
use cutover_lab::{Labels, wait_for};
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
    asked::says(&e.prometheus, expr, what, wanted)
}

/// Waits until a query has a sample.
pub(crate) fn there(e: &Estate, expr: &str) -> Result<(), String> {
    asked::there(&e.prometheus, expr)
}

/// Waits until a query has exactly this one value.
pub(crate) fn is(e: &Estate, expr: &str, value: f64) -> Result<(), String> {
    asked::is(&e.prometheus, expr, value)
}

/// Waits until a query has no sample at all.
pub(crate) fn absent(e: &Estate, expr: &str) -> Result<(), String> {
    asked::absent(&e.prometheus, expr)
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

/// This alert among others fires.
pub(crate) fn fires(e: &Estate, name: &str) -> Result<(), String> {
    there(e, &format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}"))
}

/// The condition of this alert is met; its `for` is longer than anybody waits here.
pub(crate) fn pends(e: &Estate, name: &str) -> Result<(), String> {
    there(e, &format!("ALERTS{{alertname=\"{name}\"}}"))
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
