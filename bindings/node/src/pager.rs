//! Pagers over whole listings, a page at a time.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use mistral_datasets::{Error, Page, Pager};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::client::NativeClient;
use crate::failure::{Outcome, outcome};
use crate::options::size;
use crate::response::{Cross, Crossing, Response, cross};

/// How a listing is collected over; what is absent is the default.
#[napi(object, object_to_js = false)]
pub struct PagerOptions {
    /// How many results a page holds.
    pub page_size: Option<f64>,
    /// How many pages are fetched at a time.
    pub prefetch: Option<f64>,
    /// After how many items the pager ends.
    pub limit: Option<f64>,
    /// Whether the pager fails when items are missing at its end.
    pub strict: Option<bool>,
}

/// A pager.
#[napi]
pub struct NativePager {
    native: NativeClient,
    pages: Arc<Mutex<BoxStream<'static, Result<Response, Error>>>>,
    total: Box<dyn Fn() -> BoxFuture<'static, Result<u64, Error>> + Send + Sync>,
}

impl NativeClient {
    /// Begins a pager. Nothing is fetched yet.
    pub(crate) fn pager<T>(&self, pager: Pager<T>, options: PagerOptions) -> NativePager
    where
        T: Cross + Send + Sync + 'static,
    {
        let PagerOptions { page_size, prefetch, limit, strict } = options;
        let mut pager = pager.strict(strict.unwrap_or_default());
        if let Some(items) = page_size {
            pager = pager.page_size(size(items));
        }
        if let Some(pages) = prefetch {
            pager = pager.prefetch(size(pages));
        }
        if let Some(items) = limit {
            pager = pager.limit(size(items));
        }
        let counted = pager.clone();
        NativePager {
            native: self.share(),
            pages: Arc::new(Mutex::new(
                pager.pages().map(|page| page.map(|page| cross(&page))).boxed(),
            )),
            total: Box::new(move || {
                let pager = counted.clone();
                async move { pager.count().await }.boxed()
            }),
        }
    }
}

#[napi]
impl NativePager {
    /// Begins to fetch the next page; none comes at the end.
    #[napi]
    pub fn next(&self, call: u32) {
        let (native, pages) = (self.native.share(), self.pages.clone());
        self.native.settler().begin(call, async move {
            let mut pages = pages.lock().await;
            outcome(native.run(pages.next()).await.transpose())
        });
    }

    /// How many items the server counts now.
    #[napi]
    pub async fn count(&self) -> Outcome<f64> {
        outcome(self.native.run((self.total)()).await.map(|count| count as f64))
    }

    /// Stops what is being fetched.
    #[napi]
    pub fn stop(&self) {
        // Whoever waits for a page at this moment gets the error of a call that was cancelled.
        self.native.cancel();
        if let Ok(mut pages) = self.pages.try_lock() {
            *pages = futures::stream::empty().boxed();
        }
    }
}

impl<T: Cross> Cross for Page<T> {
    fn cross<'a>(&'a self, to: &mut Crossing<'a>) {
        self.number.cross(to);
        self.count.cross(to);
        self.results.cross(to);
    }
}
