//! Responses, read leniently: what is unknown is kept, what is optional may be missing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::raw_json::RawJson;

/// The members of a response that the document does not know, by name. Their values stay JSON text.
pub type Extra = BTreeMap<String, RawJson>;

/// Declares the type of a response. Beside its own members it has `extra`, in which members that the document does not
/// know survive the read. Optional members may be missing or null. Written out, every member appears, an absent
/// optional one as null, and the extra ones follow.
macro_rules! response {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* $need:ident $wire:literal $field:ident: $ty:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(JsonSchema)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)+
            /// Members of the response that the document does not know.
            #[schemars(skip)]
            pub extra: crate::response::Extra,
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;

                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry($wire, &self.$field)?;)+
                for (name, value) in &self.extra {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Members;

                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object (", stringify!($name), ")"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        $(let mut $field: Option<$ty> = None;)+
                        let mut extra = crate::response::Extra::new();
                        while let Some(crate::response::Key(key)) = map.next_key()? {
                            match &*key {
                                $($wire => $field = crate::response::response!(@read $need map),)+
                                _ => {
                                    extra.insert(key.into_owned(), map.next_value()?);
                                }
                            }
                        }
                        Ok($name { $($field: crate::response::response!(@found $need $wire $field),)+ extra })
                    }
                }

                deserializer.deserialize_map(Members)
            }
        }
    };
    (@read required $map:ident) => { Some($map.next_value()?) };
    (@read optional $map:ident) => { $map.next_value()? };
    (@read required_time $map:ident) => { Some($map.next_value::<crate::time::Time>()?.0) };
    (@read optional_time $map:ident) => {
        $map.next_value::<Option<crate::time::Time>>()?.map(|time| Some(time.0))
    };
    (@found required $wire:literal $field:ident) => {
        $field.ok_or_else(|| serde::de::Error::missing_field($wire))?
    };
    (@found required_time $wire:literal $field:ident) => {
        $field.ok_or_else(|| serde::de::Error::missing_field($wire))?
    };
    (@found optional $wire:literal $field:ident) => { $field.unwrap_or_default() };
    (@found optional_time $wire:literal $field:ident) => { $field.unwrap_or_default() };
}

pub(crate) use response;

/// The name of a member, borrowed from the response where it holds no escapes.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }

            fn visit_borrowed_str<E: de::Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(value)))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(value.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::types::{DatasetPage, ImportTask};

    #[test]
    fn unknown_members_survive_and_optional_ones_may_be_missing() {
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
    fn null_reads_as_absent_where_a_member_is_optional() {
        let page: DatasetPage = serde_json::from_str(r#"{"results": null, "count": 0}"#).unwrap();
        assert!(page.results.is_empty());
    }

    #[test]
    fn a_missing_required_member_is_named() {
        let error =
            serde_json::from_value::<ImportTask>(json!({"id": uuid::Uuid::nil()})).unwrap_err();
        assert!(error.to_string().contains("missing field `created_at`"), "{error}");
    }
}
