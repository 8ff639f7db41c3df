//! The import queue and its workers.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::try_join;
use futures::{FutureExt, TryFutureExt};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::hook::{TaskAction, TaskHook};
use super::source::{ImportError, Source};
use super::waiting::{Waiting, WaitingImports};
use crate::limits::Limits;
use crate::storage::{DatasetKey, ImportCounts, Pending, Storage, StorageError, Task};

/// How long to wait before a write to a full disk is retried.
const DISK_FULL_PAUSE: Duration = Duration::from_millis(500);

/// A requested import.
pub(crate) struct Import {
    pub(crate) workspace: Uuid,
    pub(crate) dataset: DatasetKey,
    pub(crate) creator: Uuid,
    pub(crate) source: Source,
    /// The number of requested records that are skipped.
    pub(crate) skipped: u64,
    pub(crate) hook: Option<Arc<dyn TaskHook>>,
}

/// Runs imports in the background.
pub(crate) struct ImportQueue {
    storage: Arc<dyn Storage>,
    workers: Arc<Semaphore>,
    /// The maximum number of running and waiting imports.
    capacity: usize,
    tasks: Mutex<JoinSet<()>>,
    waiting: Waiting,
    /// Notified when an import has failed and its staged records can be removed.
    cleanup: Arc<Notify>,
}

impl ImportQueue {
    pub(crate) fn new(storage: Arc<dyn Storage>, cleanup: Arc<Notify>, limits: &Limits) -> Self {
        let workers = limits.imports.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            storage,
            workers: Arc::new(Semaphore::new(workers)),
            capacity: workers.saturating_add(limits.queued_imports),
            tasks: Mutex::default(),
            waiting: Waiting::default(),
            cleanup,
        }
    }

    /// Creates the task of an import, and runs the import in the background. Returns `None` if the queue is full.
    pub(crate) fn submit(&self, import: Import) -> Option<Pending<Task>> {
        let (storage, workers) = (Arc::clone(&self.storage), Arc::clone(&self.workers));
        let (waiting, cleanup) = (self.waiting.clone(), Arc::clone(&self.cleanup));
        let (sender, receiver) = oneshot::channel();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= self.capacity {
            return None;
        }
        // The task is created here, so that a caller that is cancelled cannot leave a task without an import.
        tasks.spawn(async move {
            let Import { workspace, dataset, creator, source, skipped, hook } = import;
            let created = storage.create_task(workspace, dataset, creator).await;
            let task = created.as_ref().map(|task| task.id).ok();
            let _ = sender.send(created);
            let Some(task) = task else { return };
            // The hook may take long, so it runs before the import waits for a worker.
            if let Some(hook) = hook {
                match hook.before_import().await {
                    TaskAction::Import => {}
                    TaskAction::Abandon => return,
                    TaskAction::Fail(message) => {
                        return record_failure(&storage, task, message).await;
                    }
                }
            }
            let waits = waiting.enter(Instant::now());
            // The semaphore is never closed.
            let permit = workers.acquire().await;
            drop(waits);
            if let Ok(permit) = permit
                && let Err(message) = run(&storage, workspace, task, source, skipped).await
            {
                drop(permit);
                record_failure(&storage, task, message).await;
                cleanup.notify_one();
            }
        });
        Some(Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) }))
    }

    /// Returns how many imports wait for a worker, and for how long.
    pub(crate) fn waiting(&self) -> WaitingImports {
        self.waiting.status(Instant::now())
    }

    /// Aborts all imports and waits until they have ended. Their tasks fail at the next start.
    pub(crate) async fn stop(&self) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }
}

/// Runs an import. Returns the message for its task if it fails.
async fn run(
    storage: &Arc<dyn Storage>,
    workspace: Uuid,
    task: Uuid,
    source: Source,
    skipped: u64,
) -> Result<(), String> {
    let copying = AssertUnwindSafe(copy_records(storage, workspace, task, source, skipped));
    let error = match copying.catch_unwind().await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => ImportError::Internal("the import panicked".into()),
    };
    if let ImportError::Internal(cause) = &error {
        tracing::error!(%task, %cause, "an import failed");
    }
    Err(error.to_string())
}

/// Marks a task as failed. Retries while the disk is full.
async fn record_failure(storage: &Arc<dyn Storage>, task: Uuid, message: String) {
    loop {
        match storage.fail_import(task, message.clone()).await {
            Ok(()) => return,
            Err(StorageError::Full) => tokio::time::sleep(DISK_FULL_PAUSE).await,
            Err(error) => {
                tracing::error!(%task, %error, "failed to record that an import has failed");
                return;
            }
        }
    }
}

async fn copy_records(
    storage: &Arc<dyn Storage>,
    workspace: Uuid,
    task: Uuid,
    source: Source,
    skipped: u64,
) -> Result<(), ImportError> {
    let (mut source, mut chunk) = source.next_chunk(storage, workspace).await?;
    let mut imported = chunk.records.len() as u64;
    while !chunk.last {
        // The next chunk is read and validated while this one is written.
        let staged = storage.stage_records(task, chunk.records, chunk.progress);
        let (next, ()) =
            try_join(source.next_chunk(storage, workspace), staged.map_err(ImportError::from))
                .await?;
        (source, chunk) = next;
        imported += chunk.records.len() as u64;
    }
    let counts = ImportCounts { requested: imported + skipped, imported, skipped };
    storage.finish_import(task, chunk.records, counts).await?;
    Ok(())
}
