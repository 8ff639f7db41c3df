//! Warns about readers that keep the WAL from being reset.
//!
//! The WAL can only be reset when nobody reads from it. A reader that never ends, such as another program that has opened the
//! database, lets it grow with every write.

use std::time::{Duration, Instant};

/// How long a reader may prevent the reset before it is reported.
const MAX_BLOCKED: Duration = Duration::from_secs(5 * 60);

/// The size of the WAL in bytes from which a reader that prevents the reset is reported at once.
const MAX_WAL: u64 = 128 << 20;

/// The minimum time between two warnings.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Whether readers prevent the reset of the WAL, and when that was reported.
#[derive(Debug, Default)]
pub(super) struct LongReader {
    blocked_since: Option<Instant>,
    warned_at: Option<Instant>,
}

impl LongReader {
    /// Records an attempt to reset the WAL, and logs a warning if it has failed for too long.
    pub(super) fn record(&mut self, is_reset: bool, wal_bytes: u64) {
        if let Some(blocked) = self.warning(is_reset, wal_bytes, Instant::now()) {
            let (minutes, megabytes) = (blocked.as_secs() / 60, wal_bytes >> 20);
            tracing::warn!(
                minutes,
                megabytes,
                "a long read keeps the write-ahead log from being reset; check which programs have opened the database"
            );
        }
    }

    /// Returns how long readers have prevented the reset if it is time for a warning.
    fn warning(&mut self, is_reset: bool, wal_bytes: u64, now: Instant) -> Option<Duration> {
        if is_reset {
            self.blocked_since = None;
            return None;
        }
        let blocked = now.duration_since(*self.blocked_since.get_or_insert(now));
        let is_repeated = self.warned_at.is_some_and(|at| now.duration_since(at) < INTERVAL);
        if is_repeated || (blocked < MAX_BLOCKED && wal_bytes < MAX_WAL) {
            return None;
        }
        self.warned_at = Some(now);
        Some(blocked)
    }

    /// Returns whether a warning was logged.
    #[cfg(test)]
    pub(super) fn has_warned(&self) -> bool {
        self.warned_at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_large_blocks_are_reported_and_repeated_rarely() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut reader = LongReader::default();
        assert_eq!(reader.warning(false, 1 << 20, start), None);
        assert_eq!(reader.warning(false, 1 << 20, after(299)), None);
        assert_eq!(reader.warning(false, 1 << 20, after(301)), Some(Duration::from_secs(301)));
        assert_eq!(reader.warning(false, MAX_WAL, after(600)), None);
        assert_eq!(reader.warning(false, MAX_WAL, after(902)), Some(Duration::from_secs(902)));
        // A new reader is measured from its own start, but not reported earlier.
        assert_eq!(reader.warning(true, 1 << 20, after(1_000)), None);
        assert_eq!(reader.warning(false, MAX_WAL, after(1_100)), None);
        assert_eq!(reader.warning(false, MAX_WAL, after(1_600)), Some(Duration::from_secs(500)));
    }
}
