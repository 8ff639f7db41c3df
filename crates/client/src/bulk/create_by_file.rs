//! The `File` strategy: writes records to JSONL files, uploads the files and imports them.

use std::ops::Range;

use futures::StreamExt;
use memchr::memchr2_iter;

use super::create_single::Records;
use super::import_part::{ImportFailure, PartImporter};
use super::record::{NewRecord, OPERATION, is_record_error, with_index};
use super::scan::MAX_LINE_BYTES;
use super::upload_parts::{Part, PartsBuilder, temp_file_error};
use super::validate_line::validate;
use crate::error::{CreateReport, Error, ErrorKind, Outcome, UnfinishedImport};
use crate::files::MAX_FILE_BYTES;

/// The number of bytes that are collected before they are written to the temporary file.
const BATCH_BYTES: usize = 1 << 20;

const FILE_NAME: &str = "records.jsonl";

/// Creates records by importing files, and stores their outcomes in the report.
pub(super) struct FileCreator<'a> {
    pub(super) importer: PartImporter,
    pub(super) continue_on_error: bool,
    pub(super) report: &'a mut CreateReport,
}

impl FileCreator<'_> {
    /// Writes all records of the source to a temporary file, then uploads and imports it part by part.
    pub(super) async fn run(mut self, records: Records) -> Result<(), Error> {
        let (parts, record_count) = self.write(records).await?;
        let (content, parts) = parts.finish(record_count).map_err(temp_file_error)?;
        for part in &parts {
            let result =
                self.importer.import(&content, part, FILE_NAME.to_owned(), || Ok(())).await;
            let indices = record_indices(part);
            match result {
                Ok((_, task)) => {
                    self.report.task = Some(Box::new(task));
                    self.report.set_unsent(indices, &Outcome::Imported);
                }
                Err(failure) => return Err(self.record_failure(failure, indices)),
            }
        }
        Ok(())
    }

    /// Waits for the import that was running when an earlier call ended, if there was one.
    pub(super) async fn finish_earlier_import(&mut self) -> Result<(), Error> {
        let (Some(unfinished), Some(task)) = (&self.report.unfinished_import, &self.report.task)
        else {
            return Ok(());
        };
        let UnfinishedImport { file_id, indices } = unfinished.clone();
        let outcome = match self.importer.wait_for(task, Some(indices.len() as u64)).await {
            Ok(task) => {
                self.importer.delete(&file_id).await;
                self.report.task = Some(Box::new(task));
                Outcome::Imported
            }
            // A failed import leaves no records behind, so they can be sent again.
            Err(error) if error.kind() == ErrorKind::TaskFailed => Outcome::NotSent,
            Err(error) => return Err(error),
        };
        self.report.unfinished_import = None;
        for index in indices {
            if matches!(self.report.items[index], Outcome::Unknown(_)) {
                self.report.set(index, outcome.clone());
            }
        }
        Ok(())
    }

    fn record_failure(&mut self, failure: ImportFailure, indices: Range<usize>) -> Error {
        match failure {
            ImportFailure::NotImported(error) => {
                self.report.task = error.task().cloned().map(Box::new).or(self.report.task.take());
                error
            }
            ImportFailure::Unknown { error, .. } => {
                self.report.set_unsent(indices, &Outcome::Unknown(error.clone()));
                error
            }
            ImportFailure::InProgress { file_id, task, error } => {
                self.report.set_unsent(indices.clone(), &Outcome::Unknown(error.clone()));
                self.report.task = Some(task);
                self.report.unfinished_import = Some(UnfinishedImport { file_id, indices });
                error
            }
        }
    }

    /// Writes the records that need sending to a temporary file. Also returns the number of records in the source.
    async fn write(&mut self, mut records: Records) -> Result<(PartsBuilder, u64), Error> {
        let reporter = self.importer.reporter.clone();
        reporter.start_phase("check", None, None);
        let mut parts = PartsBuilder::in_temp_file(MAX_FILE_BYTES).map_err(temp_file_error)?;
        let (mut batch, mut record_count) = (Batch::default(), 0);
        let client = self.importer.client.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = client.cancelled() => return Err(client.cancelled_error()),
                next = records.next() => next,
            };
            let Some((index, record)) = next else { break };
            record_count = index as u64 + 1;
            let line = match record {
                Err(error) if !is_record_error(&error) => return Err(error),
                _ if !self.report.needs_sending(index) => continue,
                record => record
                    .and_then(|record| to_line(&record).map_err(|error| with_index(error, index))),
            };
            self.report.mark_read(index);
            match line {
                Ok(line) => {
                    reporter.update(|progress| {
                        progress.bytes += line.len() as u64;
                        progress.records += 1;
                    });
                    batch.add(index, line);
                }
                Err(error) => {
                    self.report.set(index, Outcome::Failed(error.clone()));
                    if !self.continue_on_error {
                        return Err(error);
                    }
                }
            }
            if batch.bytes >= BATCH_BYTES {
                parts = std::mem::take(&mut batch).write(parts).await?;
            }
        }
        parts = batch.write(parts).await?;
        reporter.end_phase();
        Ok((parts, record_count))
    }
}

/// Returns the indices of the records that a part may contain. Line numbers are record indices plus one.
fn record_indices(part: &Part) -> Range<usize> {
    let index = |line: u64| usize::try_from(line).unwrap_or(usize::MAX);
    index(part.first_line - 1)..index(part.last_line)
}

/// Serializes a record as a JSONL line and validates it as an import would.
fn to_line(record: &NewRecord) -> Result<Vec<u8>, Error> {
    let mut line = Vec::with_capacity(record.size() + 32);
    line.extend_from_slice(br#"{"payload":"#);
    line.extend_from_slice(record.payload().get().as_bytes());
    line.extend_from_slice(br#","properties":"#);
    line.extend_from_slice(record.properties().get().as_bytes());
    line.push(b'}');
    // Unescaped line breaks in JSON can only be white space.
    let breaks: Vec<usize> = memchr2_iter(b'\n', b'\r', &line).collect();
    breaks.into_iter().for_each(|position| line[position] = b' ');
    if line.len() > MAX_LINE_BYTES {
        return Err(Error::invalid(OPERATION, format!("longer than {MAX_LINE_BYTES} bytes")));
    }
    match validate(&line) {
        Ok(_) => Ok(line),
        Err(problem) => Err(Error::invalid(OPERATION, problem.message)),
    }
}

/// Lines to write, with the indices of their records.
#[derive(Default)]
struct Batch {
    lines: Vec<(usize, Vec<u8>)>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, index: usize, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push((index, line));
    }

    async fn write(self, mut parts: PartsBuilder) -> Result<PartsBuilder, Error> {
        let written = tokio::task::spawn_blocking(move || {
            for (index, line) in self.lines {
                parts.add_rewritten(index as u64 + 1, &[&line])?;
            }
            Ok(parts)
        });
        match written.await {
            Ok(parts) => parts.map_err(temp_file_error),
            Err(error) => Err(temp_file_error(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use mistral_datasets_types::RawJson;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_becomes_one_line_with_unchanged_values() {
        let text = "{\n  \"messages\": [],\r\n  \"n\": 1.0, \"text\": \"a\\nb\"\n}";
        let payload = RawJson::from_string(text.to_owned()).unwrap();
        let line = to_line(&NewRecord::new(payload, json!({"b": 1, "a": 2})).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r#"{"payload":{   "messages": [],    "n": 1.0, "text": "a\nb" },"properties":{"b":1,"a":2}}"#
        );
    }

    #[test]
    fn records_that_an_import_would_reject_fail() {
        let record = NewRecord::new(json!({"messages": ["secret"]}), json!({})).unwrap();
        let error = to_line(&record).unwrap_err();
        assert!(is_record_error(&error));
        assert_eq!(error.message(), "payload.messages[0]: expected an object, found a string");
    }
}
