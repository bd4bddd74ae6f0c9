//! The settings the gate decides by: typed, validated by whoever built them, the same for a whole run.

use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::MongoClient;
use crate::pattern::Pattern;
use crate::time::Dur;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A migration of its own, with its steps in order.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Track {
    /// Kubernetes services.
    Services,
    /// MongoDB.
    Mongodb,
    /// Kafka.
    Kafka,
}

impl Track {
    /// Its name, as in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Track::Services => "services",
            Track::Mongodb => "mongodb",
            Track::Kafka => "kafka",
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a client runs; never the same thing as the side it is connected to.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// On the infrastructure being left.
    Source,
    /// On the infrastructure being moved to.
    Destination,
    /// No rule tells.
    Unattributed,
}

impl Home {
    /// `source`, `destination` or `unattributed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Home::Source => "source",
            Home::Destination => "destination",
            Home::Unattributed => "unattributed",
        }
    }
}

/// What a topic is for, by its suffix or `kafka.classes`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Written by external producers.
    Ingestion,
    /// Projection updates.
    PrUpdate,
    /// Single view triggers.
    SvTrigger,
    /// Single view updates.
    SvUpdate,
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 4] = [Class::Ingestion, Class::PrUpdate, Class::SvTrigger, Class::SvUpdate];

    /// The Fast Data suffix, without the dot.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Ingestion => "ingestion",
            Class::PrUpdate => "pr-update",
            Class::SvTrigger => "sv-trigger",
            Class::SvUpdate => "sv-update",
        }
    }
}

/// Everything the gate decides by.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The migration's name.
    pub migration: Name,
    /// Which attempt at it this is, from 1.
    pub attempt: u32,
    /// Hash over the whole configuration, relaxations included.
    pub config_hash: Name,
    /// Every time is divided by this; 1 unless the migration is a rehearsal.
    pub faster: i64,
    /// The tracks that are configured.
    pub tracks: BTreeSet<Track>,
    /// Steps skipped, and why.
    pub skip: BTreeMap<Name, Name>,
    /// Steps that wait for others besides the predecessor.
    pub after: BTreeMap<Name, Vec<Name>>,
    /// The reasonable time between steps.
    pub pace: Dur,
    /// MongoDB and Kafka share one downtime.
    pub joint: bool,
    /// `for` of a check of a step, where it is not the default.
    pub dwell: BTreeMap<(Name, Name), Dur>,
    /// The requirements block the first step of every track.
    pub requirements_enforced: bool,
    /// The Kafka move.
    pub kafka: Option<KafkaSettings>,
    /// The MongoDB move.
    pub mongodb: Option<MongodbSettings>,
    /// Probes, by name.
    pub probes: BTreeMap<Name, ProbeSettings>,
    /// Everything that relaxes a rule, in words, with the paths of the configuration.
    pub relaxations: Vec<Relaxation>,
}

/// A relaxation: what it touches and why.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Relaxation {
    /// Path in the configuration.
    pub path: Name,
    /// The reason given.
    pub reason: Name,
    /// Tracks whose answers it touches.
    pub tracks: Vec<Track>,
}

/// The Kafka move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KafkaSettings {
    /// How often a cluster is sampled.
    pub interval: Dur,
    /// How often configurations and sizes are read.
    pub slow_interval: Dur,
    /// Topics in scope on the source.
    pub topics: Vec<Pattern>,
    /// Patterns that class topics the Fast Data suffixes do not, first match wins.
    pub classes: Vec<(Pattern, Class)>,
    /// Prefixes of topics renamed on the destination, longest first.
    pub rename_topics: Vec<(Name, Name)>,
    /// Prefixes of groups renamed on the destination, longest first.
    pub rename_groups: Vec<(Name, Name)>,
    /// Groups and topics left out, and why.
    pub ignored: BTreeMap<Name, Name>,
    /// Declared external producers.
    pub producers: BTreeMap<Name, Producer>,
    /// Why there is no external producer at all, if so.
    pub no_producers: Option<Name>,
    /// Topics whose number of partitions may differ, and why.
    pub partitions_differ: BTreeMap<Name, Name>,
    /// Topics nobody reads, and why.
    pub unread: BTreeMap<Name, Name>,
    /// Groups that need no seeded offsets, and why.
    pub unseeded: BTreeMap<Name, Name>,
    /// Topics whose content is kept elsewhere, and why.
    pub archived: BTreeMap<Name, Name>,
    /// The longest the consumers may be stopped.
    pub longest_pause: Dur,
    /// The longest session timeout of a consumer.
    pub session_timeout: Dur,
    /// Client ids and groups that tell homes apart.
    pub homes: Vec<HomeRule>,
}

/// A rule that gives clients a home.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HomeRule {
    /// The home it gives.
    pub home: Home,
    /// Which field it looks at.
    pub field: ClientField,
    /// The pattern; what it captures is the identity.
    pub pattern: Pattern,
}

/// A field of a Kafka client.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ClientField {
    /// `client.id`.
    ClientId,
    /// `group.id`.
    Group,
    /// The host the broker sees.
    Host,
}

/// An external system that writes ingestion topics.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Producer {
    /// Topics it writes, by patterns over source names.
    pub topics: Vec<Pattern>,
    /// Who answers for it.
    pub owner: Option<Name>,
    /// The longest it is silent between two writes.
    pub cadence: Option<Dur>,
    /// Why it is retired and will not write again, if so.
    pub stopped: Option<Name>,
}

/// A probe, as far as it decides anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbeSettings {
    /// What it asks.
    pub kind: ProbeKind,
    /// The side it speaks of.
    pub side: Side,
    /// How often it is asked.
    pub interval: Dur,
    /// From where it looks; the agent itself where nothing is said.
    pub vantage: Option<Name>,
    /// Steps whose checks it takes part in.
    pub gates: BTreeSet<Name>,
    /// The requirement it measures.
    pub requirement: Option<Name>,
}

/// A kind of probe.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum ProbeKind {
    /// A TCP or TLS connection.
    Tcp,
    /// An HTTP answer.
    Http,
    /// What resolvers answer for a name.
    Dns,
    /// A count of documents.
    Count,
    /// A PromQL expression.
    Promql,
    /// Pods of a selector.
    Pods,
}

impl ProbeKind {
    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ProbeKind::Tcp => "tcp",
            ProbeKind::Http => "http",
            ProbeKind::Dns => "dns",
            ProbeKind::Count => "count",
            ProbeKind::Promql => "promql",
            ProbeKind::Pods => "pods",
        }
    }
}

/// The MongoDB move.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MongodbSettings {
    /// How often a deployment and a mirror are sampled.
    pub interval: Dur,
    /// How often collections, indexes and estimated counts are read.
    pub slow_interval: Dur,
    /// Databases this migration is about.
    pub databases: BTreeSet<Name>,
    /// Namespaces that stay behind, and why.
    pub left_behind: BTreeMap<Name, Name>,
    /// Namespaces the destination may hold beforehand, and why.
    pub may_have: BTreeMap<Name, Name>,
    /// Why versions outside the mirror's matrix are accepted, if they are.
    pub unsupported_versions: Option<Name>,
    /// Bytes of documents a mirror copies in a second.
    pub copy_rate: i64,
    /// Bytes of indexes a mirror builds in a second.
    pub index_rate: i64,
    /// The mirrors, by name.
    pub mirrors: BTreeMap<Name, MirrorSettings>,
    /// Who reads only.
    pub readers: Vec<ClientRule>,
    /// Who writes. One that is in both lists is a writer.
    pub writers: Vec<ClientRule>,
    /// Rules that give clients a home.
    pub homes: Vec<(Home, ClientRule)>,
    /// Who does not count.
    pub bystanders: Vec<ClientRule>,
}

/// A mirror.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MirrorSettings {
    /// Its kind.
    pub kind: MirrorKind,
    /// Which namespaces it carries; all in scope where empty.
    pub namespaces: Vec<Pattern>,
    /// How far behind it may be to count as following, where that is more than the tightest that can be measured.
    pub lag: Option<Dur>,
    /// What its own sessions look like on either side.
    pub client: Vec<ClientRule>,
}

/// A kind of mirror.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum MirrorKind {
    /// MongoMirror.
    Mongomirror,
    /// MongoDB's mongosync.
    Mongosync,
    /// Percona ClusterSync.
    Clustersync,
    /// Anything else that carries markers.
    External,
}

impl MirrorKind {
    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            MirrorKind::Mongomirror => "mongomirror",
            MirrorKind::Mongosync => "mongosync",
            MirrorKind::Clustersync => "clustersync",
            MirrorKind::External => "external",
        }
    }
}

/// What a MongoDB client is to the migration.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Role {
    /// It writes.
    Writer,
    /// It reads only.
    Reader,
    /// A session of this mirror.
    Mirror(Name),
    /// It does not count.
    Bystander,
    /// No rule says what it is.
    Unmatched,
}

/// A rule that recognises MongoDB clients; what its pattern captures is the identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientRule {
    /// Which field it looks at.
    pub field: MongoField,
    /// The pattern.
    pub pattern: Pattern,
}

/// A field of a MongoDB client.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MongoField {
    /// `appName`.
    AppName,
    /// The user it is logged in as.
    User,
    /// The address it comes from.
    Address,
}

impl ClientRule {
    /// The rule as people write it: `app_name: crud-*`.
    pub fn text(&self) -> String {
        let field = match self.field {
            MongoField::AppName => "app_name",
            MongoField::User => "user",
            MongoField::Address => "address",
        };
        format!("{field}: {}", self.pattern.as_str())
    }

    /// The identity of a client that the rule recognises: what its pattern captures, or the whole field.
    pub fn identity<'a>(&self, client: &'a MongoClient) -> Option<&'a str> {
        let value = match self.field {
            MongoField::AppName => &client.app_name,
            MongoField::User => &client.user,
            MongoField::Address => &client.address,
        };
        self.pattern.capture(value)
    }
}

impl Settings {
    /// `d` as this run counts it: a rehearsal divides every time.
    pub fn scaled(&self, d: Dur) -> Dur {
        Dur(d.0 / self.faster.max(1))
    }

    /// The reason why a step is skipped, if it is.
    pub fn skipped(&self, step: &str) -> Option<&Name> {
        self.skip.get(step)
    }
}

impl KafkaSettings {
    /// Whether a source topic is in scope.
    pub fn in_scope(&self, topic: &str) -> bool {
        !self.ignored.contains_key(topic) && self.topics.iter().any(|p| p.matches(topic))
    }

    /// Whether a topic of a side is in scope: on the destination, whether the source topic it is renamed from is.
    pub fn in_scope_on(&self, side: Side, topic: &str) -> bool {
        match side {
            Side::Source => self.in_scope(topic),
            Side::Destination => {
                let back = self.rename_topics.iter().find_map(|(from, to)| {
                    topic.strip_prefix(to.as_ref()).map(|rest| self.in_scope(&format!("{from}{rest}")))
                });
                // A name that a rule would have renamed does not come from the source.
                back.unwrap_or_else(|| {
                    self.in_scope(topic) && !self.rename_topics.iter().any(|(from, _)| topic.starts_with(from.as_ref()))
                })
            }
        }
    }

    /// The class of a source topic.
    pub fn class(&self, topic: &str) -> Option<Class> {
        self.classes.iter().find(|(p, _)| p.matches(topic)).map(|(_, c)| *c).or_else(|| {
            Class::ALL
                .into_iter()
                .find(|c| topic.strip_suffix(c.as_str()).is_some_and(|head| head.ends_with('.') && head.len() > 1))
        })
    }

    /// A source topic's name on the destination.
    pub fn topic_there(&self, topic: &Name) -> Name {
        renamed(&self.rename_topics, topic)
    }

    /// A source group's name on the destination.
    pub fn group_there(&self, group: &Name) -> Name {
        renamed(&self.rename_groups, group)
    }

    /// The home of a client and the identity a rule captured.
    pub fn home<'a>(&self, group: &'a str, client_id: &'a str, host: &'a str) -> (Home, &'a str) {
        for rule in &self.homes {
            let value = match rule.field {
                ClientField::ClientId => client_id,
                ClientField::Group => group,
                ClientField::Host => host,
            };
            if let Some(identity) = rule.pattern.capture(value) {
                return (rule.home, identity);
            }
        }
        // With a rule for one side only, every other client has the other home.
        let has = |h| self.homes.iter().any(|r| r.home == h);
        let home = match (has(Home::Source), has(Home::Destination)) {
            (true, false) => Home::Destination,
            (false, true) => Home::Source,
            _ => Home::Unattributed,
        };
        (home, group)
    }
}

impl MongodbSettings {
    /// Whether a namespace belongs to the migration: its database does, and it is not left behind or internal.
    pub fn in_scope(&self, namespace: &str) -> bool {
        let (database, collection) = namespace.split_once('.').unwrap_or((namespace, ""));
        self.databases.contains(database) && !internal(collection) && !self.left_behind.contains_key(namespace)
    }

    /// What a client is to this migration. One that is reader and writer is a writer; a bystander or a mirror's session
    /// is nothing else.
    pub fn role(&self, client: &MongoClient) -> Role {
        if self.bystanders.iter().any(|r| r.identity(client).is_some()) {
            return Role::Bystander;
        }
        if let Some((name, _)) = self.mirrors.iter().find(|(_, m)| m.is_session(client)) {
            return Role::Mirror(name.clone());
        }
        let is = |rules: &[ClientRule]| rules.iter().any(|r| self.recognised(r, client).is_some());
        match (is(&self.writers), is(&self.readers)) {
            (true, _) => Role::Writer,
            (false, true) => Role::Reader,
            (false, false) => Role::Unmatched,
        }
    }

    /// A client's home and its identity: what a home rule captured, else what a role rule recognised, else its name.
    pub fn identity<'a>(&self, client: &'a MongoClient) -> (Home, &'a str) {
        let hit = self.homes.iter().find_map(|(home, r)| Some((*home, r, r.identity(client)?)));
        let has = |h| self.homes.iter().any(|(home, _)| *home == h);
        // With a rule for one side only, every other client has the other home.
        let home = match (&hit, has(Home::Source), has(Home::Destination)) {
            (Some((home, ..)), ..) => *home,
            (None, true, false) => Home::Destination,
            (None, false, true) => Home::Source,
            _ => Home::Unattributed,
        };
        if let Some((_, rule, captured)) = hit
            && rule.pattern.captures()
        {
            return (home, captured);
        }
        let by_role = self.writers.iter().chain(&self.readers).find_map(|r| r.identity(client));
        let named = [&client.app_name, &client.user, &client.address].into_iter().find(|n| !n.is_empty());
        (home, by_role.or(named.map(|n| &**n)).unwrap_or_default())
    }

    /// What a role rule recognises: the client's field, or the identity a home rule captured from that field.
    pub fn recognised<'a>(&self, rule: &ClientRule, client: &'a MongoClient) -> Option<&'a str> {
        rule.identity(client).or_else(|| {
            let same = self.homes.iter().filter(|(_, h)| h.field == rule.field && h.pattern.captures());
            same.filter_map(|(_, h)| h.identity(client)).find(|identity| rule.pattern.matches(identity))
        })
    }

    /// The mirrors that carry a namespace.
    pub fn carriers<'a>(&'a self, namespace: &str) -> impl Iterator<Item = (&'a Name, &'a MirrorSettings)> {
        self.mirrors.iter().filter(move |(_, m)| m.carries(namespace))
    }
}

/// A collection of the server's own.
fn internal(collection: &str) -> bool {
    collection.starts_with("system.") && collection != "system.js"
}

impl MirrorSettings {
    /// Whether it carries a namespace in scope.
    pub fn carries(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|p| p.matches(namespace))
    }

    /// Whether a client is a session of this mirror.
    pub fn is_session(&self, client: &MongoClient) -> bool {
        self.client.iter().any(|r| r.identity(client).is_some())
    }
}

fn renamed(rules: &[(Name, Name)], name: &Name) -> Name {
    for (from, to) in rules {
        if let Some(rest) = name.strip_prefix(from.as_ref()) {
            return format!("{to}{rest}").into();
        }
    }
    name.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_renamed_by_prefix() {
        let rules = vec![("shop.PROD.".into(), "shop.prod.".into())];
        assert_eq!(&*renamed(&rules, &"shop.PROD.crm.x.ingestion".into()), "shop.prod.crm.x.ingestion");
        assert_eq!(&*renamed(&rules, &"other".into()), "other");
    }
}
