//! Probes, checked in shape: they gate steps and so make tracks exist; their readings are not part of this version.

use super::error::{listed, quoted, unknown};
use super::read::At;
use super::steps::unknown_step;
use cutover_core::playbook::{self, REQUIREMENTS, Step};
use cutover_core::time::Dur;

/// The kinds of probes, with the keys each needs and those it may have.
const KINDS: [(&str, &[&str], &[&str]); 6] = [
    ("tcp", &["address"], &["tls", "certificate_days"]),
    ("http", &["url"], &["status", "certificate_days"]),
    ("dns", &["name", "resolvers", "expect"], &[]),
    ("count", &["database", "collection"], &["filter", "at_most"]),
    ("promql", &["url", "query"], &[]),
    ("pods", &["namespace", "selector"], &["at_most"]),
];
/// The keys that belong to a kind.
const OWN: [&str; 16] = [
    "url",
    "status",
    "address",
    "tls",
    "certificate_days",
    "name",
    "resolvers",
    "expect",
    "database",
    "collection",
    "filter",
    "at_most",
    "query",
    "namespace",
    "selector",
    "vantage",
];

/// Checks the section; answers the steps that probes gate.
pub(super) fn read(at: &At<'_>) -> Vec<&'static Step> {
    let mut gated = Vec::new();
    if !at.entries().is_empty() {
        at.warn("probes are not read by this version: what they gate stays unknown");
    }
    for (_, at) in at.entries() {
        if at.is_map() {
            kind(&at);
            values(&at);
            gated.extend(gates(&at));
        }
    }
    gated
}

fn kind(at: &At<'_>) {
    let kind = at.get("kind");
    let words: Vec<(&'static str, usize)> = KINDS.iter().enumerate().map(|(i, (word, ..))| (*word, i)).collect();
    if !kind.given() {
        kind.fail(format!("is missing; expected one of {}", listed(words.iter().map(|(word, _)| *word))));
    }
    let Some((word, needs, may)) = kind.choice(&words).and_then(|i| KINDS.get(i)) else { return };
    for key in OWN {
        let value = at.get(key);
        if needs.contains(&key) && !value.given() {
            value.fail(format!("is missing: a `{word}` probe needs {}", listed(needs.iter().copied())));
        }
        if value.given() && key != "vantage" && !needs.contains(&key) && !may.contains(&key) {
            let known: Vec<&str> = needs.iter().chain(*may).copied().collect();
            value.fail(format!("does not belong to a `{word}` probe, which has {}", listed(known)));
        }
    }
}

fn values(at: &At<'_>) {
    at.get("side").choice(&[("source", ()), ("destination", ())]);
    if !at.get("side").given() {
        at.get("side").fail("is missing; expected source or destination");
    }
    at.get("url").url();
    at.get("status").number(100..=599);
    at.get("tls").boolean();
    at.get("certificate_days").number(1..=3650);
    at.get("at_most").number(0..=u32::MAX);
    at.get("address").checked(|text| {
        let port =
            text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_some_and(|port| port > 0) {
            Ok(())
        } else {
            Err(format!("came {}; expected host:port", quoted(text)))
        }
    });
    at.get("filter").checked(|text| {
        let json = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        json.map(|_| ()).map_err(|e| format!("is not a JSON document: {e}"))
    });
    for key in ["vantage", "name", "database", "collection", "query", "namespace", "selector"] {
        at.get(key).text();
    }
    for key in ["resolvers", "expect"] {
        at.get(key).items().iter().for_each(|item| drop(item.text()));
    }
    let interval = at.get("interval").duration(Dur(500)..=Dur::hours(1));
    let timeout = at.get("timeout").duration(Dur(100)..=Dur::mins(5));
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && timeout >= interval
    {
        at.get("timeout").fail("must be shorter than the probe's interval");
    }
    let requirement = at.get("requirement");
    requirement.checked(|word| {
        let known: Vec<&str> = REQUIREMENTS.iter().map(|(word, _)| *word).collect();
        let none = || format!("there is no requirement {}{}", quoted(word), unknown(word, known.clone()));
        if known.contains(&word) { Ok(()) } else { Err(none()) }
    });
}

fn gates(at: &At<'_>) -> Vec<&'static Step> {
    let mut steps = Vec::new();
    for item in at.get("gates").items() {
        let Some(name) = item.text() else { continue };
        match playbook::step(&name) {
            Some(step) => steps.push(step),
            None => item.fail(unknown_step(&name)),
        }
    }
    steps
}
