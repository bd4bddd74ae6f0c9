//! Temporary folders that do not outlive the lab, not even a lab that was killed.
//!
//! Every folder holds a lock for as long as its owner lives; the next lab that opens one first removes those whose lock
//! is free. A folder is created and locked under a lock of its own, so that no other lab sees it unlocked.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};

const PREFIX: &str = "cutover-lab-";

/// A temporary folder, removed on drop.
#[derive(Debug)]
pub struct Scratch {
    dir: tempfile::TempDir,
    _lock: File,
}

impl Scratch {
    /// A new empty folder below the system's temporary one.
    pub fn new(name: &str) -> Result<Self> {
        Self::below(&std::env::temp_dir(), name)
    }

    pub(crate) fn below(root: &Path, name: &str) -> Result<Self> {
        let gate = lock_file(&root.join("cutover-lab.lock"))?;
        gate.lock().doing(|| format!("lock {}/cutover-lab.lock", root.display()))?;
        sweep(root);
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{name}-"))
            .tempdir_in(root)
            .doing(|| format!("create a folder in {}", root.display()))?;
        let lock = lock_file(&dir.path().join("lock"))?;
        lock.lock().doing(|| "lock the new folder".to_owned())?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A path in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Removes what labs that were killed left behind: best effort, somebody else's folder is not ours to judge.
fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let lock = entry.path().join("lock");
        if ours && lock.exists() && lock_file(&lock).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

pub(crate) fn lock_file(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).open(path).doing(|| format!("open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_labs_folder_is_swept_and_a_living_ones_is_not() {
        let root = tempfile::tempdir().unwrap();
        let alive = Scratch::below(root.path(), "alive").unwrap();
        let dead = root.path().join(format!("{PREFIX}dead-1"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        let next = Scratch::below(root.path(), "next").unwrap();
        assert!(alive.path().exists() && next.path().exists());
        assert!(!dead.exists());
        let gone = next.path().to_owned();
        drop(next);
        assert!(!gone.exists());
    }
}
