//! Whole datasets out: to files and whatever else Python can write to, and record by record.

use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::{self, TryStreamExt};
use mistral_datasets::{Compression, Error, ExportReport, RawJson, types};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyMappingProxy;
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::argument::Id;
use crate::bulk::named;
use crate::exchange::{Exchange, Given, Link};
use crate::generated::ConversationPayload;
use crate::json::Json;
use crate::member::{Extra, Member};
use crate::model::Source;
use crate::pager::{self, Batch, Path};
use crate::runtime::Response;
use crate::session::Session;

/// How much Python is given to write at a time.
const PIECE: usize = 256 << 10;

/// How many records Python is given at a time, at most.
const RECORDS: usize = 200;

/// Exports a dataset to a file on the disk, or into what Python writes to.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, /, *, path, compression))]
pub fn export(
    client: &Bound<'_, Session>,
    dataset_id: Id,
    path: Option<PathBuf>,
    compression: &str,
) -> PyResult<Exchange> {
    let session = client.get();
    let datasets = session.client(client.py())?.datasets();
    let compression: Compression = named(client.py(), compression)?;
    Ok(Exchange::new(session, |link| {
        let export =
            datasets.export(dataset_id).compression(compression).on_progress(link.progress());
        async move {
            match path {
                Some(path) => export.to_path(path).await,
                None => into_python(export, link).await,
            }
        }
    }))
}

async fn into_python(export: mistral_datasets::Export, link: Link) -> Result<ExportReport, Error> {
    let (writer, reader) = tokio::io::duplex(PIECE);
    let writing = async {
        let mut pieces = ReaderStream::with_capacity(reader, PIECE);
        // Reading from the other end of a pipe in memory does not fail.
        while let Some(Ok(piece)) = pieces.next().await {
            if matches!(link.hand_over(piece).await, Given::Failed) {
                return;
            }
        }
    };
    let (report, ()) = futures::join!(export.to_writer(writer), writing);
    report
}

impl Response for ExportReport {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(source.py, "mistral_datasets._reports", "ExportReport")?;
        Ok(class.call1((self.records, self.bytes, self.path))?.unbind())
    }
}

/// The records of an export, one after the other.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, payload_type, /))]
pub fn export_records(
    client: &Bound<'_, Session>,
    dataset_id: Id,
    payload_type: Option<Bound<'_, PyAny>>,
) -> PyResult<Path> {
    let convert = pager::converter(client.py(), payload_type)?;
    let begin = move |client: mistral_datasets::Client| {
        let records = client.datasets().export(dataset_id.clone()).records();
        let batches = records.try_ready_chunks(RECORDS).flat_map(|chunk| {
            let (records, error) = match chunk {
                Ok(records) => (records, None),
                Err(stream::TryReadyChunksError(records, error)) => (records, Some(Err(error))),
            };
            // A batch of nothing would be the end.
            let batch = (!records.is_empty()).then(|| Ok(Batch::new(0, None, records)));
            stream::iter(batch.into_iter().chain(error))
        });
        batches.boxed()
    };
    Ok(Path::new(client.get().clone(), begin, convert))
}

/// A record of an export.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct ExportedRecord {
    /// The conversation.
    pub payload: Py<ConversationPayload>,
    /// What is said about it.
    pub properties: Json<types::RecordProperties>,
    id: Option<Uuid>,
    source: Option<String>,
    extra: Extra,
}

impl Response for mistral_datasets::ExportedRecord {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let record = ExportedRecord {
            payload: Member::receive(source, self.payload)?,
            properties: Json::received(RawJson::from(self.properties)),
            id: self.id,
            source: self.source.map(|source| source.as_str().to_owned()),
            extra: Extra::receive(self.extra),
        };
        Ok(Py::new(source.py, record)?.into_any())
    }
}

#[pymethods]
impl ExportedRecord {
    /// The conversation.
    #[getter]
    fn payload(&self, py: Python<'_>) -> Py<ConversationPayload> {
        self.payload.clone_ref(py)
    }

    /// What is said about the conversation.
    #[getter]
    fn properties<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.properties.object(py)
    }

    /// The record's id, where the export says it.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.id.object(py)
    }

    /// Where the record came from, where the export says it.
    #[getter]
    fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The other members of the line, such as the times of the record, by name.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
        self.extra.view(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let payload = self.payload.bind(py).repr()?;
        Ok(format!(
            "ExportedRecord(payload={payload}, properties={}, id={})",
            self.properties.show(py)?,
            self.id.show(py)?
        ))
    }
}
