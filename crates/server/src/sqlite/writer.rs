//! The one thread that writes.
//!
//! Writes that wait at the same time go into one transaction and share its one flush to the disk, which is what makes full
//! durability cheap. Each runs in a savepoint of its own, so that one that fails leaves no trace and disturbs no other, and
//! each is answered only after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::storage::{Pending, StorageError};

/// At most this many writes go into one transaction, so that the first of them is not kept waiting by the last.
const BATCH: usize = 512;

/// Answers a write, given how the commit went.
type Answer = Box<dyn FnOnce(Committed) + Send>;

/// What became of a transaction; the text says why it failed.
type Committed = Result<(), CommitError>;

/// A write, which returns how to answer it once the transaction has ended. It is given no connection when the transaction
/// could not begin.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Answer + Send>;

/// The thread that writes. Dropping it waits until what was asked is written.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("datasets-writer".to_owned())
            .spawn(move || write_all(&connection, &receiver))?;
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = match connection {
                Some(connection) => in_savepoint(connection, work),
                None => Err(StorageError::Stopped),
            };
            Box::new(move |committed: Committed| {
                let answer = match committed {
                    Ok(()) => result,
                    Err(error) => Err(error.into()),
                };
                // A caller that no longer waits needs no answer.
                let _ = sender.send(answer);
            })
        });
        // Without a thread that takes the job, dropping it closes the channel of its answer.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
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

fn write_all(connection: &Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let batch = std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1));
        let mut answers = Vec::new();
        let committed = in_transaction(connection, |connection| {
            answers.extend(batch.map(|job| job(connection)));
        });
        if let Err(error) = &committed {
            tracing::error!(%error, "a transaction failed");
        }
        for answer in answers {
            answer(committed.clone());
        }
    }
}

fn in_transaction(connection: &Connection, work: impl FnOnce(Option<&Connection>)) -> Committed {
    if let Err(error) = step(connection, "BEGIN IMMEDIATE") {
        work(None);
        return Err(error.into());
    }
    work(Some(connection));
    step(connection, "COMMIT").map(|_| ()).map_err(|error| {
        if !connection.is_autocommit() {
            let _ = step(connection, "ROLLBACK");
        }
        error.into()
    })
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
    if result.is_err() {
        step(connection, "ROLLBACK TO job")?;
    }
    step(connection, "RELEASE job")?;
    result
}

fn step(connection: &Connection, sql: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute([])
}

/// Why a transaction failed, in a form that every write in it can be given.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
struct CommitError {
    full: bool,
    reason: String,
}

impl From<rusqlite::Error> for CommitError {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        Self { full: matches!(StorageError::from(error), StorageError::Full), reason }
    }
}

impl From<CommitError> for StorageError {
    fn from(error: CommitError) -> Self {
        if error.full { Self::Full } else { Self::Failed(Box::new(error)) }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::storage::Missing;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER)").unwrap();
        Writer::start(connection).unwrap()
    }

    fn insert(writer: &Writer, number: i64, fail: bool) -> Pending<()> {
        writer.run(move |connection| {
            connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
            if fail { Err(Missing::Task.into()) } else { Ok(()) }
        })
    }

    async fn sum(writer: &Writer) -> i64 {
        let sum = writer.run(|connection| {
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
        let panicking = writer.run::<()>(|connection| {
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
        let writer = Writer::start(connection).unwrap();
        // What is deferred is checked by the commit alone.
        let orphan = writer.run(|connection| {
            connection.execute("INSERT INTO children VALUES (1)", [])?;
            Ok(())
        });
        assert!(matches!(orphan.await, Err(StorageError::Failed(_))));
        let count = writer.run(|connection| {
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
        let writer = Writer::start(connection).unwrap();
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
