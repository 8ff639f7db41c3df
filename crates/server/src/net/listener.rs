//! Accepts connections and serves them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::NetContext;
use super::address_limits::{AddressPermit, Client};
use super::connection::{Connection, ConnectionControl};
use super::counting_stream::CountingStream;
use super::service::handle;
use crate::admin::Refusal;
use crate::http::ApiError;
use crate::limits::Limits;

/// The smallest limit on the read buffer of a connection, in bytes. This is hyper's default.
const MIN_READ_BUFFER: usize = 400 << 10;

/// How long a rejected client has to receive its response.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How many connections over the limit get an error response at the same time. Further ones are closed without a response.
const MAX_REJECTIONS: usize = 64;

/// When a client with too many connections should try again.
const RETRY_CONNECTION: Duration = Duration::from_secs(1);

/// How long to wait after a failed accept, for example because too many files are open.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// How the server shuts down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shutdown {
    /// Immediately, without waiting for requests.
    Now,
    /// When the requests in progress have completed, or after this time.
    After(Duration),
}

/// Serves connections until shutdown is requested. All connections are closed when this returns.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    context: Arc<NetContext>,
    mut stop: watch::Receiver<Option<Shutdown>>,
) {
    let routes = TowerToHyperService::new(routes);
    let rejections = Arc::new(Semaphore::new(MAX_REJECTIONS));
    let (drain, draining) = watch::channel(());
    let mut connections = JoinSet::new();
    let shutdown = loop {
        tokio::select! {
            shutdown = shutdown_requested(&mut stop) => break shutdown,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let client = context.addresses.client(peer.ip());
                    match reserve(&context, client) {
                        Ok(permits) => {
                            let context = Arc::clone(&context);
                            let serving =
                                serve_connection(stream, client, routes.clone(), context, draining.clone());
                            connections.spawn(with_permit(permits, serving));
                        }
                        Err(refusal) => {
                            context.metrics.connection_refused(refusal);
                            if let Ok(permit) = Arc::clone(&rejections).try_acquire_owned() {
                                let closing = send_and_close(stream, rejection(refusal));
                                connections.spawn(with_permit(permit, closing));
                            }
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    };
    drop(listener);
    if let Shutdown::After(grace) = shutdown {
        drain.send_replace(());
        let all_closed = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(grace, all_closed).await;
    }
    connections.shutdown().await;
}

/// Reserves a slot for a connection.
fn reserve(
    context: &NetContext,
    client: Option<Client>,
) -> Result<(OwnedSemaphorePermit, AddressPermit), Refusal> {
    let address = context.addresses.connection(client).ok_or(Refusal::ConnectionsPerAddress)?;
    let connection = context.limiter.connection().ok_or(Refusal::Connections)?;
    Ok((connection, address))
}

/// Returns the response to a refused connection.
fn rejection(refusal: Refusal) -> Vec<u8> {
    let error = match refusal {
        Refusal::Connections => ApiError::busy("connections"),
        Refusal::ConnectionsPerAddress => {
            let message = "too many connections from this address; close some, and try again later";
            ApiError::too_many(message, RETRY_CONNECTION)
        }
    };
    error.into_raw_response()
}

/// Waits until shutdown is requested.
async fn shutdown_requested(stop: &mut watch::Receiver<Option<Shutdown>>) -> Shutdown {
    // If the sender is dropped, nothing waits for requests to complete.
    stop.wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|shutdown| *shutdown)
        .unwrap_or(Shutdown::Now)
}

/// Runs a future and releases the permit when it completes.
async fn with_permit<P>(permit: P, future: impl Future<Output = ()>) {
    future.await;
    drop(permit);
}

/// Sends a final response and closes the connection.
///
/// The client's data is read and discarded for a limited time: closing the socket with unread data would reset the connection, and
/// the client could lose the response.
async fn send_and_close(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: Vec<u8>) {
    let closing = async {
        stream.write_all(&response).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    // The client may already have disconnected.
    let _ = tokio::time::timeout(REJECTION_TIMEOUT, closing).await;
}

/// Serves one connection until the client closes it or the server shuts down.
async fn serve_connection(
    stream: TcpStream,
    client: Option<Client>,
    routes: TowerToHyperService<Router>,
    context: Arc<NetContext>,
    mut draining: watch::Receiver<()>,
) {
    // Responses are written in one piece, so Nagle's algorithm would only delay them.
    let _ = stream.set_nodelay(true);
    let control = ConnectionControl::default();
    let Limits { idle_timeout, stall_timeout, .. } = context.limiter.limits;
    let stream = Connection::new(stream, control.clone(), stall_timeout);
    let stream = CountingStream::new(stream, Arc::clone(&context.metrics));
    let request_control = control.clone();
    let mut http = http1::Builder::new();
    // A client may shut down its sending side after the request and still gets the response.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(idle_timeout);
    let max_head_bytes = context.limiter.max_head_bytes();
    http.max_header_size(max_head_bytes).max_buf_size(max_head_bytes.max(MIN_READ_BUFFER));
    let service = service_fn(move |request| {
        let (routes, context, control) =
            (routes.clone(), Arc::clone(&context), request_control.clone());
        control.request_started();
        async move { Ok::<_, Infallible>(handle(routes, request, client, &context, &control).await) }
    });
    let mut served = http.serve_connection(TokioIo::new(stream), service);
    let result = tokio::select! {
        result = &mut served => result,
        _ = draining.changed() => {
            std::pin::Pin::new(&mut served).graceful_shutdown();
            (&mut served).await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
        let parts = served.into_parts();
        if error.is_parse() {
            // hyper has already sent the rejection.
            send_and_close(parts.io.into_inner(), Vec::new()).await;
        } else if error.is_timeout() && !parts.read_buf.is_empty() {
            // Idle connections time out silently; this client has sent part of a request head.
            control.request_started();
            let rejection = ApiError::too_slow("the request head").into_raw_response();
            send_and_close(parts.io.into_inner(), rejection).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::admin::Metrics;
    use crate::net::{AddressLimits, Cors, Limiter};

    /// A running server.
    struct TestServer {
        address: SocketAddr,
        stop: watch::Sender<Option<Shutdown>>,
        stopped: JoinHandle<()>,
    }

    impl TestServer {
        async fn start(routes: Router) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stop_receiver) = watch::channel(None);
            let stopped = tokio::spawn(serve(
                listener,
                routes,
                Arc::new(NetContext {
                    limiter: Limiter::new(Limits::default()),
                    addresses: Arc::new(AddressLimits::new(&Limits::default(), false)),
                    cors: Cors::default(),
                    metrics: Arc::new(Metrics::new()),
                }),
                stop_receiver,
            ));
            Self { address, stop, stopped }
        }

        /// Sends a request whose response closes the connection.
        async fn request(&self, path: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        }
    }

    async fn response(mut stream: TcpStream) -> String {
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn a_panicking_handler_gets_an_error_response_and_the_server_keeps_working() {
        async fn panicking() -> &'static str {
            panic!("on purpose")
        }
        let routes = Router::new().route("/panic", get(panicking)).route("/", get(async || "fine"));
        let server = TestServer::start(routes).await;
        let failed = response(server.request("/panic").await).await;
        assert!(failed.starts_with("HTTP/1.1 500"), "{failed}");
        assert!(failed.contains(r#""error_code":"UNKNOWN_ERROR""#) && !failed.contains("purpose"));
        assert!(response(server.request("/").await).await.ends_with("fine"));
    }

    /// Returns a router whose handler reports that it was called and then blocks until it is released.
    fn blocking_routes() -> (Router, mpsc::Receiver<()>, watch::Sender<bool>) {
        let (called, was_called) = mpsc::channel(1);
        let (release, released) = watch::channel(false);
        let handler = move || async move {
            let _ = called.send(()).await;
            let _ = released.clone().wait_for(|released| *released).await;
            "done"
        };
        (Router::new().route("/", get(handler)), was_called, release)
    }

    #[tokio::test]
    async fn shutdown_waits_for_requests_in_progress() {
        let (routes, mut was_called, release) = blocking_routes();
        let server = TestServer::start(routes).await;
        let stream = server.request("/").await;
        was_called.recv().await;
        // An idle connection does not delay the shutdown.
        let _idle = TcpStream::connect(server.address).await.unwrap();
        server.stop.send_replace(Some(Shutdown::After(Duration::from_secs(60))));
        release.send_replace(true);
        assert!(response(stream).await.ends_with("done"));
        server.stopped.await.unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    }

    #[tokio::test]
    async fn shutdown_aborts_requests_after_the_grace_period() {
        for stop in [Shutdown::Now, Shutdown::After(Duration::from_millis(20))] {
            let (routes, mut was_called, _release) = blocking_routes();
            let server = TestServer::start(routes).await;
            let stream = server.request("/").await;
            was_called.recv().await;
            server.stop.send_replace(Some(stop));
            server.stopped.await.unwrap();
            assert_eq!(response(stream).await, "");
        }
    }
}
