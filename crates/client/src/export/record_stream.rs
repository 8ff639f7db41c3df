//! Exports as a stream of records.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Stream, StreamExt};
use mistral_datasets_types::{ConversationPayload, RecordProperties, RecordSource};
use mistral_datasets_types::{Extra, RawJson};
use uuid::Uuid;

use super::{ExportedLines, OPERATION};
use crate::error::{Error, ErrorKind};

/// One record of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportedRecord {
    /// The conversation.
    pub payload: ConversationPayload,
    /// The properties.
    pub properties: RecordProperties,
    /// The record's id, if the export contains it.
    pub id: Option<Uuid>,
    /// The record's source, if the export contains it.
    pub source: Option<RecordSource>,
    /// The other fields of the line, such as timestamps.
    pub extra: Extra,
}

impl ExportedRecord {
    /// Reads a record from a line of an export.
    ///
    /// ```
    /// use mistral_datasets::ExportedRecord;
    ///
    /// let record = ExportedRecord::from_json(r#"{"payload": {"messages": []}, "topic": "refund"}"#)?;
    /// assert_eq!((record.properties.get(), record.extra["topic"].get()), ("{}", "\"refund\""));
    /// # Ok::<(), mistral_datasets::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) if the line is not a JSON object with a `payload`. The message does not quote it.
    pub fn from_json(line: &str) -> Result<Self, Error> {
        Self::parse(line.as_bytes()).map_err(|problem| Error::new(ErrorKind::Validation, problem))
    }

    /// Parses a line. Error messages do not quote it.
    fn parse(line: &[u8]) -> Result<Self, &'static str> {
        let mut fields: Extra =
            serde_json::from_slice(line).map_err(|_| "expected a JSON object")?;
        let payload = fields.remove("payload").ok_or("missing `payload`")?;
        let empty = || RawJson::from_value(&Extra::new());
        let properties = match fields.remove("properties") {
            Some(properties) => properties,
            None => empty().map_err(|_| "missing `properties`")?,
        };
        Ok(Self {
            payload: payload.into(),
            properties: properties.into(),
            id: take_parsed(&mut fields, "id"),
            source: take_parsed(&mut fields, "source"),
            extra: fields,
        })
    }
}

/// Removes and parses a field. A value of an unexpected type is left in place.
fn take_parsed<T: serde::de::DeserializeOwned>(fields: &mut Extra, name: &str) -> Option<T> {
    let value = fields.get(name)?.parse().ok()?;
    fields.remove(name);
    Some(value)
}

/// A stream of the records of an export. Returned by [`Export::records`](super::Export::records). It ends after an error.
pub struct ExportedRecords {
    lines: ExportedLines,
    number: u64,
    ended: bool,
}

impl ExportedRecords {
    pub(super) fn new(lines: ExportedLines) -> Self {
        Self { lines, number: 0, ended: false }
    }

    /// Returns the next record, or `None` at the end.
    ///
    /// # Errors
    /// [`Decoding`](ErrorKind::Decoding) if a line is not a record, and the errors of
    /// [`Export::to_path`](super::Export::to_path). The stream ends after an error.
    pub async fn next(&mut self) -> Option<Result<ExportedRecord, Error>> {
        StreamExt::next(self).await
    }
}

impl Stream for ExportedRecords {
    type Item = Result<ExportedRecord, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Some(line) = ready!(self.lines.poll_next_unpin(context)) else {
            return Poll::Ready(None);
        };
        self.number += 1;
        let record = line.and_then(|line| {
            ExportedRecord::parse(&line).map_err(|problem| {
                let message = format!("record {} of the export: {problem}", self.number);
                Error::new(ErrorKind::Decoding, message).with_operation(OPERATION)
            })
        });
        self.ended = record.is_err();
        Poll::Ready(Some(record))
    }
}

impl fmt::Debug for ExportedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedRecords").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_unchanged() {
        let id = Uuid::nil();
        let line = format!(
            r#"{{"id": "{id}", "rating": 1.0, "payload": {{"b": 1.0, "a": []}}, "properties": {{"z": 1}}, "source": "SURVEY"}}"#
        );
        let record = ExportedRecord::parse(line.as_bytes()).unwrap();
        assert_eq!(record.payload.get(), r#"{"b": 1.0, "a": []}"#);
        assert_eq!(record.properties.get(), r#"{"z": 1}"#);
        assert_eq!(record.id, Some(id));
        assert_eq!(record.source, Some(RecordSource::Other("SURVEY".to_owned())));
        assert_eq!(record.extra.keys().collect::<Vec<_>>(), ["rating"]);
    }

    #[test]
    fn unexpected_values_are_kept_and_optional_fields_may_be_missing() {
        let record = ExportedRecord::parse(br#"{"payload": {}, "id": 5}"#).unwrap();
        assert_eq!((record.id, record.properties.get()), (None, "{}"));
        assert_eq!(record.extra["id"].get(), "5");
    }

    #[test]
    fn errors_never_quote_the_line() {
        for (line, problem) in [
            (&br#"{"properties": {}}"#[..], "missing `payload`"),
            (b"[]", "expected a JSON object"),
            (b"{\"payload\": {}", "expected a JSON object"),
            (b"{\"payload\": \"\xff\"}", "expected a JSON object"),
        ] {
            assert_eq!(ExportedRecord::parse(line).unwrap_err(), problem);
        }
    }
}
