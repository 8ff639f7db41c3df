//! What a fault does to a response on its way over the wire.

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

/// What a client may not have taken yet of a response that is reset is at most what systems hold for it, for which it is given
/// this time. A response smaller than [`TAKEN_AT_ONCE`] is in the client's own system as soon as it is sent.
const TAKING: Duration = Duration::from_millis(200);

/// The bytes that a system always takes for a program that does not read.
const TAKEN_AT_ONCE: u64 = 16 << 10;

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
                let long = bytes > TAKEN_AT_ONCE;
                if long {
                    connection.shrink_send_buffer();
                }
                let pause = if long { TAKING } else { Duration::ZERO };
                Some((bytes, Termination::Reset { pause }))
            }
            Some(Cut::Truncate(bytes)) => Some((bytes, Termination::Close)),
        };
        // Streamed contents of files have a header only to tell it.
        let size =
            response.body().size_hint().exact().or_else(|| content_length(response.headers()));
        if size == Some(0) {
            // Nobody asks for the body of a response that has none, so the connection ends behind the head.
            if let Some((_, end)) = cut {
                connection.request_termination(end);
            }
            return response;
        }
        response.map(|body| {
            Body::new(Spoiled {
                body,
                chunk: Bytes::new(),
                // A response that is shorter is cut behind its last byte.
                left: cut.map(|(bytes, _)| size.map_or(bytes, |size| size.min(bytes))),
                end: cut.map(|(_, end)| (connection.clone(), end)),
                drip: self.drip,
                pause: None,
            })
        })
    }
}

/// A body that is dripped or cut.
struct Spoiled {
    body: Body,
    /// What came of the body and was not handed out yet.
    chunk: Bytes,
    /// The bytes until the cut.
    left: Option<u64>,
    end: Option<(ConnectionControl, Termination)>,
    drip: Option<Drip>,
    /// Until the next drop.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Spoiled {
    /// Ends the connection behind what was handed out, if that is wanted.
    fn cut(&self) -> bool {
        if let Some((connection, end)) = &self.end {
            connection.request_termination(*end);
        }
        self.end.is_some()
    }
}

/// The connection ends before more is wanted. It looks at that when it is polled the next time.
fn cut_off<T>(context: &Context<'_>) -> Poll<T> {
    context.waker().wake_by_ref();
    Poll::Pending
}

impl HttpBody for Spoiled {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.left == Some(0) {
            this.cut();
            return cut_off(context);
        }
        while this.chunk.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.chunk = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None if this.cut() => return cut_off(context),
                end => return Poll::Ready(end),
            }
        }
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        let most = this.left.unwrap_or(u64::MAX).min(this.drip.map_or(u64::MAX, |drip| drip.bytes));
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(this.chunk.len());
        let data = this.chunk.split_to(length);
        if let Some(drip) = this.drip {
            this.pause = Some(Box::pin(tokio::time::sleep(drip.interval)));
        }
        if let Some(left) = &mut this.left {
            *left -= data.len() as u64;
            if *left == 0 {
                // Behind the last byte of the whole nobody would ask again.
                this.cut();
            }
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            // What is announced is the whole, although some of it may have come from the body already, or will never come.
            Some(size) => SizeHint::with_exact(size + self.chunk.len() as u64),
            None => SizeHint::default(),
        }
    }
}
