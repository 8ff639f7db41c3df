//! Checks that the schemas derived from the public types match the OpenAPI document.

use mistral_datasets::types;
use serde_json::{Map, Value, json};

/// Returns the document's schemas by name, except the multipart body, which has no type of its own.
fn documented_schemas() -> Map<String, Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/datasets.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_yaml_ng::from_str(&text).unwrap();
    let mut schemas = document["components"]["schemas"].as_object().unwrap().clone();
    schemas.retain(|_, schema| schema["properties"]["file"]["format"] != "binary");
    schemas
}

/// Returns the properties that only some generations of the API require. Clients always send them.
fn required_by_clients(schema: &Map<String, Value>) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = properties.filter(|(_, property)| property.get("x-required-in").is_some());
    required.map(|(name, _)| name.clone()).collect()
}

/// Converts both dialects to a common form: OpenAPI 3.0 uses `nullable` and wraps references in `allOf`, JSON Schema uses
/// types that include null. Optional fields may be null in Rust, where both cases are `None`, so nullability is dropped.
fn normalize(schema: &Value) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    if let Some([only]) = fields.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        let mut fields = fields.clone();
        fields.remove("allOf");
        fields.extend(only.as_object().unwrap().clone());
        return normalize(&fields.into());
    }
    let mut result = Map::new();
    let mut fields = fields.clone();
    for name in required_by_clients(&fields) {
        let required = fields.entry("required").or_insert_with(|| json!([]));
        required.as_array_mut().unwrap().push(name.into());
    }
    // OpenAPI 3.0 has a boolean next to the maximum, JSON Schema a number instead of it.
    if fields.get("exclusiveMaximum") == Some(&Value::Bool(true)) {
        let maximum = fields.remove("maximum").unwrap();
        fields.insert("exclusiveMaximum".to_owned(), maximum);
    }
    for (key, value) in &fields {
        let (key, value) = match (key.as_str(), value) {
            ("nullable" | "default" | "title" | "$schema" | "$defs", _) => continue,
            // JSON Schema does not have it.
            ("discriminator", _) => continue,
            // Extensions are only meant for the generator.
            (key, _) if key.starts_with("x-") => continue,
            ("description", Value::String(text)) => {
                (key.as_str(), json!(text.split_whitespace().collect::<Vec<_>>().join(" ")))
            }
            ("$ref", Value::String(target)) => {
                (key.as_str(), json!(target.rsplit('/').next().unwrap()))
            }
            ("type", Value::Array(types)) => {
                (key.as_str(), types.iter().find(|ty| *ty != "null").unwrap().clone())
            }
            ("anyOf" | "oneOf", Value::Array(variants)) => {
                let mut variants: Vec<Value> = variants.iter().map(normalize).collect();
                variants.retain(|variant| variant["type"] != "null");
                if let [Value::Object(only)] = &variants[..] {
                    result.extend(only.clone());
                    continue;
                }
                for variant in &mut variants {
                    variant.as_object_mut().unwrap().remove("description");
                }
                ("anyOf", variants.into())
            }
            ("properties", Value::Object(properties)) => (
                key.as_str(),
                properties
                    .iter()
                    .map(|(name, value)| (name.clone(), normalize(value)))
                    .collect::<Map<_, _>>()
                    .into(),
            ),
            ("required", Value::Array(names)) => {
                let mut names = names.clone();
                names.sort_by_key(|name| name.to_string());
                (key.as_str(), names.into())
            }
            (key, value) => (key, normalize(value)),
        };
        result.insert(key.to_owned(), value);
    }
    result.into()
}

#[test]
fn derived_schemas_match_the_document() {
    let documented = documented_schemas();
    let derived = types::schemas();
    let names: Vec<&str> = derived.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, documented.keys().collect::<Vec<_>>());
    for (name, schema) in &derived {
        assert_eq!(normalize(schema.as_value()), normalize(&documented[*name]), "{name}");
    }
}

#[test]
fn the_comparison_detects_differences() {
    let original =
        json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}});
    for (pointer, value) in [
        ("/properties/a/maxLength", json!(6)),
        ("/properties/a/type", json!("integer")),
        ("/properties/b", json!({"type": "string"})),
    ] {
        let mut changed = original.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[name] = value;
        assert_ne!(normalize(&original), normalize(&changed), "{pointer}");
    }
}
