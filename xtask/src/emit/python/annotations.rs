//! Type annotations of fields, arguments and results.

use super::text::{typed_dict, wrapped_union};
use crate::model::{Argument, Field, Kind, Model, Operation, Place, Response, Role, Schema, Type};

/// Returns whether a field of a class may be `None`.
pub fn may_be_none(schema: &Schema, field: &Field) -> bool {
    match field.ty {
        _ if field.required => field.nullable,
        Type::Json => false,
        // If it is missing in a response, it is empty.
        Type::Array(_) | Type::Map(_) if schema.role == Role::Response => field.nullable,
        _ => true,
    }
}

/// Returns the type of a field of a class.
///
/// # Errors
/// Returns a message if responses do not support the type.
pub fn field_type(model: &Model, schema: &Schema, field: &Field) -> Result<String, String> {
    let ty = match field.constant() {
        Some(constant) => format!("Literal[\"{constant}\"]"),
        None => value_type(model, &field.ty)?,
    };
    Ok(if may_be_none(schema, field) { format!("{ty} | None") } else { ty })
}

fn value_type(model: &Model, ty: &Type) -> Result<String, String> {
    Ok(match ty {
        Type::String | Type::Uuid => "str".to_owned(),
        Type::DateTime => "datetime".to_owned(),
        Type::Integer => "int".to_owned(),
        Type::Number => "float".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::FreeObject => "dict[str, JSON]".to_owned(),
        Type::Json => "JSON".to_owned(),
        Type::Array(items) => format!("list[{}]", value_type(model, items)?),
        Type::Map(values) => format!("dict[str, {}]", value_type(model, values)?),
        Type::Nullable(value) => format!("{} | None", value_type(model, value)?),
        Type::Binary => return Err("Python responses cannot contain binary data".to_owned()),
        Type::Named(name) => match &model.schema(name).kind {
            Kind::FreeObject { known } if known.is_empty() => "dict[str, JSON]".to_owned(),
            Kind::Object { .. }
            | Kind::FreeObject { .. }
            | Kind::OpenEnum { .. }
            | Kind::ObjectUnion { .. } => name.clone(),
            Kind::Union { variants } => {
                let variants: Result<Vec<_>, _> =
                    variants.iter().map(|variant| value_type(model, variant)).collect();
                variants?.join(" | ")
            }
        },
    })
}

/// Returns the type of a value that a program passes, without `| None`. `many` is the type of arrays, such as `Iterable`.
///
/// # Errors
/// Returns a message if arguments do not support the type.
pub fn input_type(model: &Model, ty: &Type, many: &str) -> Result<String, String> {
    Ok(match ty {
        Type::Uuid => "str | UUID".to_owned(),
        Type::DateTime => "datetime | str".to_owned(),
        Type::FreeObject => "JSONObject".to_owned(),
        Type::Binary => "FileInput".to_owned(),
        Type::Array(items) => format!("{many}[{}]", input_type(model, items, "Sequence")?),
        Type::Map(values) => format!("Mapping[str, {}]", input_type(model, values, "Sequence")?),
        Type::Nullable(value) => format!("{} | None", input_type(model, value, many)?),
        Type::Named(name) => {
            let schema = model.schema(name);
            match &schema.kind {
                Kind::FreeObject { .. } => "JSONObject".to_owned(),
                Kind::OpenEnum { .. } => format!("{name} | str"),
                Kind::Object { .. } => {
                    let own = format!("{name} | {}", typed_dict(name));
                    match wrapped_union(model, schema).map(|(_, union)| &union.kind) {
                        Some(Kind::ObjectUnion { variants, .. }) => variants
                            .iter()
                            .fold(own, |ty, variant| format!("{ty} | {}", variant.schema)),
                        _ => own,
                    }
                }
                Kind::ObjectUnion { variants, .. } => {
                    let dicts = variants.iter().map(|variant| typed_dict(&variant.schema));
                    dicts.fold(name.clone(), |ty, dict| format!("{ty} | {dict}"))
                }
                Kind::Union { .. } => value_type(model, ty)?,
            }
        }
        Type::String | Type::Integer | Type::Number | Type::Boolean | Type::Json => {
            value_type(model, ty)?
        }
    })
}

/// Returns the type of an argument, without `| None` for an optional one.
///
/// # Errors
/// Returns a message if arguments do not support the type.
pub fn argument_type(model: &Model, argument: &Argument) -> Result<String, String> {
    let field = argument.field;
    let ty = match &field.ty {
        Type::String if argument.place == Place::Path && field.name.ends_with("_id") => {
            "str | UUID".to_owned()
        }
        ty => input_type(model, ty, "Iterable")?,
    };
    let is_none_accepted = field.required && (field.nullable || model.accepts_null(&field.ty));
    Ok(if is_none_accepted { format!("{ty} | None") } else { ty })
}

/// Returns the return type of an operation.
pub fn return_type(operation: &Operation) -> String {
    match &operation.success.response {
        Response::Empty => "None".to_owned(),
        Response::Json(name) => name.clone(),
        Response::Bytes => "Download".to_owned(),
    }
}
