//! What stands in the path of a request.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use uuid::Uuid;

use super::ApiError;
use crate::app::App;
use crate::storage::{DatasetKey, Missing};

/// The text of a parameter of the path.
async fn parameter(parts: &mut Parts, app: &App, name: &str) -> Result<String, ApiError> {
    let not_text = || ApiError::validation(format!("{name}: not UTF-8"));
    let all = RawPathParams::from_request_parts(parts, app).await.map_err(|_| not_text())?;
    let found = all.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.to_owned()).ok_or_else(not_text)
}

async fn uuid(parts: &mut Parts, app: &App, name: &str) -> Result<Uuid, ApiError> {
    let text = parameter(parts, app, name).await?;
    Uuid::try_parse(&text).map_err(|_| ApiError::validation(format!("{name}: expected a UUID")))
}

/// The dataset of the path, by its id or its slug.
pub(crate) struct DatasetPath(pub(crate) DatasetKey);

impl FromRequestParts<App> for DatasetPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = parameter(parts, app, "dataset_id").await?;
        Ok(Self(match Uuid::try_parse(&text) {
            Ok(id) => DatasetKey::Id(id),
            Err(_) => DatasetKey::Slug(text),
        }))
    }
}

/// The record of the path.
pub(crate) struct RecordPath(pub(crate) Uuid);

impl FromRequestParts<App> for RecordPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        uuid(parts, app, "dataset_record_id").await.map(Self)
    }
}

/// The task of the path.
pub(crate) struct TaskPath(pub(crate) Uuid);

impl FromRequestParts<App> for TaskPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        uuid(parts, app, "task_id").await.map(Self)
    }
}

/// The file of the path. The ids of files are text that happens to be a uuid, so any other text is just no file.
pub(crate) struct FilePath(pub(crate) Uuid);

impl FromRequestParts<App> for FilePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = parameter(parts, app, "file_id").await?;
        Uuid::try_parse(&text).map(Self).map_err(|_| Missing::File.into())
    }
}
