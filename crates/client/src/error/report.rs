//! Reports of bulk calls, complete or partial.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use mistral_datasets_types::{ImportResult, ImportTask};
use uuid::Uuid;

use super::Error;
use super::judging_report::JudgingReport;
use super::unknown_key_counts::UnknownKeyCounts;
use crate::strategy::Strategy;

/// The report of a bulk call. [`Error::report`] returns the partial report of a failed call.
#[derive(Clone, Debug)]
pub enum Report {
    /// The report of [`create_records`](crate::calls::Datasets::create_records).
    Create(CreateReport),
    /// The report of [`import_jsonl`](crate::calls::Datasets::import_jsonl).
    Import(ImportReport),
    /// The report of [`import_spans`](crate::calls::Datasets::import_spans).
    Spans(SpanImportReport),
    /// The report of [`Judges::run`](crate::calls::Judges::run).
    Judging(JudgingReport),
}

/// The outcome of one record.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The record was created with this id.
    Created(Uuid),
    /// The record was created by importing a file, which does not return its id.
    Imported,
    /// The record was not created, because of this error.
    Failed(Error),
    /// The record may have been created: this error occurred after the request was sent. The record is never retried.
    Unknown(Error),
    /// The record was not created: the call ended before it was sent, or the import of its file failed, which leaves no
    /// records behind.
    NotSent,
}

impl Outcome {
    /// Returns whether a later call can send the record without creating it twice.
    fn can_be_sent(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::NotSent)
    }
}

/// The report of [`create_records`](crate::calls::Datasets::create_records): the outcome of every record read from the source,
/// in order. [`to_json`](Self::to_json) stores it, so that another process can resume the call.
#[derive(Clone, Debug, Default)]
pub struct CreateReport {
    /// Empty for the report of no call.
    pub(crate) dataset_id: String,
    pub(crate) items: Vec<Outcome>,
    pub(crate) strategy: Strategy,
    pub(crate) reason: String,
    pub(crate) task: Option<Box<ImportTask>>,
    pub(crate) unfinished_import: Option<UnfinishedImport>,
    pub(crate) elapsed: Duration,
    pub(crate) unknown_keys: UnknownKeyCounts,
}

impl CreateReport {
    /// Returns the ID or slug of the dataset, as passed to the call.
    pub fn dataset_id(&self) -> &str {
        &self.dataset_id
    }

    /// Returns the outcome of each record, in the order of the source. Records that were never read are not included.
    pub fn items(&self) -> &[Outcome] {
        &self.items
    }

    /// Returns how many records were created, directly or by importing a file.
    pub fn created(&self) -> usize {
        self.count(|item| matches!(item, Outcome::Created(_) | Outcome::Imported))
    }

    /// Returns how many records were rejected or could not be sent.
    pub fn failed(&self) -> usize {
        self.count(|item| matches!(item, Outcome::Failed(_)))
    }

    /// Returns how many records may have been created.
    pub fn unknown(&self) -> usize {
        self.count(|item| matches!(item, Outcome::Unknown(_)))
    }

    /// Returns how many records were read but not created, without having failed themselves; see [`Outcome::NotSent`].
    pub fn not_sent(&self) -> usize {
        self.count(|item| matches!(item, Outcome::NotSent))
    }

    fn count(&self, predicate: fn(&Outcome) -> bool) -> usize {
        self.items.iter().filter(|item| predicate(item)).count()
    }

    /// Returns the strategy that was requested, or that `Auto` chose. It is `Auto` if the call ended before it chose.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Returns the reason for the strategy, as a phrase such as `more than 1000 records`.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the import task of the last file, if files were imported.
    pub fn task(&self) -> Option<&ImportTask> {
        self.task.as_deref()
    }

    /// Returns how many unknown keys the call ignored, because
    /// [`allow_unknown_keys`](crate::CreateRecords::allow_unknown_keys) was set.
    pub fn unknown_key_count(&self) -> u64 {
        self.unknown_keys.total()
    }

    /// Returns how often each unknown key was ignored, for the first 100 different keys. Long keys are shortened.
    pub fn unknown_keys(&self) -> &BTreeMap<String, u64> {
        self.unknown_keys.by_key()
    }

    /// Returns how long the call took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns whether the record with this index has to be sent.
    pub(crate) fn needs_sending(&self, index: usize) -> bool {
        self.items.get(index).is_none_or(Outcome::can_be_sent)
    }

    /// Returns how many of the first `first` records do not have to be sent.
    pub(crate) fn settled_count(&self, first: usize) -> usize {
        self.items.iter().take(first).filter(|item| !item.can_be_sent()).count()
    }

    /// Sets the outcome of the record with this index.
    pub(crate) fn set(&mut self, index: usize, outcome: Outcome) {
        if index >= self.items.len() {
            self.items.resize(index + 1, Outcome::NotSent);
        }
        self.items[index] = outcome;
    }

    /// Sets the outcome of all records in a range that are still `NotSent`.
    pub(crate) fn set_unsent(&mut self, indices: Range<usize>, outcome: &Outcome) {
        for item in &mut self.items[indices] {
            if matches!(item, Outcome::NotSent) {
                *item = outcome.clone();
            }
        }
    }

    /// Marks the record with this index as read from the source. A failure of an earlier call is cleared.
    pub(crate) fn mark_read(&mut self, index: usize) {
        if index >= self.items.len() || self.needs_sending(index) {
            self.set(index, Outcome::NotSent);
        }
    }
}

/// A file whose import was running when the call ended. Its task is [`CreateReport::task`].
#[derive(Clone, Debug)]
pub(crate) struct UnfinishedImport {
    pub(crate) file_id: String,
    /// The indices of the records that the file may contain.
    pub(crate) indices: Range<usize>,
}

/// The report of [`import_jsonl`](crate::calls::Datasets::import_jsonl). [`to_json`](Self::to_json) stores it, so that another
/// process can resume the import.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    /// Empty for the report of no call.
    pub(crate) dataset_id: String,
    pub(crate) lines: u64,
    pub(crate) invalid_lines: Vec<InvalidLine>,
    pub(crate) invalid_line_count: u64,
    pub(crate) unknown_keys: UnknownKeyCounts,
    pub(crate) files: Vec<ImportedFile>,
    pub(crate) unknown: Vec<UnknownFile>,
}

impl ImportReport {
    /// Returns the ID or slug of the dataset, as passed to the call.
    pub fn dataset_id(&self) -> &str {
        &self.dataset_id
    }

    /// Returns how many lines were read, including blank and invalid lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns how many records the imported [`files`](Self::files) contain.
    pub fn records(&self) -> u64 {
        self.files.iter().map(|file| file.records).sum()
    }

    /// Returns the first 1,000 invalid lines, in order. Unless the call was [`lenient`](crate::ImportJsonl::lenient), the
    /// first invalid line fails the call, so there is at most one.
    pub fn invalid_lines(&self) -> &[InvalidLine] {
        &self.invalid_lines
    }

    /// Returns the number of invalid lines.
    pub fn invalid_line_count(&self) -> u64 {
        self.invalid_line_count
    }

    /// Returns how many unknown keys next to `payload` were ignored, because
    /// [`allow_unknown_keys`](crate::ImportJsonl::allow_unknown_keys) or [`lenient`](crate::ImportJsonl::lenient) was set.
    pub fn unknown_key_count(&self) -> u64 {
        self.unknown_keys.total()
    }

    /// Returns how often each unknown key was ignored, for the first 100 different keys. Long keys are shortened.
    pub fn unknown_keys(&self) -> &BTreeMap<String, u64> {
        self.unknown_keys.by_key()
    }

    /// Returns the files whose import was started and has not failed, in order.
    pub fn files(&self) -> &[ImportedFile] {
        &self.files
    }

    /// Returns the files whose import may have been started: the request was sent, but then the connection was lost, the
    /// server failed or its response was invalid. To find out, look for the import among the dataset's tasks with
    /// [`list_tasks`](crate::calls::Datasets::list_tasks).
    pub fn unknown(&self) -> &[UnknownFile] {
        &self.unknown
    }

    /// Returns the lines that a later call must not send again, in order.
    pub(crate) fn imported_lines(&self) -> Vec<RangeInclusive<u64>> {
        let files = self.files.iter().map(|file| (file.first_line, file.lines));
        let unknown = self.unknown.iter().map(|file| (file.first_line, file.lines));
        let mut done: Vec<_> = files.chain(unknown).collect();
        done.sort_unstable();
        done.into_iter().map(|(first, lines)| first..=first + lines - 1).collect()
    }

    /// Returns how many records those lines contain.
    pub(crate) fn imported_records(&self) -> u64 {
        self.records() + self.unknown.iter().map(|file| file.records).sum::<u64>()
    }
}

/// A line that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidLine {
    /// The line number, from 1.
    pub line: u64,
    /// The position in the line in characters, from 1.
    pub column: u64,
    /// Why the line is invalid. Never contains content of the line.
    pub problem: String,
}

/// A file that was uploaded and whose import was started.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedFile {
    /// The id of the uploaded file. The file is deleted once the import has succeeded, unless the call did not wait for it.
    pub file_id: String,
    /// The number of the first line of the source that the file covers, from 1.
    pub first_line: u64,
    /// The number of lines of the source that the file covers, including skipped blank and invalid lines.
    pub lines: u64,
    /// The number of records in the file.
    pub records: u64,
    /// The import task. It has completed, unless the call did not wait for it or the wait was interrupted.
    pub task: ImportTask,
}

/// A file that was uploaded and whose import may have been started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownFile {
    /// The id of the uploaded file, which was not deleted.
    pub file_id: String,
    /// The number of the first line of the source that the file covers, from 1.
    pub first_line: u64,
    /// The number of lines of the source that the file covers, including skipped blank and invalid lines.
    pub lines: u64,
    /// The number of records in the file.
    pub records: u64,
}

/// The report of [`import_spans`](crate::calls::Datasets::import_spans).
#[derive(Clone, Debug, Default)]
pub struct SpanImportReport {
    /// Empty for the report of no call.
    pub(crate) dataset_id: String,
    pub(crate) parts: Vec<ImportedSpans>,
}

impl SpanImportReport {
    /// Returns the ID or slug of the dataset, as passed to the call.
    pub fn dataset_id(&self) -> &str {
        &self.dataset_id
    }

    /// Returns the parts whose import was started, or may have been started, in order. Each has at most 10,000 spans.
    pub fn parts(&self) -> &[ImportedSpans] {
        &self.parts
    }

    /// Returns how many spans the [`parts`](Self::parts) contain.
    pub fn spans(&self) -> u64 {
        self.parts.iter().map(|part| part.spans).sum()
    }

    /// Returns how many records were created, as reported by the tasks that have completed.
    pub fn records(&self) -> u64 {
        self.sum(|result| result.imported_record_count)
    }

    /// Returns how many spans were skipped, because they do not exist or may not be read.
    pub fn skipped(&self) -> u64 {
        self.sum(|result| result.skipped_record_count)
    }

    fn sum(&self, count: impl Fn(&ImportResult) -> i64) -> u64 {
        let tasks = self.parts.iter().filter_map(|part| part.task.as_ref());
        let results = tasks.filter_map(|task| task.result.as_ref());
        results.map(|result| u64::try_from(count(result)).unwrap_or(0)).sum()
    }
}

/// Spans that were imported by one task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedSpans {
    /// The index of the first span in the source, from 0.
    pub first: u64,
    /// The number of spans.
    pub spans: u64,
    /// The import task. It has completed, unless the wait was interrupted. `None` if it is unknown whether the import was started:
    /// the request was sent, but then the connection was lost, the server failed or its response was invalid.
    pub task: Option<ImportTask>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn records_that_may_have_been_created_are_not_sent_again() {
        let error = || Error::new(ErrorKind::Connection, "connection lost");
        let mut report = CreateReport::default();
        for (index, outcome) in [
            Outcome::Created(Uuid::nil()),
            Outcome::Imported,
            Outcome::Unknown(error()),
            Outcome::Failed(error()),
            Outcome::NotSent,
        ]
        .into_iter()
        .enumerate()
        {
            report.set(index, outcome);
        }
        let to_send: Vec<_> = (0..6).filter(|index| report.needs_sending(*index)).collect();
        assert_eq!(to_send, [3, 4, 5]);
        let counts = [report.created(), report.unknown(), report.failed(), report.not_sent()];
        assert_eq!(counts, [2, 1, 1, 1]);
        (0..7).for_each(|index| report.mark_read(index));
        let counts = [report.created(), report.unknown(), report.failed(), report.not_sent()];
        assert_eq!(counts, [2, 1, 0, 4]);
    }
}
