//! Accepting connections and serving them.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::http::answer;
use crate::line::{Ending, Line};

/// A client has this long to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(60);

/// After a failure to accept, such as too many open files, it is tried again after this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// Without waiting for requests.
    Now,
    /// When the requests that are being answered have ended, or after this long.
    After(Duration),
}

/// Serves connections until it is told to stop. When this returns, no connection is left.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    mut stop: watch::Receiver<Option<Stop>>,
) {
    let routes = TowerToHyperService::new(routes);
    let (end, ended) = watch::channel(());
    let mut connections = JoinSet::new();
    let how = loop {
        tokio::select! {
            how = told(&mut stop) => break how,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, routes.clone(), ended.clone()));
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
    if let Stop::After(grace) = how {
        end.send_replace(());
        let all_ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(grace, all_ended).await;
    }
    connections.shutdown().await;
}

/// How to stop, once that is said.
async fn told(stop: &mut watch::Receiver<Option<Stop>>) -> Stop {
    // When nobody is left to say it, nobody waits for requests to end either.
    stop.wait_for(Option::is_some).await.ok().and_then(|how| *how).unwrap_or(Stop::Now)
}

/// Serves one connection until the client closes it, or the server ends.
async fn connection(
    stream: TcpStream,
    routes: TowerToHyperService<Router>,
    mut ended: watch::Receiver<()>,
) {
    // Replies are written whole; waiting for more of them would only delay them.
    let _ = stream.set_nodelay(true);
    let ending = Ending::default();
    let line = Line::new(stream, ending.clone());
    let service = service_fn(move |request| {
        let (routes, ending) = (routes.clone(), ending.clone());
        async move { Ok::<_, Infallible>(answer(routes, request, &ending).await) }
    });
    let mut http = http1::Builder::new();
    // A client may end its side when it has sent its request; it still gets the reply.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let mut served = pin!(http.serve_connection(TokioIo::new(line), service));
    let result = tokio::select! {
        result = served.as_mut() => result,
        _ = ended.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;

    /// A server of some routes, how to stop it, and its end.
    struct Serving {
        address: SocketAddr,
        stop: watch::Sender<Option<Stop>>,
        ended: JoinHandle<()>,
    }

    impl Serving {
        async fn start(routes: Router) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (stop, stopped) = watch::channel(None);
            let ended = tokio::spawn(serve(listener, routes, stopped));
            Self { address, stop, ended }
        }

        /// Begins a request whose reply ends the connection.
        async fn request(&self, path: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        }
    }

    async fn reply(mut stream: TcpStream) -> String {
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
        let failed = reply(serving.request("/panic").await).await;
        assert!(failed.starts_with("HTTP/1.1 500"), "{failed}");
        assert!(failed.contains(r#""error_code":"UNKNOWN_ERROR""#) && !failed.contains("purpose"));
        assert!(reply(serving.request("/").await).await.ends_with("fine"));
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
        serving.stop.send_replace(Some(Stop::After(Duration::from_secs(60))));
        go.send_replace(true);
        assert!(reply(stream).await.ends_with("answered"));
        serving.ended.await.unwrap();
        assert!(TcpStream::connect(serving.address).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_cut_off() {
        for stop in [Stop::Now, Stop::After(Duration::from_millis(20))] {
            let (routes, mut was_asked, _go) = waiting();
            let serving = Serving::start(routes).await;
            let stream = serving.request("/").await;
            was_asked.recv().await;
            serving.stop.send_replace(Some(stop));
            serving.ended.await.unwrap();
            assert_eq!(reply(stream).await, "");
        }
    }
}
