//! Random migrations: an estate, an operator with faults of their own, and things that happen at any instant.

use crate::report::Outcome;
use crate::scenario::Scenario;
use std::fmt::Write as _;

/// Seconds between two samples: from the shortest that makes sense to twice the usual. Short ones are rare, because a
/// migration costs what it is sampled.
const INTERVALS: [&str; 8] = ["5", "10", "15", "20", "20", "30", "30", "30"];

/// The scenario of a seed: of Kafka alone, of MongoDB alone, or of both, one after the other, at the same time or joint. Seeds
/// from [`crate::random_services::FIRST`] on have the services track as well.
///
/// # Panics
/// Never: it writes what [`Scenario::parse`] reads.
pub fn scenario(seed: u64) -> Scenario {
    if seed >= crate::random_services::FIRST {
        return crate::random_services::scenario(seed);
    }
    let mut r = fastrand::Rng::with_seed(seed ^ 0x70ac);
    // One in fifteen is of both: it takes eight times as long as one of a single track.
    let tracks = match r.u8(..60) {
        0..=26 | 48..=51 => return kafka(seed),
        27..=47 | 52..=55 => "mongodb",
        56 => "mongodb kafka",
        57 => "kafka mongodb",
        58 => "mongodb kafka beside",
        _ => "mongodb kafka joint",
    };
    let mut o = String::new();
    if tracks == "mongodb" {
        let pick = |r: &mut fastrand::Rng, of: &[&'static str]| of[r.usize(..of.len())];
        let _ = writeln!(o, "seed {seed}\ninterval {}", pick(&mut r, &INTERVALS));
        let _ = writeln!(
            o,
            "latency {}\nloss {}",
            pick(&mut r, &["50", "300", "900"]),
            pick(&mut r, &["0", "0", "2", "5"])
        );
        let _ = writeln!(o, "operator {}", pick(&mut r, &["claims", "claims", "poller"]));
    } else {
        o = kafka(seed).text();
        let until = o.rfind("until").unwrap_or(o.len());
        o.truncate(until);
    }
    let _ = writeln!(o, "tracks {tracks}");
    crate::random_mongodb::estate(&mut r, &mut o);
    crate::random_mongodb::events(&mut r, &mut o);
    let _ = writeln!(o, "until 9000");
    Scenario::parse(&o).unwrap_or_else(|e| panic!("a random scenario reads back: {e:?}"))
}

/// The scenario of a seed, with Kafka alone.
///
/// # Panics
/// Never: it writes what [`Scenario::parse`] reads.
pub fn kafka(seed: u64) -> Scenario {
    let mut r = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let mut o = String::new();
    let pick = |r: &mut fastrand::Rng, of: &[&'static str]| of[r.usize(..of.len())];
    let two = r.bool();
    let chain = r.u8(..3);
    let _ = writeln!(o, "seed {seed}\ninterval {}", pick(&mut r, &INTERVALS));
    let _ = writeln!(o, "replicas {}\nlatency {}", pick(&mut r, &["1", "3"]), pick(&mut r, &["50", "300", "900"]));
    let _ = writeln!(o, "loss {}", pick(&mut r, &["0", "0", "2", "5"]));
    let _ = writeln!(o, "operator {}", pick(&mut r, &["claims", "claims", "poller"]));
    let _ = writeln!(o, "retention {}", pick(&mut r, &["60", "200", "600"]));
    let mut topics = vec!["crm.ingestion"];
    if two {
        topics.push("erp.ingestion");
    }
    let ingestion = topics.join(",");
    let shape = ["crm.pr-update", "crm.sv-trigger"];
    topics.extend(&shape[..usize::from(chain.min(2))]);
    for t in &topics {
        let _ = writeln!(o, "topic {t} {}", pick(&mut r, &["1", "1", "2"]));
    }
    let groups = ["rtu", "svt", "svc"];
    for (i, g) in groups.iter().enumerate().take(usize::from(chain) + 1) {
        let reads = if i == 0 { ingestion.as_str() } else { shape[i - 1] };
        reader(&mut r, &mut o, g, reads, shape.get(i).filter(|_| i < usize::from(chain)).copied());
    }
    if r.u8(..5) == 0 {
        reader(&mut r, &mut o, "audit", "crm.ingestion", None);
    }
    producers(&mut r, &mut o, two);
    let readers: Vec<&str> = groups[..usize::from(chain) + 1].to_vec();
    for _ in 0..r.u8(..9) {
        let t = r.u16(10..1_500);
        let e = event(&mut r, &topics, &readers, if two { &["crm", "erp"] } else { &["crm"] });
        let _ = writeln!(o, "at {t} {e}");
    }
    for _ in 0..r.u8(..3) {
        let e = forgotten(&mut r, &readers);
        let _ = writeln!(o, "at 1 {e}");
    }
    let _ = writeln!(o, "at 3 late {}", pick(&mut r, &["0", "30", "60", "100", "200"]));
    if r.u8(..2) == 0 {
        o.push_str("at 2 scaled\n");
    }
    let _ = writeln!(o, "until 4500");
    Scenario::parse(&o).unwrap_or_else(|e| panic!("a random scenario reads back: {e:?}"))
}

fn reader(r: &mut fastrand::Rng, o: &mut String, group: &str, reads: &str, writes: Option<&str>) {
    let style = match r.u8(..30) {
        0..=15 => "classic",
        16..=27 => "next",
        28 => "assign",
        _ => "silent",
    };
    let _ = write!(o, "reader {group} reads={reads} style={style} every={}", r.u8(2..8));
    if let Some(w) = writes {
        let _ = write!(o, " writes={w}");
    }
    let _ = write!(o, " batch={}", [5, 20, 100][r.usize(..3)]);
    if r.bool() {
        o.push_str(" reset=latest");
    }
    for (one_in, word) in [(5, " uncommitted"), (4, " late"), (6, " unseeded")] {
        if r.u8(..one_in) == 0 {
            o.push_str(word);
        }
    }
    o.push('\n');
}

fn producers(r: &mut fastrand::Rng, o: &mut String, two: bool) {
    for (name, topic) in [("crm", "crm.ingestion"), ("erp", "erp.ingestion")].into_iter().take(1 + usize::from(two)) {
        let (a, b) = [(3, 8), (5, 20), (2, 40), (30, 70), (100, 180)][r.usize(..5)];
        let writes = ["plain", "plain", "idempotent", "transactional", "crashing"][r.usize(..5)];
        let _ = write!(o, "producer {name} topics={topic} gap={a}..{b} writes={writes}");
        // Markers end a transaction up to 4 s later, or after its timeout.
        let more = if writes == "crashing" { 45 } else { 5 };
        if b <= 20 && writes == "plain" && r.u8(..4) == 0 {
            o.push_str(" learned");
        } else {
            let _ = write!(o, " cadence={}", b + more);
        }
        o.push_str(match r.u8(..40) {
            0 => " undeclared\n",
            _ => "\n",
        });
    }
}

fn forgotten(r: &mut fastrand::Rng, readers: &[&str]) -> String {
    let g = readers[r.usize(..readers.len())];
    match r.u8(..3) {
        0 => format!("forget reader {g}"),
        1 => format!("forget seed {g}"),
        _ => "forget producer crm".to_owned(),
    }
}

fn event(r: &mut fastrand::Rng, topics: &[&str], readers: &[&str], producers: &[&str]) -> String {
    let side = if r.bool() { "src" } else { "dst" };
    let t = topics[r.usize(..topics.len())];
    let g = readers[r.usize(..readers.len())];
    let p = producers[r.usize(..producers.len())];
    let d = [3, 8, 20, 45, 90, 200][r.usize(..6)];
    match r.u8(..42) {
        0 | 1 => format!("{side} down {d}"),
        2 => format!("{side} broker {} {d}", r.u8(1..3)),
        3 => format!("{side} flap {} {}", r.u8(1..3), d * 3),
        4 => format!("{side} unanswered {t}/0 {d}"),
        5 => format!("{side} coordinator {g} {d}"),
        6 => format!("{side} slow {} {d}", [500, 2_000, 6_000][r.usize(..3)]),
        7 => format!("{side} hide {d}"),
        8 => format!("{side} imposter {d}"),
        9 | 10 => format!("src stall {t}/0 {}", d.min(45)),
        11 => format!("{side} elect {t}/0"),
        12 | 13 => format!("kill {d}"),
        14 | 15 => "die".to_owned(),
        16 => {
            if r.u8(..4) == 0 {
                format!("amnesia {d}")
            } else {
                format!("kill {}", d / 2)
            }
        }
        17 => format!("sleep {}", d * 5),
        18 => format!("clock {}", [3, -3, 60, -60, 1_000][r.usize(..5)]),
        19 | 20 => format!("bounce {g} src {d}"),
        21 => format!("bounce {g} src {d} kill"),
        22 => format!("start {g} src"),
        23 => format!("stop {g} src"),
        24 => format!("start {g} dst"),
        25 => format!("write src {t}/0 1"),
        26 => format!("txn src {t}/0 2 {} {}", if r.bool() { "commit" } else { "abort" }, d),
        27 => format!("write dst {t}/0 3"),
        28 => format!("dst member test {t}"),
        29 => "dst leave test".to_owned(),
        30 => format!("dst commit test {t}/0 0"),
        31 => "dst forget test".to_owned(),
        32 => format!("dst clean {t}/0"),
        33 => format!("unswitch {p}"),
        34 => "backout".to_owned(),
        35 => "early".to_owned(),
        36 => format!("late {}", d * 4),
        37 => format!("twice {}", crate::watch::STEPS[r.usize(..4)]),
        38 => format!("loss {}", [0, 10, 30][r.usize(..3)]),
        39 => format!("op withdraw {}", crate::watch::STEPS[r.usize(..3)]),
        // At the destination a person has to say then where a log began; the simulated one does not.
        40 => format!("src conceal {t} {d}"),
        _ => format!("src untold {d}"),
    }
}

/// Runs the migration of a seed.
pub fn run(seed: u64) -> Outcome {
    crate::world::run(&scenario(seed), None)
}
