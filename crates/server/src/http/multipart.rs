//! Uploads: forms of which one field is a file.

use std::io::{self, Write};

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use bytes::Bytes;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;
use tokio::sync::mpsc;

use super::ApiError;
use crate::content::{ContentStore, IncomingFile};
use crate::storage::StorageError;

/// The bytes a field that is no file may have.
const TEXT_BYTES: usize = 4096;

/// Pieces of a file on their way to the disk.
const PIECES: usize = 16;

/// A form, read as it comes in. Its fields may come in any order.
pub(crate) struct UploadForm(Multipart);

impl<S: Send + Sync> FromRequest<S> for UploadForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Multipart::from_request(request, state).await.map(Self).map_err(|_| {
            ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::ValidationError,
                "the header `Content-Type` must be `multipart/form-data` with a boundary",
            )
        })
    }
}

/// A field of a form.
pub(crate) struct FormField<'a>(Field<'a>);

impl UploadForm {
    /// The next field.
    pub(crate) async fn next(&mut self) -> Result<Option<FormField<'_>>, ApiError> {
        Ok(self.0.next_field().await.map_err(broken)?.map(FormField))
    }
}

impl FormField<'_> {
    pub(crate) fn name(&self) -> &str {
        self.0.name().unwrap_or_default()
    }

    /// The name of the file, if the field is one.
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.0.file_name()
    }

    /// The media type that the field says it has.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.0.content_type()
    }

    /// The text of a field that is no file.
    pub(crate) async fn text(mut self) -> Result<String, ApiError> {
        let name = self.name().to_owned();
        let mut bytes = Vec::new();
        while let Some(piece) = self.0.chunk().await.map_err(broken)? {
            if bytes.len() + piece.len() > TEXT_BYTES {
                let message = format!("{name}: larger than {TEXT_BYTES} bytes");
                return Err(ApiError::too_large(message));
            }
            bytes.extend_from_slice(&piece);
        }
        String::from_utf8(bytes).map_err(|_| ApiError::validation(format!("{name}: not UTF-8")))
    }

    /// Passes over the field.
    pub(crate) async fn skip(mut self) -> Result<(), ApiError> {
        while self.0.chunk().await.map_err(broken)?.is_some() {}
        Ok(())
    }

    /// Takes the file in, a piece at a time.
    pub(crate) async fn store(
        mut self,
        contents: &ContentStore,
        limit: u64,
    ) -> Result<IncomingFile, ApiError> {
        let contents = contents.clone();
        let (pieces, mut received) = mpsc::channel::<Bytes>(PIECES);
        let writing = tokio::task::spawn_blocking(move || {
            let mut incoming = contents.create()?;
            while let Some(piece) = received.blocking_recv() {
                incoming.write_all(&piece)?;
            }
            Ok(incoming)
        });
        let mut bytes = 0;
        while let Some(piece) = self.0.chunk().await.map_err(broken)? {
            bytes += piece.len() as u64;
            if bytes > limit {
                let message = format!("the file is larger than {limit} bytes");
                return Err(ApiError::too_large(message));
            }
            if pieces.send(piece).await.is_err() {
                // Writing failed, and says why below.
                break;
            }
        }
        drop(pieces);
        blocking_io(writing).await
    }
}

/// What a piece of work on the disk returns, or its failure.
pub(crate) async fn blocking_io<T>(
    work: tokio::task::JoinHandle<io::Result<T>>,
) -> Result<T, ApiError> {
    match work.await {
        Ok(done) => Ok(done.map_err(StorageError::from)?),
        Err(panic) => Err(ApiError::internal(&panic)),
    }
}

fn broken(error: MultipartError) -> ApiError {
    ApiError::validation(format!("the form cannot be read: {}", error.body_text()))
}
