//! The records of an export.

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
    /// What is said about the conversation.
    pub properties: RecordProperties,
    /// The record's id, where the export says it.
    pub id: Option<Uuid>,
    /// Where the record came from, where the export says it.
    pub source: Option<RecordSource>,
    /// The other members of the line, such as the times of the record.
    pub extra: Extra,
}

impl ExportedRecord {
    /// Reads a line, or says what is wrong with it without repeating any of it.
    fn read(line: &[u8]) -> Result<Self, &'static str> {
        let mut members: Extra =
            serde_json::from_slice(line).map_err(|_| "expected a JSON object")?;
        let payload = members.remove("payload").ok_or("missing `payload`")?;
        let empty = || RawJson::from_value(&Extra::new());
        let properties = match members.remove("properties") {
            Some(properties) => properties,
            None => empty().map_err(|_| "missing `properties`")?,
        };
        Ok(Self {
            payload: payload.into(),
            properties: properties.into(),
            id: understood(&mut members, "id"),
            source: understood(&mut members, "source"),
            extra: members,
        })
    }
}

/// Takes a member out, unless it is not what is expected there.
fn understood<T: serde::de::DeserializeOwned>(members: &mut Extra, name: &str) -> Option<T> {
    let value = members.get(name)?.parse().ok()?;
    members.remove(name);
    Some(value)
}

/// The records of an export: a stream, which ends after an error. Begun by [`Export::records`](super::Export::records).
pub struct ExportedRecords {
    lines: ExportedLines,
    number: u64,
    ended: bool,
}

impl ExportedRecords {
    pub(super) fn new(lines: ExportedLines) -> Self {
        Self { lines, number: 0, ended: false }
    }

    /// The next record, or nothing after the last.
    ///
    /// # Errors
    /// [`Decoding`](ErrorKind::Decoding) when a line is no record; otherwise as
    /// [`Export::to_path`](super::Export::to_path). An error is the last item.
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
            ExportedRecord::read(&line).map_err(|problem| {
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
    fn a_line_is_read_and_its_text_kept() {
        let id = Uuid::nil();
        let line = format!(
            r#"{{"id": "{id}", "mood": 1.0, "payload": {{"b": 1.0, "a": []}}, "properties": {{"z": 1}}, "source": "PIGEON"}}"#
        );
        let record = ExportedRecord::read(line.as_bytes()).unwrap();
        assert_eq!(record.payload.get(), r#"{"b": 1.0, "a": []}"#);
        assert_eq!(record.properties.get(), r#"{"z": 1}"#);
        assert_eq!(record.id, Some(id));
        assert_eq!(record.source, Some(RecordSource::Other("PIGEON".to_owned())));
        assert_eq!(record.extra.keys().collect::<Vec<_>>(), ["mood"]);
    }

    #[test]
    fn what_is_not_understood_is_kept_and_what_is_optional_may_be_missing() {
        let record = ExportedRecord::read(br#"{"payload": {}, "id": 5}"#).unwrap();
        assert_eq!((record.id, record.properties.get()), (None, "{}"));
        assert_eq!(record.extra["id"].get(), "5");
    }

    #[test]
    fn a_line_that_is_no_record_is_not_repeated() {
        for (line, problem) in [
            (&br#"{"properties": {}}"#[..], "missing `payload`"),
            (b"[]", "expected a JSON object"),
            (b"{\"payload\": {}", "expected a JSON object"),
            (b"{\"payload\": \"\xff\"}", "expected a JSON object"),
        ] {
            assert_eq!(ExportedRecord::read(line).unwrap_err(), problem);
        }
    }
}
