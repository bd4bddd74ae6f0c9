//! `Journal` after one failure at a time, each told as a story.

use super::super::sim::{Fault, SimDisk};
use super::*;

fn open(disk: &SimDisk) -> (Journal<SimDisk>, Vec<Record>, Report) {
    Journal::open(disk.clone(), identity()).unwrap()
}

/// The calls of an append: length, write, sync; and where one of them fails, truncate.
const WRITE: u32 = 1;
const SYNC: u32 = 2;
const TRUNCATE: u32 = 3;

#[test]
fn begins_appends_and_finds_again() {
    let disk = SimDisk::new(Vec::new(), 1);
    let (mut journal, records, report) = open(&disk);
    assert!(report.created && records.is_empty(), "{report}");
    journal.append(&["1", "2"]).unwrap();
    journal.append::<&str>(&[]).unwrap();
    journal.append(&["3".to_owned()]).unwrap();
    assert_eq!(journal.position().next, 4);
    disk.crash();
    let (_, records, report) = open(&disk);
    assert_eq!(payloads(&records), ["1", "2", "3"]);
    assert_eq!(records[2].seq, 3);
    assert_eq!(report.torn, None);
    assert_eq!(disk.content(), disk.durable());
}

#[test]
fn a_refused_turn_changes_nothing() {
    let disk = SimDisk::new(Vec::new(), 1);
    let (mut journal, ..) = open(&disk);
    let before = disk.content();
    let error = journal.append(&["fine", "not\nfine"]).unwrap_err();
    assert!(matches!(error, JournalError::Refused(_)), "{error}");
    assert_eq!(disk.content(), before);
    assert_eq!(journal.poisoned(), None);
    journal.append(&["fine"]).unwrap();
}

#[test]
fn reopening_says_how_many_bytes_of_the_failed_turn_it_cut() {
    let mut most = 0;
    for seed in 0..50 {
        let disk = SimDisk::new(Vec::new(), seed);
        let (mut journal, ..) = open(&disk);
        journal.append(&["1"]).unwrap();
        let keep = disk.content().len();
        disk.plan([(SYNC, Fault::Error), (TRUNCATE, Fault::Error)]);
        journal.append(&["lost"]).unwrap_err();
        let left = disk.content().len().saturating_sub(keep) as u64;
        most = most.max(left);
        assert_eq!(journal.reopen().unwrap(), Reopened { cut: left }, "seed {seed}");
        assert_eq!(disk.content().len(), keep);
        assert_eq!(journal.reopen().unwrap(), Reopened { cut: 0 }, "there is nothing to mend any more");
    }
    assert!(most > 20, "no seed left anything: {most}");
}

#[test]
fn a_failed_append_poisons_until_reopened() {
    for call in [WRITE, SYNC] {
        for seed in 0..200 {
            let disk = SimDisk::new(Vec::new(), seed);
            let (mut journal, ..) = open(&disk);
            journal.append(&["1"]).unwrap();
            disk.plan([(call, Fault::Error)]);
            let error = journal.append(&["lost"]).unwrap_err();
            assert!(matches!(error, JournalError::Disk { .. }), "{error}");
            let error = journal.append(&["refused"]).unwrap_err();
            assert!(matches!(error, JournalError::Poisoned { .. }), "{error}");
            assert!(error.to_string().contains("simulated: Error"), "{error}");
            journal.reopen().unwrap();
            journal.append(&["2"]).unwrap();
            disk.crash();
            assert_eq!(payloads(&open(&disk).1), ["1", "2"]);
        }
    }
}

/// The kernel said no once and yes ever after, and the cache shows what the disk does not have.
#[test]
fn what_the_next_process_finds_is_durable_before_it_is_believed() {
    let mut found_again = 0;
    for seed in 0..400 {
        let disk = SimDisk::new(Vec::new(), seed);
        let (mut journal, ..) = open(&disk);
        journal.append(&["1"]).unwrap();
        disk.plan([(SYNC, Fault::Error), (SYNC + 1, Fault::Error)]);
        journal.append(&["in doubt"]).unwrap_err();
        drop(journal);
        disk.restart_process();
        let records = open(&disk).1;
        found_again += usize::from(records.len() == 2);
        disk.crash();
        assert_eq!(open(&disk).1, records, "seed {seed}");
    }
    assert!(found_again > 20, "{found_again}");
}

#[test]
fn reopening_fails_as_long_as_the_disk_does() {
    let disk = SimDisk::new(Vec::new(), 7);
    let (mut journal, ..) = open(&disk);
    journal.append(&["1"]).unwrap();
    disk.plan((SYNC..12).map(|call| (call, Fault::Error)));
    journal.append(&["lost"]).unwrap_err();
    let mut failures = 0;
    while let Err(error) = journal.reopen() {
        assert!(matches!(error, JournalError::Disk { .. }), "{error}");
        assert!(journal.poisoned().is_some());
        failures += 1;
    }
    assert!(failures > 3, "{failures}");
    journal.append(&["2"]).unwrap();
    assert_eq!(journal.reopen().unwrap(), Reopened { cut: 0 });
    disk.crash();
    assert_eq!(payloads(&open(&disk).1), ["1", "2"]);
}

#[test]
fn a_file_changed_by_someone_else_is_not_written_to() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 4] = [
        ("emptied", |bytes| bytes.clear()),
        ("shortened", |bytes| bytes.truncate(60)),
        ("lengthened", |bytes| bytes.extend_from_slice(b"hello\n")),
        ("another agent", |bytes| {
            let at = recover(bytes, &identity()).unwrap().position;
            bytes.extend_from_slice(&encode_turn(&at, &["theirs"]).unwrap().0);
        }),
    ];
    for (what, change) in changes {
        let disk = SimDisk::new(Vec::new(), 1);
        let (mut journal, ..) = open(&disk);
        journal.append(&["1", "2"]).unwrap();
        disk.meddle(change);
        let theirs = disk.content();
        let error = journal.append(&["3"]).unwrap_err();
        assert!(matches!(error, JournalError::Diverged { .. }), "{what}: {error}");
        let error = journal.reopen().unwrap_err();
        assert!(matches!(error, JournalError::Diverged { .. }), "{what}: {error}");
        assert_eq!(disk.content(), theirs, "{what}");
    }
}

#[test]
fn what_the_failed_write_left_is_removed_at_once() {
    for seed in 0..50 {
        let disk = SimDisk::new(Vec::new(), seed);
        let (mut journal, ..) = open(&disk);
        let before = disk.content();
        disk.plan([(WRITE, Fault::Error)]);
        journal.append(&["lost"]).unwrap_err();
        assert_eq!(disk.content(), before);
        assert_eq!(disk.durable(), before);
    }
}

/// A turn failed, and before the journal was reopened somebody else changed the file.
#[test]
fn reopening_changes_nothing_in_a_file_it_does_not_know() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, bool, Change); 4] = [
        ("a middle turn", true, |bytes| bytes[50] ^= 1),
        ("the last turn", false, |bytes| {
            let last = bytes.len() - 2;
            bytes[last] ^= 1;
        }),
        ("cut", false, |bytes| bytes.truncate(60)),
        ("another agent", false, |bytes| {
            let at = recover(bytes, &identity()).unwrap().position;
            bytes.extend_from_slice(&encode_turn(&at, &["4"]).unwrap().0);
        }),
    ];
    for (what, damaged, change) in changes {
        let disk = SimDisk::new(Vec::new(), 1);
        let (mut journal, ..) = open(&disk);
        journal.append(&["1"]).unwrap();
        journal.append(&["2"]).unwrap();
        disk.plan([(WRITE, Fault::Error)]);
        journal.append(&["3"]).unwrap_err();
        disk.meddle(change);
        let theirs = disk.content();
        match journal.reopen().unwrap_err() {
            JournalError::Damaged { .. } if damaged => {}
            JournalError::Diverged { .. } if !damaged => {}
            other => panic!("{what}: {other}"),
        }
        assert!(journal.poisoned().is_some());
        assert_eq!(disk.content(), theirs, "{what}");
    }
}

#[test]
fn errors_say_which_file_and_what_to_do() {
    let (mut bytes, ends) = journal(&[&["1"], &["2"]]);
    bytes[ends[1] - 2] ^= 1;
    let error = Journal::open(SimDisk::new(bytes, 1), identity()).unwrap_err();
    let text = error.to_string();
    for part in ["journal sim", "line 2", "record 2", "from a copy", "`adopt`"] {
        assert!(text.contains(part), "{part} not in: {text}");
    }
}
