//! JSON that is parsed on first access.
//!
//! The Python module `_json` writes JSON, so integers of any size and floats keep their exact values. A value that JSON cannot
//! represent exactly is refused with its path.

use std::marker::PhantomData;
use std::sync::OnceLock;

use jiter::{PythonParse, StringCacheMode};
use mistral_datasets::RawJson;
use pyo3::exceptions::{PyOverflowError, PyRecursionError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::error;

/// Parses JSON to the value that `json.loads` would return.
///
/// # Errors
/// `DecodingError` if the JSON is invalid, or Python cannot represent it, such as a number with too many digits.
pub fn parse<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    // Records repeat the same roles, models and keys, so caching strings saves allocations. The cache holds at most 16,384 strings
    // of less than 64 bytes.
    let parser = PythonParse { cache_mode: StringCacheMode::All, ..PythonParse::default() };
    // Python's parser accepts some input that jiter rejects: lone surrogates and deep nesting.
    parser.python_parse(py, json.as_bytes()).or_else(|_| parse_with_python(py, json))
}

fn parse_with_python<'py>(py: Python<'py>, json: &str) -> PyResult<Bound<'py, PyAny>> {
    static PARSE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (value, _end): (Bound<'py, PyAny>, usize) = PARSE
        .import(py, "mistral_datasets._json", "parse")?
        .call1((json,))
        .map_err(|cause| match is_conversion_error(py, &cause) {
            true => error::decoding(py, &cause.value(py).to_string(), cause),
            false => cause,
        })?
        .extract()?;
    Ok(value)
}

/// Serializes a value to JSON.
///
/// # Errors
/// `InvalidValueError` if JSON cannot represent the value; see [`encoding_problem`].
pub fn serialize(value: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    RawJson::from_string(serialize_to_str(value)?.to_str()?.to_owned())
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

fn serialize_to_str<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    static WRITE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static ESCAPE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let json = WRITE.import(py, "mistral_datasets._json", "write")?.call1((value,))?;
    let json: Bound<'_, PyString> = json.cast_into()?;
    if json.to_str().is_ok() {
        return Ok(json);
    }
    let escape = ESCAPE.import(py, "mistral_datasets._json", "escape_surrogates")?;
    Ok(escape.call1((json,))?.cast_into()?)
}

/// Returns the problem of a value that cannot be represented, or `None` for any other exception.
///
/// The problem continues the name of the value: it starts with the path inside the value, and is `.messages[0].score: NaN is not
/// a JSON number` or `: expected …`.
pub fn encoding_problem(py: Python<'_>, error: &PyErr) -> Option<String> {
    let value = error.value(py);
    if let (Ok(location), Ok(problem)) = (value.getattr("location"), value.getattr("problem")) {
        return Some(format!("{location}: {problem}"));
    }
    is_conversion_error(py, error).then(|| format!(": {value}"))
}

/// Returns whether Python raises an exception for values that cannot be converted.
fn is_conversion_error(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
        || error.is_instance_of::<PyRecursionError>(py)
}

/// A JSON value that is parsed once, on first access. `W` is the client's type for it.
///
/// The program may modify the parsed lists and dicts. A received value is therefore serialized again only if the parsed value has
/// changed; otherwise the JSON is kept verbatim.
pub enum LazyJson<W> {
    /// A value that was received as JSON.
    Received {
        /// The JSON, verbatim.
        raw: RawJson,
        /// The parsed value.
        parsed: OnceLock<Py<PyAny>>,
        /// The client's type.
        wire: PhantomData<fn() -> W>,
    },
    /// A value that was created in Python.
    Created(Py<PyAny>),
}

impl<W> LazyJson<W> {
    /// Wraps JSON that was received.
    pub fn received(raw: RawJson) -> Self {
        Self::Received { raw, parsed: OnceLock::new(), wire: PhantomData }
    }

    /// Returns the parsed value. Every call returns the same object.
    pub fn value<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        match self {
            Self::Received { raw, parsed, .. } => {
                if let Some(value) = parsed.get() {
                    return Ok(value.bind(py));
                }
                // Parsing may run other Python threads, so it happens before the cell is locked; the first result wins.
                // `PyOnceLock` would detach from the interpreter on every first access, which costs a tenth of the parsing.
                let value = parse(py, raw.get())?.unbind();
                Ok(parsed.get_or_init(|| value).bind(py))
            }
            Self::Created(value) => Ok(value.bind(py)),
        }
    }

    /// Returns the value as JSON.
    pub fn to_raw(&self, py: Python<'_>) -> PyResult<RawJson> {
        match self {
            Self::Received { raw, parsed, .. } => match parsed.get() {
                Some(value) if !is_unchanged(raw, value.bind(py))? => serialize(value.bind(py)),
                _ => Ok(raw.clone()),
            },
            Self::Created(value) => serialize(value.bind(py)),
        }
    }
}

/// Returns whether a parsed value still matches its JSON.
///
/// Compares the serialized forms, because values that are equal in Python, such as `1` and `True`, may differ in JSON. Python reads
/// `1e400` as an infinite float, which cannot be serialized again; such values are compared by their `repr`.
fn is_unchanged(raw: &RawJson, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let original = parse(value.py(), raw.get())?;
    match serialize_to_str(&original) {
        Ok(original) => Ok(original.to_str()? == serialize_to_str(value)?.to_str()?),
        Err(_) => Ok(original.repr()?.to_str()? == value.repr()?.to_str()?),
    }
}
