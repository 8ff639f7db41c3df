//! Import tasks: looking after them, and waiting for their end.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use mistral_datasets_types::ImportTask;

use crate::argument::IntoId;
use crate::calls::Datasets;
use crate::client::Client;
use crate::error::{Error, ErrorKind};

/// How long is waited for a task where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The waits between two looks at a task: the first one, and what they grow to.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// How long the last look at a task may take beyond the timeout.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// By how much the waits grow.
const GROWTH: f64 = 1.5;

impl Datasets {
    /// A handle of an import task, by the ids of its dataset and its own, as they were saved or as an import returned them.
    /// Nothing is sent.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let task = client.datasets().import_from_file("refund-requests", "a file's id").await?;
    /// let done = client.datasets().task(task.dataset_id, task.id).wait().await?;
    /// println!("{}", done.status);
    /// # Ok(())
    /// # }
    /// ```
    pub fn task(&self, dataset_id: impl IntoId, task_id: impl IntoId) -> TaskHandle {
        TaskHandle {
            client: self.client.clone(),
            dataset_id: dataset_id.into_id(),
            id: task_id.into_id(),
        }
    }
}

/// An import task somewhere on the server. It is made by [`Datasets::task`], or by the `handle` of an import call.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    client: Client,
    dataset_id: String,
    id: String,
}

impl TaskHandle {
    /// The id of the dataset that the task fills. Together with [`id`](Self::id) it finds the task again.
    pub fn dataset_id(&self) -> &str {
        &self.dataset_id
    }

    /// The task's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks the server how the task stands.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such task; otherwise as the server and the connection have it.
    pub async fn refresh(&self) -> Result<ImportTask, Error> {
        self.client.datasets().fetch_task(&self.dataset_id, &self.id).await
    }

    /// Waits until the task has ended; see [`Wait`].
    pub fn wait(&self) -> Wait {
        Wait::new(Waiting::For(self.clone()))
    }
}

/// Waits for the end of an import task when it is awaited. It returns the task when that is COMPLETED.
///
/// A status that this version does not know means that the task is still under way.
///
/// # Errors
/// [`TaskFailed`](ErrorKind::TaskFailed) when the task is FAILED, CANCELED, TERMINATED or TIMED_OUT, with the server's message;
/// [`Timeout`](ErrorKind::Timeout) when it is still under way at the end of the timeout: it goes on, and can be waited for
/// again. Both errors carry the task. Otherwise as the server and the connection have it.
#[must_use = "waiting begins when it is awaited"]
pub struct Wait {
    what: Waiting,
    timeout: Duration,
    first_interval: Duration,
    longest_interval: Duration,
    on_progress: Option<OnProgress>,
}

type OnProgress = Box<dyn FnMut(&ImportTask) + Send>;

/// What is waited for: a task, or one that a call is to start.
enum Waiting {
    For(TaskHandle),
    Start(Client, Pin<Box<dyn Future<Output = Result<ImportTask, Error>> + Send>>),
}

impl Wait {
    fn new(what: Waiting) -> Self {
        Self {
            what,
            timeout: TIMEOUT,
            first_interval: FIRST_INTERVAL,
            longest_interval: LONGEST_INTERVAL,
            on_progress: None,
        }
    }

    /// Starts a task by this call, then waits for it.
    pub(crate) fn start(
        client: Client,
        call: Pin<Box<dyn Future<Output = Result<ImportTask, Error>> + Send>>,
    ) -> Self {
        Self::new(Waiting::Start(client, call))
    }

    /// How long to wait at most. Default: 30 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long to wait before the task is looked at again: the first time, and what the waits grow to. Default: 0.1 s and
    /// 5 s.
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        self.first_interval = first;
        self.longest_interval = longest.max(first);
        self
    }

    /// What is told every time the task was looked at.
    pub fn on_progress(mut self, on_progress: impl FnMut(&ImportTask) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    async fn run(mut self) -> Result<ImportTask, Error> {
        let started = Instant::now();
        let (handle, mut task) = match self.what {
            Waiting::For(handle) => {
                let task = handle.refresh().await?;
                (handle, task)
            }
            Waiting::Start(client, call) => {
                let task = call.await?;
                (client.datasets().task(task.dataset_id, task.id), task)
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
            let left = self.timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(still_under_way(task, self.timeout));
            }
            tokio::select! {
                () = tokio::time::sleep(interval.min(left)) => {}
                () = handle.client.ended() => {
                    return Err(handle.client.broken_off().with_operation("wait").with_task(task));
                }
            }
            interval = interval.mul_f64(GROWTH).min(self.longest_interval);
            // A last look is allowed the time that the server needs, within reason.
            let left = self.timeout.saturating_sub(started.elapsed()).max(LAST_LOOK);
            match tokio::time::timeout(left, handle.refresh()).await {
                Ok(refreshed) => task = refreshed?,
                Err(_) => return Err(still_under_way(task, self.timeout)),
            }
        }
    }
}

fn failed(task: ImportTask) -> Error {
    let told = task.message.as_deref().unwrap_or("the server does not say why");
    let mut message = format!("the import is {}: {told}", task.status);
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

fn still_under_way(task: ImportTask, timeout: Duration) -> Error {
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
        if let Waiting::For(handle) = &self.what {
            debug.field("task", &handle.id);
        }
        debug
            .field("timeout", &self.timeout)
            .field("first_interval", &self.first_interval)
            .field("longest_interval", &self.longest_interval)
            .finish_non_exhaustive()
    }
}
