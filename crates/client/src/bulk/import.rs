//! The `import_jsonl` call.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use super::import_part::{ImportFailure, PartImporter};
use super::jsonl::Jsonl;
use super::require_same_dataset;
use super::scan::{OPERATION, ScanOptions, scan};
use crate::checks::Checks;
use crate::client::Client;
use crate::compression::Compression;
use crate::error::{Error, ErrorKind, ImportReport, ImportedFile, Report, UnknownFile};
use crate::files::MAX_FILE_BYTES;
use crate::progress::{Progress, ProgressReporter};

/// An [`import_jsonl`](crate::calls::Datasets::import_jsonl) call. Nothing is read until it is awaited. Dropping the future
/// cancels everything except imports that are already running on the server.
#[must_use = "a call is sent when it is awaited"]
pub struct ImportJsonl {
    jsonl: Jsonl,
    importer: PartImporter,
    scan_options: ScanOptions,
    resume: Option<ImportReport>,
}

impl ImportJsonl {
    pub(crate) fn new(client: Client, dataset_id: String, jsonl: Jsonl) -> Self {
        Self {
            jsonl,
            importer: PartImporter {
                client,
                dataset_id,
                operation: OPERATION,
                unit: "lines",
                reporter: ProgressReporter::default(),
                wait: true,
                timeout: None,
            },
            scan_options: ScanOptions {
                lenient: false,
                allow_unknown_keys: false,
                compression: Compression::Auto,
                max_file_bytes: MAX_FILE_BYTES,
                already_imported: Vec::new(),
            },
            resume: None,
        }
    }

    /// Sets whether invalid lines are skipped and listed in the report instead of failing the call. Default: `false`.
    ///
    /// Unknown keys are then ignored, as with [`allow_unknown_keys`](Self::allow_unknown_keys). A source that is empty or not JSON
    /// Lines at all, such as a JSON array or UTF-16 text, fails the call in any case.
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.scan_options.lenient = lenient;
        self
    }

    /// Sets whether unknown keys next to `payload` are ignored and counted in the report. Default: `false`, in which case a line
    /// with an unknown key is invalid. Keys beside `messages` belong to the payload, and none is unknown.
    pub fn allow_unknown_keys(mut self, allow: bool) -> Self {
        self.scan_options.allow_unknown_keys = allow;
        self
    }

    /// Sets how the source is compressed. Default: `Auto`, which detects it from the first bytes.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.scan_options.compression = compression;
        self
    }

    /// Sets the maximum size of an uploaded file in bytes, at least 1. Larger sources are split into several files at line
    /// boundaries. Default and maximum: 512 MB (536,870,912 bytes), the service's limit.
    pub fn max_file_bytes(mut self, bytes: u64) -> Self {
        self.scan_options.max_file_bytes = bytes;
        self
    }

    /// Sets whether to wait for the imports. Default: `true`.
    ///
    /// If the call does not wait, the files are imported concurrently, so their records may interleave. A failed import is only
    /// visible in the task, and uploaded files are not deleted.
    pub fn wait(mut self, wait: bool) -> Self {
        self.importer.wait = wait;
        self
    }

    /// Sets how long to wait for the import of each file. Default: 30 minutes.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.importer.timeout = Some(timeout);
        self
    }

    /// Resumes an earlier call with the same source and dataset. Lines of files whose import succeeded, or may have been started,
    /// are not sent again. If an import was still running, the call waits for it, and sends its lines again if it has failed.
    /// [`ImportReport::to_json`] stores the report for another process.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::{Jsonl, Report};
    ///
    /// let source = || Jsonl::path("conversations.jsonl");
    /// let datasets = client.datasets();
    /// if let Err(error) = datasets.import_jsonl("refund-requests", source()).await {
    ///     let Some(Report::Import(report)) = error.report() else { return Err(error) };
    ///     datasets.import_jsonl("refund-requests", source()).resume(report.clone()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(mut self, report: ImportReport) -> Self {
        self.resume = Some(report);
        self
    }

    /// Sets a progress callback. The phases are `check`, then `upload` and `import` for each file.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.importer.reporter = ProgressReporter::new(on_progress);
        self
    }

    async fn run(mut self) -> Result<ImportReport, Error> {
        let mut report = self.resume.take().unwrap_or_default();
        match self.import(&mut report).await {
            Ok(()) => Ok(report),
            Err(error) => Err(error.with_operation(OPERATION).with_report(Report::Import(report))),
        }
    }

    async fn import(self, report: &mut ImportReport) -> Result<(), Error> {
        let Self { jsonl, importer, mut scan_options, .. } = self;
        let checks = Checks::new(OPERATION);
        checks.segment("dataset_id", &importer.dataset_id)?;
        require_same_dataset(OPERATION, &report.dataset_id, &importer.dataset_id)?;
        report.dataset_id.clone_from(&importer.dataset_id);
        let max_file_bytes = i64::try_from(scan_options.max_file_bytes).unwrap_or(i64::MAX);
        checks.number("max_file_bytes", max_file_bytes, 1..=MAX_FILE_BYTES as i64)?;
        // With a closed client, fail before reading a large source.
        importer.client.transport()?;
        finish_earlier_imports(&importer, report).await?;

        scan_options.already_imported = report.imported_lines();
        let names = jsonl.file_name();
        let (summary, scanned) =
            scan(&importer.client, jsonl, scan_options, importer.reporter.clone()).await;
        report.lines = summary.lines;
        report.invalid_lines = summary.invalid_lines;
        report.invalid_line_count = summary.invalid_line_count;
        report.unknown_keys = summary.unknown_keys;
        let scanned = scanned?;
        if summary.already_imported_records != report.imported_records() {
            let message = "resume: the report belongs to a different source";
            return Err(Error::invalid(OPERATION, message.to_owned()));
        }
        for (index, part) in scanned.parts.iter().enumerate() {
            let name = names.nth(index + 1, scanned.parts.len());
            let verify = || scanned.require_unchanged();
            let result = importer.import(&scanned.content, part, name, verify).await;
            let (first_line, lines, records) = (part.first_line, part.lines(), part.records);
            let file = |file_id, task| ImportedFile { file_id, first_line, lines, records, task };
            match result {
                Ok((file_id, task)) => report.files.push(file(file_id, task)),
                Err(ImportFailure::NotImported(error)) => return Err(error),
                Err(ImportFailure::Unknown { file_id, error }) => {
                    report.unknown.push(UnknownFile { file_id, first_line, lines, records });
                    return Err(error);
                }
                Err(ImportFailure::InProgress { file_id, task, error }) => {
                    report.files.push(file(file_id, *task));
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Waits for the imports that were running when an earlier call ended.
async fn finish_earlier_imports(
    importer: &PartImporter,
    report: &mut ImportReport,
) -> Result<(), Error> {
    let mut index = 0;
    while importer.wait && index < report.files.len() {
        let file = &mut report.files[index];
        if file.task.status.is_success() {
            index += 1;
            continue;
        }
        match importer.wait_for(&file.task, Some(file.records)).await {
            Ok(task) => {
                importer.delete(&file.file_id).await;
                file.task = task;
                index += 1;
            }
            // A failed import leaves no records behind, so its lines can be sent again.
            Err(error) if error.kind() == ErrorKind::TaskFailed => {
                report.files.remove(index);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl IntoFuture for ImportJsonl {
    type Output = Result<ImportReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for ImportJsonl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportJsonl")
            .field("dataset_id", &self.importer.dataset_id)
            .field("jsonl", &self.jsonl)
            .field("scan_options", &self.scan_options)
            .finish_non_exhaustive()
    }
}
