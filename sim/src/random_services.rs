//! Random migrations with the services track: first, last, in between or at the same time as the others.

use crate::scenario::Scenario;
use crate::watch::{SERVICES, STEPS};
use std::fmt::Write as _;

/// Seeds from here on are of migrations with the services track.
pub const FIRST: u64 = 1_000_000_000;

fn pick(r: &mut fastrand::Rng, of: &[&'static str]) -> &'static str {
    of[r.usize(..of.len())]
}

/// The scenario of a seed, counted from [`FIRST`].
///
/// # Panics
/// Never: it writes what [`Scenario::parse`] reads.
pub fn scenario(seed: u64) -> Scenario {
    let mut r = fastrand::Rng::with_seed(seed ^ 0x5e7);
    let tracks = pick(
        &mut r,
        &[
            "services kafka",
            "services kafka",
            "kafka services",
            "services mongodb",
            "mongodb services",
            "services mongodb kafka",
            "kafka mongodb services",
            "mongodb services kafka",
            "services kafka beside",
            "services mongodb beside",
            "services mongodb kafka beside",
            "services mongodb kafka joint",
        ],
    );
    let mut o = base(&mut r, seed, tracks.contains("kafka"));
    let _ = writeln!(o, "tracks {tracks}");
    if tracks.contains("mongodb") {
        crate::random_mongodb::estate(&mut r, &mut o);
        if r.u8(..3) == 0 {
            crate::random_mongodb::events(&mut r, &mut o);
        }
    }
    estate(&mut r, &mut o);
    events(&mut r, &mut o);
    // Somebody by hand at the destination would be a service of the source that nobody deploys.
    let o: String = o.lines().filter(|l| !l.contains(" member test ")).fold(String::new(), |o, l| o + l + "\n");
    Scenario::parse(&o).unwrap_or_else(|e| panic!("a random scenario reads back: {e:?}"))
}

/// A Kafka estate, or the head of one without.
fn base(r: &mut fastrand::Rng, seed: u64, kafka: bool) -> String {
    if kafka {
        let mut s = crate::random::kafka(seed);
        // Who commits without joining a group cannot be told by its home.
        for reader in s.readers.iter_mut().filter(|x| x.style == crate::model::apps::Style::Assign) {
            reader.style = crate::model::apps::Style::Classic;
        }
        if r.u8(..3) > 0 {
            s.events.retain(|(at, _)| *at <= 3_000);
        }
        let o = s.text();
        let keep = |l: &&str| !l.starts_with("until") && !l.starts_with("tracks");
        return o.lines().filter(keep).fold(String::new(), |o, l| o + l + "\n");
    }
    let mut o = format!("seed {seed}\ninterval {}\n", pick(r, &["5", "10", "15", "20"]));
    let (latency, loss) = (pick(r, &["50", "300", "900"]), pick(r, &["0", "0", "2", "5"]));
    let _ = writeln!(o, "latency {latency}\nloss {loss}\noperator {}", pick(r, &["claims", "claims", "poller"]));
    o
}

fn of(o: &str, head: &str) -> Vec<String> {
    let lines = o.lines().filter_map(|l| l.strip_prefix(head)?.split_whitespace().next().map(str::to_owned));
    lines.collect()
}

fn estate(r: &mut fastrand::Rng, o: &mut String) {
    let (groups, clients) = (of(o, "reader "), of(o, "service "));
    if let (Some(g), Some(c)) = (groups.first(), clients.last()) {
        let _ = writeln!(o, "unit first {g} {c}");
    }
    let closed = if r.u8(..5) == 0 { " closed" } else { "" };
    let _ = writeln!(o, "probe api http{closed}");
    if r.bool() {
        o.push_str("probe port tcp\n");
    }
    let _ = writeln!(o, "probe entry {} gates=switch-dns", pick(r, &["tls", "tcp", "http"]));
    if r.u8(..5) > 0 {
        o.push_str("probe share promql gates=redirect-traffic\n");
    }
    if r.u8(..5) > 0 {
        let caches = pick(r, &["", " caches"]);
        let _ = writeln!(o, "probe name dns ttl={} resolvers={}{caches}", pick(r, &["20", "60", "300"]), r.u8(1..4));
    }
}

fn events(r: &mut fastrand::Rng, o: &mut String) {
    let units: Vec<String> =
        ["unit ", "reader ", "service "].iter().flat_map(|h| of(o, h)).filter(|n| !n.is_empty()).collect();
    let probes = of(o, "probe ");
    let late = o.contains("\ntracks kafka") || o.contains("\ntracks mongodb");
    for _ in 0..r.u8(..9) {
        let t = if late && r.bool() { r.u16(1_000..5_000) } else { r.u16(10..1_500) };
        let (u, p) = (&units[r.usize(..units.len())], &probes[r.usize(..probes.len())]);
        let e = event(r, u, p, o.contains("\nprobe name"));
        let _ = writeln!(o, "at {t} {e}");
    }
    for _ in 0..r.u8(..3) {
        let u = &units[r.usize(..units.len())];
        let _ = match r.u8(..4) {
            0 => writeln!(o, "at 1 sre forget traffic all"),
            1 => writeln!(o, "at 1 sre forget half {u}"),
            _ => writeln!(o, "at 1 sre forget service {u}"),
        };
    }
    if r.u8(..12) == 0 {
        o.push_str("at 2 sre postpone\n");
    }
    let _ = writeln!(o, "at 3 sre late {}", pick(r, &["0", "30", "60", "100", "200"]));
    let _ = writeln!(o, "until 12000");
}

fn event(r: &mut fastrand::Rng, unit: &str, probe: &str, named: bool) -> String {
    let d = [3, 8, 20, 45, 90, 200][r.usize(..6)];
    let home = if r.bool() { "src" } else { "dst" };
    let half = pick(r, &["", "", " kafka", " mongodb"]);
    match r.u8(..40) {
        0..=3 => format!("svc remove {unit} dst{half}"),
        4 | 5 => format!("svc remove {unit} {home}{half}"),
        6 | 7 => format!("svc deploy {unit} src{half}"),
        8 | 9 => format!("svc deploy {unit} dst{half}"),
        10..=12 => format!("traffic {home}"),
        13 | 14 => format!("probe {probe} silent {d}"),
        15 => format!("probe {probe} slow {} {d}", [500, 3_000, 20_000][r.usize(..3)]),
        16 | 17 if probe != "share" && probe != "name" => format!("probe {probe} fail {d}"),
        18 if probe == "share" => format!("probe share empty {d}"),
        19 | 20 if named => format!("probe name stale 0 {d}"),
        21 if named => format!("probe name mute 0 {}", d * 2),
        22 | 23 if named => format!("probe name names {}", if r.bool() { "old" } else { "new" }),
        24 if named => format!("probe name ttl {}", [10, 60, 200][r.usize(..3)]),
        25 | 26 => "sre backout".to_owned(),
        27 => "sre early".to_owned(),
        28 | 29 => format!("sre late {}", d * 4),
        30 => format!("kill {d}"),
        31 => "die".to_owned(),
        32 => format!("sleep {}", d * 5),
        33 => format!("clock {}", [3, -3, 60, -60, 1_000][r.usize(..5)]),
        34 => format!("loss {}", [0, 10, 30][r.usize(..3)]),
        35 if r.u8(..3) == 0 => format!("amnesia {d}"),
        36 => format!("op withdraw {}", STEPS[SERVICES + r.usize(..4)]),
        37 => format!("twice {}", STEPS[SERVICES + r.usize(..4)]),
        _ => format!("traffic {home}"),
    }
}
