//! Handles one request: request id, limits, timeout, panics, metrics and the request log.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, EXPECT, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use mistral_datasets_types::ErrorCode;
use tokio::time::Instant;

use super::NetContext;
use super::address_limits::Client;
use super::connection::ConnectionControl;
use super::request_body::RequestBody;
use crate::http::{
    ApiError, InvalidKey, REQUEST_ID, RequestMemory, RequestName, UNCOUNTED_BYTES, content_length,
    request_id,
};

/// The most that a connection buffers of a streamed response, in bytes: hyper's write buffer and one more chunk.
const BUFFERED_BYTES: u64 = 512 << 10;

/// Changes a response just before it is sent, after the request was logged.
///
/// A handler or middleware requests it by adding an `Arc<dyn ResponseHook>` to the response's extensions.
pub(crate) trait ResponseHook: Send + Sync {
    /// Returns the response to send. Nothing is awaited between this and sending the response's head.
    fn apply<'a>(
        &'a self,
        response: Response,
        connection: &'a ConnectionControl,
    ) -> BoxFuture<'a, Response>;
}

/// Handles a request. A response hook may close the connection instead.
pub(super) async fn handle(
    routes: TowerToHyperService<Router>,
    request: Request<Incoming>,
    client: Option<Client>,
    context: &NetContext,
    connection: &ConnectionControl,
) -> Response {
    let NetContext { limiter, addresses, cors, metrics } = context;
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let span = tracing::debug_span!("request", ?id, %method, path = request.uri().path());
    let name = RequestName::default();
    let expects_continue = request.headers().contains_key(EXPECT);
    let origin = cors.origin(request.headers());
    let (mut parts, body) = request.into_parts();
    let memory = limiter.memory.request();
    let body =
        RequestBody::new(body, expects_continue, limiter.limits.stall_timeout, memory.clone());
    let handling = async {
        let _slot = match limiter.request(&parts) {
            Ok(slot) => slot,
            Err(rejection) => return Ok(Err(rejection)),
        };
        if parts.headers.contains_key(AUTHORIZATION)
            && let Some(remaining) = addresses.blocked(client, Instant::now().into_std())
        {
            let message =
                "too many requests with an invalid API key from this address; try again later";
            return Ok(Err(ApiError::too_many(message, remaining)));
        }
        parts.extensions.insert(body.clone());
        parts.extensions.insert(memory.clone());
        parts.extensions.insert(name.clone());
        let request = Request::from_parts(parts, body.clone());
        let handling = {
            let _entered = span.enter();
            AssertUnwindSafe(routes.call(request)).catch_unwind()
        };
        match with_timeout(limiter.limits.request_timeout, &body, handling).await {
            Some(Ok(Ok(response))) => Ok(count_response(response, &method, &memory).await),
            Some(Ok(Err(never))) => match never {},
            Some(Err(panic)) => Err(panic),
            None => Ok(Err(ApiError::timed_out())),
        }
    };
    let result = match tracing::Instrument::instrument(handling, span.clone()).await {
        // The handler saw a truncated body, so its response does not matter.
        Ok(_) if body.is_too_slow() => Err(ApiError::too_slow("the request body")),
        Ok(result) => result,
        Err(_) => {
            let _entered = span.enter();
            tracing::error!("a handler panicked");
            Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::UnknownError,
                "internal server error; see the server's log for the cause",
            ))
        }
    };
    let mut response = match result {
        Ok(response) => response,
        // The router adds CORS headers to its own responses; this one did not come from it.
        Err(error) => cors.allow(origin, error.into_response()).await,
    };
    if response.extensions_mut().remove::<InvalidKey>().is_some() {
        addresses.key_failed(client, Instant::now().into_std());
    }
    if is_error(response.status()) && !body.is_too_slow() {
        body.drain().await;
    }
    let (operation, status, elapsed) = (name.get(), response.status().as_u16(), started.elapsed());
    metrics.request_handled(operation, status, elapsed);
    // Paths and queries may contain secrets, so neither is logged.
    tracing::info!(
        target: "mistral_datasets_server::requests",
        %method,
        operation,
        status,
        elapsed_ms = elapsed.as_micros() as f64 / 1000.0,
        request_id = id.to_str().unwrap_or_default(),
        "request handled"
    );
    response.headers_mut().insert(REQUEST_ID, id);
    // Uploaded content must not be interpreted as anything but its declared type.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let hook = response.extensions_mut().remove::<Arc<dyn ResponseHook>>();
    let response = match hook {
        None => response,
        Some(hook) => hook.apply(response, connection).await,
    };
    let connection = connection.clone();
    let memory = memory.is_reserved().then_some(memory);
    response.map(|body| axum::body::Body::new(ResponseBody { body, connection, memory }))
}

/// Adjusts the reservation of a request to the size of its response, or to what is buffered of it if it is streamed.
async fn count_response(
    response: Response,
    method: &Method,
    memory: &RequestMemory,
) -> Result<Response, ApiError> {
    let Some(bytes) = response.body().size_hint().exact() else {
        let bytes = content_length(response.headers()).unwrap_or(u64::MAX).min(BUFFERED_BYTES);
        if bytes > UNCOUNTED_BYTES {
            memory.reserve(bytes).await?;
        }
        return Ok(response);
    };
    let counted = if bytes > UNCOUNTED_BYTES { bytes } else { 0 };
    if method.is_safe() {
        memory.reserve(counted).await?;
    } else {
        // The request has been executed, so its response must not be an error.
        memory.reserve_available(counted);
    }
    memory.release_all_but(counted);
    Ok(response)
}

/// A response body that reports to the connection when it is dropped, which hyper does once it has read all of it.
struct ResponseBody {
    body: axum::body::Body,
    connection: ConnectionControl,
    /// What the request has reserved, if anything.
    memory: Option<RequestMemory>,
}

/// A chunk of a response, with the reservation that it belongs to. hyper drops it when the client has received it.
struct CountedChunk {
    data: Bytes,
    _memory: RequestMemory,
}

impl AsRef<[u8]> for CountedChunk {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(memory) = &self.memory else { return Poll::Ready(frame) };
        let count = |data| Bytes::from_owner(CountedChunk { data, _memory: memory.clone() });
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(count))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.connection.response_complete();
    }
}

/// Returns the result of `work`, or `None` if it takes longer than `timeout`. The time starts over whenever part of the request
/// body was received.
async fn with_timeout<T>(
    timeout: Duration,
    body: &RequestBody,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut received = body.received();
    loop {
        if let Ok(result) = tokio::time::timeout(timeout, work.as_mut()).await {
            return Some(result);
        }
        // Slow bodies have their own limit, the stall timeout.
        if body.received() == std::mem::replace(&mut received, body.received()) {
            return None;
        }
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
