//! Converts error responses, undecodable responses and reqwest errors to [`Error`]s.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::error_body::ErrorBody;
use super::retry::{Failure, FailureClass, parse_retry_after};
use crate::error::{Error, ErrorKind};

/// Headers that may contain the request id, in order of preference. The service does not document which one it sends.
const REQUEST_ID_HEADERS: [&str; 3] =
    ["x-request-id", "mistral-correlation-id", "x-kong-request-id"];

pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    REQUEST_ID_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok())
}

/// The status and headers of a response that errors report.
#[derive(Clone, Debug)]
pub(crate) struct ResponseInfo {
    pub(crate) status: u16,
    request_id: Option<String>,
    retry_after: Option<Duration>,
}

impl ResponseInfo {
    pub(crate) fn new(status: u16, headers: &HeaderMap) -> Self {
        Self {
            status,
            request_id: request_id(headers).map(str::to_owned),
            retry_after: parse_retry_after(headers),
        }
    }

    /// Adds the response's status, request id and `Retry-After` to an error.
    pub(crate) fn add_to(self, error: Error) -> Error {
        error
            .with_status(Some(self.status))
            .with_request_id(self.request_id)
            .with_retry_after(self.retry_after)
    }
}

/// Returns the failure of an attempt whose response has an error status.
pub(crate) fn failed_response(info: ResponseInfo, body: &[u8]) -> Failure {
    let ResponseInfo { status, retry_after, .. } = info;
    let body = ErrorBody::parse(status, body);
    let error = Error::failed_response(status, body.message);
    let error = info.add_to(error.with_code(body.code).with_body(body.text));
    Failure { class: FailureClass::ErrorStatus { status, retry_after }, error }
}

/// Returns the error for a response body that does not match the API.
pub(crate) fn decoding_error(error: &serde_json::Error) -> Error {
    // serde's message may quote the response. Only the name of a missing field is safe to repeat.
    let message = error.to_string();
    let position = format!("line {} column {}", error.line(), error.column());
    let problem = match message.strip_prefix("missing field ") {
        Some(rest) => format!("missing {}", rest.split(" at line").next().unwrap_or(rest)),
        None => "unexpected content".to_owned(),
    };
    let message = format!("the response does not match the API: {problem} at {position}");
    Error::new(ErrorKind::Decoding, message)
}

/// Converts the error of a request that received no complete response. `is_first` says whether it is the first request of
/// its attempt; only then does a failed connection mean that nothing was sent.
pub(crate) fn request_failure(error: reqwest::Error, is_first: bool) -> Failure {
    let class = if error.is_builder() {
        FailureClass::Permanent { is_ambiguous: false }
    } else if error.is_connect() && is_first {
        FailureClass::NotSent
    } else {
        FailureClass::ConnectionLost
    };
    Failure { class, error: request_error(error) }
}

/// Returns the host and port of a URL for error messages.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("the server");
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Converts a reqwest error, dropping the URL because its query may be a secret.
fn request_error(error: reqwest::Error) -> Error {
    let host = error.url().map_or("the server".to_owned(), host);
    let (kind, message) = if error.is_timeout() {
        let missing = if error.is_connect() { "connection to" } else { "response from" };
        (ErrorKind::Timeout, format!("no {missing} {host} within the timeout"))
    } else if error.is_connect() {
        (ErrorKind::Connection, format!("cannot connect to {host}"))
    } else if error.is_builder() {
        (ErrorKind::Validation, "invalid request".to_owned())
    } else {
        (ErrorKind::Connection, format!("connection to {host} lost"))
    };
    let error = error.without_url();
    let message = match root_cause(&error) {
        Some(cause) if kind == ErrorKind::Connection => format!("{message}: {cause}"),
        _ => message,
    };
    Error::new(kind, message).with_source(error)
}

/// Returns the message of the innermost source, which is the informative one, such as `Connection refused`.
fn root_cause(error: &reqwest::Error) -> Option<String> {
    let mut cause = std::error::Error::source(error)?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Some(cause.to_string())
}
