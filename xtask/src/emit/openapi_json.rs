//! Emits the OpenAPI document as JSON, for the server to serve.

use serde_json::{Map, Value, json};

use super::{COMMAND, DOCUMENT};

/// Emits `openapi.json`. The server list is empty: the server searches for the empty list and inserts itself.
pub fn emit(document: &Value) -> Result<String, String> {
    let fields = document.as_object().ok_or("the document is not an object")?;
    let note = format!("by `{COMMAND}` from `{DOCUMENT}`; do not edit");
    let mut served = Map::from_iter([("x-generated".to_owned(), note.into())]);
    for (name, value) in fields {
        let value = if name == "servers" { json!([]) } else { value.clone() };
        served.insert(name.clone(), value);
    }
    served.entry("servers").or_insert_with(|| json!([]));
    let text = serde_json::to_string_pretty(&served).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}
