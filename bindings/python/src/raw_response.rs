//! `Mistral.raw`: a call that also returns its HTTP response.
//!
//! A thread-local flag requests the response, and the next call on the thread resets the flag. The methods of resources therefore
//! need no parameter for it.

use std::cell::Cell;

use mistral_datasets::RawResponse;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};

thread_local! {
    static REQUESTED: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the call that is being created must return its response, and resets the flag.
pub fn take_request() -> bool {
    REQUESTED.take()
}

/// Fails if the operation that is being created must return its response, which it does not have.
///
/// # Errors
/// `TypeError` if [`call`] requested the response.
pub fn refuse_request() -> PyResult<()> {
    if !REQUESTED.get() {
        return Ok(());
    }
    Err(PyTypeError::new_err(
        "expected a method that makes a single call of the API, such as `mistral.datasets.list`",
    ))
}

/// Calls a method of a resource and requests its response.
///
/// # Errors
/// `TypeError` if the method does not send exactly one request; otherwise the method's own exceptions.
pub fn call<'py>(
    method: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    REQUESTED.set(true);
    let result = method.call(arguments, keywords);
    let refused = result.as_ref().ok().map(|_| refuse_request());
    REQUESTED.set(false);
    refused.transpose()?;
    result
}

/// Creates the `RawResponse` object.
pub fn to_python(py: Python<'_>, value: Py<PyAny>, response: &RawResponse) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let headers = PyDict::new(py);
    for name in response.headers().keys() {
        let values = response.headers().get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.set_item(name.as_str(), values.join(", "))?;
    }
    let class = CLASS.import(py, "mistral_datasets._raw", "RawResponse")?;
    let arguments = (
        value,
        response.status(),
        headers,
        response.request_id(),
        PyBytes::new(py, response.body()),
        response.elapsed().as_secs_f64(),
        response.attempts(),
    );
    Ok(class.call1(arguments)?.unbind())
}
