//! What sampling costs a MongoDB source with a full oplog of 1 GB under a write load, told in two ways: the CPU of the
//! threads of its `mongod` that serve the agent's connections (one thread serves one connection), and, for comparison,
//! the CPU of the whole `mongod` while the agent runs at its default intervals and while it does not, in turns. Then, for
//! as long as is asked for, nobody but the agent is there, and the oplogs of both sides show whether anything is written.
//!
//! It exits 1 where the threads that serve the agent take more than 1 % of a core, where the agent has more connections to
//! the source than `docs/configuration.md` says, or where something was written.
//!
//! `cargo run --release -p cutover-lab --example mongo_cost -- target/release/cutover-agent [seconds a turn] [turns]
//! [seconds of quiet]`

use cutover_lab::mongodb::bson::{Document, Timestamp, doc};
use cutover_lab::{MongoPair, MongoShop, MongoShopOptions, ReplicaSet, Rights, Scratch, Side, free_port, now};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

/// What the agent may cost the source, as a share of a core.
const LIMIT: f64 = 0.01;
/// Connections the agent may have to a server.
const CONNECTIONS: usize = 24;
/// What every client makes a server write for it, however little it does: the table of sessions, brought up to date
/// every five minutes, and what is left of sessions that ended.
const OF_EVERY_CLIENT: [&str; 2] = ["config.system.sessions", "config.transactions"];

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let agent = args.next().ok_or("which agent? as in target/release/cutover-agent")?;
    let seconds: u64 = args.next().map_or(Ok(60), |s| s.parse())?;
    let turns: usize = args.next().map_or(Ok(3), |s| s.parse())?;
    let quiet: u64 = args.next().map_or(Ok(0), |s| s.parse())?;
    if turns == 0 {
        return Err("no turn measures nothing".into());
    }
    let source = ReplicaSet::builder("cost-src").oplog_mb(1024);
    let pair = MongoPair::start_with(source, ReplicaSet::builder("cost-dst"))?;
    let shop =
        MongoShop::open(&pair, MongoShopOptions { look_every: None, ..MongoShopOptions::database("shop").rate(50.0) })?;
    fill(&pair)?;
    shop.start()?;
    let folder = Scratch::new("cost")?;
    let config = configuration(&pair, &folder)?;
    let pid = pid_of("cost-src")?;
    let mut spent = [Vec::new(), Vec::new()];
    let (mut served, mut most) = (Vec::new(), 0);
    for turn in 0..turns {
        for with in [false, true] {
            let running = with.then(|| start(&agent, &config)).transpose()?;
            // What a start costs is not what sampling costs.
            std::thread::sleep(Duration::from_secs(15));
            let (cpu, at, threads) = (cpu(&format!("/proc/{pid}/stat"))?, now(), serving(&pair, pid)?);
            std::thread::sleep(Duration::from_secs(seconds));
            let elapsed = at.elapsed().as_secs_f64();
            let share = (self::cpu(&format!("/proc/{pid}/stat"))? - cpu) / elapsed;
            let after = serving(&pair, pid)?;
            drop(running);
            if with {
                let of = |(thread, cpu): (&u32, &f64)| cpu - threads.get(thread).copied().unwrap_or_default();
                served.push(after.iter().map(of).sum::<f64>() / elapsed);
                let lost = threads.keys().filter(|t| !after.contains_key(t)).count();
                println!("{} connections of the agent, {lost} more ended meanwhile", after.len());
                most = most.max(after.len());
                if after.is_empty() {
                    return Err("the agent has no connection to the source: does it run at all?".into());
                }
            }
            println!(
                "turn {turn}, {} the agent: {:.2} % of a core",
                if with { "with" } else { "without" },
                share * 100.0
            );
            spent[usize::from(with)].push(share);
        }
    }
    let median = |v: &mut Vec<f64>| {
        v.sort_by(f64::total_cmp);
        v[v.len() / 2]
    };
    let [mut without, mut with] = spent;
    let (without, with) = (median(&mut without), median(&mut with));
    println!("median: {:.2} % without, {:.2} % with the agent", without * 100.0, with * 100.0);
    println!(
        "the difference: {:.2} % of a core, {:.3} of the source's load",
        (with - without) * 100.0,
        with / without - 1.0
    );
    let served = median(&mut served);
    println!(
        "the threads that serve the agent: {:.2} % of a core, {:.3} of the source's load",
        served * 100.0,
        served / without
    );
    if quiet > 0 {
        for service in shop.services(Side::Source) {
            shop.stop_service(Side::Source, &service)?;
        }
        let _running = start(&agent, &config)?;
        writes_nothing(&pair, quiet)?;
    }
    if served > LIMIT {
        return Err(format!("the agent costs the source more than {:.0} % of a core", LIMIT * 100.0).into());
    }
    if most > CONNECTIONS {
        return Err(format!("the agent has {most} connections to the source, more than {CONNECTIONS}").into());
    }
    Ok(())
}

/// For so many seconds nobody is there but the agent: what is in the oplogs of that time?
fn writes_nothing(pair: &MongoPair, seconds: u64) -> Result<(), Failure> {
    let newest = |side| -> Result<Timestamp, Failure> {
        let found = doc! { "find": "oplog.rs", "sort": { "$natural": -1 }, "limit": 1 };
        let answer = pair.set(side).run("local", found)?;
        let batch = answer.get_document("cursor")?.get_array("firstBatch")?;
        Ok(batch.first().and_then(|d| d.as_document()).ok_or("an empty oplog")?.get_timestamp("ts")?)
    };
    let before = Side::BOTH.map(newest).into_iter().collect::<Result<Vec<_>, _>>()?;
    std::thread::sleep(Duration::from_secs(seconds));
    let mut written = Vec::new();
    for (side, since) in Side::BOTH.into_iter().zip(before) {
        let real = doc! { "$match": { "ts": { "$gt": since }, "op": { "$ne": "n" } } };
        // A command is told by the collection that it makes or indexes.
        let made = doc! { "$ifNull": ["$o.create", { "$ifNull": ["$o.createIndexes", "$o.commitIndexBuild"] }] };
        let count = doc! { "$group": { "_id": { "ns": "$ns", "made": made }, "n": { "$sum": 1 } } };
        let counted = doc! { "aggregate": "oplog.rs", "pipeline": [real, count], "cursor": { "batchSize": 1000 } };
        let answer = pair.set(side).run("local", counted)?;
        for d in answer.get_document("cursor")?.get_array("firstBatch")?.iter().filter_map(|d| d.as_document()) {
            let (of, n) = (d.get_document("_id")?, d.get_i32("n")?);
            let ns = match (of.get_str("ns")?, of.get_str("made")) {
                (ns, Ok(made)) => ns.replace("$cmd", made),
                (ns, Err(_)) => ns.to_owned(),
            };
            println!("in {seconds} s with the agent alone: {n} entries of {ns} in the oplog of the {side}");
            if !OF_EVERY_CLIENT.contains(&&*ns) {
                written.push(format!("{n} in {ns} of the {side}"));
            }
        }
    }
    if !written.is_empty() {
        return Err(format!("something was written while the agent only looked: {}", written.join(", ")).into());
    }
    println!("in {seconds} s with the agent alone nothing was written but to {}", OF_EVERY_CLIENT.join(" and "));
    Ok(())
}

/// Fills the source's oplog.
fn fill(pair: &MongoPair) -> Result<(), Failure> {
    let big = "x".repeat(900_000);
    for n in 0..1300 {
        let insert: Document = doc! { "insert": "filler", "documents": [{ "n": n, "big": &big }] };
        pair.set(Side::Source).run("other", insert)?;
        if n % 100 == 99 {
            pair.set(Side::Source).run("other", doc! { "drop": "filler" })?;
        }
    }
    Ok(())
}

fn configuration(pair: &MongoPair, folder: &Scratch) -> Result<std::path::PathBuf, Failure> {
    for side in Side::BOTH {
        let set = pair.set(side);
        let user = set.create_user("agent", Rights::agent(&["shop".to_owned()]))?;
        std::fs::write(folder.path().join(format!("{side}.uri")), set.uri(&user))?;
    }
    let at = |name: &str| folder.path().join(name).display().to_string();
    let text = format!(
        "migration: cost\nagent: {{ listen: \"127.0.0.1:{}\", data_dir: {} }}\nmongodb:\n  source: {{ uri_file: {} }}\n  \
         destination: {{ uri_file: {} }}\n  databases: [shop]\n  unsupported_versions: \"the lab has 6.0 only\"\n",
        free_port()?,
        at("data"),
        at("source.uri"),
        at("destination.uri")
    );
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// The agent, ended with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(agent: &str, config: &std::path::Path) -> Result<Running, Failure> {
    let mut command = Command::new(agent);
    command.args(["run", "--config"]).arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Running(command.spawn()?))
}

/// The `mongod` of this replica set that this program started.
fn pid_of(set: &str) -> Result<u32, Failure> {
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split(|b| *b == 0).filter_map(|w| std::str::from_utf8(w).ok()).collect();
        if words.first().is_some_and(|w| w.ends_with("mongod")) && words.windows(2).any(|w| w == ["--replSet", set]) {
            return Ok(pid);
        }
    }
    Err(format!("no mongod of {set}").into())
}

/// The threads of the source that serve the agent's connections, and the seconds of CPU each has used.
fn serving(pair: &MongoPair, pid: u32) -> Result<BTreeMap<u32, f64>, Failure> {
    let current = doc! { "$currentOp": { "allUsers": true, "idleConnections": true } };
    let agents = doc! { "$match": { "appName": "cutover-agent" } };
    let listing = doc! { "aggregate": 1, "pipeline": [current, agents], "cursor": { "batchSize": 1000 } };
    let listed = pair.set(Side::Source).run("admin", listing)?;
    let batch = listed.get_document("cursor")?.get_array("firstBatch")?;
    let names: Vec<&str> = batch.iter().filter_map(|c| c.as_document()?.get_str("desc").ok()).collect();
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let Some(thread) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        // A thread may end while it is looked at.
        let Ok(name) = std::fs::read_to_string(entry.path().join("comm")) else { continue };
        if names.contains(&name.trim()) {
            threads.insert(thread, cpu(&format!("/proc/{pid}/task/{thread}/stat"))?);
        }
    }
    Ok(threads)
}

/// Seconds of CPU that a process or a thread has used.
fn cpu(stat: &str) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(stat)?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).ok_or("no such field");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
