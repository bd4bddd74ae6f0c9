//! The rehearsal without its surfaces: same seed, same account; what is invented; what is recorded and played again.

use super::account::{Line, Who};
use super::drive::{self, Drive, Ended, Pace};
use super::invent;
use super::outside::Outside;
use super::plan::Plan;
use super::replay::Replay;
use super::report::Report;
use super::say::Say;
use crate::clock::Turned;
use crate::config;
use crate::record::{Entry, Recorder, Recording};
use arc_swap::ArcSwap;
use cutover_core::estate::{Content, Side, Target};
use cutover_core::settings::Track;
use cutover_sim::model::apps::Style;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Plays a plan with a real journal; its account, and how it ended.
fn played(plan: &Plan, pace: Pace, json: bool, sum_up: bool) -> (String, Ended) {
    let folder = tempfile::tempdir().unwrap();
    // A handle drives no timers of a runtime of one thread: whoever waits for an instant would wait for ever.
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (_asking, requests) = mpsc::channel(1);
    let (_stop, stopped) = watch::channel(false);
    let outside = Outside::open(folder.path(), plan, Arc::new(ArcSwap::from_pointee(None))).unwrap();
    let mut drive = Drive::new(plan.clone(), outside, Arc::new(Turned::default()), requests, stopped, pace);
    let mut out = Vec::new();
    let mut say = Say::new(&mut out, json, false);
    let ended = drive.play(rt.handle(), &mut say).unwrap();
    if sum_up {
        drive.sum_up(ended, None, &mut say).unwrap();
    }
    (String::from_utf8(out).unwrap(), ended)
}

#[test]
fn the_same_seed_is_the_same_account_to_the_byte_at_any_speed() {
    let plan = Plan::shop().unwrap();
    for json in [false, true] {
        let (slow, ended) = played(&plan, Pace::Times(2_000.0), json, json);
        assert_eq!(ended, Ended::Over);
        let (fast, _) = played(&plan, Pace::Max, json, json);
        assert_eq!(slow, fast);
        assert!(slow.lines().all(|l| json || l.chars().count() <= 100), "{slow}");
        let mut other = plan.clone();
        other.seeded(2);
        assert_ne!(played(&other, Pace::Max, json, false).0, slow);
    }
}

#[test]
fn the_built_in_migration_tells_what_a_person_needs_to_see() {
    let (told, _) = played(&Plan::shop().unwrap(), Pace::Max, false, true);
    for part in [
        "start-mirror is claimed",
        "mirror shop carries what is written",
        "there is no way back from stop-mirror",
        "the downtime of the mongodb track begins",
        "writer svc-rtu-orders-dst is started on the destination MongoDB",
        "service single-view is deployed at the destination",
        "redirect-traffic is claimed",
        "the traffic is sent to the destination",
        "service shop.PROD.bi.export is removed from the source",
        "the names are set to the destination",
        "(still-cached)",
        "downtime of the mongodb track:",
        "switch-producers is claimed",
        "there is no way back from stop-consumers",
        "(still-written)",
        "erp-etl writes to the destination now",
        "the downtime of the kafka track begins",
        "(attached): group shop.PROD.bi.export",
        "proves by reading that offsets",
        "GO after",
        "the migration came to its end",
        "downtime of the kafka track:",
    ] {
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(part), "{part}\n{told}");
    }
    let lines: Vec<serde_json::Value> = played(&Plan::shop().unwrap(), Pace::Max, true, true)
        .0
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let report = lines.last().unwrap();
    assert_eq!((&report["simulated"], &report["finished"]), (&true.into(), &true.into()));
    assert!(lines.iter().any(|l| l["who"] == "agent" && l["step"] == "start-consumers" && l["verdict"] == "go"));
}

fn configured(text: &str) -> config::Config {
    let folder = tempfile::tempdir().unwrap();
    for side in ["source", "destination"] {
        std::fs::write(folder.path().join(side), format!("bootstrap.servers={side}.example:9092\n")).unwrap();
        let uri = format!("mongodb://agent:x@{side}.example:27017/?replicaSet=rs0\n");
        std::fs::write(folder.path().join(format!("{side}.uri")), uri).unwrap();
    }
    let at = |side: &str| folder.path().join(side).display().to_string();
    let text = text.replace("SOURCE", &at("source")).replace("DESTINATION", &at("destination"));
    let file = folder.path().join("mine.yaml");
    std::fs::write(&file, text).unwrap();
    config::load(&[file], &BTreeMap::new()).map_err(|e| e.to_string()).unwrap()
}

const MINE: &str = "\
migration: shop-prod
scope: shop.PROD
requirements: enforced
pace: 90s
kafka:
  source: { properties_file: SOURCE }
  destination: { properties_file: DESTINATION }
  rename: { topics: { \"shop.PROD.\": \"shop.prod.\" }, groups: { \"shop.PROD.\": \"shop.prod.\" } }
producers:
  crm-cdc: { topics: [\"*.crm.*.ingestion\"], owner: team-crm, cadence: 2min }
";

#[test]
fn a_configuration_is_rehearsed_by_its_own_limits_and_the_report_says_how_to_confirm_it() {
    let config = configured(&format!("{MINE}steps: {{ stop-consumers: {{ drained: {{ for: 3min }} }} }}\n"));
    let plan = invent::plan(&config, 1, None).unwrap();
    assert_eq!(&*plan.settings.migration, "rehearsal-of-shop-prod", "no pipeline may take it for the real one");
    let topics: Vec<&str> = plan.scenario.topics.iter().map(|(t, _)| &**t).collect();
    assert!(topics.contains(&"shop.PROD.crm.orders.ingestion"), "{topics:?}");
    let (ended, account, world) = plan.silently();
    let report = Report::of(&plan, &account, &world, ended);
    assert!(report.good(), "{report:?}");
    let step = |id: &str| report.steps.iter().find(|s| s.step == id).unwrap();
    assert!(step("stop-consumers").waited_seconds >= Some(90), "{report:?}");
    let confirm = report.confirm.as_deref().unwrap();
    let hash = &*config.settings.config_hash;
    assert!(confirm.starts_with("cutover-agent confirm requirement rehearsed --reason "), "{confirm}");
    assert!(confirm.contains(hash) && confirm.contains("kafka downtime"), "{confirm}");
    let down = &report.downtimes[0];
    assert_eq!(down.track, Track::Kafka);
    assert!(down.seconds >= Some(360), "nobody-attached alone takes six minutes: {down:?}");
    // A slower limit shows in what it says.
    let slower = configured(&format!("{MINE}steps: {{ stop-consumers: {{ nobody-attached: {{ for: 20min }} }} }}\n"));
    let plan = invent::plan(&slower, 1, None).unwrap();
    let (ended, account, world) = plan.silently();
    assert!(Report::of(&plan, &account, &world, ended).downtimes[0].seconds >= Some(1_200));
}

const MONGODB: &str = "\
mongodb:
  source: { uri_file: SOURCE.uri }
  destination: { uri_file: DESTINATION.uri }
  databases: [shop]
  mirrors:
    all: { kind: mongomirror, url: \"http://127.0.0.1:9100/\", client: { address: 10.0.0.7 } }
";

#[test]
fn a_configuration_with_a_mongodb_section_is_rehearsed_on_both_tracks() {
    let identity =
        "identity:\n  readers: { mongodb: { app_name: crud-* } }\n  writers: { mongodb: { app_name: svc-* } }\n";
    let config =
        configured(&format!("{MINE}{MONGODB}{identity}steps: {{ switch-producers: {{ after: start-writers }} }}\n"));
    let plan = invent::plan(&config, 1, None).unwrap();
    assert_eq!(plan.scenario.tracks, [Track::Mongodb, Track::Kafka], "as `after` has them");
    let (ended, account, world) = plan.silently();
    let report = Report::of(&plan, &account, &world, ended);
    assert!(report.good(), "{report:?}");
    let tracks: Vec<Track> = report.downtimes.iter().map(|d| d.track).collect();
    assert_eq!(tracks, [Track::Mongodb, Track::Kafka]);
}

#[test]
fn a_configuration_whose_services_move_is_rehearsed_with_its_probes_in_its_order() {
    let services = "\
identity:
  readers: { mongodb: { app_name: crud-* } }
  writers: { mongodb: { app_name: svc-* } }
  destination: { kafka: { client_id: \"*-dst\" }, mongodb: { app_name: \"{service}-dst\" } }
probes:
  gateway: { kind: http, url: \"http://127.0.0.1:8080/healthz\", side: destination }
  share: { kind: promql, url: \"http://127.0.0.1:9090\", query: \"sum(share) > 0.99\", side: destination, gates: [redirect-traffic] }
  entry: { kind: tcp, address: \"127.0.0.1:443\", side: destination, gates: [switch-dns] }
  name: { kind: dns, name: api.example, resolvers: [\"10.0.0.53:53\"], expect: [10.2.0.1], side: destination }
steps: { deploy-services: { after: start-consumers }, start-mirror: { after: start-consumers } }
";
    let config = configured(&format!("{MINE}{MONGODB}{services}"));
    let plan = invent::plan(&config, 1, None).unwrap();
    assert_eq!(plan.scenario.tracks, [Track::Kafka, Track::Mongodb, Track::Services]);
    let (ended, account, world) = plan.silently();
    let report = Report::of(&plan, &account, &world, ended);
    assert!(report.good(), "{report:?}");
    assert!(report.steps.iter().any(|s| s.step == "switch-dns" && s.done_seconds.is_some()), "{report:?}");
    assert!(
        plan.assumptions.iter().any(|a| a.contains("the probes entry, gateway, name, share")),
        "{:?}",
        plan.assumptions
    );
}

#[test]
fn a_configuration_that_could_never_be_switched_is_told_before_the_night_comes() {
    // This pattern takes what the services write among each other for the producer's.
    let config = configured(&MINE.replace("*.crm.*.ingestion", "shop.PROD.crm.*"));
    let plan = invent::plan(&config, 1, None).unwrap();
    let (ended, account, world) = plan.silently();
    let report = Report::of(&plan, &account, &world, ended);
    assert_eq!(ended, Ended::Stuck);
    assert!(report.confirm.is_none() && !report.good());
    assert!(report.waits_for.as_deref().is_some_and(|w| w.contains("(not-grown)")), "{:?}", report.waits_for);
}

/// The boards that a plan's agent publishes while everything is recorded, and those of the recording.
fn boards(plan: &Plan, file: &Path, other: Option<&Plan>) -> (Vec<String>, Vec<String>) {
    let outside = Outside::silent(plan).recorded(Some(Recorder::open(file, 64 << 20).unwrap()));
    let mut world = drive::world(plan, Some(outside));
    let mut then = Vec::new();
    let (mut serial, mut required) = (0, !plan.settings.requirements_enforced);
    while drive::ended(&world, plan).is_ok() {
        world.step();
        drive::require(&mut world, &mut required);
        if let Some(p) = world.agent.published.as_ref().filter(|p| p.serial != serial) {
            serial = p.serial;
            then.push(format!("{:?}", p.board));
        }
    }
    drop(world);
    let mut recording = Recording::open(file).unwrap();
    let mut replay = Replay::new(other.map(|p| p.settings.clone()));
    let mut now = Vec::new();
    while let Some(entry) = recording.next().unwrap() {
        now.extend(replay.apply(&entry).unwrap().map(|b| format!("{b:?}")));
    }
    assert_eq!(recording.torn(), None);
    (then, now)
}

#[test]
fn a_recorded_run_played_again_gives_the_same_boards() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["happy-claims", "mongodb-restart-in-the-downtime", "killed-agent", "clock-steps", "late-record"] {
        let text = cutover_sim::SCENARIOS.iter().find(|(n, _)| *n == name).unwrap().1;
        let plan = Plan::scripted(super::scenario::parse(name, text).unwrap(), name.to_owned());
        let (then, now) = boards(&plan, &folder.path().join(name), None);
        assert!(then.len() > 200, "{name}: {}", then.len());
        // Within one event the agent may have published more than once: every board seen is among them, in order.
        let mut rest = now.iter();
        for (i, board) in then.iter().enumerate() {
            assert!(rest.any(|b| b == board), "{name}: board {i} is not there\n{board}");
        }
    }
}

#[test]
fn other_limits_show_where_the_answers_differ() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("night.rec");
    let config = configured(MINE);
    let plan = invent::plan(&config, 1, None).unwrap();
    boards(&plan, &file, None);
    let told = |other: &config::Config| {
        let mut out = Vec::new();
        let same = super::replay::run(&file, Some(other), None, &mut Say::new(&mut out, true, false)).unwrap();
        let lines = String::from_utf8(out).unwrap();
        (same, lines)
    };
    let mut config = config;
    config.settings = (*plan.settings).clone();
    let (same, lines) = told(&config);
    assert!(same, "{lines}");
    config
        .settings
        .dwell
        .insert(("stop-consumers".into(), "nobody-attached".into()), cutover_core::time::Dur::mins(30));
    let (same, lines) = told(&config);
    assert!(!same);
    assert!(lines.contains("recorded: done") && lines.contains("now: begun"), "{lines}");
}

/// A recording of the invented estate of a configuration.
fn recorded(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("night.rec");
    boards(&invent::plan(&configured(MINE), 1, None).unwrap(), &file, None);
    file
}

/// The recording with other entries.
fn altered(file: &Path, to: &str, mut alter: impl FnMut(Entry) -> Entry) -> std::path::PathBuf {
    let to = file.with_file_name(to);
    let mut recording = Recording::open(file).unwrap();
    let mut recorder = Recorder::anew(&to, 64 << 20).unwrap();
    while let Some(entry) = recording.next().unwrap() {
        let entry = alter(entry);
        recorder.copy(entry.at().unwrap_or_default(), &entry);
    }
    assert_eq!(recorder.finish(), None);
    to
}

/// Whether nothing is different in a replay, and what it tells; the last line is its summary.
fn replayed(file: &Path, recorder: Option<Recorder>) -> (bool, Vec<serde_json::Value>) {
    let mut out = Vec::new();
    let same = super::replay::run(file, None, recorder, &mut Say::new(&mut out, true, false)).unwrap();
    (same, String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

#[test]
fn a_changed_gate_is_noticed_by_instant_and_step_and_its_answers_can_be_recorded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let (same, told) = replayed(&file, None);
    let summary = told.last().unwrap();
    assert!(same && summary["different"] == 0, "{summary}");
    assert_eq!((&summary["replay"], &summary["compared"]), (&true.into(), &summary["evaluations"]));

    // As a gate would answer that asks for a longer dwell, over what was answered without it.
    let longer = altered(&file, "longer.rec", |e| match e {
        Entry::Start { at, mut settings, facts } => {
            let check = ("stop-consumers".into(), "nobody-attached".into());
            settings.dwell.insert(check, cutover_core::time::Dur::mins(30));
            Entry::Start { at, settings, facts }
        }
        e => e,
    });
    let (same, told) = replayed(&longer, None);
    let summary = told.last().unwrap();
    assert!(!same && summary["different"].as_u64() > Some(0), "{summary}");
    assert!(summary["different"].as_u64() < summary["compared"].as_u64(), "{summary}");
    let text = |l: &serde_json::Value| l["text"].as_str().unwrap_or_default().to_owned();
    let line = told.iter().find(|l| text(l).contains("this version answers")).unwrap();
    assert_eq!(line["step"], "stop-consumers", "{line}");
    assert!(line["at_ms"].as_i64() > Some(0), "{line}");
    let (left, right) = ("answered then: done", "this version answers: begun");
    assert!(told.iter().any(|l| text(l).contains(left) && text(l).contains(right)), "{told:#?}");
    assert!(told.iter().any(|l| text(l).contains("nobody-attached/dwelling")), "{told:#?}");

    // What this version answers is what is to be answered from now on.
    let new = folder.path().join("new.rec");
    let recorder = || Some(Recorder::anew(&new, 64 << 20).unwrap());
    assert!(!replayed(&longer, recorder()).0);
    let (same, told) = replayed(&new, None);
    assert!(same, "{told:#?}");
    assert_eq!(told.last().unwrap()["compared"], summary["compared"]);
    // The same again is the same file.
    std::fs::remove_file(&new).unwrap();
    assert!(replayed(&file, recorder()).0);
    let copy = altered(&file, "copy.rec", |e| e);
    assert!(std::fs::read(&copy).unwrap() == std::fs::read(&new).unwrap());
}

#[test]
fn a_recording_of_the_first_form_is_told_and_has_nothing_to_compare() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let first = altered(&file, "first.rec", |e| match e {
        Entry::Turned { at, .. } => Entry::Turn(at),
        // It did not know who was refused.
        Entry::Asked { at, facts, .. } => Entry::Said(at, facts.unwrap_or_default()),
        e => e,
    });
    let mut bytes = std::fs::read(&first).unwrap();
    bytes[..20].copy_from_slice(b"cutover-recording 1\n");
    std::fs::write(&first, bytes).unwrap();
    let (same, told) = replayed(&first, None);
    let words = told[told.len() - 2]["text"].as_str().unwrap().to_owned();
    assert!(same && words.contains("a recording of form 1 has no answers"), "{words}");
    let verdicts = |told: &[serde_json::Value]| told.iter().filter(|l| !l["verdict"].is_null()).count();
    assert_eq!(verdicts(&told), verdicts(&replayed(&file, None).1));
    // Recorded anew it has the answers of this version.
    let new = folder.path().join("new.rec");
    replayed(&first, Some(Recorder::anew(&new, 64 << 20).unwrap()));
    let (same, told) = replayed(&new, None);
    let summary = told.last().unwrap();
    assert!(same && summary["compared"].as_u64() > Some(200), "{summary}");
    // An agent of this version goes on with it.
    drop(Recorder::open(&first, 64 << 20).unwrap());
    assert!(!Recording::open(&first).unwrap().first_form());
    assert!(replayed(&first, None).0);
}

#[test]
fn what_is_recorded_anew_says_if_it_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let new = folder.path().join("new.rec");
    let recorder = Recorder::anew(&new, 2_000).unwrap();
    let said = super::replay::run(&file, None, Some(recorder), &mut Say::new(&mut Vec::new(), true, false));
    assert!(said.unwrap_err().contains("2000 bytes"));
    assert!(Recorder::anew(&new, 2_000).unwrap_err().contains("it exists"));
}

#[test]
fn the_account_has_a_line_for_every_point_of_no_return() {
    let (told, _) = played(&Plan::shop().unwrap(), Pace::Max, true, false);
    let who = |l: &str| serde_json::from_str::<serde_json::Value>(l).unwrap()["who"].clone();
    assert_eq!(told.lines().filter(|l| who(l) == "no-way-back").count(), 6);
    let line = Line { at_ms: 0, who: Who::NoWayBack, step: None, verdict: None, code: None, text: String::new() };
    assert!(serde_json::to_string(&line).unwrap().contains("no-way-back"));
}

const BOTH: &str = "steps: { switch-producers: { after: start-writers } }\n\
identity:\n  readers: { mongodb: { app_name: crud-* } }\n  writers: { mongodb: { app_name: svc-* } }\n";

/// An estate that no configuration would make up, played with somebody who records and never begins anything.
#[test]
fn an_estate_is_what_a_recording_of_it_says() {
    let scenario = "\
seed 5
interval 5
tracks mongodb kafka
operator nobody
until 1200
topic shop.PROD.crm.orders.ingestion 5
topic shop.PROD.crm.orders.pr-update 2
topic shop.PROD.crm.notes.ingestion 1
reader shop.PROD.orders reads=shop.PROD.crm.orders.ingestion writes=shop.PROD.crm.orders.pr-update style=next
reader shop.PROD.views reads=shop.PROD.crm.orders.pr-update
reader shop.PROD.notes reads=shop.PROD.crm.notes.ingestion style=assign
producer crm topics=shop.PROD.crm.orders.ingestion gap=1..2
producer slow topics=shop.PROD.crm.notes.ingestion gap=150..160
database shop
collection shop.baskets 700 indexes=customer
collection shop.customers 300
service crud-baskets reads
service svc-baskets writes=shop.baskets gap=4..6
mirror all copy=20
";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("day.rec");
    let plan = Plan::scripted(super::scenario::parse("day", scenario).unwrap(), "a day".to_owned());
    boards(&plan, &file, None);

    let producers = "  crm-notes: { topics: [\"*.notes.ingestion\"], owner: team-crm, cadence: 4min }\n";
    let mine = MINE.replace("*.crm.*.ingestion", "*.orders.ingestion").replace("cadence: 2min", "cadence: 30s");
    let config = configured(&format!("{mine}{producers}{MONGODB}{BOTH}"));
    let measured = super::measured::read(&file, &config.settings).unwrap();
    let plan = invent::plan(&config, 1, Some(&measured)).unwrap();
    let s = &plan.scenario;
    let topics: Vec<(&str, usize)> = s.topics.iter().map(|(t, n)| (&**t, *n)).collect();
    assert_eq!(
        topics,
        [
            ("shop.PROD.crm.notes.ingestion", 1),
            ("shop.PROD.crm.orders.ingestion", 5),
            ("shop.PROD.crm.orders.pr-update", 2)
        ]
    );
    let readers: Vec<(&str, _, Option<&str>)> =
        s.readers.iter().map(|r| (&*r.group, r.style, r.writes.as_deref())).collect();
    let updates = Some("shop.PROD.crm.orders.pr-update");
    assert_eq!(
        readers,
        [
            ("shop.PROD.notes", Style::Assign, None),
            ("shop.PROD.orders", Style::Next, updates),
            ("shop.PROD.views", Style::Classic, None)
        ]
    );
    // It wrote once in 1.5 s, and is invented to within a third of that.
    let (crm, _) = s.producers.iter().find(|(p, _)| &*p.name == "crm-cdc").unwrap();
    let mean = (crm.gap.0 + crm.gap.1) / 2;
    assert!((1_000..=2_000).contains(&mean), "{:?} {:#?}", crm.gap, plan.measured);
    let mongo = s.mongo.as_ref().unwrap();
    let held: Vec<(&str, i64)> = mongo.collections.iter().map(|(ns, n, _)| (&**ns, *n)).collect();
    assert_eq!((held[0].0, held[1]), ("shop.baskets", ("shop.customers", 300)), "{held:?}");
    assert!(held[0].1 > 700, "more were written since: {held:?}");
    assert_eq!((&mongo.readers, &mongo.writers), (&vec!["crud-baskets".to_owned()], &vec!["svc-baskets".to_owned()]));
    let writer = mongo.services.iter().find(|x| &*x.name == "svc-baskets").unwrap();
    assert!(writer.writes.contains(&"shop.baskets".into()), "{:?}", writer.writes);
    assert!((3_000..=8_000).contains(&((writer.gap.0 + writer.gap.1) / 2)), "{:?}", writer.gap);
    let said = |text: &str| plan.measured.iter().any(|m| m.contains(text));
    assert!(said("watched for 19 min"), "{:#?}", plan.measured);
    assert!(said("never silent for longer than 2 min 40 s") || said("never silent for longer than 2 min 35 s"));
    let (ended, account, world) = plan.silently();
    let report = Report::of(&plan, &account, &world, ended);
    assert!(report.good(), "{report:?}");
    // What the configuration says of a producer and the recording does not bear out.
    let hasty = configured(&format!("{mine}{}{MONGODB}{BOTH}", producers.replace("4min", "2min")));
    let refused = invent::plan(&hasty, 1, Some(&measured)).unwrap_err();
    assert!(refused.starts_with("producer crm-notes was silent for 2 min "), "{refused}");
    assert!(
        refused.contains("`producers.crm-notes.cadence` says that it is never silent for longer than 2 min"),
        "{refused}"
    );
}

#[test]
fn a_recording_from_the_middle_of_a_migration_tells_nothing_of_the_estate() {
    let folder = tempfile::tempdir().unwrap();
    let file = recorded(folder.path());
    let config = configured(MINE);
    let measured = super::measured::read(&file, &config.settings).unwrap();
    let before = measured.kafka.unwrap().watched();
    assert!(before < cutover_core::time::Dur::mins(10), "it ends where the first step begins: {before}");
    // Nothing that was sampled before.
    let mut begun = false;
    let late = altered(&file, "late.rec", |e| {
        begun |= matches!(&e, Entry::Turned { answers, .. } if answers.iter().any(|a| a.begun()));
        match e {
            Entry::Sample(at, _) if !begun => Entry::Turn(at),
            e => e,
        }
    });
    let said = super::measured::read(&late, &config.settings).unwrap_err();
    assert!(said.contains("late.rec: nothing can be taken from it"), "{said}");
    assert!(said.contains("no reading of the source's Kafka from before its track was begun"), "{said}");
    // One sample tells what there is, and no rate: "wrote nothing" would be an invention.
    let mut samples = 0;
    let one = altered(&file, "one.rec", |e| match e {
        Entry::Sample(at, s)
            if s.target == Target::Kafka(Side::Source) && matches!(s.outcome, Ok(Content::Kafka(_))) =>
        {
            samples += 1;
            if samples == 1 { Entry::Sample(at, s) } else { Entry::Turn(at) }
        }
        e => e,
    });
    let said = super::measured::read(&one, &config.settings).unwrap_err();
    assert!(said.contains("one.rec: nothing can be taken from it"), "{said}");
    assert!(super::measured::read(Path::new("nowhere.rec"), &config.settings).unwrap_err().contains("nowhere.rec"));
}
