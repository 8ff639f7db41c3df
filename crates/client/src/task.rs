//! Handles to import tasks, and waiting for tasks to end.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use mistral_datasets_types::ImportTask;

use crate::checks::Checks;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::transport::SingleRequest;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The delay before the first poll, which grows by half after each poll, and the maximum delay.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// The minimum time for the last poll, which starts when the timeout expires.
const LAST_POLL: Duration = Duration::from_secs(1);

/// A handle to an import task on the server. Created by [`Datasets::task`](crate::calls::Datasets::task) or by the `handle`
/// method of an import call.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    client: Client,
    dataset_id: String,
    id: String,
}

impl TaskHandle {
    pub(crate) fn new(client: Client, dataset_id: String, id: String) -> Self {
        Self { client, dataset_id, id }
    }

    /// Returns the id of the dataset that the task imports into. Together with [`id`](Self::id), it identifies the task.
    pub fn dataset_id(&self) -> &str {
        &self.dataset_id
    }

    /// Returns the task's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Fetches the task's current state.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the task does not exist, and the errors that any call can return.
    pub fn refresh(&self) -> RefreshTask {
        RefreshTask(self.clone())
    }

    /// Waits until the task has ended; see [`Wait`].
    pub fn wait(&self) -> Wait {
        Wait::new(Target::Task(self.clone()))
    }
}

/// A [`refresh`](TaskHandle::refresh) call.
#[derive(Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct RefreshTask(TaskHandle);

impl RefreshTask {
    async fn send(self) -> Result<ImportTask, Error> {
        const OPERATION: &str = "fetch_task";
        let TaskHandle { client, dataset_id, id } = self.0;
        let checks = Checks::new(OPERATION);
        checks.segment("dataset_id", &dataset_id)?;
        let id = checks.uuid("task_id", &id)?;
        let call = client.start_call(OPERATION)?;
        call.run(call.core().fetch_task(&dataset_id, &id)).await
    }
}

impl IntoFuture for RefreshTask {
    type Output = Result<ImportTask, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl SingleRequest for RefreshTask {}

/// Waits for an import task to end, and returns the task when its status is COMPLETED.
///
/// The task is polled with increasing delays. A status that this version does not know counts as still running.
///
/// # Errors
/// [`TaskFailed`](ErrorKind::TaskFailed) with the server's message if the status is FAILED, CANCELED, TERMINATED or
/// TIMED_OUT. [`Timeout`](ErrorKind::Timeout) if the task is still running when the timeout expires; it keeps running and
/// can be waited for again. [`Error::task`] returns the task in both cases. Polling can also fail with the errors that any
/// call can return.
#[must_use = "waiting starts when it is awaited"]
pub struct Wait {
    target: Target,
    timeout: Duration,
    first_interval: Duration,
    max_interval: Duration,
    on_progress: Option<OnProgress>,
}

type OnProgress = Box<dyn FnMut(&ImportTask) + Send>;

/// What to wait for: a task, or the task that a call will start.
enum Target {
    Task(TaskHandle),
    Call(Client, Pin<Box<dyn Future<Output = Result<ImportTask, Error>> + Send>>),
}

impl Wait {
    fn new(target: Target) -> Self {
        Self {
            target,
            timeout: DEFAULT_TIMEOUT,
            first_interval: FIRST_INTERVAL,
            max_interval: MAX_INTERVAL,
            on_progress: None,
        }
    }

    /// Waits for the task that a call starts.
    pub(crate) fn start(
        client: Client,
        call: Pin<Box<dyn Future<Output = Result<ImportTask, Error>> + Send>>,
    ) -> Self {
        Self::new(Target::Call(client, call))
    }

    /// Sets the maximum time to wait. Default: 30 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the delay before the first poll, and the maximum to which it grows. Default: 0.1 s and 5 s.
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        self.first_interval = first;
        self.max_interval = longest.max(first);
        self
    }

    /// Sets a callback that receives the task after every poll.
    pub fn on_progress(mut self, on_progress: impl FnMut(&ImportTask) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    async fn run(mut self) -> Result<ImportTask, Error> {
        let started = Instant::now();
        let (handle, mut task) = match self.target {
            Target::Task(handle) => {
                let task = handle.refresh().await?;
                (handle, task)
            }
            Target::Call(client, call) => {
                let task = call.await?;
                let (dataset_id, id) = (task.dataset_id.to_string(), task.id.to_string());
                (TaskHandle::new(client, dataset_id, id), task)
            }
        };
        let mut interval = self.first_interval;
        loop {
            if let Some(on_progress) = &mut self.on_progress {
                on_progress(&task);
            }
            if task.status.is_success() {
                return Ok(task);
            }
            if task.status.is_failure() {
                return Err(failed(task));
            }
            let remaining = self.timeout.saturating_sub(started.elapsed());
            if remaining.is_zero() {
                return Err(still_running(task, self.timeout));
            }
            tokio::select! {
                () = tokio::time::sleep(interval.min(remaining)) => {}
                () = handle.client.cancelled() => {
                    let error = handle.client.cancelled_error();
                    return Err(error.with_operation("wait").with_task(task));
                }
            }
            interval = interval.saturating_add(interval / 2).min(self.max_interval);
            let remaining = self.timeout.saturating_sub(started.elapsed()).max(LAST_POLL);
            match tokio::time::timeout(remaining, handle.refresh().into_future()).await {
                Ok(refreshed) => task = refreshed?,
                Err(_) => return Err(still_running(task, self.timeout)),
            }
        }
    }
}

fn failed(task: ImportTask) -> Error {
    let reason = task.message.as_deref().unwrap_or("the server gave no reason");
    let mut message = format!("the import is {}: {reason}", task.status);
    if let Some(result) = &task.result {
        message.push_str(&format!(
            " ({} of {} records imported, {} skipped)",
            result.imported_record_count,
            result.requested_record_count,
            result.skipped_record_count
        ));
    }
    Error::new(ErrorKind::TaskFailed, message).with_operation("wait").with_task(task)
}

fn still_running(task: ImportTask, timeout: Duration) -> Error {
    let message = format!("the import is still {} after {timeout:?}", task.status);
    Error::new(ErrorKind::Timeout, message).with_operation("wait").with_task(task)
}

impl IntoFuture for Wait {
    type Output = Result<ImportTask, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Wait");
        if let Target::Task(handle) = &self.target {
            debug.field("task", &handle.id);
        }
        debug
            .field("timeout", &self.timeout)
            .field("first_interval", &self.first_interval)
            .field("max_interval", &self.max_interval)
            .finish_non_exhaustive()
    }
}
