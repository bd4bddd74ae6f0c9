//! Random migrations by the number: `migrations [COUNT] [FIRST-SEED]`, `migrations seed N` tells one,
//! `migrations long FILE [COUNT] [FIRST-SEED]` the long form in slices, `migrations mutant NAME [MOST]` runs until a mutation is caught, `migrations shrink N` makes it small, `migrations play FILE…` plays scenarios,
//! `migrations broken NAME FILE` one with a mutation, `migrations catches NAME…` what each is caught by.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use cutover_core::render;
use cutover_sim::mutate::{ALL, APART, Mutation};
use cutover_sim::{campaign, long, random, scenario::Scenario, shrink, world};
use std::sync::atomic::{AtomicU64, Ordering};

fn main() -> std::process::ExitCode {
    if run() { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// Does what was asked. False if it could not.
fn run() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args.get(i).and_then(|a| a.parse::<u64>().ok());
    match args.first().map(String::as_str) {
        Some("seed") => tell(&random::scenario(number(1).unwrap_or(0))),
        Some("long") => {
            let Some(file) = args.get(1) else {
                eprintln!("long FILE [COUNT] [FIRST-SEED]");
                return false;
            };
            if let Err(e) = in_slices(std::path::Path::new(file), number(2).unwrap_or(1_000_000), number(3)) {
                eprintln!("{file}: {e}");
                return false;
            }
        }
        Some("shrink") => {
            let s = random::scenario(number(1).unwrap_or(0));
            let o = world::run(&s, None);
            match o.failing.first() {
                None => println!("seed {} does not fail", s.seed),
                Some(f) => tell(&shrink::shrink(&s, f, None).0),
            }
        }
        Some("mutant") => {
            let name = args.get(1).map_or("", String::as_str);
            let Some(m) = mutation(name) else {
                println!("no such mutation; known: {ALL:?}");
                return false;
            };
            for seed in number(3).unwrap_or(0)..number(2).unwrap_or(2_000) {
                let s = random::scenario(seed);
                if let Some(f) = world::run(&s, Some(m)).failing.iter().find(|f| f.what != "stuck") {
                    println!("{}", shrink::shrink(&s, f, Some(m)).0.text());
                    println!("{name} {} {} {} {}: {}", seed + 1, f.what, f.step, f.kind, f.text);
                    return true;
                }
            }
            println!("{name} is not caught");
        }
        Some("broken") => {
            let (name, file) = (args.get(1).map_or("", String::as_str), args.get(2).map_or("", String::as_str));
            let m = mutation(name);
            if let Ok(s) = Scenario::parse(&std::fs::read_to_string(file).unwrap_or_default()) {
                let o = world::run(&s, m);
                println!("{name}: {:?} {:?}", o.missed, o.failing);
            }
        }
        // What of the scenarios each mutation named is caught by, and as what.
        Some("catches") => {
            let named = args[1..].iter().filter_map(|n| mutation(n));
            for m in if args.len() > 1 { named.collect() } else { ALL.to_vec() } {
                catches(m);
            }
        }
        // What every check of a step says, from one second to another.
        Some("look") => {
            let text = args.get(1).and_then(|f| std::fs::read_to_string(f).ok()).unwrap_or_default();
            let (step, from, to) = (args.get(2).map_or("", String::as_str), number(3).unwrap_or(0), number(4));
            if let Ok(s) = Scenario::parse(&text) {
                look(&s, step, from..to.unwrap_or(u64::MAX));
            }
        }
        Some("play") => {
            for file in &args[1..] {
                let text = std::fs::read_to_string(file).unwrap_or_default();
                println!("== {file}");
                match Scenario::parse(&text) {
                    Ok(s) => tell(&s),
                    Err(e) => println!("not a statement: {}", e.0),
                }
            }
        }
        _ => {
            let (n, first) = (number(0).unwrap_or(1_000), number(1).unwrap_or(0));
            let tenths = (n / 50).max(1_000);
            let told = AtomicU64::new(0);
            let report = campaign::run(first..first + n, false, &|r| {
                if r.runs / tenths > told.fetch_max(r.runs / tenths, Ordering::Relaxed) {
                    println!("{}", r.text());
                }
            });
            println!("{}", report.text());
        }
    }
    true
}

fn mutation(name: &str) -> Option<Mutation> {
    ALL.iter().chain(APART).copied().find(|m| format!("{m:?}") == name)
}

fn catches(m: Mutation) {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    for file in files {
        let Ok(s) = Scenario::parse(&std::fs::read_to_string(&file).unwrap_or_default()) else { continue };
        let o = world::run(&s, Some(m));
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        if let Some(why) = o.unsafe_because() {
            println!("{m:?} {name} | {why}");
        } else if let Some(f) = o.failing.first() {
            println!("{m:?} {name} - {} {}: {}", f.what, f.step, f.kind);
        } else if !o.missed.is_empty() {
            println!("{m:?} {name} - missed");
        }
    }
}

/// The long form goes on, and tells what it has found after each slice.
fn in_slices(file: &std::path::Path, count: u64, first: Option<u64>) -> std::io::Result<()> {
    let mut l = long::open(file, count, first.unwrap_or(10_000_000))?;
    while l.step() {
        long::save(file, &l)?;
        let r = &l.report;
        println!("{} of {count}: {} false gos, {} stuck", r.runs, r.false_gos(), r.stuck());
    }
    println!("{}", l.report.text());
    Ok(())
}

fn look(s: &Scenario, step: &str, seconds: std::ops::Range<u64>) {
    let mut w = world::World::new(std::sync::Arc::new(s.clone()), None);
    let mut last = String::new();
    while let Some(at) = w.next_at() {
        let second = u64::try_from(at / 1000).unwrap_or_default();
        if second >= seconds.end || w.finished() {
            return;
        }
        w.step();
        let Some(p) = w.agent.published.clone().filter(|_| seconds.contains(&second)) else { continue };
        let Some(b) = p.board.step(step) else { return println!("no step {step}") };
        let mut said = format!("{}\n", b.life.as_str());
        for (asks, a) in [("ready", &b.ready), ("done", &b.done)] {
            said += &format!("  {asks} {}\n", render::answer(a));
            for c in a.checks.iter().filter(|c| !c.left_out) {
                said += &format!("    {} {}\n", c.check.id, render::reading(&c.reading));
            }
        }
        if said != last {
            print!("{:.3} s: {said}", at as f64 / 1000.0);
            last = said;
        }
    }
}

fn tell(s: &Scenario) {
    let o = world::run(s, None);
    println!("{}\n{}", s.text(), o.story.join("\n"));
    for f in &o.failing {
        println!("FAILING {} {} {} at {} s: {}", f.what, f.step, f.kind, f.at / 1000, f.text);
    }
    for m in &o.missed {
        println!("MISSED {m}");
    }
    println!("phase {}, {} gos, {} turns, {} s simulated", o.phase, o.gos, o.turns, o.ended / 1000);
}
