//! Every key there is, once: what it takes, its default, and whether the environment may set it.
//!
//! The table knows shapes, not meanings: ranges and what keys mean together are said where they are read. Keys chosen
//! by people stand as `<…>`. `docs/configuration.md` has a row for each; a test compares them.

/// A key.
#[derive(Debug)]
pub(super) struct Key {
    /// Its path; segments in `<…>` are names chosen by people, or steps and checks.
    pub(super) path: &'static str,
    /// Its shape.
    pub(super) shape: Shape,
    /// What it takes, in words.
    pub(super) takes: &'static str,
    /// What it is when nobody gives it, as it would be written.
    pub(super) default: Option<&'static str>,
}

/// The shape of a value.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Keys below it.
    Map,
    /// One value.
    Scalar,
    /// One value or a list of them.
    List,
}

const fn map(path: &'static str) -> Key {
    Key { path, shape: Shape::Map, takes: "a map", default: None }
}
const fn one(path: &'static str, takes: &'static str) -> Key {
    Key { path, shape: Shape::Scalar, takes, default: None }
}
const fn or(path: &'static str, takes: &'static str, default: &'static str) -> Key {
    Key { path, shape: Shape::Scalar, takes, default: Some(default) }
}
const fn many(path: &'static str, takes: &'static str) -> Key {
    Key { path, shape: Shape::List, takes, default: None }
}

const DURATION: &str = "a duration";
const REASON: &str = "a reason in words";
const FILE: &str = "a path";
const VARIABLE: &str = "the name of an environment variable";
const PATTERNS: &str = "a pattern or a list of patterns";
const PREFIX: &str = "a prefix";
const STEPS: &str = "a step or a list of steps";

const COMMON: &[Key] = &[
    one("migration", "a name: a-z, 0-9 and -, at most 60 characters"),
    or("attempt", "a number from 1", "1"),
    many("scope", "a prefix, or a list of topic patterns"),
    or("joint", "true or false", "false"),
    or("requirements", "enforced or advisory", "advisory"),
    or("pace", DURATION, "10min"),
    map("rehearsal"),
    one("rehearsal.faster", "a number, 1 to 1000"),
    map("expect_none"),
    one("expect_none.producers", REASON),
    map("dropped"),
    one("dropped.services", REASON),
    one("dropped.mongodb", REASON),
    one("dropped.kafka", REASON),
    map("agent"),
    or("agent.interval", DURATION, "5s"),
    or("agent.timeout", DURATION, "4s"),
    or("agent.listen", "an address and a port", "127.0.0.1:9820"),
    or("agent.data_dir", FILE, "/var/lib/cutover-agent"),
    one("agent.hold_file", FILE),
    map("agent.tokens"),
    map("agent.tokens.<name>"),
    one("agent.tokens.<name>.file", FILE),
    one("agent.tokens.<name>.env", VARIABLE),
    map("producers"),
    map("producers.<name>"),
    many("producers.<name>.topics", PATTERNS),
    one("producers.<name>.owner", "a name"),
    one("producers.<name>.cadence", DURATION),
    one("producers.<name>.mode", "stopped"),
    one("producers.<name>.reason", REASON),
    map("steps"),
    map("steps.<step>"),
    one("steps.<step>.skip", REASON),
    many("steps.<step>.after", STEPS),
    map("steps.<step>.<check>"),
    one("steps.<step>.<check>.for", DURATION),
];

macro_rules! rules {
    ($path:literal) => {
        &[
            map($path),
            map(concat!($path, ".kafka")),
            many(concat!($path, ".kafka.client_id"), PATTERNS),
            many(concat!($path, ".kafka.group"), PATTERNS),
            many(concat!($path, ".kafka.host"), PATTERNS),
            map(concat!($path, ".mongodb")),
            many(concat!($path, ".mongodb.app_name"), PATTERNS),
            many(concat!($path, ".mongodb.user"), PATTERNS),
            many(concat!($path, ".mongodb.address"), PATTERNS),
        ]
    };
}

const IDENTITY: &[Key] = &[map("identity")];
const SOURCE: &[Key] = rules!("identity.source");
const DESTINATION: &[Key] = rules!("identity.destination");
const READERS: &[Key] = rules!("identity.readers");
const WRITERS: &[Key] = rules!("identity.writers");
const BYSTANDERS: &[Key] = &[map("identity.bystanders"), one("identity.bystanders.<name>.reason", REASON)];
const BYSTANDER: &[Key] = rules!("identity.bystanders.<name>");

const KAFKA: &[Key] = &[
    map("kafka"),
    map("kafka.source"),
    one("kafka.source.properties_file", FILE),
    one("kafka.source.properties_env", VARIABLE),
    map("kafka.source.properties"),
    one("kafka.source.properties.<key>", "the value of a client property"),
    map("kafka.destination"),
    one("kafka.destination.properties_file", FILE),
    one("kafka.destination.properties_env", VARIABLE),
    map("kafka.destination.properties"),
    one("kafka.destination.properties.<key>", "the value of a client property"),
    one("kafka.interval", DURATION),
    or("kafka.slow_interval", DURATION, "5min"),
    or("kafka.longest_pause", DURATION, "7d"),
    or("kafka.session_timeout", DURATION, "45s"),
    map("kafka.rename"),
    map("kafka.rename.topics"),
    one("kafka.rename.topics.<prefix>", PREFIX),
    map("kafka.rename.groups"),
    one("kafka.rename.groups.<prefix>", PREFIX),
    map("kafka.classes"),
    one("kafka.classes.<pattern>", "ingestion, pr-update, sv-trigger or sv-update"),
    map("kafka.ignored"),
    one("kafka.ignored.<name>", REASON),
    map("kafka.unread"),
    one("kafka.unread.<topic>", REASON),
    map("kafka.unseeded"),
    one("kafka.unseeded.<group>", REASON),
    map("kafka.archived"),
    one("kafka.archived.<topic>", REASON),
    map("kafka.partitions_differ"),
    one("kafka.partitions_differ.<topic>", REASON),
];

const MONGODB: &[Key] = &[
    map("mongodb"),
    map("mongodb.source"),
    one("mongodb.source.uri_file", FILE),
    one("mongodb.source.uri_env", VARIABLE),
    map("mongodb.destination"),
    one("mongodb.destination.uri_file", FILE),
    one("mongodb.destination.uri_env", VARIABLE),
    many("mongodb.databases", "a database or a list of databases"),
    one("mongodb.interval", DURATION),
    or("mongodb.slow_interval", DURATION, "5min"),
    or("mongodb.copy_rate", "bytes per second, as in 20MB/s", "20MB/s"),
    or("mongodb.index_rate", "bytes per second, as in 10MB/s", "10MB/s"),
    or("mongodb.offset_field", "the path of a field", "__internal__kafkaInfo.offset"),
    one("mongodb.unsupported_versions", REASON),
    map("mongodb.left_behind"),
    one("mongodb.left_behind.<namespace>", REASON),
    map("mongodb.may_have"),
    one("mongodb.may_have.<namespace>", REASON),
    map("mongodb.mirrors"),
    map("mongodb.mirrors.<name>"),
    one("mongodb.mirrors.<name>.kind", "mongomirror, mongosync, clustersync or external"),
    many("mongodb.mirrors.<name>.url", "a URL or a list of URLs"),
    many("mongodb.mirrors.<name>.namespaces", PATTERNS),
    one("mongodb.mirrors.<name>.lag", DURATION),
    map("mongodb.mirrors.<name>.client"),
    many("mongodb.mirrors.<name>.client.address", PATTERNS),
    many("mongodb.mirrors.<name>.client.app_name", PATTERNS),
    many("mongodb.mirrors.<name>.client.user", PATTERNS),
    one("mongodb.mirrors.<name>.marker", "a namespace, as in cutover.markers"),
];

const PROBES: &[Key] = &[
    map("probes"),
    map("probes.<name>"),
    one("probes.<name>.kind", "tcp, http, dns, count, promql or pods"),
    one("probes.<name>.side", "source or destination"),
    many("probes.<name>.gates", STEPS),
    one("probes.<name>.requirement", "one of the requirements"),
    one("probes.<name>.vantage", "a name"),
    one("probes.<name>.interval", DURATION),
    one("probes.<name>.timeout", DURATION),
    one("probes.<name>.url", "a URL"),
    one("probes.<name>.status", "a number, 100 to 599"),
    one("probes.<name>.address", "a host and a port"),
    one("probes.<name>.tls", "true or false"),
    one("probes.<name>.certificate_days", "a number, 1 to 3650"),
    one("probes.<name>.name", "a DNS name"),
    many("probes.<name>.resolvers", "an address or a list of addresses"),
    many("probes.<name>.expect", "an answer or a list of answers"),
    one("probes.<name>.database", "a database"),
    one("probes.<name>.collection", "a collection, or a pattern of collections"),
    one("probes.<name>.filter", "a JSON document"),
    one("probes.<name>.at_most", "a number from 0"),
    one("probes.<name>.query", "a PromQL expression"),
    one("probes.<name>.namespace", "a Kubernetes namespace"),
    one("probes.<name>.selector", "a label selector"),
];

const ALL: &[&[Key]] =
    &[COMMON, IDENTITY, SOURCE, DESTINATION, READERS, WRITERS, BYSTANDERS, BYSTANDER, KAFKA, MONGODB, PROBES];

/// Every key.
pub(super) fn keys() -> impl Iterator<Item = &'static Key> {
    ALL.iter().flat_map(|keys| keys.iter())
}

/// The key with exactly that path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == path)
}

/// The keys directly below a path; the whole configuration is the empty one.
pub(super) fn below(path: &str) -> impl Iterator<Item = (&'static str, &'static Key)> {
    keys().filter_map(move |key| {
        let rest = if path.is_empty() { key.path } else { key.path.strip_prefix(path)?.strip_prefix('.')? };
        (!rest.contains('.')).then_some((rest, key))
    })
}

/// The keys the environment may set: one value at a place nobody chose.
pub(super) fn overridable() -> impl Iterator<Item = &'static Key> {
    keys().filter(|key| (key.shape == Shape::Scalar || key.path == "scope") && !key.path.contains('<'))
}

/// The variable of a key.
pub(super) fn variable(path: &str) -> String {
    format!("{}{}", super::merge::PREFIX, path.to_uppercase().replace('.', "__"))
}
