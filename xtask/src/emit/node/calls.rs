//! The native methods: each takes the number of its call and its arguments one by one, and begins the client's call.

use std::fmt::Write;

use super::crossing_models;
use super::spelling::{Shape, collected, iteration};
use crate::emit::rust_text::{self, identifier};
use crate::emit::{Output, preamble};
use crate::model::{Field, Model, Operation, Response};

const FOLDER: &str = "bindings/node/src/generated";

/// The argument by which an outcome is told whose it is.
const NUMBER: &str = "call";

/// Emits the module of every resource group, and the one that holds them together.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut modules = preamble("//");
    modules.push_str(
        "\n//! The operations as methods of the native client, and how their responses cross.\n\nmod models;\n",
    );
    let mut outputs =
        vec![Output::new(&format!("{FOLDER}/models.rs"), crossing_models::emit(model)?)];
    for group in model.groups() {
        let module = group.replace('.', "_");
        let _ = writeln!(modules, "mod {module};");
        outputs.push(Output::new(&format!("{FOLDER}/{module}.rs"), methods(model, group)?));
    }
    outputs.insert(0, Output::new(&format!("{FOLDER}/mod.rs"), rust_text::format(&modules)?));
    Ok(outputs)
}

fn methods(model: &Model, group: &str) -> Result<String, String> {
    let mut items = String::from("#[napi]\nimpl NativeClient {\n");
    for operation in model.operations_of(group).filter(|operation| operation.handwritten.is_none())
    {
        items.push_str(&method(model, operation)?);
        if model.listing(operation).is_some() {
            items.push_str(&pager(model, operation)?);
        }
    }
    items.push_str("}\n");

    let mut text = preamble("//");
    let _ = writeln!(text, "\n//! The operations of `{group}`.\n");
    if items.contains("types::") {
        text.push_str("use mistral_datasets::types;\n");
    }
    text.push_str("use napi_derive::napi;\n\nuse crate::client::NativeClient;\n");
    if items.contains("json(") || items.contains("(json)") {
        text.push_str("use crate::json::json;\n");
    }
    if items.contains("NativePager") {
        text.push_str("use crate::pager::{NativePager, PagerOptions};\n");
    }
    text.push('\n');
    text.push_str(&items);
    rust_text::format(&text)
}

fn method(model: &Model, operation: &Operation) -> Result<String, String> {
    if operation.success.response == Response::Bytes {
        unreachable!("the reader wants streams of bytes written by hand");
    }
    let fields = operation.arguments(model).into_iter().map(|argument| argument.field);
    let Call { parameters, taken, call } = call(model, operation, fields)?;
    let (output, end) = match taken.as_str() {
        "" => ("", ""),
        _ => (" -> napi::Result<()>", "Ok(())"),
    };
    Ok(format!(
        "/// `{}`.\n#[napi]\npub fn {}(&self, {NUMBER}: u32{parameters}){output} {{\n{taken}self.begin({NUMBER}, |client| client.{call});\n{end}\n}}\n\n",
        operation.id,
        identifier(&operation.id),
    ))
}

/// The method that pagers over all pages of a listing.
fn pager(model: &Model, operation: &Operation) -> Result<String, String> {
    let Call { parameters, taken, call } = call(model, operation, collected(model, operation))?;
    if !taken.is_empty() {
        return Err(format!("operation `{}`: a listing in Node takes no JSON", operation.id));
    }
    Ok(format!(
        "/// Pagers over `{}`.\n#[napi]\npub fn {}(&self{parameters}, options: PagerOptions) -> NativePager {{\n\
         self.pager(self.client.{call}.pager(), options)\n}}\n\n",
        operation.id,
        iteration(&operation.id)?,
    ))
}

/// A call of the client, and what a method takes to make it.
struct Call {
    parameters: String,
    /// The statements that take over those arguments where that can fail.
    taken: String,
    call: String,
}

/// The call of an operation with these of its arguments.
fn call<'a>(
    model: &'a Model,
    operation: &Operation,
    fields: impl Iterator<Item = &'a Field>,
) -> Result<Call, String> {
    let mut parameters = String::new();
    let mut required = Vec::new();
    let mut setters = String::new();
    let mut taken = String::new();
    for field in fields {
        if field.name == NUMBER {
            return Err(format!(
                "operation `{}`: every native method of Node takes an argument `{NUMBER}` already",
                operation.id
            ));
        }
        let name = identifier(&field.name);
        let shape = Shape::of_argument(model, operation, field)?;
        let ty = crossing(field, &shape);
        if matches!(shape, Shape::Json(_)) {
            let json = match field.required {
                true => format!("json({name})?"),
                false => format!("{name}.map(json).transpose()?"),
            };
            let _ = writeln!(taken, "let {name} = {json};");
        }
        if field.required {
            let _ = write!(parameters, ", {name}: {ty}");
            required.push(match shape {
                Shape::Enum(ty) => format!("types::{ty}::from({name})"),
                _ => name,
            });
        } else {
            let _ = write!(parameters, ", {name}: Option<{ty}>");
            let value = match shape {
                Shape::Enum(ty) => format!("{name}.map(types::{ty}::from)"),
                _ => name.clone(),
            };
            let _ = write!(setters, ".{name}({value})");
        }
    }
    let call = format!(
        "{}().{}({}){setters}",
        operation.group.replace('.', "()."),
        identifier(&operation.name),
        required.join(", "),
    );
    Ok(Call { parameters, taken, call })
}

/// The type in which an argument crosses.
fn crossing(field: &Field, shape: &Shape) -> String {
    match shape {
        Shape::Text | Shape::Enum(_) | Shape::Json(_) => "String".to_owned(),
        Shape::Texts => "Vec<String>".to_owned(),
        Shape::Scalar(_) => rust_text::value_type(&field.ty),
        Shape::File => unreachable!("the reader wants multipart bodies written by hand"),
    }
}
