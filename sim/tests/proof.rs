//! The proof: scenarios, random migrations, the same run from the same seed, and mutations that must be caught.
//!
//! `docs/proof.md` has the commands of the long forms and what they said.

use cutover_core::reading::Code;
use cutover_sim::mutate::{ALL, Mutation};
use cutover_sim::report::{Outcome, reported};
use cutover_sim::scenario::Scenario;
use cutover_sim::{campaign, random, random_services, shrink, world};
use std::collections::BTreeMap;
use std::sync::Mutex;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Migrations in a normal run, and how many of them have the services track, which takes five times as long; `MIGRATIONS`
/// asks for others, with the services from `FIRST_SEED=1000000000` on.
const MIGRATIONS: u64 = 20_000;
const WITH_SERVICES: u64 = 1_000;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn random_migrations_never_get_a_false_go_and_never_stay_stuck() {
    let (from, n) = (number("FIRST_SEED", 0), number("MIGRATIONS", MIGRATIONS - WITH_SERVICES));
    let mut report = campaign::run(from..from + n, true, &|_| {});
    if std::env::var("MIGRATIONS").is_err() && report.first_failing().is_none() {
        let from = random_services::FIRST;
        report.merge(campaign::run(from..from + WITH_SERVICES, true, &|_| {}));
    }
    println!("{}", report.text());
    if let Some(seed) = report.first_failing() {
        let s = random::scenario(seed);
        let failing = world::run(&s, None).failing.into_iter().find(|f| reported(f).is_none());
        let f = failing.expect("the same seed is the same run");
        let (small, f) = shrink::shrink(&s, &f, None);
        panic!("seed {seed}: {} {} {}: {}\n{}", f.what, f.step, f.kind, f.text, small.text());
    }
    assert!(report.finished * 2 > report.runs, "too few migrations come to the end to prove anything");
}

/// The scenarios by the names of their files.
fn scenarios() -> Vec<(String, Scenario)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(dir).expect("scenarios").flatten().map(|e| e.path()).collect();
    files.sort();
    let read = |f: &std::path::PathBuf| {
        let text = std::fs::read_to_string(f).expect("a scenario");
        let s = Scenario::parse(&text).unwrap_or_else(|e| panic!("{}: {}", f.display(), e.0));
        (f.file_stem().and_then(|n| n.to_str()).unwrap_or("").to_owned(), s)
    };
    files.iter().map(read).collect()
}

#[test]
fn every_scenario_says_what_it_must() {
    let all = scenarios();
    let mut bad = Vec::new();
    for (name, s) in &all {
        let o = world::run(s, None);
        let said: Vec<String> = o.failing.iter().map(|f| format!("{} {} {}", f.what, f.step, f.text)).collect();
        let unknown: Vec<&String> = o.story.iter().filter(|l| l.contains("not understood")).collect();
        if s.expects.is_empty() || !said.is_empty() || !o.missed.is_empty() || !unknown.is_empty() {
            bad.push(format!("{name}: {said:?} {:?} {unknown:?}", o.missed));
        }
    }
    assert!(all.len() >= 40, "{} scenarios", all.len());
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        let s = random::scenario(seed);
        let again = Scenario::parse(&s.text()).expect("what was written reads back");
        assert_eq!(s.text(), again.text());
        assert_eq!(world::run(&s, None).story, world::run(&again, None).story, "seed {seed}");
    }
}

/// What of a run catches a mutation: something unsafe that was said. A step that gets stuck holds people up and endangers
/// nobody: it counts only where nothing else can come of it.
fn catches(m: Mutation, o: &Outcome) -> Option<String> {
    let stuck = || o.failing.first().map(|f| format!("{} {}: {}", f.what, f.step, f.kind));
    let late = || o.missed.first().map(|_| "an expectation was missed".to_owned());
    o.unsafe_because().or_else(|| m.fails_safe().then(|| stuck().or_else(late)).flatten())
}

/// The migrations until a mutation was caught (of the services where it is one of theirs), and by what. A seed that fails
/// without it proves nothing about it.
fn caught(m: Mutation, most: u64) -> Option<(u64, String)> {
    // Those of the services take eight times as long.
    let (first, most) = if m.is_of_services() { (random_services::FIRST, most / 8) } else { (0, most) };
    (0..most).find_map(|seed| {
        let s = random::scenario(first + seed);
        let why = catches(m, &world::run(&s, Some(m)))?;
        world::run(&s, None).failing.is_empty().then_some((seed + 1, why))
    })
}

/// `MUTANTS` migrations at most for each mutation that no scenario catches, and for each if it is set.
#[test]
fn every_mutation_is_caught() {
    let (most, all) = (number("MUTANTS", 100), std::env::var("MUTANTS").is_ok());
    let known = scenarios();
    let (next, table) = (Mutex::new(ALL.iter()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|s| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            s.spawn(|| {
                loop {
                    let Some(m) = next.lock().expect("a queue").next() else { return };
                    let by =
                        |(name, s): &(String, Scenario)| Some((name.clone(), catches(*m, &world::run(s, Some(*m)))?));
                    let seen = known.iter().find_map(by);
                    let by = if all || seen.is_none() { caught(*m, most) } else { None };
                    table.lock().expect("a table").insert(format!("{m:?}"), (seen, by));
                }
            });
        }
    });
    let table = table.into_inner().expect("a table");
    for (m, (seen, by)) in &table {
        let (name, why) = seen.clone().unwrap_or_default();
        let none = if all { format!("not in {most}") } else { "not asked".to_owned() };
        let random = by.as_ref().map_or(none, |(n, why)| format!("{n}: {why}"));
        println!("| {m} | {name} | {why} | {random} |");
    }
    let missed: Vec<&String> = table.iter().filter(|(_, (s, b))| s.is_none() && b.is_none()).map(|(m, _)| m).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Who breaks the rules that a code stands for, where no mutation ignores the code: a mutation of another kind, or nobody,
/// since another rule guards the same (`docs/proof.md`) or nothing is stopped by it.
fn broken_elsewhere(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::MirrorError => "MirrorErrorIgnored",
        Code::MirrorStage => "StageIgnored",
        Code::Trimmed => "TrimmedHidden",
        Code::NotCommitted => "CommitIgnored",
        Code::Dwelling => "NoDwell",
        Code::Expired => "ValidityIgnored",
        Code::Stale => "StaleBelieved",
        Code::UnmatchedClient => "StrangersHidden",
        Code::NeverSampled => "UnknownIsGo",
        Code::Unclaimed => "EverythingWasGo",
        Code::BrokerUnreachable | Code::Advancing | Code::NotEmptyGroup | Code::RolledBack | Code::NoAnchor => {
            "not caught alone"
        }
        Code::Ok
        | Code::Confirmed
        | Code::Accepted
        | Code::Phantom
        | Code::Estimate
        | Code::Relaxed
        | Code::Seen
        | Code::Written => "says that something holds",
        Code::NotWritten | Code::ChangesWaiting | Code::NotConfirmed => "only of checks that are shown",
        Code::NotBegun | Code::Pace => "a matter of order, not of safety",
        Code::NotBuilt | Code::Journal => "not simulated",
        _ => return None,
    })
}

/// A code that nothing breaks is a rule of which nobody knows whether the proof would notice that it is gone.
#[test]
fn every_reason_is_ignored_by_a_mutation() {
    let ignored = |c: Code| ALL.iter().any(|m| m.ignored().contains(&c));
    let codes = || Code::ALL.iter().map(|(c, _)| *c);
    let unbroken: Vec<&str> =
        codes().filter(|c| !ignored(*c) && broken_elsewhere(*c).is_none()).map(Code::as_str).collect();
    assert!(unbroken.is_empty(), "no mutation ignores {unbroken:?}");
    let twice: Vec<&str> =
        codes().filter(|c| ignored(*c) && broken_elsewhere(*c).is_some()).map(Code::as_str).collect();
    assert!(twice.is_empty(), "a mutation does ignore {twice:?}");
    let names: Vec<String> = ALL.iter().map(|m| format!("{m:?}")).collect();
    let one_word = |why: &&str| !why.contains(' ');
    for named in codes().filter_map(broken_elsewhere).filter(one_word) {
        assert!(names.iter().any(|n| n == named), "there is no {named}");
    }
}

/// Settings of nothing at all change nothing below the floors.
#[test]
fn no_setting_goes_below_a_floor() {
    for seed in 0..200 {
        let failing = world::run(&random::scenario(seed), Some(Mutation::NoSettings)).failing;
        assert!(failing.is_empty(), "seed {seed}: {failing:?}");
    }
}
