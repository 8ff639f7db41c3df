//! Handles to import tasks, and waiting for tasks to end.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use mistral_datasets_types::{ImportTask, TaskStatus};

use crate::checks::Checks;
use crate::client::Client;
use crate::error::Error;
use crate::polling::{self, Polled, Polling};
use crate::transport::SingleRequest;

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
    /// [`NotFound`](crate::ErrorKind::NotFound) if the task does not exist, and the errors that any call can return.
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
/// [`TaskFailed`](crate::ErrorKind::TaskFailed) with the server's message if the status is FAILED, CANCELED, TERMINATED or
/// TIMED_OUT. [`Timeout`](crate::ErrorKind::Timeout) if the task is still running when the timeout expires; it keeps running and
/// can be waited for again. [`Error::task`] returns the task in both cases. Polling can also fail with the errors that any
/// call can return.
#[must_use = "waiting starts when it is awaited"]
pub struct Wait {
    target: Target,
    polling: Polling<ImportTask>,
}

/// What to wait for: a task, or the task that a call will start.
enum Target {
    Task(TaskHandle),
    Call(Client, Pin<Box<dyn Future<Output = Result<ImportTask, Error>> + Send>>),
}

impl Wait {
    fn new(target: Target) -> Self {
        Self { target, polling: Polling::default() }
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
        self.polling.timeout = timeout;
        self
    }

    /// Sets the delay before the first poll, and the maximum to which it grows. Default: 0.1 s and 5 s.
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        self.polling.set_intervals(first, longest);
        self
    }

    /// Sets a callback that receives the task after every poll.
    pub fn on_progress(mut self, on_progress: impl FnMut(&ImportTask) + Send + 'static) -> Self {
        self.polling.on_progress = Some(Box::new(on_progress));
        self
    }

    async fn run(self) -> Result<ImportTask, Error> {
        let started = Instant::now();
        let (handle, task) = match self.target {
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
        let refresh = || handle.refresh().into_future();
        polling::until_ended(&handle.client, self.polling, started, task, refresh).await
    }
}

impl Polled for ImportTask {
    const NOUN: &'static str = "import";

    fn status(&self) -> &TaskStatus {
        &self.status
    }

    fn failure(&self) -> String {
        let mut reason =
            self.message.clone().unwrap_or_else(|| "the server gave no reason".to_owned());
        if let Some(result) = &self.result {
            reason.push_str(&format!(
                " ({} of {} records imported, {} skipped)",
                result.imported_record_count,
                result.requested_record_count,
                result.skipped_record_count
            ));
        }
        reason
    }

    fn add_to(self, error: Error) -> Error {
        error.with_task(self)
    }
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
        debug.field("polling", &self.polling).finish()
    }
}
