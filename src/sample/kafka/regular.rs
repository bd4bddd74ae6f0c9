//! The regular reading. Its order is what makes it safe: groups and members, then committed offsets, then producers and
//! log ends (low, high watermark, last stable offset), each when the one before has come back. Lag is thereby only ever
//! overstated, and an empty partition was empty when its high watermark was read.

use super::convert::{asked_as, concerns, failure, kind, members};
use super::{Sampler, millis, span};
use cutover_core::Name;
use cutover_core::estate::kafka::{
    BrokerSample, Ends, GroupSample, KafkaSample, PartitionSample, ProducerState, TopicPartition, TopicSample,
};
use cutover_core::estate::{Content, Failure, FailureKind, Side};
use cutover_core::time::Span;
use cutover_kafka::{
    Cluster, ClusterDescription, GroupDescription, GroupKind, Isolation, KafkaError, ListedGroup, Metadata, Named,
    OffsetAt, OffsetSpec, PartitionMetadata, Partitions, Timed, TopicMetadata,
};
use std::collections::BTreeMap;
use tokio::time::MissedTickBehavior;

/// Samples until nobody takes samples any more.
pub(super) async fn run(s: Sampler) {
    let mut tick = tokio::time::interval(millis(s.settings.interval));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cluster: Option<Cluster> = None;
    loop {
        tick.tick().await;
        let mut used = cluster.take();
        let reading = async {
            let c = match used.take() {
                Some(c) => c,
                None => s.connect().await.map_err(|e| failure(&e))?,
            };
            let sample = read(&s, &c).await.map_err(|e| failure(&e))?;
            // One that answered is kept; after a failure the next sample connects anew.
            cluster = Some(c);
            Ok((sample.0, Content::Kafka(Box::new(sample.1))))
        };
        if !s.take(reading, s.timeout).await {
            return;
        }
    }
}

/// One regular reading.
pub(super) async fn read(s: &Sampler, c: &Cluster) -> Result<(Span, KafkaSample), KafkaError> {
    // What the agent may see is asked before and after the list of groups: rights lost or given in between leave a list
    // that looks complete and is not.
    let (metadata, before) = tokio::join!(c.metadata(None), c.describe_cluster());
    let (metadata, listed) = (metadata?, c.list_groups().await?);
    let mut whole = span(&metadata).merge(span(&listed));
    let (mut topics, topics_outside) = topics(s, &metadata.value);
    let groups: Vec<&ListedGroup> = listed.value.values().flatten().flatten().collect();

    let offsets: Name = OFFSETS.into();
    let (members, after, offsets) = tokio::join!(
        describe(c, &groups),
        c.describe_cluster(),
        // A list of all topics leaves out in silence what the agent may not see; asked for by name, it is refused.
        c.metadata(Some(std::slice::from_ref(&offsets)))
    );
    let offsets = offsets?;
    whole = whole.merge(members.1).merge(span(&offsets));
    // Whoever was away when the groups were listed may be back by now, or the other way round.
    let led = offsets_topic(&metadata.value).map_or(Ok(()), led).and_then(|()| named(&offsets.value));
    let listed_span = whole;

    let names: Vec<Name> =
        groups.iter().filter(|g| asked_as(g).is_some_and(|k| k != GroupKind::Share)).map(|g| g.group.clone()).collect();
    let shares: Vec<Name> =
        groups.iter().filter(|g| asked_as(g) == Some(GroupKind::Share)).map(|g| g.group.clone()).collect();
    let (committed, started) = tokio::join!(c.fetch_offsets(&names), async {
        match shares.is_empty() {
            true => None,
            false => Some(c.share_offsets(&shares).await),
        }
    });
    let mut committed_span = span(&committed);
    if let Some(t) = &started {
        committed_span = committed_span.merge(span(t));
    }
    whole = whole.merge(committed_span);

    let commits = commits(s, committed.value, started.map(|t| t.value));
    let (kept, groups_outside) = keep(s, &groups, &members.0, commits);
    let ended = ends(s, c, &mut topics).await;
    whole = whole.merge(ended);

    let may_describe = self::may_describe(before).and_then(|before| Ok(self::may_describe(after)? && before));
    let may_describe = may_describe.and_then(|may| if may { led.map(|()| may) } else { Ok(may) });
    let brokers = metadata.value.brokers.iter().map(|b| {
        let reached = match listed.value.get(&b.id) {
            Some(Ok(_)) => Ok(()),
            Some(Err(e)) if matches!(e.kind(), "timeout" | "refused" | "tls" | "auth") => Err(failure(e)),
            Some(Err(_)) => Ok(()),
            None => Err(Failure::new(FailureKind::Unreachable, "it was not asked: the list of brokers changed")),
        };
        (b.id, BrokerSample { address: format!("{}:{}", b.host, b.port).into(), reached })
    });
    let brokers: BTreeMap<i32, BrokerSample> = brokers.collect();
    let mut unlisted: BTreeMap<i32, Failure> =
        listed.value.iter().filter_map(|(id, l)| l.as_ref().err().map(|e| (*id, failure(e)))).collect();
    for (id, b) in &brokers {
        if let (Err(f), false) = (&b.reached, unlisted.contains_key(id)) {
            unlisted.insert(*id, f.clone());
        }
    }
    let sample = KafkaSample {
        cluster_id: metadata.value.cluster_id.clone().unwrap_or_else(|| "".into()),
        brokers,
        may_describe,
        topics,
        topics_outside,
        unlisted,
        groups: kept,
        groups_outside,
        listed: Some(listed_span),
        committed: Some(committed_span),
        ended: Some(ended),
    };
    Ok((whole, sample))
}

/// Where Kafka keeps the groups and what they have committed.
const OFFSETS: &str = "__consumer_offsets";

fn offsets_topic(metadata: &Metadata) -> Option<&TopicMetadata> {
    metadata.topics.iter().find(|t| t.name.as_deref() == Some(OFFSETS))
}

/// Groups whose coordinator is away are in no broker's list, and a broker that is down is in no list of brokers: only the
/// partitions of the offsets' own topic show that somebody is missing.
fn led(offsets: &TopicMetadata) -> Result<(), Failure> {
    let away: Vec<String> =
        offsets.partitions.iter().filter(|p| p.leader < 0).map(|p| p.partition.to_string()).collect();
    if away.is_empty() {
        return Ok(());
    }
    let few = away.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    Err(Failure::new(
        FailureKind::Server,
        format!(
            "{} of {} partitions of {OFFSETS} have no leader ({few}{}): the groups they hold are in no list; bring their \
             brokers back",
            away.len(),
            offsets.partitions.len(),
            if away.len() > 5 { ", …" } else { "" }
        ),
    ))
}

/// What a question for the offsets' topic alone says of it: it is led, it does not exist, so that no group has ever
/// committed, or the agent may not see it.
fn named(asked: &Metadata) -> Result<(), Failure> {
    let Some(t) = offsets_topic(asked) else {
        return Err(Failure::new(FailureKind::Protocol, format!("Metadata left {OFFSETS} out")));
    };
    let code = t.error_code;
    match cutover_kafka::error_name(code) {
        _ if code == 0 => led(t),
        "UNKNOWN_TOPIC_OR_PARTITION" => Ok(()),
        "TOPIC_AUTHORIZATION_FAILED" => Err(Failure::new(
            FailureKind::Privilege,
            format!(
                "the agent may not describe the topic {OFFSETS}, so that nobody notices where a part of it has no leader, \
                 and which groups that hides; grant it: kafka-acls --bootstrap-server … --add --allow-principal \
                 User:cutover-agent --operation Describe --topic {OFFSETS}"
            ),
        )),
        name => Err(Failure::new(FailureKind::Server, format!("Metadata answered {name} ({code}) for {OFFSETS}"))),
    }
}

/// Whether one answer says that the agent may see every group.
fn may_describe(told: Result<Timed<ClusterDescription>, KafkaError>) -> Result<bool, Failure> {
    let untold = || Failure::new(FailureKind::Protocol, "the broker does not tell what the agent may do");
    let operations = told.map_err(|e| failure(&e))?.value.operations;
    operations.allows(cutover_kafka::Operation::Describe).ok_or_else(untold)
}

fn topics(s: &Sampler, metadata: &Metadata) -> (BTreeMap<Name, TopicSample>, u64) {
    let mut topics = BTreeMap::new();
    let mut outside = 0;
    for t in &metadata.topics {
        let Some(name) = &t.name else { continue };
        if t.internal || !s.settings.in_scope_on(s.side, name) {
            outside += 1;
            continue;
        }
        let failed = (t.error_code != 0).then(|| {
            let name = cutover_kafka::error_name(t.error_code);
            Failure::new(FailureKind::Server, format!("Metadata answered {name} ({}) for the topic", t.error_code))
        });
        let unread = || Failure::new(FailureKind::Protocol, "its log ends were not answered");
        let partitions = t.partitions.iter().map(|p| {
            let replicas = u32::try_from(p.replicas.len()).unwrap_or(u32::MAX);
            let in_sync = Some(in_sync_of(p));
            (p.partition, PartitionSample { replicas, in_sync, ends: Err(unread()), producers: Err(unread()) })
        });
        topics.insert(name.clone(), TopicSample { id: t.id, partitions: partitions.collect(), failed });
    }
    (topics, outside)
}

/// How many replicas are in sync; none counts while one of those is offline, since the end waits for it.
fn in_sync_of(p: &PartitionMetadata) -> u32 {
    match p.in_sync.iter().any(|b| p.offline.contains(b)) {
        true => 0,
        false => u32::try_from(p.in_sync.len()).unwrap_or(u32::MAX),
    }
}

/// The members of every group, each asked as the type it is listed as.
async fn describe(c: &Cluster, groups: &[&ListedGroup]) -> (Named<GroupDescription>, Span) {
    let of = |k: GroupKind| -> Vec<Name> {
        groups.iter().filter(|g| asked_as(g) == Some(k)).map(|g| g.group.clone()).collect()
    };
    let ask = |k: GroupKind| async move {
        let names = of(k);
        if names.is_empty() { None } else { Some(c.describe_groups(&names, k).await) }
    };
    let (a, b, d, e) =
        tokio::join!(ask(GroupKind::Classic), ask(GroupKind::Consumer), ask(GroupKind::Share), ask(GroupKind::Streams));
    let now = crate::clock::now().mono;
    let mut all = Named::new();
    let mut taken: Option<Span> = None;
    for t in [a, b, d, e].into_iter().flatten() {
        taken = Some(taken.map_or(span(&t), |s| s.merge(span(&t))));
        all.extend(t.value);
    }
    (all, taken.unwrap_or(Span { sent: now, received: now }))
}

type Commits = BTreeMap<Name, Result<BTreeMap<TopicPartition, Result<i64, Failure>>, Failure>>;

/// What each group has committed on topics in scope; a partition without a commit is absent.
fn commits(
    s: &Sampler,
    fetched: Named<Vec<cutover_kafka::PartitionOffset>>,
    started: Option<Named<Vec<cutover_kafka::ShareOffset>>>,
) -> Commits {
    let here = |t: &Name| s.settings.in_scope_on(s.side, t);
    let mut all = Commits::new();
    for (group, answer) in fetched {
        let kept = answer.map_err(|e| failure(&e)).map(|offsets| {
            let told = offsets.into_iter().filter(|o| here(&o.topic)).filter_map(|o| match o.committed {
                Ok(None) => None,
                Ok(Some(c)) => Some(((o.topic, o.partition), Ok(c.offset))),
                Err(e) => Some(((o.topic, o.partition), Err(failure(&e)))),
            });
            told.collect()
        });
        all.insert(group, kept);
    }
    for (group, answer) in started.into_iter().flatten() {
        let kept = answer.map_err(|e| failure(&e)).map(|offsets| {
            let told = offsets.into_iter().filter(|o| here(&o.topic)).filter_map(|o| match o.start {
                Ok(None) => None,
                Ok(Some(start)) => Some(((o.topic, o.partition), Ok(start))),
                Err(e) => Some(((o.topic, o.partition), Err(failure(&e)))),
            });
            told.collect()
        });
        all.insert(group, kept);
    }
    all
}

/// The groups that concern the scope, and how many do not.
fn keep(
    s: &Sampler,
    groups: &[&ListedGroup],
    described: &Named<GroupDescription>,
    mut commits: Commits,
) -> (BTreeMap<Name, GroupSample>, u64) {
    let mut kept = BTreeMap::new();
    let mut outside = 0;
    for g in groups {
        let (state, members) = members(&s.settings, s.side, described.get(&g.group));
        let commits = commits.remove(&g.group).unwrap_or_else(|| {
            Err(Failure::new(FailureKind::Protocol, "its committed offsets were not asked for: unknown type of group"))
        });
        let sample = GroupSample { kind: kind(g), state, members, commits };
        if concerns(&sample) {
            kept.insert(g.group.clone(), sample);
        } else {
            outside += 1;
        }
    }
    (kept, outside)
}

/// Reads producers and log ends into the topics; the span begins with the first request and ends with the last answer.
async fn ends(s: &Sampler, c: &Cluster, topics: &mut BTreeMap<Name, TopicSample>) -> Span {
    let all: Vec<TopicPartition> =
        topics.iter().flat_map(|(t, ts)| ts.partitions.keys().map(|p| (t.clone(), *p))).collect();
    let begun = crate::clock::now().mono;
    if all.is_empty() {
        return Span { sent: begun, received: begun };
    }
    // Producers matter where silence has to be proven.
    let producers = match s.side {
        Side::Source => Some(c.describe_producers(&all).await),
        Side::Destination => None,
    };
    let low = c.list_offsets(&all, OffsetSpec::Earliest, Isolation::ReadUncommitted).await;
    let high = c.list_offsets(&all, OffsetSpec::Latest, Isolation::ReadUncommitted).await;
    let stable = c.list_offsets(&all, OffsetSpec::Latest, Isolation::ReadCommitted).await;
    let mut taken = span(&low).merge(span(&high)).merge(span(&stable));
    if let Some(p) = &producers {
        taken = taken.merge(span(p));
    }
    for (topic, t) in topics.iter_mut() {
        for (p, part) in &mut t.partitions {
            let tp = (topic.clone(), *p);
            part.ends = ends_of(&tp, &low, &high, &stable);
            part.producers = match &producers {
                None => Ok(Vec::new()),
                Some(told) => states_of(&tp, told),
            };
        }
    }
    Span { sent: taken.sent.max(begun), received: taken.received }
}

fn ends_of(
    tp: &TopicPartition,
    low: &Timed<Partitions<OffsetAt>>,
    high: &Timed<Partitions<OffsetAt>>,
    stable: &Timed<Partitions<OffsetAt>>,
) -> Result<Ends, Failure> {
    let (low, (high, epoch), stable) = (offset(tp, low)?.0, offset(tp, high)?, offset(tp, stable)?.0);
    if low > high {
        let why =
            format!("the low watermark {low} lies above the high watermark {high}: the log moved while it was read");
        return Err(Failure::new(FailureKind::Protocol, why));
    }
    // Read last, the last stable offset may have overtaken the high watermark: then nothing below that is undecided.
    Ok(Ends { low, high, stable: stable.min(high), epoch })
}

fn offset(tp: &TopicPartition, told: &Timed<Partitions<OffsetAt>>) -> Result<(i64, i32), Failure> {
    match told.value.get(tp) {
        None => Err(Failure::new(FailureKind::Protocol, "ListOffsets left the partition out")),
        Some(Err(e)) => Err(failure(e)),
        Some(Ok(o)) => match o.offset {
            Some(n) if n >= 0 => Ok((n, o.leader_epoch.unwrap_or(-1))),
            _ => Err(Failure::new(FailureKind::Protocol, "ListOffsets told no offset")),
        },
    }
}

fn states_of(
    tp: &TopicPartition,
    told: &Timed<Partitions<Vec<cutover_kafka::ProducerState>>>,
) -> Result<Vec<ProducerState>, Failure> {
    let states = match told.value.get(tp) {
        None => return Err(Failure::new(FailureKind::Protocol, "DescribeProducers left the partition out")),
        Some(Err(e)) => return Err(failure(e)),
        Some(Ok(states)) => states,
    };
    let mut states: Vec<ProducerState> = states
        .iter()
        .map(|p| ProducerState {
            id: p.producer_id,
            epoch: p.epoch,
            last_sequence: p.last_sequence,
            in_transaction: p.open_transaction.is_some(),
        })
        .collect();
    states.sort_unstable();
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_kafka::Operations;

    fn partition(partition: i32, leader: i32, in_sync: &[i32], offline: &[i32]) -> PartitionMetadata {
        let (in_sync, offline) = (in_sync.to_vec(), offline.to_vec());
        PartitionMetadata {
            error_code: 0,
            partition,
            leader,
            leader_epoch: 1,
            replicas: vec![1, 2, 3],
            in_sync,
            offline,
        }
    }

    fn offsets(partitions: Vec<PartitionMetadata>) -> TopicMetadata {
        TopicMetadata {
            error_code: 0,
            name: Some(OFFSETS.into()),
            id: uuid::Uuid::nil(),
            internal: true,
            partitions,
            operations: Operations::NOT_TOLD,
        }
    }

    fn metadata(topics: Vec<TopicMetadata>) -> Metadata {
        Metadata { throttle_ms: 0, brokers: vec![], cluster_id: None, controller: 1, topics }
    }

    #[test]
    fn groups_whose_coordinator_is_away_are_in_no_list() {
        let there = vec![partition(0, 1, &[1, 2, 3], &[]), partition(1, 2, &[2], &[])];
        assert!(led(&offsets(there.clone())).is_ok());
        let away = vec![there[0].clone(), partition(1, -1, &[3], &[3])];
        let said = led(&offsets(away.clone())).expect_err("a partition without a leader");
        assert!(
            said.message.contains("1 of 2 partitions of __consumer_offsets have no leader (1)"),
            "{}",
            said.message
        );
        assert_eq!(named(&metadata(vec![offsets(away)])), Err(said), "it came since the list");
    }

    #[test]
    fn the_topic_of_the_offsets_may_be_hidden_or_not_exist() {
        let refused = |error_code| named(&metadata(vec![TopicMetadata { error_code, ..offsets(vec![]) }]));
        assert_eq!(refused(3), Ok(()), "there is none, and nobody has committed");
        let hidden = refused(29).expect_err("hidden");
        assert_eq!(hidden.kind, FailureKind::Privilege);
        assert!(
            hidden.message.ends_with(
                "grant it: kafka-acls --bootstrap-server … --add --allow-principal \
            User:cutover-agent --operation Describe --topic __consumer_offsets"
            ),
            "{}",
            hidden.message
        );
        let failed = refused(5).expect_err("failed");
        assert!(failed.message.contains("LEADER_NOT_AVAILABLE (5)"), "{}", failed.message);
        assert!(named(&metadata(vec![])).is_err(), "left out");
    }

    #[test]
    fn a_replica_that_is_in_sync_and_offline_holds_up_the_high_watermark() {
        let count = |in_sync: &[i32], offline: &[i32]| in_sync_of(&partition(0, 1, in_sync, offline));
        assert_eq!(count(&[1, 2, 3], &[]), 3);
        assert_eq!(count(&[1, 2], &[3]), 2, "it was taken out");
        assert_eq!(count(&[1, 2, 3], &[3]), 0, "it was not");
    }
}
