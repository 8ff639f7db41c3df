//! The one thread that writes.
//!
//! Writes that wait at the same time go into one transaction and share its one flush to the disk, which is what makes full
//! durability cheap. Each runs in a savepoint of its own, so that one that fails leaves no trace and disturbs no other, and
//! each is answered only after the commit. A transaction of nothing but writes that may be lost by a crash, such as the pieces
//! of an import that is not finished, does not wait for the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::{self, Synchronous};
use super::disk::is_failed_flush;
use super::wal::Wal;
use crate::storage::{Pending, StorageError};

/// At most this many writes go into one transaction, so that the first of them is not kept waiting by the last.
const BATCH: usize = 512;

/// Answers a write, given how the commit went.
type Answer = Box<dyn FnOnce(Committed) + Send>;

/// What became of a transaction.
type Committed = Result<(), CommitError>;

/// A write, which returns how to answer it once the transaction has ended. It is given no connection when it cannot be part
/// of one.
type Work = Box<dyn FnOnce(Result<&Connection, CommitError>) -> Worked + Send>;

/// How a write can be answered, and what of the database has failed it, if anything did.
struct Worked {
    answer: Answer,
    failed: Option<CommitError>,
}

/// A write that waits for its turn.
struct Job {
    work: Work,
    durability: Durability,
    room: SpaceUse,
}

/// What a write does to the room on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpaceUse {
    /// It takes some.
    Consumes,
    /// It gives some back, sooner or later, so some is kept for it.
    Frees,
}

/// What a crash may do to a write that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: it is on the disk.
    Full,
    /// It may undo it, and then undoes all that was written after it. A later write that is sure makes it sure.
    Relaxed,
}

/// The thread that writes. Dropping it waits until what was asked is written.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts to write with a connection of this durability.
    pub(super) fn start(
        connection: Connection,
        log: Wal,
        durability: Synchronous,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let writing = Writing { connection, log, configured: durability, current: durability };
        let thread = std::thread::Builder::new()
            .name("datasets-writer".to_owned())
            .spawn(move || writing.all(&receiver))?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        room: SpaceUse,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = match connection {
                Ok(connection) => in_savepoint(connection, work),
                Err(error) => Err(error.into()),
            };
            let failed = result.as_ref().err().and_then(CommitError::behind);
            let answer = Box::new(move |committed: Committed| {
                let answer = match committed {
                    Ok(()) => result,
                    Err(error) => Err(error.into()),
                };
                // A caller that no longer waits needs no answer.
                let _ = sender.send(answer);
            });
            Worked { answer, failed }
        });
        // Without a thread that takes the job, dropping it closes the channel of its answer.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job { work, durability, room });
        }
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Writing {
    // Declared before the connection, which is to be the last one that closes.
    log: Wal,
    connection: Connection,
    /// What a sure write needs.
    configured: Synchronous,
    /// What the connection is set to.
    current: Synchronous,
}

impl Writing {
    fn all(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let batch: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
            let sure = batch.iter().any(|job| job.durability == Durability::Full);
            let mut answers = Vec::with_capacity(batch.len());
            let committed = self.transaction(sure, |connection, full| {
                let mut first = None;
                for job in batch {
                    let connection = match job.room {
                        SpaceUse::Consumes if full => Err(CommitError::Full),
                        _ => connection.clone(),
                    };
                    let Worked { answer, failed } = (job.work)(connection);
                    answers.push(answer);
                    first = first.or(failed);
                }
                first
            });
            if let Err(error) = &committed {
                tracing::error!(%error, "a transaction failed");
            }
            for answer in answers {
                answer(committed.clone());
            }
            match committed {
                Ok(()) => self.log.tend(&self.connection),
                Err(CommitError::Full) => self.log.make_room(&self.connection),
                Err(_) => {}
            }
        }
    }

    /// Does some work in a transaction, as long as the disk is to be trusted.
    fn transaction(
        &mut self,
        sure: bool,
        work: impl FnOnce(Result<&Connection, CommitError>, bool) -> Option<CommitError>,
    ) -> Committed {
        if self.log.disk().has_failed() {
            work(Err(CommitError::DiskFailed), false);
            return Err(CommitError::DiskFailed);
        }
        let ready = self.synchronise(sure);
        let full = self.log.is_full(&self.connection);
        let committed =
            in_transaction(&self.connection, ready, |connection| work(connection, full));
        if matches!(committed, Err(CommitError::FlushFailed)) {
            self.log.disk().fail();
        }
        committed
    }

    /// Sets the connection up for a transaction.
    fn synchronise(&mut self, sure: bool) -> rusqlite::Result<()> {
        let wanted = match self.configured {
            Synchronous::Full if !sure => Synchronous::Normal,
            configured => configured,
        };
        if wanted != self.current {
            connection::synchronise(&self.connection, wanted)?;
            self.current = wanted;
        }
        Ok(())
    }
}

/// Does some work in a transaction. The work tells what of the database has failed it, if anything did.
fn in_transaction(
    connection: &Connection,
    ready: rusqlite::Result<()>,
    work: impl FnOnce(Result<&Connection, CommitError>) -> Option<CommitError>,
) -> Committed {
    if let Err(error) = ready.and_then(|()| step(connection, "BEGIN IMMEDIATE")) {
        let error = CommitError::from(error);
        work(Err(error.clone()));
        return Err(error);
    }
    let failed = work(Ok(connection));
    let committed = match failed {
        Some(failed) if connection.is_autocommit() => Err(failed),
        Some(CommitError::FlushFailed) => Err(CommitError::FlushFailed),
        _ => step(connection, "COMMIT").map(drop).map_err(CommitError::from),
    };
    if committed.is_err() && !connection.is_autocommit() {
        let _ = step(connection, "ROLLBACK");
    }
    committed
}

/// Runs one write so that it leaves no trace when it fails.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    // A full disk can end the whole transaction in the middle of a batch. A savepoint would then begin another one and
    // commit this write, which is answered as failed like all the others of the batch.
    if connection.is_autocommit() {
        return Err(StorageError::Failed("the transaction has ended early".into()));
    }
    step(connection, "SAVEPOINT job")?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StorageError::Failed("a write panicked".into())));
    if connection.is_autocommit() {
        // It took the savepoint with it.
        return result;
    }
    if result.is_err() {
        step(connection, "ROLLBACK TO job")?;
    }
    step(connection, "RELEASE job")?;
    result
}

/// Does a part of a write that may stay when the rest of it fails. Within a savepoint SQLite would write out even the pages
/// that this frees.
pub(super) fn outside_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    step(connection, "RELEASE job")?;
    let result = work();
    if !connection.is_autocommit() {
        step(connection, "SAVEPOINT job")?;
    }
    result
}

fn step(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute([])
}

/// Why a transaction failed, in a form that every write in it can be given.
#[derive(Clone, Debug, thiserror::Error)]
enum CommitError {
    #[error("there is no space left to write to")]
    Full,
    #[error("the disk failed to keep it")]
    FlushFailed,
    #[error("the disk has failed before")]
    DiskFailed,
    #[error("{0}")]
    Failed(String),
}

impl CommitError {
    /// What of the database has failed one of the writes, if that is why it failed.
    fn behind(error: &StorageError) -> Option<Self> {
        match error {
            StorageError::Full => Some(Self::Full),
            StorageError::Failed(cause) => match cause.downcast_ref() {
                Some(error) if is_failed_flush(error) => Some(Self::FlushFailed),
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
        if is_failed_flush(&error) {
            return Self::FlushFailed;
        }
        match error.into() {
            StorageError::Full => Self::Full,
            _ => Self::Failed(reason),
        }
    }
}

impl From<CommitError> for StorageError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full => Self::Full,
            CommitError::DiskFailed => Self::DiskFailed,
            failed => Self::Failed(Box::new(failed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::storage::Missing;

    fn start(mut connection: Connection) -> Writer {
        let path = connection.path().unwrap_or_default().into();
        let log = Wal::of(&mut connection, path, Synchronous::Full).unwrap();
        Writer::start(connection, log, Synchronous::Full).unwrap()
    }

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER)").unwrap();
        start(connection)
    }

    fn insert(writer: &Writer, number: i64, fail: bool) -> Pending<()> {
        writer.run(Durability::Full, SpaceUse::Consumes, move |connection| {
            connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
            if fail { Err(Missing::Task.into()) } else { Ok(()) }
        })
    }

    async fn sum(writer: &Writer) -> i64 {
        let sum = writer.run(Durability::Full, SpaceUse::Consumes, |connection| {
            Ok(connection
                .query_row("SELECT coalesce(sum(number), 0) FROM numbers", [], |row| row.get(0))?)
        });
        sum.await.unwrap()
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_no_trace_and_disturbs_no_other() {
        let writer = writer();
        let results = join_all((0..100).map(|n| insert(&writer, 1, n % 10 == 0))).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 10);
        assert_eq!(sum(&writer).await, 90);
    }

    #[tokio::test]
    async fn a_write_that_panics_is_answered_and_the_next_ones_work() {
        let writer = writer();
        let panicking = writer.run::<()>(Durability::Full, SpaceUse::Consumes, |connection| {
            connection.execute("INSERT INTO numbers VALUES (1)", [])?;
            panic!("on purpose");
        });
        assert!(matches!(panicking.await, Err(StorageError::Failed(_))));
        insert(&writer, 2, false).await.unwrap();
        assert_eq!(sum(&writer).await, 2);
    }

    #[tokio::test]
    async fn when_the_commit_fails_every_write_of_it_is_told() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE parents (id INTEGER PRIMARY KEY);
                 CREATE TABLE children (parent REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        let writer = start(connection);
        // What is deferred is checked by the commit alone.
        let orphan = writer.run(Durability::Full, SpaceUse::Consumes, |connection| {
            connection.execute("INSERT INTO children VALUES (1)", [])?;
            Ok(())
        });
        assert!(matches!(orphan.await, Err(StorageError::Failed(_))));
        let count = writer.run(Durability::Full, SpaceUse::Consumes, |connection| {
            let count: i64 =
                connection.query_row("SELECT count(*) FROM children", [], |row| row.get(0))?;
            Ok(count)
        });
        assert_eq!(count.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_was_asked_before_the_end_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("numbers.sqlite3");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER)").unwrap();
        let writer = start(connection);
        let pending: Vec<_> = (0..50).map(|_| insert(&writer, 1, false)).collect();
        drop(writer);
        assert!(join_all(pending).await.iter().all(Result::is_ok));
        let count: i64 = Connection::open(&path)
            .unwrap()
            .query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 50);
    }
}
