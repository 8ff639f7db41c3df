//! Exports of whole datasets: to a file, to a Python writer, or as a sequence of records.

use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::{self, TryStreamExt};
use mistral_datasets::{Compression, Error, ExportReport, Extra, RawJson, types};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyMappingProxy, PyTuple, PyType};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use crate::arguments::{Id, choice, required};
use crate::convert::{self, ConvertContext, IntoPython};
use crate::driven_call::{DrivenCall, Driver, Reply};
use crate::fields::{ExtraFields, Field};
use crate::generated::DatasetRecord;
use crate::json::{self, LazyJson};
use crate::model::{self, Model, model};
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

/// The fields of an exported record, for conversion from JSON.
///
/// The client's type has no JSON form of its own, because it is only read from exports.
pub struct ExportedFields {
    payload: types::ConversationPayload,
    properties: types::RecordProperties,
    id: Option<Uuid>,
    source: Option<types::RecordSource>,
    extra: Extra,
}

impl<'de> Deserialize<'de> for ExportedFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A derived implementation with `flatten` would buffer values, which loses raw JSON.
        let mut extra = Extra::deserialize(deserializer)?;
        let payload = extra.remove("payload").ok_or_else(|| D::Error::missing_field("payload"))?;
        let properties = match extra.remove("properties") {
            Some(properties) => properties,
            None => RawJson::from_value(&Extra::new()).map_err(D::Error::custom)?,
        };
        let id = extra.remove("id").map(|id| id.parse::<Option<Uuid>>());
        let source =
            extra.remove("source").map(|source| source.parse::<Option<types::RecordSource>>());
        Ok(Self {
            payload: payload.into(),
            properties: properties.into(),
            id: id.transpose().map_err(D::Error::custom)?.flatten(),
            source: source.transpose().map_err(D::Error::custom)?.flatten(),
            extra,
        })
    }
}

model! {
    /// A record of an export.
    pub struct ExportedRecord: ExportedFields, "mistral_datasets.types" {
        /// The conversation.
        payload: LazyJson<types::ConversationPayload> = payload "payload" null,
        /// Properties of the record.
        properties: LazyJson<types::RecordProperties> = properties "properties" null,
        /// ID of the record, if the export includes it.
        id: Option<Uuid> = id "id" null,
        /// Source of the record, if the export includes it.
        source: Option<types::RecordSource> = source "source" null,
    }
    new(*, payload, properties=None, id=None, source=None)
}

impl IntoPython for mistral_datasets::ExportedRecord {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let Self { payload, properties, id, source, extra, .. } = self;
        ExportedFields { payload, properties, id, source, extra }.into_python(context)
    }
}

/// Returns the payload of a record as JSON, without parsing it. For typed payloads.
#[pyfunction]
#[pyo3(signature = (record, /))]
pub fn payload_json(record: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = record.py();
    let raw = match record.cast::<DatasetRecord>() {
        Ok(record) => record.get().payload.to_raw(py)?,
        Err(_) => record.cast::<ExportedRecord>()?.get().payload.to_raw(py)?,
    };
    Ok(raw.get().to_owned())
}
