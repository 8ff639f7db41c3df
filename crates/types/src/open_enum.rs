//! String enums that keep unknown values.

/// Declares a string enum with an `Other` variant, so that unknown values are preserved when decoding and encoding.
macro_rules! open_enum {
    ($(#[doc = $about:literal])+ pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $value:literal,)+ }) => {
        $(#[doc = $about])+
        ///
        /// Values unknown to this version are kept as `Other`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
            /// A value that is not in the OpenAPI document.
            Other(String),
        }

        impl $name {
            /// The values in the OpenAPI document, in the same order.
            pub const KNOWN: &'static [&'static str] = &[$($value),+];

            /// Returns the value as it appears in JSON.
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
                struct EnumVisitor;

                impl serde::de::Visitor<'_> for EnumVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a string")
                    }

                    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
                        Ok(value.into())
                    }
                }

                deserializer.deserialize_str(EnumVisitor)
            }
        }

        impl crate::empty::Empty for $name {
            fn empty() -> Self {
                Self::from(Self::KNOWN[0])
            }
        }

        #[cfg(feature = "schemars")]
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
    use crate::TaskStatus;

    #[test]
    fn unknown_values_are_kept() {
        let statuses: Vec<TaskStatus> = serde_json::from_str(r#"["TIMED_OUT", "PAUSED"]"#).unwrap();
        assert_eq!(statuses, [TaskStatus::TimedOut, TaskStatus::Other("PAUSED".to_owned())]);
        assert_eq!(serde_json::to_string(&statuses).unwrap(), r#"["TIMED_OUT","PAUSED"]"#);
    }
}
