//! Routes that insert fixtures for imports, and the route that resets a workspace.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use tokio::task::AbortHandle;

use super::TestApp;
use super::seed;
use crate::http::{ApiError, Caller, JsonBody, json, no_content};
use crate::json::{Object, array};
use crate::storage::{Conversation, Event};

pub(super) async fn events(
    State(state): State<TestApp>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let events = body.items()?.iter().map(seed::event).collect::<Result<Vec<_>, _>>()?;
    let mut response = Vec::new();
    array(&mut response, &events, |out, event: &Event| {
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
    let conversations =
        body.items()?.iter().map(seed::conversation).collect::<Result<Vec<_>, _>>()?;
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
    let campaign = seed::campaign(&body.fields()?)?;
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
    let files = state.seeder.reset(caller.workspace, caller.user).await?;
    held.iter().for_each(AbortHandle::abort);
    state.faults.clear_rules(caller.workspace);
    state.faults.clear_journal(caller.workspace);
    state.app.cleanup.notify_one();
    let contents = state.app.contents.clone();
    // Removing many files takes time, so the response does not wait for it. If the server stops before they are all removed, the
    // next start removes the rest.
    tokio::task::spawn_blocking(move || {
        if let Err(error) = contents.remove(&files) {
            tracing::warn!(%error, "failed to remove file contents");
        }
    });
    Ok(no_content())
}
