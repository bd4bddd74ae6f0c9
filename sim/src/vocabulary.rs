//! The words of the scenario language, for whoever has to tell a person which one was meant.

use crate::scenario::Scenario;

/// A statement: its first word and how it is written.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("shop", "shop"),
    ("mshop", "mshop"),
    ("sshop", "sshop"),
    ("tracks", "tracks services mongodb kafka [beside|joint]"),
    ("unit", "unit orders rtu svc-orders"),
    (
        "probe",
        "probe api tcp|tls|http|promql|dns gates=redirect-traffic side=dst [closed], and for dns ttl=60 resolvers=2 [caches]",
    ),
    ("skip", "skip switch-readers"),
    ("database", "database shop"),
    ("collection", "collection shop.orders 1000 indexes=customer"),
    ("service", "service svc-orders writes=shop.orders temper=steady gap=2..10, or service crud-orders reads"),
    ("mirror", "mirror all namespaces=shop.* copy=20 lag=1500"),
    ("identity", "identity readers|writers PATTERN…"),
    ("window", "window 36000"),
    ("relax", "relax ignored|unread|archived|partitions-differ|left-behind|may-have NAME"),
    ("seed", "seed 7"),
    ("interval", "interval 10"),
    ("replicas", "replicas 3"),
    ("latency", "latency 300"),
    ("loss", "loss 3"),
    ("operator", "operator claims|poller|nobody"),
    ("retention", "retention 900"),
    ("topic", "topic crm.ingestion 2"),
    ("reader", "reader rtu reads=crm.ingestion writes=crm.pr-update style=classic every=3 reset=earliest"),
    ("producer", "producer crm topics=crm.ingestion gap=5..20 writes=plain cadence=20"),
    ("at", "at 100 src down 40"),
    ("expect", "expect no-go|go|done|not-done STEP until|by 900, or expect says|silent WORDS"),
    ("until", "until 2000"),
];

/// What may happen to a cluster: the word after `src` or `dst`.
pub const CLUSTER: &[&str] = &[
    "down",
    "imposter",
    "hide",
    "untold",
    "conceal",
    "broker",
    "flap",
    "unanswered",
    "coordinator",
    "rebalance",
    "slow",
    "stall",
    "elect",
    "truncate",
    "trim",
    "clean",
    "create",
    "delete",
    "config",
    "id",
    "partitions",
    "member",
    "leave",
    "commit",
    "forget",
];

/// What may happen to a MongoDB deployment: the word after `msrc` or `mdst`.
pub const DEPLOYMENT: &[&str] = &[
    "down",
    "imposter",
    "elect",
    "member",
    "oplog",
    "slow",
    "majority",
    "rollback",
    "block",
    "write",
    "txn",
    "create",
    "drop",
    "index",
    "dropindex",
    "misjudge",
    "build",
    "stranger",
    "leave",
    "window",
    "stored",
    "changes",
    "id",
    "version",
    "end",
    "commit",
];

/// What may happen to a mirror: the word after its name.
pub const MIRROR: &[&str] =
    &["start", "anew", "restart", "stop", "stick", "hold", "release", "error", "mended", "refuse", "hide", "show"];

/// What may happen to a service: the word after `svc`.
pub const SERVICE: &[&str] = &["start", "stop", "bounce", "deploy", "remove"];

/// What may happen to a probe: the word after its name.
pub const PROBE: &[&str] = &["pass", "fail", "silent", "empty", "slow", "names", "ttl", "stale", "mute", "end"];

/// What the operator of the services track may do or forget: the word after `sre`.
pub const SRE: &[&str] = &["forget", "backout", "postpone", "early", "late"];

/// What the operator of the MongoDB track may do or forget: the word after `dba`.
pub const DBA: &[&str] = &["forget", "scaled", "removed", "backout", "early", "late", "blind"];

/// What may happen besides: the word after the time.
pub const HAPPENS: &[&str] = &[
    "src", "dst", "end", "stop", "start", "bounce", "switch", "unswitch", "silence", "write", "txn", "kill", "amnesia",
    "restart", "die", "sleep", "clock", "loss", "forget", "seed", "scaled", "backout", "early", "late", "twice",
    "hold", "op", "msrc", "mdst", "mirror", "svc", "dba", "probe", "traffic", "sre",
];

/// A line that says nothing the language knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// Its number, from 1.
    pub line: usize,
    /// The word nobody knows, if it is one word.
    pub word: Option<String>,
    /// The words that could stand there.
    pub known: Vec<&'static str>,
    /// How such a line is written, if its first word is known.
    pub usage: Option<&'static str>,
}

/// Parses a scenario, or says of every line what is wrong with it.
///
/// # Errors
/// Every line that is no statement.
pub fn parse(text: &str) -> Result<Scenario, Vec<Wrong>> {
    let wrong: Vec<Wrong> = (1..).zip(text.lines()).filter_map(|(n, l)| check(n, l)).collect();
    if wrong.is_empty() { Scenario::parse(text).map_err(|_| wrong) } else { Err(wrong) }
}

fn check(line: usize, text: &str) -> Option<Wrong> {
    let code = text.split('#').next().unwrap_or("").trim();
    let words: Vec<&str> = code.split_whitespace().collect();
    let unknown =
        |word: &str, known: Vec<&'static str>| Some(Wrong { line, word: Some(word.to_owned()), known, usage: None });
    let head = *words.first()?;
    let Some((_, usage)) = STATEMENTS.iter().find(|(h, _)| *h == head) else {
        return unknown(head, STATEMENTS.iter().map(|(h, _)| *h).collect());
    };
    match words.as_slice() {
        ["at", _, "src" | "dst", verb, ..] if !CLUSTER.contains(verb) => return unknown(verb, CLUSTER.to_vec()),
        ["at", _, "msrc" | "mdst", verb, ..] if !DEPLOYMENT.contains(verb) => {
            return unknown(verb, DEPLOYMENT.to_vec());
        }
        ["at", _, "mirror", _, verb, ..] if !MIRROR.contains(verb) => return unknown(verb, MIRROR.to_vec()),
        ["at", _, "svc", verb, ..] if !SERVICE.contains(verb) => return unknown(verb, SERVICE.to_vec()),
        ["at", _, "probe", _, verb, ..] if !PROBE.contains(verb) => return unknown(verb, PROBE.to_vec()),
        ["at", _, "sre", verb, ..] if !SRE.contains(verb) => return unknown(verb, SRE.to_vec()),
        ["at", _, "traffic", to, ..] if !["src", "dst"].contains(to) => return unknown(to, vec!["src", "dst"]),
        ["at", _, "dba", verb, ..] if !DBA.contains(verb) => return unknown(verb, DBA.to_vec()),
        ["at", _, what, ..] if !HAPPENS.contains(what) => return unknown(what, HAPPENS.to_vec()),
        ["expect", "says" | "silent", ..] => {}
        ["expect", _, step, ..] if !crate::watch::STEPS.contains(step) => {
            return unknown(step, crate::watch::STEPS.to_vec());
        }
        _ => {}
    }
    Scenario::parse(code).is_err().then(|| Wrong { line, word: None, known: vec![], usage: Some(usage) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_in_the_vocabulary() {
        for (name, text) in crate::SCENARIOS {
            assert_eq!(parse(text).err(), None, "{name}");
        }
        assert!(crate::SCENARIOS.len() >= 20);
    }

    #[test]
    fn a_wrong_line_is_named_with_what_could_stand_there() {
        let wrong = parse("seed 1\n\ntoipc crm 2 # typo\nat 3 src dwon 4\nat 3 strat rtu\ninterval ten\n").unwrap_err();
        let said: Vec<_> = wrong.iter().map(|w| (w.line, w.word.as_deref(), w.usage)).collect();
        assert_eq!(
            said,
            [
                (3, Some("toipc"), None),
                (4, Some("dwon"), None),
                (5, Some("strat"), None),
                (6, None, Some("interval 10"))
            ]
        );
    }
}
