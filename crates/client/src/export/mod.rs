//! Exporting whole datasets: to a file, into a writer, or as a stream of lines or records.

mod export_download;
mod line_stream;
mod record_stream;
mod to_file;
mod to_writer;

use std::fmt;
use std::path::PathBuf;

use tokio::io::AsyncWrite;

use crate::client::Client;
use crate::compression::Compression;
use crate::error::Error;
use crate::progress::{Progress, ProgressReporter};
use export_download::ExportDownload;

pub use line_stream::ExportedLines;
pub use record_stream::{ExportedRecord, ExportedRecords};

/// The operation in errors.
const OPERATION: &str = "export";

/// An export of a dataset. Returned by [`Datasets::export`](crate::calls::Datasets::export).
///
/// An export counts the dataset's records, requests the export, and downloads the file behind the presigned link that the
/// server returns, using a bounded amount of memory. A lost or stalled connection is resumed, and an expired link is
/// renewed, as the client's [`RetryPolicy`](crate::RetryPolicy) allows. Neither the API key nor additional headers are sent
/// to the link's host. An export with fewer lines than the dataset has records is an error.
///
/// Dropping the future or the stream cancels the export.
#[must_use = "an export starts when one of its output methods is called"]
pub struct Export {
    client: Client,
    dataset_id: String,
    compression: Compression,
    reporter: ProgressReporter,
}

impl Export {
    pub(crate) fn new(client: Client, dataset_id: String) -> Self {
        Self {
            client,
            dataset_id,
            compression: Compression::Auto,
            reporter: ProgressReporter::default(),
        }
    }

    /// Sets how the output is compressed.
    ///
    /// Default: [`Auto`](Compression::Auto), which compresses files with the extension `.gz` or `.zst`, and nothing else.
    /// [`lines`](Self::lines) and [`records`](Self::records) are never compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets a progress callback. The phase is `export`.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.reporter = ProgressReporter::new(on_progress);
        self
    }

    /// Writes the export to a file.
    ///
    /// The file is created, or replaced, only after the export has been written completely and synced to disk. If the export
    /// fails or is dropped, nothing is left behind. A path that is not a regular file, such as a pipe or `/dev/stdout`, is
    /// written to directly.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) if the file cannot be written, [`Decoding`](crate::ErrorKind::Decoding)
    /// if records are missing from the export, and the errors that any call can return.
    pub async fn to_path(self, path: impl Into<PathBuf>) -> Result<ExportReport, Error> {
        let client = self.client.clone();
        client.until_cancelled(OPERATION, to_file::write(self, path.into())).await
    }

    /// Writes the export into a writer, then flushes it and shuts it down. The writer receives whole lines only.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let mut lines = Vec::new();
    /// client.datasets().export("refund-requests").to_writer(&mut lines).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of [`to_path`](Self::to_path), and [`Conflict`](crate::ErrorKind::Conflict) if the connection was lost and
    /// the server cannot continue the same version of the export: what was written cannot be taken back. The writer's own
    /// error is the [`source`](std::error::Error::source).
    pub async fn to_writer(
        self,
        writer: impl AsyncWrite + Send + Unpin,
    ) -> Result<ExportReport, Error> {
        let client = self.client.clone();
        client.until_cancelled(OPERATION, to_writer::write(self, writer)).await
    }

    /// Returns the export as a stream of lines, which ends after an error. Blank lines are skipped.
    ///
    /// If the connection is lost and the server cannot continue the same version of the export, the stream ends with a
    /// [`Conflict`](crate::ErrorKind::Conflict) error.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let mut lines = client.datasets().export("refund-requests").lines();
    /// while let Some(line) = lines.next().await {
    ///     println!("{} bytes of JSON", line?.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn lines(self) -> ExportedLines {
        ExportedLines::new(self)
    }

    /// Returns the export as a stream of records, which ends after an error.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let mut records = client.datasets().export("refund-requests").records();
    /// while let Some(record) = records.next().await {
    ///     println!("{}", record?.payload.get());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn records(self) -> ExportedRecords {
        ExportedRecords::new(self.lines())
    }

    async fn start(&self) -> Result<ExportDownload, Error> {
        let Self { client, dataset_id, reporter, .. } = self;
        ExportDownload::start(client.clone(), dataset_id.clone(), reporter.clone()).await
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("dataset_id", &self.dataset_id)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// The result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// The number of records.
    pub records: u64,
    /// The number of bytes written, after compression.
    pub bytes: u64,
    /// The path that was written, if the output was a path.
    pub path: Option<PathBuf>,
}

impl ExportReport {
    /// Creates a report for tests, without a path.
    pub fn new(records: u64, bytes: u64) -> Self {
        Self { records, bytes, path: None }
    }
}
