//! Client and call options.

use std::time::Duration;

use mistral_datasets::Options;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyMapping, PyString};

use crate::arguments::{self, Argument, described};
use crate::error;

/// A duration, which is a number of seconds or a `timedelta` in Python.
#[derive(Clone, Copy)]
pub struct Seconds(pub Duration);

impl Argument for Seconds {
    const EXPECTED: &'static str = "a number of seconds or a timedelta";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let seconds = match value.getattr_opt(intern!(value.py(), "total_seconds"))? {
            Some(total_seconds) => total_seconds.call0()?.extract(),
            None if value.is_instance_of::<PyBool>() => {
                return Err(arguments::wrong_type::<Self>(value));
            }
            None => value.extract::<f64>(),
        };
        let seconds = seconds.map_err(|_| arguments::wrong_type::<Self>(value))?;
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| {
            let value = value.str().map(|value| value.to_string()).unwrap_or_default();
            PyValueError::new_err(format!(
                "expected a duration of at least 0 seconds, found {value}"
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

/// A number of milliseconds, as the official SDK has them.
struct Milliseconds(Duration);

impl Argument for Milliseconds {
    const EXPECTED: &'static str = "a number of milliseconds";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let milliseconds =
            i64::from_value(value).map_err(|error| described::<Self>(error, value))?;
        let milliseconds = u64::try_from(milliseconds).map_err(|_| {
            PyValueError::new_err(format!("expected at least 0 milliseconds, found {milliseconds}"))
        })?;
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

/// The number of retries after the first attempt.
struct MaxRetries(u32);

impl Argument for MaxRetries {
    const EXPECTED: &'static str = "a number of retries";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let number = i64::from_value(value).map_err(|error| described::<Self>(error, value))?;
        number.try_into().map(Self).map_err(|_| {
            PyValueError::new_err(format!("expected a number of retries from 0, found {number}"))
        })
    }
}

/// HTTP headers.
struct Headers(Vec<(String, String)>);

impl Argument for Headers {
    const EXPECTED: &'static str = "a mapping of str to str";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mapping =
            value.cast::<PyMapping>().map_err(|_| arguments::wrong_type::<Self>(value))?;
        let pair = |pair: Bound<'_, PyAny>| {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair.extract()?;
            let Ok(name) = name.extract::<String>() else {
                let found = arguments::type_name(&name)?;
                return Err(wrong_header(&found, "a name"));
            };
            let Ok(value) = value.extract::<String>() else {
                let found = arguments::type_name(&value)?;
                return Err(wrong_header(&found, &format!("the value of '{name}'")));
            };
            Ok((name, value))
        };
        mapping.items()?.iter().map(pair).collect::<PyResult<_>>().map(Self)
    }
}

fn wrong_header(found: &str, place: &str) -> PyErr {
    PyTypeError::new_err(format!("expected {}, found {found} as {place}", Headers::EXPECTED))
}

/// Returns the number of seconds of a duration, or `None` for `None`.
///
/// # Errors
/// `TypeError` or `ValueError` that names the argument.
#[pyfunction]
#[pyo3(signature = (name, value, /))]
pub fn seconds(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let duration: Option<Seconds> = arguments::optional(value, name)?;
    Ok(duration.map(|Seconds(duration)| duration.as_secs_f64()))
}

/// Returns the number of retries, or `None` for `None`.
///
/// # Errors
/// `TypeError` or `ValueError` that names the argument.
#[pyfunction]
#[pyo3(signature = (name, value, /))]
pub fn retries(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
    let number: Option<MaxRetries> = arguments::optional(value, name)?;
    Ok(number.map(|MaxRetries(number)| number))
}

/// Options that mean the same, the preferred one first. Only one of each pair can be given.
const ALIASES: [(&str, &str); 5] = [
    ("timeout", "timeout_ms"),
    ("deadline", "deadline_ms"),
    ("retry", "retries"),
    ("max_retries", "retries"),
    ("headers", "http_headers"),
];

/// Parses a dict of client options.
///
/// # Errors
/// `TypeError` for a value of the wrong type, or if an option is given together with its alias. `ConfigurationError` if a value is
/// out of range.
pub fn parse(options: &Bound<'_, PyDict>) -> PyResult<Options> {
    apply(options, |name| Err(PyTypeError::new_err(format!("unknown option `{name}`"))))
}

/// Parses the keyword options of a call. `method` is the public name of the called method, such as `datasets.list`.
///
/// # Errors
/// As [`parse`], and `TypeError` for an unknown keyword.
pub fn parse_call_options(keywords: &Bound<'_, PyDict>, method: &str) -> PyResult<Options> {
    let unexpected = |name: &str| {
        let py = keywords.py();
        let create = py.import("mistral_datasets._options")?.getattr("unexpected_keyword")?;
        Err(PyErr::from_value(create.call1((method, name))?))
    };
    if keywords.contains(intern!(keywords.py(), "api_key"))? {
        return unexpected("api_key");
    }
    apply(keywords, unexpected)
}

fn apply(
    given: &Bound<'_, PyDict>,
    unexpected: impl Fn(&str) -> PyResult<Options>,
) -> PyResult<Options> {
    let mut options = Options::new();
    for (name, value) in given {
        let name = name.cast_into::<PyString>()?;
        let name = name.to_str()?;
        if value.is_none() && is_known(name) {
            continue;
        }
        options = match name {
            "api_key" => options.api_key(arguments::required::<String>(&value, name)?),
            "server_url" => options.server_url(arguments::required::<String>(&value, name)?),
            "timeout" => options.timeout(in_range::<Seconds>(&value, name)?.0),
            "timeout_ms" => options.timeout(in_range::<Milliseconds>(&value, name)?.0),
            "deadline" => options.deadline(in_range::<Seconds>(&value, name)?.0),
            "deadline_ms" => options.deadline(in_range::<Milliseconds>(&value, name)?.0),
            "retry" | "retries" => retry(options, &value, name)?,
            // Set below, because it takes precedence over the policy.
            "max_retries" => options,
            "headers" | "http_headers" => arguments::required::<Headers>(&value, name)?
                .0
                .into_iter()
                .fold(options, |options, (name, value)| options.header(name, value)),
            _ => return unexpected(name),
        };
    }
    for (option, alias) in ALIASES {
        let is_given =
            |name| Ok::<_, PyErr>(given.get_item(name)?.is_some_and(|value| !value.is_none()));
        if is_given(option)? && is_given(alias)? {
            let message = format!("`{option}` and `{alias}` are the same option; pass one of them");
            return Err(PyTypeError::new_err(message));
        }
    }
    match given.get_item(intern!(given.py(), "max_retries"))? {
        Some(value) if !value.is_none() => {
            let MaxRetries(number) = in_range(&value, "max_retries")?;
            Ok(options.retries(mistral_datasets::RetryPolicy::new().max_retries(number)))
        }
        _ => Ok(options),
    }
}

fn is_known(name: &str) -> bool {
    ["api_key", "server_url"].contains(&name)
        || ALIASES.iter().any(|(option, alias)| *option == name || *alias == name)
}

/// Converts the value of an option. Like the client, it reports values out of range as `ConfigurationError`.
///
/// # Errors
/// `TypeError` or `ConfigurationError` that names the argument.
pub fn in_range<T: Argument>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<T> {
    let py = value.py();
    arguments::required(value, name).map_err(|error| {
        match error.is_instance_of::<PyValueError>(py) {
            true => error::configuration(py, &error.value(py).to_string()),
            false => error,
        }
    })
}

/// Applies `retry` or its alias `retries`.
fn retry(options: Options, value: &Bound<'_, PyAny>, name: &str) -> PyResult<Options> {
    static POLICY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let policy = POLICY.import(py, "mistral_datasets._options", "RetryPolicy")?;
    if value.is_instance(policy)? {
        return Ok(options.retries(policy_of(value)?));
    }
    if name == "retries" {
        if let Ok(number) = i64::from_value(value) {
            let MaxRetries(_) = in_range(value, name)?;
            let number = number.try_into().unwrap_or(u32::MAX);
            return Ok(options.retries(mistral_datasets::RetryPolicy::new().max_retries(number)));
        }
        let convert = py.import("mistral_datasets._options")?.getattr("from_official")?;
        let converted = convert.call1((value,))?;
        if !converted.is_none() {
            let (policy, deadline): (Bound<'_, PyAny>, Option<f64>) = converted.extract()?;
            let options = options.retries(policy_of(&policy)?);
            return Ok(match deadline {
                Some(seconds) => options.deadline(Duration::from_secs_f64(seconds)),
                None => options,
            });
        }
    }
    let expected = match name {
        "retry" => "mistral_datasets.RetryPolicy",
        _ => {
            "mistral_datasets.RetryPolicy, a number of retries, or a RetryConfig of the official SDK"
        }
    };
    let hint = match i64::from_value(value).is_ok() {
        true => "; for a number of retries, use `max_retries`",
        false => "",
    };
    let found = arguments::type_name(value)?;
    Err(PyTypeError::new_err(format!("{name}: expected {expected}, found {found}{hint}")))
}

/// Converts a `RetryPolicy`, which has validated its settings.
fn policy_of(value: &Bound<'_, PyAny>) -> PyResult<mistral_datasets::RetryPolicy> {
    let setting = |name| value.getattr(name);
    let delay = |name| {
        let seconds: Option<f64> = setting(name)?.extract()?;
        Ok::<_, PyErr>(seconds.map(Duration::from_secs_f64))
    };
    let mut policy = mistral_datasets::RetryPolicy::new();
    if let Some(retries) = setting("max_retries")?.extract()? {
        policy = policy.max_retries(retries);
    }
    if let Some(duration) = delay("first_delay")? {
        policy = policy.first_delay(duration);
    }
    if let Some(duration) = delay("max_delay")? {
        policy = policy.max_delay(duration);
    }
    if let Some(duration) = delay("max_retry_after")? {
        policy = policy.max_retry_after(duration);
    }
    if let Some(retry) = setting("retry_unavailable_writes")?.extract()? {
        policy = policy.retry_unavailable_writes(retry);
    }
    Ok(policy)
}
