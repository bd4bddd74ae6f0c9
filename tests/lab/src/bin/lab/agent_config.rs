//! The agent's configuration for what runs.

use std::fmt;
use std::path::Path;

use cutover_lab::{MirrorOptions, Names};

/// What the configuration is about; `Display` is its text.
#[derive(Debug)]
pub(crate) struct AgentConfig<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) port: u16,
    /// How topics and groups are called.
    pub(crate) kafka: Option<Names>,
    /// The database, and the mirrors with where they answer.
    pub(crate) mongodb: Option<(String, Vec<(MirrorOptions, String)>)>,
}

impl fmt::Display for AgentConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Written by `lab up` for the estate it runs; gone when it ends.")?;
        writeln!(f, "migration: lab")?;
        if let Some(names) = &self.kafka {
            writeln!(f, "scope: {}", names.source.trim_end_matches('.'))?;
        }
        writeln!(f, "rehearsal: {{ faster: 10 }}")?;
        if let Some(names) = &self.kafka {
            writeln!(f, "kafka:")?;
            writeln!(f, "  source: {{ properties_file: {} }}", self.file("source.properties"))?;
            writeln!(f, "  destination: {{ properties_file: {} }}", self.file("destination.properties"))?;
            let (source, destination) = (&names.source, &names.destination);
            if source != destination {
                writeln!(f, "  rename: {{ topics: {{ \"{source}\": \"{destination}\" }} }}")?;
            }
        }
        if let Some((database, mirrors)) = &self.mongodb {
            writeln!(f, "mongodb:")?;
            writeln!(f, "  source: {{ uri_file: {} }}", self.file("source.uri"))?;
            writeln!(f, "  destination: {{ uri_file: {} }}", self.file("destination.uri"))?;
            writeln!(f, "  databases: [{database}]")?;
            writeln!(f, "  unsupported_versions: \"the lab's stand-in goes from 6.0 to 6.0\"")?;
            writeln!(f, "  mirrors:")?;
            for (mirror, url) in mirrors {
                writeln!(f, "    {}:", mirror.name)?;
                writeln!(f, "      kind: mongomirror")?;
                writeln!(f, "      url: \"{url}\"")?;
                let mut carried: Vec<_> = mirror.include_dbs.iter().map(|name| format!("{name}.*")).collect();
                carried.extend(mirror.include_namespaces.iter().cloned());
                writeln!(f, "      namespaces: {}", serde_json::json!(carried))?;
                let (source, destination) = (&mirror.source_app, &mirror.destination_app);
                writeln!(f, "      client: {{ app_name: [\"{source}\", \"{destination}\"] }}")?;
            }
        }
        self.identities(f)?;
        if let Some(names) = &self.kafka {
            let source = &names.source;
            writeln!(f, "producers:")?;
            writeln!(f, "  crm-cdc: {{ topics: [\"{source}crm.*.ingestion\"], owner: lab, cadence: 10s }}")?;
            writeln!(f, "  erp-etl: {{ topics: [\"{source}erp.*.ingestion\"], owner: lab, cadence: 10s }}")?;
        }
        writeln!(f, "agent:")?;
        writeln!(f, "  listen: \"127.0.0.1:{}\"", self.port)?;
        writeln!(f, "  data_dir: {}", self.file("agent-data"))?;
        writeln!(f, "  tokens: {{ lab: {{ file: {} }} }}", self.file("token"))
    }
}

impl AgentConfig<'_> {
    fn identities(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "identity:")?;
        if self.kafka.is_some() {
            writeln!(f, "  source:")?;
            writeln!(f, "    kafka: {{ client_id: \"{{service}}-src-*\" }}")?;
        }
        writeln!(f, "  destination:")?;
        if self.kafka.is_some() {
            writeln!(f, "    kafka: {{ client_id: \"{{service}}-dst-*\" }}")?;
        }
        if self.mongodb.is_some() {
            writeln!(f, "    mongodb: {{ app_name: \"{{service}}-dst\" }}")?;
            writeln!(f, "  readers: {{ mongodb: {{ app_name: \"crud-*\" }} }}")?;
            writeln!(f, "  writers: {{ mongodb: {{ app_name: \"svc-*\" }} }}")?;
            writeln!(f, "  bystanders:")?;
            writeln!(f, "    lab: {{ mongodb: {{ app_name: \"lab-*\" }}, reason: \"the lab's own eyes and hands\" }}")?;
        }
        Ok(())
    }

    fn file(&self, name: &str) -> String {
        serde_json::json!(self.folder.join(name)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(kafka: Option<Names>, mongodb: bool) -> String {
        let mirrors = vec![(MirrorOptions::databases(&["shop"]), "http://127.0.0.1:9".to_owned())];
        let mongodb = mongodb.then(|| ("shop".to_owned(), mirrors));
        AgentConfig { folder: Path::new("/run"), port: 1, kafka, mongodb }.to_string()
    }

    #[test]
    fn the_configuration_renames_only_where_the_names_differ() {
        let same = config(Some(Names::same("shop.PROD.")), false);
        assert!(same.contains("scope: shop.PROD\n") && !same.contains("rename"), "{same}");
        assert!(!same.contains("mongodb"), "{same}");
        let renamed = config(Some(Names::renamed("shop.PROD.", "shop.prod.")), false);
        assert!(renamed.contains("  rename: { topics: { \"shop.PROD.\": \"shop.prod.\" } }\n"), "{renamed}");
        assert!(renamed.contains("client_id: \"{service}-dst-*\""), "{renamed}");
    }

    #[test]
    fn a_part_that_does_not_run_is_not_configured() {
        let alone = config(None, true);
        assert!(!alone.contains("kafka") && !alone.contains("scope") && !alone.contains("producers"), "{alone}");
        assert!(alone.contains("  databases: [shop]\n") && alone.contains("app_name: \"svc-*\""), "{alone}");
        assert!(alone.contains("      namespaces: [\"shop.*\"]\n"), "{alone}");
        assert!(alone.contains("      client: { app_name: [\"mongomirror-src\", \"mongomirror-dst\"] }\n"), "{alone}");
    }
}
