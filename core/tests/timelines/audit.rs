//! What reading the rules for defects found, each as it would have come about on real servers.

use super::mongodb::mirrored;
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
