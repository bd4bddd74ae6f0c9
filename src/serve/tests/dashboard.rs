//! The dashboard: it asks for what there is, and what it shows of what is not measured is never a number.

use super::promql::{checked, promtool};
use crate::serve::metrics::names;
use serde_json::Value;
use std::collections::BTreeSet;

const DASHBOARD: &str = include_str!("../../../dashboards/cutover-overview.json");

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
fn promtool_understands_every_query_of_the_dashboard() {
    let rule = |(i, e): (usize, &String)| serde_json::json!({ "record": format!("q:{i}"), "expr": filled(e) });
    let rules: Vec<Value> = dashboard().iter().enumerate().map(rule).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string();
    std::fs::write(folder.path().join("rules.yaml"), file).unwrap();
    promtool(&["check", "rules", "rules.yaml"], folder.path());
}

/// A tile with the last value of a range would show what an agent said before it died.
#[test]
fn tiles_are_about_now_and_what_is_absent_is_called_unknown() {
    let d: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = d["panels"].as_array().unwrap();
    let tiles: Vec<&Value> = panels.iter().filter(|p| p["type"] == "stat").collect();
    assert!(tiles.len() > 5, "{}", tiles.len());
    for p in tiles {
        assert_eq!(p["fieldConfig"]["defaults"]["noValue"], "unknown", "{}", p["title"]);
        for t in p["targets"].as_array().unwrap() {
            assert_eq!((&t["instant"], &t["range"]), (&true.into(), &false.into()), "{}", p["title"]);
        }
    }
    for p in panels.iter().filter(|p| p["type"] == "timeseries") {
        let calcs = p["options"]["legend"]["calcs"].to_string();
        assert!(!calcs.contains("NotNull"), "{}: a legend that remembers", p["title"]);
    }
}

#[test]
fn the_dashboard_tells_none_from_unknown() {
    const AGENT: &str = "job=\"cutover-agent\", instance=\"a:9820\"";
    let faster = format!("cutover_rehearsal_faster{{{AGENT}}}");
    let downtime = format!("cutover_track_downtime_start_timestamp_seconds{{{AGENT}, track=\"kafka\"}}");
    let blocked =
        |step: &str, code: &str| format!("cutover_step_blockers{{{AGENT}, step=\"{step}\", code=\"{code}\"}}");
    let of = |group: &str, topic: &str| format!("{AGENT}, side=\"source\", group=\"{group}\", topic=\"{topic}\"");
    let members =
        |group, topic, home| format!("cutover_kafka_consumergroup_members{{{}, home=\"{home}\"}}", of(group, topic));
    let partitions = |group, topic| format!("cutover_kafka_consumergroup_unknown_partitions{{{}}}", of(group, topic));
    let (held, waits) = (blocked("stop-consumers", "hold"), blocked("retire-source", "predecessor"));

    // The agent is there; it is not, or its board is old; it says more.
    let [open, none] = panel("Downtime open");
    tells(&[(&faster, "10x4")], &[(&open, &[]), (&none, &[(AGENT, -1)])]);
    tells(&[], &[(&open, &[]), (&none, &[])]);
    let track = format!("{AGENT}, track=\"kafka\"");
    tells(&[(&faster, "10x4"), (&downtime, "20x4")], &[(&open, &[(&track, 40)]), (&none, &[])]);

    let [steps] = panel("Steps held");
    tells(&[(&faster, "10x4"), (&waits, "1x4")], &[(&steps, &[(AGENT, 0)])]);
    tells(&[], &[(&steps, &[])]);
    tells(&[(&faster, "10x4"), (&held, "1x4"), (&waits, "1x4")], &[(&steps, &[(AGENT, 1)])]);

    // Two members on two topics are two; of a group whose members on one topic are not known nothing is said but that.
    let [known, unknown] = panel("Members by home");
    let group = |name: &str, home: &str| format!("{AGENT}, side=\"source\", group=\"{name}\"{home}");
    tells(
        &[
            (&members("g", "t", "source"), "2x4"),
            (&members("g", "t", "destination"), "0x4"),
            (&members("g", "u", "source"), "2x4"),
            (&members("g", "u", "destination"), "0x4"),
            (&members("half", "t", "source"), "1x4"),
            (&partitions("g", "t"), "0x4"),
            (&partitions("g", "u"), "0x4"),
            (&partitions("half", "t"), "0x4"),
            (&partitions("half", "u"), "0x4"),
            (&partitions("gone", "t"), "2x4"),
        ],
        &[
            (&known, &[(&group("g", ", home=\"source\""), 2), (&group("g", ", home=\"destination\""), 0)]),
            (&unknown, &[(&group("half", ""), 1), (&group("gone", ""), 1)]),
        ],
    );
}

/// The queries of a panel with the variables filled in.
fn panel<const N: usize>(title: &str) -> [String; N] {
    let d: Value = serde_json::from_str(DASHBOARD).unwrap();
    let found = d["panels"].as_array().unwrap().iter().find(|p| p["title"] == title).unwrap();
    let targets = found["targets"].as_array().unwrap();
    let exprs: Vec<String> = targets.iter().map(|t| filled(t["expr"].as_str().unwrap())).collect();
    exprs.try_into().unwrap()
}

/// Labels and values.
type Samples<'a> = &'a [(&'a str, i64)];

/// What promtool makes of queries, a minute after these series began.
fn tells(series: &[(&str, &str)], queries: &[(&str, Samples<'_>)]) {
    let series: Vec<Value> = series.iter().map(|(s, v)| serde_json::json!({ "series": s, "values": v })).collect();
    let sample = |(l, v): &(&str, i64)| serde_json::json!({ "labels": format!("{{{l}}}"), "value": v });
    let asked = |(expr, samples): &(&str, Samples<'_>)| {
        let samples: Vec<Value> = samples.iter().map(sample).collect();
        serde_json::json!({ "expr": expr, "eval_time": "1m", "exp_samples": samples })
    };
    let queries: Vec<Value> = queries.iter().map(asked).collect();
    let file = serde_json::json!({
        "evaluation_interval": "15s",
        "tests": [{ "interval": "15s", "input_series": series, "promql_expr_test": queries }],
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("test.yaml"), file.to_string()).unwrap();
    promtool(&["test", "rules", "test.yaml"], folder.path());
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
