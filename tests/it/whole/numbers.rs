//! Lag, members, clients, windows and mirrors as scraped, held against what the lab knows: the brokers and servers tell
//! its own administrators, the ledgers tell who is at work. What cannot be known must have no series: that an absent one
//! reads as zero nowhere is part of every comparison.

use super::estate::{Estate, text};
use super::series::{absent, is, says, there};
use cutover_lab::mongodb::bson::{Document, doc};
use cutover_lab::{ClientFacts, GroupFacts, Labels, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Lag and members of every group on a side, as the brokers tell the lab; nobody may be reading meanwhile. A lag that is
/// not known of every partition has no series, and the number of such partitions has one.
pub(crate) fn groups(e: &Estate, side: Side) -> Result<(), String> {
    let ledger = e.kafka.oracle().ledger();
    let mut of_side = ledger.groups.keys().filter(|(at, _)| *at == side).peekable();
    if of_side.peek().is_none() {
        return Err(format!("the lab has no group at the {side}: nothing is compared"));
    }
    of_side.try_for_each(|(_, group)| self::group(e, side, group))
}

/// The same of one group.
pub(crate) fn group(e: &Estate, side: Side, group: &str) -> Result<(), String> {
    for topic in topics(e, side, group)? {
        let of = labels(side, group, &topic);
        let lag = format!("cutover_kafka_consumergroup_lag{of}");
        let seconds = format!("cutover_kafka_consumergroup_lag_seconds{of}");
        let (least, unknown) = behind(e, side, group, &topic)?;
        is(e, &format!("cutover_kafka_consumergroup_unknown_partitions{of}"), f64::from(unknown))?;
        if unknown > 0 {
            absent(e, &lag)?;
            absent(e, &seconds)?;
            continue;
        }
        // Somebody may write meanwhile: it is what it was before, or what it is after, or between.
        says(e, &lag, &format!("{least} or more"), |got| {
            let most = behind(e, side, group, &topic).map(|(most, _)| most);
            matches!((got, most), ([(_, v)], Ok(most)) if *v >= least && *v <= most)
        })?;
        if behind(e, side, group, &topic)?.0 == 0.0 {
            is(e, &seconds, 0.0)?;
        }
    }
    members(e, side, group)
}

/// A group is behind since records arrived that the agent has seen arrive: it knows for how long.
pub(crate) fn waits(e: &Estate, side: Side, group: &str, topic: &str) -> Result<(), String> {
    let seconds = format!("cutover_kafka_consumergroup_lag_seconds{}", labels(side, group, topic));
    says(e, &seconds, "more than none", |got| matches!(got, [(_, v)] if *v > 0.0))
}

/// The members of a group, by where they run, on each topic it reads. A group the broker does not have has no members
/// that anybody knows: then there is no series, though the side is measured.
pub(crate) fn members(e: &Estate, side: Side, group: &str) -> Result<(), String> {
    let ledger = e.kafka.oracle().ledger();
    let facts = ledger.groups.get(&(side, group.to_owned())).ok_or_else(|| nobody(side, group))?;
    let exists = !facts.members.is_empty() || !facts.committed.is_empty();
    let [source, destination] = e.members(side, group);
    #[expect(clippy::cast_precision_loss, reason = "a handful of members")]
    let counted = [("source", source as f64), ("destination", destination as f64), ("unattributed", 0.0)];
    let wanted: BTreeMap<&str, f64> = if exists { counted.into() } else { BTreeMap::new() };
    for topic in topics(e, side, group)? {
        let expr = format!("cutover_kafka_consumergroup_members{}", labels(side, group, &topic));
        says(e, &expr, &format!("{wanted:?}"), |got| {
            let shown = got.iter().filter_map(|(l, v)| Some((l.get("home")?.as_str(), *v)));
            shown.collect::<BTreeMap<_, _>>() == wanted
        })?;
    }
    is(e, &format!("cutover_target_up{{target=\"kafka/{side}\"}}"), 1.0)
}

/// What held in every scrape of a run: a lag that hides an unknown partition is not shown, and the time of a lag goes
/// with the lag.
pub(crate) fn at_all_times(e: &Estate) -> Result<(), String> {
    let (lag, seconds) = ("cutover_kafka_consumergroup_lag", "cutover_kafka_consumergroup_lag_seconds");
    let unknown = "cutover_kafka_consumergroup_unknown_partitions";
    for never in [
        format!("{lag} and ({unknown} > 0)"),
        format!("{lag} unless {unknown}"),
        format!("({unknown} == 0) unless {lag}"),
        format!("{seconds} unless {lag}"),
        format!("({seconds} == 0) and ({lag} > 0)"),
        format!("({seconds} > 0) and ({lag} == 0)"),
        format!("{lag} < 0 or {seconds} < 0"),
        "cutover_mirror_lag_seconds < 0 or cutover_mirror_headroom_seconds < 0".to_owned(),
    ] {
        let found = e.prometheus.query(&format!("count_over_time(({never})[1h:1s])")).map_err(text)?;
        if !found.is_empty() {
            return Err(format!("{never} was so: {found:?}"));
        }
    }
    there(e, &format!("count_over_time({lag}[1h])"))
}

fn labels(side: Side, group: &str, topic: &str) -> String {
    format!("{{side=\"{side}\",group=\"{group}\",topic=\"{topic}\"}}")
}

fn nobody(side: Side, group: &str) -> String {
    format!("the lab has no group {group} at the {side}")
}

/// The topics in scope that a group reads, or has commits on.
fn topics(e: &Estate, side: Side, group: &str) -> Result<BTreeSet<String>, String> {
    let ledger = e.kafka.oracle().ledger();
    let facts: &GroupFacts = ledger.groups.get(&(side, group.to_owned())).ok_or_else(|| nobody(side, group))?;
    let committed = facts.committed.keys().map(|(t, _)| t);
    let all: BTreeSet<String> =
        facts.topics.iter().chain(committed).filter(|t| ledger.names.in_scope(side, t)).cloned().collect();
    if all.is_empty() { Err(format!("{group} reads nothing at the {side}: nothing is compared")) } else { Ok(all) }
}

/// Records a group is behind on a topic, and partitions of which that is not known.
fn behind(e: &Estate, side: Side, group: &str, topic: &str) -> Result<(f64, u32), String> {
    let ledger = e.kafka.oracle().ledger();
    let partitions = ledger.topics.get(&(side, topic.to_owned())).map_or(0, |t| t.partitions);
    let parts: Vec<(String, i32)> = (0..partitions).map(|p| (topic.to_owned(), p)).collect();
    let client = e.kafka.client(side);
    let (mut lag, mut unknown) = (0, 0);
    for (part, committed) in &client.committed(group, &parts).map_err(text)? {
        let (low, high) = client.watermarks(&part.0, part.1).map_err(text)?;
        match committed {
            Some(at) => lag += high - at,
            None if low == high => {}
            None => unknown += 1,
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a test's handful of records")]
    Ok((lag as f64, unknown))
}

/// The clients of MongoDB by home, and the oplog's window as the lab reads it: entries until now, stretched to the size
/// the oplog may have; and what is known of the mirror.
pub(crate) fn mongodb(e: &Estate) -> Result<(), String> {
    let ledger = e.mongo.oracle().ledger();
    for side in Side::BOTH {
        let mut wanted: BTreeMap<(String, String), usize> = BTreeMap::new();
        for ((_, _), c) in ledger.clients.iter().filter(|((at, _), _)| *at == side) {
            *wanted.entry(by(c)).or_default() += 1;
        }
        let expr = format!("cutover_mongodb_clients{{side=\"{side}\"}}");
        says(e, &expr, &format!("{wanted:?}"), |got| counted(got).is_some_and(|shown| agree(&shown, &wanted)))?;
        let expr = format!("cutover_mongodb_oplog_window_seconds{{side=\"{side}\"}}");
        says(e, &expr, "what the oplog says", |got| {
            let Ok((entries, window)) = window(e, side) else { return false };
            // The rate at which it fills is that of another instant.
            matches!(got, [(_, v)] if *v + 10.0 >= entries && *v <= window * 3.0 && *v * 3.0 >= window)
        })?;
    }
    mirror(e)
}

/// Lag and headroom of the mirror: it runs, and both are known; it does not, and neither is.
fn mirror(e: &Estate) -> Result<(), String> {
    let mirror = e.mongo.mirror("mirror").map_err(text)?;
    let (lag, left) = ("cutover_mirror_lag_seconds", "cutover_mirror_headroom_seconds");
    if !mirror.is_alive() {
        return absent(e, lag).and_then(|()| absent(e, left));
    }
    // Its position only goes on, and the oplog's beginning is where it was: so much is left at least.
    let applied = f64::from(u32::try_from(mirror.state().map_err(text)?.applied >> 32).unwrap_or(u32::MAX));
    let least = applied - end(e, Side::Source, 1)?;
    says(e, left, &format!("{least} or more"), |got| matches!(got, [(_, v)] if *v >= least && *v > 0.0))?;
    there(e, &format!("{left} <= on () cutover_mongodb_oplog_window_seconds{{side=\"source\"}}"))?;
    match e.mongo.writers(Side::Source).is_empty() {
        true => is(e, lag, 0.0),
        false => says(e, lag, "a lag", |got| matches!(got, [(_, v)] if *v >= 0.0)),
    }
}

/// The role and the home of a client of the lab.
fn by(c: &ClientFacts) -> (String, String) {
    (if c.writes { "writer" } else { "reader" }.to_owned(), c.home.to_string())
}

/// Readers and writers by role and home. `None` where nobody at all is listed: the lab itself always looks.
fn counted(got: &[(Labels, f64)]) -> Option<BTreeMap<(String, String), f64>> {
    let of = |l: &Labels| Some((l.get("role")?.clone(), l.get("home")?.clone()));
    let all: BTreeMap<(String, String), f64> = got.iter().filter_map(|(l, v)| Some((of(l)?, *v))).collect();
    let ours = |role: &str| matches!(role, "reader" | "writer");
    (!all.is_empty()).then(|| all.into_iter().filter(|((role, _), _)| ours(role)).collect())
}

/// A driver shows twice: once logged in, and once as its own watch on the server. Who is not there has no series.
fn agree(shown: &BTreeMap<(String, String), f64>, wanted: &BTreeMap<(String, String), usize>) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a handful of clients")]
    let near = |v: f64, n: usize| v >= n as f64 && v <= 2.0 * n as f64;
    shown.len() == wanted.len() && wanted.iter().all(|(k, n)| shown.get(k).is_some_and(|v| near(*v, *n)))
}

/// Seconds between the ends of an oplog, and what they become at its full size.
fn window(e: &Estate, side: Side) -> Result<(f64, f64), String> {
    let stats = e.mongo_pair.set(side).run("local", doc! { "collStats": "oplog.rs" }).map_err(text)?;
    let number = |d: &Document, k: &str| -> f64 {
        d.get_i64(k).map(|n| n as f64).or_else(|_| d.get_i32(k).map(f64::from)).or_else(|_| d.get_f64(k)).unwrap_or(0.0)
    };
    let entries = end(e, side, -1)? - end(e, side, 1)?;
    let stretch = (number(&stats, "maxSize") / number(&stats, "size").max(1.0)).max(1.0);
    Ok((entries, entries * stretch))
}

/// The second of the first (1) or the last (-1) entry of an oplog.
fn end(e: &Estate, side: Side, order: i32) -> Result<f64, String> {
    let found = doc! { "find": "oplog.rs", "sort": { "$natural": order }, "limit": 1 };
    let answer = e.mongo_pair.set(side).run("local", found).map_err(text)?;
    let batch = answer.get_document("cursor").and_then(|c| c.get_array("firstBatch")).map_err(|e| e.to_string())?;
    let entry = batch.first().and_then(|d| d.as_document()).ok_or("an empty oplog")?;
    Ok(f64::from(entry.get_timestamp("ts").map_err(|e| e.to_string())?.time))
}
