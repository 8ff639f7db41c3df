//! The connections that read: some that threads have for what may take long, and some for what is read where it is asked for.

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

/// So many threads read.
const THREADS: usize = 2;

/// The connections that read. Dropping them waits until what was asked is read.
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    /// Connections that nobody reads from at the moment.
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

    /// Reads on one of the threads.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        self.queue.run(work)
    }

    /// Reads where the answer is waited for, which is to be so little that handing it to a thread would cost more.
    pub(super) fn run_here<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (idle, queue) = (Arc::clone(&self.idle), Arc::clone(&self.queue));
        Box::pin(async move {
            let taken = lock(&idle).pop();
            match taken {
                Some(connection) => {
                    let answer = read(&connection, work);
                    lock(&idle).push(connection);
                    answer
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

/// Jobs that wait for a thread. Each wakes one thread alone, which a channel shared behind a lock would not do.
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
            // A caller that no longer waits needs no answer.
            let _ = sender.send(read(connection, work));
        }));
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }

    fn push(&self, job: Job) {
        let mut waiting = lock(&self.waiting);
        // A job that no thread will take is dropped, which closes the channel of its answer.
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

    /// The next job, as soon as there is one; none when the queue is closed and empty.
    fn next(&self) -> Option<Job> {
        let waiting = self
            .changed
            .wait_while(lock(&self.waiting), |waiting| waiting.jobs.is_empty() && !waiting.closed);
        waiting.unwrap_or_else(PoisonError::into_inner).jobs.pop_front()
    }
}

/// Reads within one transaction, so that all of it is of one moment.
pub(super) fn read<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(StorageError::Failed("a read panicked".into())));
    // A failure may have ended the transaction already.
    if !connection.is_autocommit() {
        connection.prepare_cached("COMMIT")?.execute([])?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_looked_up_waits_for_a_thread_when_every_connection_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("numbers.db");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("CREATE TABLE numbers (number); INSERT INTO numbers VALUES (7)")
            .unwrap();
        let readers = Readers::open(&path).unwrap();
        let number = || {
            readers.run_here(|connection| {
                let number = "SELECT number FROM numbers";
                Ok(connection.query_row(number, [], |row| row.get::<_, i64>(0))?)
            })
        };
        let panicking = readers.run_here::<()>(|_| panic!("on purpose"));
        assert!(matches!(panicking.await, Err(StorageError::Failed(_))));
        assert_eq!(number().await.unwrap(), 7);
        let taken = std::mem::take(&mut *lock(&readers.idle));
        assert!(taken.len() >= 2, "{} of them are back", taken.len());
        assert_eq!(number().await.unwrap(), 7);
        // Nobody is left to answer what is asked too late.
        let late = number();
        drop(readers);
        assert!(matches!(late.await, Err(StorageError::Stopped)));
    }
}
