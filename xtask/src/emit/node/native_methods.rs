//! The native methods: each takes its arguments one by one and sends the Rust client's call.

use std::fmt::Write;

use super::encoders;
use super::spelling::{Shape, listing, listing_arguments, pager_name};
use crate::emit::rust_text::{self, identifier};
use crate::emit::{Output, preamble};
use crate::model::{Field, Model, Operation, Response, Type};

const FOLDER: &str = "bindings/node/src/generated";

/// Emits one module per resource group, the encoders of responses, and `mod.rs`.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut modules = preamble("//");
    modules.push_str(
        "\n//! The operations as methods of the native client, and the encoders of their responses.\n\nmod models;\n",
    );
    let mut outputs = vec![Output::new(&format!("{FOLDER}/models.rs"), encoders::emit(model)?)];
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
        if listing(model, operation).is_some() {
            items.push_str(&pager_method(model, operation)?);
        }
    }
    items.push_str("}\n");

    let mut text = preamble("//");
    let _ = writeln!(text, "\n//! The operations of `{group}`.\n");
    text.push_str(
        "#![allow(clippy::too_many_arguments, reason = \"they are properties in JavaScript\")]\n\n",
    );
    if items.contains("types::") {
        text.push_str("use mistral_datasets::types;\n");
    }
    if items.contains("RawJson") {
        text.push_str("use mistral_datasets::RawJson;\n");
    }
    text.push_str(
        "use napi_derive::napi;\n\nuse crate::client::NativeClient;\n\
         use crate::encode::EncodedResponse;\nuse crate::failure::CallResult;\n",
    );
    for (file, names) in [
        ("json", ["parse_json", "parse_timestamp", "parse_value"].as_slice()),
        ("pager", ["FeedOptions", "NativePager", "PagerOptions"].as_slice()),
    ] {
        let used: Vec<&str> = names.iter().copied().filter(|name| items.contains(name)).collect();
        if !used.is_empty() {
            let _ = writeln!(text, "use crate::{file}::{{{}}};", used.join(", "));
        }
    }
    text.push('\n');
    text.push_str(&items);
    rust_text::format(&text)
}

fn method(model: &Model, operation: &Operation) -> Result<String, String> {
    if operation.success.response == Response::Bytes {
        unreachable!("the model requires byte streams to be handwritten");
    }
    let fields = operation.arguments(model).into_iter().map(|argument| argument.field);
    let Call { parameters, conversions, call } = call(model, operation, fields)?;
    let send = format!("self.send(self.client.{call}).await");
    let (output, send) = match conversions.is_empty() {
        true => ("CallResult<EncodedResponse>", send),
        false => ("napi::Result<CallResult<EncodedResponse>>", format!("Ok({send})")),
    };
    Ok(format!(
        "/// `{}`.\n#[napi]\npub async fn {}(&self{parameters}) -> {output} {{\n{conversions}{send}\n}}\n\n",
        operation.id,
        identifier(&operation.id),
    ))
}

/// Emits the method that creates a pager over a listing.
fn pager_method(model: &Model, operation: &Operation) -> Result<String, String> {
    let Call { parameters, conversions, call } =
        call(model, operation, listing_arguments(model, operation))?;
    let (options, pager) = match model.feed(operation) {
        Some(_) => ("FeedOptions", "feed_pager"),
        None => ("PagerOptions", "pager"),
    };
    let create = format!("self.{pager}(self.client.{call}.pager(), options)");
    let (output, create) = match conversions.is_empty() {
        true => ("NativePager", create),
        false => ("napi::Result<NativePager>", format!("Ok({create})")),
    };
    Ok(format!(
        "/// Creates a pager over `{}`.\n#[napi]\npub fn {}(&self{parameters}, options: {options}) -> {output} {{\n\
         {conversions}{create}\n}}\n\n",
        operation.id,
        pager_name(&operation.id)?,
    ))
}

/// A call of the Rust client, and what a method needs to make it.
struct Call {
    parameters: String,
    /// Statements that convert arguments and may fail.
    conversions: String,
    call: String,
}

/// Builds the call of an operation with the given arguments.
fn call<'a>(
    model: &'a Model,
    operation: &Operation,
    fields: impl Iterator<Item = &'a Field>,
) -> Result<Call, String> {
    let mut parameters = String::new();
    let mut required = Vec::new();
    let mut setters = String::new();
    let mut conversions = String::new();
    for field in fields {
        let name = identifier(&field.name);
        let shape = Shape::of_argument(model, operation, field)?;
        let ty = parameter_type(field, &shape);
        let parse = match shape {
            Shape::Json => Some("parse_json"),
            Shape::Value => Some("parse_value"),
            Shape::Timestamp => Some("parse_timestamp"),
            _ => None,
        };
        if let Some(parse) = parse {
            let value = match field.required {
                true => format!("{parse}({name})?"),
                false => format!("{name}.map({parse}).transpose()?"),
            };
            let value_type = match shape {
                Shape::Value => format!(": {}", value_type(field)),
                _ => String::new(),
            };
            let _ = writeln!(conversions, "let {name}{value_type} = {value};");
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
    Ok(Call { parameters, conversions, call })
}

/// Returns the Rust type of an argument.
fn parameter_type(field: &Field, shape: &Shape) -> String {
    match shape {
        Shape::String | Shape::Enum(_) | Shape::Json | Shape::Value | Shape::Timestamp => {
            "String".to_owned()
        }
        Shape::Strings => "Vec<String>".to_owned(),
        Shape::Scalar(_) => rust_text::value_type(&field.ty),
        Shape::File => unreachable!("the model requires multipart bodies to be handwritten"),
    }
}

/// Returns the Rust type of an argument that is passed as JSON.
fn value_type(field: &Field) -> String {
    fn of(ty: &Type) -> String {
        match ty {
            Type::Array(items) => format!("Vec<{}>", of(items)),
            Type::Named(name) => format!("types::{name}"),
            ty => rust_text::value_type(ty),
        }
    }
    let ty = of(&field.ty);
    if field.required { ty } else { format!("Option<{ty}>") }
}
