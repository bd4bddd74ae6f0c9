//! What happened when, in milliseconds since the estate was opened: printed when a test fails.

use std::fmt;
use std::time::Instant;

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since the start.
    pub ms: u128,
    /// What happened.
    pub text: String,
}

/// The lines so far. The oldest half is dropped when there are too many.
#[derive(Debug, Clone)]
pub struct Timeline {
    start: Instant,
    entries: Vec<Entry>,
    dropped: usize,
}

impl Timeline {
    const MOST: usize = 4000;

    pub(crate) fn new(start: Instant) -> Self {
        Self { start, entries: Vec::new(), dropped: 0 }
    }

    pub(crate) fn push(&mut self, at: Instant, text: String) {
        if self.entries.len() >= Self::MOST {
            self.entries.drain(..Self::MOST / 2);
            self.dropped += Self::MOST / 2;
        }
        self.entries.push(Entry { ms: at.saturating_duration_since(self.start).as_millis(), text });
    }

    /// The lines, oldest first.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "({} older lines dropped)", self.dropped)?;
        }
        for entry in &self.entries {
            writeln!(f, "{:>8} ms  {}", entry.ms, entry.text)?;
        }
        Ok(())
    }
}
