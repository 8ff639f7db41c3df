//! Emits `models.py`, `enums.py` and `_json_schemas.py`, and answers questions about responses that several emitters have.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::text::{self, WIDTH, docstring, field_type, is_class, name, returned};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Type};

/// Where the items of a response are that can be iterated over.
pub enum Items<'a> {
    /// In a list field.
    List(&'a Field),
    /// In the page in a field.
    Page(&'a Field),
}

impl Items<'_> {
    /// Returns the schema of the items.
    pub fn schema<'a>(&'a self, model: &'a Model) -> &'a str {
        match self {
            Self::List(Field { ty: Type::Array(item), .. }) => match &**item {
                Type::Named(name) => name,
                _ => unreachable!("items are objects"),
            },
            Self::Page(Field { ty: Type::Named(page), .. }) => {
                let Kind::Object { fields } = &model.schema(page).kind else {
                    unreachable!("a page is an object")
                };
                match list(fields) {
                    Some(Field { ty: Type::Array(item), .. }) => match &**item {
                        Type::Named(name) => name,
                        _ => unreachable!("items are objects"),
                    },
                    _ => unreachable!("a page has a list"),
                }
            }
            _ => unreachable!("items are in a list or a page"),
        }
    }
}

/// Returns where the items of a response are: in its list of objects, or in the page that is its only field.
pub fn items_of<'a>(model: &'a Model, fields: &'a [Field]) -> Option<Items<'a>> {
    if let Some(field) = list(fields) {
        return Some(Items::List(field));
    }
    let [field @ Field { ty: Type::Named(page), .. }] = fields else { return None };
    match &model.schema(page).kind {
        Kind::Object { fields } if list(fields).is_some() => Some(Items::Page(field)),
        _ => None,
    }
}

/// Returns the list of objects among the fields of a page, which is the field `results` or `data`.
fn list(fields: &[Field]) -> Option<&Field> {
    fields.iter().find(|field| {
        ["results", "data"].contains(&field.name.as_str())
            && matches!(&field.ty, Type::Array(item) if matches!(**item, Type::Named(_)))
    })
}

/// Returns whether the constructor of a response requires a field.
pub fn is_required(field: &Field) -> bool {
    field.required && !field.nullable && !matches!(field.ty, Type::Array(_))
}

/// Emits `models.py`.
pub fn models(model: &Model) -> Result<String, String> {
    let mut native = Vec::new();
    let mut classes = String::new();
    let mut names = Vec::new();
    for schema in returned(model).into_iter().filter(|schema| is_class(schema)) {
        names.push(schema.name.as_str());
        let Kind::FreeObject { known } = &schema.kind else {
            native.push(schema.name.as_str());
            continue;
        };
        let mut parameters = String::new();
        let mut items = String::new();
        let mut keys = String::new();
        for field in known {
            let key = name(&field.name)?;
            if field.required {
                let _ = write!(parameters, ", {key}: {}", field_type(model, field)?);
                let _ = write!(items, "\"{key}\": {key}, ");
            }
            let required = if field.required { "True" } else { "False" };
            let arguments =
                format!("\"{key}\", {}, required={required}", quoted(&field.description));
            let line = format!("    {key} = known_key({arguments})");
            let _ = match line.chars().count() <= WIDTH {
                true => writeln!(keys, "{line}"),
                false => writeln!(keys, "    {key} = known_key(\n        {arguments}\n    )"),
            };
        }
        let _ = write!(
            classes,
            "\n\nclass {}(JsonObject):\n{}\n    __slots__ = ()\n\n\
             \x20   def __init__(self, *{parameters}, **extra: JSON) -> None:\n\
             \x20       super().__init__({{{items}**extra}})\n\n{keys}",
            schema.name,
            docstring(std::slice::from_ref(&schema.description), 4),
        );
    }
    native.sort_unstable();
    names.sort_unstable();
    let mut text = preamble("#");
    text.push_str("\n\"\"\"Responses of the API, one class per schema.\"\"\"\n\nfrom __future__ import annotations\n\n");
    if !classes.is_empty() {
        text.push_str("from typing import TYPE_CHECKING\n\n");
    }
    text.push_str("from mistral_datasets._native import (\n");
    for name in native {
        let _ = writeln!(text, "    {name},");
    }
    text.push_str(")\n");
    if !classes.is_empty() {
        text.push_str(
            "from mistral_datasets._object import JsonObject, known_key\n\n\
             if TYPE_CHECKING:\n    from mistral_datasets.types import JSON\n",
        );
    }
    text.push_str("\n__all__ = [\n");
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    Ok(text + &classes)
}

/// Formats a string with the quotes that need fewer escapes.
fn quoted(text: &str) -> String {
    match text.contains('"') && !text.contains(['\'', '\\']) {
        true => format!("'{text}'"),
        false => Value::from(text).to_string(),
    }
}

/// Emits `enums.py`.
pub fn enums(model: &Model) -> String {
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"Enumerations of the API.\n\n\
         Members are strings. The API may add values, so every class accepts any string: `TaskStatus(\"PAUSED\")` is a member without a\n\
         name of its own.\n\"\"\"\n\n\
         from mistral_datasets._open_enum import OpenEnum\n\n__all__ = [\n",
    );
    let mut names: Vec<&str> = text::enums(model).map(|(schema, _)| schema.name.as_str()).collect();
    names.sort_unstable();
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    for (schema, values) in text::enums(model) {
        let doc = docstring(std::slice::from_ref(&schema.description), 4);
        let _ = write!(text, "\n\nclass {}(OpenEnum):\n{doc}\n", schema.name);
        for value in values {
            let _ = writeln!(text, "    {} = \"{value}\"", screaming(value));
        }
    }
    text
}

/// Returns the name of an enum member.
fn screaming(value: &str) -> String {
    value
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

/// Emits `_json_schemas.py`, the JSON schemas of the responses for pydantic.
pub fn json_schemas(model: &Model) -> String {
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"JSON schemas of the responses, by class. Imported by `_pydantic`.\"\"\"\n\n\
         # ruff: noqa: E501\n# fmt: off\n\nfrom __future__ import annotations\n\nfrom typing import Any\n\n\
         SCHEMAS: dict[str, dict[str, Any]] = {\n",
    );
    for schema in returned(model).into_iter().filter(|schema| is_class(schema)) {
        let ty = Type::Named(schema.name.clone());
        let _ = writeln!(text, "    \"{}\": {},", schema.name, python(&json_schema(model, &ty)));
    }
    text + "}\n"
}

fn json_schema(model: &Model, ty: &Type) -> Value {
    match ty {
        Type::String => json!({"type": "string"}),
        Type::Uuid => json!({"type": "string", "format": "uuid"}),
        Type::DateTime => json!({"type": "string", "format": "date-time"}),
        Type::Integer => json!({"type": "integer"}),
        Type::Number => json!({"type": "number"}),
        Type::Boolean => json!({"type": "boolean"}),
        Type::FreeObject => json!({"type": "object", "additionalProperties": true}),
        Type::Array(items) => json!({"type": "array", "items": json_schema(model, items)}),
        Type::Json => json!({}),
        Type::Map(values) => {
            json!({"type": "object", "additionalProperties": json_schema(model, values)})
        }
        Type::Nullable(ty) => json!({"anyOf": [json_schema(model, ty), {"type": "null"}]}),
        Type::Binary => unreachable!("responses cannot contain binary data"),
        Type::Named(name) => {
            let schema = model.schema(name);
            match &schema.kind {
                Kind::Object { fields } | Kind::FreeObject { known: fields } => {
                    let mut properties = Map::new();
                    for field in fields {
                        let mut value = json_schema(model, &field.ty);
                        if field.nullable || !field.required && !matches!(field.ty, Type::Array(_))
                        {
                            value = json!({"anyOf": [value, {"type": "null"}]});
                        }
                        value["description"] = field.description.clone().into();
                        properties.insert(field.name.clone(), value);
                    }
                    let is_free = matches!(schema.kind, Kind::FreeObject { .. });
                    let required = fields.iter().filter(|field| match is_free {
                        true => field.required,
                        false => is_required(field),
                    });
                    let required: Vec<_> = required.map(|field| &*field.name).collect();
                    let mut value = json!({
                        "title": name, "type": "object", "description": schema.description, "additionalProperties": true,
                    });
                    if !properties.is_empty() {
                        value["properties"] = properties.into();
                    }
                    if !required.is_empty() {
                        value["required"] = required.into();
                    }
                    value
                }
                Kind::OpenEnum { values } => {
                    json!({"title": name, "type": "string", "description": schema.description, "examples": values})
                }
                // The variants may contain the union.
                Kind::ObjectUnion { .. } => {
                    json!({"title": name, "type": "object", "description": schema.description, "additionalProperties": true})
                }
                Kind::Union { variants } => {
                    let variants: Vec<_> =
                        variants.iter().map(|variant| json_schema(model, variant)).collect();
                    json!({"anyOf": variants})
                }
            }
        }
    }
}

/// Formats a JSON value as a Python expression.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        // JSON strings and numbers are valid in Python.
        Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), python(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}
