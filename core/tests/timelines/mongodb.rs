//! The MongoDB track: every check, told as it happens.

use super::mongo::mongodb;
use super::world::{run_with, settings};
use cutover_core::settings::{Settings, Track};
use expect_test::expect;
use std::collections::BTreeSet;

/// A shop of two collections, a reader and a writer.
pub(super) const SHOP: &str = "
    t=0 msrc.coll shop.orders 100; msrc.coll shop.customers 10; msrc.index shop.orders by_date
    t=0 msrc.join crud-orders; msrc.join svc-orders; msrc.join exporter
    t=1 msrc.write shop.orders
";

/// The mirror is started and follows; the destination holds everything.
pub(super) const MIRRORED: &str = "
    t=10 op begin start-mirror
    t=11 mirror.start
    t=12 mdst.coll shop.orders 100; mdst.coll shop.customers 10; mdst.index shop.orders by_date; mdst.block on
    t=20 mirror.follow; msrc.write shop.orders
    t=70 show start-mirror
";

/// Readers are switched.
pub(super) const READ: &str = "
    t=130 op begin switch-readers
    t=131 msrc.leave crud-orders; mdst.join crud-orders-dst
    t=220 show switch-readers
";

/// Writers are stopped and everything is drained.
pub(super) const STOPPED: &str = "
    t=230 msrc.write shop.orders
    t=300 op begin stop-writers
    t=301 msrc.leave svc-orders
    t=302 msrc.write shop.customers
    t=720 show stop-writers
";

pub(super) fn mongo() -> Settings {
    Settings { tracks: BTreeSet::from([Track::Mongodb]), kafka: None, mongodb: Some(mongodb()), ..settings() }
}

fn with(parts: &[&str]) -> String {
    run_with(mongo(), &parts.concat())
}

#[test]
fn the_whole_track_by_claims() {
    let shown = with(&[
        SHOP,
        "t=9 show start-mirror all; show switch-readers",
        MIRRORED,
        "t=129 show switch-readers all; show stop-writers",
        READ,
        "t=290 show stop-writers all",
        STOPPED,
        "
        t=725 show stop-mirror all
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=900 show stop-mirror; show start-writers
        t=1180 show stop-mirror; show start-writers
        t=1181 mdst.block off
        t=1190 op begin start-writers
        t=1191 mdst.join svc-orders-dst
        t=1192 mdst.write shop.orders
        t=1260 show start-writers
        ",
    ]);
    expect![[r#"
        t=9 start-mirror pending go
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty go
            window-covers-copy go
            requirements unknown
        t=9 switch-readers pending no-go (predecessor): start-mirror comes before and is not done (pending)
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=129 switch-readers pending go
            following go
            headroom go
            serving go
            coverage go
            read-only go
        t=129 stop-writers pending no-go (predecessor): switch-readers comes before and is not done (pending)
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=290 stop-writers pending go
            following go
            headroom go
            coverage go
            readers-moved go
            counting-time go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=725 stop-mirror pending go
            drained go
            majority go
            no-source-write go
            writers-gone go
            source-still go
            coverage go
            same-data go
            same-counts go
            destination-quiet go
        t=800 begin stop-mirror: ok
        t=900 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=900 stop-mirror done: no-go (dwelling): finished: true for 1 min 29 s, must be for 6 min
        t=900 start-writers pending no-go (predecessor): stop-mirror comes before and is not done (begun; no-go (dwelling): finished: true for 1 min 29 s, must be for 6 min)
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1180 start-writers pending no-go (write-blocked): the destination MongoDB blocks user writes
        t=1190 begin start-writers: ok
        t=1260 start-writers begun go
        t=1260 start-writers done: no-go (dwelling): writers-started: true for 59 s, must be for 1 min"#]].assert_eq(&shown);
}

/// From the shop to everything mirrored, with what happens then.
pub(super) fn mirrored(then: &str) -> String {
    with(&[SHOP, MIRRORED, then])
}

/// From the shop to the readers moved, with what happens then.
pub(super) fn moved(then: &str) -> String {
    with(&[SHOP, MIRRORED, READ, then])
}

/// From the shop to the writers stopped, with what happens then.
fn stopped(then: &str) -> String {
    with(&[SHOP, MIRRORED, READ, STOPPED, then])
}

/// The same with a detour shortly before the writers count as stopped: `stop-mirror` was never go before it.
fn detour(detour: &str, then: &str) -> String {
    let (before, after) = STOPPED.split_once("t=720").unwrap();
    with(&[SHOP, MIRRORED, READ, before, detour, "\nt=720", after, then])
}

/// From the shop to the mirror ended, with what happens then.
fn ended(then: &str) -> String {
    stopped(&["t=800 op begin stop-mirror\n t=801 mirror.gone\n t=1180 show stop-mirror\n", then].concat())
}

#[test]
fn a_mirror_at_lag_zero_that_holds_back_one_entry_of_the_same_second() {
    let shown = with(&[
        SHOP,
        MIRRORED,
        READ,
        "
        t=229 mirror.hold-back 1
        t=230 msrc.write shop.orders; msrc.write shop.orders
        t=300 show stop-writers; mirror.hold-back 0
        t=360 op begin stop-writers; mirror.hold-back 1
        t=361 msrc.leave svc-orders; msrc.write shop.orders; msrc.write shop.orders
        t=800 show stop-mirror
        t=801 mirror.hold-back 0
        t=810 show stop-mirror
        t=850 show stop-mirror
        ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 stop-writers pending no-go (behind): mirror all is at 1790000230.15, must be at 1790000230.16: 0 s behind the newest write that was older than 15 s
        t=360 begin stop-writers: ok
        t=800 stop-mirror pending no-go (behind): mirror all is at 1790000361.18, must be at 1790000361.19: writes of the same second are missing
        t=810 stop-mirror pending no-go (dwelling): drained: true for 0 s, must be for 35 s
        t=850 stop-mirror pending go"#]].assert_eq(&shown);
}

#[test]
fn an_error_reported_at_lag_zero() {
    let shown = stopped(
        "
        t=721 mirror.error oplog apply failed: E11000
        t=730 show stop-mirror
        t=731 mirror.mended
        t=740 show stop-mirror
        t=790 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=730 stop-mirror pending no-go (mirror-error): mirror all reports an error: oplog apply failed: E11000
        t=740 stop-mirror pending no-go (dwelling): drained: true for 0 s, must be for 35 s
        t=790 stop-mirror pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn a_mirror_that_restarts_is_another_run() {
    let shown = stopped(
        "
        t=721 mirror.anew
        t=730 show stop-mirror
        t=740 mirror.stage initial sync
        t=750 show stop-mirror; mirror.gone
        t=751 op begin stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=730 stop-mirror pending no-go (mirror-stage): mirror all is in stage initializing, must be in oplog sync
        t=750 stop-mirror pending no-go (mirror-stage): mirror all is in stage initial sync, must be in oplog sync
        t=751 begin stop-mirror: no-go (mirror-stage): mirror all is in stage initial sync, must be in oplog sync"#]]
    .assert_eq(&shown);
}

#[test]
fn a_mirror_that_ends_while_it_copies_again_has_not_finished() {
    let shown = stopped(
        "
        t=800 op begin stop-mirror
        t=801 mirror.anew
        t=810 mirror.gone
        t=1300 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1300 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=1300 stop-mirror done: unknown (no-anchor): mirror all: the value it is held against is missing: no position of it was journaled since the writers were stopped"#]].assert_eq(&shown);
}

#[test]
fn a_port_that_refuses_while_the_mirror_lives() {
    let shown = stopped(
        "
        t=800 op begin stop-mirror
        t=801 mirror.refuse
        t=1300 show stop-mirror
        t=1301 mirror.sessions no
        t=1400 show stop-mirror; op confirm mirror-removed all
        t=1401 show stop-mirror
        t=1410 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1300 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=1300 stop-mirror done: no-go (still-there): mirror all is still there: a session on h1:27017 (source): mongomirror
        t=1400 confirm mirror-removed all: ok
        t=1400 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=1400 stop-mirror done: no-go (dwelling): finished: true for 1 min 29 s, must be for 6 min
        t=1401 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:36:41Z
        t=1401 stop-mirror done: go
        t=1410 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:36:41Z
        t=1410 stop-mirror done: go"#]].assert_eq(&shown);
}

#[test]
fn a_reader_that_was_never_seen_and_a_client_of_no_rule() {
    let shown = with(&[
        &SHOP.replace("crud-orders", "exporter"),
        MIRRORED,
        "
        t=130 op begin switch-readers
        t=200 show switch-readers
        t=201 msrc.join crud-orders; msrc.join mongosh
        t=210 show switch-readers; msrc.leave crud-orders; mdst.join crud-orders
        t=300 show switch-readers; msrc.leave mongosh
        t=400 show switch-readers
        ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=200 switch-readers begun go
        t=200 switch-readers done: unknown (never-seen): readers-moved: never seen: readers on the source (identity.readers)
        t=210 switch-readers begun go
        t=210 switch-readers done: no-go (connected): client crud-orders (source) is still connected: on h1:27017
        t=300 switch-readers begun go
        t=300 switch-readers done: unknown (unmatched-client): client mongosh (source) is connected, and no rule says what it is: from 10.0.0.9
        t=400 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:19:26Z
        t=400 switch-readers done: go"#]].assert_eq(&shown);
}

#[test]
fn a_writer_in_a_crash_loop() {
    let shown = with(&[
        SHOP,
        MIRRORED,
        READ,
        "
        t=300 op begin stop-writers; msrc.leave svc-orders
        t=500 show stop-writers; msrc.join svc-orders; msrc.write shop.orders
        t=506 msrc.leave svc-orders
        t=800 show stop-writers; msrc.join svc-orders
        t=806 msrc.leave svc-orders
        t=900 show stop-writers; op confirm scaled-to-zero mongodb
        t=960 show stop-writers
        ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=500 stop-writers begun go
        t=500 stop-writers done: no-go (dwelling): writers-gone: true for 3 min 14 s, must be for 6 min
        t=800 stop-writers begun go
        t=800 stop-writers done: no-go (recent-write): shop.orders (source) was written 4 min 55 s ago, must be silent for 6 min
        t=900 confirm scaled-to-zero mongodb: ok
        t=900 stop-writers begun go
        t=900 stop-writers done: no-go (dwelling): writers-gone: true for 1 min 24 s, must be for 6 min
        t=960 stop-writers begun go
        t=960 stop-writers done: no-go (dwelling): writers-gone: true for 2 min 24 s, must be for 2 min 30 s"#]].assert_eq(&shown);
}

#[test]
fn a_transaction_that_is_open_and_a_member_that_hides_its_clients() {
    let shown = with(&[
        SHOP,
        MIRRORED,
        READ,
        "
        t=300 op begin stop-writers; msrc.leave svc-orders; msrc.txn 1
        t=700 show stop-writers; msrc.txn 0; msrc.listed no
        t=710 show stop-writers; msrc.listed yes
        t=720 show stop-writers
        ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=700 stop-writers begun go
        t=700 stop-writers done: no-go (open-transaction): the source MongoDB has an open transaction (1 open)
        t=710 stop-writers begun unknown (privilege): MongoDB member h1:27017 (source): the agent is not allowed to read it: not authorized on local
        t=710 stop-writers done: unknown (privilege): MongoDB member h1:27017 (source): the agent is not allowed to read it: not authorized on local
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:25:11Z
        t=720 stop-writers done: go"#]].assert_eq(&shown);
}

#[test]
fn counts_that_agree_and_an_index_that_is_missing() {
    let shown = detour(
        "t=600 mdst.coll shop.orders 100",
        "
        t=790 show stop-mirror
        t=791 mdst.index shop.orders by_date; mdst.count shop.orders 99
        t=850 show stop-mirror; mdst.exact shop.orders 100
        t=1200 show stop-mirror; op confirm counts shop.orders
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=790 stop-mirror pending no-go (differs): shop.orders (destination) is not the same on both sides: only on the source: by_date {"by_date":1}
        t=850 stop-mirror pending no-go (count-differs): shop.orders (destination) holds 99 documents, the source 100 documents
        t=1200 confirm counts shop.orders: ok
        t=1200 stop-mirror pending go"#]].assert_eq(&shown);
}

/// Who waits for a count that fails again and again has to know why, and what would mend it.
#[test]
fn what_cannot_be_counted_says_why() {
    let shown = detour(
        "t=600 mdst.count shop.orders 99; mdst.write shop.orders; mdst.counted no",
        "
        t=850 show stop-mirror
        t=851 mdst.exact shop.orders 100; mdst.counted yes
        t=940 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=850 stop-mirror pending unknown (privilege): shop.orders (destination): the agent is not allowed to read it: its documents could not be counted: counting: not allowed; grant it: db.grantRolesToUser(…)
        t=940 stop-mirror pending go"#]].assert_eq(&shown);
}

/// So has who waits for a list of what there is.
#[test]
fn what_cannot_be_listed_says_why() {
    let shown = detour(
        "t=600 mdst.write shop.orders; mdst.catalogue no",
        "
        t=850 show stop-mirror
        t=851 mdst.catalogue yes
        t=940 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=850 stop-mirror pending unknown (timeout): the destination MongoDB does not answer in time: its collections could not be listed: replSetGetConfig: no answer
        t=940 stop-mirror pending go"#]].assert_eq(&shown);
}

#[test]
fn counts_that_differ_need_a_word_about_exactly_this_difference() {
    let shown = detour(
        "t=600 mdst.count shop.orders 99; mdst.write shop.orders",
        "
        t=850 show stop-mirror; op confirm counts shop.orders
        t=851 mdst.count shop.orders 98; mdst.write shop.orders
        t=860 show stop-mirror
        t=940 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=850 confirm counts shop.orders: ok
        t=850 stop-mirror pending go
        t=860 stop-mirror pending no-go (moved): the destination MongoDB moved: 1790000851.21, 1790000600.19: last in shop.orders
        t=940 stop-mirror pending no-go (count-differs): shop.orders (destination) holds 98 documents, the source 100 documents"#]].assert_eq(&shown);
}

#[test]
fn a_collection_that_no_mirror_carries_and_a_transaction_across() {
    let mut s = mongo();
    let m = s.mongodb.as_mut().unwrap();
    let pattern = |p: &str| cutover_core::pattern::Pattern::parse(p).unwrap();
    m.mirrors.get_mut("all").unwrap().namespaces = vec![pattern("shop.orders*"), pattern("shop.customers")];
    m.left_behind.insert("shop.tmp".into(), "scratch".into());
    let shown = run_with(
        s,
        &[
            SHOP,
            "
            t=8 msrc.coll shop.orders_ttl 1; msrc.index shop.orders_ttl ttl_1; msrc.write shop.audit
            t=9 msrc.together shop.orders,shop.tmp; mdst.coll shop.customers 3
            t=20 show start-mirror all
            t=301 show start-mirror all; msrc.drop shop.audit
            t=310 show start-mirror
            t=620 show start-mirror
            ",
        ]
        .concat(),
    );
    expect![[r#"
        t=20 start-mirror pending no-go (spanning-transaction): a transaction wrote what is carried apart: shop.orders, shop.tmp
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions no-go
            mirrorable no-go
            destination-empty no-go
            window-covers-copy go
            requirements unknown
        t=301 start-mirror pending no-go (spanning-transaction): a transaction wrote what is carried apart: shop.orders, shop.tmp
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions no-go
            mirrorable no-go
            destination-empty no-go
            window-covers-copy go
            requirements unknown
        t=310 start-mirror pending no-go (not-covered): shop.audit (source) is carried by no mirror
        t=620 start-mirror pending no-go (spanning-transaction): a transaction wrote what is carried apart: shop.orders, shop.tmp"#]]
    .assert_eq(&shown);
}

#[test]
fn versions_window_and_one_deployment_twice() {
    let shown = with(&[
        SHOP,
        "
        t=8 msrc.version 6.0.5; msrc.window 5; msrc.coll shop.big 900000; mdst.primary no
        t=305 show start-mirror all
        t=306 mdst.id old; mdst.primary yes
        t=320 show start-mirror all
        ",
    ]);
    expect![[r#"
        t=305 start-mirror pending no-go (unsupported-version): 6.0.5 to 6.0.5 is outside what the mirror is made for (2.6 … 5.0 to 4.2 … 6.0, not older)
            two-deployments unknown
            supported no-go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty go
            window-covers-copy no-go
            requirements unknown
        t=320 start-mirror pending no-go (same-cluster): two-deployments: source and destination are the same cluster, replica set id old
            two-deployments no-go
            supported no-go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty go
            window-covers-copy no-go
            requirements unknown"#]].assert_eq(&shown);
}

#[test]
fn an_election_and_a_stuck_mirror_while_it_should_follow() {
    let shown = mirrored(
        "
        t=71 mirror.stick
        t=72 msrc.write shop.orders
        t=80 show switch-readers
        t=100 show switch-readers; mirror.follow
        t=110 show switch-readers; msrc.down
        t=140 show switch-readers; msrc.up
        t=150 show switch-readers
        t=178 show switch-readers; msrc.election
        t=190 show switch-readers
        t=230 show switch-readers; mdst.block off
        t=240 show switch-readers; op confirm readers-read-only
        t=241 show switch-readers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=80 switch-readers pending go
        t=100 switch-readers pending no-go (behind): mirror all is at 1790000020.12, must be at 1790000072.13: 52 s behind the newest write that was older than 15 s
        t=110 switch-readers pending no-go (dwelling): following: true for 4 s, must be for 30 s
        t=140 switch-readers pending unknown (timeout): the source MongoDB does not answer in time: no answer in 4 s
        t=150 switch-readers pending no-go (dwelling): following: true for 4 s, must be for 30 s
        t=178 switch-readers pending go
        t=190 switch-readers pending no-go (dwelling): following: true for 4 s, must be for 30 s
        t=230 switch-readers pending go
        t=240 confirm readers-read-only: ok
        t=240 switch-readers pending go
        t=241 switch-readers pending go"#]].assert_eq(&shown);
}

#[test]
fn a_mirror_that_falls_off_the_oplog() {
    let shown = mirrored(
        "
        t=71 mirror.stick; msrc.window 200; msrc.write shop.orders
        t=120 show switch-readers
        t=250 show switch-readers
        t=300 show switch-readers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=120 switch-readers pending no-go (behind): mirror all is at 1790000020.12, must be at 1790000071.14: 51 s behind the newest write that was older than 15 s
        t=250 switch-readers pending unknown (foreign-position): the position of mirror all does not lie in the source's oplog: 1790000020.12 is not between 1790000046.0 and 1790000246.4294967295: it fell off, or mirrors another deployment
        t=300 switch-readers pending unknown (foreign-position): the position of mirror all does not lie in the source's oplog: 1790000020.12 is not between 1790000096.0 and 1790000296.4294967295: it fell off, or mirrors another deployment"#]].assert_eq(&shown);
}

#[test]
fn a_write_on_the_source_after_the_mirror_ended() {
    let shown = ended(
        "
        t=1190 msrc.write shop.orders
        t=1200 mdst.block off
        t=1210 show start-writers; op confirm reconciled-writes source 1790001190.99
        t=1211 op confirm reconciled-writes source 1790001190
        t=1212 op confirm reconciled-writes source 1790001190.17
        t=1220 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1210 confirm reconciled-writes source 1790001190.99: the source was anchored at 1790000302.17 and was last written at 1790001190.18: name a timestamp between the two
        t=1210 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: source-still: the source MongoDB moved: 1790001190.18, 1790000302.17: last in shop.orders
        t=1211 confirm reconciled-writes source 1790001190: `1790001190` is no timestamp: write seconds and ordinal as the answer does, as in 1732312345.7
        t=1212 confirm reconciled-writes source 1790001190.17: ok
        t=1220 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: source-still: the source MongoDB moved: 1790001190.18, 1790001190.17: last in shop.orders"#]].assert_eq(&shown);
}

#[test]
fn the_mirror_comes_back_and_somebody_writes_at_the_destination() {
    let shown = ended(
        "
        t=1181 mdst.block off
        t=1190 mirror.answer
        t=1196 show start-writers; mirror.gone
        t=1220 show start-writers
        t=1270 show start-writers; mdst.write shop.orders
        t=1280 show start-writers
        t=1281 op begin start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1196 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: mirrors-stay-away: mirror all is still there: its status port answers
        t=1220 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: mirrors-stay-away: true for 14 s, must be for 1 min
        t=1270 start-writers pending go
        t=1280 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790001270.19, 1790000012.10: last in shop.orders
        t=1281 begin start-writers: no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790001270.19, 1790000012.10: last in shop.orders"#]].assert_eq(&shown);
}

#[test]
fn a_source_that_does_not_answer_any_more_needs_a_word() {
    let shown = ended(
        "
        t=1181 mdst.block off; msrc.down
        t=1210 show start-writers; op confirm source-fenced
        t=1220 show start-writers
        t=1221 op begin start-writers
        t=1222 mdst.join svc-orders-dst
        t=1300 show start-writers
        t=1301 msrc.up; msrc.join svc-orders
        t=1310 show start-writers; show stop-mirror; show stop-writers; msrc.leave svc-orders
        t=1320 show start-writers; msrc.write shop.orders
        t=1330 show start-writers; msrc.down
        t=1400 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1210 confirm source-fenced: ok
        t=1210 start-writers pending go
        t=1220 start-writers pending go
        t=1221 begin start-writers: ok
        t=1300 start-writers done no-go (already-done): start-writers is done since 2026-09-21T14:34:51Z
        t=1300 start-writers done: go
        t=1310 start-writers done no-go (already-done): start-writers is done since 2026-09-21T14:34:51Z
        t=1310 start-writers done: no-go (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders (source) is still connected: on h1:27017
        t=1310 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1310 stop-mirror done: no-go (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders (source) is still connected: on h1:27017
        t=1310 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=1310 stop-writers done: go
        t=1320 start-writers done no-go (already-done): start-writers is done since 2026-09-21T14:34:51Z
        t=1320 start-writers done: go
        t=1330 start-writers done no-go (already-done): start-writers is done since 2026-09-21T14:34:51Z
        t=1330 start-writers done: no-go (tripwire): since stop-mirror was done this must stay true and is not: source-still: the source MongoDB moved: 1790001320.24, 1790000302.17: last in shop.orders
        t=1400 start-writers done no-go (already-done): start-writers is done since 2026-09-21T14:34:51Z
        t=1400 start-writers done: unknown (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: the source MongoDB does not answer in time: no answer in 4 s"#]]
    .assert_eq(&shown);
}

/// A write block that was seen on may be lifted while the source answers everybody but the agent.
#[test]
fn a_write_block_that_was_seen_on_says_nothing_of_a_source_that_does_not_answer() {
    let shown = ended(
        "
        t=1181 mdst.block off; msrc.block on
        t=1190 msrc.down
        t=1210 show start-writers; op begin start-writers
        t=1220 op confirm source-fenced
        t=1230 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1210 begin start-writers: unknown (timeout): the source MongoDB does not answer in time: no answer in 4 s
        t=1210 start-writers pending unknown (timeout): the source MongoDB does not answer in time: no answer in 4 s
        t=1220 confirm source-fenced: ok
        t=1230 start-writers pending go"#]]
    .assert_eq(&shown);
}

#[test]
fn writers_who_appear_at_the_destination_too_early_are_out_of_order() {
    let shown = mirrored(
        "
        t=75 mdst.join svc-orders
        t=80 show switch-readers; show start-writers
        t=85 mdst.leave svc-orders
        t=130 show switch-readers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=80 switch-readers pending no-go (out-of-order): the effect of start-writers was seen, and it was not go: client svc-orders (destination): on h1:27017
        t=80 start-writers out-of-order no-go (out-of-order): the effect of start-writers was seen, and it was not go: client svc-orders (destination): on h1:27017
        t=130 switch-readers pending go"#]].assert_eq(&shown);
}

#[test]
fn without_rules_silence_needs_another_witness() {
    let mut s = mongo();
    let m = s.mongodb.as_mut().unwrap();
    m.writers.clear();
    m.bystanders.push(mongodb().writers[0].clone());
    let shown = run_with(
        s,
        &[
            SHOP,
            MIRRORED,
            READ,
            "
            t=300 op begin stop-writers; msrc.leave svc-orders
            t=900 show stop-writers; msrc.block on
            t=910 show stop-writers
            ",
        ]
        .concat(),
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=900 stop-writers begun go
        t=900 stop-writers done: unknown (no-writer-rules): writers-gone: no rule says who writes: silence alone does not show that nobody will write again
        t=910 stop-writers begun go
        t=910 stop-writers done: no-go (dwelling): writers-gone: true for 4 s, must be for 2 min 30 s"#]].assert_eq(&shown);
}

#[test]
fn a_write_at_the_destination_while_the_mirror_ends() {
    let shown = stopped(
        "
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=900 mdst.write shop.orders
        t=1180 show stop-mirror; show start-writers
        ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790000900.18, 1790000012.10: last in shop.orders
        t=1180 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790000900.18, 1790000012.10: last in shop.orders"#]].assert_eq(&shown);
}

// ---------------------------------------------------------------------------------------------------------------------
// What a hunt for false gos, false dones and states without an exit found; each timeline shows the mended answer.

/// A `once` step that has come undone answers go again, its (b) check `destination-empty` left out.
/// Found by reading, and mended: 409 (already-begun); and never go while the destination holds data.
#[test]
fn start_mirror_undone_is_go_again() {
    let shown = mirrored("t=71 mirror.error boom\n t=150 show start-mirror all\n t=151 op begin start-mirror");
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=150 start-mirror undone no-go (already-begun): start-mirror was begun at 2026-09-21T14:15:41Z and is begun only once
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty no-go
            window-covers-copy go
            requirements unknown
        t=150 start-mirror done: no-go (undone): start-mirror was done and is no longer true
        t=151 begin start-mirror: no-go (already-begun): start-mirror was begun at 2026-09-21T14:15:41Z and is begun only once"#]]
    .assert_eq(&shown);
}

/// `scaled-to-zero` said before the writers are stopped (or contradicted before stop-writers is done) is never voided.
/// Found by reading, and mended: six minutes, since a writer was seen after the word.
#[test]
fn a_word_said_too_early_shortens_the_absence() {
    let shown = with(&[
        SHOP,
        MIRRORED,
        READ,
        "
        t=230 op confirm scaled-to-zero mongodb
        t=300 op begin stop-writers; msrc.leave svc-orders
        t=330 msrc.join svc-orders
        t=336 msrc.leave svc-orders
        t=500 show stop-writers; show stop-mirror; op begin stop-mirror
        t=501 mirror.gone
        t=630 msrc.join svc-orders; msrc.write shop.orders
        t=640 show stop-mirror
    ",
    ]);
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=230 confirm scaled-to-zero mongodb: client svc-orders (source) is still connected: on h1:27017
        t=300 begin stop-writers: ok
        t=500 begin stop-mirror: no-go (predecessor): stop-writers comes before and is not done (begun; no-go (dwelling): writers-gone: true for 2 min 34 s, must be for 6 min)
        t=500 stop-writers begun go
        t=500 stop-writers done: no-go (dwelling): writers-gone: true for 2 min 34 s, must be for 6 min
        t=500 stop-mirror pending no-go (predecessor): stop-writers comes before and is not done (begun; no-go (dwelling): writers-gone: true for 2 min 34 s, must be for 6 min)
        t=640 stop-mirror pending no-go (predecessor): stop-writers comes before and is not done (begun; no-go (recent-write): shop.orders (source) was written 5 s ago, must be silent for 6 min)"#]].assert_eq(&shown);
}

/// With `lag:` above the two minutes that `recent` holds, a busy namespace has no known write before the cutoff.
/// Found by reading, and mended: behind (a quarter of an hour).
#[test]
fn lag_above_two_minutes_on_a_busy_namespace() {
    let mut s = mongo();
    s.mongodb.as_mut().unwrap().mirrors.get_mut("all").unwrap().lag = Some(cutover_core::time::Dur::mins(5));
    let busy: String = (8..100).map(|i| format!("t={} msrc.write shop.orders\n", i * 10)).collect();
    let shown = run_with(s, &[SHOP, MIRRORED, "t=71 mirror.stick\n", &busy, "t=1000 show switch-readers all"].concat());
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=1000 switch-readers pending unknown (partial): mirror all: part of the reading is missing: its position 1790000020.12 is older than what is remembered of the writes to shop.orders
            following unknown
            headroom go
            serving go
            coverage go
            read-only go"#]]
    .assert_eq(&shown);
}

/// The destination's primary fails over and its last writes, which the mirror had made, are rolled back.
/// Found by reading, and mended: no-go or unknown: the newest write is *older* than the anchor.
#[test]
fn a_rollback_at_the_destination() {
    let shown = detour(
        "t=303 mdst.write shop.customers",
        "
        t=800 op begin stop-mirror
        t=801 mirror.gone
        t=900 mdst.rollback
        t=1181 mdst.block off
        t=1190 show stop-mirror; show start-writers all
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1190 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1190 stop-mirror done: no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB ends at 1790000012.10, before 1790000303.18 that was anchored
        t=1190 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB ends at 1790000012.10, before 1790000303.18 that was anchored
            destination-ready go
            destination-writable go
            same-data go
            same-counts go"#]]
    .assert_eq(&shown);
}

/// The source's last write was never committed by a majority and is rolled back after stop-writers was done.
/// Found by reading, and mended: no-go: the mirror is past what the source holds, the destination has a write the source lost.
#[test]
fn a_rollback_on_the_source() {
    let shown = detour(
        "t=303 msrc.committed no",
        "
        t=725 show stop-mirror
        t=726 msrc.rollback; msrc.committed yes
        t=800 show stop-mirror
        t=1092 show stop-mirror all
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers begun go
        t=720 stop-writers done: no-go (not-committed): the source MongoDB has a majority commit point at 1790000302.16, must be at 1790000302.17
        t=725 stop-mirror pending no-go (predecessor): stop-writers comes before and is not done (begun; no-go (not-committed): the source MongoDB has a majority commit point at 1790000302.16, must be at 1790000302.17)
        t=800 stop-mirror pending no-go (predecessor): stop-writers comes before and is not done (begun; unknown (unwritable): the source MongoDB could be written for only 1 min 9 s, must be silent for 6 min: it had no primary before)
        t=1092 stop-mirror pending go
            drained go
            majority go
            no-source-write go
            writers-gone go
            source-still go
            coverage go
            same-data go
            same-counts go
            destination-quiet go"#]].assert_eq(&shown);
}

/// stop-mirror was go; then a writer is back, stop-writers undone, and the mirror dies.
/// Found by reading, and mended: unclaimed/unknown; an outage is not the step. And start-writers is go with a writer on the source.
#[test]
fn an_outage_of_the_mirror_after_the_writers_came_back() {
    let shown = stopped(
        "
        t=726 msrc.join svc-orders
        t=800 show stop-writers; show stop-mirror
        t=805 mirror.gone
        t=1200 show stop-writers; show stop-mirror; mdst.block off
        t=1210 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 stop-writers undone go
        t=800 stop-writers done: no-go (undone): stop-writers was done and is no longer true
        t=800 stop-mirror pending no-go (undone): stop-writers was done and is no longer true
        t=1200 stop-writers undone unknown (unreachable): mirror all cannot be reached: connection refused
        t=1200 stop-writers done: no-go (undone): stop-writers was done and is no longer true
        t=1200 stop-mirror pending no-go (undone): stop-writers was done and is no longer true
        t=1200 stop-mirror done: unknown (unclaimed): stop-mirror looks done, and nobody claimed it: it was not go shortly before, or another step could be meant as well
        t=1210 start-writers pending no-go (predecessor): stop-mirror comes before and is not done (pending)"#]].assert_eq(&shown);
}

/// The same by withdrawing and stopping a second time: stop-mirror was never go in the second try.
#[test]
fn a_second_try_inherits_the_go_of_the_first() {
    let shown = stopped(
        "
        t=725 show stop-mirror
        t=726 msrc.join svc-orders
        t=800 op withdraw stop-writers
        t=801 msrc.write shop.orders; mdst.write shop.orders
        t=820 op begin stop-writers; msrc.leave svc-orders
        t=830 mirror.gone
        t=1300 show stop-writers; show stop-mirror; mdst.block off
        t=1310 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=725 stop-mirror pending go
        t=800 withdraw stop-writers: ok
        t=820 begin stop-writers: ok
        t=1300 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:33:06Z
        t=1300 stop-writers done: go
        t=1300 stop-mirror pending unknown (unreachable): mirror all cannot be reached: connection refused
        t=1300 stop-mirror done: unknown (unclaimed): stop-mirror looks done, and nobody claimed it: it was not go shortly before, or another step could be meant as well
        t=1310 start-writers pending no-go (predecessor): stop-mirror comes before and is not done (pending)"#]]
    .assert_eq(&shown);
}

/// The mirror is ended by claim while a silent writer is connected to the source: start-writers is go.
/// Found by reading, and mended: no-go (connected): silence is never sufficient.
#[test]
fn start_writers_with_a_writer_on_the_source() {
    let shown = stopped(
        "
        t=800 op begin stop-mirror; mirror.gone
        t=900 msrc.join svc-orders
        t=1180 mdst.block off
        t=1190 show start-writers all
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1190 start-writers pending no-go (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders (source) is still connected: on h1:27017
            destination-ready go
            destination-writable go
            same-data go
            same-counts go"#]].assert_eq(&shown);
}

/// The journal is lost in the downtime; everything is adopted; nobody can ever witness a writer again.
/// Should name an exit.
#[test]
fn adopted_without_a_witness_is_stuck() {
    let shown = stopped(
        "
        t=721 amnesia
        t=1200 op adopt start-mirror; op adopt switch-readers; op adopt stop-writers
        t=1201 op confirm scaled-to-zero mongodb; msrc.block on
        t=1300 show stop-mirror; op withdraw stop-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=1200 adopt start-mirror: ok
        t=1200 adopt switch-readers: ok
        t=1200 adopt stop-writers: ok
        t=1201 confirm scaled-to-zero mongodb: ok
        t=1300 withdraw stop-writers: its done checks have not been measured false for long enough: start what it stopped again, and try again
        t=1300 stop-mirror pending no-go (dwelling): writers-gone: true for 1 min 34 s, must be for 2 min 30 s"#]].assert_eq(&shown);
}

/// A nightly reader, seen once on the source.
/// Should name an exit (it has none: not even bystanders helps, the sighting is journaled).
#[test]
fn a_reader_that_comes_and_goes() {
    let shown = mirrored(
        "
        t=75 msrc.join crud-nightly
        t=85 msrc.leave crud-nightly
        t=130 op begin switch-readers; msrc.leave crud-orders; mdst.join crud-orders-dst
        t=300 mdst.join crud-nightly-dst
        t=320 mdst.leave crud-nightly-dst
        t=1000 show switch-readers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=1000 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:19:26Z
        t=1000 switch-readers done: go"#]]
    .assert_eq(&shown);
}

/// The source is lost for good while stop-mirror is begun: no word, no adoption, no withdrawal ends the downtime.
#[test]
fn the_source_is_lost_while_the_mirror_ends() {
    let shown = stopped(
        "
        t=800 op begin stop-mirror; mirror.gone; msrc.block on
        t=900 msrc.down
        t=1000 op confirm source-fenced; op confirm mirror-removed all
        t=1400 show stop-mirror; op adopt stop-mirror; op withdraw stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1000 confirm source-fenced: ok
        t=1000 confirm mirror-removed all: ok
        t=1400 adopt stop-mirror: stop-mirror is done already
        t=1400 withdraw stop-mirror: stop-mirror cannot be rolled back, and its effect was seen
        t=1400 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:31:01Z
        t=1400 stop-mirror done: go"#]]
    .assert_eq(&shown);
}

/// What the source holds is not journaled when its list is stale in the very turn in which stop-mirror is done.
#[test]
fn what_the_source_holds_is_not_journaled() {
    let shown = stopped(
        "
        t=800 op begin stop-mirror; mirror.gone
        t=1164 mdst.write shop.orders
        t=1180 show stop-mirror; op confirm reconciled-writes destination 1790001164.18
        t=1181 mdst.block off; msrc.down; op retract reconciled-writes destination 1790001164.18
        t=1200 op confirm source-fenced
        t=1210 show start-writers
        t=3000 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 confirm reconciled-writes destination 1790001164.18: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:46Z
        t=1180 stop-mirror done: go
        t=1181 retract reconciled-writes destination 1790001164.18: reconciled-writes destination 1790001164.18 moved an anchor when it was given, and where that was before is not kept: if it was not true, stop the steps that rest on it (cutover-agent hold <step> --reason …), make it true, and release them
        t=1200 confirm source-fenced: ok
        t=1210 start-writers pending go
        t=3000 start-writers pending go"#]]
    .assert_eq(&shown);
}

/// stop-mirror was go once; a late write is carried by the mirror; stop-writers is done again. The destination's anchor
/// stays: what the mirror itself applied passes for somebody else's write.
#[test]
fn the_destinations_anchor_outlives_the_stop_it_belongs_to() {
    let shown = stopped(
        "
        t=730 msrc.write shop.orders; mdst.write shop.orders
        t=1500 show stop-writers; show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=1500 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=1500 stop-writers done: go
        t=1500 stop-mirror pending go"#]]
    .assert_eq(&shown);
}

/// A mirror whose sessions no rule ever matched (or two mirrors with one rule) is adopted while it is behind.
/// Found by reading, and mended: behind.
#[test]
fn adoption_passes_over_a_position_that_is_behind() {
    let mut s = mongo();
    s.mongodb.as_mut().unwrap().mirrors.get_mut("all").unwrap().client.clear();
    s.mongodb.as_mut().unwrap().mirrors.get_mut("all").unwrap().client = vec![cutover_core::settings::ClientRule {
        field: cutover_core::settings::MongoField::AppName,
        pattern: cutover_core::pattern::Pattern::parse("mongomirror-prod*").unwrap(),
    }];
    let b = s.mongodb.as_ref().unwrap().bystanders[0].clone();
    let pattern = cutover_core::pattern::Pattern::parse("mongomirror").unwrap();
    s.mongodb.as_mut().unwrap().bystanders.push(cutover_core::settings::ClientRule { pattern, ..b });
    let shown = run_with(
        s,
        &[
            SHOP,
            MIRRORED,
            READ,
            STOPPED,
            "
        t=800 op begin stop-mirror
        t=801 mirror.stick; msrc.write shop.orders
        t=802 mirror.gone
        t=825 show stop-mirror; op adopt stop-mirror
        t=826 show stop-mirror
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=825 adopt stop-mirror: stop-mirror cannot be adopted, its done checks do not hold: finished: mirror all is at 1790000800.0, must be at 1790000801.18: it ended before it had applied everything: start it again, let it drain
        t=825 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=825 stop-mirror done: no-go (behind): mirror all is at 1790000800.0, must be at 1790000801.18: it ended before it had applied everything: start it again, let it drain
        t=826 stop-mirror begun no-go (already-begun): stop-mirror was begun at 2026-09-21T14:26:40Z and is begun only once
        t=826 stop-mirror done: no-go (behind): mirror all is at 1790000800.0, must be at 1790000801.18: it ended before it had applied everything: start it again, let it drain"#]]
    .assert_eq(&shown);
}

/// A caught-up mirror whose namespaces nobody writes: its position leaves the oplog behind it.
#[test]
fn an_idle_mirror_leaves_the_oplog() {
    let shown = mirrored("t=65 msrc.window 100\n t=66 mirror.stick\n t=400 show switch-readers");
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=400 switch-readers pending go"#]]
    .assert_eq(&shown);
}

/// Two mirrors that run on one host are told by one rule: only the first is ever credited with a session.
/// Found by reading, and mended: both finished, or the overlap named (and refused by the configuration).
#[test]
fn two_mirrors_with_one_rule() {
    let mut s = mongo();
    let pattern = |p: &str| cutover_core::pattern::Pattern::parse(p).unwrap();
    let m = s.mongodb.as_mut().unwrap();
    let mut too = m.mirrors["all"].clone();
    too.namespaces = vec![pattern("shop.customers")];
    m.mirrors.get_mut("all").unwrap().namespaces = vec![pattern("shop.orders*")];
    m.mirrors.insert("too".into(), too);
    let shown = run_with(
        s,
        &[
            SHOP,
            MIRRORED,
            READ,
            STOPPED,
            "
        t=800 op begin stop-mirror; mirror.gone
        t=1300 show stop-mirror
        t=1301 op confirm mirror-removed all; op confirm mirror-removed too
        t=1400 show stop-mirror
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1300 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:46Z
        t=1300 stop-mirror done: go
        t=1301 confirm mirror-removed all: ok
        t=1301 confirm mirror-removed too: ok
        t=1400 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:46Z
        t=1400 stop-mirror done: go"#]]
    .assert_eq(&shown);
}

/// The agent restarts (or the source elects) more than ten minutes after the last write: the sampler reads only ten
/// minutes of oplog back (src/sample/mongodb/oplog/scan.rs, BACK), the drained mirror's position lies before that.
/// Found by reading, and mended: read back to the anchor; nothing will ever be written again, so this stays unknown for ever.
#[test]
fn a_restart_ten_minutes_into_the_downtime_is_stuck() {
    let shown = detour(
        "t=310 mirror.stick",
        "
        t=1100 msrc.reread; restart
        t=1700 show stop-mirror all
        t=1701 op confirm scaled-to-zero mongodb; op confirm reconciled-writes source 1790000500.0
        t=9000 show stop-mirror
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=1700 stop-mirror pending unknown (partial): mirror all: part of the reading is missing: its position 1790000302.17 lies before 1790000500.0, and no write in its namespaces was seen since then: whether there were any in between is not known
            drained unknown
            majority go
            no-source-write go
            writers-gone go
            source-still unknown
            coverage go
            same-data go
            same-counts go
            destination-quiet go
        t=1701 confirm scaled-to-zero mongodb: ok
        t=1701 confirm reconciled-writes source 1790000500.0: ok
        t=9000 stop-mirror pending unknown (partial): mirror all: part of the reading is missing: its position 1790000302.17 lies before 1790000500.0, and no write in its namespaces was seen since then: whether there were any in between is not known"#]].assert_eq(&shown);
}

/// The same once the mirrors have ended, and at the destination.
#[test]
fn a_restart_after_the_mirrors_ended_is_stuck() {
    let shown = ended(
        "
        t=1181 msrc.reread; mdst.reread; mdst.block off; restart
        t=1700 show start-writers
        t=9000 show start-writers
    ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1700 start-writers pending unknown (tripwire): since stop-mirror was done this must stay true and is not: source-still: the source MongoDB: part of the reading is missing: its oplog was read back to 1790000581.0 only, and the anchor is 1790000302.17: writes between the two are not known
        t=9000 start-writers pending unknown (tripwire): since stop-mirror was done this must stay true and is not: source-still: the source MongoDB: part of the reading is missing: its oplog was read back to 1790000581.0 only, and the anchor is 1790000302.17: writes between the two are not known"#]].assert_eq(&shown);
}

/// A spanning transaction was seen; the agent restarts, and it was never seen.
/// Found by reading, and mended: no-go still (what was ever seen is a fact).
#[test]
fn a_spanning_transaction_is_forgotten() {
    let mut s = mongo();
    s.mongodb.as_mut().unwrap().left_behind.insert("shop.tmp".into(), "scratch".into());
    let shown = run_with(
        s,
        &[
            SHOP,
            "
        t=5 msrc.together shop.orders,shop.tmp
        t=20 show start-mirror
        t=21 msrc.reread; msrc.election; restart
        t=40 show start-mirror
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=20 start-mirror pending no-go (spanning-transaction): a transaction wrote what is carried apart: shop.orders, shop.tmp
        t=40 start-mirror pending no-go (spanning-transaction): a transaction wrote what is carried apart: shop.orders, shop.tmp"#]].assert_eq(&shown);
}

#[test]
fn a_pattern_that_never_matched_anybody() {
    let mut s = mongo();
    let pattern = |p: &str| cutover_core::pattern::Pattern::parse(p).unwrap();
    let rule = |p: &str| cutover_core::settings::ClientRule {
        field: cutover_core::settings::MongoField::AppName,
        pattern: pattern(p),
    };
    let m = s.mongodb.as_mut().unwrap();
    m.readers.push(rule("report-*"));
    m.writers.push(rule("batch-*"));
    m.mirrors.get_mut("all").unwrap().client.push(rule("batch-m*"));
    let shown = run_with(
        s,
        &[
            SHOP,
            MIRRORED,
            READ,
            "
            t=221 msrc.join report-daily
            t=227 msrc.leave report-daily; mdst.join report-daily-dst
            t=300 show switch-readers; op begin stop-writers
            t=301 msrc.leave svc-orders
            t=700 show stop-writers; msrc.join batch-monthly
            t=720 show stop-writers; msrc.leave batch-monthly; msrc.block on
            t=900 show stop-writers
            ",
        ]
        .concat(),
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers begun go
        t=220 switch-readers done: unknown (never-seen): a client that readers recognises by app_name: report-* was never seen: on the source, so that its absence proves nothing
        t=300 begin stop-writers: ok
        t=300 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:18:16Z
        t=300 switch-readers done: go
        t=700 stop-writers begun go
        t=700 stop-writers done: unknown (never-seen): a client that writers recognises by app_name: batch-* was never seen: on the source, so that its absence proves nothing
        t=720 stop-writers begun go
        t=720 stop-writers done: unknown (never-seen): a client that writers recognises by app_name: batch-* was never seen: on the source: batch-monthly matches, but mongodb.mirrors.all.client takes it for a session of the mirror
        t=900 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:27:56Z
        t=900 stop-writers done: go"#]].assert_eq(&shown);
}

#[test]
fn the_mirror_comes_back_after_the_writers_were_started() {
    let shown = ended(
        "
        t=1181 mdst.block off
        t=1190 op begin start-writers
        t=1191 mdst.join svc-orders-dst
        t=1195 mirror.sessions yes
        t=1205 show start-writers
        ",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=720 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:31Z
        t=720 stop-writers done: go
        t=800 begin stop-mirror: ok
        t=1180 stop-mirror done no-go (already-done): stop-mirror is done since 2026-09-21T14:32:51Z
        t=1180 stop-mirror done: go
        t=1190 begin start-writers: ok
        t=1205 start-writers begun no-go (tripwire): since stop-mirror was done this must stay true and is not: mirrors-stay-away: mirror all is still there: a session on the source: mongomirror; mirror all is still there: a session on the destination: mongomirror
        t=1205 start-writers done: no-go (dwelling): writers-started: true for 4 s, must be for 1 min"#]].assert_eq(&shown);
}

/// How fast a position moves is known only after ten minutes; a mirror that has applied all that is old enough to show
/// does not fall behind, and must not be held up, nor flicker whenever a write is a second old.
#[test]
fn headroom_of_a_mirror_that_follows_needs_no_slope() {
    let busy: String = (71..140).map(|t| format!("t={t} msrc.write shop.orders\n")).collect();
    let shown = mirrored(&format!(
        "t=71 msrc.window 3600; mirror.hold-back 5\n{busy}
        t=139 show switch-readers all
        t=140 mirror.stick
        t=141 msrc.write shop.orders
        t=170 show switch-readers all"
    ));
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=139 switch-readers pending go
            following go
            headroom go
            serving go
            coverage go
            read-only go
        t=170 switch-readers pending no-go (behind): mirror all is at 1790000130.73, must be at 1790000141.83: 11 s behind the newest write that was older than 15 s
            following no-go
            headroom unknown
            serving go
            coverage go
            read-only go"#]].assert_eq(&shown);
}

/// An agent that came after the readers had moved has never seen one on the source. Who adopts the step says that they
/// were there; a reader that shows up on the source contradicts it.
#[test]
fn readers_that_had_moved_before_the_agent_came() {
    let shown = with(&["
        t=0 msrc.coll shop.orders 100; msrc.index shop.orders by_date; msrc.join svc-orders
        t=0 mdst.coll shop.orders 100; mdst.index shop.orders by_date; mdst.block on; mdst.join crud-orders-dst
        t=1 msrc.write shop.orders; mirror.start; mirror.follow
        t=100 op adopt start-mirror; op adopt switch-readers; show switch-readers
        t=190 msrc.write shop.orders
        t=200 show stop-writers
        t=201 msrc.join crud-late
        t=210 show stop-writers
        t=211 msrc.leave crud-late; mdst.join crud-late-dst
        t=300 show stop-writers
        "]);
    expect![[r#"
        t=100 adopt start-mirror: ok
        t=100 adopt switch-readers: ok
        t=100 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:15:00Z
        t=100 switch-readers done: go
        t=200 stop-writers pending go
        t=210 stop-writers pending no-go (undone): switch-readers was done and is no longer true: readers-moved: client crud-late (source) is still connected: on h1:27017
        t=300 stop-writers pending go"#]]
    .assert_eq(&shown);
}
