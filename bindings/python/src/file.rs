//! Files on their way in and out, which are streamed and therefore written by hand.

use std::future::Future;
use std::io;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use mistral_datasets::{Client, Download, Error, Upload, types};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

use crate::argument::Id;
use crate::error;
use crate::model::Source;
use crate::runtime::{self, Response};

/// How much is read from a Python file at a time.
const CHUNK: usize = 64 * 1024;

/// The `file` of an upload: a mapping with `file_name`, `content` and perhaps `content_type`.
pub struct FileArgument {
    name: String,
    content_type: Option<String>,
    content: ContentArgument,
}

enum ContentArgument {
    Bytes(Bytes),
    /// A file opened for reading in binary, and how much is left in it where it can tell.
    File(Py<PyAny>, Option<u64>),
}

impl<'py> FromPyObject<'_, 'py> for FileArgument {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let member = |name: &str| {
            value.get_item(name).map_err(|_| {
                PyTypeError::new_err("expected a mapping with `file_name` and `content`")
            })
        };
        let content_type = match value.get_item("content_type") {
            Ok(text) => text.extract()?,
            Err(_) => None,
        };
        Ok(Self {
            name: member("file_name")?.extract()?,
            content_type,
            content: content(&member("content")?)?,
        })
    }
}

fn content(value: &Bound<'_, PyAny>) -> PyResult<ContentArgument> {
    if value.is_instance_of::<PyBytes>() || value.is_instance_of::<PyByteArray>() {
        let bytes: PyBackedBytes = value.extract()?;
        return Ok(ContentArgument::Bytes(Bytes::from_owner(bytes)));
    }
    if value.is_instance_of::<PyMemoryView>() {
        let bytes: PyBackedBytes = value.call_method0("tobytes")?.extract()?;
        return Ok(ContentArgument::Bytes(Bytes::from_owner(bytes)));
    }
    if !value.hasattr("read")? {
        let found = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "content: expected bytes or a file opened for reading in binary, found {found}"
        )));
    }
    Ok(ContentArgument::File(value.clone().unbind(), remaining(value)?))
}

/// How many bytes are left in a file, where it can be asked: a pipe, for one, cannot.
fn remaining(file: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if !file.hasattr("seekable")? || !file.call_method0("seekable")?.is_truthy()? {
        return Ok(None);
    }
    let here: u64 = file.call_method0("tell")?.extract()?;
    let end: u64 = file.call_method1("seek", (0, 2))?.extract()?;
    file.call_method1("seek", (here,))?;
    Ok(Some(end.saturating_sub(here)))
}

/// The exception that a Python file raised while it was being read, which the upload that broke off is then about.
type Raised = Arc<Mutex<Option<PyErr>>>;

/// The pieces of a Python file. Each is read on a thread of its own kind, attached to the interpreter for that long only.
fn chunks(
    file: Py<PyAny>,
    raised: Raised,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(Some((file, raised)), |state| async move {
        let (file, raised) = state?;
        let read = tokio::task::spawn_blocking(move || {
            let chunk = runtime::attach(|py| read(file.bind(py)));
            (chunk, file, raised)
        });
        let (chunk, file, raised) = match read.await {
            Ok(read) => read,
            Err(failure) => return Some((Err(io::Error::other(failure)), None)),
        };
        match chunk {
            None => Some((Err(io::Error::other("the interpreter is shutting down")), None)),
            Some(Ok(chunk)) if chunk.is_empty() => None,
            Some(Ok(chunk)) => Some((Ok(chunk), Some((file, raised)))),
            Some(Err(error)) => {
                *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some((Err(io::Error::other("the file cannot be read")), None))
            }
        }
    })
}

fn read(file: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let chunk = file.call_method1("read", (CHUNK,))?;
    if chunk.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("content: the file must be opened in binary mode"));
    }
    Ok(Bytes::from_owner(chunk.extract::<PyBackedBytes>()?))
}

/// Uploads a file.
pub async fn upload_file(
    client: Client,
    file: FileArgument,
    purpose: Option<String>,
    expiry: Option<i64>,
    visibility: Option<String>,
) -> Result<Uploaded, Error> {
    let raised = Raised::default();
    let upload = match file.content {
        ContentArgument::Bytes(bytes) => Upload::bytes(file.name, bytes),
        ContentArgument::File(content, length) => {
            Upload::stream(file.name, chunks(content, raised.clone()), length)
        }
    };
    let upload = upload
        .content_type(file.content_type)
        .purpose(purpose)
        .expiry(expiry)
        .visibility(visibility);
    let file = client.files().upload(upload).await;
    Ok(Uploaded { file, raised })
}

/// What came of an upload.
pub struct Uploaded {
    file: Result<types::File, Error>,
    raised: Raised,
}

impl Response for Uploaded {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (raised, self.file) {
            (Some(raised), _) => Err(raised),
            (None, Ok(file)) => file.into_object(source),
            (None, Err(error)) => Err(error::exception(source.py, source.session, &error)),
        }
    }
}

/// Downloads the bytes of an uploaded file.
pub async fn download_file(client: Client, file_id: Id) -> Result<Download, Error> {
    client.files().download(file_id).await
}

/// Opens a presigned link.
pub async fn open_link(client: Client, url: String) -> Result<Download, Error> {
    client.open_link(&url).await
}

impl Response for Download {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        static DOWNLOAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let content = Content {
            process: process::id(),
            length: self.length(),
            stream: Arc::new(tokio::sync::Mutex::new(Some(self.into_stream().boxed()))),
        };
        let download = DOWNLOAD.import(source.py, "mistral_datasets._download", "Download")?;
        Ok(download.call1((content,))?.unbind())
    }
}

/// The pieces of a download.
type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// The bytes of a download on their way, which `mistral_datasets._download` hands out.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Content {
    process: u32,
    length: Option<u64>,
    stream: Arc<tokio::sync::Mutex<Option<Pieces>>>,
}

impl Content {
    fn next(
        &self,
        py: Python<'_>,
    ) -> PyResult<impl Future<Output = Result<Chunk, Error>> + Send + use<>> {
        if self.process != process::id() {
            // Whoever reads it in the child waits for threads that only the parent has.
            return Err(error::misconfigured(py, "a download does not outlive a fork"));
        }
        let stream = self.stream.clone();
        Ok(async move {
            match &mut *stream.lock().await {
                Some(stream) => Ok(Chunk(stream.next().await.transpose()?)),
                None => Ok(Chunk(None)),
            }
        })
    }
}

#[pymethods]
impl Content {
    /// How many bytes come in all, where the server says it.
    #[getter]
    fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece, or `None` at the end.
    fn read(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        runtime::wait(py, self.next(py)?)
    }

    /// The next piece, or `None` at the end, as an awaitable.
    fn read_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::coroutine(py, "Content.read_async", self.next(py)?)
    }

    /// Breaks the download off, once nobody is reading from it.
    fn close(&self) {
        if let Ok(mut stream) = self.stream.try_lock() {
            *stream = None;
        }
    }
}

struct Chunk(Option<Bytes>);

impl Response for Chunk {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        self.0.map(|bytes| PyBytes::new(source.py, &bytes)).into_py_any(source.py)
    }
}
