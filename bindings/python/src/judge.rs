//! The model endpoint of local servers, which judges ask.

use std::collections::BTreeMap;

use mistral_datasets::JudgeEndpoint;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};

use crate::arguments::{self, Argument};
use crate::error;
use crate::options::{Seconds, in_range};

/// The names of models: those of the endpoint by those that judges use.
struct Models(BTreeMap<String, String>);

impl Argument for Models {
    const EXPECTED: &'static str = "a dict of model names";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mapping =
            value.cast::<PyMapping>().map_err(|_| arguments::wrong_type::<Self>(value))?;
        let mut models = BTreeMap::new();
        for item in mapping.items()? {
            let (name, model): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            models.insert(String::from_value(&name)?, String::from_value(&model)?);
        }
        Ok(Self(models))
    }
}

/// Parses a dict of judge options: `judge_url`, `judge_key`, `judge_timeout` and `judge_models`, none of which is `None`.
///
/// # Errors
/// `TypeError` for a value of the wrong type. `ConfigurationError` if the timeout is out of range, or options are given without a
/// URL. The server checks the URL and the key.
pub fn parse(given: &Bound<'_, PyDict>) -> PyResult<Option<JudgeEndpoint>> {
    let py = given.py();
    let url = given.get_item(intern!(py, "judge_url"))?;
    let url = url.map(|url| arguments::required::<String>(&url, "judge_url")).transpose()?;
    let has_url = url.is_some();
    let mut endpoint = JudgeEndpoint::new(url.unwrap_or_default());
    for (name, value) in given {
        let name: String = name.extract()?;
        endpoint = match name.as_str() {
            "judge_url" => continue,
            "judge_key" => endpoint.key(Some(arguments::required(&value, &name)?)),
            "judge_timeout" => endpoint.timeout(in_range::<Seconds>(&value, &name)?.0),
            "judge_models" => endpoint.models(arguments::required::<Models>(&value, &name)?.0),
            _ => return Err(PyTypeError::new_err(format!("unknown option `{name}`"))),
        };
        if !has_url {
            return Err(error::configuration(py, &format!("{name}: requires `judge_url`")));
        }
    }
    Ok(has_url.then_some(endpoint))
}
