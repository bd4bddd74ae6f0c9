//! Many random migrations on all cores.

use crate::random;
use crate::report::{Report, reported};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Seeds taken by a thread at a time: few, or the others have nothing to do while it ends.
const CHUNK: u64 = 2;

/// Runs the migrations of `seeds` on all cores, ends early after the first failure nobody has reported if `hasty`, and
/// tells `progress` the report so far now and then.
pub fn run(seeds: Range<u64>, hasty: bool, progress: &(dyn Fn(&Report) + Sync)) -> Report {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Report::default());
    let work = || {
        loop {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= seeds.end || stop.load(Ordering::Relaxed) {
                return;
            }
            let mut part = Report::default();
            for seed in from..seeds.end.min(from + CHUNK) {
                let o = random::run(seed);
                part.add(seed, &o);
                if hasty && o.failing.iter().any(|f| reported(f).is_none()) {
                    stop.store(true, Ordering::Relaxed);
                    break;
                }
            }
            let mut all = total.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            all.merge(part);
            progress(&all);
        }
    };
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|s| {
        for _ in 0..threads {
            s.spawn(work);
        }
    });
    total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}
