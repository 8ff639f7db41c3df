//! Bulk uploads: `create_records` and `import_jsonl`.
//!
//! Their input is read through a [`Driver`], so Python iterates over it in the caller's context.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use mistral_datasets::{Compression, Error, IntoRecord, Jsonl, NewRecord, RawJson, Strategy};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyList, PyMapping, PyTuple};
use serde::{Serialize, Serializer, ser};

use crate::arguments::{Id, choice, number};
use crate::driven_call::{DrivenCall, Driver, InputItem, Reply};
use crate::export::ExportedRecord;
use crate::fields::Field;
use crate::generated::DatasetRecord;
use crate::json;
use crate::json_object::{self, JsonObject};
use crate::model::Model;
use crate::options::Seconds;
use crate::report::{CreateReport, ImportReport};
use crate::session::Session;

/// Creates records from an iterable.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, /, *, concurrency, strategy, continue_on_error, allow_unknown_keys, allow_empty, resume, length))]
#[allow(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub fn create_records(
    client: &Bound<'_, Session>,
    dataset_id: Id,
    concurrency: i64,
    strategy: &str,
    continue_on_error: bool,
    allow_unknown_keys: bool,
    allow_empty: bool,
    resume: Option<&Bound<'_, CreateReport>>,
    length: Option<usize>,
) -> PyResult<DrivenCall> {
    let py = client.py();
    let session = client.get();
    let datasets = session.client(py)?.datasets();
    let strategy: Strategy = choice(py, strategy)?;
    let resume = resume.map(|report| report.get().report().clone());
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
            call = call.resume(report);
        }
        call.into_future()
    }))
}

/// Imports JSONL from a path, from bytes, or from input that Python provides.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, /, *, path, content, lenient, allow_unknown_keys, compression, max_file_bytes, wait, timeout, resume))]
#[allow(clippy::too_many_arguments, reason = "they are keyword arguments in Python")]
pub fn import_jsonl(
    client: &Bound<'_, Session>,
    dataset_id: Id,
    path: Option<PathBuf>,
    content: Option<PyBackedBytes>,
    lenient: bool,
    allow_unknown_keys: bool,
    compression: &str,
    max_file_bytes: Option<i64>,
    wait: bool,
    timeout: Option<Seconds>,
    resume: Option<&Bound<'_, ImportReport>>,
) -> PyResult<DrivenCall> {
    let py = client.py();
    let session = client.get();
    let datasets = session.client(py)?.datasets();
    let compression: Compression = choice(py, compression)?;
    let resume = resume.map(|report| report.get().report().clone());
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
        if let Some(Seconds(timeout)) = timeout {
            call = call.timeout(timeout);
        }
        if let Some(report) = resume {
            call = call.resume(report);
        }
        call.into_future()
    }))
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
    type Item = InputItem;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<InputItem>> {
        self.items.poll_next_unpin(context)
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
            Self::Record(_) | Self::Failure => Err(input_failed()),
        }
    }
}

impl IntoRecord for InputItem {
    fn into_record(self) -> Result<NewRecord, Error> {
        match self {
            Self::Record(record) => record,
            Self::Bytes(_) | Self::Failure => Err::<NewRecord, _>(input_failed()).into_record(),
        }
    }
}

/// Replies to a `read` event of `create_records`.
#[pyfunction]
#[pyo3(signature = (call, records, /))]
pub fn provide_records(call: &Bound<'_, DrivenCall>, records: &Bound<'_, PyList>) -> PyResult<()> {
    let items = records.iter().map(|item| Ok(InputItem::Record(new_record(&item)?)));
    call.get().reply(Reply::Items(items.collect::<PyResult<_>>()?));
    Ok(())
}

/// Replies to a `read` event of `import_jsonl`.
#[pyfunction]
#[pyo3(signature = (call, content, /))]
pub fn provide_bytes(call: &Bound<'_, DrivenCall>, content: PyBackedBytes) {
    let item = InputItem::Bytes(Bytes::from_owner(content));
    call.get().reply(Reply::Items(vec![item]));
}

/// Converts one of the accepted forms of a record. A value that is not JSON serializable fails only that record.
fn new_record(item: &Bound<'_, PyAny>) -> PyResult<Result<NewRecord, Error>> {
    let py = item.py();
    if let Ok(record) = item.cast::<DatasetRecord>() {
        let record = record.get().to_wire(py)?;
        return Ok(NewRecord::new(record.payload, record.properties));
    }
    if let Ok(record) = item.cast::<ExportedRecord>() {
        let record = record.get();
        return Ok(NewRecord::new(record.payload.to_wire(py)?, record.properties.to_wire(py)?));
    }
    if let Ok(pair) = item.cast::<PyTuple>()
        && let Ok((payload, properties)) = pair.extract()
    {
        return from_parts(payload, Some(properties));
    }
    // As in JSONL, a mapping with the key `payload` is a record and any other object is a payload.
    if JsonObject::downcast(item).is_none()
        && let Ok(mapping) = item.cast::<PyMapping>()
        && mapping.contains("payload")?
    {
        let has_properties = mapping.contains("properties")?;
        let properties = match has_properties {
            true => Some(mapping.get_item("properties")?).filter(|value| !value.is_none()),
            false => None,
        };
        let has_others = mapping.len()? > 1 + usize::from(has_properties);
        let record = from_parts(mapping.get_item("payload")?, properties)?;
        if !has_others {
            return Ok(record);
        }
        let keys = mapping.keys()?.iter().map(|key| Ok(key.str()?.to_string()));
        let keys = keys.collect::<PyResult<Vec<String>>>()?;
        return Ok(record.map(|record| record.with_other_keys(keys)));
    }
    from_parts(item.clone(), None)
}

fn from_parts(
    payload: Bound<'_, PyAny>,
    properties: Option<Bound<'_, PyAny>>,
) -> PyResult<Result<NewRecord, Error>> {
    let payload = Serialized::new(&payload)?;
    Ok(match properties {
        Some(properties) => NewRecord::new(payload, Serialized::new(&properties)?),
        None => NewRecord::new(payload, serde_json::Map::new()),
    })
}

/// A value as JSON, or the reason why it cannot be serialized.
enum Serialized {
    Json(RawJson),
    Invalid(String),
}

impl Serialized {
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        json_object::serialize(value).map(Self::Json).or_else(|error| {
            json::encoding_problem(value.py(), &error).map(Self::Invalid).ok_or(error)
        })
    }
}

impl Serialize for Serialized {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(json) => json.serialize(serializer),
            Self::Invalid(problem) => Err(ser::Error::custom(problem as &dyn Display)),
        }
    }
}
