//! Reading a recording: chunk by chunk, nothing larger than it says, as far as it is whole.

use super::{ENTRY, Entry, MAGIC, MAGIC_1};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A recording.
#[derive(Debug)]
pub(crate) struct Recording {
    input: BufReader<File>,
    name: String,
    /// How far it is whole.
    len: u64,
    entries: VecDeque<Entry>,
    torn: Option<String>,
    first_form: bool,
}

impl Recording {
    /// Opens a recording.
    ///
    /// # Errors
    /// It cannot be read, or is no recording of a form that this version knows.
    pub(crate) fn open(path: &Path) -> Result<Recording, String> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|e| format!("cannot read {name}: {e}"))?;
        let mut input = BufReader::new(file);
        let mut magic = [0; MAGIC.len()];
        let got = input.read_exact(&mut magic);
        let first_form = magic == MAGIC_1;
        if got.is_err() || (magic != MAGIC && !first_form) {
            let form = magic.starts_with(b"cutover-recording ");
            return Err(match form {
                true => format!(
                    "{name} was recorded by another version, in a form that this one does not know; replay it with the \
                     one that wrote it"
                ),
                false => format!("{name} is no recording of cutover-agent"),
            });
        }
        let len = MAGIC.len() as u64;
        Ok(Recording { input, name, len, entries: VecDeque::new(), torn: None, first_form })
    }

    /// Whether it is of the first form, which has no answers.
    pub(crate) fn first_form(&self) -> bool {
        self.first_form
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// A chunk that is whole and cannot be understood.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, String> {
        while self.entries.is_empty() {
            let Some(raw) = self.chunk()? else { return Ok(None) };
            let mut rest = raw.as_slice();
            while let Some((len, after)) = rest.split_first_chunk::<4>() {
                let len = u32::from_le_bytes(*len) as usize;
                let bytes = after.get(..len).ok_or_else(|| format!("{}: an entry is cut off", self.name))?;
                let entry = rmp_serde::from_slice(bytes).map_err(|e| {
                    format!(
                        "{}: an entry is none that this version knows ({e}); read it with the one that wrote it",
                        self.name
                    )
                })?;
                self.entries.push_back(entry);
                rest = &after[len..];
            }
        }
        Ok(self.entries.pop_front())
    }

    /// Why it ends before the file does, if so.
    pub(crate) fn torn(&self) -> Option<&str> {
        self.torn.as_deref()
    }

    /// The next chunk; none at the end, or where it is torn.
    fn chunk(&mut self) -> Result<Option<Vec<u8>>, String> {
        if self.torn.is_some() {
            return Ok(None);
        }
        let mut head = Vec::new();
        let failed = |e: std::io::Error| format!("cannot read {}: {e}", self.name);
        (&mut self.input).take(12).read_to_end(&mut head).map_err(failed)?;
        let word = |i: usize| head.get(4 * i..4 * i + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        let (Some(packed), Some(raw), Some(sum)) = (word(0), word(1), word(2)) else {
            if !head.is_empty() {
                self.torn = Some(format!("torn after {} bytes", self.len));
            }
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let sane = packed as usize <= 2 * ENTRY && raw as usize <= 2 * ENTRY;
        if sane {
            (&mut self.input).take(u64::from(packed)).read_to_end(&mut bytes).map_err(failed)?;
        }
        if bytes.len() != packed as usize || crc32c::crc32c(&bytes) != sum {
            self.torn = Some(format!("torn after {} bytes", self.len));
            return Ok(None);
        }
        let raw = zstd::bulk::decompress(&bytes, raw as usize)
            .map_err(|e| format!("{}: a chunk cannot be decompressed: {e}", self.name))?;
        self.len += 12 + u64::from(packed);
        Ok(Some(raw))
    }
}

/// How many bytes of a recording are whole, and whether it is of the first form.
///
/// # Errors
/// It cannot be read, or is no recording.
pub(super) fn whole(path: &Path) -> Result<(u64, bool), String> {
    let mut recording = Recording::open(path)?;
    while recording.chunk()?.is_some() {}
    Ok((recording.len, recording.first_form))
}
