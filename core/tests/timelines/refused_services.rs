//! Every check of the services track refuses by itself, and so does a probe that somebody attached to a step.

use super::refused::{Case, Told, case, lines, tell};
use super::services::{SHOP, estate, probe};
use cutover_core::estate::Side;
use cutover_core::settings::*;
use expect_test::expect;
use std::sync::LazyLock;

/// Everything is deployed at the destination as well.
const DEPLOYED: &str = "
    t=20 op begin deploy-services
    t=21 src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst; probe.pass api
";
const REDIRECTED: &str = "
    t=161 op begin redirect-traffic; probe.pass share
";
/// Nobody runs at the source any more.
const GONE: &str = "
    t=250 op begin stop-source-services
    t=251 src.leave rtu rtu-src-0; msrc.leave svc-orders; msrc.leave crud-orders
";

/// With one more probe, which gates a step.
fn gated(kind: ProbeKind, side: Side, step: &str) -> Settings {
    let mut s = estate();
    s.probes.insert("team".into(), probe(kind, side, &[step]));
    s
}

fn deployed() -> Vec<Case> {
    let ready = |what, then: &str| case(what, estate(), &[SHOP, then]);
    let after = |what, then: &str| case(what, estate(), &[SHOP, DEPLOYED, then]);
    vec![
        ready("deploy-services ready in-force-reachable", "t=12 src.down timeout\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 src.down unreachable\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 src.down tls\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 src.down auth\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 src.down privilege\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 src.down protocol\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 src.down server\nt=40"),
        ready("deploy-services ready in-force-reachable", "t=12 msrc.primary no\nt=40"),
        case(
            "deploy-services ready in-force-reachable",
            gated(ProbeKind::Tcp, Side::Source, "deploy-services"),
            &[SHOP, "t=12 probe.fail team\nt=19"],
        ),
        case(
            "deploy-services ready in-force-reachable",
            gated(ProbeKind::Tcp, Side::Source, "deploy-services"),
            &[SHOP, "t=19"],
        ),
        ready("deploy-services ready requirements", "t=19"),
        ready("deploy-services done present", "t=20 op begin deploy-services\nt=100"),
        ready("deploy-services done present", "t=20 op begin deploy-services\nt=700"),
        after("deploy-services done present", "t=60"),
        after("redirect-traffic ready destination-healthy", "t=90 probe.fail api\nt=100"),
        after("redirect-traffic ready destination-healthy", "t=90 probe.silent api\nt=120"),
        after("redirect-traffic ready at-work", "t=101 msrc.leave svc-orders-dst\nt=130"),
        after("redirect-traffic ready at-work", "t=101 src.leave rtu rtu-dst-0\nt=130"),
        after("redirect-traffic ready present", "t=101 msrc.leave svc-orders; msrc.leave svc-orders-dst\nt=710"),
        after("redirect-traffic done traffic-moved", "t=161 op begin redirect-traffic\nt=200"),
        case(
            "redirect-traffic done traffic-moved",
            Settings {
                probes: estate().probes.into_iter().filter(|(name, _)| &**name != "share").collect(),
                ..estate()
            },
            &[SHOP, DEPLOYED, "t=161 op begin redirect-traffic\nt=200"],
        ),
        after(
            "redirect-traffic holds traffic-moved",
            "t=161 op begin redirect-traffic; probe.silent share; op confirm traffic-moved\nt=180",
        ),
    ]
}

fn stopped() -> Vec<Case> {
    let moved = |what, then: &str| case(what, estate(), &[SHOP, DEPLOYED, REDIRECTED, then]);
    let gone = |what, then: &str| case(what, estate(), &[SHOP, DEPLOYED, REDIRECTED, GONE, then]);
    let behind = "
        t=300 src.end crm.ingestion/0 +10
        t=400 src.end crm.ingestion/0 +10
        t=500 src.end crm.ingestion/0 +10
        t=600 src.end crm.ingestion/0 +10
        t=650
    ";
    vec![
        moved("stop-source-services ready present", "t=300 msrc.leave svc-orders; msrc.leave svc-orders-dst\nt=910"),
        moved("stop-source-services ready at-work", "t=300 msrc.leave svc-orders-dst\nt=330"),
        moved("stop-source-services ready keeping-up", behind),
        moved("stop-source-services ready keeping-up", "t=300 src.forget rtu\nt=306"),
        moved("stop-source-services holds keeping-up", &format!("{behind}\nt=660 op confirm keeping-up rtu\nt=661")),
        moved("stop-source-services ready traffic-moved", "t=300 probe.fail share\nt=310"),
        moved("stop-source-services done no-source-home", "t=250 op begin stop-source-services\nt=350"),
        gone("stop-source-services done no-source-home", "t=290"),
        gone("switch-dns ready entry-points", "t=330 probe.fail entry\nt=340"),
        gone("switch-dns ready no-source-home", "t=330 msrc.join crud-orders\nt=340"),
        gone("switch-dns ready no-source-home", "t=330 src.hide\nt=340"),
        gone("switch-dns done names-moved", "t=330 op begin switch-dns\nt=340"),
        gone("switch-dns done names-moved", "t=330 op begin switch-dns; probe.names name new 60\nt=340"),
        gone("switch-dns done names-moved", "t=330 op begin switch-dns; probe.names name new 60 half\nt=900"),
        gone(
            "switch-dns holds names-moved",
            "t=330 op begin switch-dns; probe.names name new 60; op confirm names-moved\nt=340",
        ),
    ]
}

/// Whatever step a team attaches a probe to, it holds that one up.
fn attached() -> Vec<Case> {
    let http = |step| gated(ProbeKind::Http, Side::Source, step);
    vec![
        case("start-mirror blocker probe-fails", http("start-mirror"), &[SHOP, "t=12 probe.fail team\nt=19"]),
        case("start-mirror blocker never-sampled", http("start-mirror"), &[SHOP, "t=19"]),
        case("switch-producers blocker timeout", http("switch-producers"), &[SHOP, "t=12 probe.silent team\nt=40"]),
        case(
            "switch-producers blocker not-built",
            gated(ProbeKind::Pods, Side::Source, "switch-producers"),
            &[SHOP, "t=12 probe.pass team\nt=40"],
        ),
        case(
            "stop-source-services blocker probe-fails",
            http("stop-source-services"),
            &[SHOP, DEPLOYED, REDIRECTED, "t=240 probe.fail team\nt=250"],
        ),
        case(
            "switch-dns blocker probe-fails",
            http("switch-dns"),
            &[SHOP, DEPLOYED, REDIRECTED, GONE, "t=330 probe.fail team\nt=340"],
        ),
    ]
}

pub(super) static TOLD: LazyLock<Vec<Told>> =
    LazyLock::new(|| tell(deployed().into_iter().chain(stopped()).chain(attached()).collect()));

#[test]
fn every_check_of_the_services_track_refuses_by_itself() {
    expect![[r#"
        deploy-services ready in-force-reachable: unknown (timeout): the source Kafka does not answer in time: no answer in 4 s
        deploy-services ready in-force-reachable: unknown (unreachable): the source Kafka cannot be reached: it failed
        deploy-services ready in-force-reachable: unknown (tls): the source Kafka: TLS failed: it failed
        deploy-services ready in-force-reachable: unknown (auth): the source Kafka does not accept the credentials: it failed
        deploy-services ready in-force-reachable: unknown (privilege): the source Kafka: the agent is not allowed to read it: it failed
        deploy-services ready in-force-reachable: unknown (protocol): the source Kafka: the answer could not be understood: it failed
        deploy-services ready in-force-reachable: unknown (server): the source Kafka answered with an error: it failed
        deploy-services ready in-force-reachable: unknown (server): the source MongoDB answered with an error: election
        deploy-services ready in-force-reachable: no-go (probe-fails): probe team does not pass: connection refused
        deploy-services ready in-force-reachable: unknown (never-sampled): probe team has not been sampled yet
        deploy-services ready requirements: unknown (not-confirmed): destination-tested is not confirmed: the destination was tested in all its parts [cutover-agent confirm requirement destination-tested --reason …]
        deploy-services done present: unknown (dwelling): group rtu (source) has been watched for too short a time: not seen with home destination, watched for 1 min 38 s of 10 min
        deploy-services done present: no-go (not-deployed): group rtu (source) has not been seen with home destination within 10 min
        deploy-services done present: no-go (dwelling): true for 29 s, must be for 1 min
        redirect-traffic ready destination-healthy: no-go (probe-fails): probe api does not pass: connection refused
        redirect-traffic ready destination-healthy: unknown (timeout): probe api does not answer in time: no answer in 4 s
        redirect-traffic ready at-work: no-go (not-connected): client svc-orders (source) is not connected: with home destination, and at work with home source: nobody there would take over
        redirect-traffic ready at-work: no-go (not-connected): group rtu (source) is not connected: with home destination, and at work with home source: nobody there would take over
        redirect-traffic ready present: no-go (not-deployed): client svc-orders (source) has not been seen with home destination within 10 min
        redirect-traffic done traffic-moved: no-go (probe-fails): probe share does not pass: connection refused
        redirect-traffic done traffic-moved: unknown (not-measured): is not measured: the traffic [attach a `promql` probe that gates redirect-traffic, or: cutover-agent confirm traffic-moved --reason …, or skip the step with a reason]
        redirect-traffic holds traffic-moved: go (confirmed): confirmed by a person: alice: because
        stop-source-services ready present: no-go (not-deployed): client svc-orders (source) has not been seen with home destination within 10 min
        stop-source-services ready at-work: no-go (not-connected): client svc-orders (source) is not connected: with home destination, and at work with home source: nobody there would take over
        stop-source-services ready keeping-up: no-go (falling-behind): group rtu on crm.ingestion partition 0 (source) is 5 min 50 s behind, must be less than 1 min or catching up: nothing was committed for 5 min [see that it works; if nothing but aborted transactions lies behind its commits: cutover-agent confirm keeping-up rtu --reason …]
        stop-source-services ready keeping-up: unknown (vanished): group rtu on crm.ingestion (source) is gone
        stop-source-services holds keeping-up: go (confirmed): group rtu on crm.ingestion (source) confirmed by a person: alice: because
        stop-source-services ready traffic-moved: no-go (probe-fails): probe share does not pass: connection refused
        stop-source-services done no-source-home: no-go (source-home): group rtu (source) still runs at the source: rtu-src-0
        stop-source-services done no-source-home: no-go (dwelling): true for 29 s, must be for 1 min
        switch-dns ready entry-points: no-go (probe-fails): probe entry does not pass: connection refused
        switch-dns ready no-source-home: no-go (source-home): client crud-orders (source) still runs at the source: connected to h1:27017
        switch-dns ready no-source-home: unknown (hidden): the source Kafka may hide groups from the agent: it lacks Describe on the cluster
        switch-dns done names-moved: no-go (probe-fails): probe name does not pass: 10.0.0.53 answers 10.1.0.1
        switch-dns done names-moved: no-go (still-cached): probe name has moved, and an old answer may be kept for another 4 min 51 s
        switch-dns done names-moved: unknown (timeout): probe name does not answer in time: no answer in 4 s
        switch-dns holds names-moved: go (confirmed): confirmed by a person: alice: because
        start-mirror blocker probe-fails: no-go (probe-fails): probe team does not pass: connection refused
        start-mirror blocker never-sampled: unknown (never-sampled): probe team has not been sampled yet
        switch-producers blocker timeout: unknown (timeout): probe team does not answer in time: no answer in 4 s
        switch-producers blocker not-built: unknown (not-built): probe team is not measured by this version: pods through the Kubernetes API
        stop-source-services blocker probe-fails: no-go (probe-fails): probe team does not pass: connection refused
        switch-dns blocker probe-fails: no-go (probe-fails): probe team does not pass: connection refused"#]].assert_eq(&lines(&TOLD));
}
