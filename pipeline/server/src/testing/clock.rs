//! A clock that stands still until the test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use floodmark_core::ports::Clock;
use floodmark_schemas::Timestamp;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(super) struct TestClock(AtomicI64);

impl TestClock {
    /// A clock that shows `time`.
    pub(super) fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.micros()))
    }

    /// Shows another time.
    pub(super) fn set(&self, time: Timestamp) {
        self.0.store(time.micros(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}
