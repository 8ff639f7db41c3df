//! Emits the type stubs of the native classes, with their documentation.

use std::fmt::Write;

use super::text::{docstring, field_type, is_class, is_task, name, own_imports, returned};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Schema};

/// Emits `models.pyi`.
pub fn models(model: &Model) -> Result<String, String> {
    let mut classes = String::new();
    for schema in returned(model).into_iter().filter(|schema| is_class(schema)) {
        match &schema.kind {
            Kind::Object { fields } => classes.push_str(&response(model, schema, fields)?),
            Kind::FreeObject { known } => classes.push_str(&json_object(model, schema, known)?),
            Kind::OpenEnum { .. } | Kind::Union { .. } => {}
        }
    }
    let mut text = preamble("#");
    text.push('\n');
    if classes.contains("builtins.") {
        text.push_str("import builtins\n");
    }
    let names: Vec<&str> =
        ["Callable", "ItemsView", "Iterator", "KeysView", "Mapping", "ValuesView"]
            .into_iter()
            .filter(|name| classes.contains(&format!("{name}[")))
            .collect();
    let _ = writeln!(text, "from collections.abc import {}", names.join(", "));
    if classes.contains("datetime") {
        text.push_str("from datetime import datetime\n");
    }
    text.push_str("from typing import ClassVar, final\n\n");
    if classes.contains("(TaskMethods)") {
        text.push_str("from mistral_datasets._task import TaskMethods\n");
    }
    let (enums, types) = own_imports(model, &classes);
    text.push_str(&enums);
    text.push_str(&types);
    text.push_str(&all(returned(model)
        .into_iter()
        .filter(|schema| is_class(schema))
        .map(|schema| schema.name.clone())));
    text.push_str(&classes);
    Ok(text)
}

fn all(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    let mut text = String::from("\n__all__ = [\n");
    for name in names {
        let _ = writeln!(text, "    \"{name}\",");
    }
    text + "]\n"
}

fn property(text: &mut String, name: &str, ty: &str, doc: &str) {
    let _ = write!(
        text,
        "    @property\n    def {name}(self) -> {ty}:\n{}\n",
        docstring(&[doc.to_owned()], 8)
    );
}

fn response(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    // The methods are added at run time, so it is a base class for type checkers only.
    let base = if is_task(model, schema) { "(TaskMethods)" } else { "" };
    let mut text = format!(
        "\n@final\nclass {}{base}:\n{}\n",
        schema.name,
        docstring(std::slice::from_ref(&schema.description), 4)
    );
    for field in fields {
        property(&mut text, name(&field.name)?, &field_type(model, field)?, &field.description);
    }
    property(
        &mut text,
        "extra",
        "Mapping[str, JSON]",
        "Fields of the response that this version does not know, by name. They are also available as attributes.",
    );
    // A field with this name shadows the builtin within the class.
    let object = if fields.iter().any(|field| field.name == "object") {
        "builtins.object"
    } else {
        "object"
    };
    let _ = write!(
        text,
        "    @staticmethod\n    def from_json(text: str, /) -> {}:\n\
         \x20       \"\"\"Creates an instance from JSON, parsed like a response of the server.\"\"\"\n\n\
         \x20   def to_json(self) -> str:\n\
         \x20       \"\"\"Returns the response as JSON, with the API's field names. Payload and properties are kept verbatim.\"\"\"\n\n\
         \x20   def to_dict(self) -> dict[str, JSON]:\n\
         \x20       \"\"\"Returns the response as a new JSON-serializable dict, with the API's field names. IDs and times are strings.\"\"\"\n\n\
         \x20   def __eq__(self, other: {object}, /) -> bool: ...\n",
        schema.name
    );
    text.push_str(match is_hashable(fields) {
        true => "    def __hash__(self) -> int: ...\n",
        false => "    __hash__: ClassVar[None]  # type: ignore[assignment]\n",
    });
    Ok(text)
}

/// Returns whether responses with these fields are hashable by their ID.
pub fn is_hashable(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == "id" && field.required)
}

fn json_object(model: &Model, schema: &Schema, known: &[Field]) -> Result<String, String> {
    let mut text = format!(
        "\n@final\nclass {}(Mapping[str, JSON]):\n{}\n",
        schema.name,
        docstring(
            &[
                schema.description.clone(),
                String::new(),
                "A read-only mapping whose keys are attributes too. The lists and dicts inside are ordinary ones and may be modified; \
                 serialization includes the changes."
                    .to_owned(),
            ],
            4
        )
    );
    let mut parameters = String::new();
    for field in known.iter().filter(|field| field.required) {
        let _ = write!(parameters, ", {}: {}", name(&field.name)?, field_type(model, field)?);
    }
    let _ = writeln!(
        text,
        "    def __new__(cls, *{parameters}, **extra: JSON) -> {}: ...",
        schema.name
    );
    for field in known {
        property(&mut text, name(&field.name)?, &field_type(model, field)?, &field.description);
    }
    let _ = write!(
        text,
        "    @staticmethod\n    def from_json(text: str, /) -> {}:\n\
         \x20       \"\"\"Creates an object from JSON.\"\"\"\n\n\
         \x20   def to_json(self) -> str:\n\
         \x20       \"\"\"Returns the object as JSON, verbatim unless a value inside was modified.\"\"\"\n\n\
         \x20   def to_dict(self) -> dict[str, JSON]:\n\
         \x20       \"\"\"Returns the object as a new dict.\"\"\"\n\n\
         \x20   def __getitem__(self, key: str, /) -> JSON: ...\n\
         \x20   def __getattr__(self, name: str, /) -> JSON: ...\n\
         \x20   def __iter__(self) -> Iterator[str]: ...\n\
         \x20   def __len__(self) -> int: ...\n\
         \x20   def __contains__(self, key: object, /) -> bool: ...\n\
         \x20   def keys(self) -> KeysView[str]: ...\n\
         \x20   def items(self) -> ItemsView[str, JSON]: ...\n\
         \x20   def values(self) -> ValuesView[JSON]: ...\n\
         \x20   def __eq__(self, other: object, /) -> bool: ...\n\
         \x20   __hash__: ClassVar[None]  # type: ignore[assignment]\n",
        schema.name
    );
    Ok(text)
}
