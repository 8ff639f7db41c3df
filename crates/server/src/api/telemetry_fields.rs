//! Responses about the fields of telemetry.

use axum::response::Response;
use http::StatusCode;

use super::responses;
use super::state::App;
use super::telemetry_search::{search_error, time_range};
use crate::http::{ApiError, Caller, Query, json};
use crate::json::{self as json_text, Object, array};
use crate::search::{self, Entity, Field, Kind};

/// The maximum number of values of a field in a response.
const MAX_VALUES: u32 = 1_000;

/// Responds with the fields of an entity.
pub(super) fn list(entity: Entity) -> Response {
    let body = responses::object(|object| {
        array(object.field("field_definitions"), entity.fields(), definition);
    });
    json(StatusCode::OK, body)
}

fn definition(out: &mut Vec<u8>, field: &Field) {
    Object::write(out, |object| {
        object.string("name", field.name);
        object.string("label", field.label);
        object.string("type", field.kind.name());
        object.string("group", field.group);
        array(object.field("supported_operators"), field.kind.operators(), |out, operator| {
            json_text::string(out, operator.name());
        });
        array(object.field("supported_aggregations"), field.kind.aggregates(), |out, aggregate| {
            json_text::string(out, aggregate.name());
        });
        object.optional_string("source_attribute_key", field.source);
    });
}

/// Responds with the values of a field, or null for free text.
pub(super) async fn options(
    app: &App,
    caller: &Caller,
    query: &Query,
    entity: Entity,
    name: &str,
) -> Result<Response, ApiError> {
    let target =
        search::parse_target(entity, name).map_err(|error| search_error("field_name", &error))?;
    let mut filter = time_range(query, caller, entity)?;
    // A trace has the attributes of its spans.
    if entity == Entity::Traces && target.key.is_some() {
        filter.entity = Entity::Spans;
    }
    let options = match target.field.kind {
        Kind::Enum | Kind::List | Kind::Map => {
            Some(app.storage.telemetry_values(filter, target, MAX_VALUES).await?)
        }
        Kind::Text | Kind::Integer | Kind::Real | Kind::Time => None,
    };
    let body = responses::object(|object| match &options {
        Some(options) => {
            array(object.field("options"), options, |out, option| json_text::string(out, option))
        }
        None => object.raw("options", "null"),
    });
    Ok(json(StatusCode::OK, body))
}
