//! Emits the examples in the documentation of methods. They are compiled by the doc tests.
//!
//! Arguments have the example values of the document. Those without one are variables of the same name.

mod values;

use std::fmt::Write;

use super::super::rust_text::identifier;
use super::arguments::{Shape, shape, unknown};
use crate::model::{Argument, Field, Kind, Listing, Model, Operation, Response};

/// Emits the example of the method that returns the handle of a resource.
pub(super) fn handle_method(group: &str) -> String {
    let calls: String = group.split('.').map(|name| format!(".{}()", identifier(name))).collect();
    let name = group.rsplit('.').next().unwrap_or(group);
    format!(
        "///\n/// # Examples\n/// ```no_run\n/// # fn example(client: mistral_datasets::Client) {{\n\
         /// let {name} = client{calls};\n/// # }}\n/// ```\n"
    )
}

/// Emits the example of an operation's method: a call with its first optional argument.
pub(super) fn method(model: &Model, operation: &Operation) -> Result<String, String> {
    let arguments = operation.arguments(model);
    let optional = arguments.iter().find(|argument| !argument.field.required);
    let mut example = Example::new(model, operation)?;
    if let Some(Argument { field, .. }) = optional {
        example.set(model, operation, field)?;
    }
    if operation.starts_task() {
        example.calls.push(".wait()".to_owned());
    }
    Ok(example.awaited(model, operation))
}

/// Emits the example of a setter.
pub(super) fn setter(
    model: &Model,
    operation: &Operation,
    field: &Field,
) -> Result<String, String> {
    let mut example = Example::new(model, operation)?;
    example.set(model, operation, field)?;
    Ok(example.awaited(model, operation))
}

/// Emits the example of `pager`.
pub(super) fn pager(
    model: &Model,
    operation: &Operation,
    listing: &Listing,
) -> Result<String, String> {
    let mut example = Example::new(model, operation)?;
    example.calls.push(".pager()".to_owned());
    example.calls.push(".items()".to_owned());
    let print = match &listing.identity {
        Some(field) => format!("println!(\"{{}}\", item?.{});", identifier(&field.name)),
        None => "let item = item?;".to_owned(),
    };
    Ok(example.text(
        "let mut items = ",
        "",
        &format!("while let Some(item) = items.next().await {{\n    {print}\n}}"),
    ))
}

/// Emits the example of `wait`.
pub(super) fn wait(model: &Model, operation: &Operation) -> Result<String, String> {
    let mut example = Example::new(model, operation)?;
    example.calls.push(".wait()".to_owned());
    example.calls.push(".timeout(std::time::Duration::from_secs(600))".to_owned());
    Ok(example.text("let task = ", ".await?", "println!(\"{}\", task.status);"))
}

/// Emits the example of `handle`.
pub(super) fn handle(model: &Model, operation: &Operation) -> Result<String, String> {
    let mut example = Example::new(model, operation)?;
    example.calls.push(".handle()".to_owned());
    Ok(example.text("let task = ", ".await?", "println!(\"{}\", task.refresh().await?.status);"))
}

/// An example that is being composed.
struct Example {
    /// The parameters of the function around the example: the variables without a value.
    parameters: String,
    /// The statements that define objects.
    values: String,
    /// The chain of method calls.
    calls: Vec<String>,
}

impl Example {
    /// Starts an example with a call of the operation's method with its required arguments.
    fn new(model: &Model, operation: &Operation) -> Result<Self, String> {
        let calls = operation.group.split('.').map(|name| format!(".{}()", identifier(name)));
        let mut example =
            Self { parameters: String::new(), values: String::new(), calls: calls.collect() };
        let mut values = Vec::new();
        for Argument { field, .. } in operation.arguments(model) {
            if field.required {
                values.push(example.value(model, operation, field)?);
            }
        }
        example.calls.push(format!(".{}({})", identifier(&operation.name), values.join(", ")));
        Ok(example)
    }

    /// Adds the setter of an optional argument.
    fn set(&mut self, model: &Model, operation: &Operation, field: &Field) -> Result<(), String> {
        let value = self.value(model, operation, field)?;
        self.calls.push(format!(".{}({value})", identifier(&field.name)));
        Ok(())
    }

    /// Returns the value of an argument, or the name of a variable. A variable without a value becomes a parameter.
    fn value(
        &mut self,
        model: &Model,
        operation: &Operation,
        field: &Field,
    ) -> Result<String, String> {
        let example = operation.examples.get(&field.name);
        let shape = shape(model, &field.ty);
        if let Some(value) = example
            && let Some(expression) = values::argument(model, &shape, value, field.required)?
        {
            if expression.len() <= SHORT_VALUE && !expression.contains('{') {
                return Ok(expression);
            }
            let name = identifier(&field.name);
            let _ = writeln!(self.values, "let {name} = {expression};");
            return Ok(name);
        }
        let ty = match shape {
            Shape::Scalar(ty) if ty == "bool" => {
                // The opposite of the default, so that the setter has an effect.
                return Ok((field.default.as_deref() != Some("true")).to_string());
            }
            Shape::Scalar(ty) if ty == "i64" => {
                let default = field.default.as_ref().and_then(|default| default.parse().ok());
                let value = field.limits.maximum.or(default).unwrap_or(1);
                return Ok(value.max(field.limits.minimum.unwrap_or(value)).to_string());
            }
            Shape::Enum(ty) => {
                let Kind::OpenEnum { values } = &model.schema(&ty).kind else {
                    unreachable!("the shape is an enum");
                };
                let value = field.choices.first().or(values.first());
                let value = value.ok_or_else(|| format!("{ty}: an enum without values"))?;
                return Ok(format!("types::{ty}::{}", super::pascal(value)));
            }
            Shape::Id | Shape::String => "&str".to_owned(),
            Shape::Ids | Shape::Strings => "Vec<String>".to_owned(),
            Shape::DateTime => "chrono::DateTime<chrono::Utc>".to_owned(),
            Shape::Object | Shape::Objects | Shape::Json if field.required => {
                "serde_json::Value".to_owned()
            }
            Shape::Object | Shape::Json => "mistral_datasets::RawJson".to_owned(),
            Shape::Objects => "Vec<mistral_datasets::RawJson>".to_owned(),
            Shape::Value(ty) => format!("types::{ty}"),
            Shape::Enums(ty) | Shape::Values(ty) => format!("Vec<types::{ty}>"),
            Shape::Scalar(ty) => ty,
            Shape::Unknown => return unknown(operation, field),
        };
        let name = identifier(&field.name);
        let _ = write!(self.parameters, ", {name}: {ty}");
        Ok(name)
    }

    /// Returns the text of an example that awaits the call and binds its result.
    fn awaited(self, model: &Model, operation: &Operation) -> String {
        match &operation.success.response {
            _ if operation.starts_task() => self.text("let task = ", ".await?", ""),
            Response::Json(name) => match &model.schema(name).kind {
                Kind::Object { fields } if fields.len() == 1 => {
                    let field = identifier(&fields[0].name);
                    self.text(&format!("let {field} = "), &format!(".await?\n.{field}"), "")
                }
                _ => self.text(&format!("let {} = ", variable(name)), ".await?", ""),
            },
            Response::Empty | Response::Bytes => self.text("", ".await?", ""),
        }
    }

    /// Returns the text of an example whose statement starts and ends like this, followed by other statements.
    fn text(&self, start: &str, end: &str, rest: &str) -> String {
        let calls = self.calls.iter().map(String::as_str).chain(end.lines());
        let calls: Vec<&str> = calls.collect();
        let mut statement = format!("{start}client{};", calls.concat());
        if statement.len() > EXAMPLE_WIDTH {
            statement = format!("{start}client\n    {};", calls.join("\n    "));
        }
        let parameters = &self.parameters;
        let body = [&self.values, &statement, rest].map(|part| part.trim_end());
        let mut imports = String::new();
        for (needle, import) in [
            ("field(", "use mistral_datasets::filter::field;"),
            ("types::", "use mistral_datasets::types;"),
        ] {
            if body.iter().any(|part| part.contains(needle)) {
                let _ = writeln!(imports, "/// {import}");
            } else if parameters.contains(needle) {
                let _ = writeln!(imports, "/// # {import}");
            }
        }
        if imports.contains("/// use") {
            imports.push_str("///\n");
        }
        let mut text = format!("///\n/// # Examples\n/// ```no_run\n{imports}");
        let _ =
            writeln!(text, "/// # async fn example(client: mistral_datasets::Client{parameters})");
        text.push_str("/// # -> Result<(), mistral_datasets::Error> {\n");
        for line in body.iter().flat_map(|part| part.lines()) {
            let _ = writeln!(text, "/// {line}");
        }
        text.push_str("/// # Ok(())\n/// # }\n/// ```\n");
        text
    }
}

/// The length above which the statement of an example is split into one line per method.
const EXAMPLE_WIDTH: usize = 80;

/// The length up to which a value is an argument, rather than a variable.
const SHORT_VALUE: usize = 60;

/// Returns the last word of a type name as a variable name, such as `record` for `DatasetRecord`.
fn variable(ty: &str) -> String {
    let start = ty.rfind(char::is_uppercase).unwrap_or(0);
    ty[start..].to_lowercase()
}
