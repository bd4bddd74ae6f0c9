//! The Kafka track: every check, told as it happens.

use super::world::{run, run_with, settings};
use expect_test::expect;

/// A small shop: one ingestion topic, one internal one, two groups; everything there and empty at the destination.
pub(super) const SHOP: &str = "
    t=0 src.topic crm.ingestion 2; src.topic crm.pr-update 1; dst.topic crm.ingestion 2; dst.topic crm.pr-update 1
    t=0 src.member rtu rtu-src-0 crm.ingestion; src.member svt svt-src-0 crm.pr-update
    t=1 src.commit rtu crm.ingestion/0 =0; src.commit rtu crm.ingestion/1 =0; src.commit svt crm.pr-update/0 =0
    t=6 src.end crm.ingestion/0 +10; src.end crm.ingestion/1 +10; src.commit rtu crm.ingestion/0 =4
    t=11 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =20; src.commit rtu crm.ingestion/1 =10
    t=11 src.end crm.pr-update/0 =5; src.commit svt crm.pr-update/0 =5
";

/// From the shop to producers switched and silent, groups seeded.
pub(super) const SWITCHED: &str = "
    t=20 op begin switch-producers
    t=21 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
    t=22 dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0; dst.commit svt crm.pr-update/0 =0
    t=23 op confirm offsets-handled
";

pub(super) fn with(parts: &[&str]) -> String {
    run(&parts.concat())
}

#[test]
fn the_whole_track_by_claims() {
    let shown = with(&[
        SHOP,
        "t=19 show switch-producers; show stop-consumers",
        SWITCHED,
        "
        t=30 show switch-producers; show stop-consumers
        t=85 show switch-producers; show stop-consumers
        t=100 show switch-producers; show stop-consumers; op begin stop-consumers
        t=101 show stop-consumers; show start-consumers
        t=102 src.leave rtu; src.leave svt
        t=200 show stop-consumers
        t=480 show stop-consumers; show start-consumers
        t=481 op begin start-consumers
        t=482 op begin start-consumers
        t=483 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=490 show start-consumers
        t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        t=600 show start-consumers; show retire-source
        t=601 src.low crm.ingestion/0 =20; src.low crm.ingestion/1 =10; src.low crm.pr-update/0 =5
        t=609 show retire-source
        t=610 op begin retire-source
        t=611 show retire-source; src.delete crm.ingestion
        t=620 src.delete crm.pr-update
        t=630 show retire-source
    ",
    ]);
    expect![[r#"
        t=19 switch-producers pending go
        t=19 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (pending)
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=30 switch-producers begun go
        t=30 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 9 s ago by crm-cdc, must be silent for 1 min
        t=30 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; no-go (still-written): topic crm.ingestion partition 0 (source) was written 9 s ago by crm-cdc, must be silent for 1 min)
        t=85 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:14:41Z
        t=85 switch-producers done: go
        t=85 stop-consumers pending no-go (dwelling): drained: true for 59 s, must be for 1 min
        t=100 begin stop-consumers: ok
        t=100 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:14:41Z
        t=100 switch-producers done: go
        t=100 stop-consumers begun go
        t=100 stop-consumers done: no-go (attached): group rtu (source) is attached: member rtu-src-0 reads crm.ingestion
        t=101 stop-consumers begun go
        t=101 stop-consumers done: no-go (attached): group rtu (source) is attached: member rtu-src-0 reads crm.ingestion
        t=101 start-consumers pending no-go (predecessor): stop-consumers comes before and is not done (begun; no-go (attached): group rtu (source) is attached: member rtu-src-0 reads crm.ingestion)
        t=200 stop-consumers begun go
        t=200 stop-consumers done: no-go (dwelling): nobody-attached: true for 1 min 29 s, must be for 6 min
        t=480 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:21:11Z
        t=480 stop-consumers done: go
        t=480 start-consumers pending go
        t=481 begin start-consumers: ok
        t=482 begin start-consumers: start-consumers is begun already
        t=490 start-consumers begun go
        t=490 start-consumers done: no-go (catching-up): group rtu on crm.ingestion partition 0 (destination) is at 0 committed, to reach 1 end when it attached
        t=600 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:22:41Z
        t=600 start-consumers done: go
        t=600 retire-source pending no-go (never-expires): topic crm.ingestion partition 0 (source) never expires by itself
        t=609 retire-source pending go
        t=610 begin retire-source: ok
        t=611 retire-source begun no-go (already-begun): retire-source was begun at 2026-09-21T14:23:30Z and is begun only once
        t=611 retire-source done: no-go (still-there): topic crm.ingestion (source) is still there
        t=630 retire-source done no-go (already-done): retire-source is done since 2026-09-21T14:23:41Z
        t=630 retire-source done: go"#]].assert_eq(&shown);
}

#[test]
fn the_whole_track_by_a_plain_poller() {
    let shown = with(&[
        SHOP,
        "
        t=20 show switch-producers
        t=21 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
        t=22 dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0; dst.commit svt crm.pr-update/0 =0
        t=23 op confirm offsets-handled
        t=100 show switch-producers; show stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 show stop-consumers; show start-consumers
        t=481 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=490 show start-consumers
        t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        t=600 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 switch-producers pending go
        t=23 confirm offsets-handled: ok
        t=100 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:14:41Z
        t=100 switch-producers done: go
        t=100 stop-consumers pending go
        t=480 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:21:11Z
        t=480 stop-consumers done: go
        t=480 start-consumers pending go
        t=490 start-consumers begun go
        t=490 start-consumers done: no-go (catching-up): group rtu on crm.ingestion partition 0 (destination) is at 0 committed, to reach 1 end when it attached
        t=600 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:22:41Z
        t=600 start-consumers done: go"#]].assert_eq(&shown);
}

#[test]
fn what_keeps_the_producers_from_being_switched() {
    let shown = with(&[
        SHOP,
        "
        t=15 dst.hide; dst.topic crm.pr-update 2; show switch-producers all
        t=20 show switch-producers all
        t=25 dst.end crm.ingestion/0 =3; show switch-producers
        t=31 show switch-producers all
        t=40 dst.down
        t=60 show switch-producers all
    ",
    ]);
    expect![[r#"
        t=15 switch-producers pending go
            two-clusters go
            visible go
            topics-ready go
            retention-outlasts go
            destination-clean go
            producers-known go
            requirements unknown
        t=20 switch-producers pending no-go (partitions-differ): topic crm.pr-update (destination) has 2 partitions instead of 1 partition: records with the same key would move to another partition
            two-clusters go
            visible unknown
            topics-ready no-go
            retention-outlasts go
            destination-clean go
            producers-known go
            requirements unknown
        t=25 switch-producers pending no-go (partitions-differ): topic crm.pr-update (destination) has 2 partitions instead of 1 partition: records with the same key would move to another partition
        t=31 switch-producers begun no-go (partitions-differ): topic crm.pr-update (destination) has 2 partitions instead of 1 partition: records with the same key would move to another partition
            two-clusters go
            visible unknown
            topics-ready no-go
            retention-outlasts go
            destination-clean no-go
            producers-known go
            requirements unknown
        t=31 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 14 s ago by crm-cdc, must be silent for 1 min
        t=60 switch-producers begun unknown (timeout): the destination Kafka does not answer in time: no answer in 4 s
            two-clusters unknown
            visible unknown
            topics-ready unknown
            retention-outlasts unknown
            destination-clean unknown
            producers-known go
            requirements unknown
        t=60 switch-producers done: unknown (timeout): the destination Kafka does not answer in time: no answer in 4 s"#]].assert_eq(&shown);
}

#[test]
fn a_forgotten_producer_on_a_topic_of_no_class() {
    let shown = with(&[
        SHOP,
        "t=12 src.topic crm.odd; dst.topic crm.odd\nt=17 src.end crm.odd/0 +1\nt=30 show switch-producers",
    ]);
    expect!["t=30 switch-producers pending no-go (unclassified): topic crm.odd (source) grows and is of no class: who writes it is not known"].assert_eq(&shown);
}

#[test]
fn leftovers_of_a_test_at_the_destination() {
    let shown = with(&[
        "t=0 dst.topic crm.ingestion 2; dst.end crm.ingestion/0 =7; dst.commit old crm.ingestion/0 =5\n",
        SHOP.replace("dst.topic crm.ingestion 2;", "").as_str(),
        "
        t=20 show switch-producers
        t=21 dst.low crm.ingestion/0 =7
        t=26 show switch-producers
        t=27 dst.forget old
        t=32 show switch-producers
    ",
    ]);
    expect![[r#"
        t=20 switch-producers pending no-go (not-empty): topic crm.ingestion partition 0 (destination) holds 7 records
        t=26 switch-producers pending no-go (leftover-commit): group old on crm.ingestion partition 0 (destination) has an offset committed (5) from before
        t=32 switch-producers pending go"#]].assert_eq(&shown);
}

#[test]
fn an_open_transaction_is_neither_idle_nor_drained() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=24 src.end crm.ingestion/1 +1; src.stable crm.ingestion/1 =10; src.commit rtu crm.ingestion/1 =11
        t=120 show stop-consumers all
        t=121 src.stable crm.ingestion/1 =11; src.end crm.ingestion/1 +1; src.commit rtu crm.ingestion/1 =11
        t=130 show stop-consumers
        t=200 show stop-consumers
        t=201 src.phantom
        t=230 show stop-consumers
        t=300 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=120 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; no-go (open-transaction): topic crm.ingestion partition 1 (source) has an open transaction (1 record held back): crm-cdc)
            visible go
            producers-known go
            ingestion-idle no-go
            drained no-go
            every-topic-read go
            changes-drained unknown
        t=130 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; no-go (still-written): topic crm.ingestion partition 1 (source) was written 0 s ago by crm-cdc, must be silent for 1 min)
        t=200 stop-consumers pending no-go (draining): group rtu on crm.ingestion partition 1 (source) is 1 record behind
        t=230 stop-consumers pending no-go (dwelling): drained: true for 19 s, must be for 1 min
        t=300 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_pair_without_commits_is_not_drained() {
    let shown = with(&[
        SHOP,
        "t=13 src.member late late-src-0 crm.ingestion\n",
        SWITCHED,
        "
        t=100 show stop-consumers
        t=101 src.leave late; op accept late crm.ingestion 0; op accept late crm.ingestion 1
        t=102 dst.commit late crm.ingestion/0 =0; dst.commit late crm.ingestion/1 =0
        t=200 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group late on crm.ingestion partitions 0, 1 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=101 accept late crm.ingestion 0: ok
        t=101 accept late crm.ingestion 1: ok
        t=200 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_member_of_a_kip_848_group_is_attached_whatever_the_lag() {
    let shown = with(&[
        SHOP,
        "t=12 src.member kip kip-src crm.pr-update 848; src.commit kip crm.pr-update/0 =5\n",
        SWITCHED,
        "
        t=24 dst.commit kip crm.pr-update/0 =0
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=500 show stop-consumers; show start-consumers
        t=501 src.leave kip
        t=880 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=500 stop-consumers begun go
        t=500 stop-consumers done: no-go (attached): group kip (source) is attached: member kip-src reads crm.pr-update
        t=500 start-consumers pending no-go (predecessor): stop-consumers comes before and is not done (begun; no-go (attached): group kip (source) is attached: member kip-src reads crm.pr-update)
        t=880 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:27:51Z
        t=880 stop-consumers done: go"#]].assert_eq(&shown);
}

#[test]
fn a_group_that_is_empty_while_its_offsets_advance() {
    let shown = with(&[
        SHOP,
        "t=12 src.commit assign crm.pr-update/0 =1\n",
        SWITCHED,
        "
        t=24 dst.commit assign crm.pr-update/0 =0
        t=30 src.commit assign crm.pr-update/0 =5
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=300 src.commit assign crm.pr-update/0 =4
        t=305 src.commit assign crm.pr-update/0 =5
        t=470 show stop-consumers
        t=700 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=470 stop-consumers begun go
        t=470 stop-consumers done: no-go (dwelling): nobody-attached: true for 2 min 34 s, must be for 6 min
        t=700 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:24:36Z
        t=700 stop-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn an_unseeded_group_and_the_way_out() {
    let shown = with(&[
        SHOP,
        "
        t=20 op begin switch-producers
        t=21 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
        t=22 dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =1
        t=100 show stop-consumers; show start-consumers
        t=101 op confirm offsets-handled; dst.commit svt crm.pr-update/0 =0
        t=110 show stop-consumers
        t=111 dst.commit rtu crm.ingestion/1 =0
        t=120 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=100 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group rtu on crm.ingestion partition 1 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed; group svt on crm.pr-update partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=100 start-consumers pending no-go (predecessor): stop-consumers comes before and is not done (pending)
        t=101 confirm offsets-handled: ok
        t=110 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group rtu on crm.ingestion partition 1 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=120 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_source_that_falls_silent_takes_its_go_with_it() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 show stop-consumers; src.down
        t=110 show stop-consumers
        t=116 show stop-consumers
        t=200 src.up
        t=210 show stop-consumers
        t=280 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 stop-consumers pending go
        t=110 stop-consumers pending go
        t=116 stop-consumers pending unknown (timeout): the source Kafka does not answer in time: no answer in 4 s
        t=210 stop-consumers pending no-go (dwelling): producer crm-cdc has been silent for 4 s as far as watched, must be for 1 min: since the source can be read again
        t=280 stop-consumers pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn an_agent_restarted_in_the_middle_of_a_dwell_starts_it_again() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=60 restart
        t=90 show stop-consumers
        t=130 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=90 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; no-go (dwelling): topic crm.ingestion partition 0 (source) has been silent for 24 s as far as watched, must be for 1 min: crm-cdc)
        t=130 stop-consumers pending no-go (dwelling): drained: true for 59 s, must be for 1 min"#]].assert_eq(&shown);
}

#[test]
fn consumers_stopped_before_the_step_was_go_begin_nothing() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=24 src.end crm.ingestion/0 +3
        t=25 src.leave rtu; src.leave svt
        t=500 show stop-consumers
        t=501 src.member rtu rtu-src-0 crm.ingestion
        t=503 src.commit rtu crm.ingestion/0 =23
        t=520 src.leave rtu
        t=600 show stop-consumers
        t=950 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=500 stop-consumers pending no-go (abandoned): group rtu on crm.ingestion partition 0 (source) is 3 records behind, and nobody is there to read: no member, and nothing committed while watched
        t=600 stop-consumers pending go
        t=950 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:28:06Z
        t=950 stop-consumers done: go"#]].assert_eq(&shown);
}

#[test]
fn records_on_the_source_after_the_stop_trip_the_wire_until_reconciled() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 show start-consumers
        t=481 src.end crm.ingestion/0 +2
        t=490 show start-consumers
        t=491 op confirm reconciled crm.ingestion 0 21
        t=492 show start-consumers
        t=493 op confirm reconciled crm.ingestion 0 22
        t=494 show start-consumers
        t=495 src.member rtu rtu-src-0 crm.ingestion
        t=500 show start-consumers
        t=501 src.leave rtu
        t=560 show start-consumers
        t=900 show start-consumers
        t=901 src.down
        t=930 show start-consumers; op confirm source-kafka-fenced
        t=931 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 start-consumers pending go
        t=490 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) moved: 22 end offset, 20 when the consumers were stopped
        t=491 confirm reconciled crm.ingestion 0 21: ok
        t=492 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) moved: 22 end offset, 21 when the consumers were stopped
        t=493 confirm reconciled crm.ingestion 0 22: ok
        t=494 start-consumers pending go
        t=500 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: nobody-attached: group rtu (source) is attached: member rtu-src-0 reads crm.ingestion
        t=560 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: nobody-attached: true for 49 s, must be for 6 min
        t=900 start-consumers pending go
        t=930 confirm source-kafka-fenced: ok
        t=930 start-consumers pending go
        t=931 start-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn records_trimmed_at_the_destination_before_they_are_read() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 show stop-consumers
        t=101 dst.low crm.ingestion/0 =1
        t=110 show stop-consumers
        t=111 op confirm reconciled-destination crm.ingestion 0 0; op confirm reconciled-destination crm.ingestion 0 1
        t=112 show stop-consumers
        t=113 dst.commit rtu crm.ingestion/0 =1
        t=120 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 stop-consumers pending go
        t=110 stop-consumers pending no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 1 low watermark, 0 recorded start
        t=111 confirm reconciled-destination crm.ingestion 0 0: crm.ingestion partition 0 was recorded to start at 0 and begins at 1 now: name 1
        t=111 confirm reconciled-destination crm.ingestion 0 1: ok
        t=112 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group rtu on crm.ingestion partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=120 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn an_unseeded_group_that_skips_to_the_end_is_found_out() {
    let mut s = settings();
    let k = s.kafka.as_mut().unwrap();
    k.unseeded.insert("rtu".into(), "reads from the start".into());
    let skip = |commit: &str| {
        let text = format!(
            "
            t=480 op begin start-consumers
            t=483 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
            {commit}
            t=600 show start-consumers
        "
        );
        let middle = "t=100 op begin stop-consumers\nt=101 src.leave rtu; src.leave svt\n";
        let seeded = SWITCHED.replace("dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0;", "");
        run_with(s.clone(), &[SHOP, &seeded, middle, &text].concat())
    };
    let latest = skip("t=490 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1");
    let earliest = skip(
        "t=486 dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0
            t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1",
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 begin start-consumers: ok
        t=600 start-consumers begun go
        t=600 start-consumers done: unknown (skipped): group rtu on crm.ingestion partitions 0, 1 (destination) may have skipped records that lay there before it attached
        --
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 begin start-consumers: ok
        t=600 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:22:41Z
        t=600 start-consumers done: go"#]].assert_eq(&format!("{latest}\n--\n{earliest}"));
}

#[test]
fn a_group_that_lived_at_the_destination_too_early_may_have_skipped_what_lay_there() {
    let mut s = settings();
    s.kafka.as_mut().unwrap().unseeded.insert("rtu".into(), "reads from the start".into());
    let seeded = SWITCHED.replace("dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0;", "");
    let early = "
        t=30 dst.end crm.ingestion/0 =3
        t=40 dst.member rtu rtu-dst-0 crm.ingestion; dst.commit rtu crm.ingestion/0 =3
        t=60 dst.leave rtu
        t=120 show stop-consumers
        t=121 dst.forget rtu
        t=130 show stop-consumers
    ";
    let shown = run_with(s, &[SHOP, &seeded, early].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=120 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group rtu on crm.ingestion partition 0 (destination) has an offset committed (3) from before
        t=130 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn readers_that_never_join_are_redeployed_when_their_commits_move() {
    let shown = with(&[
        SHOP,
        "
        t=12 src.commit assign crm.pr-update/0 =1
        t=17 src.commit assign crm.pr-update/0 =3
        t=19 src.commit assign crm.pr-update/0 =5
        ",
        SWITCHED,
        "
        t=24 dst.commit assign crm.pr-update/0 =0
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 op begin start-consumers
        t=483 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1; dst.end crm.pr-update/0 =4
        t=500 dst.commit svt crm.pr-update/0 =4
        t=520 show start-consumers
        t=521 dst.commit assign crm.pr-update/0 =2
        t=600 show start-consumers; dst.commit assign crm.pr-update/0 =4
        t=670 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 begin start-consumers: ok
        t=520 start-consumers begun go
        t=520 start-consumers done: no-go (not-attached): group assign on crm.pr-update partition 0 (destination) has nobody attached: it reads without joining, and its committed offset has not moved there
        t=600 start-consumers begun go
        t=600 start-consumers done: no-go (catching-up): group assign on crm.pr-update partition 0 (destination) is at 2 committed, to reach 4 end when it attached
        t=670 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:24:26Z
        t=670 start-consumers done: go"#]].assert_eq(&shown);
}

#[test]
fn records_or_members_of_a_test_at_the_destination_begin_nothing() {
    let shown = with(&[
        SHOP,
        "
        t=20 show switch-producers
        t=21 dst.end crm.pr-update/0 +3
        t=30 show switch-producers
        t=31 dst.low crm.pr-update/0 =3
        t=40 show switch-producers
        t=41 op begin switch-producers
        t=42 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
        t=43 dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0; dst.commit svt crm.pr-update/0 =3
        t=44 op confirm offsets-handled
        t=200 op begin stop-consumers
        t=201 src.leave rtu; src.leave svt
        t=600 show start-consumers
        t=601 dst.member console console-1 crm.ingestion
        t=610 show start-consumers
        t=611 dst.leave console
        t=620 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 switch-producers pending go
        t=30 switch-producers pending no-go (not-empty): topic crm.pr-update partition 0 (destination) holds 3 records
        t=40 switch-producers pending go
        t=41 begin switch-producers: ok
        t=44 confirm offsets-handled: ok
        t=200 begin stop-consumers: ok
        t=600 start-consumers pending go
        t=610 start-consumers pending no-go (attached): group console (destination) is attached: member console-1 reads crm.ingestion
        t=620 start-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_test_that_looked_like_the_switch_is_withdrawn_once_its_records_are_gone() {
    let shown = with(&[
        SHOP,
        "
        t=20 show switch-producers
        t=21 dst.end crm.ingestion/0 +3
        t=30 show switch-producers; op withdraw switch-producers
        t=31 dst.low crm.ingestion/0 =3; src.end crm.ingestion/0 +1
        t=100 src.end crm.ingestion/0 +1
        t=130 op withdraw switch-producers
        t=140 op begin switch-producers
        t=141 op begin switch-producers
    ",
    ]);
    expect![[r#"
        t=20 switch-producers pending go
        t=30 withdraw switch-producers: switch-producers cannot be rolled back, and its effect was seen
        t=30 switch-producers begun go
        t=30 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 9 s ago by crm-cdc, must be silent for 1 min
        t=130 withdraw switch-producers: ok
        t=140 begin switch-producers: ok
        t=141 begin switch-producers: switch-producers is begun already"#]].assert_eq(&shown);
}

#[test]
fn an_undeclared_producer_that_appears_after_the_switch() {
    let mut s = settings();
    let producers = &mut s.kafka.as_mut().unwrap().producers;
    producers.values_mut().for_each(|p| {
        p.topics = vec![cutover_core::pattern::Pattern::parse("crm.*").unwrap()];
    });
    let text = "
        t=25 src.topic erp.ingestion 1; dst.topic erp.ingestion 1; src.member rtu rtu-src-1 erp.ingestion
        t=30 src.commit rtu erp.ingestion/0 =0; dst.commit rtu erp.ingestion/0 =0
        t=40 src.end erp.ingestion/0 +1; src.commit rtu erp.ingestion/0 =1
        t=200 show stop-consumers all
    ";
    let shown = run_with(s, &[SHOP, SWITCHED, text].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=200 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; no-go (not-grown): topic crm.pr-update (destination) has not been written since the producers were switched)
            visible go
            producers-known no-go
            ingestion-idle go
            drained go
            every-topic-read go
            changes-drained unknown"#]].assert_eq(&shown);
}

#[test]
fn a_group_that_never_commits_is_forgotten_by_the_broker_and_stops_nothing() {
    let shown = with(&[
        SHOP,
        "t=13 src.member audit audit-src-0 crm.pr-update\n",
        SWITCHED,
        "
        t=25 dst.commit audit crm.pr-update/0 =0
        t=100 op accept audit crm.pr-update 0
        t=110 op begin stop-consumers
        t=111 src.leave rtu; src.leave svt; src.forget audit
        t=500 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 accept audit crm.pr-update 0: ok
        t=110 begin stop-consumers: no-go (dwelling): drained: true for 4 s, must be for 1 min
        t=500 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:21:21Z
        t=500 stop-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn a_switch_seen_before_the_source_answers_again_freezes_every_start() {
    let shown = with(&[
        SHOP,
        "
        t=20 src.down
        t=21 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
        t=60 src.up
        t=61 dst.commit rtu crm.ingestion/0 =0; dst.commit rtu crm.ingestion/1 =0; dst.commit svt crm.pr-update/0 =0
        t=62 op confirm offsets-handled
        t=200 show switch-producers; show stop-consumers
    ",
    ]);
    expect![[r#"
        t=62 confirm offsets-handled: ok
        t=200 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:15:26Z
        t=200 switch-producers done: go
        t=200 stop-consumers pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn nobody_can_carry_over_what_a_transaction_holds_open() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=481 src.end crm.ingestion/0 +2; src.stable crm.ingestion/0 =20
        t=490 show start-consumers; op confirm reconciled crm.ingestion 0 22
        t=500 src.stable crm.ingestion/0 =22
        t=501 src.end crm.ingestion/0 +1
        t=510 op confirm reconciled crm.ingestion 0 23
        t=511 show start-consumers; src.end crm.ingestion/0 =21; src.stable crm.ingestion/0 =21; src.epoch crm.ingestion/0
        t=520 show start-consumers; op confirm reconciled crm.ingestion 0 21
        t=521 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=490 confirm reconciled crm.ingestion 0 22: a transaction is open on crm.ingestion partition 0: wait until it has ended
        t=490 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) has an open transaction (2 records held back)
        t=510 confirm reconciled crm.ingestion 0 23: ok
        t=511 start-consumers pending go
        t=520 confirm reconciled crm.ingestion 0 21: ok
        t=520 start-consumers pending go
        t=521 start-consumers pending go"#]].assert_eq(&shown);
}

/// Begun before the agent has seen a producer write: that they are gone from the source proves nothing, and nothing that
/// comes later can show it. The answer says what a person can do.
#[test]
fn producers_that_were_switched_before_the_agent_saw_them_write() {
    let shown = run("
        t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1
        t=0 src.member rtu rtu-src-0 crm.ingestion; src.end crm.ingestion/0 =40
        t=1 src.commit rtu crm.ingestion/0 =40
        t=10 op begin switch-producers
        t=11 dst.end crm.ingestion/0 +1
        t=300 show switch-producers; show stop-consumers
        t=301 op adopt switch-producers
        t=310 show switch-producers
        ");
    expect![[r#"
        t=10 begin switch-producers: ok
        t=300 switch-producers begun go
        t=300 switch-producers done: unknown (never-seen): switched: never seen: no ingestion topic was ever seen growing on the source
        t=300 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; unknown (never-seen): switched: never seen: no ingestion topic was ever seen growing on the source)
        t=301 adopt switch-producers: ok
        t=310 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:18:21Z
        t=310 switch-producers done: go"#]].assert_eq(&shown);
}
