//! The import queue: accepts imports, and runs the workers that take them from the storage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use uuid::Uuid;

use super::hook::{TaskAction, TaskHook};
use super::lease::{keep_stuck, while_claimed};
use super::line::LineRules;
use super::worker::Worker;
use crate::content::ContentStore;
use crate::limits::Limits;
use crate::storage::{
    Claim, DatasetKey, ImportSource, NewImport, Pending, QueueLimits, Storage, StorageError, Task,
};

/// How long to wait before the state of a task is stored again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// How often a server looks for imports that other servers have queued or no longer work on.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The maximum number of workers.
const MAX_WORKERS: usize = 256;

/// All workspaces together may queue this many times as many imports as one of them.
const WORKSPACES: u64 = 10;

/// A requested import.
pub(crate) struct Import {
    pub(crate) workspace: Uuid,
    pub(crate) dataset: DatasetKey,
    pub(crate) creator: Uuid,
    pub(crate) source: ImportSource,
    /// The number of requested records that are skipped.
    pub(crate) skipped: u64,
    pub(crate) hook: Option<Arc<dyn TaskHook>>,
}

/// What the workers need.
pub(crate) struct ImportParts {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) contents: Arc<dyn ContentStore>,
    pub(crate) rules: LineRules,
    /// Notified when an import has ended and something may have to be removed.
    pub(crate) cleanup: Arc<Notify>,
}

/// Runs imports in the background.
///
/// The queue itself is in the storage, which several servers may share. It survives a restart, and an import that waits there
/// occupies no memory.
pub(crate) struct ImportQueue(Arc<Shared>);

struct Shared {
    storage: Arc<dyn Storage>,
    cleanup: Arc<Notify>,
    /// Identifies this server in the queue.
    claimant: Uuid,
    limits: QueueLimits,
    /// Wakes a worker when an import can be claimed.
    wake: Arc<Notify>,
    tasks: Mutex<Tasks>,
}

/// The running background tasks.
#[derive(Default)]
struct Tasks {
    all: JoinSet<()>,
    /// The workspaces of imports whose hook is running, and the tasks that run the hooks.
    held: Vec<(Uuid, AbortHandle)>,
}

impl ImportQueue {
    /// Starts the workers. They continue with the imports that an earlier server did not finish.
    pub(crate) fn start(parts: ImportParts, limits: &Limits) -> Self {
        let ImportParts { storage, contents, rules, cleanup } = parts;
        let workers = limits.imports.clamp(1, MAX_WORKERS);
        let queued = limits.queued_imports as u64;
        let shared = Arc::new(Shared {
            claimant: Uuid::now_v7(),
            limits: QueueLimits {
                workspace: queued.saturating_add(workers as u64),
                total: queued.saturating_mul(WORKSPACES).saturating_add(workers as u64),
            },
            wake: Arc::default(),
            tasks: Mutex::default(),
            storage,
            cleanup,
        });
        for _ in 0..workers {
            let worker = Worker {
                storage: Arc::clone(&shared.storage),
                contents: contents.clone(),
                rules,
                claimant: shared.claimant,
                wake: Arc::clone(&shared.wake),
                cleanup: Arc::clone(&shared.cleanup),
            };
            shared.tasks().all.spawn(async move { worker.run().await });
        }
        if shared.storage.import_lease().is_some() {
            let wake = Arc::clone(&shared.wake);
            shared.tasks().all.spawn(async move { poll(&wake).await });
        }
        Self(shared)
    }

    /// Creates the task of an import and queues the import.
    pub(crate) fn submit(&self, import: Import) -> Pending<Task> {
        let shared = Arc::clone(&self.0);
        let Import { workspace, dataset, creator, source, skipped, hook } = import;
        let held_by = hook.is_some().then_some(shared.claimant);
        let new = NewImport { workspace, dataset, creator, source, skipped, held_by };
        let queued = shared.storage.queue_import(new, shared.limits);
        let (sender, receiver) = oneshot::channel();
        // A separate task, so that an import is started even if the caller is cancelled.
        self.0.tasks().all.spawn(async move {
            let queued = queued.await;
            let task = queued.as_ref().map(|task| task.id).ok();
            // The receiver may have been dropped; that is fine.
            let _ = sender.send(queued);
            match (task, hook) {
                (Some(task), Some(hook)) => shared.hold(workspace, task, hook),
                (Some(_), None) => shared.wake.notify_one(),
                (None, _) => {}
            }
        });
        Box::pin(async move { receiver.await.unwrap_or(Err(StorageError::Stopped)) })
    }

    /// Returns the tasks that hold imports of a workspace back, to be aborted when the workspace was reset.
    pub(crate) fn held(&self, workspace: Uuid) -> Vec<AbortHandle> {
        let tasks = self.0.tasks();
        let own = tasks.held.iter().filter(|(other, _)| *other == workspace);
        own.map(|(_, handle)| handle.clone()).collect()
    }

    /// Aborts all imports and waits until they have ended. The next server resumes them.
    pub(crate) async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.0.tasks());
        tasks.all.shutdown().await;
    }
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.all.try_join_next().is_some() {}
        tasks
    }

    /// Runs the hook of an import, which cannot be claimed until then. A hook may take long, so it does not occupy a worker.
    fn hold(self: Arc<Self>, workspace: Uuid, task: Uuid, hook: Arc<dyn TaskHook>) {
        let shared = Arc::clone(&self);
        let mut tasks = self.tasks();
        let handle = tasks.all.spawn(async move { shared.run_hook(task, hook).await });
        tasks.held.retain(|(_, handle)| !handle.is_finished());
        tasks.held.push((workspace, handle));
    }

    async fn run_hook(&self, task: Uuid, hook: Arc<dyn TaskHook>) {
        let storage = &self.storage;
        let claim = Claim::by_creator(task);
        let action = while_claimed(&**storage, claim, hook.before_import()).await;
        // Another server has taken the import over if there is no action.
        let Some(action) = action else { return };
        match action {
            TaskAction::Import => {
                retry_until_stored(task, || storage.release_import(task)).await;
                self.wake.notify_one();
            }
            TaskAction::Abandon => {
                retry_until_stored(task, || storage.block_import(task)).await;
                // The file may have been deleted.
                self.cleanup.notify_one();
                // The task is stuck as long as this server runs.
                keep_stuck(&**storage, claim).await;
            }
            TaskAction::Fail(message) => {
                retry_until_stored(task, || storage.fail_import(claim, message.clone())).await;
                // The file may have been deleted.
                self.cleanup.notify_one();
            }
        }
    }
}

/// Wakes a worker at intervals. If it finds an import, it wakes the next one.
async fn poll(wake: &Notify) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        wake.notify_one();
    }
}

/// Changes the state of a task. Retries while the disk is full or another program has locked the database, or the
/// database is not available.
pub(super) async fn retry_until_stored(task: Uuid, write: impl Fn() -> Pending<()>) {
    loop {
        match write().await {
            Ok(()) | Err(StorageError::ClaimLost) => return,
            Err(
                StorageError::Full | StorageError::Busy { .. } | StorageError::Unavailable { .. },
            ) => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            Err(error) => {
                tracing::error!(%task, %error, "failed to store the state of an import");
                return;
            }
        }
    }
}
