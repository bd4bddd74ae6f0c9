//! Recordings: everything an agent decided by, as it was applied, and what it answered, so that the same gate can be
//! asked again later and a changed one be noticed.
//!
//! A recording is a magic line with the number of its form, then chunks: compressed length, length, CRC-32C of the
//! compressed bytes (each 32 bits, little-endian), then a zstd block of entries, each a length and a MessagePack value
//! with named fields. A chunk that is not whole ends it: the agent was killed. Holds no secret, since samples, settings
//! and facts hold none; it does hold the names of hosts, topics, groups and clients.
//!
//! Form 2 has the answers of each evaluation, whether the journal took its facts, and people's requests themselves
//! (`Turned`, `Asked`, `Journal`). Form 1 had only `Turn` and `Said`: it is read, and gone on with as form 2.

mod reader;
mod stands;
mod writer;

pub(crate) use reader::Recording;
pub(crate) use stands::{Standing, Stands, standing};
pub(crate) use writer::Recorder;

use cutover_core::Name;
use cutover_core::estate::Sample;
use cutover_core::gate::ops::Op;
use cutover_core::settings::Settings;
use cutover_core::time::Now;
use serde::{Deserialize, Serialize};

/// How a recording begins.
const MAGIC: &[u8] = b"cutover-recording 2\n";
/// How one of the first form began, which has no answers.
const MAGIC_1: &[u8] = b"cutover-recording 1\n";
/// Bytes of entries in a chunk before it is written.
const CHUNK: usize = 1 << 20;
/// Milliseconds in a chunk before it is written.
const CHUNK_MS: i64 = 10_000;
/// No entry is longer, so no chunk is longer than twice that.
const ENTRY: usize = 64 << 20;

/// One thing that was applied, in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// The agent started, with these facts in its journal.
    Start {
        /// When.
        at: Now,
        /// What it decided by.
        settings: Box<Settings>,
        /// The facts, as the journal's text.
        facts: Vec<String>,
    },
    /// A sample came in.
    Sample(Now, Box<Sample>),
    /// It evaluated, and nobody knows what came of it: the agent ended in it, or form 1.
    Turn(Now),
    /// It evaluated and answered.
    Turned {
        /// When.
        at: Now,
        /// The journal did not take the facts of the evaluation after so many whose facts it took.
        unwritten: Option<u32>,
        /// What is answered of the steps of which something else was answered before.
        answers: Vec<Stands>,
    },
    /// Facts that a person's request made; form 1 did not know the request.
    Said(Now, Vec<String>),
    /// A person's request was judged.
    Asked {
        /// When.
        at: Now,
        /// The token's name.
        author: Name,
        /// Why.
        reason: Name,
        /// What.
        op: Op,
        /// The facts that it made; none if it was refused, or if the journal did not take them.
        facts: Option<Vec<String>>,
    },
    /// Why facts cannot be written from now on, so that no go is believed; none when they can again.
    Journal(Now, Option<String>),
    /// The hold file has this text now, or is gone.
    HoldFile(Option<String>),
}

impl Entry {
    /// When it was applied, where it says.
    pub(crate) fn at(&self) -> Option<Now> {
        match self {
            Entry::Start { at, .. } | Entry::Turned { at, .. } | Entry::Asked { at, .. } => Some(*at),
            Entry::Sample(at, _) | Entry::Turn(at) | Entry::Said(at, _) | Entry::Journal(at, _) => Some(*at),
            Entry::HoldFile(_) => None,
        }
    }

    /// Whether it says what was answered.
    pub(crate) fn answers(&self) -> bool {
        matches!(self, Entry::Turned { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::estate::mongodb::{MongoCounts, MongoSample};
    use cutover_core::estate::{Content, Failure, FailureKind, Side, Target};
    use cutover_core::time::{Mono, Span, Wall};

    fn now(ms: i64) -> Now {
        Now { mono: Mono(ms), wall: Wall(1_000_000 + ms) }
    }

    fn failed(ms: i64, why: &str) -> Sample {
        let span = Span { sent: Mono(ms), received: Mono(ms + 5) };
        let outcome = Err(Failure::new(FailureKind::Timeout, why));
        Sample { target: Target::Kafka(Side::Source), span, outcome }
    }

    fn settings() -> Settings {
        cutover_sim::world::settings(&cutover_sim::scenario::Scenario::default())
    }

    fn entries(path: &std::path::Path) -> (Vec<Entry>, Option<String>) {
        let mut recording = Recording::open(path).unwrap();
        let entries = std::iter::from_fn(|| recording.next().unwrap()).collect();
        (entries, recording.torn().map(str::to_owned))
    }

    #[test]
    fn what_was_recorded_reads_back_and_a_restarted_agent_goes_on_with_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rec");
        for run in 0..2 {
            let mut r = Recorder::open(&path, 1 << 20).unwrap();
            r.start(now(run), &settings(), &["{}".to_owned()]);
            r.sample(now(run + 1), &failed(run, "no answer"));
            let counts = MongoCounts::default();
            let target = Target::Mongodb(Side::Destination);
            let span = Span { sent: Mono(1), received: Mono(2) };
            r.sample(now(run + 2), &Sample { target, span, outcome: Ok(Content::MongoCounts(counts)) });
            r.turn(now(run + 3));
        }
        let (all, torn) = entries(&path);
        assert_eq!(torn, None);
        assert_eq!(all.len(), 8);
        assert!(matches!(&all[1], Entry::Sample(_, s) if format!("{s:?}") == format!("{:?}", failed(0, "no answer"))));
        assert!(matches!(all[7], Entry::Turn(n) if n == now(4)));
        // Every content has to read back: this one has no default to be made from.
        fn readable<T: for<'a> Deserialize<'a>>() {}
        readable::<MongoSample>();
    }

    #[test]
    fn a_killed_agents_recording_ends_with_its_last_whole_chunk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rec");
        let mut r = Recorder::open(&path, 1 << 20).unwrap();
        r.start(now(0), &settings(), &[]);
        for n in 1..4 {
            // Each in a chunk of its own.
            r.turn(now(n * 20_000));
        }
        drop(r);
        let len = std::fs::metadata(&path).unwrap().len();
        std::fs::File::options().write(true).open(&path).unwrap().set_len(len - 3).unwrap();
        let (before, torn) = entries(&path);
        assert!(torn.is_some());
        let mut r = Recorder::open(&path, 1 << 20).unwrap();
        r.turn(now(99));
        drop(r);
        let (after, torn) = entries(&path);
        assert_eq!((after.len(), torn), (before.len() + 1, None));
    }

    #[test]
    fn it_stops_at_its_limit_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rec");
        let mut r = Recorder::open(&path, 4_000).unwrap();
        r.start(now(0), &settings(), &[]);
        for n in 1..2_000 {
            r.sample(now(n * 11_000), &failed(n, &format!("{:x}", n.wrapping_mul(0x1e37_79b9_7f4a_7c15))));
        }
        assert!(r.stopped().is_some_and(|s| s.contains("4000 bytes")), "{:?}", r.stopped());
        drop(r);
        assert!(std::fs::metadata(&path).unwrap().len() <= 4_000);
        assert!(entries(&path).0.len() > 10);
    }

    #[test]
    fn another_file_is_not_overwritten_and_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "my notes, which are longer than a magic line").unwrap();
        assert!(Recorder::open(&path, 1 << 20).unwrap_err().contains("is no recording"));
        assert!(Recording::open(&path).unwrap_err().contains("is no recording"));
        std::fs::write(&path, "cutover-recording 9\nxxxx").unwrap();
        assert!(Recording::open(&path).unwrap_err().contains("another version"));
    }
}
