//! The consumers at the destination: attached, caught up, nothing passed over. Most of these were found by simulation.

use super::world::run;
use expect_test::expect;

/// A shop whose second group is `second`, up to the downtime; both groups seeded.
fn shop(second: &str, middle: &str) -> String {
    format!(
        "
    t=0 src.topic crm.ingestion 1; src.topic crm.pr-update 1; dst.topic crm.ingestion 1; dst.topic crm.pr-update 1
    t=0 src.member rtu rtu-src-0 crm.ingestion
    t=1 src.commit rtu crm.ingestion/0 =0
    t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
    t=7 src.end crm.pr-update/0 =5
    {second}
    t=20 op begin switch-producers
    t=21 dst.end crm.ingestion/0 +1
    t=22 dst.commit rtu crm.ingestion/0 =0; dst.commit audit crm.pr-update/0 =0
    t=23 op confirm offsets-handled
    {middle}
    t=180 op begin stop-consumers
    t=181 src.leave rtu
"
    )
}

fn after_setup(second: &str, middle: &str, text: &str) -> String {
    let shown = run(&(shop(second, middle) + text));
    let asked = shown.lines().filter(|l| !l.contains("begin s") && !l.contains("offsets-handled"));
    asked.collect::<Vec<_>>().join("\n")
}

/// Whoever never joins has committed 50 of 200.
const BEHIND: &str = "
        t=300 dst.end crm.pr-update/0 =200
        t=560 op begin start-consumers
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.commit rtu crm.ingestion/0 =1
        t=570 dst.commit audit crm.pr-update/0 =50
";

const ASSIGN: &str = "t=12 src.commit audit crm.pr-update/0 =1
    t=17 src.commit audit crm.pr-update/0 =5";

#[test]
fn a_group_that_never_commits_needs_a_member_and_no_commit() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update",
        "t=100 op accept audit crm.pr-update 0",
        "
        t=182 src.forget audit
        t=560 op begin start-consumers
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.commit rtu crm.ingestion/0 =1; dst.end crm.pr-update/0 =4
        t=580 show start-consumers
        t=581 dst.member audit audit-dst-0 crm.pr-update
        t=660 show start-consumers
    ",
    );
    expect![[r#"
        t=100 accept audit crm.pr-update 0: ok
        t=580 start-consumers begun go
        t=580 start-consumers done: no-go (not-attached): group audit on crm.pr-update (destination) has nobody attached
        t=660 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:24:11Z
        t=660 start-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn a_person_says_that_a_group_is_redeployed_whose_commits_do_not_show_it() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
        "",
        "
        t=181 src.leave audit
        t=560 op begin start-consumers
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.commit rtu crm.ingestion/0 =1; dst.end crm.pr-update/0 =4
        t=580 show start-consumers
        t=581 op confirm redeployed nobody; op confirm redeployed audit
        t=660 show start-consumers
    ",
    );
    expect![[r#"
        t=580 start-consumers begun go
        t=580 start-consumers done: no-go (not-attached): group audit on crm.pr-update (destination) has nobody attached
        t=581 confirm redeployed nobody: there is no group `nobody`; known: audit, rtu
        t=581 confirm redeployed audit: ok
        t=660 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:24:06Z
        t=660 start-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn a_phantom_proven_to_an_end_further_on_proves_the_end_when_it_attached() {
    let shown = after_setup(
        ASSIGN,
        "",
        "
        t=560 op begin start-consumers
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.phantom; dst.end crm.ingestion/0 =2
        t=564 dst.commit rtu crm.ingestion/0 =1
        t=570 dst.end crm.ingestion/0 +3
        t=580 dst.end crm.ingestion/0 +3
        t=591 dst.end crm.ingestion/0 +3
        t=602 dst.end crm.ingestion/0 +3
        t=613 dst.end crm.ingestion/0 +3
        t=624 dst.end crm.ingestion/0 +3
        t=640 show start-consumers
        t=641 op confirm redeployed audit
        t=760 show start-consumers
    ",
    );
    expect![[r#"
        t=640 start-consumers begun go
        t=640 start-consumers done: no-go (not-attached): group audit on crm.pr-update partition 0 (destination) has nobody attached: it reads without joining, and there is nothing whose reading could show it
        t=641 confirm redeployed audit: ok
        t=760 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:25:06Z
        t=760 start-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn a_reader_that_never_joins_is_redeployed_once_it_has_read_what_lay_there() {
    let shown = after_setup(
        ASSIGN,
        "",
        &[
            BEHIND,
            "
        # Who is behind only has to be waited for: no word is offered.
        t=650 show start-consumers fix; dst.end crm.pr-update/0 =210
        t=651 dst.commit audit crm.pr-update/0 =200
        t=720 show start-consumers
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=650 start-consumers begun go
        t=650 start-consumers done: no-go (catching-up): group audit on crm.pr-update partition 0 (destination) is at 50 committed, to reach 200 end when it attached
        t=720 start-consumers begun go
        t=720 start-consumers done: no-go (dwelling): redeployed: true for 59 s, must be for 1 min"#]].assert_eq(&shown);
}

#[test]
fn its_advance_outlives_a_restart() {
    let shown = after_setup(
        ASSIGN,
        "",
        "
        t=560 op begin start-consumers
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.commit rtu crm.ingestion/0 =1; dst.end crm.pr-update/0 =9
        t=570 dst.commit audit crm.pr-update/0 =9
        t=580 dst.end crm.pr-update/0 =12; restart
        t=660 show start-consumers
    ",
    );
    expect![[r#"
        t=660 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:24:06Z
        t=660 start-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn start_consumers_is_adopted_while_its_topics_are_written() {
    let mut text = shop("t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5", "");
    text += "
        t=181 src.leave audit
        t=560 op begin start-consumers
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.member audit audit-dst-0 crm.pr-update
        t=564 amnesia
        ";
    // A record more every five seconds, and the group always one behind.
    for i in 0..60 {
        text += &format!("t={} dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 ={}\n", 565 + 5 * i, 1 + i);
    }
    text += "
        t=870 op adopt switch-producers; op adopt stop-consumers
        t=871 op confirm nothing-skipped rtu crm.ingestion; op confirm nothing-skipped audit crm.pr-update
        t=872 op adopt start-consumers; show start-consumers
        t=875 dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 +1
        t=950 show start-consumers
    ";
    let shown = run(&text);
    let shown: Vec<&str> = shown.lines().filter(|l| !l.starts_with("t=18") && !l.starts_with("t=2")).collect();
    expect![[r#"
        t=560 begin start-consumers: ok
        t=870 adopt switch-producers: ok
        t=870 adopt stop-consumers: ok
        t=871 confirm nothing-skipped rtu crm.ingestion: ok
        t=871 confirm nothing-skipped audit crm.pr-update: ok
        t=872 adopt start-consumers: ok
        t=872 start-consumers begun no-go (tripwire): since stop-consumers was done this must stay true and is not: nobody-attached: true for 0 s, must be for 6 min
        t=872 start-consumers done: no-go (catching-up): group rtu on crm.ingestion partition 0 (destination) is at 60 committed, to reach 61 end when it attached
        t=950 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:29:01Z
        t=950 start-consumers done: go"#]].assert_eq(&shown.join("\n"));
}

#[test]
fn what_the_destination_lost_before_it_was_read_does_not_end_with_the_step() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
        "",
        "
        t=182 src.leave audit
        t=560 op begin start-consumers
        t=561 dst.low crm.ingestion/0 =1
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.member audit audit-dst-0 crm.pr-update
        t=564 dst.end crm.ingestion/0 =2; dst.commit rtu crm.ingestion/0 =2
        t=660 show start-consumers
        t=661 op confirm reconciled-destination crm.ingestion 0 1
        t=670 show start-consumers
    ",
    );
    expect![[r#"
        t=660 start-consumers begun no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 1 low watermark, 0 recorded start
        t=660 start-consumers done: no-go (trimmed): topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 1 low watermark, 0 recorded start
        t=661 confirm reconciled-destination crm.ingestion 0 1: ok
        t=670 start-consumers begun go
        t=670 start-consumers done: unknown (skipped): group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached"#]].assert_eq(&shown);
}

#[test]
fn a_group_whose_seed_was_lost_under_it_has_to_show_that_it_skipped_nothing() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
        "",
        "
        t=182 src.leave audit
        t=560 op begin start-consumers
        t=561 dst.end crm.ingestion/0 =9; dst.low crm.ingestion/0 =1
        t=563 dst.member rtu rtu-dst-0 crm.ingestion; dst.member audit audit-dst-0 crm.pr-update
        t=570 dst.commit rtu crm.ingestion/0 =9
        t=571 op confirm reconciled-destination crm.ingestion 0 1
        t=660 show start-consumers
        t=661 op confirm nothing-skipped rtu crm.ingestion
        t=670 show start-consumers
    ",
    );
    expect![[r#"
        t=571 confirm reconciled-destination crm.ingestion 0 1: ok
        t=660 start-consumers begun go
        t=660 start-consumers done: unknown (skipped): group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached
        t=661 confirm nothing-skipped rtu crm.ingestion: ok
        t=670 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:24:22Z
        t=670 start-consumers done: go"#]]
    .assert_eq(&shown);
}

/// Claimed, and not started for long: meanwhile the seeded offsets expire, or somebody deletes the group (found by reading).
#[test]
fn a_start_that_was_claimed_is_not_go_once_what_was_seeded_is_gone() {
    let claimed = |then: &str| {
        after_setup(
            "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
            "",
            &format!(
                "
        t=182 src.leave audit
        t=560 op begin start-consumers
        t=600 dst.end crm.ingestion/0 =9
        t=610 show start-consumers
        t=700 dst.forget rtu
        t=710 show start-consumers
        {then}
        t=902 dst.member audit audit-dst-0 crm.pr-update; dst.member rtu rtu-dst-0 crm.ingestion
        t=910 dst.commit rtu crm.ingestion/0 =9
        t=1000 show start-consumers"
            ),
        )
    };
    expect![[r#"
        t=610 start-consumers begun go
        t=610 start-consumers done: no-go (not-attached): group audit on crm.pr-update (destination) has nobody attached
        t=710 start-consumers begun no-go (not-seeded): group rtu on crm.ingestion partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=710 start-consumers done: no-go (not-attached): group audit on crm.pr-update (destination) has nobody attached
        t=1000 start-consumers begun go
        t=1000 start-consumers done: unknown (skipped): group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached"#]].assert_eq(&claimed(""));
    // Seeded again.
    expect![[r#"
        t=610 start-consumers begun go
        t=610 start-consumers done: no-go (not-attached): group audit on crm.pr-update (destination) has nobody attached
        t=710 start-consumers begun no-go (not-seeded): group rtu on crm.ingestion partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=710 start-consumers done: no-go (not-attached): group audit on crm.pr-update (destination) has nobody attached
        t=1000 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:29:36Z
        t=1000 start-consumers done: go"#]].assert_eq(&claimed("t=800 dst.commit rtu crm.ingestion/0 =0"));
}

/// Seed 2068645 of the long form: start-consumers was go, the destination lost records, a person moved the recorded start, and
/// whoever had seen the go started the consumers with offsets seeded at the old one.
#[test]
fn a_recorded_start_that_moves_takes_the_go_that_rested_on_it_with_it() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
        "",
        "
        t=182 src.leave audit
        t=560 show start-consumers
        t=561 dst.end crm.ingestion/0 =9; dst.low crm.ingestion/0 =1
        t=568 op confirm reconciled-destination crm.ingestion 0 1
        t=570 dst.member rtu rtu-dst-0 crm.ingestion; dst.member audit audit-dst-0 crm.pr-update
        t=575 dst.commit rtu crm.ingestion/0 =9
        t=660 show start-consumers
        t=661 op adopt start-consumers
        t=670 show start-consumers
    ",
    );
    expect![[r#"
        t=560 start-consumers pending go
        t=568 confirm reconciled-destination crm.ingestion 0 1: ok
        t=660 start-consumers out-of-order no-go (out-of-order): the effect of start-consumers was seen, and it was not go: group audit (destination) is attached: member audit-dst-0 reads crm.pr-update
        t=661 adopt start-consumers: start-consumers cannot be adopted, its done checks do not hold: nothing-skipped: group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached (cutover-agent confirm nothing-skipped rtu crm.ingestion --reason …)
        t=670 start-consumers out-of-order no-go (out-of-order): the effect of start-consumers was seen, and it was not go: group audit (destination) is attached: member audit-dst-0 reads crm.pr-update"#]].assert_eq(&shown);
}

#[test]
fn a_start_long_after_the_go_has_to_show_that_nobody_skipped_anything() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
        "",
        "
        t=182 src.leave audit
        t=560 show start-consumers
        t=561 dst.end crm.ingestion/0 =9; dst.commit rtu crm.ingestion/0 =9
        t=700 show start-consumers
        t=701 dst.member rtu rtu-dst-0 crm.ingestion; dst.member audit audit-dst-0 crm.pr-update
        t=780 show start-consumers
        t=781 op confirm nothing-skipped rtu crm.ingestion
        t=790 show start-consumers
    ",
    );
    expect![[r#"
        t=560 start-consumers pending go
        t=700 start-consumers pending no-go (not-seeded): group rtu on crm.ingestion partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=780 start-consumers begun go
        t=780 start-consumers done: unknown (skipped): group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached
        t=781 confirm nothing-skipped rtu crm.ingestion: ok
        t=790 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:26:22Z
        t=790 start-consumers done: go"#]].assert_eq(&shown);
}

#[test]
fn a_transaction_under_a_high_watermark_that_stands_still_shows_in_its_producer() {
    let shown = after_setup(
        "t=8 src.member audit audit-src-0 crm.pr-update; src.commit audit crm.pr-update/0 =5",
        "",
        "
        t=182 src.leave audit
        t=560 show start-consumers; src.producer crm.pr-update/0 open
        t=570 show start-consumers
    ",
    );
    expect![[r#"
        t=560 start-consumers pending go
        t=570 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) has an open transaction (0 records held back)"#]].assert_eq(&shown);
}

#[test]
fn whoever_answers_when_a_step_begins_by_its_effect_is_not_the_source_for_that() {
    let shown = run("
    t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1; src.member rtu rtu-src-0 crm.ingestion
    t=1 src.commit rtu crm.ingestion/0 =0
    t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
    t=20 show switch-producers
    t=21 src.id imposter; src.delete crm.ingestion; src.forget rtu
    t=27 dst.end crm.ingestion/0 +1
    t=40 src.id old
    t=50 show switch-producers
    ");
    expect![[r#"
        t=20 switch-producers pending go
        t=50 switch-producers begun unknown (vanished): topic crm.ingestion (source) is gone: it is not in the cluster's list of topics
        t=50 switch-producers done: unknown (vanished): topic crm.ingestion (source) is gone: it is not in the cluster's list of topics"#]].assert_eq(&shown);
}

#[test]
fn what_a_reader_commits_while_its_broker_does_not_answer_is_seen_after_it() {
    let shown = after_setup(
        ASSIGN,
        "",
        "
        t=200 src.unlist; src.forget audit
        t=208 src.list; src.end crm.pr-update/0 =6; src.commit audit crm.pr-update/0 =6
        t=560 show stop-consumers
    ",
    );
    expect![[r#"
        t=560 stop-consumers begun go
        t=560 stop-consumers done: no-go (dwelling): nobody-attached: true for 5 min 39 s, must be for 6 min"#]]
    .assert_eq(&shown);
}

#[test]
fn a_log_that_was_cut_back_below_where_its_reader_attached_offers_a_word() {
    let shown = after_setup(
        ASSIGN,
        "",
        &[
            BEHIND,
            "
        t=600 dst.end crm.pr-update/0 =180
        t=610 dst.commit audit crm.pr-update/0 =180
        t=650 show start-consumers fix; dst.end crm.pr-update/0 =199
        t=690 show start-consumers; dst.end crm.pr-update/0 =200; dst.commit audit crm.pr-update/0 =200
        t=770 show start-consumers
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=650 start-consumers begun go
        t=650 start-consumers done: no-go (catching-up): group audit on crm.pr-update partition 0 (destination) is at 180 committed, to reach 200 end when it attached: its log was cut back since (an unclean election) and ends at 180
            redeployed: cutover-agent confirm redeployed audit --reason …  # if it reads there and never shows it
        t=690 start-consumers begun go
        t=690 start-consumers done: no-go (catching-up): group audit on crm.pr-update partition 0 (destination) is at 180 committed, to reach 200 end when it attached: its log was cut back since (an unclean election) and ends at 199
        t=770 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:25:56Z
        t=770 start-consumers done: go"#]].assert_eq(&shown);
}
