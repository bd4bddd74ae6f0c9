//! The slow reading: topic configurations, when committed offsets expire, sizes, timestamps of the newest records. Taken
//! at the start, every few minutes, and when a check asks for it.

use super::convert::{CONFIG_KEYS, failure, topic_config};
use super::{Sampler, millis, span};
use cutover_core::Name;
use cutover_core::estate::kafka::{KafkaConfigs, TopicPartition};
use cutover_core::estate::{Content, Failure, FailureKind, Side};
use cutover_core::reading::Demand;
use cutover_core::time::{Dur, Span};
use cutover_kafka::{Cluster, Isolation, KafkaError, LogDir, OffsetSpec};
use std::collections::BTreeMap;
use std::time::Duration;

/// A demand is answered at most this often.
const DEMANDED: Duration = Duration::from_secs(5);
/// After a failure it is tried again this soon, or at the regular time if that is sooner.
const AGAIN: Duration = Duration::from_secs(5);
/// The slow reading may take this many times as long as a regular one.
const PATIENCE: i64 = 4;

/// Reads until nobody takes samples any more.
pub(super) async fn run(mut s: Sampler) {
    loop {
        let sent = crate::clock::now().mono;
        let reading = async {
            let c = s.connect().await.map_err(|e| failure(&e))?;
            let (span, configs) = read(&s, &c).await.map_err(|e| failure(&e))?;
            Ok::<_, Failure>((span, Content::KafkaConfigs(Box::new(configs))))
        };
        let within = Dur(s.timeout.0 * PATIENCE);
        let late = || Failure::new(FailureKind::Timeout, format!("the slow reading took longer than {within}"));
        let read = tokio::time::timeout(millis(within), reading).await.unwrap_or_else(|_| Err(late()));
        let good = read.is_ok();
        // What the slow reading would have told is unknown, and everything else is not: no failure of the target.
        let told =
            read.unwrap_or_else(|why| (Span { sent, received: crate::clock::now().mono }, Content::KafkaUnread(why)));
        if !s.take(std::future::ready(Ok(told)), within).await {
            return;
        }
        if s.samples.is_closed() {
            return;
        }
        let regular = millis(s.settings.slow_interval);
        let pause = if good { regular } else { AGAIN.min(regular) };
        tokio::time::sleep(DEMANDED.min(pause)).await;
        let side = s.side;
        let wanted = s.demands.wait_for(|d| d.contains(&Demand::Configs(side)));
        let _ = tokio::time::timeout(pause.saturating_sub(DEMANDED), wanted).await;
    }
}

/// One slow reading.
pub(super) async fn read(s: &Sampler, c: &Cluster) -> Result<(Span, KafkaConfigs), KafkaError> {
    let metadata = c.metadata(None).await?;
    let topics: BTreeMap<Name, Vec<i32>> = metadata
        .value
        .topics
        .iter()
        .filter(|t| !t.internal)
        .filter_map(|t| Some((t.name.clone()?, t.partitions.iter().map(|p| p.partition).collect())))
        .filter(|(name, _): &(Name, Vec<i32>)| s.settings.in_scope_on(s.side, name))
        .collect();
    let mut whole = span(&metadata);
    let names: Vec<Name> = topics.keys().cloned().collect();
    let keys: Vec<Name> = CONFIG_KEYS.iter().map(|k| Name::from(*k)).collect();
    let configs = c.describe_topic_configs(&names, Some(&keys)).await;
    whole = whole.merge(span(&configs));
    let told = configs.value.into_iter().map(|(name, values)| {
        let config = values.map_err(|e| failure(&e)).and_then(|v| topic_config(&v));
        (name, config)
    });
    let mut out = KafkaConfigs {
        cluster_id: metadata.value.cluster_id.clone().unwrap_or_else(|| "".into()),
        topics: told.collect(),
        offsets_retention_ms: offsets_retention(c).await,
        ..KafkaConfigs::default()
    };
    if s.side == Side::Source {
        let all: Vec<TopicPartition> =
            topics.iter().flat_map(|(t, ps)| ps.iter().map(move |p| (t.clone(), *p))).collect();
        let newest = c.list_offsets(&all, OffsetSpec::MaxTimestamp, Isolation::ReadUncommitted).await;
        // What was read last decides how old the timestamps are: the span must not begin before it.
        let read = newest.value.into_iter().map(|(tp, o)| (tp, o.map(|o| o.timestamp).map_err(|e| failure(&e))));
        out.newest = read.collect();
        (out.sizes, out.logs_told) = on_disk(s, c).await;
        out.logs = out.sizes.keys().map(|(topic, _)| topic.clone()).collect();
    }
    Ok((Span { sent: whole.sent, received: crate::clock::now().mono }, out))
}

/// The shortest time after which any broker lets committed offsets expire; `None` if one does not tell.
async fn offsets_retention(c: &Cluster) -> Option<i64> {
    let key: Name = "offsets.retention.minutes".into();
    let told = c.describe_broker_configs(Some(std::slice::from_ref(&key))).await.ok()?;
    let minutes = told.value.into_values().map(|values| values.ok()?.get(&key)?.value.as_ref()?.parse::<i64>().ok());
    let shortest = minutes.collect::<Option<Vec<i64>>>()?.into_iter().min()?;
    Some(shortest.saturating_mul(60_000))
}

/// Kafka's own topics: the list of topics marks them, the directories do not.
const INTERNAL: [&str; 4] = ["__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata"];

/// What lies on the brokers' disks of the topics in scope: the size of each partition's largest replica, and whether
/// every broker told of every directory.
async fn on_disk(s: &Sampler, c: &Cluster) -> (BTreeMap<TopicPartition, i64>, bool) {
    let Ok(dirs) = c.log_dirs().await else { return (BTreeMap::new(), false) };
    let all = !dirs.value.is_empty() && dirs.value.values().all(|b| whole(b.as_deref().ok()));
    let mut sizes: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    for p in dirs.value.into_values().flatten().flatten().filter_map(|d| d.partitions.ok()).flatten() {
        if !INTERNAL.contains(&&*p.topic) && s.settings.in_scope_on(s.side, &p.topic) {
            let size = sizes.entry((p.topic, p.partition)).or_insert(0);
            *size = (*size).max(p.size);
        }
    }
    (sizes, all)
}

/// A broker told of all its directories.
fn whole(dirs: Option<&[LogDir]>) -> bool {
    dirs.is_some_and(|dirs| !dirs.is_empty() && dirs.iter().all(|d| d.partitions.is_ok()))
}
