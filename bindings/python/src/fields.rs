//! Conversion of model fields between the client's types and Python objects, by field type.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use mistral_datasets::RawJson;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyMappingProxy, PyString};
use uuid::Uuid;

use crate::convert::ConvertContext;
use crate::json::LazyJson;
use crate::json_object::counted;

/// The value of a model field.
pub trait Field: Sized + Send + Sync + 'static {
    /// The client's type.
    type Wire;

    /// Converts a value that the client received.
    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self>;

    /// Converts back to the client's type.
    fn to_wire(&self, py: Python<'_>) -> PyResult<Self::Wire>;

    /// Returns the Python object.
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;

    /// Converts an item that the program added to a list field.
    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self>;

    /// Formats the value for `repr`, without conversation text and without the query of a presigned URL.
    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_python(py)?.repr()?.to_string())
    }
}

/// Implements `Field` for `Copy` types that PyO3 converts.
macro_rules! copy_field {
    ($($ty:ty),+) => {
        $(impl Field for $ty {
            type Wire = Self;

            fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_wire(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(*self)
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.into_bound_py_any(py)
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                value.extract()
            }
        })+
    };
}

copy_field!(i64, f64, bool, DateTime<Utc>);

impl Field for String {
    type Wire = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn to_wire(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(self.clone())
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyString::new(py, self).into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract()
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let redacted = match self.split_once('?') {
            // The query of a presigned URL contains its signature.
            Some((url, _)) if url.starts_with("http") => format!("{url}?…"),
            _ => self.clone(),
        };
        Ok(PyString::new(py, &redacted).repr()?.to_string())
    }
}

/// UUIDs are strings in Python.
impl Field for Uuid {
    type Wire = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn to_wire(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(*self)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut buffer = Uuid::encode_buffer();
        Ok(PyString::new(py, self.hyphenated().encode_lower(&mut buffer)).into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text: String = value.extract()?;
        Self::try_parse(&text).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

impl<T: Field> Field for Option<T> {
    type Wire = Option<T::Wire>;

    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        wire.map(|wire| T::from_wire(context, wire)).transpose()
    }

    fn to_wire(&self, py: Python<'_>) -> PyResult<Self::Wire> {
        self.as_ref().map(|value| value.to_wire(py)).transpose()
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Some(value) => value.to_python(py),
            None => Ok(py.None().into_bound(py)),
        }
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() { Ok(None) } else { T::from_python(value).map(Some) }
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        match self {
            Some(value) => value.repr(py),
            None => Ok("None".to_owned()),
        }
    }
}

/// A Python list that the program may modify.
pub struct List<T> {
    list: Py<PyList>,
    items: PhantomData<fn() -> T>,
}

impl<T: Field> Field for List<T> {
    type Wire = Vec<T::Wire>;

    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        let items = wire
            .into_iter()
            .map(|item| T::from_wire(context, item)?.to_python(context.py))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(Self { list: PyList::new(context.py, items)?.unbind(), items: PhantomData })
    }

    fn to_wire(&self, py: Python<'_>) -> PyResult<Self::Wire> {
        self.list.bind(py).iter().map(|item| T::from_python(&item)?.to_wire(py)).collect()
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.list.bind(py).clone().into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { list: value.cast::<PyList>()?.clone().unbind(), items: PhantomData })
    }
}

impl<W> Field for LazyJson<W>
where
    W: From<RawJson> + Into<RawJson> + 'static,
{
    type Wire = W;

    fn from_wire(_: ConvertContext<'_, '_>, wire: W) -> PyResult<Self> {
        Ok(Self::received(wire.into()))
    }

    fn to_wire(&self, py: Python<'_>) -> PyResult<W> {
        Ok(self.to_raw(py)?.into())
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.value(py).cloned()
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self::Created(value.clone().unbind()))
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        Ok(match self.value(py)?.cast::<PyDict>() {
            Ok(dict) => format!("<{}>", counted(dict.len(), "key")),
            Err(_) => "<not an object>".to_owned(),
        })
    }
}

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

/// Implements `Field` for an open enum, which is a string in Python.
macro_rules! open_enum {
    ($ty:ty) => {
        impl Field for $ty {
            type Wire = Self;

            fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_wire(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.as_str().into_bound_py_any(py)
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(value.extract::<String>()?.into())
            }
        }
    };
}

/// Implements `Field` for a union of scalars.
macro_rules! union {
    ($ty:ty { $($variant:ident: $inner:ty,)+ }) => {
        impl Field for $ty {
            type Wire = Self;

            fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_wire(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                match self {
                    $(Self::$variant(value) => value.to_python(py),)+
                }
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                $(if let Ok(value) = <$inner>::from_python(value) {
                    return Ok(Self::$variant(value));
                })+
                Err(PyTypeError::new_err(concat!("expected a variant of ", stringify!($ty))))
            }
        }
    };
}

pub(crate) use {open_enum, union};
