//! Fetches pages by cursor, one after another.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::pages::{Items, Page, Pages};
use super::recent_ids::{ItemId, RecentIds};
use super::{DEFAULT_PAGE_SIZE, invalid, invalid_sizes};
use crate::error::{Error, ErrorKind};

/// The number of consecutive pages without items after which a server is assumed never to send any.
const MAX_EMPTY_PAGES: usize = 1_000;

/// One page of a feed, as returned by the operation.
pub(crate) struct FetchedFeed<T> {
    pub(crate) results: Vec<T>,
    pub(crate) next: Option<String>,
    pub(crate) cursor: Option<String>,
}

impl<T> FetchedFeed<T> {
    /// Returns the cursor of the next page. Servers set `next`, `cursor`, or both.
    fn next_cursor(&mut self) -> Option<String> {
        let is_set = |cursor: &String| !cursor.is_empty();
        self.next.take().filter(is_set).or_else(|| self.cursor.take().filter(is_set))
    }
}

/// A function that fetches a page, given its cursor and the page size.
type FetchFeed<T> = Arc<
    dyn Fn(Option<String>, i64) -> BoxFuture<'static, Result<FetchedFeed<T>, Error>> + Send + Sync,
>;

/// Iterates over every item of an operation whose pages have cursors. Returned by the `pager` method of its call.
///
/// Pages are fetched lazily: no request is sent until the first page or item is polled. Every page has the cursor of the next one,
/// so pages are fetched one after another, and there is nothing to prefetch. Dropping the pager cancels the request in progress.
///
/// The pager ends when the server sends no cursor, or a cursor that it has sent before. Pages without items are skipped. Whether
/// items that are added during iteration are yielded depends on the server.
///
/// ```no_run
/// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
/// let search = client.spans().search_spans().search_expression("status_code = 'Error'");
/// let mut spans = search.pager().limit(1_000).items();
/// while let Some(span) = spans.next().await {
///     println!("{}", span?.span_name);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a pager sends nothing until its pages or items are polled"]
pub struct FeedPager<T> {
    fetch: FetchFeed<T>,
    cursor: Option<String>,
    page_size: i64,
    limit: Option<i64>,
}

impl<T> Clone for FeedPager<T> {
    fn clone(&self) -> Self {
        Self { fetch: Arc::clone(&self.fetch), cursor: self.cursor.clone(), ..*self }
    }
}

impl<T: Send + 'static> FeedPager<T> {
    /// Creates a pager that starts at the page with this cursor.
    pub(crate) fn new(
        fetch: impl Fn(Option<String>, i64) -> BoxFuture<'static, Result<FetchedFeed<T>, Error>>
        + Send
        + Sync
        + 'static,
        cursor: Option<String>,
        page_size: Option<i64>,
    ) -> Self {
        Self {
            fetch: Arc::new(fetch),
            cursor,
            page_size: page_size.unwrap_or(DEFAULT_PAGE_SIZE),
            limit: None,
        }
    }

    /// Sets the page size, 1 to 100 items. Default: 100.
    pub fn page_size(mut self, page_size: i64) -> Self {
        self.page_size = page_size;
        self
    }

    /// Sets the maximum number of items. Pages beyond it are not fetched. Default: no limit.
    pub fn limit(mut self, items: i64) -> Self {
        self.limit = Some(items);
        self
    }

    /// Returns a stream of pages.
    pub fn pages(self) -> Pages<T> {
        CursorPages::new(self).into()
    }

    /// Returns a stream of items.
    pub fn items(self) -> Items<T> {
        Items::new(self.pages())
    }
}

impl<T> fmt::Debug for FeedPager<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedPager")
            .field("page_size", &self.page_size)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The pages of a feed.
pub(super) struct CursorPages<T> {
    pager: FeedPager<T>,
    /// The number of the next page.
    number: i64,
    /// The page that is being fetched.
    requested: Option<BoxFuture<'static, Result<FetchedFeed<T>, Error>>>,
    /// The cursors that the server sent.
    cursors: RecentIds,
    /// How many more items to yield, if there is a limit.
    remaining: Option<i64>,
    empty_pages: usize,
    ended: bool,
}

impl<T: Send + 'static> CursorPages<T> {
    fn new(pager: FeedPager<T>) -> Self {
        let mut cursors = RecentIds::default();
        if let Some(cursor) = &pager.cursor {
            cursors.insert(ItemId::from(&**cursor));
        }
        Self {
            remaining: pager.limit,
            pager,
            number: 1,
            requested: None,
            cursors,
            empty_pages: 0,
            ended: false,
        }
    }

    pub(super) fn poll_page(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Page<T>, Error>>> {
        loop {
            if self.ended || self.remaining == Some(0) {
                return Poll::Ready(None);
            }
            if let Some(problem) = invalid_sizes(self.pager.page_size, self.pager.limit) {
                self.ended = true;
                return Poll::Ready(Some(Err(invalid(problem))));
            }
            let page = self.requested.get_or_insert_with(|| {
                // With five items left, request a page of five.
                let remaining = self.remaining.unwrap_or(i64::MAX);
                let page_size = self.pager.page_size.min(remaining);
                (self.pager.fetch)(self.pager.cursor.clone(), page_size)
            });
            let fetched = ready!(page.poll_unpin(context));
            self.requested = None;
            match fetched.and_then(|fetched| self.accept(fetched)) {
                Ok(page) if page.results.is_empty() => {}
                Ok(page) => return Poll::Ready(Some(Ok(page))),
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn accept(&mut self, mut fetched: FetchedFeed<T>) -> Result<Page<T>, Error> {
        let next_cursor = fetched.next_cursor();
        let next_cursor = next_cursor.filter(|cursor| self.cursors.insert(ItemId::from(&**cursor)));
        let mut results = fetched.results;
        if let Some(remaining) = &mut self.remaining {
            results.truncate(usize::try_from(*remaining).unwrap_or(usize::MAX));
            *remaining -= results.len() as i64;
        }
        self.empty_pages = if results.is_empty() { self.empty_pages + 1 } else { 0 };
        if self.empty_pages > MAX_EMPTY_PAGES {
            let message = format!("the server sent {MAX_EMPTY_PAGES} pages without items in a row");
            return Err(Error::new(ErrorKind::Decoding, message));
        }
        self.ended = next_cursor.is_none();
        self.pager.cursor.clone_from(&next_cursor);
        let number = self.number;
        self.number += 1;
        Ok(Page { number, count: None, next_cursor, results })
    }
}

impl<T> fmt::Debug for CursorPages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CursorPages")
            .field("pager", &self.pager)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
