//! Operations on the fields of chat completion events.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use super::event_filter::{self, expected_fields, operator_names};
use super::responses;
use super::state::App;
use crate::http::{ApiError, Caller, EventFieldPath, JsonBody, Query, json};
use crate::json::{self as json_text, Object, array};
use crate::storage::{
    AnnotationField, EventField, EventFilter, FieldKind, FilterOperator, annotation_name,
};

/// The maximum number of values of a field in a response.
const MAX_VALUES: u32 = 1_000;

/// The groups of fields: their names and labels.
const GROUPS: &[(&str, &str)] =
    &[("event", "Event"), ("messages", "Messages"), ("usage", "Usage"), ("judges", "Judges")];

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Response, ApiError> {
    let annotations = app.storage.annotation_fields(caller.workspace).await?;
    let body = responses::object(|object| {
        let out = object.field("field_definitions");
        out.push(b'[');
        for (index, field) in EventField::FIXED.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let (label, group) = label_and_group(field);
            definition(out, &field.name(), label, type_name(field), group, field.kind());
        }
        for annotation in &annotations {
            out.push(b',');
            let name = annotation_name(annotation.judge);
            let type_name = if annotation.options.is_some() { "ENUM" } else { "FLOAT" };
            let kind = FieldKind::Answer;
            definition(out, &name, &annotation.name, type_name, "judges", kind);
        }
        out.push(b']');
        array(object.field("field_groups"), GROUPS, |out, (name, label)| {
            Object::write(out, |group| {
                group.string("name", name);
                group.string("label", label);
            });
        });
    });
    Ok(json(StatusCode::OK, body))
}

fn definition(
    out: &mut Vec<u8>,
    name: &str,
    label: &str,
    type_name: &str,
    group: &str,
    kind: FieldKind,
) {
    Object::write(out, |object| {
        object.string("name", name);
        object.string("label", label);
        object.string("type", type_name);
        object.string("group", group);
        array(object.field("supported_operators"), kind.operators(), |out, operator| {
            json_text::string(out, operator.name());
        });
    });
}

fn type_name(field: &EventField) -> &'static str {
    match (field, field.kind()) {
        // Their values are listed as options.
        (EventField::ModelName | EventField::ApiAgentId, _) => "ENUM",
        (_, FieldKind::Text | FieldKind::Answer) => "TEXT",
        (_, FieldKind::Integer) => "INT",
        (_, FieldKind::Real) => "FLOAT",
        (_, FieldKind::Time) => "TIMESTAMP",
        (_, FieldKind::List) => "ARRAY",
        (_, FieldKind::Map) => "MAP",
    }
}

fn label_and_group(field: &EventField) -> (&'static str, &'static str) {
    match field {
        EventField::Timestamp => ("Time", "event"),
        EventField::EventId => ("Event ID", "event"),
        EventField::CorrelationId => ("Correlation ID", "event"),
        EventField::ModelName => ("Model", "event"),
        EventField::ApiAgentId => ("Agent", "event"),
        EventField::FirstSystemMessage => ("First system message", "messages"),
        EventField::LastUserMessagePreview => ("Last user message", "messages"),
        EventField::ResponseMessagesPreview => ("Response", "messages"),
        EventField::InvokedTools => ("Invoked tools", "messages"),
        EventField::TotalTimeElapsed => ("Duration in seconds", "usage"),
        EventField::InputTokens => ("Input tokens", "usage"),
        EventField::OutputTokens => ("Output tokens", "usage"),
        EventField::Metadata | EventField::MetadataKey(_) => ("Metadata", "event"),
        EventField::Annotation(_) => ("Answer of a judge", "judges"),
    }
}

/// Returns the values that a field can be compared with by an operator, or null for free text.
pub(super) async fn options(
    State(app): State<App>,
    caller: Caller,
    EventFieldPath(name): EventFieldPath,
    query: Query,
) -> Result<Response, ApiError> {
    let field = find(&name)?;
    let operator =
        query.text("operator")?.ok_or_else(|| ApiError::validation("operator: required"))?;
    let operator = FilterOperator::named(operator).ok_or_else(|| {
        let names = operator_names(FilterOperator::ALL);
        ApiError::validation(format!("operator: expected one of {names}"))
    })?;
    let supported = field.kind().operators();
    if !supported.contains(&operator) {
        let message = format!(
            "operator: the field `{name}` does not support `{}`; supported: {}",
            operator.name(),
            operator_names(supported)
        );
        return Err(ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::SearchBadRequest, message));
    }
    let options = option_values(&app, &caller, field, operator).await?;
    let body = responses::object(|object| match options {
        Some(options) => array(object.field("options"), &options, |out, option| {
            out.extend_from_slice(option.to_string().as_bytes());
        }),
        None => object.raw("options", "null"),
    });
    Ok(json(StatusCode::OK, body))
}

async fn option_values(
    app: &App,
    caller: &Caller,
    field: EventField,
    operator: FilterOperator,
) -> Result<Option<Vec<serde_json::Value>>, ApiError> {
    use FilterOperator::*;

    match operator {
        IsNull => return Ok(Some(vec![true.into(), false.into()])),
        Eq | Neq | Includes | Excludes => {}
        _ => return Ok(None),
    }
    match field {
        EventField::ModelName | EventField::ApiAgentId | EventField::InvokedTools => {
            let (workspace, all) = (caller.workspace, EventFilter::All(Vec::new()));
            let values = app.storage.count_event_values(workspace, field, all, MAX_VALUES).await?;
            Ok(Some(values.into_iter().map(|counted| counted.value.into()).collect()))
        }
        EventField::Annotation(judge) => {
            let annotations = app.storage.annotation_fields(caller.workspace).await?;
            let of_judge = |annotation: &AnnotationField| annotation.judge == judge;
            let options = annotations.into_iter().find(of_judge).and_then(|found| found.options);
            Ok(options.map(|options| options.into_iter().map(Into::into).collect()))
        }
        _ => Ok(None),
    }
}

pub(super) async fn option_counts(
    State(app): State<App>,
    caller: Caller,
    EventFieldPath(name): EventFieldPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let field = find(&name)?;
    let filter = body.parse(|body| match body.fields()?.optional("filter_params") {
        Some(payload) => event_filter::read_payload(&payload),
        None => Ok(EventFilter::All(Vec::new())),
    });
    let filter = filter.await?;
    let counts =
        app.storage.count_event_values(caller.workspace, field, filter, MAX_VALUES).await?;
    let body = responses::object(|object| {
        array(object.field("counts"), &counts, |out, counted| {
            Object::write(out, |object| {
                object.string("value", &counted.value);
                object.integer("count", counted.count);
            });
        });
    });
    Ok(json(StatusCode::OK, body))
}

/// Returns the field in a path.
fn find(name: &str) -> Result<EventField, ApiError> {
    EventField::named(name).ok_or_else(|| {
        let message = format!("field_name: unknown field; {}", expected_fields());
        ApiError::new(StatusCode::NOT_FOUND, ErrorCode::FieldsNotFound, message)
    })
}
