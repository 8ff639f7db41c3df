//! Many records at once, in: creating them from whatever Python iterates over, and importing JSONL.
//!
//! What the source holds is asked for through a [`Link`], so that it is Python that iterates, where it called.

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

use crate::argument::Id;
use crate::error;
use crate::exchange::{Exchange, Given, Link, Piece};
use crate::export::ExportedRecord;
use crate::free_object::FreeObject;
use crate::generated::DatasetRecord;
use crate::json;
use crate::member::Member;
use crate::model::Model;
use crate::options::Seconds;
use crate::report::{CreateReport, ImportReport};
use crate::session::Session;

/// An argument that names one of a few things.
pub fn named<T: std::str::FromStr<Err = Error>>(py: Python<'_>, name: &str) -> PyResult<T> {
    name.parse().map_err(|error| error::exception(py, None, &error))
}

/// A number of things that the client refuses when there is none.
fn number(given: i64) -> usize {
    given.try_into().unwrap_or(0)
}

/// Creates records that Python hands over.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, /, *, concurrency, strategy, continue_on_error, resume, length))]
pub fn create_records(
    client: &Bound<'_, Session>,
    dataset_id: Id,
    concurrency: i64,
    strategy: &str,
    continue_on_error: bool,
    resume: Option<&Bound<'_, CreateReport>>,
    length: Option<usize>,
) -> PyResult<Exchange> {
    let py = client.py();
    let session = client.get();
    let datasets = session.client(py)?.datasets();
    let strategy: Strategy = named(py, strategy)?;
    let resume = resume.map(|report| report.get().report().clone());
    Ok(Exchange::new(session, |link| {
        let on_progress = link.progress();
        let records = Records { length, pieces: pieces(link) };
        let mut call = datasets
            .create_records(dataset_id, records)
            .concurrency(number(concurrency))
            .strategy(strategy)
            .continue_on_error(continue_on_error)
            .on_progress(on_progress);
        if let Some(report) = resume {
            call = call.resume(report);
        }
        call.into_future()
    }))
}

/// Imports JSONL from a file on the disk, from bytes, or from what Python hands over.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, /, *, path, content, lenient, compression, max_file_bytes, wait, timeout, resume))]
#[allow(clippy::too_many_arguments, reason = "Python gives them by their names")]
pub fn import_jsonl(
    client: &Bound<'_, Session>,
    dataset_id: Id,
    path: Option<PathBuf>,
    content: Option<PyBackedBytes>,
    lenient: bool,
    compression: &str,
    max_file_bytes: Option<i64>,
    wait: bool,
    timeout: Option<Seconds>,
    resume: Option<&Bound<'_, ImportReport>>,
) -> PyResult<Exchange> {
    let py = client.py();
    let session = client.get();
    let datasets = session.client(py)?.datasets();
    let compression: Compression = named(py, compression)?;
    let resume = resume.map(|report| report.get().report().clone());
    Ok(Exchange::new(session, |link| {
        let on_progress = link.progress();
        let source = match (path, content) {
            (Some(path), _) => Jsonl::path(path),
            (None, Some(content)) => Jsonl::bytes(Bytes::from_owner(content)),
            (None, None) => Jsonl::stream(pieces(link).map(Piece::into_bytes)),
        };
        let mut call = datasets
            .import_jsonl(dataset_id, source)
            .lenient(lenient)
            .compression(compression)
            .wait(wait)
            .on_progress(on_progress);
        if let Some(bytes) = max_file_bytes {
            call = call.max_file_bytes(bytes.try_into().unwrap_or(0));
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

/// What Python hands over, piece by piece, and in the end perhaps that its source failed.
fn pieces(link: Link) -> BoxStream<'static, Piece> {
    let state = Some((link, VecDeque::new()));
    stream::unfold(state, |state| async move {
        let (link, mut ready) = state?;
        if ready.is_empty() {
            match link.more().await {
                Given::Pieces(pieces) => ready.extend(pieces),
                Given::Failed => return Some((Piece::Failure, None)),
            }
        }
        let piece = ready.pop_front()?;
        Some((piece, Some((link, ready))))
    })
    .fuse()
    .boxed()
}

/// The records of a source that may know how many they are.
struct Records {
    length: Option<usize>,
    pieces: BoxStream<'static, Piece>,
}

impl Stream for Records {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.pieces.poll_next_unpin(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.length.unwrap_or(0), self.length)
    }
}

/// What the client is told when the source failed. What it raised is with Python, which raises it in the end.
fn source_failed() -> io::Error {
    io::Error::other("the source failed")
}

impl Piece {
    fn into_bytes(self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Record(_) | Self::Failure => Err(source_failed()),
        }
    }
}

impl IntoRecord for Piece {
    fn into_record(self) -> Result<NewRecord, Error> {
        match self {
            Self::Record(record) => record,
            Self::Bytes(_) | Self::Failure => Err::<NewRecord, _>(source_failed()).into_record(),
        }
    }
}

/// Answers a call that asked for records.
#[pyfunction]
#[pyo3(signature = (exchange, records, /))]
pub fn give_records(exchange: &Bound<'_, Exchange>, records: &Bound<'_, PyList>) -> PyResult<()> {
    let pieces = records.iter().map(|item| Ok(Piece::Record(record(&item)?)));
    exchange.get().answer(Given::Pieces(pieces.collect::<PyResult<_>>()?));
    Ok(())
}

/// Answers a call that asked for the bytes of a file.
#[pyfunction]
#[pyo3(signature = (exchange, content, /))]
pub fn give_bytes(exchange: &Bound<'_, Exchange>, content: PyBackedBytes) {
    let piece = Piece::Bytes(Bytes::from_owner(content));
    exchange.get().answer(Given::Pieces(vec![piece]));
}

/// Makes a record of what a program gives as one. What has no JSON form is a failure of that record alone.
fn record(item: &Bound<'_, PyAny>) -> PyResult<Result<NewRecord, Error>> {
    let py = item.py();
    if let Ok(record) = item.cast::<DatasetRecord>() {
        let record = record.get().wire(py)?;
        return Ok(NewRecord::new(record.payload, record.properties));
    }
    if let Ok(record) = item.cast::<ExportedRecord>() {
        let record = record.get();
        return Ok(NewRecord::new(record.payload.wire(py)?, record.properties.wire(py)?));
    }
    if let Ok(pair) = item.cast::<PyTuple>()
        && let Ok((payload, properties)) = pair.extract()
    {
        return of(payload, Some(properties));
    }
    // A mapping with a payload is a record, any other object a payload, as with the lines of a file.
    if FreeObject::of(item).is_none()
        && let Ok(members) = item.cast::<PyMapping>()
        && members.contains("payload")?
    {
        let properties = match members.contains("properties")? {
            true => Some(members.get_item("properties")?).filter(|given| !given.is_none()),
            false => None,
        };
        return of(members.get_item("payload")?, properties);
    }
    of(item.clone(), None)
}

fn of(
    payload: Bound<'_, PyAny>,
    properties: Option<Bound<'_, PyAny>>,
) -> PyResult<Result<NewRecord, Error>> {
    let payload = Text::of(&payload)?;
    Ok(match properties {
        Some(properties) => NewRecord::new(payload, Text::of(&properties)?),
        None => NewRecord::new(payload, serde_json::Map::new()),
    })
}

/// A value as JSON text, or why it has none.
enum Text {
    Json(RawJson),
    Unfit(String),
}

impl Text {
    fn of(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        json::text(value)
            .map(Self::Json)
            .or_else(|error| json::unfit(value.py(), &error).map(Self::Unfit).ok_or(error))
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(text) => text.serialize(serializer),
            Self::Unfit(problem) => Err(ser::Error::custom(problem as &dyn Display)),
        }
    }
}
