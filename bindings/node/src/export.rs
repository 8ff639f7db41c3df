//! Exports of whole datasets, as JSONL or as records.

use std::sync::{Mutex, PoisonError};

use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt, TryReadyChunksError};
use mistral_datasets::{Error, Export, ExportReport, ExportedRecord};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use crate::client::NativeClient;
use crate::encode::{Encode, EncodedResponse, Encoder, encode};
use crate::failure::{CallResult, call_result};
use crate::progress::{NativeProgress, ProgressReceiver, progress_channel};

/// Maximum size of a chunk, in bytes.
const CHUNK_SIZE: usize = 256 * 1024;

/// Maximum number of records per batch.
const BATCH_SIZE: usize = 100;

/// An export.
#[napi]
pub struct NativeExport {
    native: NativeClient,
    export: Mutex<Option<Export>>,
    writer: Mutex<Option<DuplexStream>>,
    /// The other end of `writer`.
    reader: tokio::sync::Mutex<DuplexStream>,
    progress: ProgressReceiver,
}

/// Report of a finished export.
#[napi(object, object_from_js = false)]
pub struct NativeExportReport {
    /// Number of records.
    pub records: f64,
    /// Number of bytes.
    pub bytes: f64,
    /// Path of the file, if the export was written to one.
    pub path: Option<String>,
}

impl From<ExportReport> for NativeExportReport {
    fn from(report: ExportReport) -> Self {
        Self {
            records: report.records as f64,
            bytes: report.bytes as f64,
            path: report.path.map(|path| path.to_string_lossy().into_owned()),
        }
    }
}

#[napi]
impl NativeClient {
    /// Prepares `export`.
    #[napi]
    pub fn prepare_export(
        &self,
        dataset_id: String,
        compression: Option<String>,
        track_progress: bool,
    ) -> CallResult<NativeExport> {
        let mut export = self.client.datasets().export(dataset_id);
        if let Some(name) = compression {
            match name.parse() {
                Ok(compression) => export = export.compression(compression),
                Err(error) => return CallResult::B(Error::into(error)),
            }
        }
        let (sender, progress) = progress_channel();
        if track_progress {
            export = export.on_progress(move |progress| sender.send(progress));
        }
        let (writer, reader) = duplex(CHUNK_SIZE);
        CallResult::A(NativeExport {
            native: self.clone(),
            export: Mutex::new(Some(export)),
            writer: Mutex::new(Some(writer)),
            reader: tokio::sync::Mutex::new(reader),
            progress,
        })
    }

    /// Prepares an export of records. No request is sent yet.
    #[napi]
    pub fn export_records(&self, dataset_id: String) -> NativeRecordExport {
        let records = self.client.datasets().export(dataset_id).records();
        NativeRecordExport {
            native: self.clone(),
            state: tokio::sync::Mutex::new(RecordExportState {
                batches: records.try_ready_chunks(BATCH_SIZE).boxed(),
                failure: None,
            }),
        }
    }
}

#[napi]
impl NativeExport {
    /// Writes the export to a file. May be called once.
    #[napi]
    pub async fn to_path(&self, path: String) -> napi::Result<CallResult<NativeExportReport>> {
        let report = self.native.run(self.take()?.to_path(path)).await;
        Ok(call_result(report.map(NativeExportReport::from)))
    }

    /// Runs the export while [`next_chunk`](Self::next_chunk) reads its output. May be called once.
    #[napi]
    pub async fn to_chunks(&self) -> napi::Result<CallResult<NativeExportReport>> {
        let export = self.take()?;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = writer.expect("the writer is taken together with the export");
        let report = self.native.run(export.to_writer(writer)).await;
        Ok(call_result(report.map(NativeExportReport::from)))
    }

    /// Returns the next chunk of output, or `undefined` at the end and after a failure.
    #[napi]
    pub async fn next_chunk(&self) -> napi::Result<Option<Buffer>> {
        let mut reader = self.reader.lock().await;
        let mut chunk = Vec::with_capacity(CHUNK_SIZE);
        let read = reader.read_buf(&mut chunk).await;
        let read = read.map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok((read > 0).then(|| chunk.into()))
    }

    /// Returns the next progress update, or `undefined` when the export has ended.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.progress.next().await
    }

    fn take(&self) -> napi::Result<Export> {
        let export = self.export.lock().unwrap_or_else(PoisonError::into_inner).take();
        export.ok_or_else(|| napi::Error::from_reason("the export was already started"))
    }
}

/// A stream of exported records.
#[napi]
pub struct NativeRecordExport {
    native: NativeClient,
    state: tokio::sync::Mutex<RecordExportState>,
}

type Batch = Result<Vec<ExportedRecord>, TryReadyChunksError<ExportedRecord, Error>>;

struct RecordExportState {
    batches: BoxStream<'static, Batch>,
    /// A failure to return after the records that preceded it.
    failure: Option<Error>,
}

#[napi]
impl NativeRecordExport {
    /// Returns all records that are available now, waiting for at least one, or `undefined` at the end.
    #[napi]
    pub async fn next(&self) -> CallResult<Option<EncodedResponse>> {
        let mut state = self.state.lock().await;
        if let Some(error) = state.failure.take() {
            return call_result(Err(error));
        }
        call_result(match self.native.run(state.batches.next()).await {
            None => Ok(None),
            Some(Ok(records)) => Ok(Some(encode(&records))),
            Some(Err(TryReadyChunksError(records, error))) if records.is_empty() => Err(error),
            Some(Err(TryReadyChunksError(records, error))) => {
                state.failure = Some(error);
                Ok(Some(encode(&records)))
            }
        })
    }

    /// Cancels the export.
    #[napi]
    pub fn stop(&self) {
        self.native.cancel();
        if let Ok(mut state) = self.state.try_lock() {
            state.batches = futures::stream::empty().boxed();
        }
    }
}

impl Encode for ExportedRecord {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        self.extra.encode(encoder);
        self.id.encode(encoder);
        self.source.encode(encoder);
        // Decoded on first access, and therefore last.
        self.payload.encode(encoder);
        self.properties.encode(encoder);
    }
}
