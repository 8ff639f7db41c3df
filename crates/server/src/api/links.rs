//! Signed links to files, which need no key.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use mistral_datasets_core_client::types::ErrorCode;

use super::files;
use crate::app::App;
use crate::files::LinkError;
use crate::http::{ApiError, FilePath, Query, content};
use crate::time::Timestamp;

pub(super) async fn open(
    State(app): State<App>,
    FilePath(id): FilePath,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let forged = || forbidden("the link is not signed by this server, or was altered");
    let expires = query.text("expires")?.and_then(|text| text.parse().ok()).ok_or_else(forged)?;
    let signature = query.text("signature")?.ok_or_else(forged)?;
    match app.signer.check(id, expires, signature, Timestamp::now()) {
        Ok(()) => {}
        Err(LinkError::Forged) => return Err(forged()),
        Err(LinkError::Expired) => {
            return Err(forbidden("the link has expired; ask for a new one"));
        }
    }
    let entry = app.storage.linked_file(id).await?;
    content(files::open(&app, id).await?, &entry, &headers).await
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, ErrorCode::AuthForbidden, message)
}
