//! Projects log records to the fields of the API.

use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use serde_json::Value;

use super::attributes::{Attributes, optional_text};
use super::span::{check_shared, hex_id, nanoseconds};
use crate::storage::{NewEvaluation, NewLog};

/// The name of events that report an evaluation of a span.
const EVALUATION: &str = "gen_ai.evaluation.result";

/// The attributes of an evaluation that have a field.
const EVALUATION_FIELDS: [&str; 6] = [
    "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.value",
    "gen_ai.evaluation.score.label",
    "gen_ai.evaluation.explanation",
    "gen_ai.response.id",
    "gen_ai.conversation.id",
];

/// What all records of a resource share.
pub(super) struct Resource {
    service_name: String,
    attributes: String,
    schema_url: String,
}

impl Resource {
    pub(super) fn new(attributes: Vec<KeyValue>, schema_url: String) -> Self {
        let attributes = Attributes::new(attributes);
        Self {
            service_name: attributes.text(&["service.name"]),
            attributes: Value::from(attributes.to_map()).to_string(),
            schema_url,
        }
    }
}

/// What all records of an instrumentation scope share.
pub(super) struct Scope {
    name: String,
    version: String,
    attributes: String,
    schema_url: String,
}

impl Scope {
    pub(super) fn new(scope: InstrumentationScope, schema_url: String) -> Self {
        let attributes = Attributes::new(scope.attributes).to_map();
        Self {
            name: scope.name,
            version: scope.version,
            attributes: Value::from(attributes).to_string(),
            schema_url,
        }
    }
}

/// Projects a log record, or returns why it cannot be stored.
pub(super) fn project(
    record: LogRecord,
    resource: &Resource,
    scope: &Scope,
) -> Result<NewLog, &'static str> {
    check_shared(&[&resource.attributes, &resource.schema_url])?;
    check_shared(&[&scope.name, &scope.version, &scope.attributes, &scope.schema_url])?;
    // A record need not belong to a span, and OTLP demands that an invalid ID is treated as absent.
    let trace_id = hex_id(&record.trace_id, 16).unwrap_or_default();
    let span_id = hex_id(&record.span_id, 8).unwrap_or_default();
    let time = match record.time_unix_nano {
        0 => record.observed_time_unix_nano,
        time => time,
    };
    let attributes = Attributes::new(record.attributes);
    let body = optional_text(record.body.as_ref());
    let event_name = match record.event_name {
        // The attribute was the name of an event before the field existed.
        name if name.is_empty() => attributes.text(&["event.name"]),
        name => name,
    };
    let is_evaluation = event_name == EVALUATION || body == EVALUATION;
    if is_evaluation && (trace_id.is_empty() || span_id.is_empty()) {
        return Err("an evaluation has no valid trace ID or span ID");
    }
    Ok(NewLog {
        timestamp: nanoseconds(time),
        trace_id,
        span_id,
        // The upper bits are reserved.
        trace_flags: i64::from(record.flags & 0xff),
        severity_text: record.severity_text,
        severity_number: i64::from(record.severity_number),
        service_name: resource.service_name.clone(),
        event_name,
        resource_schema_url: resource.schema_url.clone(),
        scope_schema_url: scope.schema_url.clone(),
        scope_name: scope.name.clone(),
        scope_version: scope.version.clone(),
        body,
        resource_attributes: resource.attributes.clone(),
        scope_attributes: scope.attributes.clone(),
        log_attributes: Value::from(attributes.to_map()).to_string(),
        evaluation: is_evaluation.then(|| evaluation(&attributes)),
    })
}

fn evaluation(attributes: &Attributes) -> NewEvaluation {
    let [name, value, label, explanation, response, conversation] = EVALUATION_FIELDS;
    let mut metadata = attributes.to_map();
    metadata.retain(|key, _| !EVALUATION_FIELDS.contains(&key.as_str()));
    NewEvaluation {
        response_id: attributes.text(&[response]),
        conversation_id: attributes.text(&[conversation]),
        evaluation_name: attributes.text(&[name]),
        score_value: attributes.number(&[value]).unwrap_or_default(),
        score_label: attributes.text(&[label]),
        explanation: attributes.text(&[explanation]),
        metadata: Value::from(metadata).to_string(),
    }
}
