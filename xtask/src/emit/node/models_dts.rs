//! The TypeScript declarations of response classes, open enums and free-form objects.

use std::fmt::Write;

use super::spelling::{
    WIDTH, base, class, doc, is_raw, may_be_null, pascal, property, public_schemas, read_schemas,
    union,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, ObjectVariant, Schema, Type};

/// Emits `models.d.ts`.
pub fn emit(model: &Model) -> Result<String, String> {
    let read = read_schemas(model);
    let mut items = String::new();
    for schema in public_schemas(model) {
        let name = class(&schema.name)?;
        let is_read = read.iter().any(|read| read.name == schema.name);
        match &schema.kind {
            Kind::Object { fields } if is_read => {
                items.push_str(&model_class(model, schema, name, fields)?);
            }
            Kind::OpenEnum { values } => items.push_str(&open_enum(schema, name, values)),
            Kind::FreeObject { known } => items.push_str(&free_object(model, schema, name, known)?),
            Kind::ObjectUnion { discriminator, variants } if is_read => {
                items.push_str(&doc("", &object_union_doc(schema, discriminator.as_deref())));
                let variants = variant_types(discriminator.as_deref(), variants)?;
                items.push_str(&union(name, &variants));
            }
            // `inputs.d.ts` has their types.
            Kind::Object { .. } | Kind::ObjectUnion { .. } => {}
            Kind::Union { variants } => {
                let variants = variants
                    .iter()
                    .map(|variant| value_type(model, variant))
                    .collect::<Result<Vec<_>, _>>()?;
                items.push_str(&doc("", &schema.description));
                items.push_str(&union(name, &variants));
            }
        }
    }
    let mut text = preamble("//");
    text.push_str("\nimport type { JsonObject, JsonObjectInput, JsonValue, RawJson } from \"../raw-json.js\";\n");
    text.push_str("import { Model } from \"../model.js\";\n");
    if items.contains(" extends Task {") {
        text.push_str("import { Task } from \"../task.js\";\n");
    }
    text.push_str("import type { Timestamp } from \"../timestamp.js\";\n");
    if items.contains("UnknownVariant") {
        text.push_str("import type { UnknownVariant } from \"../unknown-variant.js\";\n");
    }
    text.push('\n');
    text.push_str(items.trim_end());
    text.push('\n');
    Ok(text)
}

fn object_union_doc(schema: &Schema, discriminator: Option<&str>) -> String {
    let recognized = match discriminator {
        Some(name) => format!("whose `{name}` is `UNKNOWN`"),
        None => "whose `isUnknown` is true".to_owned(),
    };
    format!(
        "{} The server may send objects that this version does not know; they are {{@link UnknownVariant}}s, {recognized}.",
        schema.description
    )
}

/// Returns the types of the variants of a union, with that of unknown ones.
fn variant_types(
    discriminator: Option<&str>,
    variants: &[ObjectVariant],
) -> Result<Vec<String>, String> {
    let mut types = variants
        .iter()
        .map(|variant| class(&variant.schema).map(str::to_owned))
        .collect::<Result<Vec<_>, _>>()?;
    types.push(match discriminator {
        Some(name) => format!("(UnknownVariant & {{ readonly {name}: \"UNKNOWN\" }})"),
        None => "UnknownVariant".to_owned(),
    });
    Ok(types)
}

/// Returns the TypeScript type of a value that is not null.
pub fn value_type(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "string".to_owned(),
        Type::DateTime => "Timestamp".to_owned(),
        Type::Integer | Type::Number => "number".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::FreeObject => "JsonObject".to_owned(),
        Type::Json => "JsonValue".to_owned(),
        Type::Binary => "FileInput".to_owned(),
        Type::Named(name) => {
            let _ = model.schema(name);
            class(name)?.to_owned()
        }
        Type::Array(items) => array(&value_type(model, items)?),
        Type::Map(values) => format!("Record<string, {}>", value_type(model, values)?),
        Type::Nullable(value) => format!("{} | null", value_type(model, value)?),
    })
}

/// Returns the type of an array.
pub fn array(items: &str) -> String {
    if items.contains(" | ") { format!("({items})[]") } else { format!("{items}[]") }
}

/// Documentation of type parameters.
const TYPED: &str =
    " The type parameters describe the conversation; they are not validated at run time.";

/// Returns the type parameters of a model and their defaults: one for each field whose type is a named free-form object, also in
/// the models that it contains.
pub fn parameters(model: &Model, schema: &Schema) -> Vec<(String, String)> {
    let Kind::Object { fields } = &schema.kind else { return Vec::new() };
    let mut parameters = Vec::new();
    for field in fields {
        let found = match (parameter(model, field), nested(model, &field.ty)) {
            (Some(own), _) => vec![own],
            (None, Some(schema)) => self::parameters(model, schema),
            (None, None) => Vec::new(),
        };
        for parameter in found {
            if !parameters.contains(&parameter) {
                parameters.push(parameter);
            }
        }
    }
    parameters
}

/// Returns the schema of a model in a field, directly or as the items of an array.
fn nested<'a>(model: &'a Model, ty: &Type) -> Option<&'a Schema> {
    match ty {
        Type::Array(items) => nested(model, items),
        Type::Named(name) => Some(model.schema(name)),
        _ => None,
    }
}

/// Formats the use of type parameters.
pub fn used(parameters: &[(String, String)]) -> String {
    let names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("<{}>", names.join(", ")) }
}

/// Returns the type of a field of a response, with the type parameters of the model.
fn field_type(model: &Model, ty: &Type) -> Result<String, String> {
    match ty {
        Type::Array(items) => Ok(array(&field_type(model, items)?)),
        Type::Named(name) => {
            Ok(value_type(model, ty)? + &used(&parameters(model, model.schema(name))))
        }
        _ => value_type(model, ty),
    }
}

/// Returns the type parameter of a field and its default, if the field's type is a named free-form object. A parameter must not
/// have the name of its own default.
fn parameter(model: &Model, field: &Field) -> Option<(String, String)> {
    let Type::Named(name) = &field.ty else { return None };
    let class = class(name).ok().filter(|_| is_raw(model, &field.ty))?;
    let parameter = pascal(&field.name.to_lowercase());
    let parameter = if parameter == class { format!("T{parameter}") } else { parameter };
    Some((parameter, class.to_owned()))
}

/// Formats the declaration of type parameters.
pub fn declared(parameters: &[(String, String)]) -> String {
    let declared: Vec<String> =
        parameters.iter().map(|(name, default)| format!("{name} = {default}")).collect();
    if declared.is_empty() { String::new() } else { format!("<{}>", declared.join(", ")) }
}

fn model_class(
    model: &Model,
    schema: &Schema,
    name: &str,
    fields: &[Field],
) -> Result<String, String> {
    let parameters = parameters(model, schema);
    let typed = if parameters.is_empty() { "" } else { TYPED };
    let mut text = doc("", &format!("{}{typed}", schema.description));
    let (declared, base) = (declared(&parameters), base(model, schema));
    let head = format!("export class {name}{declared} extends {base} {{\n");
    text.push_str(&match head.len() <= WIDTH + 1 {
        true => head,
        false => {
            let lines = declared[1..declared.len() - 1].replace(", ", ",\n  ");
            format!("export class {name}<\n  {lines},\n> extends {base} {{\n")
        }
    });
    text.push_str("  private constructor();\n");
    for field in fields {
        let property = property(field);
        let null = if may_be_null(schema, field) { " | null" } else { "" };
        let raw = is_raw(model, &field.ty);
        let documentation = if raw {
            format!("{} Parsed on first access. May be edited or replaced.", field.description)
        } else {
            field.description.clone()
        };
        // An edit of a JSON object is what is sent when the model is passed to a call.
        let readonly = if raw { "" } else { "readonly " };
        let _ = writeln!(
            text,
            "\n{}  {readonly}{property}: {}{null};",
            doc("  ", &documentation),
            match (parameter(model, field), field.constant()) {
                (Some((parameter, _)), _) => parameter,
                (None, Some(value)) => format!("{value:?}"),
                (None, None) => field_type(model, &field.ty)?,
            }
        );
        if raw {
            let _ = writeln!(
                text,
                "\n{}  readonly {property}Text: string{null};",
                doc("  ", &format!("The exact JSON text of {{@link {property}}}, as received."))
            );
        }
    }
    text.push_str("}\n\n");
    Ok(text)
}

fn open_enum(schema: &Schema, name: &str, values: &[String]) -> String {
    let documentation = format!(
        "{} The server may send values that this version does not know; they are passed through.",
        schema.description
    );
    let mut text = doc("", &documentation);
    let values_and_more: Vec<String> = values
        .iter()
        .map(|value| format!("{value:?}"))
        .chain(["(string & {})".to_owned()])
        .collect();
    text.push_str(&union(name, &values_and_more));
    text.push_str(&doc("", &format!("The known values of {{@link {name}}}.")));
    let _ = writeln!(text, "export const {name}: {{");
    for value in values {
        let _ = writeln!(text, "  readonly {value}: {value:?};");
    }
    text.push_str("};\n\n");
    text
}

fn free_object(
    model: &Model,
    schema: &Schema,
    name: &str,
    known: &[Field],
) -> Result<String, String> {
    let mut text = doc("", &schema.description);
    let _ = writeln!(text, "export interface {name} {{");
    for field in known {
        let optional = if field.required { "" } else { "?" };
        let property = &field.name;
        let _ = writeln!(
            text,
            "{}  {property}{optional}: {};",
            doc("  ", &field.description),
            value_type(model, &field.ty)?
        );
    }
    // The index signature must allow for optional properties.
    let undefined = if known.iter().all(|field| field.required) { "" } else { " | undefined" };
    let _ = writeln!(text, "  [key: string]: JsonValue{undefined};\n}}\n");
    text.push_str(&doc(
        "",
        &format!("Input for a {{@link {name}}}: an object, or its exact JSON text."),
    ));
    let _ = writeln!(text, "export type {name}Input = RawJson | JsonObjectInput;\n");
    Ok(text)
}
