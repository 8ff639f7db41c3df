//! Importing JSONL.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use super::checking::{Rules, check};
use super::compression::Compression;
use super::jsonl::Jsonl;
use super::report::{ImportReport, ImportedFile, Report, UnknownFile};
use super::transfer::{Failure, Transfer};
use crate::argument::IntoId;
use crate::calls::Datasets;
use crate::check::Checks;
use crate::error::{Error, ErrorKind};
use crate::progress::{Progress, Watch};
use crate::upload::MAX_FILE_BYTES;

pub(super) const OPERATION: &str = "import_jsonl";

impl Datasets {
    /// Imports JSONL into a dataset: checks every line, uploads it as one file or as several, imports them one after the other,
    /// and waits.
    ///
    /// A line is `{"messages": […], "properties": {…}}`, of which everything but the properties becomes the payload;
    /// `{"payload": {…}, "properties": {…}}`; or an array of messages. Properties may be missing. What lines hold is sent as the
    /// text it is. Blank lines and a byte order mark are left out.
    ///
    /// Nothing is sent before every line was looked at. Memory does not grow with the source: a plain file on the disk is
    /// uploaded from where it is, everything else through a temporary file, in the directory that the environment's `TMPDIR`
    /// names. Files are imported whole or not at all, and
    /// nothing is imported twice; see [`resume`](ImportJsonl::resume).
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::Jsonl;
    ///
    /// let jsonl = Jsonl::path("conversations.jsonl.gz");
    /// let report = client.datasets().import_jsonl("refund-requests", jsonl).lenient(true).await?;
    /// println!("{} records, {} bad lines", report.records(), report.invalid_line_count());
    /// for bad in report.invalid_lines() {
    ///     println!("line {}, column {}: {}", bad.line, bad.column, bad.problem);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) before anything is sent when the source cannot be read or, unless
    /// [`lenient`](ImportJsonl::lenient), a line is bad; the error names the line and the column.
    /// [`TaskFailed`](ErrorKind::TaskFailed) when the server gives an import up, whose uploaded file is then not deleted; otherwise as the server and the connection have it.
    /// All carry a [`report`](Error::report), with which a later call goes on.
    ///
    /// Sends `POST /v1/files` and `POST /v1/observability/datasets/{dataset_id}/imports/from-file` for each file.
    pub fn import_jsonl(&self, dataset_id: impl IntoId, jsonl: Jsonl) -> ImportJsonl {
        ImportJsonl {
            jsonl,
            transfer: Transfer {
                client: self.client.clone(),
                dataset_id: dataset_id.into_id(),
                operation: OPERATION,
                unit: "lines",
                watch: Watch::default(),
                wait: true,
                timeout: None,
            },
            rules: Rules {
                lenient: false,
                compression: Compression::Auto,
                largest_file: MAX_FILE_BYTES,
                done: Vec::new(),
            },
            resume: None,
        }
    }
}

/// A call of [`Datasets::import_jsonl`]. Nothing is read until it is awaited; dropping it stops everything but imports that have
/// begun, which only the server can stop.
#[must_use = "a call is sent when it is awaited"]
pub struct ImportJsonl {
    jsonl: Jsonl,
    transfer: Transfer,
    rules: Rules,
    resume: Option<ImportReport>,
}

impl ImportJsonl {
    /// Whether bad lines are left out and told in the report, instead of ending the call. Default: not.
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.rules.lenient = lenient;
        self
    }

    /// How the source is compressed. Default: `Auto`, by its first bytes.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.rules.compression = compression;
        self
    }

    /// The most bytes an uploaded file may have, at most 512 MB, which is the service's limit and the default. What is
    /// more becomes several files, each with whole lines.
    pub fn max_file_bytes(mut self, bytes: u64) -> Self {
        self.rules.largest_file = bytes;
        self
    }

    /// Whether to wait for the imports to end. Default: yes. Without waiting the imports run at the same time, so that the files'
    /// records are not in a certain order, failures show in the report's tasks later, and uploaded files are not
    /// deleted.
    pub fn wait(mut self, wait: bool) -> Self {
        self.transfer.wait = wait;
        self
    }

    /// How long to wait at most for each file's import. Default: 30 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.transfer.timeout = Some(timeout);
        self
    }

    /// Goes on after an earlier call with the same source: lines of files whose imports have succeeded, or may have begun, are
    /// not sent again. Imports that were still under way are waited for; if they failed, their lines are.
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

    /// What is told how far the call is. The phases are `check`, then `upload` and `import` for each file.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.transfer.watch = Watch::new(on_progress);
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
        let Self { jsonl, transfer, mut rules, .. } = self;
        let checks = Checks::new(OPERATION);
        checks.segment("dataset_id", &transfer.dataset_id)?;
        let largest = i64::try_from(rules.largest_file).unwrap_or(i64::MAX);
        checks.number("max_file_bytes", largest, 1..=MAX_FILE_BYTES as i64)?;
        // A closed client is no reason to read a large source first.
        transfer.client.transport()?;
        settle_earlier(&transfer, report).await?;

        rules.done = report.done();
        let names = jsonl.file_name();
        let (found, checked) = check(&transfer.client, jsonl, rules, transfer.watch.clone()).await;
        report.lines = found.lines;
        report.invalid_lines = found.invalid_lines;
        report.invalid_line_count = found.invalid_line_count;
        let checked = checked?;
        if found.done_records != report.done_records() {
            let message = "resume: the source is not the one that the report is about";
            return Err(Error::invalid(OPERATION, message.to_owned()));
        }
        for (index, part) in checked.parts.iter().enumerate() {
            let name = names.nth(index + 1, checked.parts.len());
            let still = || checked.require_unchanged();
            let brought = transfer.bring(&checked.content, part, name, still).await;
            let (first_line, lines, records) = (part.first_line, part.lines(), part.records);
            let file = |file_id, task| ImportedFile { file_id, first_line, lines, records, task };
            match brought {
                Ok((file_id, task)) => report.files.push(file(file_id, task)),
                Err(Failure::NotDone(error)) => return Err(error),
                Err(Failure::Unknown { file_id, error }) => {
                    report.unknown.push(UnknownFile { file_id, first_line, lines, records });
                    return Err(error);
                }
                Err(Failure::UnderWay { file_id, task, error }) => {
                    report.files.push(file(file_id, *task));
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// Waits for the imports that were under way when an earlier call ended.
async fn settle_earlier(transfer: &Transfer, report: &mut ImportReport) -> Result<(), Error> {
    let mut index = 0;
    while transfer.wait && index < report.files.len() {
        let file = &mut report.files[index];
        if file.task.status.is_success() {
            index += 1;
            continue;
        }
        match transfer.wait_for(&file.task, Some(file.records)).await {
            Ok(task) => {
                transfer.delete(&file.file_id).await;
                file.task = task;
                index += 1;
            }
            // Nothing of it was imported, so it can be again.
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
            .field("dataset_id", &self.transfer.dataset_id)
            .field("jsonl", &self.jsonl)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
