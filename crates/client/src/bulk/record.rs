//! Records to create.

use std::any::Any;
use std::error::Error as StdError;

use mistral_datasets_types::RawJson;
use serde::Serialize;

use super::record_keys;
use crate::argument::Json;
use crate::checks::Checks;
use crate::error::{Error, ErrorKind};

/// The operation in the errors of invalid records.
pub(super) const OPERATION: &str = "create_record";

/// A record to create: a conversation (the payload) and its properties.
///
/// ```
/// use mistral_datasets::NewRecord;
/// use serde_json::json;
///
/// let record = NewRecord::new(
///     json!({"messages": [{"role": "user", "content": "Where is my money?"}]}),
///     json!({"topic": "refund"}),
/// )?;
/// assert_eq!(record.properties().get(), r#"{"topic":"refund"}"#);
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    payload: RawJson,
    properties: RawJson,
    unknown_keys: Vec<String>,
}

impl NewRecord {
    /// Creates a record from two values that serialize as JSON objects. A [`RawJson`] is sent unchanged. Properties of `()` or
    /// `None` are empty.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) if a value is not an object or cannot be serialized.
    pub fn new(payload: impl Serialize, properties: impl Serialize) -> Result<Self, Error> {
        let checks = Checks::new(OPERATION);
        Ok(Self {
            payload: checks.object("payload", Json::new(payload))?,
            properties: checks.object_or_null("properties", Json::new(properties))?,
            unknown_keys: Vec::new(),
        })
    }

    /// Returns the error of a record that cannot be created. If a source of records yields it, only that record fails.
    ///
    /// ```
    /// use mistral_datasets::NewRecord;
    ///
    /// let error = NewRecord::invalid("payload.messages[0]: expected an object");
    /// assert_eq!(error.message(), "payload.messages[0]: expected an object");
    /// ```
    pub fn invalid(problem: impl Into<String>) -> Error {
        Error::invalid(OPERATION, problem.into())
    }

    /// Adds the other keys of the object that the record was read from. Those that are not fields of a record become its
    /// [`unknown_keys`](Self::unknown_keys).
    ///
    /// ```
    /// use mistral_datasets::NewRecord;
    /// use serde_json::json;
    ///
    /// let record = NewRecord::new(json!({"messages": []}), json!({}))?;
    /// let record = record.with_other_keys(["id", "metadata"]);
    /// assert_eq!(record.unknown_keys(), ["metadata"]);
    /// # Ok::<(), mistral_datasets::Error>(())
    /// ```
    pub fn with_other_keys(mut self, keys: impl IntoIterator<Item: Into<String>>) -> Self {
        let keys = keys.into_iter().map(Into::into);
        self.unknown_keys.extend(keys.filter(|key| record_keys::is_unknown(key)));
        self
    }

    /// Returns the conversation.
    pub fn payload(&self) -> &RawJson {
        &self.payload
    }

    /// Returns the properties.
    pub fn properties(&self) -> &RawJson {
        &self.properties
    }

    /// Returns the keys that were next to the payload and that a record does not have. Their values are not part of the record.
    ///
    /// [`create_records`](crate::calls::Datasets::create_records) rejects a record with unknown keys unless
    /// [`allow_unknown_keys`](crate::CreateRecords::allow_unknown_keys) is set.
    pub fn unknown_keys(&self) -> &[String] {
        &self.unknown_keys
    }

    /// Returns the size of payload and properties in bytes.
    pub(super) fn size(&self) -> usize {
        self.payload.get().len() + self.properties.get().len()
    }
}

/// An item of a source of records: a [`NewRecord`], or a `Result` of one.
///
/// An error of [`NewRecord::new`], [`NewRecord::from_jsonl_line`] or [`NewRecord::invalid`] is the failure of that record. Any other error means that
/// the source itself has failed, and ends the call.
///
/// This trait is sealed: other crates cannot implement it. Convert other values to one of these types.
///
/// ```compile_fail,E0277
/// use mistral_datasets::{Error, IntoRecord, NewRecord};
///
/// struct Line(String);
///
/// impl IntoRecord for Line {
///     fn into_record(self) -> Result<NewRecord, Error> {
///         NewRecord::from_jsonl_line(self.0)
///     }
/// }
/// ```
pub trait IntoRecord: sealed::Record {
    /// Returns the record.
    ///
    /// # Errors
    /// The error of the record or of the source.
    fn into_record(self) -> Result<NewRecord, Error>;
}

mod sealed {
    /// Seals [`IntoRecord`](super::IntoRecord).
    pub trait Record {}

    impl Record for super::NewRecord {}
    impl<E> Record for Result<super::NewRecord, E> {}
}

impl IntoRecord for NewRecord {
    fn into_record(self) -> Result<NewRecord, Error> {
        Ok(self)
    }
}

impl<E: StdError + Send + Sync + 'static> IntoRecord for Result<NewRecord, E> {
    fn into_record(self) -> Result<NewRecord, Error> {
        self.map_err(|error| source_error(error, "records", "create_records"))
    }
}

/// Returns the error for a failed source. An [`Error`] is returned as it is.
pub(super) fn source_error<E: StdError + Send + Sync + 'static>(
    error: E,
    items: &str,
    operation: &'static str,
) -> Error {
    let mut error = Some(error);
    let own = (&mut error as &mut dyn Any).downcast_mut::<Option<Error>>();
    if let Some(own) = own.and_then(Option::take) {
        return own;
    }
    // The error may quote an item, so the message does not repeat it.
    let failed = Error::new(ErrorKind::Validation, format!("the source of the {items} failed"))
        .with_operation(operation);
    match error {
        Some(error) => failed.with_source(error),
        None => failed,
    }
}

/// Adds the index of a record to the message of its error. Errors of the source itself are returned unchanged.
pub(super) fn with_index(error: Error, index: usize) -> Error {
    match is_record_error(&error) {
        true => error.with_message_prefix(&format!("records[{index}]: ")),
        false => error,
    }
}

/// Returns whether an error concerns a single record, rather than the source of the records.
pub(super) fn is_record_error(error: &Error) -> bool {
    error.kind() == ErrorKind::Validation
        && error.operation() == Some(OPERATION)
        && error.status().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_that_are_not_objects_are_rejected_without_being_quoted() {
        let error = NewRecord::new(json!(["my secret"]), json!({})).unwrap_err();
        assert_eq!(error.message(), "payload: expected an object");
        assert!(is_record_error(&error));
        let error = NewRecord::new(json!({}), "my secret").unwrap_err();
        assert_eq!(error.message(), "properties: expected an object");
    }

    #[test]
    fn null_properties_are_empty() {
        let empty = NewRecord::new(json!({}), json!({})).unwrap();
        assert_eq!(NewRecord::new(json!({}), ()).unwrap(), empty);
        assert_eq!(NewRecord::new(json!({}), None::<i32>).unwrap(), empty);
        let error = NewRecord::new((), json!({})).unwrap_err();
        assert_eq!(error.message(), "payload: expected an object");
    }

    #[test]
    fn the_index_is_added_to_errors_of_records_only() {
        let error = with_index(NewRecord::new(1, ()).unwrap_err(), 3);
        assert_eq!(error.message(), "records[3]: payload: expected an object");
        let failed: Result<NewRecord, _> = Err(std::io::Error::other("my secret"));
        let error = with_index(failed.into_record().unwrap_err(), 3);
        assert_eq!(error.message(), "the source of the records failed");
    }

    #[test]
    fn record_errors_and_source_errors_are_distinguished() {
        let failed: Result<NewRecord, _> = Err(std::io::Error::other("my secret"));
        let error = failed.into_record().unwrap_err();
        assert!(!is_record_error(&error));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(StdError::source(&error).unwrap().to_string(), "my secret");
        let rejected = NewRecord::new(1, 2).into_record().unwrap_err();
        assert!(is_record_error(&rejected));
    }

    #[test]
    fn raw_json_is_unchanged_and_not_printed() {
        let payload = RawJson::from_string(r#"{ "b": 1.0, "a": 2 }"#.to_owned()).unwrap();
        let record = NewRecord::new(&payload, json!({})).unwrap();
        assert_eq!(record.payload(), &payload);
        assert!(!format!("{record:?}").contains("1.0"));
    }
}
