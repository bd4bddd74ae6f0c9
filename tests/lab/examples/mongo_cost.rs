//! What sampling costs a MongoDB source with a full oplog of 1 GB under a write load, told in two ways: the CPU of the
//! threads of its `mongod` that serve the agent's connections (one thread serves one connection), and, for comparison,
//! the CPU of the whole `mongod` while the agent runs at its default intervals and while it does not, in pairs of turns
//! whose order changes, so that what drifts cancels out. A turn should last a multiple of 60 s: a `mongod` writes a
//! checkpoint as often, and a turn with one more than another would be told as the agent's. Then, for as long as is asked
//! for, nobody but the agent is there, and the oplogs of both sides show whether anything is written.
//!
//! It exits 1 where the threads that serve the agent, or the whole `mongod` with the agent against without, as the median
//! of the pairs, take more than 1 % of a core, where the agent has more connections to the source than
//! `docs/configuration.md` says, or where something was written.
//!
//! `cargo run --release -p cutover-lab --example mongo_cost -- target/release/cutover-agent [seconds a turn] [pairs]
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
    let pairs: usize = args.next().map_or(Ok(8), |s| s.parse())?;
    let quiet: u64 = args.next().map_or(Ok(0), |s| s.parse())?;
    if pairs == 0 {
        return Err("no pair of turns measures nothing".into());
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
    let (mut alone, mut differences, mut served, mut most) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for n in 0..pairs {
        let mut spent = [Spent::default(); 2];
        for with in [n % 2 == 1, n % 2 == 0] {
            let running = with.then(|| start(&agent, &config)).transpose()?;
            // What a start costs is not what sampling costs.
            std::thread::sleep(Duration::from_secs(15));
            let (before, whole, at, own) = (threads(pid)?, cpu(pid)?, now(), connections(&pair)?);
            std::thread::sleep(Duration::from_secs(seconds));
            let elapsed = at.elapsed().as_secs_f64();
            let (whole, ended) = (cpu(pid)? - whole, threads(pid)?);
            let after = connections(&pair)?;
            let agents: Vec<String> = own.iter().chain(&after).cloned().collect();
            spent[usize::from(with)] = Spent::between(&before, &ended, &agents, whole, elapsed);
            drop(running);
            if with {
                let lost = own.iter().filter(|c| !after.contains(c)).count();
                println!("{} connections of the agent, {lost} more ended meanwhile", after.len());
                most = most.max(after.len());
                if after.is_empty() {
                    return Err("the agent has no connection to the source: does it run at all?".into());
                }
            }
        }
        let [without, with] = spent;
        let by = with.minus(without);
        println!(
            "pair {n}: {:.2} % of a core without the agent, {:.2} % with it: {:+.2}, of that {:+.2} in the threads that serve \
             it, {:+.2} in those of others, {:+.2} in the server's own",
            without.whole * 100.0,
            with.whole * 100.0,
            by.whole * 100.0,
            by.agent * 100.0,
            by.others * 100.0,
            by.own * 100.0
        );
        alone.push(without.whole);
        differences.push(by.whole);
        served.push(with.agent);
    }
    let (alone, difference, served) = (median(&mut alone), median(&mut differences), median(&mut served));
    println!("medians of {pairs} pairs; the source alone takes {:.2} % of a core", alone * 100.0);
    println!(
        "the difference: {:+.2} % of a core (from {:+.2} to {:+.2}), {:+.3} of the source's load",
        difference * 100.0,
        differences[0] * 100.0,
        differences[pairs - 1] * 100.0,
        difference / alone
    );
    println!(
        "the threads that serve the agent: {:.2} % of a core, {:.3} of the source's load",
        served * 100.0,
        served / alone
    );
    if quiet > 0 {
        for service in shop.services(Side::Source) {
            shop.stop_service(Side::Source, &service)?;
        }
        let _running = start(&agent, &config)?;
        writes_nothing(&pair, quiet)?;
    }
    if served.max(difference) > LIMIT {
        return Err(format!("the agent costs the source more than {:.0} % of a core", LIMIT * 100.0).into());
    }
    if most > CONNECTIONS {
        return Err(format!("the agent has {most} connections to the source, more than {CONNECTIONS}").into());
    }
    Ok(())
}

/// The value in the middle, or the mean of the two; sorts them.
fn median(v: &mut [f64]) -> f64 {
    v.sort_by(f64::total_cmp);
    let n = v.len();
    (v[(n - 1) / 2] + v[n / 2]) / 2.0
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

/// Which connections of the source are the agent's, as the server names their threads.
fn connections(pair: &MongoPair) -> Result<Vec<String>, Failure> {
    let current = doc! { "$currentOp": { "allUsers": true, "idleConnections": true } };
    let agents = doc! { "$match": { "appName": "cutover-agent" } };
    let listing = doc! { "aggregate": 1, "pipeline": [current, agents], "cursor": { "batchSize": 1000 } };
    let listed = pair.set(Side::Source).run("admin", listing)?;
    let batch = listed.get_document("cursor")?.get_array("firstBatch")?;
    Ok(batch.iter().filter_map(|c| Some(c.as_document()?.get_str("desc").ok()?.to_owned())).collect())
}

/// Every thread of a process: its name, and the seconds of CPU it has used.
fn threads(pid: u32) -> Result<BTreeMap<u32, (String, f64)>, Failure> {
    let mut threads = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let Some(thread) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        // A thread may end while it is looked at.
        let Ok(name) = std::fs::read_to_string(entry.path().join("comm")) else { continue };
        let Ok(spent) = std::fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let nanos: f64 = spent.split_whitespace().next().ok_or("an empty schedstat")?.parse()?;
        threads.insert(thread, (name.trim().to_owned(), nanos / 1e9));
    }
    Ok(threads)
}

/// Seconds of CPU that a process has used, threads that have ended included.
fn cpu(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).ok_or("no such field");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// What a `mongod` spent, as shares of a core.
#[derive(Copy, Clone, Default)]
struct Spent {
    /// In all, threads that have ended included.
    whole: f64,
    /// In the threads that serve the agent's connections.
    agent: f64,
    /// In those that serve others.
    others: f64,
    /// In its own: journal, checkpoints, replication.
    own: f64,
}

impl Spent {
    /// Between two looks at its threads. What a thread spent that ended in between is in the whole only.
    fn between(
        before: &BTreeMap<u32, (String, f64)>,
        after: &BTreeMap<u32, (String, f64)>,
        agents: &[String],
        whole: f64,
        elapsed: f64,
    ) -> Spent {
        let mut spent = Spent { whole: whole / elapsed, ..Spent::default() };
        for (thread, (name, cpu)) in after {
            let share = (cpu - before.get(thread).map_or(0.0, |(_, cpu)| *cpu)) / elapsed;
            match name {
                n if agents.contains(n) => spent.agent += share,
                n if n.starts_with("conn") => spent.others += share,
                _ => spent.own += share,
            }
        }
        spent
    }

    fn minus(self, o: Spent) -> Spent {
        Spent {
            whole: self.whole - o.whole,
            agent: self.agent - o.agent,
            others: self.others - o.others,
            own: self.own - o.own,
        }
    }
}
