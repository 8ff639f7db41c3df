//! Responses as they came, beside what was made of them.

use std::fmt;
use std::future::IntoFuture;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::error::{Error, ErrorKind};

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
    /// The status, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The id that the server gave the request, for asking its operators.
    pub fn request_id(&self) -> Option<&str> {
        crate::seen::request_id(&self.headers)
    }

    /// The bytes of the body, as they were before anything was read from them (but not compressed any more).
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How long the call took, with all its attempts and the waits between them.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How often the request was sent.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

impl fmt::Debug for RawResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body holds conversations, and headers may hold cookies.
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
    static WANTED: Slot;
}

/// Hands over a response, if somebody asked for it.
pub(crate) fn offer(response: impl FnOnce() -> RawResponse) {
    let _ = WANTED
        .try_with(|slot| *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(response()));
}

/// Any call, with the response as it came beside its result.
pub trait WithResponse<T>: IntoFuture<Output = Result<T, Error>> + Sized {
    /// Sends the call and returns its result together with the raw response.
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
    /// As the call itself; an error carries the status, the request id and the beginning of the body. Calls that are more than one
    /// request, such as pagers and transfers, have no one response: for them it is a [`Validation`](crate::ErrorKind::Validation) that
    /// comes when they are done.
    fn with_response(self) -> impl Future<Output = Result<(T, RawResponse), Error>> + Send
    where
        Self::IntoFuture: Send,
        T: Send,
    {
        let call = self.into_future();
        async move {
            let slot = Slot::default();
            let value = WANTED.scope(slot.clone(), call).await?;
            let response = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let response = response.ok_or_else(|| {
                Error::new(
                    ErrorKind::Validation,
                    "this call has no one response that could be shown",
                )
            })?;
            Ok((value, response))
        }
    }
}

impl<C: IntoFuture<Output = Result<T, Error>>, T> WithResponse<T> for C {}
