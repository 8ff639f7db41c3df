//! Pagers over whole listings.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;
use uuid::Uuid;

use crate::error::{Error, ErrorKind};

/// How many results a page holds where nothing else is said: the most the API allows.
const PAGE_SIZE: i64 = 100;

/// How many pages are fetched at a time where nothing else is said.
const PREFETCH: usize = 8;

/// The most pages that may be fetched at a time.
const MAX_PREFETCH: usize = 64;

/// What a listing answered for one page.
pub(crate) struct Fetched<T> {
    pub(crate) results: Vec<T>,
    pub(crate) count: i64,
    pub(crate) next: Option<String>,
}

/// Fetches a page of a listing, by its number from 1 and its size.
type Fetch<T> =
    Arc<dyn Fn(i64, i64) -> BoxFuture<'static, Result<Fetched<T>, Error>> + Send + Sync>;

/// A pager over everything that a listing lists, begun by the `pager` of its call.
///
/// Nothing is fetched before the first page or item is asked for. The pages ahead are fetched at the same time, as many as
/// the prefetch says, once a second page is wanted; they come in their order, and no more of them than the prefetch are in memory. A
/// pager that is dropped stops what is under way.
///
/// Rows may come and go while a pager lasts. What moved onto a later page and was seen before is dropped; a
/// [strict](Self::strict) pager also tells when rows are missing at its end. A server that announces a next page for ever ends the pager
/// by repeating itself.
///
/// ```no_run
/// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
/// let mut records = client.datasets().list_records("refund-requests").pager().items();
/// while let Some(record) = records.next().await {
///     println!("{}", record?.id);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a pager begins when its pages or items are asked for"]
pub struct Pager<T> {
    fetch: Fetch<T>,
    identity: fn(&T) -> Uuid,
    first_page: i64,
    page_size: i64,
    prefetch: usize,
    limit: Option<u64>,
    strict: bool,
}

impl<T> Clone for Pager<T> {
    fn clone(&self) -> Self {
        Self { fetch: self.fetch.clone(), ..*self }
    }
}

impl<T: Send + 'static> Pager<T> {
    /// A pager that begins where the call says, in pages of the size it says.
    pub(crate) fn new(
        fetch: impl Fn(i64, i64) -> BoxFuture<'static, Result<Fetched<T>, Error>>
        + Send
        + Sync
        + 'static,
        identity: fn(&T) -> Uuid,
        first_page: Option<i64>,
        page_size: Option<i64>,
    ) -> Self {
        Self {
            fetch: Arc::new(fetch),
            identity,
            first_page: first_page.unwrap_or(1),
            page_size: page_size.unwrap_or(PAGE_SIZE),
            prefetch: PREFETCH,
            limit: None,
            strict: false,
        }
    }

    /// How many results a page holds, 1 to 100. Default: 100.
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.page_size = i64::try_from(page_size).unwrap_or(i64::MAX);
        self
    }

    /// How many pages are fetched at a time, 1 to 64; with 1 each is fetched when it is asked for. Default: 8.
    pub fn prefetch(mut self, pages: usize) -> Self {
        self.prefetch = pages;
        self
    }

    /// Ends the pager after so many items, without fetching what it takes no more.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = Some(items as u64);
        self
    }

    /// Makes the pager end with a [`Conflict`](ErrorKind::Conflict) when the number of items that came and the number that the
    /// server counts disagree, or when that fell on the way: then rows moved up, past the pager.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// How many items there are in all, as the server counts them now.
    ///
    /// # Errors
    /// As the listing itself.
    pub async fn count(&self) -> Result<u64, Error> {
        // Nobody documents that a page may have no results; the count comes with it on every known server.
        let fetched = (self.fetch)(1, 0).await?;
        Ok(fetched.count.try_into().unwrap_or(0))
    }

    /// The pager page by page.
    pub fn pages(self) -> Pages<T> {
        let mut page_size = self.page_size;
        // Who wants five items gets a page of five.
        if let Some(limit) = self.limit
            && self.first_page == 1
        {
            page_size = page_size.min(i64::try_from(limit.max(1)).unwrap_or(i64::MAX));
        }
        Pages {
            upcoming: self.first_page,
            left: self.limit,
            ahead: VecDeque::new(),
            recent: VecDeque::new(),
            count: None,
            seen: 0,
            stale: 0,
            fell: false,
            ended: false,
            verdict: None,
            pager: Pager { page_size, ..self },
        }
    }

    /// The pager item by item.
    pub fn items(self) -> Items<T> {
        Items { pages: self.pages(), page: Vec::new().into_iter() }
    }

    /// What the pager was told that cannot be.
    fn problem(&self) -> Option<Error> {
        let problem = if !(1..=100).contains(&self.page_size) {
            "page_size: expected 1 to 100"
        } else if !(1..=MAX_PREFETCH).contains(&self.prefetch) {
            "prefetch: expected 1 to 64"
        } else {
            return None;
        };
        let error = Error::new(ErrorKind::Validation, problem);
        Some(error.with_code(Some("VALIDATION_ERROR".to_owned())))
    }
}

impl<T> fmt::Debug for Pager<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pager")
            .field("first_page", &self.first_page)
            .field("page_size", &self.page_size)
            .field("prefetch", &self.prefetch)
            .field("limit", &self.limit)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

/// One page of a pager, without what was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The page's number, from 1.
    pub number: u64,
    /// How many items there are in all, as the server counted when it answered.
    pub count: u64,
    /// The items.
    pub results: Vec<T>,
}

/// A pager page by page: a stream, which ends after an error.
pub struct Pages<T> {
    pager: Pager<T>,
    /// The number of the next page to fetch.
    upcoming: i64,
    /// The pages that are being fetched, in their order.
    ahead: VecDeque<AbortOnDropHandle<Result<Fetched<T>, Error>>>,
    /// The items of the last pages, by page.
    recent: VecDeque<HashSet<Uuid>>,
    /// What the server counted last.
    count: Option<i64>,
    /// How many items may come still, where there is a limit.
    left: Option<u64>,
    /// How many items came.
    seen: u64,
    /// How many pages in a row brought nothing new.
    stale: usize,
    /// Whether the server counted less than before.
    fell: bool,
    ended: bool,
    /// The error that is still to come at the end.
    verdict: Option<Error>,
}

impl<T: Send + 'static> Pages<T> {
    /// The next page, or nothing after the last.
    ///
    /// # Errors
    /// As the listing itself; also when [`strict`](Pager::strict) finds items missing. Nothing comes after an error.
    pub async fn next(&mut self) -> Option<Result<Page<T>, Error>> {
        std::future::poll_fn(|context| self.poll_page(context)).await
    }

    /// How many items there are in all, as far as is known: nothing before the first page.
    pub fn total(&self) -> Option<u64> {
        self.count.map(|count| count.try_into().unwrap_or(0))
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Page<T>, Error>>> {
        if self.ended || self.left == Some(0) {
            return Poll::Ready(self.verdict.take().map(Err));
        }
        if let Some(problem) = self.pager.problem() {
            self.end();
            return Poll::Ready(Some(Err(problem)));
        }
        loop {
            self.fetch_ahead();
            let number = self.upcoming - self.ahead.len() as i64;
            let page = self.ahead.front_mut().expect("at least one page is being fetched");
            let fetched = match ready!(page.poll_unpin(context)) {
                Ok(fetched) => fetched,
                Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
                Err(_) => Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down")),
            };
            self.ahead.pop_front();
            let result = fetched.map(|fetched| self.accept(number, fetched));
            match result {
                Ok(page) if !page.results.is_empty() => return Poll::Ready(Some(Ok(page))),
                // Everything on it was seen before.
                Ok(_) if !self.ended => {}
                Ok(_) => return Poll::Ready(self.verdict.take().map(Err)),
                Err(error) => {
                    self.end();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    /// Fetches the pages of the prefetch, as far as the server's count says that there are so many; beyond that one at a time.
    fn fetch_ahead(&mut self) {
        let size = self.pager.page_size;
        let pages = self.count.map_or(0, |count| (count + size - 1) / size);
        while self.ahead.is_empty()
            || (self.ahead.len() < self.pager.prefetch
                && self.upcoming <= pages
                && self.left.is_none_or(|left| self.ahead.len() as u64 * (size as u64) < left))
        {
            let page = (self.pager.fetch)(self.upcoming, size);
            // What listens to the pager listens to its pages.
            let page = page.in_current_span().with_current_subscriber();
            self.ahead.push_back(AbortOnDropHandle::new(tokio::spawn(page)));
            self.upcoming += 1;
        }
    }

    /// Takes a page over: drops what was seen before and decides whether it is the last.
    fn accept(&mut self, number: i64, fetched: Fetched<T>) -> Page<T> {
        let Fetched { mut results, count, next } = fetched;
        let empty = results.is_empty();
        let identity = self.pager.identity;
        let ids = results.iter().map(identity).collect();
        let mut own = HashSet::new();
        results.retain(|item| {
            let id = identity(item);
            own.insert(id) && !self.recent.iter().any(|page| page.contains(&id))
        });
        self.recent.push_back(ids);
        if self.recent.len() > self.pager.prefetch + 2 {
            self.recent.pop_front();
        }
        if let Some(left) = &mut self.left {
            results.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= results.len() as u64;
        }
        self.fell |= self.count.is_some_and(|before| count < before);
        self.count = Some(count);
        self.seen += results.len() as u64;
        self.stale = if results.is_empty() { self.stale + 1 } else { 0 };

        // A page of what was seen before is the last, unless so many rows came meanwhile that they fill a page; no more are
        // believed in than the pager remembers.
        let counted_on = number * self.pager.page_size < count && self.stale <= self.pager.prefetch;
        let last =
            next.is_none_or(|next| next.is_empty()) || empty || (results.is_empty() && !counted_on);
        if self.left == Some(0) {
            self.end();
        } else if last {
            self.end();
            self.verdict = self.missing(count);
        }
        let count = count.try_into().unwrap_or(0);
        Page { number: number as u64, count, results }
    }

    fn end(&mut self) {
        self.ended = true;
        self.ahead.clear();
    }

    /// What a strict pager has to say at its end.
    fn missing(&self, count: i64) -> Option<Error> {
        let passed_over = (self.pager.first_page - 1) as u64 * self.pager.page_size as u64;
        let came = self.seen + passed_over;
        let whole = i64::try_from(came) == Ok(count) && !self.fell;
        if !self.pager.strict || whole {
            return None;
        }
        let message = if self.fell {
            "rows were deleted during the pager, so that others may have been passed over"
                .to_owned()
        } else {
            format!("the rows changed during the pager: {came} came, and the server counts {count}")
        };
        Some(Error::new(ErrorKind::Conflict, message))
    }
}

impl<T: Send + 'static> Stream for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_page(context)
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("pager", &self.pager).field("seen", &self.seen).finish()
    }
}

/// A pager item by item: a stream, which ends after an error.
pub struct Items<T> {
    pages: Pages<T>,
    page: std::vec::IntoIter<T>,
}

impl<T: Send + 'static> Items<T> {
    /// The next item, or nothing after the last.
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    /// How many items there are in all, as far as is known: nothing before the first item.
    pub fn total(&self) -> Option<u64> {
        self.pages.total()
    }

    fn poll_item(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(item) = self.page.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(self.pages.poll_page(context)) {
                Some(Ok(page)) => self.page = page.results.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<T> Unpin for Items<T> {}
impl<T> Unpin for Pages<T> {}

impl<T: Send + 'static> Stream for Items<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(context)
    }
}

impl<T> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("pages", &self.pages).finish()
    }
}
