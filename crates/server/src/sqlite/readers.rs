//! The threads that read, each with a connection of its own.

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

/// The threads that read. Dropping them waits until what was asked is read.
pub(super) struct Readers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let count = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
        let mut readers = Self { queue: Arc::default(), threads: Vec::with_capacity(count) };
        for _ in 0..count {
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

    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        self.queue.push(Box::new(move |connection| {
            // A caller that no longer waits needs no answer.
            let _ = sender.send(read(connection, work));
        }));
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }
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
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) {
        self.lock().jobs.push_back(job);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The next job, as soon as there is one; none when the queue is closed and empty.
    fn next(&self) -> Option<Job> {
        let waiting = self
            .changed
            .wait_while(self.lock(), |waiting| waiting.jobs.is_empty() && !waiting.closed);
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
