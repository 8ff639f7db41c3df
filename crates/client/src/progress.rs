//! How far a transfer has come, and telling it, not too often.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far a transfer has come, as [`export`](crate::calls::Datasets::export),
/// [`import_jsonl`](crate::calls::Datasets::import_jsonl) and [`create_records`](crate::calls::Datasets::create_records)
/// tell whoever wants to watch.
///
/// Numbers never fall within a phase, and the last call of one has the final ones. Totals appear when they become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done: `check` (lines are read and looked at), `send` (records are created one by one), `upload`, `import`
    /// (the server reads what was uploaded) or `export`.
    pub phase: &'static str,
    /// How many bytes were moved so far.
    pub bytes: u64,
    /// How many bytes there are to move, where that is known.
    pub total_bytes: Option<u64>,
    /// How many records were dealt with so far.
    pub records: u64,
    /// How many records there are to deal with, where that is known.
    pub total_records: Option<u64>,
}

/// How often somebody is told within a phase, besides at its beginning and its end.
const INTERVAL: Duration = Duration::from_millis(100);

/// Who is told how far a call has come. Clones tell the same one.
#[derive(Clone, Default)]
pub(crate) struct Watch(Option<Arc<Mutex<Watched>>>);

struct Watched {
    callback: Box<dyn FnMut(&Progress) + Send>,
    progress: Progress,
    told: Instant,
}

impl Watch {
    /// Tells this callback.
    pub(crate) fn new(callback: impl FnMut(&Progress) + Send + 'static) -> Self {
        let progress =
            Progress { phase: "", bytes: 0, total_bytes: None, records: 0, total_records: None };
        let callback = Box::new(callback);
        Self(Some(Arc::new(Mutex::new(Watched { callback, progress, told: Instant::now() }))))
    }

    /// Begins a phase.
    pub(crate) fn begin(
        &self,
        phase: &'static str,
        total_bytes: Option<u64>,
        total_records: Option<u64>,
    ) {
        self.change(true, |progress| {
            *progress = Progress { phase, bytes: 0, total_bytes, records: 0, total_records };
        });
    }

    /// Notes how far the phase has come, and tells it where that was not done just now.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.change(false, change);
    }

    /// Ends a phase.
    pub(crate) fn end(&self) {
        self.change(true, |_| {});
    }

    fn change(&self, tell: bool, change: impl FnOnce(&mut Progress)) {
        let Some(watched) = &self.0 else { return };
        // A callback that panicked has left nothing half done.
        let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
        let Watched { callback, progress, told } = &mut *watched;
        change(progress);
        if tell || told.elapsed() >= INTERVAL {
            *told = Instant::now();
            callback(progress);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch" } else { "Unwatched" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_told_at_its_beginning_and_its_end() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let watch = Watch::new({
            let told = told.clone();
            move |progress: &Progress| told.lock().unwrap().push(*progress)
        });
        watch.begin("check", None, None);
        (0..1_000).for_each(|_| watch.update(|progress| progress.bytes += 10));
        watch.end();
        watch.begin("import", None, Some(1_000));
        watch.update(|progress| progress.records = 500);
        watch.end();
        let told = told.lock().unwrap();
        assert!(told.len() < 50, "{}", told.len());
        let phases = |phase| told.iter().filter(move |progress| progress.phase == phase);
        assert_eq!(phases("check").next().unwrap().bytes, 0);
        assert_eq!(phases("check").next_back().unwrap().bytes, 10_000);
        let last = told.last().unwrap();
        assert_eq!((last.phase, last.records, last.total_records), ("import", 500, Some(1_000)));
    }
}
