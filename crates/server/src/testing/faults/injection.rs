//! Faults that affect a response while it is sent: resets, truncation and slow bodies.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;

use super::rule::{Cut, Drip};
use crate::http::content_length;
use crate::net::{ConnectionControl, ResponseHook, Termination};

/// The pause before a reset, in which the client receives what is still buffered. A response of at most [`RECEIVE_BUFFER`] bytes
/// needs no pause: it is in the client's receive buffer as soon as it is sent.
const RESET_PAUSE: Duration = Duration::from_millis(200);

/// The number of bytes that operating systems receive even if the client does not read.
const RECEIVE_BUFFER: u64 = 16 << 10;

/// The faults to inject while a response is sent.
#[derive(Debug)]
pub(super) struct FaultInjection {
    pub(super) cut: Option<Cut>,
    pub(super) drip: Option<Drip>,
}

impl ResponseHook for FaultInjection {
    fn apply<'a>(
        &'a self,
        response: Response,
        connection: &'a ConnectionControl,
    ) -> BoxFuture<'a, Response> {
        Box::pin(self.inject(response, connection))
    }
}

impl FaultInjection {
    async fn inject(&self, response: Response, connection: &ConnectionControl) -> Response {
        let cut = match self.cut {
            None => None,
            Some(Cut::Reset(0)) => {
                return connection.terminate(Termination::Reset { pause: Duration::ZERO }).await;
            }
            Some(Cut::Reset(bytes)) => {
                let exceeds_buffer = bytes > RECEIVE_BUFFER;
                if exceeds_buffer {
                    connection.shrink_send_buffer();
                }
                let pause = if exceeds_buffer { RESET_PAUSE } else { Duration::ZERO };
                Some((bytes, Termination::Reset { pause }))
            }
            Some(Cut::Truncate(bytes)) => Some((bytes, Termination::Close)),
        };
        // Streamed file contents have no exact size hint, only a `Content-Length` header.
        let size =
            response.body().size_hint().exact().or_else(|| content_length(response.headers()));
        if size == Some(0) {
            // An empty body is never polled, so the connection is terminated after the head.
            if let Some((_, termination)) = cut {
                connection.request_termination(termination);
            }
            return response;
        }
        response.map(|body| {
            Body::new(FaultyBody {
                body,
                chunk: Bytes::new(),
                // A shorter response is cut after its last byte.
                remaining: cut.map(|(bytes, _)| size.map_or(bytes, |size| size.min(bytes))),
                termination: cut.map(|(_, termination)| (connection.clone(), termination)),
                drip: self.drip,
                pause: None,
            })
        })
    }
}

/// A body that is sent slowly or cut off.
struct FaultyBody {
    body: Body,
    /// Data of the inner body that is not returned yet.
    chunk: Bytes,
    /// The number of bytes until the cut.
    remaining: Option<u64>,
    termination: Option<(ConnectionControl, Termination)>,
    drip: Option<Drip>,
    /// The pause before the next chunk.
    pause: Option<Pin<Box<Sleep>>>,
}

impl FaultyBody {
    /// Terminates the connection after the data returned so far, if there is a cut. Returns whether there is one.
    fn cut(&self) -> bool {
        if let Some((connection, termination)) = &self.termination {
            connection.request_termination(*termination);
        }
        self.termination.is_some()
    }
}

/// Waits for the connection to terminate, which it does when it is polled next.
fn pending_termination<T>(context: &Context<'_>) -> Poll<T> {
    context.waker().wake_by_ref();
    Poll::Pending
}

impl HttpBody for FaultyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.remaining == Some(0) {
            this.cut();
            return pending_termination(context);
        }
        while this.chunk.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.chunk = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None if this.cut() => return pending_termination(context),
                end => return Poll::Ready(end),
            }
        }
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        let limit =
            this.remaining.unwrap_or(u64::MAX).min(this.drip.map_or(u64::MAX, |drip| drip.bytes));
        let length = usize::try_from(limit).unwrap_or(usize::MAX).min(this.chunk.len());
        let data = this.chunk.split_to(length);
        if let Some(drip) = this.drip {
            this.pause = Some(Box::pin(tokio::time::sleep(drip.interval)));
        }
        if let Some(remaining) = &mut this.remaining {
            *remaining -= data.len() as u64;
            if *remaining == 0 {
                // hyper does not poll again after the last byte announced by `Content-Length`.
                this.cut();
            }
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            // The full size is announced even if the body will be cut.
            Some(size) => SizeHint::with_exact(size + self.chunk.len() as u64),
            None => SizeHint::default(),
        }
    }
}
