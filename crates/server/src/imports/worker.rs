//! The worker that carries imports out.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::try_join;
use futures::{FutureExt, TryFutureExt};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::hook::{TaskAction, TaskHook};
use super::source::{ImportError, Source};
use crate::limits::Limits;
use crate::storage::{DatasetKey, ImportCounts, Pending, Storage, StorageError, Task};

/// What does not find space is tried again after this long.
const FULL_PAUSE: Duration = Duration::from_millis(500);

/// An import that is asked for.
pub(crate) struct Import {
    pub(crate) workspace: Uuid,
    pub(crate) dataset: DatasetKey,
    pub(crate) creator: Uuid,
    pub(crate) source: Source,
    /// How many records were asked for and are left out.
    pub(crate) skipped: u64,
    pub(crate) hook: Option<Arc<dyn TaskHook>>,
}

/// Carries imports out, until it is stopped.
pub(crate) struct Importer {
    storage: Arc<dyn Storage>,
    turns: Arc<Semaphore>,
    /// How many there may be, with those that wait.
    most: usize,
    running: Mutex<JoinSet<()>>,
    /// Told when an import has failed, which leaves something to clean up.
    untidy: Arc<Notify>,
}

impl Importer {
    pub(crate) fn new(storage: Arc<dyn Storage>, untidy: Arc<Notify>, limits: &Limits) -> Self {
        let at_once = limits.imports.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            storage,
            turns: Arc::new(Semaphore::new(at_once)),
            most: at_once.saturating_add(limits.queued_imports),
            running: Mutex::default(),
            untidy,
        }
    }

    /// Creates the task of an import, answers it, and carries the import out behind it; nothing of it when too many wait.
    pub(crate) fn begin(&self, import: Import) -> Option<Pending<Task>> {
        let (storage, turns) = (Arc::clone(&self.storage), Arc::clone(&self.turns));
        let untidy = Arc::clone(&self.untidy);
        let (answer, answered) = oneshot::channel();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        if running.len() >= self.most {
            return None;
        }
        // The task is created in here, so that a caller that goes away cannot leave one that nobody carries out.
        running.spawn(async move {
            let Import { workspace, dataset, creator, source, skipped, hook } = import;
            let created = storage.create_task(workspace, dataset, creator).await;
            let task = created.as_ref().map(|task| task.id).ok();
            let _ = answer.send(created);
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
            // The semaphore is never closed.
            if let Ok(turn) = turns.acquire().await
                && let Err(why) = carry_out(&storage, workspace, task, source, skipped).await
            {
                drop(turn);
                record_failure(&storage, task, why).await;
                untidy.notify_one();
            }
        });
        Some(Box::pin(async move { answered.await.unwrap_or(Err(StorageError::Stopped)) }))
    }

    /// Stops the imports that run and waits until they are gone. Their tasks fail at the next start.
    pub(crate) async fn stop(&self) {
        let mut running =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        running.shutdown().await;
    }
}

/// Carries an import out to its end, and answers why it failed.
async fn carry_out(
    storage: &Arc<dyn Storage>,
    workspace: Uuid,
    task: Uuid,
    source: Source,
    skipped: u64,
) -> Result<(), String> {
    let copying = AssertUnwindSafe(copy(storage, workspace, task, source, skipped));
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

/// Ends the task of an import that has failed. Where there is no space to write that down, it is tried until there is.
async fn record_failure(storage: &Arc<dyn Storage>, task: Uuid, why: String) {
    loop {
        match storage.fail_import(task, why.clone()).await {
            Ok(()) => return,
            Err(StorageError::Full) => tokio::time::sleep(FULL_PAUSE).await,
            Err(error) => {
                tracing::error!(%task, %error, "a failed import could not be recorded");
                return;
            }
        }
    }
}

async fn copy(
    storage: &Arc<dyn Storage>,
    workspace: Uuid,
    task: Uuid,
    source: Source,
    skipped: u64,
) -> Result<(), ImportError> {
    let (mut source, mut chunk) = source.chunk(storage, workspace).await?;
    let mut imported = chunk.records.len() as u64;
    while !chunk.last {
        // What comes next is read and checked while this is written.
        let staged = storage.stage_records(task, chunk.records, chunk.progress);
        let (next, ()) =
            try_join(source.chunk(storage, workspace), staged.map_err(ImportError::from)).await?;
        (source, chunk) = next;
        imported += chunk.records.len() as u64;
    }
    let counts = ImportCounts { requested: imported + skipped, imported, skipped };
    storage.finish_import(task, chunk.records, counts).await?;
    Ok(())
}
