//! The resources' classes in JavaScript, and the operations that their methods send.

use std::fmt::Write;

use super::spelling::{
    Shape, by_hand, camel, children, class, collected, constant, doc, iteration, list, member,
    public_schemas, resource_class,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Operation, Response};

/// Emits `resources.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut operations = String::new();
    let mut checks: Vec<&str> = Vec::new();
    for operation in &model.operations {
        operations.push_str(&descriptor(model, operation, &mut checks)?);
        if let Some(listing) = model.listing(operation) {
            operations.push_str(&iteration_descriptor(
                model,
                operation,
                &listing.item,
                &mut checks,
            )?);
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
        if let Some((class, file)) = by_hand(group) {
            let _ = writeln!(text, "const {{ {class} }} = require(\"../{file}\");");
        }
    }
    let mut models = Vec::new();
    for schema in public_schemas(model) {
        let name = class(&schema.name)?;
        if matches!(schema.kind, Kind::Object { .. })
            && operations.contains(&format!(", {name}, {{"))
        {
            models.push(name.to_owned());
        }
    }
    text.push_str(&list("const {", &models, "} = require(\"./models.js\");"));
    text.push_str("const { Operation } = require(\"../operation.js\");\n");
    if operations.contains("new TaskOperation(") {
        text.push_str("const { TaskOperation } = require(\"../task.js\");\n");
    }
    let by_hand: Vec<String> = model
        .operations
        .iter()
        .filter(|operation| operation.handwritten.is_some())
        .map(|operation| camel(&operation.id))
        .collect();
    if !by_hand.is_empty() {
        text.push_str(&list("const {", &by_hand, "} = require(\"../transfer.js\");"));
    }
    if operations.contains("new Listing(") {
        text.push_str("const { Listing } = require(\"../pager.js\");\n");
    }
    let _ = write!(text, "\n{operations}{classes}");

    text.push_str(&doc("", "What hangs in a client."));
    text.push_str("class Resources {\n  constructor(native) {\n");
    for group in children(model, None) {
        let _ =
            writeln!(text, "    this.{} = new {}(native);", member(group), resource_class(group));
    }
    text.push_str("  }\n}\n\n");
    text.push_str(&list("module.exports = {", &names(model), "};"));
    Ok(text)
}

/// What `resources.js` exports.
pub fn names(model: &Model) -> Vec<String> {
    let mut names: Vec<String> = model.groups().into_iter().map(resource_class).collect();
    names.push("Resources".to_owned());
    names
}

/// The constant that says what an operation takes and returns.
fn descriptor<'a>(
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
    Ok(before + &checked(model, operation, fields, checks)?)
}

/// The constant that says what a pager over a listing takes and yields.
fn iteration_descriptor<'a>(
    model: &'a Model,
    operation: &'a Operation,
    item: &str,
    checks: &mut Vec<&'a str>,
) -> Result<String, String> {
    let name = iteration(&operation.id)?;
    let (operation_id, method, item) = (&operation.id, camel(&name), class(item)?);
    let before =
        format!("const {} = new Listing({operation_id:?}, {method:?}, {item}, {{", constant(&name));
    Ok(before + &checked(model, operation, collected(model, operation), checks)?)
}

/// The checks of arguments, and the end of the constant.
fn checked<'a>(
    model: &'a Model,
    operation: &Operation,
    fields: impl Iterator<Item = &'a Field>,
    checks: &mut Vec<&'a str>,
) -> Result<String, String> {
    let mut lines = String::new();
    for field in fields {
        let check = match Shape::of_argument(model, operation, field)? {
            Shape::Text | Shape::Enum(_) => "text",
            Shape::Texts => "texts",
            Shape::Scalar(name) => name,
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
    Ok(format!("{line_break}{lines}}});\n\n"))
}

fn resource(model: &Model, group: &str) -> Result<String, String> {
    let mut text = doc("", &format!("The operations of `{group}`."));
    let name = resource_class(group);
    let (extends, base) = match by_hand(group) {
        Some((base, _)) => (format!(" extends {base}"), "    super(native);\n"),
        None => (String::new(), ""),
    };
    let _ = writeln!(text, "class {name}{extends} {{\n  #native;\n");
    let _ = writeln!(text, "  constructor(native) {{\n{base}    this.#native = native;");
    for child in children(model, Some(group)) {
        let _ =
            writeln!(text, "    this.{} = new {}(native);", member(child), resource_class(child));
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
            let constant = constant(&iteration(&operation.id)?);
            text.push_str(&method(
                &format!("{}, all of it.", operation.summary),
                &camel(&iteration(&operation.name)?),
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
