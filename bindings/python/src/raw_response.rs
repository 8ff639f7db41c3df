//! `Mistral.raw`: a call that also returns its HTTP response.
//!
//! A thread-local flag requests the response, and the next call on the thread resets the flag. The methods of resources therefore
//! need no parameter for it.
//!
//! Only calls that send a single request take the flag. Everything that runs a call, blocking or as a coroutine, first checks
//! with [`refuse_request`] that the flag was taken, so that no other method sends anything while a response is requested.

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

/// Fails if a response was requested and the operation that is about to run has none.
///
/// # Errors
/// `TypeError` if [`call`] requested the response and no call took the request.
pub fn refuse_request() -> PyResult<()> {
    if !REQUESTED.get() {
        return Ok(());
    }
    Err(PyTypeError::new_err(
        "expected a method that sends a single request, such as `mistral.datasets.list`; bulk calls, imports, exports, \
         downloads, pagers and waits have no single response",
    ))
}

/// Calls a method of a resource and requests its response. Returns the coroutine of an async method, which has not started and
/// therefore took no request.
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
    let refused = refuse_request();
    REQUESTED.set(false);
    let result = result?;
    if refused.is_err() && !is_coroutine(&result)? {
        refused?;
    }
    Ok(result)
}

fn is_coroutine(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.py().import("inspect")?.call_method1("iscoroutine", (value,))?.is_truthy()
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
