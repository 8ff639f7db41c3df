//! Pagers over listings. JavaScript requests them page by page.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use mistral_datasets::{Error, FeedPager, Page, Pager, Pages};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::client::NativeClient;
use crate::encode::{Encode, EncodedResponse, Encoder, encode};
use crate::failure::{CallResult, call_result};
use crate::options::{to_i64, to_usize};

/// Options of a pager. Missing ones keep their defaults.
#[napi(object, object_to_js = false)]
pub struct PagerOptions {
    /// Items per page.
    pub page_size: Option<f64>,
    /// Pages requested concurrently.
    pub prefetch: Option<f64>,
    /// Number of items after which the pager ends.
    pub limit: Option<f64>,
    /// When to fail because items may have been missed.
    pub strict: Option<bool>,
}

/// Options of a pager over pages with cursors. Missing ones keep their defaults.
#[napi(object, object_to_js = false)]
pub struct FeedOptions {
    /// Items per page.
    pub page_size: Option<f64>,
    /// Number of items after which the pager ends.
    pub limit: Option<f64>,
}

/// Requests the server's item count.
type Count = Box<dyn Fn() -> BoxFuture<'static, Result<u64, Error>> + Send + Sync>;

/// A pager.
#[napi]
pub struct NativePager {
    native: NativeClient,
    pages: Mutex<BoxStream<'static, Result<EncodedResponse, Error>>>,
    /// `None` if the operation has no count.
    count: Option<Count>,
}

impl NativeClient {
    /// Creates a pager. No request is sent yet.
    pub(crate) fn pager<T>(&self, mut pager: Pager<T>, options: PagerOptions) -> NativePager
    where
        T: Encode + Send + Sync + 'static,
    {
        let PagerOptions { page_size, prefetch, limit, strict } = options;
        if let Some(strict) = strict {
            pager = pager.strict(strict);
        }
        if let Some(items) = page_size {
            pager = pager.page_size(to_i64(items));
        }
        if let Some(pages) = prefetch {
            pager = pager.prefetch(to_usize(pages));
        }
        if let Some(items) = limit {
            pager = pager.limit(to_i64(items));
        }
        let counter = pager.clone();
        self.native_pager(
            pager.pages(),
            Some(Box::new(move || {
                let pager = counter.clone();
                async move { pager.count().await }.boxed()
            })),
        )
    }

    /// Creates a pager over pages with cursors. No request is sent yet.
    pub(crate) fn feed_pager<T>(&self, mut pager: FeedPager<T>, options: FeedOptions) -> NativePager
    where
        T: Encode + Send + Sync + 'static,
    {
        let FeedOptions { page_size, limit } = options;
        if let Some(items) = page_size {
            pager = pager.page_size(to_i64(items));
        }
        if let Some(items) = limit {
            pager = pager.limit(to_i64(items));
        }
        self.native_pager(pager.pages(), None)
    }

    fn native_pager<T>(&self, pages: Pages<T>, count: Option<Count>) -> NativePager
    where
        T: Encode + Send + Sync + 'static,
    {
        NativePager {
            native: self.clone(),
            pages: Mutex::new(pages.map(|page| page.map(|page| encode(&page))).boxed()),
            count,
        }
    }
}

#[napi]
impl NativePager {
    /// Returns the next page, or `undefined` after the last one.
    #[napi]
    pub async fn next(&self) -> CallResult<Option<EncodedResponse>> {
        let mut pages = self.pages.lock().await;
        call_result(self.native.run(pages.next()).await.transpose())
    }

    /// Returns the server's current item count.
    #[napi]
    pub async fn count(&self) -> napi::Result<CallResult<f64>> {
        let count = self.count.as_ref();
        let count = count.ok_or_else(|| napi::Error::from_reason("the operation has no count"))?;
        Ok(call_result(self.native.run(count()).await.map(|count| count as f64)))
    }

    /// Cancels requests in flight and drops prefetched pages.
    #[napi]
    pub fn stop(&self) {
        // A concurrent `next` holds the lock; it fails with the cancellation.
        self.native.cancel();
        if let Ok(mut pages) = self.pages.try_lock() {
            *pages = futures::stream::empty().boxed();
        }
    }
}

impl<T: Encode> Encode for Page<T> {
    fn encode<'a>(&'a self, encoder: &mut Encoder<'a>) {
        self.number.encode(encoder);
        self.count.encode(encoder);
        self.next_cursor.encode(encoder);
        self.results.encode(encoder);
    }
}
