//! File uploads as multipart forms.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use mistral_datasets_types::ErrorCode;

use super::{ApiError, RequestMemory};
use crate::content::{ContentError, ContentSink, ContentStore};

/// The maximum size of a text field, in bytes.
const MAX_TEXT_BYTES: usize = 4096;

/// The most memory that an upload takes: the queued chunks, and one each in the connection, the parser and the writer.
const UPLOAD_BYTES: u64 = 3 << 20;

/// When this number of bytes was received and the text before the first part or the headers of a part are not complete, the form is
/// rejected. The parser has no limit of its own.
const MAX_HEAD_BYTES: u64 = 16 << 10;

/// Extracts a multipart form whose fields are read while they are received, in any order.
pub(crate) struct UploadForm {
    form: Multipart,
    heads: Arc<HeadLimit>,
}

impl<S: Send + Sync> FromRequest<S> for UploadForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        RequestMemory::of(request.extensions()).reserve(UPLOAD_BYTES).await?;
        let heads = Arc::new(HeadLimit::default());
        let limit = Arc::clone(&heads);
        let request = request.map(|body| Body::new(LimitedBody { body, limit, yields: false }));
        let form = Multipart::from_request(request, state).await.map_err(|_| {
            ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::ValidationError,
                "the header `Content-Type` must be `multipart/form-data` with a boundary",
            )
        })?;
        Ok(Self { form, heads })
    }
}

/// A field of a form.
pub(crate) struct FormField<'a>(Field<'a>);

impl UploadForm {
    /// Returns the next field, or `None` at the end of the form.
    pub(crate) async fn next(&mut self) -> Result<Option<FormField<'_>>, ApiError> {
        self.heads.begin();
        let next = self.form.next_field().await;
        if self.heads.is_exceeded.load(Ordering::Relaxed) {
            let message = format!(
                "cannot read the multipart form: the headers of a part, or the text before the first one, are larger than \
                 {MAX_HEAD_BYTES} bytes"
            );
            return Err(ApiError::too_large(message));
        }
        self.heads.is_active.store(false, Ordering::Relaxed);
        Ok(next.map_err(unreadable)?.map(FormField))
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

/// Counts the bytes of a head: what comes before the content of a part.
#[derive(Debug, Default)]
struct HeadLimit {
    is_active: AtomicBool,
    received: AtomicU64,
    is_exceeded: AtomicBool,
}

impl HeadLimit {
    fn begin(&self) {
        self.received.store(0, Ordering::Relaxed);
        self.is_active.store(true, Ordering::Relaxed);
    }
}

/// The body of a form, which fails if a head is too large.
struct LimitedBody {
    body: Body,
    limit: Arc<HeadLimit>,
    /// Whether the parser must look at what it has received before it gets more.
    yields: bool,
}

impl HttpBody for LimitedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let is_head = self.limit.is_active.load(Ordering::Relaxed);
        // The parser takes all there is before it looks at it.
        if std::mem::take(&mut self.yields) && is_head {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if is_head && self.limit.received.load(Ordering::Relaxed) > MAX_HEAD_BYTES {
            self.limit.is_exceeded.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err(axum::Error::new("head too large"))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.limit.received.fetch_add(data.len() as u64, Ordering::Relaxed);
            self.yields = true;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn unreadable(error: MultipartError) -> ApiError {
    ApiError::validation(format!("cannot read the multipart form: {}", error.body_text()))
}
