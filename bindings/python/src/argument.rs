//! What methods take beside plain text and numbers.

use mistral_datasets::IntoId;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// An id: text, or a `uuid.UUID`.
#[derive(Clone, Debug)]
pub struct Id(String);

impl Id {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IntoId for Id {
    fn into_id(self) -> String {
        self.0
    }
}

impl<'py> FromPyObject<'_, 'py> for Id {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            return text.to_str().map(|text| Self(text.to_owned()));
        }
        let uuid = value.py().import("uuid")?.getattr("UUID")?;
        if value.is_instance(&uuid)? {
            return value.str()?.to_str().map(|text| Self(text.to_owned()));
        }
        let found = value.get_type().name()?;
        Err(PyTypeError::new_err(format!("expected str or uuid.UUID, found {found}")))
    }
}

/// Several values of one kind: any iterable but a text, which would fall apart into its characters.
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
