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
fn every_alert_fires_in_one_case_and_is_silent_in_one_where_little_is_missing() {
    let cases = YamlLoader::load_from_str(CASES).unwrap().remove(0);
    let wrong: Vec<String> = rules().iter().filter_map(|r| ill_tested(r, list(&cases["tests"])).err()).collect();
    assert_eq!(wrong, [] as [String; 0]);
}

/// What the cases of an alert leave untested. A case of its own is named after it; silent in the case of another alert it
/// would be whatever its condition.
fn ill_tested(rule: &Yaml, cases: &[Yaml]) -> Result<(), String> {
    let name = rule["alert"].as_str().unwrap();
    let is = |state: &'static str| move |l: &String| l.contains(&alert(name)) && l.contains(state);
    let (firing, pending) = (is("alertstate=\"firing\""), is("alertstate=\"pending\""));
    let seen = |case: &Yaml| -> Vec<String> {
        let looks = list(&case["promql_expr_test"]).iter().flat_map(|l| list(&l["exp_samples"]));
        looks.filter_map(|s| s["labels"].as_str().map(str::to_owned)).collect()
    };
    if !cases.iter().flat_map(&seen).any(|l| firing(&l)) {
        return Err(format!("{name} is never seen to fire"));
    }
    let title = format!("near {name}: ");
    let near: Vec<&Yaml> = cases.iter().filter(|c| c["name"].as_str().unwrap().starts_with(&title)).collect();
    if near.is_empty() {
        return Err(format!("{name} is silent in no case of its own"));
    }
    for case in &near {
        let looks = list(&case["promql_expr_test"]);
        let all = |l: &&Yaml| l["expr"].as_str() == Some("ALERTS{alertstate=\"firing\"}");
        if !looks.iter().any(|l| all(&l)) || seen(case).iter().any(&firing) {
            return Err(format!("{name} is not silent in {:?}", case["name"]));
        }
    }
    // With a `for` its condition is met in one of them, and not for long enough. Without, what it asks for is all there.
    match rule["for"].as_str() {
        Some(_) if near.iter().any(|c| seen(c).iter().any(&pending)) => Ok(()),
        Some(long) => Err(format!("{name} is never seen to wait for {long}")),
        None => near.iter().try_for_each(|c| lacking(rule, c).map_or(Ok(()), |m| Err(format!("{name} near: no {m}")))),
    }
}

/// The label of an alert by this name.
fn alert(name: &str) -> String {
    format!("alertname=\"{name}\"")
}

/// A metric that a rule asks for, and the case has no series of.
fn lacking(rule: &Yaml, case: &Yaml) -> Option<String> {
    let given = |m: &String| list(&case["input_series"]).iter().any(|s| metric(s["series"].as_str().unwrap()) == m);
    checked(rule["expr"].as_str().unwrap()).into_iter().find(|m| !given(m))
}

fn metric(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

#[test]
fn an_alert_that_is_silent_only_in_the_cases_of_others_is_found() {
    let rule = |waits: &str| format!("{{ alert: A, expr: cutover_journal_up == 0{waits} }}");
    let case = |name: &str, series: &str, state: &str| {
        let seen = if state.is_empty() {
            String::new()
        } else {
            format!("{{ labels: 'ALERTS{{alertname=\"A\", {state}}}' }}")
        };
        format!(
            "- {{ name: '{name}', input_series: [{{ series: '{series}' }}], promql_expr_test: [{{ expr: \
             'ALERTS{{alertstate=\"firing\"}}', exp_samples: [{seen}] }}] }}\n"
        )
    };
    let (up, firing, pending) = ("cutover_journal_up{}", "alertstate=\"firing\"", "alertstate=\"pending\"");
    let judged = |waits: &str, cases: &[String]| {
        let load = |text: &str| YamlLoader::load_from_str(text).unwrap().remove(0);
        ill_tested(&load(&rule(waits)), list(&load(&cases.concat())))
    };
    let fires = case("it fires", up, firing);
    for (waits, cases, said) in [
        ("", vec![case("near A: x", up, "")], "never seen to fire"),
        ("", vec![fires.clone(), case("another", up, "")], "silent in no case of its own"),
        ("", vec![fires.clone(), case("near A: x", up, firing)], "is not silent"),
        ("", vec![fires.clone(), case("near A: x", "up{}", "")], "no cutover_journal_up"),
        (", for: 1m", vec![fires.clone(), case("near A: x", up, "")], "never seen to wait"),
    ] {
        assert!(judged(waits, &cases).is_err_and(|e| e.contains(said)), "{said}");
    }
    assert_eq!(judged("", &[fires.clone(), case("near A: x", up, "")]), Ok(()));
    assert_eq!(judged(", for: 1m", &[fires, case("near A: x", up, pending)]), Ok(()));
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
