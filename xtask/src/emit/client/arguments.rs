//! The Rust types of arguments.

use super::super::rust_text::{self, identifier};
use crate::model::{Field, Kind, Location, Model, Operation, Type};

/// The kinds of arguments that the client handles differently.
pub(super) enum Shape {
    /// A UUID.
    Id,
    /// An array of UUIDs.
    Ids,
    /// A string.
    String,
    /// An array of strings.
    Strings,
    /// A timestamp.
    DateTime,
    /// An object with arbitrary fields.
    Object,
    /// An array of objects with arbitrary fields.
    Objects,
    /// Any JSON value.
    Json,
    /// An open enum.
    Enum(String),
    /// An array of open enums.
    Enums(String),
    /// An object with known fields, or a union.
    Value(String),
    /// An array of objects with known fields, or of unions.
    Values(String),
    /// A number or a boolean, by its Rust type.
    Scalar(String),
    /// A type that arguments cannot have.
    Unknown,
}

/// Returns the shape of an argument of this type.
pub(super) fn shape(model: &Model, ty: &Type) -> Shape {
    match ty {
        Type::Uuid => Shape::Id,
        Type::String => Shape::String,
        Type::DateTime => Shape::DateTime,
        Type::Integer | Type::Number | Type::Boolean => Shape::Scalar(rust_text::value_type(ty)),
        Type::FreeObject => Shape::Object,
        Type::Json => Shape::Json,
        Type::Array(items) => match shape(model, items) {
            Shape::Id => Shape::Ids,
            Shape::String => Shape::Strings,
            Shape::Object => Shape::Objects,
            Shape::Enum(name) => Shape::Enums(name),
            Shape::Value(name) => Shape::Values(name),
            _ => Shape::Unknown,
        },
        Type::Named(name) => match model.schema(name).kind {
            Kind::FreeObject { .. } => Shape::Object,
            Kind::OpenEnum { .. } => Shape::Enum(name.clone()),
            Kind::Object { .. } | Kind::Union { .. } | Kind::ObjectUnion { .. } => {
                Shape::Value(name.clone())
            }
        },
        Type::Binary | Type::Map(_) | Type::Nullable(_) => Shape::Unknown,
    }
}

/// The Rust code for one argument.
pub(super) struct ArgumentCode {
    /// The parameter type of the method or setter.
    pub(super) parameter_type: String,
    /// The type of the call's field.
    pub(super) field_type: String,
    /// The expression that converts the parameter to the field.
    pub(super) conversion: String,
}

impl ArgumentCode {
    fn new(parameter_type: &str, field_type: &str, conversion: String) -> Self {
        let (parameter_type, field_type) = (parameter_type.to_owned(), field_type.to_owned());
        Self { parameter_type, field_type, conversion }
    }

    /// Code for a required argument that is converted with `Into`.
    fn into(ty: &str, name: &str) -> Self {
        Self::new(&format!("impl Into<{ty}>"), ty, format!("{name}.into()"))
    }

    /// Code for a required array whose items are converted with `Into`.
    fn into_items(ty: &str, name: &str) -> Self {
        Self::new(
            &format!("impl IntoIterator<Item = impl Into<{ty}>>"),
            &format!("Vec<{ty}>"),
            format!("{name}.into_iter().map(Into::into).collect()"),
        )
    }
}

/// Returns the code for an argument of an operation.
///
/// # Errors
/// Returns a message if the client does not support the type.
pub(super) fn argument_code(
    model: &Model,
    operation: &Operation,
    field: &Field,
) -> Result<ArgumentCode, String> {
    let name = identifier(&field.name);
    let shape = shape(model, &field.ty);
    if field.required && !field.nullable {
        return required(operation, field, shape, name);
    }
    let ty = match shape {
        Shape::Id | Shape::String => "String".to_owned(),
        Shape::Ids | Shape::Strings => "Vec<String>".to_owned(),
        Shape::DateTime => "DateTime<Utc>".to_owned(),
        Shape::Object | Shape::Json => "RawJson".to_owned(),
        Shape::Objects => "Vec<RawJson>".to_owned(),
        Shape::Enum(ty) | Shape::Value(ty) => format!("types::{ty}"),
        Shape::Enums(ty) | Shape::Values(ty) => format!("Vec<types::{ty}>"),
        Shape::Scalar(ty) => ty,
        Shape::Unknown => return unknown(operation, field),
    };
    // The body writes null for a required argument that is `None`.
    let parameter = if field.required { "Into<Option" } else { "IntoOption" };
    let closing = if field.required { ">>" } else { ">" };
    let conversion = if field.required { "into" } else { "into_option" };
    Ok(ArgumentCode {
        parameter_type: format!("impl {parameter}<{ty}{closing}"),
        field_type: format!("Option<{ty}>"),
        conversion: format!("{name}.{conversion}()"),
    })
}

fn required(
    operation: &Operation,
    field: &Field,
    shape: Shape,
    name: String,
) -> Result<ArgumentCode, String> {
    let is_path = operation.parameters.iter().any(|parameter| {
        parameter.location == Location::Path && parameter.field.name == field.name
    });
    Ok(match shape {
        Shape::Id => ArgumentCode::new("impl IntoId", "String", format!("{name}.into_id()")),
        Shape::String if is_path => {
            ArgumentCode::new("impl IntoId", "String", format!("{name}.into_id()"))
        }
        Shape::String => ArgumentCode::into("String", &name),
        Shape::Ids => ArgumentCode::new(
            "impl IntoIterator<Item = impl IntoId>",
            "Vec<String>",
            format!("{name}.into_iter().map(IntoId::into_id).collect()"),
        ),
        Shape::Strings => ArgumentCode::into_items("String", &name),
        Shape::DateTime => ArgumentCode::new("DateTime<Utc>", "DateTime<Utc>", name),
        Shape::Object | Shape::Objects | Shape::Json => {
            ArgumentCode::new("impl Serialize", "Json", format!("Json::new({name})"))
        }
        Shape::Enum(ty) | Shape::Value(ty) => ArgumentCode::into(&format!("types::{ty}"), &name),
        Shape::Enums(ty) | Shape::Values(ty) => {
            ArgumentCode::into_items(&format!("types::{ty}"), &name)
        }
        Shape::Scalar(ty) => ArgumentCode::new(&ty, &ty, name),
        Shape::Unknown => return unknown(operation, field),
    })
}

/// Fails, because the type of an argument is not supported.
pub(super) fn unknown<T>(operation: &Operation, field: &Field) -> Result<T, String> {
    Err(format!(
        "operation `{}`: argument `{}` of type {:?} cannot be expressed in the client",
        operation.id, field.name, field.ty
    ))
}
