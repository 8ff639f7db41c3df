//! The resources' classes in JavaScript, and the operations that their methods send.

use std::fmt::Write;

use super::spelling::{
    Shape, camel, children, class, constant, doc, list, member, public_schemas, resource_class,
};
use crate::emit::preamble;
use crate::model::{Kind, Model, Operation, Reply};

/// Emits `resources.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut operations = String::new();
    let mut checks: Vec<&str> = Vec::new();
    for operation in &model.operations {
        operations.push_str(&descriptor(model, operation, &mut checks)?);
    }
    let mut classes = String::new();
    for group in model.groups() {
        classes.push_str(&resource(model, group));
    }

    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\n");
    checks.sort_unstable();
    let checks: Vec<String> = checks.into_iter().map(str::to_owned).collect();
    text.push_str(&list("const {", &checks, "} = require(\"../arguments.js\");"));
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
    let by_hand: Vec<String> = model
        .operations
        .iter()
        .filter(|operation| operation.handwritten.is_some())
        .map(|operation| camel(&operation.id))
        .collect();
    if !by_hand.is_empty() {
        text.push_str(&list("const {", &by_hand, "} = require(\"../transfer.js\");"));
    }
    let _ = write!(text, "\n{operations}{classes}");

    text.push_str(&doc("", "What hangs in a client."));
    text.push_str("class Resources {\n  constructor(native) {\n");
    for group in children(model, None) {
        let _ =
            writeln!(text, "    this.{} = new {}(native);", member(group), resource_class(group));
    }
    text.push_str("  }\n}\n\n");
    let mut exports: Vec<String> = model.groups().into_iter().map(resource_class).collect();
    exports.push("Resources".to_owned());
    text.push_str(&list("module.exports = {", &exports, "};"));
    Ok(text)
}

/// The constant that says what an operation takes and returns.
fn descriptor(
    model: &Model,
    operation: &Operation,
    checks: &mut Vec<&str>,
) -> Result<String, String> {
    let reply = match &operation.success.reply {
        Reply::Json(name) => class(name)?,
        Reply::Empty | Reply::Bytes => "null",
    };
    let before = format!(
        "const {} = new Operation({:?}, {reply}, {{",
        constant(&operation.id),
        operation.id
    );
    let arguments = operation.arguments(model);
    if arguments.is_empty() {
        return Ok(before + "});\n\n");
    }
    let mut text = before + "\n";
    for argument in arguments {
        let check = match Shape::of_argument(model, operation, argument.field)? {
            Shape::Text | Shape::Enum(_) => "text",
            Shape::Texts => "texts",
            Shape::Scalar(name) => name,
            Shape::Json(_) => "json",
            Shape::File => "file",
        };
        let mut used = vec![check];
        let name = camel(&argument.field.name);
        if argument.field.required {
            let _ = writeln!(text, "  {name}: {check},");
        } else {
            used.push("optional");
            let _ = writeln!(text, "  {name}: optional({check}),");
        }
        for check in used {
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
    }
    Ok(text + "});\n\n")
}

fn resource(model: &Model, group: &str) -> String {
    let mut text = doc("", &format!("The operations of `{group}`."));
    let _ = writeln!(text, "class {} {{\n  #native;\n", resource_class(group));
    text.push_str("  constructor(native) {\n    this.#native = native;\n");
    for child in children(model, Some(group)) {
        let _ =
            writeln!(text, "    this.{} = new {}(native);", member(child), resource_class(child));
    }
    text.push_str("  }\n");
    for operation in model.operations_of(group) {
        let _ = writeln!(
            text,
            "\n{}  {}(request) {{",
            doc("  ", &format!("{}.", operation.summary)),
            camel(&operation.name)
        );
        let name = constant(&operation.id);
        let _ = match &operation.handwritten {
            None => writeln!(text, "    return {name}.send(this.#native, request);"),
            Some(_) => {
                writeln!(
                    text,
                    "    return {}(this.#native, {name}, request);",
                    camel(&operation.id)
                )
            }
        };
        text.push_str("  }\n");
    }
    text.push_str("}\n\n");
    text
}
