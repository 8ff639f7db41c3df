//! Exports of whole datasets: to a file, to a Python writer, or as a sequence of records.

use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::{self, TryStreamExt};
use mistral_datasets::{Compression, Error, ExportReport, RawJson, types};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyMappingProxy};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::arguments::{Id, choice, required};
use crate::convert::{ConvertContext, IntoPython};
use crate::driven_call::{DrivenCall, Driver, Reply};
use crate::fields::{ExtraFields, Field};
use crate::generated::ConversationPayload;
use crate::json::LazyJson;
use crate::pager::{self, Batch, BatchSource};
use crate::session::Session;

/// The maximum size of a chunk that Python writes.
const CHUNK_BYTES: usize = 256 << 10;

/// The maximum number of records that are converted at once.
const BATCH_RECORDS: usize = 200;

/// Creates the call of `export`, to a path or to a writer in Python. `method` is its public name.
#[pyfunction]
#[pyo3(signature = (client, method, dataset_id, /, *, path, compression, options))]
pub fn export(
    client: &Bound<'_, Session>,
    method: &str,
    dataset_id: &Bound<'_, PyAny>,
    path: Option<PathBuf>,
    compression: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
) -> PyResult<DrivenCall> {
    let session = client.get();
    let datasets = session.client_with(options, method)?.datasets();
    let dataset_id: Id = required(dataset_id, "dataset_id")?;
    let compression: Compression = choice(compression, "compression")?;
    Ok(DrivenCall::new(session, |driver| {
        let export = datasets
            .export(dataset_id)
            .compression(compression)
            .on_progress(driver.transfer_progress());
        async move {
            match path {
                Some(path) => export.to_path(path).await,
                None => write_to_python(export, driver).await,
            }
        }
    }))
}

async fn write_to_python(
    export: mistral_datasets::Export,
    driver: Driver,
) -> Result<ExportReport, Error> {
    let (writer, reader) = tokio::io::duplex(CHUNK_BYTES);
    let forward = async {
        let mut chunks = ReaderStream::with_capacity(reader, CHUNK_BYTES);
        // Reading from an in-memory pipe does not fail.
        while let Some(Ok(chunk)) = chunks.next().await {
            if matches!(driver.write(chunk).await, Reply::Failed) {
                return;
            }
        }
    };
    let (report, ()) = futures::join!(export.to_writer(writer), forward);
    report
}

impl IntoPython for ExportReport {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let class = CLASS.import(context.py, "mistral_datasets._reports", "ExportReport")?;
        Ok(class.call1((self.records, self.bytes, self.path))?.unbind())
    }
}

/// Creates the source of the records of an export.
#[pyfunction]
#[pyo3(signature = (client, dataset_id, payload_type, options, /))]
pub fn export_records(
    client: &Bound<'_, Session>,
    dataset_id: &Bound<'_, PyAny>,
    payload_type: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
) -> PyResult<BatchSource> {
    let session = client.get().with_keywords(options, "datasets.export_records")?;
    let dataset_id: Id = required(dataset_id, "dataset_id")?;
    let convert = pager::payload_converter(payload_type)?;
    let start = move |client: mistral_datasets::Client| {
        let records = client.datasets().export(dataset_id.clone()).records();
        let batches = records.try_ready_chunks(BATCH_RECORDS).flat_map(|chunk| {
            let (records, error) = match chunk {
                Ok(records) => (records, None),
                Err(stream::TryReadyChunksError(records, error)) => (records, Some(Err(error))),
            };
            // An empty batch would end the iteration.
            let batch = (!records.is_empty()).then(|| Ok(Batch::new(0, None, records)));
            stream::iter(batch.into_iter().chain(error))
        });
        batches.boxed()
    };
    Ok(BatchSource::new(session, start, convert))
}

/// A record of an export.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct ExportedRecord {
    /// The conversation.
    pub payload: Py<ConversationPayload>,
    /// The properties of the record.
    pub properties: LazyJson<types::RecordProperties>,
    id: Option<Uuid>,
    source: Option<String>,
    extra: ExtraFields,
}

impl IntoPython for mistral_datasets::ExportedRecord {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let record = ExportedRecord {
            payload: Field::from_wire(context, self.payload)?,
            properties: LazyJson::received(RawJson::from(self.properties)),
            id: self.id,
            source: self.source.map(|source| source.as_str().to_owned()),
            extra: ExtraFields::from_wire(self.extra),
        };
        Ok(Py::new(context.py, record)?.into_any())
    }
}

#[pymethods]
impl ExportedRecord {
    /// The conversation.
    #[getter]
    fn payload(&self, py: Python<'_>) -> Py<ConversationPayload> {
        self.payload.clone_ref(py)
    }

    /// Properties of the record.
    #[getter]
    fn properties<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.properties.to_python(py)
    }

    /// ID of the record, if the export includes it.
    #[getter]
    fn id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.id.to_python(py)
    }

    /// Source of the record, if the export includes it.
    #[getter]
    fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Other keys of the JSONL line, such as timestamps.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyMappingProxy>> {
        self.extra.view(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let payload = self.payload.bind(py).repr()?;
        Ok(format!(
            "ExportedRecord(payload={payload}, properties={}, id={})",
            self.properties.repr(py)?,
            self.id.repr(py)?
        ))
    }
}
