//! The JavaScript resource classes and the operations that their methods send.

use std::fmt::Write;

use super::spelling::{
    Shape, camel, children, class, constant, doc, handwritten_base, list, listing_arguments,
    official_body, pager_name, property, public_schemas, resource_class,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Operation, Response};

/// Emits `resources.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut operations = String::new();
    let mut checks: Vec<&str> = Vec::new();
    for operation in &model.operations {
        operations.push_str(&operation_constant(model, operation, &mut checks)?);
        if let Some(listing) = model.listing(operation) {
            operations.push_str(&listing_constant(model, operation, &listing.item, &mut checks)?);
        }
    }
    let mut classes = String::new();
    for group in model.groups() {
        classes.push_str(&resource(model, group)?);
    }

    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\n");
    checks.sort_unstable();
    let checks: Vec<String> = checks.into_iter().map(str::to_owned).collect();
    text.push_str(&list("const {", &checks, "} = require(\"../arguments.js\");"));
    for group in model.groups() {
        if let Some((class, file)) = handwritten_base(group) {
            let _ = writeln!(text, "const {{ {class} }} = require(\"../{file}\");");
        }
    }
    let mut models = Vec::new();
    for schema in public_schemas(model) {
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
    if operations.contains("new Listing(") {
        text.push_str("const { Listing } = require(\"../pager.js\");\n");
    }
    let _ = write!(text, "\n{operations}{classes}");

    text.push_str(&doc("", "The resource groups of a client."));
    text.push_str("class Resources {\n  constructor(native) {\n");
    for group in children(model, None) {
        let _ =
            writeln!(text, "    this.{} = new {}(native);", property(group), resource_class(group));
    }
    text.push_str("  }\n}\n\n");
    text.push_str(&list("module.exports = {", &names(model), "};"));
    Ok(text)
}

/// Returns the exports of `resources.js`.
pub fn names(model: &Model) -> Vec<String> {
    let mut names: Vec<String> = model.groups().into_iter().map(resource_class).collect();
    names.push("Resources".to_owned());
    names
}

/// Emits the constant that describes the arguments and the response of an operation.
fn operation_constant<'a>(
    model: &'a Model,
    operation: &'a Operation,
    checks: &mut Vec<&'a str>,
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
    let Some(body) = official_body(operation) else { return Ok(before + &validators + ");\n\n") };
    // With a further argument, prettier breaks the line before each of them.
    let before = before.replacen('(', "(\n", 1).replace(", ", ",\n");
    let mut text = String::new();
    for line in format!("{before}{validators},\n{body:?},").lines() {
        let indent = if text.is_empty() { "" } else { "  " };
        let _ = writeln!(text, "{indent}{line}");
    }
    Ok(text + ");\n\n")
}

/// Emits the constant that describes the arguments and the items of a pager.
fn listing_constant<'a>(
    model: &'a Model,
    operation: &'a Operation,
    item: &str,
    checks: &mut Vec<&'a str>,
) -> Result<String, String> {
    let name = pager_name(&operation.id)?;
    let (operation_id, method, item) = (&operation.id, camel(&name), class(item)?);
    let before =
        format!("const {} = new Listing({operation_id:?}, {method:?}, {item}, {{", constant(&name));
    let fields = listing_arguments(model, operation);
    Ok(before + &validators(model, operation, fields, checks)? + ");\n\n")
}

/// Emits the validators of arguments, without the opening brace. Adds the validators used to `checks`.
fn validators<'a>(
    model: &'a Model,
    operation: &Operation,
    fields: impl Iterator<Item = &'a Field>,
    checks: &mut Vec<&'a str>,
) -> Result<String, String> {
    let mut lines = String::new();
    for field in fields {
        let check = match Shape::of_argument(model, operation, field)? {
            Shape::String | Shape::Enum(_) => "string",
            Shape::Strings => "strings",
            Shape::Scalar(name) => name,
            Shape::Json(_) if model.accepts_null(&field.ty) => "jsonOrNull",
            Shape::Json(_) => "json",
            Shape::File => "file",
        };
        let mut used = vec![check];
        let name = camel(&field.name);
        if field.required {
            let _ = writeln!(lines, "  {name}: {check},");
        } else {
            used.push("optional");
            let _ = writeln!(lines, "  {name}: optional({check}),");
        }
        for check in used {
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
    }
    let line_break = if lines.is_empty() { "" } else { "\n" };
    Ok(format!("{line_break}{lines}}}"))
}

fn resource(model: &Model, group: &str) -> Result<String, String> {
    let mut text = doc("", &format!("The operations of `{group}`."));
    let name = resource_class(group);
    let (extends, base) = match handwritten_base(group) {
        Some((base, _)) => (format!(" extends {base}"), "    super(native);\n"),
        None => (String::new(), ""),
    };
    let _ = writeln!(text, "class {name}{extends} {{\n  #native;\n");
    let _ = writeln!(text, "  constructor(native) {{\n{base}    this.#native = native;");
    for child in children(model, Some(group)) {
        let _ =
            writeln!(text, "    this.{} = new {}(native);", property(child), resource_class(child));
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
        if model.listing(operation).is_some() {
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
