//! The proof: scenarios, random migrations, the same run from the same seed, and mutations that must be caught.
//!
//! `docs/proof.md` has the commands of the long forms and what they said.

use cutover_sim::mutate::{ALL, Mutation};
use cutover_sim::report::reported;
use cutover_sim::scenario::Scenario;
use cutover_sim::watch::Failing;
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

/// The migrations until a mutation was caught (of the services where it is one of theirs), and by what. A seed that fails without it proves nothing about it; a
/// migration that gets stuck counts only if nothing worse comes of it.
fn caught(m: Mutation, most: u64) -> Option<(u64, Failing)> {
    let mut stuck = None;
    // Those of the services take eight times as long.
    let (first, most) = if m.is_of_services() { (random_services::FIRST, most / 8) } else { (0, most) };
    for seed in 0..most {
        let s = random::scenario(first + seed);
        let failing = world::run(&s, Some(m)).failing;
        let Some(f) = failing.iter().find(|f| reported(f).is_none()) else { continue };
        if (f.what != "stuck" || stuck.is_none()) && world::run(&s, None).failing.is_empty() {
            if f.what != "stuck" {
                return Some((seed + 1, f.clone()));
            }
            stuck = Some((seed + 1, f.clone()));
        }
    }
    stuck
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
                    let seen = known.iter().find(|(_, s)| {
                        let o = world::run(s, Some(*m));
                        !o.missed.is_empty() || o.failing.iter().any(|f| f.what != "stuck")
                    });
                    let seen = seen.map(|(name, _)| name.clone());
                    let by = if all || seen.is_none() { caught(*m, most) } else { None };
                    table.lock().expect("a table").insert(format!("{m:?}"), (seen, by));
                }
            });
        }
    });
    let table = table.into_inner().expect("a table");
    for (m, (seen, by)) in &table {
        let random = by.as_ref().map(|(n, f)| format!("{n} | {} {}: {}", f.what, f.step, f.kind));
        let none = if all { "not caught | ".to_owned() } else { "| ".to_owned() };
        println!("| {m} | {} | {} |", seen.as_deref().unwrap_or(""), random.unwrap_or(none));
    }
    let missed: Vec<&String> = table.iter().filter(|(_, (s, b))| s.is_none() && b.is_none()).map(|(m, _)| m).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Settings of nothing at all change nothing below the floors.
#[test]
fn no_setting_goes_below_a_floor() {
    for seed in 0..200 {
        let failing = world::run(&random::scenario(seed), Some(Mutation::NoSettings)).failing;
        assert!(failing.is_empty(), "seed {seed}: {failing:?}");
    }
}
