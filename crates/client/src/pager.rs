//! Iterates over paginated listings.

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

/// The default page size, which is the API's maximum.
const DEFAULT_PAGE_SIZE: i64 = 100;

/// The default number of concurrent page requests.
const DEFAULT_PREFETCH: usize = 8;

/// The maximum number of concurrent page requests.
const MAX_PREFETCH: usize = 64;

/// One page, as returned by the listing.
pub(crate) struct FetchedPage<T> {
    pub(crate) results: Vec<T>,
    pub(crate) count: i64,
    pub(crate) next: Option<String>,
}

/// A function that fetches a page, given its number (from 1) and the page size.
type FetchPage<T> =
    Arc<dyn Fn(i64, i64) -> BoxFuture<'static, Result<FetchedPage<T>, Error>> + Send + Sync>;

/// Iterates over every item of a paginated listing. Returned by the `pager` method of a listing call.
///
/// Pages are fetched lazily: no request is sent until the first page or item is polled. From the second page on, up to
/// [`prefetch`](Self::prefetch) pages are requested concurrently and yielded in order, so at most that many pages are held in
/// memory. Dropping the pager cancels requests in progress.
///
/// The listing may change during iteration. Items that have moved to a later page are not yielded twice. Items that have moved
/// to an earlier page are missed, which only a [strict](Self::strict) pager detects. If the server announces further pages
/// but keeps repeating items, the pager ends.
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
#[must_use = "a pager sends no request until its pages or items are polled"]
pub struct Pager<T> {
    fetch: FetchPage<T>,
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
    /// Creates a pager that starts at the call's page and uses its page size.
    pub(crate) fn new(
        fetch: impl Fn(i64, i64) -> BoxFuture<'static, Result<FetchedPage<T>, Error>>
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
            page_size: page_size.unwrap_or(DEFAULT_PAGE_SIZE),
            prefetch: DEFAULT_PREFETCH,
            limit: None,
            strict: false,
        }
    }

    /// Sets the page size, 1 to 100 items. Default: 100.
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.page_size = i64::try_from(page_size).unwrap_or(i64::MAX);
        self
    }

    /// Sets how many pages are fetched concurrently, 1 to 64. With 1, each page is fetched when it is polled. Default: 8.
    pub fn prefetch(mut self, pages: usize) -> Self {
        self.prefetch = pages;
        self
    }

    /// Sets the maximum number of items. Pages beyond it are not fetched. Default: no limit.
    pub fn limit(mut self, items: usize) -> Self {
        self.limit = Some(items as u64);
        self
    }

    /// Sets whether the pager ends with a [`Conflict`](ErrorKind::Conflict) error if the number of items differs from the
    /// server's count, or if the count has decreased during iteration, in which case items may have been missed. Default:
    /// `false`.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Returns the server's current count of items.
    ///
    /// # Errors
    /// The errors of the listing call.
    pub async fn count(&self) -> Result<u64, Error> {
        // Page size 0 is undocumented, but every known server accepts it and includes the count.
        let fetched = (self.fetch)(1, 0).await?;
        Ok(fetched.count.try_into().unwrap_or(0))
    }

    /// Returns a stream of pages.
    pub fn pages(self) -> Pages<T> {
        let mut page_size = self.page_size;
        // With a limit of five items, request a page of five.
        if let Some(limit) = self.limit
            && self.first_page == 1
        {
            page_size = page_size.min(i64::try_from(limit.max(1)).unwrap_or(i64::MAX));
        }
        Pages {
            next_number: self.first_page,
            remaining: self.limit,
            requested: VecDeque::new(),
            recent: VecDeque::new(),
            count: None,
            yielded: 0,
            pages_without_new_items: 0,
            count_decreased: false,
            ended: false,
            final_error: None,
            pager: Pager { page_size, ..self },
        }
    }

    /// Returns a stream of items.
    pub fn items(self) -> Items<T> {
        Items { pages: self.pages(), page: Vec::new().into_iter() }
    }

    /// Returns an error if a setting is out of range.
    fn invalid_settings(&self) -> Option<Error> {
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

/// One page of a pager, without the items that were already yielded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The page number, from 1.
    pub number: u64,
    /// The server's count of all items when it sent this page.
    pub count: u64,
    /// The items of the page.
    pub results: Vec<T>,
}

/// A stream of pages, which ends after an error.
pub struct Pages<T> {
    pager: Pager<T>,
    /// The number of the next page to request.
    next_number: i64,
    /// The pages being fetched, in order.
    requested: VecDeque<AbortOnDropHandle<Result<FetchedPage<T>, Error>>>,
    /// The ids on the last few pages, for detecting duplicates.
    recent: VecDeque<HashSet<Uuid>>,
    /// The server's count according to the last page.
    count: Option<i64>,
    /// How many more items to yield, if there is a limit.
    remaining: Option<u64>,
    /// The number of items yielded.
    yielded: u64,
    /// The number of consecutive pages without new items.
    pages_without_new_items: usize,
    /// Whether the server's count has decreased.
    count_decreased: bool,
    ended: bool,
    /// An error to return at the end.
    final_error: Option<Error>,
}

impl<T: Send + 'static> Pages<T> {
    /// Returns the next page, or `None` at the end.
    ///
    /// # Errors
    /// The errors of the listing call, and of the [`strict`](Pager::strict) check. The stream ends after an error.
    pub async fn next(&mut self) -> Option<Result<Page<T>, Error>> {
        std::future::poll_fn(|context| self.poll_page(context)).await
    }

    /// Returns the server's count of all items, or `None` before the first page.
    pub fn total(&self) -> Option<u64> {
        self.count.map(|count| count.try_into().unwrap_or(0))
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Page<T>, Error>>> {
        if self.ended || self.remaining == Some(0) {
            return Poll::Ready(self.final_error.take().map(Err));
        }
        if let Some(problem) = self.pager.invalid_settings() {
            self.end();
            return Poll::Ready(Some(Err(problem)));
        }
        loop {
            self.prefetch();
            let number = self.next_number - self.requested.len() as i64;
            let page = self.requested.front_mut().expect("at least one page is being fetched");
            let fetched = match ready!(page.poll_unpin(context)) {
                Ok(fetched) => fetched,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down")),
            };
            self.requested.pop_front();
            let result = fetched.map(|fetched| self.accept(number, fetched));
            match result {
                Ok(page) if !page.results.is_empty() => return Poll::Ready(Some(Ok(page))),
                // All items of the page are duplicates.
                Ok(_) if !self.ended => {}
                Ok(_) => return Poll::Ready(self.final_error.take().map(Err)),
                Err(error) => {
                    self.end();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    /// Requests further pages, up to the prefetch limit. Pages beyond the server's count are requested one at a time.
    fn prefetch(&mut self) {
        let size = self.pager.page_size;
        let pages = self.count.map_or(0, |count| count / size + i64::from(count % size > 0));
        while self.requested.is_empty()
            || (self.requested.len() < self.pager.prefetch
                && self.next_number <= pages
                && self.remaining.is_none_or(|remaining| {
                    self.requested.len() as u64 * (size as u64) < remaining
                }))
        {
            let page = (self.pager.fetch)(self.next_number, size);
            // Keep the caller's span and subscriber for the spawned request.
            let page = page.in_current_span().with_current_subscriber();
            self.requested.push_back(AbortOnDropHandle::new(tokio::spawn(page)));
            self.next_number = self.next_number.saturating_add(1);
        }
    }

    /// Accepts a page: drops duplicates and decides whether it is the last page.
    fn accept(&mut self, number: i64, fetched: FetchedPage<T>) -> Page<T> {
        let FetchedPage { mut results, count, next } = fetched;
        let empty = results.is_empty();
        let identity = self.pager.identity;
        let ids = results.iter().map(identity).collect();
        let mut page_ids = HashSet::new();
        results.retain(|item| {
            let id = identity(item);
            page_ids.insert(id) && !self.recent.iter().any(|page| page.contains(&id))
        });
        self.recent.push_back(ids);
        if self.recent.len() > self.pager.prefetch + 2 {
            self.recent.pop_front();
        }
        if let Some(remaining) = &mut self.remaining {
            results.truncate(usize::try_from(*remaining).unwrap_or(usize::MAX));
            *remaining -= results.len() as u64;
        }
        self.count_decreased |= self.count.is_some_and(|before| count < before);
        self.count = Some(count);
        self.yielded += results.len() as u64;
        self.pages_without_new_items =
            if results.is_empty() { self.pages_without_new_items + 1 } else { 0 };

        // A page without new items is the last page, unless the count says that there are more: items added at the front
        // move old items to later pages. The number of such pages is limited, because ids are only remembered for a while.
        let count_says_more = number.saturating_mul(self.pager.page_size) < count
            && self.pages_without_new_items <= self.pager.prefetch;
        let is_last = next.is_none_or(|next| next.is_empty())
            || empty
            || (results.is_empty() && !count_says_more);
        if self.remaining == Some(0) {
            self.end();
        } else if is_last {
            self.end();
            self.final_error = self.strict_error(count);
        }
        let count = count.try_into().unwrap_or(0);
        Page { number: number as u64, count, results }
    }

    fn end(&mut self) {
        self.ended = true;
        self.requested.clear();
    }

    /// Returns the error of the strict check, if it fails.
    fn strict_error(&self, count: i64) -> Option<Error> {
        let skipped = (self.pager.first_page - 1) as u64;
        let skipped = skipped.saturating_mul(self.pager.page_size as u64);
        let total = self.yielded.saturating_add(skipped);
        let is_complete = i64::try_from(total) == Ok(count) && !self.count_decreased;
        if !self.pager.strict || is_complete {
            return None;
        }
        let message = if self.count_decreased {
            "items were deleted during iteration, so others may have been missed".to_owned()
        } else {
            format!(
                "the listing changed during iteration: got {total} items, but the server counts {count}"
            )
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
        f.debug_struct("Pages").field("pager", &self.pager).field("yielded", &self.yielded).finish()
    }
}

/// A stream of items, which ends after an error.
pub struct Items<T> {
    pages: Pages<T>,
    page: std::vec::IntoIter<T>,
}

impl<T: Send + 'static> Items<T> {
    /// Returns the next item, or `None` at the end.
    ///
    /// # Errors
    /// The errors of [`Pages::next`].
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    /// Returns the server's count of all items, or `None` before the first item.
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
