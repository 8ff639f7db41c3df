//! Checks the fields of datasets and records, wherever they come from: requests, imported lines and seeds.

use std::ops::RangeInclusive;

use crate::config::Generation;
use crate::json::{Fields, JsonError, Value};

/// The allowed length of a dataset's name, in characters.
pub(crate) const DATASET_NAME_LENGTH: RangeInclusive<usize> = 5..=50;

/// The allowed length of a dataset's description, in characters.
const DATASET_DESCRIPTION_LENGTH: RangeInclusive<usize> = 0..=200;

/// Returns the name of a dataset.
pub(crate) fn dataset_name(value: &Value<'_>) -> Result<String, JsonError> {
    value.string_of(DATASET_NAME_LENGTH)
}

/// Returns the description of a dataset.
pub(crate) fn dataset_description(value: &Value<'_>) -> Result<String, JsonError> {
    value.string_of(DATASET_DESCRIPTION_LENGTH)
}

/// Returns the name of a campaign.
pub(crate) fn campaign_name(value: &Value<'_>) -> Result<String, JsonError> {
    value.string_of(5..=50)
}

/// Returns the description of a campaign. The service documents no limit.
pub(crate) fn campaign_description(value: &Value<'_>) -> Result<String, JsonError> {
    value.string_of(0..=10_000)
}

/// Returns the payload of a record as JSON. It must be an object; the first generation also requires `messages`, an array of
/// objects.
pub(crate) fn payload(value: &Value<'_>, generation: Generation) -> Result<String, JsonError> {
    let fields = value.fields()?;
    if generation == Generation::G1 {
        fields.required("messages")?.require_objects()?;
    }
    Ok(value.text().to_owned())
}

/// Returns the properties of a record as JSON. They must be an object; the first generation requires them, others default to an
/// empty object.
pub(crate) fn properties(fields: &Fields<'_>, generation: Generation) -> Result<String, JsonError> {
    match generation {
        Generation::G1 => fields.required("properties")?.object(),
        Generation::Any | Generation::G2 | Generation::G3 => fields.object_or_empty("properties"),
    }
}
