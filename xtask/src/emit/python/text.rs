//! How the model is spelled in Python: names, types, docstrings.

use std::collections::BTreeSet;

use crate::model::{
    Argument, Field, Kind, Listing, Model, Operation, Place, Response, Schema, Type,
};

use crate::emit::rust_text::pascal;

/// The width of a line.
pub const WIDTH: usize = 120;

/// Words that Python keeps for itself.
const KEYWORDS: [&str; 8] = ["class", "def", "from", "global", "import", "in", "is", "lambda"];

/// A name on the wire as a Python name.
///
/// # Errors
/// When Python keeps the word for itself, so that no argument or attribute can be called so.
pub fn name(name: &str) -> Result<&str, String> {
    if KEYWORDS.contains(&name) {
        return Err(format!("`{name}` is a keyword of Python and cannot name a member there"));
    }
    Ok(name)
}

/// The module of a group: `datasets.records` lies in `records`.
pub fn module(group: &str) -> &str {
    group.rsplit('.').next().expect("a split has at least one part")
}

/// The class of a group: `Records`.
pub fn class(group: &str) -> String {
    pascal(module(group))
}

/// The module and the class of those methods of a group that follow from no operation, if it has such.
pub fn by_hand(group: &str) -> Option<(&'static str, &'static str)> {
    (group == "datasets").then_some(("_bulk", "Bulk"))
}

/// The groups that hang below a group, or at the client.
pub fn children<'a>(model: &'a Model, parent: Option<&str>) -> Vec<&'a str> {
    let groups = model.groups().into_iter();
    groups.filter(|group| group.rsplit_once('.').map(|(parent, _)| parent) == parent).collect()
}

/// The schemas that some call returns, in the order of the document. Others need no class.
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

/// Whether the schema gets a class: a response, or an object with free members some of which are known.
pub fn is_class(schema: &Schema) -> bool {
    match &schema.kind {
        Kind::Object { .. } => true,
        Kind::FreeObject { known } => !known.is_empty(),
        Kind::OpenEnum { .. } | Kind::Union { .. } => false,
    }
}

/// Whether the schema is the task that some operation starts.
pub fn is_task(model: &Model, schema: &Schema) -> bool {
    model.operations.iter().any(|operation| {
        operation.starts_task() && operation.success.response == Response::Json(schema.name.clone())
    })
}

/// What a task's method `refresh` says of itself.
pub const REFRESH_DOC: [&str; 8] = [
    "Asks the server how the task stands now.",
    "",
    "Returns:",
    "    The task as it is; this object stays as it was.",
    "",
    "Raises:",
    "    errors.ConfigurationError: The object came from no client, but from text or from pickle: use `datasets.task`.",
    "    errors.MistralError: Whatever else went wrong, by the class that fits it; see `errors`.",
];

/// What a task's method `wait` says of itself.
pub const WAIT_DOC: [&str; 19] = [
    "Waits until the task has ended.",
    "",
    "A status that this version does not know means that it is still under way.",
    "",
    "Args:",
    "    timeout: How many seconds to wait at most. Default: 1800.",
    "    poll_interval: How many seconds to wait before the task is looked at again: the first time, and what the waits grow to. Default: (0.1, 5.0).",
    "    on_progress: What is called with the task every time it was looked at, by whoever waits: on its thread, or on its event loop.",
    "",
    "Returns:",
    "    The task, which is COMPLETED.",
    "",
    "Raises:",
    "    errors.TaskFailedError: The task is FAILED, CANCELED, TERMINATED or TIMED_OUT.",
    "    errors.TimeoutError: It is still under way. It goes on, and can be waited for again.",
    "    errors.ConfigurationError: The object came from no client, but from text or from pickle: use `datasets.task`.",
    "    errors.MistralError: Whatever else went wrong, by the class that fits it; see `errors`.",
    "",
    "The first two errors have the task in their attribute `task`.",
];

/// What the pager over a listing is called: `iter` for `list`, `iter_records` for `list_records`.
pub fn pager_name(operation: &Operation) -> String {
    let rest = operation.name.strip_prefix("list").unwrap_or(&operation.name);
    format!("iter{rest}")
}

/// The arguments of a listing that say what is listed, and not which page.
pub fn listing_arguments<'a>(model: &'a Model, operation: &'a Operation) -> Vec<Argument<'a>> {
    let mut arguments = operation.arguments(model);
    arguments.retain(|argument| !["page", "page_size"].contains(&argument.field.name.as_str()));
    arguments
}

/// Whether objects of the schema have a payload, which can then be typed.
pub fn has_payload(model: &Model, schema: &str) -> bool {
    match &model.schema(schema).kind {
        Kind::Object { fields } => fields.iter().any(|field| field.name == "payload"),
        _ => false,
    }
}

/// The docstring of a pager.
pub fn pager_doc(model: &Model, operation: &Operation, listing: &Listing) -> Vec<String> {
    let mut lines = vec![
        format!("Pagers over all that `{}` lists, from the first to the last.", operation.name),
        String::new(),
        "Nothing is sent before the first item is asked for. The pages ahead are fetched at the same time, and no more of them are in memory than the prefetch says. What moved onto a later page meanwhile is seen once.".to_owned(),
        String::new(),
        "Args:".to_owned(),
    ];
    for Argument { field, .. } in listing_arguments(model, operation) {
        lines.push(format!("    {}: {}", field.name, field.description));
    }
    if has_payload(model, &listing.item) {
        lines.push("    payload_type: What every payload is made into: a TypedDict, a dataclass or a pydantic model. Items are `TypedRecord`s then.".to_owned());
    }
    lines.extend(
        [
            "    page_size: How many items a page holds. Limits: 1 to 100. Default: 100.",
            "    prefetch: How many pages are fetched at a time; with 1 each is fetched when it is needed. Limits: 1 to 64. Default: 8.",
            "    limit: After how many items the pager ends. Default: after the last.",
            "    strict: Whether to raise at the end when the server counts other than what came.",
            OPTIONS_DOC,
            "",
            "Returns:",
            "    A pager, for `for` and `async for`. Each loop over it begins anew.",
            "",
            "Raises:",
            "    errors.MistralError: Raised by the loop, by the class that fits what went wrong; see `errors`. A strict pager raises `errors.ConflictError` when rows are missing.",
        ]
        .map(str::to_owned),
    );
    lines
}

/// The keywords that every operation takes beside its arguments, with their types.
pub const OPTIONS: [(&str, &str); 4] = [
    ("retries", "RetryPolicy | int"),
    ("server_url", "str"),
    ("timeout_ms", "int"),
    ("http_headers", "Mapping[str, str]"),
];

/// What docstrings say of them.
const OPTIONS_DOC: &str = "    retries, server_url, timeout_ms, http_headers: What holds for this call only; see `Mistral`.";

/// The open enums, in the order of the document.
pub fn enums(model: &Model) -> impl Iterator<Item = (&Schema, &[String])> {
    model.schemas.iter().filter_map(|schema| match &schema.kind {
        Kind::OpenEnum { values } => Some((schema, values.as_slice())),
        _ => None,
    })
}

/// The type of a response's member.
///
/// # Errors
/// When no response can hold such a value.
pub fn member_type(model: &Model, field: &Field) -> Result<String, String> {
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
        Type::Binary => return Err("bytes cannot stand in a response of Python".to_owned()),
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { known } if known.is_empty() => "dict[str, JSON]".to_owned(),
            Kind::Object { .. } | Kind::FreeObject { .. } | Kind::OpenEnum { .. } => name.clone(),
            Kind::Union { variants } => {
                let variants: Result<Vec<_>, _> =
                    variants.iter().map(|variant| value_type(model, variant)).collect();
                variants?.join(" | ")
            }
        },
    })
}

/// The type of an argument, without what makes it optional.
///
/// # Errors
/// When no argument can hold such a value.
pub fn argument_type(model: &Model, argument: &Argument) -> Result<String, String> {
    let unknown = |ty: &Type| {
        Err(format!(
            "argument `{}` of type {ty:?} cannot be expressed in Python",
            argument.field.name
        ))
    };
    Ok(match &argument.field.ty {
        Type::Uuid => "str | UUID".to_owned(),
        Type::String if argument.place == Place::Path => "str | UUID".to_owned(),
        Type::String => "str".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::FreeObject => "JSONObject".to_owned(),
        Type::Binary => "FileUpload".to_owned(),
        Type::Array(items) => match **items {
            Type::Uuid => "Iterable[str | UUID]".to_owned(),
            Type::String => "Iterable[str]".to_owned(),
            _ => return unknown(&argument.field.ty),
        },
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { .. } => "JSONObject".to_owned(),
            Kind::OpenEnum { .. } => name.clone(),
            Kind::Object { .. } | Kind::Union { .. } => return unknown(&argument.field.ty),
        },
        Type::DateTime => return unknown(&argument.field.ty),
    })
}

/// What a call returns.
pub fn return_type(operation: &Operation) -> String {
    match &operation.success.response {
        Response::Empty => "None".to_owned(),
        Response::Json(name) => name.clone(),
        Response::Bytes => "Download".to_owned(),
    }
}

/// The docstring of a method, unwrapped lines that may be indented.
pub fn method_doc(model: &Model, operation: &Operation) -> Vec<String> {
    let mut lines =
        vec![format!("{}.", operation.summary), String::new(), operation.description.clone()];
    let arguments = operation.arguments(model);
    lines.extend([String::new(), "Args:".to_owned()]);
    for Argument { field, .. } in &arguments {
        let mut line = format!("    {}: {}", field.name, field.description);
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
            "    wait: Whether to wait until the task has ended, and return it then. Default: False.".to_owned(),
            "    wait_timeout: How many seconds to wait at most. Default: 1800.".to_owned(),
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
        lines.push(
            "    errors.TaskFailedError: The task that was waited for ended without success."
                .to_owned(),
        );
    }
    lines.extend([
        "    errors.ValidationError: An argument breaks a rule, which is mostly found before anything is sent.".to_owned(),
        "    errors.MistralError: Whatever else went wrong, by the class that fits it; see `errors`.".to_owned(),
    ]);
    lines
}

/// The examples of a method, blocking and for asyncio.
pub fn examples(model: &Model, operation: &Operation) -> Vec<String> {
    let arguments: Vec<String> = operation
        .arguments(model)
        .iter()
        .filter(|argument| argument.field.required)
        .map(|argument| format!("{0}={0}", argument.field.name))
        .collect();
    let result = match operation.success.response {
        Response::Empty => "",
        _ => "response = ",
    };
    let mut lines = vec![String::new(), "Example:".to_owned()];
    for (waiting, suffix) in [("", ""), ("await ", "_async")] {
        let head = format!(
            "    >>> {result}{waiting}mistral.{}.{}{suffix}(",
            operation.group, operation.name
        );
        let arguments = arguments.join(", ");
        // The docstring is indented by two levels.
        if head.len() + arguments.len() < WIDTH - 8 {
            lines.push(format!("{head}{arguments})"));
        } else {
            lines.extend([head, format!("    ...     {arguments}"), "    ... )".to_owned()]);
        }
    }
    lines
}

/// The docstring of the awaitable twin.
pub fn twin_doc(operation: &Operation) -> Vec<String> {
    vec![format!("Like `{}`, for asyncio.", operation.name)]
}

/// Wraps lines at a width. What continues a line is indented as it is, and one level more below `Args:` and its kin.
pub fn wrapped(lines: &[String], width: usize) -> Vec<String> {
    let mut result = Vec::new();
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        if [">>>", "..."].iter().any(|mark| line.trim_start().starts_with(mark))
            || line.chars().count() <= width
        {
            result.push(line.clone());
            continue;
        }
        let continued = " ".repeat(if indent == 0 { 0 } else { indent + 4 });
        let mut current = " ".repeat(indent);
        let mut empty = true;
        for word in line.split_whitespace() {
            if !empty && current.chars().count() + 1 + word.chars().count() > width {
                result.push(std::mem::replace(&mut current, continued.clone()));
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

/// A docstring at an indentation.
pub fn docstring(lines: &[String], indent: usize) -> String {
    let pad = " ".repeat(indent);
    let lines = wrapped(lines, WIDTH - indent);
    match lines.as_slice() {
        [line] if indent + line.chars().count() + 6 <= WIDTH => {
            format!("{pad}\"\"\"{line}\"\"\"\n")
        }
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
