//! Unions of objects, which keep unknown objects as raw JSON.

use std::cell::Cell;

use serde::de::DeserializeOwned;

use crate::raw_json::RawJson;
use crate::{Extra, decode, json_path};

/// Declares an enum with one variant per object and an `Other` variant.
///
/// The first variant whose test succeeds is selected: [`has_value`] of a field, or [`has_all`] fields that must be present.
macro_rules! object_union {
    (
        $(#[doc = $about:literal])+
        #[derive($($derive:ident),+)]
        pub enum $name:ident {
            $($(#[doc = $doc:literal])+ $variant:ident($object:ident) if $test:ident($($argument:expr),+),)+
        }
    ) => {
        $(#[doc = $about])+
        ///
        /// Objects unknown to this version are kept as `Other`, which calls refuse to send.
        #[derive($($derive),+)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])+ $variant($object),)+
            /// A value that is not in the OpenAPI document.
            Other(RawJson),
        }

        impl $name {
            /// Reads a value from JSON, as leniently as the client reads a response.
            ///
            /// # Errors
            /// Fails if the text is not valid JSON for this type. The error contains the line and column, and no content.
            pub fn from_json(json: &str) -> Result<Self, serde_json::Error> {
                serde_json::from_str(json)
            }
        }

        $(impl From<$object> for $name {
            fn from(value: $object) -> Self {
                Self::$variant(value)
            }
        })+

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => value.serialize(serializer),)+
                    Self::Other(json) => json.serialize(serializer),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error as _;

                let json = RawJson::deserialize(deserializer)?;
                let fields = crate::object_union::fields(&json).map_err(D::Error::custom)?;
                $(if crate::object_union::$test(&fields, $($argument),+) {
                    return crate::object_union::parse(&json).map(Self::$variant).map_err(D::Error::custom);
                })+
                Ok(Self::Other(json))
            }
        }

        impl crate::empty::Empty for $name {
            fn empty() -> Self {
                let variants = [$(|| Self::$variant(crate::empty::Empty::empty())),+];
                variants[0]()
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": crate::raw_json::joined(&[$($about),+]),
                    "oneOf": [$(generator.subschema_for::<$object>()),+],
                })
            }
        }
    };
}

pub(crate) use object_union;

/// The maximum number of unions inside each other. It is the limit of `serde_json` for nested values.
const MAX_DEPTH: usize = 128;

thread_local! {
    /// The number of unions that are being read on this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Returns the fields of an object, or `None` if the value is not an object.
pub(crate) fn fields(json: &RawJson) -> Result<Option<Extra>, serde_json::Error> {
    json.is_object().then(|| read(json)).transpose()
}

/// Returns whether the object has a field with this value.
pub(crate) fn has_value(fields: &Option<Extra>, name: &str, value: &str) -> bool {
    let field = fields.as_ref().and_then(|fields| fields.get(name));
    field.is_some_and(|field| field.parse::<String>().is_ok_and(|found| found == value))
}

/// Returns whether the object has all of these fields.
pub(crate) fn has_all(fields: &Option<Extra>, names: &[&str]) -> bool {
    fields.as_ref().is_some_and(|fields| names.iter().all(|name| fields.contains_key(*name)))
}

/// Parses a variant.
pub(crate) fn parse<T: DeserializeOwned>(json: &RawJson) -> Result<T, serde_json::Error> {
    // Every union has a parser of its own, so that the limits of the parsers do not bound the recursion.
    let _depth = Depth::enter()?;
    read(json)
}

/// Parses with the reader that read the raw JSON. Trying the other one, too, would take exponential time for nested unions: if the
/// lazy reader fails, the whole response is read again by `serde_json`.
fn read<T: DeserializeOwned>(json: &RawJson) -> Result<T, serde_json::Error> {
    if json.is_validated() {
        return json.parse().inspect_err(|error| json_path::record_failure(json.get(), error));
    }
    decode::from_text_lazily(json.get())
        .ok_or_else(|| serde::de::Error::custom("unreadable object"))
}

/// Counts a union while it is being read.
struct Depth;

impl Depth {
    fn enter() -> Result<Self, serde_json::Error> {
        if DEPTH.get() >= MAX_DEPTH {
            return Err(serde::de::Error::custom("objects are nested too deeply"));
        }
        DEPTH.set(DEPTH.get() + 1);
        Ok(Self)
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Filter, FilterOperator, JudgeOutputUnion, decode};

    /// Reads a text with both readers, which must agree.
    fn read<T: serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) -> Option<T> {
        let strict = serde_json::from_str(text).ok();
        assert_eq!(decode::from_text_lazily::<T>(text), strict, "{text}");
        strict
    }

    #[test]
    fn the_discriminator_selects_the_variant() {
        let text =
            r#"{"type":"CLASSIFICATION","options":[{"value":"a","description":"b","more":1.0}]}"#;
        let Some(JudgeOutputUnion::Classification(output)) = read(text) else { panic!("{text}") };
        assert_eq!(output.options[0].value, "a");
        assert_eq!(output.options[0].extra["more"].get(), "1.0");
        assert_eq!(serde_json::to_string(&JudgeOutputUnion::from(output)).unwrap(), text);
        let text = r#"{"type":"REGRESSION","min_description":"a","max_description":"b"}"#;
        let Some(JudgeOutputUnion::Regression(output)) = read(text) else { panic!("{text}") };
        assert_eq!((output.min, output.max), (None, None));
        assert_eq!(serde_json::to_string(&output).unwrap(), text);
    }

    #[test]
    fn unknown_objects_are_kept() {
        for text in [r#"{"type": "RANKING", "n": 1.0}"#, "{}", r#"{"type":null}"#, "null", "[1]"] {
            let output: JudgeOutputUnion = read(text).unwrap();
            assert!(
                matches!(&output, JudgeOutputUnion::Other(json) if json.get() == text),
                "{text}"
            );
            assert_eq!(serde_json::to_string(&output).unwrap(), text);
        }
        assert_eq!(read::<JudgeOutputUnion>(r#"{"type":"REGRESSION"}"#), None);
    }

    #[test]
    fn the_required_fields_select_the_variant() {
        let text = r#"{"OR":[{"field":"a","op":"eq","value":null},{"AND":[]},{}]}"#;
        let Some(Filter::Group(group)) = read(text) else { panic!("{text}") };
        let Some([Filter::Condition(condition), Filter::Group(inner), Filter::Group(empty)]) =
            group.or.as_deref()
        else {
            panic!("{group:?}")
        };
        assert_eq!((&condition.op, condition.value.get()), (&FilterOperator::Eq, "null"));
        assert_eq!((&inner.and, &inner.or), (&Some(Vec::new()), &None));
        assert_eq!((&empty.and, &empty.or), (&None, &None));
        assert_eq!(serde_json::to_string(&group).unwrap(), text);
        let incomplete = r#"{"field":"a","op":"eq"}"#;
        assert!(matches!(read(incomplete), Some(Filter::Group(group)) if group.extra.len() == 2));
    }

    #[test]
    fn recursion_is_bounded() {
        let nested =
            |depth: usize| format!("{}{{}}{}", r#"{"AND":["#.repeat(depth), "]}".repeat(depth));
        assert!(decode::from_text_lazily::<Filter>(&nested(100)).is_some());
        for depth in [200, 10_000] {
            assert!(decode::from_text_lazily::<Filter>(&nested(depth)).is_none());
            assert!(serde_json::from_str::<Filter>(&nested(depth)).is_err());
        }
        assert_eq!(super::DEPTH.get(), 0);
    }
}
