//! JSON objects and other JSON values of the user.

use mistral_datasets::RawJson;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::{Field, wrong_type};
use crate::convert::ConvertContext;
use crate::json::{JsonType, LazyJson};
use crate::json_object::{self, counted};

impl<W> Field for LazyJson<W>
where
    W: JsonType + From<RawJson> + Into<RawJson>,
{
    type Wire = W;
    type Json = RawJson;

    fn from_wire(_: ConvertContext<'_, '_>, wire: W) -> PyResult<Self> {
        Ok(Self::received(wire.into()))
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<RawJson> {
        self.to_raw(py)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.value(py).cloned()
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let raw = json_object::serialize(value)?;
        if !raw.is_object() {
            return Err(wrong_type("a dict or another JSON object", value));
        }
        Self::created(value, raw)
    }

    fn absent(_: Python<'_>) -> Option<Self> {
        let empty = W::IS_OPTIONAL.then(|| RawJson::from_string("{}".to_owned()));
        empty.and_then(Result::ok).map(Self::received)
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        match self.value(py).ok().and_then(|value| value.cast::<PyDict>().ok()) {
            Some(dict) if dict.is_exact_instance_of::<PyDict>() => {
                Ok(format!("<{}>", counted(dict.len(), "key")))
            }
            Some(object) => Ok(object.repr()?.to_string()),
            None => Ok("<not an object>".to_owned()),
        }
    }
}

/// Any JSON value, including `None`.
pub struct AnyJson(LazyJson<RawJson>);

impl Field for AnyJson {
    type Wire = RawJson;
    type Json = RawJson;

    const ACCEPTS_NONE: bool = true;

    fn from_wire(_: ConvertContext<'_, '_>, wire: RawJson) -> PyResult<Self> {
        Ok(Self(LazyJson::received(wire)))
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<RawJson> {
        self.0.to_raw(py)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.value(py).cloned()
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(LazyJson::received(json_object::serialize(value)?)))
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let value = self.0.value(py)?;
        if let Ok(dict) = value.cast::<PyDict>() {
            return Ok(format!("<{}>", counted(dict.len(), "key")));
        }
        if let Ok(list) = value.cast::<PyList>() {
            return Ok(format!("<{}>", counted(list.len(), "item")));
        }
        match value.extract::<String>() {
            Ok(text) => text.repr(py),
            Err(_) => Ok(value.repr()?.to_string()),
        }
    }
}
