//! Bringing in many records.

use std::future::IntoFuture;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use mistral_datasets::{CreateRecords, Error, ImportJsonl, IntoRecord, Jsonl, NewRecord};
use napi_derive::napi;
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::client::NativeClient;
use crate::failure::{Outcome, outcome};
use crate::feed::Feed;
use crate::options::{milliseconds, size};
use crate::progress::{NativeProgress, Watched};
use crate::report::{NativeCreateReport, NativeImportReport};

/// How many records wait for being sent. More would be taken from a source long before.
const RECORDS_AHEAD: usize = 16;

/// How many pieces of a file wait for being read.
const PIECES_AHEAD: usize = 4;

/// How records are created; what is absent is the default.
#[napi(object, object_to_js = false)]
pub struct CreateOptions {
    /// How many requests may be under way at once.
    pub concurrency: Option<f64>,
    /// The name of a strategy.
    pub strategy: Option<String>,
    /// Whether records are sent after one has failed.
    pub continue_on_error: bool,
    /// Whether somebody wants to be told of the progress.
    pub watched: bool,
}

/// How JSONL is imported; what is absent is the default.
#[napi(object, object_to_js = false)]
pub struct ImportOptions {
    /// The file to read; without one, what is fed is read.
    pub path: Option<String>,
    /// The name under which it is uploaded.
    pub name: Option<String>,
    /// Whether bad lines are left out.
    pub lenient: Option<bool>,
    /// The name of a compression.
    pub compression: Option<String>,
    /// The most bytes that an uploaded file may have.
    pub max_file_bytes: Option<f64>,
    /// Whether to wait for the imports.
    pub wait: Option<bool>,
    /// How long to wait for each.
    pub timeout_ms: Option<f64>,
    /// Whether somebody wants to be told of the progress.
    pub watched: bool,
}

/// A call that creates records, and what is fed to it.
#[napi]
pub struct NativeCreate {
    native: NativeClient,
    call: Mutex<Option<CreateRecords>>,
    feed: Feed<Parts>,
    watched: Watched,
}

/// A call that imports JSONL, and what is fed to it.
#[napi]
pub struct NativeImport {
    native: NativeClient,
    call: Mutex<Option<ImportJsonl>>,
    feed: Feed<Bytes>,
    watched: Watched,
}

#[napi]
impl NativeClient {
    /// Prepares `create_records`.
    #[napi]
    pub fn prepare_create(
        &self,
        dataset_id: String,
        options: CreateOptions,
    ) -> Outcome<NativeCreate> {
        outcome(self.create(dataset_id, options))
    }

    /// Prepares `import_jsonl`.
    #[napi]
    pub fn prepare_import(
        &self,
        dataset_id: String,
        options: ImportOptions,
    ) -> Outcome<NativeImport> {
        outcome(self.import(dataset_id, options))
    }
}

impl NativeClient {
    fn create(&self, dataset_id: String, options: CreateOptions) -> Result<NativeCreate, Error> {
        let (feed, records) = Feed::new(RECORDS_AHEAD);
        let records = records.map(Fed);
        let call = self.client.datasets().create_records(dataset_id, records);
        let mut call = call.continue_on_error(options.continue_on_error);
        if let Some(requests) = options.concurrency {
            call = call.concurrency(size(requests));
        }
        if let Some(name) = options.strategy {
            call = call.strategy(name.parse()?);
        }
        let (watched, teller) = Watched::new();
        if options.watched {
            call = call.on_progress(move |progress| teller.tell(progress));
        }
        Ok(NativeCreate { native: self.share(), call: Mutex::new(Some(call)), feed, watched })
    }

    fn import(&self, dataset_id: String, options: ImportOptions) -> Result<NativeImport, Error> {
        let (feed, pieces) = Feed::new(PIECES_AHEAD);
        let mut source = match options.path {
            Some(path) => Jsonl::path(path),
            None => Jsonl::stream(pieces),
        };
        if let Some(name) = options.name {
            source = source.name(name);
        }
        let mut call = self.client.datasets().import_jsonl(dataset_id, source);
        call = call.lenient(options.lenient.unwrap_or_default()).wait(options.wait.unwrap_or(true));
        if let Some(name) = options.compression {
            call = call.compression(name.parse()?);
        }
        if let Some(bytes) = options.max_file_bytes {
            call = call.max_file_bytes(bytes as u64);
        }
        if let Some(timeout) = options.timeout_ms {
            call = call.timeout(milliseconds(timeout));
        }
        let (watched, teller) = Watched::new();
        if options.watched {
            call = call.on_progress(move |progress| teller.tell(progress));
        }
        Ok(NativeImport { native: self.share(), call: Mutex::new(Some(call)), feed, watched })
    }
}

/// A record as it was fed, or why the source has failed.
struct Fed(io::Result<Parts>);

/// What there is of a record: the texts of payload and properties, and why one of them is missing.
struct Parts {
    payload: Option<String>,
    properties: Option<String>,
    problem: String,
}

impl IntoRecord for Fed {
    fn into_record(self) -> Result<NewRecord, Error> {
        match self.0 {
            Ok(Parts { payload, properties, problem }) => {
                NewRecord::new(Part(payload, &problem), Part(properties, &problem))
            }
            Err(error) => Err::<NewRecord, _>(error).into_record(),
        }
    }
}

/// JSON text, or why there is none.
struct Part<'a>(Option<String>, &'a str);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let refused = |problem: &dyn std::fmt::Display| S::Error::custom(problem);
        let Self(Some(text), _) = self else { return Err(refused(&self.1)) };
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| refused(&error))?;
        raw.serialize(serializer)
    }
}

#[napi]
impl NativeCreate {
    /// Makes the call go on from a report.
    #[napi]
    pub fn resume(&self, report: &NativeCreateReport) {
        let mut call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        *call = call.take().map(|call| call.resume(report.report.clone()));
    }

    /// Takes the JSON of a record's payload and properties. What has none has a problem. False when the next has to wait.
    #[napi]
    pub fn push(
        &self,
        payload: Option<String>,
        properties: Option<String>,
        problem: Option<String>,
    ) -> bool {
        self.feed.push(Parts { payload, properties, problem: problem.unwrap_or_default() })
    }

    /// Waits until there is room for a record. False when no more is wanted.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.feed.ready().await
    }

    /// Says that there are no more records.
    #[napi]
    pub fn end(&self) {
        self.feed.end();
    }

    /// Says that the source has failed.
    #[napi]
    pub fn fail(&self, problem: String) {
        self.feed.fail(problem);
    }

    /// How far the call is; absent at its end.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.watched.next().await
    }

    /// Makes the call. It is made once.
    #[napi]
    pub async fn run(&self) -> napi::Result<Outcome<NativeCreateReport>> {
        let report = self.native.run(taken(&self.call)?.into_future()).await;
        Ok(outcome(report.map(|report| NativeCreateReport { report })))
    }
}

#[napi]
impl NativeImport {
    /// Makes the call go on from a report.
    #[napi]
    pub fn resume(&self, report: &NativeImportReport) {
        let mut call = self.call.lock().unwrap_or_else(PoisonError::into_inner);
        *call = call.take().map(|call| call.resume(report.report.clone()));
    }

    /// Takes a piece of the source. False when the next has to wait.
    #[napi]
    pub fn push(&self, piece: &[u8]) -> bool {
        // Copied at once: the caller may reuse its buffer.
        self.feed.push(Bytes::copy_from_slice(piece))
    }

    /// Waits until there is room for a piece. False when no more is wanted.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.feed.ready().await
    }

    /// Says that there are no more pieces.
    #[napi]
    pub fn end(&self) {
        self.feed.end();
    }

    /// Says that the source has failed.
    #[napi]
    pub fn fail(&self, problem: String) {
        self.feed.fail(problem);
    }

    /// How far the call is; absent at its end.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.watched.next().await
    }

    /// Makes the call. It is made once.
    #[napi]
    pub async fn run(&self) -> napi::Result<Outcome<NativeImportReport>> {
        let report = self.native.run(taken(&self.call)?.into_future()).await;
        Ok(outcome(report.map(|report| NativeImportReport { report })))
    }
}

fn taken<T>(call: &Mutex<Option<T>>) -> napi::Result<T> {
    let call = call.lock().unwrap_or_else(PoisonError::into_inner).take();
    call.ok_or_else(|| napi::Error::from_reason("the call was made before"))
}
