//! Import tasks: looking after them, and waiting for their end.

use mistral_datasets::{Client, TaskHandle, Wait};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::argument::Id;
use crate::call::{limited, send_async, send_by_runtime};
use crate::error;
use crate::exchange::Exchange;
use crate::options::Seconds;
use crate::session::Session;

/// How to wait.
pub struct Waiting<'py> {
    /// How long at most.
    pub timeout: Option<Seconds>,
    /// How long between two looks: at first, and at most.
    pub poll_interval: Option<(Seconds, Seconds)>,
    /// What is told at every look.
    pub on_progress: Option<Bound<'py, PyAny>>,
}

impl Waiting<'_> {
    fn apply(&self, wait: Wait) -> Wait {
        let wait = limited(wait, self.timeout);
        match self.poll_interval {
            Some((Seconds(first), Seconds(longest))) => wait.poll_interval(first, longest),
            None => wait,
        }
    }
}

fn handle(
    py: Python<'_>,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
) -> PyResult<(Session, TaskHandle)> {
    let session = session.ok_or_else(|| {
        error::misconfigured(
            py,
            "the task came from no client; use `mistral.datasets.task(dataset_id=…, task_id=…)`",
        )
    })?;
    Ok((session.clone(), handle_of(&session.client(py)?, dataset_id, id)))
}

fn handle_of(client: &Client, dataset_id: &str, id: &str) -> TaskHandle {
    client.datasets().task(dataset_id, id)
}

/// Asks how a task stands.
pub fn refresh(
    py: Python<'_>,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
) -> PyResult<Py<PyAny>> {
    let (session, task) = handle(py, session, dataset_id, id)?;
    send_by_runtime(py, &session, async move { task.refresh().await })
}

/// Asks how a task stands, for asyncio.
pub fn refresh_async<'py>(
    py: Python<'py>,
    name: &'static str,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let (session, task) = handle(py, session, dataset_id, id)?;
    send_async(py, name, &session, async move { task.refresh().await })
}

/// Waits for the end of a task.
pub fn wait(
    py: Python<'_>,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
    waiting: Waiting<'_>,
) -> PyResult<Py<PyAny>> {
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (session, task) = handle(py, session, dataset_id, id)?;
    let wait = waiting.apply(task.wait());
    match waiting.on_progress {
        None => send_by_runtime(py, &session, wait),
        Some(told) => {
            let run = RUN.import(py, "mistral_datasets._exchange", "run")?;
            Ok(run.call1((telling(&session, wait), told))?.unbind())
        }
    }
}

/// Waits for the end of a task, for asyncio.
pub fn wait_async<'py>(
    py: Python<'py>,
    name: &'static str,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
    waiting: Waiting<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (session, task) = handle(py, session, dataset_id, id)?;
    let wait = waiting.apply(task.wait());
    match waiting.on_progress {
        None => send_async(py, name, &session, wait),
        Some(told) => {
            let run = RUN.import(py, "mistral_datasets._exchange", "run_async")?;
            run.call1((telling(&session, wait), told))
        }
    }
}

fn telling(session: &Session, wait: Wait) -> Exchange {
    Exchange::new(session, |link| wait.on_progress(link.task()).into_future())
}

/// An import task by its ids, as they were saved or as an import returned them.
#[pyclass(name = "TaskHandle", frozen, module = "mistral_datasets._native")]
pub struct Handle {
    session: Session,
    dataset_id: Id,
    id: Id,
}

#[pymethods]
impl Handle {
    #[new]
    #[pyo3(signature = (client, dataset_id, task_id, /))]
    fn new(client: &Bound<'_, Session>, dataset_id: Id, task_id: Id) -> Self {
        Self { session: client.get().clone(), dataset_id, id: task_id }
    }

    /// The id of the dataset that the task fills.
    #[getter]
    fn dataset_id(&self) -> &str {
        self.dataset_id.as_str()
    }

    /// The task's id.
    #[getter]
    fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Asks the server how the task stands now.
    fn refresh(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        refresh(py, Some(&self.session), self.dataset_id(), self.id())
    }

    /// Like `refresh`, for asyncio.
    fn refresh_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let session = Some(&self.session);
        refresh_async(py, "TaskHandle.refresh_async", session, self.dataset_id(), self.id())
    }

    /// Waits until the task has ended.
    #[pyo3(signature = (*, timeout=None, poll_interval=None, on_progress=None))]
    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<Seconds>,
        poll_interval: Option<(Seconds, Seconds)>,
        on_progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let waiting = Waiting { timeout, poll_interval, on_progress };
        wait(py, Some(&self.session), self.dataset_id(), self.id(), waiting)
    }

    /// Like `wait`, for asyncio.
    #[pyo3(signature = (*, timeout=None, poll_interval=None, on_progress=None))]
    fn wait_async<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Seconds>,
        poll_interval: Option<(Seconds, Seconds)>,
        on_progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let waiting = Waiting { timeout, poll_interval, on_progress };
        let name = "TaskHandle.wait_async";
        wait_async(py, name, Some(&self.session), self.dataset_id(), self.id(), waiting)
    }

    fn __repr__(&self) -> String {
        format!("TaskHandle(dataset_id='{}', id='{}')", self.dataset_id(), self.id())
    }
}
