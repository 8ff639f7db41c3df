//! Conversion of model fields between the client's types and Python objects, by field type.

mod collections;
mod enums;
mod extra;
mod json;
mod object_union;

use chrono::{DateTime, SecondsFormat, Utc};
use mistral_datasets::IntoId;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDateTime, PyString, PyTzInfo};
use serde::Serialize;
use uuid::Uuid;

use crate::arguments::{Argument, Id};
use crate::convert::ConvertContext;
use crate::json::encoding_problem;
use crate::json_object::counted;

pub use collections::{List, Map};
pub use enums::EnumMembers;
pub(crate) use enums::{constant, open_enum, union};
pub use extra::ExtraFields;
pub use json::AnyJson;
pub(crate) use object_union::object_union;
pub use object_union::{ObjectUnion, UnknownObject, Variant, select};

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

    /// Whether `None` as an argument of a constructor is a value, rather than that the field is not given.
    const ACCEPTS_NONE: bool = false;

    /// Returns whether the field is left out of a request.
    fn is_none(&self) -> bool {
        false
    }

    /// Formats the value for `repr`, without conversation text and without the query of a presigned URL.
    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.to_python(py)?.repr()?.to_string())
    }
}

/// Returns the problem of a value that cannot be converted: the rest of its path, a colon and what is wrong. Returns `None` for other
/// exceptions.
pub fn conversion_problem(py: Python<'_>, error: &PyErr) -> Option<String> {
    let problem = encoding_problem(py, error)?;
    // Exceptions of this package start with the rest of the path.
    let own = problem.strip_prefix(": ").filter(|rest| rest.starts_with(['.', '[', ':']));
    Some(own.map_or_else(|| problem.clone(), str::to_owned))
}

/// Puts the path of a field or an item in front of an error's message, which is the rest of the path, a colon and the problem.
pub fn located(py: Python<'_>, path: &str, error: PyErr) -> PyErr {
    let Some(problem) = conversion_problem(py, &error) else { return error };
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
        let redacted =
            without_query(self).unwrap_or_else(|| match self.char_indices().nth(REPR_CHARS) {
                Some((end, _)) => format!("{}…", &self[..end]),
                None => self.clone(),
            });
        Ok(PyString::new(py, &redacted).repr()?.to_string())
    }
}

/// The maximum number of characters of a string in a `repr`.
const REPR_CHARS: usize = 100;

/// Returns a URL without its query: that of a presigned URL contains its signature.
fn without_query(text: &str) -> Option<String> {
    let (url, _) = text.split_once('?').filter(|(url, _)| url.starts_with("http"))?;
    Some(format!("{url}?…"))
}

/// A string that `repr` does not show: a presigned URL, or a part of a conversation or a prompt.
pub struct Private(String);

impl Field for Private {
    type Wire = String;
    type Json = String;

    fn from_wire(_: ConvertContext<'_, '_>, wire: String) -> PyResult<Self> {
        Ok(Self(wire))
    }

    fn to_json(&self, _: Python<'_>) -> PyResult<String> {
        Ok(self.0.clone())
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.to_python(py)
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        String::from_python(value).map(Self)
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        match without_query(&self.0) {
            Some(url) => Ok(PyString::new(py, &url).repr()?.to_string()),
            None => Ok(format!("<{}>", counted(self.0.chars().count(), "character"))),
        }
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

    fn is_none(&self) -> bool {
        Self::is_none(self)
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        match self {
            Some(value) => value.repr(py),
            None => Ok("None".to_owned()),
        }
    }
}

/// A value that a program must give, and that may be `None`.
pub struct Nullable<T>(Option<T>);

impl<T: Field> Field for Nullable<T> {
    type Wire = Option<T::Wire>;
    type Json = Option<T::Json>;

    const ACCEPTS_NONE: bool = true;

    fn from_wire(context: ConvertContext<'_, '_>, wire: Self::Wire) -> PyResult<Self> {
        Option::from_wire(context, wire).map(Self)
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<Self::Json> {
        self.0.to_json(py)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.to_python(py)
    }

    fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Option::from_python(value).map(Self)
    }

    fn repr(&self, py: Python<'_>) -> PyResult<String> {
        self.0.repr(py)
    }
}
