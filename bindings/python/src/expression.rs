//! Quoting for search expressions. The documented functions are in `mistral_datasets._expressions`.

use mistral_datasets::expression;
use pyo3::prelude::*;

use crate::arguments::required;

/// Implements `quote`.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub fn quote(text: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(expression::text(&required::<String>(text, "text")?))
}

/// Implements `map_key`.
#[pyfunction]
#[pyo3(signature = (name, key, /))]
pub fn map_key(name: &Bound<'_, PyAny>, key: &Bound<'_, PyAny>) -> PyResult<String> {
    let (name, key) = (required::<String>(name, "name")?, required::<String>(key, "key")?);
    Ok(expression::key(&name, &key))
}
