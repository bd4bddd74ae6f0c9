use super::*;
use crate::estate::kafka::{Ends, GroupKind, KafkaSample, Member};
use crate::estate::{Content, Sample};
use crate::facts::Fact;
use crate::pattern::Pattern;
use crate::settings::{ClientField, HomeRule, Track};
use crate::time::{Mono, Span};

const T: &str = "shop.crm.orders.ingestion";

fn settings() -> Settings {
    let kafka = KafkaSettings {
        interval: Dur::secs(5),
        slow_interval: Dur::mins(5),
        topics: vec![Pattern::parse("shop.*").unwrap()],
        classes: vec![],
        rename_topics: vec![],
        rename_groups: vec![],
        ignored: BTreeMap::from([("old-rtu".into(), "gone".into())]),
        producers: BTreeMap::new(),
        no_producers: None,
        partitions_differ: BTreeMap::new(),
        unread: BTreeMap::new(),
        unseeded: BTreeMap::new(),
        archived: BTreeMap::new(),
        longest_pause: Dur::days(7),
        session_timeout: Dur::secs(45),
        homes: vec![HomeRule {
            home: Home::Destination,
            field: ClientField::ClientId,
            pattern: Pattern::parse("{service}-dst").unwrap(),
        }],
    };
    Settings {
        migration: "test".into(),
        attempt: 1,
        config_hash: "0".into(),
        faster: 1,
        tracks: BTreeSet::from([Track::Kafka]),
        skip: BTreeMap::new(),
        after: BTreeMap::new(),
        pace: Dur::ZERO,
        joint: false,
        dwell: BTreeMap::new(),
        requirements_enforced: false,
        mongodb: None,
        probes: BTreeMap::new(),
        kafka: Some(kafka),
        relaxations: vec![],
    }
}

fn failure() -> Failure {
    Failure::new(FailureKind::Timeout, "asked, nothing came back")
}

fn sample(ends: &[Option<(i64, i64)>], commits: &[(i32, i64)]) -> KafkaSample {
    let part = |e: &Option<(i64, i64)>| PartitionSample {
        replicas: 1,
        in_sync: Some(1),
        ends: e.map(|(low, high)| Ends { low, high, stable: high, epoch: 0 }).ok_or_else(failure),
        producers: Ok(vec![]),
    };
    let partitions = (0i32..).zip(ends.iter().map(part)).collect();
    let member = Member {
        client_id: "orders-dst".into(),
        host: "/10.0.0.1".into(),
        topics: Ok(BTreeSet::from([T.into()])),
        assigned: BTreeSet::new(),
    };
    let group = |commits: &[(i32, i64)]| GroupSample {
        kind: GroupKind::Consumer,
        state: "Stable".into(),
        members: Ok(vec![member.clone()]),
        commits: Ok(commits.iter().map(|(p, o)| ((T.into(), *p), Ok(*o))).collect()),
    };
    KafkaSample {
        cluster_id: "old".into(),
        brokers: BTreeMap::new(),
        may_describe: Ok(true),
        topics: BTreeMap::from([(T.into(), TopicSample { partitions, ..TopicSample::default() })]),
        topics_outside: 3,
        unlisted: BTreeMap::new(),
        groups: BTreeMap::from([("rtu".into(), group(commits)), ("old-rtu".into(), group(&[]))]),
        groups_outside: 2,
        listed: None,
        committed: None,
        ended: None,
    }
}

fn at(t: i64) -> Now {
    Now { mono: Mono(t * 1000), wall: Wall(1_790_000_000_000 + t * 1000) }
}

fn apply(e: &mut Estate, t: i64, outcome: Result<KafkaSample, Failure>) {
    let span = Span { sent: Mono(t * 1000), received: Mono(t * 1000 + 100) };
    let outcome = outcome.map(|k| Content::Kafka(Box::new(k)));
    e.apply(Sample { target: Target::Kafka(Side::Source), span, outcome }, at(t));
}

fn measure(e: &Estate, t: i64) -> Measures {
    Measures::of(e, &Facts::default(), &settings(), at(t))
}

fn the_pair(m: &Measures) -> PairMeasures {
    m.pairs[&(Side::Source, "rtu".into(), T.into())].clone()
}

#[test]
fn lag_is_the_sum_over_partitions_and_its_age_the_largest() {
    let mut e = Estate::new();
    apply(&mut e, 0, Ok(sample(&[Some((0, 10)), Some((0, 5)), Some((7, 7))], &[(0, 10), (1, 5)])));
    apply(&mut e, 5, Ok(sample(&[Some((0, 14)), Some((0, 5)), Some((7, 7))], &[(0, 10), (1, 5)])));
    let m = measure(&e, 6);
    let p = the_pair(&m);
    assert_eq!((p.lag, p.lag_time, p.unknown_partitions), (Some(4), Some(Dur::secs(5)), Some(0)));
    assert_eq!(p.members, Some(BTreeMap::from([(Home::Source, 0), (Home::Destination, 1)])));
    assert_eq!(m.end_offsets[&(Side::Source, T.into())], 26);
    let c = m.clusters[&Side::Source];
    assert_eq!((c.topics, c.topics_outside, c.groups, c.groups_outside), (1, 3, 1, 2));
    assert_eq!(m.pairs.len(), 1, "an ignored group is not measured");
}

#[test]
fn one_unknown_partition_takes_the_sum_with_it() {
    for (ends, commits) in [
        (vec![Some((0, 10)), None], vec![(0, 4), (1, 4)]),
        (vec![Some((0, 10)), Some((0, 3))], vec![(0, 4)]),
        (vec![Some((0, 10)), Some((0, 3))], vec![(0, 4), (1, 9)]),
    ] {
        let mut e = Estate::new();
        apply(&mut e, 0, Ok(sample(&ends, &commits)));
        let p = the_pair(&measure(&e, 1));
        assert_eq!((p.lag, p.lag_time, p.unknown_partitions), (None, None, Some(1)), "{ends:?} {commits:?}");
    }
    let mut e = Estate::new();
    apply(&mut e, 0, Ok(sample(&[None], &[(0, 4)])));
    assert!(measure(&e, 1).end_offsets.is_empty());
}

#[test]
fn an_age_the_series_does_not_reach_is_unknown_although_the_lag_is_known() {
    let mut e = Estate::new();
    apply(&mut e, 0, Ok(sample(&[Some((0, 10))], &[(0, 4)])));
    let p = the_pair(&measure(&e, 1));
    assert_eq!((p.lag, p.lag_time), (Some(6), None));
}

#[test]
fn what_is_stale_is_gone_and_only_the_target_remains() {
    let mut e = Estate::new();
    apply(&mut e, 0, Ok(sample(&[Some((0, 10))], &[(0, 10)])));
    assert!(measure(&e, 14).targets[&Target::Kafka(Side::Source)].up);
    apply(&mut e, 14, Err(failure()));
    let m = measure(&e, 15);
    assert!(m.pairs.is_empty() && m.clusters.is_empty() && m.end_offsets.is_empty());
    let t = &m.targets[&Target::Kafka(Side::Source)];
    assert!(!t.up);
    assert_eq!((t.samples, t.failures["timeout"], t.failures["auth"], t.last_success), (2, 1, 0, Some(at(0).wall)));
}

#[test]
fn a_sampler_that_hangs_is_not_up() {
    let mut e = Estate::new();
    apply(&mut e, 0, Ok(sample(&[Some((0, 10))], &[(0, 10)])));
    assert!(!measure(&e, 15).targets[&Target::Kafka(Side::Source)].up);
    assert!(measure(&Estate::new(), 0).targets.is_empty());
}

#[test]
fn unreadable_members_are_unknown_and_a_pair_that_vanished_is_not_drained() {
    let mut e = Estate::new();
    let mut k = sample(&[Some((0, 10))], &[(0, 10)]);
    for g in k.groups.values_mut() {
        for m in g.members.as_mut().unwrap() {
            m.topics = Err(failure());
        }
    }
    apply(&mut e, 0, Ok(k));
    assert_eq!(the_pair(&measure(&e, 1)).members, None);
    let mut facts = Facts::default();
    facts.apply(Fact::Pair { cluster: "old".into(), group: "lost".into(), topic: T.into() });
    let m = Measures::of(&e, &facts, &settings(), at(1));
    let lost = &m.pairs[&(Side::Source, "lost".into(), T.into())];
    assert_eq!((lost.lag, lost.unknown_partitions, lost.members.clone()), (None, Some(1), None));
}

#[test]
fn members_of_a_topic_are_those_that_subscribed_to_it_or_have_a_partition_of_it() {
    let counted = |topics: &[&str], assigned: &[(&str, i32)]| {
        let mut s = sample(&[Some((0, 10))], &[(0, 10)]);
        let member = Member {
            client_id: "orders-dst".into(),
            host: "/10.0.0.1".into(),
            topics: Ok(topics.iter().map(|t| Name::from(*t)).collect()),
            assigned: assigned.iter().map(|(t, p)| (Name::from(*t), *p)).collect(),
        };
        s.groups.get_mut("rtu").unwrap().members = Ok(vec![member]);
        let mut e = Estate::new();
        apply(&mut e, 0, Ok(s));
        the_pair(&measure(&e, 1)).members.map(|m| m[&Home::Destination])
    };
    assert_eq!(counted(&[T], &[]), Some(1));
    assert_eq!(counted(&["shop.other"], &[(T, 0)]), Some(1), "it has what it no longer asks for");
    assert_eq!(counted(&["shop.other"], &[("shop.other", 0)]), Some(0));
}
