//! Whole files cut and flipped at every byte, and the journal on a disk that fails and crashes at every call.

mod damage;
mod failures;
mod properties;
mod told;

use super::*;

fn identity() -> Identity {
    Identity::new("shop-prod", 1).unwrap()
}

/// A journal of these turns, and where each one ends: the header first.
fn journal(turns: &[&[&str]]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut at) = encode_header(&identity());
    let mut ends = vec![bytes.len()];
    for turn in turns {
        let (more, after) = encode_turn(&at, turn).unwrap();
        bytes.extend_from_slice(&more);
        at = after;
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn payloads(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.payload.as_str()).collect()
}
