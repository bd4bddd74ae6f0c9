//! When a measurement was taken: from the first request sent to the last answer received.
//!
//! It reads no clock of its own: the caller of [`crate::Cluster::connect`] hands one in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A value with the instants, on the caller's monotonic clock in milliseconds, between which it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed<T> {
    /// What was learned.
    pub value: T,
    /// Just before the first request was sent (the start of the call if none could be sent).
    pub sent: i64,
    /// When the last answer arrived (the end of the call if none did).
    pub received: i64,
}

impl<T> Timed<T> {
    /// The same instants around another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Timed<U> {
        Timed { value: f(self.value), sent: self.sent, received: self.received }
    }
}

impl<T, E> Timed<Result<T, E>> {
    /// The error alone, or the value with its instants.
    ///
    /// # Errors
    /// The error inside.
    pub fn transpose(self) -> Result<Timed<T>, E> {
        let Timed { value, sent, received } = self;
        value.map(|value| Timed { value, sent, received })
    }
}

/// A monotonic clock in milliseconds.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// Wraps the function that reads the clock.
    pub fn new(read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Now.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Collects the two instants of one call over all its requests, retries included.
#[derive(Debug)]
pub(crate) struct Watch {
    clock: Clock,
    start: i64,
    sent: AtomicI64,
    received: AtomicI64,
}

impl Watch {
    pub(crate) fn start(clock: &Clock) -> Arc<Self> {
        Arc::new(Self {
            start: clock.now(),
            clock: clock.clone(),
            sent: AtomicI64::new(i64::MAX),
            received: AtomicI64::new(i64::MIN),
        })
    }

    /// A watch of its own for the requests that only open a connection.
    pub(crate) fn apart(&self) -> Arc<Self> {
        Self::start(&self.clock)
    }

    pub(crate) fn sending(&self) {
        self.sent.fetch_min(self.clock.now(), Ordering::Relaxed);
    }

    pub(crate) fn answered(&self) {
        self.received.fetch_max(self.clock.now(), Ordering::Relaxed);
    }

    pub(crate) fn stamp<T>(&self, value: T) -> Timed<T> {
        let sent = self.sent.load(Ordering::Relaxed);
        let received = self.received.load(Ordering::Relaxed);
        Timed {
            value,
            sent: if sent == i64::MAX { self.start } else { sent },
            received: if received == i64::MIN { self.clock.now() } else { received },
        }
    }
}
