//! Python names, types and docstrings for the API model.

use std::collections::BTreeSet;

use crate::model::{
    Argument, Field, Kind, Listing, Model, Operation, Place, Response, Schema, Type,
};

use crate::emit::rust_text::pascal;
use crate::emit::wording::with_none;

/// The maximum line length.
pub const WIDTH: usize = 120;

/// Python keywords that could occur as names in the API.
const KEYWORDS: [&str; 8] = ["class", "def", "from", "global", "import", "in", "is", "lambda"];

/// Checks that a name on the wire is a valid Python identifier.
///
/// # Errors
/// Returns a message if the name is a Python keyword.
pub fn name(name: &str) -> Result<&str, String> {
    if KEYWORDS.contains(&name) {
        return Err(format!(
            "`{name}` is a Python keyword and cannot be the name of an argument or attribute"
        ));
    }
    Ok(name)
}

/// Returns the module of a group, such as `records` for `datasets.records`.
pub fn module(group: &str) -> &str {
    group.rsplit('.').next().expect("a split has at least one part")
}

/// Returns the class of a group, such as `Records`.
pub fn class(group: &str) -> String {
    pascal(module(group))
}

/// Returns the module and class of a group's handwritten methods, if it has any.
pub fn by_hand(group: &str) -> Option<(&'static str, &'static str)> {
    (group == "datasets").then_some(("_bulk", "Bulk"))
}

/// Returns the child groups of a group, or the top-level groups.
pub fn children<'a>(model: &'a Model, parent: Option<&str>) -> Vec<&'a str> {
    let groups = model.groups().into_iter();
    groups.filter(|group| group.rsplit_once('.').map(|(parent, _)| parent) == parent).collect()
}

/// Returns the schemas that occur in responses, in document order. Only these get a class.
pub fn returned(model: &Model) -> Vec<&Schema> {
    let mut names = BTreeSet::new();
    for operation in &model.operations {
        if let Response::Json(name) = &operation.success.response {
            collect(model, name, &mut names);
        }
    }
    model.schemas.iter().filter(|schema| names.contains(schema.name.as_str())).collect()
}

fn collect<'a>(model: &'a Model, name: &'a str, names: &mut BTreeSet<&'a str>) {
    if !names.insert(name) {
        return;
    }
    if let Kind::Object { fields } = &model.schema(name).kind {
        for field in fields {
            let mut ty = &field.ty;
            while let Type::Array(items) = ty {
                ty = items;
            }
            if let Type::Named(name) = ty {
                collect(model, name, names);
            }
        }
    }
}

/// Returns whether a schema gets a class: an object, or a free-form object with known keys.
pub fn is_class(schema: &Schema) -> bool {
    match &schema.kind {
        Kind::Object { .. } => true,
        Kind::FreeObject { known } => !known.is_empty(),
        Kind::OpenEnum { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => false,
    }
}

/// Returns whether a schema is the task that an operation starts.
pub fn is_task(model: &Model, schema: &Schema) -> bool {
    model.operations.iter().any(|operation| {
        operation.starts_task() && operation.success.response == Response::Json(schema.name.clone())
    })
}

/// Returns the name of a listing's pager: `iter` for `list`, `iter_records` for `list_records`.
pub fn pager_name(operation: &Operation) -> String {
    let rest = operation.name.strip_prefix("list").unwrap_or(&operation.name);
    format!("iter{rest}")
}

/// Returns the arguments of a listing except those for paging.
pub fn listing_arguments<'a>(model: &'a Model, operation: &'a Operation) -> Vec<Argument<'a>> {
    let mut arguments = operation.arguments(model);
    arguments.retain(|argument| !["page", "page_size"].contains(&argument.field.name.as_str()));
    arguments
}

/// Returns whether a schema has a payload, which can be converted to a type.
pub fn has_payload(model: &Model, schema: &str) -> bool {
    match &model.schema(schema).kind {
        Kind::Object { fields } => fields.iter().any(|field| field.name == "payload"),
        _ => false,
    }
}

/// Returns the docstring of a pager, as lines that are not wrapped.
pub fn pager_doc(model: &Model, operation: &Operation, listing: &Listing) -> Vec<String> {
    let mut lines = vec![
        format!("Iterates over every item of `{}`.", operation.name),
        String::new(),
        "Pages are fetched lazily: no request is sent until the first item is requested. From the second page on, up to `prefetch` pages are requested concurrently and returned in order. An item that moves to a later page in the meantime is returned only once.".to_owned(),
        String::new(),
        "Args:".to_owned(),
    ];
    for Argument { field, .. } in listing_arguments(model, operation) {
        lines.push(format!("    {}: {}", field.name, with_none(&field.description)));
    }
    if has_payload(model, &listing.item) {
        lines.push("    payload_type: Type to convert every payload to: a `TypedDict`, a dataclass, an attrs class, a msgspec Struct or a pydantic model. Items are then `TypedRecord`s.".to_owned());
    }
    lines.extend(
        [
            "    page_size: Number of items per page. Limits: 1 to 100. Default: 100.",
            "    prefetch: Maximum number of pages to request concurrently. 1 fetches each page only when it is needed. Limits: 1 to 64. Default: 8.",
            "    limit: Maximum number of items to return. Default: no limit.",
            "    strict: When to raise `ConflictError`. `None`: if items were deleted during iteration and others may have been missed. `True`: also if the number of items differs from the server's count. `False`: never.",
        ]
        .map(str::to_owned),
    );
    lines.push(OPTIONS_DOC.to_owned());
    let call = format!("mistral.{}.{}(", operation.group, pager_name(operation));
    let arguments = required_arguments(listing_arguments(model, operation).iter());
    lines.extend(
        [
            "",
            "Returns:",
            "    A pager, for `for` and `async for`. Every loop starts from the beginning.",
            "",
            "Raises:",
            "    errors.ConflictError: Raised by the loop if items may have been missed; see `strict`.",
            "    errors.MistralError: Raised by the loop for any other failure; see `errors` for the subclasses.",
            "",
            "Example:",
            &format!("    >>> for item in {call}{arguments}):"),
            "    ...     print(item)",
        ]
        .map(str::to_owned),
    );
    lines
}

/// The line of `Args:` for the keyword options.
const OPTIONS_DOC: &str = "    options: Options of this call: `timeout`, `deadline`, `max_retries`, `retry`, `headers` and `server_url`; see `types.CallOptions`.";

/// Returns the arguments of an operation that can be passed by position, and all others. These are the required IDs, and an
/// argument that is the only required one.
pub fn positional_arguments<'a>(
    model: &'a Model,
    operation: &'a Operation,
) -> (Vec<Argument<'a>>, Vec<Argument<'a>>) {
    let arguments = operation.arguments(model);
    let required = arguments.iter().filter(|argument| argument.field.required).count();
    arguments.into_iter().partition(|argument| {
        let name = &argument.field.name;
        let is_id =
            argument.place == Place::Path || name.ends_with("_id") || name.ends_with("_ids");
        argument.field.required && (is_id || required == 1)
    })
}

/// Emits imports of the package's own types that the text mentions.
pub fn own_imports(model: &Model, text: &str) -> (String, String) {
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

/// Returns the open enums in document order.
pub fn enums(model: &Model) -> impl Iterator<Item = (&Schema, &[String])> {
    model.schemas.iter().filter_map(|schema| match &schema.kind {
        Kind::OpenEnum { values } => Some((schema, values.as_slice())),
        _ => None,
    })
}

/// Returns the type of a response field.
///
/// # Errors
/// Returns a message if responses do not support the type.
pub fn field_type(model: &Model, field: &Field) -> Result<String, String> {
    let ty = value_type(model, &field.ty)?;
    match (&field.ty, field.required) {
        (_, true) | (Type::Array(_), false) if !field.nullable => Ok(ty),
        _ => Ok(format!("{ty} | None")),
    }
}

fn value_type(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "str".to_owned(),
        Type::DateTime => "datetime".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::FreeObject => "dict[str, JSON]".to_owned(),
        Type::Array(items) => format!("list[{}]", value_type(model, items)?),
        Type::Binary => return Err("Python responses cannot contain binary data".to_owned()),
        Type::Json | Type::Map(_) | Type::Nullable(_) => {
            return Err(format!("Python responses cannot contain {ty:?}"));
        }
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { known } if known.is_empty() => "dict[str, JSON]".to_owned(),
            Kind::Object { .. } | Kind::FreeObject { .. } | Kind::OpenEnum { .. } => name.clone(),
            Kind::ObjectUnion { .. } => {
                return Err(format!("{name}: unions of objects are not supported in Python"));
            }
            Kind::Union { variants } => {
                let variants: Result<Vec<_>, _> =
                    variants.iter().map(|variant| value_type(model, variant)).collect();
                variants?.join(" | ")
            }
        },
    })
}

/// Returns the type of an argument, without `| None`.
///
/// # Errors
/// Returns a message if arguments do not support the type.
pub fn argument_type(model: &Model, argument: &Argument) -> Result<String, String> {
    let unknown = |ty: &Type| {
        Err(format!("argument `{}` of type {ty:?} is not supported in Python", argument.field.name))
    };
    Ok(match &argument.field.ty {
        Type::Uuid => "str | UUID".to_owned(),
        Type::String if argument.place == Place::Path => "str | UUID".to_owned(),
        Type::String => "str".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::FreeObject => "JSONObject".to_owned(),
        Type::Binary => "FileInput".to_owned(),
        Type::Array(items) => match **items {
            Type::Uuid => "Iterable[str | UUID]".to_owned(),
            Type::String => "Iterable[str]".to_owned(),
            _ => return unknown(&argument.field.ty),
        },
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { .. } if model.accepts_null(&argument.field.ty) => {
                "JSONObject | None".to_owned()
            }
            Kind::FreeObject { .. } => "JSONObject".to_owned(),
            Kind::OpenEnum { .. } => format!("{name} | str"),
            Kind::Object { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => {
                return unknown(&argument.field.ty);
            }
        },
        Type::DateTime | Type::Json | Type::Map(_) | Type::Nullable(_) => {
            return unknown(&argument.field.ty);
        }
    })
}

/// Returns the return type of an operation.
pub fn return_type(operation: &Operation) -> String {
    match &operation.success.response {
        Response::Empty => "None".to_owned(),
        Response::Json(name) => name.clone(),
        Response::Bytes => "Download".to_owned(),
    }
}

/// How a method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// It blocks.
    Blocking,
    /// It returns a coroutine.
    Async,
}

impl Style {
    /// Returns the suffix of the method's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Blocking => "",
            Self::Async => "_async",
        }
    }
}

/// Returns the docstring of a method, as lines that are not wrapped.
pub fn method_doc(model: &Model, operation: &Operation, style: Style) -> Vec<String> {
    let mut lines: Vec<String> =
        with_none(&operation.doc()).split('\n').map(str::to_owned).collect();
    lines.extend([String::new(), "Args:".to_owned()]);
    let (ids, others) = positional_arguments(model, operation);
    for Argument { field, .. } in ids.iter().chain(&others) {
        let mut line = format!("    {}: {}", field.name, with_none(&field.description));
        if let Some(limits) = field.limits.in_words() {
            line.push_str(&format!(" Limits: {limits}."));
        }
        if let Some(default) = &field.default {
            let default = match default.as_str() {
                "true" => "True",
                "false" => "False",
                other => other,
            };
            line.push_str(&format!(" Default: {default}."));
        }
        lines.push(line);
    }
    if operation.starts_task() {
        lines.extend([
            "    wait: Wait until the task has finished, and return the finished task. Default: False."
                .to_owned(),
            "    wait_timeout: Maximum time to wait, in seconds or as a `timedelta`. Default: 1800.".to_owned(),
        ]);
    }
    lines.push(OPTIONS_DOC.to_owned());
    if operation.success.response != Response::Empty {
        lines.extend([
            String::new(),
            "Returns:".to_owned(),
            format!("    {}", operation.success.description),
        ]);
    }
    lines.extend([String::new(), "Raises:".to_owned()]);
    if operation.starts_task() {
        lines.extend([
            "    errors.TaskFailedError: `wait` is set and the task did not succeed.".to_owned(),
            "    errors.TimeoutError: `wait` is set and the task is still in progress.".to_owned(),
        ]);
    }
    lines.extend([
        "    errors.ValidationError: An argument is invalid. Most invalid arguments are rejected before a request is sent.".to_owned(),
        "    errors.MistralError: Any other failure; see `errors` for the subclasses.".to_owned(),
    ]);
    lines.extend(example(model, operation, style));
    lines
}

/// Returns the `Example:` section of a method.
fn example(model: &Model, operation: &Operation, style: Style) -> Vec<String> {
    let arguments = required_arguments(operation.arguments(model).iter());
    let result = match operation.success.response {
        Response::Empty => "",
        _ => "response = ",
    };
    let keyword = if style == Style::Async { "await " } else { "" };
    let head = format!(
        "    >>> {result}{keyword}mistral.{}.{}{}(",
        operation.group,
        operation.name,
        style.suffix()
    );
    let mut lines = vec![String::new(), "Example:".to_owned()];
    // The docstring is indented by 8 columns.
    if head.len() + arguments.len() < WIDTH - 8 {
        lines.push(format!("{head}{arguments})"));
    } else {
        lines.extend([head, format!("    ...     {arguments}"), "    ... )".to_owned()]);
    }
    lines
}

/// Formats the required arguments for an example, such as `dataset_id=dataset_id`.
fn required_arguments<'a, 'b: 'a>(arguments: impl Iterator<Item = &'a Argument<'b>>) -> String {
    let arguments: Vec<String> = arguments
        .filter(|argument| argument.field.required)
        .map(|argument| format!("{0}={0}", argument.field.name))
        .collect();
    arguments.join(", ")
}

/// Wraps lines at a width.
///
/// Continuation lines keep the indentation; indented lines, such as those below `Args:`, are indented one level more. Example code is
/// not wrapped.
pub fn wrapped(lines: &[String], width: usize) -> Vec<String> {
    let mut result = Vec::new();
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        if [">>>", "..."].iter().any(|prompt| line.trim_start().starts_with(prompt))
            || line.chars().count() <= width
        {
            result.push(line.clone());
            continue;
        }
        let continuation = " ".repeat(if indent == 0 { 0 } else { indent + 4 });
        let mut current = " ".repeat(indent);
        let mut empty = true;
        for word in line.split_whitespace() {
            if !empty && current.chars().count() + 1 + word.chars().count() > width {
                result.push(std::mem::replace(&mut current, continuation.clone()));
                empty = true;
            }
            if !empty {
                current.push(' ');
            }
            current.push_str(word);
            empty = false;
        }
        result.push(current);
    }
    result
}

/// Formats a docstring at an indentation.
pub fn docstring(lines: &[String], indent: usize) -> String {
    let pad = " ".repeat(indent);
    let mut lines = wrapped(lines, WIDTH - indent);
    // Leaves space for the quotes, which must be on the same line.
    let one_line_width = WIDTH - indent - 6;
    if let [line] = lines.as_slice()
        && line.chars().count() > one_line_width
    {
        lines = wrapped(&lines, one_line_width);
    }
    match lines.as_slice() {
        [line] => format!("{pad}\"\"\"{line}\"\"\"\n"),
        lines => {
            let mut text = format!("{pad}\"\"\"");
            for (index, line) in lines.iter().enumerate() {
                if index > 0 && !line.is_empty() {
                    text.push_str(&pad);
                }
                text.push_str(line);
                text.push('\n');
            }
            format!("{text}{pad}\"\"\"\n")
        }
    }
}
