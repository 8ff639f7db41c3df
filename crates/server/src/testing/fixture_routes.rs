//! Routes that insert fixtures for imports, and the route that resets a workspace.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tokio::task::AbortHandle;

use super::TestApp;
use super::seed;
use crate::http::{ApiError, Caller, JsonBody, json, no_content};
use crate::json::{Object, array};
use crate::storage::{Conversation, NewFixtureEvent};

/// The maximum number of events or conversations in a request.
const MAX_FIXTURES: usize = 10_000;

pub(super) async fn events(
    State(state): State<TestApp>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let events = body.parse(|body| {
        Ok(body
            .items(MAX_FIXTURES)?
            .map(|event| seed::event(&event))
            .collect::<Result<Vec<_>, _>>()?)
    });
    let events = events.await?;
    let mut response = Vec::new();
    array(&mut response, &events, |out, event: &NewFixtureEvent| {
        Object::write(out, |object| {
            object.string("event_id", &event.id);
            object.raw("request_messages", &event.request_messages);
            object.raw("response_messages", &event.response_messages);
            object.raw("extra_fields", &event.extra_fields);
        });
    });
    state.app.storage.insert_events(caller.workspace, events).await?;
    Ok(json(StatusCode::OK, response))
}

pub(super) async fn conversations(
    State(state): State<TestApp>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let conversations = body.parse(|body| {
        let values = body.items(MAX_FIXTURES)?;
        Ok(values.map(|value| seed::conversation(&value)).collect::<Result<Vec<_>, _>>()?)
    });
    let conversations = conversations.await?;
    let mut response = Vec::new();
    array(&mut response, &conversations, |out, conversation: &Conversation| {
        Object::write(out, |object| {
            object.string("conversation_id", &conversation.id);
            object.raw("messages", &conversation.messages);
        });
    });
    state.app.storage.insert_conversations(caller.workspace, conversations).await?;
    Ok(json(StatusCode::OK, response))
}

pub(super) async fn campaigns(
    State(state): State<TestApp>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let campaign = body.parse(|body| Ok(seed::campaign(&body.fields()?)?)).await?;
    let mut response = Vec::new();
    Object::write(&mut response, |object| {
        object.uuid("id", campaign.id);
        object.string("name", &campaign.name);
        array(object.field("event_ids"), &campaign.event_ids, |out, id: &String| {
            crate::json::string(out, id);
        });
    });
    state.app.storage.insert_campaign(caller.workspace, campaign).await?;
    Ok(json(StatusCode::OK, response))
}

pub(super) async fn reset(
    State(state): State<TestApp>,
    caller: Caller,
) -> Result<Response, ApiError> {
    // Queued and running imports end with the workspace; those that a fault rule delays are aborted here.
    let held = state.app.imports.held(caller.workspace);
    state.seeder.reset(caller.workspace, caller.user).await?;
    held.iter().for_each(AbortHandle::abort);
    state.app.campaigns.cancel_all(caller.workspace);
    state.faults.clear_rules(caller.workspace);
    state.faults.clear_journal(caller.workspace);
    // Housekeeping removes records and file contents in the background, which may take long.
    state.app.cleanup.remove();
    Ok(no_content())
}
