//! Decodes the bodies of OTLP requests.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::items::Items;
use super::{decoded_size, log, span};
use crate::storage::{NewLog, NewSpan};

/// How a request is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

/// A body that is not decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("the body is not a valid OTLP request: {0}")]
    Invalid(String),
    #[error(
        "the request has too many spans, log records or attributes; send it in several requests"
    )]
    TooManyItems,
    #[error("there is not enough memory for the decoded request")]
    NoMemory,
}

/// Reserves memory for a number of bytes. Returns whether there is enough.
pub(crate) type Reserve<'a> = &'a dyn Fn(u64) -> bool;

/// How large a request may be once it is decoded, in bytes.
const MAX_DECODED_BYTES: u64 = 256 << 20;

/// Decodes a trace request into spans of a workspace.
pub(crate) fn traces(
    body: &[u8],
    encoding: Encoding,
    workspace: Uuid,
    reserve: Reserve<'_>,
) -> Result<Items<NewSpan>, DecodeError> {
    let request: ExportTraceServiceRequest =
        decode(body, encoding, decoded_size::Message::Traces, reserve)?;
    let spans = request.resource_spans.into_iter().flat_map(move |group| {
        let resource = group.resource.unwrap_or_default();
        let resource = Arc::new(span::Resource::new(resource.attributes));
        group.scope_spans.into_iter().flat_map(move |group| {
            let resource = Arc::clone(&resource);
            let scope = span::Scope::new(group.scope.unwrap_or_default());
            group
                .spans
                .into_iter()
                .map(move |span| span::project(span, &resource, &scope, workspace))
        })
    });
    Ok(Items::new(spans, NewSpan::bytes))
}

/// Decodes a request of log records.
pub(crate) fn logs(
    body: &[u8],
    encoding: Encoding,
    reserve: Reserve<'_>,
) -> Result<Items<NewLog>, DecodeError> {
    let request: ExportLogsServiceRequest =
        decode(body, encoding, decoded_size::Message::Logs, reserve)?;
    let records = request.resource_logs.into_iter().flat_map(|group| {
        let resource = group.resource.unwrap_or_default();
        let resource = Arc::new(log::Resource::new(resource.attributes, group.schema_url));
        group.scope_logs.into_iter().flat_map(move |group| {
            let resource = Arc::clone(&resource);
            let scope = log::Scope::new(group.scope.unwrap_or_default(), group.schema_url);
            group.log_records.into_iter().map(move |record| log::project(record, &resource, &scope))
        })
    });
    Ok(Items::new(records, NewLog::bytes))
}

fn decode<T: Message + Default + DeserializeOwned>(
    body: &[u8],
    encoding: Encoding,
    request: decoded_size::Message,
    reserve: Reserve<'_>,
) -> Result<T, DecodeError> {
    let size = match encoding {
        Encoding::Protobuf => decoded_size::protobuf(body, request),
        Encoding::Json => decoded_size::json(body),
    };
    if size > MAX_DECODED_BYTES {
        return Err(DecodeError::TooManyItems);
    }
    if !reserve(size) {
        return Err(DecodeError::NoMemory);
    }
    match encoding {
        // The messages of both errors describe structure and position, not content.
        Encoding::Protobuf => {
            T::decode(body).map_err(|error| DecodeError::Invalid(error.to_string()))
        }
        // A derived deserializer also reads the fields of an object from an array.
        Encoding::Json if body.trim_ascii_start().starts_with(b"[") => {
            Err(DecodeError::Invalid("expected an object".to_owned()))
        }
        Encoding::Json => json(body),
    }
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(body)
        .or_else(|error| {
            // In the JSON of protobuf, null is the default of any field, and lists may be absent, but few exporters send that.
            if !error.is_data() {
                return Err(error);
            }
            let mut value = serde_json::from_slice(body)?;
            normalize(&mut value);
            serde_json::from_value(value).map_err(|_| error)
        })
        .map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            let what = match error.classify() {
                serde_json::error::Category::Data => "unexpected value",
                serde_json::error::Category::Eof => "unexpected end",
                _ => "invalid JSON",
            };
            DecodeError::Invalid(format!("{what} at {place}"))
        })
}

/// Removes all fields that are null, and adds the lists that arrays and maps need.
fn normalize(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            for (name, value) in fields {
                normalize(value);
                if let Value::Object(list) = value
                    && ["arrayValue", "kvlistValue"].contains(&name.as_str())
                {
                    list.entry("values").or_insert_with(|| Value::Array(Vec::new()));
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalize),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::telemetry::Rejected;

    fn spans(body: &[u8], encoding: Encoding) -> (Vec<NewSpan>, Rejected) {
        let mut items = traces(body, encoding, Uuid::nil(), &|_| true).unwrap();
        (items.take(u64::MAX), items.rejected().clone())
    }

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
        let (spans, rejected) = spans(json.as_bytes(), Encoding::Json);
        assert_eq!(rejected, Rejected::default());
        let request: ExportTraceServiceRequest = serde_json::from_str(&json).unwrap();
        let (same, _) = self::spans(&request.encode_to_vec(), Encoding::Protobuf);
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
            let (spans, rejected) = spans(body.as_bytes(), Encoding::Json);
            assert_eq!((spans.len(), rejected.count), (0, 1), "{field}: {id}");
            assert!(rejected.reason.unwrap().contains("ID"));
        }
    }

    #[test]
    fn requests_that_are_small_only_until_they_are_decoded_are_refused() {
        let spans = ["{}"; 500_000].join(",");
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let error = traces(body.as_bytes(), Encoding::Json, Uuid::nil(), &|_| true).err().unwrap();
        assert!(matches!(error, DecodeError::TooManyItems));
        let sample = sample().to_string();
        let refused = traces(sample.as_bytes(), Encoding::Json, Uuid::nil(), &|_| false);
        assert!(matches!(refused, Err(DecodeError::NoMemory)));
    }

    #[test]
    fn json_of_several_exporters_is_accepted() {
        for (path, value) in [
            ("/resourceSpans/0/resource", json!(null)),
            ("/resourceSpans/0/scopeSpans/0/scope", json!({})),
            ("/resourceSpans/0/scopeSpans/0/spans/0/status", json!({})),
            ("/resourceSpans/0/scopeSpans/0/spans/0/parentSpanId", json!("")),
            ("/resourceSpans/0/scopeSpans/0/spans/0/parentSpanId", json!("0000000000000000")),
            ("/resourceSpans/0/scopeSpans/0/spans/0/parentSpanId", json!(null)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/attributes", json!(null)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/traceState", json!(null)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/droppedAttributesCount", json!(0)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/startTimeUnixNano", json!(1)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/kind", json!(99)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value", json!({})),
            ("/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value", json!(null)),
            ("/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value", json!({"doubleValue": 1})),
            ("/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value", json!({"arrayValue": {}})),
            (
                "/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value",
                json!({"bytesValue": "AQI="}),
            ),
            (
                "/resourceSpans/0/scopeSpans/0/spans/0/attributes/0/value",
                json!({"kvlistValue": {"values": [
                {"key": "a", "value": {"intValue": "9223372036854775807"}}]}}),
            ),
        ] {
            let mut request = sample();
            let (parent, name) = path.rsplit_once('/').unwrap();
            request.pointer_mut(parent).unwrap()[name] = value;
            let (spans, rejected) = spans(request.to_string().as_bytes(), Encoding::Json);
            assert_eq!((spans.len(), rejected.count), (1, 0), "{path}");
            assert_eq!(spans[0].parent_span_id, "", "{path}");
        }
        for body in [
            "{}",
            r#"{"resourceSpans":[]}"#,
            r#"{"resourceSpans":[{}]}"#,
            r#"{"resourceSpans":null}"#,
        ] {
            assert_eq!(spans(body.as_bytes(), Encoding::Json).0.len(), 0, "{body}");
        }
    }

    #[test]
    fn invalid_bodies_are_described_without_their_content() {
        for body in ["{\"resourceSpans\": \"secret text\"}", "secret", "{"] {
            let error =
                traces(body.as_bytes(), Encoding::Json, Uuid::nil(), &|_| true).err().unwrap();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(traces(b"\xff\xff", Encoding::Protobuf, Uuid::nil(), &|_| true).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                let _ = traces(&body, encoding, Uuid::nil(), &|_| true).map(|mut spans| spans.take(u64::MAX));
                let _ = logs(&body, encoding, &|_| true).map(|mut records| records.take(u64::MAX));
            }
        }
    }
}
