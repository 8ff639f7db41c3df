//! JSON that stays the text it came as.

use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;
use serde::de::{self, DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::body;

/// The name by which JSON that stays text asks for it, where a response is read without looking into it.
pub(crate) const STAYS_TEXT: &str = "$mistral_datasets::RawJson";

/// A JSON value as text, exactly as it came or as it was given: key order, number spelling, escapes and white space
/// included. Nothing is parsed until [`parse`](Self::parse) is called.
///
/// An object or a list that came as part of a response is not looked into until then, either. Where a server sent what only looks
/// like one, the rest of the response can be read all the same; parsing it fails, and so does sending it on.
///
/// Equality compares the text. `Debug` shows the length only, because the text may be somebody's conversation.
///
/// ```
/// use mistral_datasets_core_client::RawJson;
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
    /// It is known to be JSON.
    Known(Box<RawValue>),
    /// A piece of a response, of which that is yet to be found out.
    Piece(Box<str>),
    /// The same, as a part of the response's body: from one byte to before another; in 32 bits, because there may be many.
    Part { of: Arc<ByteString>, start: u32, end: u32 },
}

impl RawJson {
    /// Takes text that is one JSON value.
    ///
    /// # Errors
    /// When the text is not JSON; the error names line and column, and never the text.
    pub fn from_string(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self::known)
    }

    /// Writes a value as JSON text. Another `RawJson` stays verbatim.
    ///
    /// # Errors
    /// When the value has no JSON form, such as a map whose keys are not text.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self::known)
    }

    fn known(value: Box<RawValue>) -> Self {
        Self(Text::Known(value))
    }

    /// A piece of a response, which shares the body where one is shared.
    fn piece(piece: &str) -> Self {
        let part = || {
            let of = body::shared()?;
            let start = piece.as_ptr().addr().checked_sub(of.as_ptr().addr())?;
            let end = start.checked_add(piece.len())?;
            of.get(start..end)?;
            Some(Text::Part { start: start.try_into().ok()?, end: end.try_into().ok()?, of })
        };
        Self(part().unwrap_or_else(|| Text::Piece(piece.into())))
    }

    /// The text.
    pub fn get(&self) -> &str {
        match &self.0 {
            Text::Known(value) => value.get(),
            Text::Piece(text) => text,
            Text::Part { of, start, end } => &of[*start as usize..*end as usize],
        }
    }

    /// Whether the value is an object.
    pub fn is_object(&self) -> bool {
        // RawValue never keeps white space around the value.
        self.get().starts_with('{')
    }

    /// Parses the text into any type.
    ///
    /// # Errors
    /// When the value does not have the shape of `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.get())
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Text::Known(value) => value.serialize(serializer),
            Text::Piece(_) | Text::Part { .. } => {
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

            fn visit_borrowed_str<E: de::Error>(self, piece: &'de str) -> Result<RawJson, E> {
                Ok(RawJson::piece(piece))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<RawJson, D::Error> {
                Box::deserialize(deserializer).map(RawJson::known)
            }
        }

        deserializer.deserialize_newtype_struct(STAYS_TEXT, Raw)
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

/// Lines of a doc comment as one text.
pub(crate) fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// Declares the type of a schema whose objects have free members: JSON text under a name of its own, with the schema
/// that the document gives it.
macro_rules! raw_object {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident { $($need:ident $member:literal : $ty:ident = $description:literal,)* }
    ) => {
        $(#[doc = $about])+
        ///
        /// It stays the JSON text it came as; it derefs to [`RawJson`], whose `parse` reads it.
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

        impl JsonSchema for $name {
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
                $(crate::raw_json::member(
                    &mut schema,
                    stringify!($need) == "required",
                    $member,
                    stringify!($ty),
                    $description,
                );)*
                schema
            }
        }
    };
}

pub(crate) use raw_object;

/// Adds a known member to the schema of a raw object.
pub(crate) fn member(
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
    let members = schema.ensure_object();
    let properties = members.entry("properties").or_insert_with(|| json!({}));
    properties[name] = value;
    if required {
        let names = members.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(names) = names {
            names.push(name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_verbatim_both_ways() {
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
    fn an_object_is_told_from_other_values_whatever_surrounds_it() {
        assert!(RawJson::from_string(" \n{} ".to_owned()).unwrap().is_object());
        assert!(!RawJson::from_string("[{}]".to_owned()).unwrap().is_object());
    }

    #[test]
    fn debug_shows_no_content() {
        let json = RawJson::from_string(r#"{"secret":1}"#.to_owned()).unwrap();
        assert_eq!(format!("{json:?}"), "RawJson(12 bytes)");
    }
}
