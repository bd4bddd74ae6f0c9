//! The services track at its edges: who counts as running where, who keeps up, and which probe is asked by what.

use super::mongo::mongodb;
use super::services::{SHOP, estate, probe};
use super::world::{World, settings};
use cutover_core::estate::Side;
use cutover_core::facts::{Fact, How};
use cutover_core::gate::board::{CheckBoard, Verdict};
use cutover_core::hint;
use cutover_core::playbook::{self, Dwell};
use cutover_core::reading::{Demand, Subject, Tri};
use cutover_core::render;
use cutover_core::settings::*;
use cutover_core::time::Dur;
use std::collections::BTreeSet;

/// The services alone, on Kafka only.
fn services() -> Settings {
    Settings { tracks: BTreeSet::from([Track::Services]), ..settings() }
}

fn played(settings: Settings, parts: &[&str]) -> World {
    let mut w = World::new(settings);
    parts.iter().for_each(|p| w.play(p));
    w
}

/// A check as a step asks it.
fn check(w: &mut World, step: &str, id: &str) -> CheckBoard {
    let board = w.settle().board;
    let s = board.step(step).expect("a step");
    s.ready.checks.iter().chain(&s.done.checks).find(|c| c.check.id == id).expect("a check").clone()
}

/// What the newest samples say to it, whatever it waits for.
fn says(w: &mut World, step: &str, id: &str) -> String {
    let c = check(w, step, id);
    match c.reading.chief() {
        Some(f) => format!("{} ({}): {}", Verdict::from(f.is).as_str(), f.code.as_str(), render::sentence(f)),
        None => Verdict::from(c.reading.is).as_str().to_owned(),
    }
}

/// The logs of which the tails are asked for, by partition.
fn tails(w: &mut World) -> Vec<(i32, i64, i64)> {
    let of = |d: Demand| match d {
        Demand::Tail { partition, from, to, .. } => Some((partition, from, to)),
        _ => None,
    };
    w.settle().demands.into_iter().filter_map(of).collect()
}

#[test]
fn without_a_rule_for_homes_in_kafka_nobody_is_told_to_be_deployed() {
    let mut s = estate();
    s.kafka.as_mut().unwrap().homes.clear();
    let mut w = played(s, &[SHOP, "t=19"]);
    let c = check(&mut w, "deploy-services", "present");
    let f = c.chief();
    assert_eq!((f.is, f.code.as_str()), (Tri::Unknown, "not-measured"));
    assert_eq!(
        f.fix.as_deref(),
        Some("identity.destination: { kafka: { client_id: …, group: … or host: … } }"),
        "{}",
        render::sentence(&f)
    );
}

#[test]
fn services_on_one_of_the_two_systems_are_looked_for_there_and_on_none_of_them_nowhere() {
    let only_kafka = Settings { mongodb: None, ..services() };
    let there = "t=20 src.member rtu rtu-dst-0 crm.ingestion\nt=26";
    let shop = "t=0 src.topic crm.ingestion 1; src.member rtu rtu-src-0 crm.ingestion\nt=12";
    let mut w = played(only_kafka.clone(), &[shop]);
    assert_eq!(
        says(&mut w, "deploy-services", "present"),
        "unknown (dwelling): group rtu (source) has been watched for too short a time: not seen with home destination, watched for 11 s of 10 min"
    );
    w.play(there);
    assert_eq!(check(&mut w, "deploy-services", "present").reading.is, Tri::Yes);
    let only_mongodb = Settings { kafka: None, mongodb: Some(mongodb()), ..services() };
    let mut w = played(
        only_mongodb,
        &["t=0 msrc.coll shop.orders 1; msrc.join svc-orders\nt=20 msrc.join svc-orders-dst\nt=26"],
    );
    assert_eq!(check(&mut w, "deploy-services", "present").reading.is, Tri::Yes);
    let mut w = played(Settings { kafka: None, ..only_kafka }, &["t=20"]);
    assert_eq!(
        says(&mut w, "deploy-services", "present"),
        "unknown (not-measured): is not measured: no kafka and no mongodb section"
    );
}

#[test]
fn a_service_is_missing_only_once_it_was_watched_for_ten_minutes() {
    // MongoDB was asked for its first sample 30 ms after t=1, Kafka before it.
    let mut w = played(estate(), &[SHOP, "t=601"]);
    w.advance_to(w.now.mono.0 + 29);
    assert!(says(&mut w, "deploy-services", "present").starts_with("unknown (dwelling)"));
    w.advance_to(w.now.mono.0 + 1);
    assert!(says(&mut w, "deploy-services", "present").starts_with("no-go (not-deployed)"));
}

#[test]
fn after_the_downtime_a_group_of_the_old_cluster_is_looked_for_by_its_new_name_and_one_of_the_new_by_its_own() {
    let mut s = services();
    s.kafka.as_mut().unwrap().rename_groups = vec![("rtu".into(), "v2-rtu".into())];
    let topics = "t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1";
    let mut w = played(s, &[topics, "t=0 src.member rtu rtu-src-0 crm.ingestion\nt=10"]);
    let at = w.now.wall;
    let how = How::Claimed { author: "alice".into(), reason: None };
    w.facts.apply(Fact::Begun { step: "start-consumers".into(), at, how, evidence: vec![] });
    w.facts.apply(Fact::Done { step: "start-consumers".into(), at, evidence: vec![] });
    w.play("t=12 dst.member rtu-too too-src-0 crm.ingestion\nt=660");
    let missing = |w: &mut World| {
        let c = check(w, "deploy-services", "present");
        c.reading.worst.iter().filter(|f| f.is == Tri::No).map(render::sentence).collect::<Vec<_>>()
    };
    assert_eq!(
        missing(&mut w),
        [
            "group rtu-too (destination) has not been seen with home destination within 10 min",
            "group v2-rtu (destination) has not been seen with home destination within 10 min",
        ]
    );
    w.play("t=661 dst.member v2-rtu rtu-dst-0 crm.ingestion; dst.member rtu-too too-dst-0 crm.ingestion\nt=670");
    assert_eq!(check(&mut w, "deploy-services", "present").reading.is, Tri::Yes);
}

#[test]
fn before_the_downtime_a_group_seen_on_the_new_cluster_is_looked_for_by_its_own_name() {
    let mut s = services();
    s.kafka.as_mut().unwrap().rename_groups = vec![("rtu".into(), "v2-rtu".into())];
    let topics = "t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1";
    let mut w = played(s, &[topics, "t=0 dst.member rtu rtu-src-0 crm.ingestion\nt=20"]);
    assert!(says(&mut w, "deploy-services", "present").starts_with("unknown (dwelling): group rtu (source)"));
}

#[test]
fn who_skips_the_deployment_is_excused_from_home_rules_and_from_nothing_else() {
    let mut s = estate();
    s.skip.insert("deploy-services".into(), "by the platform team".into());
    let mut w = played(s, &[SHOP, "t=12 src.down\nt=40"]);
    assert!(says(&mut w, "redirect-traffic", "at-work").starts_with("unknown (timeout)"));
    w.play("t=41 src.up\nt=50");
    assert!(says(&mut w, "redirect-traffic", "at-work").starts_with("no-go (not-connected)"));
}

/// A group that has read everything.
const READER: &str = "
    t=0 src.topic crm.ingestion 2; src.member rtu rtu-src-0 crm.ingestion
    t=1 src.end crm.ingestion/0 =10; src.commit rtu crm.ingestion/0 =10
";

fn keeping_up(w: &mut World) -> String {
    says(w, "stop-source-services", "keeping-up")
}

#[test]
fn neither_an_ignored_group_nor_a_topic_out_of_scope_has_to_be_kept_up_with() {
    let late = "t=2 src.topic crm.old 1; src.end crm.old/0 =9; src.commit rtu crm.old/0 =1
        t=3 src.end crm.ingestion/0 +5; src.commit batch crm.ingestion/0 =1\nt=20";
    let told = |change: fn(&mut KafkaSettings)| {
        let mut s = services();
        let mut w = played(s.clone(), &[READER, late, "t=30 src.commit rtu crm.ingestion/0 =15\nt=200"]);
        change(s.kafka.as_mut().unwrap());
        w.restart_with(s);
        w.play("t=230");
        let c = check(&mut w, "stop-source-services", "keeping-up");
        c.reading
            .worst
            .iter()
            .filter(|f| f.is != Tri::Yes)
            .map(|f| match &f.at {
                Subject::Pair(_, group, topic, _) => format!("{group} on {topic}"),
                other => format!("{other:?}"),
            })
            .collect::<Vec<_>>()
    };
    let (batch, old) = ("batch on crm.ingestion", "rtu on crm.old");
    assert_eq!(told(|_| {}), [batch, old]);
    assert_eq!(told(|k| drop(k.ignored.insert("batch".into(), "nobody needs it".into()))), [old]);
    assert_eq!(told(|k| k.topics = vec![cutover_core::pattern::Pattern::parse("*.ingestion").unwrap()]), [batch]);
}

#[test]
fn the_word_that_a_group_keeps_up_names_it_as_the_destination_does() {
    let mut s = services();
    s.kafka.as_mut().unwrap().rename_groups = vec![("rtu".into(), "v2-rtu".into())];
    let mut w = played(s, &[READER, "t=2 src.end crm.ingestion/1 +1\nt=20"]);
    let f = check(&mut w, "stop-source-services", "keeping-up").chief();
    assert_eq!(hint::fix(&f).as_deref(), Some("cutover-agent confirm keeping-up v2-rtu --reason …"));
    w.play("t=21 op confirm keeping-up rtu; op confirm keeping-up v2-rtu");
    assert_eq!(check(&mut w, "stop-source-services", "keeping-up").is, Tri::Yes);
    assert_eq!(
        w.out,
        "t=21 confirm keeping-up rtu: there is no group `rtu`; known: v2-rtu\n\
         t=21 confirm keeping-up v2-rtu: ok\n"
    );
}

#[test]
fn where_nothing_lies_no_commit_is_asked_for() {
    let mut w = played(services(), &[READER, "t=20"]);
    assert_eq!(check(&mut w, "stop-source-services", "keeping-up").is, Tri::Yes, "nothing lies on the other partition");
    w.play("t=21 src.end crm.ingestion/1 +1\nt=30");
    assert!(keeping_up(&mut w).starts_with("unknown (never-committed)"));
}

#[test]
fn a_group_is_behind_once_its_oldest_unread_record_may_be_a_minute_old() {
    // The record comes after the sample at 96 s; a minute after that sample it may be a minute old.
    let mut w = played(services(), &[READER, "t=99 src.end crm.ingestion/0 +1\nt=101"]);
    assert_eq!(check(&mut w, "stop-source-services", "keeping-up").is, Tri::Yes);
    w.play("t=155");
    assert_eq!(check(&mut w, "stop-source-services", "keeping-up").is, Tri::Yes);
    w.play("t=156");
    assert_eq!(
        keeping_up(&mut w),
        "unknown (dwelling): group rtu on crm.ingestion (source) has been watched for too short a time: how its lag moves is not known yet"
    );
}

#[test]
fn a_group_that_is_behind_keeps_up_while_its_lag_does_not_grow_over_five_minutes() {
    let moves = |written: u32, read: u32| {
        let mut w = played(services(), &[READER, "t=12 src.end crm.ingestion/0 +1000\nt=90"]);
        assert!(keeping_up(&mut w).starts_with("unknown (dwelling)"), "it was behind for a minute only");
        for t in (100..400).step_by(20) {
            w.play(&format!("t={t} src.end crm.ingestion/0 +{written}; src.commit rtu crm.ingestion/0 +{read}"));
        }
        w.play("t=401");
        keeping_up(&mut w)
    };
    assert!(moves(10, 20).starts_with("go"), "{}", moves(10, 20));
    assert!(moves(10, 10).starts_with("go"), "{}", moves(10, 10));
    assert!(moves(20, 10).starts_with("no-go (falling-behind)"), "{}", moves(20, 10));
}

#[test]
fn what_lies_behind_a_commit_that_stands_for_a_minute_is_looked_at() {
    // Committed at t=1, seen from the sample at t=6 on.
    let stands = "t=0 src.topic crm.ingestion 2; src.member rtu rtu-src-0 crm.ingestion
        t=1 src.end crm.ingestion/0 =10; src.commit rtu crm.ingestion/0 =7";
    let mut w = played(services(), &[stands, "t=60"]);
    assert_eq!(tails(&mut w), [], "it may yet move");
    w.play("t=75");
    assert_eq!(tails(&mut w), [(0, 7, 10)]);
    // While it moves, it is behind by what it reads.
    w.play("t=76 src.commit rtu crm.ingestion/0 =8\nt=120");
    assert_eq!(tails(&mut w), []);
    // Nor is anything looked at beside a transaction that is open.
    let mut w = played(services(), &[stands, "t=2 src.stable crm.ingestion/0 =8\nt=75"]);
    assert_eq!((tails(&mut w), check(&mut w, "stop-source-services", "keeping-up").is), (vec![], Tri::Unknown));
}

#[test]
fn of_two_partitions_the_one_that_stands_is_looked_at_first() {
    let two = "t=0 src.topic crm.ingestion 2; src.member rtu rtu-src-0 crm.ingestion
        t=1 src.end crm.ingestion/0 =10; src.commit rtu crm.ingestion/0 =7
        t=1 src.end crm.ingestion/1 =20; src.commit rtu crm.ingestion/1 =5
        t=200 src.commit rtu crm.ingestion/0 =8";
    let mut w = played(services(), &[two, "t=312"]);
    assert_eq!(tails(&mut w), [(1, 5, 20)], "the other one has moved within five minutes");
    assert_eq!(
        keeping_up(&mut w).split_once(" is ").map(|(of, _)| of.to_owned()).as_deref(),
        Some("no-go (falling-behind): group rtu on crm.ingestion partition 1 (source)")
    );
    // Both stand: the first of them.
    w.play("t=520");
    assert_eq!(tails(&mut w), [(0, 8, 10)]);
}

#[test]
fn a_group_without_members_is_told_to_be_abandoned_by_so_many_records() {
    let left = "t=0 src.topic crm.ingestion 2
        t=1 src.end crm.ingestion/0 =10; src.commit rtu crm.ingestion/0 =7
        t=1 src.end crm.ingestion/1 =20; src.commit rtu crm.ingestion/1 =5";
    let mut w = played(services(), &[left, "t=320"]);
    assert_eq!(
        keeping_up(&mut w),
        "no-go (abandoned): group rtu on crm.ingestion partitions 0, 1 (source) is 18 records behind, and nobody is there to read: nothing was committed for 5 min"
    );
}

/// Everything before the names is skipped.
fn names_only() -> Settings {
    let mut s = estate();
    for step in ["deploy-services", "redirect-traffic", "stop-source-services"] {
        s.skip.insert(step.into(), "moved before".into());
    }
    s
}

#[test]
fn a_probe_holds_up_the_names_by_itself_only_where_no_check_of_the_step_asks_it() {
    // What blocks the switch of the names besides its own checks.
    let blocks = |kind: ProbeKind, side: Side| {
        let mut s = names_only();
        s.probes.insert("team".into(), probe(kind, side, &["switch-dns"]));
        let state = if kind == ProbeKind::Dns { "probe.names team old 60" } else { "probe.fail team" };
        let mut w = played(s, &[SHOP, &format!("t=12 {state}\nt=80")]);
        let board = w.settle().board;
        let ready = &board.step("switch-dns").unwrap().ready;
        let by_itself = ready.blockers.iter().any(|f| f.is == Tri::No);
        let asked = ready.checks.iter().any(|c| c.check.id == "entry-points" && c.is == Tri::No);
        (by_itself, asked)
    };
    assert_eq!(blocks(ProbeKind::Tcp, Side::Source), (true, false));
    assert_eq!(blocks(ProbeKind::Tcp, Side::Destination), (false, true));
    // A name has moved only once the step is taken.
    assert_eq!(blocks(ProbeKind::Dns, Side::Source), (false, false));
    assert_eq!(blocks(ProbeKind::Dns, Side::Destination), (false, false));
}

#[test]
fn the_destination_is_healthy_by_its_own_probes_and_those_that_gate_the_traffic() {
    let healthy = |kind: ProbeKind, side: Side, gates: &[&str]| {
        let mut s = estate();
        s.probes.insert("team".into(), probe(kind, side, gates));
        let mut w = played(s, &[SHOP, "t=12 probe.pass api; probe.fail team\nt=80"]);
        check(&mut w, "redirect-traffic", "destination-healthy").reading.is
    };
    let traffic = ["redirect-traffic"];
    assert_eq!(healthy(ProbeKind::Http, Side::Destination, &[]), Tri::No);
    assert_eq!(healthy(ProbeKind::Tcp, Side::Destination, &[]), Tri::No);
    assert_eq!(healthy(ProbeKind::Http, Side::Source, &[]), Tri::Yes);
    assert_eq!(healthy(ProbeKind::Http, Side::Source, &traffic), Tri::No);
    assert_eq!(healthy(ProbeKind::Promql, Side::Destination, &[]), Tri::Yes);
    // Whether the traffic has moved is asked once it was sent there.
    assert_eq!(healthy(ProbeKind::Promql, Side::Destination, &traffic), Tri::Yes);
}

#[test]
fn a_word_that_the_names_have_moved_stands_where_a_resolver_is_silent_and_not_where_it_answers_otherwise() {
    let told = |state: &str| {
        let text = format!("t=80 op begin switch-dns; probe.fail entry; {state}\nt=110 op confirm names-moved\nt=112");
        let mut w = played(names_only(), &[SHOP, &text]);
        let c = check(&mut w, "switch-dns", "names-moved");
        (c.is, c.chief().code.as_str())
    };
    assert_eq!(told("probe.silent name"), (Tri::Yes, "confirmed"));
    assert_eq!(told("probe.names name new 60 half"), (Tri::Yes, "confirmed"));
    assert_eq!(told("probe.names name old 60"), (Tri::No, "probe-fails"));
}

#[test]
fn a_name_that_was_not_heard_for_longer_than_a_sample_is_believed_may_be_kept_anew() {
    // It has moved at the sample at t=81, and an old answer may be kept for 300 s.
    let left = |silent_until: u32| {
        let silent = format!("t=202 probe.silent name\nt={silent_until} probe.names name new 60\nt=300");
        let mut w = played(names_only(), &[SHOP, "t=80 op begin switch-dns; probe.names name new 60", &silent]);
        check(&mut w, "switch-dns", "names-moved").chief().wait.map(|w| w.0 / 1000)
    };
    assert_eq!(left(208), Some(81), "heard again after ten seconds");
    assert_eq!(left(213), Some(81), "after three intervals, no longer");
    assert_eq!(left(218), Some(221), "heard again at t=221");
}

#[test]
fn a_requirement_that_probes_measure_is_what_the_first_that_does_not_pass_says() {
    let told = |a: &str, b: &str| {
        let mut s = estate();
        for name in ["net-a", "net-b"] {
            let probe =
                ProbeSettings { requirement: Some("network".into()), ..probe(ProbeKind::Tcp, Side::Source, &[]) };
            s.probes.insert(name.into(), probe);
        }
        let mut w =
            played(s, &[SHOP, &format!("t=12 probe.{a} net-a; probe.{b} net-b; op confirm requirement network\nt=80")]);
        let mut said = vec![];
        for r in playbook::REQUIREMENTS.iter().filter(|r| r.0 != "network") {
            w.play(&format!("t=80 op confirm requirement {}", r.0));
        }
        let c = check(&mut w, "deploy-services", "requirements");
        said.extend(c.reading.worst.iter().filter(|f| f.is != Tri::Yes).map(render::sentence));
        (c.is, said)
    };
    assert_eq!(told("pass", "pass"), (Tri::Yes, vec![]));
    let fails = |probe: &str| (Tri::No, vec![format!("probe {probe} does not pass: connection refused")]);
    assert_eq!(told("fail", "pass"), fails("net-a"));
    assert_eq!(told("pass", "fail"), fails("net-b"));
}

#[test]
fn a_session_is_waited_for_where_consumers_are_stopped_and_not_where_writers_are() {
    let mut s = estate();
    s.kafka.as_mut().unwrap().session_timeout = Dur::secs(200);
    let need = |step: &str, id: &str, witness: bool| {
        let step = playbook::step(step).unwrap();
        let u = step.done.iter().find(|u| u.check.id == id).unwrap();
        assert!(matches!(u.check.dwell, Dwell::Absence { .. }));
        playbook::dwell_of(&s, step, u.check, false, witness)
    };
    assert_eq!(need("stop-consumers", "nobody-attached", true), Dur::secs(200));
    assert_eq!(need("stop-consumers", "nobody-attached", false), Dur::mins(6));
    assert_eq!(need("stop-writers", "writers-gone", true), Dur::secs(150));
}

#[test]
fn a_dwell_tells_what_it_asks_for_and_the_least_that_it_accepts() {
    let told = |d: Dwell| (d.default(), d.floor());
    let (default, floor) = (Dur::secs(60), Dur::secs(45));
    assert_eq!(told(Dwell::None), (Dur::ZERO, Dur::ZERO));
    assert_eq!(told(Dwell::For { default, floor }), (default, floor));
    assert_eq!(told(Dwell::Own { default, floor }), (default, floor));
    assert_eq!(told(Dwell::Replicas { default }), (default, Dur::secs(45)));
    let (long, short) = (Dur::mins(6), Dur::mins(1));
    assert_eq!(told(Dwell::Absence { long, short, shown: |_| true, shorter: |_| None }), (long, long));
}
