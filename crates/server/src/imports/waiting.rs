//! The imports that wait for a worker, for the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The imports that wait for a worker. Clones share their state.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<List>>);

/// Start times in the order of arrival.
#[derive(Debug, Default)]
struct List {
    since: BTreeMap<u64, Instant>,
    next: u64,
}

/// How many imports wait, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitingImports {
    pub(crate) count: usize,
    /// How long the oldest one has been waiting.
    pub(crate) oldest: Option<Duration>,
}

/// An import that waits until this is dropped.
pub(super) struct WaitingImport {
    list: Waiting,
    number: u64,
}

impl Waiting {
    /// Adds an import that waits from `now` on.
    pub(super) fn enter(&self, now: Instant) -> WaitingImport {
        let mut list = self.list();
        let number = list.next;
        list.next += 1;
        list.since.insert(number, now);
        WaitingImport { list: self.clone(), number }
    }

    pub(super) fn status(&self, now: Instant) -> WaitingImports {
        let list = self.list();
        let oldest = list.since.first_key_value();
        WaitingImports {
            count: list.since.len(),
            oldest: oldest.map(|(_, since)| now.saturating_duration_since(*since)),
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WaitingImport {
    fn drop(&mut self) {
        self.list.list().since.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_waiting_import_is_known() {
        let waiting = Waiting::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(waiting.status(start), WaitingImports { count: 0, oldest: None });
        let first = waiting.enter(start);
        let second = waiting.enter(after(2));
        let status =
            |count, seconds| WaitingImports { count, oldest: Some(Duration::from_secs(seconds)) };
        assert_eq!(waiting.status(after(5)), status(2, 5));
        drop(first);
        assert_eq!(waiting.status(after(5)), status(1, 3));
        drop(second);
        assert_eq!(waiting.status(after(5)).count, 0);
    }
}
