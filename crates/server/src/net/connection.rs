//! The socket of a connection, which a fault may end in the middle of a response.

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

/// How a connection is ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Termination {
    /// In order, though in the middle of a response.
    Close,
    /// By a reset, after a pause: a reset throws away what the system still holds for the client, so one who is to get all
    /// that was sent before it needs time to take it.
    Reset {
        /// How long the client has.
        pause: Duration,
    },
}

/// The bytes that the system is told to hold for a client whose connection will be reset. Left to itself it holds megabytes,
/// all of which the reset would throw away if the client was slow to read.
const SMALL_SEND_BUFFER: usize = 32 << 10;

/// Ends a connection: as soon as everything that was handed to it before is sent.
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
    /// From now on little is held for the client, so that little is left to take when a reset comes.
    pub(crate) fn shrink_send_buffer(&self) {
        self.0.has_small_buffer.store(true, Ordering::Relaxed);
    }

    /// What is sent from now on is ours: the response to a request that has come whole, or a refusal.
    pub(crate) fn request_started(&self) {
        self.0.response_complete.store(false, Ordering::Relaxed);
        self.0.request_started.store(true, Ordering::Relaxed);
    }

    /// All of a response was handed over; with the next flush it is sent.
    pub(crate) fn response_complete(&self) {
        self.0.response_complete.store(true, Ordering::Relaxed);
    }

    /// Everything that was handed over is sent.
    fn flushed(&self) {
        if self.0.response_complete.swap(false, Ordering::Relaxed) {
            self.0.request_started.store(false, Ordering::Relaxed);
        }
    }

    /// Says how to end. The task of the connection must be woken afterwards if it might sleep.
    pub(crate) fn request_termination(&self, end: Termination) {
        // Who came first is obeyed.
        let _ = self.0.termination.set(end);
    }

    /// Ends the connection from within its task, and never returns.
    pub(crate) async fn terminate<T>(&self, end: Termination) -> T {
        self.request_termination(end);
        // The connection looks at it when it is polled the next time.
        tokio::task::yield_now().await;
        std::future::pending().await
    }
}

/// A socket that ends when it is told to.
///
/// The HTTP below hands over all it has and flushes, so a flush is the moment at which exactly what came before is sent.
pub(crate) struct Connection {
    stream: TcpStream,
    control: ConnectionControl,
    pause: Option<Pin<Box<Sleep>>>,
    has_small_buffer: bool,
    /// What is left of a response that is sent in the place of another.
    replacement: Option<Bytes>,
    /// How long a client may take nothing.
    stall_timeout: Duration,
    stalled: Stalled,
}

/// Whether the client takes what is sent to it.
enum Stalled {
    No,
    /// It did not, and then did; the alarm is of before.
    NotNow(Pin<Box<Sleep>>),
    Until(Pin<Box<Sleep>>),
}

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        control: ConnectionControl,
        stall_timeout: Duration,
    ) -> Self {
        let (pause, replacement, stalled) = (None, None, Stalled::No);
        Self {
            stream,
            control,
            pause,
            has_small_buffer: false,
            replacement,
            stall_timeout,
            stalled,
        }
    }

    /// What writing came to, or that the client has taken nothing for too long.
    fn check_stalled(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stalled = std::mem::replace(&mut self.stalled, Stalled::No);
        if written.is_ready() {
            if let Stalled::Until(alarm) | Stalled::NotNow(alarm) = stalled {
                self.stalled = Stalled::NotNow(alarm);
            }
            return written;
        }
        let Some(deadline) = Instant::now().checked_add(self.stall_timeout) else {
            return Poll::Pending;
        };
        let mut alarm = match stalled {
            Stalled::Until(alarm) => alarm,
            Stalled::No => Box::pin(sleep_until(deadline)),
            Stalled::NotNow(mut alarm) => {
                alarm.as_mut().reset(deadline);
                alarm
            }
        };
        if alarm.as_mut().poll(context).is_ready() {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing");
            return Poll::Ready(Err(error));
        }
        self.stalled = Stalled::Until(alarm);
        Poll::Pending
    }

    /// While no request waits for its response, what the HTTP below sends is a refusal that it makes by itself, of a head that it
    /// does not understand. It has no body; this is what is sent in its place.
    fn rejection(&self, head: &[u8]) -> Option<Bytes> {
        if self.control.0.request_started.load(Ordering::Relaxed) {
            return None;
        }
        let status = StatusCode::from_bytes(head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
        Some(ApiError::not_understood(status).to_http().into())
    }

    /// Sends what is sent instead of so many bytes.
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
            // Where the system refuses, a slow client misses more; that is no reason to fail the request.
            let _ = SockRef::from(&self.stream).set_send_buffer_size(SMALL_SEND_BUFFER);
        }
    }

    fn poll_terminate(&mut self, end: Termination, context: &mut Context<'_>) -> Poll<io::Error> {
        match end {
            Termination::Close => {
                // Whatever is wrong with the socket, it is closed next.
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
        Poll::Ready(io::Error::new(io::ErrorKind::ConnectionAborted, "ended by a fault"))
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
            Some(end) => {
                let end = *end;
                self.poll_terminate(end, context).map(Err)
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
