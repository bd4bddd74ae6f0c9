//! Who a client is: rules for homes, readers, writers and bystanders.
//!
//! Kafka clients are told apart by their homes only: its rules for readers, writers and bystanders are checked in shape.

use super::mongodb::{FIELDS, rules};
use super::read::At;
use cutover_core::settings::{ClientField, ClientRule, Home, HomeRule, Track};

/// What the section says.
#[derive(Default)]
pub(super) struct Identity {
    /// Rules that tell homes of Kafka clients apart.
    pub(super) homes: Vec<HomeRule>,
    /// Rules about MongoDB clients.
    pub(super) mongodb: Clients,
    /// There is a rule that tells homes apart, of Kafka or of MongoDB: there is a services track.
    pub(super) tells_homes: bool,
}

/// Rules about MongoDB clients.
#[derive(Default)]
pub(super) struct Clients {
    /// Which home a client has.
    pub(super) homes: Vec<(Home, ClientRule)>,
    /// Who reads only.
    pub(super) readers: Vec<ClientRule>,
    /// Who writes.
    pub(super) writers: Vec<ClientRule>,
    /// Who does not count.
    pub(super) bystanders: Vec<ClientRule>,
}

const KAFKA: [(&str, ClientField); 3] =
    [("client_id", ClientField::ClientId), ("group", ClientField::Group), ("host", ClientField::Host)];

/// Reads the section; `root` says which tracks there are.
pub(super) fn read(at: &At<'_>, root: &At<'_>) -> Identity {
    let mut identity = Identity::default();
    for (key, home) in [("source", Home::Source), ("destination", Home::Destination)] {
        let at = at.get(key);
        identity.homes.extend(kafka(&at.get("kafka"), home));
        some_rule(&at);
        orphans(&at, root);
        // A rule about a system that is not configured tells nothing.
        identity.tells_homes |=
            ["kafka", "mongodb"].iter().any(|system| at.get(system).given() && root.get(system).given());
        identity.mongodb.homes.extend(rules(&at.get("mongodb"), true).into_iter().map(|rule| (home, rule)));
    }
    for key in ["readers", "writers"] {
        let at = at.get(key);
        some_rule(&at);
        orphans(&at, root);
        kafka(&at.get("kafka"), Home::Unattributed);
        let rules = rules(&at.get("mongodb"), true);
        match key {
            "readers" => identity.mongodb.readers = rules,
            _ => identity.mongodb.writers = rules,
        }
    }
    for (_, at) in at.get("bystanders").entries() {
        identity.mongodb.bystanders.extend(bystander(&at, root));
    }
    identity
}

fn bystander(at: &At<'_>, root: &At<'_>) -> Vec<ClientRule> {
    if !at.is_map() {
        return Vec::new();
    }
    some_rule(at);
    orphans(at, root);
    kafka(&at.get("kafka"), Home::Unattributed);
    let rules = rules(&at.get("mongodb"), true);
    if at.get("kafka").given() {
        at.get("kafka").warn("has no effect in this version: name the group in `kafka.ignored` instead");
    }
    let reason = at.get("reason");
    if !reason.given() {
        reason.fail("is missing: why does this client not count?");
    }
    let sections = [("kafka", Track::Kafka), ("mongodb", Track::Mongodb)];
    let tracks: Vec<Track> =
        sections.into_iter().filter(|(key, _)| at.get(key).given()).map(|(_, track)| track).collect();
    if let Some(why) = reason.reason() {
        at.relax(&why, &tracks);
    }
    rules
}

/// Refuses a rule without any pattern: it recognises nobody, which nobody can have meant.
fn some_rule(at: &At<'_>) {
    if !at.is_map() {
        return;
    }
    let kafka = KAFKA.iter().any(|(field, _)| at.get("kafka").get(field).given());
    let mongodb = FIELDS.iter().any(|(field, _)| at.get("mongodb").get(field).given());
    if !kafka && !mongodb {
        at.fail(
            "recognises nobody: give at least one of kafka.client_id, kafka.group, kafka.host, mongodb.app_name, \
             mongodb.user, mongodb.address",
        );
    }
}

/// Warns of rules about a system that is not configured.
fn orphans(at: &At<'_>, root: &At<'_>) {
    for system in ["kafka", "mongodb"] {
        if at.get(system).given() && !root.get(system).given() {
            at.get(system).warn(format!("has no effect: there is no `{system}` section"));
        }
    }
}

fn kafka(at: &At<'_>, home: Home) -> Vec<HomeRule> {
    let field = |(key, field): (&'static str, ClientField)| {
        let patterns = at.get(key).patterns(true).unwrap_or_default();
        patterns.into_iter().map(move |pattern| HomeRule { home, field, pattern })
    };
    KAFKA.into_iter().flat_map(field).collect()
}
