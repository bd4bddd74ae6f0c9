//! Writing a recording: bounded, and never a reason for the agent to stop.

use super::reader::whole;
use super::{CHUNK, CHUNK_MS, ENTRY, Entry, MAGIC};
use cutover_core::estate::Sample;
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
    stopped: Option<String>,
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
            len = whole(path)?;
            file.set_len(len).map_err(failed)?;
            std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(failed)?;
        }
        let path = path.to_owned();
        Ok(Recorder { path, file, len, limit, chunk: Vec::new(), since: None, stopped: None })
    }

    /// The agent started, with these facts in its journal.
    pub(crate) fn start(&mut self, at: Now, settings: &Settings, facts: &[String]) {
        self.note(at, &Entry::Start { at, settings: Box::new(settings.clone()), facts: facts.to_vec() });
    }

    /// A sample came in.
    pub(crate) fn sample(&mut self, now: Now, sample: &Sample) {
        if self.stopped.is_none() {
            self.note(now, &Noted::Sample(now, sample));
        }
    }

    /// It evaluates.
    pub(crate) fn turn(&mut self, now: Now) {
        self.note(now, &Entry::Turn(now));
    }

    /// Facts that a person's request made.
    pub(crate) fn said(&mut self, now: Now, facts: &[impl Serialize]) {
        let facts = facts.iter().filter_map(|f| serde_json::to_string(f).ok()).collect();
        self.note(now, &Entry::Said(now, facts));
    }

    /// The hold file has this text now.
    pub(crate) fn hold_file(&mut self, now: Now, text: Option<&str>) {
        self.note(now, &Entry::HoldFile(text.map(str::to_owned)));
    }

    /// Why it records no more, if so.
    pub(crate) fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
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
        if self.chunk.len() >= CHUNK || now.mono.0 - since >= CHUNK_MS {
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
        self.flush();
    }
}

/// An entry that is only looked at, in the same form.
#[derive(Serialize)]
enum Noted<'a> {
    Sample(Now, &'a Sample),
}
