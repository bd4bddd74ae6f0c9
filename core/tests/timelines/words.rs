//! Words of people: where they are offered, what the reply to one says, and which are refused.

use super::mongo::mongodb;
use super::world::{World, run, run_with, settings};
use cutover_core::facts::{Fact, How};
use cutover_core::hint;
use cutover_core::render;
use cutover_core::settings::{Settings, Track};
use expect_test::expect;
use std::collections::BTreeSet;

const KAFKA: &str = "
    t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1
    t=0 src.member rtu rtu-src-0 crm.ingestion; src.member late late-src-0 crm.ingestion
    t=1 src.commit rtu crm.ingestion/0 =0
    t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =4
    t=11 src.commit rtu crm.ingestion/0 =10
    t=20 op begin switch-producers
    t=21 dst.end crm.ingestion/0 +1
    t=22 dst.commit rtu crm.ingestion/0 =0
    t=23 op confirm offsets-handled
";

const MONGODB: &str = "
    t=0 msrc.coll shop.orders 100
    t=0 msrc.join crud-orders; msrc.join svc-orders; msrc.join exporter
    t=1 msrc.write shop.orders
    t=10 op begin start-mirror
    t=11 mirror.start
    t=12 mdst.coll shop.orders 100; mdst.block on
    t=20 mirror.follow; msrc.write shop.orders
    t=130 op begin switch-readers
    t=131 msrc.leave crud-orders; mdst.join crud-orders-dst
    t=230 msrc.write shop.orders
    t=300 op begin stop-writers
";

fn mongo(text: &str) -> String {
    let tracks = BTreeSet::from([Track::Mongodb]);
    let settings = Settings { tracks, kafka: None, mongodb: Some(mongodb()), ..settings() };
    run_with(settings, &[MONGODB, text].concat())
}

#[test]
fn an_offset_is_accepted_only_where_there_is_something_to_accept_and_the_reply_says_what() {
    let shown = run(&[
        KAFKA,
        "
        t=30 op accept rtu crm.ingestion 0
        t=31 op said accept late crm.ingestion 0
        t=32 op said accept rut crm.ingestion 0
        ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=30 accept rtu crm.ingestion 0: rtu has read all of crm.ingestion partition 0: it has committed 10, and the log ends at 10; there is nothing to accept
        t=31 accept late crm.ingestion 0: ok
            group late on crm.ingestion partition 0 is off the list, without a commit, the log ending at 10: everything there counts as read; said by alice at 2026-09-21T14:13:51Z; counts until it commits there or another record is written
        t=32 accept rut crm.ingestion 0: `rut` on `crm.ingestion` is no pair of this migration; known: late on crm.ingestion, rtu on crm.ingestion"#]].assert_eq(&shown);
}

#[test]
fn a_waiting_for_consumers_to_stay_away_offers_the_word_that_shortens_it() {
    let shown = run(&[
        KAFKA,
        "
        t=24 src.leave late; op accept late crm.ingestion 0
        t=25 dst.commit late crm.ingestion/0 =0
        t=110 op begin stop-consumers
        t=111 src.leave rtu
        t=160 show stop-consumers fix
        t=161 op said confirm scaled-to-zero kafka
        t=162 show stop-consumers fix
        t=186 show stop-consumers fix
        ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=24 accept late crm.ingestion 0: ok
        t=110 begin stop-consumers: ok
        t=160 stop-consumers begun go
        t=160 stop-consumers done: no-go (dwelling): nobody-attached: true for 39 s, must be for 6 min
            nobody-attached: if every consumer of the source is stopped and nothing starts one again: cutover-agent confirm scaled-to-zero kafka --reason …  # then 1 min is enough
        t=161 confirm scaled-to-zero kafka: ok
            scaled-to-zero kafka: every consumer of the source is stopped, and nothing starts one again; said by alice at 2026-09-21T14:16:01Z; it only shortens how long that must be measured; counts until one of them is seen there again, or the step that stopped them is withdrawn
        t=162 stop-consumers begun go
        t=162 stop-consumers done: no-go (dwelling): nobody-attached: true for 44 s, must be for 1 min
        t=186 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:16:21Z
        t=186 stop-consumers done: go"#]].assert_eq(&shown);
}

#[test]
fn a_waiting_for_writers_to_stay_away_offers_the_word_once_none_is_connected() {
    let shown = mongo(
        "
        t=310 show stop-writers fix
        t=311 msrc.leave svc-orders
        t=320 show stop-writers fix
        t=321 op said confirm scaled-to-zero mongodb
        t=330 show stop-writers fix
        t=331 op confirm scaled-to-zero services
        t=500 show stop-writers
        t=500 op begin stop-mirror
        t=501 mirror.gone
        t=550 show stop-mirror fix
        t=551 op said confirm mirror-removed all
        t=560 show stop-mirror fix
        t=570 show stop-mirror fix
        ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=310 stop-writers begun go
        t=310 stop-writers done: no-go (recent-write): shop.orders (source) was written 1 min 15 s ago, must be silent for 6 min
        t=320 stop-writers begun go
        t=320 stop-writers done: no-go (recent-write): shop.orders (source) was written 1 min 25 s ago, must be silent for 6 min
            no-source-write: block user writes on the source, or, if every writer is stopped and nothing starts one again: cutover-agent confirm scaled-to-zero mongodb --reason …  # then 2 min 30 s is enough
            writers-gone: block user writes on the source, or, if every writer is stopped and nothing starts one again: cutover-agent confirm scaled-to-zero mongodb --reason …  # then 2 min 30 s is enough
        t=321 confirm scaled-to-zero mongodb: ok
            scaled-to-zero mongodb: every writer of the source is stopped, and nothing starts one again; said by alice at 2026-09-21T14:18:41Z; it only shortens how long that must be measured; counts until one of them is seen there again, or the step that stopped them is withdrawn
        t=330 stop-writers begun go
        t=330 stop-writers done: no-go (recent-write): shop.orders (source) was written 1 min 35 s ago, must be silent for 2 min 30 s
        t=331 confirm scaled-to-zero services: there is no track `services`; known: mongodb
        t=500 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:21:11Z
        t=500 stop-writers done: go
        t=500 begin stop-mirror: ok
        t=550 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:21:40Z and is begun only once
        t=550 stop-mirror done: no-go (dwelling): finished: true for 39 s, must be for 6 min
            finished: if it is removed, so that nothing starts it again: cutover-agent confirm mirror-removed all --reason …  # then 1 min is enough
        t=551 confirm mirror-removed all: ok
            mirror-removed all: this mirror is removed; said by alice at 2026-09-21T14:22:31Z; it only shortens how long that must be measured; counts until something of it is seen again, or stop-mirror is withdrawn
        t=560 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:21:40Z and is begun only once
        t=560 stop-mirror done: no-go (dwelling): finished: true for 49 s, must be for 1 min
        t=570 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:21:40Z and is begun only once
        t=570 stop-mirror done: no-go (dwelling): finished: true for 59 s, must be for 1 min"#]].assert_eq(&shown);
}

#[test]
fn a_producer_with_a_long_cadence_may_be_said_to_be_idle() {
    let mut s = settings();
    let producers = &mut s.kafka.as_mut().unwrap().producers;
    producers.values_mut().for_each(|p| p.cadence = Some(cutover_core::time::Dur::hours(4)));
    let shown = run_with(
        s,
        &[
            KAFKA,
            "
            t=60 show switch-producers
            t=100 show stop-consumers fix
            t=101 op said confirm ingestion-idle crm-cdc
            t=106 show switch-producers
            ",
        ]
        .concat(),
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=60 switch-producers begun go
        t=60 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 44 s ago by crm-cdc, must be silent for 4 h
        t=100 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; no-go (still-written): topic crm.ingestion partition 0 (source) was written 1 min 24 s ago by crm-cdc, must be silent for 4 h)
            way-out: kafka-consumer-groups --bootstrap-server <destination> --group late --topic crm.ingestion:0 --reset-offsets --to-offset 0 --execute
            ingestion-idle: if crm-cdc writes there no more: cutover-agent confirm ingestion-idle crm-cdc --reason …
            drained: cutover-agent accept-offset late crm.ingestion 0 --reason …  # if it is never to commit there
        t=101 confirm ingestion-idle crm-cdc: ok
            ingestion-idle crm-cdc: this producer writes to the source no more (measured now: its topics end at 10 in sum); said by alice at 2026-09-21T14:15:01Z; counts until one of its topics grows on the source again
        t=106 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:15:02Z
        t=106 switch-producers done: go"#]].assert_eq(&shown);
}

#[test]
fn a_word_that_is_taken_back_counts_no_longer() {
    let shown = mongo(
        "
        t=301 msrc.leave svc-orders; msrc.leave exporter
        t=302 op retract scaled-to-zero mongodb
        t=312 op confirm scaled-to-zero mongodb
        t=320 op retract scaled-to-zero; op said retract scaled-to-zero mongodb; op retract scaled-to-zero mongodb
        t=500 show stop-writers
        t=501 op confirm scaled-to-zero mongodb
        t=510 show stop-writers
        t=511 op retract scaled-to-zero mongodb
        t=600 show stop-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=130 begin switch-readers: ok
        t=300 begin stop-writers: ok
        t=302 retract scaled-to-zero mongodb: no such word is in force: scaled-to-zero mongodb; in force: nothing
        t=312 confirm scaled-to-zero mongodb: ok
        t=320 retract scaled-to-zero: no such word is in force: scaled-to-zero; in force: scaled-to-zero mongodb
        t=320 retract scaled-to-zero mongodb: ok
            scaled-to-zero mongodb no longer counts; taken back by alice at 2026-09-21T14:18:40Z
        t=320 retract scaled-to-zero mongodb: no such word is in force: scaled-to-zero mongodb; in force: nothing
        t=500 stop-writers begun go
        t=500 stop-writers done: no-go (recent-write): shop.orders (source) was written 4 min 25 s ago, must be silent for 6 min
        t=501 confirm scaled-to-zero mongodb: ok
        t=510 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:21:42Z
        t=510 stop-writers done: go
        t=511 retract scaled-to-zero mongodb: ok
        t=600 stop-writers undone go
        t=600 stop-writers done: no-go (undone): stop-writers was done and is no longer true"#]].assert_eq(&shown);
}

#[test]
fn names_that_are_nearly_right_are_named() {
    let shown = run("
        t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1
        t=1 op begin stop-consumer; op begin nothing-like-it; op confirm scaled-to-zer0 kafka
        t=2 op confirm requirement netwrk; op confirm ingestion-idle crm-cbc; op hold strat-consumers
    ");
    expect![[r#"
        t=1 begin stop-consumer: there is no step `stop-consumer`; did you mean `stop-consumers`? known: switch-producers, stop-consumers, start-consumers, retire-source
        t=1 begin nothing-like-it: there is no step `nothing-like-it`; known: switch-producers, stop-consumers, start-consumers, retire-source
        t=1 confirm scaled-to-zer0 kafka: there is no confirmation `scaled-to-zer0`; did you mean `scaled-to-zero`? known: counts, deleted, ingestion-idle, keeping-up, mirror-removed, names-moved, nothing-skipped, offsets-handled, readers-read-only, reconciled, reconciled-destination, reconciled-writes, recreated, redeployed, requirement, scaled-to-zero, source-fenced, source-kafka-fenced, source-retired, topics-listed, traffic-moved, writers-started
        t=2 confirm requirement netwrk: there is no requirement `netwrk`; did you mean `network`? known: ci-cd, destination-tested, history, images, network, permissions, plan-shared, producers-enumerated, rehearsed, replica-safe
        t=2 confirm ingestion-idle crm-cbc: there is no producer `crm-cbc`; did you mean `crm-cdc`? known: crm-cdc
        t=2 hold strat-consumers: there is no step `strat-consumers`; did you mean `start-consumers`? known: switch-producers, stop-consumers, start-consumers, retire-source"#]].assert_eq(&shown);
}

#[test]
fn what_has_not_expired_says_what_to_do() {
    let mut w = World::new(settings());
    w.play(
        &[
            "t=0 src.config crm.ingestion retention=604800000; src.newest 1790000000000\n",
            KAFKA,
            "t=40 show retire-source\n",
        ]
        .concat(),
    );
    let board = w.settle().board;
    let ready = &board.step("retire-source").unwrap().ready;
    let expired = ready.checks.iter().find(|c| c.check.id == "expired").unwrap().chief();
    expect![[r#"topic crm.ingestion partition 0 (source) holds 10 records that expire at 2026-09-28T14:13:20Z: wait until they have expired; or, where they are kept elsewhere: kafka: { archived: { "crm.ingestion": "<where it is kept>" } }"#]].assert_eq(&format!("{}: {}", render::sentence(&expired), hint::fix(&expired).unwrap()));
}

#[test]
fn why_a_step_was_begun_is_journaled() {
    let mut w = World::new(settings());
    w.play(KAFKA);
    let begun = w.journal.iter().find_map(|f| match f {
        Fact::Begun { how, .. } => Some(how.clone()),
        _ => None,
    });
    assert_eq!(begun, Some(How::Claimed { author: "alice".into(), reason: Some("because".into()) }));
}
