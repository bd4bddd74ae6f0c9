//! The bytes of a journal, without judging a whole file: that is `recover`.

use std::fmt;

use super::error::Refusal;

/// The first word of every journal.
pub const MAGIC: &str = "cutover-journal";
/// The format written here. Whatever changes in a later one, the header keeps its form: magic, number, anything, CRC.
pub const VERSION: u32 = 1;
/// The longest name of a migration, in bytes.
pub const MAX_MIGRATION: usize = 200;
/// The longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// A header is shorter than this, whatever its migration is called.
const MAX_HEADER: usize = MAX_MIGRATION + 64;

/// Whose facts a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    migration: String,
    attempt: u32,
}

impl Identity {
    /// The journal of one attempt at one migration.
    pub fn new(migration: impl Into<String>, attempt: u32) -> Result<Self, Refusal> {
        let migration = migration.into();
        let fits = !migration.is_empty() && migration.len() <= MAX_MIGRATION;
        if !fits || migration.chars().any(char::is_control) {
            return Err(Refusal::Migration);
        }
        Ok(Self { migration, attempt })
    }

    /// The migration's name.
    pub fn migration(&self) -> &str {
        &self.migration
    }

    /// Which attempt at it.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "migration {:?} attempt {}", self.migration, self.attempt)
    }
}

/// Where the next turn goes, and what it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The sequence number of the next record; the first one ever is 1.
    pub next: u64,
    /// The CRC of the record before it, or of the header.
    pub chain: u32,
    /// The length of everything before it, in bytes.
    pub len: u64,
}

/// The header line: `cutover-journal <version> <attempt> <migration> <crc>\n`, the CRC-32C (eight hexadecimal digits)
/// being over everything before the space in front of it. Also gives where the first turn goes.
pub fn encode_header(identity: &Identity) -> (Vec<u8>, Position) {
    let text = format!("{MAGIC} {VERSION} {} {}", identity.attempt, identity.migration);
    let chain = crc32c::crc32c(text.as_bytes());
    let bytes = format!("{text} {chain:08x}\n").into_bytes();
    let len = bytes.len() as u64;
    let next = 1;
    (bytes, Position { next, chain, len })
}

/// The lines of one turn, each `<seq> <first>-<last> <prev> <crc> <payload>\n`, and where the next turn goes.
///
/// `first` and `last` are the sequence numbers of the turn's first and last record: with them, what an interrupted
/// write left behind can be told from what must have been confirmed. `prev` is the CRC of the line before, or of the
/// header: a lost, repeated or moved line is noticed. `crc` is the CRC-32C over everything before it and the payload,
/// so that each line can be verified by itself, whatever happened to the one before.
pub fn encode_turn<S: AsRef<str>>(at: &Position, payloads: &[S]) -> Result<(Vec<u8>, Position), Refusal> {
    let mut bytes = Vec::new();
    let mut here = *at;
    let first = at.next;
    let last = first + (payloads.len() as u64).saturating_sub(1);
    for (index, payload) in payloads.iter().enumerate() {
        let payload = payload.as_ref();
        if payload.is_empty() {
            return Err(Refusal::Empty { index });
        }
        if payload.len() > MAX_PAYLOAD {
            let len = payload.len();
            return Err(Refusal::TooLong { index, len });
        }
        if payload.contains('\n') {
            return Err(Refusal::Newline { index });
        }
        let head = format!("{} {first}-{last} {:08x} ", here.next, here.chain);
        let crc = record_crc(head.as_bytes(), payload.as_bytes());
        bytes.extend_from_slice(format!("{head}{crc:08x} {payload}\n").as_bytes());
        here.next += 1;
        here.chain = crc;
    }
    here.len += bytes.len() as u64;
    Ok((bytes, here))
}

/// A first line that verifies, whatever it says.
pub(super) enum Header {
    /// Another format.
    Version(u32),
    /// Ours.
    Identity(Identity),
}

/// The header at the start of `bytes`, if one is there whole.
pub(super) fn whole_header(bytes: &[u8]) -> Option<Header> {
    let end = bytes.iter().take(MAX_HEADER).position(|b| *b == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let (text, crc) = line.rsplit_once(' ')?;
    let (crc, rest) = take_hex(crc.as_bytes())?;
    if !rest.is_empty() || crc != crc32c::crc32c(text.as_bytes()) {
        return None;
    }
    let (version, text) = text.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
    let version = version.parse().ok()?;
    if version != VERSION {
        return Some(Header::Version(version));
    }
    let (attempt, migration) = text.split_once(' ')?;
    let identity = Identity::new(migration, attempt.parse().ok()?).ok()?;
    Some(Header::Identity(identity))
}

/// One record's line that verifies by itself.
pub(super) struct Line<'a> {
    pub(super) seq: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) prev: u32,
    pub(super) crc: u32,
    pub(super) payload: &'a str,
    /// Its length with the newline.
    pub(super) len: u64,
}

/// The record at the start of `bytes`, if one is there whole. Cheap where none is.
pub(super) fn whole_line(bytes: &[u8]) -> Option<Line<'_>> {
    let (seq, rest) = take_number(bytes)?;
    let (first, rest) = take_number(rest.strip_prefix(b" ")?)?;
    let (last, rest) = take_number(rest.strip_prefix(b"-")?)?;
    let (prev, rest) = take_hex(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b" ")?;
    let head = &bytes[..bytes.len() - rest.len()];
    let (crc, rest) = take_hex(rest)?;
    let rest = rest.strip_prefix(b" ")?;
    let end = rest.iter().take(MAX_PAYLOAD + 1).position(|b| *b == b'\n')?;
    let payload = &rest[..end];
    if payload.is_empty() || crc != record_crc(head, payload) {
        return None;
    }
    Some(Line {
        seq,
        first,
        last,
        prev,
        crc,
        payload: std::str::from_utf8(payload).ok()?,
        len: (bytes.len() - rest.len() + end + 1) as u64,
    })
}

fn record_crc(head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), payload)
}

/// A decimal number as `{}` writes it: no sign, no leading zero, no overflow.
fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.iter().take(21).take_while(|b| b.is_ascii_digit());
    let (number, rest) = bytes.split_at(digits.count());
    if number.first() == Some(&b'0') {
        return None;
    }
    let number = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((number, rest))
}

/// Eight hexadecimal digits as `{:08x}` writes them.
fn take_hex(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (hex, rest) = bytes.split_at_checked(8)?;
    if !hex.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let number = u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
    Some((number, rest))
}
