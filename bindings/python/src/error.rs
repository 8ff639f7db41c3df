//! Creates the exceptions of `mistral_datasets.errors`.

use std::error::Error as StdError;
use std::io;

use mistral_datasets::{Error, ErrorKind};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::options::Seconds;

/// Returns the names of all error kinds. A test compares them with the exception classes.
pub fn kinds() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.name()).collect()
}

/// Returns the exception for an error that has neither a task nor a report.
///
/// Errors of calls may have them; see [`report::exception`](crate::report::exception).
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    exception_with(py, error, |_| Ok(()))
}

/// Returns the exception for an error, with the root of its sources as `__cause__`.
///
/// `add_details` may add further attributes.
pub fn exception_with(
    py: Python<'_>,
    error: &Error,
    add_details: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<()>,
) -> PyErr {
    let details = || {
        let details = PyDict::new(py);
        details.set_item("operation", error.operation())?;
        details.set_item("status", error.status())?;
        details.set_item("error_code", error.code())?;
        details.set_item("request_id", error.request_id())?;
        details.set_item("retryable", error.is_retryable())?;
        details.set_item("hint", error.hint())?;
        details.set_item("body", error.body())?;
        details.set_item("attempts", error.attempts())?;
        details.set_item("elapsed", error.elapsed().map(Seconds))?;
        details.set_item("retry_after", error.retry_after().map(Seconds))?;
        details.set_item("ambiguous", error.is_ambiguous())?;
        details.set_item("text", error.to_string())?;
        add_details(&details)?;
        PyResult::Ok(details)
    };
    let exception = details()
        .map(|details| new(py, error.kind().name(), error.message(), Some(&details)))
        .unwrap_or_else(|failure| failure);
    exception.set_cause(py, StdError::source(error).map(cause));
    exception
}

/// Returns the `DecodingError` for a response, or a part of one, that cannot be parsed.
pub fn decoding(py: Python<'_>, message: &str, cause: PyErr) -> PyErr {
    let exception = new(py, ErrorKind::Decoding.name(), message, None);
    exception.set_cause(py, Some(cause));
    exception
}

/// Returns the `DecodingError` for JSON that does not match the schema.
///
/// It reports only the position, because serde's message may quote the JSON.
pub fn schema_mismatch(py: Python<'_>, error: &serde_json::Error) -> PyErr {
    let message = format!(
        "the JSON does not match the API's schema: unexpected content at line {} column {}",
        error.line(),
        error.column()
    );
    new(py, ErrorKind::Decoding.name(), &message, None)
}

/// Returns the `ConfigurationError` for a client that cannot be used.
pub fn configuration(py: Python<'_>, message: &str) -> PyErr {
    new(py, ErrorKind::Configuration.name(), message, None)
}

/// Returns the `ValidationError` for an argument that is rejected before it reaches the client.
pub fn validation(py: Python<'_>, operation: &str, message: &str, cause: PyErr) -> PyErr {
    let details = || {
        let details = PyDict::new(py);
        details.set_item("operation", operation)?;
        details.set_item("error_code", "VALIDATION_ERROR")?;
        details.set_item("text", format!("{operation}: {message} (VALIDATION_ERROR)"))?;
        PyResult::Ok(details)
    };
    let exception = details()
        .map(|details| new(py, ErrorKind::Validation.name(), message, Some(&details)))
        .unwrap_or_else(|failure| failure);
    exception.set_cause(py, Some(cause));
    exception
}

fn new(py: Python<'_>, kind: &str, message: &str, details: Option<&Bound<'_, PyDict>>) -> PyErr {
    static FROM_NATIVE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FROM_NATIVE
        .import(py, "mistral_datasets.errors", "from_native")
        .and_then(|from_native| from_native.call((kind, message), details))
        .map_or_else(|failure| failure, PyErr::from_value)
}

/// Converts the source of an error: the I/O error at its root as the `OSError` subclass that matches its `errno`, or else the root.
///
/// The layers in between are those of HTTP libraries. They repeat the error's message, and nobody can act on them.
fn cause(source: &(dyn StdError + 'static)) -> PyErr {
    let mut root = source;
    loop {
        let errno = root.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if let Some(errno) = errno {
            let message = root.to_string();
            let message = message.split(" (os error").next().unwrap_or(&message);
            return PyOSError::new_err((errno, message.to_owned()));
        }
        match root.source() {
            Some(source) => root = source,
            None => return PyRuntimeError::new_err(root.to_string()),
        }
    }
}
