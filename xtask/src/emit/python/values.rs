//! Emits `models.py`, `enums.py` and `_json_schemas.py`, and answers questions about responses that several emitters have.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::annotations::{field_type, input_type, may_be_none};
use super::text::{self, WIDTH, docstring, import, is_class, name, object_unions, typed_dict};
use crate::emit::preamble;
use crate::emit::wording::with_none;
use crate::model::{Field, Kind, Model, Schema, Type};

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

/// Returns whether the constructor of a class requires a field.
pub fn is_required(schema: &Schema, field: &Field) -> bool {
    if schema.nested {
        return field.required && field.constant().is_none();
    }
    let is_empty_by_default = matches!(field.ty, Type::Array(_) | Type::Map(_));
    field.required && !field.nullable && !is_empty_by_default && field.constant().is_none()
}

/// Emits `models.py`.
pub fn models(model: &Model) -> Result<String, String> {
    let mut native = Vec::new();
    let mut classes = String::new();
    let mut names: Vec<&str> = Vec::new();
    for schema in text::values(model).into_iter().filter(|schema| is_class(schema)) {
        names.push(schema.name.as_str());
        let Kind::FreeObject { known } = &schema.kind else {
            native.push(schema.name.as_str());
            continue;
        };
        classes.push_str(&json_object(model, schema, known)?);
    }
    let unions = object_unions(model);
    for schema in &unions {
        names.push(schema.name.as_str());
        let before = if classes.is_empty() || unions[0].name != schema.name { "" } else { "\n" };
        classes.push_str(before);
        classes.push_str(&union_alias(schema));
    }
    native.sort_unstable();
    let mut text = preamble("#");
    text.push_str("\n\"\"\"Responses of the API, and the objects that requests contain: one class per schema.\"\"\"\n\nfrom __future__ import annotations\n\n");
    let typing = import(&classes, "typing", ["TypeAlias"].into_iter());
    let types = import(&classes, "mistral_datasets.types", ["JSON"].into_iter());
    match types.is_empty() {
        true => text.push_str(&typing),
        false => text.push_str(&typing.replace("import ", "import TYPE_CHECKING, ")),
    }
    if typing.is_empty() && !types.is_empty() {
        text.push_str("from typing import TYPE_CHECKING\n");
    }
    if !classes.is_empty() {
        text.push('\n');
    }
    text.push_str("from mistral_datasets._native import (\n");
    for name in native {
        let _ = writeln!(text, "    {name},");
    }
    text.push_str(")\n");
    let objects = ["JsonObject", "UnknownObject", "known_key"].into_iter();
    text.push_str(&import(&classes, "mistral_datasets._object", objects));
    if !types.is_empty() {
        let _ = write!(text, "\nif TYPE_CHECKING:\n    {types}");
    }
    if !unions.is_empty() {
        names.push("UnknownObject");
    }
    names.sort_unstable();
    text.push_str("\n__all__ = [\n");
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    Ok(text + &classes)
}

/// Emits the class of a free-form object.
fn json_object(model: &Model, schema: &Schema, known: &[Field]) -> Result<String, String> {
    let mut parameters = String::new();
    let mut items = String::new();
    let mut keys = String::new();
    for field in known {
        let (attribute, key) = (name(&field.name), &field.name);
        if field.required {
            let _ = write!(parameters, ", {attribute}: {}", field_type(model, schema, field)?);
            let _ = write!(items, "\"{key}\": {attribute}, ");
        }
        let required = if field.required { "True" } else { "False" };
        let arguments = format!("\"{key}\", {}, required={required}", quoted(&field.description));
        let line = format!("    {attribute} = known_key({arguments})");
        let _ = match line.chars().count() <= WIDTH {
            true => writeln!(keys, "{line}"),
            false => writeln!(keys, "    {attribute} = known_key(\n        {arguments}\n    )"),
        };
    }
    let star = if parameters.is_empty() { "" } else { ", *" };
    Ok(format!(
        "\n\nclass {}(JsonObject):\n{}\n    __slots__ = ()\n\n\
         \x20   def __init__(self{star}{parameters}, **extra: JSON) -> None:\n\
         \x20       super().__init__({{{items}**extra}})\n\n{keys}",
        schema.name,
        docstring(std::slice::from_ref(&schema.description), 4),
    ))
}

/// Emits the alias of a union of objects.
pub fn union_alias(schema: &Schema) -> String {
    let Kind::ObjectUnion { variants, .. } = &schema.kind else {
        unreachable!("the caller passes unions")
    };
    let mut names: Vec<&str> = variants.iter().map(|variant| variant.schema.as_str()).collect();
    names.push("UnknownObject");
    let doc = format!(
        "{} A variant that this version does not know is an `UnknownObject`.",
        schema.description.trim_end()
    );
    format!("\n{}: TypeAlias = {}\n{}", schema.name, names.join(" | "), docstring(&[doc], 0))
}

/// Emits `params.py`, the typed dicts of the objects that requests contain.
pub fn requests(model: &Model) -> Result<String, String> {
    let mut classes = String::new();
    let mut names = Vec::new();
    for (schema, fields) in text::request_parts(model) {
        let class = typed_dict(&schema.name);
        let (required, optional): (Vec<&Field>, Vec<&Field>) =
            fields.iter().partition(|field| field.required);
        let doc = docstring(&[with_none(&schema.description)], 4);
        let mut base = "TypedDict".to_owned();
        if !required.is_empty() && !optional.is_empty() {
            base = format!("_{class}");
            let _ =
                write!(classes, "\n\nclass {base}(TypedDict):\n{}", typed_keys(model, &required)?);
        }
        let (rest, total) = match optional.is_empty() {
            true => (required, ""),
            false => (optional, ", total=False"),
        };
        let keys = typed_keys(model, &rest)?;
        let _ = write!(classes, "\n\nclass {class}({base}{total}):\n{doc}\n{keys}");
        names.push(class);
    }
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"Types of the dicts that arguments may be, for annotations.\"\"\"\n\nfrom __future__ import annotations\n\n",
    );
    // Imported at run time, so that `typing.get_type_hints` works.
    text.push_str(&import(&classes, "collections.abc", ["Mapping", "Sequence"].into_iter()));
    text.push_str(&import(&classes, "datetime", ["datetime"].into_iter()));
    text.push_str(&import(&classes, "typing", ["Any", "Literal", "TypedDict"].into_iter()));
    text.push_str(&import(&classes, "uuid", ["UUID"].into_iter()));
    text.push('\n');
    text.push_str(&text::import_enums(model, &classes));
    text.push_str(&text::import_models(model, &classes));
    names.sort_unstable();
    text.push_str("\n__all__ = [\n");
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text.push_str("]\n");
    Ok(text + &classes)
}

/// Emits the keys of a typed dict.
fn typed_keys(model: &Model, fields: &[&Field]) -> Result<String, String> {
    let mut text = String::new();
    for field in fields {
        let mut ty = match field.constant() {
            Some(constant) => format!("Literal[\"{constant}\"]"),
            None => input_type(model, &field.ty, "Sequence")?,
        };
        // The aliases are defined in `types`, which imports this module.
        ty = ty.replace("JSONObject", "Mapping[str, Any]").replace("JSON", "Any");
        let null = if field.nullable || !field.required { " | None" } else { "" };
        let doc = docstring(&[with_none(&field.description)], 4);
        let _ = write!(text, "    {}: {ty}{null}\n{doc}", field.name);
    }
    Ok(text)
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

/// Returns the name of an enum member, such as `HAS_ANY` for `hasAny`.
fn screaming(value: &str) -> String {
    let mut name = String::new();
    let mut after_lower_case = false;
    for c in value.chars() {
        if c.is_ascii_uppercase() && after_lower_case {
            name.push('_');
        }
        after_lower_case = c.is_ascii_lowercase();
        name.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    }
    name
}

/// Emits `_json_schemas.py`, the JSON schemas of the responses for pydantic.
pub fn json_schemas(model: &Model) -> String {
    let mut text = preamble("#");
    text.push_str(
        "\n\"\"\"JSON schemas of the responses, by class. Imported by `_pydantic`.\"\"\"\n\n\
         # ruff: noqa: E501\n# fmt: off\n\nfrom __future__ import annotations\n\nfrom typing import Any\n\n\
         SCHEMAS: dict[str, dict[str, Any]] = {\n",
    );
    for schema in text::values(model).into_iter().filter(|schema| is_class(schema)) {
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
                        let mut value = match field.constant() {
                            Some(constant) => json!({"const": constant}),
                            None => json_schema(model, &field.ty),
                        };
                        if may_be_none(schema, field) {
                            value = json!({"anyOf": [value, {"type": "null"}]});
                        }
                        value["description"] = field.description.clone().into();
                        properties.insert(field.name.clone(), value);
                    }
                    let is_free = matches!(schema.kind, Kind::FreeObject { .. });
                    let required = fields.iter().filter(|field| match is_free {
                        true => field.required,
                        false => is_required(schema, field) || field.constant().is_some(),
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
