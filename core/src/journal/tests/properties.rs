//! Any sequence of turns, failures, restarts and crashes.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::super::sim::{Fault, SimDisk};
use super::*;

/// From one start of the agent to its end.
#[derive(Debug, Clone)]
struct Life {
    /// How long the payloads of each turn are.
    turns: Vec<Vec<usize>>,
    /// What goes wrong at which call.
    faults: Vec<(u32, Fault)>,
    /// Whether the machine ends with the process.
    crash: bool,
}

fn life() -> impl Strategy<Value = Life> {
    let fault = prop_oneof![4 => Just(Fault::Error), 1 => Just(Fault::PowerOff)];
    let turns = vec(vec(1..60_usize, 1..4), 0..6);
    // A disk that fails tends to go on failing.
    let faults = btree_map(0..30_u32, (fault, 1..5_u32), 0..4);
    (turns, faults, any::<bool>()).prop_map(|(turns, faults, crash)| Life {
        turns,
        faults: faults
            .into_iter()
            .flat_map(|(from, (fault, run))| (from..from + run).map(move |call| (call, fault)))
            .collect(),
        crash,
    })
}

/// What the world may assume.
#[derive(Default)]
struct Truth {
    believed: Vec<String>,
    /// The turn whose append failed and was not withdrawn.
    in_doubt: Vec<String>,
    count: usize,
}

impl Truth {
    fn turn(&mut self, lengths: &[usize]) -> Vec<String> {
        let payload = |len: &usize| {
            self.count += 1;
            format!("{}{}", self.count, "x".repeat(*len))
        };
        lengths.iter().map(payload).collect()
    }

    fn check(&mut self, records: Vec<Record>) {
        for (at, record) in records.iter().enumerate() {
            assert_eq!(record.seq, at as u64 + 1);
        }
        let found: Vec<String> = records.into_iter().map(|record| record.payload).collect();
        if found != self.believed {
            self.believed.append(&mut self.in_doubt);
            assert_eq!(found, self.believed);
        }
        self.in_doubt.clear();
    }
}

fn only_the_disk(error: &JournalError) {
    assert!(matches!(error, JournalError::Disk { .. }), "{error}");
}

fn live(disk: &SimDisk, life: &Life, truth: &mut Truth) {
    disk.plan(life.faults.iter().copied());
    let mut journal = match Journal::open(disk.clone(), identity()) {
        Ok((journal, records, _)) => {
            truth.check(records);
            journal
        }
        Err(error) => return only_the_disk(&error),
    };
    for lengths in &life.turns {
        let turn = truth.turn(lengths);
        match journal.append(&turn) {
            Ok(()) => truth.believed.extend(turn),
            Err(error) => {
                only_the_disk(&error);
                truth.in_doubt = turn;
                loop {
                    match journal.reopen() {
                        Ok(_) => break truth.in_doubt.clear(),
                        Err(error) => only_the_disk(&error),
                    }
                    if disk.is_off() {
                        return;
                    }
                }
            }
        }
    }
}

fn history(lives: &[Life], seed: u64) {
    let disk = SimDisk::new(Vec::new(), seed);
    let mut truth = Truth::default();
    for life in lives {
        live(&disk, life, &mut truth);
        if life.crash || disk.is_off() {
            disk.crash();
        } else {
            disk.restart_process();
        }
    }
    // Whatever is believed now survives whatever comes.
    for _ in 0..2 {
        let (_, records, _) = Journal::open(disk.clone(), identity()).unwrap();
        truth.check(records);
        disk.crash();
    }
}

proptest! {
    #[test]
    fn believed_facts_survive_and_nothing_else_appears(
        lives in vec(life(), 1..5),
        seed in any::<u64>(),
    ) {
        history(&lives, seed);
    }

    /// `recover` is asked about any bytes at all, and about any change to good ones.
    #[test]
    fn nothing_is_recovered_that_was_not_written(
        edits in vec((any::<prop::sample::Index>(), 0..40_usize, vec(any::<u8>(), 0..40)), 1..4),
    ) {
        let turns: &[&[&str]] = &[&["1"], &["2", "3"], &["4"], &["5", "6"]];
        let (mut bytes, _) = journal(turns);
        for (at, remove, insert) in edits {
            let from = at.index(bytes.len() + 1);
            let to = bytes.len().min(from + remove);
            bytes.splice(from..to, insert);
        }
        if let Ok(found) = recover(&bytes, &identity()) {
            let all = ["1", "2", "3", "4", "5", "6"];
            prop_assert_eq!(payloads(&found.records), &all[..found.records.len()]);
            prop_assert!([0, 1, 3, 4, 6].contains(&found.records.len()));
        }
    }
}

/// One failure or power cut at each call of a fixed history, with many outcomes of each.
#[test]
fn every_single_call_can_fail() {
    let turns = vec![vec![3], vec![40, 2, 17], vec![9, 9]];
    for fault in [Fault::Error, Fault::PowerOff] {
        for call in 0..14 {
            for seed in 0..60 {
                let lives =
                    [true, false].map(|crash| Life { turns: turns.clone(), faults: vec![(call, fault)], crash });
                history(&lives, seed * 7919 + u64::from(call));
            }
        }
    }
}
