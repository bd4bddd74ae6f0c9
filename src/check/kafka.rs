//! What the agent can read of a Kafka cluster.

use super::scope::{nothing_in_scope, outside_of};
use super::{CONNECT, Row, Taken, first};
use crate::sample::kafka::{Once, Sampler, read_once};
use cutover_core::Name;
use cutover_core::estate::kafka::{KafkaConfigs, KafkaSample};
use cutover_core::estate::{Content, Failure, FailureKind, Side, Target};

const EVERY: &str = "every step of the kafka track";

/// Tries everything on one side.
pub(super) async fn side(s: &Sampler, taken: &mut Taken) -> Vec<Row> {
    let target = format!("kafka/{}", s.side);
    let row = |capability, needed_by: &'static str, ok, found: String, fix: Option<&str>| Row {
        target: target.clone(),
        capability,
        needed_by: needed_by.into(),
        ok,
        required: true,
        found,
        fix: if ok { None } else { fix.map(|f| f.replace("<principal>", "User:<the agent's user>")) },
        passes: None,
    };
    let Once { sample, configs, outside } = match read_once(s).await {
        Ok(read) => read,
        Err(f) => {
            let fix = "mend the address, the network or the credentials in the client properties of this side";
            return vec![row(CONNECT, EVERY, false, f.message.to_string(), Some(fix))];
        }
    };
    taken.push((Target::Kafka(s.side), Content::Kafka(Box::new(sample.clone()))));
    if let Ok(c) = &configs {
        taken.push((Target::Kafka(s.side), Content::KafkaConfigs(Box::new(c.clone()))));
    }
    let mut rows = vec![row(CONNECT, EVERY, true, sample.cluster_id.to_string(), None)];
    for b in sample.brokers.values() {
        let found = b.reached.as_ref().map_or_else(|f| f.message.to_string(), |()| "answers".to_owned());
        let found = format!("{}: {found}", b.address);
        let fix = "open the network to this advertised address, or advertise one that can be reached";
        rows.push(row("advertised broker", "switch-producers", b.reached.is_ok(), found, Some(fix)));
    }
    let acl = |resource: &str, operation: &str| {
        format!(
            "kafka-acls --bootstrap-server … --add --allow-principal <principal> --operation {operation} {resource}"
        )
    };
    let needed = "switch-producers, stop-consumers, start-consumers";
    let offsets = sample.may_describe.as_ref().err();
    let offsets = offsets.filter(|f| f.kind == FailureKind::Privilege && f.message.contains("__consumer_offsets"));
    let visible = match &sample.may_describe {
        Ok(true) => Ok("allowed; the list of groups hides nothing".to_owned()),
        Ok(false) => Err("not allowed: the list of groups may be shortened without a word".to_owned()),
        Err(_) if offsets.is_some() => Ok("allowed".to_owned()),
        Err(f) => Err(f.message.to_string()),
    };
    let (ok, found) = (visible.is_ok(), visible.unwrap_or_else(|e| e));
    rows.push(row("Describe on the cluster", needed, ok, found, Some(&acl("--cluster", "Describe"))));
    if let Some(f) = offsets {
        let found = f.message.split("; grant it: ").next().unwrap_or_default().to_owned();
        let fix = acl("--topic __consumer_offsets", "Describe");
        rows.push(row("Describe on __consumer_offsets", needed, false, found, Some(&fix)));
    }
    let unlisted: Vec<String> = sample.unlisted.values().map(|f| f.message.to_string()).collect();
    let listed = unlisted.is_empty();
    let found = if listed { format!("{} concern the scope", sample.groups.len()) } else { unlisted.join("; ") };
    rows.push(row("groups of every broker", EVERY, listed, found, None));
    rows.push(topics(s, &sample, &outside, &row, &acl));
    rows.extend(readings(&sample, &configs, s.side, &row, &acl));
    rows
}

type MakeRow<'a> = dyn Fn(&'static str, &'static str, bool, String, Option<&str>) -> Row + 'a;

/// Whether there is anything to look at, and why not.
fn topics(
    s: &Sampler,
    sample: &KafkaSample,
    outside: &[Name],
    row: &MakeRow<'_>,
    acl: &dyn Fn(&str, &str) -> String,
) -> Row {
    let inside = sample.topics.len();
    let mut found = format!("{inside} in scope, {} outside", sample.topics_outside);
    if inside > 0 {
        return row("topics in scope", EVERY, true, found, None);
    }
    found.push_str(&outside_of(outside));
    let see = format!(
        "create the topics, or let the agent see them: {}",
        acl("--topic '<prefix>' --resource-pattern-type prefixed", "Describe")
    );
    let fix = nothing_in_scope(&s.settings, s.side, outside).unwrap_or(see);
    row("topics in scope", EVERY, false, found, Some(&fix))
}

/// Topics in scope that lie on the brokers' disks and are in no list that the agent gets; none where brokers do not tell.
fn hidden(
    sample: &KafkaSample,
    configs: &KafkaConfigs,
    row: &MakeRow<'_>,
    acl: &dyn Fn(&str, &str) -> String,
) -> Option<Row> {
    let hidden: Vec<&str> = configs.logs.iter().filter(|t| !sample.topics.contains_key(*t)).map(|t| &**t).collect();
    let needed = "switch-producers, stop-consumers, retire-source";
    let [first, ..] = hidden.as_slice() else {
        let row = || row("every topic is listed", needed, true, "none is hidden".to_owned(), None);
        return configs.logs_told.then(row);
    };
    let found = format!("the list hides, and brokers hold logs of: {}", hidden.join(", "));
    let fix = format!(
        "{}; or, what is not of this migration: a narrower `scope`, or kafka: {{ ignored: {{ \"{first}\": \"<why>\" }} }}",
        acl(&format!("--topic {first}"), "Describe")
    );
    Some(row("every topic is listed", needed, false, found, Some(&fix)))
}

fn readings(
    sample: &KafkaSample,
    configs: &Result<KafkaConfigs, Failure>,
    side: Side,
    row: &MakeRow<'_>,
    acl: &dyn Fn(&str, &str) -> String,
) -> Vec<Row> {
    let topic_acl = |op: &str| acl("--topic '<prefix>' --resource-pattern-type prefixed", op);
    let group_acl = acl("--group '*'", "Describe");
    let mut rows = Vec::new();
    let parts = || sample.topics.values().flat_map(|t| t.partitions.values());
    let said = |f: &Failure| f.message.to_string();
    let (ok, found) = first(parts().filter_map(|p| p.ends.as_ref().err()), "read");
    rows.push(row("log ends", EVERY, ok, found, Some(&topic_acl("Describe"))));
    let members = sample.groups.values().filter_map(|g| g.members.as_ref().err());
    let (ok, found) = first(members, "read");
    rows.push(row("members of groups", "stop-consumers, start-consumers", ok, found, Some(&group_acl)));
    let commits = sample.groups.values().filter_map(|g| g.commits.as_ref().err());
    let (ok, found) = first(commits, "read");
    rows.push(row("committed offsets", "stop-consumers, start-consumers", ok, found, Some(&group_acl)));
    if side == Side::Source {
        let failed = parts().filter_map(|p| p.producers.as_ref().err());
        let (ok, found) = first(failed, "read");
        rows.push(row("producer states", "stop-consumers", ok, found, Some(&topic_acl("Read"))));
    }
    let configs = match configs {
        Ok(c) => c,
        Err(f) => {
            rows.push(row("topic configurations", "switch-producers, retire-source", false, said(f), None));
            return rows;
        }
    };
    let (ok, found) = first(configs.topics.values().filter_map(|c| c.as_ref().err()), "read");
    rows.push(row(
        "topic configurations",
        "switch-producers, retire-source",
        ok,
        found,
        Some(&topic_acl("DescribeConfigs")),
    ));
    if side == Side::Source {
        let (ok, found) = first(configs.newest.values().filter_map(|c| c.as_ref().err()), "read");
        rows.push(row("newest timestamps", "retire-source", ok, found, Some(&topic_acl("Describe"))));
        let ok = !configs.sizes.is_empty() || configs.topics.is_empty();
        let found = if ok { "read" } else { "not told" }.to_owned();
        rows.extend(hidden(sample, configs, row, acl));
        let needed = "switch-producers, where the destination limits retention.bytes";
        let sizes = row("sizes on disk", needed, ok, found, Some(&acl("--cluster", "Describe")));
        rows.push(Row { required: false, ..sizes });
    } else {
        let ok = configs.offsets_retention_ms.is_some();
        let found = if ok { "read" } else { "not told" }.to_owned();
        let fix = acl("--cluster", "DescribeConfigs");
        let expiry =
            row("offset retention", "start-consumers, to say when seeded offsets expire", ok, found, Some(&fix));
        rows.push(Row { required: false, ..expiry });
    }
    rows
}
