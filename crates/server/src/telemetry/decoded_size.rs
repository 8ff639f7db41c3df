//! Estimates how much memory a request takes once it is decoded.
//!
//! An empty message takes two bytes in a request and hundreds in memory, so the size of a request does not bound the size of its
//! messages. The estimate is made without allocating anything, before the request is decoded.

use std::mem::size_of;

use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// While a list grows, it takes up to three times the size of its items.
const GROWTH: u64 = 3;

/// The maximum nesting depth of messages that the decoder accepts.
const MAX_DEPTH: usize = 100;

/// How many brackets enclose a span or log record in JSON, including its own.
const ITEM_DEPTH: usize = 7;

/// The messages that may be repeated, or contain such.
#[derive(Clone, Copy)]
pub(super) enum Message {
    Traces,
    ResourceSpans,
    ScopeSpans,
    Span,
    Event,
    Link,
    Logs,
    ResourceLogs,
    ScopeLogs,
    LogRecord,
    Resource,
    Scope,
    EntityRef,
    KeyValue,
    AnyValue,
    /// An array or a list of attributes as a value.
    Array,
    Map,
    Text,
}

impl Message {
    /// Returns the message in a field.
    fn field(self, tag: u32) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Traces, 1) => Self::ResourceSpans,
            (Self::Logs, 1) => Self::ResourceLogs,
            (Self::ResourceSpans | Self::ResourceLogs, 1) => Self::Resource,
            (Self::ResourceSpans, 2) => Self::ScopeSpans,
            (Self::ResourceLogs, 2) => Self::ScopeLogs,
            (Self::ScopeSpans | Self::ScopeLogs, 1) => Self::Scope,
            (Self::ScopeSpans, 2) => Self::Span,
            (Self::ScopeLogs, 2) => Self::LogRecord,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::LogRecord, 5) | (Self::KeyValue, 2) | (Self::Array, 1) => Self::AnyValue,
            (Self::Resource, 3) => Self::EntityRef,
            (Self::EntityRef, 3 | 4) => Self::Text,
            (Self::AnyValue, 5) => Self::Array,
            (Self::AnyValue, 6) => Self::Map,
            (Self::Resource | Self::Map, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Link, 4)
            | (Self::LogRecord, 6)
            | (Self::Span, 9) => Self::KeyValue,
            _ => return None,
        })
    }

    fn size(self) -> u64 {
        let size = match self {
            Self::Traces | Self::Logs => 0,
            Self::ResourceSpans => size_of::<ResourceSpans>(),
            Self::ScopeSpans => size_of::<ScopeSpans>(),
            Self::Span => size_of::<Span>(),
            Self::Event => size_of::<Event>(),
            Self::Link => size_of::<Link>(),
            Self::ResourceLogs => size_of::<ResourceLogs>(),
            Self::ScopeLogs => size_of::<ScopeLogs>(),
            Self::LogRecord => size_of::<LogRecord>(),
            Self::Resource => size_of::<Resource>(),
            Self::Scope => size_of::<InstrumentationScope>(),
            Self::EntityRef => size_of::<EntityRef>(),
            Self::KeyValue => size_of::<KeyValue>(),
            Self::AnyValue | Self::Array | Self::Map => size_of::<AnyValue>(),
            Self::Text => size_of::<String>(),
        };
        size as u64
    }
}

/// Estimates the size of a protobuf request in bytes. What follows invalid data is not counted, because it is not decoded either.
pub(super) fn protobuf(body: &[u8], request: Message) -> u64 {
    body.len() as u64 + GROWTH * messages(body, request, 0)
}

fn messages(mut bytes: &[u8], message: Message, depth: usize) -> u64 {
    let mut size = 0;
    while !bytes.is_empty() && depth < MAX_DEPTH {
        let Ok((tag, wire_type)) = decode_key(&mut bytes) else { break };
        if wire_type != WireType::LengthDelimited {
            if skip_field(wire_type, tag, &mut bytes, DecodeContext::default()).is_err() {
                break;
            }
            continue;
        }
        let length = decode_varint(&mut bytes).ok().and_then(|length| usize::try_from(length).ok());
        let content = length.and_then(|length| bytes.split_off(..length));
        let Some(content) = content else { break };
        if let Some(nested) = message.field(tag) {
            size += nested.size() + messages(content, nested, depth + 1);
        }
    }
    size
}

/// Estimates the size of a JSON request in bytes.
pub(super) fn json(body: &[u8]) -> u64 {
    let item = Message::Span.size().max(Message::LogRecord.size());
    // Within spans and records, links are the largest.
    let part = Message::Link.size().max(Message::Event.size());
    let (mut size, mut depth, mut in_string, mut escaped) = (0, 0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' => depth += 1,
            b'{' => {
                depth += 1;
                size += if depth <= ITEM_DEPTH { item } else { part };
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    body.len() as u64 + GROWTH * size
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;

    fn request(spans: Vec<Span>) -> Vec<u8> {
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }

    #[test]
    fn empty_messages_count_with_their_size_in_memory() {
        let body = request(vec![Span::default(); 1_000]);
        assert!(body.len() < 2_100);
        let least = 1_000 * size_of::<Span>() as u64;
        assert!(protobuf(&body, Message::Traces) > least);
        let empty = ["{}"; 1_000].join(",");
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{empty}]}}]}}]}}"#);
        assert!(json(body.as_bytes()) > least);
        let attributes = vec![KeyValue::default(); 1_000];
        let body = request(vec![Span { attributes, ..Span::default() }]);
        assert!(protobuf(&body, Message::Traces) > 1_000 * size_of::<KeyValue>() as u64);
    }

    #[test]
    fn text_counts_once() {
        let name = "{".repeat(100_000);
        let body = request(vec![Span { name: name.clone(), ..Span::default() }]);
        assert!(protobuf(&body, Message::Traces) < 110_000);
        let body = format!(r#"{{"resourceSpans":[{{"schemaUrl":"{name}\"{name}"}}]}}"#);
        assert!(json(body.as_bytes()) < 210_000);
    }

    #[test]
    fn invalid_data_ends_the_estimate() {
        for body in [&b"\xff\xff"[..], b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05\x12"] {
            protobuf(body, Message::Traces);
        }
        assert_eq!(json(b"]]}\"\\"), 5);
    }
}
