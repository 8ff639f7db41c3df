//! Naming and formatting in JavaScript and TypeScript, and the classification of arguments and fields.

use std::collections::BTreeSet;

use crate::emit::rust_text::field_type;
use crate::model::{
    Field, Kind, Listing, Model, Operation, Response, Role, Schema, Type, last_part,
};

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

/// Returns the name of a field's property, such as `createdAt` for `created_at` and `and` for `AND`.
pub fn property(field: &Field) -> String {
    camel(&field.name.to_lowercase())
}

/// Returns the name of the pager over a listing, such as `iter_records` for `list_records` and `iter_spans` for `search_spans`.
///
/// # Errors
/// Returns a message if the name does not start with one of the verbs of listings.
pub fn pager_name(name: &str) -> Result<String, String> {
    let mut rests = ["list", "search", "get"].iter().filter_map(|verb| name.strip_prefix(verb));
    let rest = rests.find(|rest| rest.is_empty() || rest.starts_with('_')).ok_or_else(|| {
        format!(
            "`{name}`: the name of a paginated listing must start with `list`, `search` or `get`"
        )
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
pub fn resource_class(model: &Model, group: &str) -> String {
    pascal(&model.group_name(group))
}

/// Returns the property of a resource group in its parent, such as `records` for `datasets.records`.
pub fn group_property(group: &str) -> String {
    camel(last_part(group))
}

/// Returns the properties that lead from a client to a group, such as `chatCompletionEvents.fields`.
pub fn group_path(group: &str) -> String {
    group.split('.').map(camel).collect::<Vec<_>>().join(".")
}

/// Returns the description of a group.
pub fn group_doc(model: &Model, group: &str) -> String {
    let description = model.group_description(group).map(str::to_owned);
    description.unwrap_or_else(|| format!("The operations of `{}`.", group_path(group)))
}

/// The path of the operations that the official SDK has in `beta.observability`.
const OBSERVABILITY: &str = "/v1/observability/";

/// Returns the top-level groups that the official SDK has in `beta.observability`.
pub fn observability_groups(model: &Model) -> Vec<&str> {
    let mut groups = model.groups_in(None);
    groups.retain(|group| {
        model.operations_of(group).any(|operation| operation.path.starts_with(OBSERVABILITY))
    });
    groups
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

/// Adds the schemas that a type refers to, directly or indirectly.
fn mark<'a>(model: &'a Model, ty: &'a Type, found: &mut BTreeSet<&'a str>) {
    match ty {
        Type::Array(items) | Type::Map(items) | Type::Nullable(items) => mark(model, items, found),
        Type::Named(name) => mark_schema(model, name, found),
        _ => {}
    }
}

fn mark_schema<'a>(model: &'a Model, name: &'a str, found: &mut BTreeSet<&'a str>) {
    // Schemas may refer to themselves.
    if !found.insert(name) {
        return;
    }
    match &model.schema(name).kind {
        Kind::Object { fields } => fields.iter().for_each(|field| mark(model, &field.ty, found)),
        Kind::ObjectUnion { variants, .. } => {
            variants.iter().for_each(|variant| mark_schema(model, &variant.schema, found));
        }
        Kind::FreeObject { .. } | Kind::OpenEnum { .. } | Kind::Union { .. } => {}
    }
}

/// Returns the schemas of successful responses and of their parts, in document order.
pub fn read_schemas(model: &Model) -> Vec<&Schema> {
    let mut found = BTreeSet::new();
    for operation in &model.operations {
        if let Response::Json(name) = &operation.success.response {
            mark_schema(model, name, &mut found);
        }
    }
    model.schemas.iter().filter(|schema| found.contains(schema.name.as_str())).collect()
}

/// Returns the schemas of arguments and of their parts, in document order. Bodies are not among them, since their fields are
/// arguments.
pub fn written_schemas(model: &Model) -> Vec<&Schema> {
    let mut found = BTreeSet::new();
    for operation in &model.operations {
        for argument in operation.arguments(model) {
            mark(model, &argument.field.ty, &mut found);
        }
    }
    model.schemas.iter().filter(|schema| found.contains(schema.name.as_str())).collect()
}

/// Returns the schemas that have a public type: those of responses and arguments, and all enums, in document order.
pub fn public_schemas(model: &Model) -> Vec<&Schema> {
    let (read, written) = (read_schemas(model), written_schemas(model));
    let is_public = |schema: &&Schema| {
        matches!(schema.kind, Kind::OpenEnum { .. })
            || read.iter().chain(&written).any(|public| public.name == schema.name)
    };
    model.schemas.iter().filter(is_public).collect()
}

/// Returns whether a schema is an object or a union of objects that arguments contain, which `inputs.js` converts.
pub fn is_input(model: &Model, name: &str) -> bool {
    matches!(model.schema(name).kind, Kind::Object { .. } | Kind::ObjectUnion { .. })
}

/// Returns the type of an argument with this schema. The name of the schema is the type of values that are read, if there are any.
pub fn input_type(model: &Model, name: &str) -> Result<String, String> {
    let is_read = model.schema(name).role != Role::Request;
    Ok(if is_read { format!("{}Input", class(name)?) } else { class(name)?.to_owned() })
}

/// Returns whether the request of an operation has the name and the properties of a schema.
pub fn is_request_of_operation(model: &Model, name: &str) -> bool {
    model.operations.iter().any(|operation| {
        operation.parameters.is_empty()
            && operation.body.as_ref().is_some_and(|body| body.schema == name)
            && pascal(&operation.id) + "Request" == name
    })
}

/// Returns whether a field of a response may be null. A missing array is decoded as an empty one.
pub fn may_be_null(schema: &Schema, field: &Field) -> bool {
    field_type(field, schema.role).starts_with("Option<")
}

/// Returns whether a type is any JSON or a free-form object, which is encoded as the JSON that was received.
pub fn is_raw(model: &Model, ty: &Type) -> bool {
    match ty {
        Type::FreeObject | Type::Json => true,
        Type::Named(name) => matches!(model.schema(name).kind, Kind::FreeObject { .. }),
        _ => false,
    }
}

/// Returns whether a type is encoded as JSON, as received or not.
pub fn is_json(model: &Model, ty: &Type) -> bool {
    is_raw(model, ty) || matches!(ty, Type::Map(_))
}

/// Returns whether a property is created on first access. In models with thousands of objects in memory, this applies to JSON, and
/// to timestamps because a `Date` needs ten times the memory of a number. A timestamp that may be null is not lazy: it usually is
/// null, and a lazy property costs more than that. Lazy fields are encoded after the others, as two numbers each.
pub fn is_lazy(model: &Model, schema: &Schema, field: &Field) -> bool {
    let is_timestamp = field.ty == Type::DateTime && !may_be_null(schema, field);
    is_numerous(model, schema) && (is_json(model, &field.ty) || is_timestamp)
}

/// Returns the fields of an object.
fn fields(schema: &Schema) -> &[Field] {
    match &schema.kind {
        Kind::Object { fields } => fields,
        _ => &[],
    }
}

/// Returns whether programs typically hold thousands of objects of a model, which is assumed of models with JSON.
fn is_numerous(model: &Model, schema: &Schema) -> bool {
    fields(schema).iter().any(|field| is_json(model, &field.ty))
}

/// Assigns a slot to each field that likely has the same value in consecutive objects: the parent IDs and enums of models with
/// many objects. Both sides remember the last string of each slot.
pub fn repeated_slots(model: &Model, schema: &Schema) -> Vec<Option<usize>> {
    let is_open_enum = |ty: &Type| matches!(ty, Type::Named(name) if matches!(model.schema(name).kind, Kind::OpenEnum { .. }));
    let is_numerous = is_numerous(model, schema);
    let mut slots = 0..;
    fields(schema)
        .iter()
        .map(|field| {
            let is_parent_id = field.ty == Type::Uuid && field.name != "id";
            let is_repeated = is_numerous
                && !may_be_null(schema, field)
                && (is_parent_id || is_open_enum(&field.ty));
            if is_repeated { slots.next() } else { None }
        })
        .collect()
}

/// Returns whether a type is an object with known fields or a union of such objects, which have classes.
pub fn is_model(model: &Model, ty: &Type) -> bool {
    matches!(ty, Type::Named(name) if is_input(model, name))
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
    match group {
        "datasets" => Some(("DatasetsBase", "datasets.js")),
        "campaigns" => Some(("CampaignsBase", "campaigns.js")),
        _ => None,
    }
}

/// Returns the property that has the fields of the body in requests of the official SDK, if it is nested.
pub fn official_body(operation: &Operation) -> Option<String> {
    operation.body.as_ref()?.official_name.as_deref().map(camel)
}

/// Returns the listing of an operation with numbered pages or a cursor.
pub fn listing(model: &Model, operation: &Operation) -> Option<Listing> {
    model.listing(operation).or_else(|| model.feed(operation))
}

/// Returns the arguments of a pager: those of the listing except for the number and size of a page.
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
    /// A timestamp.
    Timestamp,
    /// An array of strings.
    Strings,
    /// A number or boolean, with the name of its validator.
    Scalar(&'static str),
    /// A value of an open enum, with the name of its schema.
    Enum(&'a str),
    /// A free-form object.
    Json,
    /// An object, a union of objects or an array, which is passed as JSON.
    Value,
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
            Type::DateTime => Some(Self::Timestamp),
            Type::Integer => Some(Self::Scalar("integer")),
            Type::Number => Some(Self::Scalar("number")),
            Type::Boolean => Some(Self::Scalar("boolean")),
            Type::Binary => Some(Self::File),
            Type::FreeObject => Some(Self::Json),
            Type::Array(items) if matches!(**items, Type::String | Type::Uuid) => {
                Some(Self::Strings)
            }
            Type::Array(_) => Some(Self::Value),
            Type::Named(name) => match model.schema(name).kind {
                Kind::OpenEnum { .. } => Some(Self::Enum(name)),
                Kind::FreeObject { .. } => Some(Self::Json),
                Kind::Object { .. } | Kind::ObjectUnion { .. } => Some(Self::Value),
                Kind::Union { .. } => None,
            },
            Type::Json | Type::Map(_) | Type::Nullable(_) => None,
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

/// Formats a union type as prettier does: on one line, on the line below its name, or with one line per variant.
pub fn union(name: &str, parts: &[String]) -> String {
    let line = format!("export type {name} = {};", parts.join(" | "));
    if line.len() <= WIDTH {
        return line + "\n\n";
    }
    let below = format!("  {};", parts.join(" | "));
    if below.len() <= WIDTH {
        return format!("export type {name} =\n{below}\n\n");
    }
    format!("export type {name} =\n  | {};\n\n", parts.join("\n  | "))
}
