//! Signed links to files, which work without a key.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use mistral_datasets_types::ErrorCode;
use uuid::Uuid;

use super::files;
use super::state::App;
use crate::content::{LinkError, LinkSigner};
use crate::http::{ApiError, FilePath, Query};
use crate::time::Timestamp;

pub(super) async fn open(
    State(app): State<App>,
    FilePath(id): FilePath,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check(&app, id, &query)?.map_err(|error| {
        forbidden(match error {
            LinkError::Invalid => "the signature of the link is invalid",
            LinkError::Expired => "the link has expired; request a new one",
        })
    })?;
    let entry = app.storage.linked_file(id).await?;
    files::read(&app, &entry, &headers).await
}

/// Verifies the query of a link to a file.
fn check(app: &App, id: Uuid, query: &Query) -> Result<Result<(), LinkError>, ApiError> {
    verify_link(&app.link_signer, id, query, Timestamp::now())
}

/// Verifies the query of a link to a file at a given time.
pub(crate) fn verify_link(
    signer: &LinkSigner,
    id: Uuid,
    query: &Query,
    now: Timestamp,
) -> Result<Result<(), LinkError>, ApiError> {
    let expires = query.text("expires")?.and_then(|text| text.parse().ok());
    let (Some(expires), Some(signature)) = (expires, query.text("signature")?) else {
        return Ok(Err(LinkError::Invalid));
    };
    Ok(signer.verify(id, expires, signature, now))
}

/// Returns the workspace of the file that a link was signed for, even if the link has expired.
pub(crate) async fn linked_workspace(app: &App, link: &Uri) -> Option<Uuid> {
    let id = Uuid::try_parse(link.path().rsplit('/').next()?).ok()?;
    let query = Query::of(link);
    match check(app, id, &query).ok()? {
        Ok(()) | Err(LinkError::Expired) => app.storage.workspace_of_file(id).await.ok(),
        Err(LinkError::Invalid) => None,
    }
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, ErrorCode::AuthForbidden, message)
}
