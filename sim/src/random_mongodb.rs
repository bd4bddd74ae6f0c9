//! Random migrations of MongoDB: a set of services and mirrors, an operator with faults of their own, and things that
//! happen at any instant.

use crate::watch::{MONGODB, STEPS};
use std::fmt::Write as _;

fn pick(r: &mut fastrand::Rng, of: &[&'static str]) -> &'static str {
    of[r.usize(..of.len())]
}

/// The MongoDB half of a random estate.
pub fn estate(r: &mut fastrand::Rng, o: &mut String) {
    o.push_str("database shop\n");
    let collections = ["shop.orders", "shop.customers", "shop.stock"];
    let n = r.usize(1..4);
    for ns in &collections[..n] {
        let indexes = pick(r, &["", " indexes=a", " indexes=a,b"]);
        let _ = writeln!(o, "collection {ns} {}{indexes}", r.u16(..2_000));
    }
    let two = n > 1 && r.u8(..4) == 0;
    let copy = pick(r, &["5", "20", "60"]);
    let lag = pick(r, &["500", "1500", "4000"]);
    let idle = pick(r, &["", " idle"]);
    if two {
        let _ = writeln!(o, "mirror one namespaces=shop.orders copy={copy} lag={lag}{idle}");
        let _ = writeln!(o, "mirror two namespaces=shop.customers,shop.stock copy={copy} lag={lag}{idle}");
    } else {
        let _ = writeln!(o, "mirror one copy={copy} lag={lag}{idle}");
    }
    o.push_str("service crud-one reads\n");
    if r.bool() {
        o.push_str("service crud-two reads secondary\n");
    }
    for (i, ns) in collections[..n].iter().enumerate() {
        let temper = pick(r, &["steady", "steady", "batch", "transaction", "crashing"]);
        let (a, b) = [(1, 4), (2, 15), (10, 40), (55, 60)][r.usize(..4)];
        // What is written together has to be carried together.
        let spans = temper == "transaction" && i > 0 && (!two || i > 1) && r.bool();
        let with = if spans { format!(",{}", collections[i - 1]) } else { String::new() };
        let secondary = if r.u8(..6) == 0 { " secondary" } else { "" };
        let _ = writeln!(o, "service svc-{i} writes={ns}{with} temper={temper} gap={a}..{b}{secondary}");
    }
}

/// What happens to it.
pub fn events(r: &mut fastrand::Rng, o: &mut String) {
    let text = o.clone();
    let of = |head: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|l| l.strip_prefix(head)?.split_whitespace().next().map(str::to_owned));
        lines.collect()
    };
    let (services, mirrors, collections) = (of("service "), of("mirror "), of("collection "));
    for _ in 0..r.u8(..9) {
        let t = r.u16(10..2_200);
        let (s, m) = (&services[r.usize(..services.len())], &mirrors[r.usize(..mirrors.len())]);
        let ns = &collections[r.usize(..collections.len())];
        let e = event(r, s, m, ns);
        let _ = writeln!(o, "at {t} {e}");
    }
    for _ in 0..r.u8(..3) {
        let s = &services[r.usize(..services.len())];
        let what = if s.starts_with("crud") { "reader" } else { "writer" };
        let _ = match r.u8(..4) {
            0 => writeln!(o, "at 1 dba forget mirror {}", mirrors[0]),
            1 => writeln!(o, "at 1 dba forget block all"),
            _ => writeln!(o, "at 1 dba forget {what} {s}"),
        };
    }
    let _ = writeln!(o, "at 3 dba late {}", pick(r, &["0", "30", "60", "100", "200"]));
    if r.bool() {
        o.push_str("at 2 dba scaled\n");
    }
    if r.bool() {
        o.push_str("at 2 dba removed\n");
    }
}

fn event(r: &mut fastrand::Rng, service: &str, mirror: &str, ns: &str) -> String {
    let side = if r.bool() { "msrc" } else { "mdst" };
    let d = [3, 8, 20, 45, 90, 200][r.usize(..6)];
    match r.u8(..46) {
        0 | 1 => format!("{side} down {d}"),
        2 => format!("{side} elect {}", d.min(45)),
        3 => format!("{side} member h{} {d}", r.u8(1..3)),
        4 => format!("{side} oplog {d}"),
        5 => format!("{side} slow {} {d}", [500, 2_000, 6_000][r.usize(..3)]),
        6 => format!("{side} majority {d}"),
        7 => format!("{side} imposter {d}"),
        8..=10 => format!("msrc write {ns} 1"),
        11 => format!("msrc write {ns} 0"),
        12 => format!("mdst write {ns} 1"),
        13 => format!("mdst write {ns} 0"),
        14 => format!("msrc txn {ns} {d}"),
        15 => format!("{side} index {ns} extra"),
        16 => format!("mdst dropindex {ns} a"),
        17 => "msrc create shop.fresh".to_owned(),
        18 => "mdst create shop.leftover".to_owned(),
        19 => format!("mdst misjudge {ns} {}", r.i8(-2..3)),
        20 => format!("mdst build {ns} {d}"),
        21 => format!("mirror {mirror} stick"),
        22 => format!("mirror {mirror} hold {}", r.u8(1..3)),
        23 => format!("mirror {mirror} error it broke"),
        24 => format!("mirror {mirror} refuse {}", d * 2),
        25 => format!("mirror {mirror} restart"),
        26 => format!("mirror {mirror} anew"),
        27 => format!("mirror {mirror} start"),
        28 => format!("mirror {mirror} stop"),
        29 | 30 => format!("svc start {service} src"),
        31 => format!("svc stop {service} src"),
        32 => format!("svc bounce {service} src {d}"),
        33 => format!("svc start {service} dst"),
        34 => "dba backout".to_owned(),
        35 => "dba early".to_owned(),
        36 => format!("dba late {}", d * 4),
        37 => format!("kill {d}"),
        38 => "die".to_owned(),
        39 => format!("sleep {}", d * 5),
        40 => format!("clock {}", [3, -3, 60, -60, 1_000][r.usize(..5)]),
        41 => format!("twice {}", STEPS[MONGODB + r.usize(..5)]),
        42 => match r.u8(..3) {
            0 => format!("amnesia {d}"),
            1 => "msrc rollback".to_owned(),
            _ => format!("loss {}", [0, 10, 30][r.usize(..3)]),
        },
        43 => format!("op withdraw {}", STEPS[MONGODB + r.usize(..5)]),
        _ => format!("msrc block on {}", d * 2),
    }
}
