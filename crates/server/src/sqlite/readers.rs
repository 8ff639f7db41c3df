//! The threads that read, each with a connection of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::connection;
use super::schema::OpenError;
use crate::storage::{Pending, StorageError};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The threads that read. Dropping them waits until what was asked is read.
pub(super) struct Readers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let count = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
        let mut threads = Vec::with_capacity(count);
        for _ in 0..count {
            let connection = connection::reader(path)?;
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new()
                .name("datasets-reader".to_owned())
                .spawn(move || read_all(connection, &receiver))?;
            threads.push(thread);
        }
        Ok(Self { jobs: Some(sender), threads })
    }

    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A caller that no longer waits needs no answer.
            let _ = sender.send(read(connection, work));
        });
        // Without a thread that takes the job, dropping it closes the channel of its answer.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn read_all(mut connection: Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(&mut connection),
            Err(_) => return,
        }
    }
}

/// Reads within one transaction, so that all of it is of one moment.
pub(super) fn read<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    catch_unwind(AssertUnwindSafe(|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&transaction)
    }))
    .unwrap_or_else(|_| Err(StorageError::Failed("a read panicked".into())))
}
