//! Whole datasets out: to a file, into a writer, or record by record.

mod file;
mod lines;
mod record;
mod transfer;
mod writer;

use std::fmt;
use std::path::PathBuf;

use tokio::io::AsyncWrite;

use crate::argument::IntoId;
use crate::bulk::Compression;
use crate::calls::Datasets;
use crate::client::Client;
use crate::error::Error;
use crate::progress::{Progress, Watch};
use transfer::Transfer;

pub use lines::ExportedLines;
pub use record::{ExportedRecord, ExportedRecords};

/// What errors call it.
const OPERATION: &str = "export";

impl Datasets {
    /// Gets a whole dataset out as JSONL, a record a line: to a file, into a writer, or as a stream of lines or records.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let report = client.datasets().export("refund-requests").to_path("refunds.jsonl.zst").await?;
    /// println!("{} records, {} bytes", report.records, report.bytes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Nothing is sent yet; see [`Export`].
    pub fn export(&self, dataset_id: impl IntoId) -> Export {
        Export {
            client: self.client.clone(),
            dataset_id: dataset_id.into_id(),
            compression: Compression::Auto,
            watch: Watch::default(),
        }
    }
}

/// An export that is to be made; begun by [`Datasets::export`].
///
/// It asks the server how many records there are and for the export, and reads the file behind the link that this returns,
/// in a bounded amount of memory. A connection that breaks or stalls is made again and goes on where it stopped, and a
/// link that has expired is asked for again, as the client's [`RetryPolicy`](crate::RetryPolicy) allow. Neither the key nor
/// further headers go to the link's host. In the end the lines are counted: fewer than there are records are an error.
///
/// Dropping the future or the stream breaks it off.
#[must_use = "an export begins when it is told where to go"]
pub struct Export {
    client: Client,
    dataset_id: String,
    compression: Compression,
    watch: Watch,
}

impl Export {
    /// How the output is compressed. Default: [`Auto`](Compression::Auto), which is by the file's ending (`.gz`, `.zst`), and not
    /// at all where there is no file. [`lines`](Self::lines) and [`records`](Self::records) are never compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// What is told how far the export has come, about ten times a second.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.watch = Watch::new(on_progress);
        self
    }

    /// Writes the export to a file, which appears when it is whole and on the disk. Until then an existing one stays as it
    /// is, and nothing is left behind when the export fails or is dropped. What is there and is no file, such as a pipe
    /// or `/dev/stdout`, is written to directly.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when the file cannot be written; [`Decoding`](crate::ErrorKind::Decoding) when
    /// records are missing from the export; otherwise as the server and the connection have it.
    pub async fn to_path(self, path: impl Into<PathBuf>) -> Result<ExportReport, Error> {
        let client = self.client.clone();
        client.until_closed(OPERATION, file::write(self, path.into())).await
    }

    /// Writes the export into a writer, which is flushed and shut down when all went well. It is given whole lines only, so
    /// that it goes on rightly by another link too.
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
    /// As [`to_path`](Self::to_path); the error of a writer that fails is the [`source`](std::error::Error::source).
    pub async fn to_writer(
        self,
        writer: impl AsyncWrite + Send + Unpin,
    ) -> Result<ExportReport, Error> {
        let client = self.client.clone();
        client.until_closed(OPERATION, writer::write(self, writer)).await
    }

    /// The lines of the export as they come: a stream, which ends after an error. Blank lines are left out.
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

    /// The records of the export as they come: a stream, which ends after an error.
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

    async fn begin(&self) -> Result<Transfer, Error> {
        Transfer::begin(self.client.clone(), self.dataset_id.clone(), self.watch.clone()).await
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

/// What an export wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// How many records.
    pub records: u64,
    /// How many bytes, counted after compression.
    pub bytes: u64,
    /// Where to, if it was a path.
    pub path: Option<PathBuf>,
}
