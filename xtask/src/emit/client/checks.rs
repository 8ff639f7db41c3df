//! Emits the checks that a call makes before its request is sent.

use std::fmt::Write;

use super::super::rust_text::identifier;
use super::{Shape, shape};
use crate::model::{Field, Model, Place, Type};

/// Emits the checks of one argument, and a variable if a check converts it to another type.
pub(super) fn check(text: &mut String, model: &Model, field: &Field, place: Place) {
    let (wire, name) = (&field.name, identifier(&field.name));
    let range = |low: Option<String>, high: Option<String>, least: &str, most: &str| {
        (low.is_some() || high.is_some()).then(|| {
            format!("{}..={}", low.unwrap_or(least.to_owned()), high.unwrap_or(most.to_owned()))
        })
    };
    let limits = &field.limits;
    let string = |limit: Option<u64>| limit.map(|limit| limit.to_string());
    let limit = match shape(model, &field.ty) {
        Shape::String => {
            range(string(limits.min_length), string(limits.max_length), "0", "u64::MAX")
                .map(|range| ("length", range))
        }
        Shape::Ids | Shape::Strings => {
            range(string(limits.min_items), string(limits.max_items), "0", "u64::MAX")
                .map(|range| ("items", range))
        }
        Shape::Scalar(_) => range(
            limits.minimum.map(|limit| limit.to_string()),
            limits.maximum.map(|limit| limit.to_string()),
            "i64::MIN",
            "i64::MAX",
        )
        .map(|range| ("number", range)),
        _ => None,
    };
    if let Some((check, range)) = limit {
        let _ = match (field.required, check) {
            (true, "number") => writeln!(text, "checks.number({wire:?}, self.{name}, {range})?;"),
            (true, check) => writeln!(text, "checks.{check}({wire:?}, &self.{name}, {range})?;"),
            (false, "number") => writeln!(
                text,
                "if let Some(value) = self.{name} {{\nchecks.number({wire:?}, value, {range})?;\n}}"
            ),
            (false, check) => writeln!(
                text,
                "if let Some(value) = &self.{name} {{\nchecks.{check}({wire:?}, value, {range})?;\n}}"
            ),
        };
    }
    let named = matches!(field.ty, Type::Named(_));
    let _ = match (shape(model, &field.ty), field.required) {
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
        _ => Ok(()),
    };
}
