//! What the searches of telemetry have in common.

use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use super::responses;
use super::state::App;
use crate::http::{ApiError, Caller, FeedQuery, Query, RequestMemory, json, write_cursor};
use crate::json::{Fields, Object};
use crate::search::{self, Entity, Expression, SearchError, SearchErrorKind};
use crate::storage::{TelemetryFilter, TelemetryPosition, TimeOrder};
use crate::time::Timestamp;

/// Returns a filter with the time range of a query: `from` is included, `to` is not.
pub(super) fn time_range(
    query: &Query,
    caller: &Caller,
    entity: Entity,
) -> Result<TelemetryFilter, ApiError> {
    let mut filter = TelemetryFilter::new(caller.workspace, entity);
    filter.from = time(query, "from")?;
    filter.to = time(query, "to")?;
    Ok(filter)
}

fn time(query: &Query, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query.text(name)? else { return Ok(None) };
    // The plus of a time zone that was not percent-encoded reads as a space.
    Timestamp::parse(&text.replace(' ', "+")).map(Some).ok_or_else(|| {
        ApiError::validation(format!("{name}: expected a time such as `2026-08-01T00:00:00Z`"))
    })
}

/// Reads the field `search_expression` of a body.
pub(super) fn expression(
    body: &Fields<'_>,
    entity: Entity,
) -> Result<Option<Expression>, ApiError> {
    let Some(value) = body.optional("search_expression") else { return Ok(None) };
    search::parse(entity, &value.string()?)
        .map_err(|error| search_error("search_expression", &error))
}

/// Creates the response to a search expression or a field name that cannot be used.
pub(super) fn search_error(place: &str, error: &SearchError) -> ApiError {
    let code = match error.kind {
        SearchErrorKind::Invalid => ErrorCode::TracesFilterQueryParseError,
        SearchErrorKind::UnknownField => ErrorCode::FieldsBadRequest,
    };
    ApiError::new(StatusCode::BAD_REQUEST, code, format!("{place}: {error}"))
}

/// Responds with a page of rows, in a field with this name.
pub(super) async fn page(
    app: &App,
    memory: &RequestMemory,
    name: &str,
    query: &Query,
    filter: TelemetryFilter,
    order: TimeOrder,
) -> Result<Response, ApiError> {
    let feed = FeedQuery::read(query, 2)?;
    let after = feed.after.map(|after| TelemetryPosition { time: after[0], row: after[1] });
    let page = app.storage.search_telemetry(filter, order, after, feed.size).await?;
    // The rows and the response.
    memory.reserve(2 * page.rows.len() as u64).await?;
    let next = page.next.map(|next| [next.time, next.row]);
    let body = responses::object(|object| {
        Object::write(object.field(name), |feed| {
            feed.raw("results", &page.rows);
            write_cursor(feed, next.as_ref().map(|next| &next[..]));
        });
    });
    Ok(json(StatusCode::OK, body))
}
