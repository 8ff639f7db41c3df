//! Converts error responses and undecodable responses to [`Error`]s.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};

use super::error_body::ErrorBody;
use super::proxy::Proxies;
use super::retry::{Failure, FailureClass, parse_retry_after};
use super::route::{self, Route};
use crate::error::{Error, ErrorKind};

/// Headers that may contain the request id, in order of preference. The service does not document which one it sends.
const REQUEST_ID_HEADERS: [&str; 3] =
    ["x-request-id", "mistral-correlation-id", "x-kong-request-id"];

pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    REQUEST_ID_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok())
}

/// The parts of a response that errors report, apart from its body.
#[derive(Clone, Debug)]
pub(crate) struct ResponseInfo {
    pub(crate) status: u16,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    /// Only present if the status is an error.
    origin: Option<Box<Origin>>,
}

/// Where an error response came from.
#[derive(Clone, Debug)]
struct Origin {
    host: String,
    is_encrypted: bool,
    /// Whether the path contains `/v1` twice, because the server URL ends in it.
    repeats_version: bool,
    /// The proxy that may have sent the response itself.
    proxy: Option<String>,
}

impl ResponseInfo {
    pub(crate) fn new(response: &Response, proxies: Option<&Proxies>) -> Self {
        let (status, headers) = (response.status(), response.headers());
        let is_error = status.is_client_error() || status.is_server_error();
        let origin = is_error.then(|| {
            let url = response.url();
            Box::new(Origin {
                host: route::host(url),
                is_encrypted: url.scheme() == "https",
                repeats_version: url.path().contains("/v1/v1/"),
                proxy: Route::new(Some(url), proxies).answering_proxy().map(|proxy| proxy.name()),
            })
        });
        Self {
            status: status.as_u16(),
            request_id: request_id(headers).map(str::to_owned),
            retry_after: parse_retry_after(headers),
            origin,
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
    let (message, hint) = explain(&info, &body);
    let mut error = Error::failed_response(status, message);
    if let Some(hint) = hint {
        error = error.with_hint(hint);
    }
    let error = info.add_to(error.with_code(body.code).with_body(body.text));
    Failure { class: FailureClass::ErrorStatus { status, retry_after }, error }
}

/// Returns the message for an error response, and a hint if the response may have come from something other than the API.
fn explain(info: &ResponseInfo, body: &ErrorBody) -> (String, Option<String>) {
    let Some(origin) = &info.origin else { return (body.message.clone(), None) };
    if origin.repeats_version && matches!(info.status, 404 | 405) {
        let hint = "remove `/v1` from the end of the server URL; the client adds it to every path";
        return (body.message.clone(), Some(hint.to_owned()));
    }
    if body.is_from_api {
        return (body.message.clone(), None);
    }
    if let Some(proxy) = &origin.proxy {
        let message = format!(
            "{host}, or the proxy {proxy}, responded with {}",
            describe(info.status),
            host = origin.host
        );
        let hint = format!(
            "check that the proxy allows requests to {}; NO_PROXY lists the hosts to which requests are sent directly",
            origin.host
        );
        return (message, Some(hint));
    }
    let text = body.text.as_deref().unwrap_or_default().to_ascii_uppercase();
    let expects_tls = ["HTTPS", "TLS", "SSL"].iter().any(|name| text.contains(name));
    let hint = match info.status {
        400 if !origin.is_encrypted && expects_tls => {
            Some("the server expects TLS: use https:// in the server URL")
        }
        401 | 403..=405 if !text.is_empty() => Some(
            "this is not a response of the API: check the server URL, and for a proxy or firewall that responds itself",
        ),
        _ => None,
    };
    (body.message.clone(), hint.map(str::to_owned))
}

fn describe(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    format!("{status} ({})", reason.unwrap_or("unknown status"))
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
