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
use pyo3::types::{PyBool, PyDict, PyFloat, PyList, PyString};

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

/// The client's type of a JSON value, and its form in Python.
pub trait JsonType: 'static {
    /// Whether a value that the program does not give is an empty object.
    const IS_OPTIONAL: bool = false;

    /// Converts a parsed value to the form in which the program sees it.
    fn from_parsed<'py>(value: Bound<'py, PyAny>, _raw: &RawJson) -> PyResult<Bound<'py, PyAny>> {
        Ok(value)
    }

    /// Returns whether an object of the program already has that form, so that it is kept instead of copied.
    fn is_instance(_value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(false)
    }
}

impl JsonType for RawJson {}

/// A JSON value that is parsed once, on first access. `W` is the client's type for it.
///
/// The program may modify the parsed lists and dicts. The value is therefore serialized again only if the parsed value has changed;
/// otherwise the JSON is kept verbatim.
pub struct LazyJson<W> {
    raw: RawJson,
    parsed: OnceLock<Py<PyAny>>,
    wire: PhantomData<fn() -> W>,
}

impl<W: JsonType> LazyJson<W> {
    /// Wraps JSON that was received.
    pub fn received(raw: RawJson) -> Self {
        Self { raw, parsed: OnceLock::new(), wire: PhantomData }
    }

    /// Serializes a value of the program. It is copied, unless it is an instance of this package's class for it.
    ///
    /// # Errors
    /// `InvalidValueError` if JSON cannot represent the value; see [`encoding_problem`].
    pub fn created(value: &Bound<'_, PyAny>, raw: RawJson) -> PyResult<Self> {
        let created = Self::received(raw);
        if W::is_instance(value)? {
            created.parsed.get_or_init(|| value.clone().unbind());
        }
        Ok(created)
    }

    /// Returns the parsed value. Every call returns the same object.
    pub fn value<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        if let Some(value) = self.parsed.get() {
            return Ok(value.bind(py));
        }
        // Parsing may run other Python threads, so it happens before the cell is locked; the first result wins.
        // `PyOnceLock` would detach from the interpreter on every first access, which costs a tenth of the parsing.
        let value = W::from_parsed(parse(py, self.raw.get())?, &self.raw)?.unbind();
        Ok(self.parsed.get_or_init(|| value).bind(py))
    }

    /// Returns the value as JSON, verbatim unless the parsed value was modified.
    pub fn to_raw(&self, py: Python<'_>) -> PyResult<RawJson> {
        match self.parsed.get() {
            Some(value) if !is_unchanged(&self.raw, value.bind(py))? => serialize(value.bind(py)),
            _ => Ok(self.raw.clone()),
        }
    }
}

/// Returns whether two parsed values are the same JSON.
///
/// Python's `==` is not enough: `True == 1`, and all numbers that overflow a float are the same infinity.
pub fn is_same(left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let (Ok(left), Ok(right)) = (left.cast::<PyDict>(), right.cast::<PyDict>()) {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (key, value) in left {
            match right.get_item(key)? {
                Some(other) if is_same(&value, &other)? => {}
                _ => return Ok(false),
            }
        }
        return Ok(true);
    }
    if let (Ok(left), Ok(right)) = (left.cast::<PyList>(), right.cast::<PyList>()) {
        if left.len() != right.len() {
            return Ok(false);
        }
        for (left, right) in left.iter().zip(right) {
            if !is_same(&left, &right)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let is_bool = left.is_instance_of::<PyBool>();
    let is_infinite = left.cast::<PyFloat>().is_ok_and(|number| number.value().is_infinite());
    Ok(is_bool == right.is_instance_of::<PyBool>() && !is_infinite && left.eq(right)?)
}

/// Returns whether a parsed value still matches its JSON.
///
/// Compares the serialized forms, because values that are equal in Python, such as `1` and `True`, may differ in JSON. Python reads
/// `1e400` as an infinite float, which cannot be serialized again; such values are compared by their `repr`.
pub fn is_unchanged(raw: &RawJson, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let original = parse(value.py(), raw.get())?;
    match serialize_to_str(&original) {
        Ok(original) => Ok(original.to_str()? == serialize_to_str(value)?.to_str()?),
        Err(_) => {
            // The `repr` of a payload is only a summary.
            let plain = value.cast::<PyDict>().ok().map(|dict| dict.copy()).transpose()?;
            let plain = plain.map_or_else(|| value.clone(), Bound::into_any);
            Ok(original.repr()?.to_str()? == plain.repr()?.to_str()?)
        }
    }
}
