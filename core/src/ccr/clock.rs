//! The clock that stores read.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Says what time it is, in whole seconds since the epoch, so that a test can decide it.
///
/// Only the age of stored originals depends on it; no transform ever sees it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The clock of the machine; 0 when it stands before 1970.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
    }

    /// A clock that asks `now_s`.
    #[must_use]
    pub fn new(now_s: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_s))
    }

    /// Seconds since the epoch.
    #[must_use]
    pub fn now_s(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({} s)", self.now_s())
    }
}

/// A clock for tests that stands still until it is moved.
#[cfg(test)]
pub(crate) mod manual {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Clock;

    /// Stands at 1,000,000,000 s and moves when told to.
    #[derive(Clone)]
    pub(crate) struct ManualClock(Arc<AtomicU64>);

    impl ManualClock {
        pub(crate) fn new() -> Self {
            Self(Arc::new(AtomicU64::new(1_000_000_000)))
        }

        pub(crate) fn advance(&self, seconds: u64) {
            self.0.fetch_add(seconds, Ordering::SeqCst);
        }

        pub(crate) fn clock(&self) -> Clock {
            let now = Arc::clone(&self.0);
            Clock::new(move || now.load(Ordering::SeqCst))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_a_time_after_2020() {
        assert!(Clock::system().now_s() > 1_577_836_800);
    }

    #[test]
    fn a_given_clock_is_asked_every_time() {
        let manual = manual::ManualClock::new();
        let clock = manual.clock();
        let before = clock.now_s();
        manual.advance(7);
        assert_eq!(clock.now_s(), before + 7);
    }
}
