//! Emits the checks that a call makes before its request is sent.

use std::fmt::Write;

use super::super::rust_text::identifier;
use super::{Shape, limits, shape};
use crate::model::{Field, Model, Place, Type};

/// Emits the checks of one argument, and a variable if a check converts it to another type.
pub(super) fn check(text: &mut String, model: &Model, field: &Field, place: Place) {
    let (wire, name) = (&field.name, identifier(&field.name));
    let shape = shape(model, &field.ty);
    if let Some((check, range)) = limit(field) {
        let is_number = is_number(&field.ty);
        let _ = match (field.required, is_number) {
            (true, true) => writeln!(text, "checks.{check}({wire:?}, self.{name}, {range})?;"),
            (true, false) => writeln!(text, "checks.{check}({wire:?}, &self.{name}, {range})?;"),
            (false, true) => writeln!(
                text,
                "if let Some(value) = self.{name} {{\nchecks.{check}({wire:?}, value, {range})?;\n}}"
            ),
            (false, false) => writeln!(
                text,
                "if let Some(value) = &self.{name} {{\nchecks.{check}({wire:?}, value, {range})?;\n}}"
            ),
        };
    }
    if field.expression {
        let _ = match field.required {
            true => writeln!(text, "checks.expression({wire:?}, &self.{name})?;"),
            false => writeln!(
                text,
                "if let Some(value) = &self.{name} {{\nchecks.expression({wire:?}, value)?;\n}}"
            ),
        };
    }
    values(text, model, field, &shape);
    let named = matches!(field.ty, Type::Named(_));
    let _ = match (shape, field.required) {
        (Shape::String, true) if place == Place::Path => {
            writeln!(text, "checks.segment({wire:?}, &self.{name})?;")
        }
        (Shape::Id, true) => writeln!(text, "let {name} = checks.uuid({wire:?}, &self.{name})?;"),
        (Shape::Id, false) => {
            writeln!(
                text,
                "let {name} = self.{name}.as_deref().map(|value| checks.uuid({wire:?}, value)).transpose()?;"
            )
        }
        (Shape::Ids, true) => writeln!(text, "let {name} = checks.uuids({wire:?}, &self.{name})?;"),
        (Shape::Ids, false) => {
            writeln!(
                text,
                "let {name} = self.{name}.as_deref().map(|values| checks.uuids({wire:?}, values)).transpose()?;"
            )
        }
        (Shape::Object, true) => {
            writeln!(
                text,
                "let {name} = checks.{}({wire:?}, self.{name})?;",
                if model.accepts_null(&field.ty) { "object_or_null" } else { "object" },
            )
        }
        (Shape::Object, false) => writeln!(
            text,
            "let {name} = self.{name}.map(|value| checks.object({wire:?}, Json(Ok(value)))).transpose()?{};",
            if named { ".map(Into::into)" } else { "" }
        ),
        (Shape::Objects, true) => {
            writeln!(text, "let {name} = checks.objects({wire:?}, self.{name})?;")
        }
        (Shape::Objects, false) => writeln!(
            text,
            "let {name} = self.{name}.map(|values| checks.all_objects({wire:?}, values)).transpose()?;"
        ),
        (Shape::Json, true) => {
            writeln!(text, "let {name} = checks.json({wire:?}, self.{name})?;")
        }
        (Shape::Json, false) => writeln!(text, "let {name} = self.{name};"),
        _ => Ok(()),
    };
}

/// Emits the checks of what a value or an array of values contains.
fn values(text: &mut String, model: &Model, field: &Field, shape: &Shape) {
    let (Shape::Value(schema) | Shape::Values(schema)) = shape else { return };
    let Some(function) = limits::function_of(model, schema) else { return };
    let (wire, name) = (&field.name, identifier(&field.name));
    let is_present = field.required && !field.nullable;
    let value = if is_present { format!("&self.{name}") } else { "value".to_owned() };
    let check = match shape {
        Shape::Values(_) => format!(
            "for (index, value) in {}.iter().enumerate() {{\n\
             limits::{function}(checks, &format!(\"{wire}[{{index}}]\"), value)?;\n}}",
            value.trim_start_matches('&')
        ),
        _ => format!("limits::{function}(checks, {wire:?}, {value})?;"),
    };
    let _ = match is_present {
        true => writeln!(text, "{check}"),
        false => writeln!(text, "if let Some(value) = &self.{name} {{\n{check}\n}}"),
    };
}

/// Returns whether the check of a value takes it by value.
pub(super) fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Integer | Type::Number)
}

/// Returns the method of `Checks` that checks the limits of a field, and its last argument.
pub(super) fn limit(field: &Field) -> Option<(&'static str, String)> {
    let limits = &field.limits;
    let range = |low: Option<String>, high: Option<String>, least: &str, most: &str| {
        (low.is_some() || high.is_some()).then(|| {
            format!("{}..={}", low.unwrap_or(least.to_owned()), high.unwrap_or(most.to_owned()))
        })
    };
    let string = |limit: Option<u64>| limit.map(|limit| limit.to_string());
    match &field.ty {
        Type::String => {
            range(string(limits.min_length), string(limits.max_length), "0", "u64::MAX")
                .map(|range| ("length", range))
        }
        Type::Array(_) => {
            range(string(limits.min_items), string(limits.max_items), "0", "u64::MAX")
                .map(|range| ("items", range))
        }
        Type::Integer => range(
            limits.minimum.map(|low| (low + i64::from(limits.exclusive_minimum)).to_string()),
            limits.maximum.map(|high| (high - i64::from(limits.exclusive_maximum)).to_string()),
            "i64::MIN",
            "i64::MAX",
        )
        .map(|range| ("number", range)),
        Type::Number => {
            let bound = |limit: Option<i64>, is_exclusive: bool| match (limit, is_exclusive) {
                (None, _) => "Bound::Unbounded".to_owned(),
                (Some(limit), false) => format!("Bound::Included({limit}.0)"),
                (Some(limit), true) => format!("Bound::Excluded({limit}.0)"),
            };
            let low = bound(limits.minimum, limits.exclusive_minimum);
            let high = bound(limits.maximum, limits.exclusive_maximum);
            Some(("float", format!("({low}, {high})")))
        }
        _ => None,
    }
}
