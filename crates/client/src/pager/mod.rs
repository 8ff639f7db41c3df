//! Iterates over paginated listings.
//!
//! - `position`: which page to read next while items are deleted
//! - `recent_ids`: the items that were read last, for dropping duplicates
//! - `numbered`: fetching numbered pages
//! - `feed`: fetching pages by cursor
//! - `pages`: yielding the pages of both kinds, and their items

mod feed;
mod numbered;
mod pages;
mod position;
mod recent_ids;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::error::{Error, ErrorKind};

pub use feed::FeedPager;
pub(crate) use feed::FetchedFeed;
use numbered::NumberedPages;
pub use pages::{Items, Page, Pages};
pub(crate) use recent_ids::ItemId;

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
/// The listing may change during iteration:
///
/// - Items that have moved to a later page are not yielded twice.
/// - If the server's count falls, items were deleted and others may have moved to an earlier page. The pager then reads those
///   pages again and drops the items that it has yielded, so a loop that deletes what it receives reaches every item.
/// - If the pager cannot be sure to have reached all remaining items, it ends with a
///   [`Conflict`](ErrorKind::Conflict) error; see [`strict`](Self::strict). That is the case if it would have to go back more than
///   10,000 items, or before its first page.
/// - Deletions that are outweighed by insertions do not lower the count, and are not detected.
///
/// If the server announces further pages but keeps repeating items, the pager ends.
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
    identity: fn(&T) -> ItemId,
    first_page: i64,
    page_size: i64,
    prefetch: usize,
    limit: Option<i64>,
    strict: Option<bool>,
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
        identity: fn(&T) -> ItemId,
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
            strict: None,
        }
    }

    /// Sets the page size, 1 to 100 items. Default: 100.
    pub fn page_size(mut self, page_size: i64) -> Self {
        self.page_size = page_size;
        self
    }

    /// Sets how many pages are fetched concurrently, 1 to 64. With 1, each page is fetched when it is polled. Default: 8.
    pub fn prefetch(mut self, pages: usize) -> Self {
        self.prefetch = pages;
        self
    }

    /// Sets the maximum number of items. Pages beyond it are not fetched. Default: no limit.
    pub fn limit(mut self, items: i64) -> Self {
        self.limit = Some(items);
        self
    }

    /// Sets when the pager ends with a [`Conflict`](ErrorKind::Conflict) error. By default it does if items were deleted and it
    /// cannot be sure that it reached all others. With `true`, it also does at the end if the number of items differs from the
    /// server's count, or is less than the count if items were deleted. With `false`, it never does, and items may be missed.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
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
            page_size = page_size.min(limit.max(1));
        }
        NumberedPages::new(Pager { page_size, ..self }).into()
    }

    /// Returns a stream of items.
    pub fn items(self) -> Items<T> {
        Items::new(self.pages())
    }

    /// Returns an error if a setting is out of range.
    fn invalid_settings(&self) -> Option<Error> {
        let problem = if let Some(problem) = invalid_sizes(self.page_size, self.limit) {
            problem
        } else if !(1..=MAX_PREFETCH).contains(&self.prefetch) {
            format!("prefetch: expected 1 to {MAX_PREFETCH}, found {}", self.prefetch)
        } else {
            return None;
        };
        Some(invalid(problem))
    }
}

/// Describes what is wrong with a page size or a limit, if anything is.
fn invalid_sizes(page_size: i64, limit: Option<i64>) -> Option<String> {
    if !(1..=100).contains(&page_size) {
        return Some(format!("page_size: expected 1 to 100, found {page_size}"));
    }
    limit
        .filter(|limit| *limit < 0)
        .map(|limit| format!("limit: expected at least 0, found {limit}"))
}

/// Returns the error for an invalid setting.
fn invalid(problem: String) -> Error {
    let error = Error::new(ErrorKind::Validation, problem);
    error.with_code(Some("VALIDATION_ERROR".to_owned()))
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
