//! Uploads one part of a source, imports it, waits for the import and deletes the uploaded file.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use mistral_datasets_types::{File, ImportTask};

use super::may_have_been_applied;
use super::upload_parts::{Content, Part};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::files::Upload;
use crate::progress::ProgressReporter;
use crate::task::TaskHandle;

/// Imports parts into a dataset.
#[derive(Clone, Debug)]
pub(super) struct PartImporter {
    pub(super) client: Client,
    pub(super) dataset_id: String,
    /// The operation that errors report.
    pub(super) operation: &'static str,
    /// The unit of a part in messages, `lines` or `records`.
    pub(super) unit: &'static str,
    pub(super) reporter: ProgressReporter,
    /// Whether to wait for the import.
    pub(super) wait: bool,
    /// The maximum time to wait. If `None`, the default of [`Wait`](crate::Wait) applies.
    pub(super) timeout: Option<Duration>,
}

/// How the import of a part failed.
#[derive(Debug)]
pub(super) enum ImportFailure {
    /// The part was certainly not imported, and no import is running.
    NotImported(Error),
    /// The import may have been started.
    Unknown { file_id: String, error: Error },
    /// The import was started and may still be running.
    InProgress { file_id: String, task: Box<ImportTask>, error: Error },
}

impl PartImporter {
    /// Uploads a part and imports it. If the import fails, the uploaded file is kept for inspection.
    ///
    /// `verify_unchanged` is called before and after the upload to detect a source that changes in the meantime.
    pub(super) async fn import(
        &self,
        content: &Content,
        part: &Part,
        name: String,
        verify_unchanged: impl Fn() -> Result<(), Error>,
    ) -> Result<(String, ImportTask), ImportFailure> {
        verify_unchanged().map_err(ImportFailure::NotImported)?;
        let file = match self.upload(content, part, &name).await {
            Ok(file) => file,
            // If the source was truncated in the meantime, that is a more helpful error than the failed upload.
            Err(error) => {
                let error = verify_unchanged().err().unwrap_or(error);
                return Err(ImportFailure::NotImported(error));
            }
        };
        if let Err(error) = verify_unchanged() {
            self.delete(&file.id).await;
            return Err(ImportFailure::NotImported(error));
        }
        let started = self.client.datasets().import_from_file(&self.dataset_id, &file.id).await;
        let task = match started.map_err(|error| error.with_operation(self.operation)) {
            Ok(task) => task,
            Err(error) if may_have_been_applied(&error) => {
                let context =
                    format!("the import of the uploaded file {} may have started", file.id);
                let error = error.in_context(&context).with_ambiguity(true);
                return Err(ImportFailure::Unknown { file_id: file.id, error });
            }
            Err(error) => {
                self.delete(&file.id).await;
                return Err(ImportFailure::NotImported(error));
            }
        };
        if !self.wait {
            return Ok((file.id, task));
        }
        match self.wait_for(&task, Some(part.records)).await {
            Ok(task) => {
                self.delete(&file.id).await;
                Ok((file.id, task))
            }
            Err(error) if error.kind() == ErrorKind::TaskFailed => {
                // The line numbers in the server's message refer to the uploaded file.
                let (unit, first, last) = (self.unit, part.first_line, part.last_line);
                let context = format!("uploaded file {} with {unit} {first} to {last}", file.id);
                Err(ImportFailure::NotImported(error.in_context(&context)))
            }
            Err(error) => {
                let task = Box::new(error.task().unwrap_or(&task).clone());
                Err(ImportFailure::InProgress { file_id: file.id, task, error })
            }
        }
    }

    /// Waits for an import to succeed.
    pub(super) async fn wait_for(
        &self,
        task: &ImportTask,
        records: Option<u64>,
    ) -> Result<ImportTask, Error> {
        self.reporter.start_phase("import", None, records);
        let reporter = self.reporter.clone();
        let (dataset_id, task_id) = (task.dataset_id.to_string(), task.id.to_string());
        let handle = TaskHandle::new(self.client.clone(), dataset_id, task_id);
        let mut wait = handle.wait().on_progress(move |task: &ImportTask| {
            let percent = u64::try_from(task.progress.unwrap_or(0)).unwrap_or(0).min(100);
            let done = records.unwrap_or(0) * percent / 100;
            reporter.update(|progress| progress.records = progress.records.max(done));
        });
        if let Some(timeout) = self.timeout {
            wait = wait.timeout(timeout);
        }
        let task = wait.await.map_err(|error| error.with_operation(self.operation))?;
        if let Some(records) = records {
            self.reporter.update(|progress| progress.records = records);
        }
        self.reporter.end_phase();
        Ok(task)
    }

    /// Uploads a part, which is read again for every attempt.
    async fn upload(&self, content: &Content, part: &Part, name: &str) -> Result<File, Error> {
        let (content, part, reporter) = (content.clone(), part.clone(), self.reporter.clone());
        let (bytes, records) = (part.bytes(), part.records);
        let open = move || {
            reporter.start_phase("upload", Some(bytes), Some(records));
            let reporter = reporter.clone();
            content
                .read(&part)
                .inspect_ok(move |chunk| {
                    reporter.update(|progress| progress.bytes += chunk.len() as u64);
                })
                .boxed()
        };
        let upload = Upload::reopenable(name, bytes, open).content_type("application/jsonl");
        match self.client.files().upload(upload).await {
            Ok(file) => {
                self.reporter.update(|progress| progress.records = records);
                self.reporter.end_phase();
                Ok(file)
            }
            // A file that is not imported changes no dataset, so uploading it again is safe.
            Err(error) => Err(error.with_operation(self.operation).with_ambiguity(false)),
        }
    }

    /// Deletes an uploaded file. A failure is only logged: the import has succeeded, or its error matters more.
    pub(super) async fn delete(&self, file_id: &str) {
        if let Err(error) = self.client.files().delete(file_id).await {
            tracing::warn!(file_id, %error, "cannot delete an uploaded file");
        }
    }
}
