//! Emits the client's calls: one handle per resource group, and one call type per operation, which collects the arguments,
//! validates them and sends the request.

mod checks;
mod example;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use checks::check;

use super::rust_text::{self, doc, identifier, pascal};
use super::wording::with_none;
use super::{Output, preamble};
use crate::model::{Argument, Field, Kind, Listing, Location, Model, Operation, Response, Type};

const FOLDER: &str = "crates/client/src/generated";

/// Emits a module per resource group and the module with the handles.
pub fn emit(model: &Model) -> Result<Vec<Output>, String> {
    let mut outputs = vec![Output::new(&format!("{FOLDER}/mod.rs"), handles(model)?)];
    for group in model.groups() {
        outputs.push(Output::new(&format!("{FOLDER}/{}.rs", module(group)), calls(model, group)?));
    }
    Ok(outputs)
}

/// Returns the Rust module of a group, such as `records` for `datasets.records`.
fn module(group: &str) -> &str {
    group.rsplit('.').next().expect("a split has at least one part")
}

fn handles(model: &Model) -> Result<String, String> {
    let groups = model.groups();
    let mut text = preamble("//");
    text.push_str("\n//! The resource handles, and one module per handle with its calls.\n\n");
    for group in &groups {
        let _ = writeln!(text, "pub mod {};", module(group));
    }
    text.push_str("\nuse crate::client::Client;\n\n");
    for group in &groups {
        let name = pascal(module(group));
        let operations: Vec<_> =
            model.operations_of(group).map(|operation| format!("`{}`", operation.name)).collect();
        let _ = writeln!(
            text,
            "{}#[derive(Clone, Debug)]\npub struct {name} {{\n    pub(crate) client: Client,\n}}\n",
            doc(&format!("A handle with the operations of `{group}`: {}.", operations.join(", ")))
        );
    }
    let parents: Vec<Option<&str>> =
        std::iter::once(None).chain(groups.iter().map(|group| Some(*group))).collect();
    for parent in parents {
        let children: Vec<&str> = groups
            .iter()
            .copied()
            .filter(|group| group.rsplit_once('.').map(|(parent, _)| parent) == parent)
            .collect();
        if children.is_empty() {
            continue;
        }
        let (owner, client) = match parent {
            None => ("Client".to_owned(), "self.clone()"),
            Some(parent) => (pascal(module(parent)), "self.client.clone()"),
        };
        let _ = writeln!(text, "impl {owner} {{");
        for child in children {
            let (name, method) = (pascal(module(child)), module(child));
            let _ = writeln!(
                text,
                "/// Returns a handle with the operations of `{child}`.\n{}pub fn {method}(&self) -> {name} {{\n{name} {{ client: {client} }}\n}}\n",
                example::handle_method(child)
            );
        }
        text.push_str("}\n\n");
    }
    rust_text::format(&text)
}

fn calls(model: &Model, group: &str) -> Result<String, String> {
    let mut items = String::new();
    let handle = pascal(module(group));
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
        ("Pager<", "use crate::pager::{FetchedPage, Pager};\n"),
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

/// The Rust code for one argument.
struct ArgumentCode {
    /// The parameter type of the method or setter.
    parameter_type: String,
    /// The type of the call's field.
    field_type: String,
    /// The expression that converts the parameter to the field.
    conversion: String,
}

fn argument_code(
    model: &Model,
    operation: &Operation,
    field: &Field,
) -> Result<ArgumentCode, String> {
    let name = identifier(&field.name);
    let (parameter_type, field_type, conversion) =
        match (&field.ty, shape(model, &field.ty), field.required) {
            (_, Shape::Id, true) => {
                ("impl IntoId".into(), "String".into(), format!("{name}.into_id()"))
            }
            (_, Shape::String, true) => {
                let path = operation.parameters.iter().any(|parameter| {
                    parameter.location == Location::Path && parameter.field.name == field.name
                });
                if path {
                    ("impl IntoId".into(), "String".into(), format!("{name}.into_id()"))
                } else {
                    ("impl Into<String>".into(), "String".into(), format!("{name}.into()"))
                }
            }
            (_, Shape::Ids, true) => (
                "impl IntoIterator<Item = impl IntoId>".into(),
                "Vec<String>".into(),
                format!("{name}.into_iter().map(IntoId::into_id).collect()"),
            ),
            (_, Shape::Strings, true) => (
                "impl IntoIterator<Item = impl Into<String>>".into(),
                "Vec<String>".into(),
                format!("{name}.into_iter().map(Into::into).collect()"),
            ),
            (_, Shape::Object, true) => {
                ("impl Serialize".into(), "Json".into(), format!("Json::new({name})"))
            }
            (_, Shape::Enum(ty), true) => (
                format!("impl Into<types::{ty}>"),
                format!("types::{ty}"),
                format!("{name}.into()"),
            ),
            (_, Shape::Scalar(ty), true) => (ty.clone(), ty, name),
            (_, shape, false) => {
                let inner = match shape {
                    Shape::Id | Shape::String => "String".to_owned(),
                    Shape::Ids | Shape::Strings => "Vec<String>".to_owned(),
                    Shape::Object => "RawJson".to_owned(),
                    Shape::Enum(ty) => format!("types::{ty}"),
                    Shape::Scalar(ty) => ty,
                    Shape::Unknown => return unknown(operation, field),
                };
                (
                    format!("impl IntoOption<{inner}>"),
                    format!("Option<{inner}>"),
                    format!("{name}.into_option()"),
                )
            }
            (_, Shape::Unknown, _) => return unknown(operation, field),
        };
    Ok(ArgumentCode { parameter_type, field_type, conversion })
}

fn unknown<T>(operation: &Operation, field: &Field) -> Result<T, String> {
    Err(format!(
        "operation `{}`: argument `{}` of type {:?} cannot be expressed in the client",
        operation.id, field.name, field.ty
    ))
}

/// The kinds of arguments that the client handles differently.
enum Shape {
    Id,
    Ids,
    String,
    Strings,
    Object,
    Enum(String),
    Scalar(String),
    Unknown,
}

fn shape(model: &Model, ty: &Type) -> Shape {
    match ty {
        Type::Uuid => Shape::Id,
        Type::String => Shape::String,
        Type::Integer | Type::Number | Type::Boolean => Shape::Scalar(rust_text::value_type(ty)),
        Type::FreeObject => Shape::Object,
        Type::Array(items) => match **items {
            Type::Uuid => Shape::Ids,
            Type::String => Shape::Strings,
            _ => Shape::Unknown,
        },
        Type::Named(name) => match model.schema(name).kind {
            Kind::FreeObject { .. } => Shape::Object,
            Kind::OpenEnum { .. } => Shape::Enum(name.clone()),
            Kind::Object { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => Shape::Unknown,
        },
        Type::DateTime | Type::Binary | Type::Json | Type::Map(_) | Type::Nullable(_) => {
            Shape::Unknown
        }
    }
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
    Ok(format!(
        "{}{}pub fn {}(&self{signature}) -> {call} {{\n{call} {{ client: self.client.clone(), {initializers} }}\n}}\n\n",
        doc(&about),
        example::method(model, operation)?,
        identifier(&operation.name)
    ))
}

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
    let _ = writeln!(
        text,
        "#[derive(Clone, Debug)]\n#[must_use = \"a call is sent when it is awaited\"]\npub struct {call} {{\n    client: Client,"
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
    Ok(text)
}

/// Returns the additional methods of a call: `pager` for listings, `wait` and `handle` for calls that start a task.
fn extra_methods(model: &Model, operation: &Operation) -> Result<String, String> {
    if let Some(Listing { page_field, item, .. }) = model.listing(operation) {
        let about = doc(
            "Returns a pager over all items, starting at this call's page. Default page size: 100.",
        );
        let page_field = identifier(&page_field);
        let example = example::pager(model, operation)?;
        return Ok(format!(
            "{about}{example}pub fn pager(self) -> Pager<types::{item}> {{\n\
             let (first_page, page_size) = (self.page, self.page_size);\n\
             let fetch = move |page: i64, page_size: i64| {{\n\
             let call = self.clone().page(page).page_size(page_size);\n\
             async move {{\n\
             let page = call.await?.{page_field};\n\
             Ok(FetchedPage {{ results: page.results, count: page.count, next: page.next }})\n\
             }}.boxed()\n}};\n\
             Pager::new(fetch, |item| item.id, first_page, page_size)\n}}\n\n"
        ));
    }
    if operation.starts_task() {
        return Ok(format!(
            "{}{}pub fn wait(self) -> Wait {{\nlet client = self.client.clone();\nWait::start(client, self.into_future())\n}}\n\n\
             {}{}pub async fn handle(self) -> Result<TaskHandle, Error> {{\n\
             let client = self.client.clone();\nlet task = self.await?;\nOk(TaskHandle::new(client, task.dataset_id.to_string(), task.id.to_string()))\n}}\n\n",
            doc("Starts the task and returns a [`Wait`], which waits until the task has ended."),
            example::wait(model, operation)?,
            doc(
                "Starts the task and returns a handle to it.\n\n# Errors\nThe errors of the call itself."
            ),
            example::handle(model, operation)?,
        ));
    }
    Ok(String::new())
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
                Shape::Id | Shape::Ids | Shape::Object => name,
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
        "let call = self.client.start_call({:?})?;\ncall.run(call.core().{}({})).await\n}}\n",
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
            _ => format!("self.{name}"),
        }
    };
    path.iter()
        .chain(&query)
        .map(argument)
        .chain(operation.body.iter().map(|_| "&body".to_owned()))
        .collect()
}
