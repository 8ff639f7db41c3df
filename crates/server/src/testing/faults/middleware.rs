//! What every request passes: it is noted, and spoiled if a rule says so.

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

/// Answers a request by what is within, or as a rule of its workspace has it.
pub(crate) async fn record_and_inject(
    State(state): State<TestApp>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("", MatchedPath::as_str);
    let operation = find_operation(route, request.method());
    let is_link = route == OPEN_LINK.path;
    let workspace = if is_link {
        linked_workspace(&state.app, request.uri()).await
    } else if is_own(request.uri()) {
        None
    } else {
        workspace_of_key(&state.app, &mut request)
    };
    let body = request.extensions().get::<RequestBody>().cloned();
    let (Some(workspace), Some(body)) = (workspace, body) else {
        return next.run(request).await;
    };
    let workspace = state.faults.of(workspace);
    // The query of a link is a secret.
    let path = request.uri().path_and_query().filter(|_| !is_link).map(PathAndQuery::as_str);
    let arrival = Arrival {
        method: request.method(),
        path: path.unwrap_or_else(|| request.uri().path()),
        operation: operation.map(|operation| operation.operation_id),
        headers: request.headers(),
    };
    let (number, rule) =
        workspace.arrived(&workspaces::Request { arrival, route, operation }, begun);
    let mut noted = Noted { workspace, number, begun, body, status: None };
    let mut begins = true;
    let response = match rule {
        None => next.run(request).await,
        Some(rule) => {
            begins = rule.cut != Some(Cut::Reset(0));
            let success = operation.and_then(|known| StatusCode::from_u16(known.success).ok());
            let success = success.unwrap_or(StatusCode::OK);
            spoiled(&rule, request, next, &noted.body, success).await
        }
    };
    noted.status = begins.then(|| response.status());
    response
}

/// Whether a request is for one of the server's own routes, which tests rely on and no client of the API calls.
fn is_own(uri: &Uri) -> bool {
    const OWN: &[&str] = &["/healthz", "/openapi.json", "/docs", "/metrics"];
    let path = uri.path();
    path.starts_with("/local/") || path.starts_with("/docs/") || OWN.contains(&path)
}

/// The workspace of the key, which is left with the request so that it is worked out once.
fn workspace_of_key(app: &App, request: &mut Request) -> Option<Uuid> {
    let caller = Caller::from_headers(request.headers(), &app.http).ok()?;
    request.extensions_mut().insert(caller);
    Some(caller.workspace)
}

/// The response that a rule makes of a request.
async fn spoiled(
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
        // Whether a client has sent all of a request must not depend on who is faster.
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

/// A request whose end is noted when this goes: when it is answered, when its client has left, or when its handler panicked.
struct Noted {
    workspace: Arc<Workspace>,
    number: u64,
    begun: Instant,
    body: RequestBody,
    status: Option<StatusCode>,
}

impl Drop for Noted {
    fn drop(&mut self) {
        // Who answers a panic is outside of here.
        let panicked = std::thread::panicking().then_some(StatusCode::INTERNAL_SERVER_ERROR);
        let outcome = Outcome {
            status: self.status.or(panicked).map(|status| status.as_u16()),
            request_bytes: self.body.received(),
            elapsed: self.begun.elapsed(),
        };
        self.workspace.ended(self.number, outcome);
    }
}
