//! What stands in dashboards and alerts is held against the metrics there are: names, labels and the values of those
//! that only take a few. Whether it is PromQL at all, and whether alerts fire when they should, promtool says.

use crate::serve::metrics::names;
use cutover_core::playbook;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

const DASHBOARD: &str = include_str!("../../../dashboards/cutover-overview.json");
const RULES: &str = include_str!("../../../alerts/cutover.rules.yaml");
const CASES: &str = include_str!("../../../alerts/cutover.test.yaml");

/// Labels that Prometheus itself adds.
const SCRAPED: [&str; 2] = ["job", "instance"];

/// Operators, functions, units of time; anything else in a query is a metric that does not exist.
const WORDS: [&str; 18] = [
    "and",
    "or",
    "unless",
    "s",
    "m",
    "h",
    "d",
    "__rate_interval",
    "sum",
    "count",
    "min",
    "max",
    "rate",
    "increase",
    "delta",
    "deriv",
    "time",
    "absent",
];

/// Where promtool is not to be had, this says why the tests that need it may be left out.
const WITHOUT: &str = "CUTOVER_WITHOUT_PROMTOOL";

#[test]
fn the_dashboard_asks_only_for_what_there_is() {
    let exprs = dashboard();
    assert!(exprs.len() > 30, "{}", exprs.len());
    let used: BTreeSet<String> = exprs.iter().flat_map(|e| checked(e)).collect();
    // What docs/metrics.md lists is worth a look; a few are for alerts and for the curious.
    let unseen: Vec<&str> = names::ALL.iter().map(|m| m.name).filter(|n| !used.contains(*n)).collect();
    assert_eq!(
        unseen,
        [
            "cutover_step_ready",
            "cutover_mirror_refreshes_total",
            "process_virtual_memory_bytes",
            "process_open_fds",
            "process_start_time_seconds"
        ]
    );
}

#[test]
fn the_dashboard_is_laid_out_without_overlaps() {
    let d: Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(d["schemaVersion"].as_u64().unwrap() >= 36);
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for p in d["panels"].as_array().unwrap() {
        assert!(ids.insert(p["id"].as_u64().unwrap()), "an id twice: {}", p["id"]);
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|k| p["gridPos"][k].as_u64().unwrap());
        assert!(x + w <= 24, "{}", p["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{} lies over another panel", p["title"]);
        }
        if p["type"] != "row" {
            assert_eq!(p["datasource"]["uid"], "${datasource}", "{}", p["title"]);
            assert!(!p["description"].as_str().unwrap().is_empty(), "{}", p["title"]);
        }
    }
    let rows: Vec<&str> = titles(&d).collect();
    assert_eq!(rows, ["Migration", "Kafka", "MongoDB", "Agent"]);
}

fn titles(d: &Value) -> impl Iterator<Item = &str> {
    d["panels"].as_array().unwrap().iter().filter(|p| p["type"] == "row").map(|p| p["title"].as_str().unwrap())
}

#[test]
fn alerts_ask_only_for_what_there_is_and_tell_a_person_what_to_do() {
    let operating = include_str!("../../../docs/operating.md");
    for rule in rules() {
        let name = rule["alert"].as_str().unwrap();
        checked(rule["expr"].as_str().unwrap());
        assert!(["critical", "warning", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        for words in ["summary", "description", "runbook"] {
            assert!(rule["annotations"][words].as_str().is_some_and(|w| w.len() > 20), "{name} has no {words}");
        }
        assert!(operating.contains(&format!("| `{name}` |")), "docs/operating.md does not say what {name} wants");
    }
}

#[test]
fn every_alert_fires_in_one_case_and_is_silent_in_another() {
    let cases = YamlLoader::load_from_str(CASES).unwrap().remove(0);
    let (mut fires, mut silent): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    for looked in list(&cases["tests"]).iter().flat_map(|c| list(&c["promql_expr_test"])) {
        let labels: String = list(&looked["exp_samples"]).iter().filter_map(|s| s["labels"].as_str()).collect();
        for rule in rules() {
            let name = rule["alert"].as_str().unwrap().to_owned();
            let firing = labels.contains(&format!("alertname=\"{name}\""));
            if firing {
                fires.insert(name)
            } else {
                silent.insert(name)
            };
        }
    }
    let all: BTreeSet<String> = rules().iter().map(|r| r["alert"].as_str().unwrap().to_owned()).collect();
    assert_eq!(fires, all, "these alerts are seen to fire");
    assert_eq!(silent, all, "these alerts are seen not to fire");
}

#[test]
fn promtool_understands_the_rules_and_their_cases_hold() {
    let alerts = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts");
    promtool(&["check", "rules", "cutover.rules.yaml"], &alerts);
    promtool(&["test", "rules", "cutover.test.yaml"], &alerts);
}

#[test]
fn promtool_understands_every_query_of_the_dashboard() {
    let rule = |(i, e): (usize, &String)| serde_json::json!({ "record": format!("q:{i}"), "expr": filled(e) });
    let rules: Vec<Value> = dashboard().iter().enumerate().map(rule).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string();
    std::fs::write(folder.path().join("rules.yaml"), file).unwrap();
    promtool(&["check", "rules", "rules.yaml"], folder.path());
}

#[test]
fn a_misspelt_metric_label_or_value_is_found() {
    for wrong in [
        "cutover_step_redy == 1",
        "sum by (stp) (cutover_step_ready)",
        "cutover_step_ready{gate=\"ready\"}",
        "cutover_step_life{life=\"finished\"}",
        "cutover_step_ready{step=\"stop-everything\"}",
        "cutover_mirror_lag_seconds unless on (miror) cutover_mirror_headroom_seconds",
    ] {
        assert!(std::panic::catch_unwind(|| checked(wrong)).is_err(), "{wrong}");
    }
    assert_eq!(checked("up{job=~\"cutover.*\"} == 0 or time() - cutover_journal_up > 3").len(), 1);
}

fn list(y: &Yaml) -> &[Yaml] {
    y.as_vec().map_or(&[], Vec::as_slice)
}

fn rules() -> Vec<Yaml> {
    let rules = YamlLoader::load_from_str(RULES).unwrap().remove(0);
    list(&rules["groups"]).iter().flat_map(|g| list(&g["rules"]).to_vec()).collect()
}

/// Every query of the dashboard: panels, annotations, variables.
fn dashboard() -> Vec<String> {
    let d: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = d["panels"].as_array().unwrap().iter().filter_map(|p| p["targets"].as_array()).flatten();
    let notes = d["annotations"]["list"].as_array().unwrap().iter();
    let queries = panels.chain(notes).filter_map(|t| t["expr"].as_str()).map(str::to_owned);
    let variables = d["templating"]["list"].as_array().unwrap().iter().filter_map(|v| v["definition"].as_str());
    let selectors = variables.map(|v| v.strip_prefix("label_values(").unwrap().rsplit_once(',').unwrap().0.to_owned());
    queries.chain(selectors).collect()
}

/// With the dashboard's variables filled in.
fn filled(expr: &str) -> String {
    let expr = expr.replace("$__rate_interval", "5m");
    ["$job", "$instance", "$group"].iter().fold(expr, |e, v| e.replace(v, ".*"))
}

/// The metrics of a query. Panics where it names something there is not.
fn checked(expr: &str) -> BTreeSet<String> {
    let metrics: BTreeMap<&str, &[&str]> = names::ALL.iter().map(|m| (m.name, m.labels)).collect();
    let every: BTreeSet<&str> = metrics.values().flat_map(|l| l.iter().copied()).chain(SCRAPED).collect();
    let mut found = BTreeSet::new();
    let mut rest = expr;
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"') {
        rest = &rest[at..];
        if let Some(text) = rest.strip_prefix('"') {
            rest = text.split_once('"').unwrap().1;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        let opens = after.trim_start();
        if ["by", "on", "without", "ignoring", "group_left", "group_right"].contains(&word) {
            let (labels, after) = opens.strip_prefix('(').unwrap().split_once(')').unwrap();
            for label in labels.split(',').map(str::trim).filter(|l| !l.is_empty()) {
                assert!(every.contains(label), "no metric has the label {label}: {expr}");
            }
            rest = after;
        } else if let Some(labels) = metrics.get(word) {
            found.insert(word.to_owned());
            if let Some(selector) = opens.strip_prefix('{') {
                let (matchers, after) = selector.split_once('}').unwrap();
                matchers.split(',').for_each(|m| matcher(m.trim(), labels, expr));
                rest = after;
            }
        } else if word == "up" {
            let selector = opens.strip_prefix('{').unwrap();
            rest = selector.split_once('}').unwrap().1;
        } else {
            assert!(WORDS.contains(&word), "there is no {word}: {expr}");
        }
    }
    found
}

fn matcher(m: &str, labels: &[&str], expr: &str) {
    let end = m.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap();
    let (label, rest) = m.split_at(end);
    assert!(labels.contains(&label) || SCRAPED.contains(&label), "the metric has no label {label}: {expr}");
    let value = rest.trim_start_matches(['=', '~', '!']).trim_matches('"');
    let known: Vec<&str> = match label {
        "step" => playbook::all_steps().map(|s| s.id).collect(),
        "gate" => vec!["ready", "done"],
        "verdict" => vec!["go", "no-go", "unknown"],
        "life" => vec!["pending", "skipped", "begun", "done", "undone", "out-of-order"],
        "side" => vec!["source", "destination"],
        "track" => vec!["services", "mongodb", "kafka"],
        "code" => vec!["hold", "tripwire", "predecessor", "out-of-order", "undone", "other-downtime"],
        _ => return,
    };
    for v in value.split('|') {
        assert!(known.contains(&v), "{label} is never {v}: {expr}");
    }
}

fn promtool(args: &[&str], folder: &Path) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found: Option<PathBuf> = std::env::split_paths(&path).map(|p| p.join("promtool")).find(|p| p.is_file());
    let Some(promtool) = found else {
        let why = std::env::var(WITHOUT).unwrap_or_default();
        assert!(!why.is_empty(), "promtool is missing: apt-get install prometheus; or say why not in {WITHOUT}");
        eprintln!("left out, {WITHOUT}: {why}");
        return;
    };
    let out = Command::new(promtool).args(args).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "promtool {args:?}:\n{said}");
}
