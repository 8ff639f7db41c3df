//! The `Encode` implementations. Each type appends its fields in the order in which its JavaScript class decodes them.

use std::fmt::Write;

use super::spelling::{is_lazy, may_be_null, public_schemas, repeated_slots};
use crate::emit::preamble;
use crate::emit::rust_text::{self, identifier};
use crate::model::{Field, Kind, Model, Role, Type};

/// Emits `models.rs`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! Encoders of responses. Each type appends its fields in the order in which its JavaScript class decodes them.\n\n\
         use mistral_datasets::types;\n\nuse crate::encode::{Encode, Encoder};\n\n",
    );
    for schema in public_schemas(model).into_iter().filter(|schema| schema.role == Role::Response) {
        let body = match &schema.kind {
            Kind::Object { fields } => {
                let mut lines = "self.extra.encode(encoder);\n".to_owned();
                let is_lazy = |field: &Field| is_lazy(model, fields, field);
                for (field, slot) in fields.iter().zip(repeated_slots(model, fields)) {
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
                    let _ = match may_be_null(field) {
                        true => writeln!(lines, "encoder.optional_pair(&{value});"),
                        false => writeln!(lines, "{value}.encode(encoder);"),
                    };
                }
                lines
            }
            Kind::FreeObject { .. } => "self.0.encode(encoder);\n".to_owned(),
            Kind::OpenEnum { .. } => "encoder.string(self.as_str());\n".to_owned(),
            Kind::ObjectUnion { .. } => {
                return Err(format!(
                    "{}: unions of objects are not supported in Node.js",
                    schema.name
                ));
            }
            Kind::Union { variants } => {
                let mut arms = String::new();
                for (index, variant) in variants.iter().enumerate() {
                    let name = match variant {
                        Type::String => "String",
                        Type::Number => "Number",
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
                format!("match self {{\n{arms}}}\n")
            }
        };
        let _ = writeln!(
            text,
            "impl Encode for types::{} {{\nfn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {{\n{body}}}\n}}\n",
            schema.name
        );
    }
    rust_text::format(&text)
}
