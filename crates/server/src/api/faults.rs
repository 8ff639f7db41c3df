//! The routes by which tests ask for faults and read the journal of requests.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::responses;
use crate::app::App;
use crate::faults::Rule;
use crate::http::{ApiError, Caller, JsonBody, json, no_content};

pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let rules = body.one_or_items()?.iter().map(Rule::read).collect::<Result<Vec<_>, _>>()?;
    let response = responses::object(|object| {
        app.faults.add(caller.workspace, rules, object.member("faults"));
    });
    Ok(json(StatusCode::CREATED, response))
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Response {
    let response = responses::object(|object| {
        app.faults.write_rules(caller.workspace, object.member("faults"));
    });
    json(StatusCode::OK, response)
}

pub(super) async fn clear(State(app): State<App>, caller: Caller) -> Response {
    app.faults.clear_rules(caller.workspace);
    no_content()
}

pub(super) async fn journal(State(app): State<App>, caller: Caller) -> Response {
    let response = responses::object(|object| {
        app.faults.write_journal(caller.workspace, object.member("requests"));
    });
    json(StatusCode::OK, response)
}

pub(super) async fn clear_journal(State(app): State<App>, caller: Caller) -> Response {
    app.faults.clear_journal(caller.workspace);
    no_content()
}
