use super::*;
use crate::playbook;

#[test]
fn facts_survive_their_own_text() {
    let key = LogKey { cluster: "c".into(), id: Uuid::from_u128(7), topic: "t".into(), partition: 3 };
    let facts = vec![
        Fact::Begun {
            step: "switch-producers".into(),
            at: Wall(1),
            how: How::Claimed { author: "alice".into(), reason: Some("the window is open".into()) },
            evidence: vec!["x".into()],
        },
        Fact::RecordedStart { key: key.clone(), offset: 4, adopted: None },
        Fact::Attached { key, group: "g".into(), end: 9, before: Some(4) },
        Fact::Held { step: None, at: Wall(2), author: "bob".into(), reason: "lunch".into() },
    ];
    for f in facts {
        let text = serde_json::to_string(&f).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), f, "{text}");
    }
}

#[test]
fn a_claim_of_an_older_journal_has_no_reason() {
    let old = r#"{"fact":"begun","step":"stop-consumers","at":1,"how":"claimed","author":"alice","evidence":[]}"#;
    let claimed = How::Claimed { author: "alice".into(), reason: None };
    let fact = Fact::Begun { step: "stop-consumers".into(), at: Wall(1), how: claimed, evidence: vec![] };
    assert_eq!(serde_json::from_str::<Fact>(old).unwrap(), fact);
    assert_eq!(serde_json::to_string(&fact).unwrap(), old);
}

#[test]
fn a_recorded_start_is_frozen_until_its_step_is_withdrawn() {
    let key = LogKey { cluster: "c".into(), id: Uuid::nil(), topic: "t".into(), partition: 0 };
    let start = |offset| Fact::RecordedStart { key: key.clone(), offset, adopted: None };
    let mut f = Facts::default();
    f.apply(start(4));
    f.apply(start(9));
    assert_eq!(f.starts[&key].offset, 4);
    f.apply(Fact::Withdrawn { step: "switch-producers".into(), at: Wall(0), author: "a".into(), reason: "r".into() });
    assert!(f.starts.is_empty());
}

const TRACKS: [Track; 3] = [Track::Services, Track::Mongodb, Track::Kafka];

fn key(topic: &str) -> LogKey {
    LogKey { cluster: "c".into(), id: Uuid::nil(), topic: topic.into(), partition: 0 }
}

fn begun(step: &str, at: i64, how: How) -> Fact {
    Fact::Begun { step: step.into(), at: Wall(at), how, evidence: vec![] }
}

fn done(step: &str) -> Fact {
    Fact::Done { step: step.into(), at: Wall(0), evidence: vec![] }
}

fn withdrawn(step: &str) -> Fact {
    Fact::Withdrawn { step: step.into(), at: Wall(0), author: "a".into(), reason: "r".into() }
}

fn word(name: &str, subject: &[&str]) -> Fact {
    let subject = subject.iter().map(|s| Name::from(*s)).collect();
    Fact::Confirmed { name: name.into(), subject, at: Wall(0), author: "a".into(), reason: "r".into(), basis: None }
}

fn start(topic: &str, offset: i64, adopted: Option<&str>) -> Fact {
    Fact::RecordedStart { key: key(topic), offset, adopted: adopted.map(Name::from) }
}

fn last_write(set: &str) -> Fact {
    Fact::LastWrite { set: set.into(), ts: Ts::new(7, 1), unseen: false, adopted: None }
}

/// Every step of every track was go, and is begun and done; everything that a step sets is set, every word is given.
fn everything() -> Facts {
    let mut f = Facts::default();
    for (side, set) in [(Side::Source, "s"), (Side::Destination, "d")] {
        f.apply(Fact::Deployment { side, set: set.into() });
        f.apply(Fact::Cluster { side, cluster: set.into() });
        f.apply(last_write(set));
    }
    for step in TRACKS.iter().flat_map(|t| playbook::steps(*t)) {
        f.apply(Fact::WasGo { step: step.id.into(), from: Wall(0), until: Wall(0) });
        f.apply(begun(step.id, 0, How::Unclaimed));
        f.apply(done(step.id));
    }
    f.apply(start("t", 4, None));
    f.apply(Fact::Grown { cluster: "c".into(), topic: "t".into(), id: Uuid::nil() });
    f.apply(Fact::SourceEnd { key: key("t"), offset: 9, adopted: None });
    f.apply(Fact::SourceMoved { key: key("t"), offset: 10 });
    f.apply(Fact::Attached { key: key("t"), group: "g".into(), end: 9, before: None });
    f.apply(Fact::ReadFromStart { key: key("t"), group: "g".into() });
    f.apply(Fact::Position { mirror: "m".into(), ts: Ts::new(7, 1) });
    let (set, namespace) = ("s".into(), "a.b".into());
    f.apply(Fact::SourceData { set, namespace, shape: "x".into(), documents: Some(1) });
    for (name, subject) in WORDS {
        f.apply(word(name, subject));
    }
    f
}

const WORDS: [(&str, &[&str]); 11] = [
    ("reconciled", &[]),
    ("scaled-to-zero", &["kafka"]),
    ("scaled-to-zero", &["mongodb"]),
    ("traffic-moved", &[]),
    ("names-moved", &[]),
    ("writers-started", &[]),
    ("mirror-removed", &["m"]),
    ("redeployed", &["g"]),
    ("nothing-skipped", &["g", "t"]),
    ("reconciled-writes", &[]),
    ("source-fenced", &[]),
];

/// What is left of everything.
fn gone(f: &Facts) -> Vec<String> {
    let words = WORDS.iter().map(|(name, subject)| {
        let subject: Vec<Name> = subject.iter().map(|s| Name::from(*s)).collect();
        (format!("{name} {}", subject.join(" ")).trim().to_owned(), f.confirmed(name, &subject).is_some())
    });
    let rest = [
        ("starts", !f.starts.is_empty()),
        ("grown", !f.grown.is_empty()),
        ("clusters", !f.clusters.is_empty()),
        ("source ends", !f.source_ends.is_empty()),
        ("source moved", !f.source_moved.is_empty()),
        ("deployments", !f.deployments.is_empty()),
        ("last write at the source", f.last_write("s").is_some()),
        ("last write at the destination", f.last_write("d").is_some()),
        ("positions", !f.positions.is_empty()),
        ("source data", !f.source_data.is_empty()),
        ("attached", !f.attached.is_empty()),
        ("read from start", !f.read_from_start.is_empty()),
    ];
    let all = rest.map(|(name, there)| (name.to_owned(), there)).into_iter().chain(words);
    all.filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

#[test]
fn a_withdrawal_voids_what_its_step_has_set_and_nothing_else() {
    assert_eq!(gone(&everything()), [""; 0]);
    assert_eq!(everything().last_write("s"), Some(Ts::new(7, 1)));
    let void = |step: &str| -> &[&str] {
        match step {
            "switch-producers" => &["starts", "grown", "clusters"],
            "stop-consumers" => &["source ends", "source moved", "reconciled", "scaled-to-zero kafka"],
            "start-consumers" => &["attached", "read from start", "redeployed g", "nothing-skipped g t"],
            "start-mirror" => &["deployments"],
            "stop-writers" => {
                &["last write at the source", "last write at the destination", "positions", "scaled-to-zero mongodb"]
            }
            "stop-mirror" => &["last write at the destination", "source data", "mirror-removed m"],
            "start-writers" => &["writers-started"],
            "redirect-traffic" => &["traffic-moved"],
            "switch-dns" => &["names-moved"],
            _ => &[],
        }
    };
    for step in TRACKS.iter().flat_map(|t| playbook::steps(*t)) {
        let mut f = everything();
        f.apply(withdrawn(step.id));
        assert_eq!(gone(&f), void(step.id), "{} withdrawn", step.id);
        assert_eq!(f.step(step.id), StepFacts::default(), "{}", step.id);
    }
}

#[test]
fn that_later_steps_were_go_rested_on_one_that_came_undone() {
    for track in TRACKS {
        let steps = playbook::steps(track);
        for (i, step) in steps.iter().enumerate() {
            for fact in [Fact::Undone { step: step.id.into(), at: Wall(5) }, withdrawn(step.id)] {
                let mut f = everything();
                let withdrawn = matches!(fact, Fact::Withdrawn { .. });
                f.apply(fact);
                for (k, other) in steps.iter().enumerate() {
                    let still = f.step(other.id).was_go.is_some();
                    assert_eq!(still, k < i || (k == i && !withdrawn), "{}: {}", step.id, other.id);
                }
                for other in TRACKS.iter().filter(|t| **t != track).flat_map(|t| playbook::steps(*t)) {
                    assert!(f.step(other.id).was_go.is_some(), "{}: {}", step.id, other.id);
                }
            }
        }
    }
}

#[test]
fn how_often_a_step_came_undone_outlives_its_withdrawal() {
    let mut f = everything();
    for (n, at) in [(1, 5), (2, 8)] {
        f.apply(Fact::Undone { step: "stop-writers".into(), at: Wall(at) });
        assert_eq!((f.step("stop-writers").undone_total, f.step("stop-writers").undone), (n, Some(Wall(at))));
        assert!(!f.is_done("stop-writers") && f.is_begun("stop-writers"));
    }
    f.apply(done("stop-writers"));
    assert!(f.is_done("stop-writers"));
    f.apply(withdrawn("stop-writers"));
    assert_eq!(f.step("stop-writers"), StepFacts { undone_total: 2, ..StepFacts::default() });
}

#[test]
fn the_last_write_of_the_destination_is_measured_anew_once_writers_were_not_stopped() {
    // Until the mirror is stopped: then it is what the destination held.
    let mut f = Facts::default();
    for (side, set) in [(Side::Source, "s"), (Side::Destination, "d")] {
        f.apply(Fact::Deployment { side, set: set.into() });
    }
    f.apply(last_write("s"));
    f.apply(last_write("d"));
    let mut other = f.clone();
    other.apply(Fact::Undone { step: "start-mirror".into(), at: Wall(5) });
    assert!(other.last_write("d").is_some(), "another step");
    let mut stopped = f.clone();
    stopped.apply(begun("stop-mirror", 0, How::Unclaimed));
    stopped.apply(Fact::Undone { step: "stop-writers".into(), at: Wall(5) });
    assert!(stopped.last_write("d").is_some(), "the mirror is stopped");
    f.apply(Fact::Undone { step: "stop-writers".into(), at: Wall(5) });
    assert!(f.last_write("d").is_none() && f.last_write("s").is_some());
}

#[test]
fn a_step_begins_long_after_it_was_go_only_unclaimed_and_after_two_minutes() {
    let long = |go: Option<i64>, at, how| {
        let mut f = Facts::default();
        if let Some(until) = go {
            f.apply(Fact::WasGo { step: "switch-producers".into(), from: Wall(0), until: Wall(until) });
        }
        f.apply(begun("switch-producers", at, how));
        f.step("switch-producers").long_after_go
    };
    assert!(!long(Some(1_000), 121_000, How::Unclaimed), "it may be go still: that is noted once a minute");
    assert!(long(Some(1_000), 121_001, How::Unclaimed));
    assert!(long(None, 5, How::Unclaimed));
    assert!(!long(None, 5, How::Claimed { author: "a".into(), reason: None }));
}

#[test]
fn a_word_that_is_taken_back_is_gone_alone() {
    let mut f = everything();
    let subject: Vec<Name> = vec!["kafka".into()];
    let (name, at, author, reason) = ("scaled-to-zero".into(), Wall(0), "a".into(), "r".into());
    f.apply(Fact::Retracted { name, subject, at, author, reason });
    let left = |track: &str| f.confirmed("scaled-to-zero", &[track.into()]).is_some();
    assert_eq!((left("kafka"), left("mongodb")), (false, true));
    assert_eq!(f.confirmed.values().map(|of| of.len()).sum::<usize>(), WORDS.len() - 1);
}

#[test]
fn whoever_lost_its_committed_offset_has_shown_nothing() {
    let mut f = everything();
    f.apply(Fact::ReadFromStart { key: key("u"), group: "g".into() });
    f.apply(Fact::CommitGone { key: key("t"), group: "g".into() });
    assert_eq!(f.read_from_start.iter().map(|(_, k)| &*k.topic).collect::<Vec<_>>(), ["u"]);
    assert!(f.attached.is_empty());
}

#[test]
fn an_adopted_start_voids_what_was_shown_of_that_log_alone() {
    let mut f = everything();
    for topic in ["t", "u"] {
        f.apply(start(topic, 4, None));
        f.apply(Fact::ReadFromStart { key: key(topic), group: "g".into() });
        f.apply(word("nothing-skipped", &["g", topic]));
    }
    f.apply(start("t", 4, Some("alice")));
    let reads: Vec<&str> = f.read_from_start.iter().map(|(_, k)| &*k.topic).collect();
    assert_eq!(reads, ["u"]);
    assert!(f.confirmed("nothing-skipped", &["g".into(), "t".into()]).is_none());
    assert!(f.confirmed("nothing-skipped", &["g".into(), "u".into()]).is_some());
    assert!(f.starts[&key("t")].late);
    assert!(f.step("stop-consumers").was_go.is_some(), "it moved nothing");
    f.apply(start("t", 5, Some("alice")));
    assert!(f.step("stop-consumers").was_go.is_none(), "groups were seeded at the old one");
    assert!(f.step("switch-producers").was_go.is_some());
    assert_eq!(f.starts[&key("t")].offset, 5);
}

#[test]
fn an_adopted_start_voids_nothing_before_the_consumers_are_started() {
    let mut f = Facts::default();
    f.apply(start("t", 4, None));
    f.apply(Fact::ReadFromStart { key: key("t"), group: "g".into() });
    f.apply(word("nothing-skipped", &["g", "t"]));
    f.apply(start("t", 5, Some("alice")));
    assert!(!f.starts[&key("t")].late);
    assert_eq!(f.read_from_start.len(), 1);
    assert!(f.confirmed("nothing-skipped", &["g".into(), "t".into()]).is_some());
}

#[test]
fn whose_a_begin_is_and_why_is_said_as_far_as_it_is_known() {
    let (alice, why) = (Name::from("alice"), Name::from("because"));
    let claimed = |reason| How::Claimed { author: alice.clone(), reason };
    assert_eq!(claimed(None).said(), (Some(&alice), None));
    assert_eq!(claimed(Some(why.clone())).said(), (Some(&alice), Some(&why)));
    let adopted = How::Adopted { author: alice.clone(), reason: why.clone() };
    assert_eq!(adopted.said(), (Some(&alice), Some(&why)));
    assert_eq!(How::Unclaimed.said(), (None, None));
}
