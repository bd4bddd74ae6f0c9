//! Writing a recording: bounded, and never a reason for the agent to stop.

use super::reader::whole;
use super::stands::{Standing, standing};
use super::{CHUNK, CHUNK_MS, ENTRY, Entry, MAGIC};
use cutover_core::Name;
use cutover_core::estate::Sample;
use cutover_core::facts::Fact;
use cutover_core::gate::board::Board;
use cutover_core::gate::ops::Op;
use cutover_core::settings::Settings;
use cutover_core::time::Now;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A recording under way. Whatever goes wrong ends the recording, with a warning, and nothing else.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    file: File,
    len: u64,
    limit: u64,
    chunk: Vec<u8>,
    since: Option<i64>,
    /// After how many milliseconds a chunk is written that is not full.
    patience: i64,
    stopped: Option<String>,
    /// An evaluation that has not ended yet: kept if the agent ends in it.
    turning: Option<Now>,
    /// What was answered last, of every step.
    stands: Standing,
    /// Why facts cannot be written.
    journal: Option<Name>,
}

impl Recorder {
    /// Begins a recording, or goes on with one that an earlier run left: what it left torn is cut off.
    ///
    /// # Errors
    /// The file cannot be written, or is something else.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Recorder, String> {
        let failed = |e: std::io::Error| format!("cannot record to {}: {e}", path.display());
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(failed)?;
        let mut len = file.metadata().map_err(failed)?.len();
        if len == 0 {
            file.write_all(MAGIC).map_err(failed)?;
            len = MAGIC.len() as u64;
        } else {
            let first_form;
            (len, first_form) = whole(path)?;
            file.set_len(len).map_err(failed)?;
            if first_form {
                // Every entry of it is one of this form as well.
                std::os::unix::fs::FileExt::write_all_at(&file, MAGIC, 0).map_err(failed)?;
            }
            std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(failed)?;
        }
        Ok(Recorder {
            path: path.to_owned(),
            file,
            len,
            limit,
            chunk: Vec::new(),
            since: None,
            patience: CHUNK_MS,
            stopped: None,
            turning: None,
            stands: Standing::new(),
            journal: None,
        })
    }

    /// Begins a recording that nothing is lost of if the program is killed: it can be made again. In full chunks, which
    /// are packed far better.
    ///
    /// # Errors
    /// The file cannot be written, or is there already.
    pub(crate) fn anew(path: &Path, limit: u64) -> Result<Recorder, String> {
        if path.exists() {
            return Err(format!(
                "cannot record to {}: it exists, and what is made again does not go on with an earlier recording; remove \
                 it, or name another file with --record",
                path.display()
            ));
        }
        let mut recorder = Recorder::open(path, limit)?;
        recorder.patience = i64::MAX;
        Ok(recorder)
    }

    /// The agent started, with these facts in its journal.
    pub(crate) fn start(&mut self, at: Now, settings: &Settings, facts: &[String]) {
        self.unended();
        self.stands.clear();
        self.journal = None;
        self.note(at, &Entry::Start { at, settings: Box::new(settings.clone()), facts: facts.to_vec() });
    }

    /// A sample came in.
    pub(crate) fn sample(&mut self, now: Now, sample: &Sample) {
        if self.stopped.is_none() {
            self.unended();
            self.note(now, &Noted::Sample(now, sample));
        }
    }

    /// It evaluates; what comes of it follows.
    pub(crate) fn turn(&mut self, now: Now) {
        self.unended();
        self.turning = Some(now);
    }

    /// What came of an evaluation. The journal did not take facts after it took those of `unwritten` rounds, if so.
    pub(crate) fn turned(&mut self, board: &Board, unwritten: Option<u32>) {
        self.turning = None;
        if self.stopped.is_some() {
            return;
        }
        let stands = standing(board);
        let new = stands.iter().filter(|(step, s)| self.stands.get(*step) != Some(s));
        let answers = new.map(|(_, s)| s.clone()).collect();
        self.stands = stands;
        self.note(board.at, &Entry::Turned { at: board.at, unwritten, answers });
    }

    /// A person's request was judged: the facts that it made, if it was accepted and they are on the disk.
    pub(crate) fn asked(&mut self, at: Now, author: &Name, reason: &Name, op: &Op, facts: Option<&[Fact]>) {
        self.unended();
        let facts = facts.map(|facts| facts.iter().filter_map(|f| serde_json::to_string(f).ok()).collect());
        let (author, reason, op) = (author.clone(), reason.clone(), op.clone());
        self.note(at, &Entry::Asked { at, author, reason, op, facts });
    }

    /// Why facts cannot be written, or that they can.
    pub(crate) fn journal(&mut self, now: Now, why: Option<&Name>) {
        if self.journal.as_ref() != why {
            self.journal = why.cloned();
            self.note(now, &Entry::Journal(now, why.map(ToString::to_string)));
        }
    }

    /// The hold file has this text now.
    pub(crate) fn hold_file(&mut self, now: Now, text: Option<&str>) {
        self.unended();
        self.note(now, &Entry::HoldFile(text.map(str::to_owned)));
    }

    /// An entry of another recording, as it stands.
    pub(crate) fn copy(&mut self, now: Now, entry: &Entry) {
        self.unended();
        self.note(now, entry);
    }

    /// An evaluation that nothing came of: the agent ended in it.
    fn unended(&mut self) {
        if let Some(now) = self.turning.take() {
            self.note(now, &Entry::Turn(now));
        }
    }

    /// Why it records no more, if so.
    pub(crate) fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Writes what is left; why the recording ended before, if it did.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.unended();
        self.flush();
        self.stopped.clone()
    }

    fn note(&mut self, now: Now, entry: &impl Serialize) {
        if self.stopped.is_some() {
            return;
        }
        let mut bytes = Vec::new();
        let written = entry.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map());
        if let Err(e) = written {
            return self.stop(format!("an entry cannot be written: {e}"));
        }
        let Some(len) = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= ENTRY) else {
            return self.stop(format!("an entry has {} bytes, more than an entry may have", bytes.len()));
        };
        self.chunk.extend_from_slice(&len.to_le_bytes());
        self.chunk.extend_from_slice(&bytes);
        let since = *self.since.get_or_insert(now.mono.0);
        if self.chunk.len() >= CHUNK || now.mono.0 - since >= self.patience {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let raw = std::mem::take(&mut self.chunk);
        self.since = None;
        if raw.is_empty() || self.stopped.is_some() {
            return;
        }
        let packed = match zstd::bulk::compress(&raw, 3) {
            Ok(p) => p,
            Err(e) => return self.stop(format!("a chunk cannot be compressed: {e}")),
        };
        let (Ok(n), Ok(m)) = (u32::try_from(packed.len()), u32::try_from(raw.len())) else {
            return self.stop("a chunk is too long".to_owned());
        };
        let len = self.len + 12 + u64::from(n);
        if len > self.limit {
            return self.stop(format!("it would have more than {} bytes (--record-limit)", self.limit));
        }
        let head = [n, m, crc32c::crc32c(&packed)].map(u32::to_le_bytes).concat();
        match self.file.write_all(&[head, packed].concat()) {
            Ok(()) => self.len = len,
            Err(e) => self.stop(e.to_string()),
        }
    }

    fn stop(&mut self, why: String) {
        tracing::warn!(file = %self.path.display(), "the recording ends here: {why}");
        self.chunk = Vec::new();
        self.stopped = Some(why);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.unended();
        self.flush();
    }
}

/// An entry that is only looked at, in the same form.
#[derive(Serialize)]
enum Noted<'a> {
    Sample(Now, &'a Sample),
}
