//! Extractors for path parameters.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use super::ApiError;
use crate::storage::{DatasetKey, Missing};

/// Returns the value of a path parameter.
async fn parameter<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<String, ApiError> {
    let invalid = || ApiError::validation(format!("{name}: not UTF-8"));
    let all = RawPathParams::from_request_parts(parts, state).await.map_err(|_| invalid())?;
    let found = all.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.to_owned()).ok_or_else(invalid)
}

async fn uuid<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<Uuid, ApiError> {
    let text = parameter(parts, state, name).await?;
    Uuid::try_parse(&text).map_err(|_| ApiError::validation(format!("{name}: expected a UUID")))
}

/// Extracts the dataset in the path, given by id or slug.
pub(crate) struct DatasetPath(pub(crate) DatasetKey);

impl<S: Send + Sync> FromRequestParts<S> for DatasetPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = parameter(parts, state, "dataset_id").await?;
        Ok(Self(match Uuid::try_parse(&text) {
            Ok(id) => DatasetKey::Id(id),
            Err(_) => DatasetKey::Slug(text),
        }))
    }
}

/// Extracts the record id in the path.
pub(crate) struct RecordPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for RecordPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        uuid(parts, state, "dataset_record_id").await.map(Self)
    }
}

/// Extracts the task id in the path.
pub(crate) struct TaskPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        uuid(parts, state, "task_id").await.map(Self)
    }
}

/// Extracts the file id in the path.
///
/// The API defines file ids as strings. This server uses UUIDs, so for any other string the file is not found.
pub(crate) struct FilePath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for FilePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = parameter(parts, state, "file_id").await?;
        Uuid::try_parse(&text).map(Self).map_err(|_| Missing::File.into())
    }
}

/// Extracts the judge id in the path.
pub(crate) struct JudgePath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for JudgePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        uuid(parts, state, "judge_id").await.map(Self)
    }
}

/// Extracts the event id in the path. Events of fixtures may have any id.
pub(crate) struct EventPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        parameter(parts, state, "event_id").await.map(Self)
    }
}

/// Extracts the name of an event field in the path.
pub(crate) struct EventFieldPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for EventFieldPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        parameter(parts, state, "field_name").await.map(Self)
    }
}

/// Extracts the campaign id in the path.
pub(crate) struct CampaignPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for CampaignPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        uuid(parts, state, "campaign_id").await.map(Self)
    }
}

/// Extracts the trace id in the path, in lower case. A malformed id is that of no trace.
pub(crate) struct TracePath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for TracePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        hex_id(parts, state, "trace_id", 32, Missing::Trace).await.map(Self)
    }
}

/// Extracts the ids of a span and its trace in the path, like [`TracePath`].
pub(crate) struct SpanPath {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for SpanPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let trace_id = hex_id(parts, state, "trace_id", 32, Missing::Trace).await?;
        let span_id = hex_id(parts, state, "span_id", 16, Missing::Span).await?;
        Ok(Self { trace_id, span_id })
    }
}

async fn hex_id<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
    digits: usize,
    missing: Missing,
) -> Result<String, ApiError> {
    let id = parameter(parts, state, name).await?.to_ascii_lowercase();
    let is_valid = id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_valid { Ok(id) } else { Err(missing.into()) }
}
