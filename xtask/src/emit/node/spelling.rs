//! How Node spells what the model says: names, types, comments, and what may stand as an argument.

use std::collections::BTreeSet;

use crate::model::{Field, Kind, Model, Operation, Response, Schema, Type};

/// How wide generated lines may be; prettier is set to the same.
pub const WIDTH: usize = 100;

/// Schemas whose names would shadow a global that everybody uses, and what they are called instead.
const RENAMED: [(&str, &str); 1] = [("File", "UploadedFile")];

/// Globals that no class of ours may shadow.
const GLOBALS: [&str; 20] = [
    "Array", "Blob", "Buffer", "Date", "Error", "Event", "File", "FormData", "Function", "Map",
    "Number", "Object", "Promise", "Proxy", "Record", "Request", "Response", "Set", "String",
    "Symbol",
];

/// `list_records` as `listRecords`.
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

/// `list_records` or `datasets.records` as `ListRecords`, `DatasetsRecords`.
pub fn pascal(name: &str) -> String {
    let name = camel(&name.replace('.', "_"));
    name[..1].to_uppercase() + &name[1..]
}

/// What walking over a listing is called, by the name of the listing: `list_records` is `iter_records`.
///
/// # Errors
/// When the name does not say that it lists.
pub fn iteration(name: &str) -> Result<String, String> {
    let rest = name.strip_prefix("list").ok_or_else(|| {
        format!("`{name}`: a listing in pages must have a name that begins with `list`")
    })?;
    Ok(format!("iter{rest}"))
}

/// `list_records` as `LIST_RECORDS`.
pub fn constant(name: &str) -> String {
    name.to_uppercase()
}

/// The class of a resource group: `datasets.records` is `Records`.
pub fn resource_class(group: &str) -> String {
    pascal(member(group))
}

/// Where a resource group hangs in its parent: `datasets.records` at `records`.
pub fn member(group: &str) -> &str {
    group.rsplit('.').next().expect("a split has at least one part")
}

/// The groups that hang in another group, or in the client itself.
pub fn children<'a>(model: &'a Model, parent: Option<&str>) -> Vec<&'a str> {
    model
        .groups()
        .into_iter()
        .filter(|group| group.rsplit_once('.').map(|(parent, _)| parent) == parent)
        .collect()
}

/// The name of a schema's class or type.
///
/// # Errors
/// When it would shadow a global.
pub fn class(name: &str) -> Result<&str, String> {
    if let Some((_, renamed)) = RENAMED.iter().find(|(schema, _)| *schema == name) {
        return Ok(renamed);
    }
    if GLOBALS.contains(&name) {
        return Err(format!(
            "schema `{name}`: a class of that name would shadow a global of JavaScript; give it another name in the document"
        ));
    }
    Ok(name)
}

/// The schemas that successful responses and arguments lead to, in the order of the document. The shapes of failures and the
/// bodies of requests have no class: failures are errors, and bodies are spread over the arguments.
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

/// Whether a member of a response may be null; a list that is left out reads as an empty one.
pub fn may_be_null(field: &Field) -> bool {
    !field.required && (field.nullable || !matches!(field.ty, Type::Array(_)))
}

/// Whether a type is an object with free members, which crosses as JSON text.
pub fn is_raw(model: &Model, ty: &Type) -> bool {
    match ty {
        Type::FreeObject => true,
        Type::Named(name) => matches!(model.schema(name).kind, Kind::FreeObject { .. }),
        _ => false,
    }
}

/// Whether JavaScript makes a member of a model only when somebody looks: raw objects, and times, since a Date takes ten times the
/// room of a number, where a model is held by the thousand. They cross behind the others, as two numbers each.
pub fn is_late(model: &Model, fields: &[Field], field: &Field) -> bool {
    is_held_by_the_thousand(model, fields)
        && (is_raw(model, &field.ty) || field.ty == Type::DateTime)
}

/// Whether objects of a model are held by the thousand: those with raw objects are.
fn is_held_by_the_thousand(model: &Model, fields: &[Field]) -> bool {
    fields.iter().any(|field| is_raw(model, &field.ty))
}

/// The members of a model that likely say the same in one object as in the one before: what it belongs to and of which kind
/// it is. Each has a number, by which both sides remember its last text, where a model is held by the thousand.
pub fn repeated(model: &Model, fields: &[Field]) -> Vec<Option<usize>> {
    let is_open_enum = |ty: &Type| matches!(ty, Type::Named(name) if matches!(model.schema(name).kind, Kind::OpenEnum { .. }));
    let many = is_held_by_the_thousand(model, fields);
    let mut numbers = 0..;
    fields
        .iter()
        .map(|field| {
            let other_id = field.ty == Type::Uuid && field.name != "id";
            let likely = many && !may_be_null(field) && (other_id || is_open_enum(&field.ty));
            if likely { numbers.next() } else { None }
        })
        .collect()
}

/// Whether a type is an object with known members, which has a class.
pub fn is_model(model: &Model, ty: &Type) -> bool {
    matches!(ty, Type::Named(name) if matches!(model.schema(name).kind, Kind::Object { .. }))
}

/// The class that a model extends: a task can be looked after, everything else can only be read.
pub fn base(model: &Model, schema: &Schema) -> &'static str {
    let is_task = model.operations.iter().any(|operation| {
        operation.starts_task()
            && matches!(&operation.success.response, Response::Json(name) if *name == schema.name)
    });
    if is_task { "Task" } else { "Model" }
}

/// The resource groups of which a part is written by hand: the class of that part, and its file.
pub fn by_hand(group: &str) -> Option<(&'static str, &'static str)> {
    (group == "datasets").then_some(("DatasetsBase", "datasets.js"))
}

/// The arguments of a pager over a listing: those of the listing that do not speak of single pages.
pub fn collected<'a>(
    model: &'a Model,
    operation: &'a Operation,
) -> impl Iterator<Item = &'a Field> {
    let arguments = operation.arguments(model).into_iter().map(|argument| argument.field);
    arguments.filter(|field| !["page", "page_size"].contains(&field.name.as_str()))
}

/// What kinds of arguments a method takes.
pub enum Shape<'a> {
    /// Text, ids included.
    Text,
    /// A list of texts.
    Texts,
    /// A number or a truth value, by the name of its check.
    Scalar(&'static str),
    /// One of an open list of texts, by the name of its schema.
    Enum(&'a str),
    /// An object with free members, by the name of its schema if it has one.
    Json(Option<&'a str>),
    /// A file.
    File,
}

impl<'a> Shape<'a> {
    /// The shape of an operation's argument.
    ///
    /// # Errors
    /// When Node cannot express it.
    pub fn of_argument(
        model: &'a Model,
        operation: &Operation,
        field: &'a Field,
    ) -> Result<Self, String> {
        let shape = match &field.ty {
            Type::String | Type::Uuid => Some(Self::Text),
            Type::Integer => Some(Self::Scalar("integer")),
            Type::Number => Some(Self::Scalar("number")),
            Type::Boolean => Some(Self::Scalar("boolean")),
            Type::Binary => Some(Self::File),
            Type::FreeObject => Some(Self::Json(None)),
            Type::Array(items) if matches!(**items, Type::String | Type::Uuid) => Some(Self::Texts),
            Type::Named(name) => match model.schema(name).kind {
                Kind::OpenEnum { .. } => Some(Self::Enum(name)),
                Kind::FreeObject { .. } => Some(Self::Json(Some(name))),
                _ => None,
            },
            _ => None,
        };
        shape.ok_or_else(|| {
            format!(
                "operation `{}`: argument `{}` of type {:?} cannot be expressed in Node",
                operation.id, field.name, field.ty
            )
        })
    }
}

/// A JSDoc comment, on one line where it fits.
pub fn doc(indent: &str, text: &str) -> String {
    let text = text.trim().replace("*/", "*\\/");
    if !text.contains('\n') && indent.len() + text.len() + "/**  */".len() <= WIDTH {
        return format!("{indent}/** {text} */\n");
    }
    let mark = format!("{indent} *");
    let mut lines = format!("{indent}/**\n");
    let mut verbatim = false;
    for paragraph in text.split('\n') {
        verbatim ^= paragraph.starts_with("```");
        if verbatim || paragraph.starts_with("```") {
            lines.push_str(&format!("{mark} {paragraph}\n"));
            continue;
        }
        let mut line = mark.clone();
        for word in paragraph.split_whitespace() {
            if line.len() + 1 + word.chars().count() > WIDTH {
                lines.push_str(&line);
                lines.push('\n');
                line.clone_from(&mark);
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines + indent + " */\n"
}

/// What a member or an argument is, with its limits and its default in words.
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

/// A list between brackets as prettier writes it: on one line where that fits, else a line for each.
pub fn list(before: &str, items: &[String], after: &str) -> String {
    // Braces stand apart from what they hold, other brackets do not.
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
