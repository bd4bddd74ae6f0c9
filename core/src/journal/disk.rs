//! What the journal needs of a file. It says nothing of paths, modes and locks: that is the business of whoever makes
//! the disk.

use std::error::Error;

/// Why a [`Disk`] could not do something: a sentence for a person, saying what was tried on which file.
pub type DiskError = Box<dyn Error + Send + Sync>;

/// One file that nobody else writes.
///
/// Implementations must not retry, cache or reorder: what may be believed after a failure is decided by
/// [`Journal`](super::Journal) alone.
#[allow(clippy::len_without_is_empty)] // a length to compare with, not a collection
pub trait Disk {
    /// How the file is called in messages, usually its path.
    fn name(&self) -> String;

    /// The whole content, from the first byte, as the file is now.
    fn read_all(&mut self) -> Result<Vec<u8>, DiskError>;

    /// The length as it is now; an error if the file is no longer the one that would be found by its name.
    fn len(&mut self) -> Result<u64, DiskError>;

    /// Writes all of `bytes` at `offset`, over what is there, and makes the file longer where needed. On an error any
    /// part of them may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Returns `Ok` only once everything written so far is on stable storage, with the length needed to read it.
    fn sync(&mut self) -> Result<(), DiskError>;

    /// Cuts the file to `len`, and returns `Ok` only once that and everything written so far is on stable storage.
    fn truncate(&mut self, len: u64) -> Result<(), DiskError>;
}
