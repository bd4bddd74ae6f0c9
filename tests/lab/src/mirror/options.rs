//! What a mirror should be like, and the faults that can be switched on while it runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a mirror should be like. The names are those of MongoMirror's options where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorOptions {
    /// Its name in messages; also the name of its users.
    pub name: String,
    /// `--includeDB`, repeatable.
    pub include_dbs: Vec<String>,
    /// `--includeNamespace`, repeatable. With neither: all but `admin`, `local` and `config`.
    pub include_namespaces: Vec<String>,
    /// `appName` of its sessions on the source.
    pub source_app: String,
    /// `appName` of its sessions on the destination.
    pub destination_app: String,
    /// Milliseconds between two refreshes of the published numbers; MongoMirror takes 10 000, the lab 1 000.
    pub refresh_ms: u64,
    /// Which entries move its position.
    pub positions: Positions,
    /// Milliseconds of pause after each batch of documents of the initial sync, to see it at work.
    pub copy_pause_ms: u64,
    /// The program that is the mirror, where it is not found by itself; see [`Mirror`](super::Mirror).
    #[serde(skip)]
    pub program: Option<PathBuf>,
}

/// Which oplog entries move `currentTimestamp`. The documentation says "most recently processed" and leaves open whether
/// an entry that is no business of the mirror is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// Only what it applied: on a source where only others write, the position stands.
    Applied,
    /// Everything it read, no-ops included.
    Scanned,
}

impl Default for MirrorOptions {
    fn default() -> Self {
        Self {
            name: "mirror".to_owned(),
            include_dbs: Vec::new(),
            include_namespaces: Vec::new(),
            source_app: "mongomirror-src".to_owned(),
            destination_app: "mongomirror-dst".to_owned(),
            refresh_ms: 1_000,
            positions: Positions::Applied,
            copy_pause_ms: 0,
            program: None,
        }
    }
}

impl MirrorOptions {
    /// One mirror of these databases.
    pub fn databases(names: &[&str]) -> Self {
        Self { include_dbs: names.iter().map(|name| (*name).to_owned()).collect(), ..Self::default() }
    }

    /// With another name, which its application names then carry too: `mongomirror-<name>-src`.
    pub fn named(mut self, name: &str) -> Self {
        self.source_app = format!("mongomirror-{name}-src");
        self.destination_app = format!("mongomirror-{name}-dst");
        name.clone_into(&mut self.name);
        self
    }

    /// Whether it carries this namespace.
    pub fn carries(&self, namespace: &str) -> bool {
        let database = namespace.split('.').next().unwrap_or(namespace);
        if ["admin", "local", "config"].contains(&database) {
            return false;
        }
        let all = self.include_dbs.is_empty() && self.include_namespaces.is_empty();
        all || self.include_dbs.iter().any(|name| name == database)
            || self.include_namespaces.iter().any(|name| name == namespace)
    }

    /// Whether it carries anything of this database.
    pub(crate) fn touches(&self, database: &str) -> bool {
        self.carries(&format!("{database}."))
            || self.include_namespaces.iter().any(|name| name.split('.').next() == Some(database))
    }
}

/// Faults of a running mirror, all off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// It has met an error and replicates no more; the port answers, with this `errorMessage`, the stage it was in and
    /// positions that say lag 0.
    pub error: Option<String>,
    /// Its position stands and nothing is applied; the port answers as if all were well.
    pub stuck: bool,
    /// The status port refuses connections; it goes on replicating.
    pub refuse: bool,
    /// It holds the very last entry back until another one comes, and publishes the position one increment before it:
    /// 0 s behind, and not drained.
    pub hold_last: bool,
    /// It publishes its position that many increments ahead, or behind where negative, of the true one.
    pub shift: i64,
    /// It applies every entry that many milliseconds after it was written.
    pub delay_ms: u64,
}

/// What the mirror's control port tells of itself, true whatever the faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorState {
    /// Its process.
    pub pid: u32,
    /// Its stage, as it would be published.
    pub stage: String,
    /// The newest entry it applied, as a 64-bit timestamp.
    pub applied: u64,
    /// The newest entry it read, as a 64-bit timestamp.
    pub scanned: u64,
    /// Its own error, never one of the faults.
    pub error: Option<String>,
    /// What is switched on.
    pub faults: Faults,
}

/// All that a mirror's process is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) options: MirrorOptions,
    pub(crate) source_uri: String,
    pub(crate) destination_uri: String,
    pub(crate) status_port: u16,
    pub(crate) control_port: u16,
    pub(crate) bookmark: PathBuf,
    pub(crate) drop: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_databases_and_namespaces() {
        let all = MirrorOptions::default();
        assert!(all.carries("shop.orders") && !all.carries("config.transactions") && !all.carries("admin.$cmd"));
        let mut some = MirrorOptions::databases(&["shop"]);
        some.include_namespaces.push("crm.customers".to_owned());
        assert!(some.carries("shop.orders") && some.carries("crm.customers") && !some.carries("crm.leads"));
        assert!(some.touches("shop") && some.touches("crm") && !some.touches("erp"));
    }
}
