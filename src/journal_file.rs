//! The journal's file: `journal.log` in the data directory, locked against a second agent.
//!
//! What may be believed after a failure is decided in `cutover_core::journal`; this module only makes the calls, in
//! the order that makes them last: the file's data before `sync` returns, the directory's entry before anything is
//! written. It neither retries nor caches.
//!
//! Left out: a data directory on a filesystem without working locks or `fsync` (some network mounts) cannot be told
//! from a good one. Modes are set on what is created here and left alone on what exists: a mounted volume belongs to
//! whoever mounted it.

use std::error::Error;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cutover_core::journal::{Disk, DiskError, MAX_JOURNAL};

/// The journal's name in the data directory.
pub(crate) const JOURNAL: &str = "journal.log";
/// The file that is locked as long as an agent runs. It is never removed: removing it would let two agents lock two.
pub(crate) const LOCK: &str = "journal.lock";

/// The open and locked journal file of one data directory; dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct FileDisk {
    path: PathBuf,
    file: File,
    _lock: File,
}

impl FileDisk {
    /// Creates the directory (mode 0700) and the file (0600) where they are missing, and takes the lock.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, FileError> {
        create_dir(data_dir)?;
        let lock = lock(&data_dir.join(LOCK))?;
        let path = data_dir.join(JOURNAL);
        let failed = |doing| FileError::new(doing, &path);
        let file = options().open(&path).map_err(failed("open or create"))?;
        if !file.metadata().map_err(failed("look at"))?.is_file() {
            return Err(failed("use")(io::Error::other("it is not a regular file")));
        }
        // Always, not only after creating: the process before may have ended between the two.
        file.sync_all().map_err(failed("sync"))?;
        sync_dir(data_dir)?;
        Ok(Self { path, file, _lock: lock })
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> DiskError + use<> {
        let failed = FileError::new(doing, &self.path);
        move |source| failed(source).into()
    }

    /// A file of any length, but no more than a journal may have.
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.rewind()?;
        (&self.file).take(MAX_JOURNAL + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_JOURNAL {
            let text = format!("it has more than {MAX_JOURNAL} bytes; no journal does");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(bytes)
    }

    /// The length, if the name still leads to the file that is open.
    fn length(&self) -> io::Result<u64> {
        let ours = self.file.metadata()?;
        let named = std::fs::metadata(&self.path)?;
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            let text = "another file has its name now; what is written would not be found again";
            return Err(io::Error::other(text));
        }
        Ok(ours.len())
    }
}

impl Disk for FileDisk {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn read_all(&mut self) -> Result<Vec<u8>, DiskError> {
        let failed = self.failed("read");
        self.read().map_err(failed)
    }

    fn len(&mut self) -> Result<u64, DiskError> {
        self.length().map_err(self.failed("look at"))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all_at(bytes, offset).map_err(self.failed("write to"))
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(self.failed("sync"))
    }

    fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
        self.file.set_len(len).and_then(|()| self.file.sync_all()).map_err(self.failed("shorten"))
    }
}

/// What was tried on which file, what came back, and what to do.
#[derive(Debug)]
pub(crate) enum FileError {
    /// Another agent has the data directory.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that wrote its number there, if it could be read.
        pid: Option<u32>,
    },
    /// A call failed.
    Io {
        /// The verb.
        doing: &'static str,
        /// Its object.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

impl FileError {
    fn new(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path, pid } => {
                write!(f, "{} is locked by another agent", path.display())?;
                if let Some(pid) = pid {
                    write!(f, " (process {pid})")?;
                }
                f.write_str("; stop it first, or give this one its own data_dir")
            }
            Self::Io { doing, path, source } => {
                write!(f, "cannot {doing} {}: {source}", path.display())?;
                f.write_str(advice(source.kind()))
            }
        }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Locked { .. } => None,
        }
    }
}

fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => "; give the user the agent runs as read and write access to data_dir",
        io::ErrorKind::ReadOnlyFilesystem => {
            "; mount it writable, or set data_dir to a place that is (a filesystem that became read-only had an error: \
             see the kernel's log)"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space on its filesystem",
        io::ErrorKind::NotFound => {
            "; it was removed or its directory was: restore it, and do not let anything clean data_dir"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "; set data_dir to a directory",
        _ => "; check the disk, the mount and the kernel's log",
    }
}

fn options() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600);
    options
}

/// The directory and its missing parents, each with its entry synced.
fn create_dir(dir: &Path) -> Result<(), FileError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_dir(parent)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        created => created.map_err(FileError::new("create the directory", dir)),
    }?;
    sync_dir(parent)
}

fn sync_dir(dir: &Path) -> Result<(), FileError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(FileError::new("sync the directory", dir))
}

/// Locks the file and leaves this process's number in it, for the one who is refused.
fn lock(path: &Path) -> Result<File, FileError> {
    let mut file = options().open(path).map_err(FileError::new("open or create", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let read = (&file).take(32).read_to_string(&mut text);
            return Err(FileError::Locked {
                path: path.to_owned(),
                pid: read.ok().and_then(|_| text.trim().parse().ok()),
            });
        }
        Err(TryLockError::Error(source)) => return Err(FileError::new("lock", path)(source)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(FileError::new("write this process's number to", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use cutover_core::journal::{Identity, Journal, JournalError};

    use super::*;

    fn identity() -> Identity {
        Identity::new("shop-prod", 1).unwrap()
    }

    fn open(dir: &Path) -> (Journal<FileDisk>, Vec<String>) {
        let disk = FileDisk::open(dir).unwrap();
        let (journal, records, _) = Journal::open(disk, identity()).unwrap();
        let payloads = records.into_iter().map(|record| record.payload).collect();
        (journal, payloads)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn facts_are_found_again() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("var/agent");
        let (mut journal, found) = open(&dir);
        assert!(found.is_empty());
        journal.append(&["1", "2"]).unwrap();
        journal.append(&["3"]).unwrap();
        drop(journal);
        assert_eq!(open(&dir).1, ["1", "2", "3"]);
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(JOURNAL)), 0o600);
        assert_eq!(mode(&dir.join(LOCK)), 0o600);
    }

    #[test]
    fn a_torn_tail_is_cut_off() {
        let temp = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(temp.path());
        journal.append(&["1"]).unwrap();
        journal.append(&["2"]).unwrap();
        drop(journal);
        let path = temp.path().join(JOURNAL);
        let len = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(len - 1).unwrap();
        let (mut journal, found) = open(temp.path());
        assert_eq!(found, ["1"]);
        journal.append(&["two"]).unwrap();
        drop(journal);
        assert_eq!(open(temp.path()).1, ["1", "two"]);
    }

    #[test]
    fn a_second_agent_is_refused_and_told_by_whom() {
        let temp = tempfile::tempdir().unwrap();
        let first = FileDisk::open(temp.path()).unwrap();
        let error = FileDisk::open(temp.path()).unwrap_err();
        let text = error.to_string();
        let lock = temp.path().join(LOCK).display().to_string();
        assert!(matches!(error, FileError::Locked { .. }), "{text}");
        assert!(text.contains(&lock), "{text}");
        let pid = format!("process {}", std::process::id());
        assert!(text.contains(&pid), "{text}");
        drop(first);
        FileDisk::open(temp.path()).unwrap();
    }

    #[test]
    fn a_lock_without_a_number_is_a_lock() {
        let temp = tempfile::tempdir().unwrap();
        let _first = FileDisk::open(temp.path()).unwrap();
        fs::write(temp.path().join(LOCK), [0xff, 0xfe]).unwrap();
        let error = FileDisk::open(temp.path()).unwrap_err();
        assert!(matches!(error, FileError::Locked { pid: None, .. }), "{error}");
    }

    #[test]
    fn a_journal_that_was_removed_or_replaced_takes_no_facts() {
        for replace in [false, true] {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join(JOURNAL);
            let (mut journal, _) = open(temp.path());
            journal.append(&["1"]).unwrap();
            let copy = fs::read(&path).unwrap();
            fs::rename(&path, temp.path().join("aside")).unwrap();
            if replace {
                fs::write(&path, copy).unwrap();
            }
            let error = journal.append(&["2"]).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, JournalError::Disk { .. }), "{text}");
            assert!(text.contains(&path.display().to_string()), "{text}");
            journal.reopen().unwrap_err();
            assert!(journal.poisoned().is_some());
        }
    }

    #[test]
    fn errors_name_the_file_and_the_way_out() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let text = FileDisk::open(&file).unwrap_err().to_string();
        assert!(text.contains(&file.display().to_string()), "{text}");
        assert!(text.contains("set data_dir to a directory"), "{text}");

        let dir = temp.path().join("dir");
        fs::create_dir_all(dir.join(JOURNAL)).unwrap();
        let text = FileDisk::open(&dir).unwrap_err().to_string();
        assert!(text.contains("cannot open or create"), "{text}");
        assert!(text.contains(JOURNAL), "{text}");
    }
}
