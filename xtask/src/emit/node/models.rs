//! The classes of replies, and the values of open enums, in JavaScript.

use std::fmt::Write;

use super::spelling::{
    base, camel, class, doc, is_held_by_the_thousand, is_model, is_raw, may_be_null,
    public_schemas, repeated,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Schema, Type};

/// Members every model has, whatever the document says.
const TAKEN: [&str; 3] = ["extra", "toJSON", "constructor"];

/// Emits `models.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in public_schemas(model) {
        match &schema.kind {
            Kind::Object { fields } => items.push_str(&model_class(model, schema, fields)?),
            Kind::OpenEnum { values } => items.push_str(&open_enum(schema, values)?),
            // Objects with free members are plain objects, and a union is one of its scalars.
            Kind::FreeObject { .. } | Kind::Union { .. } => {}
        }
    }

    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\nconst { Model } = require(\"../model.js\");\n");
    if items.contains("parsed(") {
        text.push_str("const { parsed, textOf } = require(\"../raw.js\");\n");
    }
    if items.contains(" extends Task {") {
        text.push_str("const { Task } = require(\"../task.js\");\n");
    }
    if items.contains("Timestamp.at(") {
        text.push_str("const { Timestamp } = require(\"../timestamp.js\");\n");
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

/// What `models.js` exports.
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
    if let Some(field) = fields.iter().find(|field| TAKEN.contains(&camel(&field.name).as_str())) {
        return Err(format!(
            "{}.{}: every model in Node has a member of that name already",
            schema.name, field.name
        ));
    }
    let is_raw = |field: &Field| is_raw(model, &field.ty);
    let holds_raw = is_held_by_the_thousand(model, fields);
    // A Date takes ten times the room of a number.
    let is_late = |field: &Field| is_raw(field) || holds_raw && field.ty == Type::DateTime;
    let late: Vec<&Field> = fields.iter().filter(|field| is_late(field)).collect();

    let mut text = doc("", &schema.description);
    let _ = writeln!(text, "class {} extends {} {{", class(&schema.name)?, base(model, schema));
    if holds_raw {
        text.push_str("  #raw;\n");
    }
    for field in &late {
        let name = camel(&field.name);
        let _ = writeln!(text, "  #{name};");
        if is_raw(field) {
            let _ = write!(text, "  #{name}At;\n  #{name}End;\n");
        }
    }
    if !late.is_empty() {
        text.push('\n');
    }
    text.push_str("  constructor(reader) {\n    super(reader);\n");
    if holds_raw {
        text.push_str("    this.#raw = reader.bytes;\n");
    }
    for (field, repeated) in fields.iter().zip(repeated(model, fields)) {
        if is_raw(field) {
            text.push_str(&raw_place(field));
            continue;
        }
        let private = if is_late(field) { "#" } else { "" };
        let value = match repeated {
            Some(number) => format!("reader.repeated({number})"),
            None if is_late(field) => "reader.instant()".to_owned(),
            None => read(model, &field.ty)?,
        };
        let value = match may_be_null(field) {
            true => format!("reader.present() ? {value} : null"),
            false => value,
        };
        let _ = writeln!(text, "    this.{private}{} = {value};", camel(&field.name));
    }
    text.push_str("  }\n\n");
    for field in late {
        text.push_str(&if is_raw(field) { raw_getters(field) } else { time_getter(field) });
    }
    text.push_str("  toJSON() {\n    return {\n");
    for field in fields {
        let _ = writeln!(text, "      {}: {},", field.name, write(model, field));
    }
    text.push_str("      ...this.extra,\n    };\n  }\n}\n\n");
    Ok(text)
}

/// Notes where the text of a raw object begins and ends. An object that knew it would take more room than the two numbers.
fn raw_place(field: &Field) -> String {
    let name = camel(&field.name);
    let absent = match may_be_null(field) {
        true => format!("    this.#{name} = reader.present() ? undefined : null;\n"),
        false => String::new(),
    };
    let end = match may_be_null(field) {
        true => format!("this.#{name} === null ? reader.rawAt : reader.rawEnd()"),
        false => "reader.rawEnd()".to_owned(),
    };
    format!("{absent}    this.#{name}At = reader.rawAt;\n    this.#{name}End = {end};\n")
}

/// The getter of a raw object, which is parsed when somebody looks, and the one of its text.
fn raw_getters(field: &Field) -> String {
    let name = camel(&field.name);
    let place = format!("this.#raw, this.#{name}At, this.#{name}End");
    let (value, text) = match may_be_null(field) {
        true => (
            format!(
                "if (this.#{name} === undefined) this.#{name} = parsed({place});\n    return this.#{name};"
            ),
            format!("return this.#{name}At === this.#{name}End ? null : textOf({place});"),
        ),
        false => (
            format!("return (this.#{name} ??= parsed({place}));"),
            format!("return textOf({place});"),
        ),
    };
    format!("  get {name}() {{\n    {value}\n  }}\n\n  get {name}Text() {{\n    {text}\n  }}\n\n")
}

/// The getter of a time, which becomes an object when somebody looks, and stays the same one.
fn time_getter(field: &Field) -> String {
    let name = camel(&field.name);
    format!("  get {name}() {{\n    return (this.#{name} = Timestamp.at(this.#{name}));\n  }}\n\n")
}

/// What reads a value that is there.
fn read(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "reader.text()".to_owned(),
        Type::DateTime => "reader.time()".to_owned(),
        Type::Integer | Type::Number => "reader.number()".to_owned(),
        Type::Boolean => "reader.boolean()".to_owned(),
        Type::FreeObject => "reader.raw()".to_owned(),
        Type::Binary => return Err("bytes cannot be part of a JSON reply".to_owned()),
        Type::Array(items) => {
            let value = if is_raw(model, items) { ".value" } else { "" };
            format!("reader.list(() => {}{value})", read(model, items)?)
        }
        Type::Named(name) => match &model.schema(name).kind {
            Kind::Object { .. } => format!("new {}(reader)", class(name)?),
            Kind::FreeObject { .. } => "reader.raw()".to_owned(),
            Kind::OpenEnum { .. } => "reader.text()".to_owned(),
            Kind::Union { variants } => {
                let mut readers = String::new();
                for variant in variants {
                    let _ = writeln!(readers, "      () => {},", read(model, variant)?);
                }
                format!("reader.variant(\n{readers}    )")
            }
        },
    })
}

/// What makes the wire's form of a member.
fn write(model: &Model, field: &Field) -> String {
    let member = format!("this.{}", camel(&field.name));
    let convert = |call: &str| match may_be_null(field) {
        true => format!("{member}?.{call} ?? null"),
        false => format!("{member}.{call}"),
    };
    match &field.ty {
        Type::DateTime => convert("toJSON()"),
        ty if is_model(model, ty) => convert("toJSON()"),
        Type::Array(items) if **items == Type::DateTime || is_model(model, items) => {
            convert("map((item) => item.toJSON())")
        }
        _ => member,
    }
}
