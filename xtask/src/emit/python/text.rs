//! Python names, types and docstrings for the API model.

use std::collections::BTreeSet;

use crate::emit::rust_text::pascal;
use crate::emit::wording::with_none;
use crate::model::{
    Argument, Field, Kind, Listing, Model, Operation, Place, Response, Schema, Type,
};

/// The maximum line length.
pub const WIDTH: usize = 120;

/// Python's reserved words, in lower case.
const KEYWORDS: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Returns the name of an argument or an attribute: in lower case, with a trailing underscore if it is a reserved word.
pub fn name(name: &str) -> String {
    let name = name.to_lowercase();
    if KEYWORDS.contains(&name.as_str()) { format!("{name}_") } else { name }
}

/// Returns the class of a group, such as `Records` for `datasets.records`.
pub fn class(model: &Model, group: &str) -> String {
    pascal(&model.group_name(group))
}

/// Returns the module and class of a group's handwritten methods, if it has any.
pub fn by_hand(group: &str) -> Option<(&'static str, &'static str)> {
    match group {
        "datasets" => Some(("_bulk", "Bulk")),
        "campaigns" => Some(("_campaigns", "CampaignMethods")),
        _ => None,
    }
}

/// Returns the module and class of the handwritten methods of a schema's class, if it has any.
pub fn methods_by_hand(model: &Model, schema: &Schema) -> Option<(&'static str, &'static str)> {
    match schema.name.as_str() {
        "FilterCondition" | "FilterGroup" => Some(("_filters", "FilterMethods")),
        _ => is_task(model, schema).then_some(("_task", "TaskMethods")),
    }
}

/// Returns the schemas that occur in responses or inside request bodies, in document order. Only these get a class.
pub fn values(model: &Model) -> Vec<&Schema> {
    let mut names = BTreeSet::new();
    for operation in &model.operations {
        if let Response::Json(name) = &operation.success.response {
            collect(model, name, &mut names);
        }
        for argument in operation.arguments(model) {
            collect_type(model, &argument.field.ty, &mut names);
        }
    }
    model.schemas.iter().filter(|schema| names.contains(schema.name.as_str())).collect()
}

fn collect<'a>(model: &'a Model, name: &'a str, names: &mut BTreeSet<&'a str>) {
    if !names.insert(name) {
        return;
    }
    match &model.schema(name).kind {
        Kind::Object { fields } => {
            fields.iter().for_each(|field| collect_type(model, &field.ty, names));
        }
        Kind::ObjectUnion { variants, .. } => {
            variants.iter().for_each(|variant| collect(model, &variant.schema, names));
        }
        Kind::Union { variants } => {
            variants.iter().for_each(|variant| collect_type(model, variant, names));
        }
        Kind::FreeObject { .. } | Kind::OpenEnum { .. } => {}
    }
}

fn collect_type<'a>(model: &'a Model, ty: &'a Type, names: &mut BTreeSet<&'a str>) {
    match ty {
        Type::Array(items) | Type::Map(items) | Type::Nullable(items) => {
            collect_type(model, items, names);
        }
        Type::Named(name) => collect(model, name, names),
        _ => {}
    }
}

/// Returns the schemas of objects that are parts of request bodies. They have a `TypedDict`, too.
pub fn request_parts(model: &Model) -> Vec<(&Schema, &[Field])> {
    let schemas = values(model).into_iter().filter(|schema| schema.nested);
    let objects = schemas.filter_map(|schema| match &schema.kind {
        Kind::Object { fields } => Some((schema, fields.as_slice())),
        _ => None,
    });
    objects.collect()
}

/// Returns the unions of objects.
pub fn object_unions(model: &Model) -> Vec<&Schema> {
    let is_union = |schema: &&Schema| matches!(schema.kind, Kind::ObjectUnion { .. });
    values(model).into_iter().filter(is_union).collect()
}

/// Returns the only field of an object if its values are a union of objects. Such an object can be made of a variant.
pub fn wrapped_union<'a>(model: &'a Model, schema: &'a Schema) -> Option<(&'a Field, &'a Schema)> {
    let Kind::Object { fields } = &schema.kind else { return None };
    let [field @ Field { ty: Type::Named(union), .. }] = fields.as_slice() else { return None };
    let union = model.schema(union);
    matches!(union.kind, Kind::ObjectUnion { .. }).then_some((field, union))
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

/// Returns the name of a listing's pager: `iter` for `list` and `search`, `iter_records` for `list_records`.
pub fn pager_name(operation: &Operation) -> String {
    let verbs = ["list", "search", "get", "fetch"].iter();
    let rest = verbs.filter_map(|verb| operation.name.strip_prefix(verb)).next();
    format!("iter{}", rest.map_or_else(|| format!("_{}", operation.name), str::to_owned))
}

/// Returns the arguments of a listing except those that the pager sets.
pub fn listing_arguments<'a>(
    model: &'a Model,
    operation: &'a Operation,
    paging: Paging,
) -> Vec<Argument<'a>> {
    let position = if paging == Paging::Numbers { "page" } else { "" };
    let mut arguments = operation.arguments(model);
    arguments.retain(|Argument { field, .. }| ![position, "page_size"].contains(&&*field.name));
    arguments
}

/// Returns whether a schema has a payload, which can be converted to a type.
pub fn has_payload(model: &Model, schema: &str) -> bool {
    match &model.schema(schema).kind {
        Kind::Object { fields } => fields.iter().any(|field| field.name == "payload"),
        _ => false,
    }
}

/// How the pages of an operation are addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By numbers, so that pages can be requested concurrently.
    Numbers,
    /// By the cursor that the page before contains.
    Cursors,
}

/// Returns what an operation lists, and how its pages are addressed.
pub fn pages_of(model: &Model, operation: &Operation) -> Option<(Listing, Paging)> {
    let numbered = model.listing(operation).map(|listing| (listing, Paging::Numbers));
    numbered.or_else(|| model.feed(operation).map(|feed| (feed, Paging::Cursors)))
}

/// Returns the options of a pager and their types.
pub fn pager_options(paging: Paging) -> Vec<(&'static str, &'static str)> {
    match paging {
        Paging::Numbers => {
            vec![("page_size", "int"), ("prefetch", "int"), ("limit", "int"), ("strict", "bool")]
        }
        Paging::Cursors => vec![("page_size", "int"), ("limit", "int")],
    }
}

/// Returns the docstring of a pager, as lines that are not wrapped.
pub fn pager_doc(
    model: &Model,
    operation: &Operation,
    listing: &Listing,
    paging: Paging,
) -> Vec<String> {
    let how = match paging {
        Paging::Numbers => {
            "Pages are fetched lazily: no request is sent until the first item is requested. From the second page on, up to `prefetch` pages are requested concurrently and returned in order. An item that moves to a later page in the meantime is returned only once."
        }
        Paging::Cursors => {
            "Pages are fetched lazily, one after another: no request is sent until the first item is requested, and no page before an item of it is requested."
        }
    };
    let mut lines: Vec<String> =
        [&format!("Iterates over every item of `{}`.", operation.name), "", how, "", "Args:"]
            .map(str::to_owned)
            .into();
    for Argument { field, .. } in listing_arguments(model, operation, paging) {
        lines.push(format!("    {}: {}", name(&field.name), with_none(&field.description)));
    }
    if has_payload(model, &listing.item) {
        lines.push("    payload_type: Type to convert every payload to: a `TypedDict`, a dataclass, an attrs class, a msgspec Struct or a pydantic model. Items are then `TypedRecord`s.".to_owned());
    }
    for (name, _) in pager_options(paging) {
        let text = match name {
            "page_size" => "Number of items per page. Limits: 1 to 100. Default: 100.",
            "prefetch" => {
                "Maximum number of pages to request concurrently. 1 fetches each page only when it is needed. Limits: 1 to 64. Default: 8."
            }
            "limit" => "Maximum number of items to return. Default: no limit.",
            _ => {
                "When to raise `ConflictError`. `None`: if items were deleted during iteration and others may have been missed. `True`: also if the number of items differs from the server's count. `False`: never."
            }
        };
        lines.push(format!("    {name}: {text}"));
    }
    lines.push(OPTIONS_DOC.to_owned());
    lines.extend(
        [
            "",
            "Returns:",
            "    A pager, for `for` and `async for`. Every loop starts from the beginning.",
            "",
            "Raises:",
        ]
        .map(str::to_owned),
    );
    if paging == Paging::Numbers {
        lines.push("    errors.ConflictError: Raised by the loop if items may have been missed; see `strict`.".to_owned());
    }
    let call = format!("mistral.{}.{}(", operation.group, pager_name(operation));
    let arguments = required_arguments(listing_arguments(model, operation, paging).iter());
    let other = if paging == Paging::Numbers { "any other" } else { "any" };
    lines.extend([
        format!(
            "    errors.MistralError: Raised by the loop for {other} failure; see `errors` for the subclasses."
        ),
        String::new(),
        "Example:".to_owned(),
        format!("    >>> for item in {call}{arguments}):"),
        "    ...     print(item)".to_owned(),
    ]);
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

/// Emits an import of the names that the code mentions outside of docstrings.
pub fn import<'a>(code: &str, module: &str, names: impl Iterator<Item = &'a str>) -> String {
    // Every second part is a docstring.
    let parts = code.split("\"\"\"").step_by(2);
    let words: BTreeSet<&str> =
        parts.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let mut names: Vec<&str> = names.filter(|name| words.contains(name)).collect();
    // As isort orders them: constants, classes, functions.
    names.sort_by_key(|name| {
        let is_constant = name.len() > 1 && !name.contains(char::is_lowercase);
        (!is_constant, name.starts_with(char::is_lowercase), *name)
    });
    let line = format!("from {module} import {}\n", names.join(", "));
    match names.len() {
        0 => String::new(),
        _ if line.len() <= WIDTH + 1 => line,
        _ => {
            let names: String = names.iter().map(|name| format!("    {name},\n")).collect();
            format!("from {module} import (\n{names})\n")
        }
    }
}

/// Emits an import of the enumerations that the text mentions.
pub fn import_enums(model: &Model, text: &str) -> String {
    import(text, "mistral_datasets.enums", enums(model).map(|(schema, _)| schema.name.as_str()))
}

/// Emits an import of the classes and unions that the text mentions.
pub fn import_models(model: &Model, text: &str) -> String {
    let classes = values(model).into_iter().filter(|schema| is_class(schema));
    let names = classes.chain(object_unions(model)).map(|schema| schema.name.as_str());
    import(text, "mistral_datasets.models", names)
}

/// Emits an import of the types for annotations that the text mentions.
pub fn import_types(model: &Model, text: &str) -> String {
    let names =
        ["JSON", "Download", "FeedPager", "FileInput", "JSONObject", "Pager", "TypedRecord"];
    let dicts: Vec<String> =
        request_parts(model).iter().map(|(schema, _)| typed_dict(&schema.name)).collect();
    import(text, "mistral_datasets.params", dicts.iter().map(String::as_str))
        + &import(text, "mistral_datasets.types", names.into_iter())
}

/// Returns the name of the `TypedDict` of a request part.
pub fn typed_dict(schema: &str) -> String {
    format!("{schema}TypedDict")
}

/// Returns the open enums in document order.
pub fn enums(model: &Model) -> impl Iterator<Item = (&Schema, &[String])> {
    model.schemas.iter().filter_map(|schema| match &schema.kind {
        Kind::OpenEnum { values } => Some((schema, values.as_slice())),
        _ => None,
    })
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
        let mut line = format!("    {}: {}", name(&field.name), with_none(&field.description));
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
        .map(|argument| format!("{0}={0}", name(&argument.field.name)))
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
