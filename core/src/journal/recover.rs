//! From the bytes of a file to its records, or to why they cannot be believed. Pure: it repairs nothing, it says where
//! the valid part ends.

use std::fmt;

use super::error::Damage;
use super::format::{Header, Identity, Line, Position, encode_header, whole_header, whole_line};

/// One fact, as it was given to the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number, counted from 1 without gaps.
    pub seq: u64,
    /// The text.
    pub payload: String,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The records of all complete turns, in order.
    pub records: Vec<Record>,
    /// Where the next turn goes; a length of 0 says that even the header has to be written.
    pub position: Position,
    /// Where the last complete turn begins: 0 if only the header is there.
    pub last_turn_at: u64,
    /// What stands behind the valid part, to be cut off.
    pub torn: Option<Torn>,
}

/// The remains of a write that was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Where they begin: the length of the valid part.
    pub at: u64,
    /// How many bytes they are.
    pub bytes: u64,
    /// How they were recognised.
    pub why: &'static str,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, bytes, why } = self;
        write!(f, "{bytes} bytes from byte {at} on ({why})")
    }
}

/// Reads a journal that should be `identity`'s.
///
/// Damage is called torn, and is no error, only if a crash while the last turn (or the header) was being written
/// explains it: turn n+1 is never written before turn n is confirmed, so nothing but pieces of the interrupted turn may
/// follow. Pieces may be whole records, since blocks reach a disk in any order.
pub fn recover(bytes: &[u8], identity: &Identity) -> Result<Recovered, Damage> {
    let (header, start) = encode_header(identity);
    let Some(mut position) = after_header(bytes, identity, &header, start)? else {
        return Ok(Recovered {
            records: Vec::new(),
            position: Position { len: 0, ..start },
            last_turn_at: 0,
            torn: torn(bytes, 0, "an incomplete header"),
        });
    };
    let mut records = Vec::new();
    let mut last_turn_at = 0;
    let torn = loop {
        if position.len == bytes.len() as u64 {
            break None;
        }
        match next_turn(bytes, &position)? {
            Turn::Whole(turn, after) => {
                records.extend(turn);
                last_turn_at = position.len;
                position = after;
            }
            Turn::Torn(why) => break torn(bytes, position.len, why),
        }
    };
    Ok(Recovered { records, position, last_turn_at, torn })
}

fn torn(bytes: &[u8], at: u64, why: &'static str) -> Option<Torn> {
    let bytes = bytes.len() as u64 - at;
    (bytes > 0).then_some(Torn { at, bytes, why })
}

/// Where the first turn goes, or `None` if the header was never completely written.
fn after_header(bytes: &[u8], identity: &Identity, header: &[u8], start: Position) -> Result<Option<Position>, Damage> {
    match whole_header(bytes) {
        Some(Header::Identity(found)) if found == *identity => return Ok(Some(start)),
        Some(Header::Identity(found)) => {
            let expected = identity.clone();
            return Err(Damage::OtherIdentity { found, expected });
        }
        Some(Header::Version(found)) => return Err(Damage::OtherVersion { found }),
        None => {}
    }
    if let Some((at, line)) = whole_lines(bytes, 0).next() {
        let why = format!("the header does not verify, and record {} stands whole at byte {at}", line.seq);
        return Err(corrupt(bytes, 0, why));
    }
    // Records are written only after the header was synced: what is no longer than the header can hold none.
    if bytes.len() <= header.len() {
        return Ok(None);
    }
    Err(Damage::NotAJournal { len: bytes.len() as u64 })
}

/// What stands where a turn should begin.
enum Turn {
    /// All of it, and where the next one goes.
    Whole(Vec<Record>, Position),
    /// What is left of an interrupted one, and how it looks.
    Torn(&'static str),
}

fn next_turn(bytes: &[u8], start: &Position) -> Result<Turn, Damage> {
    let mut here = *start;
    let mut turn = Vec::new();
    loop {
        let rest = &bytes[here.len as usize..];
        let Some(line) = whole_line(rest) else {
            no_other_turn(bytes, start, &here)?;
            return Ok(Turn::Torn(look(rest)));
        };
        if line.seq != here.next || line.first != start.next || line.prev != here.chain {
            let why = format!(
                "record {} with predecessor {:08x} stands where record {} with predecessor {:08x} belongs",
                line.seq, line.prev, here.next, here.chain
            );
            return Err(corrupt(bytes, here.len, why));
        }
        here = Position { next: here.next + 1, chain: line.crc, len: here.len + line.len };
        turn.push(Record { seq: line.seq, payload: line.payload.to_owned() });
        if line.seq == line.last {
            return Ok(Turn::Whole(turn, here));
        }
    }
}

/// Nothing whole behind the damage at `here` may belong to another turn than the interrupted one.
fn no_other_turn(bytes: &[u8], start: &Position, here: &Position) -> Result<(), Damage> {
    let mut behind = whole_lines(bytes, here.len as usize);
    match behind.find(|(_, line)| line.first != start.next) {
        None => Ok(()),
        Some((at, line)) => {
            let why = format!(
                "record {} does not verify, and record {} of another turn stands whole at byte {at}",
                here.next, line.seq
            );
            Err(corrupt(bytes, here.len, why))
        }
    }
}

/// Every whole record from `from` on, at whatever byte: the newline before it may be what was damaged.
fn whole_lines(bytes: &[u8], from: usize) -> impl Iterator<Item = (usize, Line<'_>)> {
    (from..bytes.len()).filter_map(|at| whole_line(&bytes[at..]).map(|line| (at, line)))
}

fn corrupt(bytes: &[u8], at: u64, why: String) -> Damage {
    let before = bytes.iter().take(at as usize);
    let line = before.filter(|b| **b == b'\n').count() as u64 + 1;
    Damage::Corrupt { at, line, why }
}

fn look(rest: &[u8]) -> &'static str {
    if rest.is_empty() {
        "a turn without its last records"
    } else if rest.iter().all(|b| *b == 0) {
        "zeros, as a crash leaves them"
    } else if !rest.contains(&b'\n') {
        "a line without its end"
    } else {
        "a record that does not verify"
    }
}
