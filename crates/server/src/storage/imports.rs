//! Storage of import tasks and staged records.
//!
//! The records of an import are staged invisibly and become visible atomically when the import finishes.

use mistral_datasets_types::TaskStatus;
use uuid::Uuid;

use super::{DatasetKey, Listed, NewRecord, Pending, Window};
use crate::time::Timestamp;

/// An import task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) creator: Uuid,
    pub(crate) dataset: Uuid,
    pub(crate) workspace: Uuid,
    pub(crate) status: TaskStatus,
    pub(crate) progress: Progress,
    pub(crate) message: Option<String>,
    pub(crate) counts: Option<ImportCounts>,
}

/// The progress of a task, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress(pub(crate) u8);

impl Progress {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const DONE: Self = Self(100);

    /// Returns `part / whole`, but at most 99 %: only a finished task is at 100 %.
    pub(crate) fn of(part: u64, whole: u64) -> Self {
        let percent = u128::from(part) * 100 / u128::from(whole.max(1));
        Self(percent.min(99) as u8)
    }
}

/// Record counts of a finished import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportCounts {
    pub(crate) requested: u64,
    pub(crate) imported: u64,
    pub(crate) skipped: u64,
}

/// Stores import tasks and staged records.
pub(crate) trait ImportStore {
    /// Creates a running task for a dataset.
    fn create_task(&self, workspace: Uuid, dataset: DatasetKey, creator: Uuid) -> Pending<Task>;

    /// Returns a task of a dataset.
    fn task(&self, workspace: Uuid, dataset: DatasetKey, id: Uuid) -> Pending<Task>;

    /// Lists the tasks of a dataset, newest first.
    fn tasks(&self, workspace: Uuid, dataset: DatasetKey, window: Window) -> Pending<Listed<Task>>;

    /// Stages records of a running task. They are not visible yet.
    fn stage_records(&self, task: Uuid, records: Vec<NewRecord>, progress: Progress)
    -> Pending<()>;

    /// Adds the last records of a running task, appends all of its records to the dataset and completes the task, atomically.
    fn finish_import(
        &self,
        task: Uuid,
        last_records: Vec<NewRecord>,
        counts: ImportCounts,
    ) -> Pending<()>;

    /// Fails a running task and discards its staged records.
    fn fail_import(&self, task: Uuid, message: String) -> Pending<()>;

    /// Fails all running tasks and returns their number. Called at startup, when all of them were interrupted by the last shutdown.
    fn fail_interrupted_imports(&self, message: String) -> Pending<usize>;
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn progress_is_below_100_percent_until_the_end() {
        assert_eq!(Progress::of(0, 0).0, 0);
        assert_eq!(Progress::of(1, 3).0, 33);
        assert_eq!(Progress::of(3, 3).0, 99);
        assert_eq!(Progress::of(u64::MAX, u64::MAX).0, 99);
    }
}
