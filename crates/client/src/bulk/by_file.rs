//! Creating records by files that are uploaded and imported.

use std::ops::Range;

use futures::StreamExt;
use memchr::memchr2_iter;

use super::checking::LONGEST_LINE;
use super::line;
use super::one_by_one::Records;
use super::record::{NewRecord, OPERATION, is_of_the_record};
use super::report::{CreateReport, Outcome, UnderWay};
use super::spool::{Part, Parts, not_spooled};
use super::transfer::{Failure, Transfer};
use crate::error::{Error, ErrorKind};
use crate::upload::MAX_FILE_BYTES;

/// So much is written to the temporary file at once.
const BATCH: usize = 1 << 20;

/// How the files are called.
const FILE_NAME: &str = "records.jsonl";

/// Sends records by files and notes what becomes of them.
pub(super) struct ByFile<'a> {
    pub(super) transfer: Transfer,
    pub(super) continue_on_error: bool,
    pub(super) report: &'a mut CreateReport,
}

impl ByFile<'_> {
    /// Writes all records of the source to files, then brings one file after the other into the dataset.
    pub(super) async fn run(mut self, records: Records) -> Result<(), Error> {
        let (parts, taken) = self.write(records).await?;
        let (content, parts) = parts.finish(taken).map_err(not_spooled)?;
        for part in &parts {
            let brought = self.transfer.bring(&content, part, FILE_NAME.to_owned(), || Ok(()));
            let places = places(part);
            match brought.await {
                Ok((_, task)) => {
                    self.report.task = Some(Box::new(task));
                    self.report.settle(places, &Outcome::Imported);
                }
                Err(failure) => return Err(self.failed(failure, places)),
            }
        }
        Ok(())
    }

    /// If the import of a file was under way when an earlier call ended, waits for it.
    pub(super) async fn settle_earlier(&mut self) -> Result<(), Error> {
        let (Some(under_way), Some(task)) = (&self.report.under_way, &self.report.task) else {
            return Ok(());
        };
        let UnderWay { file_id, places } = under_way.clone();
        let outcome = match self.transfer.wait_for(task, Some(places.len() as u64)).await {
            Ok(task) => {
                self.transfer.delete(&file_id).await;
                self.report.task = Some(Box::new(task));
                Outcome::Imported
            }
            // Nothing of it was created, so it can be sent again.
            Err(error) if error.kind() == ErrorKind::TaskFailed => Outcome::NotSent,
            Err(error) => return Err(error),
        };
        self.report.under_way = None;
        for place in places {
            if matches!(self.report.items[place], Outcome::Unknown(_)) {
                self.report.set(place, outcome.clone());
            }
        }
        Ok(())
    }

    fn failed(&mut self, failure: Failure, places: Range<usize>) -> Error {
        match failure {
            Failure::NotDone(error) => {
                self.report.task = error.task().cloned().map(Box::new).or(self.report.task.take());
                error
            }
            Failure::Unknown { error, .. } => {
                self.report.settle(places, &Outcome::Unknown(error.clone()));
                error
            }
            Failure::UnderWay { file_id, task, error } => {
                self.report.settle(places.clone(), &Outcome::Unknown(error.clone()));
                self.report.task = Some(task);
                self.report.under_way = Some(UnderWay { file_id, places });
                error
            }
        }
    }

    /// Writes what of the source is to be sent to a temporary file. Returns with it how many records the source had.
    async fn write(&mut self, mut records: Records) -> Result<(Parts, u64), Error> {
        let watch = self.transfer.watch.clone();
        watch.begin("check", None, None);
        let mut parts = Parts::spooled(MAX_FILE_BYTES).map_err(not_spooled)?;
        let (mut batch, mut taken) = (Batch::default(), 0);
        let client = self.transfer.client.clone();
        loop {
            let next = tokio::select! {
                biased;
                () = client.ended() => return Err(client.broken_off()),
                next = records.next() => next,
            };
            let Some((place, record)) = next else { break };
            taken = place as u64 + 1;
            let line = match record {
                Err(error) if !is_of_the_record(&error) => return Err(error),
                _ if !self.report.wants(place) => continue,
                record => record.and_then(|record| line_of(&record)),
            };
            self.report.take(place);
            match line {
                Ok(line) => {
                    watch.update(|progress| {
                        progress.bytes += line.len() as u64;
                        progress.records += 1;
                    });
                    batch.add(place, line);
                }
                Err(error) => {
                    self.report.set(place, Outcome::Failed(error.clone()));
                    if !self.continue_on_error {
                        return Err(error);
                    }
                }
            }
            if batch.bytes >= BATCH {
                parts = std::mem::take(&mut batch).write(parts).await?;
            }
        }
        parts = batch.write(parts).await?;
        watch.end();
        Ok((parts, taken))
    }
}

/// The places of the records that a part may hold.
fn places(part: &Part) -> Range<usize> {
    let place = |line: u64| usize::try_from(line).unwrap_or(usize::MAX);
    place(part.first_line - 1)..place(part.last_line)
}

/// A record as a line of a file, which is looked at as an import would.
fn line_of(record: &NewRecord) -> Result<Vec<u8>, Error> {
    let mut line = Vec::with_capacity(record.size() + 32);
    line.extend_from_slice(br#"{"payload":"#);
    line.extend_from_slice(record.payload().get().as_bytes());
    line.extend_from_slice(br#","properties":"#);
    line.extend_from_slice(record.properties().get().as_bytes());
    line.push(b'}');
    // Line breaks in JSON are white space, since strings have them escaped.
    let breaks: Vec<usize> = memchr2_iter(b'\n', b'\r', &line).collect();
    breaks.into_iter().for_each(|place| line[place] = b' ');
    if line.len() > LONGEST_LINE {
        return Err(Error::invalid(OPERATION, format!("longer than {LONGEST_LINE} bytes")));
    }
    match line::check(&line) {
        Ok(_) => Ok(line),
        Err(problem) => Err(Error::invalid(OPERATION, problem.message)),
    }
}

/// Lines to write, and their places.
#[derive(Default)]
struct Batch {
    lines: Vec<(usize, Vec<u8>)>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, place: usize, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push((place, line));
    }

    async fn write(self, mut parts: Parts) -> Result<Parts, Error> {
        let written = tokio::task::spawn_blocking(move || {
            for (place, line) in self.lines {
                parts.add_written(place as u64 + 1, &[&line])?;
            }
            Ok(parts)
        });
        match written.await {
            Ok(parts) => parts.map_err(not_spooled),
            Err(error) => Err(not_spooled(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use mistral_datasets_types::RawJson;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_one_line_of_the_same_text() {
        let text = "{\n  \"messages\": [],\r\n  \"n\": 1.0, \"text\": \"a\\nb\"\n}";
        let payload = RawJson::from_string(text.to_owned()).unwrap();
        let line = line_of(&NewRecord::new(payload, json!({"b": 1, "a": 2})).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            r#"{"payload":{   "messages": [],    "n": 1.0, "text": "a\nb" },"properties":{"b":1,"a":2}}"#
        );
    }

    #[test]
    fn what_an_import_would_refuse_is_the_failure_of_the_record() {
        let record = NewRecord::new(json!({"messages": ["secret"]}), json!({})).unwrap();
        let error = line_of(&record).unwrap_err();
        assert!(is_of_the_record(&error));
        assert_eq!(error.message(), "payload.messages[0]: expected an object, found a string");
    }
}
