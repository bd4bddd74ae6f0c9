//! The lab's only clock. The product takes time as an argument; the lab deals with real servers and has to read it.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

/// Now, on the monotonic clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the lab waits for real servers; this is its one place that reads the clock"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds of the wall clock since 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "the lab waits for real servers; this is its one place that reads the clock"
)]
pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Calls `probe` until it returns `Ok(value)`, every 50 ms, for at most `limit`; the text of the last `Err` is what the
/// error reports as last seen.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<T, String>) -> Result<T> {
    let start = now();
    loop {
        match probe() {
            Ok(value) => return Ok(value),
            Err(last) if start.elapsed() >= limit => {
                return Err(Error::Deadline { what: what.to_owned(), waited_s: start.elapsed().as_secs(), last });
            }
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}
