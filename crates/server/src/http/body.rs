//! JSON request bodies.

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use mistral_datasets_types::ErrorCode;

use super::{ApiError, HttpContext};
use crate::json::{Document, Fields, JsonError, Value};

/// Extracts a JSON request body.
pub(crate) struct JsonBody {
    bytes: Bytes,
    /// How deeply arrays and objects may be nested.
    depth: usize,
}

impl JsonBody {
    /// Returns the fields of the body, which must be an object.
    pub(crate) fn fields(&self) -> Result<Fields<'_>, JsonError> {
        self.document()?.fields()
    }

    /// Returns the items of the body, which must be an array.
    pub(crate) fn items(&self) -> Result<Vec<Value<'_>>, JsonError> {
        self.document()?.items()
    }

    /// Returns the items of the body if it is an array, or else the body as the only item.
    pub(crate) fn one_or_items(&self) -> Result<Vec<Value<'_>>, JsonError> {
        self.document()?.one_or_items()
    }

    fn document(&self) -> Result<Document<'_>, JsonError> {
        Document::read(&self.bytes, "the body", self.depth)
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
        let body = read(request.into_body(), length, limits.json_bytes).await?;
        // For an empty body, the error about the missing body is more helpful.
        if !is_json && !body.is_empty() {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::ValidationError,
                "the header `Content-Type` must be `application/json`",
            ));
        }
        Ok(Self { bytes: body, depth: limits.effective_json_depth() })
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

/// Reads a body of at most `limit` bytes. Nothing is read if `Content-Length` exceeds the limit.
async fn read(mut body: Body, length: Option<u64>, limit: u64) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::too_large(format!("the request body is larger than {limit} bytes"));
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(length.unwrap_or_default().min(1 << 20) as usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::validation("the request body is incomplete"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.is_empty() && length == Some(data.len() as u64) {
            return Ok(data);
        }
        if (bytes.len() + data.len()) as u64 > limit {
            return Err(too_large());
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
