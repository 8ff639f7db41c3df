//! Streaming uploads and downloads of files.

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use mistral_datasets::{Client, Download, Error, SingleRequest, Upload, UploadFile, types};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

use crate::arguments::Id;
use crate::awaitable;
use crate::call;
use crate::convert::{ConvertContext, IntoPython};
use crate::error;
use crate::interpreter;

/// The number of bytes to read from a Python file at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The `file` argument of an upload, in one of the forms that `mistral_datasets._upload` accepts.
pub struct FileArgument {
    name: String,
    content_type: Option<String>,
    content: ContentArgument,
}

enum ContentArgument {
    Bytes(Bytes),
    /// A file opened for reading in binary mode, and its remaining part if it is seekable.
    File(Py<PyAny>, Option<Rest>),
}

/// The part of a seekable file that is uploaded.
struct Rest {
    /// The position at which the file was when it was passed.
    start: u64,
    /// The number of bytes from there to the end.
    length: u64,
}

impl<'py> FromPyObject<'_, 'py> for FileArgument {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        static PARTS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let parts = PARTS.import(value.py(), "mistral_datasets._upload", "parts")?;
        let (name, file, content_type) =
            parts.call1((value,))?.extract::<(_, Bound<'_, PyAny>, _)>()?;
        Ok(Self { name, content_type, content: content(&file)? })
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
            "content: expected bytes or a file opened for reading in binary mode, found {found}"
        )));
    }
    Ok(ContentArgument::File(value.clone().unbind(), rest(value)?))
}

/// Returns the part of a file after its position, or `None` if it is not seekable, such as a pipe, or if it is not empty but at its
/// end: the client rejects content of unknown length that turns out to be empty.
fn rest(file: &Bound<'_, PyAny>) -> PyResult<Option<Rest>> {
    if !file.hasattr("seekable")? || !file.call_method0("seekable")?.is_truthy()? {
        return Ok(None);
    }
    let start: u64 = file.call_method0("tell")?.extract()?;
    let end: u64 = file.call_method1("seek", (0, 2))?.extract()?;
    file.call_method1("seek", (start,))?;
    let is_read = end > 0 && start >= end;
    Ok((!is_read).then(|| Rest { start, length: end.saturating_sub(start) }))
}

/// The exception that a Python file raised while it was read. It takes precedence over the error of the upload.
type ReadError = Arc<Mutex<Option<PyErr>>>;

/// A Python file that is uploaded.
struct SourceFile {
    file: Py<PyAny>,
    /// Held while the file is read, because an attempt that failed may still be reading it when the next one starts.
    reading: Mutex<()>,
}

/// Reads a Python file.
struct FileReader {
    source: Arc<SourceFile>,
    /// The position of the next read, if the file is seekable. It is restored before every read.
    position: Option<u64>,
}

impl FileReader {
    /// Reads a chunk. Blocks until the chunk is there; attaches to the interpreter only for that time. Returns `None` if the
    /// interpreter is shutting down.
    fn read(&mut self) -> Option<PyResult<Bytes>> {
        let _reading = self.source.reading.lock().unwrap_or_else(PoisonError::into_inner);
        interpreter::attach(|py| {
            let file = self.source.file.bind(py);
            if let Some(position) = self.position
                && file.call_method0("tell")?.extract::<u64>()? != position
            {
                file.call_method1("seek", (position,))?;
            }
            let chunk = read_chunk(file)?;
            self.position = self.position.map(|position| position + chunk.len() as u64);
            Ok(chunk)
        })
    }
}

/// Streams a Python file. Each chunk is read on a blocking thread.
fn chunks(
    reader: FileReader,
    read_error: ReadError,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::unfold(Some((reader, read_error)), |state| async move {
        let (mut reader, read_error) = state?;
        let read = tokio::task::spawn_blocking(move || (reader.read(), reader, read_error));
        let (chunk, reader, read_error) = match read.await {
            Ok(read) => read,
            Err(failure) => return Some((Err(io::Error::other(failure)), None)),
        };
        match chunk {
            None => Some((Err(io::Error::other("the interpreter is shutting down")), None)),
            Some(Ok(chunk)) if chunk.is_empty() => None,
            Some(Ok(chunk)) => Some((Ok(chunk), Some((reader, read_error)))),
            Some(Err(error)) => {
                *read_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some((Err(io::Error::other("the file cannot be read")), None))
            }
        }
    })
}

fn read_chunk(file: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    let chunk = file.call_method1("read", (CHUNK_BYTES,))?;
    if chunk.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("content: the file must be opened in binary mode"));
    }
    Ok(Bytes::from_owner(chunk.extract::<PyBackedBytes>()?))
}

/// Returns the call that uploads a file.
pub fn upload_file(
    client: Client,
    file: FileArgument,
    purpose: Option<String>,
    expiry: Option<i64>,
    visibility: Option<String>,
) -> UploadCall {
    let read_error = ReadError::default();
    let upload = match file.content {
        ContentArgument::Bytes(bytes) => Upload::bytes(file.name, bytes),
        ContentArgument::File(content, rest) => {
            let source = Arc::new(SourceFile { file: content, reading: Mutex::new(()) });
            let read_error = read_error.clone();
            let open = move |position| {
                let reader = FileReader { source: source.clone(), position };
                chunks(reader, read_error.clone())
            };
            match rest {
                Some(Rest { start, length }) => {
                    Upload::reopenable(file.name, length, move || open(Some(start)))
                }
                None => Upload::stream(file.name, open(None), None),
            }
        }
    };
    let upload = upload
        .content_type(file.content_type)
        .purpose(purpose)
        .expiry(expiry)
        .visibility(visibility);
    UploadCall { call: client.files().upload(upload), read_error }
}

/// An upload whose error may be an exception that Python raised.
pub struct UploadCall {
    call: UploadFile,
    read_error: ReadError,
}

impl IntoFuture for UploadCall {
    type Output = Result<UploadOutput, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let result = self.call.await;
            Ok(UploadOutput { result, read_error: self.read_error })
        })
    }
}

impl SingleRequest for UploadCall {}

/// The output of an upload.
pub struct UploadOutput {
    result: Result<types::File, Error>,
    read_error: ReadError,
}

impl IntoPython for UploadOutput {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        match self.read_error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) if self.result.is_err() => Err(error),
            _ => self.result.into_python(context),
        }
    }
}

/// Downloads an uploaded file.
pub async fn download_file(client: Client, file_id: Id) -> Result<Download, Error> {
    client.files().download(file_id).await
}

/// Opens a presigned URL.
pub async fn open_link(client: Client, url: String) -> Result<Download, Error> {
    client.open_link(&url).await
}

impl IntoPython for Download {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        static DOWNLOAD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let content = Content {
            process: process::id(),
            length: self.length(),
            stream: Arc::new(tokio::sync::Mutex::new(Some(self.into_stream().boxed()))),
        };
        let download = DOWNLOAD.import(context.py, "mistral_datasets._download", "Download")?;
        Ok(download.call1((content,))?.unbind())
    }
}

type ChunkStream = BoxStream<'static, Result<Bytes, Error>>;

/// The body of a download. `mistral_datasets._download` wraps it.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Content {
    process: u32,
    length: Option<u64>,
    /// `None` once it is closed.
    stream: Arc<tokio::sync::Mutex<Option<ChunkStream>>>,
}

impl Content {
    fn next(
        &self,
        py: Python<'_>,
    ) -> PyResult<impl Future<Output = Result<Chunk, Error>> + Send + use<>> {
        if self.process != process::id() {
            // The worker threads that receive the body exist only in the parent.
            return Err(error::configuration(py, "a download cannot be read after a fork"));
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
    /// Total number of bytes, if the server sends it.
    #[getter]
    fn length(&self) -> Option<u64> {
        self.length
    }

    /// Returns the next chunk, or `None` at the end.
    fn read(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        call::block(py, self.next(py)?)
    }

    /// Returns an awaitable of the next chunk, or of `None` at the end.
    fn read_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        awaitable::coroutine(py, "Content.read_async", self.next(py)?)
    }

    /// Stops the download, unless a read is in progress.
    fn close(&self) {
        if let Ok(mut stream) = self.stream.try_lock() {
            *stream = None;
        }
    }
}

struct Chunk(Option<Bytes>);

impl IntoPython for Chunk {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        self.0.map(|bytes| PyBytes::new(context.py, &bytes)).into_py_any(context.py)
    }
}
