//! Getting one part into a dataset: upload, import, wait, delete.

use std::time::{Duration, Instant};

use futures::TryStreamExt;
use mistral_datasets_types::{File, ImportTask};

use super::may_be_done;
use super::spool::{Content, Part};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::progress::Watch;
use crate::upload::Upload;

/// How parts get into a dataset.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) client: Client,
    pub(super) dataset_id: String,
    pub(super) operation: &'static str,
    /// What the source of parts consists of.
    pub(super) unit: &'static str,
    pub(super) watch: Watch,
    /// Whether the import is waited for, and how long.
    pub(super) wait: bool,
    pub(super) timeout: Option<Duration>,
}

/// Why a part is not in the dataset, as far as that is known.
#[derive(Debug)]
pub(super) enum Failure {
    /// It surely is not, and nothing is under way.
    NotDone(Error),
    /// The import may have been begun or not.
    Unknown { file_id: String, error: Error },
    /// The import is under way.
    UnderWay { file_id: String, task: Box<ImportTask>, error: Error },
}

impl Transfer {
    /// Uploads a part as a file, and imports it. The file stays when its import fails, for whoever looks after that. `still` is asked after the upload whether the part is what it should be.
    pub(super) async fn bring(
        &self,
        content: &Content,
        part: &Part,
        name: String,
        still: impl Fn() -> Result<(), Error>,
    ) -> Result<(String, ImportTask), Failure> {
        still().map_err(Failure::NotDone)?;
        let file = match self.upload(content, part, &name).await {
            Ok(file) => file,
            // A file that shrinks cannot be sent whole; that it has changed is the better reason.
            Err(error) => return Err(Failure::NotDone(still().err().unwrap_or(error))),
        };
        if let Err(error) = still() {
            self.delete(&file.id).await;
            return Err(Failure::NotDone(error));
        }
        let started = self.client.datasets().import_from_file(&self.dataset_id, &file.id).await;
        let task = match started.map_err(|error| error.with_operation(self.operation)) {
            Ok(task) => task,
            Err(error) if may_be_done(&error) => {
                let context = format!("the import of the uploaded file {} may have begun", file.id);
                let error = error.in_context(&context).with_ambiguity(true);
                return Err(Failure::Unknown { file_id: file.id, error });
            }
            Err(error) => {
                self.delete(&file.id).await;
                return Err(Failure::NotDone(error));
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
                // The server counts the lines of the file.
                let (unit, first, last) = (self.unit, part.first_line, part.last_line);
                let context = format!("the file {} made of {unit} {first} to {last}", file.id);
                Err(Failure::NotDone(error.in_context(&context)))
            }
            Err(error) => {
                let task = Box::new(error.task().unwrap_or(&task).clone());
                Err(Failure::UnderWay { file_id: file.id, task, error })
            }
        }
    }

    /// Waits for an import to end well.
    pub(super) async fn wait_for(
        &self,
        task: &ImportTask,
        records: Option<u64>,
    ) -> Result<ImportTask, Error> {
        self.watch.begin("import", None, records);
        let watch = self.watch.clone();
        let mut wait = self.client.datasets().task(task.dataset_id, task.id).wait().on_progress(
            move |task: &ImportTask| {
                let percent = u64::try_from(task.progress.unwrap_or(0)).unwrap_or(0).min(100);
                let done = records.unwrap_or(0) * percent / 100;
                watch.update(|progress| progress.records = progress.records.max(done));
            },
        );
        if let Some(timeout) = self.timeout {
            wait = wait.timeout(timeout);
        }
        let task = wait.await.map_err(|error| error.with_operation(self.operation))?;
        if let Some(records) = records {
            self.watch.update(|progress| progress.records = records);
        }
        self.watch.end();
        Ok(task)
    }

    /// Uploads a part, again where that surely did not happen.
    async fn upload(&self, content: &Content, part: &Part, name: &str) -> Result<File, Error> {
        let retries = self.client.transport()?.settings().retries.clone();
        let mut delays = retries.delays();
        let (began, mut attempt) = (Instant::now(), 0);
        loop {
            attempt += 1;
            self.watch.begin("upload", Some(part.bytes()), Some(part.records));
            let watch = self.watch.clone();
            let pieces = content.read(part).inspect_ok(move |piece| {
                watch.update(|progress| progress.bytes += piece.len() as u64);
            });
            let upload =
                Upload::stream(name, pieces, Some(part.bytes())).content_type("application/jsonl");
            let error = match self.client.files().upload(upload).await {
                Ok(file) => {
                    self.watch.update(|progress| progress.records = part.records);
                    self.watch.end();
                    return Ok(file);
                }
                Err(error) => error.with_operation(self.operation),
            };
            let asked = error.retry_after().unwrap_or_default();
            let is_worth_another = error.is_retryable()
                && !error.is_ambiguous()
                && attempt < retries.max_attempts
                && asked <= retries.max_retry_after;
            if !is_worth_another {
                // A file that nobody imports changes no dataset, so it can safely be uploaded again.
                let error = error.with_ambiguity(false);
                return Err(error.with_attempts(attempt, began.elapsed()));
            }
            let longest = delays.next().unwrap_or(retries.max_delay);
            tokio::select! {
                () = tokio::time::sleep(asked + longest.mul_f64(rand::random())) => {}
                () = self.client.ended() => return Err(self.client.broken_off()),
            }
        }
    }

    /// Deletes a file that is no longer needed. That it is left behind where this fails is no failure of the import.
    pub(super) async fn delete(&self, file_id: &str) {
        if let Err(error) = self.client.files().delete(file_id).await {
            tracing::warn!(file_id, %error, "an uploaded file could not be deleted");
        }
    }
}
