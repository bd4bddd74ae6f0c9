//! What the newest samples add to the journal, at the edges: what is seen is kept, and nothing else is.

use super::kafka::{SHOP, SWITCHED};
use super::world::{World, settings};
use cutover_core::facts::{COMMITS_ONLY, Fact};
use cutover_core::settings::Home;
use cutover_core::time::Dur;

/// The consumers are stopped, which is done at 480 s.
const STOPPED: &str = "
    t=100 op begin stop-consumers
    t=102 src.leave rtu; src.leave svt
    t=480 show stop-consumers
";

fn played(parts: &[&str]) -> World {
    let mut w = World::new(settings());
    parts.iter().for_each(|p| w.play(p));
    w
}

/// Who was seen of a group, at which home, on which cluster.
fn seen(w: &World, group: &str) -> Vec<(String, String, Home)> {
    let of = |f: &Fact| match f {
        Fact::Member { cluster, group: g, identity, home } if &**g == group => {
            Some((cluster.to_string(), identity.to_string(), *home))
        }
        _ => None,
    };
    w.journal.iter().filter_map(of).collect()
}

/// How far logs of the source were seen to end past their anchors.
fn moved(w: &World) -> Vec<(String, i64)> {
    let of = |f: &Fact| match f {
        Fact::SourceMoved { key, offset } => Some((format!("{}/{}", key.topic, key.partition), *offset)),
        _ => None,
    };
    w.journal.iter().filter_map(of).collect()
}

/// The gaps between a producer's writes as they were journaled.
fn gaps(w: &World) -> Vec<(u32, Dur)> {
    let of = |f: &Fact| match f {
        Fact::Gaps { growths, longest, .. } => Some((*growths, *longest)),
        _ => None,
    };
    w.journal.iter().filter_map(of).collect()
}

#[test]
fn a_word_that_nothing_is_left_stands_until_every_session_of_then_must_have_ended() {
    // 45 s of session and an interval: a sample that was asked for later than 50 s after the word shows who never left.
    let stood = |t: u32| {
        let mut w =
            played(&[SHOP, SWITCHED, "t=90\nt=100 op begin stop-consumers\nt=101 op confirm scaled-to-zero kafka"]);
        w.play(&format!("t={t}"));
        w.facts.confirmed("scaled-to-zero", &["kafka".into()]).is_some()
    };
    assert!(stood(146), "sessions may last");
    assert!(stood(151), "asked for at that very instant");
    assert!(!stood(156));
}

#[test]
fn a_member_that_does_not_tell_what_it_reads_counts_where_its_group_is_known_to_read_here() {
    let dst = |before: &str| {
        let w = played(&[SHOP, before, "t=30 dst.member g g-dst-0 ?\nt=36"]);
        seen(&w, "g")
    };
    assert_eq!(dst(""), []);
    assert_eq!(dst("t=20 dst.commit g crm.ingestion/0 =0\nt=25").len(), 1, "it has committed");
    let with_another = dst("t=20 dst.member g other-0 crm.ingestion\nt=26 dst.forget g");
    assert_eq!(with_another.len(), 2, "another member was seen to read: {with_another:?}");
    let src = |before: &str| {
        let w = played(&[SHOP, before, "t=30 src.member g g-src-0 ?\nt=36"]);
        seen(&w, "g")
    };
    assert_eq!(src(""), []);
    // A pair is of the source only.
    assert_eq!(src("t=20 src.commit g crm.ingestion/0 =0\nt=26 src.forget g").len(), 1, "it had committed");
}

#[test]
fn readers_that_commit_without_joining_are_seen_when_a_commit_moves_and_nobody_was_there_before_or_after() {
    let only_commits = |text: &str| {
        let w = played(&[SHOP, text]);
        seen(&w, "g").iter().any(|(_, identity, _)| identity == COMMITS_ONLY)
    };
    let joined = "t=20 src.member g g-0 crm.ingestion; src.commit g crm.ingestion/0 =1";
    assert!(only_commits("t=20 src.commit g crm.ingestion/0 =1\nt=26 src.commit g crm.ingestion/0 =2\nt=32"));
    assert!(!only_commits("t=20 src.commit g crm.ingestion/0 =1\nt=60"), "it did not move");
    assert!(
        !only_commits(&format!("{joined}\nt=30 src.commit g crm.ingestion/0 =2\nt=40 src.leave g\nt=60")),
        "it moved while a member was there"
    );
    assert!(
        !only_commits(&format!("{joined}\nt=30 src.leave g; src.commit g crm.ingestion/0 =2\nt=60")),
        "a member may have committed before it left"
    );
    assert!(
        !only_commits(
            "t=20 src.commit g crm.ingestion/0 =1\nt=30 src.member g g-0 crm.ingestion; src.commit g crm.ingestion/0 =2\nt=60"
        ),
        "a member may have committed once it had come"
    );
}

#[test]
fn an_adopted_first_step_says_which_clusters_the_migration_is_about() {
    let w = played(&[SHOP, SWITCHED, "t=200 amnesia\nt=400 op adopt switch-producers\nt=410"]);
    let adopted = w.facts.is_begun("switch-producers");
    let pinned = |f: &&Fact| matches!(f, Fact::Cluster { .. });
    assert_eq!(
        (adopted, w.journal.iter().filter(pinned).count()),
        (true, 4),
        "twice two: by the go, and by the adoption"
    );
}

#[test]
fn a_log_that_grows_after_the_stop_is_kept_once_and_its_last_end_when_it_goes() {
    let mut w = played(&[SHOP, SWITCHED, STOPPED]);
    assert_eq!(moved(&w), []);
    w.play("t=490 src.end crm.ingestion/0 +1\nt=500 src.end crm.ingestion/0 +5\nt=510");
    assert_eq!(moved(&w), [("crm.ingestion/0".into(), 21)]);
    w.play("t=511 src.delete crm.ingestion\nt=520");
    assert_eq!(moved(&w)[1..], [("crm.ingestion/0".into(), 26)]);
}

#[test]
fn where_logs_end_is_followed_until_the_retirement_and_on_the_cluster_that_was_stopped() {
    // What is deleted is not missed.
    let mut retired = played(&[SHOP, SWITCHED, STOPPED]);
    let (step, at) = ("retire-source".into(), retired.now.wall);
    retired.facts.apply(Fact::Begun {
        step,
        at,
        how: cutover_core::facts::How::Claimed { author: "alice".into(), reason: None },
        evidence: vec![],
    });
    let anchors = |w: &World| w.journal.iter().filter(|f| matches!(f, Fact::SourceEnd { .. })).count();
    let before = anchors(&retired);
    retired.play("t=490 src.topic crm.new 1\nt=500 src.end crm.new/0 +1; src.end crm.ingestion/0 +1\nt=510");
    assert_eq!((moved(&retired), anchors(&retired)), (vec![], before));
    // Another cluster that answers at the address is not the one that was stopped.
    let mut another = played(&[SHOP, SWITCHED, STOPPED]);
    let before = anchors(&another);
    another.play("t=490 src.id other\nt=500");
    assert_eq!(anchors(&another), before);
    another.play("t=501 src.id old; src.topic crm.new 1\nt=510");
    assert_eq!(anchors(&another), before + 1, "a log that comes to the source was to hold nothing");
}

#[test]
fn the_gaps_of_a_producer_are_those_of_its_busiest_log_and_three_growths_at_least() {
    let grow = |log: &str, every: usize, times: usize, from: usize| {
        let lines = (0..times).map(|i| format!("t={} src.end {log} +1\n", from + i * every));
        lines.collect::<String>()
    };
    let quiet = "
        t=0 src.topic crm.ingestion 2; src.topic crm.other 1
        t=10
    ";
    let with = |text: &str, until: u32| gaps(&played(&[quiet, text, &format!("t={until}")]));
    assert_eq!(with(&grow("crm.ingestion/0", 10, 2, 12), 60), [], "two growths have one gap");
    assert_eq!(with(&grow("crm.ingestion/0", 10, 3, 12), 60), [(3, Dur(10_040))]);
    assert_eq!(with(&grow("crm.other/0", 10, 9, 12), 110), [], "nobody says that it writes there");
    // A log that grew in three turns at long gaps says less than one beside it that grows all the time.
    let both: String = grow("crm.ingestion/0", 10, 9, 12)
        .lines()
        .map(|l| {
            l.to_owned()
                + if l.starts_with("t=12 ") || l.starts_with("t=52") || l.starts_with("t=92") {
                    "; src.end crm.ingestion/1 +1"
                } else {
                    ""
                }
                + "\n"
        })
        .collect();
    assert_eq!(with(&both, 120), [(3, Dur(10_040))]);
    // The same with the two the other way round.
    let swapped = both.replace("ingestion/1", "ingestion/x").replace("ingestion/0", "ingestion/1");
    assert_eq!(with(&swapped.replace("ingestion/x", "ingestion/0"), 120), [(3, Dur(10_040))]);
    // Of two logs with the same longest gap the first is told.
    let alike = "
        t=12 src.end crm.ingestion/0 +1; src.end crm.ingestion/1 +1
        t=22 src.end crm.ingestion/1 +1
        t=32 src.end crm.ingestion/1 +1
        t=62 src.end crm.ingestion/0 +1
        t=72 src.end crm.ingestion/0 +1
        t=82 src.end crm.ingestion/1 +1
    ";
    assert_eq!(with(alike, 90), [(3, Dur(10_040)), (3, Dur(50_040))]);
}

#[test]
fn a_gap_is_journaled_anew_when_it_is_more_than_a_tenth_longer() {
    let ten_at_fifty: String = (0..3).map(|i| format!("t={} src.end crm.ingestion/0 +1\n", 12 + i * 50)).collect();
    let quiet = "t=0 src.topic crm.ingestion 1\nt=10";
    let mut w = played(&[quiet, &ten_at_fifty, "t=120"]);
    assert_eq!(gaps(&w), [(3, Dur(50_040))]);
    w.play("t=167 src.end crm.ingestion/0 +1\nt=175");
    assert_eq!(gaps(&w).len(), 1, "55 s are a tenth more, and not clearly so");
    w.play("t=227 src.end crm.ingestion/0 +1\nt=235");
    assert_eq!(gaps(&w)[1..], [(5, Dur(60_040))]);
}
