//! Error responses of the API.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use mistral_datasets_types::ErrorCode;
use uuid::Uuid;

use super::response::json;
use crate::content::ContentError;
use crate::json::JsonError;
use crate::storage::{Missing, StorageError};

/// An error response: a status, an error code and a message.
///
/// The API documents no code for some failures. This server uses `VALIDATION_ERROR` for invalid requests, and `UNKNOWN_ERROR` for
/// missing things without a code of their own (files, events, conversations and routes). The service does not document when it
/// uses `DATASET_RECORD_FORMAT_ERROR`, so this server does not use it: an invalid payload is a `VALIDATION_ERROR` like any other
/// invalid field.
#[derive(Debug)]
pub(crate) struct ApiError(Box<ErrorParts>);

#[derive(Debug)]
struct ErrorParts {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
    has_invalid_key: bool,
}

/// An extension of responses to requests with an invalid key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvalidKey;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(ErrorParts { status, code, message, header: None, has_invalid_key: false }))
    }

    /// Creates an error for an invalid request.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ValidationError, message)
    }

    /// Creates an error for a body that cannot be decoded.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::ValidationError, message)
    }

    /// Creates an error for something missing that has no error code of its own.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownError, message)
    }

    /// Creates an error for a request without an accepted key.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::AuthUnauthorized, message)
            .with_header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// Creates an error for a request with a key that is not accepted. Its response has the extension [`InvalidKey`].
    pub(crate) fn invalid_key() -> Self {
        let mut error = Self::unauthorized("the API key is invalid");
        error.0.has_invalid_key = true;
        error
    }

    /// Creates an error for a client address that has reached a limit of its own.
    ///
    /// The status is 429 and not 503: it is this client that has to slow down, while the server works normally. Load balancers
    /// therefore do not take it for a failing server.
    pub(crate) fn too_many(message: impl Into<String>, retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs_f64().ceil().max(1.0);
        Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::UnknownError, message)
            .with_header(RETRY_AFTER, HeaderValue::from(seconds as u64))
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::ValidationError, message)
    }

    pub(crate) fn url_too_long(limit: u64) -> Self {
        let message = format!("the path and query of the URL are longer than {limit} bytes");
        Self::new(StatusCode::URI_TOO_LONG, ErrorCode::ValidationError, message)
    }

    pub(crate) fn headers_too_large(limit: u64) -> Self {
        let message = format!("the request headers are larger than {limit} bytes");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::new(status, ErrorCode::ValidationError, message)
    }

    /// Creates an error for a request head that cannot be parsed.
    pub(crate) fn malformed_request(status: StatusCode) -> Self {
        let message = match status {
            StatusCode::URI_TOO_LONG => "the URL is too long",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                "the request headers are too large, or there are too many"
            }
            _ => "expected an HTTP/1.1 request",
        };
        Self::new(status, ErrorCode::ValidationError, message)
    }

    /// Creates an error for a client that sent `what` too slowly. The connection is closed after it.
    pub(crate) fn too_slow(what: &str) -> Self {
        let message = format!("{what} was not received in time");
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::ValidationError, message)
            .with_header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// Creates an error for a limit on connections, requests or imports that is reached.
    pub(crate) fn busy(what: &str) -> Self {
        let message = format!("the server is handling too many {what}; try again later");
        Self::unavailable(message)
    }

    /// Creates an error for a request that was not handled in time.
    pub(crate) fn timed_out() -> Self {
        let message = "the request timed out; it may or may not have been executed";
        Self::unavailable(message)
    }

    fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UnknownError, message)
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// Creates an internal error. Logs the cause, which the response does not reveal.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        log(cause);
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::UnknownError,
            "internal server error; see the server's log for the cause",
        )
    }

    /// Returns the raw HTTP response, for connections without a request to respond to. The connection must be closed after it.
    pub(crate) fn into_raw_response(self) -> Vec<u8> {
        let ErrorParts { status, code, message, header, .. } = *self.0;
        let body = error_body(code, message);
        let mut response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: {}\r\n",
            body.len(),
            Uuid::now_v7(),
        )
        .into_bytes();
        let close = (CONNECTION, HeaderValue::from_static("close"));
        let headers = header.into_iter().filter(|(name, _)| *name != CONNECTION);
        for (name, value) in headers.chain([close]) {
            response.extend_from_slice(name.as_str().as_bytes());
            response.extend_from_slice(b": ");
            response.extend_from_slice(value.as_bytes());
            response.extend_from_slice(b"\r\n");
        }
        response.extend_from_slice(b"\r\n");
        response.extend_from_slice(&body);
        response
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }
}

fn log(cause: &dyn std::error::Error) {
    let mut text = cause.to_string();
    let mut source = cause.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    tracing::error!(cause = text, "request failed");
}

/// Returns the JSON body of an error response.
fn error_body(code: ErrorCode, message: String) -> Vec<u8> {
    serde_json::json!({"detail": {"message": message, "error_code": code}}).to_string().into_bytes()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let ErrorParts { status, code, message, header, has_invalid_key } = *self.0;
        let mut response = json(status, error_body(code, message));
        if has_invalid_key {
            response.extensions_mut().insert(InvalidKey);
        }
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        Self::validation(error.to_string())
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Missing(missing) => missing.into(),
            StorageError::Stopped | StorageError::Full | StorageError::DiskFailed => {
                log(&error);
                let code = ErrorCode::DatabaseUnavailable;
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
            }
            StorageError::QueueFull => Self::busy("imports"),
            StorageError::Busy { retry_after } | StorageError::Unavailable { retry_after, .. } => {
                log(&error);
                let code = ErrorCode::DatabaseUnavailable;
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
                    .with_header(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)))
            }
            StorageError::TimedOut => {
                let code = ErrorCode::DatabaseTimeout;
                Self::new(StatusCode::REQUEST_TIMEOUT, code, error.to_string())
            }
            StorageError::ImportAborted | StorageError::ClaimLost => {
                Self::new(StatusCode::CONFLICT, ErrorCode::UnknownError, error.to_string())
            }
            StorageError::Failed(_) => {
                log(&error);
                let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::DatabaseError);
                Self::new(status, code, "storage error; see the server's log for the cause")
            }
        }
    }
}

impl From<ContentError> for ApiError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Missing => Missing::File.into(),
            ContentError::Full => StorageError::Full.into(),
            ContentError::Damaged => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                ErrorCode::DatabaseError,
                "the stored file is damaged: its size or its checksum is wrong",
            ),
            ContentError::Failed(_) => StorageError::Failed(error.into()).into(),
        }
    }
}

impl From<Missing> for ApiError {
    fn from(missing: Missing) -> Self {
        let (code, message) = match missing {
            Missing::Dataset => (ErrorCode::DatasetNotFound, "dataset not found".to_owned()),
            Missing::Record(id) => {
                (ErrorCode::DatasetRecordNotFound, format!("record `{id}` not found"))
            }
            Missing::Task => {
                (ErrorCode::DatasetTaskNotFound, "task not found in this dataset".to_owned())
            }
            Missing::Judge => (ErrorCode::JudgeNotFound, "judge not found".to_owned()),
            Missing::Trace => (ErrorCode::TraceNotFound, "trace not found".to_owned()),
            Missing::Span => (ErrorCode::SpanNotFound, "span not found in this trace".to_owned()),
            Missing::Campaign => (ErrorCode::CampaignNotFound, "campaign not found".to_owned()),
            Missing::CampaignEvents => (
                ErrorCode::CampaignNoMatchingEvents,
                "none of the campaign's events exist".to_owned(),
            ),
            Missing::File => (ErrorCode::UnknownError, "file not found".to_owned()),
            Missing::Event(id) => (ErrorCode::UnknownError, format!("event `{id}` not found")),
            Missing::SourceSpan(span) => (
                ErrorCode::SpanNotFound,
                format!("span `{}` of trace `{}` not found", span.span_id, span.trace_id),
            ),
            Missing::Conversation(id) => {
                (ErrorCode::UnknownError, format!("conversation `{id}` not found"))
            }
        };
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// Returns the status, code and message that a client receives.
    async fn received(error: impl Into<ApiError>) -> (u16, String, String) {
        let response = error.into().into_response();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let error: mistral_datasets_types::ErrorResponse = serde_json::from_slice(&body).unwrap();
        let code = error.detail.error_code.unwrap().to_string();
        (status, code, error.detail.message)
    }

    #[tokio::test]
    async fn storage_errors_have_their_status_and_code() {
        for (missing, code) in [
            (Missing::Dataset, "DATASET_NOT_FOUND"),
            (Missing::Record(Uuid::nil()), "DATASET_RECORD_NOT_FOUND"),
            (Missing::Task, "DATASET_TASK_NOT_FOUND"),
            (Missing::Trace, "TRACE_NOT_FOUND"),
            (Missing::Span, "SPAN_NOT_FOUND"),
            (Missing::Campaign, "CAMPAIGN_NOT_FOUND"),
            (Missing::CampaignEvents, "CAMPAIGN_NO_MATCHING_EVENTS"),
            (Missing::File, "UNKNOWN_ERROR"),
            (Missing::Event("e".into()), "UNKNOWN_ERROR"),
            (Missing::Conversation("c".into()), "UNKNOWN_ERROR"),
        ] {
            let (status, found, _) = received(StorageError::from(missing)).await;
            assert_eq!((status, &*found), (404, code));
        }
        for error in [StorageError::Full, StorageError::Stopped, StorageError::DiskFailed] {
            let (status, code, _) = received(error).await;
            assert_eq!((status, &*code), (503, "DATABASE_UNAVAILABLE"));
        }
    }

    #[tokio::test]
    async fn internal_errors_do_not_reveal_their_cause() {
        let cause = || std::io::Error::other("/secret/path");
        let (status, code, message) = received(StorageError::from(cause())).await;
        assert_eq!((status, &*code), (500, "DATABASE_ERROR"));
        assert!(!message.contains("secret"));
        let (status, code, message) = received(ApiError::internal(&cause())).await;
        assert_eq!((status, &*code), (500, "UNKNOWN_ERROR"));
        assert!(!message.contains("secret"));
    }
}
