//! From the client's answers to the estate's samples.

use cutover_core::Name;
use cutover_core::estate::kafka::{GroupKind, GroupSample, Member, TopicConfig, TopicPartition};
use cutover_core::estate::{Failure, FailureKind, Side};
use cutover_core::settings::KafkaSettings;
use cutover_kafka::{self as wire, ConfigValues, GroupDescription, KafkaError, ListedGroup, Readable};
use std::collections::{BTreeMap, BTreeSet};

/// A client's error as the estate knows failures.
pub(crate) fn failure(e: &KafkaError) -> Failure {
    let kind = match e.kind() {
        "timeout" => FailureKind::Timeout,
        "refused" => FailureKind::Unreachable,
        "tls" => FailureKind::Tls,
        "auth" => FailureKind::Auth,
        "privilege" => FailureKind::Privilege,
        "protocol" => FailureKind::Protocol,
        _ => FailureKind::Server,
    };
    Failure::new(kind, e.to_string())
}

/// How a listed group is to be asked about; `None` for a type this version does not know.
pub(super) fn asked_as(g: &ListedGroup) -> Option<wire::GroupKind> {
    match (&g.group_type, wire::GroupKind::of(g)) {
        // A broker before 3.8 does not say: what it lists is classic, or reads Dead when asked so, which is a failure.
        (None, _) => Some(wire::GroupKind::Classic),
        (_, kind) => kind,
    }
}

/// The kind of a group, as the estate names it.
pub(super) fn kind(g: &ListedGroup) -> GroupKind {
    match asked_as(g) {
        Some(wire::GroupKind::Classic) => GroupKind::Classic { protocol_type: g.protocol_type.clone() },
        Some(wire::GroupKind::Consumer) => GroupKind::Consumer,
        Some(wire::GroupKind::Share) => GroupKind::Share,
        Some(wire::GroupKind::Streams) => GroupKind::Streams,
        None => GroupKind::Other(g.group_type.clone().unwrap_or_else(|| "unknown".into())),
    }
}

/// The members of a described group that was listed.
pub(super) fn members(
    s: &KafkaSettings,
    side: Side,
    described: Option<&Result<GroupDescription, KafkaError>>,
) -> (Name, Result<Vec<Member>, Failure>) {
    match described {
        None => {
            let why = "this version does not know the group's type; name it under kafka.ignored if it is not concerned";
            ("unknown".into(), Err(Failure::new(FailureKind::Protocol, why)))
        }
        Some(Err(e)) => ("unknown".into(), Err(failure(e))),
        // The broker lists it and then calls it dead: it is of another type than it was asked as, or went in between.
        Some(Ok(d)) if &*d.state == "Dead" => {
            let why = "listed, but Dead when described: it is of another type, or was removed in between";
            (d.state.clone(), Err(Failure::new(FailureKind::Protocol, why)))
        }
        Some(Ok(d)) => (d.state.clone(), Ok(d.members.iter().map(|m| member(s, side, m)).collect())),
    }
}

fn member(s: &KafkaSettings, side: Side, m: &wire::Member) -> Member {
    let here = |t: &&(Name, i32)| s.in_scope_on(side, &t.0);
    let assigned: BTreeSet<TopicPartition> = m.assignment.known().into_iter().flatten().filter(here).cloned().collect();
    let mut topics: BTreeSet<Name> = assigned.iter().map(|(t, _)| t.clone()).collect();
    topics.extend(m.target.iter().filter(here).map(|(t, _)| t.clone()));
    let unread = |why: &str| Err(Failure::new(FailureKind::Protocol, format!("member {}: {why}", m.client_id)));
    let topics = match (&m.subscription, &m.assignment) {
        (Readable::Known(sub), a) => {
            topics.extend(sub.topics.iter().filter(|t| s.in_scope_on(side, t)).cloned());
            match (&sub.regex, a) {
                // What is assigned shows where it reads; a member with nothing assigned may read anywhere.
                (Some(_), _) if topics.is_empty() => unread("subscribes by a pattern, with nothing assigned yet"),
                (_, Readable::Unreadable(e)) => unread(&format!("its assignment cannot be read: {e}")),
                _ => Ok(topics),
            }
        }
        _ if !topics.is_empty() => Ok(topics),
        (Readable::Withheld, _) => unread("the broker withholds its subscription while the group rebalances"),
        (Readable::Unreadable(e), _) => unread(&format!("its subscription cannot be read: {e}")),
    };
    Member { client_id: m.client_id.clone(), host: m.host.clone(), topics, assigned }
}

/// Whether a group concerns the scope, or could: what is not known stays in.
pub(super) fn concerns(g: &GroupSample) -> bool {
    let by_commits = !g.commits.as_ref().is_ok_and(BTreeMap::is_empty);
    // A classic group of another protocol type (Connect, a registry) reads no topics as a group.
    let commits_only = matches!(&g.kind, GroupKind::Classic { protocol_type }
        if !protocol_type.is_empty() && &**protocol_type != "consumer");
    let by_members = match &g.members {
        Err(_) => true,
        Ok(ms) => ms.iter().any(|m| !m.topics.as_ref().is_ok_and(BTreeSet::is_empty)),
    };
    by_commits || (by_members && !commits_only)
}

/// The settings of a topic that a move depends on.
pub(super) fn topic_config(values: &ConfigValues) -> Result<TopicConfig, Failure> {
    let text = |key: &str| {
        values
            .get(key)
            .and_then(|e| e.value.clone())
            .ok_or_else(|| Failure::new(FailureKind::Protocol, format!("the broker does not tell the topic's {key}")))
    };
    let number = |key: &str| {
        let t = text(key)?;
        t.parse::<i64>().map_err(|_| Failure::new(FailureKind::Protocol, format!("{key} is no number")))
    };
    let policy = text("cleanup.policy")?;
    let mut words: Vec<&str> = policy.split(',').map(str::trim).filter(|w| !w.is_empty()).collect();
    words.sort_unstable();
    Ok(TopicConfig {
        cleanup_policy: words.join(",").into(),
        retention_ms: number("retention.ms")?,
        retention_bytes: number("retention.bytes")?,
        min_insync_replicas: number("min.insync.replicas")?,
        max_message_bytes: number("max.message.bytes")?,
    })
}

/// The keys that [`topic_config`] reads.
pub(super) const CONFIG_KEYS: [&str; 5] =
    ["cleanup.policy", "retention.ms", "retention.bytes", "min.insync.replicas", "max.message.bytes"];
