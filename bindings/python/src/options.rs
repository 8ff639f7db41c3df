//! What can be said for a client, for some of its calls, or for one.

use std::time::Duration;

use mistral_datasets::Options;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyMapping, PyString, PyTuple};

/// How often and after how long calls that failed are made again. Times are seconds.
///
/// What is not given is as the client has it.
#[pyclass(name = "RetryPolicy", frozen, eq, hash, get_all, module = "mistral_datasets")]
#[derive(PartialEq, Hash)]
pub struct RetryPolicy {
    /// How often a request is sent at most, the first time included.
    max_attempts: Option<u32>,
    /// The longest wait before the first repetition; it doubles from one to the next.
    first_delay: Option<Seconds>,
    /// What the waits do not grow beyond.
    max_delay: Option<Seconds>,
    /// The longest `Retry-After` that is waited for.
    max_retry_after: Option<Seconds>,
}

#[pymethods]
impl RetryPolicy {
    #[new]
    #[pyo3(signature = (max_attempts=None, *, first_delay=None, max_delay=None, max_retry_after=None))]
    fn new(
        max_attempts: Option<u32>,
        first_delay: Option<Seconds>,
        max_delay: Option<Seconds>,
        max_retry_after: Option<Seconds>,
    ) -> Self {
        Self { max_attempts, first_delay, max_delay, max_retry_after }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut given: Vec<String> = self.max_attempts.iter().map(u32::to_string).collect();
        for (name, time) in self.times() {
            if let Some(time) = time {
                given.push(format!("{name}={}", time.into_pyobject(py)?.repr()?));
            }
        }
        Ok(format!("RetryPolicy({})", given.join(", ")))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let keywords = PyDict::new(py);
        keywords.set_item("max_attempts", slf.get().max_attempts)?;
        for (name, time) in slf.get().times() {
            keywords.set_item(name, time)?;
        }
        let partial = py.import("functools")?.getattr("partial")?;
        let make = partial.call((slf.get_type(),), Some(&keywords))?;
        (make, PyTuple::empty(py)).into_pyobject(py)
    }
}

impl RetryPolicy {
    fn times(&self) -> [(&'static str, Option<Seconds>); 3] {
        [
            ("first_delay", self.first_delay),
            ("max_delay", self.max_delay),
            ("max_retry_after", self.max_retry_after),
        ]
    }

    fn policy(&self) -> mistral_datasets::RetryPolicy {
        let mut retries = mistral_datasets::RetryPolicy::default();
        if let Some(attempts) = self.max_attempts {
            retries = retries.max_attempts(attempts);
        }
        if let Some(Seconds(delay)) = self.first_delay {
            retries = retries.first_delay(delay);
        }
        if let Some(Seconds(delay)) = self.max_delay {
            retries = retries.max_delay(delay);
        }
        if let Some(Seconds(delay)) = self.max_retry_after {
            retries = retries.max_retry_after(delay);
        }
        retries
    }
}

/// A time in seconds, as Python counts it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seconds(pub Duration);

impl<'py> FromPyObject<'_, 'py> for Seconds {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let seconds: f64 = value.extract()?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| {
            PyValueError::new_err(format!(
                "expected a number of seconds, at least 0, found {seconds}"
            ))
        })
    }
}

impl<'py> IntoPyObject<'py> for Seconds {
    type Target = pyo3::types::PyFloat;
    type Output = Bound<'py, Self::Target>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        self.0.as_secs_f64().into_pyobject(py)
    }
}

/// A policy, or a number of attempts.
fn retry_policy(value: &Bound<'_, PyAny>) -> PyResult<mistral_datasets::RetryPolicy> {
    if let Ok(policy) = value.cast::<RetryPolicy>() {
        return Ok(policy.get().policy());
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return Ok(mistral_datasets::RetryPolicy::default().max_attempts(value.extract()?));
    }
    let found = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "expected mistral_datasets.RetryPolicy, a number of attempts or None, found {found}"
    )))
}

/// Further headers.
fn headers(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mapping = value.cast::<PyMapping>()?;
    mapping.items()?.iter().map(|pair| pair.extract()).collect()
}

/// A time in milliseconds. The client refuses a time of nothing, which a negative one is too.
fn milliseconds(time: i64) -> Duration {
    Duration::from_millis(time.try_into().unwrap_or(0))
}

/// The options that a dict names, which are what a client is set up with.
///
/// # Errors
/// `TypeError` for an unknown name, and for a value that is none for its name.
pub fn read(given: &Bound<'_, PyDict>) -> PyResult<Options> {
    given.iter().try_fold(Options::new(), |options, (name, value)| {
        let name = name.cast_into::<PyString>()?;
        let name = name.to_str()?;
        add(options, name, &value).map_err(|problem| named(name, problem, value.py()))
    })
}

fn add(options: Options, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Options> {
    Ok(match name {
        _ if value.is_none() => options,
        "api_key" => options.api_key(value.extract::<String>()?),
        "server_url" => options.server_url(value.extract::<String>()?),
        "timeout_ms" => options.timeout(milliseconds(value.extract()?)),
        "deadline_ms" => options.deadline(milliseconds(value.extract()?)),
        "retries" => options.retries(retry_policy(value)?),
        "headers" | "http_headers" => headers(value)?
            .into_iter()
            .fold(options, |options, (name, value)| options.header(name, value)),
        _ => return Err(PyTypeError::new_err("there is no such argument")),
    })
}

/// Says which argument a problem is about.
fn named(name: &str, problem: PyErr, py: Python<'_>) -> PyErr {
    let message = format!("{name}: {}", problem.value(py));
    if problem.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(message)
    } else {
        PyValueError::new_err(message)
    }
}

/// The keywords that every operation takes beside its arguments, by the names that the official SDK has for them.
///
/// # Errors
/// `TypeError` for any other.
pub fn of_call(keywords: &Bound<'_, PyDict>) -> PyResult<Options> {
    const NAMES: [&str; 4] = ["retries", "server_url", "timeout_ms", "http_headers"];
    for name in keywords.keys() {
        if !NAMES.contains(&name.cast::<PyString>()?.to_str()?) {
            let message = format!("got an unexpected keyword argument '{name}'");
            return Err(PyTypeError::new_err(message));
        }
    }
    read(keywords)
}
