//! The MongoDB section: the two deployments, the databases, the mirrors, and what is left out and why.
//!
//! A connection string is read by the driver's own parser; whatever is wrong with it, it is never quoted.

use super::agent::Pulse;
use super::error::{listed, quoted};
use super::identity::Clients;
use super::read::At;
use super::secret::{self, Secret};
use cutover_core::Name;
use cutover_core::settings::{ClientRule, MirrorKind, MirrorSettings, MongoField, MongodbSettings, Track};
use cutover_core::time::Dur;
use mongodb::options::{ConnectionString, HostInfo};
use std::collections::{BTreeMap, BTreeSet};

const KINDS: [(&str, MirrorKind); 4] = [
    ("mongomirror", MirrorKind::Mongomirror),
    ("mongosync", MirrorKind::Mongosync),
    ("clustersync", MirrorKind::Clustersync),
    ("external", MirrorKind::External),
];
/// The fields a MongoDB client is recognised by.
pub(super) const FIELDS: [(&str, MongoField); 3] =
    [("address", MongoField::Address), ("app_name", MongoField::AppName), ("user", MongoField::User)];

/// Options of connection strings about how an application reads and writes, which the agent sets itself; among them some
/// that its driver was built without, or does not know.
const NOT_OURS: [&str; 27] = [
    "appname",
    "compressors",
    "connecttimeoutms",
    "heartbeatfrequencyms",
    "journal",
    "localthresholdms",
    "maxconnecting",
    "maxidletimems",
    "maxpoolsize",
    "maxstalenessseconds",
    "minpoolsize",
    "readconcernlevel",
    "readpreference",
    "readpreferencetags",
    "retryreads",
    "retrywrites",
    "servermonitoringmode",
    "serverselectiontimeoutms",
    "serverselectiontryonce",
    "sockettimeoutms",
    "timeoutms",
    "uuidrepresentation",
    "w",
    "waitqueuemultiple",
    "waitqueuetimeoutms",
    "wtimeoutms",
    "zlibcompressionlevel",
];

/// The two deployments and the mirrors.
#[derive(Clone, Debug)]
pub(crate) struct MongodbTargets {
    /// The deployment being left.
    pub(crate) source: MongodbTarget,
    /// The deployment being moved to.
    pub(crate) destination: MongodbTarget,
    /// Where each mirror answers.
    pub(crate) mirrors: BTreeMap<Name, MirrorTarget>,
    /// The path of the field in which projections store offsets.
    pub(crate) offset_field: Name,
}

/// How to reach a deployment. Its connection string cannot be printed.
#[derive(Clone, Debug)]
pub(crate) struct MongodbTarget {
    /// The connection string, checked.
    pub(crate) uri: Secret,
    /// The user it logs in as, and the database that user is in: for the command that grants what is missing.
    pub(crate) user: Option<(Name, Name)>,
}

/// Where a mirror answers.
#[derive(Clone, Debug)]
pub(crate) struct MirrorTarget {
    /// Its kind.
    pub(crate) kind: MirrorKind,
    /// The URL of each instance.
    pub(crate) urls: Vec<Name>,
}

/// Reads the section, and what it needs of the others.
pub(super) fn read(root: &At<'_>, clients: Clients, pulse: Pulse) -> (Option<MongodbTargets>, MongodbSettings) {
    let at = root.get("mongodb");
    let (source, destination) = (target(&at.get("source")), target(&at.get("destination")));
    if let (Some((_, a)), Some((_, b))) = (&source, &destination)
        && let Some(host) = a.intersection(b).next()
    {
        at.get("destination").fail(format!(
            "source and destination both name {host}: they must not be the same deployment, or equal data proves nothing"
        ));
    }
    let databases = databases(&at.get("databases"));
    let interval = pulse.interval(&at.get("interval"));
    let slow_interval = at.get("slow_interval").duration(interval..=Dur::days(1)).unwrap_or(Dur::mins(5));
    let unsupported = at.get("unsupported_versions");
    let unsupported_versions = unsupported.reason();
    if let Some(reason) = &unsupported_versions {
        unsupported.relax(reason, &[Track::Mongodb]);
    }
    let rate = |key: &'static str| at.get(key).rate().map_or(1, |r| i64::try_from(r).unwrap_or(i64::MAX));
    let offset_field = at.get("offset_field").checked(|text| {
        let legal = text.split('.').all(|part| !part.is_empty() && !part.starts_with('$') && !part.contains('\0'));
        if legal { Ok(()) } else { Err(format!("came {}, which is no path of a field", quoted(text))) }
    });
    let mirrors = mirrors(&at.get("mirrors"));
    let settings = MongodbSettings {
        interval,
        slow_interval,
        left_behind: reasons(&at.get("left_behind"), &databases),
        may_have: reasons(&at.get("may_have"), &databases),
        databases,
        unsupported_versions,
        copy_rate: rate("copy_rate"),
        index_rate: rate("index_rate"),
        mirrors: mirrors.iter().map(|(name, (settings, _))| (name.clone(), settings.clone())).collect(),
        readers: clients.readers,
        writers: clients.writers,
        homes: clients.homes,
        bystanders: clients.bystanders,
    };
    let mirrors = mirrors.into_iter().map(|(name, (_, target))| (name, target)).collect();
    let targets = source.zip(destination).zip(offset_field).map(|(((source, _), (destination, _)), offset_field)| {
        MongodbTargets { source, destination, mirrors, offset_field }
    });
    (targets, settings)
}

/// A deployment and its hosts.
fn target(at: &At<'_>) -> Option<(MongodbTarget, BTreeSet<String>)> {
    let found = secret::find(at, "uri_file", "uri_env")?;
    let uri = Secret::new(ours(found.secret.expose().trim()));
    let parsed = match ConnectionString::parse(uri.expose()) {
        Ok(parsed) if !uri.expose().contains(char::is_whitespace) => parsed,
        // The driver's own words quote parts of the string.
        _ => {
            let whose = found.file.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
            at.fail(format!(
                "{whose}is no connection string that the driver can read: expected one line, \
                 mongodb://user:password@host:port,…/?replicaSet=… or mongodb+srv://…, with @ : / % in a password \
                 written as %40 %3A %2F %25, and only options that exist"
            ));
            return None;
        }
    };
    let hosts: BTreeSet<String> = match &parsed.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.iter().map(|h| h.to_string().to_lowercase()).collect(),
        HostInfo::DnsRecord(name) => BTreeSet::from([name.to_lowercase()]),
        _ => BTreeSet::new(),
    };
    if let Some(file) = &found.file {
        let named: Vec<&str> = hosts.iter().map(String::as_str).collect();
        at.hold_from(secret::HIDDEN, format!("file {}: {}", file.display(), named.join(",")));
    }
    let user = parsed.credential.as_ref().and_then(|c| {
        let source = c.source.as_deref().or(parsed.default_database.as_deref()).unwrap_or("admin");
        Some((Name::from(c.username.as_deref()?), Name::from(source)))
    });
    Some((MongodbTarget { uri, user }, hosts))
}

/// A connection string without the options that are not the agent's.
fn ours(uri: &str) -> String {
    let Some((head, options)) = uri.split_once('?') else { return uri.to_owned() };
    let key = |option: &str| option.split('=').next().unwrap_or("").to_lowercase();
    let kept: Vec<&str> = options.split('&').filter(|o| !NOT_OURS.contains(&key(o).as_str())).collect();
    match kept.is_empty() {
        true => head.to_owned(),
        false => format!("{head}?{}", kept.join("&")),
    }
}

fn databases(at: &At<'_>) -> BTreeSet<Name> {
    if !at.given() || at.items().is_empty() {
        at.fail("is missing: which databases is this migration about? as in [shop]");
    }
    let database = |item: At<'_>| {
        item.checked(|text| {
            let internal = matches!(text, "admin" | "local" | "config");
            let legal = text.len() < 64 && !text.contains(['/', '\\', '.', '"', '$', '*', ' ', '\0']);
            if internal || !legal { Err(format!("came {}, which is no user database", quoted(text))) } else { Ok(()) }
        })
    };
    at.items().into_iter().filter_map(database).collect()
}

/// Namespaces with the reason why each is an exception: exact ones, so that nothing is excepted by accident.
fn reasons(at: &At<'_>, databases: &BTreeSet<Name>) -> BTreeMap<Name, Name> {
    let mut reasons = BTreeMap::new();
    for (name, at) in at.entries() {
        match name.split_once('.') {
            Some((database, rest)) if !database.is_empty() && !rest.is_empty() => {
                if name.contains('*') {
                    at.warn("is taken as an exact name: patterns are not expanded here");
                } else if !databases.contains(database) {
                    at.warn("is in none of `mongodb.databases` and has no effect");
                }
            }
            _ => at.fail("is no namespace: write database and collection, as in shop.tmp"),
        }
        if let Some(reason) = at.reason() {
            at.relax(&reason, &[Track::Mongodb]);
            reasons.insert(name, reason);
        }
    }
    reasons
}

fn mirrors(at: &At<'_>) -> BTreeMap<Name, (MirrorSettings, MirrorTarget)> {
    if at.entries().is_empty() {
        at.warn("no mirror is configured: nothing can follow, drain or finish");
    }
    at.entries().into_iter().filter_map(|(name, at)| Some((name, mirror(&at)?))).collect()
}

fn mirror(at: &At<'_>) -> Option<(MirrorSettings, MirrorTarget)> {
    if !at.is_map() {
        return None;
    }
    let (kind, url, marker) = (at.get("kind"), at.get("url"), at.get("marker"));
    if !kind.given() {
        kind.fail(format!("is missing; expected one of {}", listed(KINDS.iter().map(|(word, _)| *word))));
    }
    let of_kind = kind.choice(&KINDS);
    let urls: Vec<Name> = url.items().iter().filter_map(At::url).collect();
    marker.text();
    match of_kind {
        Some(MirrorKind::External) if url.given() => {
            url.fail("an `external` mirror has no status port: its markers are watched");
        }
        Some(MirrorKind::External) if !marker.given() => {
            marker.fail("is missing: which namespace do the markers of this mirror arrive in?");
        }
        Some(MirrorKind::External) | None => {}
        Some(_) if !url.given() => url.fail("is missing: where does this mirror answer? as in http://127.0.0.1:8080"),
        Some(_) if url.items().is_empty() => url.fail("the list is empty: name where this mirror answers"),
        Some(_) if marker.given() => marker.fail("only an `external` mirror has markers"),
        Some(_) => {}
    }
    let namespaces = at.get("namespaces").patterns(false).unwrap_or_default();
    let lag = at.get("lag").duration(Dur::ZERO..=Dur::hours(1));
    let client = rules(&at.get("client"), false);
    if at.get("client").is_map() && client.is_empty() {
        at.get("client").fail("recognises nobody: give at least one of address, app_name, user");
    }
    if of_kind == Some(MirrorKind::Mongomirror) && !at.get("client").given() {
        let at = at.get("client");
        at.warn("is missing: without an address or app_name its end cannot be seen, and `finished` stays unknown");
    }
    if let Some(other) = of_kind.filter(|k| *k != MirrorKind::Mongomirror) {
        kind.warn(format!(
            "a mirror of kind `{}` is not read by this version: its checks answer unknown",
            other.as_str()
        ));
    }
    let kind = of_kind?;
    Some((MirrorSettings { kind, namespaces, lag, client }, MirrorTarget { kind, urls }))
}

/// The rules of a map of patterns by field.
pub(super) fn rules(at: &At<'_>, captures: bool) -> Vec<ClientRule> {
    let field = |(key, field): (&'static str, MongoField)| {
        let patterns = at.get(key).patterns(captures).unwrap_or_default();
        patterns.into_iter().map(move |pattern| ClientRule { field, pattern })
    };
    FIELDS.into_iter().flat_map(field).collect()
}
