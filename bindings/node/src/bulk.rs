//! Bulk calls: `create_records` and `import_jsonl`. JavaScript pushes their input item by item.

use std::future::IntoFuture;
use std::io;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use mistral_datasets::types::DatasetRecord;
use mistral_datasets::{CreateRecords, Error, ImportJsonl, IntoRecord, Jsonl, NewRecord};
use napi_derive::napi;
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::client::NativeClient;
use crate::failure::{CallResult, call_result};
use crate::input_channel::InputChannel;
use crate::options::{from_milliseconds, to_usize};
use crate::progress::{NativeProgress, ProgressReceiver, progress_channel};
use crate::report::{NativeCreateReport, NativeImportReport};

/// Number of records buffered before the source has to wait. It is small so that records are read only shortly before they
/// are sent.
const RECORD_BUFFER: usize = 16;

/// Number of file chunks buffered before the source has to wait.
const CHUNK_BUFFER: usize = 4;

/// Options of `create_records`. Missing ones keep their defaults.
#[napi(object, object_to_js = false)]
pub struct CreateOptions {
    /// Maximum number of concurrent requests.
    pub concurrency: Option<f64>,
    /// Name of a strategy.
    pub strategy: Option<String>,
    /// Whether to continue after a record has failed.
    pub continue_on_error: bool,
    /// Whether to ignore unknown keys.
    pub allow_unknown_keys: Option<bool>,
    /// Whether the source may yield nothing.
    pub allow_empty: bool,
    /// Whether to send progress updates.
    pub track_progress: bool,
}

/// Options of `import_jsonl`. Missing ones keep their defaults.
#[napi(object, object_to_js = false)]
pub struct ImportOptions {
    /// Path of the file to read. If missing, the input is pushed.
    pub path: Option<String>,
    /// Name of the uploaded file.
    pub name: Option<String>,
    /// Whether to skip invalid lines.
    pub lenient: Option<bool>,
    /// Whether to ignore unknown keys.
    pub allow_unknown_keys: Option<bool>,
    /// Name of a compression.
    pub compression: Option<String>,
    /// Maximum size of an uploaded file, in bytes.
    pub max_file_bytes: Option<f64>,
    /// Whether to wait for the imports.
    pub wait: Option<bool>,
    /// Maximum time to wait for each import.
    pub timeout_ms: Option<f64>,
    /// Whether to send progress updates.
    pub track_progress: bool,
}

/// A `create_records` call and the channel for its records.
#[napi]
pub struct NativeCreate {
    native: NativeClient,
    call: Mutex<Option<CreateRecords>>,
    records: InputChannel<RecordJson>,
    progress: ProgressReceiver,
}

/// An `import_jsonl` call and the channel for its input.
#[napi]
pub struct NativeImport {
    native: NativeClient,
    call: Mutex<Option<ImportJsonl>>,
    chunks: InputChannel<Bytes>,
    progress: ProgressReceiver,
}

#[napi]
impl NativeClient {
    /// Prepares `create_records`.
    #[napi]
    pub fn prepare_create(
        &self,
        dataset_id: String,
        options: CreateOptions,
    ) -> CallResult<NativeCreate> {
        call_result(self.create(dataset_id, options))
    }

    /// Prepares `import_jsonl`.
    #[napi]
    pub fn prepare_import(
        &self,
        dataset_id: String,
        options: ImportOptions,
    ) -> CallResult<NativeImport> {
        call_result(self.import(dataset_id, options))
    }
}

impl NativeClient {
    fn create(&self, dataset_id: String, options: CreateOptions) -> Result<NativeCreate, Error> {
        let (records, stream) = InputChannel::new(RECORD_BUFFER);
        let stream = stream.map(new_record);
        let call = self.client.datasets().create_records(dataset_id, stream);
        let mut call = call
            .continue_on_error(options.continue_on_error)
            .allow_unknown_keys(options.allow_unknown_keys.unwrap_or_default())
            .allow_empty(options.allow_empty);
        if let Some(requests) = options.concurrency {
            call = call.concurrency(to_usize(requests));
        }
        if let Some(name) = options.strategy {
            call = call.strategy(name.parse()?);
        }
        let (sender, progress) = progress_channel();
        if options.track_progress {
            call = call.on_progress(move |progress| sender.send(progress));
        }
        Ok(NativeCreate { native: self.clone(), call: Mutex::new(Some(call)), records, progress })
    }

    fn import(&self, dataset_id: String, options: ImportOptions) -> Result<NativeImport, Error> {
        let (chunks, stream) = InputChannel::new(CHUNK_BUFFER);
        let mut source = match options.path {
            Some(path) => Jsonl::path(path),
            None => Jsonl::stream(stream),
        };
        if let Some(name) = options.name {
            source = source.name(name);
        }
        let mut call = self.client.datasets().import_jsonl(dataset_id, source);
        call = call
            .lenient(options.lenient.unwrap_or_default())
            .allow_unknown_keys(options.allow_unknown_keys.unwrap_or_default())
            .wait(options.wait.unwrap_or(true));
        if let Some(name) = options.compression {
            call = call.compression(name.parse()?);
        }
        if let Some(bytes) = options.max_file_bytes {
            call = call.max_file_bytes(bytes as u64);
        }
        if let Some(timeout) = options.timeout_ms {
            call = call.wait_timeout(from_milliseconds(timeout));
        }
        let (sender, progress) = progress_channel();
        if options.track_progress {
            call = call.on_progress(move |progress| sender.send(progress));
        }
        Ok(NativeImport { native: self.clone(), call: Mutex::new(Some(call)), chunks, progress })
    }
}

/// Payload and properties of a record as JSON, or the reason why the record is invalid.
struct RecordJson {
    payload: String,
    properties: String,
    problem: Option<String>,
    /// Names of the other properties.
    other_keys: Vec<String>,
}

/// Converts a record from the source, or the error of the source.
fn new_record(item: io::Result<RecordJson>) -> Result<NewRecord, Error> {
    match item {
        Ok(RecordJson { problem: Some(problem), .. }) => Err(NewRecord::invalid(problem)),
        Ok(RecordJson { payload, properties, problem: None, other_keys }) => {
            let record = NewRecord::new(Json(payload), Json(properties))?;
            // In JavaScript, the fields of a record have names in camel case.
            let is_field = |key: &str| DatasetRecord::FIELDS.contains(&&*snake_case(key));
            Ok(record.with_other_keys(other_keys.into_iter().filter(|key| !is_field(key))))
        }
        Err(error) => Err::<NewRecord, _>(error).into_record(),
    }
}

/// Returns the names of a record's fields.
#[napi]
pub fn record_field_names() -> Vec<&'static str> {
    DatasetRecord::FIELDS.to_vec()
}

fn snake_case(name: &str) -> String {
    let letters = name.chars().flat_map(|letter| {
        let separator = letter.is_ascii_uppercase().then_some('_');
        separator.into_iter().chain([letter.to_ascii_lowercase()])
    });
    letters.collect()
}

/// Serializes JSON unchanged.
struct Json(String);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[napi]
impl NativeCreate {
    /// Resumes from the report of an earlier call.
    #[napi]
    pub fn resume(&self, report: &NativeCreateReport) {
        resume(&self.call, |call| call.resume(report.report.clone()));
    }

    /// Pushes the JSON of a record's payload and properties, or the reason why the record is invalid, and the names of its other
    /// properties. Returns `false` if the caller must wait for [`ready`](Self::ready).
    #[napi]
    pub fn push(
        &self,
        payload: Option<String>,
        properties: Option<String>,
        problem: Option<String>,
        other_keys: Option<Vec<String>>,
    ) -> bool {
        let (payload, properties) = (payload.unwrap_or_default(), properties.unwrap_or_default());
        let other_keys = other_keys.unwrap_or_default();
        self.records.push(RecordJson { payload, properties, problem, other_keys })
    }

    /// Waits until another record can be pushed. Returns `false` if no more are needed.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.records.ready().await
    }

    /// Marks the source as complete.
    #[napi]
    pub fn end(&self) {
        self.records.end();
    }

    /// Reports that the source failed, or that no more records are needed.
    #[napi]
    pub fn fail(&self, message: String) {
        self.records.fail(message);
    }

    /// Returns the next progress update, or `undefined` when the call has ended.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.progress.next().await
    }

    /// Runs the call. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<NativeCreateReport>> {
        let report = self.native.run(take(&self.call)?.into_future()).await;
        Ok(call_result(report.map(|report| NativeCreateReport { report })))
    }
}

#[napi]
impl NativeImport {
    /// Resumes from the report of an earlier call.
    #[napi]
    pub fn resume(&self, report: &NativeImportReport) {
        resume(&self.call, |call| call.resume(report.report.clone()));
    }

    /// Pushes a chunk of the source. Returns `false` if the caller must wait for [`ready`](Self::ready).
    #[napi]
    pub fn push(&self, chunk: &[u8]) -> bool {
        // Copied immediately, because the caller may reuse its buffer.
        self.chunks.push(Bytes::copy_from_slice(chunk))
    }

    /// Waits until another chunk can be pushed. Returns `false` if no more are needed.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.chunks.ready().await
    }

    /// Marks the source as complete.
    #[napi]
    pub fn end(&self) {
        self.chunks.end();
    }

    /// Reports that the source failed, or that no more input is needed.
    #[napi]
    pub fn fail(&self, message: String) {
        self.chunks.fail(message);
    }

    /// Returns the next progress update, or `undefined` when the call has ended.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.progress.next().await
    }

    /// Runs the call. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<NativeImportReport>> {
        let report = self.native.run(take(&self.call)?.into_future()).await;
        Ok(call_result(report.map(|report| NativeImportReport { report })))
    }
}

/// Replaces a call that was not started by one that resumes.
pub(crate) fn resume<T>(call: &Mutex<Option<T>>, resume: impl FnOnce(T) -> T) {
    let mut call = call.lock().unwrap_or_else(PoisonError::into_inner);
    *call = call.take().map(resume);
}

/// Takes the call in order to run it.
pub(crate) fn take<T>(call: &Mutex<Option<T>>) -> napi::Result<T> {
    let call = call.lock().unwrap_or_else(PoisonError::into_inner).take();
    call.ok_or_else(|| napi::Error::from_reason("the call was already started"))
}
