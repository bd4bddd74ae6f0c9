//! The only place that reads the clocks.

use cutover_core::time::{Mono, Now, Wall};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Both clocks, now. The monotonic one counts from the first call.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    let mono = i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(0));
    Now { mono: Mono(mono), wall: Wall(wall) }
}
