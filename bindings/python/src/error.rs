//! The client's errors as the Python exceptions of `mistral_datasets.errors`.

use std::error::Error as StdError;
use std::io;

use mistral_datasets::{Error, ErrorKind};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::model::Source;
use crate::options::Seconds;
use crate::report;
use crate::runtime::Response;
use crate::session::Session;

/// The names of all kinds of error, for the test that compares them with the classes.
pub fn kinds() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.name()).collect()
}

/// The exception of an error, with its causes as a chain.
///
/// Objects in it that can look after themselves do so by the client of the session.
pub fn exception(py: Python<'_>, session: Option<&Session>, error: &Error) -> PyErr {
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
        if let Some(task) = error.task() {
            let source = Source { py, session };
            details.set_item("task", task.clone().into_object(source)?)?;
        }
        if let Some(report) = error.report() {
            details.set_item("report", report::object(Source { py, session }, report)?)?;
        }
        details.set_item("text", error.to_string())?;
        PyResult::Ok(details)
    };
    let exception = details()
        .map(|details| new(py, error.kind().name(), error.message(), Some(&details)))
        .unwrap_or_else(|failure| failure);
    exception.set_cause(py, StdError::source(error).map(|source| cause(py, source)));
    exception
}

/// The exception of a response, or a part of one, that cannot be read.
pub fn unreadable(py: Python<'_>, problem: &str, cause: PyErr) -> PyErr {
    let exception = new(py, ErrorKind::Decoding.name(), problem, None);
    exception.set_cause(py, Some(cause));
    exception
}

/// The exception of JSON text that is no such response. serde's words may quote the text, so that only the place is told.
pub fn unparsable(py: Python<'_>, problem: &serde_json::Error) -> PyErr {
    let message = format!(
        "the text is not what the API promises: unexpected content at line {} column {}",
        problem.line(),
        problem.column()
    );
    new(py, ErrorKind::Decoding.name(), &message, None)
}

/// The exception of a client that cannot serve here.
pub fn misconfigured(py: Python<'_>, message: &str) -> PyErr {
    new(py, ErrorKind::Configuration.name(), message, None)
}

/// The exception of an argument that is refused before the client sees it, with the code that the client would give it.
pub fn invalid(py: Python<'_>, operation: &str, message: &str, cause: PyErr) -> PyErr {
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
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKE.import(py, "mistral_datasets.errors", "from_native")
        .and_then(|make| make.call((kind, message), details))
        .map_or_else(|failure| failure, PyErr::from_value)
}

/// A cause as an exception: Python's own where the system said it, with the number that Python's code looks for.
fn cause(py: Python<'_>, source: &(dyn StdError + 'static)) -> PyErr {
    let number = source.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    let exception = match number {
        Some(number) => {
            let words = source.to_string();
            let words = words.split(" (os error").next().unwrap_or(&words);
            PyOSError::new_err((number, words.to_owned()))
        }
        None => PyRuntimeError::new_err(source.to_string()),
    };
    exception.set_cause(py, source.source().map(|source| cause(py, source)));
    exception
}
