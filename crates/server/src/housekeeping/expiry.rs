//! Decides what has certainly expired, with a clock that may be wrong for a moment.
//!
//! A clock that jumps ahead makes everything expire. Requests then treat files as missing, which ends when the clock is corrected,
//! but removed files do not come back. So a file is removed only if the clock says at every look during [`GRACE`] that it has
//! expired. How long that is, is measured with a monotonic clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::time::Timestamp;

/// How long the clock must agree that something has expired before it is removed.
pub(super) const GRACE: Duration = Duration::from_secs(10 * 60);

/// The time at a look at both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The time of day, which may jump.
    pub(crate) wall: Timestamp,
    /// The time since some moment, which does not jump.
    pub(crate) monotonic: Duration,
}

/// Looks at both clocks. Tests set them.
pub(crate) trait Clock: Send + Sync {
    fn look(&self) -> Look;
}

/// The clocks of the operating system.
pub(crate) struct SystemClock(Instant);

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn look(&self) -> Look {
        Look { wall: Timestamp::now(), monotonic: self.0.elapsed() }
    }
}

/// The looks at the clock during the grace period.
#[derive(Default)]
pub(super) struct Expiry {
    looks: VecDeque<Look>,
}

impl Expiry {
    /// Looks at the clock. Returns the time until which everything has certainly expired, or `None` if the first look is too
    /// recent.
    pub(super) fn look(&mut self, clock: &dyn Clock) -> Option<Timestamp> {
        let now = clock.look();
        self.looks.push_back(now);
        let is_old = |look: &Look| now.monotonic.saturating_sub(look.monotonic) >= GRACE;
        // Keep one look that is old enough; those before it no longer matter.
        while self.looks.get(1).is_some_and(is_old) {
            self.looks.pop_front();
        }
        let is_long_enough = self.looks.front().is_some_and(is_old);
        is_long_enough.then(|| self.looks.iter().map(|look| look.wall).min()).flatten()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that only moves when a test moves it.
    pub(in crate::housekeeping) struct TestClock(Mutex<Look>);

    impl TestClock {
        pub(in crate::housekeeping) fn new() -> Self {
            Self(Mutex::new(Look { wall: Timestamp::now(), monotonic: Duration::ZERO }))
        }

        pub(in crate::housekeeping) fn advance(&self, minutes: u64) {
            let mut look = self.0.lock().unwrap();
            look.wall = look.wall.plus(Duration::from_secs(minutes * 60));
            look.monotonic += Duration::from_secs(minutes * 60);
        }

        /// Sets the time of day without time passing.
        pub(in crate::housekeeping) fn set(&self, wall: Timestamp) {
            self.0.lock().unwrap().wall = wall;
        }
    }

    impl Clock for TestClock {
        fn look(&self) -> Look {
            *self.0.lock().unwrap()
        }
    }

    #[test]
    fn the_past_has_expired_after_the_grace_period() {
        let (clock, mut expiry) = (TestClock::new(), Expiry::default());
        let start = clock.look().wall;
        assert_eq!(expiry.look(&clock), None);
        clock.advance(9);
        assert_eq!(expiry.look(&clock), None);
        clock.advance(1);
        assert_eq!(expiry.look(&clock), Some(start));
        clock.advance(9);
        assert_eq!(expiry.look(&clock), Some(start.plus(Duration::from_secs(9 * 60))));
        clock.advance(600);
        assert_eq!(expiry.look(&clock), Some(start.plus(Duration::from_secs(19 * 60))));
    }

    #[test]
    fn a_jump_of_the_clock_expires_nothing() {
        let (clock, mut expiry) = (TestClock::new(), Expiry::default());
        let start = clock.look().wall;
        let future = start.plus(Duration::from_secs(1_000_000_000));
        // The clock is wrong at every other look, also at the first one.
        for minute in 0..100 {
            let right = start.plus(Duration::from_secs(minute * 300));
            clock.set(if minute % 2 == 0 { future } else { right });
            if let Some(expired) = expiry.look(&clock) {
                assert!(expired <= right, "minute {minute}");
            }
            clock.advance(5);
        }
        // A clock that stays changed is right in the end.
        clock.set(future);
        expiry.look(&clock);
        clock.advance(10);
        expiry.look(&clock);
        clock.advance(10);
        assert!(expiry.look(&clock) >= Some(future));
    }

    #[test]
    fn many_looks_are_not_remembered() {
        let (clock, mut expiry) = (TestClock::new(), Expiry::default());
        for _ in 0..1_000 {
            expiry.look(&clock);
            clock.advance(1);
        }
        assert!(expiry.looks.len() <= 12);
    }
}
