//! Import tasks: refreshing them and waiting for them.

use mistral_datasets::{TaskHandle, Wait};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::arguments::Id;
use crate::call::{limited, run_async, run_by_runtime, send_async, send_by_runtime};
use crate::driven_call::DrivenCall;
use crate::error;
use crate::options::Seconds;
use crate::session::Session;

/// The arguments of `wait`.
pub struct WaitOptions<'py> {
    /// The maximum time to wait.
    pub timeout: Option<Seconds>,
    /// The first and the longest interval between two polls.
    pub poll_interval: Option<(Seconds, Seconds)>,
    /// The callback that receives the task after every poll.
    pub on_progress: Option<Bound<'py, PyAny>>,
}

impl WaitOptions<'_> {
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
        error::configuration(
            py,
            "the task has no client, because it was created from JSON or unpickled; \
             use `mistral.datasets.task(dataset_id=…, task_id=…)`",
        )
    })?;
    Ok((session.clone(), session.client(py)?.datasets().task(dataset_id, id)))
}

/// Implements `refresh`.
pub fn refresh(
    py: Python<'_>,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
) -> PyResult<Py<PyAny>> {
    let (session, task) = handle(py, session, dataset_id, id)?;
    send_by_runtime(py, &session, task.refresh())
}

/// Implements `refresh_async`.
pub fn refresh_async<'py>(
    py: Python<'py>,
    name: &'static str,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let (session, task) = handle(py, session, dataset_id, id)?;
    send_async(py, name, &session, task.refresh())
}

/// Implements `wait`.
pub fn wait(
    py: Python<'_>,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
    options: WaitOptions<'_>,
) -> PyResult<Py<PyAny>> {
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (session, task) = handle(py, session, dataset_id, id)?;
    let wait = options.apply(task.wait());
    match options.on_progress {
        None => run_by_runtime(py, &session, wait),
        Some(on_progress) => {
            let run = RUN.import(py, "mistral_datasets._driver", "run")?;
            Ok(run.call1((wait_with_progress(&session, wait), on_progress))?.unbind())
        }
    }
}

/// Implements `wait_async`.
pub fn wait_async<'py>(
    py: Python<'py>,
    name: &'static str,
    session: Option<&Session>,
    dataset_id: &str,
    id: &str,
    options: WaitOptions<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (session, task) = handle(py, session, dataset_id, id)?;
    let wait = options.apply(task.wait());
    match options.on_progress {
        None => run_async(py, name, &session, wait),
        Some(on_progress) => {
            let run = RUN.import(py, "mistral_datasets._driver", "run_async")?;
            run.call1((wait_with_progress(&session, wait), on_progress))
        }
    }
}

fn wait_with_progress(session: &Session, wait: Wait) -> DrivenCall {
    DrivenCall::new(session, |driver| wait.on_progress(driver.task_progress()).into_future())
}

/// A handle to an import task, created by `datasets.task`.
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

    /// ID of the dataset that the task imports into.
    #[getter]
    fn dataset_id(&self) -> &str {
        self.dataset_id.as_str()
    }

    /// ID of the task.
    #[getter]
    fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Fetches the current state of the task; see `models.ImportTask.refresh`.
    fn refresh(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        refresh(py, Some(&self.session), self.dataset_id(), self.id())
    }

    /// Fetches the current state of the task; see `models.ImportTask.refresh_async`.
    fn refresh_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let session = Some(&self.session);
        refresh_async(py, "TaskHandle.refresh_async", session, self.dataset_id(), self.id())
    }

    /// Waits until the task has finished; see `models.ImportTask.wait`.
    #[pyo3(signature = (*, timeout=None, poll_interval=None, on_progress=None))]
    fn wait(
        &self,
        py: Python<'_>,
        timeout: Option<Seconds>,
        poll_interval: Option<(Seconds, Seconds)>,
        on_progress: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let options = WaitOptions { timeout, poll_interval, on_progress };
        wait(py, Some(&self.session), self.dataset_id(), self.id(), options)
    }

    /// Waits until the task has finished; see `models.ImportTask.wait_async`.
    #[pyo3(signature = (*, timeout=None, poll_interval=None, on_progress=None))]
    fn wait_async<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Seconds>,
        poll_interval: Option<(Seconds, Seconds)>,
        on_progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = WaitOptions { timeout, poll_interval, on_progress };
        let name = "TaskHandle.wait_async";
        wait_async(py, name, Some(&self.session), self.dataset_id(), self.id(), options)
    }

    fn __repr__(&self) -> String {
        format!("TaskHandle(dataset_id='{}', id='{}')", self.dataset_id(), self.id())
    }
}
