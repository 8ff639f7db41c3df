//! Features for tests, mounted on top of the API: fault injection, a request journal, fixtures and seeds.
//!
//! No lower layer depends on this module. It uses the extension points of the lower layers: a middleware around the router,
//! [`ResponseHook`](crate::net::ResponseHook), [`TaskHook`](crate::imports::TaskHook) and
//! [`WorkspaceHook`](crate::http::WorkspaceHook).

mod fault_routes;
mod faults;
mod fixture_routes;
mod seed;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use crate::api::App;
use crate::http::{ApiError, HttpContext};
use faults::Faults;

pub use seed::SeedError;
pub(crate) use seed::{Seeder, read_seed};

/// State shared by the handlers of this module. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct TestApp {
    app: App,
    faults: Arc<Faults>,
    seeder: Arc<Seeder>,
}

impl TestApp {
    pub(crate) fn new(app: App, seeder: Arc<Seeder>) -> Self {
        Self { app, faults: Arc::default(), seeder }
    }

    /// Returns the routes under `/local/v1`.
    pub(crate) fn routes(&self) -> Router {
        Router::new()
            .route("/local/v1/chat-completion-events", post(fixture_routes::events))
            .route("/local/v1/conversations", post(fixture_routes::conversations))
            .route("/local/v1/campaigns", post(fixture_routes::campaigns))
            .route("/local/v1/reset", post(fixture_routes::reset))
            .route(
                "/local/v1/faults",
                post(fault_routes::add).get(fault_routes::list).delete(fault_routes::clear),
            )
            .route(
                "/local/v1/requests",
                get(fault_routes::journal).delete(fault_routes::clear_journal),
            )
            .with_state(self.clone())
    }

    /// Records every request of a router in the journal, and applies the fault rules to it.
    pub(crate) fn wrap(self, router: Router) -> Router {
        router.layer(from_fn_with_state(self, faults::record_and_inject))
    }
}

/// Returns the routes under `/local/v1` of a server that does not serve them.
pub(crate) fn disabled_routes() -> Router {
    Router::new().route("/local/v1/{*rest}", any(disabled))
}

async fn disabled() -> ApiError {
    ApiError::not_found(
        "this server does not serve the routes below /local/v1; start it with `--test-routes` to use them",
    )
}

impl FromRef<TestApp> for HttpContext {
    fn from_ref(state: &TestApp) -> Self {
        state.app.http.clone()
    }
}
