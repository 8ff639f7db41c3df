//! Request bodies, with a deadline for slow clients.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::RequestMemory;

/// How long the rest of a body is read after the request has failed.
const DRAIN: Duration = Duration::from_secs(10);

/// A client that sends at least this many bytes per second never times out.
const MIN_BYTES_PER_SECOND: u64 = 500;

/// The same for a body that is kept in memory until it is complete. A slow client would otherwise keep the memory from others for
/// hours.
const MIN_HELD_BYTES_PER_SECOND: u64 = 50_000;

/// A request body that can still be read after the handler has dropped it. Clones read the same body.
///
/// A client that is still sending when the server responds and closes the connection may see a broken connection instead of the
/// response. The rest of the body is therefore drained before an error response is sent.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<State>>);

struct State {
    body: Incoming,
    /// Whether the client waits for `100 Continue` before it sends the body.
    expects_continue: bool,
    received: u64,
    /// When the body was first polled.
    started: Option<Instant>,
    /// How long the server waits for the client in total. Each received byte extends this.
    stall_timeout: Duration,
    /// Fires when the client should have sent more. Created when the body first has to wait.
    timer: Option<Pin<Box<Sleep>>>,
    too_slow: bool,
    memory: RequestMemory,
}

impl State {
    /// Completes when the client has been too slow.
    fn poll_too_slow(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(started) = self.started else { return Poll::Pending };
        loop {
            let rate = match self.memory.holds_body() {
                true => MIN_HELD_BYTES_PER_SECOND,
                false => MIN_BYTES_PER_SECOND,
            };
            let earned = Duration::from_millis(self.received.saturating_mul(1_000) / rate);
            // A deadline that overflows is never reached.
            let Some(deadline) = started.checked_add(self.stall_timeout.saturating_add(earned))
            else {
                return Poll::Pending;
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            // The deadline becomes earlier when the body begins to be kept in memory.
            if timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            ready!(timer.as_mut().poll(context));
            // Bytes received since the timer was set move the deadline.
            if timer.deadline() >= deadline {
                self.too_slow = true;
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }
}

/// An error reading a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(transparent)]
    Connection(#[from] hyper::Error),
    #[error("the request body was not received in time")]
    TooSlow,
}

impl RequestBody {
    pub(super) fn new(
        body: Incoming,
        expects_continue: bool,
        stall_timeout: Duration,
        memory: RequestMemory,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            body,
            expects_continue,
            received: 0,
            started: None,
            stall_timeout,
            timer: None,
            too_slow: false,
            memory,
        })))
    }

    pub(super) fn is_too_slow(&self) -> bool {
        self.with(|state| state.too_slow)
    }

    /// Returns how many bytes have been read so far.
    pub(crate) fn received(&self) -> u64 {
        self.with(|state| state.received)
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads and discards the rest of the body, for a limited time. Does nothing if the client still waits for `100 Continue`.
    pub(crate) async fn drain(&self) {
        if self.with(|state| state.expects_continue && state.started.is_none()) {
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
            state.started.get_or_insert_with(Instant::now);
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
