//! What is configured of the MongoDB move: scope, mirrors, and who its clients are.

use super::Home;
use crate::Name;
use crate::estate::mongodb::MongoClient;
use crate::pattern::Pattern;
use crate::time::Dur;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
