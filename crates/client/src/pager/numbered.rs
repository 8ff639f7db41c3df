//! Fetches numbered pages, several at the same time.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

use super::position::{Position, Step};
use super::recent_ids::RecentIds;
use super::{FetchedPage, Page, Pager};
use crate::error::{Error, ErrorKind};

/// The numbered pages of a listing.
pub(super) struct NumberedPages<T> {
    pager: Pager<T>,
    /// The number of the next page to request.
    next_number: i64,
    /// The pages being fetched, in order.
    requested: VecDeque<AbortOnDropHandle<Result<FetchedPage<T>, Error>>>,
    recent: RecentIds,
    position: Position,
    /// How many more items to yield, if there is a limit.
    remaining: Option<i64>,
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

impl<T: Send + 'static> NumberedPages<T> {
    pub(super) fn new(pager: Pager<T>) -> Self {
        Self {
            next_number: pager.first_page,
            remaining: pager.limit,
            requested: VecDeque::new(),
            recent: RecentIds::default(),
            position: Position::new(pager.first_page, pager.page_size),
            yielded: 0,
            pages_without_new_items: 0,
            count_decreased: false,
            ended: false,
            final_error: None,
            pager,
        }
    }

    /// Returns the server's count of all items, or `None` before the first page.
    pub(super) fn total(&self) -> Option<u64> {
        self.position.count().map(|count| count.try_into().unwrap_or(0))
    }

    pub(super) fn poll_page(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Page<T>, Error>>> {
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
            let result = fetched.and_then(|fetched| self.receive(number, fetched));
            match result {
                Ok(Some(page)) if !page.results.is_empty() => return Poll::Ready(Some(Ok(page))),
                // All items of the page are duplicates, or the pager goes back.
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
        let count = self.position.count();
        let pages = count.map_or(0, |count| count / size + i64::from(count % size > 0));
        while self.requested.is_empty()
            || (self.requested.len() < self.pager.prefetch
                && self.next_number <= pages
                && self
                    .remaining
                    .is_none_or(|remaining| self.requested.len() as i64 * size < remaining))
        {
            let page = (self.pager.fetch)(self.next_number, size);
            // Keep the caller's span and subscriber for the spawned request.
            let page = page.in_current_span().with_current_subscriber();
            self.requested.push_back(AbortOnDropHandle::new(tokio::spawn(page)));
            self.next_number = self.next_number.saturating_add(1);
        }
    }

    /// Receives a page. Returns `None` if the pager goes back to an earlier page.
    fn receive(&mut self, number: i64, fetched: FetchedPage<T>) -> Result<Option<Page<T>>, Error> {
        let count = self.position.count();
        self.count_decreased |= count.is_some_and(|before| fetched.count < before);
        let earlier_page = match self.position.step(number, fetched.count) {
            Step::Accept => None,
            Step::GoBack(page) => Some(page),
            Step::Lost(page) if self.pager.strict == Some(false) => page,
            Step::Lost(_) => return Err(items_lost()),
        };
        let Some(page) = earlier_page else { return Ok(Some(self.accept(number, fetched))) };
        // The pages that are being fetched come after the unread items.
        self.requested.clear();
        self.next_number = page;
        Ok(None)
    }

    /// Accepts a page: drops duplicates and decides whether it is the last page.
    fn accept(&mut self, number: i64, fetched: FetchedPage<T>) -> Page<T> {
        let FetchedPage { mut results, count, next } = fetched;
        let empty = results.is_empty();
        let identity = self.pager.identity;
        results.retain(|item| self.recent.insert(identity(item)));
        let is_reread = self.position.is_reread(number);
        self.position.accept(number, !results.is_empty());
        if let Some(remaining) = &mut self.remaining {
            results.truncate(usize::try_from(*remaining).unwrap_or(usize::MAX));
            *remaining -= results.len() as i64;
        }
        self.yielded += results.len() as u64;
        if !results.is_empty() {
            self.pages_without_new_items = 0;
        } else if !is_reread {
            self.pages_without_new_items += 1;
        }

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
        Page { number, count: Some(count), next_cursor: None, results }
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
        let count = u64::try_from(count).unwrap_or(0);
        // After deletions, the count lacks items that were yielded before.
        let is_complete = if self.count_decreased { total >= count } else { total == count };
        if self.pager.strict != Some(true) || is_complete {
            return None;
        }
        let message = format!(
            "the listing changed during iteration: got {total} items, but the server counts {count}"
        );
        Some(Error::new(ErrorKind::Conflict, message))
    }
}

fn items_lost() -> Error {
    let message = "items were deleted during iteration, and others may have been missed";
    Error::new(ErrorKind::Conflict, message).with_hint(
        "collect the items before deleting any, or set `strict` to false to accept missing items",
    )
}

impl<T> fmt::Debug for NumberedPages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberedPages")
            .field("pager", &self.pager)
            .field("yielded", &self.yielded)
            .finish()
    }
}
