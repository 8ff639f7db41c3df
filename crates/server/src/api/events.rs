//! Operations on chat completion events.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::event_filter;
use super::event_response::{self, ExtraFields};
use super::responses;
use super::state::App;
use crate::http::{
    ApiError, Caller, EventPath, FeedQuery, JsonBody, Query, RequestMemory, json, off_runtime,
    write_cursor,
};
use crate::json::{self as json_text, Fields, array};
use crate::storage::{EventField, EventPosition, EventSummary};
use crate::time::Timestamp;

/// The maximum number of fields that a search returns.
const MAX_FIELDS: usize = 200;

/// The maximum number of ids that a search returns. The service documents no limit; a campaign takes 10,000 events at most.
const MAX_IDS: u32 = 100_000;

/// The maximum number of similar events.
const SIMILAR_EVENTS: usize = 50;

pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    query: Query,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let feed = FeedQuery::read(&query, 2)?;
    let after = feed.after.map(|position| EventPosition {
        created_at: Timestamp::from_micros(position[0]),
        row: position[1],
    });
    let (filter, fields) = body.parse(|body| search_body(&body.fields()?)).await?;
    let page = app.storage.search_events(caller.workspace, filter, after, feed.size).await?;
    let next = page.next.map(|next| [next.created_at.micros(), next.row]);
    let extra = ExtraFields::Named(fields);
    feed_response(&memory, &page.events, &extra, next.as_ref().map(|next| &next[..])).await
}

pub(super) async fn search_ids(
    State(app): State<App>,
    caller: Caller,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (filter, _) = body.parse(|body| search_body(&body.fields()?)).await?;
    let ids = app.storage.search_event_ids(caller.workspace, filter, MAX_IDS).await?;
    memory.reserve(ids.iter().map(|id| 2 * id.len() as u64 + 32).sum()).await?;
    let body = responses::object(|object| {
        array(object.field("completion_event_ids"), &ids, |out, id| json_text::string(out, id));
    });
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn fetch(
    State(app): State<App>,
    caller: Caller,
    EventPath(id): EventPath,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let event = app.storage.event_details(caller.workspace, id).await?;
    let bytes = event.size();
    // The event, its converted messages and the response.
    memory.reserve(3 * bytes as u64).await?;
    let body = off_runtime(bytes, move || {
        let mut body = Vec::new();
        event_response::complete(&mut body, event);
        body
    });
    let body = body.await?;
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn similar(
    State(app): State<App>,
    caller: Caller,
    EventPath(id): EventPath,
    memory: RequestMemory,
) -> Result<Response, ApiError> {
    let events = app.storage.similar_events(caller.workspace, id, SIMILAR_EVENTS).await?;
    // A request cannot ask for fields.
    feed_response(&memory, &events, &ExtraFields::Annotations, None).await
}

/// Reads the filter and the requested fields of a search.
fn search_body(
    body: &Fields<'_>,
) -> Result<(crate::storage::EventFilter, Vec<EventField>), ApiError> {
    let filter = event_filter::read_payload(&body.required("search_params")?)?;
    let mut fields = Vec::new();
    if let Some(names) = body.optional("extra_fields") {
        for name in names.items(0..=MAX_FIELDS)? {
            let field = event_filter::field(&name)?;
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
    }
    Ok((filter, fields))
}

async fn feed_response(
    memory: &RequestMemory,
    events: &[EventSummary],
    extra: &ExtraFields,
    next: Option<&[i64]>,
) -> Result<Response, ApiError> {
    memory.reserve(2 * events.iter().map(EventSummary::size).sum::<usize>() as u64).await?;
    let body = responses::object(|object| {
        json_text::Object::write(object.field("completion_events"), |feed| {
            array(feed.field("results"), events, |out, event| {
                event_response::preview(out, event, extra);
            });
            write_cursor(feed, next);
        });
    });
    Ok(json(StatusCode::OK, body))
}
