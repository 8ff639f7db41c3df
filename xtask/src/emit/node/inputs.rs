//! The JavaScript converters of nested arguments to the JSON of the wire format.

use std::fmt::Write;

use super::spelling::{class, constant, doc, list, property, snake, written_schemas};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, ObjectVariant, Schema, Type};

/// Emits `inputs.js`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    let mut names = Vec::new();
    let mut used = Vec::new();
    for schema in written_schemas(model) {
        let text = match &schema.kind {
            Kind::Object { fields } => object(model, schema, fields, &names, &mut used)?,
            Kind::ObjectUnion { discriminator, variants } => {
                union(schema, discriminator.as_deref(), variants, &mut used)
            }
            Kind::FreeObject { .. } | Kind::OpenEnum { .. } | Kind::Union { .. } => continue,
        };
        names.push(name(schema));
        items.push_str(&doc("", &schema.description));
        items.push_str(&text);
        items.push('\n');
    }
    let mut text = preamble("//");
    text.push_str("\n\"use strict\";\n\n");
    for (file, combinators) in
        [("../arguments.js", ARGUMENTS.as_slice()), ("../input.js", COMBINATORS.as_slice())]
    {
        let names: Vec<String> = combinators
            .iter()
            .filter(|name| used.contains(*name))
            .map(|name| (*name).to_owned())
            .collect();
        if !names.is_empty() {
            text.push_str(&list("const {", &names, &format!("}} = require({file:?});")));
        }
    }
    let _ = write!(text, "\n{items}");
    text.push_str(&list("module.exports = {", &names, "};"));
    Ok(text)
}

/// The validators of `arguments.js` that converters use.
const ARGUMENTS: [&str; 6] = ["boolean", "integer", "json", "number", "string", "timestamp"];

/// The combinators of `input.js`.
const COMBINATORS: [&str; 9] = [
    "anyJson",
    "array",
    "constant",
    "nullable",
    "object",
    "omittable",
    "scalar",
    "tagged",
    "untagged",
];

/// Returns the name of the converter of an object or a union.
pub fn name(schema: &Schema) -> String {
    constant(&snake(&schema.name))
}

fn object(
    model: &Model,
    schema: &Schema,
    fields: &[Field],
    declared: &[String],
    used: &mut Vec<&'static str>,
) -> Result<String, String> {
    class(&schema.name)?;
    used.push("object");
    let mut lines = String::new();
    for field in fields {
        let mut convert = match field.constant() {
            Some(value) => {
                used.push("constant");
                format!("constant({value:?})")
            }
            None => converter(model, &field.ty, declared, used)
                .map_err(|problem| format!("{}.{}: {problem}", schema.name, field.name))?,
        };
        if field.required && field.nullable {
            used.push("nullable");
            convert = format!("nullable({convert})");
        } else if !field.required {
            used.push("omittable");
            convert = format!("omittable({convert})");
        }
        let _ = writeln!(lines, "  {}: [{:?}, {convert}],", property(field), field.name);
    }
    Ok(format!("const {} = object({{\n{lines}}});\n", name(schema)))
}

/// Emits the converter of a union. The variants may be declared later.
fn union(
    schema: &Schema,
    discriminator: Option<&str>,
    variants: &[ObjectVariant],
    used: &mut Vec<&'static str>,
) -> String {
    let name = name(schema);
    let mut converters = variants.iter().map(|variant| constant(&snake(&variant.schema)));
    match discriminator {
        None => {
            used.push("untagged");
            let converters: Vec<String> = converters.collect();
            format!("const {name} = untagged(() => [{}]);\n", converters.join(", "))
        }
        Some(discriminator) => {
            used.push("tagged");
            let lines: Vec<String> = variants
                .iter()
                .filter_map(|variant| {
                    let tag = variant.tag.as_deref()?;
                    Some(format!("  {tag}: {},\n", converters.next()?))
                })
                .collect();
            format!("const {name} = tagged({discriminator:?}, () => ({{\n{}}}));\n", lines.concat())
        }
    }
}

/// Emits the expression for the converter of a type. Converters that are not declared yet are looked up when they are called.
pub fn converter(
    model: &Model,
    ty: &Type,
    declared: &[String],
    used: &mut Vec<&'static str>,
) -> Result<String, String> {
    let mut scalar = |validator: &'static str| {
        used.extend(["scalar", validator]);
        Ok(format!("scalar({validator})"))
    };
    match ty {
        Type::String | Type::Uuid => scalar("string"),
        Type::DateTime => scalar("timestamp"),
        Type::Integer => scalar("integer"),
        Type::Number => scalar("number"),
        Type::Boolean => scalar("boolean"),
        Type::FreeObject => {
            used.push("json");
            Ok("json".to_owned())
        }
        Type::Json => {
            used.push("anyJson");
            Ok("anyJson".to_owned())
        }
        Type::Array(items) => {
            used.push("array");
            Ok(format!("array({})", converter(model, items, declared, used)?))
        }
        Type::Nullable(value) => {
            used.push("nullable");
            Ok(format!("nullable({})", converter(model, value, declared, used)?))
        }
        Type::Named(name) => match &model.schema(name).kind {
            Kind::OpenEnum { .. } => scalar("string"),
            Kind::FreeObject { .. } => {
                used.push("json");
                Ok("json".to_owned())
            }
            Kind::Object { .. } | Kind::ObjectUnion { .. } => {
                let name = self::name(model.schema(name));
                Ok(match declared.contains(&name) {
                    true => name,
                    false => format!("(value) => {name}(value)"),
                })
            }
            Kind::Union { .. } => {
                Err("arguments cannot contain unions of scalars in Node".to_owned())
            }
        },
        Type::Map(_) | Type::Binary => Err(format!("arguments cannot contain {ty:?} in Node")),
    }
}
