//! JSON objects with arbitrary keys, such as conversation payloads: read-only mappings whose keys are attributes too.

use mistral_datasets::RawJson;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString, PyTuple, PyType};

use crate::convert;
use crate::error;
use crate::json::{self, LazyJson};

/// The base class of JSON objects with arbitrary keys.
///
/// It is a read-only mapping. The lists and dicts inside are ordinary ones and may be modified; serialization includes the
/// changes.
#[pyclass(frozen, mapping, subclass, module = "mistral_datasets._native")]
pub struct JsonObject {
    json: LazyJson<RawJson>,
}

impl JsonObject {
    /// Wraps JSON that was received. It is checked to be an object on first access.
    pub fn received(raw: RawJson) -> Self {
        Self { json: LazyJson::received(raw) }
    }

    /// Creates an object from a dict.
    pub fn from_dict(dict: Bound<'_, PyDict>) -> Self {
        Self { json: LazyJson::Created(dict.into_any().unbind()) }
    }

    /// Returns the value as a `JsonObject` if it is one.
    pub fn downcast<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a Self> {
        value.cast::<Self>().ok().map(Bound::get)
    }

    /// Returns the object as JSON, verbatim unless a value inside was modified.
    pub fn to_raw(&self, py: Python<'_>) -> PyResult<RawJson> {
        self.json.to_raw(py)
    }

    /// Returns the value of a key if it exists.
    pub fn value<'py>(&self, key: &Bound<'py, PyString>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.json.value(key.py())?.cast::<PyDict>() {
            Ok(dict) => dict.get_item(key),
            Err(_) => Ok(None),
        }
    }

    /// Returns the value of a key, and raises `AttributeError` if it does not exist.
    pub fn attribute<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().value(name)?.map(Ok).unwrap_or_else(|| {
            let class = slf.get_type().name()?;
            let message = format!("'{class}' object has no attribute '{name}'");
            Err(PyAttributeError::new_err(message))
        })
    }

    fn dict<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<&'a Bound<'py, PyDict>> {
        self.json
            .value(py)?
            .cast()
            .map_err(|cause| error::decoding(py, "expected an object", cause.into()))
    }
}

#[pymethods]
impl JsonObject {
    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(key.py())?.as_any().get_item(key)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.dict(py)?.len())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.dict(py)?.try_iter()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.dict(key.py())?.contains(key)
    }

    /// Returns a view of the keys.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(py)?.call_method0("keys")
    }

    /// Returns a view of the key-value pairs.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(py)?.call_method0("items")
    }

    /// Returns a view of the values.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.dict(py)?.call_method0("values")
    }

    /// Returns the value of a key, or the default if the key does not exist.
    #[pyo3(signature = (key, default=None, /))]
    fn get<'py>(
        &self,
        key: Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.dict(key.py())?.call_method1("get", (key, default))
    }

    fn __getattr__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::attribute(slf, name)
    }

    /// Compares with any mapping.
    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match Self::downcast(other) {
            Some(other) => {
                self.json.value(py)?.rich_compare(other.json.value(py)?, pyo3::basic::CompareOp::Eq)
            }
            None => self.json.value(py)?.rich_compare(other, pyo3::basic::CompareOp::Eq),
        }
    }

    /// Shows the number of messages or keys, never their content.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type().name()?;
        let value = slf.get().json.value(slf.py()).ok();
        let Some(dict) = value.and_then(|value| value.cast::<PyDict>().ok()) else {
            return Ok(format!("{class}(not an object)"));
        };
        let messages = dict.get_item("messages")?;
        Ok(match messages.as_ref().map(|messages| messages.cast::<PyList>()) {
            Some(Ok(messages)) => format!("{class}({})", counted(messages.len(), "message")),
            _ => format!("{class}({})", counted(dict.len(), "key")),
        })
    }

    /// Returns the object as a new dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::parse(py, self.to_raw(py)?.get())
    }

    /// Returns the object as JSON, verbatim unless a value inside was modified.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_raw(py)?.get().to_owned())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        convert::reduce(slf.as_any(), slf.get().to_json(slf.py())?)
    }
}

/// Formats a count with its noun, such as `1 key` or `2 keys`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Serializes a value to JSON. A [`JsonObject`] keeps its JSON verbatim.
///
/// # Errors
/// `InvalidValueError` if JSON cannot represent the value; see [`json::encoding_problem`].
pub fn serialize(value: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    match JsonObject::downcast(value) {
        Some(object) => object.to_raw(value.py()),
        None => json::serialize(value),
    }
}

/// Registers the class with `collections.abc.Mapping`, for `isinstance` and pattern matching.
pub fn register_as_mapping(class: &Bound<'_, PyType>) -> PyResult<()> {
    class.py().import("collections.abc")?.getattr("Mapping")?.call_method1("register", (class,))?;
    Ok(())
}

/// Declares the class of a schema with arbitrary keys. Known keys become typed attributes; the constructor requires the required
/// ones.
macro_rules! json_object {
    (
        $(#[doc = $class_doc:literal])+
        pub struct $name:ident {
            required { $($(#[doc = $required_doc:literal])+ $required:ident,)* }
            optional { $($(#[doc = $optional_doc:literal])+ $optional:ident,)* }
        }
    ) => {
        $(#[doc = $class_doc])+
        #[pyclass(frozen, mapping, extends = JsonObject, module = "mistral_datasets.models")]
        pub struct $name;

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*, $($required,)* **extra))]
            fn new<'py>(
                py: Python<'py>,
                $($required: Bound<'py, PyAny>,)*
                extra: Option<Bound<'py, PyDict>>,
            ) -> PyResult<PyClassInitializer<Self>> {
                let dict = PyDict::new(py);
                $(dict.set_item(stringify!($required), $required)?;)*
                if let Some(extra) = extra {
                    dict.update(extra.as_mapping())?;
                }
                Ok(PyClassInitializer::from(JsonObject::from_dict(dict)).add_subclass(Self))
            }

            $(
                $(#[doc = $required_doc])+
                #[getter]
                fn $required<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                    JsonObject::attribute(slf.as_super(), pyo3::intern!(slf.py(), stringify!($required)))
                }
            )*

            $(
                $(#[doc = $optional_doc])+
                #[getter]
                fn $optional<'py>(
                    slf: &Bound<'py, Self>,
                ) -> PyResult<Option<Bound<'py, PyAny>>> {
                    slf.as_super().get().value(pyo3::intern!(slf.py(), stringify!($optional)))
                }
            )*

            /// Creates an object from JSON.
            #[staticmethod]
            #[pyo3(signature = (text, /))]
            fn from_json(py: Python<'_>, text: &str) -> PyResult<Py<Self>> {
                let wire = convert::from_json::<types::$name>(py, text)?;
                Field::from_wire(ConvertContext::detached(py), wire)
            }
        }

        impl Field for Py<$name> {
            type Wire = types::$name;

            fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
                let object = PyClassInitializer::from(JsonObject::received(wire.into()));
                convert::new_untracked(context.py, object.add_subclass($name))
            }

            fn to_wire(&self, py: Python<'_>) -> PyResult<Self::Wire> {
                Ok(self.bind(py).as_super().get().to_raw(py)?.into())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                Ok(self.bind(py).clone().into_any())
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(value.cast::<$name>()?.clone().unbind())
            }
        }
    };
}

pub(crate) use json_object;
