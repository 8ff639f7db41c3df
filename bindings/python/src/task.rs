//! Import tasks: refreshing them and waiting for them; and waiting for campaigns. The methods are in `mistral_datasets._task` and
//! `mistral_datasets._campaigns`.

use std::future::IntoFuture;

use mistral_datasets::types::TaskStatus;
use mistral_datasets::{TaskHandle, Wait};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{self, Argument, Id};
use crate::call::{limited, run_async, run_by_runtime, send_async, send_by_runtime};
use crate::convert::{ConvertContext, IntoPython};
use crate::driven_call::DrivenCall;
use crate::error;
use crate::fields::Field;
use crate::options::Seconds;
use crate::session::Session;

/// Returns the client of a task. It is `None` for tasks that no client returned.
fn session_of(py: Python<'_>, client: Option<&Bound<'_, Session>>) -> PyResult<Session> {
    match client {
        Some(session) => Ok(session.get().clone()),
        None => Err(error::configuration(
            py,
            "the task has no client, because it was created from JSON or unpickled; \
             use `mistral.datasets.task(dataset_id=…, task_id=…)`",
        )),
    }
}

/// Implements `refresh`.
#[pyfunction]
pub fn refresh_task(
    py: Python<'_>,
    client: Option<&Bound<'_, Session>>,
    dataset_id: &str,
    task_id: &str,
    options: &Bound<'_, PyDict>,
) -> PyResult<Py<PyAny>> {
    let session = session_of(py, client)?.with_keywords(options, "task.refresh")?;
    let task = session.client(py)?.datasets().task(dataset_id, task_id);
    send_by_runtime(py, &session, task.refresh())
}

/// Implements `refresh_async`.
#[pyfunction]
pub fn refresh_task_async<'py>(
    py: Python<'py>,
    client: Option<&Bound<'_, Session>>,
    dataset_id: &str,
    task_id: &str,
    options: &Bound<'_, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let session = session_of(py, client)?.with_keywords(options, "task.refresh_async")?;
    let task = session.client(py)?.datasets().task(dataset_id, task_id);
    send_async(py, "ImportTask.refresh_async", &session, task.refresh())
}

/// The first and the longest interval between two polls.
struct PollInterval(Seconds, Seconds);

impl Argument for PollInterval {
    const EXPECTED: &'static str = "a tuple of two durations";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (first, longest): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
            value.extract().map_err(|_| arguments::wrong_type::<Self>(value))?;
        Ok(Self(arguments::required(&first, "first")?, arguments::required(&longest, "longest")?))
    }
}

fn limited_wait(
    task: &TaskHandle,
    timeout: &Bound<'_, PyAny>,
    poll_interval: &Bound<'_, PyAny>,
) -> PyResult<Wait> {
    let wait = limited(task.wait(), arguments::optional(timeout, "timeout")?);
    Ok(match arguments::optional(poll_interval, "poll_interval")? {
        Some(PollInterval(Seconds(first), Seconds(longest))) => wait.poll_interval(first, longest),
        None => wait,
    })
}

/// Implements `wait` without a callback.
#[pyfunction]
pub fn wait_for_task(
    py: Python<'_>,
    client: Option<&Bound<'_, Session>>,
    dataset_id: &str,
    task_id: &str,
    timeout: &Bound<'_, PyAny>,
    poll_interval: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let session = session_of(py, client)?;
    let task = session.client(py)?.datasets().task(dataset_id, task_id);
    run_by_runtime(py, &session, limited_wait(&task, timeout, poll_interval)?)
}

/// Implements `wait_async` without a callback.
#[pyfunction]
pub fn wait_for_task_async<'py>(
    py: Python<'py>,
    client: Option<&Bound<'_, Session>>,
    dataset_id: &str,
    task_id: &str,
    timeout: &Bound<'_, PyAny>,
    poll_interval: &Bound<'_, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let session = session_of(py, client)?;
    let task = session.client(py)?.datasets().task(dataset_id, task_id);
    let wait = limited_wait(&task, timeout, poll_interval)?;
    run_async(py, "ImportTask.wait_async", &session, wait)
}

/// Creates the call of `wait` and `wait_async` with a callback.
#[pyfunction]
pub fn watch_task(
    py: Python<'_>,
    client: Option<&Bound<'_, Session>>,
    dataset_id: &str,
    task_id: &str,
    timeout: &Bound<'_, PyAny>,
    poll_interval: &Bound<'_, PyAny>,
) -> PyResult<DrivenCall> {
    let session = session_of(py, client)?;
    let task = session.client(py)?.datasets().task(dataset_id, task_id);
    let wait = limited_wait(&task, timeout, poll_interval)?;
    Ok(DrivenCall::new(&session, |driver| wait.on_progress(driver.task_progress()).into_future()))
}

impl IntoPython for TaskStatus {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(self.to_python(context.py)?.unbind())
    }
}

/// Creates the call of `campaigns.wait` and `campaigns.wait_async`.
#[pyfunction]
pub fn watch_campaign(
    py: Python<'_>,
    client: &Bound<'_, Session>,
    campaign_id: &Bound<'_, PyAny>,
    timeout: &Bound<'_, PyAny>,
    poll_interval: &Bound<'_, PyAny>,
) -> PyResult<DrivenCall> {
    let session = client.get();
    let campaign_id: Id = arguments::required(campaign_id, "campaign_id")?;
    let mut wait = session.client(py)?.campaigns().wait(campaign_id);
    if let Some(Seconds(timeout)) = arguments::optional(timeout, "timeout")? {
        wait = wait.timeout(timeout);
    }
    let interval = arguments::optional(poll_interval, "poll_interval")?;
    if let Some(PollInterval(Seconds(first), Seconds(longest))) = interval {
        wait = wait.poll_interval(first, longest);
    }
    Ok(DrivenCall::new(session, |driver| {
        wait.on_progress(driver.campaign_progress()).into_future()
    }))
}
