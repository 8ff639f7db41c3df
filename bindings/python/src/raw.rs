//! Responses as they came, beside what was made of them.
//!
//! Whether one is wanted is said by a mark of the thread, which the call takes off: so no method of a resource has to know.

use std::cell::Cell;

use mistral_datasets::RawResponse;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};

thread_local! {
    static WANTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the call that is being made is to bring its response as it came. It is asked once for each call.
pub fn is_wanted() -> bool {
    WANTED.take()
}

/// Makes a call of a resource that brings its response as it came.
///
/// # Errors
/// `TypeError` where the method makes no single call; otherwise whatever it raises.
pub fn call<'py>(
    method: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    WANTED.set(true);
    let result = method.call(arguments, keywords);
    if WANTED.take() && result.is_ok() {
        return Err(PyTypeError::new_err(
            "expected a method that makes a single call of the API, such as `mistral.datasets.list`",
        ));
    }
    result
}

/// What Python gets.
pub fn object(py: Python<'_>, value: Py<PyAny>, response: &RawResponse) -> PyResult<Py<PyAny>> {
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
