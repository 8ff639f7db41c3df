//! The classes of responses, and the values of open enums, in JavaScript.

use std::fmt::Write;

use super::spelling::{
    base, camel, class, doc, is_late, is_model, is_raw, may_be_null, public_schemas, repeated,
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
    let made: Vec<&str> = ["parsed", "textOf", "timeOf"]
        .into_iter()
        .filter(|name| items.contains(&format!("{name}(this.#response")))
        .collect();
    if !made.is_empty() {
        let _ = writeln!(text, "const {{ {} }} = require(\"../late.js\");", made.join(", "));
    }
    if items.contains(" extends Task {") {
        text.push_str("const { Task } = require(\"../task.js\");\n");
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
    let is_late = |field: &Field| is_late(model, fields, field);
    let late: Vec<&Field> = fields.iter().filter(|field| is_late(field)).collect();

    let mut text = doc("", &schema.description);
    let _ = writeln!(text, "class {} extends {} {{", class(&schema.name)?, base(model, schema));
    if !late.is_empty() {
        text.push_str("  #response;\n  #at;\n  #seen;\n\n");
    }
    text.push_str("  constructor(reader) {\n    super(reader);\n");
    for (field, repeated) in fields.iter().zip(repeated(model, fields)) {
        if is_late(field) {
            continue;
        }
        let value = match repeated {
            Some(number) => format!("reader.repeated({number})"),
            None => read(model, &field.ty)?,
        };
        let value = match may_be_null(field) {
            true => format!("reader.present() ? {value} : null"),
            false => value,
        };
        let _ = writeln!(text, "    this.{} = {value};", camel(&field.name));
    }
    if !late.is_empty() {
        let _ = write!(
            text,
            "    this.#response = reader.response;\n    this.#at = reader.pass({});\n",
            2 * late.len()
        );
    }
    text.push_str("  }\n\n");
    for (index, field) in late.into_iter().enumerate() {
        text.push_str(&late_getters(field, 2 * index));
    }
    text.push_str("  toJSON() {\n    return {\n");
    for field in fields {
        let _ = writeln!(text, "      {}: {},", field.name, write(model, field));
    }
    text.push_str("      ...this.extra,\n    };\n  }\n}\n\n");
    Ok(text)
}

/// The getters of a member that is made when somebody looks, and then stays the same object: of a time, or of a raw object and
/// its text. Until then the two numbers that it is made of are all there is.
fn late_getters(field: &Field, offset: usize) -> String {
    let name = camel(&field.name);
    let place = match offset {
        0 => "this.#response, this.#at".to_owned(),
        _ => format!("this.#response, this.#at + {offset}"),
    };
    let getter =
        |name: &str, value: &str| format!("  get {name}() {{\n    return {value};\n  }}\n\n");
    let kept = |make: &str| format!("((this.#seen ??= {{}}).{name} ??= {make}({place}))");
    match field.ty {
        Type::DateTime => getter(&name, &kept("timeOf")),
        _ => {
            getter(&name, &kept("parsed"))
                + &getter(&format!("{name}Text"), &format!("textOf({place})"))
        }
    }
}

/// What reads a value that is there.
fn read(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "reader.text()".to_owned(),
        Type::DateTime => "reader.time()".to_owned(),
        Type::Integer | Type::Number => "reader.number()".to_owned(),
        Type::Boolean => "reader.boolean()".to_owned(),
        Type::FreeObject => "reader.raw()".to_owned(),
        Type::Binary => return Err("bytes cannot be part of a JSON response".to_owned()),
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
