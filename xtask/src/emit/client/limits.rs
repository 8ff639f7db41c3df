//! Emits the checks of values inside arguments: limits, numbers that JSON cannot represent, and unknown variants of unions.

use std::fmt::Write;

use super::super::rust_text::{self, identifier, pascal};
use super::checks;
use super::preamble;
use crate::model::{Field, Kind, Limits, Model, Schema, Type, snake};

/// Emits `limits.rs`.
pub(super) fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! Checks the values inside arguments against the limits of the document.\n\n\
         use std::ops::Bound;\n\nuse mistral_datasets_types as types;\n\nuse crate::checks::Checks;\nuse crate::error::Error;\n\n",
    );
    for schema in model.schemas.iter().filter(|schema| schema.nested && schema.is_value()) {
        if is_checked(model, &schema.name) {
            function(&mut text, model, schema);
        }
    }
    rust_text::format(&text)
}

/// Returns the path of the function that checks a value of a named schema, if there is something to check.
pub(super) fn function_of(model: &Model, schema: &str) -> Option<String> {
    is_checked(model, schema).then(|| snake(schema))
}

fn function(text: &mut String, model: &Model, schema: &Schema) {
    let _ = writeln!(
        text,
        "pub(super) fn {}(checks: Checks, path: &str, value: &types::{}) -> Result<(), Error> {{",
        snake(&schema.name),
        schema.name
    );
    match &schema.kind {
        Kind::Object { fields } => {
            for field in fields {
                self::field(text, model, schema, field);
            }
            text.push_str("Ok(())\n");
        }
        Kind::ObjectUnion { discriminator, variants } => {
            text.push_str("match value {\n");
            for variant in variants {
                let pattern = format!("types::{}::{}", schema.name, pascal(&variant.name));
                let _ = match function_of(model, &variant.schema) {
                    Some(function) => {
                        writeln!(text, "{pattern}(value) => {function}(checks, path, value),")
                    }
                    None => writeln!(text, "{pattern}(_) => Ok(()),"),
                };
            }
            let expected = match discriminator {
                Some(property) => {
                    let tags = variants.iter().filter_map(|variant| variant.tag.as_deref());
                    let tags: Vec<String> = tags.map(|tag| format!("`{tag}`")).collect();
                    format!("an object whose `{property}` is {}", tags.join(" or "))
                }
                None => "an object".to_owned(),
            };
            let _ = writeln!(text, "_ => checks.unknown(path, {expected:?}),\n}}");
        }
        _ => unreachable!("only objects and unions of objects are checked"),
    }
    text.push_str("}\n\n");
}

/// Emits the checks of a field.
fn field(text: &mut String, model: &Model, schema: &Schema, field: &Field) {
    let name = identifier(&field.name);
    let is_optional = rust_text::field_type(field, schema.role).starts_with("Option<");
    // An optional value is a reference in `value`.
    let (value, reference) = match is_optional {
        true => ("*value".to_owned(), "value".to_owned()),
        false => (format!("value.{name}"), format!("&value.{name}")),
    };
    let mut code = String::new();
    let path = format!("&format!(\"{{path}}.{}\")", field.name);
    if let Some((check, range)) = checks::limit(field) {
        let value = if checks::is_number(&field.ty) { &value } else { &reference };
        let _ = writeln!(code, "checks.{check}({path}, {value}, {range})?;");
    }
    if field.ty == Type::Json {
        let _ = writeln!(code, "checks.valid_json({path}, {reference})?;");
    }
    let (ty, is_array) = match &field.ty {
        Type::Array(items) => (&**items, true),
        ty => (ty, false),
    };
    if let Type::Named(name) = ty
        && let Some(function) = function_of(model, name)
    {
        let array = reference.trim_start_matches('&');
        let _ = match is_array {
            true => writeln!(
                code,
                "for (index, value) in {array}.iter().enumerate() {{\n{function}(checks, &format!(\"{{path}}.{}[{{index}}]\"), value)?;\n}}",
                field.name
            ),
            false => writeln!(code, "{function}(checks, {path}, {reference})?;"),
        };
    }
    let _ = match is_optional && !code.is_empty() {
        true => writeln!(text, "if let Some(value) = &value.{name} {{\n{code}}}"),
        false => writeln!(text, "{code}"),
    };
}

/// Returns whether there is something to check in a value of a named schema.
fn is_checked(model: &Model, schema: &str) -> bool {
    fn visit<'m>(model: &'m Model, name: &'m str, visited: &mut Vec<&'m str>) -> bool {
        // Schemas may contain themselves.
        if visited.contains(&name) {
            return false;
        }
        visited.push(name);
        match &model.schema(name).kind {
            Kind::ObjectUnion { .. } => true,
            Kind::Object { fields } => fields.iter().any(|field| {
                let ty = match &field.ty {
                    Type::Array(items) => items,
                    ty => ty,
                };
                field.limits != Limits::default()
                    || matches!(ty, Type::Number | Type::Json)
                    || matches!(ty, Type::Named(name) if visit(model, name, visited))
            }),
            _ => false,
        }
    }
    visit(model, schema, &mut Vec::new())
}
