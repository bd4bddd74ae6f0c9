//! What the simulation found on the services track (`sim/`), each as it came about.

use super::kafka;
use super::services::{SHOP, estate};
use super::world::{run_with, settings};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::settings::{ProbeKind, ProbeSettings, Settings};
use cutover_core::time::Dur;
use expect_test::expect;
use std::collections::BTreeMap;

/// Everything is deployed, and the traffic and the stop can be begun at t=100 and t=200.
const DEPLOYED: &str = "
    t=20 op begin deploy-services
    t=21 src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst; probe.pass api
    t=100 op begin redirect-traffic
";

fn with(parts: &[&str]) -> String {
    run_with(estate(), &parts.concat())
}

/// Stop-source-services is begun, and the traffic is taken back: what is still to be stopped serves it.
#[test]
fn the_traffic_is_taken_back_while_the_source_is_being_stopped() {
    let shown = with(&[
        SHOP,
        DEPLOYED,
        "
        t=101 probe.pass share
        t=200 op begin stop-source-services
        t=201 src.leave rtu rtu-src-0; probe.fail share
        t=210 show stop-source-services; probe.pass share
        t=220 show stop-source-services
        ",
    ]);
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=200 begin stop-source-services: ok
        t=210 stop-source-services begun no-go (probe-fails): probe share does not pass: connection refused
        t=210 stop-source-services done: no-go (source-home): client svc-orders (source) still runs at the source: connected to h1:27017
        t=220 stop-source-services begun go
        t=220 stop-source-services done: no-go (source-home): client svc-orders (source) still runs at the source: connected to h1:27017"#]].assert_eq(&shown);
}

/// The expression is not answered any more: nobody knows where the traffic goes.
#[test]
fn traffic_that_nobody_measures_any_more_is_unknown() {
    let shown = with(&[
        SHOP,
        DEPLOYED,
        "
        t=101 probe.pass share
        t=200 show stop-source-services; probe.silent share
        t=230 show stop-source-services; probe.pass share
        t=240 show stop-source-services
        ",
    ]);
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=200 stop-source-services pending go
        t=230 stop-source-services pending unknown (timeout): probe share does not answer in time: no answer in 4 s
        t=240 stop-source-services pending go"#]]
    .assert_eq(&shown);
}

/// Redirect-traffic is begun, and a service is gone from both sides for longer than it may have been seen.
#[test]
fn a_service_is_gone_while_the_traffic_is_being_sent_to_it() {
    let shown = with(&[
        SHOP,
        DEPLOYED,
        "
        t=101 msrc.leave svc-orders-dst; msrc.leave svc-orders
        t=720 show redirect-traffic; msrc.join svc-orders-dst
        t=730 show redirect-traffic
        ",
    ]);
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=720 redirect-traffic begun no-go (not-deployed): client svc-orders (source) has not been seen with home destination within 10 min
        t=720 redirect-traffic done: no-go (probe-fails): probe share does not pass: connection refused
        t=730 redirect-traffic begun go
        t=730 redirect-traffic done: no-go (probe-fails): probe share does not pass: connection refused"#]]
    .assert_eq(&shown);
}

/// Switch-dns is begun, and a service is started again at the source.
#[test]
fn a_service_comes_back_at_the_source_while_the_names_are_switched() {
    let shown = with(&[
        SHOP,
        DEPLOYED,
        "
        t=101 probe.pass share
        t=200 op begin stop-source-services; src.leave rtu rtu-src-0; msrc.leave svc-orders; msrc.leave crud-orders
        t=280 op begin switch-dns
        t=281 msrc.join svc-orders
        t=290 show switch-dns; msrc.leave svc-orders
        t=300 show switch-dns
        ",
    ]);
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=200 begin stop-source-services: ok
        t=280 begin switch-dns: ok
        t=290 switch-dns begun no-go (source-home): client svc-orders (source) still runs at the source: connected to h1:27017
        t=290 switch-dns done: no-go (probe-fails): probe name does not pass: 10.0.0.53 answers 10.1.0.1
        t=300 switch-dns begun go
        t=300 switch-dns done: no-go (probe-fails): probe name does not pass: 10.0.0.53 answers 10.1.0.1"#]]
    .assert_eq(&shown);
}

/// Redirect-traffic was adopted where nothing measures the traffic, or skipped: what comes after it asks for nothing more.
#[test]
fn what_was_adopted_or_skipped_is_not_asked_for_again() {
    let mut adopted = estate();
    adopted.probes.remove("share");
    let mut skipped = estate();
    skipped.skip.insert("redirect-traffic".into(), "there is no traffic".into());
    let play =
        |s: Settings, op: &str| run_with(s, &[SHOP, &DEPLOYED.replace("op begin redirect-traffic", op)].concat());
    let adopts = "op adopt redirect-traffic\n t=190 show stop-source-services all";
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 adopt redirect-traffic: ok
        t=190 stop-source-services pending go
            present go
            at-work go
            keeping-up go
            traffic-moved go"#]]
    .assert_eq(&play(adopted, adopts));
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 redirect-traffic skipped no-go (already-done): redirect-traffic is done: skipped: there is no traffic
        t=100 redirect-traffic done: go
        t=190 stop-source-services pending go
            present go
            at-work go
            keeping-up go
            traffic-moved go"#]]
    .assert_eq(&play(skipped, "show redirect-traffic\n t=190 show stop-source-services all"));
}

/// Somebody deployed a service before it was time, and takes it away again: nothing is out of order any more.
#[test]
fn what_was_deployed_too_early_and_is_gone_again_is_not_out_of_order() {
    let mut s = estate();
    s.after.insert("deploy-services".into(), vec!["start-mirror".into()]);
    let shown = run_with(
        s,
        &[
            SHOP,
            "
            t=20 msrc.join svc-orders-dst
            t=30 show deploy-services; msrc.leave svc-orders-dst
            t=40 show deploy-services
            ",
        ]
        .concat(),
    );
    expect![[r#"
        t=30 deploy-services out-of-order no-go (out-of-order): the effect of deploy-services was seen, and it was not go: client svc-orders (source): with home destination
        t=40 deploy-services pending no-go (after): start-mirror must be done first"#]].assert_eq(&shown);
}

/// A group that is a member and never commits: nothing measures whether it keeps up, so that a person has to say it.
#[test]
fn a_group_that_never_commits_keeps_up_by_a_persons_word() {
    let shown = with(&[
        SHOP,
        "t=12 src.member bi bi-src-0 crm.ingestion",
        &DEPLOYED.replace("t=100", "t=30 src.member bi bi-dst-0 crm.ingestion\n t=100"),
        "
        t=101 probe.pass share
        t=300 show stop-source-services; op confirm keeping-up nobody; op confirm keeping-up bi
        t=310 show stop-source-services
        ",
    ]);
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=300 confirm keeping-up nobody: there is no group `nobody`; known: bi, rtu
        t=300 confirm keeping-up bi: ok
        t=300 stop-source-services pending go
        t=310 stop-source-services pending go"#]]
    .assert_eq(&shown);
}

/// While the resolvers are not heard they may give old answers, and the new ones again before they are heard: who took an old
/// one may keep it.
#[test]
fn what_a_resolver_answered_while_it_was_not_heard_may_be_kept() {
    let mut s = estate();
    for step in ["deploy-services", "redirect-traffic", "stop-source-services"] {
        s.skip.insert(Name::from(step), "moved before".into());
    }
    let shown = run_with(
        s,
        &[
            SHOP,
            "
            t=80 op begin switch-dns; probe.names name new 60
            t=150 show switch-dns; probe.silent name
            t=400 show switch-dns; probe.names name new 60
            t=410 show switch-dns
            t=690 show switch-dns
            t=720 show switch-dns
            ",
        ]
        .concat(),
    );
    expect![[r#"
        t=80 begin switch-dns: ok
        t=150 switch-dns begun go
        t=150 switch-dns done: no-go (still-cached): probe name has moved, and an old answer may be kept for another 3 min 51 s
        t=400 switch-dns begun go
        t=400 switch-dns done: unknown (timeout): probe name does not answer in time: no answer in 4 s
        t=410 switch-dns begun go
        t=410 switch-dns done: no-go (still-cached): probe name has moved, and an old answer may be kept for another 4 min 51 s
        t=690 switch-dns begun go
        t=690 switch-dns done: no-go (still-cached): probe name has moved, and an old answer may be kept for another 11 s
        t=720 switch-dns done no-go (already-done): switch-dns is done since 2026-09-21T14:25:02Z
        t=720 switch-dns done: go"#]].assert_eq(&shown);
}

/// A probe that a team attaches to a step holds it up, whichever step that is: nothing else asks this one.
#[test]
fn a_probe_gates_any_step() {
    let mut s = settings();
    let open = ProbeSettings {
        kind: ProbeKind::Tcp,
        side: Side::Source,
        interval: Dur::secs(5),
        vantage: None,
        gates: ["switch-producers".into()].into(),
        requirement: None,
    };
    s.probes = BTreeMap::from([("vpn".into(), open)]);
    let shown = run_with(
        s,
        &[
            kafka::SHOP,
            "
        t=19 show switch-producers
        t=20 probe.fail vpn
        t=29 show switch-producers
        t=30 op begin switch-producers
        t=31 probe.pass vpn
        t=40 show switch-producers
        t=41 probe.silent vpn
        t=70 show switch-producers
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=19 switch-producers pending unknown (never-sampled): probe vpn has not been sampled yet
        t=29 switch-producers pending no-go (probe-fails): probe vpn does not pass: connection refused
        t=30 begin switch-producers: no-go (probe-fails): probe vpn does not pass: connection refused
        t=40 switch-producers pending go
        t=70 switch-producers pending unknown (timeout): probe vpn does not answer in time: no answer in 4 s"#]]
    .assert_eq(&shown);
}

/// `after` a step that is skipped is after the one before it; and a step that is measured to have come undone holds up whatever
/// comes after it before that has lasted.
#[test]
fn after_a_skipped_step_is_after_the_one_before_it() {
    let mut s = estate();
    s.after.insert("start-mirror".into(), vec!["redirect-traffic".into()]);
    s.skip.insert("redirect-traffic".into(), "there is no gateway".into());
    let shown = run_with(
        s,
        &[
            SHOP,
            "
        t=19 show start-mirror
        t=20 op begin deploy-services
        t=21 src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst
        t=95 show deploy-services; show start-mirror
        t=96 src.leave rtu rtu-dst-0; msrc.leave svc-orders-dst
        t=710 show deploy-services; show start-mirror
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=19 start-mirror pending no-go (after): deploy-services must be done first: it comes before redirect-traffic, which is skipped
        t=20 begin deploy-services: ok
        t=95 deploy-services done no-go (already-done): deploy-services is done since 2026-09-21T14:14:51Z
        t=95 deploy-services done: go
        t=95 start-mirror pending go
        t=710 deploy-services done no-go (already-done): deploy-services is done since 2026-09-21T14:14:51Z
        t=710 deploy-services done: go
        t=710 start-mirror pending no-go (undone): deploy-services was done and is no longer true: present: group rtu (source) has not been seen with home destination within 10 min"#]].assert_eq(&shown);
}

/// A person speaks for what is not measured: a probe that measures otherwise is believed.
#[test]
fn a_word_does_not_outweigh_what_is_measured() {
    let mut s = estate();
    s.skip.insert("deploy-services".into(), "moved before".into());
    let shown = run_with(
        s,
        &[
            SHOP,
            "
        t=5 src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst
        t=10 probe.pass api
        t=90 op begin redirect-traffic
        t=92 probe.silent share
        t=120 op confirm traffic-moved
        t=125 show redirect-traffic; show stop-source-services
        t=130 probe.fail share
        t=140 show redirect-traffic; show stop-source-services
    ",
        ]
        .concat(),
    );
    expect![[r#"
        t=90 begin redirect-traffic: ok
        t=120 confirm traffic-moved: ok
        t=125 redirect-traffic done no-go (already-done): redirect-traffic is done since 2026-09-21T14:15:21Z
        t=125 redirect-traffic done: go
        t=125 stop-source-services pending go
        t=140 redirect-traffic done no-go (already-done): redirect-traffic is done since 2026-09-21T14:15:21Z
        t=140 redirect-traffic done: go
        t=140 stop-source-services pending no-go (undone): redirect-traffic was done and is no longer true: traffic-moved: probe share does not pass: connection refused"#]].assert_eq(&shown);
}
