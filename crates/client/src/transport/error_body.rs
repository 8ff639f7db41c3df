//! Parses the bodies of error responses. Parsing never fails: every body yields a message.

use mistral_datasets_types::decode::BYTE_ORDER_MARK;
use serde_json::Value;

/// The maximum length of the body in an error, in bytes.
const MAX_BODY: usize = 8 * 1024;

/// The maximum length of a message, in characters.
const MAX_MESSAGE: usize = 1024;

/// The parsed body of a failed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    pub(crate) message: String,
    /// Whether the message was in the body. Otherwise the response may not be from the API.
    pub(crate) is_from_api: bool,
    pub(crate) code: Option<String>,
    /// The start of the body as text, if it is not empty.
    pub(crate) text: Option<String>,
}

impl ErrorBody {
    /// Parses a body in one of the three formats in use: the API's own `{detail: {message, error_code}}`, the
    /// validator's `{detail: [{loc, msg}]}` and the gateway's `{object: "error", message, type, code}`.
    pub(crate) fn parse(status: u16, bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        let (message, code) = match &value["detail"] {
            Value::Object(detail) => (
                as_message(detail.get("message")),
                detail.get("error_code").and_then(Value::as_str).map(str::to_owned),
            ),
            Value::Array(problems) => (validator_message(problems), None),
            Value::String(message) => (Some(message.clone()), None),
            _ => (
                as_message(value.get("message").or(value.get("error"))),
                as_message(value.get("code")).or_else(|| as_message(value.get("type"))),
            ),
        };
        let text = (!bytes.is_empty())
            .then(|| String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BODY)]).into_owned());
        let message = message
            .map(|message| truncate(message.trim(), MAX_MESSAGE))
            .filter(|message| !message.is_empty());
        let is_from_api = message.is_some();
        let message = message.unwrap_or_else(|| {
            let reason = http::StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or("unknown status");
            format!("the server responded with {status} ({reason}) and no error message")
        });
        Self { message, is_from_api, code, text }
    }
}

/// Returns the message in a value, which is usually a string but may be an object or array that contains one.
fn as_message(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => match fields.get("message").or(fields.get("detail")) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Array(problems)) => validator_message(problems),
            _ => Some(Value::Object(fields.clone()).to_string()),
        },
        Value::Array(problems) => validator_message(problems),
        other => Some(other.to_string()),
    }
}

/// Joins the validator's array into one line: `body.name: String should have at least 5 characters; …`.
///
/// The `input` that the validator repeats is omitted, because it may be conversation text.
fn validator_message(problems: &[Value]) -> Option<String> {
    let lines: Vec<String> = problems
        .iter()
        .filter_map(|problem| {
            let message = problem.get("msg").or(problem.get("message"))?.as_str()?;
            let location: Vec<String> = problem["loc"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
                .collect();
            Some(if location.is_empty() {
                message.to_owned()
            } else {
                format!("{}: {message}", location.join("."))
            })
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn truncate(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> (String, Option<String>) {
        let body = ErrorBody::parse(422, body.as_bytes());
        (body.message, body.code)
    }

    #[test]
    fn all_three_formats_are_parsed() {
        assert_eq!(
            parse(r#"{"detail": {"message": "gone", "error_code": "DATASET_NOT_FOUND"}}"#),
            ("gone".to_owned(), Some("DATASET_NOT_FOUND".to_owned()))
        );
        assert_eq!(
            parse(r#"{"detail": {"message": "gone", "error_code": null}}"#),
            ("gone".to_owned(), None)
        );
        assert_eq!(
            parse(
                r#"{"detail": [{"type": "missing", "loc": ["body", "items", 0], "msg": "Field required", "input": "secret"}]}"#
            ),
            ("body.items.0: Field required".to_owned(), None)
        );
        assert_eq!(
            parse(
                r#"{"object": "error", "message": "Unauthorized", "type": "auth", "param": null, "code": "1700"}"#
            ),
            ("Unauthorized".to_owned(), Some("1700".to_owned()))
        );
    }

    #[test]
    fn a_message_may_be_an_object() {
        assert_eq!(
            parse(
                r#"{"object": "error", "message": {"detail": [{"loc": ["a"], "msg": "bad"}]}, "type": "t"}"#
            ),
            ("a: bad".to_owned(), Some("t".to_owned()))
        );
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(parse("\u{feff}{\"message\": \"gone\"}"), ("gone".to_owned(), None));
    }

    #[test]
    fn any_other_body_yields_a_message() {
        for body in ["", "<html>oops</html>", "{", "null", "[1]", r#"{"detail": 5}"#, "\u{feff}{}"]
        {
            let parsed = ErrorBody::parse(502, body.as_bytes());
            assert_eq!(
                parsed.message, "the server responded with 502 (Bad Gateway) and no error message",
                "{body}"
            );
        }
        assert_eq!(ErrorBody::parse(500, b"\xff\xfe").text.as_deref(), Some("\u{fffd}\u{fffd}"));
    }
}
