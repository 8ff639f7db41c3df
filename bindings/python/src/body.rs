//! Arguments that become a request body: JSON and files.

use mistral_datasets::RawJson;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PyString};
use serde::de::DeserializeOwned;

use crate::arguments::Argument;
use crate::error;
use crate::fields::{Field, conversion_problem, wrong_type};
use crate::file::FileArgument;
use crate::json::encoding_problem;
use crate::json_object;

/// Serializes an argument that becomes part of the request body.
///
/// # Errors
/// `ValidationError` with the path of a value that JSON cannot represent.
pub fn json(value: &Bound<'_, PyAny>, operation: &str, name: &str) -> PyResult<RawJson> {
    let py = value.py();
    json_object::serialize(value).map_err(|error| match encoding_problem(py, &error) {
        Some(problem) => error::validation(py, operation, &format!("{name}{problem}"), error),
        None => error,
    })
}

/// Serializes an argument that is an iterable of JSON objects.
///
/// # Errors
/// As [`json`]. `TypeError` if the argument is not an iterable, or an item is not an object.
pub fn objects(value: &Bound<'_, PyAny>, operation: &str, name: &str) -> PyResult<Vec<RawJson>> {
    many(value, name, |item, name| {
        let object = json(item, operation, name)?;
        match object.is_object() {
            true => Ok(object),
            false => Err(named(name, &wrong_type("a dict or another JSON object", item))),
        }
    })
}

/// Converts an argument that is an object with known fields: an instance of its class, a dict, or another object with a JSON form.
///
/// # Errors
/// `TypeError` if the argument has a wrong type. `ValidationError` with the path of the part that is missing or has a wrong type.
pub fn value<F>(value: &Bound<'_, PyAny>, operation: &str, name: &str) -> PyResult<F::Wire>
where
    F: Field,
    F::Wire: DeserializeOwned,
{
    let py = value.py();
    let converted = F::from_python(value).and_then(|value| value.to_json(py));
    let json = converted.map_err(|error| match conversion_problem(py, &error) {
        // The problem of the whole value starts with a colon, that of a part with its path.
        Some(problem) if problem.starts_with(": expected") => named(name, &error),
        Some(problem) => error::validation(py, operation, &format!("{name}{problem}"), error),
        None => error,
    })?;
    let raw = RawJson::from_value(&json).map_err(|error| error::schema_mismatch(py, &error))?;
    raw.parse().map_err(|error| error::schema_mismatch(py, &error))
}

/// Converts an argument that is an iterable of objects with known fields.
///
/// # Errors
/// As [`value`].
pub fn values<F>(value: &Bound<'_, PyAny>, operation: &str, name: &str) -> PyResult<Vec<F::Wire>>
where
    F: Field,
    F::Wire: DeserializeOwned,
{
    many(value, name, |item, name| self::value::<F>(item, operation, name))
}

/// Converts the items of an iterable, given a function that receives an item and its name.
fn many<T>(
    value: &Bound<'_, PyAny>,
    name: &str,
    convert: impl Fn(&Bound<'_, PyAny>, &str) -> PyResult<T>,
) -> PyResult<Vec<T>> {
    let wrong = || named(name, &wrong_type("an iterable of objects", value));
    // Iterating over a mapping would give its keys.
    let is_single = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.cast::<PyMapping>().is_ok();
    let items = value.try_iter().ok().filter(|_| !is_single).ok_or_else(wrong)?;
    let items = items.enumerate();
    // An exception of a generator is raised as it is.
    items.map(|(index, item)| convert(&item?, &format!("{name}[{index}]"))).collect()
}

/// Puts an argument's name in front of the message of a `TypeError`, which starts with a colon.
fn named(name: &str, error: &PyErr) -> PyErr {
    Python::attach(|py| PyTypeError::new_err(format!("{name}{}", error.value(py))))
}

impl Argument for FileArgument {
    const EXPECTED: &'static str = "a file";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract()
    }
}
