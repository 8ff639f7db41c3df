//! Accesses the parts of the OpenAPI document, with errors that name the place.

use serde_json::{Map, Value};

/// Returns the name of the schema that a value refers to.
pub(super) fn reference(value: &Value) -> Option<String> {
    value.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/").map(str::to_owned)
}

/// Adds the names of all schemas that a value refers to.
pub(super) fn collect_references(value: &Value, names: &mut Vec<String>) {
    if let Some(name) = reference(value) {
        names.push(name);
    }
    match value {
        Value::Object(fields) => fields.values().for_each(|value| collect_references(value, names)),
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, names)),
        _ => {}
    }
}

/// Requires an object.
pub(super) fn object<'v>(value: &'v Value, place: &str) -> Result<&'v Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{place}: expected an object"))
}

/// Requires an array, or nothing.
pub(super) fn array<'v>(value: Option<&'v Value>, place: &str) -> Result<&'v [Value], String> {
    match value {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("{place}: expected an array")),
    }
}

/// Requires a string that is not empty.
pub(super) fn string(value: &Value, key: &str, place: &str) -> Result<String, String> {
    match value.get(key).and_then(Value::as_str) {
        Some(string) if !string.trim().is_empty() => Ok(string.trim().to_owned()),
        _ => Err(format!("{place}.{key}: missing or empty")),
    }
}

/// Returns whether a field is true.
pub(super) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// Returns the value of a limit. A fraction is not supported.
pub(super) fn whole_number(value: Option<&Value>, place: &str) -> Result<Option<i64>, String> {
    let Some(value) = value else { return Ok(None) };
    let fraction = || value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
    match value.as_i64().or_else(|| fraction().map(|number| number as i64)) {
        Some(number) => Ok(Some(number)),
        None => Err(format!("{place}: only whole numbers are supported")),
    }
}
