//! The MongoDB section, checked in shape: it makes the track exist, whose readings are not part of this version.

use super::agent::Pulse;
use super::error::{listed, quoted};
use super::read::At;
use super::secret;
use cutover_core::settings::Track;
use cutover_core::time::Dur;

const KINDS: [(&str, Kind); 4] = [
    ("mongomirror", Kind::Mongomirror),
    ("mongosync", Kind::Mongosync),
    ("clustersync", Kind::Clustersync),
    ("external", Kind::External),
];

/// The kinds of mirrors.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    Mongomirror,
    Mongosync,
    Clustersync,
    External,
}

/// Checks the section.
pub(super) fn read(at: &At<'_>, pulse: Pulse) {
    if !at.is_map() {
        return;
    }
    at.warn("MongoDB is not read by this version: every check of the mongodb track answers unknown");
    for side in ["source", "destination"] {
        secret::find(&at.get(side), "uri_file", "uri_env");
    }
    let databases = at.get("databases");
    if !databases.given() || databases.items().is_empty() {
        databases.fail("is missing: which databases is this migration about? as in [shop]");
    }
    for item in databases.items() {
        item.checked(|text| {
            let internal = matches!(text, "admin" | "local" | "config");
            let legal = text.len() < 64 && !text.contains(['/', '\\', '.', '"', '$', '*', ' ', '\0']);
            if internal || !legal { Err(format!("came {}, which is no user database", quoted(text))) } else { Ok(()) }
        });
    }
    let interval = pulse.interval(&at.get("interval"));
    at.get("slow_interval").duration(interval..=Dur::days(1));
    at.get("copy_rate").rate();
    at.get("index_rate").rate();
    at.get("offset_field").text();
    let unsupported = at.get("unsupported_versions");
    if let Some(reason) = unsupported.reason() {
        unsupported.relax(&reason, &[Track::Mongodb]);
    }
    for key in ["left_behind", "may_have"] {
        for (name, at) in at.get(key).entries() {
            if !name.split_once('.').is_some_and(|(database, rest)| !database.is_empty() && !rest.is_empty()) {
                at.fail("is no namespace: write database and collection, as in shop.tmp");
            }
            if let Some(reason) = at.reason() {
                at.relax(&reason, &[Track::Mongodb]);
            }
        }
    }
    let mirrors = at.get("mirrors");
    if mirrors.entries().is_empty() {
        mirrors.warn("no mirror is configured: nothing can follow, drain or finish");
    }
    mirrors.entries().iter().for_each(|(_, at)| mirror(at));
}

fn mirror(at: &At<'_>) {
    if !at.is_map() {
        return;
    }
    let (kind, url, marker) = (at.get("kind"), at.get("url"), at.get("marker"));
    if !kind.given() {
        kind.fail(format!("is missing; expected one of {}", listed(KINDS.iter().map(|(word, _)| *word))));
    }
    let of_kind = kind.choice(&KINDS);
    url.items().iter().for_each(|item| drop(item.url()));
    marker.text();
    match of_kind {
        Some(Kind::External) if url.given() => {
            url.fail("an `external` mirror has no status port: its markers are watched")
        }
        Some(Kind::External) if !marker.given() => {
            marker.fail("is missing: which namespace do the markers of this mirror arrive in?")
        }
        Some(Kind::External) | None => {}
        Some(_) if !url.given() => url.fail("is missing: where does this mirror answer? as in http://127.0.0.1:8080"),
        Some(_) if marker.given() => marker.fail("only an `external` mirror has markers"),
        Some(_) => {}
    }
    at.get("namespaces").patterns(false);
    at.get("lag").duration(Dur::ZERO..=Dur::hours(1));
    let client = at.get("client");
    for key in ["address", "app_name", "user"] {
        client.get(key).patterns(false);
    }
    let recognised = ["address", "app_name", "user"].iter().any(|key| client.get(key).given());
    if of_kind == Some(Kind::Mongomirror) && !recognised {
        client.warn("is missing: without an address or app_name its end cannot be seen, and `finished` stays unknown");
    }
}
