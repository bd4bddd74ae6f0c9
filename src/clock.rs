//! The only place that reads the clocks, and the clock that a rehearsal turns by hand.

use cutover_core::time::{Mono, Now, Wall};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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

/// What answers are dated and judged by.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    /// The machine's clocks.
    #[default]
    Machine,
    /// The time of a simulated estate: nothing that it dates is about real servers.
    Simulated(Arc<Turned>),
}

impl Clock {
    /// Both clocks, now.
    pub(crate) fn now(&self) -> Now {
        match self {
            Clock::Machine => now(),
            Clock::Simulated(turned) => turned.now(),
        }
    }

    /// Whether the time is that of a simulated estate.
    pub(crate) fn simulated(&self) -> bool {
        matches!(self, Clock::Simulated(_))
    }
}

/// A clock that runs at a speed of its own, never past the instant up to which its world has been played.
#[derive(Debug, Default)]
pub(crate) struct Turned(Mutex<Turn>);

#[derive(Copy, Clone, Debug, Default)]
struct Turn {
    /// What it said when it was last turned, and the machine's milliseconds then.
    at: Now,
    since: Mono,
    /// How many of its milliseconds pass in one of the machine's; none: it stands still.
    speed: f64,
    /// How far it may run by itself, in milliseconds.
    room: i64,
}

impl Turned {
    /// Both clocks, now.
    pub(crate) fn now(&self) -> Now {
        let t = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ran = scaled(now().mono.0 - t.since.0, t.speed).clamp(0, t.room);
        Now { mono: Mono(t.at.mono.0 + ran), wall: Wall(t.at.wall.0 + ran) }
    }

    /// It is `at`, and runs on from there by itself, but no further than `room`.
    pub(crate) fn turn(&self, at: Now, speed: f64, room: i64) {
        let turn = Turn { at, since: now().mono, speed, room: room.max(0) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

/// Milliseconds at another speed.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
pub(crate) fn scaled(ms: i64, by: f64) -> i64 {
    (ms as f64 * by) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_clock_stands_still_without_speed_and_never_runs_past_its_room() {
        let clock = Turned::default();
        let at = Now { mono: Mono(5_000), wall: Wall(1_000_000) };
        clock.turn(at, 0.0, 1_000);
        assert_eq!(clock.now(), at);
        clock.turn(at, 1e12, 1_000);
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert_eq!(clock.now(), Now { mono: Mono(6_000), wall: Wall(1_001_000) });
    }
}
