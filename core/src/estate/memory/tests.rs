//! Tests of what is remembered of a Kafka cluster.

use super::*;
use crate::estate::FailureKind;
use crate::estate::kafka::{BrokerSample, GroupKind, Member, TopicConfig, TopicSample};

fn span(sent: i64) -> Span {
    Span { sent: Mono(sent), received: Mono(sent + 100) }
}

fn failure() -> Failure {
    Failure::new(FailureKind::Timeout, "no answer in 4 s")
}

fn ends(low: i64, high: i64) -> Ends {
    Ends { low, high, stable: high, epoch: 1 }
}

fn part(e: Ends) -> PartitionSample {
    PartitionSample { replicas: 3, in_sync: Some(3), ends: Ok(e), producers: Ok(vec![]) }
}

/// Partition 0 of one topic, read by one group that has committed there.
fn sample(high: i64, committed: Option<i64>) -> KafkaSample {
    let topic = TopicSample { id: Uuid::nil(), partitions: BTreeMap::from([(0, part(ends(0, high)))]), failed: None };
    let member = Member {
        client_id: "rtu-0".into(),
        host: "10.0.0.1".into(),
        topics: Ok(BTreeSet::from(["t".into()])),
        assigned: BTreeSet::new(),
    };
    let group = GroupSample {
        kind: GroupKind::Consumer,
        state: "Stable".into(),
        members: Ok(vec![member]),
        commits: Ok(committed.map(|c| (("t".into(), 0), Ok(c))).into_iter().collect()),
    };
    KafkaSample {
        cluster_id: "c".into(),
        brokers: BTreeMap::from([(1, BrokerSample { address: "b1:9092".into(), reached: Ok(()) })]),
        may_describe: Ok(true),
        topics: BTreeMap::from([("t".into(), topic)]),
        topics_outside: 0,
        unlisted: BTreeMap::new(),
        groups: BTreeMap::from([("rtu".into(), group)]),
        groups_outside: 0,
        listed: None,
        committed: None,
        ended: None,
    }
}

fn seen(samples: impl IntoIterator<Item = (i64, KafkaSample)>) -> KafkaMemory {
    let mut m = KafkaMemory::default();
    for (at, s) in samples {
        m.apply(span(at), s);
    }
    m
}

fn key() -> TopicPartition {
    ("t".into(), 0)
}

#[test]
fn a_sample_that_was_asked_for_before_the_newest_had_come_in_says_nothing() {
    let high = |at: i64| {
        let m = seen([(5_000, sample(9, None)), (at, sample(7, None))]);
        m.ends()[&key()].ends.high
    };
    assert_eq!((high(4_000), high(5_000), high(5_099)), (9, 9, 9));
    assert_eq!((high(5_100), high(10_000)), (7, 7));
}

#[test]
fn three_good_samples_are_kept_the_newest_and_two_before() {
    let mut m = seen([(0, sample(1, None))]);
    assert!(m.earlier(1).is_none());
    for n in 2..=4 {
        m.apply(span(n * 5_000), sample(n, None));
    }
    let high = |s: &KafkaSample| s.topics["t"].partitions[&0].ends.as_ref().map(|e| e.high).ok();
    let kept: Vec<_> = (1..=4).map(|n| m.earlier(n).and_then(high)).collect();
    assert_eq!((m.last().and_then(|(_, s)| high(s)), kept), (Some(4), vec![Some(3), Some(2), None, None]));
}

#[test]
fn another_cluster_is_remembered_from_the_beginning() {
    let mut m = seen([(0, sample(1, Some(1))), (5_000, sample(1, Some(1)))]);
    assert_eq!((m.first(), m.watched()), (Some(Mono(0)), Some(Mono(0))));
    m.apply(span(10_000), KafkaSample { cluster_id: "d".into(), ..sample(1, Some(1)) });
    assert_eq!((m.first(), m.watched(), m.earlier(1).is_none()), (Some(Mono(10_000)), Some(Mono(10_000)), true));
    assert_eq!(m.ends()[&key()].unmoved_for(), Dur::ZERO);
}

#[test]
fn after_a_jump_of_the_clocks_nothing_has_stood_still_and_nobody_was_watched() {
    let mut m = seen([(0, sample(1, Some(1))), (60_000, sample(1, Some(1)))]);
    let still = |m: &KafkaMemory| {
        (m.ends()[&key()].unmoved_for(), m.commit("rtu", &key()).map(CommitMemory::unmoved_for), m.clients().len())
    };
    // From when the first sample had come in to when the newest was asked for.
    assert_eq!(still(&m), (Dur(59_900), Some(Dur(59_900)), 1));
    m.forget_spans();
    assert_eq!((still(&m), m.watched(), m.first()), ((Dur::ZERO, Some(Dur::ZERO), 0), None, Some(Mono(0))));
    assert_eq!(m.ends()[&key()].quiet_since, None);
    m.apply(span(65_000), sample(1, Some(1)));
    m.apply(span(75_000), sample(1, Some(1)));
    assert_eq!((still(&m), m.watched()), ((Dur(9_900), Some(Dur(9_900)), 1), Some(Mono(65_000))));
}

#[test]
fn a_log_has_stood_still_since_its_end_its_epoch_or_its_topic_changed_last() {
    let still = |next: KafkaSample| {
        let m = seen([(0, sample(5, None)), (30_000, next.clone()), (40_000, next)]);
        m.ends()[&key()].unmoved_for()
    };
    let changed = |change: fn(&mut TopicSample)| {
        let mut s = sample(5, None);
        s.topics.values_mut().for_each(change);
        s
    };
    assert_eq!(still(sample(5, None)), Dur(39_900));
    assert_eq!(still(sample(6, None)), Dur(9_900));
    assert_eq!(still(sample(4, None)), Dur(9_900), "a log that is cut off has moved");
    assert_eq!(still(changed(|t| t.id = Uuid::from_u128(7))), Dur(9_900));
    let elected = |t: &mut TopicSample| {
        t.partitions.values_mut().for_each(|p| p.ends = Ok(Ends { epoch: 2, ..ends(0, 5) }));
    };
    assert_eq!(still(changed(elected)), Dur(9_900));
}

#[test]
fn growths_are_counted_and_the_longest_gap_between_two_is_kept() {
    let m = seen(
        [(0, 5), (10_000, 6), (20_000, 6), (30_000, 7), (35_000, 8), (40_000, 7)].map(|(t, h)| (t, sample(h, None))),
    );
    let e = &m.ends()[&key()];
    assert_eq!((e.growths, e.grew, e.longest_gap), (3, Some(Mono(35_000)), Dur(20_100)));
}

#[test]
fn how_old_a_record_is_follows_from_when_the_log_ended_there() {
    let m = seen([(0, 5), (10_000, 8), (20_000, 8), (30_000, 12)].map(|(t, h)| (t, sample(h, None))));
    let e = &m.ends()[&key()];
    assert_eq!((e.age_of(12), e.age_of(13)), (Some(Dur::ZERO), Some(Dur::ZERO)));
    // The newest instant at which it ended at 8 was 20 s.
    assert_eq!((e.age_of(11), e.age_of(8)), (Some(Dur::secs(10)), Some(Dur::secs(10))));
    assert_eq!((e.age_of(7), e.age_of(5), e.age_of(4)), (Some(Dur::secs(30)), Some(Dur::secs(30)), None));
}

#[test]
fn a_series_is_bounded_and_forgets_the_oldest() {
    let m = seen((0..200).map(|i| (i * 1_000, KafkaSample { ended: Some(span(i * 1_000)), ..sample(i + 1, Some(0)) })));
    let e = &m.ends()[&key()];
    assert_eq!((e.points.len(), e.points[0]), (POINTS, (Mono(72_000), 73)));
    let lags = m.lags(&"rtu".into(), &"t".into()).unwrap();
    assert_eq!((lags.len(), lags[0]), (POINTS, LagPoint { at: Mono(72_000), lag: 73 }));
}

#[test]
fn producers_are_quiet_while_none_of_them_has_acted_or_has_a_transaction() {
    let producers = |list: Result<Vec<ProducerState>, Failure>| {
        let mut s = sample(5, None);
        s.topics.values_mut().flat_map(|t| t.partitions.values_mut()).for_each(|p| p.producers = list.clone());
        s
    };
    let one = |sequence: i32, in_transaction: bool| {
        Ok(vec![ProducerState { id: 1, epoch: 0, last_sequence: sequence, in_transaction }])
    };
    let since = |next: Result<Vec<ProducerState>, Failure>| {
        let m = seen([(0, producers(one(1, false))), (10_000, producers(next))]);
        m.ends()[&key()].quiet_since
    };
    assert_eq!(since(one(1, false)), Some(Mono(100)));
    assert_eq!(since(one(2, false)), Some(Mono(10_100)));
    assert_eq!(since(one(1, true)), Some(Mono(10_100)));
    assert_eq!(since(Ok(vec![])), Some(Mono(100)), "one that is forgotten has not acted");
    assert_eq!(since(Err(failure())), None);
    let back =
        seen([(0, producers(one(1, false))), (10_000, producers(Err(failure()))), (20_000, producers(one(1, false)))]);
    assert_eq!(back.ends()[&key()].quiet_since, Some(Mono(20_100)));
}

#[test]
fn a_commit_has_stood_since_it_came_or_moved() {
    let m = seen([(0, 1), (10_000, 1), (20_000, 2), (30_000, 2)].map(|(t, c)| (t, sample(5, Some(c)))));
    let c = *m.commit("rtu", &key()).unwrap();
    assert_eq!((c.offset, c.moved, c.unmoved_for()), (2, true, Dur(9_900)));
    let m = seen([(0, sample(5, Some(1))), (10_000, sample(5, None)), (20_000, sample(5, Some(1)))]);
    let c = *m.commit("rtu", &key()).unwrap();
    assert_eq!((c.moved, c.unmoved_for()), (false, Dur::ZERO), "what was gone has come anew");
}

#[test]
fn the_commits_of_a_group_that_is_not_listed_are_kept_only_where_the_list_is_not_whole() {
    let kept = |change: fn(&mut KafkaSample)| {
        let mut without = KafkaSample { groups: BTreeMap::new(), ..sample(5, None) };
        change(&mut without);
        seen([(0, sample(5, Some(1))), (10_000, without)]).commit("rtu", &key()).is_some()
    };
    assert!(!kept(|_| {}));
    assert!(kept(|s| drop(s.unlisted.insert(1, failure()))));
    assert!(kept(|s| s.may_describe = Ok(false)));
    assert!(kept(|s| s.may_describe = Err(failure())));
    assert!(kept(|s| s.brokers.clear()), "nobody was asked");
}

#[test]
fn members_that_read_something_here_are_remembered_for_ten_minutes() {
    let gone = || KafkaSample { groups: BTreeMap::new(), ..sample(5, None) };
    let clients = |last: i64| seen([(0, sample(5, None)), (last, gone())]).clients().len();
    assert_eq!((clients(CLIENTS.0), clients(CLIENTS.0 + 1)), (1, 0));
    let with = |topics: Result<BTreeSet<Name>, Failure>| {
        let mut s = sample(5, None);
        for m in s.groups.values_mut().flat_map(|g| g.members.iter_mut().flatten()) {
            m.topics = topics.clone();
        }
        seen([(0, s)]).clients().len()
    };
    assert_eq!((with(Ok(BTreeSet::new())), with(Err(failure()))), (0, 0));
}

#[test]
fn a_partition_is_short_of_replicas_below_what_its_topic_asks_for() {
    let short = |replicas: u32, in_sync: Option<u32>, least: Option<i64>| {
        let mut m = seen([(0, sample(5, None))]);
        let config = |min_insync_replicas| TopicConfig {
            cleanup_policy: "delete".into(),
            retention_ms: -1,
            retention_bytes: -1,
            min_insync_replicas,
            max_message_bytes: 1_048_588,
        };
        let topics = least.map(|n| ("t".into(), Ok(config(n)))).into_iter().collect();
        m.configured(span(1_000), KafkaConfigs { cluster_id: "c".into(), topics, ..KafkaConfigs::default() });
        m.short_of_replicas(&"t".into(), &PartitionSample { replicas, in_sync, ..part(ends(0, 5)) })
    };
    assert_eq!(short(3, Some(3), Some(2)), None);
    assert_eq!(short(3, Some(2), Some(2)), None, "as many as it asks for");
    assert_eq!(short(3, Some(1), Some(2)), Some((1, 2)));
    assert_eq!(short(3, Some(0), Some(0)), Some((0, 0)), "one of those in sync is offline");
    assert_eq!(short(3, Some(2), Some(5)), Some((2, 3)), "more than there are cannot be asked for");
    assert_eq!(short(3, Some(2), None), Some((2, 3)), "what it asks for is not known");
    assert_eq!(short(3, None, Some(2)), None, "the broker does not say");
}

#[test]
fn silence_counts_from_when_enough_replicas_were_in_sync_again() {
    let with = |n: u32| {
        let mut s = sample(5, None);
        s.topics.values_mut().flat_map(|t| t.partitions.values_mut()).for_each(|p| p.in_sync = Some(n));
        s
    };
    let mut m = seen([(0, with(3)), (10_000, with(0))]);
    assert_eq!((m.ends()[&key()].since, m.ends()[&key()].quiet_since), (None, None));
    m.apply(span(20_000), with(3));
    m.apply(span(30_000), with(3));
    let e = &m.ends()[&key()];
    assert_eq!((e.since, e.quiet_since), (Some(Mono(20_100)), Some(Mono(20_100))));
}

#[test]
fn the_lag_of_a_group_is_known_where_every_part_of_it_is() {
    let lag = |e: Result<Ends, Failure>, committed: Option<Result<i64, Failure>>, failed: Option<Failure>| {
        let mut s = sample(0, None);
        let t = s.topics.get_mut("t").unwrap();
        t.failed = failed;
        t.partitions.get_mut(&0).unwrap().ends = e;
        let g = s.groups.get_mut("rtu").unwrap();
        g.commits = Ok(committed.map(|c| (key(), c)).into_iter().collect());
        lag_of(&s.groups["rtu"], &"t".into(), &s)
    };
    assert_eq!(lag(Ok(ends(2, 9)), Some(Ok(4)), None), Some(5));
    assert_eq!(lag(Ok(ends(2, 9)), Some(Ok(9)), None), Some(0));
    assert_eq!(lag(Ok(ends(2, 9)), Some(Ok(10)), None), None, "past the end: another log");
    assert_eq!(lag(Ok(ends(2, 9)), None, None), None);
    assert_eq!(lag(Ok(ends(9, 9)), None, None), Some(0), "there is nothing to read");
    assert_eq!(lag(Ok(ends(2, 9)), Some(Err(failure())), None), None);
    assert_eq!(lag(Err(failure()), Some(Ok(4)), None), None);
    assert_eq!(lag(Ok(ends(2, 9)), Some(Ok(4)), Some(failure())), None);
    let mut empty = sample(5, Some(1));
    empty.topics.get_mut("t").unwrap().partitions.clear();
    assert_eq!(lag_of(&empty.groups["rtu"], &"t".into(), &empty), None, "a topic without partitions proves nothing");
}

#[test]
fn the_ends_of_a_partition_are_kept_while_its_topic_has_it_or_cannot_tell() {
    let kept = |change: fn(&mut KafkaSample)| {
        let mut s = sample(5, None);
        change(&mut s);
        seen([(0, sample(5, None)), (10_000, s)]).ends().contains_key(&key())
    };
    assert!(kept(|_| {}));
    assert!(!kept(|s| s.topics.clear()));
    assert!(!kept(|s| s.topics.values_mut().for_each(|t| t.partitions.clear())));
    assert!(kept(|s| {
        for t in s.topics.values_mut() {
            t.partitions.clear();
            t.failed = Some(failure());
        }
    }));
}

#[test]
fn groups_are_called_by_their_kind() {
    let classic = |t: &str| GroupKind::Classic { protocol_type: t.into() };
    let kinds = [classic(""), classic("connect"), GroupKind::Consumer, GroupKind::Share, GroupKind::Streams];
    let names = kinds.each_ref().map(GroupKind::as_str);
    assert_eq!(names, ["classic (commits only)", "connect", "KIP-848", "share", "streams"]);
}
