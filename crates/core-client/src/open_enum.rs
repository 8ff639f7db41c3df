//! Enums that a server may extend at any time.

/// Declares an enum of texts that keeps a value it does not know as `Other`, on the way in and on the way out.
macro_rules! open_enum {
    ($(#[doc = $about:literal])+ pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $value:literal,)+ }) => {
        $(#[doc = $about])+
        ///
        /// The server may send values that this version does not know; they are kept as `Other`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
            /// A value that the document does not name, as it came.
            Other(String),
        }

        impl $name {
            /// The values that the document names, in its order.
            pub const KNOWN: &'static [&'static str] = &[$($value),+];

            /// The value as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)+
                    Self::Other(value) => value,
                }
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                match value {
                    $($value => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self::from(value.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(value: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(value))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("text")
                    }

                    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
                        Ok(value.into())
                    }
                }

                deserializer.deserialize_str(Text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": crate::raw_json::joined(&[$($about),+]),
                    "enum": Self::KNOWN,
                })
            }
        }
    };
}

pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::types::TaskStatus;

    #[test]
    fn a_known_value_is_its_variant_and_an_unknown_one_is_kept() {
        let statuses: Vec<TaskStatus> = serde_json::from_str(r#"["TIMED_OUT", "PAUSED"]"#).unwrap();
        assert_eq!(statuses, [TaskStatus::TimedOut, TaskStatus::Other("PAUSED".to_owned())]);
        assert_eq!(serde_json::to_string(&statuses).unwrap(), r#"["TIMED_OUT","PAUSED"]"#);
    }
}
