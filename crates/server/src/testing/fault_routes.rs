//! Routes that manage fault rules and the request journal.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::TestApp;
use super::faults::Rule;
use crate::api;
use crate::http::{ApiError, Caller, JsonBody, json, no_content};

pub(super) async fn add(
    State(state): State<TestApp>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let rules = body.one_or_items()?.iter().map(Rule::read).collect::<Result<Vec<_>, _>>()?;
    if !state.app.http.keys.accept_any() {
        rules.iter().try_for_each(Rule::check_links)?;
    }
    let response = api::object(|object| {
        state.faults.add(caller.workspace, rules, object.field("faults"));
    });
    Ok(json(StatusCode::CREATED, response))
}

pub(super) async fn list(State(state): State<TestApp>, caller: Caller) -> Response {
    let response = api::object(|object| {
        state.faults.write_rules(caller.workspace, object.field("faults"));
    });
    json(StatusCode::OK, response)
}

pub(super) async fn clear(State(state): State<TestApp>, caller: Caller) -> Response {
    state.faults.clear_rules(caller.workspace);
    no_content()
}

pub(super) async fn journal(State(state): State<TestApp>, caller: Caller) -> Response {
    let response = api::object(|object| {
        state.faults.write_journal(caller.workspace, object.field("requests"));
    });
    json(StatusCode::OK, response)
}

pub(super) async fn clear_journal(State(state): State<TestApp>, caller: Caller) -> Response {
    state.faults.clear_journal(caller.workspace);
    no_content()
}
