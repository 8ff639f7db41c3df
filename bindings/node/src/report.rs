//! Reports of bulk calls. They stay here, so that a later call can go on from them, and are read by JavaScript.

use mistral_datasets::{CreateReport, ImportReport, Outcome, Report};
use napi::Either;
use napi_derive::napi;

use crate::failure::{Failure, as_milliseconds};
use crate::response::{Response, cross};

/// What `create_records` did.
#[napi]
pub struct NativeCreateReport {
    pub(crate) report: CreateReport,
}

/// The report as a whole.
#[napi(object, object_from_js = false)]
pub struct CreateSummary {
    /// How many records were created.
    pub created: f64,
    /// How many were refused or could not be sent.
    pub failed: f64,
    /// How many may have been created or not.
    pub unknown: f64,
    /// How many were not sent.
    pub not_sent: f64,
    /// How the records were sent.
    pub strategy: &'static str,
    /// Why that way.
    pub reason: String,
    /// How long the call took.
    pub elapsed_ms: f64,
    /// The import task of the last file.
    pub task: Option<Response>,
}

/// What became of one record.
#[napi(object, object_from_js = false)]
pub struct ItemOutcome {
    /// `created`, `imported`, `failed`, `unknown` or `notSent`.
    pub status: &'static str,
    /// The id of a record that was created by itself.
    pub id: Option<String>,
    /// Why it was not, or may not have been.
    pub failure: Option<Failure>,
}

#[napi]
impl NativeCreateReport {
    /// The report as a whole.
    #[napi]
    pub fn summary(&self) -> CreateSummary {
        let report = &self.report;
        CreateSummary {
            created: report.created() as f64,
            failed: report.failed() as f64,
            unknown: report.unknown() as f64,
            not_sent: report.not_sent() as f64,
            strategy: report.strategy().name(),
            reason: report.reason().to_owned(),
            elapsed_ms: as_milliseconds(report.elapsed()),
            task: report.task().map(cross),
        }
    }

    /// What became of each record, in the order of the source.
    #[napi]
    pub fn items(&self) -> Vec<ItemOutcome> {
        self.report.items().iter().map(ItemOutcome::from).collect()
    }
}

impl From<&Outcome> for ItemOutcome {
    fn from(outcome: &Outcome) -> Self {
        let (status, id, failure) = match outcome {
            Outcome::Created(id) => ("created", Some(id.to_string()), None),
            Outcome::Imported => ("imported", None, None),
            Outcome::Failed(error) => ("failed", None, Some(error.clone().into())),
            Outcome::Unknown(error) => ("unknown", None, Some(error.clone().into())),
            Outcome::NotSent => ("notSent", None, None),
        };
        Self { status, id, failure }
    }
}

/// What `import_jsonl` did.
#[napi]
pub struct NativeImportReport {
    pub(crate) report: ImportReport,
}

/// The report as a whole.
#[napi(object, object_from_js = false)]
pub struct ImportSummary {
    /// How many lines were read.
    pub lines: f64,
    /// How many records were imported.
    pub records: f64,
    /// The lines that cannot be imported, the first of them.
    pub invalid_lines: Vec<InvalidLine>,
    /// How many there are.
    pub invalid_line_count: f64,
    /// The files whose imports were begun.
    pub files: Vec<ImportedFile>,
    /// The files whose imports may have been begun or not.
    pub unknown: Vec<ImportedFile>,
}

/// A line that cannot be imported.
#[napi(object, object_from_js = false)]
pub struct InvalidLine {
    /// Its number.
    pub line: f64,
    /// The character in which it is bad.
    pub column: f64,
    /// What is wrong with it.
    pub problem: String,
}

/// A file that was uploaded.
#[napi(object, object_from_js = false)]
pub struct ImportedFile {
    /// Its id.
    pub file_id: String,
    /// The line of the source with which it begins.
    pub first_line: f64,
    /// How many lines of the source it stands for.
    pub lines: f64,
    /// How many records it has.
    pub records: f64,
    /// Its import, if one was surely begun.
    pub task: Option<Response>,
}

#[napi]
impl NativeImportReport {
    /// The report as a whole.
    #[napi]
    pub fn summary(&self) -> ImportSummary {
        let report = &self.report;
        let invalid_lines = report.invalid_lines().iter().map(|bad| InvalidLine {
            line: bad.line as f64,
            column: bad.column as f64,
            problem: bad.problem.clone(),
        });
        let files = report.files().iter().map(|file| ImportedFile {
            file_id: file.file_id.clone(),
            first_line: file.first_line as f64,
            lines: file.lines as f64,
            records: file.records as f64,
            task: Some(cross(&file.task)),
        });
        let unknown = report.unknown().iter().map(|file| ImportedFile {
            file_id: file.file_id.clone(),
            first_line: file.first_line as f64,
            lines: file.lines as f64,
            records: file.records as f64,
            task: None,
        });
        ImportSummary {
            lines: report.lines() as f64,
            records: report.records() as f64,
            invalid_lines: invalid_lines.collect(),
            invalid_line_count: report.invalid_line_count() as f64,
            files: files.collect(),
            unknown: unknown.collect(),
        }
    }
}

/// Either report.
pub type AnyReport = Either<NativeCreateReport, NativeImportReport>;

/// The report that an error carries.
pub fn any(report: &Report) -> AnyReport {
    match report.clone() {
        Report::Create(report) => Either::A(NativeCreateReport { report }),
        Report::Import(report) => Either::B(NativeImportReport { report }),
    }
}
