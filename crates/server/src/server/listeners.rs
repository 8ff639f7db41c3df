//! The addresses that a server listens on, and what it serves on each.
//!
//! | listener | routes |
//! |---|---|
//! | main | the API, its documentation, test routes and `/healthz` |
//! | links | signed links; without this listener, the main one serves them |
//! | admin | health checks and metrics; without this listener, the main one serves them |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::AUTHORIZATION;
use mistral_datasets_types::ErrorCode;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::util::MapRequestLayer;

use super::StartError;
use crate::admin::{self, AdminState};
use crate::api::{self, App};
use crate::http::ApiError;
use crate::limits::Limits;
use crate::net::{self, AddressLimits, Cors, Limiter, NetContext, Shutdown};
use crate::testing::{self, TestApp};

/// The maximum number of connections to the admin listener. They do not count as connections of the other listeners, so a busy server
/// still responds to health checks.
const ADMIN_CONNECTIONS: usize = 64;

/// How long requests to the admin listener may take after the other listeners were closed.
const ADMIN_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The sockets of a server.
pub(super) struct Listeners {
    main: Listener,
    links: Option<Listener>,
    admin: Option<Listener>,
}

/// A socket and its address.
struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// The addresses of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) main: SocketAddr,
    pub(super) links: Option<SocketAddr>,
    pub(super) admin: Option<SocketAddr>,
}

/// What is served on each socket.
pub(super) struct Routers {
    main: Router,
    links: Router,
    admin: Router,
}

impl Listener {
    async fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let error = |source| StartError::Listen { address, source };
        let socket = TcpListener::bind(address).await.map_err(error)?;
        let address = socket.local_addr().map_err(error)?;
        Ok(Self { socket, address })
    }

    async fn bind_optional(address: Option<SocketAddr>) -> Result<Option<Self>, StartError> {
        match address {
            Some(address) => Self::bind(address).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Listeners {
    pub(super) async fn bind(
        main: SocketAddr,
        links: Option<SocketAddr>,
        admin: Option<SocketAddr>,
    ) -> Result<Self, StartError> {
        Ok(Self {
            main: Listener::bind(main).await?,
            links: Listener::bind_optional(links).await?,
            admin: Listener::bind_optional(admin).await?,
        })
    }

    pub(super) fn addresses(&self) -> Addresses {
        let address = |listener: &Option<Listener>| Some(listener.as_ref()?.address);
        Addresses {
            main: self.main.address,
            links: address(&self.links),
            admin: address(&self.admin),
        }
    }

    /// Serves connections until shutdown is requested. The admin listener is closed last.
    pub(super) async fn serve(
        self,
        routers: Routers,
        context: NetContext,
        stop: watch::Receiver<Option<Shutdown>>,
    ) {
        let admin_context = Arc::new(admin_context(&context));
        let context = Arc::new(context);
        let (stop_admin, admin_stopped) = watch::channel(None);
        let serve = |listener: Option<Listener>, routes, context, stop| async {
            if let Some(Listener { socket, .. }) = listener {
                net::serve(socket, routes, context, stop).await;
            }
        };
        let main = serve(Some(self.main), routers.main, Arc::clone(&context), stop.clone());
        let links = serve(self.links, routers.links, context, stop);
        let admin = serve(self.admin, routers.admin, admin_context, admin_stopped);
        let others = async {
            tokio::join!(main, links);
            stop_admin.send_replace(Some(Shutdown::After(ADMIN_SHUTDOWN_TIMEOUT)));
        };
        tokio::join!(others, admin);
    }
}

/// Returns the context of the admin listener, which has its own limits and metrics in common with the others.
fn admin_context(context: &NetContext) -> NetContext {
    let limits = Limits::default().connections(ADMIN_CONNECTIONS);
    NetContext {
        limiter: Limiter::new(limits),
        addresses: Arc::new(AddressLimits::new(&limits, true)),
        cors: Cors::default(),
        metrics: Arc::clone(&context.metrics),
    }
}

impl Routers {
    /// Builds the routers: the API, the other routes, and the middleware around them. Without `testing`, there are neither fault rules
    /// nor a journal. `explorer` adds the API explorer.
    pub(super) fn new(
        app: &App,
        admin: AdminState,
        testing: Option<TestApp>,
        cors: &Cors,
        addresses: &Addresses,
        explorer: bool,
    ) -> Self {
        let main = api::routes(app.clone(), explorer).merge(admin::health_route());
        let links = api::link_routes(app.clone());
        let admin = admin::routes(admin);
        let (main, links) = match addresses.links {
            Some(_) => (main, links.layer(from_fn(refuse_authorization))),
            None => (main.merge(links), Router::new()),
        };
        let (main, admin) = match addresses.admin {
            Some(_) => (main, admin),
            None => (main.merge(admin), Router::new()),
        };
        let (main, links) = match testing {
            Some(testing) => {
                let main = api::with_fallbacks(main.merge(testing.routes()));
                (testing.clone().wrap(main), testing.wrap(api::with_fallbacks(links)))
            }
            None => {
                let main = main.merge(testing::disabled_routes());
                (api::with_fallbacks(main), api::with_fallbacks(links))
            }
        };
        let finish = |routes: Router| {
            routes
                .layer(MapRequestLayer::new(api::name_requests))
                .layer(from_fn_with_state(app.http.clone(), net::check_host))
        };
        Self {
            main: cors.layer(finish(main)),
            links: cors.layer(finish(links)),
            admin: finish(api::with_fallbacks(admin)),
        }
    }
}

/// Rejects requests for signed links that carry a key.
async fn refuse_authorization(request: Request, next: Next) -> Response {
    if request.headers().contains_key(AUTHORIZATION) {
        return ApiError::new(
            StatusCode::BAD_REQUEST,
            ErrorCode::ValidationError,
            "a signed link must be requested without the header `Authorization`: the link is sufficient, and the header would \
             reveal the API key to the host of the link",
        )
        .into_response();
    }
    next.run(request).await
}
