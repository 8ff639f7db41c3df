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

/// For so long a failed request may go on sending what nobody reads.
const DRAIN: Duration = Duration::from_secs(10);

/// Who sends at least so much needs no patience.
const BYTES_PER_SECOND: u64 = 500;

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
    pub(super) fn new(body: Incoming, waits: bool, stall_timeout: Duration) -> Self {
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

    pub(super) fn is_too_slow(&self) -> bool {
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
