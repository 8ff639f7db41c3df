//! Reports of bulk calls. The Rust report stays in the native module so that a later call can resume from it; JavaScript
//! reads a summary, or the JSON for another process.

use std::collections::{BTreeMap, HashMap};

use mistral_datasets::{CreateReport, ImportReport, Report, SpanImportReport};
use napi::bindgen_prelude::Either3;
use napi_derive::napi;

use crate::encode::{EncodedResponse, encode};
use crate::failure::{CallResult, call_result};
use crate::options::{as_milliseconds, spell_options};

/// Report of `create_records`.
#[napi]
pub struct NativeCreateReport {
    pub(crate) report: CreateReport,
}

/// Totals of a [`NativeCreateReport`].
#[napi(object, object_from_js = false)]
pub struct CreateSummary {
    /// ID or slug of the dataset, as passed to the call.
    pub dataset_id: String,
    /// Number of records created.
    pub created: f64,
    /// Number of records that were rejected or could not be sent.
    pub failed: f64,
    /// Number of records that may or may not have been created.
    pub unknown: f64,
    /// Number of records that were read but not created.
    pub not_sent: f64,
    /// How the records were sent.
    pub strategy: &'static str,
    /// Why this strategy was chosen.
    pub reason: String,
    /// Number of unknown keys that were ignored.
    pub unknown_key_count: f64,
    /// How often each unknown key was ignored.
    pub unknown_keys: HashMap<String, f64>,
    /// Duration of the call.
    pub elapsed_ms: f64,
    /// Import task of the last file.
    pub task: Option<EncodedResponse>,
}

#[napi]
impl NativeCreateReport {
    /// Returns the totals.
    #[napi]
    pub fn summary(&self) -> CreateSummary {
        let report = &self.report;
        CreateSummary {
            dataset_id: report.dataset_id().to_owned(),
            created: report.created() as f64,
            failed: report.failed() as f64,
            unknown: report.unknown() as f64,
            not_sent: report.not_sent() as f64,
            strategy: report.strategy().name(),
            reason: report.reason().to_owned(),
            unknown_key_count: report.unknown_key_count() as f64,
            unknown_keys: key_counts(report.unknown_keys()),
            elapsed_ms: as_milliseconds(report.elapsed()),
            task: report.task().map(encode),
        }
    }

    /// Returns the report as JSON.
    #[napi]
    pub fn to_json(&self) -> String {
        self.report.to_json()
    }
}

/// Creates a report from its JSON.
#[napi]
pub fn create_report_from_json(json: String) -> CallResult<NativeCreateReport> {
    call_result(CreateReport::from_json(&json).map(|report| NativeCreateReport { report }))
}

/// Report of `import_jsonl`.
#[napi]
pub struct NativeImportReport {
    pub(crate) report: ImportReport,
}

/// Contents of a [`NativeImportReport`].
#[napi(object, object_from_js = false)]
pub struct ImportSummary {
    /// ID or slug of the dataset, as passed to the call.
    pub dataset_id: String,
    /// Number of lines read.
    pub lines: f64,
    /// Number of records imported.
    pub records: f64,
    /// The first invalid lines.
    pub invalid_lines: Vec<InvalidLine>,
    /// Number of invalid lines.
    pub invalid_line_count: f64,
    /// Number of unknown keys that were ignored.
    pub unknown_key_count: f64,
    /// How often each unknown key was ignored.
    pub unknown_keys: HashMap<String, f64>,
    /// Files whose import was started.
    pub files: Vec<ImportedFile>,
    /// Files whose import may or may not have been started.
    pub unknown: Vec<UnknownFile>,
}

/// A line that cannot be imported.
#[napi(object, object_from_js = false)]
pub struct InvalidLine {
    /// Line number, from 1.
    pub line: f64,
    /// Position of the error in characters, from 1.
    pub column: f64,
    /// What is wrong with the line.
    pub problem: String,
}

/// An uploaded file whose import was started.
#[napi(object, object_from_js = false)]
pub struct ImportedFile {
    /// File ID.
    pub file_id: String,
    /// First source line of the file.
    pub first_line: f64,
    /// Number of source lines the file covers.
    pub lines: f64,
    /// Number of records in the file.
    pub records: f64,
    /// The import task.
    pub task: EncodedResponse,
}

/// An uploaded file whose import may or may not have been started.
#[napi(object, object_from_js = false)]
pub struct UnknownFile {
    /// File ID.
    pub file_id: String,
    /// First source line of the file.
    pub first_line: f64,
    /// Number of source lines the file covers.
    pub lines: f64,
    /// Number of records in the file.
    pub records: f64,
}

#[napi]
impl NativeImportReport {
    /// Returns the contents of the report.
    #[napi]
    pub fn summary(&self) -> ImportSummary {
        let report = &self.report;
        let invalid_lines = report.invalid_lines().iter().map(|invalid| InvalidLine {
            line: invalid.line as f64,
            column: invalid.column as f64,
            problem: spell_options(&invalid.problem),
        });
        let files = report.files().iter().map(|file| ImportedFile {
            file_id: file.file_id.clone(),
            first_line: file.first_line as f64,
            lines: file.lines as f64,
            records: file.records as f64,
            task: encode(&file.task),
        });
        let unknown = report.unknown().iter().map(|file| UnknownFile {
            file_id: file.file_id.clone(),
            first_line: file.first_line as f64,
            lines: file.lines as f64,
            records: file.records as f64,
        });
        ImportSummary {
            dataset_id: report.dataset_id().to_owned(),
            lines: report.lines() as f64,
            records: report.records() as f64,
            invalid_lines: invalid_lines.collect(),
            invalid_line_count: report.invalid_line_count() as f64,
            unknown_key_count: report.unknown_key_count() as f64,
            unknown_keys: key_counts(report.unknown_keys()),
            files: files.collect(),
            unknown: unknown.collect(),
        }
    }

    /// Returns the report as JSON.
    #[napi]
    pub fn to_json(&self) -> String {
        self.report.to_json()
    }
}

/// Creates a report from its JSON.
#[napi]
pub fn import_report_from_json(json: String) -> CallResult<NativeImportReport> {
    call_result(ImportReport::from_json(&json).map(|report| NativeImportReport { report }))
}

/// Report of `import_spans`.
#[napi]
pub struct NativeSpanImportReport {
    pub(crate) report: SpanImportReport,
}

/// Contents of a [`NativeSpanImportReport`].
#[napi(object, object_from_js = false)]
pub struct SpanImportSummary {
    /// ID or slug of the dataset, as passed to the call.
    pub dataset_id: String,
    /// Number of spans in the parts.
    pub spans: f64,
    /// Number of records created.
    pub records: f64,
    /// Number of spans that were skipped.
    pub skipped: f64,
    /// The parts whose import was started, or may have been started.
    pub parts: Vec<ImportedSpans>,
}

/// Spans that were imported by one task.
#[napi(object, object_from_js = false)]
pub struct ImportedSpans {
    /// Index of the first span in the source.
    pub first: f64,
    /// Number of spans.
    pub spans: f64,
    /// The import task, unless it is unknown whether the import was started.
    pub task: Option<EncodedResponse>,
}

#[napi]
impl NativeSpanImportReport {
    /// Returns the contents of the report.
    #[napi]
    pub fn summary(&self) -> SpanImportSummary {
        let report = &self.report;
        let parts = report.parts().iter().map(|part| ImportedSpans {
            first: part.first as f64,
            spans: part.spans as f64,
            task: part.task.as_ref().map(encode),
        });
        SpanImportSummary {
            dataset_id: report.dataset_id().to_owned(),
            spans: report.spans() as f64,
            records: report.records() as f64,
            skipped: report.skipped() as f64,
            parts: parts.collect(),
        }
    }
}

fn key_counts(counts: &BTreeMap<String, u64>) -> HashMap<String, f64> {
    counts.iter().map(|(key, count)| (key.clone(), *count as f64)).collect()
}

/// The report of a bulk call.
pub type NativeReport = Either3<NativeCreateReport, NativeImportReport, NativeSpanImportReport>;

/// Wraps the report that an error carries.
pub fn native_report(report: &Report) -> NativeReport {
    match report.clone() {
        Report::Create(report) => Either3::A(NativeCreateReport { report }),
        Report::Import(report) => Either3::B(NativeImportReport { report }),
        Report::Spans(report) => Either3::C(NativeSpanImportReport { report }),
    }
}
