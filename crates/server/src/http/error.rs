//! Failures, as every operation answers them.

use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use mistral_datasets_types::{ErrorCode, ErrorDetail, ErrorResponse};
use uuid::Uuid;

use super::response::json;
use crate::json::JsonError;
use crate::storage::{Missing, StorageError};

/// A failure: its status, and what the envelope says.
///
/// The API names no code for some failures. Here, what is wrong with a request is a `VALIDATION_ERROR`, and what is not
/// there and has no code of its own (a file, an event, a conversation, a route) an `UNKNOWN_ERROR`. When the service says
/// `DATASET_RECORD_FORMAT_ERROR` is not documented, so it is not said here: a payload of the wrong form breaks a rule like any
/// other member.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Failure { status, code, message: message.into(), header: None }))
    }

    /// A request that breaks a rule.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::ValidationError, message)
    }

    /// Something that is not there and has no code of its own.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::UnknownError, message)
    }

    /// A request without a key that is accepted.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::AuthUnauthorized, message)
            .with_header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::ValidationError, message)
    }

    pub(crate) fn url_too_long(limit: u64) -> Self {
        let message = format!("path and query of the URL are longer than {limit} bytes");
        Self::new(StatusCode::URI_TOO_LONG, ErrorCode::ValidationError, message)
    }

    pub(crate) fn headers_too_large(limit: u64) -> Self {
        let message = format!("the headers are larger than {limit} bytes");
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Self::new(status, ErrorCode::ValidationError, message)
    }

    /// A request whose head could not be taken in.
    pub(crate) fn not_understood(status: StatusCode) -> Self {
        let message = match status {
            StatusCode::URI_TOO_LONG => "the URL is too long",
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the headers are too large or too many",
            _ => "this is no request of HTTP/1.1",
        };
        Self::new(status, ErrorCode::ValidationError, message)
    }

    /// A request of which too little came in its time.
    pub(crate) fn too_slow(what: &str) -> Self {
        let message = format!("{what} did not come in time");
        Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::ValidationError, message)
            .with_header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// There are as many of something as the server takes.
    pub(crate) fn busy(what: &str) -> Self {
        let message = format!("the server has as many {what} as it takes; try again later");
        Self::unavailable(message)
    }

    /// The answer to a request took too long.
    pub(crate) fn took_too_long() -> Self {
        let message = "the request took too long; whether it was carried out is not known";
        Self::unavailable(message)
    }

    fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::UnknownError, message)
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// A fault of the server. The cause goes to the log.
    pub(crate) fn internal(cause: &dyn std::error::Error) -> Self {
        log(cause);
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::UnknownError,
            "the server failed; its log says why",
        )
    }

    /// The whole response as it stands on the wire, for where no request is there to be answered. The connection ends behind it.
    pub(crate) fn to_http(self) -> Vec<u8> {
        let Failure { status, code, message, header } = *self.0;
        let body = envelope(code, message);
        let mut response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: {}\r\n",
            body.len(),
            Uuid::now_v7(),
        )
        .into_bytes();
        let close = (CONNECTION, HeaderValue::from_static("close"));
        let others = header.into_iter().filter(|(name, _)| *name != CONNECTION);
        for (name, value) in others.chain([close]) {
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
    tracing::error!(cause = text, "a request failed");
}

/// The body of a failure.
fn envelope(code: ErrorCode, message: String) -> Vec<u8> {
    let envelope = ErrorResponse {
        detail: ErrorDetail { message, error_code: Some(code), extra: Default::default() },
        extra: Default::default(),
    };
    // Two strings in two objects are always JSON.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Failure { status, code, message, header } = *self.0;
        let mut response = json(status, envelope(code, message));
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
            StorageError::ImportAborted => {
                Self::new(StatusCode::CONFLICT, ErrorCode::UnknownError, error.to_string())
            }
            StorageError::Failed(_) => {
                log(&error);
                let (status, code) = (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::DatabaseError);
                Self::new(status, code, "the storage failed; the server's log says why")
            }
        }
    }
}

impl From<Missing> for ApiError {
    fn from(missing: Missing) -> Self {
        let (code, message) = match missing {
            Missing::Dataset => (ErrorCode::DatasetNotFound, "there is no such dataset".to_owned()),
            Missing::Record(id) => {
                (ErrorCode::DatasetRecordNotFound, format!("there is no record `{id}`"))
            }
            Missing::Task => {
                (ErrorCode::DatasetTaskNotFound, "the dataset has no such task".to_owned())
            }
            Missing::Campaign => {
                (ErrorCode::CampaignNotFound, "there is no such campaign".to_owned())
            }
            Missing::CampaignEvents => (
                ErrorCode::CampaignNoMatchingEvents,
                "none of the campaign's events is there".to_owned(),
            ),
            Missing::File => (ErrorCode::UnknownError, "there is no such file".to_owned()),
            Missing::Event(id) => (ErrorCode::UnknownError, format!("there is no event `{id}`")),
            Missing::Conversation(id) => {
                (ErrorCode::UnknownError, format!("there is no conversation `{id}`"))
            }
        };
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// Status, code and message of a failure as a client reads it.
    async fn answered(error: impl Into<ApiError>) -> (u16, String, String) {
        let response = error.into().into_response();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let envelope: ErrorResponse = serde_json::from_slice(&body).unwrap();
        let code = envelope.detail.error_code.unwrap().to_string();
        (status, code, envelope.detail.message)
    }

    #[tokio::test]
    async fn every_failure_of_the_storage_has_its_status_and_code() {
        for (missing, code) in [
            (Missing::Dataset, "DATASET_NOT_FOUND"),
            (Missing::Record(Uuid::nil()), "DATASET_RECORD_NOT_FOUND"),
            (Missing::Task, "DATASET_TASK_NOT_FOUND"),
            (Missing::Campaign, "CAMPAIGN_NOT_FOUND"),
            (Missing::CampaignEvents, "CAMPAIGN_NO_MATCHING_EVENTS"),
            (Missing::File, "UNKNOWN_ERROR"),
            (Missing::Event("e".into()), "UNKNOWN_ERROR"),
            (Missing::Conversation("c".into()), "UNKNOWN_ERROR"),
        ] {
            let (status, found, _) = answered(StorageError::from(missing)).await;
            assert_eq!((status, &*found), (404, code));
        }
        for error in [StorageError::Full, StorageError::Stopped, StorageError::DiskFailed] {
            let (status, code, _) = answered(error).await;
            assert_eq!((status, &*code), (503, "DATABASE_UNAVAILABLE"));
        }
    }

    #[tokio::test]
    async fn a_fault_of_the_server_tells_nothing_of_its_cause() {
        let cause = || std::io::Error::other("/secret/path");
        let (status, code, message) = answered(StorageError::from(cause())).await;
        assert_eq!((status, &*code), (500, "DATABASE_ERROR"));
        assert!(!message.contains("secret"));
        let (status, code, message) = answered(ApiError::internal(&cause())).await;
        assert_eq!((status, &*code), (500, "UNKNOWN_ERROR"));
        assert!(!message.contains("secret"));
    }
}
