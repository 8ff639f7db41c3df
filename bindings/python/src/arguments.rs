//! Conversions of arguments, with messages that name the argument, what is accepted and what was found.
//!
//! PyO3's own conversions report errors differently in every Python version.

use chrono::{DateTime, Utc};
use mistral_datasets::{Error, IntoId, SealedId};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyString};

use crate::error;
use crate::fields::Field;

/// A type of arguments.
pub trait Argument: Sized {
    /// What is accepted, for error messages.
    const EXPECTED: &'static str;

    /// Converts a value.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` without the argument's name, which [`required`] and [`optional`] add.
    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self>;
}

/// Converts the argument `name`.
///
/// # Errors
/// `TypeError` or `ValueError` that names the argument.
pub fn required<T: Argument>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<T> {
    T::from_value(value).map_err(|error| with_name(name, error, value.py()))
}

/// Converts the argument `name`, which may be `None`.
///
/// # Errors
/// As [`required`].
pub fn optional<T: Argument>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<T>> {
    match value.is_none() {
        true => Ok(None),
        false => required(value, name).map(Some),
    }
}

/// Prefixes the message of a `TypeError` or `ValueError` with the argument that it is about.
fn with_name(name: &str, error: PyErr, py: Python<'_>) -> PyErr {
    let message = format!("{name}: {}", error.value(py));
    if error.is_instance_of::<PyTypeError>(py) {
        PyTypeError::new_err(message)
    } else if error.is_instance_of::<PyValueError>(py) {
        PyValueError::new_err(message)
    } else {
        error
    }
}

/// Returns the error for a value that is not a `T`.
pub fn wrong_type<T: Argument>(value: &Bound<'_, PyAny>) -> PyErr {
    match type_name(value) {
        Ok(found) => PyTypeError::new_err(format!("expected {}, found {found}", T::EXPECTED)),
        Err(error) => error,
    }
}

/// Returns the error of a conversion in terms of `T`, whose values have another type in Python.
pub fn described<T: Argument>(error: PyErr, value: &Bound<'_, PyAny>) -> PyErr {
    match error.is_instance_of::<PyTypeError>(value.py()) {
        true => wrong_type::<T>(value),
        false => error,
    }
}

/// Returns the name of a value's type, or `None` for `None`.
pub fn type_name(value: &Bound<'_, PyAny>) -> PyResult<String> {
    match value.is_none() {
        true => Ok("None".to_owned()),
        false => Ok(value.get_type().name()?.to_string()),
    }
}

impl Argument for String {
    const EXPECTED: &'static str = "str";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = value.cast::<PyString>().map_err(|_| wrong_type::<Self>(value))?;
        // Fails for surrogates.
        Ok(text.to_str()?.to_owned())
    }
}

impl Argument for i64 {
    const EXPECTED: &'static str = "int";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyBool>() || value.is_instance_of::<PyFloat>() {
            return Err(wrong_type::<Self>(value));
        }
        pyo3::FromPyObject::extract(value.as_borrowed()).map_err(|error: PyErr| {
            match error.is_instance_of::<pyo3::exceptions::PyOverflowError>(value.py()) {
                true => PyValueError::new_err("the number is too large"),
                false => wrong_type::<Self>(value),
            }
        })
    }
}

impl Argument for f64 {
    const EXPECTED: &'static str = "float";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyBool>() {
            return Err(wrong_type::<Self>(value));
        }
        pyo3::FromPyObject::extract(value.as_borrowed())
            .map_err(|_: PyErr| wrong_type::<Self>(value))
    }
}

impl Argument for bool {
    const EXPECTED: &'static str = "bool";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        // Also accepts NumPy's booleans.
        pyo3::FromPyObject::extract(value.as_borrowed())
            .map_err(|_: PyErr| wrong_type::<Self>(value))
    }
}

impl Argument for DateTime<Utc> {
    const EXPECTED: &'static str = "a datetime with a time zone, or an ISO 8601 string";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        Field::from_python(value).map_err(|error| {
            let message = error.value(value.py()).to_string();
            let message = message.trim_start_matches([':', ' ']).to_owned();
            match error.is_instance_of::<PyTypeError>(value.py()) {
                true => PyTypeError::new_err(message),
                false => PyValueError::new_err(message),
            }
        })
    }
}

impl Argument for PyBackedBytes {
    const EXPECTED: &'static str = "bytes";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract().map_err(|_| wrong_type::<Self>(value))
    }
}

/// An ID: a `str` or a `uuid.UUID`.
#[derive(Clone, Debug)]
pub struct Id(String);

impl SealedId for Id {}

impl IntoId for Id {
    fn into_id(self) -> String {
        self.0
    }
}

impl Argument for Id {
    const EXPECTED: &'static str = "str or uuid.UUID";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(string) = value.cast::<PyString>() {
            return string.to_str().map(|string| Self(string.to_owned()));
        }
        let uuid = value.py().import("uuid")?.getattr("UUID")?;
        if value.is_instance(&uuid)? {
            return value.str()?.to_str().map(|string| Self(string.to_owned()));
        }
        Err(wrong_type::<Self>(value))
    }
}

/// Converts an ID to a string.
///
/// # Errors
/// `TypeError` that names the argument.
#[pyfunction]
#[pyo3(signature = (name, value, /))]
pub fn id_text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    required::<Id>(value, name).map(IntoId::into_id)
}

/// Any iterable except `str` and `bytes`, whose items would be single characters or bytes.
#[derive(Debug)]
pub struct Many<T>(Vec<T>);

impl<T> IntoIterator for Many<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Argument + ManyOf> Argument for Many<T> {
    const EXPECTED: &'static str = T::EXPECTED_MANY;

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
            return Err(wrong_type::<Self>(value));
        }
        let items = value.try_iter().map_err(|_| wrong_type::<Self>(value))?;
        let mut many = Vec::new();
        for (index, item) in items.enumerate() {
            // An exception of a generator is raised as it is.
            many.push(required(&item?, &format!("item {index}"))?);
        }
        Ok(Self(many))
    }
}

/// A type of the items of an iterable.
pub trait ManyOf {
    /// What is accepted, for error messages.
    const EXPECTED_MANY: &'static str;
}

impl ManyOf for Id {
    const EXPECTED_MANY: &'static str = "an iterable of str or uuid.UUID";
}

impl ManyOf for String {
    const EXPECTED_MANY: &'static str = "an iterable of str";
}

/// Parses an argument that must be one of several names.
pub fn choice<T: std::str::FromStr<Err = Error>>(
    value: &Bound<'_, PyAny>,
    name: &str,
) -> PyResult<T> {
    let text: String = required(value, name)?;
    text.parse().map_err(|error| error::exception(value.py(), &error))
}

/// Converts a number whose valid range the client checks. A negative number becomes 0, which the client rejects.
pub fn number<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}
