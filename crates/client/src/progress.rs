//! Progress updates of long-running calls.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The progress of a call, passed to the `on_progress` callbacks of [`export`](crate::calls::Datasets::export),
/// [`import_jsonl`](crate::calls::Datasets::import_jsonl), [`create_records`](crate::calls::Datasets::create_records) and
/// [`Judges::run`](crate::calls::Judges::run).
///
/// Within a phase, numbers never decrease, and the last update of a completed phase has the final numbers. A retried upload
/// starts its phase again. Totals are set once they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The current phase: `check` (lines are validated), `send` (records are created one by one), `upload`, `import` (the
    /// server imports an uploaded file), `export` or `judge`.
    pub phase: &'static str,
    /// The number of bytes transferred so far.
    pub bytes: u64,
    /// The total number of bytes, if known.
    pub total_bytes: Option<u64>,
    /// The number of records processed so far.
    pub records: u64,
    /// The total number of records, if known.
    pub total_records: Option<u64>,
}

impl Progress {
    /// Creates the first update of a phase, for tests of callbacks. Set its fields for later updates.
    ///
    /// ```
    /// use mistral_datasets::Progress;
    ///
    /// let mut progress = Progress::new("export");
    /// progress.records = 500;
    /// assert_eq!((progress.records, progress.total_records), (500, None));
    /// ```
    pub fn new(phase: &'static str) -> Self {
        Self { phase, bytes: 0, total_bytes: None, records: 0, total_records: None }
    }
}

/// The minimum time between two updates within a phase. The start and end of a phase are always reported.
const INTERVAL: Duration = Duration::from_millis(100);

/// Passes progress updates to a callback, at a limited rate. Clones share the callback. The default does nothing.
#[derive(Clone, Default)]
pub(crate) struct ProgressReporter(Option<Arc<Mutex<ReporterState>>>);

struct ReporterState {
    callback: Box<dyn FnMut(&Progress) + Send>,
    progress: Progress,
    reported_at: Instant,
}

impl ProgressReporter {
    /// Creates a reporter for a callback.
    pub(crate) fn new(callback: impl FnMut(&Progress) + Send + 'static) -> Self {
        let progress = Progress::new("");
        let callback = Box::new(callback);
        Self(Some(Arc::new(Mutex::new(ReporterState {
            callback,
            progress,
            reported_at: Instant::now(),
        }))))
    }

    /// Starts a phase.
    pub(crate) fn start_phase(
        &self,
        phase: &'static str,
        total_bytes: Option<u64>,
        total_records: Option<u64>,
    ) {
        self.change(true, |progress| {
            *progress = Progress { total_bytes, total_records, ..Progress::new(phase) };
        });
    }

    /// Changes the progress, and reports it unless the last update was less than [`INTERVAL`] ago.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.change(false, change);
    }

    /// Ends a phase.
    pub(crate) fn end_phase(&self) {
        self.change(true, |_| {});
    }

    fn change(&self, force: bool, change: impl FnOnce(&mut Progress)) {
        let Some(state) = &self.0 else { return };
        // A callback that panicked leaves the progress in a consistent state.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let ReporterState { callback, progress, reported_at } = &mut *state;
        change(progress);
        if force || reported_at.elapsed() >= INTERVAL {
            *reported_at = Instant::now();
            callback(progress);
        }
    }
}

impl fmt::Debug for ProgressReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "ProgressReporter" } else { "ProgressReporter(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_and_end_of_each_phase_are_reported() {
        let updates = Arc::new(Mutex::new(Vec::new()));
        let reporter = ProgressReporter::new({
            let updates = updates.clone();
            move |progress: &Progress| updates.lock().unwrap().push(*progress)
        });
        reporter.start_phase("check", None, None);
        (0..1_000).for_each(|_| reporter.update(|progress| progress.bytes += 10));
        reporter.end_phase();
        reporter.start_phase("import", None, Some(1_000));
        reporter.update(|progress| progress.records = 500);
        reporter.end_phase();
        let updates = updates.lock().unwrap();
        assert!(updates.len() < 50, "{}", updates.len());
        let phases = |phase| updates.iter().filter(move |progress| progress.phase == phase);
        assert_eq!(phases("check").next().unwrap().bytes, 0);
        assert_eq!(phases("check").next_back().unwrap().bytes, 10_000);
        let last = updates.last().unwrap();
        assert_eq!((last.phase, last.records, last.total_records), ("import", 500, Some(1_000)));
    }
}
