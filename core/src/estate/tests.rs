//! Tests of what is remembered of targets and clocks.

use super::kafka::KafkaTails;
use super::{Content, Estate, Failure, FailureKind, Sample, Side, Target};
use crate::time::{Dur, Mono, Now, Span, Wall};

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
fn targets_are_called_by_what_they_are() {
    let mirror = Target::Mirror("one".into());
    let probe = Target::Probe("dns".into());
    let names = [SOURCE, Target::Mongodb(Side::Destination), mirror, probe].map(|t| t.to_string());
    assert_eq!(names, ["kafka/source", "mongodb/destination", "mirror/one", "probe/dns"]);
}
