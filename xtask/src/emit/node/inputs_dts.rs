//! The TypeScript declarations of nested arguments.

use std::fmt::Write;

use super::models_dts::array;
use super::spelling::{
    class, description, doc, input_type, is_request_of_operation, list, pascal, property,
    public_schemas, union, written_schemas,
};
use crate::emit::preamble;
use crate::model::{Field, Kind, Model, Schema, Type};

/// Emits `inputs.d.ts`.
pub fn emit(model: &Model) -> Result<String, String> {
    let mut items = String::new();
    for schema in written_schemas(model) {
        if is_request_of_operation(model, &schema.name) {
            continue;
        }
        match &schema.kind {
            Kind::Object { fields } => items.push_str(&interface(model, schema, fields)?),
            Kind::ObjectUnion { variants, .. } => {
                let variants = variants
                    .iter()
                    .map(|variant| input_type(model, &variant.schema))
                    .collect::<Result<Vec<_>, _>>()?;
                items.push_str(&doc("", &schema.description));
                items.push_str(&union(&input_type(model, &schema.name)?, &variants));
            }
            Kind::FreeObject { .. } | Kind::OpenEnum { .. } | Kind::Union { .. } => {}
        }
    }
    let names_of = |candidates: Vec<String>| -> Vec<String> {
        let is_used = |name: &String| {
            let named =
                |before: &str, after: &str| items.contains(&format!("{before}{name}{after}"));
            [";", "[", " |"].iter().any(|after| named(": ", after) || named("readonly ", after))
        };
        candidates.into_iter().filter(is_used).collect()
    };
    let mut models = Vec::new();
    let mut requests = Vec::new();
    for schema in public_schemas(model) {
        let name = class(&schema.name)?;
        match schema.kind {
            Kind::OpenEnum { .. } => models.push(name.to_owned()),
            Kind::FreeObject { .. } => models.push(format!("{name}Input")),
            _ if is_request_of_operation(model, &schema.name) => requests.push(name.to_owned()),
            _ => {}
        }
    }
    let json = ["JsonObjectInput", "JsonValueInput", "RawJson"].map(str::to_owned).to_vec();
    let mut text = preamble("//");
    text.push('\n');
    for (names, file) in
        [(models, "./models.js"), (requests, "./resources.js"), (json, "../raw-json.js")]
    {
        let names = names_of(names);
        if !names.is_empty() {
            text.push_str(&list("import type {", &names, &format!("}} from {file:?};")));
        }
    }
    let _ = write!(text, "\n{}\n", items.trim_end());
    Ok(text)
}

fn interface(model: &Model, schema: &Schema, fields: &[Field]) -> Result<String, String> {
    let name = input_type(model, &schema.name)?;
    let clashes = |operation: &&crate::model::Operation| pascal(&operation.id) + "Request" == name;
    if let Some(operation) = model.operations.iter().find(clashes) {
        return Err(format!(
            "schema `{}`: the request of `{}` has the same name in Node; rename the schema",
            schema.name, operation.id
        ));
    }
    let mut text = doc("", &schema.description);
    let _ = writeln!(text, "export interface {name} {{");
    for field in fields {
        let ty = match field.constant() {
            Some(value) => format!("{value:?}"),
            None => input(model, &field.ty)?,
        };
        // An optional property of a value that was read is null if it is absent.
        let null = if field.nullable || !field.required { " | null" } else { "" };
        let (optional, undefined) = if field.required { ("", "") } else { ("?", " | undefined") };
        let _ = writeln!(
            text,
            "{}  {}{optional}: {ty}{null}{undefined};",
            doc("  ", &description(field)),
            property(field)
        );
    }
    text.push_str("}\n\n");
    Ok(text)
}

/// Returns the TypeScript type of an argument that is not null.
pub fn input(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "string".to_owned(),
        Type::DateTime => "Date | string".to_owned(),
        Type::Integer | Type::Number => "number".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::FreeObject => "RawJson | JsonObjectInput".to_owned(),
        Type::Json => "JsonValueInput".to_owned(),
        Type::Binary => "FileInput".to_owned(),
        Type::Array(items) => format!("readonly {}", array(&input(model, items)?)),
        Type::Map(values) => format!("Record<string, {}>", input(model, values)?),
        Type::Nullable(value) => format!("{} | null", input(model, value)?),
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { .. } => format!("{}Input", class(name)?),
            Kind::Object { .. } | Kind::ObjectUnion { .. } => input_type(model, name)?,
            Kind::OpenEnum { .. } | Kind::Union { .. } => class(name)?.to_owned(),
        },
    })
}
