//! Bulk uploads: `create_records`, `import_jsonl` and `import_spans`.
//!
//! Their input is read through a [`Driver`], so Python iterates over it in the caller's context.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use mistral_datasets::types::TelemetrySpanReference;
use mistral_datasets::{Compression, Error, IntoRecord, Jsonl, NewRecord, Strategy, types};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyMapping, PyTuple};

use crate::arguments::{Argument, Id, choice, number, optional, required, wrong_type};
use crate::body;
use crate::driven_call::{DrivenCall, Driver, InputItem, Reply};
use crate::export::ExportedRecord;
use crate::generated::{DatasetRecord, SpanDatasetMappingContract};
use crate::json::{self, LazyJson};
use crate::json_object;
use crate::options::Seconds;
use crate::report::{CreateReport, ImportReport};
use crate::session::Session;
use crate::span_report::SpanImportReport;

/// Creates the call of `create_records`. `method` is its public name.
#[pyfunction]
#[pyo3(signature = (client, method, dataset_id, /, *, concurrency, strategy, continue_on_error, allow_unknown_keys, allow_empty, resume, length, options))]
#[allow(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub fn create_records(
    client: &Bound<'_, Session>,
    method: &str,
    dataset_id: &Bound<'_, PyAny>,
    concurrency: &Bound<'_, PyAny>,
    strategy: &Bound<'_, PyAny>,
    continue_on_error: bool,
    allow_unknown_keys: &Bound<'_, PyAny>,
    allow_empty: bool,
    resume: &Bound<'_, PyAny>,
    length: Option<usize>,
    options: &Bound<'_, PyDict>,
) -> PyResult<DrivenCall> {
    let session = client.get();
    let datasets = session.client_with(options, method)?.datasets();
    let dataset_id: Id = required(dataset_id, "dataset_id")?;
    let concurrency: i64 = required(concurrency, "concurrency")?;
    let strategy: Strategy = choice(strategy, "strategy")?;
    let allow_unknown_keys: bool = required(allow_unknown_keys, "allow_unknown_keys")?;
    let resume: Option<Py<CreateReport>> = optional(resume, "resume")?;
    Ok(DrivenCall::new(session, |driver| {
        let on_progress = driver.transfer_progress();
        let records = Records { length, items: input_stream(driver) };
        let mut call = datasets
            .create_records(dataset_id, records)
            .concurrency(number(concurrency))
            .strategy(strategy)
            .continue_on_error(continue_on_error)
            .allow_unknown_keys(allow_unknown_keys)
            .allow_empty(allow_empty)
            .on_progress(on_progress);
        if let Some(report) = resume {
            call = call.resume(report.get().report().clone());
        }
        call.into_future()
    }))
}

impl Argument for Py<CreateReport> {
    const EXPECTED: &'static str = "the CreateReport of an earlier call";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let report = value.cast::<CreateReport>().map_err(|_| wrong_type::<Self>(value))?;
        Ok(report.clone().unbind())
    }
}

/// Creates the call of `import_jsonl`, from a path, from bytes, or from input that Python provides. `method` is its public name.
#[pyfunction]
#[pyo3(signature = (client, method, dataset_id, /, *, path, content, lenient, allow_unknown_keys, compression, max_file_bytes, wait, wait_timeout, resume, options))]
#[allow(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub fn import_jsonl(
    client: &Bound<'_, Session>,
    method: &str,
    dataset_id: &Bound<'_, PyAny>,
    path: Option<PathBuf>,
    content: Option<PyBackedBytes>,
    lenient: &Bound<'_, PyAny>,
    allow_unknown_keys: &Bound<'_, PyAny>,
    compression: &Bound<'_, PyAny>,
    max_file_bytes: &Bound<'_, PyAny>,
    wait: &Bound<'_, PyAny>,
    wait_timeout: &Bound<'_, PyAny>,
    resume: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
) -> PyResult<DrivenCall> {
    let session = client.get();
    let datasets = session.client_with(options, method)?.datasets();
    let dataset_id: Id = required(dataset_id, "dataset_id")?;
    let lenient: bool = required(lenient, "lenient")?;
    let allow_unknown_keys: bool = required(allow_unknown_keys, "allow_unknown_keys")?;
    let compression: Compression = choice(compression, "compression")?;
    let max_file_bytes: Option<i64> = optional(max_file_bytes, "max_file_bytes")?;
    let wait: bool = required(wait, "wait")?;
    let wait_timeout: Option<Seconds> = optional(wait_timeout, "wait_timeout")?;
    let resume: Option<Py<ImportReport>> = optional(resume, "resume")?;
    Ok(DrivenCall::new(session, |driver| {
        let on_progress = driver.transfer_progress();
        let source = match (path, content) {
            (Some(path), _) => Jsonl::path(path),
            (None, Some(content)) => Jsonl::bytes(Bytes::from_owner(content)),
            (None, None) => Jsonl::stream(input_stream(driver).map(InputItem::into_bytes)),
        };
        let mut call = datasets
            .import_jsonl(dataset_id, source)
            .lenient(lenient)
            .allow_unknown_keys(allow_unknown_keys)
            .compression(compression)
            .wait(wait)
            .on_progress(on_progress);
        if let Some(bytes) = max_file_bytes {
            call = call.max_file_bytes(number(bytes));
        }
        if let Some(Seconds(timeout)) = wait_timeout {
            call = call.wait_timeout(timeout);
        }
        if let Some(report) = resume {
            call = call.resume(report.get().report().clone());
        }
        call.into_future()
    }))
}

/// Creates the call of `import_spans`. `method` is its public name.
#[pyfunction]
#[pyo3(signature = (client, method, dataset_id, /, *, mapping, wait_timeout, resume, options))]
#[allow(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub fn import_spans(
    client: &Bound<'_, Session>,
    method: &str,
    dataset_id: &Bound<'_, PyAny>,
    mapping: &Bound<'_, PyAny>,
    wait_timeout: &Bound<'_, PyAny>,
    resume: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
) -> PyResult<DrivenCall> {
    let session = client.get();
    let datasets = session.client_with(options, method)?.datasets();
    let dataset_id: Id = required(dataset_id, "dataset_id")?;
    let mapping =
        body::value::<Py<SpanDatasetMappingContract>>(mapping, "import_spans", "mapping")?;
    let wait_timeout: Option<Seconds> = optional(wait_timeout, "wait_timeout")?;
    let resume: Option<Py<SpanImportReport>> = optional(resume, "resume")?;
    Ok(DrivenCall::new(session, |driver| {
        let on_progress = driver.transfer_progress();
        let spans = input_stream(driver).map(InputItem::into_span);
        let mut call = datasets.import_spans(dataset_id, spans, mapping).on_progress(on_progress);
        if let Some(Seconds(timeout)) = wait_timeout {
            call = call.wait_timeout(timeout);
        }
        if let Some(report) = resume {
            call = call.resume(report.get().report().clone());
        }
        call.into_future()
    }))
}

/// Replies to a `read` event of `import_spans` with the trace and span ids of spans.
#[pyfunction]
#[pyo3(signature = (call, spans, /))]
pub fn provide_spans(call: &Bound<'_, DrivenCall>, spans: Vec<(String, String)>) {
    let items = spans
        .into_iter()
        .map(|(trace_id, span_id)| InputItem::Span(TelemetrySpanReference::new(trace_id, span_id)));
    call.get().reply(Reply::Items(items.collect()));
}

impl Argument for Py<SpanImportReport> {
    const EXPECTED: &'static str = "the SpanImportReport of an earlier call";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let report = value.cast::<SpanImportReport>().map_err(|_| wrong_type::<Self>(value))?;
        Ok(report.clone().unbind())
    }
}

impl Argument for Py<ImportReport> {
    const EXPECTED: &'static str = "the ImportReport of an earlier call";

    fn from_value(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let report = value.cast::<ImportReport>().map_err(|_| wrong_type::<Self>(value))?;
        Ok(report.clone().unbind())
    }
}

/// Streams the input that Python provides. If the input fails, the last item is [`InputItem::Failure`].
fn input_stream(driver: Driver) -> BoxStream<'static, InputItem> {
    let state = Some((driver, VecDeque::new()));
    stream::unfold(state, |state| async move {
        let (driver, mut buffered) = state?;
        if buffered.is_empty() {
            match driver.read().await {
                Reply::Items(items) => buffered.extend(items),
                Reply::Failed => return Some((InputItem::Failure, None)),
            }
        }
        let item = buffered.pop_front()?;
        Some((item, Some((driver, buffered))))
    })
    .fuse()
    .boxed()
}

/// A stream of records with a known or unknown length.
struct Records {
    length: Option<usize>,
    items: BoxStream<'static, InputItem>,
}

impl Stream for Records {
    type Item = Result<NewRecord, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_next_unpin(context).map(|item| item.map(InputItem::into_record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.length.unwrap_or(0), self.length)
    }
}

/// The error that stops the client if the input failed. Python raises the input's own exception instead.
fn input_failed() -> io::Error {
    io::Error::other("the input failed")
}

impl InputItem {
    fn into_bytes(self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Record(_) | Self::Span(_) | Self::Failure => Err(input_failed()),
        }
    }

    fn into_record(self) -> Result<NewRecord, Error> {
        match self {
            Self::Record(record) => record,
            Self::Bytes(_) | Self::Span(_) | Self::Failure => {
                Err::<NewRecord, _>(input_failed()).into_record()
            }
        }
    }

    fn into_span(self) -> Result<TelemetrySpanReference, Error> {
        match self {
            Self::Span(span) => Ok(span),
            other => match other.into_record() {
                Err(error) => Err(error),
                Ok(_) => unreachable!("the input of `import_spans` has no records"),
            },
        }
    }
}

/// Records that were read from an iterable. Each is serialized when it is added, because a generator may yield the same object
/// several times and modify it in between.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct RecordBatch {
    items: Mutex<Vec<InputItem>>,
}

#[pymethods]
impl RecordBatch {
    #[new]
    fn new() -> Self {
        Self { items: Mutex::default() }
    }

    /// Adds a record. A value that JSON cannot represent fails only this record.
    fn append(&self, record: &Bound<'_, PyAny>) -> PyResult<()> {
        let item = InputItem::Record(new_record(record)?);
        self.items.lock().unwrap_or_else(PoisonError::into_inner).push(item);
        Ok(())
    }
}

/// Replies to a `read` event of `create_records`.
#[pyfunction]
#[pyo3(signature = (call, batch, /))]
pub fn provide_records(call: &Bound<'_, DrivenCall>, batch: &Bound<'_, RecordBatch>) {
    let items =
        std::mem::take(&mut *batch.get().items.lock().unwrap_or_else(PoisonError::into_inner));
    call.get().reply(Reply::Items(items));
}

/// Replies to a `read` event of `import_jsonl`.
#[pyfunction]
#[pyo3(signature = (call, content, /))]
pub fn provide_bytes(call: &Bound<'_, DrivenCall>, content: PyBackedBytes) {
    let item = InputItem::Bytes(Bytes::from_owner(content));
    call.get().reply(Reply::Items(vec![item]));
}

/// Converts one of the accepted forms of a record.
fn new_record(item: &Bound<'_, PyAny>) -> PyResult<Result<NewRecord, Error>> {
    let py = item.py();
    if let Ok(record) = item.cast::<DatasetRecord>() {
        let DatasetRecord { payload, properties, .. } = record.get();
        return existing(py, payload, properties);
    }
    if let Ok(record) = item.cast::<ExportedRecord>() {
        let ExportedRecord { payload, properties, .. } = record.get();
        return existing(py, payload, properties);
    }
    if json_object::is_object(item)? {
        return from_parts(item, None);
    }
    if let Ok(pair) = item.cast::<PyTuple>()
        && let Ok((payload, properties)) = pair.extract()
    {
        return from_parts(&payload, Some(properties));
    }
    if let Ok(mapping) = item.cast::<PyMapping>() {
        return from_mapping(mapping);
    }
    // An object such as a dataclass or a pydantic model.
    let fields = match py.import("mistral_datasets._json")?.call_method1("convert", (item,)) {
        Ok(fields) => fields,
        // Fails with the path and the type of the value.
        Err(_) => item.clone(),
    };
    match fields.cast::<PyMapping>() {
        Ok(mapping) => from_mapping(mapping),
        Err(_) => from_parts(item, None),
    }
}

/// Converts a record that was received. Its JSON is kept verbatim unless it was modified.
fn existing(
    py: Python<'_>,
    payload: &LazyJson<types::ConversationPayload>,
    properties: &LazyJson<types::RecordProperties>,
) -> PyResult<Result<NewRecord, Error>> {
    let payload = valid(py, "payload", payload.to_raw(py))?;
    let properties = valid(py, "properties", properties.to_raw(py))?;
    Ok(payload.and_then(|payload| NewRecord::new(payload, properties?)))
}

/// Converts a mapping. As in JSONL, one with the key `payload` is a record, and any other is a payload beside which its properties
/// may be.
fn from_mapping(mapping: &Bound<'_, PyMapping>) -> PyResult<Result<NewRecord, Error>> {
    let properties = match mapping.contains("properties")? {
        true => Some(mapping.get_item("properties")?),
        false => None,
    };
    if mapping.contains("payload")? {
        let has_others = mapping.len()? > 1 + usize::from(properties.is_some());
        let record = from_parts(&mapping.get_item("payload")?, properties)?;
        if !has_others {
            return Ok(record);
        }
        let keys = mapping.keys()?.iter().map(|key| Ok(key.str()?.to_string()));
        let keys = keys.collect::<PyResult<Vec<String>>>()?;
        return Ok(record.map(|record| record.with_other_keys(keys)));
    }
    if properties.is_none() {
        return from_parts(mapping.as_any(), None);
    }
    let payload = PyDict::new(mapping.py());
    payload.update(mapping)?;
    payload.del_item("properties")?;
    from_parts(&payload, properties)
}

fn from_parts(
    payload: &Bound<'_, PyAny>,
    properties: Option<Bound<'_, PyAny>>,
) -> PyResult<Result<NewRecord, Error>> {
    let py = payload.py();
    let payload = valid(py, "payload", json_object::serialize(payload))?;
    Ok(match properties {
        Some(properties) => {
            let properties = valid(py, "properties", json_object::serialize(&properties))?;
            payload.and_then(|payload| NewRecord::new(payload, properties?))
        }
        None => payload.and_then(|payload| NewRecord::new(payload, serde_json::Map::new())),
    })
}

/// Converts the exception for a value that JSON cannot represent to an error of the record.
fn valid<T>(py: Python<'_>, name: &str, value: PyResult<T>) -> PyResult<Result<T, Error>> {
    match value {
        Ok(value) => Ok(Ok(value)),
        Err(error) => match json::encoding_problem(py, &error) {
            Some(problem) => Ok(Err(NewRecord::invalid(format!("{name}{problem}")))),
            None => Err(error),
        },
    }
}
