//! Raw responses, for callers that need the status, headers or body in addition to the decoded result.
//!
//! [`WithResponse`] is implemented for every call that sends a single request, and only has access to the call's future. It
//! therefore sets a task-local, in which the transport stores the response.

use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;

use super::failed_response;
use crate::error::Error;

/// A successful response as the server sent it.
#[derive(Clone)]
pub struct RawResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) elapsed: Duration,
    pub(crate) attempts: u32,
}

impl RawResponse {
    /// Creates the response of a call with one attempt, for tests.
    ///
    /// ```
    /// use mistral_datasets::RawResponse;
    ///
    /// let response = RawResponse::new(http::Response::new("{}".into()));
    /// assert_eq!((response.status(), response.attempts(), &response.body()[..]), (200, 1, &b"{}"[..]));
    /// ```
    pub fn new(response: http::Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let (status, elapsed) = (parts.status.as_u16(), Duration::ZERO);
        Self { status, headers: parts.headers, body, elapsed, attempts: 1 }
    }

    /// Returns the status code, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the request id that the server assigned. Include it when you report a problem.
    pub fn request_id(&self) -> Option<&str> {
        failed_response::request_id(&self.headers)
    }

    /// Returns the body, decompressed but not otherwise processed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns how long the call took, including all attempts and the delays between them.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the number of attempts.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl fmt::Debug for RawResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body contains conversations, and headers may contain cookies.
        f.debug_struct("RawResponse")
            .field("status", &self.status)
            .field("request_id", &self.request_id())
            .field("body_bytes", &self.body.len())
            .field("elapsed", &self.elapsed)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

type Slot = Arc<Mutex<Option<RawResponse>>>;

tokio::task_local! {
    static REQUESTED: Slot;
}

/// Stores a response if the caller asked for it with [`WithResponse::with_response`].
pub(crate) fn store_if_requested(response: impl FnOnce() -> RawResponse) {
    let _ = REQUESTED
        .try_with(|slot| *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(response()));
}

/// A call whose future sends a single request, in the task that polls it.
pub trait SingleRequest {}

/// Returns the raw response of a call in addition to its result. Implemented for every call that sends a single request;
/// pagers, waits, transfers and bulk calls send several and have no single response.
pub trait WithResponse<T>: IntoFuture<Output = Result<T, Error>> + SingleRequest + Sized {
    /// Sends the call and returns its result and the raw response.
    ///
    /// If the response to a deletion was lost and the resource is gone at the next attempt, the raw response is that of the
    /// next attempt, with status 404.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::WithResponse;
    ///
    /// let (page, response) = client.datasets().list().with_response().await?;
    /// println!("{} datasets, request {:?}", page.datasets.count, response.request_id());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of the call itself, which contain the status, the request id and the start of the body.
    fn with_response(self) -> BoxFuture<'static, Result<(T, RawResponse), Error>>
    where
        Self::IntoFuture: Send + 'static,
        T: Send + 'static,
    {
        let call = self.into_future();
        Box::pin(async move {
            let slot = Slot::default();
            let value = REQUESTED.scope(slot.clone(), call).await?;
            let response = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            Ok((value, response.expect("a successful call has a response")))
        })
    }
}

impl<C: IntoFuture<Output = Result<T, Error>> + SingleRequest, T> WithResponse<T> for C {}
