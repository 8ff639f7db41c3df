//! JSON arguments.

use mistral_datasets::RawJson;
use napi::Status;

/// Converts a JSON argument. JavaScript has already checked that it is valid JSON.
pub fn parse_json(json: String) -> napi::Result<RawJson> {
    RawJson::from_string(json)
        .map_err(|error| napi::Error::new(Status::InvalidArg, format!("invalid JSON: {error}")))
}
