//! The classes of responses and of parts of requests: one frozen class per schema.

use mistral_datasets::{Extra, RawJson};
use pyo3::PyClass;
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::convert::{self, ConvertContext};
use crate::error;
use crate::fields::{self, ExtraFields, Field, ObjectUnion};
use crate::json;
use crate::json_object;

/// The class of a response.
pub trait Model: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Send + Sync {
    /// The client's type.
    type Wire: DeserializeOwned;

    /// Converts a response that the client received.
    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self>;

    /// Serializes the response to JSON, including its extra fields.
    fn to_raw(&self, py: Python<'_>) -> PyResult<RawJson>;

    /// Formats the response for `repr`.
    fn repr(&self, py: Python<'_>) -> PyResult<String>;

    /// Creates an instance from a dict whose values are the fields, and removes them from it. Other items become extra fields.
    fn from_fields(fields: &Bound<'_, PyDict>) -> PyResult<Self>;

    /// Returns the fields that are not in the OpenAPI document.
    fn extra_fields(&self) -> &ExtraFields;

    /// Returns the fields of the object whose only field is the value, if the class can be made of it.
    fn wrapped<'py>(_value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
        Ok(None)
    }
}

impl<T: Model + Into<PyClassInitializer<T>>> Field for Py<T> {
    type Wire = T::Wire;
    type Json = RawJson;

    fn from_wire(context: ConvertContext<'_, '_>, wire: T::Wire) -> PyResult<Self> {
        convert::new_untracked(context.py, T::from_wire(context, wire)?)
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<RawJson> {
        self.get().to_raw(py)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.bind(py).clone().into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(model) = value.cast::<T>() {
            return Ok(model.clone().unbind());
        }
        let fields = match T::wrapped(value)? {
            Some(fields) => fields,
            None => fields_of(value, T::NAME)?,
        };
        convert::new_untracked(value.py(), T::from_fields(&fields)?)
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        self.get().repr(py)
    }
}

fn copied<'py>(mapping: &Bound<'py, PyMapping>) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(mapping.py());
    fields.update(mapping)?;
    Ok(fields)
}

/// Copies the fields of a mapping, or of another object with a JSON form, such as a dataclass or a pydantic model. An instance of
/// another class of this package is refused: it has other fields.
pub fn fields_of<'py>(value: &Bound<'py, PyAny>, class: &str) -> PyResult<Bound<'py, PyDict>> {
    let wrong = || Err(fields::wrong_type(&format!("{class} or a dict"), value));
    if let Ok(mapping) = value.cast::<PyMapping>() {
        return copied(mapping);
    }
    let module = value.get_type().module()?;
    if module.to_str()? == "mistral_datasets.models" {
        return wrong();
    }
    let Ok(raw) = json_object::serialize(value) else { return wrong() };
    match json::parse(value.py(), raw.get())?.cast_into::<PyDict>() {
        Ok(fields) => Ok(fields),
        Err(_) => wrong(),
    }
}

/// Removes a field from a dict and converts it. The dict may have it by the name of the attribute instead.
///
/// # Errors
/// `TypeError` if a required field is missing, and the errors of [`Field::from_python`].
pub fn take_field<T: Field>(
    fields: &Bound<'_, PyDict>,
    name: &str,
    attribute: &str,
) -> PyResult<T> {
    let py = fields.py();
    let (by_name, by_attribute) =
        (take(fields, name)?, given_by_attribute(fields, name, attribute)?);
    let (path, given) = match (by_name, by_attribute) {
        (Some(_), Some(_)) => {
            return Err(PyTypeError::new_err(format!(".{attribute}: given as `{name}`, too")));
        }
        (None, Some(value)) => (attribute, Some(value)),
        (given, None) => (name, given),
    };
    match given {
        Some(value) => {
            // Like in a response, a null list is empty.
            let absent = value.is_none().then(|| T::absent(py)).flatten();
            absent.map_or_else(|| T::from_python(&value), Ok)
        }
        None => T::absent(py).ok_or_else(|| PyTypeError::new_err(": a value is required")),
    }
    .map_err(|error| fields::located(py, &format!(".{path}"), error))
}

fn given_by_attribute<'py>(
    fields: &Bound<'py, PyDict>,
    name: &str,
    attribute: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if attribute == name { Ok(None) } else { take(fields, attribute) }
}

fn take<'py>(fields: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let value = fields.get_item(name)?;
    if value.is_some() {
        fields.del_item(name)?;
    }
    Ok(value)
}

/// Returns an argument of a constructor. `None` is a value for some fields, and that the field is not given for others.
pub fn argument<T: Field>(py: Python<'_>, value: Option<Py<PyAny>>) -> Option<Py<PyAny>> {
    value.or_else(|| T::ACCEPTS_NONE.then(|| py.None()))
}

/// Creates a response from the arguments of its constructor. A required field that is `None` counts as missing.
pub fn from_arguments<T: Model>(
    py: Python<'_>,
    arguments: impl IntoIterator<Item = (&'static str, Option<Py<PyAny>>)>,
) -> PyResult<T> {
    let fields = PyDict::new(py);
    for (name, value) in arguments {
        if let Some(value) = value {
            fields.set_item(name, value)?;
        }
    }
    T::from_fields(&fields).map_err(|error| fields::located(py, T::NAME, error))
}

/// Creates a response from a mapping with the API's field names.
pub fn from_dict<T: Model>(mapping: &Bound<'_, PyAny>) -> PyResult<T> {
    let py = mapping.py();
    let fields = match mapping.cast::<PyMapping>() {
        Ok(mapping) => copied(mapping)?,
        Err(_) => {
            return Err(fields::located(py, T::NAME, fields::wrong_type("a dict", mapping)));
        }
    };
    T::from_fields(&fields).map_err(|error| fields::located(py, T::NAME, error))
}

/// Calls a function of `mistral_datasets._official` or `mistral_datasets._pydantic`, which are imported when they are first needed.
pub fn call_python<'py>(
    py: Python<'py>,
    module: &str,
    function: &str,
    arguments: impl pyo3::call::PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import(format!("mistral_datasets.{module}"))?.getattr(function)?.call1(arguments)
}

/// How a field that is `None` is serialized.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It is null.
    Null,
    /// It is left out.
    Omitted,
}

/// Returns the fields of an object whose only field is a union, if the value is an instance of a variant.
pub fn wrapped<'py, U: ObjectUnion>(
    value: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    if !U::is_variant(value) {
        return Ok(None);
    }
    let fields = PyDict::new(value.py());
    fields.set_item(name, value)?;
    Ok(Some(fields))
}

/// The fields of a response as JSON.
pub struct JsonFields(Vec<(&'static str, RawJson)>, Extra);

impl JsonFields {
    /// Starts with the fields that are not in the OpenAPI document. They are written last.
    pub fn new(extra: Extra) -> Self {
        Self(Vec::new(), extra)
    }

    /// Adds a field, unless it is `None` and then to be omitted.
    pub fn add<F: Field>(
        &mut self,
        py: Python<'_>,
        name: &'static str,
        absence: Absence,
        field: &F,
    ) -> PyResult<()> {
        if absence != Absence::Omitted || !field.is_none() {
            self.0.push((name, serialize(py, &field.to_json(py)?)?));
        }
        Ok(())
    }

    /// Returns the JSON object.
    pub fn to_raw(&self, py: Python<'_>) -> PyResult<RawJson> {
        serialize(py, self)
    }
}

impl Serialize for JsonFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let known = self.0.iter().map(|(name, value)| (*name, value));
        serializer.collect_map(known.chain(self.1.iter().map(|(name, value)| (&**name, value))))
    }
}

fn serialize(py: Python<'_>, value: &impl Serialize) -> PyResult<RawJson> {
    RawJson::from_value(value).map_err(|error| error::schema_mismatch(py, &error))
}

/// Returns JSON that is given as `str` or `bytes`.
pub fn json_text(value: &Bound<'_, PyAny>) -> PyResult<String> {
    match value.extract() {
        Ok(text) => Ok(text),
        Err(_) if value.hasattr("decode")? => value.call_method0("decode")?.extract(),
        Err(_) => {
            Err(fields::located(value.py(), "json_data", fields::wrong_type("str or bytes", value)))
        }
    }
}

/// Compares two responses as JSON values: the order of keys and the notation of numbers are irrelevant.
pub fn equal<T: Model>(left: &T, right: &T, py: Python<'_>) -> PyResult<bool> {
    let (left, right) = (left.to_raw(py)?, right.to_raw(py)?);
    if left.get() == right.get() {
        return Ok(true);
    }
    // JSON that Python cannot represent is equal only if it is the same text.
    match (json::parse(py, left.get()), json::parse(py, right.get())) {
        (Ok(left), Ok(right)) => json::is_same(&left, &right),
        _ => Ok(false),
    }
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
/// The class is in the Python module that follows the client's type. A field has the name of its attribute, its type, its name in
/// the client's type and in JSON, and what is serialized if it is `None`. The tokens of `new` are the signature of the constructor.
/// With `(id)` its objects are hashable by that field. With `list` they are sequences of that field's items, and with `page` of the
/// items of the page in that field. With `wraps` an object can be made of the value of its only field, a union. With a `session`
/// block its objects keep their client, for the methods in the block.
macro_rules! model {
    (
        $(#[doc = $class_doc:literal])+
        pub struct $name:ident: $wire:ty, $module:tt $(, ($id:ident))? {
            $($(#[doc = $doc:literal])+ $field:ident: $ty:ty = $wire_field:ident $json:literal $absence:ident,)+
        }
        new($($signature:tt)*)
        $(list $list:ident)?
        $(page $page:ident)?
        $(wraps $union:ident as $wrapped:literal)?
        $(with $session:ident { $($methods:tt)+ })?
    ) => {
        $(#[doc = $class_doc])+
        #[pyclass(frozen, module = $module)]
        pub struct $name {
            $(
                $(#[doc = $doc])+
                pub $field: $ty,
            )+
            extra: ExtraFields,
            $($session: Option<Session>,)?
        }

        impl Model for $name {
            type Wire = $wire;

            fn from_wire(context: ConvertContext<'_, '_>, wire: $wire) -> PyResult<Self> {
                Ok(Self {
                    $($field: Field::from_wire(context, wire.$wire_field)?,)+
                    extra: ExtraFields::from_wire(wire.extra),
                    $($session: context.session.cloned(),)?
                })
            }

            fn to_raw(&self, py: Python<'_>) -> PyResult<RawJson> {
                let mut fields = model::JsonFields::new(self.extra.to_wire(py)?);
                $(fields.add(py, $json, model::absence!($absence), &self.$field)?;)+
                fields.to_raw(py)
            }

            fn repr(&self, py: Python<'_>) -> PyResult<String> {
                let mut fields = Vec::new();
                $(
                    let value = self.$field.repr(py)?;
                    if value != "None" {
                        fields.push(format!("{}={value}", stringify!($field).trim_start_matches("r#")));
                    }
                )+
                fields.extend(self.extra.repr().map(|extra| format!("extra={extra}")));
                Ok(format!("{}({})", stringify!($name), fields.join(", ")))
            }

            fn from_fields(fields: &Bound<'_, PyDict>) -> PyResult<Self> {
                Ok(Self {
                    $($field: model::take_field(
                        fields,
                        $json,
                        stringify!($field).trim_start_matches("r#"),
                    )?,)+
                    extra: ExtraFields::from_python(fields)?,
                    $($session: None,)?
                })
            }

            fn extra_fields(&self) -> &ExtraFields {
                &self.extra
            }

            $(
                fn wrapped<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
                    model::wrapped::<$union>(value, $wrapped)
                }
            )?
        }

        impl IntoPython for $wire {
            fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
                Ok(<Py<$name> as Field>::from_wire(context, self)?.into_any())
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = ($($signature)*))]
            #[allow(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
            fn new(py: Python<'_>, $($field: Option<Py<PyAny>>,)+) -> PyResult<Self> {
                model::from_arguments(
                    py,
                    [$((
                        stringify!($field).trim_start_matches("r#"),
                        model::argument::<$ty>(py, $field),
                    ),)+],
                )
            }

            $(
                $(#[doc = $doc])+
                #[getter]
                #[allow(clippy::wrong_self_convention, reason = "fields may begin with `from`")]
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

            /// Creates an instance from a dict with the API's field names, such as the result of `to_dict`.
            #[staticmethod]
            #[pyo3(signature = (fields, /))]
            fn from_dict(fields: &Bound<'_, PyAny>) -> PyResult<Self> {
                model::from_dict(fields)
            }

            /// Returns the response as JSON, with the API's field names. Payload and properties are kept verbatim.
            fn to_json(&self, py: Python<'_>) -> PyResult<String> {
                Ok(self.to_raw(py)?.get().to_owned())
            }

            /// Returns the response as a new JSON-serializable dict, with the API's field names. IDs and times are strings.
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                json::parse(py, self.to_raw(py)?.get())
            }

            /// Returns the response as a dict, as in the official SDK. Same as `to_dict`, but times are `datetime` objects
            /// unless `mode` is `json`.
            #[pyo3(signature = (*, mode="python", include=None, exclude=None, by_alias=None, exclude_none=false))]
            fn model_dump<'py>(
                slf: &Bound<'py, Self>,
                mode: &str,
                include: Option<Bound<'py, PyAny>>,
                exclude: Option<Bound<'py, PyAny>>,
                by_alias: Option<bool>,
                exclude_none: bool,
            ) -> PyResult<Bound<'py, PyAny>> {
                let _ = by_alias;
                let fields = [$(($json, stringify!($field).trim_start_matches("r#"))),+];
                let arguments = (slf, fields, mode, include, exclude, exclude_none);
                model::call_python(slf.py(), "_official", "model_dump", arguments)
            }

            /// Returns the response as JSON, as in the official SDK.
            #[pyo3(signature = (*, indent=None, include=None, exclude=None, by_alias=None, exclude_none=false))]
            fn model_dump_json<'py>(
                slf: &Bound<'py, Self>,
                indent: Option<usize>,
                include: Option<Bound<'py, PyAny>>,
                exclude: Option<Bound<'py, PyAny>>,
                by_alias: Option<bool>,
                exclude_none: bool,
            ) -> PyResult<Bound<'py, PyAny>> {
                let _ = by_alias;
                let arguments = (slf, indent, include, exclude, exclude_none);
                model::call_python(slf.py(), "_official", "model_dump_json", arguments)
            }

            /// Creates an instance from a dict, as in the official SDK. Returns an instance unchanged.
            #[staticmethod]
            #[pyo3(signature = (obj, /))]
            fn model_validate(obj: &Bound<'_, PyAny>) -> PyResult<Py<Self>> {
                match obj.cast::<Self>() {
                    Ok(model) => Ok(model.clone().unbind()),
                    Err(_) => Py::new(obj.py(), model::from_dict::<Self>(obj)?),
                }
            }

            /// Creates an instance from JSON, as in the official SDK. Same as `from_json`.
            #[staticmethod]
            #[pyo3(signature = (json_data, /))]
            fn model_validate_json(json_data: &Bound<'_, PyAny>) -> PyResult<Self> {
                Self::from_json(json_data.py(), &model::json_text(json_data)?)
            }

            /// Describes the class to pydantic, for fields and FastAPI responses.
            #[classmethod]
            #[pyo3(signature = (source_type, handler, /))]
            fn __get_pydantic_core_schema__<'py>(
                cls: &Bound<'py, PyType>,
                source_type: Bound<'py, PyAny>,
                handler: Bound<'py, PyAny>,
            ) -> PyResult<Bound<'py, PyAny>> {
                model::call_python(cls.py(), "_pydantic", "model_schema", (cls, source_type, handler))
            }

            /// Returns the JSON schema of the class to pydantic.
            #[classmethod]
            #[pyo3(signature = (core_schema, handler, /))]
            fn __get_pydantic_json_schema__<'py>(
                cls: &Bound<'py, PyType>,
                core_schema: Bound<'py, PyAny>,
                handler: Bound<'py, PyAny>,
            ) -> PyResult<Bound<'py, PyAny>> {
                model::call_python(cls.py(), "_pydantic", "json_schema", (cls, core_schema, handler))
            }

            fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
                model::extra_attribute(slf, name)
            }

            $(
                fn __len__(&self, py: Python<'_>) -> usize {
                    self.$list.list(py).len()
                }

                fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                    self.$list.list(index.py()).as_any().get_item(index)
                }

                fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
                    self.$list.list(py).try_iter()
                }

                fn __reversed__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    self.$list.list(py).call_method0("__reversed__")
                }

                /// A response is true even if it has no items, like every other response.
                fn __bool__(&self) -> bool {
                    true
                }
            )?

            $(
                fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
                    self.$page.bind(py).len()
                }

                fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                    self.$page.bind(index.py()).as_any().get_item(index)
                }

                fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
                    self.$page.bind(py).as_any().try_iter()
                }

                fn __reversed__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    self.$page.bind(py).call_method0("__reversed__")
                }

                /// A response is true even if it has no items, like every other response.
                fn __bool__(&self) -> bool {
                    true
                }
            )?

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

/// Returns the [`Absence`] of a field.
macro_rules! absence {
    (null) => {
        model::Absence::Null
    };
    (omitted) => {
        model::Absence::Omitted
    };
}

pub(crate) use {absence, model};
