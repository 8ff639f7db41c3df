//! Yields pages and their items.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::feed::CursorPages;
use super::numbered::NumberedPages;
use crate::error::Error;

/// One page of a pager, without the items that were already yielded. A numbered page that is read again because items were deleted
/// is yielded again with its new items.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The page number, from 1.
    pub number: i64,
    /// The server's count of all items when it sent this page. `None` if the operation has a cursor.
    pub count: Option<u64>,
    /// The cursor of the next page. `None` if there is none, or if the operation has page numbers.
    pub next_cursor: Option<String>,
    /// The items of the page.
    pub results: Vec<T>,
}

impl<T> Page<T> {
    /// Creates a page for tests.
    pub fn new(number: i64, count: impl Into<Option<u64>>, results: Vec<T>) -> Self {
        Self { number, count: count.into(), next_cursor: None, results }
    }
}

/// A stream of pages, which ends after an error.
pub struct Pages<T>(Source<T>);

enum Source<T> {
    Numbered(Box<NumberedPages<T>>),
    Feed(CursorPages<T>),
}

impl<T> From<NumberedPages<T>> for Pages<T> {
    fn from(pages: NumberedPages<T>) -> Self {
        Self(Source::Numbered(Box::new(pages)))
    }
}

impl<T> From<CursorPages<T>> for Pages<T> {
    fn from(pages: CursorPages<T>) -> Self {
        Self(Source::Feed(pages))
    }
}

impl<T: Send + 'static> Pages<T> {
    /// Returns the next page, or `None` at the end.
    ///
    /// # Errors
    /// The errors of the listing call, and [`Conflict`](crate::ErrorKind::Conflict) if items may have been missed; see
    /// [`strict`](crate::Pager::strict). The stream ends after an error.
    pub async fn next(&mut self) -> Option<Result<Page<T>, Error>> {
        std::future::poll_fn(|context| self.poll_page(context)).await
    }

    /// Returns the server's count of all items. `None` before the first page, or if the operation has a cursor.
    pub fn total(&self) -> Option<u64> {
        match &self.0 {
            Source::Numbered(pages) => pages.total(),
            Source::Feed(_) => None,
        }
    }

    fn poll_page(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Page<T>, Error>>> {
        match &mut self.0 {
            Source::Numbered(pages) => pages.poll_page(context),
            Source::Feed(pages) => pages.poll_page(context),
        }
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
        match &self.0 {
            Source::Numbered(pages) => f.debug_tuple("Pages").field(pages).finish(),
            Source::Feed(pages) => f.debug_tuple("Pages").field(pages).finish(),
        }
    }
}

/// A stream of items, which ends after an error.
pub struct Items<T> {
    pages: Pages<T>,
    page: std::vec::IntoIter<T>,
}

impl<T: Send + 'static> Items<T> {
    pub(super) fn new(pages: Pages<T>) -> Self {
        Self { pages, page: Vec::new().into_iter() }
    }

    /// Returns the next item, or `None` at the end.
    ///
    /// # Errors
    /// The errors of [`Pages::next`].
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        std::future::poll_fn(|context| self.poll_item(context)).await
    }

    /// Returns the server's count of all items. `None` before the first item, or if the operation has a cursor.
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
