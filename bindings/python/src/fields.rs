//! Conversion of model fields between the client's types and Python objects, by field type.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use chrono::{DateTime, SecondsFormat, Utc};
use mistral_datasets::{IntoId, RawJson};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyDateTime, PyDict, PyList, PyMappingProxy, PyString, PyTuple, PyTzInfo,
};
use serde::Serialize;
use uuid::Uuid;

use crate::arguments::{Argument, Id};
use crate::convert::ConvertContext;
use crate::json::{JsonType, LazyJson, encoding_problem};
use crate::json_object::{self, counted};

/// The value of a model field.
pub trait Field: Sized + Send + Sync + 'static {
    /// The client's type.
    type Wire;

    /// The type that is serialized to JSON.
    type Json: Serialize;

    /// Converts a value that the client received.
    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self>;

    /// Converts to the type that is serialized to JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<Self::Json>;

    /// Returns the Python object.
    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;

    /// Converts a value of the program: an argument of a constructor, or an item that was added to a list field.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` with a message that continues the name of the value; see [`located`].
    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self>;

    /// Returns the value of a field that is not given, unless the field is required.
    fn absent(_: Python<'_>) -> Option<Self> {
        None
    }

    /// Formats the value for `repr`, without conversation text and without the query of a presigned URL.
    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_python(py)?.repr()?.to_string())
    }
}

/// Puts the path of a field or an item in front of an error's message, which is the rest of the path, a colon and the problem.
pub fn located(py: Python<'_>, path: &str, error: PyErr) -> PyErr {
    let problem = match encoding_problem(py, &error) {
        // Exceptions of this package start with the rest of the path.
        Some(problem) => problem
            .strip_prefix(": ")
            .filter(|rest| rest.starts_with(['.', '[', ':']))
            .map_or(problem.clone(), str::to_owned),
        None => return error,
    };
    let message = format!("{path}{problem}");
    if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(message)
    } else {
        PyValueError::new_err(message)
    }
}

/// Returns the exception for a value of a wrong type.
pub fn wrong_type(expected: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let found =
        value.get_type().name().map_or_else(|_| "another type".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(": expected {expected}, found {found}"))
}

/// Implements `Field` for `Copy` types that PyO3 converts.
macro_rules! copy_field {
    ($($ty:ty = $expected:literal unless $refused:ty),+) => {
        $(impl Field for $ty {
            type Wire = Self;
    type Json = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(*self)
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.into_bound_py_any(py)
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                match value.extract() {
                    Ok(converted) if !value.is_instance_of::<$refused>() => Ok(converted),
                    _ => Err(wrong_type($expected, value)),
                }
            }
        })+
    };
}

copy_field!(
    i64 = "a 64-bit int" unless PyBool,
    f64 = "a number" unless PyBool,
    bool = "a bool" unless PyString
);

impl Field for DateTime<Utc> {
    type Wire = Self;
    type Json = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(*self)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.into_bound_py_any(py)
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let expected = "a datetime with a time zone, or an ISO 8601 string";
        if let Ok(text) = value.cast::<PyString>() {
            let time = DateTime::parse_from_rfc3339(text.to_str()?);
            return time.map(|time| time.to_utc()).map_err(|_| {
                PyValueError::new_err(format!(
                    ": expected {expected}; the string has another format"
                ))
            });
        }
        if !value.is_instance_of::<PyDateTime>() {
            return Err(wrong_type(expected, value));
        }
        if value.call_method0("utcoffset")?.is_none() {
            return Err(PyValueError::new_err(format!(
                ": expected {expected}, found no time zone"
            )));
        }
        value.call_method1("astimezone", (PyTzInfo::utc(value.py())?,))?.extract()
    }

    fn repr(&self, _: Python<'_>) -> PyResult<String> {
        Ok(self.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Field for String {
    type Wire = Self;
    type Json = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(self.clone())
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyString::new(py, self).into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract().map_err(|_| wrong_type("a str", value))
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let redacted = match self.split_once('?') {
            // The query of a presigned URL contains its signature.
            Some((url, _)) if url.starts_with("http") => format!("{url}?…"),
            _ => match self.char_indices().nth(REPR_CHARS) {
                Some((end, _)) => format!("{}…", &self[..end]),
                None => self.clone(),
            },
        };
        Ok(PyString::new(py, &redacted).repr()?.to_string())
    }
}

/// UUIDs are strings in Python.
impl Field for Uuid {
    type Wire = Self;
    type Json = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
        Ok(wire)
    }

    fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
        Ok(*self)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut buffer = Uuid::encode_buffer();
        Ok(PyString::new(py, self.hyphenated().encode_lower(&mut buffer)).into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let id = Id::from_value(value)
            .map_err(|_| wrong_type("a UUID as str or uuid.UUID", value))?
            .into_id();
        Self::try_parse(&id)
            .map_err(|_| PyValueError::new_err(": expected a UUID; the string has another format"))
    }
}

impl<T: Field> Field for Option<T> {
    type Wire = Option<T::Wire>;
    type Json = Option<T::Json>;

    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        wire.map(|wire| T::from_wire(context, wire)).transpose()
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<Self::Json> {
        self.as_ref().map(|value| value.to_json(py)).transpose()
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

    fn absent(_: Python<'_>) -> Option<Self> {
        Some(None)
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
    type Json = Vec<T::Json>;

    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        let items = wire
            .into_iter()
            .map(|item| T::from_wire(context, item)?.to_python(context.py))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(Self { list: PyList::new(context.py, items)?.unbind(), items: PhantomData })
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<Self::Json> {
        let items = self.list.bind(py).iter();
        let converted =
            items.enumerate().map(|(index, item)| Self::item(index, &item)?.to_json(py));
        converted.collect()
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.list.bind(py).clone().into_any())
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if !value.is_instance_of::<PyList>() && !value.is_instance_of::<PyTuple>() {
            return Err(wrong_type("a list", value));
        }
        let py = value.py();
        let items = value.try_iter()?.enumerate();
        let items = items.map(|(index, item)| Self::item(index, &item?)?.to_python(py));
        let list = PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)?;
        Ok(Self { list: list.unbind(), items: PhantomData })
    }

    fn absent(py: Python<'_>) -> Option<Self> {
        Some(Self { list: PyList::empty(py).unbind(), items: PhantomData })
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        let list = self.list.bind(py);
        let mut items = Vec::with_capacity(REPR_ITEMS + 1);
        for (index, item) in list.iter().take(REPR_ITEMS).enumerate() {
            // The program may have added anything to the list.
            items.push(match Self::item(index, &item) {
                Ok(item) => item.repr(py)?,
                Err(_) => item.repr()?.to_string(),
            });
        }
        if let Some(more @ 1..) = list.len().checked_sub(REPR_ITEMS) {
            items.push(format!("… {more} more"));
        }
        Ok(format!("[{}]", items.join(", ")))
    }
}

impl<T: Field> List<T> {
    /// Returns the Python list.
    pub fn list<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyList> {
        self.list.bind(py)
    }

    fn item(index: usize, item: &Bound<'_, PyAny>) -> PyResult<T> {
        T::from_python(item).map_err(|error| located(item.py(), &format!("[{index}]"), error))
    }
}

/// The maximum number of list items in a `repr`.
const REPR_ITEMS: usize = 3;

/// The maximum number of characters of a string in a `repr`.
const REPR_CHARS: usize = 100;

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

/// Implements `Field` for an open enum, which is a class of `mistral_datasets.enums` in Python.
macro_rules! open_enum {
    ($name:ident) => {
        impl Field for types::$name {
            type Wire = Self;
            type Json = Self;

            fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
                Ok(self.clone())
            }

            fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                static MEMBERS: PyOnceLock<EnumMembers> = PyOnceLock::new();
                let members = MEMBERS
                    .get_or_try_init(py, || EnumMembers::new(py, stringify!($name), Self::KNOWN))?;
                members.get(py, self.as_str())
            }

            fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
                Ok(String::from_python(value)?.into())
            }

            fn repr(&self, py: Python<'_>) -> PyResult<String> {
                self.as_str().to_owned().repr(py)
            }
        }
    };
}

/// The class of an open enum, and its members by value.
pub struct EnumMembers {
    class: Py<PyAny>,
    members: Py<PyDict>,
}

impl EnumMembers {
    /// Imports a class of `mistral_datasets.enums`.
    pub fn new(py: Python<'_>, name: &str, values: &[&str]) -> PyResult<Self> {
        let class = py.import("mistral_datasets.enums")?.getattr(name)?;
        let members = PyDict::new(py);
        for value in values {
            members.set_item(value, class.call1((value,))?)?;
        }
        Ok(Self { class: class.unbind(), members: members.unbind() })
    }

    /// Returns the member with a value. The class creates one for a value that it does not know.
    pub fn get<'py>(&self, py: Python<'py>, value: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.members.bind(py).get_item(value)? {
            Some(member) => Ok(member),
            None => self.class.bind(py).call1((value,)),
        }
    }
}

/// Implements `Field` for a union of scalars.
macro_rules! union {
    ($ty:ty = $expected:literal { $($variant:ident: $inner:ty,)+ }) => {
        impl Field for $ty {
            type Wire = Self;
    type Json = Self;

    fn from_wire(_: ConvertContext<'_, '_>, wire: Self) -> PyResult<Self> {
                Ok(wire)
            }

            fn to_json(&self, _: Python<'_>) -> PyResult<Self> {
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
                Err(wrong_type($expected, value))
            }
        }
    };
}

pub(crate) use {open_enum, union};
