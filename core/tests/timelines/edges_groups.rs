//! What decides about a group at its edges: the numbers that are told of it, the partition that speaks for it, and what its
//! commits, its members or their silence do not prove.

use super::kafka::{SHOP, SWITCHED};
use super::world::{World, settings};
use cutover_core::gate::board::Verdict;
use cutover_core::reading::Demand;
use cutover_core::render;
use cutover_core::settings::*;
use expect_test::{Expect, expect};

/// The consumers are stopped, and that is done; by a word, so that it takes a minute.
const STOPPED: &str = "
    t=100 op begin stop-consumers
    t=102 src.leave rtu; src.leave svt
    t=110 op confirm scaled-to-zero kafka
    t=180
";

/// An estate to which all this has happened.
fn told_to(settings: Settings, parts: &[&str]) -> World {
    let mut w = World::new(settings);
    w.play(&parts.concat());
    w
}

fn told(parts: &[&str]) -> World {
    told_to(settings(), parts)
}

fn with(change: impl FnOnce(&mut KafkaSettings)) -> Settings {
    let mut s = settings();
    change(s.kafka.as_mut().unwrap());
    s
}

/// All that a check of a step says of the newest samples, before any dwell, each finding with its fix; the step is asked
/// whether it is `ready` or `done`.
fn says(w: &mut World, then: &str, of: &str) -> String {
    w.play(then);
    let board = w.settle().board;
    let [step, on, check] = of.split(' ').collect::<Vec<_>>()[..] else { panic!("`{of}` is no check") };
    let s = board.step(step).expect("a step");
    let answer = if on == "done" { &s.done } else { &s.ready };
    let c = answer.checks.iter().find(|c| c.check.id == check).expect("a check of it");
    let line = |f: &cutover_core::reading::Finding| {
        let fix = f.fix.as_ref().map_or(String::new(), |fix| format!(" [{fix}]"));
        format!("{} ({}): {}{fix}", Verdict::from(f.is).as_str(), f.code.as_str(), render::sentence(f))
    };
    let all: Vec<String> = c.reading.worst.iter().map(line).collect();
    if all.is_empty() { Verdict::from(c.reading.is).as_str().to_owned() } else { all.join("\n") }
}

fn drained(w: &mut World, then: &str, is: Expect) {
    is.assert_eq(&says(w, then, "stop-consumers ready drained"));
}

fn redeployed(w: &mut World, then: &str, is: Expect) {
    is.assert_eq(&says(w, then, "start-consumers done redeployed"));
}

fn nobody_attached(w: &mut World, then: &str, is: Expect) {
    is.assert_eq(&says(w, then, "stop-consumers done nobody-attached"));
}

fn source_ends(w: &mut World, then: &str, is: Expect) {
    is.assert_eq(&says(w, then, "retire-source ready source-ends"));
}

#[test]
fn an_end_that_moves_is_still_written_and_one_of_a_new_leader_was_watched_for_too_short_a_time() {
    let mut w = told(&[SHOP, SWITCHED]);
    drained(
        &mut w,
        "t=100 src.end crm.pr-update/0 +1; src.commit svt crm.pr-update/0 =6
         t=103",
        expect![
            "no-go (still-written): topic crm.pr-update partition 0 (source) is still written: its end offset moved between the last two samples, or was read only once"
        ],
    );
    drained(&mut w, "t=108", expect!["go"]);
    drained(
        &mut w,
        "t=110 src.epoch crm.pr-update/0
         t=113",
        expect![
            "no-go (dwelling): topic crm.pr-update partition 0 (source) has been watched for too short a time: its end offset moved between the last two samples, or was read only once"
        ],
    );
}

/// A lag is mended by waiting, and what expired unread is not: the lag of another partition must not hide it.
#[test]
fn what_a_partition_lost_is_told_of_it_alone_whichever_of_the_others_is_behind() {
    let mut w = told(&[SHOP, SWITCHED]);
    drained(
        &mut w,
        "t=100 src.end crm.ingestion/0 +3; src.commit rtu crm.ingestion/1 =4; src.low crm.ingestion/1 =9
         t=108",
        expect!["no-go (lost): group rtu on crm.ingestion partition 1 (source): 5 records expired unread"],
    );
    let mut w = told(&[SHOP, SWITCHED]);
    drained(
        &mut w,
        "t=100 src.end crm.ingestion/1 +3; src.commit rtu crm.ingestion/0 =14; src.low crm.ingestion/0 =19
         t=108",
        expect!["no-go (lost): group rtu on crm.ingestion partition 0 (source): 5 records expired unread"],
    );
}

#[test]
fn partitions_that_are_behind_are_told_together_and_one_that_is_not_getting_less_after_five_minutes() {
    let mut w = told(&[SHOP]);
    let behind = "t=190 src.end crm.ingestion/0 +3; src.end crm.ingestion/1 +4\nt=198";
    drained(
        &mut w,
        behind,
        expect!["no-go (draining): group rtu on crm.ingestion partitions 0, 1 (source) is 7 records behind"],
    );
    // Its lag was seen for the first time at 6 s: up to the sample at 301 s it was watched for less than five minutes.
    drained(
        &mut w,
        "t=304",
        expect!["no-go (draining): group rtu on crm.ingestion partitions 0, 1 (source) is 7 records behind"],
    );
    drained(
        &mut w,
        "t=308",
        expect![
            "no-go (stuck): group rtu on crm.ingestion partitions 0, 1 (source) is 7 records behind and not getting less: not falling for 4 min 50 s"
        ],
    );
}

#[test]
fn records_are_counted_from_where_the_log_begins_to_where_it_ends() {
    let reader = "t=0 src.member bi bi-src-0 crm.pr-update\n";
    let mut w = told(&[reader, SHOP]);
    // It never committed, and two of five have expired.
    drained(
        &mut w,
        "t=15 src.low crm.pr-update/0 =2\nt=25",
        expect![
            "unknown (never-committed): group bi on crm.pr-update partition 0 (source) has no committed offset, and there are 3 records [cutover-agent accept-offset bi crm.pr-update 0 --reason …  # if it is never to commit there]"
        ],
    );

    let mut w = told(&[SHOP]);
    drained(
        &mut w,
        "t=15 src.stable crm.ingestion/1 =7\nt=25",
        expect![
            "no-go (open-transaction): group rtu on crm.ingestion partition 1 (source) has an open transaction (3 records held back)"
        ],
    );

    let mut w = told(&[SHOP]);
    drained(
        &mut w,
        "t=15 src.phantom; src.end crm.pr-update/0 +4\nt=30",
        expect![
            "go (phantom): group svt on crm.pr-update partition 0 (source): only 4 markers or aborted records before the end, nothing left to read"
        ],
    );

    let nobody = "t=0 src.topic crm.audit 1; src.end crm.audit/0 =10; src.low crm.audit/0 =4\n";
    let mut w = told(&[nobody, SHOP, "t=20"]);
    let all_read = "stop-consumers ready every-topic-read";
    expect![[r#"unknown (not-read): topic crm.audit (source) holds 6 records and is read by no group [kafka: { unread: { "crm.audit": "<why nobody reads it>" } }]"#]].assert_eq(&says(&mut w, "", all_read));
    // All of it has expired: nothing is left that anybody could read.
    expect![[r#"unknown (not-read): topic crm.audit (source) holds 1 record and is read by no group [kafka: { unread: { "crm.audit": "<why nobody reads it>" } }]"#]].assert_eq(&says(&mut w, "t=25 src.low crm.audit/0 =9\nt=30", all_read));
    expect!["go"].assert_eq(&says(&mut w, "t=35 src.low crm.audit/0 =10\nt=40", all_read));
}

/// By how much it fell within the last minute: at 121 s it was 220, at 181 s it is 100.
#[test]
fn a_lag_that_falls_says_how_fast_and_when_it_will_be_gone() {
    let mut w = told(&[SHOP, SWITCHED]);
    drained(
        &mut w,
        "t=100 src.end crm.pr-update/0 +300
         t=120 src.commit svt crm.pr-update/0 =85
         t=150 src.commit svt crm.pr-update/0 =205
         t=183",
        expect![
            "no-go (draining): group svt on crm.pr-update partition 0 (source) is 100 records behind; falling 2/s, zero in about 50 s"
        ],
    );
}

/// `late` has committed on one partition and on another topic, `mute` never and nowhere, `svt` has, and left a record unread;
/// `idle` had nothing to commit.
const ACCEPTED: &str = "
    t=0 src.topic plan.pr-update 2; src.topic crm.quiet 1; dst.topic plan.pr-update 2; dst.topic crm.quiet 1; src.end plan.pr-update/0 =3
    t=0 src.member mute mute-src-0 plan.pr-update; src.member idle idle-src-0 crm.quiet
";
const ACCEPTED_SEEDED: &str = "
    t=13 src.member late late-src-0 crm.ingestion,crm.pr-update; src.commit late crm.ingestion/1 =10
    t=13 src.commit late crm.pr-update/0 =5
    t=24 dst.commit late crm.ingestion/0 =0; dst.commit late crm.ingestion/1 =0; dst.commit late crm.pr-update/0 =0
    t=24 dst.commit mute plan.pr-update/0 =0; dst.commit mute plan.pr-update/1 =0
    t=25 src.end crm.pr-update/0 +1; src.commit late crm.pr-update/0 =6
    t=35 op accept late crm.ingestion 0; op accept mute plan.pr-update 0; op accept svt crm.pr-update 0
    t=102 op begin stop-consumers
    t=103 src.leave rtu; src.leave svt; src.leave late; src.leave mute; src.leave idle
    t=110 op confirm scaled-to-zero kafka
    t=180 op begin start-consumers
    t=181 dst.end crm.pr-update/0 +1; dst.end plan.pr-update/0 +1; dst.end plan.pr-update/1 +1; dst.end crm.quiet/0 +1
    t=183 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update; dst.member mute mute-dst-0 plan.pr-update
    t=183 dst.member late late-dst-0 crm.ingestion,crm.pr-update; dst.member idle idle-dst-0 crm.quiet
    t=184 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
";

/// Taken off the list without a commit: that says something of that partition, and of all of them only where the group never
/// committed at all. One that was taken off the list with a commit shows by its commits how far it is.
#[test]
fn only_a_group_that_does_not_commit_there_is_not_asked_for_its_commits_at_the_destination() {
    let unseeded = with(|k| drop(k.unseeded.insert("idle".into(), "it may begin anywhere".into())));
    let mut w = told_to(unseeded, &[ACCEPTED, SHOP, SWITCHED, ACCEPTED_SEEDED]);
    // Who was never seen to commit may not do it here either; who was needs no word.
    redeployed(
        &mut w,
        "t=195",
        expect![[r#"
        no-go (catching-up): group idle on crm.quiet partition 0 (destination) is at no committed offset, to reach 1 end when it attached [cutover-agent confirm redeployed idle --reason …  # if it reads there and never shows it]
        no-go (catching-up): group late on crm.ingestion partition 1 (destination) is at 0 committed, to reach 1 end when it attached
        no-go (catching-up): group late on crm.pr-update partition 0 (destination) is at 0 committed, to reach 1 end when it attached
        no-go (catching-up): group svt on crm.pr-update partition 0 (destination) is at 0 committed, to reach 1 end when it attached"#]],
    );
    redeployed(
        &mut w,
        "t=196 dst.commit late crm.ingestion/1 =1; dst.commit idle crm.quiet/0 =1; dst.commit svt crm.pr-update/0 =1
         t=205",
        expect![
            "no-go (catching-up): group late on crm.pr-update partition 0 (destination) is at 0 committed, to reach 1 end when it attached"
        ],
    );
    redeployed(&mut w, "t=206 dst.commit late crm.pr-update/0 =1\nt=215", expect!["go"]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=35 accept late crm.ingestion 0: ok
        t=35 accept mute plan.pr-update 0: ok
        t=35 accept svt crm.pr-update 0: ok
        t=102 begin stop-consumers: ok
        t=110 confirm scaled-to-zero kafka: ok
        t=180 begin start-consumers: ok
    "#]]
    .assert_eq(&w.out);
}

/// `assign` reads without joining, on the source and at the destination; it is not seeded.
#[test]
fn a_reader_that_never_joins_has_to_show_itself_on_every_topic_that_holds_something() {
    let unseeded = with(|k| drop(k.unseeded.insert("assign".into(), "it keeps its offsets itself".into())));
    let mut w = told_to(
        unseeded,
        &[
            "t=0 src.topic crm.quiet 1; dst.topic crm.quiet 1\n",
            SHOP,
            "
            t=12 src.commit assign crm.pr-update/0 =1; src.commit assign crm.quiet/0 =0
            t=12 src.commit assign crm.ingestion/0 =20; src.commit assign crm.ingestion/1 =10
            t=17 src.commit assign crm.pr-update/0 =5
            ",
            SWITCHED,
            STOPPED,
            "
            t=181 op begin start-consumers
            t=183 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
            t=184 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
            t=191 dst.end crm.pr-update/0 =4; dst.commit svt crm.pr-update/0 =4
            ",
        ],
    );
    // It is not there yet.
    redeployed(
        &mut w,
        "t=200",
        expect![[r#"
        no-go (not-attached): group assign on crm.ingestion (destination) has nobody attached [cutover-agent confirm redeployed assign --reason …  # if it reads there and never shows it]
        no-go (not-attached): group assign on crm.pr-update (destination) has nobody attached [cutover-agent confirm redeployed assign --reason …  # if it reads there and never shows it]
        no-go (not-attached): group assign on crm.quiet (destination) has nobody attached [cutover-agent confirm redeployed assign --reason …  # if it reads there and never shows it]"#]],
    );
    // It shows itself on one, and has read all of it: what is empty needs no more, what holds a record does.
    redeployed(
        &mut w,
        "t=201 dst.commit assign crm.pr-update/0 =4\nt=210",
        expect![
            "no-go (not-attached): group assign on crm.ingestion partition 0 (destination) has nobody attached: it reads without joining, and its committed offset has not moved there [cutover-agent confirm redeployed assign --reason …  # if it reads there and never shows it]"
        ],
    );
    // A partition that came when nothing was recorded any more, and of which it has read all there is.
    redeployed(
        &mut w,
        "t=211 dst.grow crm.quiet; dst.end crm.quiet/1 =3; dst.commit assign crm.quiet/1 =2
         t=212 dst.commit assign crm.ingestion/0 =1; dst.commit assign crm.ingestion/1 =1
         t=220",
        expect![
            "no-go (not-attached): group assign on crm.quiet partition 1 (destination) has nobody attached: it reads without joining, and its committed offset has not moved there [cutover-agent confirm redeployed assign --reason …  # if it reads there and never shows it]"
        ],
    );
    redeployed(&mut w, "t=221 dst.commit assign crm.quiet/1 =3\nt=230", expect!["go"]);
}

/// The partitions of the destination that the agent asks to be read, from where to where.
fn to_be_read(w: &mut World, then: &str) -> Vec<(i64, i64)> {
    w.play(then);
    let demands = w.settle().demands;
    let tails = demands.iter().filter_map(|d| match d {
        Demand::Tail { topic, from, to, .. } if &**topic == "crm.pr-update" => Some((*from, *to)),
        _ => None,
    });
    tails.collect()
}

/// Whether markers alone are left is told by reading: not what is gone, not what is undecided, and not nothing.
#[test]
fn what_a_group_has_not_committed_yet_is_read_only_where_it_lies_there_and_is_decided() {
    let mut w = told(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=181 op begin start-consumers; dst.end crm.pr-update/0 =3
        t=183 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=191 dst.commit svt crm.pr-update/0 =1
        ",
    ]);
    assert_eq!(to_be_read(&mut w, "t=200"), [(1, 3)]);
    assert_eq!(to_be_read(&mut w, "t=202 dst.low crm.pr-update/0 =1\nt=207"), [(1, 3)]);
    assert_eq!(to_be_read(&mut w, "t=208 dst.low crm.pr-update/0 =2\nt=212"), []);
    assert_eq!(to_be_read(&mut w, "t=213 dst.low crm.pr-update/0 =0; dst.stable crm.pr-update/0 =2\nt=217"), []);
    assert_eq!(to_be_read(&mut w, "t=218 dst.stable crm.pr-update/0 =3\nt=222"), [(1, 3)]);
    // An unclean election took back what lay there when it attached.
    assert_eq!(to_be_read(&mut w, "t=223 dst.end crm.pr-update/0 =1\nt=227"), []);
    redeployed(
        &mut w,
        "",
        expect![[r#"
            no-go (catching-up): group rtu on crm.ingestion partition 0 (destination) is at 0 committed, to reach 1 end when it attached
            no-go (catching-up): group svt on crm.pr-update partition 0 (destination) is at 1 committed, to reach 3 end when it attached: its log was cut back since (an unclean election) and ends at 1 [cutover-agent confirm redeployed svt --reason …  # if it reads there and never shows it]"#]],
    );
}

#[test]
fn a_start_that_a_person_moved_late_is_asked_of_the_groups_of_its_topic_only() {
    let mut w = told(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=181 op begin start-consumers
        t=182 dst.end crm.ingestion/0 =2
        t=183 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update; dst.end crm.pr-update/0 +1
        t=191 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1; dst.commit svt crm.pr-update/0 =1
        t=200 dst.low crm.ingestion/0 =1; dst.commit rtu crm.ingestion/0 =2
        t=210 op confirm reconciled-destination crm.ingestion 0 1
        t=215
        ",
    ]);
    expect!["unknown (skipped): group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached [cutover-agent confirm nothing-skipped rtu crm.ingestion --reason …]"].assert_eq(&says(&mut w, "", "start-consumers done nothing-skipped"));
}

/// Groups of others share the destination; only what cannot be read of those that are ignored, by either name, is passed over.
#[test]
fn a_group_at_the_destination_that_cannot_be_read_holds_up_unless_it_is_ignored() {
    let renamed = || {
        with(|k| {
            k.ignored.insert("old.bi".into(), "a report".into());
            k.rename_groups.push(("old.".into(), "new.".into()));
        })
    };
    let clean = "switch-producers ready destination-clean";
    let mut w = told_to(renamed(), &[SHOP, "t=15 dst.member old.bi bi-0 crm.ingestion; dst.unreadable old.bi"]);
    expect!["go"].assert_eq(&says(&mut w, "t=20", clean));
    expect!["go"].assert_eq(&says(
        &mut w,
        "t=21 dst.member new.bi bi-0 crm.ingestion; dst.unreadable new.bi\nt=30",
        clean,
    ));
    expect!["unknown (timeout): group far (destination) does not answer in time: no answer in 4 s"].assert_eq(&says(
        &mut w,
        "t=31 dst.member far far-0 crm.ingestion; dst.unreadable far\nt=40",
        clean,
    ));
    // What is seen to be attached holds up, whoever it is.
    expect!["no-go (attached): group old.bi (destination) is attached: member bi-0 reads crm.ingestion"]
        .assert_eq(&says(&mut w, "t=41 dst.forget far; dst.readable old.bi\nt=50", clean));
}

#[test]
fn a_member_that_is_seen_begins_the_step_whoever_else_cannot_be_read() {
    let mut w = told(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "t=181 dst.member rtu rtu-dst-0 crm.ingestion; dst.unreadable rtu; dst.member svt svt-dst-0 crm.pr-update\nt=190",
    ]);
    assert_eq!(w.settle().board.step("start-consumers").unwrap().life.as_str(), "begun");
}

#[test]
fn whether_an_attachment_out_of_order_still_is_there_says_why_it_cannot_be_told() {
    let w = told(&[
        SHOP,
        "t=15 dst.member svt svt-dst-0 crm.pr-update\nt=20 dst.unreadable svt\nt=30 show start-consumers",
    ]);
    expect![[r#"
        t=30 start-consumers out-of-order no-go (out-of-order): the effect of start-consumers was seen, and it was not go: group svt (destination) is attached: member svt-dst-0 reads crm.pr-update; whether it still is cannot be told: group svt (destination) does not answer in time: no answer in 4 s
    "#]].assert_eq(&w.out);
}

/// Before the first step no cluster is pinned; what was seen of the source is in the journal.
#[test]
fn the_pairs_of_a_source_that_was_never_sampled_are_those_of_the_other_cluster() {
    let mut w = told(&[SHOP, "t=20 src.down; restart\nt=30"]);
    expect![[r#"
        unknown (no-anchor): topic crm.ingestion partition 0 (destination): the value it is held against is missing: it was not there, or not seen empty, when the producers were switched
        unknown (no-anchor): topic crm.pr-update partition 0 (destination): the value it is held against is missing: it was not there, or not seen empty, when the producers were switched"#]].assert_eq(&says(&mut w, "", "start-consumers ready seeded"));
}

#[test]
fn a_seed_that_the_broker_does_not_tell_is_not_known_and_nothing_is_to_be_reset() {
    let mut w = told(&[SHOP, SWITCHED, "t=100 dst.withhold rtu crm.ingestion/1\nt=110"]);
    expect!["unknown (timeout): group rtu on crm.ingestion partition 1 (destination) does not answer in time: no answer in 4 s"].assert_eq(&says(&mut w, "", "start-consumers ready seeded"));
}

/// Connect and its like are in the listing as groups of another protocol: they show by their commits, and by what they are
/// seen to read.
#[test]
fn nobody_is_attached_only_where_every_group_of_consumers_could_be_read() {
    let mut w = told(&[
        SHOP,
        "t=12 src.member sink sink-0 crm.pr-update connect; src.commit sink crm.pr-update/0 =5; src.member nosy nosy-0 -\n",
        SWITCHED,
        "t=24 dst.commit sink crm.pr-update/0 =0\nt=100 op begin stop-consumers\nt=102 src.leave rtu; src.leave svt",
    ]);
    nobody_attached(
        &mut w,
        "t=110",
        expect!["no-go (attached): group sink (source) is attached: member sink-0 reads crm.pr-update"],
    );
    nobody_attached(&mut w, "t=111 src.unreadable sink\nt=120", expect!["go"]);
    nobody_attached(&mut w, "t=121 src.readable sink; src.leave sink; src.state sink Dead\nt=130", expect!["go"]);
    // It has never been seen to read or to commit, so it is no pair.
    nobody_attached(
        &mut w,
        "t=131 src.member dark dark-0 -; src.unreadable dark\nt=140",
        expect!["unknown (timeout): group dark (source) does not answer in time: no answer in 4 s"],
    );
}

/// A broker forgets a group with its last member where it has no commit; one that has committed is not forgotten so soon.
#[test]
fn a_group_that_is_gone_is_nobody_only_if_it_never_committed_and_nothing_is_hidden() {
    let begun = "t=100 op begin stop-consumers\nt=102 src.leave rtu; src.leave svt\n";
    let shy = "t=0 src.topic crm.quiet 1; dst.topic crm.quiet 1; src.member shy shy-src-0 crm.quiet\n";
    let seed = "t=24 dst.commit shy crm.quiet/0 =0\n";
    let mut w = told(&[shy, SHOP, SWITCHED, seed, begun]);
    nobody_attached(&mut w, "t=103 src.forget shy\nt=110", expect!["go"]);
    nobody_attached(
        &mut w,
        "t=111 src.unlist\nt=120",
        expect![[r#"
        unknown (timeout): broker b1:9092 (source) does not answer in time: no answer in 4 s
        unknown (vanished): group shy (source) is gone"#]],
    );
    nobody_attached(
        &mut w,
        "t=121 src.list; src.forget svt\nt=130",
        expect!["unknown (vanished): group svt (source) is gone"],
    );
}

#[test]
fn ends_of_topics_that_are_of_the_migration_no_more_are_not_asked_for() {
    let mut w = told(&[SHOP, SWITCHED, STOPPED, "t=181 src.delete crm.pr-update\nt=190"]);
    source_ends(
        &mut w,
        "",
        expect![
            "unknown (vanished): topic crm.pr-update partition 0 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.pr-update 0 5 --reason …]"
        ],
    );
    w.restart_with(with(|k| drop(k.ignored.insert("crm.pr-update".into(), "it is not ours".into()))));
    source_ends(&mut w, "t=200", expect!["go"]);
}

#[test]
fn a_source_topic_whose_partitions_are_not_told_is_not_gone_and_is_told_once() {
    let mut w = told(&[SHOP, SWITCHED, STOPPED, "t=181 src.fail crm.pr-update\nt=190"]);
    source_ends(
        &mut w,
        "",
        expect!["unknown (timeout): topic crm.pr-update (source) does not answer in time: no answer in 4 s"],
    );
    // One that came since, of which nothing is known.
    source_ends(
        &mut w,
        "t=191 src.recover crm.pr-update; src.topic crm.new 1; src.fail crm.new\nt=200",
        expect!["unknown (timeout): topic crm.new (source) does not answer in time: no answer in 4 s"],
    );
}

/// From then on nothing is anchored any more.
#[test]
fn a_topic_that_comes_to_the_source_while_it_is_retired_must_be_empty() {
    let mut w = told(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=181 op begin start-consumers
        t=183 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=191 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        t=301 src.low crm.ingestion/0 =20; src.low crm.ingestion/1 =10; src.low crm.pr-update/0 =5
        t=310 op begin retire-source
        t=311 src.topic crm.new 1
        t=320
        ",
    ]);
    source_ends(&mut w, "", expect!["go"]);
    source_ends(
        &mut w,
        "t=321 src.end crm.new/0 +1\nt=330",
        expect![
            "no-go (moved): topic crm.new partition 0 (source) moved: 1 end offset, 0 when the consumers were stopped [carry the records over, then: cutover-agent confirm reconciled crm.new 0 1 --reason …]"
        ],
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=110 confirm scaled-to-zero kafka: ok
        t=181 begin start-consumers: ok
        t=310 begin retire-source: ok
    "#]]
    .assert_eq(&w.out);
}

/// It was made again once: both of its logs are gone then, and each is settled by words about itself.
#[test]
fn the_words_for_a_log_that_is_gone_name_the_partitions_of_that_log() {
    let mut w = told(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=181 src.delete crm.ingestion; src.topic crm.ingestion 2
        t=190 op confirm reconciled crm.ingestion 0 0; op confirm reconciled crm.ingestion 1 0
        t=191 src.delete crm.ingestion
        t=200
        ",
    ]);
    source_ends(
        &mut w,
        "",
        expect![[r#"
        unknown (vanished): topic crm.ingestion partition 0 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 20 --reason … && cutover-agent confirm reconciled crm.ingestion 1 10 --reason …]
        unknown (vanished): topic crm.ingestion partition 1 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 20 --reason … && cutover-agent confirm reconciled crm.ingestion 1 10 --reason …]
        unknown (vanished): topic crm.ingestion partition 0 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 0 --reason … && cutover-agent confirm reconciled crm.ingestion 1 0 --reason …]
        unknown (vanished): topic crm.ingestion partition 1 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 0 --reason … && cutover-agent confirm reconciled crm.ingestion 1 0 --reason …]"#]],
    );
    // Of what is settled no word is asked for again.
    source_ends(
        &mut w,
        "t=201 op confirm reconciled crm.ingestion 0 20\nt=210",
        expect![[r#"
        unknown (vanished): topic crm.ingestion partition 1 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 1 10 --reason …]
        unknown (vanished): topic crm.ingestion partition 0 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 0 --reason … && cutover-agent confirm reconciled crm.ingestion 1 0 --reason …]
        unknown (vanished): topic crm.ingestion partition 1 (source) is gone: it is not in the cluster's list of topics [let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 0 --reason … && cutover-agent confirm reconciled crm.ingestion 1 0 --reason …]
        go (confirmed): topic crm.ingestion partition 0 (source) confirmed by a person: alice: because"#]],
    );
}

#[test]
fn a_commit_at_the_end_of_an_empty_log_is_no_leftover() {
    let clean = |commit: &str| {
        let mut w = told(&[SHOP, &format!("t=12 dst.commit rtu crm.ingestion/0 ={commit}\n")]);
        says(&mut w, "t=19", "switch-producers ready destination-clean")
    };
    assert_eq!(clean("0"), "go");
    assert!(
        clean("1").starts_with("no-go (leftover-commit): group rtu on crm.ingestion partition 0"),
        "{}",
        clean("1")
    );
}

/// A right that is missing comes with the command that grants it, also where it only keeps the agent from looking again.
#[test]
fn what_would_let_an_attachment_be_looked_at_is_said() {
    let mut w = told(&[SHOP, "t=15 dst.member svt svt-dst-0 crm.pr-update\nt=20 dst.forbid svt\nt=30"]);
    let board = w.settle().board;
    let ready = &board.step("start-consumers").expect("a step").ready;
    let fix = render::chief(ready).and_then(|f| f.fix);
    expect!["kafka-acls --add …; then undo it, or, if it is meant: cutover-agent adopt start-consumers --reason …"]
        .assert_eq(fix.as_deref().unwrap_or_default());
}
