//! The socket of a connection. A fault can terminate it in the middle of a response.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::StatusCode;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::ApiError;

/// How a connection is terminated early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Termination {
    /// By an orderly shutdown, even in the middle of a response.
    Close,
    /// By a TCP reset after a pause. A reset discards everything still in the send buffer, so the client needs time to receive
    /// what was sent before it.
    Reset {
        /// How long to wait before the reset.
        pause: Duration,
    },
}

/// The size of the send buffer, in bytes, of a connection that will be reset. By default the system buffers megabytes, and the
/// reset would discard all of it if the client reads slowly.
const SMALL_SEND_BUFFER: usize = 32 << 10;

/// Controls a connection from the code that handles its requests. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionControl(Arc<State>);

#[derive(Debug, Default)]
struct State {
    termination: OnceLock<Termination>,
    has_small_buffer: AtomicBool,
    request_started: AtomicBool,
    response_complete: AtomicBool,
}

impl ConnectionControl {
    /// Shrinks the send buffer, so that a later reset discards little.
    pub(crate) fn shrink_send_buffer(&self) {
        self.0.has_small_buffer.store(true, Ordering::Relaxed);
    }

    /// Marks the start of a request. Until its response is flushed, everything sent comes from this server and not from hyper.
    pub(crate) fn request_started(&self) {
        self.0.response_complete.store(false, Ordering::Relaxed);
        self.0.request_started.store(true, Ordering::Relaxed);
    }

    /// Marks the response as completely passed to hyper. The next flush sends the rest of it.
    pub(crate) fn response_complete(&self) {
        self.0.response_complete.store(true, Ordering::Relaxed);
    }

    /// Handles a completed flush.
    fn flushed(&self) {
        if self.0.response_complete.swap(false, Ordering::Relaxed) {
            self.0.request_started.store(false, Ordering::Relaxed);
        }
    }

    /// Terminates the connection once everything written so far is sent. The caller must wake the connection's task afterwards if
    /// it may be idle.
    pub(crate) fn request_termination(&self, termination: Termination) {
        // The first request wins.
        let _ = self.0.termination.set(termination);
    }

    /// Terminates the connection from within its own task. Never returns.
    pub(crate) async fn terminate<T>(&self, termination: Termination) -> T {
        self.request_termination(termination);
        // The connection checks for termination when it is polled next.
        tokio::task::yield_now().await;
        std::future::pending().await
    }
}

/// A socket that can be terminated through its [`ConnectionControl`], and that times out clients that stop reading.
///
/// hyper writes everything it has and then flushes, so termination takes effect in a flush: at that point exactly the bytes
/// written before it have been sent.
pub(crate) struct Connection {
    stream: TcpStream,
    control: ConnectionControl,
    pause: Option<Pin<Box<Sleep>>>,
    has_small_buffer: bool,
    /// The unsent rest of a response that replaces one of hyper's.
    replacement: Option<Bytes>,
    /// How long the client may read nothing.
    stall_timeout: Duration,
    stall: Stall,
}

/// Whether the client has stopped reading.
enum Stall {
    None,
    /// The client reads again. The timer is kept for reuse.
    Ended(Pin<Box<Sleep>>),
    /// The client reads nothing; the timer fires when it has stalled for too long.
    Ongoing(Pin<Box<Sleep>>),
}

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        control: ConnectionControl,
        stall_timeout: Duration,
    ) -> Self {
        let (pause, replacement, stall) = (None, None, Stall::None);
        Self { stream, control, pause, has_small_buffer: false, replacement, stall_timeout, stall }
    }

    /// Returns the result of a write, or an error if the client has not read anything for too long.
    fn check_stalled(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stall = std::mem::replace(&mut self.stall, Stall::None);
        if written.is_ready() {
            if let Stall::Ongoing(timer) | Stall::Ended(timer) = stall {
                self.stall = Stall::Ended(timer);
            }
            return written;
        }
        let Some(deadline) = Instant::now().checked_add(self.stall_timeout) else {
            return Poll::Pending;
        };
        let mut timer = match stall {
            Stall::Ongoing(timer) => timer,
            Stall::None => Box::pin(sleep_until(deadline)),
            Stall::Ended(mut timer) => {
                timer.as_mut().reset(deadline);
                timer
            }
        };
        if timer.as_mut().poll(context).is_ready() {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading");
            return Poll::Ready(Err(error));
        }
        self.stall = Stall::Ongoing(timer);
        Poll::Pending
    }

    /// Returns the response to send instead of a rejection that hyper writes by itself.
    ///
    /// If hyper writes while no request is being handled, it rejects a request head that it cannot parse. Its response has no body,
    /// so it is replaced by the API's error response.
    fn rejection(&self, head: &[u8]) -> Option<Bytes> {
        if self.control.0.request_started.load(Ordering::Relaxed) {
            return None;
        }
        let status = StatusCode::from_bytes(head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
        Some(ApiError::malformed_request(status).into_raw_response().into())
    }

    /// Writes a replacement. Reports the `length` bytes that it replaces as written.
    fn poll_replacement(
        &mut self,
        mut replacement: Bytes,
        length: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        while !replacement.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &replacement) {
                Poll::Ready(written) => replacement.advance(written?),
                Poll::Pending => {
                    self.replacement = Some(replacement);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(length))
    }

    fn apply_send_buffer(&mut self) {
        if !self.has_small_buffer && self.control.0.has_small_buffer.load(Ordering::Relaxed) {
            self.has_small_buffer = true;
            // If this fails, a slow client loses more of the response; the request itself need not fail.
            let _ = SockRef::from(&self.stream).set_send_buffer_size(SMALL_SEND_BUFFER);
        }
    }

    fn poll_terminate(
        &mut self,
        termination: Termination,
        context: &mut Context<'_>,
    ) -> Poll<io::Error> {
        match termination {
            Termination::Close => {
                // The socket is closed next in any case.
                let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
            }
            Termination::Reset { pause } => {
                if !pause.is_zero() {
                    let pause =
                        self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
                    ready!(pause.as_mut().poll(context));
                }
                if let Err(error) = self.stream.set_zero_linger() {
                    return Poll::Ready(error);
                }
            }
        }
        Poll::Ready(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "connection closed by an injected fault",
        ))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.apply_send_buffer();
        if let Some(replacement) = self.replacement.take().or_else(|| self.rejection(bytes)) {
            return self.poll_replacement(replacement, bytes.len(), context);
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_stalled(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        match self.control.0.termination.get() {
            None => {
                self.control.flushed();
                Poll::Ready(Ok(()))
            }
            Some(termination) => {
                let termination = *termination;
                self.poll_terminate(termination, context).map(Err)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.apply_send_buffer();
        let head = slices.iter().find(|slice| !slice.is_empty());
        if let Some(replacement) = self.replacement.take().or_else(|| self.rejection(head?)) {
            let length = slices.iter().map(|slice| slice.len()).sum();
            return self.poll_replacement(replacement, length, context);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check_stalled(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
