//! What bulk calls have done, in the end or by the time they failed.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use mistral_datasets_types::ImportTask;
use uuid::Uuid;

use super::Strategy;
use crate::error::Error;

/// What a bulk call had done by the time it failed; [`Error::report`] has it.
#[derive(Clone, Debug)]
pub enum Report {
    /// Of [`create_records`](crate::calls::Datasets::create_records).
    Create(CreateReport),
    /// Of [`import_jsonl`](crate::calls::Datasets::import_jsonl).
    Import(ImportReport),
}

/// What became of one record that was to be created.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was created, and this is its id.
    Created(Uuid),
    /// It was created by the import of a file, which tells no ids.
    Imported,
    /// It was surely not created, because of this.
    Failed(Error),
    /// It may have been created: it went out, and then this happened. It is never sent again.
    Unknown(Error),
    /// It was surely not created: the call ended before it was sent, or before the import of its file was, or that import
    /// failed, which leaves nothing of the file behind.
    NotSent,
}

impl Outcome {
    /// Whether a later call may send the record without danger of creating it twice.
    fn is_to_be_sent(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::NotSent)
    }
}

/// What [`create_records`](crate::calls::Datasets::create_records) did: what became of every record that it took from its
/// source, in the source's order.
#[derive(Clone, Debug, Default)]
pub struct CreateReport {
    pub(super) items: Vec<Outcome>,
    pub(super) strategy: Strategy,
    pub(super) reason: String,
    pub(super) task: Option<Box<ImportTask>>,
    pub(super) under_way: Option<UnderWay>,
    pub(super) elapsed: Duration,
}

impl CreateReport {
    /// What became of each record, in the order of the source. Records that were not taken from the source are not here.
    pub fn items(&self) -> &[Outcome] {
        &self.items
    }

    /// How many records were created, by themselves or by a file's import.
    pub fn created(&self) -> usize {
        self.count(|item| matches!(item, Outcome::Created(_) | Outcome::Imported))
    }

    /// How many were refused or could not be sent.
    pub fn failed(&self) -> usize {
        self.count(|item| matches!(item, Outcome::Failed(_)))
    }

    /// How many may have been created or not.
    pub fn unknown(&self) -> usize {
        self.count(|item| matches!(item, Outcome::Unknown(_)))
    }

    /// How many were taken from the source and surely not created, without a failure of their own.
    pub fn not_sent(&self) -> usize {
        self.count(|item| matches!(item, Outcome::NotSent))
    }

    fn count(&self, which: fn(&Outcome) -> bool) -> usize {
        self.items.iter().filter(|item| which(item)).count()
    }

    /// The strategy that was used: the one asked for, or the one that `Auto` chose; `Auto` when the call ended before it chose.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Why this strategy, in words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The import task of the last file, where records went by files.
    pub fn task(&self) -> Option<&ImportTask> {
        self.task.as_deref()
    }

    /// How long the call took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the record at this place in the source is to be sent.
    pub(super) fn wants(&self, place: usize) -> bool {
        self.items.get(place).is_none_or(Outcome::is_to_be_sent)
    }

    /// How many of the first records need not be sent.
    pub(super) fn settled(&self, first: usize) -> usize {
        self.items.iter().take(first).filter(|item| !item.is_to_be_sent()).count()
    }

    /// Notes what became of the record at this place.
    pub(super) fn set(&mut self, place: usize, outcome: Outcome) {
        if place >= self.items.len() {
            self.items.resize(place + 1, Outcome::NotSent);
        }
        self.items[place] = outcome;
    }

    /// Notes what became of those of these places of which nothing is known yet.
    pub(super) fn settle(&mut self, places: Range<usize>, outcome: &Outcome) {
        for item in &mut self.items[places] {
            if matches!(item, Outcome::NotSent) {
                *item = outcome.clone();
            }
        }
    }

    /// Notes that the record at this place was taken from the source.
    pub(super) fn take(&mut self, place: usize) {
        if place >= self.items.len() || self.wants(place) {
            self.set(place, Outcome::NotSent);
        }
    }
}

/// A file whose import had begun, and not ended, when the call did: the task is the report's.
#[derive(Clone, Debug)]
pub(super) struct UnderWay {
    pub(super) file_id: String,
    /// The places of the records that may be in it.
    pub(super) places: Range<usize>,
}

/// What [`import_jsonl`](crate::calls::Datasets::import_jsonl) did.
#[derive(Clone, Debug, Default)]
pub struct ImportReport {
    pub(super) lines: u64,
    pub(super) invalid_lines: Vec<InvalidLine>,
    pub(super) invalid_line_count: u64,
    pub(super) files: Vec<ImportedFile>,
    pub(super) unknown: Vec<UnknownFile>,
}

impl ImportReport {
    /// How many lines were read, blank and bad ones included.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many records the files have whose imports were begun and did not fail.
    pub fn records(&self) -> u64 {
        self.files.iter().map(|file| file.records).sum()
    }

    /// The lines that cannot be imported, in their order; the first 1,000 of them. Unless the call was `lenient` it is the one
    /// that ended it.
    pub fn invalid_lines(&self) -> &[InvalidLine] {
        &self.invalid_lines
    }

    /// How many lines cannot be imported.
    pub fn invalid_line_count(&self) -> u64 {
        self.invalid_line_count
    }

    /// The files whose imports were begun and did not fail, in their order.
    pub fn files(&self) -> &[ImportedFile] {
        &self.files
    }

    /// The files whose imports may have been begun or not, because the connection broke or the server failed just then. The
    /// dataset's tasks tell; see [`list_tasks`](crate::calls::Datasets::list_tasks).
    pub fn unknown(&self) -> &[UnknownFile] {
        &self.unknown
    }

    /// The lines that a later call must not send, in their order.
    pub(super) fn done(&self) -> Vec<RangeInclusive<u64>> {
        let files = self.files.iter().map(|file| (file.first_line, file.lines));
        let unknown = self.unknown.iter().map(|file| (file.first_line, file.lines));
        let mut done: Vec<_> = files.chain(unknown).collect();
        done.sort_unstable();
        done.into_iter().map(|(first, lines)| first..=first + lines - 1).collect()
    }

    /// How many records are in those lines.
    pub(super) fn done_records(&self) -> u64 {
        self.records() + self.unknown.iter().map(|file| file.records).sum::<u64>()
    }
}

/// A line that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidLine {
    /// Its number, from 1.
    pub line: u64,
    /// The character in which it is bad, from 1.
    pub column: u64,
    /// What is wrong with it; never its content.
    pub problem: String,
}

/// A file that was uploaded and whose import was begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedFile {
    /// The uploaded file. It is deleted when its import has succeeded.
    pub file_id: String,
    /// The line of the source with which it begins.
    pub first_line: u64,
    /// How many lines of the source it stands for, the blank and bad ones that were left out included.
    pub lines: u64,
    /// How many records it has.
    pub records: u64,
    /// The import: finished, unless the call did not wait for it or gave up waiting.
    pub task: ImportTask,
}

/// A file that was uploaded and whose import may have been begun or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownFile {
    /// The uploaded file, which is still there.
    pub file_id: String,
    /// The line of the source with which it begins.
    pub first_line: u64,
    /// How many lines of the source it stands for, the blank and bad ones that were left out included.
    pub lines: u64,
    /// How many records it has.
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn what_was_created_or_may_have_been_is_not_sent_again() {
        let error = || Error::new(ErrorKind::Connection, "broken");
        let mut report = CreateReport::default();
        for (place, outcome) in [
            Outcome::Created(Uuid::nil()),
            Outcome::Imported,
            Outcome::Unknown(error()),
            Outcome::Failed(error()),
            Outcome::NotSent,
        ]
        .into_iter()
        .enumerate()
        {
            report.set(place, outcome);
        }
        let wanted: Vec<_> = (0..6).filter(|place| report.wants(*place)).collect();
        assert_eq!(wanted, [3, 4, 5]);
        let counts = [report.created(), report.unknown(), report.failed(), report.not_sent()];
        assert_eq!(counts, [2, 1, 1, 1]);
        (0..7).for_each(|place| report.take(place));
        let counts = [report.created(), report.unknown(), report.failed(), report.not_sent()];
        assert_eq!(counts, [2, 1, 0, 4]);
    }
}
