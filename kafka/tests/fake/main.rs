//! The client against a scripted broker: what real brokers only do when something is wrong.

mod broker;
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Fake, Reply, encode};
use cutover_kafka::{ClientConfig, Clock, Cluster, Isolation, KafkaError, OffsetSpec, Timeouts};
use kafka_protocol::messages as k;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_fetch_response::{OffsetFetchResponsePartition, OffsetFetchResponseTopic};
use kafka_protocol::protocol::{Decodable, StrBytes};
use tokio::time::Instant;

const OFFSET_FETCH: i16 = 9;
const FIND_COORDINATOR: i16 = 10;
const LIST_GROUPS: i16 = 16;
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;

async fn connect(fake: &Fake, call: u64) -> Cluster {
    let config = ClientConfig::from_properties(&format!("bootstrap.servers=127.0.0.1:{}", fake.port)).expect("config");
    let timeouts = Timeouts { call: Duration::from_millis(call), ..Timeouts::default() };
    Cluster::connect(config, timeouts, clock()).await.expect("connects")
}

fn clock() -> Clock {
    let start = Instant::now();
    Clock::new(move || i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn no_groups(version: i16, throttle: i32) -> Vec<u8> {
    encode(&k::ListGroupsResponse::default().with_throttle_time_ms(throttle), version)
}

/// One group's commit at `offset` on orders-0, as versions before 8 answer it.
fn commit(version: i16, offset: i64, error: i16) -> Vec<u8> {
    let part = OffsetFetchResponsePartition::default().with_committed_offset(offset);
    let topic = OffsetFetchResponseTopic::default().with_name(k::TopicName(text("orders"))).with_partitions(vec![part]);
    encode(&k::OffsetFetchResponse::default().with_topics(vec![topic]).with_error_code(error), version)
}

fn log_end(version: i16, offset: i64, error: i16) -> Vec<u8> {
    let part = ListOffsetsPartitionResponse::default().with_offset(offset).with_error_code(error).with_leader_epoch(3);
    let topic = ListOffsetsTopicResponse::default().with_name(k::TopicName(text("orders"))).with_partitions(vec![part]);
    encode(&k::ListOffsetsResponse::default().with_topics(vec![topic]), version)
}

fn groups(count: usize) -> Vec<Arc<str>> {
    (0..count).map(|at| Arc::from(format!("g{at}"))).collect()
}

fn orders(partitions: &[i32]) -> Vec<(Arc<str>, i32)> {
    partitions.iter().map(|partition| (Arc::from("orders"), *partition)).collect()
}

#[tokio::test]
async fn answers_out_of_order_find_their_questions() {
    let fake = Fake::start(|api, version, body| {
        (api == OFFSET_FETCH).then(|| {
            let asked = k::OffsetFetchRequest::decode(&mut body.clone(), version).expect("request");
            let number: i64 = asked.group_id[1..].parse().expect("number");
            Reply::Later(
                Duration::from_millis(u64::try_from(20 - number).unwrap_or(0) * 50),
                commit(version, number, 0),
            )
        })
    })
    .with_max(OFFSET_FETCH, 7)
    .serve()
    .await;
    let cluster = connect(&fake, 30_000).await;
    let fetched = cluster.fetch_offsets(&groups(20)).await;
    // One after the other they would take the sum of all pauses.
    let (longest, sum) = (20 * 50, 210 * 50);
    assert!((longest - 10..sum).contains(&(fetched.received - fetched.sent)), "pipelined: {fetched:?}");
    for (group, answer) in fetched.value {
        let number: i64 = group[1..].parse().expect("number");
        let offsets = answer.expect("answered");
        let committed = offsets[0].committed.clone().expect("no error").expect("committed");
        assert_eq!(committed.offset, number);
    }
}

#[tokio::test]
async fn silence_is_a_timeout_and_the_next_call_connects_anew() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::start(move |api, version, _| {
        (api == LIST_GROUPS).then(|| match count.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Never,
            _ => Reply::Body(no_groups(version, 0)),
        })
    })
    .serve()
    .await;
    let cluster = connect(&fake, 1500).await;
    let before = fake.connections();
    let first = cluster.list_groups().await.expect("brokers known").value.remove(&1).expect("broker asked");
    let error = first.expect_err("silent");
    assert!(matches!(error, KafkaError::Timeout { .. }), "{error}");
    assert_eq!(error.kind(), "timeout");
    let second = cluster.list_groups().await.expect("brokers known").value.remove(&1).expect("broker asked");
    assert_eq!(second, Ok(Vec::new()));
    assert!(fake.connections() > before);
}

#[tokio::test]
async fn frames_that_are_too_large_or_cut_off() {
    for (raw, kind) in [
        (vec![0x7f, 0xff, 0xff, 0xff, 0, 0], "protocol"),
        (vec![0xff, 0xff, 0xff, 0xff], "protocol"),
        (vec![0, 0, 0, 100, 0, 0, 0, 1, 2, 3], "refused"),
        (vec![0, 0, 0, 4, 0x7f, 0, 0, 0], "protocol"),
        (vec![], "refused"),
    ] {
        let fake = {
            let raw = raw.clone();
            Fake::start(move |api, _, _| (api == LIST_GROUPS).then(|| Reply::RawThenClose(raw.clone()))).serve().await
        };
        let cluster = connect(&fake, 3000).await;
        let error =
            cluster.list_groups().await.expect("brokers known").value.remove(&1).expect("asked").expect_err("broken");
        assert_eq!(error.kind(), kind, "{raw:?}: {error}");
    }
}

#[tokio::test]
async fn a_moved_coordinator_is_looked_up_once_more() {
    let fake = Fake::start(|_, _, _| None).with_max(OFFSET_FETCH, 7);
    let fetches = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&fetches);
    let fake = fake
        .answering(move |api, version, _| {
            (api == OFFSET_FETCH).then(|| match count.fetch_add(1, Ordering::Relaxed) {
                0 | 3.. => Reply::Body(commit(version, -1, 16)),
                _ => Reply::Body(commit(version, 5, 0)),
            })
        })
        .serve()
        .await;
    let cluster = connect(&fake, 3000).await;
    let answer = cluster.fetch_offsets(&groups(1)).await.value.remove("g0").expect("asked").expect("answered");
    assert_eq!(answer[0].committed.as_ref().ok().and_then(Option::as_ref).map(|committed| committed.offset), Some(5));
    assert_eq!((fetches.load(Ordering::Relaxed), fake.asked(FIND_COORDINATOR)), (2, 2));
    cluster.fetch_offsets(&groups(1)).await;
    assert_eq!(fake.asked(FIND_COORDINATOR), 2, "remembered");
    let error = cluster.fetch_offsets(&groups(1)).await.value.remove("g0").expect("asked").expect_err("moved twice");
    assert_eq!((error.code(), error.kind()), (Some(16), "broker"));
    assert_eq!(fetches.load(Ordering::Relaxed), 5, "asked once more, not again and again");
}

#[tokio::test]
async fn a_moved_leader_is_looked_up_once_more_and_what_is_left_out_is_an_error() {
    let lists = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lists);
    let fake = Fake::start(move |api, version, _| {
        (api == LIST_OFFSETS).then(|| match count.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Body(log_end(version, -1, 6)),
            _ => Reply::Body(log_end(version, 9, 0)),
        })
    })
    .serve()
    .await;
    let cluster = connect(&fake, 3000).await;
    let mut ends =
        cluster.list_offsets(&orders(&[0, 1, 9]), OffsetSpec::Latest, Isolation::ReadUncommitted).await.value;
    assert_eq!(ends.len(), 3);
    let end = ends.remove(&orders(&[0])[0]).expect("asked").expect("answered");
    assert_eq!((end.offset, end.leader_epoch), (Some(9), Some(3)));
    let error = ends.remove(&orders(&[1])[0]).expect("asked").expect_err("left out");
    assert!(matches!(error, KafkaError::Contradiction { .. }), "{error}");
    let error = ends.remove(&orders(&[9])[0]).expect("asked").expect_err("no such partition");
    assert_eq!(error.code(), Some(3));
    assert!(fake.asked(METADATA) >= 3);
    let fake = Fake::start(|api, version, _| (api == LIST_OFFSETS).then(|| Reply::Body(log_end(version, -1, 0))))
        .serve()
        .await;
    let cluster = connect(&fake, 3000).await;
    let mut ends = cluster.list_offsets(&orders(&[0]), OffsetSpec::Latest, Isolation::ReadUncommitted).await.value;
    assert!(ends.remove(&orders(&[0])[0]).expect("asked").is_err(), "-1 is no offset");
}

#[tokio::test]
async fn throttling_is_obeyed_within_the_deadline() {
    let fake = Fake::start(|api, version, _| (api == LIST_GROUPS).then(|| Reply::Body(no_groups(version, 3000))))
        .serve()
        .await;
    let cluster = connect(&fake, 30_000).await;
    let began = Instant::now();
    cluster.list_groups().await.expect("first").value.remove(&1).expect("asked").expect("answered");
    assert!(began.elapsed() < Duration::from_millis(3000), "what is asked next waits, not what was answered");
    cluster.list_groups().await.expect("second").value.remove(&1).expect("asked").expect("answered");
    assert!(began.elapsed() >= Duration::from_millis(3000));
    let hasty = connect(&fake, 1500).await;
    hasty.list_groups().await.expect("first").value.remove(&1).expect("asked").expect("answered");
    let error = hasty.list_groups().await.expect_err("throttled");
    assert!(matches!(error, KafkaError::Throttled { .. }), "{error}");
    assert_eq!(error.kind(), "timeout");
}

#[tokio::test]
async fn old_brokers_and_missing_requests() {
    let fake = Fake::start(|_, _, _| None).with_max(18, 0).without(61).with_max(LIST_GROUPS, 1).serve().await;
    let cluster = connect(&fake, 3000).await;
    let error = cluster
        .describe_producers(&orders(&[0]))
        .await
        .value
        .remove(&orders(&[0])[0])
        .expect("asked")
        .expect_err("missing");
    assert!(matches!(error, KafkaError::Unsupported { broker_max: None, .. }), "{error}");
    let error =
        cluster.list_groups().await.expect("brokers known").value.remove(&1).expect("asked").expect_err("too old");
    assert!(matches!(error, KafkaError::Unsupported { broker_max: Some(1), .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "ListGroups on 127.0.0.1:{} (broker 1): ListGroups v3-5 is not supported by this broker (its highest is v1)",
            fake.port
        )
    );
}

#[tokio::test]
async fn no_coordinator_is_asked_for_before_its_topic_exists() {
    let fake = Fake::start(|_, _, _| None).without_offsets_topic().serve().await;
    let cluster = connect(&fake, 3000).await;
    let error = cluster.fetch_offsets(&groups(1)).await.value.remove("g0").expect("asked").expect_err("no topic");
    assert_eq!(error.code(), Some(15));
    assert_eq!(fake.asked(FIND_COORDINATOR), 0);
}

#[tokio::test]
async fn another_cluster_behind_the_same_address_is_an_error() {
    let fake = Fake::start(|_, _, _| None).serve().await;
    let cluster = connect(&fake, 3000).await;
    assert_eq!(cluster.cluster_id().as_deref(), Some("fake"));
    fake.rename("other");
    let error = cluster.metadata(None).await.expect_err("another cluster");
    assert!(matches!(error, KafkaError::Contradiction { .. }), "{error}");
    assert!(error.to_string().ends_with("this is cluster other, not fake as before"), "{error}");
}

#[tokio::test]
async fn an_unreachable_broker_makes_its_items_errors() {
    let fake = Fake::start(|_, _, _| None).serve().await;
    let cluster = connect(&fake, 10_000).await;
    // Bound and not listening: it refuses, and nobody else is given its port.
    let socket = tokio::net::TcpSocket::new_v4().expect("socket");
    socket.bind("127.0.0.1:0".parse().expect("address")).expect("port");
    let closed = socket.local_addr().expect("address").port();
    let probe = cluster.probe_broker("127.0.0.1", closed).await.value.expect_err("nobody there");
    assert!(matches!(probe, KafkaError::Refused { .. }), "{probe}");
    assert!(cluster.probe_broker("127.0.0.1", fake.port).await.value.is_ok());
    fake.advertise(closed);
    let listed = cluster.list_groups().await.expect("brokers known").value.remove(&1).expect("asked");
    assert_eq!(listed.expect_err("unreachable").kind(), "refused");
}

#[tokio::test]
async fn metadata_is_asked_of_another_broker_when_one_is_silent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let fake = Fake::start(move |api, _, _| {
        (api == METADATA && count.fetch_add(1, Ordering::Relaxed) == 1).then_some(Reply::Never)
    })
    .serve()
    .await;
    let cluster = connect(&fake, 3000).await;
    let metadata = cluster.metadata(Some(&[Arc::from("orders")])).await.expect("answered the second time");
    assert!(metadata.received - metadata.sent >= 1490, "{metadata:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn every_call_can_run_in_a_task_of_its_own() {
    let fake = Fake::start(|_, _, _| None).serve().await;
    let cluster = connect(&fake, 10_000).await;
    let config = ClientConfig::from_properties(&format!("bootstrap.servers=127.0.0.1:{}", fake.port)).expect("config");
    let spawned = tokio::spawn(async move {
        let again = Cluster::connect(config, Timeouts::default(), clock()).await;
        let listed = cluster.list_groups().await;
        cluster.fetch_offsets(&[]).await;
        cluster.share_offsets(&[]).await;
        cluster.describe_groups(&[], cutover_kafka::GroupKind::Classic).await;
        cluster.list_offsets(&[], OffsetSpec::Latest, Isolation::ReadUncommitted).await;
        cluster.describe_producers(&[]).await;
        cluster.describe_topic_configs(&[], None).await;
        cluster.describe_transactions(&std::collections::BTreeMap::new()).await;
        again.is_ok() && listed.is_ok()
    });
    assert!(spawned.await.expect("ran"));
    // The rest only has to be spawnable.
    let spawnable = |_: &(dyn Send + Sync)| ();
    let cluster = connect(&fake, 10_000).await;
    spawnable(&cluster);
    fn sendable<T: Send>(future: T) {
        drop(future);
    }
    sendable(cluster.describe_cluster());
    sendable(cluster.metadata(None));
    sendable(cluster.log_dirs());
    sendable(cluster.list_transactions());
    sendable(cluster.describe_broker_configs(None));
    sendable(cluster.probe_broker("127.0.0.1", 1));
}
