//! Emits the wire types: lenient structs for responses, exact structs for requests, open enums and raw JSON objects.

use std::fmt::Write;

use super::preamble;
use super::rust_text::{self, doc, field_type, identifier, indented, is_eq, pascal, value_type};
use super::wording::with_none;
use crate::model::{Field, Kind, Model, ObjectVariant, Role, Schema, Type};

/// Emits `schemas.rs`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut text = preamble("//");
    text.push_str(
        "\n//! The wire types of the API, one for each schema of the document, by the same names.\n\n\
         use std::collections::BTreeMap;\n\n\
         use chrono::{DateTime, Utc};\nuse serde::{Deserialize, Serialize};\nuse uuid::Uuid;\n\n\
         use crate::object_union::object_union;\nuse crate::open_enum::open_enum;\nuse crate::raw_json::{RawJson, raw_object};\nuse crate::response_struct::response_struct;\n\n",
    );
    for schema in &model.schemas {
        match &schema.kind {
            Kind::Object { .. } if is_multipart(schema) => {}
            Kind::Object { fields } if schema.is_value() => value(&mut text, model, schema, fields),
            Kind::Object { fields } => request(&mut text, model, schema, fields),
            Kind::FreeObject { known } => raw_object(&mut text, schema, known)?,
            Kind::OpenEnum { values } => open_enum(&mut text, schema, values),
            Kind::ObjectUnion { discriminator, variants } => {
                object_union(&mut text, model, schema, discriminator.as_deref(), variants);
            }
            Kind::Union { variants } => union(&mut text, schema, variants)?,
        }
    }
    schemas(&mut text, model);
    rust_text::format(&text)
}

/// Returns whether the schema is a multipart body, which is never a single JSON value.
fn is_multipart(schema: &Schema) -> bool {
    matches!(&schema.kind, Kind::Object { fields } if fields.iter().any(|field| field.ty == Type::Binary))
}

fn schemas(text: &mut String, model: &Model) {
    text.push_str(
        "/// Returns the JSON schema of every type in this module, with its name.\n\
         #[cfg(feature = \"schemars\")]\n\
         pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {\nvec![\n",
    );
    for schema in model.schemas.iter().filter(|schema| !is_multipart(schema)) {
        let _ = writeln!(text, "({:?}, schemars::schema_for!({})),", schema.name, schema.name);
    }
    text.push_str("]\n}\n");
}

/// Emits a struct that programs read. If requests contain it, it has constructors, too.
fn value(text: &mut String, model: &Model, schema: &Schema, fields: &[Field]) {
    let eq = if fields.iter().all(|field| is_eq(model, &field.ty)) { ", Eq" } else { "" };
    let is_response = schema.role == Role::Response;
    let mut code = String::new();
    for field in fields {
        code.push_str(&doc(&with_none(&field.description)));
        code.push_str(&schemars_description(&field.description));
        code.push_str(&schemars_limits(field));
        if is_renamed(field) {
            let attribute = format!("schemars(rename = {:?})", field.name);
            let _ = writeln!(code, "#[cfg_attr(feature = \"schemars\", {attribute})]");
        }
        if field.ty == Type::Json {
            code.push_str(
                "#[cfg_attr(feature = \"schemars\", schemars(with = \"serde_json::Value\"))]\n",
            );
        }
        let need = match field.required {
            true if !field.nullable => "required",
            false if !is_response => "omittable",
            _ => "optional",
        };
        let is_optional = !field_type(field, schema.role).starts_with("Option<");
        if need == "optional" && is_optional {
            code.push_str("#[cfg_attr(feature = \"schemars\", schemars(default))]\n");
        }
        if field.required && field.nullable {
            // `schemars(required)` would copy the schema instead of referring to it.
            let attribute = format!("schemars(with = {:?})", value_type(&field.ty));
            let _ = writeln!(code, "#[cfg_attr(feature = \"schemars\", {attribute})]");
        }
        let kind = match &field.ty {
            Type::DateTime => "_timestamp",
            Type::Integer => "_integer",
            _ => "",
        };
        let _ = writeln!(
            code,
            "{need}{kind} {:?} {}: {},",
            field.name,
            identifier(&field.name),
            field_type(field, schema.role)
        );
    }
    let secret = fields.iter().any(|field| field.secret);
    let debug = if secret { "" } else { " Debug," };
    let item = format!(
        "{}{}#[derive(Clone,{debug} PartialEq{eq})]\npub struct {} {{\n{}}}\n",
        doc(&with_none(&schema.description)),
        schemars_description(&schema.description),
        schema.name,
        indented(&code)
    );
    let _ = writeln!(text, "response_struct! {{\n{}}}\n", indented(&item));
    if secret {
        redacted(text, schema, fields);
    }
    if !is_response {
        constructors(text, schema, fields);
    }
}

/// Returns whether the Rust field has another name than the JSON field.
fn is_renamed(field: &Field) -> bool {
    identifier(&field.name).trim_start_matches("r#") != field.name
}

/// Emits a `Debug` implementation that omits secret fields.
fn redacted(text: &mut String, schema: &Schema, fields: &[Field]) {
    let _ = write!(
        text,
        "// Omits secret fields.\n\
         impl std::fmt::Debug for {} {{\n\
         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{\n\
         f.debug_struct({:?})",
        schema.name, schema.name
    );
    for field in fields.iter().filter(|field| !field.secret) {
        let _ = write!(text, ".field({:?}, &self.{})", field.name, identifier(&field.name));
    }
    text.push_str(".finish_non_exhaustive()\n}\n}\n\n");
}

fn request(text: &mut String, model: &Model, schema: &Schema, fields: &[Field]) {
    let eq = if fields.iter().all(|field| is_eq(model, &field.ty)) { ", Eq" } else { "" };
    let secret = fields.iter().any(|field| field.secret);
    let debug = if secret { "" } else { " Debug," };
    let _ = writeln!(
        text,
        "{}#[derive(Clone,{debug} PartialEq{eq}, Serialize, Deserialize)]\n\
         #[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))]\n#[non_exhaustive]\npub struct {} {{",
        doc(&with_none(&schema.description)),
        schema.name
    );
    for field in fields {
        text.push_str(&doc(&with_none(&field.description)));
        if is_renamed(field) {
            let _ = writeln!(text, "#[serde(rename = {:?})]", field.name);
        }
        if !field.required {
            text.push_str("#[serde(default, skip_serializing_if = \"Option::is_none\")]\n");
        }
        text.push_str(&schemars_description(&field.description));
        text.push_str(&schemars_limits(field));
        let _ =
            writeln!(text, "pub {}: {},", identifier(&field.name), field_type(field, schema.role));
    }
    text.push_str("}\n\n");
    if secret {
        redacted(text, schema, fields);
    }
    constructors(text, schema, fields);
}

/// Emits `new`, which takes the required fields of a request, and a setter for each optional field. The struct cannot be
/// constructed otherwise, so an optional field can be added without breaking programs.
fn constructors(text: &mut String, schema: &Schema, fields: &[Field]) {
    let name = &schema.name;
    let (mut parameters, mut values, mut setters) = (Vec::new(), String::new(), String::new());
    for field in fields {
        let id = identifier(&field.name);
        let (ty, value) = constructor_parameter(field);
        if let Some(constant) = field.constant() {
            let _ = write!(values, "{id}: {constant:?}.to_owned(),");
        } else if field.required {
            parameters.push(format!("{id}: {ty}"));
            values.push_str(&if value == id {
                format!("{id},")
            } else {
                format!("{id}: {value},")
            });
        } else {
            let _ = write!(values, "{id}: None,");
            let _ = writeln!(
                setters,
                "\n/// Sets the optional field `{id}`.\n#[must_use]\n\
                 pub fn {id}(mut self, {id}: {ty}) -> Self {{\nself.{id} = Some({value});\nself\n}}"
            );
        }
    }
    if schema.is_value() {
        values.push_str("extra: crate::Extra::new(),");
    }
    // Clippy expects `Default` next to a `new` without parameters.
    if parameters.is_empty() {
        let _ = writeln!(
            text,
            "impl Default for {name} {{\nfn default() -> Self {{\nSelf::new()\n}}\n}}\n"
        );
    }
    let what = if schema.is_value() { "value" } else { "request" };
    let about = match parameters.is_empty() {
        true => format!("Creates a {what} without optional fields."),
        false => format!("Creates a {what} with the required fields."),
    };
    let _ = writeln!(
        text,
        "impl {name} {{\n/// {about}\npub fn new({}) -> Self {{\nSelf {{ {values} }}\n}}\n{setters}}}\n",
        parameters.join(", ")
    );
}

/// Returns the type of a parameter of a constructor or setter, and the expression that converts it to the field's value.
fn constructor_parameter(field: &Field) -> (String, String) {
    let name = identifier(&field.name);
    if field.required && field.nullable {
        let ty = value_type(&field.ty);
        return (format!("impl Into<Option<{ty}>>"), format!("{name}.into()"));
    }
    match &field.ty {
        Type::String | Type::Named(_) | Type::Json => {
            (format!("impl Into<{}>", value_type(&field.ty)), format!("{name}.into()"))
        }
        Type::Array(items) => match **items {
            Type::String | Type::Named(_) => (
                format!("impl IntoIterator<Item = impl Into<{}>>", value_type(items)),
                format!("{name}.into_iter().map(Into::into).collect()"),
            ),
            _ => (
                format!("impl IntoIterator<Item = {}>", value_type(items)),
                format!("{name}.into_iter().collect()"),
            ),
        },
        ty => (value_type(ty), name),
    }
}

/// Emits the description of a JSON schema if it differs from that of the Rust field, which derived schemas use otherwise.
fn schemars_description(text: &str) -> String {
    if with_none(text) == text {
        return String::new();
    }
    format!("#[cfg_attr(feature = \"schemars\", schemars(description = {text:?}))]\n")
}

/// Emits the limits as schemars attributes, so that derived schemas match the document.
fn schemars_limits(field: &Field) -> String {
    let attribute = |text: &str| format!("#[cfg_attr(feature = \"schemars\", schemars({text}))]\n");
    let range = |name: &str, low: Option<String>, high: Option<String>| {
        let parts: Vec<String> = low
            .map(|low| format!("min = {low}"))
            .into_iter()
            .chain(high.map(|high| format!("max = {high}")))
            .collect();
        if parts.is_empty() {
            String::new()
        } else {
            attribute(&format!("{name}({})", parts.join(", ")))
        }
    };
    let limits = &field.limits;
    let text = |limit: Option<u64>| limit.map(|limit| limit.to_string());
    let number = |limit: Option<i64>| limit.map(|limit| limit.to_string());
    let exclusive = |name: &str, limit: Option<i64>| match limit {
        Some(limit) => attribute(&format!("extend({name:?} = {limit})")),
        None => String::new(),
    };
    range(
        "length",
        text(limits.min_length.or(limits.min_items)),
        text(limits.max_length.or(limits.max_items)),
    ) + &range(
        "range",
        number(limits.minimum.filter(|_| !limits.exclusive_minimum)),
        number(limits.maximum.filter(|_| !limits.exclusive_maximum)),
    ) + &exclusive("exclusiveMinimum", limits.minimum.filter(|_| limits.exclusive_minimum))
        + &exclusive("exclusiveMaximum", limits.maximum.filter(|_| limits.exclusive_maximum))
        + &match field.choices.is_empty() {
            true => String::new(),
            false => attribute(&format!("extend(\"enum\" = {:?})", field.choices)),
        }
}

fn raw_object(text: &mut String, schema: &Schema, known: &[Field]) -> Result<(), String> {
    let mut code = String::new();
    for field in known {
        let ty = match &field.ty {
            Type::Array(items) if **items == Type::FreeObject => "array_of_objects",
            Type::FreeObject => "object",
            Type::String => "string",
            other => {
                return Err(format!(
                    "{}.{}: known field of unsupported type {other:?}",
                    schema.name, field.name
                ));
            }
        };
        let _ = writeln!(
            code,
            "{} {:?}: {ty} = {:?},",
            if field.required { "required" } else { "optional" },
            field.name,
            field.description
        );
    }
    let item = format!(
        "{}pub struct {} {{\n{}}}\n",
        doc(&with_none(&schema.description)),
        schema.name,
        indented(&code)
    );
    let _ = writeln!(text, "raw_object! {{\n{}}}\n", indented(&item));
    Ok(())
}

fn open_enum(text: &mut String, schema: &Schema, values: &[String]) {
    let mut variants = String::new();
    for value in values {
        let _ = writeln!(variants, "/// `{value}`.\n{} = {value:?},", pascal(value));
    }
    let item = format!(
        "{}pub enum {} {{\n{}}}\n",
        doc(&with_none(&schema.description)),
        schema.name,
        indented(&variants)
    );
    let _ = writeln!(text, "open_enum! {{\n{}}}\n", indented(&item));
}

fn object_union(
    text: &mut String,
    model: &Model,
    schema: &Schema,
    discriminator: Option<&str>,
    variants: &[ObjectVariant],
) {
    let mut rows = String::new();
    for variant in variants {
        let object = model.schema(&variant.schema);
        let selected_by = match &variant.tag {
            Some(tag) => format!("has_value({:?}, {tag:?})", discriminator.unwrap_or_default()),
            None => {
                let Kind::Object { fields } = &object.kind else {
                    unreachable!("the reader only accepts objects as variants");
                };
                let required = fields.iter().filter(|field| field.required);
                let names: Vec<&str> = required.map(|field| field.name.as_str()).collect();
                format!("has_all(&{names:?})")
            }
        };
        let _ = writeln!(
            rows,
            "{}{}({}) if {selected_by},",
            doc(&with_none(&object.description)),
            pascal(&variant.name),
            variant.schema
        );
    }
    let eq = if is_eq(model, &Type::Named(schema.name.clone())) { ", Eq" } else { "" };
    let item = format!(
        "{}#[derive(Clone, Debug, PartialEq{eq})]\npub enum {} {{\n{}}}\n",
        doc(&with_none(&schema.description)),
        schema.name,
        indented(&rows)
    );
    let _ = writeln!(text, "object_union! {{\n{}}}\n", indented(&item));
}

fn union(text: &mut String, schema: &Schema, variants: &[Type]) -> Result<(), String> {
    let _ = writeln!(
        text,
        "{}#[derive(Clone, Debug, PartialEq{}, Serialize, Deserialize)]\n\
         #[cfg_attr(feature = \"schemars\", derive(schemars::JsonSchema))]\n#[serde(untagged)]\npub enum {} {{",
        doc(&with_none(&schema.description)),
        if variants.contains(&Type::Number) { "" } else { ", Eq" },
        schema.name
    );
    let mut first = None;
    for variant in variants {
        let (name, what) = match variant {
            Type::String => ("String", "A string."),
            Type::Number => ("Number", "A number."),
            Type::Boolean => ("Boolean", "A boolean."),
            other => {
                return Err(format!("{}: variant of unsupported type {other:?}", schema.name));
            }
        };
        let _ = writeln!(text, "/// {what}\n{name}({}),", value_type(variant));
        first.get_or_insert(name);
    }
    text.push_str("}\n\n");
    if let Some(first) = first {
        let _ = writeln!(
            text,
            "impl crate::empty::Empty for {0} {{\nfn empty() -> Self {{\n\
             {0}::{first}(crate::empty::Empty::empty())\n}}\n}}\n",
            schema.name
        );
    }
    Ok(())
}
