//! A small document with every supported construct, for tests of the emitters.

use serde_json::{Value, json};

use super::Output;

/// Returns a document with every kind of argument and response field.
pub fn small() -> Value {
    json!({
        "openapi": "3.0.3",
        "paths": {"/things/{thing_id}": {
            "put": {
                "operationId": "put_thing", "x-group": "things", "x-name": "put",
                "summary": "Put a thing", "description": "Puts a thing where it belongs.",
                "parameters": [
                    {"name": "thing_id", "in": "path", "required": true, "description": "Which.", "schema": {"type": "string", "format": "uuid"}},
                    {"name": "dry", "in": "query", "description": "Whether to try only.", "schema": {"type": "boolean", "default": false}}
                ],
                "requestBody": {"required": true, "x-official-name": "put_thing_request", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/PutThing"}}}},
                "responses": {"200": {"description": "The thing.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}}
            },
            "delete": {
                "operationId": "delete_part", "x-group": "things.parts", "x-name": "delete",
                "summary": "Delete a part", "description": "Deletes a part of a thing.",
                "parameters": [{"name": "thing_id", "in": "path", "required": true, "description": "Which.", "schema": {"type": "string"}}],
                "responses": {"204": {"description": "Deleted."}}
            }
        }},
        "components": {"schemas": {
            "PutThing": {"type": "object", "description": "What to put.", "required": ["size", "notes", "parts"], "properties": {
                "label": {"type": "string", "maxLength": 9, "description": "Its label."},
                "size": {"type": "integer", "format": "int64", "minimum": 1, "description": "Its size."},
                "notes": {"allOf": [{"$ref": "#/components/schemas/Notes"}], "description": "What is said about it."},
                "more": {"type": "object", "additionalProperties": true, "description": "Anything else."},
                "parts": {"type": "array", "items": {"type": "string", "format": "uuid"}, "description": "Its parts."},
                "others": {"type": "array", "items": {"type": "string", "format": "uuid"}, "description": "Other parts."},
                "tags": {"type": "array", "items": {"type": "string"}, "description": "Its tags."},
                "state": {"allOf": [{"$ref": "#/components/schemas/State"}], "description": "Its state."}
            }},
            "Thing": {"type": "object", "description": "A thing.", "required": ["owner_id", "state", "object"], "properties": {
                "owner_id": {"type": "string", "format": "uuid", "description": "Whose it is."},
                "since": {"type": "string", "format": "date-time", "nullable": true, "description": "Since when."},
                "state": {"allOf": [{"$ref": "#/components/schemas/State"}], "description": "Its state."},
                "object": {"type": "string", "description": "Always `thing`."},
                "tags": {"type": "array", "items": {"type": "string"}, "description": "Its tags."},
                "notes": {"allOf": [{"$ref": "#/components/schemas/Notes"}], "nullable": true, "description": "What is said about it."},
                "free": {"type": "object", "additionalProperties": true, "description": "Anything else."}
            }},
            "Notes": {"type": "object", "additionalProperties": true, "description": "Notes.", "required": ["lines"], "properties": {
                "lines": {"type": "array", "items": {"type": "object", "additionalProperties": true}, "description": "Line by line."},
                "author": {"type": "string", "description": "Who took them."}
            }},
            "State": {"type": "string", "description": "How it is.", "enum": ["NEW", "OLD"]},
            "Unused": {"type": "object", "description": "Nothing returns it.", "required": ["x"], "properties": {
                "x": {"type": "string", "description": "X."}
            }}
        }}
    })
}

/// Returns the text of the file whose path ends with `end`.
pub fn text(outputs: &[Output], end: &str) -> String {
    let output = outputs.iter().find(|output| output.path.ends_with(end));
    output.unwrap_or_else(|| panic!("{end} is not emitted")).text.clone()
}

/// Asserts that a text contains all parts.
pub fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "missing `{part}`:\n{text}");
    }
}
