//! Answers written by `kafka-protocol` (and by Kafka itself where that crate has no schema), read by ours in every
//! version; then the same answers cut short, lengthened and scrambled.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages as k;
use kafka_protocol::protocol::{Encodable, StrBytes};
use proptest::prelude::*;

use super::*;
use crate::Api;

fn s(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn topic() -> k::TopicName {
    k::TopicName(s("orders"))
}

fn encoded(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut out = BytesMut::new();
    message.encode(&mut out, version).expect("encodes");
    out.to_vec()
}

/// Decodes, and checks that every shorter and every longer text is refused.
fn golden<T: std::fmt::Debug>(bytes: &[u8], version: i16, decode: fn(i16, &[u8]) -> Result<T, DecodeError>) -> T {
    for end in 0..bytes.len() {
        assert!(decode(version, &bytes[..end]).is_err(), "v{version} cut at {end} of {}", bytes.len());
    }
    let longer = [bytes, &[0]].concat();
    assert!(decode(version, &longer).is_err(), "v{version} with a byte too many");
    decode(version, bytes).unwrap_or_else(|error| panic!("v{version}: {error}"))
}

fn each(api: Api, mut check: impl FnMut(i16)) {
    let (min, max) = api.versions();
    (min..=max).for_each(&mut check);
}

#[test]
fn session() {
    use k::api_versions_response::ApiVersion;
    each(Api::ApiVersions, |v| {
        let range = ApiVersion::default().with_api_key(3).with_min_version(9).with_max_version(12);
        let mut message = k::ApiVersionsResponse::default().with_api_keys(vec![range]);
        if v >= 1 {
            message = message.with_throttle_time_ms(5);
        }
        let got = golden(&encoded(&message, v), v, decode_api_versions);
        assert_eq!(got.apis, [ApiRange { key: 3, min: 9, max: 12 }]);
        assert_eq!(got.throttle_ms, if v >= 1 { 5 } else { 0 });
    });
    let message = k::SaslHandshakeResponse::default().with_error_code(33).with_mechanisms(vec![s("PLAIN")]);
    let got = golden(&encoded(&message, 1), 1, decode_sasl_handshake);
    assert_eq!((got.error_code, &*got.mechanisms[0]), (33, "PLAIN"));
    each(Api::SaslAuthenticate, |v| {
        let mut message =
            k::SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from_static(b"v=x")).with_error_message(None);
        if v >= 1 {
            message = message.with_session_lifetime_ms(9);
        }
        let got = golden(&encoded(&message, v), v, decode_sasl_authenticate);
        assert_eq!((got.bytes.as_slice(), got.session_lifetime_ms), (&b"v=x"[..], if v >= 1 { 9 } else { 0 }));
    });
}

#[test]
fn cluster() {
    use k::describe_cluster_response::DescribeClusterBroker;
    use k::metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic};
    each(Api::Metadata, |v| {
        let partition = MetadataResponsePartition::default()
            .with_partition_index(2)
            .with_leader_id(1.into())
            .with_leader_epoch(7)
            .with_replica_nodes(vec![1.into(), 3.into()])
            .with_isr_nodes(vec![1.into()]);
        let mut told = MetadataResponseTopic::default()
            .with_name(Some(topic()))
            .with_is_internal(true)
            .with_partitions(vec![partition])
            .with_topic_authorized_operations(1 << 8);
        if v >= 10 {
            told = told.with_topic_id(uuid::Uuid::from_u128(42));
        }
        let broker = MetadataResponseBroker::default()
            .with_node_id(1.into())
            .with_host(s("h"))
            .with_port(9092)
            .with_rack(Some(s("r")));
        let message = k::MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_cluster_id(Some(s("c")))
            .with_controller_id(1.into())
            .with_topics(vec![told]);
        let got = golden(&encoded(&message, v), v, decode_metadata);
        let told = &got.topics[0];
        assert_eq!((told.name.as_deref(), told.internal), (Some("orders"), true));
        assert_eq!(told.id.as_u128(), if v >= 10 { 42 } else { 0 });
        let partition = &told.partitions[0];
        assert_eq!((partition.partition, partition.leader, partition.leader_epoch), (2, 1, 7));
        assert_eq!((partition.replicas.as_slice(), partition.in_sync.as_slice()), (&[1, 3][..], &[1][..]));
        assert_eq!(told.operations.allows(Operation::Describe), Some(true));
        assert_eq!((&*got.brokers[0].host, got.brokers[0].port, got.cluster_id.as_deref()), ("h", 9092, Some("c")));
    });
    each(Api::DescribeCluster, |v| {
        let broker = DescribeClusterBroker::default().with_broker_id(4.into()).with_host(s("h")).with_port(1);
        let message = k::DescribeClusterResponse::default()
            .with_cluster_id(s("c"))
            .with_controller_id(4.into())
            .with_brokers(vec![broker])
            .with_cluster_authorized_operations(1 << 3);
        let got = golden(&encoded(&message, v), v, decode_describe_cluster);
        assert_eq!((got.brokers[0].id, got.operations.allows(Operation::Describe)), (4, Some(false)));
    });
    assert_eq!(Operations::NOT_TOLD.allows(Operation::Describe), None);
}

#[test]
fn groups() {
    use k::find_coordinator_response::Coordinator as Found;
    use k::list_groups_response::ListedGroup as Listed;
    each(Api::ListGroups, |v| {
        let mut listed = Listed::default().with_group_id(k::GroupId(s("g"))).with_protocol_type(s("consumer"));
        if v >= 4 {
            listed = listed.with_group_state(s("Stable"));
        }
        if v >= 5 {
            listed = listed.with_group_type(s("classic"));
        }
        let message = k::ListGroupsResponse::default().with_error_code(14).with_groups(vec![listed]);
        let got = golden(&encoded(&message, v), v, decode_list_groups);
        assert_eq!(got.error_code, 14);
        assert_eq!(got.groups[0].state.as_deref(), (v >= 4).then_some("Stable"));
        assert_eq!(got.groups[0].group_type.as_deref(), (v >= 5).then_some("classic"));
    });
    each(Api::FindCoordinator, |v| {
        let message = if v >= 4 {
            let found = Found::default().with_key(s("g")).with_node_id(2.into()).with_host(s("h")).with_port(9);
            k::FindCoordinatorResponse::default().with_coordinators(vec![found])
        } else {
            k::FindCoordinatorResponse::default().with_node_id(2.into()).with_host(s("h")).with_port(9)
        };
        let got = golden(&encoded(&message, v), v, decode_find_coordinator);
        let found = &got.coordinators[0];
        assert_eq!((found.broker, found.port, found.group.as_deref()), (2, Some(9), (v >= 4).then_some("g")));
    });
}

fn subscription(version: i16) -> Bytes {
    let mut message = k::ConsumerProtocolSubscription::default().with_topics(vec![s("orders")]);
    if version >= 1 {
        let owned =
            k::consumer_protocol_subscription::TopicPartition::default().with_topic(topic()).with_partitions(vec![1]);
        message = message.with_owned_partitions(vec![owned]);
    }
    if version >= 3 {
        message = message.with_rack_id(Some(s("r")));
    }
    Bytes::from([&version.to_be_bytes()[..], &encoded(&message, version)].concat())
}

fn assignment(version: i16) -> Bytes {
    let part =
        k::consumer_protocol_assignment::TopicPartition::default().with_topic(topic()).with_partitions(vec![0, 3]);
    let message = k::ConsumerProtocolAssignment::default()
        .with_assigned_partitions(vec![part])
        .with_user_data(Some(Bytes::from_static(b"u")));
    Bytes::from([&version.to_be_bytes()[..], &encoded(&message, version)].concat())
}

fn orders(partitions: &[i32]) -> Vec<(Arc<str>, i32)> {
    partitions.iter().map(|partition| (Arc::from("orders"), *partition)).collect()
}

#[test]
fn embedded_protocol() {
    for v in 0..=3 {
        let got = golden(&subscription(v), v, |_, bytes| decode_subscription(bytes));
        assert_eq!(&*got.topics[0], "orders");
        assert_eq!(golden(&assignment(v), v, |_, bytes| decode_assignment(bytes)), orders(&[0, 3]));
    }
    let newer = [&7_i16.to_be_bytes()[..], &subscription(3)[2..], b"more"].concat();
    assert!(decode_subscription(&newer).is_ok());
}

#[test]
fn members() {
    use k::consumer_group_describe_response as c;
    use k::describe_groups_response::{DescribedGroup as Group, DescribedGroupMember};
    use k::share_group_describe_response as sh;
    each(Api::DescribeGroups, |v| {
        let member = DescribedGroupMember::default()
            .with_member_id(s("m"))
            .with_client_id(s("svc"))
            .with_client_host(s("/10.0.0.1"))
            .with_member_metadata(subscription(1))
            .with_member_assignment(assignment(1));
        let opaque = member.clone().with_member_metadata(Bytes::from_static(b"\0\x01junk"));
        let group = Group::default()
            .with_group_id(k::GroupId(s("g")))
            .with_protocol_type(s("consumer"))
            .with_group_state(s("Stable"));
        let group = group.with_members(vec![member, opaque]);
        let connect = group.clone().with_protocol_type(s("connect"));
        let got = golden(
            &encoded(&k::DescribeGroupsResponse::default().with_groups(vec![group, connect]), v),
            v,
            decode_describe_groups,
        );
        let [first, second] = got.groups[0].members.as_slice() else { panic!("two members") };
        assert_eq!(first.assignment, Readable::Known(orders(&[0, 3])));
        assert_eq!(first.subscription.known().map(|known| known.topics.len()), Some(1));
        assert!(matches!(second.subscription, Readable::Unreadable(_)));
        assert_eq!(got.groups[1].members[0].subscription, Readable::Withheld);
    });
    each(Api::ConsumerGroupDescribe, |v| {
        let part = c::TopicPartitions::default().with_topic_name(topic()).with_partitions(vec![0, 3]);
        let assigned = c::Assignment::default().with_topic_partitions(vec![part]);
        let mut member = c::Member::default()
            .with_member_id(s("m"))
            .with_client_id(s("svc"))
            .with_subscribed_topic_names(vec![topic()])
            .with_subscribed_topic_regex(Some(s("or.*")))
            .with_assignment(assigned.clone())
            .with_target_assignment(assigned);
        if v >= 1 {
            member = member.with_member_type(1);
        }
        let group = c::DescribedGroup::default()
            .with_group_id(k::GroupId(s("g")))
            .with_group_epoch(4)
            .with_members(vec![member]);
        let got = golden(
            &encoded(&k::ConsumerGroupDescribeResponse::default().with_groups(vec![group]), v),
            v,
            decode_consumer_group_describe,
        );
        let member = &got.groups[0].members[0];
        assert_eq!((member.assignment.known(), &member.target), (Some(&orders(&[0, 3])), &orders(&[0, 3])));
        assert_eq!(member.subscription.known().and_then(|known| known.regex.as_deref()), Some("or.*"));
    });
    let part = sh::TopicPartitions::default().with_topic_name(topic()).with_partitions(vec![3]);
    let assigned = sh::Assignment::default().with_topic_partitions(vec![part]);
    let member = sh::Member::default()
        .with_member_id(s("m"))
        .with_subscribed_topic_names(vec![topic()])
        .with_assignment(assigned);
    let group = sh::DescribedGroup::default().with_group_id(k::GroupId(s("g"))).with_members(vec![member]);
    let got = golden(
        &encoded(&k::ShareGroupDescribeResponse::default().with_groups(vec![group]), 1),
        1,
        decode_share_group_describe,
    );
    assert_eq!(got.groups[0].members[0].assignment, Readable::Known(orders(&[3])));
}

/// Written by Kafka 4.1's own classes.
const STREAMS: &str = "00000007030000000461707007537461626c650000000300000003010000000102023002076f7264657273020573696e6b0203636c00000000000102026b0276000002047265700000000300000100000002036d31000000030000047376630a2f31302e302e302e3100000000027001026800500002027a02310002023000000000000000000000000500010202300300000000000000020002023002000000010001000202300300000000000000020002023002000000010001000000000001080000451647726f757020676f6e65206e6f7420666f756e642e05676f6e65010000000000000000ff01800000000000";

fn streams() -> Vec<u8> {
    (0..STREAMS.len()).step_by(2).map(|at| u8::from_str_radix(&STREAMS[at..at + 2], 16).expect("hex")).collect()
}

#[test]
fn streams_groups() {
    let got = golden(&streams(), 0, decode_streams_group_describe);
    let member = &got.groups[0].members[0];
    let reads: Vec<&str> = member.subscription.known().expect("known").topics.iter().map(|topic| &**topic).collect();
    assert_eq!(reads, ["orders", "rep"]);
    assert_eq!(member.assignment.known().map(Vec::len), Some(4));
    assert_eq!((got.groups[1].error_code, got.groups[1].members.len()), (69, 0));
}

#[test]
fn offsets() {
    use k::describe_share_group_offsets_response as d;
    use k::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
    use k::offset_fetch_response as o;
    each(Api::OffsetFetch, |v| {
        let message = if v >= 8 {
            let part = o::OffsetFetchResponsePartitions::default()
                .with_partition_index(3)
                .with_committed_offset(12)
                .with_committed_leader_epoch(5)
                .with_error_code(88);
            let told = o::OffsetFetchResponseTopics::default().with_name(topic()).with_partitions(vec![part]);
            let group = o::OffsetFetchResponseGroup::default()
                .with_group_id(k::GroupId(s("g")))
                .with_topics(vec![told])
                .with_error_code(16);
            k::OffsetFetchResponse::default().with_groups(vec![group])
        } else {
            let part = o::OffsetFetchResponsePartition::default()
                .with_partition_index(3)
                .with_committed_offset(12)
                .with_committed_leader_epoch(5)
                .with_error_code(88);
            let told = o::OffsetFetchResponseTopic::default().with_name(topic()).with_partitions(vec![part]);
            k::OffsetFetchResponse::default().with_topics(vec![told]).with_error_code(16)
        };
        let got = golden(&encoded(&message, v), v, decode_offset_fetch);
        let offset = &got.groups[0].offsets[0];
        assert_eq!(
            (got.groups[0].error_code, offset.partition, offset.offset, offset.leader_epoch, offset.error_code),
            (16, 3, 12, 5, 88)
        );
    });
    each(Api::ListOffsets, |v| {
        let mut part = ListOffsetsPartitionResponse::default()
            .with_partition_index(3)
            .with_offset(12)
            .with_timestamp(99)
            .with_error_code(6);
        if v >= 4 {
            part = part.with_leader_epoch(5);
        }
        let told = ListOffsetsTopicResponse::default().with_name(topic()).with_partitions(vec![part]);
        let got =
            golden(&encoded(&k::ListOffsetsResponse::default().with_topics(vec![told]), v), v, decode_list_offsets);
        let offset = &got.offsets[0];
        assert_eq!(
            (offset.offset, offset.timestamp, offset.error_code, offset.leader_epoch),
            (12, 99, 6, if v >= 4 { 5 } else { -1 })
        );
    });
    let part = d::DescribeShareGroupOffsetsResponsePartition::default().with_partition_index(3).with_start_offset(12);
    let told =
        d::DescribeShareGroupOffsetsResponseTopic::default().with_topic_name(topic()).with_partitions(vec![part]);
    let group =
        d::DescribeShareGroupOffsetsResponseGroup::default().with_group_id(k::GroupId(s("g"))).with_topics(vec![told]);
    let message = k::DescribeShareGroupOffsetsResponse::default().with_groups(vec![group]);
    let got = golden(&encoded(&message, 0), 0, decode_describe_share_group_offsets);
    assert_eq!(got.groups[0].offsets[0].start_offset, 12);
}

#[test]
fn producers() {
    use k::describe_producers_response as d;
    let state = d::ProducerState::default()
        .with_producer_id(k::ProducerId(9))
        .with_last_sequence(4)
        .with_current_txn_start_offset(77);
    let part = d::PartitionResponse::default().with_partition_index(3).with_active_producers(vec![state]);
    let told = d::TopicResponse::default().with_name(topic()).with_partitions(vec![part]);
    let got = golden(
        &encoded(&k::DescribeProducersResponse::default().with_topics(vec![told]), 0),
        0,
        decode_describe_producers,
    );
    assert_eq!(
        (got.partitions[0].producers[0].producer_id, got.partitions[0].producers[0].open_transaction),
        (9, Some(77))
    );
    each(Api::ListTransactions, |v| {
        let state = k::list_transactions_response::TransactionState::default()
            .with_transactional_id(k::TransactionalId(s("t")))
            .with_producer_id(k::ProducerId(9))
            .with_transaction_state(s("Ongoing"));
        let message = k::ListTransactionsResponse::default()
            .with_transaction_states(vec![state])
            .with_unknown_state_filters(vec![s("x")]);
        let got = golden(&encoded(&message, v), v, decode_list_transactions);
        assert_eq!((&*got.transactions[0].transactional_id, &*got.transactions[0].state), ("t", "Ongoing"));
    });
    let told = k::describe_transactions_response::TopicData::default().with_topic(topic()).with_partitions(vec![0, 3]);
    let state = k::describe_transactions_response::TransactionState::default()
        .with_transactional_id(k::TransactionalId(s("t")))
        .with_producer_epoch(2)
        .with_topics(vec![told]);
    let message = k::DescribeTransactionsResponse::default().with_transaction_states(vec![state]);
    let got = golden(&encoded(&message, 0), 0, decode_describe_transactions);
    assert_eq!((got.transactions[0].producer_epoch, &got.transactions[0].partitions), (2, &orders(&[0, 3])));
}

#[test]
fn configs_and_log_dirs() {
    use k::describe_configs_response as c;
    use k::describe_log_dirs_response as l;
    each(Api::DescribeConfigs, |v| {
        let synonym = c::DescribeConfigsSynonym::default().with_name(s("log.x")).with_source(5);
        let entry = c::DescribeConfigsResourceResult::default()
            .with_name(s("cleanup.policy"))
            .with_value(Some(s("delete")))
            .with_config_source(1)
            .with_is_sensitive(true)
            .with_synonyms(vec![synonym]);
        let result = c::DescribeConfigsResult::default()
            .with_resource_type(2)
            .with_resource_name(s("orders"))
            .with_configs(vec![entry]);
        let got = golden(
            &encoded(&k::DescribeConfigsResponse::default().with_results(vec![result]), v),
            v,
            decode_describe_configs,
        );
        let entry = &got.resources[0].entries[0];
        assert_eq!(
            (entry.value.as_deref(), entry.source, entry.sensitive),
            (Some("delete"), ConfigSource::Topic, true)
        );
    });
    each(Api::DescribeLogDirs, |v| {
        let part = l::DescribeLogDirsPartition::default()
            .with_partition_index(3)
            .with_partition_size(100)
            .with_is_future_key(true);
        let told = l::DescribeLogDirsTopic::default().with_name(topic()).with_partitions(vec![part]);
        let mut dir =
            l::DescribeLogDirsResult::default().with_log_dir(s("/d")).with_topics(vec![told]).with_error_code(56);
        if v >= 4 {
            dir = dir.with_total_bytes(1000).with_usable_bytes(10);
        }
        let got = golden(
            &encoded(&k::DescribeLogDirsResponse::default().with_results(vec![dir]), v),
            v,
            decode_describe_log_dirs,
        );
        let dir = &got.dirs[0];
        assert_eq!((dir.error_code, dir.partitions[0].size, dir.partitions[0].future), (56, 100, true));
        assert_eq!(dir.total_bytes, (v >= 4).then_some(1000));
    });
}

fn everything(version: i16, bytes: &[u8]) {
    let _ = decode_api_versions(version, bytes);
    let _ = decode_sasl_handshake(version, bytes);
    let _ = decode_sasl_authenticate(version, bytes);
    let _ = decode_metadata(version, bytes);
    let _ = decode_describe_cluster(version, bytes);
    let _ = decode_list_groups(version, bytes);
    let _ = decode_find_coordinator(version, bytes);
    let _ = decode_describe_groups(version, bytes);
    let _ = decode_consumer_group_describe(version, bytes);
    let _ = decode_share_group_describe(version, bytes);
    let _ = decode_streams_group_describe(version, bytes);
    let _ = decode_offset_fetch(version, bytes);
    let _ = decode_list_offsets(version, bytes);
    let _ = decode_describe_share_group_offsets(version, bytes);
    let _ = decode_describe_producers(version, bytes);
    let _ = decode_list_transactions(version, bytes);
    let _ = decode_describe_transactions(version, bytes);
    let _ = decode_describe_configs(version, bytes);
    let _ = decode_describe_log_dirs(version, bytes);
    let _ = decode_subscription(bytes);
    let _ = decode_assignment(bytes);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(version in -1_i16..14, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        everything(version, &bytes);
    }

    #[test]
    fn scrambled_answers_never_panic(at in 0_usize..400, byte in any::<u8>(), run in 1_usize..6) {
        let mut bytes = streams();
        let at = at % bytes.len();
        let end = (at + run).min(bytes.len());
        bytes[at..end].fill(byte);
        for version in 0..13 {
            everything(version, &bytes);
        }
    }
}
