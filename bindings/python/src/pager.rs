//! Iterators over items that arrive in batches: pagers over listings, and the records of an export.
//!
//! A batch is converted to Python objects at once and buffered, so an iterator only waits between batches.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, StreamExt};
use mistral_datasets::{Client, Error, FeedPager, Page, Pager as ClientPager};
use pyo3::exceptions::{PyStopAsyncIteration, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyInt, PyList, PyNotImplemented};

use crate::arguments::{number, optional};
use crate::awaitable;
use crate::call;
use crate::convert::{ConvertContext, IntoPython};
use crate::error;
use crate::raw_response;
use crate::report;
use crate::runtime;
use crate::session::Session;

/// Items that arrive together.
pub struct Batch {
    /// The page number, from 1.
    number: u64,
    /// The total number of items, if known.
    total: Option<u64>,
    /// The cursor of the next batch, if it has one.
    next_cursor: Option<String>,
    items: ConvertItems,
}

/// Converts the items of a batch to Python objects.
type ConvertItems = Box<dyn FnOnce(ConvertContext<'_, '_>) -> PyResult<Vec<Py<PyAny>>> + Send>;

impl Batch {
    /// Creates a batch of at least one item.
    pub fn new<T: IntoPython>(number: u64, total: Option<u64>, items: Vec<T>) -> Self {
        let items = Box::new(|context: ConvertContext<'_, '_>| {
            items.into_iter().map(|item| item.into_python(context)).collect()
        });
        Self { number, total, next_cursor: None, items }
    }
}

impl<T: IntoPython> From<Page<T>> for Batch {
    fn from(page: Page<T>) -> Self {
        let next_cursor = page.next_cursor;
        Self { next_cursor, ..Self::new(number(page.number), page.count, page.results) }
    }
}

/// A stream of batches.
pub type Batches = BoxStream<'static, Result<Batch, Error>>;

/// The options of a pager.
#[derive(Clone, Copy)]
pub struct PagerOptions {
    /// The number of items per page.
    page_size: Option<i64>,
    /// The number of pages that are requested concurrently.
    prefetch: Option<i64>,
    /// The maximum number of items.
    limit: Option<i64>,
    /// When to raise because items may have been missed.
    strict: Option<bool>,
}

impl PagerOptions {
    /// Converts the arguments of a method that returns a pager.
    pub fn new(
        page_size: &Bound<'_, PyAny>,
        prefetch: &Bound<'_, PyAny>,
        limit: &Bound<'_, PyAny>,
        strict: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            page_size: optional(page_size, "page_size")?,
            prefetch: optional(prefetch, "prefetch")?,
            limit: optional(limit, "limit")?,
            strict: optional(strict, "strict")?,
        })
    }

    fn apply<T: Send + 'static>(self, mut pager: ClientPager<T>) -> ClientPager<T> {
        if let Some(strict) = self.strict {
            pager = pager.strict(strict);
        }
        if let Some(size) = self.page_size {
            pager = pager.page_size(size);
        }
        if let Some(prefetch) = self.prefetch {
            pager = pager.prefetch(number(prefetch));
        }
        if let Some(limit) = self.limit {
            pager = pager.limit(limit);
        }
        pager
    }
}

/// The options of a pager whose pages have cursors.
#[derive(Clone, Copy)]
pub struct FeedOptions {
    /// The number of items per page.
    page_size: Option<i64>,
    /// The maximum number of items.
    limit: Option<i64>,
}

impl FeedOptions {
    /// Converts the arguments of a method that returns a pager.
    pub fn new(page_size: &Bound<'_, PyAny>, limit: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { page_size: optional(page_size, "page_size")?, limit: optional(limit, "limit")? })
    }

    fn apply<T: Send + 'static>(self, mut pager: FeedPager<T>) -> FeedPager<T> {
        if let Some(size) = self.page_size {
            pager = pager.page_size(size);
        }
        if let Some(limit) = self.limit {
            pager = pager.limit(limit);
        }
        pager
    }
}

/// Starts a stream of batches with the client of the current process.
type Start = Box<dyn Fn(Client) -> Batches + Send + Sync>;

/// Requests the total number of items.
type Count = Box<dyn Fn(Client) -> BoxFuture<'static, Result<u64, Error>> + Send + Sync>;

/// A sequence of batches that can be iterated any number of times. Python's `Pager` and `ExportedRecords` wrap it.
#[pyclass(frozen, generic, module = "mistral_datasets._native")]
pub struct BatchSource {
    session: Session,
    start: Start,
    count: Option<Count>,
    limit: Option<u64>,
    convert: Option<Py<PyAny>>,
}

/// Creates the source of a listing's items. `convert` converts each of them.
pub fn source<T: IntoPython>(
    session: Session,
    call: impl Fn(&Client) -> ClientPager<T> + Clone + Send + Sync + 'static,
    options: PagerOptions,
    convert: Option<Py<PyAny>>,
) -> BatchSource {
    let start = {
        let call = call.clone();
        move |client: Client| {
            let pages = options.apply(call(&client)).pages();
            let batches = pages.map(|page| page.map(Batch::from));
            batches.boxed()
        }
    };
    let count = move |client: Client| {
        let pager = call(&client);
        async move { pager.count().await }.boxed()
    };
    BatchSource {
        session,
        start: Box::new(start),
        count: Some(Box::new(count)),
        limit: options.limit.map(number),
        convert,
    }
}

/// Creates the source of the items of an operation whose pages have cursors.
pub fn feed<T: IntoPython>(
    session: Session,
    call: impl Fn(&Client) -> FeedPager<T> + Send + Sync + 'static,
    options: FeedOptions,
    convert: Option<Py<PyAny>>,
) -> BatchSource {
    let start = move |client: Client| {
        let pages = options.apply(call(&client)).pages();
        pages.map(|page| page.map(Batch::from)).boxed()
    };
    BatchSource::new(session, start, convert)
}

/// Returns the function that converts a record to one with a typed payload, if a type is given.
pub fn payload_converter(payload_type: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    if payload_type.is_none() {
        return Ok(None);
    }
    let converter = payload_type.py().import("mistral_datasets._typed")?.getattr("converter")?;
    Ok(Some(converter.call1((payload_type,))?.unbind()))
}

impl BatchSource {
    /// Creates a source whose number of items is unknown.
    pub fn new(
        session: Session,
        start: impl Fn(Client) -> Batches + Send + Sync + 'static,
        convert: Option<Py<PyAny>>,
    ) -> Self {
        Self { session, start: Box::new(start), count: None, limit: None, convert }
    }

    fn reader(&self, py: Python<'_>) -> PyResult<BatchReader> {
        let batches = (self.start)(self.session.client(py)?);
        Ok(BatchReader {
            process: process::id(),
            session: self.session.clone(),
            batches: Arc::new(tokio::sync::Mutex::new(Some(batches))),
            limit: self.limit,
            convert: self.convert.as_ref().map(|convert| convert.clone_ref(py)),
            buffer: Mutex::default(),
        })
    }

    fn request_count(
        &self,
        py: Python<'_>,
    ) -> PyResult<BoxFuture<'static, Result<ItemCount, Error>>> {
        let client = self.session.client(py)?;
        let count = self.count.as_ref().map(|count| count(client));
        Ok(async move {
            match count {
                Some(count) => count.await.map(ItemCount),
                None => Ok(ItemCount(0)),
            }
        }
        .boxed())
    }
}

struct ItemCount(u64);

impl IntoPython for ItemCount {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(PyInt::new(context.py, self.0).into_any().unbind())
    }
}

#[pymethods]
impl BatchSource {
    /// Returns an iterator over the items, from the beginning.
    fn items(&self, py: Python<'_>) -> PyResult<ItemIterator> {
        Ok(ItemIterator { reader: self.reader(py)? })
    }

    /// Returns an iterator over the pages, from the beginning.
    fn pages(&self, py: Python<'_>) -> PyResult<PageIterator> {
        Ok(PageIterator { reader: self.reader(py)? })
    }

    /// Requests the total number of items.
    fn count(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        call::block(py, self.request_count(py)?)
    }

    /// Returns an awaitable of the total number of items.
    fn count_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        awaitable::coroutine(py, "Pager.count_async", self.request_count(py)?)
    }
}

/// The batches of one iterator, and the buffered items of the last one.
struct BatchReader {
    process: u32,
    session: Session,
    /// `None` after the iterator was closed.
    batches: Arc<tokio::sync::Mutex<Option<Batches>>>,
    limit: Option<u64>,
    convert: Option<Py<PyAny>>,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    items: vec::IntoIter<Py<PyAny>>,
    /// The number of items that have arrived, including the buffered ones.
    received: u64,
    total: Option<u64>,
}

impl BatchReader {
    fn buffer(&self, py: Python<'_>) -> MutexGuard<'_, Buffer> {
        self.buffer.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the next buffered item.
    fn next_buffered(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let item = self.buffer(py).items.next();
        item.map(|item| self.convert(py, item)).transpose()
    }

    fn convert(&self, py: Python<'_>, item: Py<PyAny>) -> PyResult<Py<PyAny>> {
        match &self.convert {
            Some(convert) => convert.call1(py, (item,)),
            None => Ok(item),
        }
    }

    /// Waits for the next batch.
    fn next_batch(
        &self,
        py: Python<'_>,
    ) -> PyResult<impl Future<Output = Result<Option<Batch>, Error>> + Send + 'static + use<>> {
        if self.process != process::id() {
            // The worker threads that fetch batches exist only in the parent.
            return Err(error::configuration(py, "an iterator cannot be used after a fork"));
        }
        let batches = self.batches.clone();
        Ok(async move {
            match batches.lock().await.as_mut() {
                Some(batches) => batches.next().await.transpose(),
                None => Ok(None),
            }
        })
    }

    /// Ends the iteration: discards buffered items, and cancels the requests in flight after a batch that is being awaited.
    fn close(&self, py: Python<'_>) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.buffer(py).items = Vec::new().into_iter();
        let batches = self.batches.clone();
        async move { drop(batches.lock().await.take()) }
    }

    /// Blocks until the next batch arrives.
    fn wait_for_batch(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        raw_response::refuse_request()?;
        runtime::block(py, self.next_batch(py)?)?
            .map_err(|error| report::exception(ConvertContext::detached(py), &error))
    }

    /// Converts a batch to its page number and items.
    fn receive(&self, py: Python<'_>, batch: Batch) -> PyResult<(u64, Vec<Py<PyAny>>)> {
        let items = (batch.items)(ConvertContext::new(py, &self.session))?;
        let mut buffer = self.buffer(py);
        buffer.received += items.len() as u64;
        buffer.total = batch.total;
        Ok((batch.number, items))
    }

    fn fill_buffer(&self, py: Python<'_>, batch: Batch) -> PyResult<()> {
        let (_, items) = self.receive(py, batch)?;
        let mut buffer = self.buffer(py);
        // Another thread that uses the same iterator may have buffered items of an earlier batch.
        buffer.items = match buffer.items.len() {
            0 => items.into_iter(),
            _ => buffer.items.by_ref().chain(items).collect::<Vec<_>>().into_iter(),
        };
        Ok(())
    }

    /// Returns the number of items that are still to come, if known.
    fn remaining(&self, py: Python<'_>) -> Option<u64> {
        let buffer = self.buffer(py);
        let total = buffer.total?;
        let total = self.limit.map_or(total, |limit| limit.min(total));
        Some(total.saturating_sub(buffer.received) + buffer.items.len() as u64)
    }
}

/// A batch for the iterator that awaits it.
struct FetchedBatch<I> {
    batch: Option<Batch>,
    iterator: Py<I>,
}

/// An iterator over items, for `for` and `async for`.
#[pyclass(frozen, generic, module = "mistral_datasets._native")]
pub struct ItemIterator {
    reader: BatchReader,
}

impl IntoPython for FetchedBatch<ItemIterator> {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = context.py;
        let reader = &self.iterator.get().reader;
        let Some(batch) = self.batch else { return Err(PyStopAsyncIteration::new_err(())) };
        reader.fill_buffer(py, batch)?;
        reader.next_buffered(py)?.ok_or_else(|| PyStopAsyncIteration::new_err(()))
    }
}

#[pymethods]
impl ItemIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let reader = &slf.get().reader;
        loop {
            if let Some(item) = reader.next_buffered(py)? {
                return Ok(Some(item));
            }
            match reader.wait_for_batch(py)? {
                Some(batch) => reader.fill_buffer(py, batch)?,
                None => return Ok(None),
            }
        }
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let reader = &slf.get().reader;
        if let Some(item) = reader.next_buffered(py)? {
            return Ok(Bound::new(py, ReadyAwaitable { value: Mutex::new(Some(item)) })?.into_any());
        }
        let next = reader.next_batch(py)?;
        let iterator = slf.clone().unbind();
        awaitable::coroutine(py, "Pager.__anext__", async move {
            Ok::<_, Error>(FetchedBatch { batch: next.await?, iterator })
        })
    }

    /// Returns an awaitable that ends the iteration.
    fn aclose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        awaitable::coroutine(py, "Pager.aclose", self.reader.close(py))
    }

    /// Returns the number of items that are still to come. Unknown before the first item.
    fn __length_hint__<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match self.reader.remaining(py) {
            Some(remaining) => PyInt::new(py, remaining).into_any(),
            None => PyNotImplemented::get(py).to_owned().into_any(),
        }
    }
}

/// An awaitable whose value is available immediately.
#[pyclass(frozen, module = "mistral_datasets._native")]
struct ReadyAwaitable {
    value: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl ReadyAwaitable {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let value = self.value.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        Err(PyStopIteration::new_err((value,)))
    }
}

/// An iterator over pages. A page is a tuple of its number, the total number of items, the cursor of the next page and the list of
/// its items.
#[pyclass(frozen, generic, module = "mistral_datasets._native")]
pub struct PageIterator {
    reader: BatchReader,
}

impl PageIterator {
    fn page(&self, py: Python<'_>, batch: Option<Batch>) -> PyResult<Py<PyAny>> {
        let Some(batch) = batch else { return Ok(py.None()) };
        let (total, next_cursor) = (batch.total, batch.next_cursor.clone());
        let (number, items) = self.reader.receive(py, batch)?;
        let items: Vec<_> =
            items.into_iter().map(|item| self.reader.convert(py, item)).collect::<PyResult<_>>()?;
        let page = (number, total, next_cursor, PyList::new(py, items)?).into_pyobject(py)?;
        Ok(page.into_any().unbind())
    }
}

impl IntoPython for FetchedBatch<PageIterator> {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        self.iterator.get().page(context.py, self.batch)
    }
}

#[pymethods]
impl PageIterator {
    /// Returns the next page, or `None` after the last.
    fn next(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let batch = self.reader.wait_for_batch(py)?;
        self.page(py, batch)
    }

    /// Returns an awaitable of the next page, or of `None` after the last.
    fn next_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let next = slf.get().reader.next_batch(slf.py())?;
        let iterator = slf.clone().unbind();
        awaitable::coroutine(slf.py(), "Pages.__anext__", async move {
            Ok::<_, Error>(FetchedBatch { batch: next.await?, iterator })
        })
    }

    /// Returns an awaitable that ends the iteration.
    fn aclose<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        awaitable::coroutine(py, "Pages.aclose", self.reader.close(py))
    }
}
