//! Where the journal of an attempt of a migration is kept: a folder of its own, so that facts of another one stay as
//! history.

use crate::config::Config;
use crate::journal_file::{FileDisk, JOURNAL};
use cutover_core::Name;
use cutover_core::journal::{Identity, Journal, Record};
use std::path::Path;

/// A journal that was opened.
pub(crate) struct Opened {
    /// It takes what is new.
    pub(crate) journal: Journal<FileDisk>,
    /// What it held.
    pub(crate) records: Vec<Record>,
    /// It begins empty beside those of other migrations, which may be a mistyped name: everything would be forgotten.
    pub(crate) suspect: Option<Name>,
}

/// Opens the journal of this attempt of this migration.
///
/// # Errors
/// What kept it from being opened, in a sentence.
pub(crate) fn open(config: &Config) -> Result<Opened, String> {
    let s = &config.settings;
    let name = folder(&s.migration, s.attempt);
    let others = beside(&config.agent.data_dir, &s.migration, &name);
    let identity = Identity::new(s.migration.to_string(), s.attempt).map_err(|e| e.to_string())?;
    let disk = FileDisk::open(&config.agent.data_dir.join(&name)).map_err(|e| e.to_string())?;
    let (journal, records, report) = Journal::open(disk, identity).map_err(|e| e.to_string())?;
    match &report.torn {
        Some(_) => tracing::warn!("{report}"),
        None => tracing::info!("{report}"),
    }
    let suspect = warning(&config.agent.data_dir, &s.migration, &name, &others).filter(|_| records.is_empty());
    if let Some(said) = &suspect {
        tracing::warn!("{said}");
    }
    Ok(Opened { journal, records, suspect: suspect.map(Name::from) })
}

fn folder(migration: &str, attempt: u32) -> String {
    format!("{migration}-{attempt}")
}

/// Folders of other migrations with a journal, where this one has none yet.
fn beside(data_dir: &Path, migration: &str, own: &str) -> Vec<String> {
    if data_dir.join(own).join(JOURNAL).exists() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(data_dir).into_iter().flatten().flatten();
    let with_journal = entries.filter(|e| e.path().join(JOURNAL).is_file());
    let names = with_journal.filter_map(|e| e.file_name().into_string().ok());
    // Another attempt of the same migration begins anew on purpose.
    let same = |name: &str| name.rsplit_once('-').is_some_and(|(m, n)| m == migration && n.parse::<u32>().is_ok());
    let (own, mut others): (Vec<String>, Vec<String>) = names.partition(|n| same(n));
    others.sort();
    if own.is_empty() { others } else { Vec::new() }
}

fn warning(data_dir: &Path, migration: &str, own: &str, others: &[String]) -> Option<String> {
    let shown = others.iter().take(5).map(|o| format!("`{o}`")).collect::<Vec<_>>().join(", ");
    let more = if others.len() > 5 { format!(" and {} more", others.len() - 5) } else { String::new() };
    (!others.is_empty()).then(|| {
        format!(
            "THE JOURNAL BEGINS EMPTY: {} has none for migration `{migration}` (folder `{own}`), and it has journals of \
             other migrations: {shown}{more}. If this is one of them, nothing that was begun, done or confirmed is known \
             now: stop the agent and mend `migration` in the configuration",
            data_dir.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_begins_beside_those_of_other_migrations_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["shop-prod-1", "crm-1"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join(JOURNAL), "x").unwrap();
        }
        std::fs::create_dir(dir.path().join("lost+found")).unwrap();
        let others = |migration: &str, attempt| beside(dir.path(), migration, &folder(migration, attempt));
        assert_eq!(others("shop-prd", 1), ["crm-1", "shop-prod-1"]);
        assert!(others("shop-prod", 1).is_empty(), "it has its journal");
        assert!(others("shop-prod", 2).is_empty(), "another attempt begins anew on purpose");
        assert!(beside(&dir.path().join("none"), "shop", "shop-1").is_empty());

        let said = warning(Path::new("/data"), "shop-prd", "shop-prd-1", &others("shop-prd", 1)).unwrap();
        assert!(said.contains("`shop-prd` (folder `shop-prd-1`)") && said.contains("`crm-1`, `shop-prod-1`"), "{said}");
        assert_eq!(warning(Path::new("/data"), "a", "a-1", &[]), None);
    }
}
