//! What stands in the path of a request.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use super::ApiError;
use crate::storage::{DatasetKey, Missing};

/// The text of a parameter of the path.
async fn parameter<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &str,
) -> Result<String, ApiError> {
    let not_text = || ApiError::validation(format!("{name}: not UTF-8"));
    let all = RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_text())?;
    let found = all.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.to_owned()).ok_or_else(not_text)
}

async fn uuid<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<Uuid, ApiError> {
    let text = parameter(parts, state, name).await?;
    Uuid::try_parse(&text).map_err(|_| ApiError::validation(format!("{name}: expected a UUID")))
}

/// The dataset of the path, by its id or its slug.
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

/// The record of the path.
pub(crate) struct RecordPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for RecordPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        uuid(parts, state, "dataset_record_id").await.map(Self)
    }
}

/// The task of the path.
pub(crate) struct TaskPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        uuid(parts, state, "task_id").await.map(Self)
    }
}

/// The file of the path. The ids of files are text that happens to be a uuid, so any other text is just no file.
pub(crate) struct FilePath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for FilePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = parameter(parts, state, "file_id").await?;
        Uuid::try_parse(&text).map(Self).map_err(|_| Missing::File.into())
    }
}
