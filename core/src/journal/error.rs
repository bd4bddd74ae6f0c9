//! What can be wrong with a journal, each with what to do about it. Where several people could be asked, the texts
//! speak to the one who operates the agent.

use std::error::Error;
use std::fmt;

use super::disk::DiskError;
use super::format::{Identity, MAX_MIGRATION, MAX_PAYLOAD, VERSION};
use super::writer::MAX_JOURNAL;

/// Why a journal could not be opened, appended to, or reopened.
#[derive(Debug)]
pub enum JournalError {
    /// The content is not this migration's intact journal. The agent must not start.
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        damage: Damage,
    },
    /// The turn was refused before anything was written; the journal is as good as before.
    Refused(Refusal),
    /// Reading, writing or syncing failed. After an append the journal is poisoned.
    Disk {
        /// What the journal was about to achieve.
        doing: &'static str,
        /// What the disk said.
        source: DiskError,
    },
    /// An earlier append failed, and [`Journal::reopen`](super::Journal::reopen) has not succeeded since.
    Poisoned {
        /// The file.
        file: String,
        /// The failure that poisoned it.
        why: String,
    },
    /// The file no longer holds what was confirmed, or holds what this agent did not write. The agent must not go on.
    Diverged {
        /// The file.
        file: String,
        /// What was found.
        why: String,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { file, damage } => write!(f, "journal {file}: {damage}"),
            Self::Refused(refusal) => write!(f, "refused by the journal: {refusal}"),
            Self::Disk { doing, source } => write!(f, "journal: {doing} failed: {source}"),
            Self::Poisoned { file, why } => {
                write!(f, "journal {file} takes no facts until it was reopened, because {why}")
            }
            Self::Diverged { file, why } => write!(
                f,
                "journal {file} was changed behind the agent's back: {why}; stop the agent, find out what else writes \
                 this file, keep a copy of it, and start again"
            ),
        }
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Disk { source, .. } => source.source(),
            Self::Damaged { .. } | Self::Refused(_) | Self::Poisoned { .. } | Self::Diverged { .. } => None,
        }
    }
}

/// Why the content of a file is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The journal is intact as far as its first line goes, but belongs to something else.
    OtherIdentity {
        /// Whose facts these are.
        found: Identity,
        /// Whose were asked for.
        expected: Identity,
    },
    /// Written by a version of the agent that knows another format.
    OtherVersion {
        /// The format's number.
        found: u32,
    },
    /// No journal begins like this.
    NotAJournal {
        /// How long it is.
        len: u64,
    },
    /// Something is wrong before a record that is whole: facts that were confirmed are lost.
    Corrupt {
        /// Where, as an offset in bytes.
        at: u64,
        /// Where, as a line counted from 1, the header being the first.
        line: u64,
        /// What is wrong there, and how it is known that facts follow.
        why: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherIdentity { found, expected } => write!(
                f,
                "it holds the facts of {found}, and the configuration says {expected}; if that is a new attempt or \
                 migration, move the file aside (it is history, keep it) and start again; if not, correct the \
                 configuration or the data directory"
            ),
            Self::OtherVersion { found } => write!(
                f,
                "it has format {found} and this agent knows format {VERSION}; start the version of the agent that \
                 wrote it"
            ),
            Self::NotAJournal { len } => write!(
                f,
                "its {len} bytes do not begin with a journal's header; if another program's file is in the way, move \
                 it; if this was the journal, restore it from a copy"
            ),
            Self::Corrupt { at, line, why } => write!(
                f,
                "damaged at line {line} (byte {at}): {why}. This is no interrupted write: confirmed facts are lost, \
                 and the agent does not start without them. Keep the file, check the disk, and restore the journal \
                 from a copy; or move it aside, start with an empty one, and `adopt` every step that was done"
            ),
        }
    }
}

impl Error for Damage {}

/// Why a turn, or an identity, cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The migration's name is empty, longer than [`MAX_MIGRATION`] bytes, or holds a control character.
    Migration,
    /// A payload holds a newline, which would end its line.
    Newline {
        /// Which payload of the turn, from 0.
        index: usize,
    },
    /// A payload is empty.
    Empty {
        /// Which payload of the turn, from 0.
        index: usize,
    },
    /// A payload is longer than [`MAX_PAYLOAD`] bytes.
    TooLong {
        /// Which payload of the turn, from 0.
        index: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The journal would grow beyond [`MAX_JOURNAL`] bytes.
    Full {
        /// How long it would be.
        len: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Migration => {
                write!(f, "the migration's name must have 1 to {MAX_MIGRATION} bytes and no control characters")
            }
            Self::Newline { index } => {
                write!(f, "payload {index} of the turn contains a newline")
            }
            Self::Empty { index } => write!(f, "payload {index} of the turn is empty"),
            Self::TooLong { index, len } => {
                write!(f, "payload {index} of the turn has {len} bytes, more than {MAX_PAYLOAD}")
            }
            Self::Full { len } => write!(
                f,
                "it would have {len} bytes, more than {MAX_JOURNAL}; something writes far more facts than a migration \
                 has: look at the last lines of the file"
            ),
        }
    }
}

impl Error for Refusal {}
