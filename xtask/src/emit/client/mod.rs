//! Emits the client's calls: one handle per resource group, and one call type per operation, which collects the arguments,
//! validates them and sends the request.

mod arguments;
mod checks;
mod example;
mod extra_methods;
mod handles;
mod limits;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use arguments::{Shape, argument_code, shape};
use checks::check;
use extra_methods::extra_methods;

use super::rust_text::{self, doc, identifier, pascal};
use super::wording::with_none;
use super::{Output, preamble};
use crate::model::{Argument, Field, Kind, Location, Model, Operation, Response, Type};

const FOLDER: &str = "crates/client/src/generated";

/// Emits a module per resource group, the module with the handles, and the limits of values in requests.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let file = |name: &str, text: String| Output::new(&format!("{FOLDER}/{name}.rs"), text);
    let mut outputs =
        vec![file("mod", handles::emit(model)?), file("limits", limits::emit(model)?)];
    for group in model.groups() {
        outputs.push(file(&model.group_name(group), calls(model, group)?));
    }
    Ok(outputs)
}

fn calls(model: &Model, group: &str) -> Result<String, String> {
    let mut items = String::new();
    let handle = pascal(&model.group_name(group));
    let operations: Vec<&Operation> =
        model.operations_of(group).filter(|operation| operation.handwritten.is_none()).collect();
    let _ = writeln!(items, "impl {handle} {{");
    for operation in &operations {
        items.push_str(&method(model, operation)?);
    }
    items.push_str("}\n\n");
    for operation in &operations {
        items.push_str(&call(model, operation, &handle)?);
    }

    let mut text = preamble("//");
    let _ = writeln!(text, "\n//! The calls of `{group}`.\n");
    text.push_str("use std::future::{Future, IntoFuture};\nuse std::pin::Pin;\n\n");
    for (needle, import) in [
        ("Bound::", "use std::ops::Bound;\n"),
        ("DateTime<Utc>", "use chrono::{DateTime, Utc};\n"),
        (".boxed()", "use futures::FutureExt;\n"),
        ("RawJson", "use mistral_datasets_types::RawJson;\n"),
        ("types::", "use mistral_datasets_types as types;\n"),
        ("impl Serialize", "use serde::Serialize;\n"),
        ("", "\nuse super::HANDLE;\n"),
        ("IntoId", "use crate::argument::IntoId;\n"),
        ("Json::new", "use crate::argument::Json;\n"),
        ("impl IntoOption", "use crate::argument::IntoOption;\n"),
        ("Checks::new", "use crate::checks::Checks;\n"),
        ("TaskHandle", "use crate::task::{TaskHandle, Wait};\n"),
        ("FetchedPage", "use crate::pager::{FetchedPage, ItemId, Pager};\n"),
        ("FetchedFeed", "use crate::pager::{FetchedFeed, FeedPager};\n"),
        ("limits::", "use super::limits;\n"),
    ] {
        if items.contains(needle) {
            text.push_str(&import.replace("HANDLE", &handle));
        }
    }
    text.push_str("use crate::client::Client;\nuse crate::error::Error;\n");
    text.push_str("use crate::transport::SingleRequest;\n\n");
    text.push_str(&items);
    rust_text::format(&text)
}

/// Returns the name of the call type, such as `ListDatasets` for `list_datasets`.
fn call_name(operation: &Operation) -> String {
    pascal(&operation.id)
}

fn method(model: &Model, operation: &Operation) -> Result<String, String> {
    let arguments = operation.arguments(model);
    let mut about = format!(
        "{}\n\nSends `{} {}`.\n",
        with_none(&operation.doc()),
        operation.method,
        operation.path
    );
    if !arguments.is_empty() {
        about.push_str("\n# Arguments\n");
        for Argument { field, .. } in &arguments {
            let optional = if field.required { "" } else { " (optional)" };
            let _ = writeln!(about, "- `{}`{optional}: {}", field.name, argument_doc(field));
        }
    }
    if let Response::Json(name) = &operation.success.response {
        let _ = write!(
            about,
            "\n# Returns\n[`{name}`](types::{name}): {}\n",
            operation.success.description
        );
    }
    about.push_str(
        "\n# Errors\n[`Validation`](crate::ErrorKind::Validation), before anything is sent, if an argument violates a limit; and the errors \
         that any call can return, see [`ErrorKind`](crate::ErrorKind).",
    );
    let mut signature = String::new();
    let mut initializers = String::new();
    for Argument { field, .. } in &arguments {
        let name = identifier(&field.name);
        if field.required {
            let code = argument_code(model, operation, field)?;
            let _ = write!(signature, ", {name}: {}", code.parameter_type);
            let _ = if code.conversion == name {
                write!(initializers, "{name},")
            } else {
                write!(initializers, "{name}: {},", code.conversion)
            };
        } else {
            let _ = write!(initializers, "{name}: None,");
        }
    }
    let call = call_name(operation);
    let required = arguments.iter().filter(|argument| argument.field.required).count();
    let allow = match required < CLIPPY_MAX_ARGUMENTS {
        true => "",
        false => "#[allow(clippy::too_many_arguments)]\n",
    };
    Ok(format!(
        "{}{}{allow}pub fn {}(&self{signature}) -> {call} {{\n{call} {{ client: self.client.clone(), {initializers} }}\n}}\n\n",
        doc(&about),
        example::method(model, operation)?,
        identifier(&operation.name)
    ))
}

/// The number of arguments from which on Clippy complains, including `self`.
const CLIPPY_MAX_ARGUMENTS: usize = 7;

/// Describes an argument with its limits and default.
fn argument_doc(field: &Field) -> String {
    let mut text = with_none(&field.description);
    if let Some(limits) = field.limits.in_words() {
        let _ = write!(text, " Limits: {limits}.");
    }
    if let Some(default) = &field.default {
        let _ = write!(text, " Default: {default}.");
    }
    text
}

fn call(model: &Model, operation: &Operation, handle: &str) -> Result<String, String> {
    let arguments = operation.arguments(model);
    let call = call_name(operation);
    let mut text = doc(&format!(
        "A [`{handle}::{}`] call. Nothing is sent until it is awaited.",
        operation.name
    ));
    let has_secrets = arguments.iter().any(|argument| argument.field.secret);
    let _ = writeln!(
        text,
        "#[derive(Clone{})]\n#[must_use = \"a call is sent when it is awaited\"]\npub struct {call} {{\n    client: Client,",
        if has_secrets { "" } else { ", Debug" }
    );
    for Argument { field, .. } in &arguments {
        let _ = writeln!(
            text,
            "{}: {},",
            identifier(&field.name),
            argument_code(model, operation, field)?.field_type
        );
    }
    text.push_str("}\n\n");

    let _ = writeln!(text, "impl {call} {{");
    for Argument { field, .. } in arguments.iter().filter(|argument| !argument.field.required) {
        let name = identifier(&field.name);
        let code = argument_code(model, operation, field)?;
        let _ = writeln!(
            text,
            "{}{}pub fn {name}(mut self, {name}: {}) -> Self {{\nself.{name} = {};\nself\n}}\n",
            doc(&format!(
                "Sets the optional argument `{}`.\n\n{}",
                field.name,
                argument_doc(field)
            )),
            example::setter(model, operation, field)?,
            code.parameter_type,
            code.conversion
        );
    }
    text.push_str(&extra_methods(model, operation)?);
    text.push_str(&send(model, operation, &arguments)?);
    text.push_str("}\n\n");

    let output = output(operation)?;
    let _ = writeln!(
        text,
        "impl IntoFuture for {call} {{\n\
             type Output = Result<{output}, Error>;\n\
             type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;\n\n\
             fn into_future(self) -> Self::IntoFuture {{\nBox::pin(self.send())\n}}\n}}\n\n\
         impl SingleRequest for {call} {{}}\n"
    );
    if has_secrets {
        text.push_str(&redacted(&call, &arguments));
    }
    Ok(text)
}

/// Emits a `Debug` implementation that omits secret arguments.
fn redacted(call: &str, arguments: &[Argument]) -> String {
    let mut fields = String::new();
    for Argument { field, .. } in arguments.iter().filter(|argument| !argument.field.secret) {
        let _ = write!(fields, ".field({:?}, &self.{})", field.name, identifier(&field.name));
    }
    format!(
        "// Omits secret arguments.\n\
         impl std::fmt::Debug for {call} {{\n\
         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n\
         f.debug_struct({call:?}){fields}.finish_non_exhaustive()\n}}\n}}\n\n"
    )
}

fn output(operation: &Operation) -> Result<String, String> {
    match &operation.success.response {
        Response::Empty => Ok("()".to_owned()),
        Response::Json(name) => Ok(format!("types::{name}")),
        Response::Bytes => {
            Err(format!("operation `{}`: a binary response requires `x-handwritten`", operation.id))
        }
    }
}

fn send(model: &Model, operation: &Operation, arguments: &[Argument]) -> Result<String, String> {
    let mut checks = String::new();
    for Argument { field, place } in arguments {
        check(&mut checks, model, field, *place);
    }
    let mut text = format!("async fn send(self) -> Result<{}, Error> {{\n", output(operation)?);
    if !checks.is_empty() {
        let _ = writeln!(text, "let checks = Checks::new({:?});\n{checks}", operation.id);
    }
    if let Some(body) = &operation.body {
        let Kind::Object { fields } = &model.schema(&body.schema).kind else {
            unreachable!("the reader only accepts objects as bodies");
        };
        let value = |field: &Field| {
            let name = identifier(&field.name);
            match shape(model, &field.ty) {
                Shape::Id | Shape::Ids | Shape::Object | Shape::Objects | Shape::Json => name,
                _ => format!("self.{name}"),
            }
        };
        let (required, optional): (Vec<&Field>, Vec<&Field>) =
            fields.iter().partition(|field| field.required);
        let _ = writeln!(
            text,
            "let {}body = types::{}::new({});",
            if optional.is_empty() { "" } else { "mut " },
            body.schema,
            required.iter().map(|field| value(field)).collect::<Vec<_>>().join(", ")
        );
        for field in optional {
            let _ = writeln!(text, "body.{} = {};", identifier(&field.name), value(field));
        }
    }
    let _ = writeln!(
        text,
        "let call = self.client.{}({:?})?;\ncall.run(call.core().{}({})).await\n}}\n",
        if operation.read_only && operation.method == "POST" { "start_read" } else { "start_call" },
        operation.id,
        operation.id,
        core_arguments(operation).join(", ")
    );
    Ok(text)
}

/// Returns the arguments of progenitor's method: path parameters in order, query parameters by name, then the body.
fn core_arguments(operation: &Operation) -> Vec<String> {
    let mut path: Vec<&Field> = Vec::new();
    let mut query: Vec<&Field> = Vec::new();
    for parameter in &operation.parameters {
        match parameter.location {
            Location::Path => path.push(&parameter.field),
            Location::Query => query.push(&parameter.field),
        }
    }
    path.sort_by_key(|field| operation.path.find(&format!("{{{}}}", field.name)));
    query.sort_by(|left, right| left.name.cmp(&right.name));
    let argument = |field: &&Field| {
        let name = identifier(&field.name);
        match (&field.ty, field.required) {
            (Type::Uuid, true) => format!("&{name}"),
            (Type::Uuid, false) => format!("{name}.as_ref()"),
            (Type::String, true) => format!("&self.{name}"),
            (Type::String, false) => format!("self.{name}.as_deref()"),
            (Type::Array(items), true) if **items == Type::Uuid => format!("&{name}"),
            (Type::Array(items), false) if **items == Type::Uuid => format!("{name}.as_ref()"),
            (Type::DateTime | Type::Array(_) | Type::Named(_), true) => format!("&self.{name}"),
            (Type::DateTime | Type::Array(_) | Type::Named(_), false) => {
                format!("self.{name}.as_ref()")
            }
            _ => format!("self.{name}"),
        }
    };
    path.iter()
        .chain(&query)
        .map(argument)
        .chain(operation.body.iter().map(|_| "&body".to_owned()))
        .collect()
}
