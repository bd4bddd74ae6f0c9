//! What stops a mirror for a moment, and what stops it for good.

use mongodb::error::{Error, ErrorKind};

/// Why it cannot go on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A server is away or not primary: try again.
    Transient(String),
    /// It has to be mended by a person.
    Fatal(String),
}

/// NotWritablePrimary, InterruptedDueToReplStateChange, shutdowns, NotPrimaryNoSecondaryOk, PrimarySteppedDown.
const AWAY: [i32; 7] = [10_107, 11_602, 11_600, 91, 13_435, 13_436, 189];

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error.kind.as_ref() {
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::ServerSelection { .. } => {
                Trouble::Transient(text)
            }
            ErrorKind::Command(command) if AWAY.contains(&command.code) => Trouble::Transient(text),
            _ if error.contains_label("RetryableWriteError") => Trouble::Transient(text),
            _ => Trouble::Fatal(text),
        }
    }
}

/// Whether a server refused with one of these codes.
pub(super) fn refused_with(error: &Error, codes: &[i32]) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if codes.contains(&command.code))
}
