//! Arguments that become a request body: JSON and files.

use mistral_datasets::RawJson;
use pyo3::prelude::*;

use crate::arguments::Argument;
use crate::error;
use crate::file::FileArgument;
use crate::json::encoding_problem;
use crate::json_object;

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

impl Argument for FileArgument {
    const EXPECTED: &'static str = "a file";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        value.extract()
    }
}
