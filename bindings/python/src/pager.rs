//! Items that come in batches over time: pagers over listings, and the records of an export.
//!
//! A batch becomes a list of Python objects in one go, and a loop is handed one after the other from it; only between two
//! batches does it wait.

use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, StreamExt};
use mistral_datasets::{Client, Error, Pager as ClientPager};
use pyo3::exceptions::{PyStopAsyncIteration, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use pyo3::types::{PyInt, PyList, PyNotImplemented};

use crate::error;
use crate::model::Source;
use crate::runtime::{self, Response};
use crate::session::Session;

/// Items that came together.
pub struct Batch {
    /// The number of the page, from 1.
    number: u64,
    /// How many items there are in all, where that is known.
    total: Option<u64>,
    items: Objects,
}

/// Makes the Python objects of a batch.
type Objects = Box<dyn FnOnce(Source<'_, '_>) -> PyResult<Vec<Py<PyAny>>> + Send>;

impl Batch {
    /// A batch of these items, at least one.
    pub fn new<T: Response>(number: u64, total: Option<u64>, items: Vec<T>) -> Self {
        let items = Box::new(|source: Source<'_, '_>| {
            items.into_iter().map(|item| item.into_object(source)).collect()
        });
        Self { number, total, items }
    }
}

/// Batches on their way.
pub type Batches = BoxStream<'static, Result<Batch, Error>>;

/// What a pager was asked to be like.
#[derive(Clone, Copy)]
pub struct Shape {
    /// How many items a page holds.
    pub page_size: Option<i64>,
    /// How many pages are fetched at a time.
    pub prefetch: Option<i64>,
    /// After how many items it ends.
    pub limit: Option<i64>,
    /// Whether it complains of missing rows.
    pub strict: bool,
}

impl Shape {
    /// The client refuses what is out of its limits, which a negative number is too.
    fn apply<T: Send + 'static>(self, pager: ClientPager<T>) -> ClientPager<T> {
        let number = |given: i64| usize::try_from(given).unwrap_or(0);
        let mut pager = pager.strict(self.strict);
        if let Some(size) = self.page_size {
            pager = pager.page_size(number(size));
        }
        if let Some(prefetch) = self.prefetch {
            pager = pager.prefetch(number(prefetch));
        }
        if let Some(limit) = self.limit {
            pager = pager.limit(number(limit));
        }
        pager
    }
}

/// Begins to bring batches, by a client of the process that asks.
type Begin = Box<dyn Fn(Client) -> Batches + Send + Sync>;

/// Asks how many items there are.
type Count = Box<dyn Fn(Client) -> BoxFuture<'static, Result<u64, Error>> + Send + Sync>;

/// Something that can be collected over, any number of times. Python's `Pager` and `ExportedRecords` are made of it.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Path {
    session: Session,
    begin: Begin,
    count: Option<Count>,
    limit: Option<u64>,
    convert: Option<Py<PyAny>>,
}

/// The `Pager` of a listing.
pub fn object<T: Response>(
    py: Python<'_>,
    session: Session,
    call: impl Fn(&Client) -> ClientPager<T> + Clone + Send + Sync + 'static,
    shape: Shape,
    payload_type: Option<Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    static WALK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let begin = {
        let call = call.clone();
        move |client: Client| {
            let pages = shape.apply(call(&client)).pages();
            let batches = pages.map(|page| {
                page.map(|page| Batch::new(page.number, Some(page.count), page.results))
            });
            batches.boxed()
        }
    };
    let count = move |client: Client| {
        let pager = call(&client);
        async move { pager.count().await }.boxed()
    };
    let path = Path {
        session,
        begin: Box::new(begin),
        count: Some(Box::new(count)),
        limit: shape.limit.map(|limit| limit.try_into().unwrap_or(0)),
        convert: converter(py, payload_type)?,
    };
    Ok(WALK.import(py, "mistral_datasets._pager", "Pager")?.call1((path,))?.unbind())
}

/// What makes a record of a type out of one that came.
pub fn converter(
    py: Python<'_>,
    payload_type: Option<Bound<'_, PyAny>>,
) -> PyResult<Option<Py<PyAny>>> {
    let Some(payload_type) = payload_type.filter(|given| !given.is_none()) else { return Ok(None) };
    let converter = py.import("mistral_datasets._typed")?.getattr("converter")?;
    Ok(Some(converter.call1((payload_type,))?.unbind()))
}

impl Path {
    /// Something that can be collected over, of which nobody knows how much it is.
    pub fn new(
        session: Session,
        begin: impl Fn(Client) -> Batches + Send + Sync + 'static,
        convert: Option<Py<PyAny>>,
    ) -> Self {
        Self { session, begin: Box::new(begin), count: None, limit: None, convert }
    }

    fn feed(&self, py: Python<'_>) -> PyResult<Feed> {
        let batches = (self.begin)(self.session.client(py)?);
        Ok(Feed {
            process: process::id(),
            session: self.session.clone(),
            batches: Arc::new(tokio::sync::Mutex::new(batches)),
            limit: self.limit,
            convert: self.convert.as_ref().map(|convert| convert.clone_ref(py)),
            state: Mutex::default(),
        })
    }

    fn counting(&self, py: Python<'_>) -> PyResult<BoxFuture<'static, Result<Number, Error>>> {
        let client = self.session.client(py)?;
        let count = self.count.as_ref().map(|count| count(client));
        Ok(async move {
            match count {
                Some(count) => count.await.map(Number),
                None => Ok(Number(0)),
            }
        }
        .boxed())
    }
}

struct Number(u64);

impl Response for Number {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(PyInt::new(source.py, self.0).into_any().unbind())
    }
}

#[pymethods]
impl Path {
    /// A loop over the items, from the beginning.
    fn items(&self, py: Python<'_>) -> PyResult<Items> {
        Ok(Items { feed: self.feed(py)? })
    }

    /// A loop over the pages, from the beginning.
    fn pages(&self, py: Python<'_>) -> PyResult<Pages> {
        Ok(Pages { feed: self.feed(py)? })
    }

    /// How many items there are in all.
    fn count(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        runtime::wait(py, self.counting(py)?)
    }

    /// How many items there are in all, as an awaitable.
    fn count_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::coroutine(py, "Pager.count_async", self.counting(py)?)
    }
}

/// Where the batches of one loop come from, and what is left of the last one.
struct Feed {
    process: u32,
    session: Session,
    batches: Arc<tokio::sync::Mutex<Batches>>,
    limit: Option<u64>,
    convert: Option<Py<PyAny>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: vec::IntoIter<Py<PyAny>>,
    /// How many items came, those that are left included.
    came: u64,
    total: Option<u64>,
}

impl Feed {
    fn state(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        self.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item of those that are there.
    fn at_hand(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let item = self.state(py).items.next();
        item.map(|item| self.convert(py, item)).transpose()
    }

    fn convert(&self, py: Python<'_>, item: Py<PyAny>) -> PyResult<Py<PyAny>> {
        match &self.convert {
            Some(convert) => convert.call1(py, (item,)),
            None => Ok(item),
        }
    }

    /// The next batch.
    fn next(
        &self,
        py: Python<'_>,
    ) -> PyResult<impl Future<Output = Result<Option<Batch>, Error>> + Send + 'static + use<>> {
        if self.process != process::id() {
            // Whoever reads it in the child waits for threads that only the parent has.
            return Err(error::misconfigured(py, "a loop over items does not outlive a fork"));
        }
        let batches = self.batches.clone();
        Ok(async move { batches.lock().await.next().await.transpose() })
    }

    fn objects(&self, py: Python<'_>, batch: Batch) -> PyResult<(u64, Vec<Py<PyAny>>)> {
        let source = Source { py, session: Some(&self.session) };
        let items = (batch.items)(source)?;
        let mut state = self.state(py);
        state.came += items.len() as u64;
        state.total = batch.total;
        Ok((batch.number, items))
    }

    fn keep(&self, py: Python<'_>, batch: Batch) -> PyResult<()> {
        let (_, items) = self.objects(py, batch)?;
        let mut state = self.state(py);
        // Another thread in the same loop may have left some of an earlier batch.
        state.items = match state.items.len() {
            0 => items.into_iter(),
            _ => state.items.by_ref().chain(items).collect::<Vec<_>>().into_iter(),
        };
        Ok(())
    }

    /// How many items are still to come, as far as is known.
    fn left(&self, py: Python<'_>) -> Option<u64> {
        let state = self.state(py);
        let total = state.total?;
        let total = self.limit.map_or(total, |limit| limit.min(total));
        Some(total.saturating_sub(state.came) + state.items.len() as u64)
    }
}

/// A batch that was waited for, on its way to the loop that waited.
struct Arrived<L> {
    batch: Option<Batch>,
    goes_to: Py<L>,
}

/// A loop over items.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Items {
    feed: Feed,
}

impl Response for Arrived<Items> {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = source.py;
        let feed = &self.goes_to.get().feed;
        let Some(batch) = self.batch else { return Err(PyStopAsyncIteration::new_err(())) };
        feed.keep(py, batch)?;
        feed.at_hand(py)?.ok_or_else(|| PyStopAsyncIteration::new_err(()))
    }
}

#[pymethods]
impl Items {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let feed = &slf.get().feed;
        loop {
            if let Some(item) = feed.at_hand(py)? {
                return Ok(Some(item));
            }
            match runtime::wait_for(py, feed.next(py)?)? {
                Some(batch) => feed.keep(py, batch)?,
                None => return Ok(None),
            }
        }
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let feed = &slf.get().feed;
        if let Some(item) = feed.at_hand(py)? {
            return Ok(Bound::new(py, Ready { value: Mutex::new(Some(item)) })?.into_any());
        }
        let next = feed.next(py)?;
        let goes_to = slf.clone().unbind();
        runtime::coroutine(py, "Pager.__anext__", async move {
            Ok::<_, Error>(Arrived { batch: next.await?, goes_to })
        })
    }

    /// How many items are still to come, once the first has.
    fn __length_hint__<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match self.feed.left(py) {
            Some(left) => PyInt::new(py, left).into_any(),
            None => PyNotImplemented::get(py).to_owned().into_any(),
        }
    }
}

/// An awaitable whose value is there.
#[pyclass(frozen, module = "mistral_datasets._native")]
struct Ready {
    value: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Ready {
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

/// A loop over pages, each of them its number, how many items there are in all, and a list of those that it holds.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Pages {
    feed: Feed,
}

impl Pages {
    fn page(&self, py: Python<'_>, batch: Option<Batch>) -> PyResult<Py<PyAny>> {
        let Some(batch) = batch else { return Ok(py.None()) };
        let total = batch.total;
        let (number, items) = self.feed.objects(py, batch)?;
        let items: Vec<_> =
            items.into_iter().map(|item| self.feed.convert(py, item)).collect::<PyResult<_>>()?;
        let page = (number, total, PyList::new(py, items)?).into_pyobject(py)?;
        Ok(page.into_any().unbind())
    }
}

impl Response for Arrived<Pages> {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        self.goes_to.get().page(source.py, self.batch)
    }
}

#[pymethods]
impl Pages {
    /// The next page, or `None` after the last.
    fn next(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let batch = runtime::wait_for(py, self.feed.next(py)?)?;
        self.page(py, batch)
    }

    /// The next page, or `None` after the last, as an awaitable.
    fn next_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let next = slf.get().feed.next(slf.py())?;
        let goes_to = slf.clone().unbind();
        runtime::coroutine(slf.py(), "Pages.__anext__", async move {
            Ok::<_, Error>(Arrived { batch: next.await?, goes_to })
        })
    }
}
