//! JSON between the two languages: text on this side, made into Python's values when somebody looks, and written by Python's own
//! writer, so that integers of any size and floats stay exact.

use std::marker::PhantomData;
use std::sync::OnceLock;

use jiter::{PythonParse, StringCacheMode};
use mistral_datasets::RawJson;
use pyo3::exceptions::{PyOverflowError, PyRecursionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::error;
use crate::free_object::FreeObject;

/// Parses JSON text, to what `json.loads` would make of it.
///
/// # Errors
/// `DecodingError` when a server sent what is no JSON after all, or Python cannot hold what the text says, such as a number of
/// more digits than it allows.
pub fn parse<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    // The same few roles, models and names stand in every record, and are one Python string each; the cache holds at most 16,384
    // strings of less than 64 bytes.
    let quick = PythonParse { cache_mode: StringCacheMode::All, ..PythonParse::default() };
    // What the quick parser refuses and Python's own may take: half a surrogate pair, deep nesting.
    quick.python_parse(py, text.as_bytes()).or_else(|_| parse_slowly(py, text))
}

/// Parses text by Python's own parser.
fn parse_slowly<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    static PARSE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (value, _end): (Bound<'py, PyAny>, usize) = PARSE
        .import(py, "mistral_datasets._json", "parse")?
        .call1((text,))
        .map_err(|cause| match unfit(py, &cause) {
            Some(problem) => error::unreadable(py, &problem, cause),
            None => cause,
        })?
        .extract()?;
    Ok(value)
}

/// Writes a value as JSON text.
///
/// # Errors
/// Whatever Python raises where the value has no JSON form; see [`unfit`].
fn write<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    static WRITE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let text = WRITE.import(value.py(), "mistral_datasets._json", "write")?.call1((value,))?;
    Ok(text.cast_into()?)
}

/// What is wrong with a value, where an exception says that it has no JSON form and is no accident of its own.
pub fn unfit(py: Python<'_>, error: &PyErr) -> Option<String> {
    let expected = error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
        || error.is_instance_of::<PyRecursionError>(py);
    expected.then(|| error.value(py).to_string())
}

/// A JSON argument of a call as text.
///
/// # Errors
/// `ValidationError` where it has no JSON form.
pub fn argument(value: &Bound<'_, PyAny>, operation: &str, argument: &str) -> PyResult<RawJson> {
    let py = value.py();
    text(value).map_err(|error| match unfit(py, &error) {
        Some(problem) => error::invalid(
            py,
            operation,
            &format!("{argument}: has no JSON form: {problem}"),
            error,
        ),
        None => error,
    })
}

/// A value as JSON text.
///
/// # Errors
/// Whatever Python raises where the value has no JSON form; see [`unfit`].
pub fn text(value: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    match FreeObject::of(value) {
        Some(object) => object.text(value.py()),
        None => raw(value),
    }
}

fn raw(value: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    let text = write(value)?;
    RawJson::from_string(text.to_str()?.to_owned())
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A JSON value that Python parses when somebody looks, once; `W` is what the client calls it.
///
/// What Python got may be changed there, as lists and dicts are. Text is therefore made anew once a value has been
/// looked at and is no longer what it was parsed from; otherwise it stays verbatim.
pub enum Json<W> {
    /// It came as text.
    Received {
        /// The text as it came.
        text: RawJson,
        /// What Python made of it.
        value: OnceLock<Py<PyAny>>,
        /// What the client calls it.
        wire: PhantomData<fn() -> W>,
    },
    /// Python made it.
    Given(Py<PyAny>),
}

impl<W> Json<W> {
    /// A value that came as text.
    pub fn received(text: RawJson) -> Self {
        Self::Received { text, value: OnceLock::new(), wire: PhantomData }
    }

    /// The parsed value, the same object at each call.
    pub fn value<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        match self {
            Self::Received { text, value, .. } => {
                if let Some(value) = value.get() {
                    return Ok(value.bind(py));
                }
                // Parsed before the cell is locked, since Python may run other threads meanwhile; what the first of them made
                // stays. PyO3's own cell lets go of the interpreter at every first look, which costs a tenth of the parsing.
                let parsed = parse(py, text.get())?.unbind();
                Ok(value.get_or_init(|| parsed).bind(py))
            }
            Self::Given(value) => Ok(value.bind(py)),
        }
    }

    /// The value as text.
    pub fn text(&self, py: Python<'_>) -> PyResult<RawJson> {
        match self {
            Self::Received { text, value, .. } => match value.get() {
                Some(value) if !is_unchanged(text, value.bind(py))? => raw(value.bind(py)),
                _ => Ok(text.clone()),
            },
            Self::Given(value) => raw(value.bind(py)),
        }
    }
}

/// Whether a value is still what the text says. Both are compared as Python writes them, because values that are equal,
/// such as 1 and True, may differ there.
fn is_unchanged(text: &RawJson, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(write(&parse(value.py(), text.get())?)?.to_str()? == write(value)?.to_str()?)
}
