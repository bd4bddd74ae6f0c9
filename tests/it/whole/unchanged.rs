//! `check --connect` on everything there is, and proof that neither it nor the agent changes anything by looking.

use super::estate::{Estate, text};
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{Commits, Side, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What could be changed: topics with their ends, commits, and the collections with their numbers of documents.
#[derive(Debug, PartialEq, Eq)]
struct Picture {
    logs: BTreeMap<(Side, String, i32), (i64, i64)>,
    commits: BTreeMap<(Side, String), Commits>,
    counts: BTreeMap<String, [u64; 2]>,
    databases: [Vec<String>; 2],
}

/// Runs `check --connect` and returns its exit code, its table and its rows as JSON.
pub(crate) fn connect(e: &Estate) -> Result<(i32, String, Vec<Value>), String> {
    let run = |more: &[&str]| -> Result<(i32, String), String> {
        let output = Command::new(env!("CARGO_BIN_EXE_cutover-agent"))
            .args(["check", "--connect", "--config"])
            .arg(e.agent.config_path())
            .args(more)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let code = output.status.code().unwrap_or(-1);
        if said.trim().is_empty() {
            return Err(format!("check says nothing and exits {code}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok((code, said))
    };
    let (code, table) = run(&[])?;
    let (again, json) = run(&["--json"])?;
    if code != again {
        return Err(format!("check exits {code}, and {again} with --json:\n{table}\n{json}"));
    }
    let parsed: Value = serde_json::from_str(&json).map_err(|e| format!("--json is no JSON: {e}\n{json}"))?;
    let rows = parsed.as_array().or_else(|| parsed["connect"].as_array()).or_else(|| parsed["targets"].as_array());
    let rows = rows.cloned().ok_or_else(|| format!("--json has no rows: {json}"))?;
    Ok((code, table, rows))
}

/// With nobody at work, the agent running and `check --connect` run: nothing has moved.
pub(crate) fn by_looking(e: &Estate) -> Result<(), String> {
    let before = picture(e)?;
    let marks = [newest(e, Side::Source)?, newest(e, Side::Destination)?];
    let samples = |target: &str| {
        let found = e.prometheus.query(&format!("cutover_target_samples_total{{target=\"{target}\"}}")).map_err(text);
        Ok::<f64, String>(found?.first().map_or(0.0, |(_, v)| *v))
    };
    let (code, table, rows) = connect(e)?;
    if code != 0 {
        return Err(format!("everything can be read, and check exits {code}:\n{table}"));
    }
    let targets = ["kafka/source", "kafka/destination", "mongodb/source", "mongodb/destination"];
    let probes = ["api", "entry", "traffic", "names"];
    for name in targets.iter().chain(&probes) {
        let row = rows.iter().any(|r| r["target"].as_str().is_some_and(|t| t.contains(name)));
        if !table.contains(name) || !row {
            return Err(format!("check says nothing of {name}:\n{table}\n{rows:#?}"));
        }
    }
    // The agent goes on looking meanwhile: five more samples of each target.
    for target in targets {
        let from = samples(target)?;
        wait_for(&format!("five more samples of {target}"), Duration::from_secs(60), || {
            let now = samples(target)?;
            if now >= from + 5.0 { Ok(()) } else { Err(format!("{now} after {from}")) }
        })
        .map_err(|e| e.to_string())?;
    }
    let after = picture(e)?;
    if before != after {
        return Err(format!("something has changed by looking:\n{before:#?}\n{after:#?}"));
    }
    for (side, mark) in Side::BOTH.into_iter().zip(marks) {
        let since = mark.get_timestamp("ts").map_err(|e| e.to_string())?;
        let foreign =
            doc! { "ts": { "$gt": since }, "op": { "$ne": "n" }, "ns": { "$not": { "$regex": "^config\\." } } };
        let found = doc! { "find": "oplog.rs", "filter": foreign, "limit": 3 };
        let batch = first_batch(&e.mongo_pair.set(side).run("local", found).map_err(text)?)?;
        if !batch.is_empty() {
            return Err(format!("something was written to the {side} by looking: {batch:?}"));
        }
    }
    Ok(())
}

fn picture(e: &Estate) -> Result<Picture, String> {
    let ledger = e.kafka.oracle().ledger();
    let (mut logs, mut commits) = (BTreeMap::new(), BTreeMap::new());
    for side in Side::BOTH {
        let client = e.kafka.client(side);
        let mut parts = Vec::new();
        for (topic, partitions) in client.topics().map_err(text)? {
            // Other tests share the clusters.
            if ledger.names.in_scope(side, &topic) {
                for p in 0..partitions {
                    logs.insert((side, topic.clone(), p), client.watermarks(&topic, p).map_err(text)?);
                    parts.push((topic.clone(), p));
                }
            }
        }
        for (_, group) in ledger.groups.keys().filter(|(at, _)| *at == side) {
            commits.insert((side, group.clone()), client.committed(group, &parts).map_err(text)?);
        }
    }
    let databases = |side| -> Result<Vec<String>, String> {
        let listed = e.mongo_pair.set(side).run("admin", doc! { "listDatabases": 1, "nameOnly": true });
        let listed = listed.map_err(text)?;
        let names = listed.get_array("databases").map_err(|e| e.to_string())?;
        Ok(names.iter().filter_map(|d| Some(d.as_document()?.get_str("name").ok()?.to_owned())).collect())
    };
    let counts = e.mongo.count_check().map_err(text)?;
    Ok(Picture { logs, commits, counts, databases: [databases(Side::Source)?, databases(Side::Destination)?] })
}

/// The newest entry of an oplog.
fn newest(e: &Estate, side: Side) -> Result<Document, String> {
    let found = doc! { "find": "oplog.rs", "sort": { "$natural": -1 }, "limit": 1 };
    let batch = first_batch(&e.mongo_pair.set(side).run("local", found).map_err(text)?)?;
    batch.into_iter().next().ok_or_else(|| "an empty oplog".to_owned())
}

fn first_batch(answer: &Document) -> Result<Vec<Document>, String> {
    let batch = answer.get_document("cursor").and_then(|c| c.get_array("firstBatch")).map_err(|e| e.to_string())?;
    Ok(batch.iter().filter_map(|d| d.as_document().cloned()).collect())
}
