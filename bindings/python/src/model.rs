//! The classes of responses: one frozen class per schema.

use mistral_datasets::RawJson;
use pyo3::PyClass;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::convert::{self, ConvertContext};
use crate::error;
use crate::fields::{ExtraFields, Field};
use crate::json;

/// The class of a response.
pub trait Model: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Send + Sync {
    /// The client's type.
    type Wire: Serialize + DeserializeOwned + PartialEq;

    /// Converts a response that the client received.
    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self>;

    /// Converts back to the client's type.
    fn to_wire(&self, py: Python<'_>) -> PyResult<Self::Wire>;

    /// Formats the response for `repr`.
    fn repr(&self, py: Python<'_>) -> PyResult<String>;

    /// Returns the fields that are not in the OpenAPI document.
    fn extra_fields(&self) -> &ExtraFields;
}

impl<T: Model + Into<PyClassInitializer<T>>> Field for Py<T> {
    type Wire = T::Wire;

    fn from_wire(context: ConvertContext<'_, '_>, wire: T::Wire) -> PyResult<Self> {
        convert::new_untracked(context.py, T::from_wire(context, wire)?)
    }

    fn to_wire(&self, py: Python<'_>) -> PyResult<T::Wire> {
        self.get().to_wire(py)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.bind(py).clone().into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(value.cast::<T>()?.clone().unbind())
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        self.get().repr(py)
    }
}

/// Serializes a response to JSON, including its extra fields.
pub fn to_json<T: Model>(model: &T, py: Python<'_>) -> PyResult<String> {
    RawJson::from_value(&model.to_wire(py)?)
        .map(|json| json.get().to_owned())
        .map_err(|error| error::schema_mismatch(py, &error))
}

/// Compares two responses, first as JSON and then as Python values.
pub fn equal<T: Model>(left: &T, right: &T, py: Python<'_>) -> PyResult<bool> {
    Ok(left.to_wire(py)? == right.to_wire(py)?
        || json::parse(py, &to_json(left, py)?)?.eq(json::parse(py, &to_json(right, py)?)?)?)
}

/// Implements `__getattr__`, which Python calls for names that are not attributes of the class.
pub fn extra_attribute<'py, T: Model>(
    model: &Bound<'py, T>,
    name: &str,
) -> PyResult<Bound<'py, PyAny>> {
    match model.get().extra_fields().get(model.py(), name)? {
        Some(value) => Ok(value),
        None => {
            let message = format!("'{}' object has no attribute '{name}'", T::NAME);
            Err(PyAttributeError::new_err(message))
        }
    }
}

/// Declares the class of a response.
///
/// With `(id)` its objects are hashable by that field. With a `session` block its objects keep their client, for the methods in the
/// block.
macro_rules! model {
    (
        $(#[doc = $class_doc:literal])+
        pub struct $name:ident $(($id:ident))? { $($(#[doc = $doc:literal])+ $field:ident: $ty:ty,)+ }
        $(with $session:ident { $($methods:tt)+ })?
    ) => {
        $(#[doc = $class_doc])+
        #[pyclass(frozen, module = "mistral_datasets.models")]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                pub $field: $ty,
            )+
            extra: ExtraFields,
            $($session: Option<Session>,)?
        }

        impl Model for $name {
            type Wire = types::$name;

            fn from_wire(context: ConvertContext<'_, '_>, wire: types::$name) -> PyResult<Self> {
                Ok(Self {
                    $($field: Field::from_wire(context, wire.$field)?,)+
                    extra: ExtraFields::from_wire(wire.extra),
                    $($session: context.session.cloned(),)?
                })
            }

            fn to_wire(&self, py: Python<'_>) -> PyResult<types::$name> {
                let mut wire = types::$name::empty();
                $(wire.$field = self.$field.to_wire(py)?;)+
                wire.extra = self.extra.to_wire(py)?;
                Ok(wire)
            }

            fn repr(&self, py: Python<'_>) -> PyResult<String> {
                let mut fields = vec![
                    $(format!("{}={}", stringify!($field).trim_start_matches("r#"), self.$field.repr(py)?),)+
                ];
                fields.extend(self.extra.repr().map(|extra| format!("extra={extra}")));
                Ok(format!("{}({})", stringify!($name), fields.join(", ")))
            }

            fn extra_fields(&self) -> &ExtraFields {
                &self.extra
            }
        }

        impl IntoPython for types::$name {
            fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
                Ok(<Py<$name> as Field>::from_wire(context, self)?.into_any())
            }
        }

        #[pymethods]
        impl $name {
            $(
                $(#[doc = $doc])+
                #[getter]
                fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    self.$field.to_python(py)
                }
            )+

            $($($methods)+)?

            /// Fields of the response that this version does not know, by name. They are also available as attributes.
            #[getter]
            fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
                self.extra.view(py)
            }

            /// Creates an instance from JSON, parsed like a response of the server.
            #[staticmethod]
            #[pyo3(signature = (text, /))]
            fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
                Self::from_wire(ConvertContext::detached(py), convert::from_json(py, text)?)
            }

            /// Returns the response as JSON, with the API's field names. Payload and properties are kept verbatim.
            fn to_json(&self, py: Python<'_>) -> PyResult<String> {
                model::to_json(self, py)
            }

            /// Returns the response as a new JSON-serializable dict, with the API's field names. IDs and times are strings.
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                json::parse(py, &model::to_json(self, py)?)
            }

            fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
                model::extra_attribute(slf, name)
            }

            fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                let py = other.py();
                match other.cast::<Self>() {
                    Ok(other) => model::equal(self, other.get(), py)?.into_py_any(py),
                    Err(_) => Ok(py.NotImplemented()),
                }
            }

            $(
                fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                    self.$id.to_python(py)?.hash()
                }
            )?

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                self.repr(py)
            }

            fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
                convert::reduce(slf.as_any(), slf.get().to_json(slf.py())?)
            }
        }
    };
}

pub(crate) use model;
