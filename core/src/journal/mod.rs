//! The journal: an append-only file of facts that must outlive the process.
//!
//! One header line names the migration and the attempt, then every record is one readable line with an opaque payload
//! (see [`encode_turn`] for the format). Records are written in *turns*: everything one turn of the main loop learned
//! goes to the disk in one write and one sync, and is found again either entirely or not at all.
//!
//! # What is promised
//!
//! - [`Journal::append`] returned `Ok`: the turn is found by every later [`Journal::open`], in order.
//! - [`Journal::append`] returned an error: the outcome is open until [`Journal::reopen`] returned `Ok` (then the turn
//!   is not there and never will be) or the process ended (then the next `open` finds all of it or nothing of it).
//! - [`Journal::open`] returned records: they are durable now, even if the process before wrote them and never saw
//!   its sync succeed.
//!
//! # Why a failed sync is final
//!
//! After a failed `fsync` Linux marks the pages clean: reading them back returns what was written, the next `fsync`
//! returns success, and the bytes never reached the disk ("fsyncgate": Rebello et al., *Can Applications Recover from
//! fsync Failures?*, USENIX ATC 2020; PostgreSQL panics for the same reason since 2018). So neither a second sync nor
//! reading back proves anything. One rule follows: **rely only on a successful sync that covers bytes written after the
//! last failure.**
//!
//! - A journal that saw a write or a sync fail is *poisoned* and refuses every append until [`Journal::reopen`] has
//!   compared the file with what was confirmed, overwritten the unconfirmed tail with zeros (which makes the pages and
//!   the size dirty again), cut it off, and synced.
//! - The unconfirmed turn is thrown away rather than taken over: nobody believed it, so nothing believed is lost, and
//!   the caller learns it again from the next samples or the next request.
//! - Only the last turn in a file can be unconfirmed, since no turn is written before the one before is confirmed.
//!   [`Journal::open`] therefore writes the last turn once more, in place and with the same bytes, cuts the file again
//!   where it ends (a cut, too, may have been seen by the page cache only), and syncs, before it returns anything.
//!
//! # Torn or corrupt
//!
//! The same invariant tells an interrupted write from damage: a record that does not verify and is followed by nothing
//! but pieces of its own turn is a torn tail, which is cut off and reported. One that is followed by a whole record of
//! any other turn was confirmed once: [`Damage::Corrupt`], and the agent must not start, since it would forget facts.
//!
//! # Deliberately left out
//!
//! - What payloads mean. They are lines of text here.
//! - Compaction, rotation, deletion: facts are few and are the history of the migration. [`MAX_JOURNAL`] bounds it.
//! - Detecting that whole turns were cut off the end (a restored backup): that needs a witness outside this file. Bit
//!   rot inside the very last turn looks like a torn write, and is cut off and reported as one.
//! - Secrecy and protection against forgery: CRC-32C finds accidents, not attackers who can write the file.
//! - I/O: a [`Disk`] does it.

mod disk;
mod error;
mod format;
mod recover;
mod writer;

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskError};
pub use error::{Damage, JournalError, Refusal};
pub use format::{Identity, MAGIC, MAX_MIGRATION, MAX_PAYLOAD, Position, VERSION, encode_header, encode_turn};
pub use recover::{Record, Recovered, Torn, recover};
pub use writer::{Journal, MAX_JOURNAL, Reopened, Report};
