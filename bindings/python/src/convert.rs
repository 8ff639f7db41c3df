//! Conversion of call results to Python objects.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyClass, ffi};
use serde::de::DeserializeOwned;

use crate::error;
use crate::session::Session;

/// What a conversion to Python objects needs.
#[derive(Clone, Copy)]
pub struct ConvertContext<'a, 'py> {
    /// The attached interpreter.
    pub py: Python<'py>,
    /// The client that returned the value. Objects whose methods send requests keep it.
    pub session: Option<&'a Session>,
}

impl<'a, 'py> ConvertContext<'a, 'py> {
    /// Creates a context for values that a client returned.
    pub fn new(py: Python<'py>, session: &'a Session) -> Self {
        Self { py, session: Some(session) }
    }

    /// Creates a context for values without a client, such as parsed JSON.
    pub fn detached(py: Python<'py>) -> Self {
        Self { py, session: None }
    }
}

/// The result of a call, which becomes a Python object or an exception on a Python thread.
pub trait IntoPython: Send + 'static {
    /// Creates the Python object, or returns the exception to raise.
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>>;
}

impl IntoPython for () {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(context.py.None())
    }
}

/// Creates an object that the garbage collector does not track.
///
/// The classes of this module do not implement `__traverse__`, so tracking them has no use, but the collector would still visit
/// every response in memory.
pub fn new_untracked<T: PyClass>(
    py: Python<'_>,
    value: impl Into<PyClassInitializer<T>>,
) -> PyResult<Py<T>> {
    let object = Py::new(py, value)?;
    // SAFETY: the interpreter is attached, the object is alive, and its class supports garbage collection. Untracking an object
    // twice, as PyO3 does before freeing it, is harmless.
    #[allow(unsafe_code, reason = "PyO3 has no safe wrapper")]
    unsafe {
        if ffi::PyType_IS_GC(ffi::Py_TYPE(object.as_ptr())) != 0 {
            ffi::PyObject_GC_UnTrack(object.as_ptr().cast());
        }
    }
    Ok(object)
}

/// Deserializes a response from JSON.
pub fn from_json<T: DeserializeOwned>(py: Python<'_>, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| error::schema_mismatch(py, &error))
}

/// Implements `__reduce__`: an object is pickled as its class and its JSON.
pub fn reduce<'py>(object: &Bound<'py, PyAny>, json: String) -> PyResult<Bound<'py, PyTuple>> {
    let py = object.py();
    let restore = py.import("mistral_datasets._native")?.getattr("restore")?;
    (restore, (object.get_type(), json)).into_pyobject(py)
}

/// Recreates a pickled object.
#[pyfunction]
#[pyo3(signature = (class, text, /))]
pub fn restore<'py>(class: &Bound<'py, PyAny>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    class.call_method1("from_json", (text,))
}
