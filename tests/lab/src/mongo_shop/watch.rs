//! The oracle looks by itself, so that what passes is noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock;
use crate::oracle::MongoOracle;

/// A thread that looks; it ends with the value.
#[derive(Debug)]
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(oracle: MongoOracle, every: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::SeqCst) {
                let began = clock::now();
                if let Err(error) = oracle.look() {
                    oracle.note(format!("the oracle cannot look: {error}"));
                }
                while !seen.load(Ordering::SeqCst) && began.elapsed() < every {
                    thread::sleep(Duration::from_millis(20));
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic of it was printed when it happened.
            let _ = thread.join();
        }
    }
}
