//! Tests of what is remembered of targets and clocks.

use super::kafka::{KafkaConfigs, KafkaSample, KafkaTails};
use super::{Content, Estate, Failure, FailureKind, Sample, Side, Target};
use crate::Name;
use crate::time::{Dur, Mono, Now, Span, Wall};
use std::collections::{BTreeMap, BTreeSet};

const SOURCE: Target = Target::Kafka(Side::Source);

fn at(seconds: i64) -> Now {
    Now { mono: Mono(seconds * 1_000), wall: Wall(1_790_000_000_000 + seconds * 1_000) }
}

fn sample(now: Now, outcome: Result<Content, Failure>) -> Sample {
    Sample { target: SOURCE, span: Span { sent: now.mono, received: now.mono }, outcome }
}

/// An answer to a question beside the regular ones.
fn aside() -> Result<Content, Failure> {
    Ok(Content::KafkaTails(KafkaTails { cluster_id: "c".into(), tails: Vec::new() }))
}

#[test]
fn a_target_that_fails_is_not_well_because_it_answers_something_else() {
    let mut estate = Estate::new();
    let failure = Failure::new(FailureKind::Timeout, "no answer");
    estate.apply(sample(at(1), Err(failure.clone())), at(1));
    estate.apply(sample(at(2), aside()), at(2));
    let health = &estate.health()[&SOURCE];
    assert_eq!((health.samples, health.failing.as_ref(), health.last_success), (1, Some(&failure), None));
}

#[test]
fn clocks_are_watched_from_the_start() {
    // The machine slept before the first sample came: its wall clock has moved on, the monotonic one has not.
    let woken = Now { mono: at(1).mono, wall: at(1).wall + Dur::mins(5) };
    let mut unwatched = Estate::new();
    unwatched.apply(sample(at(0), aside()), woken);
    assert_eq!((unwatched.jumps(), unwatched.jumped()), (0, None), "nothing to compare with");
    let mut watched = Estate::watching(at(0));
    watched.apply(sample(at(0), aside()), woken);
    assert_eq!((watched.jumps(), watched.jumped()), (1, Some(woken.mono)));
}

#[test]
fn a_drift_of_more_than_the_allowed_is_a_jump_and_slow_drift_is_followed() {
    let looked = |drift: i64| {
        let mut estate = Estate::watching(at(0));
        estate.tick(Now { mono: at(1).mono, wall: at(1).wall + Dur(drift) });
        estate.jumps()
    };
    let allowed = crate::time::DRIFT.0;
    assert_eq!([allowed, -allowed, allowed + 1, -allowed - 1].map(looked), [0, 0, 1, 1]);
    let mut estate = Estate::watching(at(0));
    for n in 1..10 {
        estate.tick(Now { mono: at(n).mono, wall: at(n).wall + Dur(n * allowed) });
    }
    assert_eq!(estate.jumps(), 0, "each look is compared with the one before");
}

#[test]
fn targets_are_called_by_what_they_are() {
    let mirror = Target::Mirror("one".into());
    let probe = Target::Probe("dns".into());
    let names = [SOURCE, Target::Mongodb(Side::Destination), mirror, probe].map(|t| t.to_string());
    assert_eq!(names, ["kafka/source", "mongodb/destination", "mirror/one", "probe/dns"]);
}

/// Of a cluster without anything in it.
fn regular() -> Result<Content, Failure> {
    Ok(Content::Kafka(Box::new(KafkaSample {
        cluster_id: "c".into(),
        brokers: BTreeMap::new(),
        may_describe: Ok(true),
        topics: BTreeMap::new(),
        topics_outside: 0,
        unlisted: BTreeMap::new(),
        groups: BTreeMap::new(),
        groups_outside: 0,
        listed: None,
        committed: None,
        ended: None,
    })))
}

/// What some or all brokers hold.
fn held(topics: &[&str], logs_told: bool) -> Result<Content, Failure> {
    let logs: BTreeSet<Name> = topics.iter().map(|t| Name::from(*t)).collect();
    Ok(Content::KafkaConfigs(Box::new(KafkaConfigs {
        cluster_id: "c".into(),
        logs,
        logs_told,
        ..KafkaConfigs::default()
    })))
}

#[test]
fn what_brokers_hold_and_no_list_has_is_remembered_until_all_of_them_tell() {
    let mut estate = Estate::new();
    let mut hidden = |seconds: i64, outcome| {
        estate.apply(sample(at(seconds), outcome), at(seconds));
        let all = estate.kafka(Side::Source).map(|k| k.hidden().iter().map(ToString::to_string).collect::<Vec<_>>());
        all.unwrap_or_default()
    };
    assert!(hidden(1, held(&["secret"], true)).is_empty(), "nothing was listed yet");
    assert_eq!(hidden(2, regular()), ["secret"]);
    assert_eq!(hidden(3, held(&[], false)), ["secret"]);
    assert!(hidden(4, held(&[], true)).is_empty());
}
