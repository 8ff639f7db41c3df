//! The middleware that records requests and injects faults.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use uuid::Uuid;

use super::FaultInjection;
use super::journal::{Arrival, Outcome};
use super::rule::{Cut, Rule};
use super::workspaces::{self, Workspace};
use crate::api::{App, OPEN_LINK, find_operation, linked_workspace};
use crate::http::Caller;
use crate::imports::TaskHook;
use crate::net::{RequestBody, ResponseHook};
use crate::testing::TestApp;

/// Records a request in the journal of its workspace, and applies the first fault rule that matches it.
pub(crate) async fn record_and_inject(
    State(state): State<TestApp>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("", MatchedPath::as_str);
    let operation = find_operation(route, request.method());
    let is_link = route == OPEN_LINK.path;
    let workspace = if is_link {
        linked_workspace(&state.app, request.uri()).await
    } else if is_local_route(request.uri()) {
        None
    } else {
        authenticated_workspace(&state.app, &mut request)
    };
    let body = request.extensions().get::<RequestBody>().cloned();
    let (Some(workspace), Some(body)) = (workspace, body) else {
        return next.run(request).await;
    };
    let workspace = state.faults.workspace(workspace);
    // The query of a signed link is a secret.
    let path = request.uri().path_and_query().filter(|_| !is_link).map(PathAndQuery::as_str);
    let arrival = Arrival {
        method: request.method(),
        path: path.unwrap_or_else(|| request.uri().path()),
        operation: operation.map(|operation| operation.operation_id),
        headers: request.headers(),
    };
    // Links are opened without a key. Keys may have been configured after the rule was added.
    let allows_content = !is_link || state.app.http.keys.accept_any();
    let request_to_match = workspaces::Request { arrival, route, operation, allows_content };
    let (number, rule) = workspace.record(&request_to_match, started);
    let mut recorder = OutcomeRecorder { workspace, number, started, body, status: None };
    let mut has_response = true;
    let response = match rule {
        None => next.run(request).await,
        Some(rule) => {
            has_response = rule.cut != Some(Cut::Reset(0));
            let success = operation.and_then(|known| StatusCode::from_u16(known.success).ok());
            let success = success.unwrap_or(StatusCode::OK);
            apply_rule(&rule, request, next, &recorder.body, success).await
        }
    };
    recorder.status = has_response.then(|| response.status());
    response
}

/// Returns whether a route belongs to the local server and not to the API. Such routes are neither recorded nor affected by
/// faults.
fn is_local_route(uri: &Uri) -> bool {
    const LOCAL_ROUTES: &[&str] =
        &["/docs", "/healthz", "/livez", "/metrics", "/openapi.json", "/readyz"];
    let path = uri.path();
    path.starts_with("/local/") || path.starts_with("/docs/") || LOCAL_ROUTES.contains(&path)
}

/// Authenticates a request and returns its workspace. The caller is stored in the request, so that it is authenticated only
/// once.
fn authenticated_workspace(app: &App, request: &mut Request) -> Option<Uuid> {
    let caller = Caller::from_headers(request.headers(), &app.http).ok()?;
    request.extensions_mut().insert(caller);
    Some(caller.workspace)
}

/// Handles a request as a fault rule specifies.
async fn apply_rule(
    rule: &Rule,
    mut request: Request,
    next: Next,
    body: &RequestBody,
    success: StatusCode,
) -> Response {
    if let Some(task) = &rule.task {
        request.extensions_mut().insert::<Arc<dyn TaskHook>>(Arc::new(task.clone()));
    }
    let mut response = if rule.carry_out {
        let real = next.run(request).await;
        if rule.replaces() { rule.response(success) } else { real }
    } else {
        // Receive the entire request first, so that what the client can send does not depend on timing.
        body.drain().await;
        rule.response(success)
    };
    rule.set_headers(response.headers_mut());
    if !rule.delay.is_zero() {
        tokio::time::sleep(rule.delay).await;
    }
    if rule.cut.is_some() || rule.drip.is_some() {
        let injection = FaultInjection { cut: rule.cut, drip: rule.drip };
        response.extensions_mut().insert::<Arc<dyn ResponseHook>>(Arc::new(injection));
    }
    response
}

/// Records the outcome of a request when dropped: after the response, when the client disconnects, or when the handler panics.
struct OutcomeRecorder {
    workspace: Arc<Workspace>,
    number: u64,
    started: Instant,
    body: RequestBody,
    status: Option<StatusCode>,
}

impl Drop for OutcomeRecorder {
    fn drop(&mut self) {
        // The service around the router responds to panics.
        let panicked = std::thread::panicking().then_some(StatusCode::INTERNAL_SERVER_ERROR);
        let outcome = Outcome {
            status: self.status.or(panicked).map(|status| status.as_u16()),
            request_bytes: self.body.received(),
            elapsed: self.started.elapsed(),
        };
        self.workspace.record_outcome(self.number, outcome);
    }
}
