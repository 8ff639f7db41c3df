//! Reports as JSON, so that a bulk call can be resumed by another process.
//!
//! The format is the same in every language:
//!
//! ```json
//! {"version": 1, "report": "import_jsonl", "dataset_id": "…", "lines": 3, "files": […], …}
//! ```
//!
//! `version` is raised when a client that does not know a new field could resume incorrectly. Newer versions are therefore
//! rejected, and unknown fields are ignored. Equal outcomes of consecutive records are stored once with a `count`: when the
//! import of a file fails, all of its records have the same outcome.
//!
//! An error is stored without its response body, its source, its task and its report. A task is stored without fields that are
//! not in the OpenAPI document.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use mistral_datasets_types::ImportTask;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::{
    CreateReport, ImportReport, ImportedFile, InvalidLine, Outcome, UnfinishedImport, UnknownFile,
};
use super::{Error, ErrorKind};
use crate::strategy::Strategy;

/// The version that is written, and the newest one that can be read.
const VERSION: u64 = 1;

impl CreateReport {
    /// The value of `report` in the JSON.
    const NAME: &'static str = "create_records";

    /// Returns the report as JSON, which [`from_json`](Self::from_json) reads.
    ///
    /// The errors of records are stored with their kind, message, operation, status, code and request id, and whether they are
    /// ambiguous. The JSON contains no response bodies and no part of a record.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use mistral_datasets::{CreateReport, NewRecord};
    /// use serde_json::json;
    ///
    /// let records = (0..10_000).map(|n| NewRecord::new(json!({"messages": []}), json!({"n": n})));
    /// let mut call = client.datasets().create_records_iter("refund-requests", records);
    /// if let Ok(json) = std::fs::read_to_string("report.json") {
    ///     call = call.resume(CreateReport::from_json(&json)?);
    /// }
    /// let report = call.continue_on_error(true).await?;
    /// std::fs::write("report.json", report.to_json())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_json(&self) -> String {
        let unfinished = self.unfinished_import.as_ref();
        to_json(&StoredCreateReport {
            version: VERSION,
            report: Self::NAME.into(),
            dataset_id: (&self.dataset_id).into(),
            strategy: self.strategy.name().into(),
            reason: (&self.reason).into(),
            elapsed: self.elapsed.as_secs_f64(),
            items: stored_items(&self.items),
            task: self.task.as_deref().map(without_extra),
            unfinished_import: unfinished.map(|import| StoredUnfinishedImport {
                file_id: import.file_id.clone(),
                first_item: import.indices.start,
                items: import.indices.len(),
            }),
        })
    }

    /// Reads a report that [`to_json`](Self::to_json) has written, in any language.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) if the text is not such a report, or was written by a newer version of the client
    /// whose format this one does not know.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let stored: StoredCreateReport<'_> = from_json(json, Self::NAME)?;
        let strategy = Strategy::ALL.iter().find(|strategy| strategy.name() == stored.strategy);
        let report = Self {
            dataset_id: stored.dataset_id.into_owned(),
            items: items(stored.items)?,
            strategy: *strategy.ok_or_else(|| inconsistent("strategy"))?,
            reason: stored.reason.into_owned(),
            task: stored.task.map(Box::new),
            unfinished_import: stored
                .unfinished_import
                .map(|import| import.into_import().ok_or_else(|| inconsistent("unfinished_import")))
                .transpose()?,
            elapsed: duration(stored.elapsed)?,
        };
        match &report.unfinished_import {
            Some(import) if report.task.is_none() || import.indices.end > report.items.len() => {
                Err(inconsistent("unfinished_import"))
            }
            _ => Ok(report),
        }
    }
}

impl ImportReport {
    /// The value of `report` in the JSON.
    const NAME: &'static str = "import_jsonl";

    /// Returns the report as JSON, which [`from_json`](Self::from_json) reads. It contains no part of a line.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use mistral_datasets::{ImportReport, Jsonl, Report};
    ///
    /// let mut call = client.datasets().import_jsonl("refund-requests", Jsonl::path("chats.jsonl"));
    /// if let Ok(json) = std::fs::read_to_string("report.json") {
    ///     call = call.resume(ImportReport::from_json(&json)?);
    /// }
    /// if let Err(error) = call.await {
    ///     if let Some(Report::Import(report)) = error.report() {
    ///         std::fs::write("report.json", report.to_json())?;
    ///     }
    ///     return Err(error.into());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_json(&self) -> String {
        to_json(&StoredImportReport {
            version: VERSION,
            report: Self::NAME.into(),
            dataset_id: (&self.dataset_id).into(),
            lines: self.lines,
            invalid_lines: self.invalid_lines.iter().map(StoredInvalidLine::from).collect(),
            invalid_line_count: self.invalid_line_count,
            files: self.files.iter().map(StoredFile::from).collect(),
            unknown: self.unknown.iter().map(StoredFile::from).collect(),
        })
    }

    /// Reads a report that [`to_json`](Self::to_json) has written, in any language.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) if the text is not such a report, or was written by a newer version of the client
    /// whose format this one does not know.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let stored: StoredImportReport<'_> = from_json(json, Self::NAME)?;
        require_disjoint(stored.files.iter().chain(&stored.unknown))?;
        let files = stored.files.into_iter().map(|file| {
            let task = file.task.ok_or_else(|| inconsistent("files"))?;
            let StoredFile { file_id, first_line, lines, records, .. } = file;
            Ok(ImportedFile { file_id, first_line, lines, records, task })
        });
        let unknown = stored.unknown.into_iter().map(|file| {
            let StoredFile { file_id, first_line, lines, records, .. } = file;
            UnknownFile { file_id, first_line, lines, records }
        });
        Ok(Self {
            dataset_id: stored.dataset_id.into_owned(),
            lines: stored.lines,
            invalid_lines: stored.invalid_lines.into_iter().map(InvalidLine::from).collect(),
            invalid_line_count: stored.invalid_line_count,
            files: files.collect::<Result<_, Error>>()?,
            unknown: unknown.collect(),
        })
    }
}

/// The fields that are checked before the others are read.
#[derive(Deserialize)]
struct Header<'a> {
    version: u64,
    #[serde(borrow)]
    report: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct StoredCreateReport<'a> {
    version: u64,
    report: Cow<'a, str>,
    dataset_id: Cow<'a, str>,
    strategy: Cow<'a, str>,
    reason: Cow<'a, str>,
    /// In seconds.
    elapsed: f64,
    items: Vec<StoredItem>,
    task: Option<ImportTask>,
    unfinished_import: Option<StoredUnfinishedImport>,
}

#[derive(Serialize, Deserialize)]
struct StoredItem {
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Box<StoredError>>,
    /// The number of consecutive records with this outcome.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Created,
    Imported,
    Failed,
    Unknown,
    NotSent,
}

#[derive(Serialize, Deserialize)]
struct StoredError {
    kind: String,
    message: String,
    operation: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    ambiguous: bool,
    #[serde(default)]
    attempts: u32,
    /// In seconds.
    elapsed: Option<f64>,
    not_retried: Option<String>,
    hint: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredUnfinishedImport {
    file_id: String,
    first_item: usize,
    items: usize,
}

#[derive(Serialize, Deserialize)]
struct StoredImportReport<'a> {
    version: u64,
    report: Cow<'a, str>,
    dataset_id: Cow<'a, str>,
    lines: u64,
    invalid_lines: Vec<StoredInvalidLine>,
    invalid_line_count: u64,
    files: Vec<StoredFile>,
    unknown: Vec<StoredFile>,
}

#[derive(Serialize, Deserialize)]
struct StoredInvalidLine {
    line: u64,
    column: u64,
    problem: String,
}

/// A file whose import was, or may have been, started.
#[derive(Serialize, Deserialize)]
struct StoredFile {
    file_id: String,
    first_line: u64,
    lines: u64,
    records: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    task: Option<ImportTask>,
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

fn to_json(stored: &impl Serialize) -> String {
    serde_json::to_string(stored).expect("strings and numbers can be represented in JSON")
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a str, name: &str) -> Result<T, Error> {
    let Header { version, report } = parse(json)?;
    if version == 0 || version > VERSION {
        return Err(invalid(format!(
            "it has version {version}, but this version of the client reads only version {VERSION}; use a newer client"
        )));
    }
    if report != name {
        return Err(invalid(format!("expected a report of `{name}`")));
    }
    parse(json)
}

/// Parses JSON. The error contains only the position, because serde's message may quote the text.
fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        invalid(format!("unexpected content at line {line} column {column}"))
    })
}

fn invalid(problem: String) -> Error {
    Error::new(ErrorKind::Validation, format!("cannot read the report: {problem}"))
}

fn inconsistent(field: &str) -> Error {
    invalid(format!("the value of `{field}` is invalid"))
}

fn duration(seconds: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(seconds).map_err(|_| inconsistent("elapsed"))
}

/// Returns a task without unknown fields, which may contain anything, even malformed JSON.
fn without_extra(task: &ImportTask) -> ImportTask {
    let mut task = task.clone();
    task.extra.clear();
    if let Some(result) = &mut task.result {
        result.extra.clear();
    }
    task
}

fn stored_items(outcomes: &[Outcome]) -> Vec<StoredItem> {
    let mut items = Vec::new();
    for outcomes in outcomes.chunk_by(is_same) {
        let (status, id, error) = match &outcomes[0] {
            Outcome::Created(id) => (Status::Created, Some(*id), None),
            Outcome::Imported => (Status::Imported, None, None),
            Outcome::Failed(error) => (Status::Failed, None, Some(error)),
            Outcome::Unknown(error) => (Status::Unknown, None, Some(error)),
            Outcome::NotSent => (Status::NotSent, None, None),
        };
        let error = error.map(|error| Box::new(StoredError::from(error)));
        items.push(StoredItem { status, id, error, count: outcomes.len() });
    }
    items
}

/// Returns whether two outcomes are equal and can be stored as one.
fn is_same(one: &Outcome, other: &Outcome) -> bool {
    match (one, other) {
        (Outcome::Imported, Outcome::Imported) | (Outcome::NotSent, Outcome::NotSent) => true,
        (Outcome::Failed(one), Outcome::Failed(other))
        | (Outcome::Unknown(one), Outcome::Unknown(other)) => Arc::ptr_eq(&one.0, &other.0),
        _ => false,
    }
}

fn items(stored: Vec<StoredItem>) -> Result<Vec<Outcome>, Error> {
    let mut items = Vec::new();
    for StoredItem { status, id, error, count } in stored {
        let error = error.map(|error| error.into_error()).transpose()?;
        let outcome = match (status, id, error) {
            (Status::Created, Some(id), None) if count == 1 => Outcome::Created(id),
            (Status::Imported, None, None) => Outcome::Imported,
            (Status::Failed, None, Some(error)) => Outcome::Failed(error),
            (Status::Unknown, None, Some(error)) => Outcome::Unknown(error),
            (Status::NotSent, None, None) => Outcome::NotSent,
            _ => return Err(inconsistent("items")),
        };
        // A damaged count must not abort the process.
        items.try_reserve(count).map_err(|_| inconsistent("items"))?;
        items.resize(items.len() + count, outcome);
    }
    Ok(items)
}

impl From<&Error> for StoredError {
    fn from(error: &Error) -> Self {
        let inner = &*error.0;
        Self {
            kind: inner.kind.name().to_owned(),
            message: inner.message.clone(),
            operation: error.operation().map(str::to_owned),
            status: inner.status,
            code: inner.code.clone(),
            request_id: inner.request_id.clone(),
            ambiguous: inner.ambiguous,
            attempts: inner.attempts,
            elapsed: inner.elapsed.map(|elapsed| elapsed.as_secs_f64()),
            not_retried: inner.not_retried.as_deref().map(str::to_owned),
            hint: inner.hint.clone(),
        }
    }
}

impl StoredError {
    fn into_error(self) -> Result<Error, Error> {
        let kind = ErrorKind::from_name(&self.kind).ok_or_else(|| inconsistent("kind"))?;
        let mut error = Error::new(kind, self.message);
        let inner = error.inner_mut();
        inner.operation = self.operation.map(Cow::Owned);
        inner.status = self.status;
        inner.code = self.code;
        inner.request_id = self.request_id;
        inner.ambiguous = self.ambiguous;
        inner.attempts = self.attempts;
        inner.elapsed = self.elapsed.map(duration).transpose()?;
        inner.not_retried = self.not_retried.map(Cow::Owned);
        inner.hint = self.hint;
        Ok(error)
    }
}

impl StoredUnfinishedImport {
    fn into_import(self) -> Option<UnfinishedImport> {
        let end = self.first_item.checked_add(self.items)?;
        let indices: Range<usize> = self.first_item..end;
        Some(UnfinishedImport { file_id: self.file_id, indices })
    }
}

/// Rejects files without lines and files that cover the same lines. No number then exceeds that of the last line.
fn require_disjoint<'a>(files: impl Iterator<Item = &'a StoredFile>) -> Result<(), Error> {
    let mut files: Vec<_> = files.collect();
    files.sort_by_key(|file| file.first_line);
    let mut next = 1;
    for file in files {
        let end = file.first_line.checked_add(file.lines);
        match end {
            Some(end)
                if file.first_line >= next && file.lines > 0 && file.records <= file.lines =>
            {
                next = end;
            }
            _ => return Err(inconsistent("files")),
        }
    }
    Ok(())
}

impl From<&InvalidLine> for StoredInvalidLine {
    fn from(invalid: &InvalidLine) -> Self {
        let InvalidLine { line, column, problem } = invalid;
        Self { line: *line, column: *column, problem: problem.clone() }
    }
}

impl From<StoredInvalidLine> for InvalidLine {
    fn from(stored: StoredInvalidLine) -> Self {
        let StoredInvalidLine { line, column, problem } = stored;
        Self { line, column, problem }
    }
}

impl From<&ImportedFile> for StoredFile {
    fn from(file: &ImportedFile) -> Self {
        let ImportedFile { file_id, first_line, lines, records, task } = file;
        Self {
            file_id: file_id.clone(),
            first_line: *first_line,
            lines: *lines,
            records: *records,
            task: Some(without_extra(task)),
        }
    }
}

impl From<&UnknownFile> for StoredFile {
    fn from(file: &UnknownFile) -> Self {
        let UnknownFile { file_id, first_line, lines, records } = file;
        Self {
            file_id: file_id.clone(),
            first_line: *first_line,
            lines: *lines,
            records: *records,
            task: None,
        }
    }
}
