//! Emits the type stubs of the native classes, with their documentation.

use std::fmt::Write;

use super::text::{
    OPTIONS, REFRESH_DOC, Style, WAIT_DOC, WIDTH, argument_type, by_hand, children, class,
    docstring, enums, field_type, has_payload, is_class, is_task, listing_arguments, method_doc,
    module, name, pager_doc, pager_name, return_type, returned,
};
use super::values::{is_required, items_of};
use crate::emit::preamble;
use crate::model::{Argument, Field, Kind, Listing, Model, Operation, Schema, Type};

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
    text.push_str("from typing import Any, ClassVar, Literal, final");
    let overload = if classes.contains("@overload") { ", overload\n\n" } else { "\n\n" };
    text.push_str(overload);
    text.push_str("from mistral_datasets._object import JsonObject\n");
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
    let types = ["JSON", "Download", "FileInput", "JSONObject", "Pager", "TypedRecord"]
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
    let mut parameters = vec!["cls".to_owned(), "*".to_owned()];
    for field in fields {
        let default = match is_required(field) {
            true => "",
            false if field_type(model, field)?.ends_with("| None") => " = None",
            false => " | None = None",
        };
        parameters.push(format!(
            "{}: {}{default}",
            name(&field.name)?,
            constructor_type(model, field)?
        ));
    }
    let constructor = signature("def __new__", &parameters, &schema.name);
    let _ = writeln!(text, "{constructor}: ...");
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
    let items = items_of(model, fields);
    let bytes =
        if fields.iter().any(|field| field.name == "bytes") { "builtins.bytes" } else { "bytes" };
    let _ = write!(
        text,
        "    @staticmethod\n    def from_json(text: str, /) -> {name}:\n\
         \x20       \"\"\"Creates an instance from JSON, parsed like a response of the server.\"\"\"\n\n\
         \x20   @staticmethod\n    def from_dict(fields: Mapping[str, JSON], /) -> {name}:\n\
         \x20       \"\"\"Creates an instance from a dict with the API's field names, such as the result of `to_dict`.\"\"\"\n\n\
         \x20   def to_json(self) -> str:\n\
         \x20       \"\"\"Returns the response as JSON, with the API's field names. Payload and properties are kept verbatim.\"\"\"\n\n\
         \x20   def to_dict(self) -> dict[str, JSON]:\n\
         \x20       \"\"\"Returns the response as a new JSON-serializable dict, with the API's field names. IDs and times are strings.\"\"\"\n\n\
         {OFFICIAL_METHODS}{}\
         \x20   def __getattr__(self, name: str, /) -> JSON: ...\n\
         {}\
         \x20   def __eq__(self, other: {object}, /) -> bool: ...\n",
        validators(&schema.name, object, bytes),
        items.map(|items| sequence(items.schema(model))).unwrap_or_default(),
        name = schema.name,
    );
    text.push_str(match is_hashable(fields) {
        true => "    def __hash__(self) -> int: ...\n",
        false => "    __hash__: ClassVar[None]  # type: ignore[assignment]\n",
    });
    Ok(text)
}

/// Returns the type of a constructor's argument: enums may be strings, and objects may be dicts.
fn constructor_type(model: &Model, field: &Field) -> Result<String, String> {
    let ty = field_type(model, field)?;
    let Type::Named(name) = &field.ty else { return Ok(ty) };
    Ok(match &model.schema(name).kind {
        Kind::OpenEnum { .. } => ty.replacen(name, &format!("{name} | str"), 1),
        Kind::Object { .. } => ty.replacen(name, &format!("{name} | Mapping[str, JSON]"), 1),
        Kind::FreeObject { .. } if ty.starts_with(name) => {
            ty.replacen(name, &format!("{name} | JSONObject"), 1)
        }
        Kind::FreeObject { .. } => ty.replacen("dict[str, JSON]", "JSONObject", 1),
        Kind::Union { .. } => ty,
    })
}

/// Returns whether responses with these fields are hashable by their ID.
pub fn is_hashable(fields: &[Field]) -> bool {
    fields.iter().any(|field| field.name == "id" && field.required)
}

/// The methods of responses that the official SDK has too.
const OFFICIAL_METHODS: &str = "    def model_dump(
        self,
        *,
        mode: Literal[\"python\", \"json\"] = \"python\",
        include: Any = None,
        exclude: Any = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> dict[str, Any]:
        \"\"\"Returns the response as a dict, as in the official SDK.

        Same as `to_dict`, but times are `datetime` objects unless `mode` is `json`.

        Args:
            mode: `python`, or `json` for values that `json.dumps` accepts.
            include: Names of the fields to return. Default: all.
            exclude: Names of fields to leave out.
            by_alias: Has no effect, because fields have no aliases.
            exclude_none: Whether to leave out fields that are `None`.
        \"\"\"

    def model_dump_json(
        self,
        *,
        indent: int | None = None,
        include: Any = None,
        exclude: Any = None,
        by_alias: bool | None = None,
        exclude_none: bool = False,
    ) -> str:
        \"\"\"Returns the response as JSON, as in the official SDK. See `model_dump` for the arguments.\"\"\"

";

/// Emits the class methods of responses that the official SDK has too.
fn validators(class: &str, object: &str, bytes: &str) -> String {
    format!(
        "    @staticmethod
    def model_validate(obj: {object}, /) -> {class}:
        \"\"\"Creates an instance from a dict, as in the official SDK. Returns an instance unchanged.\"\"\"

    @staticmethod
    def model_validate_json(json_data: str | {bytes}, /) -> {class}:
        \"\"\"Creates an instance from JSON, as in the official SDK. Same as `from_json`.\"\"\"

"
    )
}

/// Emits the methods of a response that is a sequence of items.
fn sequence(item: &str) -> String {
    format!(
        "    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[{item}]: ...
    def __reversed__(self) -> Iterator[{item}]: ...
    @overload
    def __getitem__(self, index: int, /) -> {item}: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[{item}]: ...
"
    )
}

fn json_object(model: &Model, schema: &Schema, known: &[Field]) -> Result<String, String> {
    let doc = [
        schema.description.clone(),
        String::new(),
        "A dict whose keys are attributes too. Changes are included when it is sent or serialized."
            .to_owned(),
    ];
    let mut text = format!("\nclass {}(JsonObject):\n{}\n", schema.name, docstring(&doc, 4));
    let mut parameters = String::new();
    for field in known.iter().filter(|field| field.required) {
        let _ = write!(parameters, ", {}: {}", name(&field.name)?, field_type(model, field)?);
    }
    let _ = writeln!(text, "    def __init__(self, *{parameters}, **extra: JSON) -> None: ...");
    for field in known {
        let name = name(&field.name)?;
        let ty = field_type(model, field)?;
        property(&mut text, name, &ty, &field.description);
        let _ =
            writeln!(text, "    @{name}.setter\n    def {name}(self, value: {ty}, /) -> None: ...");
    }
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
