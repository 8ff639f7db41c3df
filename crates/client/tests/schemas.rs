//! The schemas that schemars derives from the public types say what the document says.

use mistral_datasets::types;
use serde_json::{Map, Value, json};

/// The document's schemas by name. The one with a binary member is a multipart body, for which there is no type.
fn documented() -> Map<String, Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/datasets.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_yaml_ng::from_str(&text).unwrap();
    let mut schemas = document["components"]["schemas"].as_object().unwrap().clone();
    schemas.retain(|_, schema| schema["properties"]["file"]["format"] != "binary");
    schemas
}

/// Both spellings brought to one: OpenAPI 3.0 says `nullable` and wraps references, JSON Schema has types of null. A member
/// that is not required may be null in Rust, where both are `None`, so neither spelling of that counts.
fn normal(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    if let Some([only]) = members.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        let mut members = members.clone();
        members.remove("allOf");
        members.extend(only.as_object().unwrap().clone());
        return normal(&members.into());
    }
    let mut result = Map::new();
    for (key, value) in members {
        let (key, value) = match (key.as_str(), value) {
            ("nullable" | "default" | "title" | "$schema" | "$defs", _) => continue,
            // Extensions speak to the generator.
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
                let mut variants: Vec<Value> = variants.iter().map(normal).collect();
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
                    .map(|(name, value)| (name.clone(), normal(value)))
                    .collect::<Map<_, _>>()
                    .into(),
            ),
            ("required", Value::Array(names)) => {
                let mut names = names.clone();
                names.sort_by_key(|name| name.to_string());
                (key.as_str(), names.into())
            }
            (key, value) => (key, normal(value)),
        };
        result.insert(key.to_owned(), value);
    }
    result.into()
}

#[test]
fn derived_schemas_are_the_documents() {
    let documented = documented();
    let derived = types::schemas();
    let names: Vec<&str> = derived.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, documented.keys().collect::<Vec<_>>());
    for (name, schema) in &derived {
        assert_eq!(normal(schema.as_value()), normal(&documented[*name]), "{name}");
    }
}

#[test]
fn the_comparison_sees_a_difference() {
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
        assert_ne!(normal(&original), normal(&changed), "{pointer}");
    }
}
