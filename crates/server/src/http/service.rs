//! Around every request: its id, what to do when a handler panics, what is left of its body, and what a fault does to its
//! reply.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use http::header::EXPECT;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use mistral_datasets_core_client::types::ErrorCode;
use uuid::Uuid;

use super::ApiError;
use crate::faults::Spoil;
use crate::line::Ending;

/// The header by which a reply can be found in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For so long a failed request may go on sending what nobody reads.
const DRAIN: Duration = Duration::from_secs(10);

/// Answers a request. A fault may end the connection instead.
pub(crate) async fn answer(
    routes: TowerToHyperService<Router>,
    request: Request<Incoming>,
    ending: &Ending,
) -> Response {
    let id = Uuid::now_v7();
    let span = tracing::debug_span!("request", %id, method = %request.method(), path = request.uri().path());
    let waits = request.headers().contains_key(EXPECT);
    let (mut parts, body) = request.into_parts();
    let body = RequestBody::new(body, waits);
    parts.extensions.insert(body.clone());
    let request = Request::from_parts(parts, body.clone());
    let handled = {
        let _entered = span.enter();
        AssertUnwindSafe(routes.call(request)).catch_unwind()
    };
    let mut response = match tracing::Instrument::instrument(handled, span.clone()).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            let _entered = span.enter();
            tracing::error!("a handler panicked");
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::UnknownError,
                "the server failed; its log says why",
            )
            .into_response()
        }
    };
    if is_failure(response.status()) {
        body.drain().await;
    }
    tracing::debug!(parent: &span, status = response.status().as_u16(), "answered");
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    match Spoil::taken(&mut response) {
        None => response,
        Some(spoil) => spoil.apply(response, ending).await,
    }
}

fn is_failure(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// A body that can still be read after the handler has let go of it.
///
/// A client that is still sending when the reply comes and the connection closes sees a broken connection and not the reply.
/// So before a failure is answered, what the client goes on sending is taken from it.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<State>>);

struct State {
    body: Incoming,
    /// The client waits to be told to send.
    waits: bool,
    begun: bool,
    received: u64,
}

impl RequestBody {
    fn new(body: Incoming, waits: bool) -> Self {
        Self(Arc::new(Mutex::new(State { body, waits, begun: false, received: 0 })))
    }

    /// The bytes that were read of it so far.
    pub(crate) fn received(&self) -> u64 {
        self.with(|state| state.received)
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what is left. A client that waits to be told to send, and was not, has nothing to send.
    pub(crate) async fn drain(&self) {
        if self.with(|state| state.waits && !state.begun) {
            return;
        }
        let mut rest = self.clone();
        let rest = async { while let Some(Ok(_)) = rest.frame().await {} };
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.with(|state| {
            state.begun = true;
            let frame = ready!(Pin::new(&mut state.body).poll_frame(context));
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                state.received += data.len() as u64;
            }
            Poll::Ready(frame)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|state| state.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|state| state.body.size_hint())
    }
}
