//! Routes that manage fault rules and the request journal.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::TestApp;
use super::faults::{AddError, MAX_RULES, Rule};
use crate::api;
use crate::http::{ApiError, Caller, JsonBody, json, no_content};

pub(super) async fn add(
    State(state): State<TestApp>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let accept_any = state.app.http.keys.accept_any();
    let rules = body.parse(move |body| {
        let rules = body.one_or_items(MAX_RULES)?;
        let rules = rules.map(|rule| Rule::read(&rule)).collect::<Result<Vec<_>, _>>()?;
        if !accept_any {
            rules.iter().try_for_each(Rule::check_links)?;
        }
        Ok(rules)
    });
    let rules = rules.await?;
    let added = state.faults.add(caller.workspace, rules).map_err(|error| match error {
        AddError::TooMany => ApiError::validation(error.to_string()),
        AddError::TooLarge => ApiError::too_large(error.to_string()),
    })?;
    let response = api::object(|object| object.raw("faults", added));
    Ok(json(StatusCode::CREATED, response))
}

pub(super) async fn list(
    State(state): State<TestApp>,
    caller: Caller,
) -> Result<Response, ApiError> {
    written(move || {
        api::object(|object| state.faults.write_rules(caller.workspace, object.field("faults")))
    })
    .await
}

pub(super) async fn clear(State(state): State<TestApp>, caller: Caller) -> Response {
    state.faults.clear_rules(caller.workspace);
    no_content()
}

pub(super) async fn journal(
    State(state): State<TestApp>,
    caller: Caller,
) -> Result<Response, ApiError> {
    written(move || {
        api::object(|object| state.faults.write_journal(caller.workspace, object.field("requests")))
    })
    .await
}

/// Returns a response that may take long to write.
async fn written(write: impl FnOnce() -> Vec<u8> + Send + 'static) -> Result<Response, ApiError> {
    let written = tokio::task::spawn_blocking(write).await;
    Ok(json(StatusCode::OK, written.map_err(|error| ApiError::internal(&error))?))
}

pub(super) async fn clear_journal(State(state): State<TestApp>, caller: Caller) -> Response {
    state.faults.clear_journal(caller.workspace);
    no_content()
}
