//! What reading the rules for defects found, each as it would have come about on real servers.

use super::mongodb::{mirrored, moved};
use super::services::{SHOP, estate};
use super::world::run_with;
use expect_test::expect;

/// Everything is deployed and the traffic was sent there.
const REDIRECTED: &str = "
    t=20 op begin deploy-services
    t=21 src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst; probe.pass api
    t=100 op begin redirect-traffic
    t=101 probe.pass share
";

/// A group that is attached and reads nothing has a lag that does not grow while nobody writes: it is no group that keeps
/// up. Where nothing but aborted records lies behind its commits, it has read everything.
#[test]
fn a_group_that_reads_nothing_does_not_keep_up() {
    let show = "
        t=200 src.end crm.ingestion/0 +5
        t=620 show stop-source-services
        t=630 src.commit rtu crm.ingestion/0 +2; show stop-source-services
        t=640 show stop-source-services
    ";
    let play = |more: &str| run_with(estate(), &[SHOP, REDIRECTED, more, show].concat());
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=620 stop-source-services pending no-go (falling-behind): group rtu on crm.ingestion partition 0 (source) is 7 min behind, must be less than 1 min or catching up: nothing was committed for 5 min
        t=630 stop-source-services pending no-go (falling-behind): group rtu on crm.ingestion partition 0 (source) is 7 min 10 s behind, must be less than 1 min or catching up: nothing was committed for 5 min
        t=640 stop-source-services pending go"#]].assert_eq(&play(""));
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=620 stop-source-services pending go
        t=630 stop-source-services pending go
        t=640 stop-source-services pending go"#]]
    .assert_eq(&play("t=199 src.phantom"));
}

/// A mirror that has stood for ten minutes is not as fast as it was on average.
#[test]
fn headroom_is_told_by_the_newest_ten_minutes() {
    let busy = |from, to| (from..to).step_by(20).map(|t| format!("t={t} msrc.write shop.orders\n")).collect::<String>();
    let shown = mirrored(&format!(
        "t=71 msrc.window 7500; mirror.hold-back 5\n{}
        t=1700 show switch-readers all; mirror.stick\n{}
        t=2340 show switch-readers all",
        busy(80, 1700),
        busy(1701, 2340)
    ));
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=1700 switch-readers pending no-go (behind): mirror all is at 1790001580.89, must be at 1790001680.94: 1 min 40 s behind the newest write that was older than 15 s
            following no-go
            headroom go
            serving go
            coverage go
            read-only go
        t=2340 switch-readers pending no-go (behind): mirror all is at 1790001580.89, must be at 1790002301.125: 12 min 1 s behind the newest write that was older than 15 s
            following no-go
            headroom no-go
            serving go
            coverage go
            read-only go"#]].assert_eq(&shown);
}

/// A mirror that shows a position which the source's clock has not come to mirrors another deployment.
#[test]
fn a_position_that_the_sources_clock_has_not_come_to_is_foreign() {
    let shown = mirrored(
        "
        t=110 show switch-readers
        t=111 mirror.ahead 40
        t=120 show switch-readers
        t=125 show switch-readers",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=110 switch-readers pending go
        t=120 switch-readers pending unknown (foreign-position): the position of mirror all does not lie in the source's oplog: 1790000120.0 is not between 1789964116.0 and 1790000116.4294967295: it fell off, or mirrors another deployment
        t=125 switch-readers pending go"#]].assert_eq(&shown);
}

/// Without the oplog nobody knows which collections were made since the last list.
#[test]
fn coverage_is_unknown_without_the_oplog() {
    let shown = mirrored("t=110 msrc.oplog no\n t=120 show switch-readers all");
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=120 switch-readers pending unknown (privilege): the source MongoDB: the agent is not allowed to read it: its oplog: not authorized on local
            following unknown
            headroom unknown
            serving go
            coverage unknown
            read-only go"#]].assert_eq(&shown);
}

/// A transaction that was under way when the agent came, of which the beginning was not read, is no transaction across
/// mirrors; nor is one that an older version journaled.
#[test]
fn a_transaction_of_which_a_part_was_not_read_spans_nothing() {
    let shown = run_with(estate(), &[SHOP, "t=12 msrc.together ,shop.orders\n t=20 show start-mirror all"].concat());
    expect![[r#"
        t=20 start-mirror pending go
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty go
            window-covers-copy go
            requirements unknown"#]]
    .assert_eq(&shown);
}

/// The source's clock is set forward, or a new primary's is ahead: what was seen to be written a minute ago is no six
/// minutes old.
#[test]
fn a_clock_that_is_ahead_makes_no_write_older_than_it_can_be() {
    let shown = moved(
        "
        t=300 op begin stop-writers; msrc.leave svc-orders
        t=302 msrc.write shop.orders
        t=310 msrc.clock 600; msrc.election
        t=330 show stop-writers all
        t=659 show stop-writers all
        t=680 show stop-writers",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=330 stop-writers begun no-go (dwelling): following: true for 14 s, must be for 30 s
            following no-go
            headroom go
            coverage go
            readers-moved go
            counting-time go
        t=330 stop-writers done: no-go (recent-write): shop.orders (source) was written 25 s ago, must be silent for 6 min
        t=659 stop-writers begun go
            following go
            headroom go
            coverage go
            readers-moved go
            counting-time go
        t=659 stop-writers done: no-go (recent-write): shop.orders (source) was written 5 min 55 s ago, must be silent for 6 min
        t=680 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:26Z
        t=680 stop-writers done: go"#]].assert_eq(&shown);
}
