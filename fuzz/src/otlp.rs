//! OTLP requests.

use mistral_datasets_server::internal_fuzzing::{TelemetryItem, otlp_logs, otlp_traces};
use serde_json::{Map, Value};

/// Checks that what a request of traces or logs is decoded into is well-formed, whichever encoding it has.
pub fn otlp(input: &[u8]) {
    for is_json in [true, false] {
        for item in otlp_traces(input, is_json).unwrap_or_default() {
            assert!(is_id(&item.trace_id, 32) && is_id(&item.span_id, 16), "{item:?}");
            check(&item);
        }
        for item in otlp_logs(input, is_json).unwrap_or_default() {
            assert!(item.trace_id.is_empty() || is_id(&item.trace_id, 32), "{item:?}");
            assert!(item.span_id.is_empty() || is_id(&item.span_id, 16), "{item:?}");
            check(&item);
        }
    }
}

fn is_id(text: &str, length: usize) -> bool {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.len() == length && is_hex && text.bytes().any(|byte| byte != b'0')
}

fn check(item: &TelemetryItem) {
    for attributes in &item.attributes {
        let attributes: Map<String, Value> = serde_json::from_str(attributes).expect("an object");
        assert!(attributes.values().all(Value::is_string), "{item:?}");
    }
    for list in &item.lists {
        serde_json::from_str::<Vec<String>>(list).expect("an array of strings");
    }
    let mut users = Vec::new();
    for messages in &item.messages {
        for message in serde_json::from_str::<Vec<Value>>(messages).expect("an array") {
            let content = message["content"].as_str().expect("content is text");
            if message["role"].as_str().expect("a message has a role") == "user" {
                users.push(content.to_owned());
            }
        }
    }
    if let Some(preview) = &item.preview {
        assert!(users.iter().any(|user| user.starts_with(preview)), "{item:?}");
    }
}
