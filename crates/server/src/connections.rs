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
    let service = service_fn(move |request| {
        let routes = routes.clone();
        async move { Ok::<_, Infallible>(answer(routes, request).await) }
    });
    let mut http = http1::Builder::new();
    // A client may end its side when it has sent its request; it still gets the reply.
    http.half_close(true);
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
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
