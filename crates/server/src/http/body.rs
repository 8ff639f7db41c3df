//! Request bodies that are read as a whole.

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use mistral_datasets_types::ErrorCode;

use super::{ApiError, HttpContext, RequestMemory, UNCOUNTED_BYTES, off_runtime};
use crate::json::Document;

/// How many times the size of a body a request holds at most: the body and the values read from it, then the values and what the
/// storage makes of them, then the values and the response.
pub(super) const COPIES: u64 = 3;

/// The most bytes of a body that are allocated at once.
const MAX_CAPACITY: u64 = 64 << 20;

/// How many more bytes of a body without a `Content-Length` are reserved at a time.
pub(super) const STEP: u64 = 256 << 10;

/// Extracts a JSON request body.
pub(crate) struct JsonBody {
    bytes: Bytes,
    /// How deeply arrays and objects may be nested.
    depth: usize,
    memory: RequestMemory,
}

impl JsonBody {
    /// Reads values from the body. Large bodies are read on a thread for blocking work. The body is dropped afterwards.
    pub(crate) async fn parse<T: Send + 'static>(
        self,
        read: impl FnOnce(Document<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        off_runtime(self.bytes.len(), move || self.read(read)).await?
    }

    fn read<T>(
        self,
        read: impl FnOnce(Document<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        read(Document::read(&self.bytes, "the body", self.depth)?)
    }

    /// Reads values from the body on a thread for blocking work, regardless of its size. `read` may block.
    pub(crate) async fn parse_blocking<T: Send + 'static>(
        self,
        read: impl FnOnce(Document<'_>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let parsing = tokio::task::spawn_blocking(move || self.read(read));
        parsing.await.map_err(|error| ApiError::internal(&error))?
    }

    /// Returns the memory that the request has reserved.
    pub(crate) fn memory(&self) -> RequestMemory {
        self.memory.clone()
    }
}

impl<S> FromRequest<S> for JsonBody
where
    HttpContext: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limits = HttpContext::from_ref(state).limits;
        let is_json = is_json(request.headers());
        let length = content_length(request.headers());
        let memory = RequestMemory::of(request.extensions());
        let body = read(request.into_body(), length, limits.json_bytes, &memory).await?;
        // For an empty body, the error about the missing body is more helpful.
        if !is_json && !body.is_empty() {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::ValidationError,
                "the header `Content-Type` must be `application/json`",
            ));
        }
        Ok(Self { bytes: body, depth: limits.effective_json_depth(), memory })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Returns the value of `Content-Length`.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body of at most `limit` bytes, as it was sent. Nothing is read if `Content-Length` exceeds the limit or the available memory.
pub(super) async fn read(
    mut body: Body,
    length: Option<u64>,
    limit: u64,
    memory: &RequestMemory,
) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::too_large(format!("the request body is larger than {limit} bytes"));
    let expected = length.unwrap_or_default();
    if expected > limit {
        return Err(too_large());
    }
    let mut reserved = expected.max(UNCOUNTED_BYTES);
    if expected > UNCOUNTED_BYTES {
        memory.reserve_body(expected * COPIES).await?;
    }
    // Allocated memory takes no space until it is written to.
    let mut bytes = BytesMut::with_capacity(expected.min(MAX_CAPACITY) as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::validation("the request body is incomplete"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.is_empty() && length == Some(data.len() as u64) {
            return Ok(data);
        }
        let size = (bytes.len() + data.len()) as u64;
        if size > limit {
            return Err(too_large());
        }
        if size > reserved {
            reserved = (size + STEP).min(limit);
            memory.reserve_body(reserved * COPIES).await?;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_media_types_are_recognized() {
        let is = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]))
        };
        assert!(is("application/json"));
        assert!(is("Application/JSON; charset=utf-8"));
        assert!(is("application/merge-patch+json"));
        assert!(!is("text/plain"));
        assert!(!is("application/x-www-form-urlencoded"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
