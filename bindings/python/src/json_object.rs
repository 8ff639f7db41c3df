//! JSON objects with arbitrary keys, such as conversation payloads. In Python they are dicts whose keys are attributes too.
//!
//! Their classes are in the Python modules `_object` and `models`, because extending `dict` needs a newer stable ABI.

use mistral_datasets::RawJson;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use crate::error;
use crate::json;

/// The JSON from which an object was parsed. Python keeps it with the object, so that unmodified objects are serialized verbatim.
#[pyclass(name = "RawJson", frozen, module = "mistral_datasets._native")]
pub struct ObjectSource(RawJson);

/// Wraps a parsed object in a class of `mistral_datasets.models`.
///
/// # Errors
/// `DecodingError` if the value is not an object.
pub fn from_parsed<'py>(
    class: &Bound<'py, PyType>,
    value: Bound<'py, PyAny>,
    raw: &RawJson,
) -> PyResult<Bound<'py, PyAny>> {
    static WRAP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    if let Err(cause) = value.cast::<PyDict>() {
        return Err(error::decoding(py, "expected an object", cause.into()));
    }
    let wrap = WRAP.import(py, "mistral_datasets._object", "received")?;
    wrap.call1((class, value, ObjectSource(raw.clone())))
}

/// Returns whether a value is an object of one of the classes.
pub fn is_object(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static BASE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if value.is_exact_instance_of::<PyDict>() || !value.is_instance_of::<PyDict>() {
        return Ok(false);
    }
    value.is_instance(BASE.import(value.py(), "mistral_datasets._object", "JsonObject")?)
}

/// Serializes a value to JSON. An unmodified object that was received keeps its JSON verbatim.
///
/// # Errors
/// `InvalidValueError` if JSON cannot represent the value; see [`json::encoding_problem`].
pub fn serialize(value: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    if is_object(value)?
        && let Ok(source) =
            value.getattr(pyo3::intern!(value.py(), "_source"))?.cast::<ObjectSource>()
        && json::is_unchanged(&source.get().0, value)?
    {
        return Ok(source.get().0.clone());
    }
    json::serialize(value)
}

/// Serializes an object to JSON, for `JsonObject.to_json`.
#[pyfunction]
#[pyo3(signature = (value, /))]
pub fn object_to_json(value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(serialize(value)?.get().to_owned())
}

/// Parses an object of a class from JSON, for `JsonObject.from_json`.
#[pyfunction]
#[pyo3(signature = (class, text, /))]
pub fn object_from_json<'py>(
    class: &Bound<'py, PyType>,
    text: String,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let raw = RawJson::from_string(text).map_err(|error| error::schema_mismatch(py, &error))?;
    from_parsed(class, json::parse(py, raw.get())?, &raw)
}

/// Formats a count with its noun, such as `1 key` or `2 keys`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Implements `JsonType` for a schema with a class in `mistral_datasets.models`.
macro_rules! json_object {
    ($name:ident) => {
        const _: () = {
            fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
                static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
                CLASS.import(py, "mistral_datasets.models", stringify!($name))
            }

            impl JsonType for types::$name {
                fn from_parsed<'py>(
                    value: Bound<'py, PyAny>,
                    raw: &RawJson,
                ) -> PyResult<Bound<'py, PyAny>> {
                    json_object::from_parsed(class(value.py())?, value, raw)
                }

                fn is_instance(value: &Bound<'_, PyAny>) -> PyResult<bool> {
                    value.is_instance(class(value.py())?)
                }
            }
        };
    };
}

/// Implements `JsonType` for a schema without known keys, which is a plain dict.
macro_rules! free_object {
    ($name:ident) => {
        impl JsonType for types::$name {
            const IS_OPTIONAL: bool = true;
        }
    };
}

pub(crate) use {free_object, json_object};
