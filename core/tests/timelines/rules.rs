//! The rules that hold for every step: order, holds, withdrawal, adoption, clocks, sides.

use super::world::{run, run_with, settings};
use cutover_core::settings::Track;
use cutover_core::time::Dur;
use expect_test::expect;

const SHOP: &str = "
    t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1
    t=0 src.member rtu rtu-src-0 crm.ingestion; src.commit rtu crm.ingestion/0 =0
    t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
";
const SWITCHED: &str = "
    t=20 op begin switch-producers
    t=21 dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 =0; op confirm offsets-handled
";

fn with(text: &str) -> String {
    run(&[SHOP, text].concat())
}

#[test]
fn nothing_measured_is_unknown() {
    expect![[r#"
        t=6 switch-producers pending unknown (timeout): the source Kafka does not answer in time: no answer in 4 s
            two-clusters unknown
            visible unknown
            topics-ready unknown
            retention-outlasts unknown
            destination-clean unknown
            producers-known unknown
            requirements unknown
        t=6 retire-source pending no-go (predecessor): start-consumers comes before and is not done (pending)"#]]
    .assert_eq(&run("t=0 src.down; dst.down\nt=6 show switch-producers all\nt=6 show retire-source"));
}

#[test]
fn an_empty_scope_proves_nothing() {
    expect![[r#"
        t=20 switch-producers pending unknown (empty-set): topics-ready: there are no topics in scope on the source, so nothing is proven
            two-clusters go
            visible go
            topics-ready unknown
            retention-outlasts unknown
            destination-clean unknown
            producers-known unknown
            requirements unknown
        t=20 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (pending)
            visible go
            producers-known unknown
            ingestion-idle unknown
            drained unknown
            every-topic-read unknown
            changes-drained unknown"#]].assert_eq(&run("t=20 show switch-producers all; show stop-consumers all"));
}

#[test]
fn holds_make_it_stricter_until_released() {
    let shown = with(
        "
        t=15 show switch-producers; op hold switch-producers; op hold
        t=16 show switch-producers; op release switch-producers; show switch-producers; op release
        t=17 holdfile lunch; show switch-producers
        t=18 holdfile; show switch-producers; op release
    ",
    );
    expect![[r#"
        t=15 hold switch-producers: ok
        t=15 hold: ok
        t=15 switch-producers pending no-go (hold): held by alice: because
        t=16 release switch-producers: ok
        t=16 release: ok
        t=16 switch-producers pending go
        t=16 switch-producers pending go
        t=17 switch-producers pending no-go (hold): held by the hold file: lunch
        t=18 release: nothing holds everything; held now: nothing
        t=18 switch-producers pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn the_pace_holds_the_next_step_back() {
    let mut s = settings();
    s.pace = Dur::mins(10);
    let shown = run_with(s, &[SHOP, SWITCHED, "t=120 show stop-consumers\nt=700 show stop-consumers"].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=120 stop-consumers pending no-go (pace): switch-producers was done only 44 s ago, the pace is 10 min
        t=700 stop-consumers pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn a_step_is_withdrawn_while_its_effect_was_never_seen() {
    let shown = with(
        "
        t=15 op withdraw switch-producers
        t=20 op begin switch-producers; op withdraw switch-producers
        t=90 src.end crm.ingestion/0 +1
        t=95 src.end crm.ingestion/0 +1
        t=170 op withdraw switch-producers; show switch-producers
        t=175 src.commit rtu crm.ingestion/0 =12; op begin switch-producers
        t=180 dst.end crm.ingestion/0 +1
        t=300 show switch-producers; op withdraw switch-producers
    ",
    );
    expect![[r#"
        t=15 withdraw switch-producers: switch-producers is not begun: there is nothing to withdraw
        t=20 begin switch-producers: ok
        t=20 withdraw switch-producers: its done checks have not been measured false for long enough: undo it, and try again
        t=170 withdraw switch-producers: ok
        t=170 switch-producers pending go
        t=175 begin switch-producers: ok
        t=300 withdraw switch-producers: switch-producers cannot be rolled back, and its effect was seen
        t=300 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:16:21Z
        t=300 switch-producers done: go"#]].assert_eq(&shown);
}

#[test]
fn a_stop_is_withdrawn_once_the_consumers_run_again() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu
        t=110 op withdraw stop-consumers
        t=111 op confirm scaled-to-zero kafka
        t=480 show stop-consumers; show start-consumers
        t=481 src.member rtu rtu-src-0 crm.ingestion
        t=490 op withdraw stop-consumers
        t=560 op withdraw stop-consumers
        t=561 show stop-consumers; show start-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=110 withdraw stop-consumers: its done checks have not been measured false for long enough: start what it stopped again, and try again
        t=111 confirm scaled-to-zero kafka: ok
        t=480 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:16:11Z
        t=480 stop-consumers done: go
        t=480 start-consumers pending go
        t=490 withdraw stop-consumers: its done checks have not been measured false for long enough: start what it stopped again, and try again
        t=560 withdraw stop-consumers: ok
        t=561 stop-consumers pending go
        t=561 start-consumers pending no-go (predecessor): stop-consumers comes before and is not done (pending)"#]].assert_eq(&shown);
}

#[test]
fn an_agent_installed_in_the_middle_lists_what_to_adopt() {
    let shown = run(&[
        SHOP,
        "
        t=20 dst.end crm.ingestion/0 =5; dst.commit rtu crm.ingestion/0 =0; op confirm offsets-handled
        t=21 amnesia
        t=100 show switch-producers; op adopt stop-consumers; op adopt switch-producers
        t=101 show switch-producers; show stop-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 confirm offsets-handled: ok
        t=100 adopt stop-consumers: switch-producers comes before it and is pending: adopt or finish that first
        t=100 adopt switch-producers: ok
        t=100 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:15:00Z
        t=100 switch-producers done: go
        t=101 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:15:00Z
        t=101 switch-producers done: go
        t=101 stop-consumers pending unknown (way-out): the downtime could not be ended: start-consumers: offset-assumptions: is not measured: no mongodb section in the configuration"#]].assert_eq(&shown);
}

/// Nothing adds a start later: the step whose start could not be read would wait for it for ever.
#[test]
fn what_cannot_be_read_is_not_adopted() {
    let shown = run(&[
        SHOP,
        "
        t=20 dst.end crm.ingestion/0 =5; dst.commit rtu crm.ingestion/0 =0; op confirm offsets-handled
        t=21 amnesia; dst.break crm.ingestion/0
        t=100 op adopt switch-producers; dst.mend crm.ingestion/0; dst.down
        t=120 op adopt switch-producers; dst.up
        t=130 op adopt switch-producers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 confirm offsets-handled: ok
        t=100 adopt switch-producers: switch-producers cannot be adopted: what it would be held against is missing: topic crm.ingestion partition 0 (destination) does not answer in time: no answer in 4 s
        t=120 adopt switch-producers: switch-producers cannot be adopted: what it would be held against is missing: the destination Kafka does not answer in time: no answer in 4 s
        t=130 adopt switch-producers: ok"#]].assert_eq(&shown);
}

/// Who answers for a moment while a step is adopted is not who the migration is about.
#[test]
fn nothing_is_adopted_while_another_cluster_answers_than_the_one_it_was_go_with() {
    let shown = run(&[
        SHOP,
        "
        t=19 show switch-producers
        t=20 dst.member test test-0 crm.ingestion
        t=1900 dst.end crm.ingestion/0 =5
        t=1910 dst.leave test
        t=1971 dst.id imposter
        t=1980 op adopt switch-producers
        t=1981 dst.id new
        t=1990 op adopt switch-producers
        t=2000 show start-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=19 switch-producers pending go
        t=1980 adopt switch-producers: switch-producers cannot be adopted: imposter answers on the destination, and it was go with new: point it at the one it was, or start again with a higher `attempt`
        t=1990 adopt switch-producers: ok
        t=2000 start-consumers pending no-go (predecessor): stop-consumers comes before and is not done (pending)"#]].assert_eq(&shown);
}

#[test]
fn a_suspend_makes_every_dwell_start_again() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=100 show stop-consumers
        t=101 sleep 3600
        t=102 show stop-consumers
        t=130 show stop-consumers
        t=180 show stop-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 stop-consumers pending go
        t=102 stop-consumers pending unknown (stale): the source Kafka is not measured now: the newest sample was asked for before the clocks jumped apart (a suspend or a clock step)
        t=130 stop-consumers pending no-go (dwelling): topic crm.ingestion partition 0 (source) has been silent for 19 s as far as watched, must be for 1 min: crm-cdc
        t=180 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn steps_of_an_unbuilt_track_are_unknown_and_never_absent() {
    let mut s = settings();
    s.tracks = [Track::Services, Track::Mongodb, Track::Kafka].into();
    let shown = run_with(s, &[SHOP, "t=20 show start-mirror; show stop-writers; show deploy-services"].concat());
    expect![[r#"
        t=20 start-mirror pending unknown (not-measured): two-deployments: is not measured: no mongodb section in the configuration
        t=20 stop-writers pending no-go (predecessor): switch-readers comes before and is not done (pending)
        t=20 deploy-services pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn the_downtime_of_one_track_stops_the_others() {
    let mut s = settings();
    s.tracks = [Track::Services, Track::Kafka].into();
    let shown = run_with(
        s,
        &[
            SHOP,
            SWITCHED,
            "
        t=100 show deploy-services; op begin stop-consumers
        t=101 show deploy-services
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=100 deploy-services pending no-go (other-downtime): the kafka track is in its downtime
        t=101 deploy-services pending no-go (other-downtime): the kafka track is in its downtime"#]]
    .assert_eq(&shown);
}

#[test]
fn a_topic_recreated_under_the_same_name_voids_what_was_known_of_it() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=100 show stop-consumers
        t=101 src.topic crm.ingestion 1; src.end crm.ingestion/0 =10
        t=200 show stop-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 stop-consumers pending go
        t=200 stop-consumers pending unknown (recreated): topic crm.ingestion (source) was recreated since it was first seen"#]].assert_eq(&shown);
}

#[test]
fn another_broker_answering_for_the_source_is_not_the_source() {
    let shown =
        run(&[SHOP, SWITCHED, "t=100 show stop-consumers\nt=101 src.id third\nt=200 show stop-consumers"].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 stop-consumers pending go
        t=200 stop-consumers pending unknown (other-cluster): the source Kafka is another cluster than the one the migration began on: third answers, it was old"#]].assert_eq(&shown);
}

#[test]
fn log_ends_read_before_the_commits_prove_nothing() {
    let shown =
        run(&[SHOP, SWITCHED, "t=80 show stop-consumers\nt=81 src.disorder\nt=90 show stop-consumers"].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=80 stop-consumers pending no-go (dwelling): drained: true for 59 s, must be for 1 min
        t=90 stop-consumers pending unknown (order): group rtu on crm.ingestion partition 0 (source): read in an order that could hide something: the log ends were not asked for after the commits came back"#]].assert_eq(&shown);
}

#[test]
fn the_absence_of_members_that_were_never_seen_proves_nothing() {
    let shown = run("
        t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1; src.commit rtu crm.ingestion/0 =0
        t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
        t=20 op begin switch-producers
        t=21 dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 =0; op confirm offsets-handled
        t=100 op begin stop-consumers
        t=500 show stop-consumers
    ");
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=500 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:19:41Z
        t=500 stop-consumers done: go"#]]
    .assert_eq(&shown);
}

#[test]
fn an_effect_before_its_time_is_out_of_order_until_it_is_gone() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=60 dst.member rtu rtu-dst-0 crm.ingestion
        t=100 show start-consumers; show stop-consumers
        t=101 dst.leave rtu
        t=110 show start-consumers; show stop-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 start-consumers out-of-order no-go (out-of-order): the effect of start-consumers was seen, and it was not go: group rtu (destination) is attached: member rtu-dst-0 reads crm.ingestion
        t=100 stop-consumers pending no-go (out-of-order): the effect of start-consumers was seen, and it was not go: group rtu (destination) is attached: member rtu-dst-0 reads crm.ingestion
        t=110 start-consumers pending no-go (predecessor): stop-consumers comes before and is not done (pending)
        t=110 stop-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_step_waits_for_those_it_is_configured_to_come_after() {
    let mut s = settings();
    s.tracks = [Track::Services, Track::Kafka].into();
    s.after.insert("switch-producers".into(), vec!["deploy-services".into()]);
    let shown = run_with(s.clone(), &[SHOP, "t=20 show switch-producers"].concat());
    // A skipped step counts as done once its predecessor is.
    s.skip.insert("deploy-services".into(), "they run there already".into());
    let skipped = run_with(s, &[SHOP, "t=20 show switch-producers; show deploy-services"].concat());
    expect![[r#"
        t=20 switch-producers pending no-go (after): deploy-services must be done first
        t=20 switch-producers pending go
        t=20 deploy-services skipped no-go (already-done): deploy-services is done: skipped: they run there already
        t=20 deploy-services done: go"#]]
    .assert_eq(&[shown, skipped].join("\n"));
}

#[test]
fn a_rehearsal_divides_every_time_and_no_setting_goes_below_a_floor() {
    let mut s = settings();
    s.faster = 10;
    s.dwell.insert(("stop-consumers".into(), "ingestion-idle".into()), Dur::secs(1));
    let text = [SHOP, SWITCHED, "t=27 show stop-consumers\nt=35 show stop-consumers"].concat();
    let faster = run_with(s.clone(), &text);
    s.faster = 1;
    s.kafka.as_mut().unwrap().producers.values_mut().for_each(|p| p.cadence = Some(Dur::ZERO));
    // The floor of ingestion-idle is 45 s, whatever the configuration says.
    let floor = run_with(s, &[SHOP, SWITCHED, "t=50 show switch-producers\nt=62 show switch-producers"].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=27 stop-consumers pending go
        t=35 stop-consumers pending go
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=50 switch-producers begun go
        t=50 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 34 s ago by crm-cdc, must be silent for 45 s
        t=62 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:14:21Z
        t=62 switch-producers done: go"#]].assert_eq(&[faster, floor].join("\n"));
}

#[test]
fn partitions_with_replicas_must_stand_still_for_longer() {
    let mut s = settings();
    s.dwell.insert(("stop-consumers".into(), "drained".into()), Dur::secs(5));
    let quick = "t=90 src.end crm.ingestion/0 +1; src.commit rtu crm.ingestion/0 +1\nt=108 show stop-consumers all";
    let alone = run_with(s.clone(), &[SHOP, SWITCHED, quick].concat());
    let replicated = run_with(s, &["t=0 src.replicas 3", SHOP, SWITCHED, quick].concat());
    let drained = |t: &str| t.lines().find(|l| l.contains(" drained ")).unwrap_or_default().trim().to_owned();
    assert_eq!((drained(&alone), drained(&replicated)), ("drained go".to_owned(), "drained no-go".to_owned()));
}

/// It would end only when both tracks have started again (`a_joint_downtime_ends_only_when_both_tracks_may`).
#[test]
fn a_joint_downtime_is_not_opened_while_the_other_track_could_not_follow() {
    let mut s = settings();
    s.tracks = [Track::Mongodb, Track::Kafka].into();
    s.joint = true;
    let text = "
        t=100 op begin stop-consumers; show stop-consumers
    ";
    let shown = run_with(s, &[SHOP, SWITCHED, text].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 begin stop-consumers: no-go (predecessor): switch-readers comes before and is not done (the downtime is joint)
        t=100 stop-consumers pending no-go (predecessor): switch-readers comes before and is not done (the downtime is joint)"#]].assert_eq(&shown);
}

#[test]
fn a_board_that_is_read_too_late_says_unknown() {
    use super::world::World;
    use cutover_core::gate::board::Verdict;
    use cutover_core::time::{Now, Wall};
    let mut w = World::new(settings());
    w.play(&[SHOP, "t=20 show switch-producers"].concat());
    let board = w.settle().board;
    let ready = &board.step("switch-producers").unwrap().ready;
    let later =
        |mono: i64, wall: i64| Now { mono: w.now.mono + Dur::secs(mono), wall: Wall(w.now.wall.0 + wall * 1000) };
    assert_eq!(board.verdict(ready, later(0, 0)), Verdict::Go);
    assert_eq!(board.verdict(ready, later(20, 20)), Verdict::Unknown, "a hung evaluator");
    assert_eq!(board.verdict(ready, later(1, 60)), Verdict::Unknown, "a machine that slept: its monotonic clock stood");
}

#[test]
fn with_replicas_a_producer_must_be_silent_for_its_cadence_and_a_standing_high_watermark() {
    let text = "t=85 show switch-producers\nt=120 show switch-producers";
    let shown = run(&["t=0 src.replicas 3", SHOP, SWITCHED, text].concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=85 switch-producers begun go
        t=85 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 1 min 9 s ago by crm-cdc, must be silent for 1 min 45 s
        t=120 switch-producers begun go
        t=120 switch-producers done: no-go (dwelling): topic crm.ingestion partition 0 (source) has been silent for 1 min 44 s as far as watched, must be for 1 min 45 s: crm-cdc"#]].assert_eq(&shown);
}

#[test]
fn a_journal_lost_in_the_downtime_is_made_good_by_adoption() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu
        t=500 amnesia
        t=600 op adopt switch-producers; op confirm offsets-handled
        t=900 op adopt stop-consumers
        t=901 show start-consumers
        t=1300 show start-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=600 adopt switch-producers: ok
        t=600 confirm offsets-handled: ok
        t=900 adopt stop-consumers: ok
        t=901 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: nobody-attached: true for 0 s, must be for 6 min
        t=1300 start-consumers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_step_that_came_undone_holds_the_next_one_back_until_it_is_done_again() {
    use super::world::World;
    use cutover_core::facts::{Fact, How};
    use cutover_core::time::Wall;
    let mut s = settings();
    s.tracks = [Track::Services, Track::Kafka].into();
    let mut w = World::new(s);
    let at = Wall(1);
    let step = || "deploy-services".into();
    let done = || Fact::Done { step: step(), at, evidence: vec![] };
    w.facts.apply(Fact::Begun {
        step: step(),
        at,
        how: How::Claimed { author: "alice".into(), reason: None },
        evidence: vec![],
    });
    w.facts.apply(done());
    let mut said = vec![];
    for (what, fact) in [("done", None), ("undone", Some(Fact::Undone { step: step(), at })), ("again", Some(done()))] {
        fact.into_iter().for_each(|f| w.facts.apply(f));
        let board = w.settle().board;
        let (this, next) = (board.step("deploy-services").unwrap(), board.step("redirect-traffic").unwrap());
        let codes: Vec<_> = next.ready.blockers.iter().map(|f| f.code.as_str()).collect();
        said.push(format!("{what}: {} {} {codes:?}", this.life.as_str(), this.undone_total));
    }
    expect![[r#"
        done: done 0 []
        undone: undone 1 ["undone"]
        again: done 1 []"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn an_adopted_start_has_to_show_that_no_pair_skipped_anything() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=25 dst.end crm.ingestion/0 =6
        t=100 op begin stop-consumers
        t=101 src.leave rtu
        t=480 show start-consumers
        t=481 amnesia
        t=482 dst.member rtu rtu-dst-0 crm.ingestion; dst.commit rtu crm.ingestion/0 =6
        t=560 op adopt switch-producers; op confirm scaled-to-zero kafka; op confirm offsets-handled
        t=700 op adopt stop-consumers
        t=701 op adopt start-consumers
        t=702 op confirm nothing-skipped rtu crm.ingestion; op adopt start-consumers
    ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=21 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 start-consumers pending go
        t=560 adopt switch-producers: ok
        t=560 confirm scaled-to-zero kafka: ok
        t=560 confirm offsets-handled: ok
        t=700 adopt stop-consumers: ok
        t=701 adopt start-consumers: start-consumers cannot be adopted, its done checks do not hold: nothing-skipped: group rtu on crm.ingestion partition 0 (destination) may have skipped records that lay there before it attached (cutover-agent confirm nothing-skipped rtu crm.ingestion --reason …)
        t=702 confirm nothing-skipped rtu crm.ingestion: ok
        t=702 adopt start-consumers: ok"#]].assert_eq(&shown);
}
