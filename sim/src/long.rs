//! The long form: very many random migrations, in slices that add up. What came of them so far is kept in a file, so that it
//! can be ended at any time and goes on where it was, on this machine or on another.
//!
//! Slices add up only where they are of the same program: the file holds a fingerprint, which is what a few migrations said,
//! and a program that says something else is refused. Where one is mended that says the same, its failures are asked for again,
//! and those that are none any more are told as mended.

use crate::report::{Report, reported};
use crate::{campaign, random, random_services};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::{fs, io};

/// Migrations between two times that the file is written.
const SLICE: u64 = 2_000;
/// One in so many has the services track: such a one takes eight times as long.
const SERVICES: u64 = 200;
/// How many migrations of each kind make the fingerprint.
const PRINTED: u64 = 20;

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Long {
    /// How many migrations are to be run.
    pub count: u64,
    /// The first seed; those with the services track start as far behind [`random_services::FIRST`].
    pub first: u64,
    /// What the program is that ran them.
    pub fingerprint: String,
    /// What came of those that were run.
    pub report: Report,
}

/// What a few migrations said, as a number.
pub fn fingerprint() -> String {
    let seeds = (0..PRINTED).chain(random_services::FIRST..random_services::FIRST + PRINTED / 4);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for seed in seeds {
        let o = random::run(seed);
        let said = format!("{} {} {} {:?} {}", o.gos, o.dones, o.turns, o.faults, o.story.join("\n"));
        // FNV-1a: the same on every machine and with every compiler.
        hash = said.bytes().fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    }
    format!("{hash:016x}")
}

impl Long {
    /// None run yet.
    pub fn new(count: u64, first: u64, fingerprint: String) -> Long {
        Long { count, first, fingerprint, report: Report::default() }
    }

    /// The seeds of the next slice: of Kafka and MongoDB, and with the services track.
    fn next(&self) -> Option<(std::ops::Range<u64>, std::ops::Range<u64>)> {
        let done = self.report.runs;
        let n = SLICE.min(self.count.checked_sub(done).filter(|n| *n > 0)?);
        let with_services = |n: u64| n / SERVICES;
        let from = (self.first + done - with_services(done), random_services::FIRST + self.first + with_services(done));
        let services = with_services(done + n) - with_services(done);
        Some((from.0..from.0 + n - services, from.1..from.1 + services))
    }

    /// Runs the next slice. False if none is left.
    pub fn step(&mut self) -> bool {
        let Some((seeds, with_services)) = self.next() else { return false };
        self.report.merge(campaign::run(seeds, false, &|_| {}));
        self.report.merge(campaign::run(with_services, false, &|_| {}));
        true
    }
}

/// What a file holds, or the beginning of it where there is none.
///
/// # Errors
/// A file that cannot be read, is no such file, or is of another form or another program.
pub fn open(file: &Path, count: u64, first: u64) -> io::Result<Long> {
    let fresh = Long::new(count, first, fingerprint());
    let text = match fs::read_to_string(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(fresh),
        text => text?,
    };
    let mut kept: Long = serde_json::from_str(&text).map_err(io::Error::other)?;
    if (kept.count, kept.first) != (count, first) {
        let text = format!("it is of {} migrations from seed {} on: give another file", kept.count, kept.first);
        return Err(io::Error::other(text));
    }
    if kept.fingerprint != fresh.fingerprint {
        return Err(io::Error::other(format!(
            "it is of a program whose migrations said {}, this one's say {}: what was proven of that is not proven of this; \
             give another file",
            kept.fingerprint, fresh.fingerprint
        )));
    }
    kept.report.ask_again(|seed| random::run(seed).failing.iter().any(|f| reported(f).is_none()));
    Ok(kept)
}

/// Writes the file whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn save(file: &Path, l: &Long) -> io::Result<()> {
    let next = file.with_extension("next");
    fs::write(&next, serde_json::to_string_pretty(l).map_err(io::Error::other)? + "\n")?;
    fs::rename(next, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_add_up_to_every_seed_once() {
        let mut l = Long::new(4_700, 50, "x".into());
        let (mut plain, mut services) = (Vec::new(), Vec::new());
        while let Some((a, b)) = l.next() {
            l.report.runs += a.end - a.start + b.end - b.start;
            plain.extend(a);
            services.extend(b);
        }
        assert_eq!(plain.len() + services.len(), 4_700);
        assert_eq!((plain[0], plain.len() as u64), (50, plain[plain.len() - 1] - 49));
        let from = random_services::FIRST + 50;
        assert_eq!(services, (from..from + 4_700 / SERVICES).collect::<Vec<_>>());
    }

    #[test]
    fn it_goes_on_where_it_was_and_only_with_the_same_program() {
        let dir = std::env::temp_dir().join(format!("cutover-long-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a folder");
        let file = dir.join("long.json");
        let mut l = open(&file, 12, 7).expect("a beginning");
        assert!(l.step() && !l.step());
        assert_eq!(l.report.runs, 12);
        save(&file, &l).expect("a file");
        assert_eq!(open(&file, 12, 7).expect("the same again"), l);
        // A failure that is none any more, and one of which more came than are known by their seeds.
        let kind = |step: &str| ("go".to_owned(), step.to_owned(), "Unread".to_owned());
        l.report.failing.insert(kind("stop-consumers"), (1, vec![7]));
        l.report.failing.insert(kind("retire-source"), (6, vec![7, 8, 9, 10, 11]));
        save(&file, &l).expect("a file");
        l = open(&file, 12, 7).expect("mended since");
        assert_eq!(l.report.mended.iter().map(|m| (&*m.1, m.3)).collect::<Vec<_>>(), [("stop-consumers", 7)]);
        assert_eq!(l.report.false_gos(), 6);
        save(&file, &l).expect("a file");
        let why = open(&file, 13, 7).expect_err("another form").to_string();
        assert!(why.contains("12 migrations from seed 7"), "{why}");
        l.fingerprint = "0".into();
        save(&file, &l).expect("a file");
        let why = open(&file, 12, 7).expect_err("another program").to_string();
        assert!(why.contains("not proven of this"), "{why}");
        fs::remove_dir_all(dir).expect("cleaned up");
    }
}
