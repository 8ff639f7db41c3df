//! How responses cross to JavaScript: each type adds its members in the order in which its class reads them.

use std::fmt::Write;

use super::spelling::{is_late, may_be_null, public_schemas, repeated};
use crate::emit::preamble;
use crate::emit::rust_text::{self, identifier};
use crate::model::{Field, Kind, Model, Role, Type};

/// Emits `models.rs`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! How responses cross: each type adds its members in the order in which its class reads them.\n\n\
         use mistral_datasets::types;\n\nuse crate::response::{Cross, Crossing};\n\n",
    );
    for schema in public_schemas(model).into_iter().filter(|schema| schema.role == Role::Response) {
        let body = match &schema.kind {
            Kind::Object { fields } => {
                let mut lines = "self.extra.cross(to);\n".to_owned();
                let is_late = |field: &Field| is_late(model, fields, field);
                for (field, repeated) in fields.iter().zip(repeated(model, fields)) {
                    if is_late(field) {
                        continue;
                    }
                    let member = format!("self.{}", identifier(&field.name));
                    let _ = match repeated {
                        Some(number) => writeln!(lines, "to.repeated({number}, &{member});"),
                        None => writeln!(lines, "{member}.cross(to);"),
                    };
                }
                for field in fields.iter().filter(|field| is_late(field)) {
                    let member = format!("self.{}", identifier(&field.name));
                    let _ = match may_be_null(field) {
                        true => writeln!(lines, "to.pair(&{member});"),
                        false => writeln!(lines, "{member}.cross(to);"),
                    };
                }
                lines
            }
            Kind::FreeObject { .. } => "self.0.cross(to);\n".to_owned(),
            Kind::OpenEnum { .. } => "to.text(self.as_str());\n".to_owned(),
            Kind::Union { variants } => {
                let mut arms = String::new();
                for (index, variant) in variants.iter().enumerate() {
                    let name = match variant {
                        Type::String => "String",
                        Type::Number => "Number",
                        other => {
                            return Err(format!(
                                "{}: a variant of type {other:?} cannot be expressed in Node",
                                schema.name
                            ));
                        }
                    };
                    let _ = writeln!(
                        arms,
                        "Self::{name}(value) => {{\nto.number({index}.0);\nvalue.cross(to);\n}}"
                    );
                }
                format!("match self {{\n{arms}}}\n")
            }
        };
        let _ = writeln!(
            text,
            "impl Cross for types::{} {{\nfn cross<'a>(&'a self, to: &mut Crossing<'a>) {{\n{body}}}\n}}\n",
            schema.name
        );
    }
    rust_text::format(&text)
}
