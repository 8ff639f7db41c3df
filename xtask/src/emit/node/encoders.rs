//! The `Encode` implementations. Each type appends its fields in the order in which its JavaScript class decodes them.

use std::fmt::Write;

use super::spelling::{is_lazy, may_be_null, read_schemas, repeated_slots};
use crate::emit::preamble;
use crate::emit::rust_text::{self, identifier, pascal};
use crate::model::{Field, Kind, Model, ObjectVariant, Schema, Type};

/// Emits `models.rs`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! Encoders of responses. Each type appends its fields in the order in which its JavaScript class decodes them.\n\n\
         use mistral_datasets::types;\n\nuse crate::encode::{Encode, Encoder};\n\n",
    );
    for schema in read_schemas(model) {
        let body = match &schema.kind {
            Kind::Object { fields } => object(model, schema, fields)?,
            Kind::FreeObject { .. } => "self.0.encode(encoder);\n".to_owned(),
            Kind::OpenEnum { .. } => "encoder.string(self.as_str());\n".to_owned(),
            Kind::ObjectUnion { variants, .. } => object_union(variants),
            Kind::Union { variants } => union(schema, variants)?,
        };
        let _ = writeln!(
            text,
            "impl Encode for types::{} {{\nfn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {{\n{body}}}\n}}\n",
            schema.name
        );
    }
    rust_text::format(&text)
}

fn object(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    let is_lazy = |field: &Field| is_lazy(model, schema, field);
    let mut lines = "self.extra.encode(encoder);\n".to_owned();
    for (field, slot) in fields.iter().zip(repeated_slots(model, schema)) {
        if is_lazy(field) {
            continue;
        }
        let value = format!("self.{}", identifier(&field.name));
        let _ = match slot {
            Some(slot) => writeln!(lines, "encoder.repeated({slot}, &{value});"),
            None => writeln!(lines, "{value}.encode(encoder);"),
        };
    }
    for field in fields.iter().filter(|field| is_lazy(field)) {
        let value = format!("self.{}", identifier(&field.name));
        let _ = match (&field.ty, may_be_null(schema, field)) {
            (Type::Map(_), false) => writeln!(lines, "encoder.serialized(&{value});"),
            (Type::Map(_), true) => {
                return Err(format!(
                    "{}.{}: maps that may be null are not supported in Node",
                    schema.name, field.name
                ));
            }
            (_, true) => writeln!(lines, "encoder.optional_pair(&{value});"),
            (_, false) => writeln!(lines, "{value}.encode(encoder);"),
        };
    }
    Ok(lines)
}

/// Encodes a union of objects: the number of the variant, and its value. An unknown object is JSON.
fn object_union(variants: &[ObjectVariant]) -> String {
    let mut arms = String::new();
    for (index, variant) in variants.iter().enumerate() {
        let name = pascal(&variant.name);
        let _ = writeln!(
            arms,
            "Self::{name}(value) => {{\nencoder.number({index}.0);\nvalue.encode(encoder);\n}}"
        );
    }
    let unknown = variants.len();
    format!(
        "match self {{\n{arms}unknown => {{\nencoder.number({unknown}.0);\nencoder.serialized(unknown);\n}}\n}}\n"
    )
}

/// Encodes a union of scalars: the number of the variant, and its value.
fn union(schema: &Schema, variants: &[Type]) -> Result<String, String> {
    let mut arms = String::new();
    for (index, variant) in variants.iter().enumerate() {
        let name = match variant {
            Type::String => "String",
            Type::Number => "Number",
            Type::Boolean => "Boolean",
            other => {
                return Err(format!(
                    "{}: union variants of type {other:?} are not supported in Node",
                    schema.name
                ));
            }
        };
        let _ = writeln!(
            arms,
            "Self::{name}(value) => {{\nencoder.number({index}.0);\nvalue.encode(encoder);\n}}"
        );
    }
    Ok(format!("match self {{\n{arms}}}\n"))
}
