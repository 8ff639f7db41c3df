//! Emits example values of the document as Rust expressions.

use serde_json::Value;

use super::super::super::rust_text::{self, identifier, pascal};
use super::super::arguments::Shape;
use super::EXAMPLE_WIDTH;
use crate::model::{Field, Kind, Model, Type};

/// Returns an expression for the example value of an argument, or `None` if examples of this shape are variables.
///
/// # Errors
/// Fails if the value does not match the schema.
pub(super) fn argument(
    model: &Model,
    shape: &Shape,
    value: &Value,
    required: bool,
) -> Result<Option<String>, String> {
    let named = |name: &String| Type::Named(name.clone());
    if let Shape::Value(name) = shape
        && name == FILTER
    {
        return formatted(&filter(&value["filters"])?).map(Some);
    }
    let expression = match shape {
        Shape::Id | Shape::String => expression(model, &Type::String, value)?,
        Shape::Scalar(ty) if ty == "f64" => expression(model, &Type::Number, value)?,
        Shape::Scalar(_) => value.to_string(),
        Shape::Enum(name) => expression(model, &named(name), value)?,
        Shape::Strings if required => expression(model, &array(Type::String), value)?,
        Shape::Strings => {
            let items = items(value)?.iter().map(|item| format!("{item}.to_owned()"));
            format!("vec![{}]", items.collect::<Vec<_>>().join(", "))
        }
        Shape::Enums(name) | Shape::Values(name) => {
            let array = expression(model, &array(named(name)), value)?;
            if required { array } else { format!("vec!{array}") }
        }
        Shape::Value(name) => formatted(&expression(model, &named(name), value)?)?,
        Shape::Object | Shape::Objects | Shape::Json if required => {
            format!("serde_json::json!({})", spaced(value))
        }
        Shape::DateTime => "chrono::Utc::now() - chrono::TimeDelta::hours(1)".to_owned(),
        Shape::Ids | Shape::Object | Shape::Objects | Shape::Json | Shape::Unknown => {
            return Ok(None);
        }
    };
    Ok(Some(expression))
}

/// The schema of filters, for which there is a builder.
const FILTER: &str = "FilterPayload";

/// Returns the expression that builds a filter.
fn filter(value: &Value) -> Result<String, String> {
    for (key, operator) in [("AND", "&"), ("OR", "|")] {
        if let Some(Value::Array(filters)) = value.get(key) {
            let filters = filters.iter().map(|value| match value.get("field") {
                Some(_) => filter(value),
                None => filter(value).map(|text| format!("({text})")),
            });
            let separator = format!(" {operator} ");
            return Ok(filters.collect::<Result<Vec<_>, String>>()?.join(&separator));
        }
    }
    match (value["field"].as_str(), value["op"].as_str(), value.get("value")) {
        (Some(field), Some(operator), Some(value)) => {
            Ok(format!("field({field:?}).{operator}({value})"))
        }
        _ => invalid(value, "a filter"),
    }
}

fn array(items: Type) -> Type {
    Type::Array(Box::new(items))
}

/// Returns an expression for a value, which a constructor may convert with `Into`.
fn expression(model: &Model, ty: &Type, value: &Value) -> Result<String, String> {
    Ok(match ty {
        Type::String => string(value)?,
        Type::Integer | Type::Boolean => value.to_string(),
        Type::Number => match value.as_f64() {
            Some(number) => format!("{number:?}"),
            None => return invalid(value, "a number"),
        },
        Type::Json => format!("serde_json::json!({})", spaced(value)),
        Type::FreeObject => {
            format!("mistral_datasets::RawJson::from(serde_json::json!({}))", spaced(value))
        }
        Type::Array(items) => {
            let values = self::items(value)?;
            if values.is_empty() {
                return Ok(format!("Vec::<{}>::new()", value_type(items)));
            }
            let items = values.iter().map(|value| item(model, items, value));
            format!("[{}]", items.collect::<Result<Vec<_>, _>>()?.join(", "))
        }
        Type::Named(name) => match &model.schema(name).kind {
            Kind::OpenEnum { .. } => {
                format!("types::{name}::{}", pascal(value.as_str().unwrap_or_default()))
            }
            Kind::FreeObject { .. } => expression(model, &Type::FreeObject, value)?,
            Kind::Object { fields } => object(model, name, fields, value)?,
            Kind::ObjectUnion { .. } => variant(model, name, value)?,
            Kind::Union { .. } => return invalid(value, "no union of scalars"),
        },
        other => return Err(format!("example values of type {other:?} are not supported")),
    })
}

/// Returns an expression for an item of an array, all of which have the same type.
fn item(model: &Model, ty: &Type, value: &Value) -> Result<String, String> {
    let text = expression(model, ty, value)?;
    Ok(match ty {
        Type::Named(name) if matches!(model.schema(name).kind, Kind::ObjectUnion { .. }) => {
            format!("types::{name}::from({text})")
        }
        _ => text,
    })
}

fn object(model: &Model, name: &str, fields: &[Field], value: &Value) -> Result<String, String> {
    let Some(values) = value.as_object() else { return invalid(value, name) };
    if let Some(unknown) = values.keys().find(|key| !fields.iter().any(|field| field.name == **key))
    {
        return Err(format!("example of `{name}`: unknown field `{unknown}`"));
    }
    let (mut parameters, mut setters) = (Vec::new(), String::new());
    for field in fields.iter().filter(|field| field.constant().is_none()) {
        let value = match (values.get(&field.name), field.required) {
            (Some(value), _) => value,
            (None, true) => {
                return Err(format!("example of `{name}`: missing field `{}`", field.name));
            }
            (None, false) => continue,
        };
        // Only the union itself can be converted to an `Option` of it.
        let text = match field.nullable && field.required {
            true => item(model, &field.ty, value)?,
            false => expression(model, &field.ty, value)?,
        };
        match field.required {
            true => parameters.push(text),
            false => setters.push_str(&format!(".{}({text})", identifier(&field.name))),
        }
    }
    Ok(format!("types::{name}::new({}){setters}", parameters.join(", ")))
}

/// Returns an expression for the variant of a union.
fn variant(model: &Model, union: &str, value: &Value) -> Result<String, String> {
    let Kind::ObjectUnion { discriminator, variants } = &model.schema(union).kind else {
        unreachable!("the caller has a union of objects");
    };
    for variant in variants {
        let Kind::Object { fields } = &model.schema(&variant.schema).kind else {
            unreachable!("the reader only accepts objects as variants");
        };
        let is_selected = match (discriminator, &variant.tag) {
            (Some(property), Some(tag)) => value[property] == **tag,
            _ => fields.iter().all(|field| !field.required || value.get(&field.name).is_some()),
        };
        if is_selected {
            return object(model, &variant.schema, fields, value);
        }
    }
    Err(format!("example of `{union}`: no variant matches"))
}

fn value_type(ty: &Type) -> String {
    match ty {
        Type::Named(name) => format!("types::{name}"),
        ty => rust_text::value_type(ty),
    }
}

fn string(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some(text) => Ok(format!("{text:?}")),
        None => invalid(value, "a string"),
    }
}

fn items(value: &Value) -> Result<&[Value], String> {
    match value {
        Value::Array(items) => Ok(items),
        _ => invalid(value, "an array"),
    }
}

fn invalid<T>(value: &Value, expected: &str) -> Result<T, String> {
    Err(format!("example value `{value}`: expected {expected}"))
}

/// Formats an expression with rustfmt.
fn formatted(expression: &str) -> Result<String, String> {
    let source = format!("fn example() {{\n    let value = {expression};\n}}\n");
    let text = rust_text::format(&source)?;
    let lines = text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let statement = text
        .split_once("let value =")
        .and_then(|(_, rest)| rest.rsplit_once(';'))
        .map(|(statement, _)| statement.trim());
    Ok(statement.unwrap_or(expression).to_owned())
}

/// Formats JSON in one line with spaces after commas and colons, or in several lines if it is long.
pub(super) fn spaced(value: &Value) -> String {
    let text = match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| format!("{name:?}: {}", spaced(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    };
    match (value, text.len() > EXAMPLE_WIDTH) {
        (Value::Object(fields), true) => {
            let fields = fields.iter().map(|(name, value)| format!("{name:?}: {}", spaced(value)));
            format!("{{\n{}\n}}", indented(&(fields.collect::<Vec<_>>().join(",\n") + ",")))
        }
        (Value::Array(items), true) => {
            let items = items.iter().map(spaced).collect::<Vec<_>>().join(",\n") + ",";
            format!("[\n{}\n]", indented(&items))
        }
        _ => text,
    }
}

/// Indents every line.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
