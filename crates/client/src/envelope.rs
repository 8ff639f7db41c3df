//! The body of a failed response, whatever it is. Reading it never fails.

use serde_json::Value;

use crate::error::Error;

/// How much of a failed response's body is kept.
const BODY_LIMIT: usize = 8 * 1024;

/// How much of a message is kept.
const MESSAGE_LIMIT: usize = 1024;

/// What a failed response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) message: String,
    pub(crate) code: Option<String>,
    pub(crate) body: Option<String>,
}

impl Envelope {
    /// The error of a response with that status.
    pub(crate) fn into_error(self, status: u16) -> Error {
        Error::failed_response(status, self.message).with_code(self.code).with_body(self.body)
    }
}

/// Reads the body of a failed response. Three envelopes are in use: the API's own `{detail: {message, error_code}}`, the
/// validator's `{detail: [{loc, msg}]}` and the gateway's `{object: "error", message, type, code}`.
pub(crate) fn read(status: u16, bytes: &[u8]) -> Envelope {
    let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let (message, code) = match &value["detail"] {
        Value::Object(detail) => (
            text(detail.get("message")),
            detail.get("error_code").and_then(Value::as_str).map(str::to_owned),
        ),
        Value::Array(problems) => (validator_message(problems), None),
        Value::String(message) => (Some(message.clone()), None),
        _ => (
            text(value.get("message").or(value.get("error"))),
            text(value.get("code")).or_else(|| text(value.get("type"))),
        ),
    };
    let body = (!bytes.is_empty())
        .then(|| String::from_utf8_lossy(&bytes[..bytes.len().min(BODY_LIMIT)]).into_owned());
    let message = message
        .map(|message| shortened(message.trim(), MESSAGE_LIMIT))
        .filter(|message| !message.is_empty())
        .unwrap_or_else(|| {
            let reason = http::StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or("an unnamed failure");
            format!("the server answered {status} ({reason}) without saying more")
        });
    Envelope { message, code, body }
}

/// A member that should be text; a message may itself be an object, whose own message then counts.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => match members.get("message").or(members.get("detail")) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Array(problems)) => validator_message(problems),
            _ => Some(Value::Object(members.clone()).to_string()),
        },
        Value::Array(problems) => validator_message(problems),
        other => Some(other.to_string()),
    }
}

/// The validator's list as one line: `body.name: String should have at least 5 characters; …`. The `input` it repeats is
/// left out, because it may be somebody's conversation.
fn validator_message(problems: &[Value]) -> Option<String> {
    let lines: Vec<String> = problems
        .iter()
        .filter_map(|problem| {
            let message = problem.get("msg").or(problem.get("message"))?.as_str()?;
            let place: Vec<String> = problem["loc"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
                .collect();
            Some(if place.is_empty() {
                message.to_owned()
            } else {
                format!("{}: {message}", place.join("."))
            })
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(body: &str) -> (String, Option<String>) {
        let envelope = read(422, body.as_bytes());
        (envelope.message, envelope.code)
    }

    #[test]
    fn the_three_envelopes_read() {
        assert_eq!(
            read_text(r#"{"detail": {"message": "gone", "error_code": "DATASET_NOT_FOUND"}}"#),
            ("gone".to_owned(), Some("DATASET_NOT_FOUND".to_owned()))
        );
        assert_eq!(
            read_text(r#"{"detail": {"message": "gone", "error_code": null}}"#),
            ("gone".to_owned(), None)
        );
        assert_eq!(
            read_text(
                r#"{"detail": [{"type": "missing", "loc": ["body", "items", 0], "msg": "Field required", "input": "secret"}]}"#
            ),
            ("body.items.0: Field required".to_owned(), None)
        );
        assert_eq!(
            read_text(
                r#"{"object": "error", "message": "Unauthorized", "type": "auth", "param": null, "code": "1700"}"#
            ),
            ("Unauthorized".to_owned(), Some("1700".to_owned()))
        );
    }

    #[test]
    fn a_message_may_itself_be_an_object() {
        assert_eq!(
            read_text(
                r#"{"object": "error", "message": {"detail": [{"loc": ["a"], "msg": "bad"}]}, "type": "t"}"#
            ),
            ("a: bad".to_owned(), Some("t".to_owned()))
        );
    }

    #[test]
    fn anything_else_still_gives_a_message() {
        for body in ["", "<html>oops</html>", "{", "null", "[1]", r#"{"detail": 5}"#, "\u{feff}{}"]
        {
            let envelope = read(502, body.as_bytes());
            assert_eq!(
                envelope.message, "the server answered 502 (Bad Gateway) without saying more",
                "{body}"
            );
        }
        assert_eq!(read(500, b"\xff\xfe").body.as_deref(), Some("\u{fffd}\u{fffd}"));
    }
}
