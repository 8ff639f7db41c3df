//! Accepting connections and serving them.

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
use super::connection::{Connection, ConnectionControl};
use super::counting_stream::CountingStream;
use super::service::handle;
use crate::http::ApiError;
use crate::limits::Limits;

/// The bytes that are held of a connection: as many as the library below holds by itself.
const BUFFER: usize = 400 << 10;

/// Who is refused has this long to hear it.
const PARTING: Duration = Duration::from_secs(2);

/// So many connections are told at once that there are too many; more than those are closed without a word.
const TOLD: usize = 64;

/// After a failure to accept, such as too many open files, it is tried again after this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shutdown {
    /// Without waiting for requests.
    Now,
    /// When the requests that are being answered have ended, or after this long.
    After(Duration),
}

/// Serves connections until it is told to stop. When this returns, no connection is left.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    context: Arc<NetContext>,
    mut stop: watch::Receiver<Option<Shutdown>>,
) {
    let routes = TowerToHyperService::new(routes);
    let told_at_once = Arc::new(Semaphore::new(TOLD));
    let (end, ended) = watch::channel(());
    let mut connections = JoinSet::new();
    let how = loop {
        tokio::select! {
            how = told(&mut stop) => break how,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(place) = context.limiter.connection() {
                        let serving = connection(stream, routes.clone(), Arc::clone(&context), ended.clone());
                        connections.spawn(holding(place, serving));
                    } else if let Ok(place) = Arc::clone(&told_at_once).try_acquire_owned() {
                        let refusal = ApiError::busy("connections").to_http();
                        connections.spawn(holding(place, part(stream, refusal)));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    };
    drop(listener);
    if let Shutdown::After(grace) = how {
        end.send_replace(());
        let all_ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(grace, all_ended).await;
    }
    connections.shutdown().await;
}

/// How to stop, once that is said.
async fn told(stop: &mut watch::Receiver<Option<Shutdown>>) -> Shutdown {
    // When nobody is left to say it, nobody waits for requests to end either.
    stop.wait_for(Option::is_some).await.ok().and_then(|how| *how).unwrap_or(Shutdown::Now)
}

/// Does something in a place, and gives it back.
async fn holding(place: OwnedSemaphorePermit, doing: impl Future<Output = ()>) {
    doing.await;
    drop(place);
}

/// Sends the last words of a connection. What the client still sends is taken from it for a while: to close on it would
/// throw away what it has not read yet.
async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin, words: Vec<u8>) {
    let parting = async {
        stream.write_all(&words).await?;
        stream.shutdown().await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    // A client that has gone away hears nothing.
    let _ = tokio::time::timeout(PARTING, parting).await;
}

/// Serves one connection until the client closes it, or the server ends.
async fn connection(
    stream: TcpStream,
    routes: TowerToHyperService<Router>,
    context: Arc<NetContext>,
    mut ended: watch::Receiver<()>,
) {
    // Responses are written whole; waiting for more of them would only delay them.
    let _ = stream.set_nodelay(true);
    let control = ConnectionControl::default();
    let Limits { idle_timeout, stall_timeout, .. } = context.limiter.limits;
    let stream = Connection::new(stream, control.clone(), stall_timeout);
    let stream = CountingStream::new(stream, Arc::clone(&context.metrics));
    let request_control = control.clone();
    let mut http = http1::Builder::new();
    // A client may end its side when it has sent its request; it still gets the response.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(idle_timeout);
    let max_head_bytes = context.limiter.max_head_bytes();
    http.max_header_size(max_head_bytes).max_buf_size(max_head_bytes.max(BUFFER));
    let service = service_fn(move |request| {
        let (routes, context, control) =
            (routes.clone(), Arc::clone(&context), request_control.clone());
        control.request_started();
        async move { Ok::<_, Infallible>(handle(routes, request, &context, &control).await) }
    });
    let mut served = http.serve_connection(TokioIo::new(stream), service);
    let result = tokio::select! {
        result = &mut served => result,
        _ = ended.changed() => {
            std::pin::Pin::new(&mut served).graceful_shutdown();
            (&mut served).await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
        let parts = served.into_parts();
        if error.is_parse() {
            // It was refused already.
            part(parts.io.into_inner(), Vec::new()).await;
        } else if error.is_timeout() && !parts.read_buf.is_empty() {
            // Who has begun nothing is waiting for nothing.
            control.request_started();
            let refusal = ApiError::too_slow("the head of the request").to_http();
            part(parts.io.into_inner(), refusal).await;
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
    use crate::net::{Cors, Limiter};

    /// A server of some routes, how to stop it, and its end.
    struct Serving {
        address: SocketAddr,
        stop: watch::Sender<Option<Shutdown>>,
        ended: JoinHandle<()>,
    }

    impl Serving {
        async fn start(routes: Router) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = watch::channel(None);
            let ended = tokio::spawn(serve(
                listener,
                routes,
                Arc::new(NetContext {
                    limiter: Limiter::new(Limits::default()),
                    cors: Cors::default(),
                    metrics: Arc::new(Metrics::new()),
                }),
                stopped,
            ));
            Self { address, stop, ended }
        }

        /// Begins a request whose response ends the connection.
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
    async fn a_handler_that_panics_is_answered_in_the_envelope_and_the_next_request_too() {
        async fn panicking() -> &'static str {
            panic!("on purpose")
        }
        let routes = Router::new().route("/panic", get(panicking)).route("/", get(async || "fine"));
        let serving = Serving::start(routes).await;
        let failed = response(serving.request("/panic").await).await;
        assert!(failed.starts_with("HTTP/1.1 500"), "{failed}");
        assert!(failed.contains(r#""error_code":"UNKNOWN_ERROR""#) && !failed.contains("purpose"));
        assert!(response(serving.request("/").await).await.ends_with("fine"));
    }

    /// Routes of which one tells that it was asked and then waits to be let go.
    fn waiting() -> (Router, mpsc::Receiver<()>, watch::Sender<bool>) {
        let (asked, was_asked) = mpsc::channel(1);
        let (go, gone) = watch::channel(false);
        let handler = move || async move {
            let _ = asked.send(()).await;
            let _ = gone.clone().wait_for(|go| *go).await;
            "answered"
        };
        (Router::new().route("/", get(handler)), was_asked, go)
    }

    #[tokio::test]
    async fn a_request_being_answered_is_answered_before_the_end() {
        let (routes, mut was_asked, go) = waiting();
        let serving = Serving::start(routes).await;
        let stream = serving.request("/").await;
        was_asked.recv().await;
        // One that asks for nothing does not hold up the end.
        let _idle = TcpStream::connect(serving.address).await.unwrap();
        serving.stop.send_replace(Some(Shutdown::After(Duration::from_secs(60))));
        go.send_replace(true);
        assert!(response(stream).await.ends_with("answered"));
        serving.ended.await.unwrap();
        assert!(TcpStream::connect(serving.address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_cut_off() {
        for stop in [Shutdown::Now, Shutdown::After(Duration::from_millis(20))] {
            let (routes, mut was_asked, _go) = waiting();
            let serving = Serving::start(routes).await;
            let stream = serving.request("/").await;
            was_asked.recv().await;
            serving.stop.send_replace(Some(stop));
            serving.ended.await.unwrap();
            assert_eq!(response(stream).await, "");
        }
    }
}
