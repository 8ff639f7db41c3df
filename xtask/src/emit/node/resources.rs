//! The JavaScript resource classes and the operations that their methods send.

use std::fmt::Write;

use super::inputs;
use super::spelling::{
    Shape, WIDTH, camel, class, constant, doc, group_doc, group_property, handwritten_base, list,
    listing, listing_arguments, observability_groups, official_body, pager_name, property,
    read_schemas, resource_class, written_schemas,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Operation, Response};

/// Emits `resources.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut operations = String::new();
    let inputs = input_names(model);
    let mut checks = Checks { inputs: &inputs, used: Vec::new() };
    for operation in &model.operations {
        operations.push_str(&operation_constant(model, operation, &mut checks)?);
        if let Some(listing) = listing(model, operation) {
            operations.push_str(&listing_constant(model, operation, &listing.item, &mut checks)?);
        }
    }
    let mut classes = String::new();
    for group in model.groups() {
        classes.push_str(&resource(model, group)?);
    }

    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\n");
    let used = |name: &&str| checks.used.contains(name);
    let named = |names: &[&'static str]| -> Vec<String> {
        names.iter().copied().filter(used).map(str::to_owned).collect()
    };
    text.push_str(&list("const {", &named(&VALIDATORS), "} = require(\"../arguments.js\");"));
    for group in model.groups() {
        if let Some((class, file)) = handwritten_base(group) {
            let _ = writeln!(text, "const {{ {class} }} = require(\"../{file}\");");
        }
    }
    let is_used = |name: &String| {
        ["(", ")", ","].iter().any(|after| operations.contains(&format!("{name}{after}")))
    };
    let inputs: Vec<String> = inputs.iter().filter(|name| is_used(name)).cloned().collect();
    if !inputs.is_empty() {
        text.push_str(&list("const {", &inputs, "} = require(\"./inputs.js\");"));
    }
    let combinators = named(&["array", "scalar"]);
    if !combinators.is_empty() {
        text.push_str(&list("const {", &combinators, "} = require(\"../input.js\");"));
    }
    let mut models = Vec::new();
    for schema in read_schemas(model) {
        let name = class(&schema.name)?;
        let is_used =
            |before: &str, after: &str| operations.contains(&format!("{before}{name},{after}"));
        if matches!(schema.kind, Kind::Object { .. })
            && (is_used(", ", " {") || is_used("\n  ", "\n"))
        {
            models.push(name.to_owned());
        }
    }
    text.push_str(&list("const {", &models, "} = require(\"./models.js\");"));
    text.push_str("const { Operation } = require(\"../operation.js\");\n");
    if operations.contains("new TaskOperation(") {
        text.push_str("const { TaskOperation } = require(\"../task.js\");\n");
    }
    let handwritten: Vec<String> = model
        .operations
        .iter()
        .filter(|operation| operation.handwritten.is_some())
        .map(|operation| camel(&operation.id))
        .collect();
    if !handwritten.is_empty() {
        text.push_str(&list("const {", &handwritten, "} = require(\"../transfer.js\");"));
    }
    let listings: Vec<String> = ["Feed", "Listing"]
        .into_iter()
        .filter(|name| operations.contains(&format!("new {name}(")))
        .map(str::to_owned)
        .collect();
    if !listings.is_empty() {
        text.push_str(&list("const {", &listings, "} = require(\"../pager.js\");"));
    }
    let _ = write!(text, "\n{operations}{classes}");

    text.push_str(&doc("", "The resource groups of a client."));
    text.push_str("class Resources {\n  constructor(native) {\n");
    for group in model.groups_in(None) {
        let _ = writeln!(
            text,
            "    this.{} = new {}(native);",
            group_property(group),
            resource_class(model, group)
        );
    }
    text.push_str("    // The paths of the groups in the official SDK.\n");
    text.push_str("    this.beta = {\n      observability: {\n");
    for group in observability_groups(model) {
        let _ = writeln!(text, "        {0}: this.{0},", group_property(group));
    }
    text.push_str("      },\n    };\n  }\n}\n\n");
    text.push_str(&list("module.exports = {", &names(model), "};"));
    Ok(text)
}

/// The validators of `arguments.js` that operations use.
const VALIDATORS: [&str; 10] = [
    "boolean",
    "file",
    "integer",
    "json",
    "jsonOrNull",
    "number",
    "optional",
    "string",
    "strings",
    "timestamp",
];

/// The validators that operations use.
struct Checks<'a> {
    /// The converters of `inputs.js`.
    inputs: &'a [String],
    /// The validators and combinators used so far.
    used: Vec<&'static str>,
}

/// Returns the names of the converters of `inputs.js`.
fn input_names(model: &Model) -> Vec<String> {
    let schemas = written_schemas(model).into_iter();
    schemas
        .filter(|schema| matches!(schema.kind, Kind::Object { .. } | Kind::ObjectUnion { .. }))
        .map(inputs::name)
        .collect()
}

/// Returns the exports of `resources.js`.
pub fn names(model: &Model) -> Vec<String> {
    let groups = model.groups().into_iter();
    let mut names: Vec<String> = groups.map(|group| resource_class(model, group)).collect();
    names.push("Resources".to_owned());
    names
}

/// Emits the constant that describes the arguments and the response of an operation.
fn operation_constant(
    model: &Model,
    operation: &Operation,
    checks: &mut Checks,
) -> Result<String, String> {
    let response = match &operation.success.response {
        Response::Json(name) => class(name)?,
        Response::Empty | Response::Bytes => "null",
    };
    let kind = if operation.starts_task() { "TaskOperation" } else { "Operation" };
    let before = format!(
        "const {} = new {kind}({:?}, {response}, {{",
        constant(&operation.id),
        operation.id
    );
    let fields = operation.arguments(model).into_iter().map(|argument| argument.field);
    let validators = validators(model, operation, fields, checks)?;
    Ok(with_official_body(before, &validators, operation))
}

/// Formats a constant, with the property of the official SDK's requests that has the fields of the body as a last argument, if
/// there is one.
fn with_official_body(before: String, validators: &str, operation: &Operation) -> String {
    let body = official_body(operation).map(|body| format!(",\n{body:?}")).unwrap_or_default();
    if body.is_empty() && before.len() <= WIDTH {
        return before + validators + ");\n\n";
    }
    // With a further argument or a long line, prettier breaks the line before each argument.
    let before = before.replacen('(', "(\n", 1).replace(", ", ",\n");
    let mut text = String::new();
    for line in format!("{before}{validators}{body},").lines() {
        let indent = if text.is_empty() { "" } else { "  " };
        let _ = writeln!(text, "{indent}{line}");
    }
    text + ");\n\n"
}

/// Emits the constant that describes the arguments and the items of a pager.
fn listing_constant(
    model: &Model,
    operation: &Operation,
    item: &str,
    checks: &mut Checks,
) -> Result<String, String> {
    let name = pager_name(&operation.id)?;
    let (operation_id, method, item) = (&operation.id, camel(&name), class(item)?);
    let kind = if model.feed(operation).is_some() { "Feed" } else { "Listing" };
    let before =
        format!("const {} = new {kind}({operation_id:?}, {method:?}, {item}, {{", constant(&name));
    let fields = listing_arguments(model, operation);
    let validators = validators(model, operation, fields, checks)?;
    Ok(with_official_body(before, &validators, operation))
}

/// Emits the validators of arguments, without the opening brace. Adds the validators used to `checks`.
fn validators<'a>(
    model: &'a Model,
    operation: &Operation,
    fields: impl Iterator<Item = &'a Field>,
    checks: &mut Checks,
) -> Result<String, String> {
    let mut lines = String::new();
    for field in fields {
        let check = match Shape::of_argument(model, operation, field)? {
            Shape::String | Shape::Enum(_) => "string",
            Shape::Strings => "strings",
            Shape::Timestamp => "timestamp",
            Shape::Scalar(name) => name,
            Shape::Json if model.accepts_null(&field.ty) => "jsonOrNull",
            Shape::Json => "json",
            Shape::File => "file",
            Shape::Value => "",
        };
        let check = match check {
            "" => inputs::converter(model, &field.ty, checks.inputs, &mut checks.used).map_err(
                |problem| {
                    format!("operation `{}`: argument `{}`: {problem}", operation.id, field.name)
                },
            )?,
            check => {
                checks.used.push(check);
                check.to_owned()
            }
        };
        let name = property(field);
        if field.required {
            let _ = writeln!(lines, "  {name}: {check},");
        } else {
            checks.used.push("optional");
            let _ = writeln!(lines, "  {name}: optional({check}),");
        }
    }
    let line_break = if lines.is_empty() { "" } else { "\n" };
    Ok(format!("{line_break}{lines}}}"))
}

fn resource(model: &Model, group: &str) -> Result<String, String> {
    let mut text = doc("", &group_doc(model, group));
    let name = resource_class(model, group);
    let (extends, base) = match handwritten_base(group) {
        Some((base, _)) => (format!(" extends {base}"), "    super(native);\n"),
        None => (String::new(), ""),
    };
    let _ = writeln!(text, "class {name}{extends} {{\n  #native;\n");
    let _ = writeln!(text, "  constructor(native) {{\n{base}    this.#native = native;");
    for child in model.groups_in(Some(group)) {
        let _ = writeln!(
            text,
            "    this.{} = new {}(native);",
            group_property(child),
            resource_class(model, child)
        );
    }
    text.push_str("  }\n");
    for operation in model.operations_of(group) {
        let name = constant(&operation.id);
        let call = match &operation.handwritten {
            None => format!("{name}.send(this.#native, request, options)"),
            Some(_) => {
                format!("{}(this.#native, {name}, request, options)", camel(&operation.id))
            }
        };
        let summary = format!("{}.", operation.summary);
        text.push_str(&method(&summary, &camel(&operation.name), &call));
        if listing(model, operation).is_some() {
            let constant = constant(&pager_name(&operation.id)?);
            text.push_str(&method(
                &format!("{} across all pages.", operation.summary),
                &camel(&pager_name(&operation.name)?),
                &format!("{constant}.pager(this.#native, request, options)"),
            ));
        }
    }
    text.push_str("}\n\n");
    Ok(text)
}

fn method(summary: &str, name: &str, call: &str) -> String {
    format!("\n{}  {name}(request, options) {{\n    return {call};\n  }}\n", doc("  ", summary))
}
