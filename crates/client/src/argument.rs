//! What calls take as arguments.

use serde::Serialize;
use uuid::Uuid;

use mistral_datasets_types::RawJson;

/// What can stand for an id: text, or a uuid.
///
/// Text that should be a uuid and is none is refused when the call is awaited.
pub trait IntoId {
    /// The id as text.
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

/// What can be given for an argument that may be left out: a value, or an `Option` of one.
pub trait IntoOption<T> {
    /// The value, if there is one.
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

/// A JSON argument as the caller gave it, or why it has no JSON form; the call that takes it says so when awaited.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub(crate) Result<RawJson, String>);

impl Json {
    pub(crate) fn new(value: impl Serialize) -> Self {
        Self(RawJson::from_value(&value).map_err(|error| error.to_string()))
    }
}
