//! Emits the example in a method's documentation.

use std::fmt::Write;

use super::super::rust_text::identifier;
use super::{Shape, shape, unknown};
use crate::model::{Argument, Kind, Model, Operation, Response};

/// Emits a doc example that passes each required argument as a variable of the same name.
pub(super) fn example(model: &Model, operation: &Operation) -> Result<String, String> {
    let mut parameters = String::new();
    let mut names = Vec::new();
    for Argument { field, .. } in operation.arguments(model) {
        if !field.required {
            continue;
        }
        let ty = match shape(model, &field.ty) {
            Shape::Id | Shape::String => "&str".to_owned(),
            Shape::Ids | Shape::Strings => "Vec<String>".to_owned(),
            Shape::Object => "serde_json::Value".to_owned(),
            Shape::Enum(ty) => format!("mistral_datasets::types::{ty}"),
            Shape::Scalar(ty) => ty,
            Shape::Unknown => return unknown(operation, field),
        };
        let name = identifier(&field.name);
        let _ = write!(parameters, ", {name}: {ty}");
        names.push(name);
    }
    let mut calls: Vec<String> =
        operation.group.split('.').map(|name| format!(".{}()", identifier(name))).collect();
    calls.push(format!(".{}({})", identifier(&operation.name), names.join(", ")));
    if operation.starts_task() {
        calls.push(".wait()".to_owned());
    }
    calls.push(".await?".to_owned());
    let result = match &operation.success.response {
        _ if operation.starts_task() => "let task = ".to_owned(),
        Response::Json(name) => match &model.schema(name).kind {
            Kind::Object { fields } if fields.len() == 1 => {
                let field = identifier(&fields[0].name);
                calls.push(format!(".{field}"));
                format!("let {field} = ")
            }
            _ => format!("let {} = ", variable(name)),
        },
        Response::Empty | Response::Bytes => String::new(),
    };
    let mut statement = format!("{result}client{};", calls.concat());
    if statement.len() > EXAMPLE_WIDTH {
        statement = format!("{result}client\n    {};", calls.join("\n    "));
    }
    let mut text = String::from("///\n/// # Examples\n/// ```no_run\n");
    let _ = writeln!(text, "/// # async fn example(client: mistral_datasets::Client{parameters})");
    text.push_str("/// # -> Result<(), mistral_datasets::Error> {\n");
    for line in statement.lines() {
        let _ = writeln!(text, "/// {line}");
    }
    text.push_str("/// # Ok(())\n/// # }\n/// ```\n");
    Ok(text)
}

/// The length above which the statement of an example is split into one line per method.
const EXAMPLE_WIDTH: usize = 80;

/// Returns the last word of a type name as a variable name, such as `record` for `DatasetRecord`.
fn variable(ty: &str) -> String {
    let start = ty.rfind(char::is_uppercase).unwrap_or(0);
    ty[start..].to_lowercase()
}
