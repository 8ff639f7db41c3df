//! The JavaScript classes of responses, and the values of open enums.

use std::fmt::Write;

use super::spelling::{
    WIDTH, base, class, constant, doc, is_json, is_lazy, is_model, is_raw, list, may_be_null,
    property, public_schemas, read_schemas, repeated_slots, snake,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Role, Schema, Type};

/// Properties that every model has.
const RESERVED: [&str; 3] = ["extra", "toJSON", "constructor"];

/// Emits `models.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in read_schemas(model) {
        match &schema.kind {
            Kind::Object { fields } => items.push_str(&model_class(model, schema, fields)?),
            Kind::ObjectUnion { .. } | Kind::Union { .. } => {
                items.push_str(&union_decoder(model, schema)?);
            }
            Kind::OpenEnum { .. } | Kind::FreeObject { .. } => {}
        }
        items.push_str(&enum_values(schema)?);
    }
    for schema in public_schemas(model) {
        if !read_schemas(model).iter().any(|read| read.name == schema.name) {
            items.push_str(&enum_values(schema)?);
        }
    }

    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\n");
    text.push_str(&imports(&items, "", &["Model", "hide"], "../model.js"));
    text.push_str(&imports(
        &items,
        "",
        &["LazyModel", "jsonProperty", "receivedText", "setOffset", "timestampProperty"],
        "../lazy.js",
    ));
    text.push_str(&imports(&items, " extends ", &["Task"], "../task.js"));
    text.push_str(&imports(&items, "new ", &["UnknownVariant"], "../unknown-variant.js"));
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

/// Emits the import of those names that the items use, with the given text before them.
fn imports(items: &str, before: &str, names: &[&str], file: &str) -> String {
    let is_used = |name: &&&str| {
        ["(", " ", ";", "{"].iter().any(|after| items.contains(&format!("{before}{name}{after}")))
    };
    let used: Vec<String> = names.iter().filter(is_used).map(|name| (*name).to_owned()).collect();
    match used.is_empty() {
        true => String::new(),
        false => list("const {", &used, &format!("}} = require({file:?});")),
    }
}

/// Returns the exports of `models.js`.
pub fn names(model: &Model) -> Result<Vec<String>, String> {
    let read = read_schemas(model);
    public_schemas(model)
        .into_iter()
        .filter(|schema| match schema.kind {
            Kind::Object { .. } => read.iter().any(|read| read.name == schema.name),
            Kind::OpenEnum { .. } => true,
            _ => false,
        })
        .map(|schema| class(&schema.name).map(Into::into))
        .collect()
}

/// Emits the values of an open enum.
fn enum_values(schema: &Schema) -> Result<String, String> {
    let Kind::OpenEnum { values } = &schema.kind else { return Ok(String::new()) };
    let mut text = doc("", &schema.description);
    let _ = writeln!(text, "const {} = Object.freeze({{", class(&schema.name)?);
    for value in values {
        let _ = writeln!(text, "  {value}: {value:?},");
    }
    text.push_str("});\n\n");
    Ok(text)
}

fn model_class(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    if let Some(field) = fields.iter().find(|field| RESERVED.contains(&property(field).as_str())) {
        return Err(format!(
            "{}.{}: the name is reserved: every model in Node has a property `{}`",
            schema.name,
            field.name,
            property(field)
        ));
    }
    let name = class(&schema.name)?;
    let is_lazy = |field: &Field| is_lazy(model, schema, field);
    let lazy: Vec<&Field> = fields.iter().filter(|field| is_lazy(field)).collect();

    let mut text = String::new();
    let layout = constant(&snake(&schema.name));
    let base = if lazy.is_empty() {
        base(model, schema)
    } else {
        text.push_str(&lazy_properties(name, &layout, &lazy));
        "LazyModel"
    };
    text.push_str(&doc("", &schema.description));
    let _ = writeln!(text, "class {name} extends {base} {{");
    let layout_argument = if lazy.is_empty() { String::new() } else { format!(", {layout}") };
    let _ = write!(text, "  constructor(decoder) {{\n    super(decoder{layout_argument});\n");
    for (field, slot) in fields.iter().zip(repeated_slots(model, schema)) {
        let name = property(field);
        if is_lazy(field) {
            let _ = writeln!(text, "    defineProperty(this, {name:?}, {layout}.{name});");
            continue;
        }
        let value = match slot {
            Some(slot) => format!("decoder.repeated({slot})"),
            None => decode(model, &field.ty)?,
        };
        let value = match may_be_null(schema, field) {
            true => or_null(&value),
            false => value,
        };
        text.push_str(&assignment(&name, &value));
    }
    if !lazy.is_empty() {
        let _ = writeln!(text, "    setOffset(this, decoder.skipNumbers({}));", 2 * lazy.len());
    }
    text.push_str("  }\n\n");
    for (index, field) in lazy.into_iter().enumerate() {
        if is_raw(model, &field.ty) {
            let _ = writeln!(
                text,
                "  get {}Text() {{\n    return receivedText(this, {index});\n  }}\n",
                property(field)
            );
        }
    }
    text.push_str("  toJSON() {\n    return {\n");
    for field in fields {
        let _ = writeln!(text, "      {}: {},", field.name, to_json(model, schema, field));
    }
    text.push_str("      ...this.extra,\n    };\n  }\n}\n\n");
    let is_private = |ty: &Type| match ty {
        Type::Array(items) => is_json(model, items),
        ty => is_json(model, ty),
    };
    let hidden: Vec<String> = fields
        .iter()
        .filter(|field| field.secret || is_private(&field.ty))
        .map(|field| format!("{:?}", property(field)))
        .collect();
    if !hidden.is_empty() {
        text.push_str(&list(&format!("hide({name}, ["), &hidden, "]);"));
        text.push('\n');
    }
    Ok(text)
}

/// Emits the descriptors of lazy properties: timestamps and JSON, which are created from two numbers on first access. They are
/// defined on each instance, so that a copy of the object has them.
fn lazy_properties(class: &str, layout: &str, lazy: &[&Field]) -> String {
    let mut text = doc("", &format!("The lazy properties of {{@link {class}}}."));
    let _ = writeln!(text, "const {layout} = {{");
    for (index, field) in lazy.iter().enumerate() {
        let kind = if field.ty == Type::DateTime { "timestampProperty" } else { "jsonProperty" };
        let _ = writeln!(text, "  {}: {kind}({index}),", property(field));
    }
    text.push_str("};\n\n");
    text
}

/// Emits the expression that decodes an optional value.
fn or_null(value: &str) -> String {
    format!("decoder.isPresent() ? {value} : null")
}

/// Emits the expression that decodes a value.
fn decode(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "decoder.string()".to_owned(),
        Type::DateTime => "decoder.timestamp()".to_owned(),
        Type::Integer | Type::Number => "decoder.number()".to_owned(),
        Type::Boolean => "decoder.boolean()".to_owned(),
        Type::FreeObject | Type::Json | Type::Map(_) => "decoder.json().value".to_owned(),
        Type::Binary => return Err("binary data cannot be part of a JSON response".to_owned()),
        Type::Nullable(value) => or_null(&decode(model, value)?),
        Type::Array(items) => {
            format!("decoder.array(() => {})", parenthesized(&decode(model, items)?))
        }
        Type::Named(name) => match &model.schema(name).kind {
            Kind::Object { .. } => format!("new {}(decoder)", class(name)?),
            Kind::FreeObject { .. } => "decoder.json().value".to_owned(),
            Kind::OpenEnum { .. } => "decoder.string()".to_owned(),
            Kind::ObjectUnion { .. } | Kind::Union { .. } => format!("{}(decoder)", decoder(name)?),
        },
    })
}

/// Returns the name of the function that decodes a union.
fn decoder(name: &str) -> Result<String, String> {
    Ok(format!("decode{}", class(name)?))
}

/// Emits the function that decodes a union.
fn union_decoder(model: &Model, schema: &Schema) -> Result<String, String> {
    let mut decoders = Vec::new();
    match &schema.kind {
        Kind::ObjectUnion { discriminator, variants } => {
            for variant in variants {
                decoders.push(format!("new {}(decoder)", class(&variant.schema)?));
            }
            let discriminator = discriminator.iter().map(|name| format!(", {name:?}"));
            let discriminator: String = discriminator.collect();
            decoders.push(format!("new UnknownVariant(decoder.json(){discriminator})"));
        }
        Kind::Union { variants } => {
            for variant in variants {
                decoders.push(self::decode(model, variant)?);
            }
        }
        _ => unreachable!("only unions have a decoder"),
    }
    let lines: Vec<String> =
        decoders.iter().map(|decoder| format!("    () => {decoder},\n")).collect();
    Ok(format!(
        "{}function {}(decoder) {{\n  return decoder.union(\n{}  );\n}}\n\n",
        doc("", &schema.description),
        decoder(&schema.name)?,
        lines.concat()
    ))
}

/// Emits an assignment to a property, formatted as prettier does.
fn assignment(name: &str, value: &str) -> String {
    let line = format!("    this.{name} = {value};\n");
    if line.len() <= WIDTH + 1 {
        return line;
    }
    match value.strip_suffix(" : null").and_then(|value| value.split_once(" ? ")) {
        Some((condition, value)) => {
            format!("    this.{name} = {condition}\n      ? {value}\n      : null;\n")
        }
        None => format!("    this.{name} =\n      {value};\n"),
    }
}

/// Puts a conditional expression in parentheses, as prettier does in the body of an arrow function.
fn parenthesized(value: &str) -> String {
    if value.contains(" ? ") { format!("({value})") } else { value.to_owned() }
}

/// Emits the expression that converts a property for `toJSON`. Optional fields that requests contain are omitted.
fn to_json(model: &Model, schema: &Schema, field: &Field) -> String {
    let value = format!("this.{}", property(field));
    let absent = match schema.role != Role::Response && !field.required {
        true => "",
        false => " ?? null",
    };
    let convert = |call: &str| match may_be_null(schema, field) {
        true => format!("{value}?.{call}{absent}"),
        false => format!("{value}.{call}"),
    };
    match &field.ty {
        Type::DateTime => convert("toJSON()"),
        ty if is_model(model, ty) => convert("toJSON()"),
        Type::Array(items) if **items == Type::DateTime || is_model(model, items) => {
            convert("map((item) => item.toJSON())")
        }
        _ if absent.is_empty() => format!("{value} ?? undefined"),
        _ => value,
    }
}
