//! Arguments that JavaScript passes as text. JavaScript has already checked them, so an error here is a bug of the package.

use chrono::{DateTime, Utc};
use mistral_datasets::RawJson;
use napi::Status;
use serde::de::DeserializeOwned;

/// Converts a JSON argument.
pub fn parse_json(json: String) -> napi::Result<RawJson> {
    RawJson::from_string(json).map_err(|error| invalid("JSON", &error))
}

/// Converts a JSON argument to a typed value.
pub fn parse_value<T: DeserializeOwned>(json: String) -> napi::Result<T> {
    serde_json::from_str(&json).map_err(|error| invalid("JSON", &error))
}

/// Converts a timestamp in the format of RFC 3339.
pub fn parse_timestamp(text: String) -> napi::Result<DateTime<Utc>> {
    let timestamp = DateTime::parse_from_rfc3339(&text);
    Ok(timestamp.map_err(|error| invalid("timestamp", &error))?.to_utc())
}

fn invalid(what: &str, error: &dyn std::fmt::Display) -> napi::Error {
    napi::Error::new(Status::InvalidArg, format!("invalid {what}: {error}"))
}
