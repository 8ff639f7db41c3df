//! Emits the conversions of arguments from Python objects to the client's types.

use super::native::value_type;
use super::text::name;
use crate::emit::rust_text::identifier;
use crate::model::{Field, Kind, Model, Operation, Type};

/// The conversion of one argument.
pub struct Conversion {
    /// The variable that has the Python object, and then the converted value.
    pub variable: String,
    /// The statement that converts it.
    pub statement: String,
}

/// Returns the conversion of an argument. The converted value can be passed to the client's call.
///
/// # Errors
/// Returns a message if Python does not support the type.
pub fn conversion(
    model: &Model,
    operation: &Operation,
    field: &Field,
) -> Result<Conversion, String> {
    let (id, python_name) = (&operation.id, name(&field.name));
    let variable = identifier(&python_name);
    let is_handwritten = operation.handwritten.is_some();
    let scalar = |ty: &str, converted: &str| {
        let convert = if field.required && !field.nullable { "required" } else { "optional" };
        let value = format!("arguments::{convert}::<{ty}>({variable}, {python_name:?})?");
        match (converted, convert) {
            _ if is_handwritten => value,
            ("", _) => value,
            (_, "required") => format!("{value}{converted}"),
            _ => format!("{value}.map(|value| value{converted})"),
        }
    };
    let body = |function: &str, ty: &str| {
        let ty = if ty.is_empty() { String::new() } else { format!("::<{ty}>") };
        let value = format!("body::{function}{ty}({variable}, {id:?}, {python_name:?})");
        match field.required && !field.nullable {
            true => format!("{value}?"),
            false => format!("(!{variable}.is_none()).then(|| {value}).transpose()?"),
        }
    };
    let ids = ".into_iter().map(IntoId::into_id).collect::<Vec<_>>()";
    let value = match &field.ty {
        Type::Uuid => scalar("Id", if field.required { "" } else { ".into_id()" }),
        // Only required strings of paths accept UUIDs.
        Type::String if is_path(operation, field) => scalar("Id", ""),
        Type::String => scalar("String", ""),
        Type::Integer => scalar("i64", ""),
        Type::Number => scalar("f64", ""),
        Type::Boolean => scalar("bool", ""),
        Type::DateTime => scalar("DateTime<Utc>", ""),
        Type::Binary => scalar("FileArgument", ""),
        Type::FreeObject | Type::Json => body("json", ""),
        Type::Array(items) => match &**items {
            Type::Uuid => scalar("Many<Id>", ids),
            Type::String => scalar("Many<String>", ".into_iter().collect::<Vec<_>>()"),
            Type::FreeObject => body("objects", ""),
            Type::Named(schema) => match &model.schema(schema).kind {
                Kind::OpenEnum { .. } => scalar(
                    "Many<String>",
                    &format!(".into_iter().map(types::{schema}::from).collect::<Vec<_>>()"),
                ),
                Kind::FreeObject { .. } => body("objects", ""),
                Kind::Object { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => {
                    body("values", &value_type(model, items)?)
                }
            },
            _ => return unknown(operation, field),
        },
        Type::Named(schema) => match &model.schema(schema).kind {
            Kind::FreeObject { .. } => body("json", ""),
            Kind::OpenEnum { .. } if field.required => scalar("String", ""),
            Kind::OpenEnum { .. } => format!("{}.map(types::{schema}::from)", scalar("String", "")),
            Kind::Object { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => {
                body("value", &value_type(model, &field.ty)?)
            }
        },
        Type::Map(_) | Type::Nullable(_) => return unknown(operation, field),
    };
    let statement = format!("let {variable} = {value};\n");
    Ok(Conversion { variable, statement })
}

fn is_path(operation: &Operation, field: &Field) -> bool {
    operation.path.contains(&format!("{{{}}}", field.name))
}

fn unknown<T>(operation: &Operation, field: &Field) -> Result<T, String> {
    Err(format!(
        "operation `{}`: argument `{}` of type {:?} is not supported in Python",
        operation.id, field.name, field.ty
    ))
}
