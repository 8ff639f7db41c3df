//! The socket of a connection, which a fault may end in the middle of a reply.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How a connection is ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order, though in the middle of a reply.
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
const HELD: usize = 32 << 10;

/// Ends a connection: as soon as everything that was handed to it before is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending(Arc<State>);

#[derive(Debug, Default)]
struct State {
    end: OnceLock<End>,
    holds_little: AtomicBool,
}

impl Ending {
    /// From now on little is held for the client, so that little is left to take when a reset comes.
    pub(crate) fn hold_little(&self) {
        self.0.holds_little.store(true, Ordering::Relaxed);
    }

    /// Says how to end. The task of the connection must be woken afterwards if it might sleep.
    pub(crate) fn tell(&self, end: End) {
        // Who came first is obeyed.
        let _ = self.0.end.set(end);
    }

    /// Ends the connection from within its task, and never returns.
    pub(crate) async fn now<T>(&self, end: End) -> T {
        self.tell(end);
        // The connection looks at it when it is polled the next time.
        tokio::task::yield_now().await;
        std::future::pending().await
    }
}

/// A socket that ends when it is told to.
///
/// The HTTP below hands over all it has and flushes, so a flush is the moment at which exactly what came before is sent.
pub(crate) struct Line {
    stream: TcpStream,
    ending: Ending,
    pause: Option<Pin<Box<Sleep>>>,
    holds_little: bool,
}

impl Line {
    pub(crate) fn new(stream: TcpStream, ending: Ending) -> Self {
        Self { stream, ending, pause: None, holds_little: false }
    }

    fn hold_little_if_told(&mut self) {
        if !self.holds_little && self.ending.0.holds_little.load(Ordering::Relaxed) {
            self.holds_little = true;
            // Where the system refuses, a slow client misses more; that is no reason to fail the request.
            let _ = SockRef::from(&self.stream).set_send_buffer_size(HELD);
        }
    }

    fn poll_end(&mut self, end: End, context: &mut Context<'_>) -> Poll<io::Error> {
        match end {
            End::Close => {
                // Whatever is wrong with the socket, it is closed next.
                let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(context));
            }
            End::Reset { pause } => {
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

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.hold_little_if_told();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        match self.ending.0.end.get() {
            None => Poll::Ready(Ok(())),
            Some(end) => {
                let end = *end;
                self.poll_end(end, context).map(Err)
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
        self.hold_little_if_told();
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
