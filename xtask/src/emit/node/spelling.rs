//! Naming and formatting in JavaScript and TypeScript, and the classification of arguments and fields.

use std::collections::BTreeSet;

use crate::model::{Field, Kind, Model, Operation, Response, Schema, Type};

/// Maximum width of generated lines, as configured for prettier.
pub const WIDTH: usize = 100;

/// Schemas whose names would shadow a common global, and their names in Node.
const RENAMED: [(&str, &str); 1] = [("File", "UploadedFile")];

/// Globals that a class must not shadow.
const GLOBALS: [&str; 20] = [
    "Array", "Blob", "Buffer", "Date", "Error", "Event", "File", "FormData", "Function", "Map",
    "Number", "Object", "Promise", "Proxy", "Record", "Request", "Response", "Set", "String",
    "Symbol",
];

/// Converts a name to camel case, such as `list_records` to `listRecords`.
pub fn camel(name: &str) -> String {
    let mut text = String::new();
    for (index, part) in name.split('_').filter(|part| !part.is_empty()).enumerate() {
        if index == 0 {
            text.push_str(part);
        } else {
            text.push_str(&part[..1].to_uppercase());
            text.push_str(&part[1..]);
        }
    }
    text
}

/// Converts a name to Pascal case, such as `list_records` to `ListRecords` and `datasets.records` to `DatasetsRecords`.
pub fn pascal(name: &str) -> String {
    let name = camel(&name.replace('.', "_"));
    name[..1].to_uppercase() + &name[1..]
}

/// Returns the name of the pager over a listing, such as `iter_records` for `list_records`.
///
/// # Errors
/// Returns a message if the name does not start with `list`.
pub fn pager_name(name: &str) -> Result<String, String> {
    let rest = name.strip_prefix("list").ok_or_else(|| {
        format!("`{name}`: the name of a paginated listing must start with `list`")
    })?;
    Ok(format!("iter{rest}"))
}

/// Converts a name in Pascal case to snake case, such as `DatasetRecord` to `dataset_record`.
pub fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// Converts a name to upper case, such as `list_records` to `LIST_RECORDS`.
pub fn constant(name: &str) -> String {
    name.to_uppercase()
}

/// Returns the class of a resource group, such as `Records` for `datasets.records`.
pub fn resource_class(group: &str) -> String {
    pascal(property(group))
}

/// Returns the property of a resource group in its parent, such as `records` for `datasets.records`.
pub fn property(group: &str) -> &str {
    group.rsplit('.').next().expect("a split has at least one part")
}

/// Returns the child groups of a group, or the top-level groups.
pub fn children<'a>(model: &'a Model, parent: Option<&str>) -> Vec<&'a str> {
    model
        .groups()
        .into_iter()
        .filter(|group| group.rsplit_once('.').map(|(parent, _)| parent) == parent)
        .collect()
}

/// Returns the name of a schema's class or type.
///
/// # Errors
/// Returns a message if it would shadow a global.
pub fn class(name: &str) -> Result<&str, String> {
    if let Some((_, renamed)) = RENAMED.iter().find(|(schema, _)| *schema == name) {
        return Ok(renamed);
    }
    if GLOBALS.contains(&name) {
        return Err(format!(
            "schema `{name}`: a class of that name would shadow a JavaScript global; rename the schema in the document"
        ));
    }
    Ok(name)
}

/// Returns the schemas reachable from successful responses and arguments, in document order. Error responses and request bodies
/// have no class: the former become errors, and the fields of the latter are arguments.
pub fn public_schemas(model: &Model) -> Vec<&Schema> {
    fn mark<'a>(model: &'a Model, ty: &'a Type, found: &mut BTreeSet<&'a str>) {
        match ty {
            Type::Array(items) => mark(model, items, found),
            Type::Named(name) if found.insert(name) => {
                if let Kind::Object { fields } = &model.schema(name).kind {
                    fields.iter().for_each(|field| mark(model, &field.ty, found));
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    for operation in &model.operations {
        for argument in operation.arguments(model) {
            mark(model, &argument.field.ty, &mut found);
        }
        if let Response::Json(name) = &operation.success.response
            && found.insert(name)
            && let Kind::Object { fields } = &model.schema(name).kind
        {
            fields.iter().for_each(|field| mark(model, &field.ty, &mut found));
        }
    }
    model
        .schemas
        .iter()
        .filter(|schema| {
            found.contains(schema.name.as_str()) || matches!(schema.kind, Kind::OpenEnum { .. })
        })
        .collect()
}

/// Returns whether a field of a response may be null. A missing array is decoded as an empty one.
pub fn may_be_null(field: &Field) -> bool {
    !field.required && (field.nullable || !matches!(field.ty, Type::Array(_)))
}

/// Returns whether a type is a free-form object, which is encoded as raw JSON.
pub fn is_raw(model: &Model, ty: &Type) -> bool {
    match ty {
        Type::FreeObject => true,
        Type::Named(name) => matches!(model.schema(name).kind, Kind::FreeObject { .. }),
        _ => false,
    }
}

/// Returns whether a property is created on first access. In models with thousands of objects in memory, this applies to
/// raw JSON, and to timestamps because a `Date` needs ten times the memory of a number. A timestamp that may be null is not lazy:
/// it usually is null, and a lazy property costs more than that. Lazy fields are encoded after the others, as two numbers each.
pub fn is_lazy(model: &Model, fields: &[Field], field: &Field) -> bool {
    let is_timestamp = field.ty == Type::DateTime && !may_be_null(field);
    is_numerous(model, fields) && (is_raw(model, &field.ty) || is_timestamp)
}

/// Returns whether programs typically hold thousands of objects of a model, which is assumed of models with raw JSON.
fn is_numerous(model: &Model, fields: &[Field]) -> bool {
    fields.iter().any(|field| is_raw(model, &field.ty))
}

/// Assigns a slot to each field that likely has the same value in consecutive objects: the parent IDs and enums of models with
/// many objects. Both sides remember the last string of each slot.
pub fn repeated_slots(model: &Model, fields: &[Field]) -> Vec<Option<usize>> {
    let is_open_enum = |ty: &Type| matches!(ty, Type::Named(name) if matches!(model.schema(name).kind, Kind::OpenEnum { .. }));
    let is_numerous = is_numerous(model, fields);
    let mut slots = 0..;
    fields
        .iter()
        .map(|field| {
            let is_parent_id = field.ty == Type::Uuid && field.name != "id";
            let is_repeated =
                is_numerous && !may_be_null(field) && (is_parent_id || is_open_enum(&field.ty));
            if is_repeated { slots.next() } else { None }
        })
        .collect()
}

/// Returns whether a type is an object with known fields, which has a class.
pub fn is_model(model: &Model, ty: &Type) -> bool {
    matches!(ty, Type::Named(name) if matches!(model.schema(name).kind, Kind::Object { .. }))
}

/// Returns the base class of a model: `Task`, which can be refreshed and awaited, or `Model`.
pub fn base(model: &Model, schema: &Schema) -> &'static str {
    let is_task = model.operations.iter().any(|operation| {
        operation.starts_task()
            && matches!(&operation.success.response, Response::Json(name) if *name == schema.name)
    });
    if is_task { "Task" } else { "Model" }
}

/// Returns the handwritten base class of a resource group and its file, if there is one.
pub fn handwritten_base(group: &str) -> Option<(&'static str, &'static str)> {
    (group == "datasets").then_some(("DatasetsBase", "datasets.js"))
}

/// Returns the property that has the fields of the body in requests of the official SDK, if it is nested.
pub fn official_body(operation: &Operation) -> Option<String> {
    operation.body.as_ref()?.official_name.as_deref().map(camel)
}

/// Returns the arguments of a pager: those of the listing except for the page number and size.
pub fn listing_arguments<'a>(
    model: &'a Model,
    operation: &'a Operation,
) -> impl Iterator<Item = &'a Field> {
    let arguments = operation.arguments(model).into_iter().map(|argument| argument.field);
    arguments.filter(|field| !["page", "page_size"].contains(&field.name.as_str()))
}

/// How an argument is validated and passed.
pub enum Shape<'a> {
    /// A string.
    String,
    /// An array of strings.
    Strings,
    /// A number or boolean, with the name of its validator.
    Scalar(&'static str),
    /// A value of an open enum, with the name of its schema.
    Enum(&'a str),
    /// A free-form object, with the name of its schema if it has one.
    Json(Option<&'a str>),
    /// A file.
    File,
}

impl<'a> Shape<'a> {
    /// Returns the shape of an operation's argument.
    ///
    /// # Errors
    /// Returns a message if the type is not supported in Node.
    pub fn of_argument(
        model: &'a Model,
        operation: &Operation,
        field: &'a Field,
    ) -> Result<Self, String> {
        let shape = match &field.ty {
            Type::String | Type::Uuid => Some(Self::String),
            Type::Integer => Some(Self::Scalar("integer")),
            Type::Number => Some(Self::Scalar("number")),
            Type::Boolean => Some(Self::Scalar("boolean")),
            Type::Binary => Some(Self::File),
            Type::FreeObject => Some(Self::Json(None)),
            Type::Array(items) if matches!(**items, Type::String | Type::Uuid) => {
                Some(Self::Strings)
            }
            Type::Named(name) => match model.schema(name).kind {
                Kind::OpenEnum { .. } => Some(Self::Enum(name)),
                Kind::FreeObject { .. } => Some(Self::Json(Some(name))),
                _ => None,
            },
            _ => None,
        };
        shape.ok_or_else(|| {
            format!(
                "operation `{}`: argument `{}` of type {:?} is not supported in Node",
                operation.id, field.name, field.ty
            )
        })
    }
}

/// Formats a TSDoc comment, on one line if it fits.
pub fn doc(indent: &str, text: &str) -> String {
    let text = text.trim().replace("*/", "*\\/");
    if !text.contains('\n') && indent.len() + text.len() + "/**  */".len() <= WIDTH {
        return format!("{indent}/** {text} */\n");
    }
    let prefix = format!("{indent} *");
    let mut lines = format!("{indent}/**\n");
    let mut verbatim = false;
    for paragraph in text.split('\n') {
        verbatim ^= paragraph.starts_with("```");
        if verbatim || paragraph.starts_with("```") {
            lines.push_str(&format!("{prefix} {paragraph}\n"));
            continue;
        }
        let mut line = prefix.clone();
        for word in paragraph.split_whitespace() {
            if line.len() + 1 + word.chars().count() > WIDTH {
                lines.push_str(&line);
                lines.push('\n');
                line.clone_from(&prefix);
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines + indent + " */\n"
}

/// Returns the description of a property or argument, with its limits and default.
pub fn description(field: &Field) -> String {
    let mut text = field.description.clone();
    if let Some(limits) = field.limits.in_words() {
        text.push_str(&format!(" Limits: {limits}."));
    }
    if let Some(default) = &field.default {
        text.push_str(&format!(" Default: {default}."));
    }
    text
}

/// Formats a bracketed list as prettier does: on one line if it fits, otherwise with one line per item.
pub fn list(before: &str, items: &[String], after: &str) -> String {
    // Only braces have inner spaces.
    let space = if before.ends_with('{') { " " } else { "" };
    let line = format!("{before}{space}{}{space}{after}", items.join(", "));
    if line.len() <= WIDTH {
        return line + "\n";
    }
    let indent = &before[..before.len() - before.trim_start().len()];
    let mut lines = format!("{before}\n");
    for item in items {
        lines.push_str(&format!("{indent}  {item},\n"));
    }
    lines + indent + after + "\n"
}
