//! Converts error responses, undecodable responses and reqwest errors to [`Error`]s.

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::error_body::ErrorBody;
use super::retry::{FailureClass, parse_retry_after};
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

/// A response with an error status.
#[derive(Debug)]
pub(crate) struct FailedResponse {
    info: ResponseInfo,
    body: ErrorBody,
}

impl FailedResponse {
    pub(crate) fn new(info: ResponseInfo, body: &[u8]) -> Self {
        let body = ErrorBody::parse(info.status, body);
        Self { info, body }
    }

    pub(crate) fn class(&self) -> FailureClass {
        let ResponseInfo { status, retry_after, .. } = self.info;
        FailureClass::ErrorStatus { status, retry_after }
    }

    pub(crate) fn into_error(self) -> Error {
        let Self { info, body } = self;
        let error = Error::failed_response(info.status, body.message);
        info.add_to(error.with_code(body.code).with_body(body.text))
    }
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

/// Converts a reqwest error, dropping the URL because its query may be a secret.
pub(crate) fn request_error(error: reqwest::Error) -> Error {
    let host = error
        .url()
        .and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default())))
        .map_or("the server".to_owned(), |(host, port)| match port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        });
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, format!("no response from {host} within the timeout"))
    } else if error.is_connect() {
        (ErrorKind::Connection, format!("cannot connect to {host}"))
    } else if error.is_redirect() {
        (ErrorKind::Decoding, format!("too many redirects from {host}"))
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
