//! What the simulation found on the MongoDB track, as short as it could be made.

use super::mongo::mongodb;
use super::world::{World, run_with, settings};
use cutover_core::facts::{Fact, How};
use cutover_core::pattern::Pattern;
use cutover_core::settings::{ClientRule, Settings, Track};
use cutover_core::time::Wall;
use expect_test::expect;
use std::collections::BTreeSet;

/// Everything moved as far as the writers: they are to be stopped.
const READ: &str = "
    t=0 msrc.coll shop.orders 100; msrc.join crud-orders; msrc.join svc-orders
    t=1 msrc.write shop.orders
    t=10 op begin start-mirror
    t=11 mirror.start
    t=12 mdst.coll shop.orders 100; mdst.block on
    t=20 mirror.follow
    t=130 op begin switch-readers
    t=131 msrc.leave crud-orders; mdst.join crud-orders-dst
";

/// The writers are stopped as well.
const STOPPED: &str = "
    t=300 op begin stop-writers
    t=301 msrc.leave svc-orders
    t=725 show stop-mirror
";

fn mongo() -> Settings {
    Settings { tracks: BTreeSet::from([Track::Mongodb]), kafka: None, mongodb: Some(mongodb()), ..settings() }
}

fn told(parts: &[&str]) -> String {
    run_with(mongo(), &parts.concat())
}

/// What a writer wrote between the newest sample and the word is in no sample yet.
#[test]
fn a_word_counts_with_the_first_sample_that_was_asked_for_after_it() {
    let shown = told(&[
        READ,
        "
        t=100 msrc.write shop.orders
        t=110 msrc.leave svc-orders
        t=295 op begin stop-writers
        t=296 msrc.write shop.orders
        t=297 op confirm scaled-to-zero mongodb
        t=298 show stop-writers
        t=301 show stop-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=295 begin stop-writers: ok
        t=297 confirm scaled-to-zero mongodb: ok
        t=298 stop-writers begun go
        t=298 stop-writers done: no-go (recent-write): shop.orders (source) was written 2 min 44 s ago, must be silent for 6 min
        t=301 stop-writers begun go
        t=301 stop-writers done: no-go (recent-write): shop.orders (source) was written 4 s ago, must be silent for 2 min 30 s"#]].assert_eq(&shown);
}

#[test]
fn a_word_about_a_mirror_counts_with_the_first_sample_that_was_asked_for_after_it() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=873 op confirm mirror-removed all
        t=874 show stop-mirror
        t=876 show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=800 begin stop-mirror: ok
        t=873 confirm mirror-removed all: ok
        t=874 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=874 stop-mirror done: no-go (dwelling): finished: true for 1 min 4 s, must be for 6 min
        t=876 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:27:56Z
        t=876 stop-mirror done: go"#]].assert_eq(&shown);
}

/// A write that comes between the end of the mirror and the end of its step is carried over by hand, and said to be.
#[test]
fn what_was_carried_over_by_hand_a_mirror_that_has_ended_need_not_apply() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=900 msrc.write shop.orders
        t=1200 show stop-mirror
        t=1201 op confirm reconciled-writes source 1790000900.10
        t=1203 show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=800 begin stop-mirror: ok
        t=1200 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=1200 stop-mirror done: no-go (behind): mirror all is at 1790000800.0, must be at 1790000900.10: it ended before it had applied everything: start it again, let it drain
        t=1201 confirm reconciled-writes source 1790000900.10: ok
        t=1203 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=1203 stop-mirror done: no-go (dwelling): finished: true for 0 s, must be for 6 min"#]].assert_eq(&shown);
}

/// It was false before it was adopted, and who was never seen cannot be measured.
#[test]
fn what_was_false_before_a_step_was_adopted_does_not_undo_it() {
    let shown = told(&[
        &READ.replace("msrc.join svc-orders", "msrc.join exporter"),
        "
        t=250 op begin stop-writers
        t=251 msrc.write shop.orders
        t=252 show stop-writers
        t=700 op adopt stop-writers
        t=720 show stop-writers; show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=250 begin stop-writers: ok
        t=252 stop-writers begun go
        t=252 stop-writers done: no-go (recent-write): shop.orders (source) was written 4 min 9 s ago, must be silent for 6 min
        t=700 adopt stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:25:00Z
        t=720 stop-writers done: go
        t=720 stop-mirror pending unknown (never-seen): writers-gone: never seen: writers on the source (identity.writers)"#]].assert_eq(&shown);
}

/// An index build that ends leaves no write behind: only another list shows it.
#[test]
fn a_difference_is_looked_at_again_in_the_downtime() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=726 mdst.index shop.orders extra
        t=760 show stop-mirror
        t=761 msrc.index shop.orders extra; mirror.follow
        t=1190 show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=760 stop-mirror pending no-go (differs): shop.orders (destination) is not the same on both sides: only at the destination: extra {"extra":1}
        t=1190 stop-mirror pending go"#]].assert_eq(&shown);
}

/// Each would wait for the other to end.
#[test]
fn a_second_downtime_is_not_opened_by_adoption() {
    let mut s = mongo();
    s.tracks = [Track::Mongodb, Track::Kafka].into();
    s.kafka = settings().kafka;
    let mut w = World::new(s);
    w.play(READ);
    w.play("t=290 show switch-readers");
    for step in ["switch-producers", "stop-consumers"] {
        let how = How::Claimed { author: "alice".into(), reason: None };
        w.facts.apply(Fact::Begun { step: step.into(), at: Wall(1), how, evidence: vec![] });
        w.facts.apply(Fact::Done { step: step.into(), at: Wall(1), evidence: vec![] });
    }
    w.play("t=310 msrc.leave svc-orders\nt=700 op adopt stop-writers");
    let start = Fact::Done { step: "start-consumers".into(), at: Wall(2), evidence: vec![] };
    let how = How::Claimed { author: "alice".into(), reason: None };
    w.facts.apply(Fact::Begun { step: "start-consumers".into(), at: Wall(2), how, evidence: vec![] });
    w.facts.apply(start);
    w.play("t=701 op adopt stop-writers");
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=290 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=290 switch-readers done: go
        t=700 adopt stop-writers: the kafka track is in its downtime: adopt stop-writers when that is over
        t=701 adopt stop-writers: stop-writers is done already"#]]
    .assert_eq(w.out.trim_end());
}

/// Another deployment answers for a moment while the mirror is started: the one that the go rested on is the migration's.
#[test]
fn a_stranger_that_answers_while_a_step_begins_by_its_effect_is_not_taken_for_the_deployment() {
    let shown = told(&["
        t=0 msrc.coll shop.orders 100; msrc.join crud-orders; msrc.join svc-orders
        t=1 msrc.write shop.orders
        t=10 show start-mirror
        t=11 msrc.id stranger; mirror.start
        t=12 mdst.coll shop.orders 100; mdst.block on
        t=16 show start-mirror
        t=21 msrc.id old
        t=22 mirror.follow
        t=130 show start-mirror; show switch-readers
    "]);
    expect![[r#"
        t=10 start-mirror pending go
        t=16 start-mirror begun no-go (already-begun): start-mirror was begun at 2026-09-21T14:13:36Z and is begun only once
        t=16 start-mirror done: no-go (mirror-stage): mirror all is in stage initial sync, must be in oplog sync
        t=130 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:21Z
        t=130 start-mirror done: go
        t=130 switch-readers pending go"#]].assert_eq(&shown);
}

/// An agent that has lost its journal is told that the mirrors were ended as they should. It has seen itself that somebody
/// wrote at the destination after that.
#[test]
fn adopting_the_end_of_the_mirrors_does_not_forgive_what_was_written_after_it() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=730 amnesia
        t=800 op adopt start-mirror
        t=801 op adopt switch-readers
        t=1150 op adopt stop-writers
        t=1151 mirror.gone
        t=1250 mdst.write shop.orders
        t=1251 mdst.block off
        t=1700 op adopt stop-mirror
        t=1710 show start-writers
        t=1711 op confirm reconciled-writes destination 1790001250.10
        t=1720 show start-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=800 adopt start-mirror: ok
        t=801 adopt switch-readers: ok
        t=1150 adopt stop-writers: ok
        t=1700 adopt stop-mirror: ok
        t=1710 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790001250.10, 1790000012.5: last in shop.orders
        t=1711 confirm reconciled-writes destination 1790001250.10: ok
        t=1720 start-writers pending go"#]].assert_eq(&shown);
}

/// Seed 930407179: the end of the mirrors was adopted while the destination's oplog could not be read. Nothing was anchored, so that what
/// somebody wrote there was forgotten as soon as it had been silent for 35 s.
#[test]
fn the_end_of_the_mirrors_is_not_adopted_without_what_the_destination_is_held_against() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=730 amnesia
        t=800 op adopt start-mirror
        t=801 op adopt switch-readers
        t=1150 op adopt stop-writers
        t=1151 mirror.gone
        t=1160 mdst.oplog no
        t=1251 mdst.block off
        t=1700 op adopt stop-mirror
        t=1710 mdst.oplog yes
        t=1750 op adopt stop-mirror
        t=1800 mdst.write shop.orders
        t=1900 show start-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=800 adopt start-mirror: ok
        t=801 adopt switch-readers: ok
        t=1150 adopt stop-writers: ok
        t=1700 adopt stop-mirror: stop-mirror cannot be adopted: what it would be held against is missing: the destination MongoDB: the agent is not allowed to read it: its oplog: not authorized on local
        t=1750 adopt stop-mirror: ok
        t=1900 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790001800.13, 1790000012.5: last in shop.orders"#]].assert_eq(&shown);
}

/// Somebody seen on the source for the first time, in the very sample with which a step would be done, is in its way.
#[test]
fn who_is_seen_first_when_a_step_would_be_done_is_not_overlooked() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=730 op begin stop-mirror
        t=731 mirror.gone
        t=1110 mdst.block off
        t=1120 op begin start-writers
        t=1121 mdst.join svc-orders-dst; mdst.join svc-late-dst; mdst.write shop.orders
        t=1188 show start-writers; msrc.join svc-late
        t=1192 show start-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=730 begin stop-mirror: ok
        t=1120 begin start-writers: ok
        t=1188 start-writers begun go
        t=1188 start-writers done: no-go (dwelling): writers-started: true for 59 s, must be for 1 min
        t=1192 start-writers begun no-go (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-late (source) is still connected: on h1:27017
        t=1192 start-writers done: no-go (connected): client svc-late (source) is still connected: on h1:27017"#]].assert_eq(&shown);
}

/// What was created after the plan and copied by hand looks the same on both sides, and nobody carries what is written to it.
#[test]
fn a_collection_that_nobody_carries_keeps_the_mirrors_from_being_ended() {
    let mut s = mongo();
    let m = s.mongodb.as_mut().unwrap();
    m.mirrors.get_mut("all").unwrap().namespaces = vec![cutover_core::pattern::Pattern::parse("shop.orders").unwrap()];
    let shown = run_with(
        s,
        &[
            READ,
            "
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders; msrc.coll shop.fresh 1; mdst.coll shop.fresh 1; msrc.write shop.fresh
        t=760 show stop-writers; show stop-mirror
        ",
        ]
        .concat(),
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=760 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=760 stop-writers done: go
        t=760 stop-mirror pending no-go (not-covered): shop.fresh (source) is carried by no mirror"#]]
    .assert_eq(&shown);
}

/// A writer in a crash loop is in no list of clients between two of its writes: what it wrote contradicts the word as well.
#[test]
fn a_word_is_void_once_somebody_wrote_after_it() {
    let shown = told(&[
        READ,
        "
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders
        t=310 op confirm scaled-to-zero mongodb
        t=400 msrc.write shop.orders
        t=560 show stop-writers
        t=790 show stop-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=310 confirm scaled-to-zero mongodb: ok
        t=560 stop-writers begun go
        t=560 stop-writers done: no-go (recent-write): shop.orders (source) was written 2 min 35 s ago, must be silent for 6 min
        t=790 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:26:01Z
        t=790 stop-writers done: go"#]].assert_eq(&shown);
}

/// Seed 2118430: the mirrors were found to have ended in the very evaluation in which stop-writers came undone, which voids the
/// go that their end rested on and what had been anchored at the destination: a write there was seen by nobody.
#[test]
fn no_step_begins_by_its_effect_while_the_one_before_it_is_measured_false() {
    let shown = told(&[
        READ,
        "
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders
        t=722 show stop-mirror
        t=726 mirror.gone
        t=728 op confirm mirror-removed all
        t=731 op confirm mirror-removed all; msrc.join svc-orders
        t=740 mdst.write shop.orders
        t=830 show stop-writers; show stop-mirror; msrc.leave svc-orders
        t=1300 show stop-writers; show stop-mirror; op adopt stop-mirror
        t=1301 mdst.block off
        t=1310 show start-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=722 stop-mirror pending go
        t=728 confirm mirror-removed all: mirror all is still there: a session on the source: mongomirror
        t=731 confirm mirror-removed all: ok
        t=830 stop-writers undone unknown (unreachable): mirror all cannot be reached: connection refused
        t=830 stop-writers done: no-go (undone): stop-writers was done and is no longer true
        t=830 stop-mirror pending no-go (undone): stop-writers was done and is no longer true
        t=830 stop-mirror done: unknown (unclaimed): stop-mirror looks done, and nobody claimed it: it was not go shortly before, or another step could be meant as well
        t=1300 adopt stop-mirror: ok
        t=1300 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=1300 stop-writers done: go
        t=1300 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:35:00Z
        t=1300 stop-mirror done: no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790000740.11, 1790000012.5: last in shop.orders
        t=1310 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790000740.11, 1790000012.5: last in shop.orders"#]].assert_eq(&shown);
}

/// A writer in a crash loop comes back every few minutes. Where it comes while there is no primary, it leaves no write and no
/// connection: two of its pauses look like one silence (seed 20011983).
#[test]
fn who_tries_to_write_while_there_is_no_primary_leaves_no_trace() {
    let shown = told(&[
        READ,
        "
        t=295 msrc.write shop.orders
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders
        t=440 msrc.down
        t=470 msrc.election; msrc.up
        t=660 show stop-writers
        t=825 show stop-writers
        t=841 show stop-writers
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=660 stop-writers begun go
        t=660 stop-writers done: no-go (dwelling): writers-gone: true for 3 min 4 s, must be for 6 min
        t=825 stop-writers begun go
        t=825 stop-writers done: no-go (dwelling): writers-gone: true for 5 min 49 s, must be for 6 min
        t=841 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:27:16Z
        t=841 stop-writers done: go"#]]
    .assert_eq(&shown);
}

/// So it does where user writes were blocked for a while; an agent that came since knows only that they were.
#[test]
fn silence_while_user_writes_were_blocked_proves_nothing_once_they_are_not() {
    let blocked = "
        t=295 msrc.write shop.orders
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders; msrc.block on
        t=400 msrc.block off
        t=402 show stop-writers
        t=665 show stop-writers
        t=770 show stop-writers
        t=870 show stop-writers
    ";
    let shown = told(&[READ, blocked]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=402 stop-writers begun go
        t=402 stop-writers done: no-go (recent-write): shop.orders (source) was written 1 min 45 s ago, must be silent for 6 min
        t=665 stop-writers begun go
        t=665 stop-writers done: no-go (dwelling): writers-gone: true for 5 min 54 s, must be for 6 min
        t=770 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:26:01Z
        t=770 stop-writers done: go
        t=870 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:26:01Z
        t=870 stop-writers done: go"#]].assert_eq(&shown);
    let shown = told(&[READ, &blocked.replace("t=402", "t=500 restart\n t=502")]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=502 stop-writers begun no-go (dwelling): following: true for 0 s, must be for 30 s
        t=502 stop-writers done: no-go (recent-write): shop.orders (source) was written 3 min 25 s ago, must be silent for 6 min
        t=665 stop-writers begun go
        t=665 stop-writers done: no-go (dwelling): writers-gone: true for 2 min 39 s, must be for 6 min
        t=770 stop-writers begun go
        t=770 stop-writers done: no-go (dwelling): writers-gone: true for 4 min 24 s, must be for 6 min
        t=870 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:27:46Z
        t=870 stop-writers done: go"#]].assert_eq(&shown);
}

/// Once silence was shown, a write is past the anchor; nobody has to wait again because the source elected another primary.
#[test]
fn an_election_after_silence_was_shown_holds_nothing_up() {
    let shown = told(&[READ, STOPPED, "t=730 msrc.election\n t=740 show stop-mirror"]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=740 stop-mirror pending no-go (dwelling): drained: true for 4 s, must be for 35 s"#]]
    .assert_eq(&shown);
}

/// The silence that was shown was that of the block: it took 2 min 30 s, and a writer in a crash loop had no other choice.
#[test]
fn a_block_that_is_lifted_after_the_writers_were_stopped_needs_its_own_silence() {
    let shown = told(&[
        READ,
        "
        t=295 msrc.write shop.orders
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders; msrc.block on
        t=470 show stop-writers
        t=690 msrc.block off
        t=700 show stop-mirror; show stop-writers
        t=1040 show stop-mirror
        t=1060 show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=470 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:21:01Z
        t=470 stop-writers done: go
        t=700 stop-mirror pending unknown (unwritable): the source MongoDB could be written for only 5 s, must be silent for 6 min: user writes were blocked before
        t=700 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:21:01Z
        t=700 stop-writers done: go
        t=1040 stop-mirror pending unknown (unwritable): the source MongoDB could be written for only 5 min 45 s, must be silent for 6 min: user writes were blocked before
        t=1060 stop-mirror pending go"#]].assert_eq(&shown);
}

/// Nobody measured that the writers had been stopped, so an election leaves it as unknown as it was, and takes nothing back.
#[test]
fn an_election_leaves_an_adopted_stop_of_the_writers_unknown() {
    let shown = told(&[
        &READ.replace("msrc.join svc-orders", "msrc.join exporter"),
        "
        t=250 op begin stop-writers
        t=251 msrc.write shop.orders
        t=700 op adopt stop-writers
        t=730 msrc.election
        t=800 show stop-mirror; show stop-writers
        t=1100 show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=250 begin stop-writers: ok
        t=700 adopt stop-writers: ok
        t=800 stop-mirror pending unknown (unwritable): the source MongoDB could be written for only 1 min 5 s, must be silent for 6 min: it had no primary before
        t=800 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:25:00Z
        t=800 stop-writers done: go
        t=1100 stop-mirror pending unknown (never-seen): writers-gone: never seen: writers on the source (identity.writers)"#]].assert_eq(&shown);
}

/// A mirror that somebody started again is seen at the destination although the source does not answer any more.
#[test]
fn a_word_about_a_mirror_ends_with_its_session_at_the_destination() {
    let shown = told(&[
        READ,
        STOPPED,
        "
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=810 op confirm mirror-removed all; msrc.down
        t=820 mirror.sessions yes
        t=830 mirror.sessions no
        t=840 op confirm mirror-removed all
        t=845 mirror.sessions yes
        t=850 op confirm mirror-removed all
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=725 stop-mirror pending go
        t=800 begin stop-mirror: ok
        t=810 confirm mirror-removed all: ok
        t=840 confirm mirror-removed all: ok
        t=850 confirm mirror-removed all: mirror all is still there: a session on the destination: mongomirror"#]]
    .assert_eq(&shown);
}

/// A rule that never matched makes a check unknown, and an adopter speaks for what nobody can measure: not for a writer that
/// was measured to be there a moment ago (found by two agents in lockstep: the one with a rule less had to wait).
#[test]
fn a_word_for_what_cannot_be_measured_does_not_shorten_what_was_measured_false() {
    let mut settings = mongo();
    let rule = settings.mongodb.as_ref().unwrap().readers[0].clone();
    let writers = &mut settings.mongodb.as_mut().unwrap().writers;
    writers.push(ClientRule { pattern: Pattern::parse("batch-*").unwrap(), ..rule });
    let story = "
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders
        t=660 op adopt stop-writers
        t=675 op adopt stop-writers
    ";
    let shown = run_with(settings, &[READ, story].concat());
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=660 adopt stop-writers: stop-writers cannot be adopted, its done checks do not hold: writers-gone: was false until 5 min 49 s ago, must not be for 6 min
        t=675 adopt stop-writers: ok"#]].assert_eq(&shown);
}

/// Once the mirrors have ended nothing asks them any more, and the oplog has to be read all the same: the data is settled only
/// while it is known that nothing newer was written.
#[test]
fn data_is_settled_only_while_the_oplog_of_the_source_is_read() {
    let story = |then: &str| {
        use super::mongodb::{MIRRORED, READ, SHOP, STOPPED, mongo};
        let ended = "
            t=800 op begin stop-mirror
            t=801 mirror.gone
            t=1181 mdst.block off
        ";
        let shown = run_with(mongo(), &[SHOP, MIRRORED, READ, STOPPED, ended, then].concat());
        let check = |name: &str| {
            let of = shown.lines().rev().find_map(|l| l.trim().strip_prefix(name)).unwrap_or("not there");
            of.trim().to_owned()
        };
        [check("same-data"), check("same-counts")]
    };
    assert_eq!(story("t=1200 show start-writers all"), ["go", "go"]);
    assert_eq!(story("t=1190 msrc.oplog no\nt=1200 show start-writers all"), ["unknown", "unknown"]);
}

/// Another deployment answers at the source's address for a moment: who was there meanwhile is in nobody's memory, and the time
/// for which nobody was counts from then on.
#[test]
fn nothing_dwells_across_another_deployments_answer() {
    let story = "
        t=300 op begin stop-writers
        t=301 msrc.leave svc-orders
        t=500 show stop-writers
        t=501 msrc.id stranger
        t=506 msrc.id old
        t=520 show stop-writers
        t=720 show stop-writers
        t=860 show stop-writers
        t=890 show stop-writers
    ";
    let shown = run_with(mongo(), &[READ, story].concat());
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=500 stop-writers begun go
        t=500 stop-writers done: no-go (dwelling): writers-gone: true for 3 min 9 s, must be for 6 min
        t=520 stop-writers begun no-go (dwelling): following: true for 4 s, must be for 30 s
        t=520 stop-writers done: no-go (dwelling): writers-gone: true for 4 s, must be for 6 min
        t=720 stop-writers begun go
        t=720 stop-writers done: no-go (dwelling): writers-gone: true for 3 min 24 s, must be for 6 min
        t=860 stop-writers begun go
        t=860 stop-writers done: no-go (dwelling): writers-gone: true for 5 min 44 s, must be for 6 min
        t=890 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:27:56Z
        t=890 stop-writers done: go"#]]
    .assert_eq(&shown);
}

/// Both addresses lead to one deployment, and its write block changed between the two samples: what one of them says is not
/// contradicted by the other for ever (seed 920129717: facts that never settle).
#[test]
fn one_deployment_behind_both_addresses_settles() {
    let tracks = BTreeSet::from([Track::Mongodb]);
    let settings = Settings { tracks, kafka: None, mongodb: Some(mongodb()), ..settings() };
    let shown = run_with(
        settings,
        "
        t=0 msrc.coll shop.orders 100; msrc.join crud-orders; msrc.join svc-orders
        t=1 msrc.id stranger; mdst.id stranger; msrc.block on
        t=20 show start-mirror
    ",
    );
    expect!["t=20 start-mirror pending no-go (same-cluster): two-deployments: source and destination are the same cluster, replica set id stranger"].assert_eq(&shown);
}
