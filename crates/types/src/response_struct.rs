//! Leniently decoded types: unknown fields are kept, and optional fields may be missing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::raw_json::RawJson;

/// The fields of a response that are not in the OpenAPI document, by name.
pub type Extra = BTreeMap<String, RawJson>;

/// Declares a response type with an `extra` field for unknown fields.
///
/// The type is `#[non_exhaustive]`, so that the API may gain fields without a breaking release.
///
/// Optional fields may be missing or null. When serialized, absent `optional` fields are written as null, absent `omittable` fields
/// are not written, and unknown fields follow the known fields. The fields of types that requests contain are `omittable`. A
/// derived `Deserialize` with `#[serde(flatten)]` cannot be used, because flattening buffers values
/// in a form that does not preserve raw JSON.
macro_rules! response_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* $need:ident $wire:literal $field:ident: $ty:ty,)+
        }
    ) => {
        #[non_exhaustive]
        #[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)+
            /// Fields that are not in the OpenAPI document.
            #[cfg_attr(feature = "schemars", schemars(skip))]
            pub extra: crate::Extra,
        }

        impl $name {
            /// The names of the fields in the OpenAPI document.
            pub const FIELDS: &'static [&'static str] = &[$($wire),+];

            /// Reads a value from JSON, as leniently as the client reads a response.
            ///
            /// # Errors
            /// Fails if the text is not valid JSON for this type. The error contains the line and column, and no content.
            pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
                serde_json::from_str(json)
            }

            /// Creates a value without content, whose fields can then be set. This is how a test makes a response.
            ///
            /// IDs are nil UUIDs, times are the Unix epoch, numbers are 0, enums have their first value, and everything else is
            /// empty. Fields that a later version adds are filled in the same way.
            pub fn empty() -> Self {
                <Self as crate::empty::Empty>::empty()
            }
        }

        impl crate::empty::Empty for $name {
            fn empty() -> Self {
                Self {
                    $($field: crate::empty::Empty::empty(),)+
                    extra: crate::Extra::new(),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;

                let mut map = serializer.serialize_map(None)?;
                $(crate::response_struct::response_struct!(@write $need map $wire self.$field);)+
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FieldVisitor;

                impl<'de> serde::de::Visitor<'de> for FieldVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object (", stringify!($name), ")"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        $(let mut $field: Option<$ty> = None;)+
                        let mut extra = crate::Extra::new();
                        while let Some(crate::response_struct::Key(key)) = map.next_key()? {
                            match &*key {
                                $($wire => $field = crate::response_struct::response_struct!(@read $need map),)+
                                _ => {
                                    extra.insert(key.into_owned(), map.next_value()?);
                                }
                            }
                        }
                        Ok($name { $($field: crate::response_struct::response_struct!(@found $need $wire $field),)+ extra })
                    }
                }

                deserializer.deserialize_map(FieldVisitor)
            }
        }
    };
    (@write omittable $map:ident $wire:literal $value:expr) => {
        if let Some(value) = &$value {
            $map.serialize_entry($wire, value)?;
        }
    };
    (@write omittable_timestamp $map:ident $wire:literal $value:expr) => {
        crate::response_struct::response_struct!(@write omittable $map $wire $value)
    };
    (@write omittable_integer $map:ident $wire:literal $value:expr) => {
        crate::response_struct::response_struct!(@write omittable $map $wire $value)
    };
    (@write $need:ident $map:ident $wire:literal $value:expr) => {
        $map.serialize_entry($wire, &$value)?
    };
    (@read omittable $map:ident) => { $map.next_value()? };
    (@read omittable_timestamp $map:ident) => {
        crate::response_struct::response_struct!(@read optional_timestamp $map)
    };
    (@read omittable_integer $map:ident) => {
        crate::response_struct::response_struct!(@read optional_integer $map)
    };
    (@read required $map:ident) => { Some($map.next_value()?) };
    (@read optional $map:ident) => { $map.next_value()? };
    (@read required_timestamp $map:ident) => { Some($map.next_value::<crate::timestamp::Timestamp>()?.0) };
    (@read optional_timestamp $map:ident) => {
        $map.next_value::<Option<crate::timestamp::Timestamp>>()?.map(|time| Some(time.0))
    };
    (@read required_integer $map:ident) => { Some($map.next_value::<crate::integer::Integer>()?.0) };
    (@read optional_integer $map:ident) => {
        $map.next_value::<Option<crate::integer::Integer>>()?.map(|integer| Some(integer.0))
    };
    (@found required $wire:literal $field:ident) => {
        $field.ok_or_else(|| serde::de::Error::missing_field($wire))?
    };
    (@found required_timestamp $wire:literal $field:ident) => {
        $field.ok_or_else(|| serde::de::Error::missing_field($wire))?
    };
    (@found required_integer $wire:literal $field:ident) => {
        $field.ok_or_else(|| serde::de::Error::missing_field($wire))?
    };
    (@found $need:ident $wire:literal $field:ident) => { $field.unwrap_or_default() };
}

pub(crate) use response_struct;

/// The name of a field, borrowed from the response unless it contains escapes.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(value)))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{DatasetPage, ImportTask};

    #[test]
    fn unknown_fields_are_kept_and_optional_fields_may_be_missing() {
        let text = r#"{"count": 2, "cursor": {"z": 1.0, "a": [1]}}"#;
        let page: DatasetPage = serde_json::from_str(text).unwrap();
        assert_eq!((page.count, page.results.len(), page.next.as_deref()), (2, 0, None));
        assert_eq!(page.extra["cursor"].get(), r#"{"z": 1.0, "a": [1]}"#);
        assert_eq!(
            serde_json::to_string(&page).unwrap(),
            r#"{"results":[],"count":2,"next":null,"previous":null,"cursor":{"z": 1.0, "a": [1]}}"#
        );
    }

    #[test]
    fn null_means_absent_for_optional_fields() {
        let page: DatasetPage = serde_json::from_str(r#"{"results": null, "count": 0}"#).unwrap();
        assert!(page.results.is_empty());
    }

    #[test]
    fn a_missing_required_field_is_named() {
        let error =
            serde_json::from_value::<ImportTask>(json!({"id": uuid::Uuid::nil()})).unwrap_err();
        assert!(error.to_string().contains("missing field `created_at`"), "{error}");
    }
}
