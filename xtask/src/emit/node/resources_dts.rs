//! The declarations of the resources' methods and of what they take, with the whole documentation.

use std::fmt::Write;

use super::models_dts::value_type;
use super::spelling::{
    Shape, camel, children, class, description, doc, list, member, pascal, public_schemas,
    resource_class,
};
use crate::emit::preamble;
use crate::model::{Kind, Model, Operation, Reply};

/// Emits `resources.d.ts`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for operation in &model.operations {
        items.push_str(&request(model, operation)?);
    }
    for group in model.groups() {
        items.push_str(&resource(model, group)?);
    }
    items.push_str(&doc("", "What hangs in a client."));
    items.push_str("export class Resources {\n  protected constructor();\n");
    for group in children(model, None) {
        let _ = writeln!(
            items,
            "\n  /** The operations of `{group}`. */\n  readonly {}: {};",
            member(group),
            resource_class(group)
        );
    }
    items.push_str("}\n");

    let mut text = preamble("//");
    text.push('\n');
    let mut models = Vec::new();
    for schema in public_schemas(model) {
        let name = class(&schema.name)?;
        for name in [name.to_owned(), format!("{name}Input")] {
            let named =
                |before: &str, after: &str| items.contains(&format!("{before}{name}{after}"));
            if named(": ", ";") || named(": ", " |") || named("<", ">") {
                models.push(name);
            }
        }
    }
    text.push_str(&list("import type {", &models, "} from \"./models.js\";"));
    let transfer: Vec<String> = [("Download", "<Download>"), ("FileInput", ": FileInput")]
        .into_iter()
        .filter(|(_, needle)| items.contains(needle))
        .map(|(name, _)| name.to_owned())
        .collect();
    if !transfer.is_empty() {
        text.push_str(&list("import type {", &transfer, "} from \"../transfer.js\";"));
    }
    if items.contains("RawJson") {
        text.push_str("import type { RawJson } from \"../raw-json.js\";\n");
    }
    text.push('\n');
    text.push_str(&items);
    Ok(text)
}

/// The interface of what a method takes.
fn request(model: &Model, operation: &Operation) -> Result<String, String> {
    let arguments = operation.arguments(model);
    if arguments.is_empty() {
        return Ok(String::new());
    }
    let mut text = doc(
        "",
        &format!(
            "What {{@link {}.{}}} takes.",
            resource_class(&operation.group),
            camel(&operation.name)
        ),
    );
    let _ = writeln!(text, "export interface {} {{", request_name(operation));
    for argument in arguments {
        let field = argument.field;
        let ty = match Shape::of_argument(model, operation, field)? {
            Shape::Json(Some(name)) => format!("{}Input", class(name)?),
            Shape::Json(None) => "RawJson | object".to_owned(),
            Shape::Texts => "readonly string[]".to_owned(),
            _ => value_type(model, &field.ty)?,
        };
        let null = if field.nullable { " | null" } else { "" };
        let (mark, absent) = if field.required { ("", "") } else { ("?", " | undefined") };
        let _ = writeln!(
            text,
            "{}  {}{mark}: {ty}{null}{absent};",
            doc("  ", &description(field)),
            camel(&field.name)
        );
    }
    text.push_str("}\n\n");
    Ok(text)
}

fn request_name(operation: &Operation) -> String {
    pascal(&operation.id) + "Request"
}

fn resource(model: &Model, group: &str) -> Result<String, String> {
    let name = resource_class(group);
    let mut text = doc("", &format!("The operations of `{group}`."));
    let _ = writeln!(text, "export class {name} {{\n  private constructor();");
    for child in children(model, Some(group)) {
        let _ = writeln!(
            text,
            "\n  /** The operations of `{child}`. */\n  readonly {}: {};",
            member(child),
            resource_class(child)
        );
    }
    for operation in model.operations_of(group) {
        let _ = write!(
            text,
            "\n{}  {}({}): Promise<{}>;\n",
            doc("  ", &about(model, operation)?),
            camel(&operation.name),
            parameter(model, operation),
            returned(operation)?
        );
    }
    text.push_str("}\n\n");
    Ok(text)
}

fn parameter(model: &Model, operation: &Operation) -> String {
    let arguments = operation.arguments(model);
    if arguments.is_empty() {
        return String::new();
    }
    let optional = if arguments.iter().any(|argument| argument.field.required) { "" } else { "?" };
    format!("request{optional}: {}", request_name(operation))
}

fn returned(operation: &Operation) -> Result<&str, String> {
    match &operation.success.reply {
        Reply::Empty => Ok("void"),
        Reply::Json(name) => class(name),
        Reply::Bytes => Ok("Download"),
    }
}

/// The documentation of a method, with an example.
fn about(model: &Model, operation: &Operation) -> Result<String, String> {
    let mut text = format!("{}.\n\n{}\n\n", operation.summary, operation.description);
    if operation.success.reply != Reply::Empty {
        let _ = writeln!(text, "@returns {}", operation.success.description);
    }
    text.push_str(
        "@throws {ValidationError} Before anything is sent, when an argument is missing, of the wrong type or outside its limits.\n\
         @throws {MistralError} Its subclass says what the server or the connection has against it.\n",
    );
    let _ = write!(text, "@example\n```js\n{}\n```", example(model, operation)?);
    Ok(text)
}

/// A call with every required argument, each a variable of its own name.
fn example(model: &Model, operation: &Operation) -> Result<String, String> {
    let names: Vec<String> = operation
        .arguments(model)
        .iter()
        .filter(|argument| argument.field.required)
        .map(|argument| camel(&argument.field.name))
        .collect();
    let arguments =
        if names.is_empty() { String::new() } else { format!("{{ {} }}", names.join(", ")) };
    let result = match &operation.success.reply {
        Reply::Empty => String::new(),
        Reply::Bytes => "const download = ".to_owned(),
        Reply::Json(name) => match &model.schema(name).kind {
            Kind::Object { fields } if fields.len() == 1 => {
                format!("const {{ {} }} = ", camel(&fields[0].name))
            }
            Kind::Object { .. } => format!("const {} = ", variable(class(name)?)),
            _ => "const reply = ".to_owned(),
        },
    };
    Ok(format!(
        "{result}await mistral.{}.{}({arguments});",
        operation.group,
        camel(&operation.name)
    ))
}

/// `ImportTask` as `importTask`.
fn variable(class: &str) -> String {
    class[..1].to_lowercase() + &class[1..]
}
