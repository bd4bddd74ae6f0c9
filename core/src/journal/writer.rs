//! The journal as it is used: open, append, and after a failure reopen. The reasons are in the module's documentation.

use std::fmt;

use super::disk::{Disk, DiskError};
use super::error::{JournalError, Refusal};
use super::format::{Identity, Position, encode_header, encode_turn};
use super::recover::{Record, Torn, recover};

/// The longest journal, in bytes: it is read at once.
pub const MAX_JOURNAL: u64 = 256 << 20;

const LOOKING: &str = "looking at the file";
const ZEROS: [u8; 4096] = [0; 4096];

/// An open journal. Calls block: keep it off the threads that answer requests.
#[derive(Debug)]
pub struct Journal<D> {
    disk: D,
    identity: Identity,
    confirmed: Position,
    poison: Option<Poison>,
}

/// What was being done when the disk failed.
#[derive(Debug)]
struct Poison {
    why: String,
    /// The turn of which any part may stand behind the confirmed length.
    turn: Vec<u8>,
}

/// What [`Journal::open`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// There was no journal (or no complete header), and one was begun.
    pub created: bool,
    /// How many records were recovered.
    pub records: usize,
    /// The length after repair, in bytes.
    pub len: u64,
    /// What was cut off.
    pub torn: Option<Torn>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.created {
            write!(f, "journal begun")?;
        } else {
            let Self { records, len, .. } = self;
            write!(f, "journal recovered: {records} records, {len} bytes")?;
        }
        match &self.torn {
            Some(torn) => write!(f, "; cut off the remains of an interrupted write: {torn}"),
            None => Ok(()),
        }
    }
}

/// What [`Journal::reopen`] threw away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reopened {
    /// How many bytes of the turn that had failed were still in the file.
    pub cut: u64,
}

impl<D: Disk> Journal<D> {
    /// Reads the journal of `identity`, cuts off what an interrupted write left, and returns its records once they
    /// are durable. An empty file, or one with an incomplete header, becomes a new journal.
    pub fn open(mut disk: D, identity: Identity) -> Result<(Self, Vec<Record>, Report), JournalError> {
        let bytes = read(&mut disk)?;
        let found = recover(&bytes, &identity).map_err(|damage| JournalError::Damaged { file: disk.name(), damage })?;
        let created = found.position.len == 0;
        let (last, confirmed) = if created {
            encode_header(&identity)
        } else {
            let last = found.last_turn_at as usize..found.position.len as usize;
            (bytes[last].to_vec(), found.position)
        };
        // The process before may have seen the sync of this turn, or of a cut, fail: do both again, whatever the file
        // looks like, so that these syncs speak about them. One after the other, so that nothing stands behind a
        // header that was not complete before.
        disk.write_at(found.last_turn_at, &last)
            .and_then(|()| disk.sync())
            .and_then(|()| cut(&mut disk, confirmed.len, bytes.len() as u64))
            .map_err(failed("making the last turn durable"))?;
        let report = Report { created, records: found.records.len(), len: confirmed.len, torn: found.torn };
        let journal = Self { disk, identity, confirmed, poison: None };
        Ok((journal, found.records, report))
    }

    /// Writes the payloads of one turn, in one write and one sync. They are facts once this returned `Ok`.
    ///
    /// On [`JournalError::Refused`] nothing happened. On any other error the journal is poisoned: the turn may or may
    /// not be on the disk, and every append fails until [`Journal::reopen`] succeeded. No payloads, nothing to do.
    pub fn append<S: AsRef<str>>(&mut self, payloads: &[S]) -> Result<(), JournalError> {
        if let Some(poison) = &self.poison {
            return Err(JournalError::Poisoned { file: self.disk.name(), why: poison.why.clone() });
        }
        if payloads.is_empty() {
            return Ok(());
        }
        let (turn, after) = encode_turn(&self.confirmed, payloads).map_err(JournalError::Refused)?;
        if after.len > MAX_JOURNAL {
            let len = after.len;
            return Err(JournalError::Refused(Refusal::Full { len }));
        }
        if let Err(error) = self.untouched() {
            self.poison(&error, Vec::new());
            return Err(error);
        }
        let at = self.confirmed.len;
        let written = self.disk.write_at(at, &turn);
        if let Err(source) = written.and_then(|()| self.disk.sync()) {
            let error = failed("writing facts")(source);
            self.poison(&error, turn);
            // Only a courtesy to whoever opens the file next: `reopen` does it again and checks it.
            let _ = self.disk.truncate(at);
            return Err(error);
        }
        self.confirmed = after;
        Ok(())
    }

    /// After a failed append: makes sure that the file holds exactly what was confirmed, durably, and lifts the poison.
    ///
    /// Whatever is left of the turn that failed is thrown away: once this returned `Ok`, it did not happen. On
    /// [`JournalError::Disk`] try again later; on any other error the file is not what this process wrote, nothing was
    /// changed, and the agent must not go on. Does nothing if the journal is not poisoned.
    pub fn reopen(&mut self) -> Result<Reopened, JournalError> {
        let Some(poison) = &self.poison else {
            return Ok(Reopened { cut: 0 });
        };
        self.disk.len().map_err(failed(LOOKING))?;
        let bytes = read(&mut self.disk)?;
        let keep = self.confirmed.len as usize;
        self.verify(&bytes, keep, &poison.turn)?;
        cut(&mut self.disk, keep as u64, bytes.len() as u64).map_err(failed("cutting off a failed turn"))?;
        self.poison = None;
        Ok(Reopened { cut: (bytes.len() - keep) as u64 })
    }

    /// Whether appends are refused until [`Journal::reopen`] succeeded, and why.
    pub fn poisoned(&self) -> Option<&str> {
        self.poison.as_ref().map(|poison| poison.why.as_str())
    }

    /// Where the next turn goes: everything before it is confirmed.
    pub fn position(&self) -> Position {
        self.confirmed
    }

    /// Whose facts these are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file must be as long as this process left it: writing behind a hole or over a stranger's bytes loses facts.
    fn untouched(&mut self) -> Result<(), JournalError> {
        let len = self.disk.len().map_err(failed(LOOKING))?;
        let expected = self.confirmed.len;
        if len == expected {
            return Ok(());
        }
        Err(self.diverged(format!("it has {len} bytes and should have {expected}")))
    }

    /// `bytes` begin with what was confirmed, and go on with nothing but what may be left of `turn`.
    fn verify(&self, bytes: &[u8], keep: usize, turn: &[u8]) -> Result<(), JournalError> {
        let Some((confirmed, rest)) = bytes.split_at_checked(keep) else {
            let len = bytes.len();
            return Err(self.diverged(format!("it has {len} bytes, and {keep} were confirmed")));
        };
        let damaged = |damage| JournalError::Damaged { file: self.disk.name(), damage };
        let found = recover(confirmed, &self.identity).map_err(damaged)?;
        if found.position != self.confirmed {
            return Err(self.diverged("its confirmed part reads differently"));
        }
        // Cutting writes at least one byte, and may have failed after that.
        if rest.len() > turn.len().max(1) {
            return Err(self.diverged(format!("{} bytes follow that nobody wrote", rest.len())));
        }
        let found = recover(bytes, &self.identity).map_err(damaged)?;
        if found.position != self.confirmed && rest != turn {
            return Err(self.diverged("records follow that this agent did not write"));
        }
        Ok(())
    }

    fn diverged(&self, why: impl Into<String>) -> JournalError {
        JournalError::Diverged { file: self.disk.name(), why: why.into() }
    }

    fn poison(&mut self, error: &JournalError, turn: Vec<u8>) {
        let why = error.to_string();
        self.poison = Some(Poison { why, turn });
    }
}

fn read<D: Disk>(disk: &mut D) -> Result<Vec<u8>, JournalError> {
    disk.read_all().map_err(failed("reading it"))
}

/// Cuts a file of `len` bytes to `keep`. What goes is overwritten first: pages and length are dirty again then, and the
/// sync cannot succeed for the sole reason that an earlier one failed.
fn cut<D: Disk>(disk: &mut D, keep: u64, len: u64) -> Result<(), DiskError> {
    let end = len.max(keep + 1);
    let mut at = keep;
    while at < end {
        let part = (end - at).min(ZEROS.len() as u64);
        disk.write_at(at, &ZEROS[..part as usize])?;
        at += part;
    }
    disk.truncate(keep)
}

fn failed(doing: &'static str) -> impl Fn(DiskError) -> JournalError {
    move |source| JournalError::Disk { doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of which only the length is known.
    struct Long(u64);

    impl Disk for Long {
        fn name(&self) -> String {
            "long".to_owned()
        }
        fn read_all(&mut self) -> Result<Vec<u8>, DiskError> {
            Err("it is too long to be read here".into())
        }
        fn len(&mut self) -> Result<u64, DiskError> {
            Ok(self.0)
        }
        fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
            self.0 = self.0.max(offset + bytes.len() as u64);
            Ok(())
        }
        fn sync(&mut self) -> Result<(), DiskError> {
            Ok(())
        }
        fn truncate(&mut self, len: u64) -> Result<(), DiskError> {
            self.0 = len;
            Ok(())
        }
    }

    #[test]
    fn it_may_be_as_long_as_it_may_be_and_no_byte_longer() {
        let identity = Identity::new("shop", 1).unwrap();
        let at = |len| Position { next: 9, chain: 0, len };
        let turn = encode_turn(&at(0), &["x"]).unwrap().1.len;
        let append = |len| {
            let (disk, confirmed) = (Long(len), at(len));
            Journal { disk, identity: identity.clone(), confirmed, poison: None }.append(&["x"])
        };
        append(MAX_JOURNAL - turn).unwrap();
        let refused = append(MAX_JOURNAL - turn + 1).unwrap_err();
        assert!(matches!(refused, JournalError::Refused(Refusal::Full { len }) if len == MAX_JOURNAL + 1), "{refused}");
    }
}
