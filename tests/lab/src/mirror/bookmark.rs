//! The bookmark file: where a run that is started again goes on.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A position written down, as 64-bit timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bookmark {
    /// The newest entry read, from which reading goes on.
    pub(super) scanned: u64,
    /// The newest entry applied.
    pub(super) applied: u64,
}

impl Bookmark {
    /// What an earlier run left; nothing where there is no file, as after an initial sync that was cut short.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, String> {
        match fs::read(file) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("{}: {error}", file.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    /// Writes it beside and renames it into place: a run that is killed leaves the old one or the new one.
    pub(super) fn write(self, file: &Path) -> Result<(), String> {
        let beside = file.with_extension("new");
        let write = || -> std::io::Result<()> {
            let mut out = fs::File::create(&beside)?;
            serde_json::to_writer(&mut out, &self)?;
            out.flush()?;
            fs::rename(&beside, file)
        };
        write().map_err(|error| format!("{}: {error}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_not_there_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("bookmark");
        assert_eq!(Bookmark::read(&file), Ok(None));
        let bookmark = Bookmark { scanned: 7_301_444_403_200_000_007, applied: 3 };
        bookmark.write(&file).unwrap();
        assert_eq!(Bookmark::read(&file), Ok(Some(bookmark)));
        fs::write(&file, "half a bo").unwrap();
        assert!(Bookmark::read(&file).is_err());
    }
}
