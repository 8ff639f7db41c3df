//! Fields that are not in the OpenAPI document.

use std::collections::BTreeMap;

use mistral_datasets::RawJson;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyMappingProxy};

use super::{located, wrong_type};
use crate::json::LazyJson;
use crate::json_object::{self, counted};

/// The fields of a response that are not in the OpenAPI document.
pub struct ExtraFields {
    fields: BTreeMap<String, LazyJson<RawJson>>,
    view: PyOnceLock<Py<PyMappingProxy>>,
}

impl ExtraFields {
    /// Converts the fields that the client received.
    pub fn from_wire(wire: mistral_datasets::Extra) -> Self {
        let fields = wire.into_iter().map(|(name, raw)| (name, LazyJson::received(raw))).collect();
        Self { fields, view: PyOnceLock::new() }
    }

    /// Converts the items of a dict that are not fields of the document.
    pub fn from_python(dict: &Bound<'_, PyDict>) -> PyResult<Self> {
        let fields = dict.iter().map(|(name, value)| {
            let name: String = name.extract().map_err(|_| wrong_type("a str as key", &name))?;
            let raw = json_object::serialize(&value)
                .map_err(|error| located(dict.py(), &format!(".{name}"), error))?;
            Ok((name, LazyJson::received(raw)))
        });
        Ok(Self { fields: fields.collect::<PyResult<_>>()?, view: PyOnceLock::new() })
    }

    /// Converts back to the client's type.
    pub fn to_wire(&self, py: Python<'_>) -> PyResult<mistral_datasets::Extra> {
        self.fields.iter().map(|(name, value)| Ok((name.clone(), value.to_raw(py)?))).collect()
    }

    /// Returns the value of a field if it exists.
    pub fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.fields.get(name).map(|value| value.value(py).cloned()).transpose()
    }

    /// Returns all fields as a read-only mapping.
    pub fn view<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
        let view = self.view.get_or_try_init(py, || {
            let dict = PyDict::new(py);
            for (name, value) in &self.fields {
                dict.set_item(name, value.value(py)?)?;
            }
            Ok::<_, PyErr>(PyMappingProxy::new(py, dict.as_mapping()).unbind())
        })?;
        Ok(view.bind(py).clone())
    }

    /// Formats the number of fields for `repr`, if there are any.
    pub fn repr(&self) -> Option<String> {
        let count = self.fields.len();
        (count > 0).then(|| format!("<{}>", counted(count, "key")))
    }
}
