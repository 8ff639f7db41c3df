//! Records to create.

use std::any::Any;
use std::error::Error as StdError;

use mistral_datasets_types::RawJson;
use serde::Serialize;

use crate::argument::Json;
use crate::check::Checks;
use crate::error::{Error, ErrorKind};

/// The operation that a record which cannot be sent would have been sent by.
pub(super) const OPERATION: &str = "create_record";

/// A record to create: a conversation, and what is said about it.
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
}

impl NewRecord {
    /// A record of these two objects. A [`RawJson`] stays the text it is.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when one of them is no object or has no JSON form.
    pub fn new(payload: impl Serialize, properties: impl Serialize) -> Result<Self, Error> {
        let checks = Checks::new(OPERATION);
        Ok(Self {
            payload: checks.object("payload", Json::new(payload))?,
            properties: checks.object("properties", Json::new(properties))?,
        })
    }

    /// The conversation.
    pub fn payload(&self) -> &RawJson {
        &self.payload
    }

    /// What is said about it.
    pub fn properties(&self) -> &RawJson {
        &self.properties
    }

    /// How many bytes it has.
    pub(super) fn size(&self) -> usize {
        self.payload.get().len() + self.properties.get().len()
    }
}

/// What a source of records may yield: records, or results of which the error ends the bulk call, because the source itself
/// has failed. An error that comes from [`NewRecord::new`] does not: it is the failure of that one record.
pub trait IntoRecord {
    /// The record, or why there is none.
    ///
    /// # Errors
    /// Those of [`NewRecord::new`], which are the record's own, or any other, which is the source's.
    fn into_record(self) -> Result<NewRecord, Error>;
}

impl IntoRecord for NewRecord {
    fn into_record(self) -> Result<NewRecord, Error> {
        Ok(self)
    }
}

impl<E: StdError + Send + Sync + 'static> IntoRecord for Result<NewRecord, E> {
    fn into_record(self) -> Result<NewRecord, Error> {
        self.map_err(|error| {
            let mut error = Some(error);
            let ours = (&mut error as &mut dyn Any).downcast_mut::<Option<Error>>();
            if let Some(ours) = ours.and_then(Option::take) {
                return ours;
            }
            // What it says may quote a record, so it is passed on, but not printed.
            let failed = Error::new(ErrorKind::Validation, "the source of the records failed")
                .with_operation("create_records");
            match error {
                Some(error) => failed.with_source(error),
                None => failed,
            }
        })
    }
}

/// Whether the error says that one record cannot be sent, and not that its source has failed.
pub(super) fn is_of_the_record(error: &Error) -> bool {
    error.kind() == ErrorKind::Validation
        && error.operation() == Some(OPERATION)
        && error.status().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_object_is_refused_without_its_content() {
        let error = NewRecord::new(json!(["my secret"]), json!({})).unwrap_err();
        assert_eq!(error.message(), "payload: expected an object");
        assert!(is_of_the_record(&error));
        let error = NewRecord::new(json!({}), "my secret").unwrap_err();
        assert_eq!(error.message(), "properties: expected an object");
    }

    #[test]
    fn a_record_is_told_from_its_source() {
        let failed: Result<NewRecord, _> = Err(std::io::Error::other("my secret"));
        let error = failed.into_record().unwrap_err();
        assert!(!is_of_the_record(&error));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(StdError::source(&error).unwrap().to_string(), "my secret");
        let refused = NewRecord::new(1, 2).into_record().unwrap_err();
        assert!(is_of_the_record(&refused));
    }

    #[test]
    fn text_stays_as_it_is_and_debug_shows_none() {
        let payload = RawJson::from_string(r#"{ "b": 1.0, "a": 2 }"#.to_owned()).unwrap();
        let record = NewRecord::new(&payload, json!({})).unwrap();
        assert_eq!(record.payload(), &payload);
        assert!(!format!("{record:?}").contains("1.0"));
    }
}
