//! A single writer thread with group commit.
//!
//! Pending writes are batched into one transaction and share one fsync, which keeps `synchronous=FULL` affordable under load.
//! Each write runs in its own savepoint, so a failed one leaves no trace and does not affect the others, and each completes only
//! after the commit. A transaction that contains only relaxed writes, such as chunks of an unfinished import, is not synced.
//!
//! A write joins a transaction only if its pages fit on the disk; see [`budget`](super::budget).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::budget::Cost;
use super::connection::{self, Synchronous};
use super::disk::is_failed_sync;
use super::wal::Wal;
use crate::storage::{Pending, StorageError};

/// The maximum number of writes in a transaction. It bounds how long the first one waits for the others.
const MAX_BATCH: usize = 512;

/// The size of a transaction in bytes above which no further write joins it.
const MAX_BATCH_BYTES: u64 = 16 << 20;

/// The outcome of a transaction.
type CommitResult = Result<(), CommitError>;

/// Sends the result of a write to its caller, given the outcome of the transaction.
type Completion = Box<dyn FnOnce(CommitResult) + Send>;

/// Runs a write in the current transaction. It receives an error instead of a connection if it cannot be part of it.
type Work = Box<dyn FnOnce(Result<&Connection, CommitError>) -> Finished + Send>;

/// A write that has run and waits for the commit.
struct Finished {
    completion: Completion,
    /// The database error that made the write fail, if any.
    error: Option<CommitError>,
}

/// A pending write.
struct Job {
    work: Work,
    durability: Durability,
    space: SpaceUse,
}

/// A task for the writer thread.
enum Task {
    Write(Job),
    /// Copies the WAL into the database file, and truncates both. The receiver learns whether that succeeded.
    TruncateWal(oneshot::Sender<bool>),
}

/// How a write affects the free disk space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpaceUse {
    /// The write needs space. It fails if it does not fit.
    Consumes(Cost),
    /// The write frees space, now or later, and may use the reserve for the pages it changes.
    Frees(Cost),
}

impl SpaceUse {
    fn bytes(self) -> u64 {
        match self {
            Self::Consumes(cost) | Self::Frees(cost) => cost.bytes(),
        }
    }
}

/// Whether a completed write survives a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// The write is on disk.
    Full,
    /// A crash may lose the write, together with all later ones. A later full write makes it durable.
    Relaxed,
}

/// The writer thread. Dropping it waits until pending writes are done.
pub(super) struct Writer {
    tasks: Option<Sender<Task>>,
    thread: Option<JoinHandle<()>>,
    pending: Arc<AtomicUsize>,
}

impl Writer {
    /// Starts the thread with a connection configured as `synchronous`.
    pub(super) fn start(
        connection: Connection,
        wal: Wal,
        synchronous: Synchronous,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let pending = Arc::default();
        let worker = Worker {
            wal,
            connection,
            configured: synchronous,
            current: synchronous,
            pending: Arc::clone(&pending),
        };
        let thread = std::thread::Builder::new()
            .name("datasets-writer".to_owned())
            .spawn(move || worker.run(Tasks { receiver, next: None }))?;
        Ok(Self { tasks: Some(sender), thread: Some(thread), pending })
    }

    /// Returns the number of writes that are queued or being committed.
    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Queues a write. The result is ready when the write is committed.
    pub(super) fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        space: SpaceUse,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => in_savepoint(connection, work),
                Err(error) => Err(error.into()),
            };
            let error = result.as_ref().err().and_then(CommitError::cause_of);
            let completion = Box::new(move |committed: CommitResult| {
                let result = match committed {
                    Ok(()) => result,
                    Err(error) => Err(error.into()),
                };
                // The receiver may have been dropped; that is fine.
                let _ = sender.send(result);
            });
            Finished { completion, error }
        });
        self.pending.fetch_add(1, Ordering::Relaxed);
        // If the thread has ended, the task is dropped, which closes the channel.
        self.send(Task::Write(Job { work, durability, space }));
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }

    /// Copies the WAL into the database file and truncates both, which returns free pages to the operating system. Returns
    /// false if a read in progress prevents it.
    pub(super) fn truncate_wal(&self) -> Pending<bool> {
        let (sender, receiver) = oneshot::channel();
        self.send(Task::TruncateWal(sender));
        Box::pin(async move { receiver.await.map_err(|_| StorageError::Stopped) })
    }

    fn send(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            let _ = tasks.send(task);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The queue of the writer thread.
struct Tasks {
    receiver: Receiver<Task>,
    /// A task that did not fit into the last transaction.
    next: Option<Task>,
}

impl Tasks {
    /// Waits for a task. Returns `None` when the writer is dropped.
    fn wait(&mut self) -> Option<Task> {
        self.next.take().or_else(|| self.receiver.recv().ok())
    }

    /// Returns a task that is already queued.
    fn queued(&mut self) -> Option<Task> {
        self.next.take().or_else(|| self.receiver.try_recv().ok())
    }
}

/// State of the writer thread.
struct Worker {
    // Declared before the connection, which must be closed last.
    wal: Wal,
    connection: Connection,
    /// The setting that full durability needs.
    configured: Synchronous,
    /// The current setting of the connection.
    current: Synchronous,
    pending: Arc<AtomicUsize>,
}

impl Worker {
    fn run(mut self, mut tasks: Tasks) {
        while let Some(task) = tasks.wait() {
            match task {
                Task::Write(first) => self.write(first, &mut tasks),
                Task::TruncateWal(done) => {
                    let is_done = self.wal.truncate(&self.connection);
                    self.wal.space().restore_reserve();
                    // The receiver may have been dropped; that is fine.
                    let _ = done.send(is_done);
                }
            }
        }
        self.wal.empty(&self.connection);
    }

    /// Runs a write in a transaction, together with those queued behind it that fit.
    fn write(&mut self, first: Job, tasks: &mut Tasks) {
        let budget = self.wal.budget(&self.connection, first.space);
        if matches!(first.space, SpaceUse::Consumes(cost) if !budget.fits(cost.bytes())) {
            return self.refuse(first);
        }
        let mut bytes = first.space.bytes();
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            match tasks.queued() {
                Some(Task::Write(job)) if budget.fits(bytes + job.space.bytes()) => {
                    bytes += job.space.bytes();
                    batch.push(job);
                }
                // Whether it fits alone is decided afterwards.
                other => {
                    tasks.next = other;
                    break;
                }
            }
        }
        let claim = self.wal.space().force_claim(budget.growth(bytes));
        self.commit(batch);
        drop(claim);
    }

    /// Fails a write that does not fit on the disk.
    fn refuse(&self, job: Job) {
        let Finished { completion, .. } = (job.work)(Err(CommitError::DiskFull));
        completion(Err(CommitError::DiskFull));
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// Runs a batch of writes in one transaction.
    fn commit(&mut self, batch: Vec<Job>) {
        let durable = batch.iter().any(|job| job.durability == Durability::Full);
        let mut completions = Vec::with_capacity(batch.len());
        let committed = self.transaction(durable, |connection| {
            let mut first_error = None;
            for job in batch {
                let Finished { completion, error } = (job.work)(connection.clone());
                completions.push(completion);
                first_error = first_error.or(error);
            }
            first_error
        });
        if let Err(error) = &committed {
            tracing::error!(%error, "a transaction failed");
        }
        self.pending.fetch_sub(completions.len(), Ordering::Relaxed);
        for completion in completions {
            completion(committed.clone());
        }
        match committed {
            Ok(()) => self.wal.after_commit(&self.connection),
            Err(CommitError::DiskFull) => self.wal.free_space(&self.connection),
            Err(_) => {}
        }
    }

    /// Runs `work` in a transaction, unless the disk has failed.
    fn transaction(
        &mut self,
        durable: bool,
        work: impl FnOnce(Result<&Connection, CommitError>) -> Option<CommitError>,
    ) -> CommitResult {
        if self.wal.disk().has_failed() {
            work(Err(CommitError::DiskFailed));
            return Err(CommitError::DiskFailed);
        }
        let prepared = self.set_synchronous(durable);
        let committed = in_transaction(&self.connection, prepared, work);
        if matches!(committed, Err(CommitError::SyncFailed)) {
            self.wal.disk().fail();
        }
        committed
    }

    fn set_synchronous(&mut self, durable: bool) -> rusqlite::Result<()> {
        let wanted = match self.configured {
            Synchronous::Full if !durable => Synchronous::Normal,
            configured => configured,
        };
        if wanted != self.current {
            connection::set_synchronous(&self.connection, wanted)?;
            self.current = wanted;
        }
        Ok(())
    }
}

/// Runs `work` in a transaction. It returns the first database error of its writes.
fn in_transaction(
    connection: &Connection,
    prepared: rusqlite::Result<()>,
    work: impl FnOnce(Result<&Connection, CommitError>) -> Option<CommitError>,
) -> CommitResult {
    if let Err(error) = prepared.and_then(|()| execute(connection, "BEGIN IMMEDIATE")) {
        let error = CommitError::from(error);
        work(Err(error.clone()));
        return Err(error);
    }
    let error = work(Ok(connection));
    let committed = match error {
        // The error has rolled back the whole transaction.
        Some(error) if connection.is_autocommit() => Err(error),
        Some(CommitError::SyncFailed) => Err(CommitError::SyncFailed),
        _ => execute(connection, "COMMIT").map(drop).map_err(CommitError::from),
    };
    if committed.is_err() && !connection.is_autocommit() {
        let _ = execute(connection, "ROLLBACK");
    }
    committed
}

/// Runs a write in a savepoint, so that it leaves no trace if it fails.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    // A full disk may roll back the whole transaction in the middle of a batch. A savepoint would then start a new transaction
    // and commit this write, although all writes of the batch are reported as failed.
    if connection.is_autocommit() {
        return Err(StorageError::Failed("the transaction was rolled back early".into()));
    }
    execute(connection, "SAVEPOINT job")?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StorageError::Failed("a write panicked".into())));
    if connection.is_autocommit() {
        // The savepoint was rolled back with the transaction.
        return result;
    }
    if result.is_err() {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")?;
    result
}

/// Runs part of a write outside of its savepoint, so it is kept even if the rest of the write fails. Inside a savepoint, SQLite
/// would write out every page that this frees.
pub(super) fn outside_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    execute(connection, "RELEASE job")?;
    let result = work();
    if !connection.is_autocommit() {
        execute(connection, "SAVEPOINT job")?;
    }
    result
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute([])
}

/// An error of a transaction. Unlike `rusqlite::Error`, it can be cloned for every write of the batch.
#[derive(Clone, Debug, thiserror::Error)]
enum CommitError {
    #[error("the disk is full")]
    DiskFull,
    #[error("another program has locked the database")]
    Busy,
    #[error("fsync failed")]
    SyncFailed,
    #[error("an earlier fsync failed")]
    DiskFailed,
    #[error("{0}")]
    Failed(String),
}

impl CommitError {
    /// Returns the database error behind a failed write, or `None` if the write failed for another reason.
    fn cause_of(error: &StorageError) -> Option<Self> {
        match error {
            StorageError::Full => Some(Self::DiskFull),
            StorageError::Busy { .. } => Some(Self::Busy),
            StorageError::Failed(cause) => match cause.downcast_ref() {
                Some(error) if is_failed_sync(error) => Some(Self::SyncFailed),
                Some(error) => Some(Self::Failed(error.to_string())),
                None => None,
            },
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        if is_failed_sync(&error) {
            return Self::SyncFailed;
        }
        match error.into() {
            StorageError::Full => Self::DiskFull,
            StorageError::Busy { .. } => Self::Busy,
            _ => Self::Failed(reason),
        }
    }
}

impl From<CommitError> for StorageError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::DiskFull => Self::Full,
            CommitError::Busy => Self::Busy { retry_after: connection::RETRY_AFTER },
            CommitError::DiskFailed => Self::DiskFailed,
            failed => Self::Failed(Box::new(failed)),
        }
    }
}
