//! Emits the type stubs of the native classes, with their documentation.

use std::fmt::Write;

use super::text::{
    OPTIONS, REFRESH_DOC, Style, WAIT_DOC, WIDTH, argument_type, by_hand, children, class,
    docstring, enums, field_type, has_payload, is_class, is_task, listing_arguments, method_doc,
    module, name, pager_doc, pager_name, return_type, returned,
};
use crate::emit::preamble;
use crate::model::{Argument, Field, Kind, Listing, Model, Operation, Schema};

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
        let doc = format!("Operations of `{group}`: {}.", operations.join(", "));
        let doc = docstring(&[doc], 4);
        let _ = match by_hand(group) {
            Some((_, base)) => write!(classes, "\nclass {}({base}):\n{doc}", class(group)),
            None => write!(classes, "\n@final\nclass {}:\n{doc}", class(group)),
        };
        let _ = write!(
            classes,
            "\n    def __new__(cls, client: Client, /) -> {}:\n        \"\"\"Creates the resource for a client. `Mistral` creates it on first access.\"\"\"\n",
            class(group)
        );
        for child in children(model, Some(group)) {
            let doc = format!("Operations of `{child}`.");
            let _ = write!(
                classes,
                "\n    @property\n    def {}(self) -> {}:\n{}",
                module(child),
                class(child),
                docstring(&[doc], 8)
            );
        }
        for operation in model.operations_of(group) {
            classes.push_str(&method(model, operation, Style::Blocking)?);
            classes.push_str(&method(model, operation, Style::Async)?);
            if let Some(listing) = model.listing(operation) {
                classes.push_str(&pager(model, operation, &listing)?);
            }
        }
    }
    let mut text = preamble("#");
    text.push('\n');
    let names: Vec<&str> = ["Iterable", "Mapping"]
        .into_iter()
        .filter(|name| classes.contains(&format!("{name}[")))
        .collect();
    let _ = writeln!(text, "from collections.abc import {}", names.join(", "));
    let names: Vec<&str> = ["final", "overload"]
        .into_iter()
        .filter(|name| classes.contains(&format!("@{name}\n")))
        .collect();
    let _ = writeln!(text, "from typing import {}", names.join(", "));
    if classes.contains("UUID") {
        text.push_str("from uuid import UUID\n");
    }
    text.push('\n');
    for group in model.groups() {
        if let Some((module, base)) = by_hand(group) {
            let _ = writeln!(text, "from mistral_datasets.{module} import {base}");
        }
    }
    text.push_str("from mistral_datasets._native import Client, RetryPolicy\n");
    if classes.contains("[P]") {
        text.push_str("from mistral_datasets._typed import P\n");
    }
    let (enums, types) = own_imports(model, &classes);
    text.push_str(&enums);
    text.push_str("from mistral_datasets.models import (\n");
    let mut names: Vec<String> = model.operations.iter().map(return_type).collect();
    names.retain(|name| name != "None" && name != "Download");
    names.extend(
        model
            .operations
            .iter()
            .filter_map(|operation| model.listing(operation).map(|listing| listing.item)),
    );
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

/// Emits imports of the package's own types that the text mentions.
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
    let types = ["JSON", "Download", "FileUpload", "JSONObject", "Pager", "TypedRecord"]
        .into_iter()
        .filter(mentioned)
        .collect();
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

fn property(text: &mut String, name: &str, ty: &str, doc: &str) {
    let _ = write!(
        text,
        "    @property\n    def {name}(self) -> {ty}:\n{}\n",
        docstring(&[doc.to_owned()], 8)
    );
}

fn response(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    let mut text = format!(
        "\n@final\nclass {}:\n{}\n",
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
    if is_task(model, schema) {
        text.push_str(&task_methods(&schema.name));
    }
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

fn method(model: &Model, operation: &Operation, style: Style) -> Result<String, String> {
    let mut parameters = vec!["self".to_owned(), "*".to_owned()];
    let arguments = operation.arguments(model);
    for argument in &arguments {
        let Argument { field, .. } = argument;
        let in_operation = |problem| format!("operation `{}`: {problem}", operation.id);
        let ty = argument_type(model, argument).map_err(in_operation)?;
        let optional = if field.required { "" } else { " | None = None" };
        parameters.push(format!("{}: {ty}{optional}", name(&field.name).map_err(in_operation)?));
    }
    if operation.starts_task() {
        parameters.push("wait: bool = False".to_owned());
        parameters.push("wait_timeout: float | None = None".to_owned());
    }
    parameters.extend(options());
    let keyword = if style == Style::Async { "async def" } else { "def" };
    let name = format!("{keyword} {}{}", operation.name, style.suffix());
    Ok(format!(
        "\n{}:\n{}",
        signature(&name, &parameters, &return_type(operation)),
        docstring(&method_doc(model, operation, style), 8)
    ))
}

/// The keyword options that every operation accepts.
fn options() -> impl Iterator<Item = String> {
    OPTIONS.iter().map(|(name, ty, _)| format!("{name}: {ty} | None = None"))
}

/// Formats a method's signature on one line, or on several if it is too long, without the final colon.
fn signature(name: &str, parameters: &[String], returned: &str) -> String {
    let line = format!("    {name}({}) -> {returned}", parameters.join(", "));
    if line.len() < WIDTH {
        return line;
    }
    format!("    {name}(\n        {},\n    ) -> {returned}", parameters.join(",\n        "))
}

/// Emits the method that returns the pager of a listing, with an overload for typed payloads.
fn pager(model: &Model, operation: &Operation, listing: &Listing) -> Result<String, String> {
    let mut first = vec!["self".to_owned()];
    for argument in listing_arguments(model, operation) {
        let ty = argument_type(model, &argument)
            .map_err(|problem| format!("operation `{}`: {problem}", operation.id))?;
        let optional = if argument.field.required { "" } else { " | None = None" };
        first.push(format!("{}: {ty}{optional}", name(&argument.field.name)?));
    }
    first.push("*".to_owned());
    let mut last: Vec<String> =
        ["page_size", "prefetch", "limit"].map(|name| format!("{name}: int | None = None")).into();
    last.push("strict: bool | None = None".to_owned());
    last.extend(options());
    let name = format!("def {}", pager_name(operation));
    let doc = docstring(&pager_doc(model, operation, listing), 8);
    let plain = format!("Pager[{}]", listing.item);
    if !has_payload(model, &listing.item) {
        let parameters = [first, last].concat();
        return Ok(format!("\n{}:\n{doc}", signature(&name, &parameters, &plain)));
    }
    let mut text = String::new();
    for (ty, returned) in [("None = None", &*plain), ("type[P]", "Pager[TypedRecord[P]]")] {
        let parameters =
            [first.clone(), vec![format!("payload_type: {ty}")], last.clone()].concat();
        let signature = signature(&name, &parameters, returned);
        let _ = write!(text, "\n    @overload\n{signature}:\n{doc}");
    }
    Ok(text)
}

/// Emits `refresh` and `wait` of a task class.
fn task_methods(class: &str) -> String {
    let mut text = String::new();
    for (method, doc) in [("refresh", REFRESH_DOC.as_slice()), ("wait", WAIT_DOC.as_slice())] {
        let doc: Vec<String> = doc.iter().map(|&line| line.to_owned()).collect();
        let mut parameters = vec!["self".to_owned()];
        if method == "wait" {
            parameters.extend(
                [
                    "*",
                    "timeout: float | None = None",
                    "poll_interval: tuple[float, float] | None = None",
                    &format!("on_progress: Callable[[{class}], object] | None = None"),
                ]
                .map(str::to_owned),
            );
        }
        for name in [format!("def {method}"), format!("async def {method}_async")] {
            let _ =
                write!(text, "{}:\n{}\n", signature(&name, &parameters, class), docstring(&doc, 8));
        }
    }
    text
}
