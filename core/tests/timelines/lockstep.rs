//! Two agents watch the same estate, one of them with less to go by: from some instant on a reading fails it, its
//! configuration is stricter, or a person holds it back. Whatever is go for that one is go for the other as well.
//!
//! They are compared second by second for as long as every step has come equally far with both. When they part, the one
//! with less must be the one behind: it may begin a step later, and from then on other facts hold.

use super::stories::{KAFKA, MONGODB, SERVICES, Story, Tale, Telling, lives, told};
use super::world::stories;
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::gate::board::{Answer, Life, Verdict};
use cutover_core::pattern::Pattern;
use cutover_core::reading::{Code, Finding, Subject, Tri};
use cutover_core::settings::*;
use cutover_core::time::Dur;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How one of the two has less to go by.
#[derive(Clone, Copy, Debug)]
enum Less {
    /// A reading fails, and goes on failing.
    Lost(&'static str, &'static str),
    /// Both are started again, one of them with a stricter configuration.
    Stricter(usize),
    /// A person holds a step or all of them, or there is a hold file.
    Held(&'static str),
}

type Change = fn(&mut Settings);

/// What makes a configuration stricter, each with a word on what it is. The tales start out with the relaxations that these
/// take away.
const STRICTER: &[(&str, Change)] = &[
    ("drained longer", |s| dwell(s, "stop-consumers", "drained", 100)),
    ("idle longer", |s| dwell(s, "stop-consumers", "ingestion-idle", 100)),
    ("nobody attached longer", |s| dwell(s, "stop-consumers", "nobody-attached", 400)),
    ("mirror drained longer", |s| dwell(s, "stop-mirror", "drained", 70)),
    ("following longer", |s| dwell(s, "switch-readers", "following", 60)),
    ("writers gone longer", |s| dwell(s, "stop-writers", "writers-gone", 500)),
    ("silent longer", |s| dwell(s, "stop-writers", "no-source-write", 500)),
    ("quiet longer", |s| dwell(s, "stop-mirror", "destination-quiet", 90)),
    ("present longer", |s| dwell(s, "redirect-traffic", "present", 100)),
    ("at work longer", |s| dwell(s, "stop-source-services", "at-work", 100)),
    ("healthy longer", |s| dwell(s, "redirect-traffic", "destination-healthy", 100)),
    ("a younger sample", |s| {
        s.kafka.iter_mut().for_each(|k| k.interval = Dur::secs(2));
        s.mongodb.iter_mut().for_each(|m| m.interval = Dur::secs(2));
        s.probes.values_mut().for_each(|p| p.interval = Dur::secs(2));
    }),
    ("a younger list", |s| {
        s.kafka.iter_mut().for_each(|k| k.slow_interval = Dur::secs(20));
        s.mongodb.iter_mut().for_each(|m| m.slow_interval = Dur::secs(20));
    }),
    ("a longer pace", |s| s.pace = Dur::mins(3)),
    ("after the readers", |s| drop(s.after.insert("stop-consumers".into(), vec!["switch-readers".into()]))),
    ("after another", |s| drop(s.after.insert("redirect-traffic".into(), vec!["start-mirror".into()]))),
    ("requirements", |s| s.requirements_enforced = true),
    ("a probe more", |s| {
        for p in ["start-mirror", "stop-writers", "stop-consumers", "stop-source-services", "start-writers"] {
            let gates = [p.into()].into();
            let (kind, side) = (ProbeKind::Http, Side::Source);
            let probe = ProbeSettings { kind, side, interval: Dur::secs(5), vantage: None, gates, requirement: None };
            s.probes.insert(format!("probe-of-{p}").into(), probe);
        }
    }),
    ("a longer pause", |s| s.kafka.iter_mut().for_each(|k| k.longest_pause = Dur::days(90))),
    ("a longer cadence", |s| producers(s, |p| p.cadence = Some(Dur::secs(150)))),
    ("an unknown cadence", |s| producers(s, |p| p.cadence = None)),
    ("a producer more", |s| {
        for k in s.kafka.iter_mut() {
            let too = Producer { cadence: Some(Dur::secs(90)), ..k.producers["crm-cdc"].clone() };
            k.producers.insert("erp".into(), too);
        }
    }),
    ("nothing unread", |s| s.kafka.iter_mut().for_each(|k| k.unread.clear())),
    ("everything seeded", |s| s.kafka.iter_mut().for_each(|k| k.unseeded.clear())),
    ("nothing archived", |s| s.kafka.iter_mut().for_each(|k| k.archived.clear())),
    ("a longer session", |s| s.kafka.iter_mut().for_each(|k| k.session_timeout = Dur::secs(200))),
    ("a rule for writers more", |s| mongodb(s, |m| m.writers.push(rule("batch-*")))),
    ("a rule for readers more", |s| mongodb(s, |m| m.readers.push(rule("report-*")))),
    ("no bystander", |s| mongodb(s, |m| m.bystanders.clear())),
    ("a database more", |s| mongodb(s, |m| m.databases.extend(["audit".into()]))),
    ("a mirror more", |s| {
        mongodb(s, |m| drop(m.mirrors.insert("too".into(), m.mirrors["all"].clone())));
    }),
    ("no lag", |s| mongodb(s, |m| m.mirrors.values_mut().for_each(|m| m.lag = None))),
    ("slower copies", |s| mongodb(s, |m| m.copy_rate = 1)),
    ("supported versions", |s| mongodb(s, |m| m.unsupported_versions = None)),
    ("nothing at the destination", |s| mongodb(s, |m| m.may_have.clear())),
];

fn dwell(s: &mut Settings, step: &str, check: &str, secs: i64) {
    s.dwell.insert((step.into(), check.into()), Dur::secs(secs));
}

fn producers(s: &mut Settings, change: fn(&mut Producer)) {
    s.kafka.iter_mut().flat_map(|k| k.producers.values_mut()).for_each(change);
}

fn mongodb(s: &mut Settings, change: fn(&mut MongodbSettings)) {
    s.mongodb.iter_mut().for_each(change);
}

fn rule(pattern: &str) -> ClientRule {
    ClientRule { field: MongoField::AppName, pattern: Pattern::parse(pattern).unwrap() }
}

fn less(tale: &'static Tale) -> impl Strategy<Value = Less> {
    let lost = prop::sample::select(tale.losses.to_vec()).prop_map(|(what, back)| Less::Lost(what, back));
    let stricter = (0..STRICTER.len()).prop_map(Less::Stricter);
    let holds = [
        "op hold",
        "holdfile lunch",
        "op hold stop-consumers",
        "op hold start-consumers",
        "op hold stop-mirror",
        "op hold start-writers",
        "op hold stop-source-services",
    ];
    let steps: Vec<Name> = tale_steps(tale);
    let known = move |h: &&str| h.strip_prefix("op hold ").is_none_or(|step| steps.iter().any(|s| &**s == step));
    let held = prop::sample::select(holds.into_iter().filter(known).collect::<Vec<_>>()).prop_map(Less::Held);
    prop_oneof![3 => lost, 3 => stricter, 1 => held]
}

fn tale_steps(tale: &Tale) -> Vec<Name> {
    let tracks = (tale.settings)().tracks;
    tracks.into_iter().flat_map(|t| cutover_core::playbook::steps(t).iter().map(|s| s.id.into())).collect()
}

/// What is lost is believed for another three intervals.
const BELIEVED: i64 = 16;

/// What is known to differ, and why that is meant: the port of a mirror that answers contradicts its end, one that is
/// silent does not.
fn meant(less: Less, step: &str) -> bool {
    matches!((less, step), (Less::Lost("mirror.refuse", _), "stop-mirror" | "start-writers"))
}

/// Nothing is in the way but effects that came when the other one could not look any more, and had not been there before:
/// nobody sees them then.
fn came_unseen(a: &Answer, seen_before: &BTreeSet<&str>) -> bool {
    let new = |f: &Finding| f.code == Code::OutOfOrder && !matches!(f.at, Subject::Step(s) if seen_before.contains(s));
    a.blockers.iter().filter(|f| f.is != Tri::Yes).all(new) && a.missing().next().is_none()
}

/// How many gos of the one with less were looked at, and how many the other one had that it had not.
#[derive(Default)]
struct Seen {
    gos: u64,
    missed: u64,
}

/// Plays a story to both; the first instant at which the one with less is ahead.
fn play(tale: &'static Tale, story: &Story, at: i64, less: Less) -> Result<Seen, String> {
    let settings = (tale.settings)();
    let (mut more, mut poor) = (Telling::new(settings.clone(), story), Telling::new(settings.clone(), story));
    let (mut seen, mut before) = (Seen::default(), None::<BTreeMap<Name, u8>>);
    let mut out_of_order = BTreeSet::new();
    for t in 0..at + 420 {
        if t == at {
            match less {
                Less::Lost(what, back) => {
                    poor.world.play(&format!("t={t} {what}"));
                    poor.deaf = Some(back).filter(|b| !b.is_empty());
                }
                Less::Stricter(i) => {
                    let mut stricter = settings.clone();
                    STRICTER[i].1(&mut stricter);
                    poor.world.restart_with(stricter);
                    more.world.restart_with(settings.clone());
                }
                Less::Held(how) => poor.world.play(&format!("t={t} {how}")),
            }
        }
        let (a, b) = (more.on(t), poor.on(t));
        let lost = matches!(less, Less::Lost(..));
        if t < at {
            out_of_order = a.steps.iter().filter(|s| s.life == Life::OutOfOrder).map(|s| s.step.id).collect();
        }
        if t < at + if lost { BELIEVED } else { 0 } {
            continue;
        }
        for (with, without) in a.steps.iter().zip(&b.steps).filter(|(s, _)| !meant(less, s.step.id)) {
            let go = a.verdict(&with.ready, more.world.now) == Verdict::Go;
            if b.verdict(&without.ready, poor.world.now) != Verdict::Go {
                seen.missed += u64::from(go);
                continue;
            }
            seen.gos += 1;
            let unseen = lost && came_unseen(&with.ready, &out_of_order);
            if with.ready.settled.is_none() && !go && !unseen {
                let why = cutover_core::render::answer(&with.ready);
                return Err(format!("t={t} {} is go with less, and with more {why}", with.step.id));
            }
        }
        let (far, less_far) = (lives(&a), lives(&b));
        if far != less_far {
            // One that came undone for the other only says that it was measured there.
            let advanced =
                |(step, n): &(&Name, &u8)| before.as_ref().is_some_and(|b| *n > &b[*step] && *n > &far[*step]);
            let unseen = |step: &Name| lost && a.step(step).is_some_and(|s| came_unseen(&s.ready, &out_of_order));
            return match less_far.iter().find(|s| advanced(s) && !meant(less, s.0) && !unseen(s.0)) {
                Some((step, _)) => Err(format!("t={t} {step} has come further with less")),
                None => Ok(seen),
            };
        }
        before = Some(far);
    }
    Ok(seen)
}

fn check(tale: &'static Tale, story: &Story, at: i64, less: Less) -> Result<(), TestCaseError> {
    if let Err(e) = play(tale, story, at, less) {
        let name = if let Less::Stricter(i) = less { STRICTER[i].0 } else { "" };
        prop_assert!(false, "{e}\nfrom t={at} on: {less:?} {name}\n{}", told(story));
    }
    Ok(())
}

/// Or nothing would be compared.
#[test]
fn less_to_go_by_is_less() {
    let stricter = |name: &str| Less::Stricter(STRICTER.iter().position(|s| s.0 == name).unwrap());
    let cases = [
        (&KAFKA, 100, Less::Lost("src.break crm.pr-update/0", "")),
        (&KAFKA, 60, stricter("nothing unread")),
        (&KAFKA, 10, stricter("a longer pause")),
        (&KAFKA, 85, Less::Held("op hold stop-consumers")),
        (&MONGODB, 70, Less::Lost("msrc.oplog no", "msrc.oplog yes")),
        (&MONGODB, 5, stricter("nothing at the destination")),
        (&MONGODB, 5, stricter("supported versions")),
        (&SERVICES, 90, Less::Lost("probe.silent api", "probe.pass api")),
        (&SERVICES, 20, stricter("healthy longer")),
    ];
    for (tale, at, less) in cases {
        let seen = play(tale, &tale.plain(), at, less).unwrap();
        assert!(seen.missed > 0, "from t={at} on {less:?} keeps nothing from being go");
    }
    let same = play(&KAFKA, &KAFKA.plain(), 60, stricter("a rule for readers more")).unwrap();
    assert!(same.gos > 20 && same.missed == 0, "{} gos, {} missed", same.gos, same.missed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(10), max_shrink_iters: 800, ..ProptestConfig::default() })]

    #[test]
    fn with_less_to_go_by_nothing_of_kafka_is_go_sooner(story in KAFKA.story(), at in 1..KAFKA.until, less in less(&KAFKA)) {
        check(&KAFKA, &story, at, less)?;
    }

    #[test]
    fn with_less_to_go_by_nothing_of_mongodb_is_go_sooner(story in MONGODB.story(), at in 1..MONGODB.until, less in less(&MONGODB)) {
        check(&MONGODB, &story, at, less)?;
    }

    #[test]
    fn with_less_to_go_by_no_service_is_go_sooner(story in SERVICES.story(), at in 1..SERVICES.until, less in less(&SERVICES)) {
        check(&SERVICES, &story, at, less)?;
    }
}
