//! Getting whole datasets out.

use std::sync::{Mutex, PoisonError};

use futures::TryStreamExt;
use futures::stream::{BoxStream, StreamExt, TryReadyChunksError};
use mistral_datasets::{Error, Export, ExportReport, ExportedRecord};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use crate::client::NativeClient;
use crate::failure::{Outcome, outcome};
use crate::progress::{NativeProgress, Watched};
use crate::response::{Cross, Crossing, Response, cross};

/// The size of the pieces in which an export crosses.
const PIECE: usize = 256 * 1024;

/// How many records cross at once, at most.
const RECORDS: usize = 100;

/// An export.
#[napi]
pub struct NativeExport {
    native: NativeClient,
    export: Mutex<Option<Export>>,
    /// What is written is read at the other end.
    writer: Mutex<Option<DuplexStream>>,
    reader: tokio::sync::Mutex<DuplexStream>,
    watched: Watched,
}

/// What an export wrote.
#[napi(object, object_from_js = false)]
pub struct NativeExportReport {
    /// How many records.
    pub records: f64,
    /// How many bytes.
    pub bytes: f64,
    /// Where to, if it was a path.
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
        watched: bool,
    ) -> Outcome<NativeExport> {
        let mut export = self.client.datasets().export(dataset_id);
        if let Some(name) = compression {
            match name.parse() {
                Ok(compression) => export = export.compression(compression),
                Err(error) => return Outcome::B(Error::into(error)),
            }
        }
        let (told, teller) = Watched::new();
        if watched {
            export = export.on_progress(move |progress| teller.tell(progress));
        }
        let (writer, reader) = duplex(PIECE);
        Outcome::A(NativeExport {
            native: self.share(),
            export: Mutex::new(Some(export)),
            writer: Mutex::new(Some(writer)),
            reader: tokio::sync::Mutex::new(reader),
            watched: told,
        })
    }

    /// Begins to export records. Nothing is sent yet.
    #[napi]
    pub fn export_records(&self, dataset_id: String) -> NativeRecords {
        let records = self.client.datasets().export(dataset_id).records();
        NativeRecords {
            native: self.share(),
            state: tokio::sync::Mutex::new(Records {
                chunks: records.try_ready_chunks(RECORDS).boxed(),
                failure: None,
            }),
        }
    }
}

#[napi]
impl NativeExport {
    /// Writes the export to a file. It is called once.
    #[napi]
    pub async fn to_path(&self, path: String) -> napi::Result<Outcome<NativeExportReport>> {
        let report = self.native.run(self.taken()?.to_path(path)).await;
        Ok(outcome(report.map(NativeExportReport::from)))
    }

    /// Makes the export while its [`pieces`](Self::piece) are read. It is called once.
    #[napi]
    pub async fn to_pieces(&self) -> napi::Result<Outcome<NativeExportReport>> {
        let export = self.taken()?;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = writer.expect("it is there as long as the export is");
        let report = self.native.run(export.to_writer(writer)).await;
        Ok(outcome(report.map(NativeExportReport::from)))
    }

    /// The next piece of the export; absent at the end, and after a failure.
    #[napi]
    pub async fn piece(&self) -> napi::Result<Option<Buffer>> {
        let mut reader = self.reader.lock().await;
        let mut piece = Vec::with_capacity(PIECE);
        let read = reader.read_buf(&mut piece).await;
        let read = read.map_err(|error| napi::Error::from_reason(error.to_string()))?;
        Ok((read > 0).then(|| piece.into()))
    }

    /// How far the export is; absent at its end.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.watched.next().await
    }

    fn taken(&self) -> napi::Result<Export> {
        let export = self.export.lock().unwrap_or_else(PoisonError::into_inner).take();
        export.ok_or_else(|| napi::Error::from_reason("the export was made before"))
    }
}

/// The records of an export, as they come.
#[napi]
pub struct NativeRecords {
    native: NativeClient,
    state: tokio::sync::Mutex<Records>,
}

type Chunk = Result<Vec<ExportedRecord>, TryReadyChunksError<ExportedRecord, Error>>;

struct Records {
    chunks: BoxStream<'static, Chunk>,
    /// A failure that comes behind records which came before it.
    failure: Option<Error>,
}

#[napi]
impl NativeRecords {
    /// The next records, as many as are there; absent at the end.
    #[napi]
    pub async fn next(&self) -> Outcome<Option<Response>> {
        let mut state = self.state.lock().await;
        if let Some(error) = state.failure.take() {
            return outcome(Err(error));
        }
        outcome(match self.native.run(state.chunks.next()).await {
            None => Ok(None),
            Some(Ok(records)) => Ok(Some(cross(&records))),
            Some(Err(TryReadyChunksError(records, error))) if records.is_empty() => Err(error),
            Some(Err(TryReadyChunksError(records, error))) => {
                state.failure = Some(error);
                Ok(Some(cross(&records)))
            }
        })
    }

    /// Stops what is being read.
    #[napi]
    pub fn stop(&self) {
        self.native.cancel();
        if let Ok(mut state) = self.state.try_lock() {
            state.chunks = futures::stream::empty().boxed();
        }
    }
}

impl Cross for ExportedRecord {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        self.extra.cross(to);
        self.id.cross(to);
        self.payload.cross(to);
        self.properties.cross(to);
        self.source.cross(to);
    }
}
