//! `cutover-mutants [FILTER…]`: which mutants of cutover-core no test of it notices.
//!
//! cargo-mutants builds and tests each of its mutants by itself, which for the whole core takes most of a day. Here all of
//! them are built at once, each behind a switch, and each is run against those tests only that come to it, the most
//! particular first. What cannot be switched (a constant function, a chain of lets in a loop) is named, for `cargo mutants` itself.
//!
//! A mutant that no test notices has to be in `accepted.txt` with the reason, or the run fails.

// A test's own time.
#![allow(clippy::disallowed_methods)]

mod list;
mod switch;

use list::Mutant;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// A test that takes so many times as long as it did, and some seconds, is not going to end.
const PATIENCE: (u32, Duration) = (10, Duration::from_secs(5));

/// Tests that take longer (random stories, properties) are not run: a rule needs a test of its own.
const LONG: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}

/// What came of a mutant.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Outcome {
    /// This test notices it.
    Caught(String),
    /// This test does not end with it.
    Endless(String),
    /// No test notices it; so many come to it.
    Missed(usize),
    /// It does not compile.
    Unviable,
    /// It cannot be switched.
    Left,
}

/// A test, and what is known of it.
struct Test {
    binary: PathBuf,
    name: String,
    took: Duration,
    reaches: BTreeSet<usize>,
}

/// Of every mutant, or of those whose name has one of these filters in it.
fn run(filters: &[String]) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().map_err(|e| e.to_string())?;
    let listed = list::of_core(&root)?;
    let named = |filter: &String| listed.iter().any(|m| m.name.contains(filter.as_str()));
    if let Some(filter) = filters.iter().find(|f| f.is_empty() || !named(f)) {
        return Err(format!(
            "no mutant of cutover-core has `{filter}` in its name (file:line:column: what): nothing was looked at"
        ));
    }
    let asked = |m: &Mutant| filters.is_empty() || filters.iter().any(|f| m.name.contains(f.as_str()));
    let all: Vec<Mutant> = listed.iter().filter(|m| asked(m)).cloned().collect();
    println!("{} mutants", all.len());
    let work = root.join("target/mutants");
    let mut outcomes = vec![None; all.len()];
    let binaries = build(&root, &work, &all, &mut outcomes)?;
    let count = |what: &Outcome| outcomes.iter().filter(|o| o.as_ref() == Some(what)).count();
    println!("{} do not compile, {} cannot be switched", count(&Outcome::Unviable), count(&Outcome::Left));
    let tests = survey(&work, &binaries)?;
    let (all_tests, took) = (tests.len(), tests.iter().map(|t| t.took.as_secs_f64()).sum::<f64>());
    let tests: Vec<Test> = tests.into_iter().filter(|t| t.took < LONG).collect();
    let quick = tests.iter().map(|t| t.took.as_secs_f64()).sum::<f64>();
    println!(
        "{all_tests} tests, {took:.0} s one after the other; {} that take less than {LONG:?}, {quick:.0} s",
        tests.len()
    );
    hunt(&work, &all, &tests, &mut outcomes)?;
    tell(&all, filters.is_empty(), &outcomes, &work)
}

/// Builds the tests with every mutant in them; what does not compile is taken out.
fn build(root: &Path, work: &Path, all: &[Mutant], outcomes: &mut [Option<Outcome>]) -> Result<Vec<PathBuf>, String> {
    let tree = work.join("tree");
    loop {
        let places = lay(root, &tree, all, outcomes)?;
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--no-run", "--message-format=json", "--package", "cutover-core"]);
        cargo.env("CARGO_TARGET_DIR", work.join("build")).env("RUSTFLAGS", "--cap-lints=allow").current_dir(&tree);
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").stdin(Stdio::null());
        let out = cargo.output().map_err(|e| format!("cargo test cannot be run: {e}"))?;
        let told = String::from_utf8_lossy(&out.stdout);
        let messages = told.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        let (mut binaries, mut bad, mut other) = (Vec::new(), BTreeSet::new(), Vec::new());
        for m in messages {
            binaries.extend(m["executable"].as_str().map(PathBuf::from));
            if m["message"]["level"] == "error" {
                let found = blamed(&m["message"], &places);
                if found.is_empty() {
                    other.push(m["message"]["rendered"].as_str().unwrap_or_default().to_owned());
                }
                bad.extend(found);
            }
        }
        if out.status.success() {
            return Ok(binaries);
        }
        if bad.is_empty() {
            let why =
                if other.is_empty() { String::from_utf8_lossy(&out.stderr).into_owned() } else { other.join("\n") };
            return Err(format!("the mutants do not compile, and none is to blame: {why}"));
        }
        println!("{} more do not compile", bad.len());
        bad.into_iter().for_each(|id| outcomes[id] = Some(Outcome::Unviable));
    }
}

/// Where mutants stand in the sources laid out.
type Places = BTreeMap<String, Vec<(std::ops::Range<usize>, usize)>>;

/// Lays the sources out with those mutants in them of which nothing has come yet.
fn lay(root: &Path, tree: &Path, all: &[Mutant], outcomes: &mut [Option<Outcome>]) -> Result<Places, String> {
    let io = |what: &Path, e: std::io::Error| format!("{}: {e}", what.display());
    let out = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| io(root, e))?;
    let mut places = Places::new();
    for file in String::from_utf8_lossy(&out.stdout).split_terminator('\0') {
        let (from, to) = (root.join(file), tree.join(file));
        let Ok(source) = fs::read(&from) else { continue };
        let here: Vec<(usize, &Mutant)> =
            all.iter().enumerate().filter(|(id, m)| m.file == file && outcomes[*id].is_none()).collect();
        let mut text = source;
        if !here.is_empty() {
            let source = String::from_utf8_lossy(&text).into_owned();
            let (switched, left) = switch::switch(&source, &here).map_err(|e| format!("{file}: {e}"))?;
            left.into_iter().for_each(|id| outcomes[id] = Some(Outcome::Left));
            places.insert(file.to_owned(), switched.places);
            text = switched.text.into_bytes();
        }
        if file == "core/src/lib.rs" {
            text.extend(switch::MODULE.as_bytes());
        }
        if fs::read(&to).ok().as_deref() == Some(&text[..]) {
            continue;
        }
        to.parent().map_or(Ok(()), fs::create_dir_all).map_err(|e| io(&to, e))?;
        fs::write(&to, &text).map_err(|e| io(&to, e))?;
    }
    Ok(places)
}

/// The mutants that an error of the compiler is about.
fn blamed(message: &serde_json::Value, places: &Places) -> BTreeSet<usize> {
    let spans = message["spans"].as_array().into_iter().flatten();
    let children =
        message["children"].as_array().into_iter().flatten().flat_map(|c| c["spans"].as_array().into_iter().flatten());
    let mut found = BTreeSet::new();
    let mut primary: Vec<_> = spans.collect();
    primary.sort_by_key(|s| s["is_primary"] != true);
    for s in primary.into_iter().chain(children) {
        let (Some(file), Some(at)) =
            (s["file_name"].as_str(), s["byte_start"].as_u64().and_then(|b| usize::try_from(b).ok()))
        else {
            continue;
        };
        let here = || places.get(file).into_iter().flatten().filter(|(range, _)| range.contains(&at));
        if let Some((narrowest, _)) = here().min_by_key(|(range, _)| range.len()) {
            found.extend(here().filter(|(range, _)| range == narrowest).map(|(_, id)| *id));
            break;
        }
    }
    found
}

/// Runs each test by itself, and sees which mutants it comes to.
fn survey(work: &Path, binaries: &[PathBuf]) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    for binary in binaries {
        let out = Command::new(binary).args(["--list", "--format", "terse"]).output().map_err(|e| e.to_string())?;
        let list = String::from_utf8_lossy(&out.stdout).into_owned();
        for name in list.lines().filter_map(|l| l.strip_suffix(": test")) {
            tests.push(Test {
                binary: binary.clone(),
                name: name.into(),
                took: Duration::ZERO,
                reaches: BTreeSet::new(),
            });
        }
    }
    let seen = each(tests.len(), |i, worker| {
        let file = work.join(format!("reached-{worker}"));
        // A test that comes to none writes none.
        let _ = fs::remove_file(&file);
        let started = Instant::now();
        let passed = passes(work, &tests[i], ("MUTANTS_REACHED", file.as_os_str()), None)?;
        let reaches = fs::read_to_string(&file).unwrap_or_default().lines().filter_map(|l| l.parse().ok()).collect();
        Ok((passed, started.elapsed(), reaches))
    })?;
    let mut failed = Vec::new();
    for (t, (passed, took, reaches)) in tests.iter_mut().zip(seen) {
        (t.took, t.reaches) = (took, reaches);
        if passed != Some(true) {
            failed.push(t.name.clone());
        }
    }
    if failed.is_empty() { Ok(tests) } else { Err(format!("with no mutant on, these fail: {}", failed.join(", "))) }
}

/// What comes of each number below, worked out on as many threads as there are cores; it is told on which.
fn each<T: Send>(count: usize, work: impl Fn(usize, usize) -> Result<T, String> + Sync) -> Result<Vec<T>, String> {
    let next = AtomicUsize::new(0);
    let of = |worker: usize| {
        let numbers = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < count));
        numbers.map(|i| Ok((i, work(i, worker)?))).collect::<Result<Vec<_>, String>>()
    };
    let parts = thread::scope(|s| {
        let of = &of;
        let workers = 0..thread::available_parallelism().map_or(1, usize::from);
        let running: Vec<_> = workers.map(|w| s.spawn(move || of(w))).collect();
        let parts = running.into_iter().map(|t| t.join().unwrap_or_else(|_| Err("a worker panicked".into())));
        parts.collect::<Result<Vec<_>, String>>()
    })?;
    let all: BTreeMap<usize, T> = parts.into_iter().flatten().collect();
    Ok(all.into_values().collect())
}

/// Whether a test passes with this in its environment; `None` if it does not end in time.
///
/// # Errors
/// It cannot be run: that says nothing of a mutant.
fn passes(work: &Path, test: &Test, env: (&str, &OsStr), limit: Option<Duration>) -> Result<Option<bool>, String> {
    let error = |e: std::io::Error| format!("{} {}: {e}", test.binary.display(), test.name);
    let mut run = Command::new(&test.binary);
    // Where cargo runs them: what they leave behind is left in the copy.
    run.args(["--exact", &test.name, "--test-threads", "1"]).current_dir(work.join("tree/core")).env(env.0, env.1);
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = run.spawn().map_err(error)?;
    let until = limit.map(|l| Instant::now() + l);
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().map_err(error)? {
            return Ok(Some(status.success()));
        }
        if until.is_some_and(|u| Instant::now() > u) {
            child.kill().and_then(|()| child.wait()).map_err(error)?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Runs each mutant against the tests that come to it, until one notices.
fn hunt(work: &Path, all: &[Mutant], tests: &[Test], outcomes: &mut [Option<Outcome>]) -> Result<(), String> {
    // Those that come to few mutants are about these.
    let mut by_time: Vec<&Test> = tests.iter().collect();
    by_time.sort_by_key(|t| t.took * u32::try_from(t.reaches.len()).unwrap_or(u32::MAX));
    let ids: Vec<usize> = (0..all.len()).filter(|id| outcomes[*id].is_none()).collect();
    let done = AtomicUsize::new(0);
    let found = each(ids.len(), |i, _| {
        let outcome = outcome(work, ids[i], &by_time)?;
        if let Outcome::Missed(n) = outcome {
            println!("missed by {n}: {}", all[ids[i]].name);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(100) {
            println!("{done} of {}", ids.len());
        }
        Ok(outcome)
    })?;
    ids.into_iter().zip(found).for_each(|(id, o)| outcomes[id] = Some(o));
    Ok(())
}

fn outcome(work: &Path, id: usize, tests: &[&Test]) -> Result<Outcome, String> {
    let on = id.to_string();
    let reaching: Vec<&&Test> = tests.iter().filter(|t| t.reaches.contains(&id)).collect();
    for t in &reaching {
        let limit = t.took * PATIENCE.0 + PATIENCE.1;
        match passes(work, t, ("MUTANTS_ON", on.as_ref()), Some(limit))? {
            Some(true) => {}
            Some(false) => return Ok(Outcome::Caught(t.name.clone())),
            None => return Ok(Outcome::Endless(t.name.clone())),
        }
    }
    Ok(Outcome::Missed(reaching.len()))
}

/// Tells what came of all, and whether every mutant that was missed is accepted; where that is every mutant there is, also
/// whether every one that is accepted was missed.
fn tell(all: &[Mutant], every: bool, outcomes: &[Option<Outcome>], work: &Path) -> Result<bool, String> {
    // A line a mutant: two of one name need two.
    let mut accepted: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, _) in include_str!("../accepted.txt")
        .lines()
        .filter_map(|l| l.split_once(" | "))
        .filter(|(what, _)| what.starts_with("core/"))
    {
        *accepted.entry(what).or_default() += 1;
    }
    let (mut text, mut counts, mut surprising) = (String::new(), [0_usize; 5], Vec::new());
    for (m, o) in all.iter().zip(outcomes) {
        let (i, what) = match o {
            Some(Outcome::Caught(by)) => (0, format!("caught by {by}")),
            Some(Outcome::Endless(by)) => (1, format!("endless in {by}")),
            Some(Outcome::Missed(n)) => (2, format!("missed by {n}")),
            Some(Outcome::Unviable) => (3, "does not compile".into()),
            Some(Outcome::Left) | None => (4, "cannot be switched".into()),
        };
        counts[i] += 1;
        text += &format!("{}\t{what}\n", m.name);
        if i == 2 {
            match accepted.get_mut(m.what().as_str()).filter(|n| **n > 0) {
                Some(n) => *n -= 1,
                None => surprising.push(&m.name),
            }
        }
    }
    let file = work.join("outcomes.txt");
    fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
    let [caught, endless, missed, unviable, left] = counts;
    println!(
        "{} mutants: {caught} caught, {endless} endless, {missed} missed, {unviable} do not compile, {left} cannot be \
         switched; {}",
        all.len(),
        file.display()
    );
    for name in &surprising {
        println!("no test and no reason: {name}");
    }
    println!("{} missed without a reason in tests/mutants/accepted.txt", surprising.len());
    let idle: Vec<&str> = accepted.into_iter().filter(|(_, n)| every && *n > 0).map(|(what, _)| what).collect();
    for what in &idle {
        println!("a reason for what was not missed, or is no mutant any more: {what}");
    }
    Ok(surprising.is_empty() && idle.is_empty())
}
