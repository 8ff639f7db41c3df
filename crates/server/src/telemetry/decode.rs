//! Decodes the bodies of OTLP requests.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{log, span};
use crate::storage::{NewLog, NewSpan};

/// How a request is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

/// A body that is not a valid request.
#[derive(Debug, thiserror::Error)]
#[error("the body is not a valid OTLP request: {0}")]
pub(crate) struct DecodeError(String);

/// The items of a request that are not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) count: i64,
    /// Why the first of them is not stored.
    pub(crate) reason: Option<&'static str>,
}

impl Rejected {
    /// Returns the item, or counts it as rejected.
    fn accept<T>(&mut self, item: Result<T, &'static str>) -> Option<T> {
        item.map_err(|reason| {
            self.count += 1;
            self.reason.get_or_insert(reason);
        })
        .ok()
    }
}

/// Decodes a trace request into spans of a workspace.
pub(crate) fn traces(
    body: &[u8],
    encoding: Encoding,
    workspace: Uuid,
) -> Result<(Vec<NewSpan>, Rejected), DecodeError> {
    let request: ExportTraceServiceRequest = decode(body, encoding)?;
    let mut rejected = Rejected::default();
    let mut spans = Vec::new();
    for group in request.resource_spans {
        let resource = group.resource.unwrap_or_default();
        let resource = span::Resource::new(resource.attributes);
        for group in group.scope_spans {
            let scope = group.scope.unwrap_or_default();
            for item in group.spans {
                let projected = span::project(item, &resource, &scope, workspace);
                spans.extend(rejected.accept(projected));
            }
        }
    }
    Ok((spans, rejected))
}

/// Decodes a request of log records.
pub(crate) fn logs(
    body: &[u8],
    encoding: Encoding,
) -> Result<(Vec<NewLog>, Rejected), DecodeError> {
    let request: ExportLogsServiceRequest = decode(body, encoding)?;
    let mut rejected = Rejected::default();
    let mut logs = Vec::new();
    for group in request.resource_logs {
        let resource = group.resource.unwrap_or_default();
        let resource = log::Resource::new(resource.attributes, group.schema_url);
        for group in group.scope_logs {
            let scope = log::Scope::new(group.scope.unwrap_or_default(), group.schema_url);
            for record in group.log_records {
                logs.extend(rejected.accept(log::project(record, &resource, &scope)));
            }
        }
    }
    Ok((logs, rejected))
}

fn decode<T: Message + Default + DeserializeOwned>(
    body: &[u8],
    encoding: Encoding,
) -> Result<T, DecodeError> {
    match encoding {
        // The messages of both errors describe structure and position, not content.
        Encoding::Protobuf => T::decode(body).map_err(|error| DecodeError(error.to_string())),
        Encoding::Json => serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Data => "unexpected value",
                serde_json::error::Category::Eof => "unexpected end",
                _ => "invalid JSON",
            };
            DecodeError(format!("{what} at {place}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A request with one chat span, as exporters encode it in JSON.
    pub(in crate::telemetry) fn sample() -> serde_json::Value {
        let text = |key: &str, value: &str| serde_json::json!({"key": key, "value": {"stringValue": value}});
        serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "shop-bot"), text("deployment.environment", "test")]},
        "scopeSpans": [{"scope": {"name": "shop.tracer", "version": "1.0.0"}, "spans": [{
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "chat small", "kind": 3,
            "startTimeUnixNano": "1786000000000000000", "endTimeUnixNano": 1786000001250000000u64,
            "status": {"code": 1}, "unknown": {"ignored": true},
            "attributes": [
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.request.model", "small"),
                {"key": "gen_ai.request.temperature", "value": {"intValue": 0}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "21"}},
                {"key": "gen_ai.response.finish_reasons", "value": {"arrayValue": {"values": [{"stringValue": "stop"}]}}},
                text("gen_ai.system_instructions", r#"[{"type":"text","content":"Be brief."}]"#),
                text("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"O\u00f9 est ma commande?"}]}]"#),
                text("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"type":"text","content":"It ships today."}],"finish_reason":"stop"}]"#),
            ]}]}]}]})
    }

    #[test]
    fn json_and_protobuf_are_decoded_alike() {
        let json = sample().to_string();
        let (spans, rejected) = traces(json.as_bytes(), Encoding::Json, Uuid::nil()).unwrap();
        assert_eq!(rejected, Rejected::default());
        let request: ExportTraceServiceRequest = serde_json::from_str(&json).unwrap();
        let (same, _) = traces(&request.encode_to_vec(), Encoding::Protobuf, Uuid::nil()).unwrap();
        assert_eq!(format!("{spans:?}"), format!("{same:?}"));
        let span = &spans[0];
        assert_eq!((span.end_time - span.start_time, span.span_kind), (1_250_000_000, "Client"));
        assert_eq!((span.usage_input_tokens, span.request_temperature), (21, Some(0.0)));
        assert_eq!((span.service_name.as_str(), span.environment.as_str()), ("shop-bot", "test"));
    }

    #[test]
    fn ids_of_zeros_or_of_another_length_are_rejected() {
        for (field, id) in [
            ("traceId", "00000000000000000000000000000000"),
            ("spanId", "0000000000000000"),
            ("traceId", "4bf9"),
            ("spanId", ""),
        ] {
            let mut request = sample();
            request["resourceSpans"][0]["scopeSpans"][0]["spans"][0][field] = id.into();
            let body = request.to_string();
            let (spans, rejected) = traces(body.as_bytes(), Encoding::Json, Uuid::nil()).unwrap();
            assert_eq!((spans.len(), rejected.count), (0, 1), "{field}: {id}");
            assert!(rejected.reason.unwrap().contains("ID"));
        }
    }

    #[test]
    fn invalid_bodies_are_described_without_their_content() {
        for body in ["{\"resourceSpans\": \"secret text\"}", "secret", "{"] {
            let error = traces(body.as_bytes(), Encoding::Json, Uuid::nil()).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(traces(b"\xff\xff", Encoding::Protobuf, Uuid::nil()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = traces(&body, Encoding::Protobuf, Uuid::nil());
            let _ = traces(&body, Encoding::Json, Uuid::nil());
            let _ = logs(&body, Encoding::Protobuf);
        }
    }
}
