//! Around every request: its id, what to do when a handler panics, what is left of its body, and what a fault does to its
//! response.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt;
use http::header::EXPECT;
use http::{Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use mistral_datasets_types::ErrorCode;
use tokio::time::{Instant, Sleep, sleep_until};

use super::ApiError;
use super::named::{Named, REQUEST_ID, request_id};
use crate::faults::Spoil;
use crate::limits::Gate;
use crate::line::Ending;

/// For so long a failed request may go on sending what nobody reads.
const DRAIN: Duration = Duration::from_secs(10);

/// Who sends at least so much needs no patience.
const BYTES_PER_SECOND: u64 = 500;

/// Answers a request. A fault may end the connection instead.
pub(crate) async fn answer(
    routes: TowerToHyperService<Router>,
    request: Request<Incoming>,
    gate: &Gate,
    ending: &Ending,
) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let span = tracing::debug_span!("request", ?id, %method, path = request.uri().path());
    let named = Named::default();
    let waits = request.headers().contains_key(EXPECT);
    let page = gate.cors.page(request.headers());
    let (mut parts, body) = request.into_parts();
    let body = RequestBody::new(body, waits, gate.limits.stall_timeout);
    let handled = async {
        let _turn = match gate.request(&parts) {
            Ok(turn) => turn,
            Err(refusal) => return Ok(Err(refusal)),
        };
        parts.extensions.insert(body.clone());
        parts.extensions.insert(named.clone());
        let request = Request::from_parts(parts, body.clone());
        let handled = {
            let _entered = span.enter();
            AssertUnwindSafe(routes.call(request)).catch_unwind()
        };
        match within(gate.limits.request_timeout, &body, handled).await {
            Some(Ok(Ok(response))) => Ok(Ok(response)),
            Some(Ok(Err(never))) => match never {},
            Some(Err(panic)) => Err(panic),
            None => Ok(Err(ApiError::took_too_long())),
        }
    };
    let handled = match tracing::Instrument::instrument(handled, span.clone()).await {
        // Whatever the handler made of it.
        Ok(_) if body.came_too_slowly() => Err(ApiError::too_slow("the body")),
        Ok(handled) => handled,
        Err(_) => {
            let _entered = span.enter();
            tracing::error!("a handler panicked");
            Err(ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::UnknownError,
                "the server failed; its log says why",
            ))
        }
    };
    let mut response = match handled {
        Ok(response) => response,
        // The routes let a page read what comes from them; this does not.
        Err(refusal) => gate.cors.on(page, refusal.into_response()).await,
    };
    if is_failure(response.status()) && !body.came_too_slowly() {
        body.drain().await;
    }
    let (operation, status, elapsed) = (named.get(), response.status().as_u16(), begun.elapsed());
    gate.metrics.answered(operation, status, elapsed);
    // What a path or a query says may be a secret, so a line has none of it.
    tracing::info!(
        target: "mistral_datasets_server::requests",
        %method,
        operation,
        status,
        elapsed_ms = elapsed.as_micros() as f64 / 1000.0,
        request_id = id.to_str().unwrap_or_default(),
        "answered"
    );
    response.headers_mut().insert(REQUEST_ID, id);
    let response = match Spoil::taken(&mut response) {
        None => response,
        Some(spoil) => spoil.apply(response, ending).await,
    };
    let ending = ending.clone();
    response.map(|body| axum::body::Body::new(ResponseBody { body, ending }))
}

/// The body of a response, which tells when all of it was handed over: then it is let go.
struct ResponseBody {
    body: axum::body::Body,
    ending: Ending,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
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
        self.ending.answered();
    }
}

/// What work comes to, unless that takes longer than this from the last that came of the request's body.
async fn within<T>(time: Duration, body: &RequestBody, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut received = body.received();
    loop {
        if let Ok(done) = tokio::time::timeout(time, work.as_mut()).await {
            return Some(done);
        }
        // How slowly a body may come has a limit of its own.
        if body.received() == std::mem::replace(&mut received, body.received()) {
            return None;
        }
    }
}

fn is_failure(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// A body that can still be read after the handler has let go of it.
///
/// A client that is still sending when the response comes and the connection closes sees a broken connection and not the response.
/// So before a failure is answered, what the client goes on sending is taken from it.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<State>>);

struct State {
    body: Incoming,
    /// The client waits to be told to send.
    waits: bool,
    received: u64,
    begun: Option<Instant>,
    /// How long the client may keep the server waiting in all, beside what it gains by sending.
    stall_timeout: Duration,
    /// Goes off when the client should have sent more. There is none until something has to be waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    too_slow: bool,
}

impl State {
    /// Whether the client may be waited for no longer.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(begun) = self.begun else { return Poll::Pending };
        loop {
            let gained =
                Duration::from_millis(self.received.saturating_mul(1_000) / BYTES_PER_SECOND);
            // So late a time never comes.
            let Some(deadline) = begun.checked_add(self.stall_timeout.saturating_add(gained))
            else {
                return Poll::Pending;
            };
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            ready!(alarm.as_mut().poll(context));
            // What came since the alarm was set moves it.
            if alarm.deadline() >= deadline {
                self.too_slow = true;
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    #[error("the body did not come in time")]
    TooSlow,
}

impl RequestBody {
    fn new(body: Incoming, waits: bool, stall_timeout: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            body,
            waits,
            received: 0,
            begun: None,
            stall_timeout,
            alarm: None,
            too_slow: false,
        })))
    }

    fn came_too_slowly(&self) -> bool {
        self.with(|state| state.too_slow)
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
        if self.with(|state| state.waits && state.begun.is_none()) {
            return;
        }
        let mut rest = self.clone();
        let rest = async { while let Some(Ok(_)) = rest.frame().await {} };
        let _ = tokio::time::timeout(DRAIN, rest).await;
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.with(|state| {
            state.begun.get_or_insert_with(Instant::now);
            let Poll::Ready(frame) = Pin::new(&mut state.body).poll_frame(context) else {
                ready!(state.poll_too_slow(context));
                return Poll::Ready(Some(Err(BodyError::TooSlow)));
            };
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                state.received += data.len() as u64;
            }
            Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|state| state.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|state| state.body.size_hint())
    }
}
