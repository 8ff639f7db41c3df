//! Client and request options.

use std::time::Duration;

use mistral_datasets::Options;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyMapping, PyString, PyTuple};

/// Controls how often and after what delay failed requests are retried. Times are in seconds.
///
/// Options that are not given keep the value of the client that the policy is passed to, or their default.
#[pyclass(name = "RetryPolicy", frozen, eq, hash, get_all, module = "mistral_datasets")]
#[derive(PartialEq, Hash)]
pub struct RetryPolicy {
    /// Maximum number of retries after the first attempt.
    max_retries: Option<u32>,
    /// Maximum delay before the first retry.
    first_delay: Option<Seconds>,
    /// Upper limit of the delay between retries, without `Retry-After`.
    max_delay: Option<Seconds>,
    /// Longest `Retry-After` that is honored.
    max_retry_after: Option<Seconds>,
    /// Whether POST requests are retried after status 503 with `Retry-After`.
    retry_unavailable_writes: Option<bool>,
}

#[pymethods]
impl RetryPolicy {
    #[new]
    #[pyo3(signature = (max_retries=None, *, first_delay=None, max_delay=None, max_retry_after=None, retry_unavailable_writes=None))]
    fn new(
        max_retries: Option<u32>,
        first_delay: Option<Seconds>,
        max_delay: Option<Seconds>,
        max_retry_after: Option<Seconds>,
        retry_unavailable_writes: Option<bool>,
    ) -> Self {
        Self { max_retries, first_delay, max_delay, max_retry_after, retry_unavailable_writes }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut arguments: Vec<String> = self.max_retries.iter().map(u32::to_string).collect();
        for (name, delay) in self.delays() {
            if let Some(delay) = delay {
                arguments.push(format!("{name}={}", delay.into_pyobject(py)?.repr()?));
            }
        }
        if let Some(retry) = self.retry_unavailable_writes {
            let retry = if retry { "True" } else { "False" };
            arguments.push(format!("retry_unavailable_writes={retry}"));
        }
        Ok(format!("RetryPolicy({})", arguments.join(", ")))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let keywords = PyDict::new(py);
        keywords.set_item("max_retries", slf.get().max_retries)?;
        keywords.set_item("retry_unavailable_writes", slf.get().retry_unavailable_writes)?;
        for (name, delay) in slf.get().delays() {
            keywords.set_item(name, delay)?;
        }
        let partial = py.import("functools")?.getattr("partial")?;
        let constructor = partial.call((slf.get_type(),), Some(&keywords))?;
        (constructor, PyTuple::empty(py)).into_pyobject(py)
    }
}

impl RetryPolicy {
    fn delays(&self) -> [(&'static str, Option<Seconds>); 3] {
        [
            ("first_delay", self.first_delay),
            ("max_delay", self.max_delay),
            ("max_retry_after", self.max_retry_after),
        ]
    }

    fn to_client(&self) -> mistral_datasets::RetryPolicy {
        let mut policy = mistral_datasets::RetryPolicy::new();
        if let Some(retries) = self.max_retries {
            policy = policy.max_retries(retries);
        }
        if let Some(Seconds(delay)) = self.first_delay {
            policy = policy.first_delay(delay);
        }
        if let Some(Seconds(delay)) = self.max_delay {
            policy = policy.max_delay(delay);
        }
        if let Some(Seconds(delay)) = self.max_retry_after {
            policy = policy.max_retry_after(delay);
        }
        if let Some(retry) = self.retry_unavailable_writes {
            policy = policy.retry_unavailable_writes(retry);
        }
        policy
    }
}

/// A duration that is a number of seconds in Python.
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

/// Parses `retries`: a policy or a number of retries.
fn parse_retries(value: &Bound<'_, PyAny>) -> PyResult<mistral_datasets::RetryPolicy> {
    if let Ok(policy) = value.cast::<RetryPolicy>() {
        return Ok(policy.get().to_client());
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return Ok(mistral_datasets::RetryPolicy::new().max_retries(value.extract()?));
    }
    let found = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "expected mistral_datasets.RetryPolicy, a number of retries or None, found {found}"
    )))
}

fn parse_headers(value: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mapping = value.cast::<PyMapping>()?;
    mapping.items()?.iter().map(|pair| pair.extract()).collect()
}

/// Converts milliseconds. A negative number becomes zero, which the client rejects.
fn milliseconds(number: i64) -> Duration {
    Duration::from_millis(number.try_into().unwrap_or(0))
}

/// Parses a dict of client options.
///
/// # Errors
/// `TypeError` for an unknown option or a value of the wrong type.
pub fn parse(options: &Bound<'_, PyDict>) -> PyResult<Options> {
    options.iter().try_fold(Options::new(), |options, (name, value)| {
        let name = name.cast_into::<PyString>()?;
        let name = name.to_str()?;
        set(options, name, &value).map_err(|error| with_option_name(name, error, value.py()))
    })
}

fn set(options: Options, name: &str, value: &Bound<'_, PyAny>) -> PyResult<Options> {
    Ok(match name {
        _ if value.is_none() => options,
        "api_key" => options.api_key(value.extract::<String>()?),
        "server_url" => options.server_url(value.extract::<String>()?),
        "timeout_ms" => options.timeout(milliseconds(value.extract()?)),
        "deadline_ms" => options.deadline(milliseconds(value.extract()?)),
        "retries" => options.retries(parse_retries(value)?),
        "headers" | "http_headers" => parse_headers(value)?
            .into_iter()
            .fold(options, |options, (name, value)| options.header(name, value)),
        _ => return Err(PyTypeError::new_err("unknown option")),
    })
}

/// Prefixes an error's message with the option that it is about.
fn with_option_name(name: &str, error: PyErr, py: Python<'_>) -> PyErr {
    let message = format!("{name}: {}", error.value(py));
    if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(message)
    } else {
        PyValueError::new_err(message)
    }
}

/// Parses the keyword options that every operation accepts. Their names are those of the official SDK.
///
/// # Errors
/// `TypeError` for an unknown keyword or a value of the wrong type.
pub fn parse_call_options(keywords: &Bound<'_, PyDict>) -> PyResult<Options> {
    const NAMES: [&str; 4] = ["retries", "server_url", "timeout_ms", "http_headers"];
    for name in keywords.keys() {
        if !NAMES.contains(&name.cast::<PyString>()?.to_str()?) {
            let message = format!("got an unexpected keyword argument '{name}'");
            return Err(PyTypeError::new_err(message));
        }
    }
    parse(keywords)
}
