//! File uploads as multipart forms.

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use super::ApiError;
use crate::content::{ContentError, ContentSink, ContentStore};

/// The maximum size of a text field, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// Extracts a multipart form whose fields are read while they are received, in any order.
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
    /// Returns the next field, or `None` at the end of the form.
    pub(crate) async fn next(&mut self) -> Result<Option<FormField<'_>>, ApiError> {
        Ok(self.0.next_field().await.map_err(unreadable)?.map(FormField))
    }
}

impl FormField<'_> {
    pub(crate) fn name(&self) -> &str {
        self.0.name().unwrap_or_default()
    }

    /// Returns the file name, or `None` if the field is not a file.
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.0.file_name()
    }

    /// Returns the media type that the client gave.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.0.content_type()
    }

    /// Reads the value of a text field.
    pub(crate) async fn text(mut self) -> Result<String, ApiError> {
        let name = self.name().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = self.0.chunk().await.map_err(unreadable)? {
            if bytes.len() + chunk.len() > MAX_TEXT_BYTES {
                let message = format!("{name}: larger than {MAX_TEXT_BYTES} bytes");
                return Err(ApiError::too_large(message));
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| ApiError::validation(format!("{name}: not UTF-8")))
    }

    /// Skips the field.
    pub(crate) async fn skip(mut self) -> Result<(), ApiError> {
        while self.0.chunk().await.map_err(unreadable)?.is_some() {}
        Ok(())
    }

    /// Writes the file to the content store, chunk by chunk.
    pub(crate) async fn store(
        mut self,
        contents: &dyn ContentStore,
        limit: u64,
    ) -> Result<ContentSink, ApiError> {
        let sink = ContentSink::create(contents).await?;
        let mut bytes = 0;
        while let Some(chunk) = self.0.chunk().await.map_err(unreadable)? {
            bytes += chunk.len() as u64;
            if bytes > limit {
                let message = format!("the file is larger than {limit} bytes");
                return Err(ApiError::too_large(message));
            }
            if !sink.write(chunk).await {
                // Reading the rest of a file that cannot be stored would be in vain.
                return Err(sink.finish().await.err().unwrap_or(ContentError::Full).into());
            }
        }
        Ok(sink)
    }
}

fn unreadable(error: MultipartError) -> ApiError {
    ApiError::validation(format!("cannot read the multipart form: {}", error.body_text()))
}
