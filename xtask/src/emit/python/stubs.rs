//! The stubs of the native classes, which carry their documentation.

use std::fmt::Write;

use super::text::{
    WIDTH, argument_type, children, class, docstring, enums, examples, is_class, member_type,
    method_doc, module, name, return_type, returned, twin_doc,
};
use crate::emit::preamble;
use crate::model::{Argument, Field, Kind, Model, Operation, Schema};

/// Emits `models.pyi`.
pub fn models(model: &Model) -> Result<String, String> {
    let mut classes = String::new();
    for schema in returned(model).into_iter().filter(|schema| is_class(schema)) {
        match &schema.kind {
            Kind::Object { fields } => classes.push_str(&reply(model, schema, fields)?),
            Kind::FreeObject { known } => classes.push_str(&free_object(model, schema, known)?),
            Kind::OpenEnum { .. } | Kind::Union { .. } => {}
        }
    }
    let mut text = preamble("#");
    text.push('\n');
    if classes.contains("builtins.") {
        text.push_str("import builtins\n");
    }
    text.push_str(
        "from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView\n",
    );
    if classes.contains("datetime") {
        text.push_str("from datetime import datetime\n");
    }
    text.push_str("from typing import ClassVar, final\n\n");
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

/// Emits `resources.pyi`.
pub fn resources(model: &Model) -> Result<String, String> {
    let mut classes = String::new();
    for group in model.groups() {
        let operations: Vec<String> =
            model.operations_of(group).map(|operation| format!("`{}`", operation.name)).collect();
        let about = format!("The operations of `{group}`: {}.", operations.join(", "));
        let _ = write!(classes, "\n@final\nclass {}:\n{}", class(group), docstring(&[about], 4));
        for child in children(model, Some(group)) {
            let about = format!("The operations of `{child}`.");
            let _ = write!(
                classes,
                "\n    @property\n    def {}(self) -> {}:\n{}",
                module(child),
                class(child),
                docstring(&[about], 8)
            );
        }
        for operation in model.operations_of(group) {
            let mut doc = method_doc(model, operation);
            doc.extend(examples(model, operation));
            classes.push_str(&method(model, operation, "", &doc)?);
            classes.push_str(&method(model, operation, "_async", &twin_doc(operation))?);
        }
    }
    let mut text = preamble("#");
    text.push('\n');
    if classes.contains("Iterable[") {
        text.push_str("from collections.abc import Iterable\n");
    }
    text.push_str("from typing import final\n");
    if classes.contains("UUID") {
        text.push_str("from uuid import UUID\n");
    }
    text.push('\n');
    let (enums, types) = own_imports(model, &classes);
    text.push_str(&enums);
    text.push_str("from mistral_datasets.models import (\n");
    let mut names: Vec<String> = model.operations.iter().map(return_type).collect();
    names.retain(|name| name != "None" && name != "Download");
    names.sort();
    names.dedup();
    for name in names {
        let _ = writeln!(text, "    {name},");
    }
    text.push_str(")\n");
    text.push_str(&types);
    text.push_str(&all(model.groups().into_iter().map(class)));
    text.push_str(&classes);
    Ok(text)
}

/// The imports of those of the package's own types that the text mentions.
fn own_imports(model: &Model, text: &str) -> (String, String) {
    let mentioned = |name: &&str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == *name)
    };
    let import = |module: &str, names: Vec<&str>| match names.is_empty() {
        true => String::new(),
        false => format!("from mistral_datasets.{module} import {}\n", names.join(", ")),
    };
    let mut enums: Vec<&str> =
        enums(model).map(|(schema, _)| schema.name.as_str()).filter(mentioned).collect();
    enums.sort_unstable();
    let types =
        ["JSON", "Download", "FileUpload", "JSONObject"].into_iter().filter(mentioned).collect();
    (import("enums", enums), import("types", types))
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

fn property(text: &mut String, name: &str, ty: &str, about: &str) {
    let _ = write!(
        text,
        "    @property\n    def {name}(self) -> {ty}:\n{}\n",
        docstring(&[about.to_owned()], 8)
    );
}

fn reply(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    let mut text = format!(
        "\n@final\nclass {}:\n{}\n",
        schema.name,
        docstring(std::slice::from_ref(&schema.description), 4)
    );
    for field in fields {
        property(&mut text, name(&field.name)?, &member_type(model, field)?, &field.description);
    }
    property(
        &mut text,
        "extra",
        "Mapping[str, JSON]",
        "Members of the reply that this version does not know, by name. They are attributes too.",
    );
    // A member of that name hides Python's own within the class.
    let object = if fields.iter().any(|field| field.name == "object") {
        "builtins.object"
    } else {
        "object"
    };
    let _ = write!(
        text,
        "    @staticmethod\n    def from_json(text: str, /) -> {}:\n\
         \x20       \"\"\"Reads a reply from JSON text, as leniently as one that comes from a server.\"\"\"\n\n\
         \x20   def to_json(self) -> str:\n\
         \x20       \"\"\"The reply as JSON text, by the names of the API; payload and properties stand in it as they came.\"\"\"\n\n\
         \x20   def to_dict(self) -> dict[str, JSON]:\n\
         \x20       \"\"\"The reply as a new dict of what JSON can hold, by the names of the API: ids and times are text.\"\"\"\n\n\
         \x20   def __eq__(self, other: {object}, /) -> bool: ...\n",
        schema.name
    );
    text.push_str(match is_hashable(fields) {
        true => "    def __hash__(self) -> int: ...\n",
        false => "    __hash__: ClassVar[None]  # type: ignore[assignment]\n",
    });
    Ok(text)
}

/// Whether replies of these members are told apart by an id.
pub fn is_hashable(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == "id" && field.required)
}

fn free_object(model: &Model, schema: &Schema, known: &[Field]) -> Result<String, String> {
    let mut text = format!(
        "\n@final\nclass {}(Mapping[str, JSON]):\n{}\n",
        schema.name,
        docstring(
            &[
                schema.description.clone(),
                String::new(),
                "It is a read-only mapping, and its members are attributes too. The lists and dicts inside are plain ones and may \
                 be changed; what is sent or written is then what they hold."
                    .to_owned(),
            ],
            4
        )
    );
    let mut parameters = String::new();
    for field in known.iter().filter(|field| field.required) {
        let _ = write!(parameters, ", {}: {}", name(&field.name)?, member_type(model, field)?);
    }
    let _ = writeln!(
        text,
        "    def __new__(cls, *{parameters}, **members: JSON) -> {}: ...",
        schema.name
    );
    for field in known {
        property(&mut text, name(&field.name)?, &member_type(model, field)?, &field.description);
    }
    let _ = write!(
        text,
        "    @staticmethod\n    def from_json(text: str, /) -> {}:\n\
         \x20       \"\"\"Reads the object from JSON text.\"\"\"\n\n\
         \x20   def to_json(self) -> str:\n\
         \x20       \"\"\"The object as JSON text: as it came, where nothing in it was changed.\"\"\"\n\n\
         \x20   def to_dict(self) -> dict[str, JSON]:\n\
         \x20       \"\"\"A new dict of the members.\"\"\"\n\n\
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

fn method(
    model: &Model,
    operation: &Operation,
    suffix: &str,
    doc: &[String],
) -> Result<String, String> {
    let mut parameters = vec!["self".to_owned()];
    let arguments = operation.arguments(model);
    if !arguments.is_empty() {
        parameters.push("*".to_owned());
    }
    for argument in &arguments {
        let Argument { field, .. } = argument;
        let in_operation = |problem| format!("operation `{}`: {problem}", operation.id);
        let ty = argument_type(model, argument).map_err(in_operation)?;
        let optional = if field.required { "" } else { " | None = None" };
        parameters.push(format!("{}: {ty}{optional}", name(&field.name).map_err(in_operation)?));
    }
    let keyword = if suffix.is_empty() { "def" } else { "async def" };
    let head = format!("    {keyword} {}{suffix}(", operation.name);
    let tail = format!(") -> {}:", return_type(operation));
    let line = format!("{head}{}{tail}", parameters.join(", "));
    let signature = if line.len() <= WIDTH {
        line
    } else {
        format!("{head}\n        {},\n    {tail}", parameters.join(",\n        "))
    };
    Ok(format!("\n{signature}\n{}", docstring(doc, 8)))
}
