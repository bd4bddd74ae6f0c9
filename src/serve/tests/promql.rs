//! What stands in alerts and on the dashboard ([`super::dashboard`]) is held against the metrics there are: names, labels
//! and the values of those that only take a few. Whether it is PromQL at all, and whether alerts fire when they should,
//! promtool says.

use crate::serve::metrics::names;
use cutover_core::playbook;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

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

/// The metrics of a query. Panics where it names something there is not.
pub(super) fn checked(expr: &str) -> BTreeSet<String> {
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

pub(super) fn promtool(args: &[&str], folder: &Path) {
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
