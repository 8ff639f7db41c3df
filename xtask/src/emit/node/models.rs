//! The JavaScript classes of responses, and the values of open enums.

use std::fmt::Write;

use super::spelling::{
    base, camel, class, constant, doc, is_lazy, is_model, is_raw, list, may_be_null,
    public_schemas, repeated_slots, snake,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Schema, Type};

/// Properties that every model has.
const RESERVED: [&str; 3] = ["extra", "toJSON", "constructor"];

/// Emits `models.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in public_schemas(model) {
        match &schema.kind {
            Kind::Object { fields } => items.push_str(&model_class(model, schema, fields)?),
            Kind::OpenEnum { values } => items.push_str(&open_enum(schema, values)?),
            // Free-form objects are plain objects, and unions consist of scalars.
            Kind::FreeObject { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => {}
        }
    }

    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\nconst { Model } = require(\"../model.js\");\n");
    let lazy: Vec<String> =
        ["LazyModel", "jsonProperty", "receivedText", "setOffset", "timestampProperty"]
            .into_iter()
            .filter(|name| items.contains(name))
            .map(str::to_owned)
            .collect();
    if !lazy.is_empty() {
        text.push_str(&list("const {", &lazy, "} = require(\"../lazy.js\");"));
    }
    if items.contains(" extends Task {") {
        text.push_str("const { Task } = require(\"../task.js\");\n");
    }
    if items.contains(" defineProperty(") {
        text.push_str("\nconst { defineProperty } = Object;\n");
    }
    text.push('\n');
    text.push_str(&items);
    text.push_str("module.exports = {\n");
    for name in names(model)? {
        let _ = writeln!(text, "  {name},");
    }
    text.push_str("};\n");
    Ok(text)
}

/// Returns the exports of `models.js`.
pub fn names(model: &Model) -> Result<Vec<String>, String> {
    public_schemas(model)
        .into_iter()
        .filter(|schema| matches!(schema.kind, Kind::Object { .. } | Kind::OpenEnum { .. }))
        .map(|schema| class(&schema.name).map(Into::into))
        .collect()
}

fn open_enum(schema: &Schema, values: &[String]) -> Result<String, String> {
    let mut text = doc("", &schema.description);
    let _ = writeln!(text, "const {} = Object.freeze({{", class(&schema.name)?);
    for value in values {
        let _ = writeln!(text, "  {value}: {value:?},");
    }
    text.push_str("});\n\n");
    Ok(text)
}

fn model_class(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    if let Some(field) = fields.iter().find(|field| RESERVED.contains(&camel(&field.name).as_str()))
    {
        return Err(format!(
            "{}.{}: the name is reserved: every model in Node has a property `{}`",
            schema.name,
            field.name,
            camel(&field.name)
        ));
    }
    let is_lazy = |field: &Field| is_lazy(model, fields, field);
    let lazy: Vec<&Field> = fields.iter().filter(|field| is_lazy(field)).collect();

    let mut text = String::new();
    let layout = constant(&snake(&schema.name));
    let base = if lazy.is_empty() {
        base(model, schema)
    } else {
        text.push_str(&lazy_properties(class(&schema.name)?, &layout, &lazy));
        "LazyModel"
    };
    text.push_str(&doc("", &schema.description));
    let _ = writeln!(text, "class {} extends {base} {{", class(&schema.name)?);
    let layout_argument = if lazy.is_empty() { String::new() } else { format!(", {layout}") };
    let _ = write!(text, "  constructor(decoder) {{\n    super(decoder{layout_argument});\n");
    for (field, slot) in fields.iter().zip(repeated_slots(model, fields)) {
        let name = camel(&field.name);
        if is_lazy(field) {
            let _ = writeln!(text, "    defineProperty(this, {name:?}, {layout}.{name});");
            continue;
        }
        let value = match slot {
            Some(slot) => format!("decoder.repeated({slot})"),
            None => decode(model, &field.ty)?,
        };
        let value = match may_be_null(field) {
            true => format!("decoder.isPresent() ? {value} : null"),
            false => value,
        };
        let _ = writeln!(text, "    this.{name} = {value};");
    }
    if !lazy.is_empty() {
        let _ = writeln!(text, "    setOffset(this, decoder.skipNumbers({}));", 2 * lazy.len());
    }
    text.push_str("  }\n\n");
    for (index, field) in lazy.into_iter().enumerate() {
        if field.ty != Type::DateTime {
            let _ = writeln!(
                text,
                "  get {}Text() {{\n    return receivedText(this, {index});\n  }}\n",
                camel(&field.name)
            );
        }
    }
    text.push_str("  toJSON() {\n    return {\n");
    for field in fields {
        let _ = writeln!(text, "      {}: {},", field.name, to_json(model, field));
    }
    text.push_str("      ...this.extra,\n    };\n  }\n}\n\n");
    Ok(text)
}

/// Emits the descriptors of lazy properties: timestamps and raw JSON objects, which are created from two numbers on first access.
/// They are defined on each instance, so that a copy of the object has them.
fn lazy_properties(class: &str, layout: &str, lazy: &[&Field]) -> String {
    let mut text = doc("", &format!("The lazy properties of {{@link {class}}}."));
    let _ = writeln!(text, "const {layout} = {{");
    for (index, field) in lazy.iter().enumerate() {
        let kind = if field.ty == Type::DateTime { "timestampProperty" } else { "jsonProperty" };
        let _ = writeln!(text, "  {}: {kind}({index}),", camel(&field.name));
    }
    text.push_str("};\n\n");
    text
}

/// Emits the expression that decodes a value.
fn decode(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "decoder.string()".to_owned(),
        Type::DateTime => "decoder.timestamp()".to_owned(),
        Type::Integer | Type::Number => "decoder.number()".to_owned(),
        Type::Boolean => "decoder.boolean()".to_owned(),
        Type::FreeObject => "decoder.json()".to_owned(),
        Type::Binary => return Err("binary data cannot be part of a JSON response".to_owned()),
        Type::Json | Type::Map(_) | Type::Nullable(_) => {
            return Err(format!("Node.js responses cannot contain {ty:?}"));
        }
        Type::Array(items) => {
            let value = if is_raw(model, items) { ".value" } else { "" };
            format!("decoder.array(() => {}{value})", decode(model, items)?)
        }
        Type::Named(name) => match &model.schema(name).kind {
            Kind::Object { .. } => format!("new {}(decoder)", class(name)?),
            Kind::FreeObject { .. } => "decoder.json()".to_owned(),
            Kind::OpenEnum { .. } => "decoder.string()".to_owned(),
            Kind::ObjectUnion { .. } => {
                return Err(format!("{name}: unions of objects are not supported in Node.js"));
            }
            Kind::Union { variants } => {
                let mut decoders = String::new();
                for variant in variants {
                    let _ = writeln!(decoders, "      () => {},", decode(model, variant)?);
                }
                format!("decoder.union(\n{decoders}    )")
            }
        },
    })
}

/// Emits the expression that converts a property for `toJSON`.
fn to_json(model: &Model, field: &Field) -> String {
    let property = format!("this.{}", camel(&field.name));
    let convert = |call: &str| match may_be_null(field) {
        true => format!("{property}?.{call} ?? null"),
        false => format!("{property}.{call}"),
    };
    match &field.ty {
        Type::DateTime => convert("toJSON()"),
        ty if is_model(model, ty) => convert("toJSON()"),
        Type::Array(items) if **items == Type::DateTime || is_model(model, items) => {
            convert("map((item) => item.toJSON())")
        }
        _ => property,
    }
}
