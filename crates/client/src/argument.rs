//! Conversions of call arguments.

use std::str::FromStr;

use memchr::memmem;
use mistral_datasets_types::{Filter, FilterPayload, RawJson, json_path};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{Error, ErrorKind};
use crate::non_finite;
use crate::strategy::Strategy;

/// Supertraits that only this crate implements, and one that the Python binding implements for its own type of ids.
pub mod sealed {
    use uuid::Uuid;

    /// Seals [`IntoId`](super::IntoId).
    pub trait Id {}

    impl Id for String {}
    impl Id for &String {}
    impl Id for &str {}
    impl Id for Uuid {}
    impl Id for &Uuid {}

    /// Seals [`IntoOption`](super::IntoOption).
    pub trait Option<T> {}

    impl<T> Option<T> for T {}
    impl<T> Option<T> for std::option::Option<T> {}
    impl Option<String> for &str {}
    impl Option<mistral_datasets_types::RawJson> for serde_json::Value {}
    impl Option<mistral_datasets_types::FilterPayload> for mistral_datasets_types::Filter {}
}

/// A value that can be used as an id: a string or a [`Uuid`].
///
/// If a UUID is required, an invalid string is rejected when the call is awaited.
///
/// This trait is sealed: other crates cannot implement it.
///
/// ```compile_fail,E0277
/// struct Name;
///
/// impl mistral_datasets::IntoId for Name {
///     fn into_id(self) -> String {
///         "refund-requests".to_owned()
///     }
/// }
/// ```
pub trait IntoId: sealed::Id {
    /// Returns the id as a string.
    fn into_id(self) -> String;
}

impl IntoId for String {
    fn into_id(self) -> String {
        self
    }
}

impl IntoId for &String {
    fn into_id(self) -> String {
        self.clone()
    }
}

impl IntoId for &str {
    fn into_id(self) -> String {
        self.to_owned()
    }
}

impl IntoId for Uuid {
    fn into_id(self) -> String {
        self.to_string()
    }
}

impl IntoId for &Uuid {
    fn into_id(self) -> String {
        self.to_string()
    }
}

/// A value for an optional argument: the value itself, or an `Option` of it.
///
/// This trait is sealed: other crates cannot implement it.
///
/// ```compile_fail,E0277
/// struct Name;
///
/// impl mistral_datasets::IntoOption<String> for Name {
///     fn into_option(self) -> Option<String> {
///         None
///     }
/// }
/// ```
pub trait IntoOption<T>: sealed::Option<T> {
    /// Returns the value, if any.
    fn into_option(self) -> Option<T>;
}

impl<T> IntoOption<T> for T {
    fn into_option(self) -> Option<T> {
        Some(self)
    }
}

impl<T> IntoOption<T> for Option<T> {
    fn into_option(self) -> Option<T> {
        self
    }
}

impl IntoOption<String> for &str {
    fn into_option(self) -> Option<String> {
        Some(self.to_owned())
    }
}

impl IntoOption<FilterPayload> for Filter {
    fn into_option(self) -> Option<FilterPayload> {
        Some(self.into())
    }
}

impl IntoOption<RawJson> for serde_json::Value {
    fn into_option(self) -> Option<RawJson> {
        Some(self.into())
    }
}

/// Converts a JSON argument of a binding to a typed one. Unknown fields are kept.
///
/// # Errors
/// [`Validation`](ErrorKind::Validation) with the argument and what is expected.
#[doc(hidden)]
pub fn parse_argument<T: DeserializeOwned>(
    operation: &'static str,
    argument: &str,
    json: &RawJson,
) -> Result<T, Error> {
    json_path::parse(json).map_err(|json_path::Failure { path, message }| {
        // serde's message may quote the value, which may be part of a conversation or a prompt.
        let problem =
            match (message.strip_prefix("missing field "), message.rsplit_once(", expected ")) {
                (Some(name), _) => format!("missing {name}"),
                (None, Some((_, "a sequence"))) => "expected an array".to_owned(),
                (None, Some((_, expected))) => format!("expected {expected}"),
                (None, None) => "invalid value".to_owned(),
            };
        Error::invalid(operation, format!("{argument}{path}: {problem}"))
    })
}

/// A serialized JSON argument, or the problem, which continues the argument's name. It is returned when the call is awaited.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub(crate) Result<RawJson, String>);

impl Json {
    /// Serializes a value. It is written exactly or refused: NaN and infinite floats are a problem with their path.
    pub(crate) fn new(value: impl Serialize) -> Self {
        let json = RawJson::from_value(&value)
            .map_err(|error| format!(": cannot be serialized as JSON: {error}"));
        Self(json.and_then(|json| {
            // serde_json writes such floats as null.
            match memmem::find(json.get().as_bytes(), b"null")
                .and_then(|_| non_finite::find(&value))
            {
                Some(problem) => Err(problem),
                None => Ok(json),
            }
        }))
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|known| known.name() == name).ok_or_else(|| {
            Error::new(ErrorKind::Validation, "strategy: expected `auto`, `single` or `file`")
        })
    }
}

#[cfg(test)]
mod tests {
    use mistral_datasets_types::{CreateJudgeRequest, TelemetrySpanReference};
    use serde_json::{Value, json};

    use super::*;

    fn problem<T: DeserializeOwned + std::fmt::Debug>(json: Value) -> String {
        let error = parse_argument::<T>("search", "argument", &json.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        error.message().to_owned()
    }

    #[test]
    fn errors_of_json_arguments_have_a_path_and_no_content() {
        let condition = json!({"field": "a", "op": "eq", "value": 1});
        let payload = |filter| json!({"filters": {"AND": [condition, {"OR": [filter]}]}});
        for (filter, expected) in [
            (json!({"AND": "secret, expected x"}), ".AND: expected an array"),
            (json!({"field": 5, "op": "eq", "value": 1}), ".field: expected a string"),
            (json!({"OR": [{"AND": 1}]}), ".OR[0].AND: expected an array"),
        ] {
            let message = problem::<FilterPayload>(payload(filter));
            assert_eq!(message, format!("argument.filters.AND[1].OR[0]{expected}"));
        }
        let references = json!([{"trace_id": "a"}]);
        let message = problem::<Vec<TelemetrySpanReference>>(references);
        assert_eq!(message, "argument[0]: missing `span_id`");
        let options = json!([{"value": "secret"}]);
        let output = json!({"type": "CLASSIFICATION", "options": options});
        let message = problem::<CreateJudgeRequest>(json!({"name": "n", "output": output}));
        assert_eq!(message, "argument.output.options[0]: missing `description`");
    }

    #[test]
    fn unknown_fields_of_json_arguments_are_kept() {
        let json = RawJson::from(json!({"trace_id": "a", "span_id": "b", "more": [1.0]}));
        let reference: TelemetrySpanReference =
            parse_argument("search", "argument", &json).unwrap();
        assert_eq!(reference.extra["more"].get(), "[1.0]");
    }
}
