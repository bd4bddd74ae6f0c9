//! Time as values: two clocks, durations and the span of a sample, all in whole milliseconds.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// An instant on the monotonic clock, in milliseconds; the only clock that dwell and freshness count on.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mono(pub i64);

/// An instant on the wall clock, in milliseconds since 1970-01-01T00:00:00Z; for people, journals and retention.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// A length of time in milliseconds.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dur(pub i64);

impl Dur {
    /// No time at all.
    pub const ZERO: Dur = Dur(0);

    /// `n` seconds.
    pub const fn secs(n: i64) -> Dur {
        Dur(n.saturating_mul(1000))
    }

    /// `n` minutes.
    pub const fn mins(n: i64) -> Dur {
        Dur::secs(n.saturating_mul(60))
    }

    /// `n` hours.
    pub const fn hours(n: i64) -> Dur {
        Dur::mins(n.saturating_mul(60))
    }

    /// `n` days.
    pub const fn days(n: i64) -> Dur {
        Dur::hours(n.saturating_mul(24))
    }

    /// Seconds, for a metric.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for Dur {
    /// `850 ms`, `42 s`, `6 min`, `2 h 5 min`, `7 d`: at most two units, rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        if ms < 0 {
            return write!(f, "-{}", Dur(ms.saturating_neg()));
        }
        let s = ms / 1000;
        let two = |f: &mut fmt::Formatter<'_>, a: i64, ua: &str, b: i64, ub: &str| {
            if b == 0 { write!(f, "{a} {ua}") } else { write!(f, "{a} {ua} {b} {ub}") }
        };
        match s {
            0 if ms > 0 => write!(f, "{ms} ms"),
            0..=59 => write!(f, "{s} s"),
            60..=3599 => two(f, s / 60, "min", s % 60, "s"),
            3600..=86_399 => two(f, s / 3600, "h", s % 3600 / 60, "min"),
            _ => two(f, s / 86_400, "d", s % 86_400 / 3600, "h"),
        }
    }
}

macro_rules! instant {
    ($t:ident) => {
        impl Add<Dur> for $t {
            type Output = $t;
            fn add(self, d: Dur) -> $t {
                $t(self.0.saturating_add(d.0))
            }
        }
        impl Sub<Dur> for $t {
            type Output = $t;
            fn sub(self, d: Dur) -> $t {
                $t(self.0.saturating_sub(d.0))
            }
        }
        impl Sub<$t> for $t {
            type Output = Dur;
            fn sub(self, o: $t) -> Dur {
                Dur(self.0.saturating_sub(o.0))
            }
        }
    };
}
instant!(Mono);
instant!(Wall);

impl Add for Dur {
    type Output = Dur;
    fn add(self, o: Dur) -> Dur {
        Dur(self.0.saturating_add(o.0))
    }
}

impl Sub for Dur {
    type Output = Dur;
    fn sub(self, o: Dur) -> Dur {
        Dur(self.0.saturating_sub(o.0))
    }
}

/// Both clocks read at one instant.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Now {
    /// The monotonic clock.
    pub mono: Mono,
    /// The wall clock.
    pub wall: Wall,
}

impl Now {
    /// The wall time of a monotonic instant near this one.
    pub fn wall_of(self, m: Mono) -> Wall {
        self.wall + (m - self.mono)
    }

    /// How far the two clocks have come apart since then, whichever of them moved.
    pub fn drift(self, later: Now) -> Dur {
        Dur(((later.wall - self.wall).0 - (later.mono - self.mono).0).abs())
    }
}

/// Clocks further apart than this between two looks: a suspend or a clock step.
pub const DRIFT: Dur = Dur::secs(2);

/// When a sample was taken: its oldest request went out at `sent`, its newest answer came in at `received`.
///
/// What the sample says was true somewhere between the two; freshness counts from `sent`, a dwell starts at
/// `received`, so that neither is ever overstated.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// When the oldest request was sent.
    pub sent: Mono,
    /// When the newest answer had come in.
    pub received: Mono,
}

impl Span {
    /// The span of two samples read together.
    pub fn merge(self, o: Span) -> Span {
        Span { sent: self.sent.min(o.sent), received: self.received.max(o.received) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<String> =
            [0, 850, 42_000, 360_000, 7_500_000, 604_800_000].iter().map(|&ms| Dur(ms).to_string()).collect();
        assert_eq!(said, ["0 s", "850 ms", "42 s", "6 min", "2 h 5 min", "7 d"]);
    }

    #[test]
    fn spans_merge_to_the_oldest_request_and_the_newest_answer() {
        let a = Span { sent: Mono(10), received: Mono(20) };
        let b = Span { sent: Mono(5), received: Mono(15) };
        assert_eq!(a.merge(b), Span { sent: Mono(5), received: Mono(20) });
    }

    #[test]
    fn two_units_at_most_rounded_down() {
        let of = |s: i64| Dur::secs(s).to_string();
        assert_eq!([Dur(0).to_string(), Dur(850).to_string(), Dur(1_999).to_string()], ["0 s", "850 ms", "1 s"]);
        assert_eq!([of(59), of(60), of(61), of(3_599)], ["59 s", "1 min", "1 min 1 s", "59 min 59 s"]);
        assert_eq!([of(3_600), of(7_500), of(7_559)], ["1 h", "2 h 5 min", "2 h 5 min"]);
        assert_eq!([of(86_400), of(86_400 * 7 + 7_300), of(-61)], ["1 d", "7 d 2 h", "-1 min 1 s"]);
    }

    #[test]
    fn a_metric_is_in_seconds() {
        assert!((Dur(1_500).as_secs_f64() - 1.5).abs() < 1e-9);
    }
}
