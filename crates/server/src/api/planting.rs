//! The routes of the local server's own, by which tests plant what imports read.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::app::App;
use crate::http::{ApiError, Caller, JsonBody, json, no_content, on_disk};
use crate::json::{Members, Object, Problem, Value, list, optional_object};
use crate::storage::{Campaign, Conversation, Event};

pub(super) async fn events(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let events = body.items()?.iter().map(event).collect::<Result<Vec<_>, _>>()?;
    let mut reply = Vec::new();
    list(&mut reply, &events, |out, event: &Event| {
        Object::write(out, |object| {
            object.string("event_id", &event.id);
            object.raw("request_messages", &event.request_messages);
            object.raw("response_messages", &event.response_messages);
            object.raw("extra_fields", &event.extra_fields);
        });
    });
    app.storage.plant_events(caller.workspace, events).await?;
    Ok(json(StatusCode::OK, reply))
}

fn event(value: &Value<'_>) -> Result<Event, Problem> {
    let members = value.members()?;
    Ok(Event {
        id: id(&members, "event_id")?,
        request_messages: messages(&members.required("request_messages")?)?,
        response_messages: messages(&members.required("response_messages")?)?,
        extra_fields: optional_object(&members, "extra_fields")?,
    })
}

pub(super) async fn conversations(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let conversations = body.items()?.iter().map(conversation).collect::<Result<Vec<_>, _>>()?;
    let mut reply = Vec::new();
    list(&mut reply, &conversations, |out, conversation: &Conversation| {
        Object::write(out, |object| {
            object.string("conversation_id", &conversation.id);
            object.raw("messages", &conversation.messages);
        });
    });
    app.storage.plant_conversations(caller.workspace, conversations).await?;
    Ok(json(StatusCode::OK, reply))
}

fn conversation(value: &Value<'_>) -> Result<Conversation, Problem> {
    let members = value.members()?;
    Ok(Conversation {
        id: id(&members, "conversation_id")?,
        messages: messages(&members.required("messages")?)?,
    })
}

/// An id that was given, or a new one.
fn id(members: &Members<'_>, name: &str) -> Result<String, Problem> {
    match members.optional(name) {
        Some(id) => id.string_of(1..=255),
        None => Ok(Uuid::now_v7().to_string()),
    }
}

fn messages(value: &Value<'_>) -> Result<String, Problem> {
    value.require_objects()?;
    Ok(value.text().to_owned())
}

pub(super) async fn campaigns(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let members = body.members()?;
    let event_ids = members.required("event_ids")?.items(0..=usize::MAX)?;
    let campaign = Campaign {
        id: Uuid::now_v7(),
        name: members.required("name")?.string()?,
        event_ids: event_ids.iter().map(Value::string).collect::<Result<_, _>>()?,
    };
    let mut reply = Vec::new();
    Object::write(&mut reply, |object| {
        object.uuid("id", campaign.id);
        object.string("name", &campaign.name);
        list(object.member("event_ids"), &campaign.event_ids, |out, id: &String| {
            crate::json::string(out, id);
        });
    });
    app.storage.plant_campaign(caller.workspace, campaign).await?;
    Ok(json(StatusCode::OK, reply))
}

pub(super) async fn reset(State(app): State<App>, caller: Caller) -> Result<Response, ApiError> {
    let files = app.storage.reset(caller.workspace).await?;
    app.faults.clear_rules(caller.workspace);
    app.faults.clear_journal(caller.workspace);
    app.untidy.notify_one();
    let contents = app.contents.clone();
    on_disk(tokio::task::spawn_blocking(move || contents.remove(&files))).await?;
    Ok(no_content())
}
