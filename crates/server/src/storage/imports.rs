//! Import tasks and what they bring, as they are kept.
//!
//! An import's records are staged out of sight and become visible in one step when the import is finished, so a reader
//! sees all of them or none.

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

/// How much of a task is done, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress(pub(crate) u8);

impl Progress {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const DONE: Self = Self(100);

    /// A part of a whole. Less than 100 whatever the numbers say: only a finished task is done.
    pub(crate) fn of(part: u64, whole: u64) -> Self {
        let percent = u128::from(part) * 100 / u128::from(whole.max(1));
        Self(percent.min(99) as u8)
    }
}

/// What an import did, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportCounts {
    pub(crate) requested: u64,
    pub(crate) imported: u64,
    pub(crate) skipped: u64,
}

/// Keeps import tasks and stages their records.
pub(crate) trait ImportStore {
    /// Creates a running task of a dataset.
    fn create_task(&self, workspace: Uuid, dataset: DatasetKey, creator: Uuid) -> Pending<Task>;

    /// One task of a dataset.
    fn task(&self, workspace: Uuid, dataset: DatasetKey, id: Uuid) -> Pending<Task>;

    /// Tasks of a dataset, newest first.
    fn tasks(&self, workspace: Uuid, dataset: DatasetKey, window: Window) -> Pending<Listed<Task>>;

    /// Puts records of a running task aside, out of sight.
    fn stage_records(&self, task: Uuid, records: Vec<NewRecord>, progress: Progress)
    -> Pending<()>;

    /// Adds the last records of a running task, makes all of them visible at the end of the dataset and completes the
    /// task, in one step.
    fn finish_import(
        &self,
        task: Uuid,
        last_records: Vec<NewRecord>,
        counts: ImportCounts,
    ) -> Pending<()>;

    /// Fails a running task; its staged records are given up.
    fn fail_import(&self, task: Uuid, message: String) -> Pending<()>;

    /// Fails every running task, which at the start of a server are those that the end of the last one cut off.
    fn fail_interrupted_imports(&self, message: String) -> Pending<usize>;
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn progress_is_whole_percent_and_full_only_at_the_end() {
        assert_eq!(Progress::of(0, 0).0, 0);
        assert_eq!(Progress::of(1, 3).0, 33);
        assert_eq!(Progress::of(3, 3).0, 99);
        assert_eq!(Progress::of(u64::MAX, u64::MAX).0, 99);
    }
}
