//! Conversions of arguments that PyO3 does not provide.

use mistral_datasets::{Error, IntoId, RawJson, SealedId};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::error;
use crate::json::encoding_problem;
use crate::json_object;

/// An ID: a `str` or a `uuid.UUID`.
#[derive(Clone, Debug)]
pub struct Id(String);

impl Id {
    /// Returns the ID as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SealedId for Id {}

impl IntoId for Id {
    fn into_id(self) -> String {
        self.0
    }
}

impl<'py> FromPyObject<'_, 'py> for Id {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(string) = value.cast::<PyString>() {
            return string.to_str().map(|string| Self(string.to_owned()));
        }
        let uuid = value.py().import("uuid")?.getattr("UUID")?;
        if value.is_instance(&uuid)? {
            return value.str()?.to_str().map(|string| Self(string.to_owned()));
        }
        let found = value.get_type().name()?;
        Err(PyTypeError::new_err(format!("expected str or uuid.UUID, found {found}")))
    }
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

impl<'py, T> FromPyObject<'_, 'py> for Many<T>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
            let found = value.get_type().name()?;
            return Err(PyTypeError::new_err(format!("expected a list, found {found}")));
        }
        value
            .try_iter()?
            .map(|item| item?.extract::<T>().map_err(Into::into))
            .collect::<PyResult<_>>()
            .map(Self)
    }
}

/// Serializes an argument that becomes part of the request body.
///
/// # Errors
/// `ValidationError` with the path of a value that JSON cannot represent.
pub fn json(value: &Bound<'_, PyAny>, operation: &str, name: &str) -> PyResult<RawJson> {
    let py = value.py();
    json_object::serialize(value).map_err(|error| match encoding_problem(py, &error) {
        Some(problem) => error::validation(py, operation, &format!("{name}{problem}"), error),
        None => error,
    })
}

/// Parses an argument that must be one of several names.
pub fn choice<T: std::str::FromStr<Err = Error>>(py: Python<'_>, name: &str) -> PyResult<T> {
    name.parse().map_err(|error| error::exception(py, &error))
}

/// Converts a number whose valid range the client checks. A negative number becomes 0, which the client rejects.
pub fn number<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}
