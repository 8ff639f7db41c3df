//! Storage of import tasks, the import queue and staged records.
//!
//! What an import reads is stored together with its task. Its records are staged invisibly, each chunk together with the position
//! in the source where it ends, and become visible atomically when the import finishes. So an import that was interrupted at any
//! moment can be resumed.

use std::time::Duration;

use mistral_datasets_types::TaskStatus;
use uuid::Uuid;

use super::{DatasetKey, Listed, NewRecord, Pending, SpanMapping, SpanReference, Window};
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

/// What an import reads.
#[derive(Debug)]
pub(crate) enum ImportSource {
    /// An uploaded file. Its content is kept until the import has ended, even if the file is deleted.
    File(Uuid),
    /// Objects, in the order of their ids.
    Ids(SourceIds),
    /// Spans, in this order, and what to copy of them.
    Spans(Vec<SpanReference>, SpanMapping),
}

/// Ids of the objects that an import copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceIds {
    Events(Vec<String>),
    Conversations(Vec<String>),
    Records(Vec<Uuid>),
    Spans(Vec<SpanReference>),
}

/// An import to be queued.
#[derive(Debug)]
pub(crate) struct NewImport {
    pub(crate) workspace: Uuid,
    pub(crate) dataset: DatasetKey,
    pub(crate) creator: Uuid,
    pub(crate) source: ImportSource,
    /// The number of requested records that are skipped.
    pub(crate) skipped: u64,
    /// The claimant that holds the import back until it releases it. Without one, the import can be claimed at once.
    pub(crate) held_by: Option<Uuid>,
}

#[cfg(test)]
impl NewImport {
    /// An import of nothing.
    pub(crate) fn empty(workspace: Uuid, dataset: DatasetKey) -> Self {
        let source = ImportSource::Ids(SourceIds::Records(Vec::new()));
        Self { workspace, dataset, creator: Uuid::nil(), source, skipped: 0, held_by: None }
    }
}

#[cfg(test)]
impl QueueLimits {
    pub(crate) const NONE: Self = Self { workspace: 1_000_000, total: 1_000_000 };
}

/// The maximum number of unfinished imports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// In one workspace.
    pub(crate) workspace: u64,
    /// In all workspaces.
    pub(crate) total: u64,
}

/// The right to write the records of an import and to end it. It is valid until the import is claimed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) task: Uuid,
    /// How often the import was claimed until now.
    pub(crate) epoch: u64,
    /// The number of staged records. A crash of a database that several servers use can lose records that one of them has staged.
    pub(crate) staged: u64,
}

impl Claim {
    /// The claim of a server that has queued an import and holds it back.
    pub(crate) fn by_creator(task: Uuid) -> Self {
        Self { task, epoch: 0, staged: 0 }
    }

    /// Returns the claim after further records were staged.
    #[must_use]
    pub(crate) fn after_staging(self, records: usize) -> Self {
        Self { staged: self.staged + records as u64, ..self }
    }
}

/// An import whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimedImport {
    pub(crate) claim: Claim,
    pub(crate) workspace: Uuid,
    pub(crate) source: ClaimedSource,
    /// Where the staged records end in the source.
    pub(crate) position: ImportPosition,
    pub(crate) skipped: u64,
    /// How often the import was claimed since it last staged records, including this time.
    pub(crate) attempts: u32,
    /// Whether the import was blocked by a claimant that no longer exists. It must fail.
    pub(crate) is_stuck: bool,
}

/// The source of a claimed import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimedSource {
    /// A file, which may have been deleted.
    File { id: Uuid, bytes: u64, sha256: String },
    /// This number of ids, which [`ImportStore::import_ids`] returns in batches.
    Ids(u64),
    /// Like [`Ids`](Self::Ids), for spans.
    Spans(u64, SpanMapping),
}

/// How many imports wait for a worker, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitingImports {
    pub(crate) count: u64,
    /// The time since the oldest one was accepted.
    pub(crate) oldest: Option<Duration>,
}

/// A position in the source of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportPosition {
    /// The bytes of the file, or the number of ids, that were read.
    pub(crate) offset: u64,
    /// The lines of the file that were read.
    pub(crate) line: u64,
}

/// Stores import tasks, the queue of unfinished imports, and staged records.
///
/// A *claimant* is a running server. It takes imports from the queue with [`claim_import`](Self::claim_import), one at a time. An
/// import that belongs to a claimant that no longer exists is resumed. If only one server can use the storage, every other claimant
/// no longer exists. If several servers share it, a claimant exists as long as it extends the [lease](Self::import_lease) of its
/// imports.
///
/// An import can be taken over although its claimant still runs, for example on a machine that was suspended. From then on, writes
/// with the earlier [`Claim`] fail with [`StorageError::ClaimLost`](super::StorageError::ClaimLost) and have no effect. They also fail
/// if a crash of the database has lost staged records; the import continues at its stored position when it is claimed again.
pub(crate) trait ImportStore {
    /// Returns for how long a claim prevents others from taking the import over, or `None` if only one server can use the
    /// storage. Staging records and [`renew_import`](Self::renew_import) extend the lease.
    fn import_lease(&self) -> Option<Duration>;

    /// Creates a running task for a dataset and queues its import.
    ///
    /// Fails with [`StorageError::QueueFull`](super::StorageError::QueueFull) if a limit is reached.
    fn queue_import(&self, new: NewImport, limits: QueueLimits) -> Pending<Task>;

    /// Lets an import be claimed that was held back. Does nothing if the task has ended or was taken over.
    fn release_import(&self, task: Uuid) -> Pending<()>;

    /// Leaves the task of an import that was held back running, without importing anything. No longer counts it as queued. The
    /// next claimant gets it as stuck.
    fn block_import(&self, task: Uuid) -> Pending<()>;

    /// Assigns the next import to a claimant and returns it, or `None` if none is waiting.
    ///
    /// Chooses the workspace with the fewest imports that run for existing claimants; among equals, the one that waited longest since
    /// its last claim. Within a workspace, the oldest import comes first. A crash of the machine may lose the claim, but a crash of
    /// the server does not.
    fn claim_import(&self, claimant: Uuid) -> Pending<Option<ClaimedImport>>;

    /// Extends the lease of an import that is held back, runs or is stuck.
    fn renew_import(&self, claim: Claim) -> Pending<()>;

    /// Returns how many imports can be claimed, and for how long they have been waiting.
    fn waiting_imports(&self) -> Pending<WaitingImports>;

    /// Returns the next ids of an import after the first `done` ones: at least one and at most a few hundred.
    fn import_ids(&self, task: Uuid, done: u64) -> Pending<SourceIds>;

    /// Returns a task of a dataset.
    fn task(&self, workspace: Uuid, dataset: DatasetKey, id: Uuid) -> Pending<Task>;

    /// Lists the tasks of a dataset, newest first.
    fn tasks(&self, workspace: Uuid, dataset: DatasetKey, window: Window) -> Pending<Listed<Task>>;

    /// Stages records of a running task, and stores the position in its source where they end, atomically. The records are not
    /// visible yet.
    ///
    /// Fails with [`StorageError::ImportAborted`](super::StorageError::ImportAborted) if the task has ended or its dataset was
    /// deleted, as does [`finish_import`](Self::finish_import).
    fn stage_records(
        &self,
        claim: Claim,
        records: Vec<NewRecord>,
        end: ImportPosition,
        progress: Progress,
    ) -> Pending<()>;

    /// Adds the last records of a running task, appends all of its records to the dataset and completes the task, atomically.
    fn finish_import(
        &self,
        claim: Claim,
        last_records: Vec<NewRecord>,
        counts: ImportCounts,
    ) -> Pending<()>;

    /// Fails a running task and discards its staged records. Does nothing if the task has ended.
    fn fail_import(&self, claim: Claim, message: String) -> Pending<()>;
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
