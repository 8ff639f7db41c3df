//! JSON values stored as text.

use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::shared_body;

/// The newtype name with which [`RawJson`] requests raw text from the lazy reader.
pub(crate) const RAW_JSON: &str = "$mistral_datasets::RawJson";

/// A JSON value stored as text. Key order, number formats, escapes and white space are preserved.
///
/// Nothing is parsed until [`parse`](Self::parse) is called. Objects and arrays in a response are not validated before that
/// either: if one is malformed, the rest of the response is still readable, and parsing or serializing that value fails.
///
/// Equality compares the text. `Debug` shows only the length, because the text may be a conversation.
///
/// ```
/// use mistral_datasets_types::RawJson;
///
/// let json = RawJson::from_string(r#"{"n": 12345678901234567890}"#.to_owned())?;
/// assert_eq!(json.get(), r#"{"n": 12345678901234567890}"#);
/// assert_eq!(format!("{json:?}"), "RawJson(27 bytes)");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct RawJson(Text);

#[derive(Clone)]
enum Text {
    /// Validated JSON.
    Valid(Box<RawValue>),
    /// An unvalidated value copied from a response.
    Copied(Box<str>),
    /// An unvalidated value inside a shared response body. The offsets have 32 bits to keep the enum small.
    Shared { body: Arc<ByteString>, start: u32, end: u32 },
}

impl RawJson {
    /// Creates a value from JSON text.
    ///
    /// # Errors
    /// Fails if the text is not a single JSON value. The error has the line and column, never the text.
    pub fn from_string(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::valid)
    }

    /// Creates a value by serializing another. The text of a `RawJson` is copied unchanged.
    ///
    /// # Errors
    /// Fails if the value cannot be represented in JSON, such as a map whose keys are not strings.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self::valid)
    }

    /// Creates a value whose text is not JSON. Serializing it fails.
    pub(crate) fn invalid(text: &str) -> Self {
        Self(Text::Copied(text.into()))
    }

    /// Creates an empty object.
    pub(crate) fn empty_object() -> Self {
        Self(Text::Copied("{}".into()))
    }

    fn valid(value: Box<RawValue>) -> Self {
        Self(Text::Valid(value))
    }

    /// Creates a value from part of a response; it shares the body if one is set in [`shared_body`].
    fn unvalidated(text: &str) -> Self {
        let shared = || {
            let body = shared_body::current()?;
            let start = text.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
            let end = start.checked_add(text.len())?;
            body.get(start..end)?;
            Some(Text::Shared { start: start.try_into().ok()?, end: end.try_into().ok()?, body })
        };
        Self(shared().unwrap_or_else(|| Text::Copied(text.into())))
    }

    /// Returns whether the text was validated, rather than copied by the lazy reader.
    pub(crate) fn is_validated(&self) -> bool {
        matches!(self.0, Text::Valid(_))
    }

    /// Returns the JSON text.
    pub fn get(&self) -> &str {
        match &self.0 {
            Text::Valid(value) => value.get(),
            Text::Copied(text) => text,
            Text::Shared { body, start, end } => &body[*start as usize..*end as usize],
        }
    }

    /// Returns `true` if the value is an object.
    pub fn is_object(&self) -> bool {
        // None of the variants has leading white space.
        self.get().starts_with('{')
    }

    /// Deserializes the value.
    ///
    /// # Errors
    /// Fails if the text is not valid JSON for `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }
}

impl From<serde_json::Value> for RawJson {
    fn from(value: serde_json::Value) -> Self {
        Self(Text::Copied(value.to_string().into()))
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Text::Valid(value) => value.serialize(serializer),
            Text::Copied(_) | Text::Shared { .. } => {
                let value: &RawValue =
                    serde_json::from_str(self.get()).map_err(serde::ser::Error::custom)?;
                value.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Raw;

        impl<'de> Visitor<'de> for Raw {
            type Value = RawJson;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<RawJson, E> {
                Ok(RawJson::unvalidated(text))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<RawJson, D::Error> {
                Box::deserialize(deserializer).map(RawJson::valid)
            }
        }

        deserializer.deserialize_newtype_struct(RAW_JSON, Raw)
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for RawJson {}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.get().len())
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for RawJson {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawJson".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "object", "additionalProperties": true})
    }
}

/// Joins the lines of a doc comment.
#[cfg(feature = "schemars")]
pub(crate) fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares a newtype over [`RawJson`] for a schema whose objects may have any fields, with the JSON schema of its known
/// fields.
macro_rules! raw_object {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident { $($need:ident $field:literal : $ty:ident = $description:literal,)* }
    ) => {
        $(#[doc = $about])+
        ///
        /// Stored as JSON text. Dereferences to [`RawJson`]; call `parse` to read it.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub RawJson);

        impl std::ops::Deref for $name {
            type Target = RawJson;

            fn deref(&self) -> &RawJson {
                &self.0
            }
        }

        impl From<RawJson> for $name {
            fn from(json: RawJson) -> Self {
                Self(json)
            }
        }

        impl From<$name> for RawJson {
            fn from(object: $name) -> Self {
                object.0
            }
        }

        impl crate::empty::Empty for $name {
            fn empty() -> Self {
                let fields: &[(&str, &str, &str)] =
                    &[$((stringify!($need), $field, stringify!($ty))),*];
                Self(crate::raw_json::empty_fields(fields))
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                #[allow(unused_mut)]
                let mut schema = schemars::json_schema!({
                    "type": "object",
                    "description": crate::raw_json::joined(&[$($about),+]),
                    "additionalProperties": true,
                });
                $(crate::raw_json::add_field(
                    &mut schema,
                    stringify!($need) == "required",
                    $field,
                    stringify!($ty),
                    $description,
                );)*
                schema
            }
        }
    };
}

pub(crate) use raw_object;

/// Returns an object with an empty value for each required field. The fields are `(need, name, type)`.
pub(crate) fn empty_fields(fields: &[(&str, &str, &str)]) -> RawJson {
    let mut object = serde_json::Map::new();
    for (_, name, ty) in fields.iter().filter(|(need, ..)| *need == "required") {
        let value = match *ty {
            "array_of_objects" => serde_json::json!([]),
            "object" => serde_json::json!({}),
            _ => serde_json::json!(""),
        };
        object.insert((*name).to_owned(), value);
    }
    // A map of JSON values can always be serialized.
    RawJson::from_value(&object).unwrap_or_else(|_| RawJson::empty_object())
}

/// Adds a known field to the JSON schema of a raw object.
#[cfg(feature = "schemars")]
pub(crate) fn add_field(
    schema: &mut schemars::Schema,
    required: bool,
    name: &str,
    ty: &str,
    description: &str,
) {
    use serde_json::{Value, json};

    let mut value = match ty {
        "array_of_objects" => {
            json!({"type": "array", "items": {"type": "object", "additionalProperties": true}})
        }
        "object" => json!({"type": "object", "additionalProperties": true}),
        ty => json!({"type": ty}),
    };
    value["description"] = description.into();
    let schema = schema.ensure_object();
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    properties[name] = value;
    if required {
        let names = schema.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(names) = names {
            names.push(name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_preserved_when_decoding_and_encoding() {
        for text in [
            r#"{"b": 1.0, "a": 1e-7, "c": [ 12345678901234567890123, "\u0001", "😀" ]}"#,
            r#"{"x":"\ud800"}"#,
            "[null]",
        ] {
            let json: RawJson = serde_json::from_str(text).unwrap();
            assert_eq!(json.get(), text);
            assert_eq!(serde_json::to_string(&json).unwrap(), text);
        }
    }

    #[test]
    fn objects_are_recognized_despite_white_space() {
        assert!(RawJson::from_string(" \n{} ".to_owned()).unwrap().is_object());
        assert!(!RawJson::from_string("[{}]".to_owned()).unwrap().is_object());
    }

    #[test]
    fn debug_shows_no_content() {
        let json = RawJson::from_string(r#"{"secret":1}"#.to_owned()).unwrap();
        assert_eq!(format!("{json:?}"), "RawJson(12 bytes)");
    }
}
