//! Reader threads for long reads, and a pool of connections for lookups on the calling thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection;
use super::schema::OpenError;
use crate::storage::{Pending, StorageError};

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// The number of reader threads.
const THREADS: usize = 2;

/// The read connections. Dropping them waits until queued reads are done.
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    /// Connections for lookups that are not in use.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
        let idle = (0..cores).map(|_| connection::reader(path)).collect::<Result<_, _>>()?;
        let mut readers = Self {
            queue: Arc::default(),
            threads: Vec::with_capacity(THREADS),
            idle: Arc::new(Mutex::new(idle)),
        };
        for _ in 0..THREADS {
            let connection = connection::reader(path)?;
            let queue = Arc::clone(&readers.queue);
            let thread = std::thread::Builder::new().name("datasets-reader".to_owned()).spawn(
                move || {
                    while let Some(job) = queue.next() {
                        job(&connection)
                    }
                },
            )?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs a read on a reader thread.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.queue.run(work)
    }

    /// Runs a read on the thread that polls the result. For reads so short that switching threads would cost more.
    ///
    /// Falls back to a reader thread if all connections are in use.
    pub(super) fn run_inline<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (idle, queue) = (Arc::clone(&self.idle), Arc::clone(&self.queue));
        Box::pin(async move {
            let connection = lock(&idle).pop();
            match connection {
                Some(connection) => {
                    let result = read(&connection, work);
                    lock(&idle).push(connection);
                    result
                }
                None => queue.run(work).await,
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Jobs for the reader threads. A job wakes only one thread, unlike a channel behind a lock.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        self.push(Box::new(move |connection| {
            // The receiver may have been dropped; that is fine.
            let _ = sender.send(read(connection, work));
        }));
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }

    fn push(&self, job: Job) {
        let mut waiting = lock(&self.waiting);
        // A job that no thread will run is dropped, which closes its channel.
        if !waiting.closed {
            waiting.jobs.push_back(job);
            drop(waiting);
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        lock(&self.waiting).closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next job. Returns `None` when the queue is closed and empty.
    fn next(&self) -> Option<Job> {
        let waiting = self
            .changed
            .wait_while(lock(&self.waiting), |waiting| waiting.jobs.is_empty() && !waiting.closed);
        waiting.unwrap_or_else(PoisonError::into_inner).jobs.pop_front()
    }
}

/// Runs a read in one transaction, so that it sees a consistent snapshot.
pub(super) fn read<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StorageError::Failed("a read panicked".into())));
    // An error may have ended the transaction already.
    if !connection.is_autocommit() {
        connection.prepare_cached("COMMIT")?.execute([])?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lookups_fall_back_to_a_thread_when_all_connections_are_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("numbers.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("CREATE TABLE numbers (number); INSERT INTO numbers VALUES (7)")
            .unwrap();
        let readers = Readers::open(&path).unwrap();
        let number = || {
            readers.run_inline(|connection| {
                let number = "SELECT number FROM numbers";
                Ok(connection.query_row(number, [], |row| row.get::<_, i64>(0))?)
            })
        };
        let panicking = readers.run_inline::<()>(|_| panic!("injected"));
        assert!(matches!(panicking.await, Err(StorageError::Failed(_))));
        assert_eq!(number().await.unwrap(), 7);
        let taken = std::mem::take(&mut *lock(&readers.idle));
        assert!(taken.len() >= 2, "only {} connections were returned", taken.len());
        assert_eq!(number().await.unwrap(), 7);
        // After the drop, no thread is left to run the read.
        let late = number();
        drop(readers);
        assert!(matches!(late.await, Err(StorageError::Stopped)));
    }
}
