//! What the journal says of itself: a person reads it when something is wrong.

use super::super::sim::SimDisk;
use super::*;
use std::error::Error;

#[test]
fn an_identity_gives_its_parts_back() {
    let i = Identity::new("shop", 7).unwrap();
    assert_eq!((i.migration(), i.attempt()), ("shop", 7));
}

#[test]
fn what_was_cut_off_is_told_by_how_it_looks() {
    let (whole, ends) = journal(&[&["a"], &["b", "c"]]);
    let (before, turn) = (ends[1], &whole[ends[1]..]);
    let torn = |behind: &[u8]| {
        let bytes = [&whole[..before], behind].concat();
        recover(&bytes, &identity()).unwrap().torn.map(|t| t.to_string())
    };
    let first = turn.iter().position(|b| *b == b'\n').unwrap() + 1;
    let told = |n: usize, why: &str| Some(format!("{n} bytes from byte {before} on ({why})"));
    assert_eq!(torn(&[]), None);
    assert_eq!(torn(&turn[..first]), told(first, "a turn without its last records"));
    assert_eq!(torn(&[0; 5]), told(5, "zeros, as a crash leaves them"));
    assert_eq!(torn(&turn[..4]), told(4, "a line without its end"));
    assert_eq!(torn(&turn[1..first]), told(first - 1, "a record that does not verify"));
    assert_eq!(recover(&[], &identity()).unwrap().torn, None, "there was nothing to cut off");
}

#[test]
fn opening_says_what_was_found() {
    let opened = |bytes: Vec<u8>| Journal::open(SimDisk::new(bytes, 1), identity()).unwrap().2.to_string();
    assert_eq!(opened(vec![]), "journal begun");
    let (whole, ends) = journal(&[&["a"], &["b"]]);
    assert_eq!(opened(whole.clone()), format!("journal recovered: 2 records, {} bytes", whole.len()));
    assert_eq!(
        opened(whole[..ends[1] + 3].to_vec()),
        format!(
            "journal recovered: 1 records, {0} bytes; cut off the remains of an interrupted write: 3 bytes from byte {0} on \
             (a line without its end)",
            ends[1]
        )
    );
}

#[test]
fn a_refusal_says_of_what() {
    let said = |r: Refusal| JournalError::Refused(r).to_string();
    let refused = |text: &str| format!("refused by the journal: {text}");
    assert_eq!(
        Identity::new("", 1).map_err(said),
        Err(refused("the migration's name must have 1 to 200 bytes and no control characters"))
    );
    assert_eq!(said(Refusal::Newline { index: 1 }), refused("payload 1 of the turn contains a newline"));
    assert_eq!(said(Refusal::Empty { index: 0 }), refused("payload 0 of the turn is empty"));
    assert_eq!(
        said(Refusal::TooLong { index: 2, len: 1_048_577 }),
        refused("payload 2 of the turn has 1048577 bytes, more than 1048576")
    );
    assert!(said(Refusal::Full { len: 7 }).starts_with(&refused("it would have 7 bytes, more than 268435456;")));
}

/// A disk's error with one of the system's beneath it.
#[derive(Debug)]
struct Full(std::io::Error);

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("writing /var/lib/journal")
    }
}

impl Error for Full {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn what_lies_beneath_an_error_of_the_disk_is_given_on() {
    let beneath = std::io::Error::other("no space left");
    let e = JournalError::Disk { doing: "writing facts", source: Box::new(Full(beneath)) };
    assert_eq!(e.to_string(), "journal: writing facts failed: writing /var/lib/journal");
    assert_eq!(e.source().map(ToString::to_string).as_deref(), Some("no space left"));
    assert!(JournalError::Refused(Refusal::Migration).source().is_none());
}
