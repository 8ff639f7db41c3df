//! Request bodies of OTLP: protobuf or JSON, optionally compressed with gzip.

use std::io::Read;

use axum::extract::{FromRef, FromRequest, Request};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use mistral_datasets_types::ErrorCode;

use super::body::{COPIES, STEP, content_length, read};
use super::{ApiError, HttpContext, RequestMemory, off_runtime};

/// The maximum size of a body, as sent and decompressed. The OTLP specification recommends it.
const MAX_BYTES: u64 = 20 << 20;

/// Extracts the body of an OTLP request, decompressed.
pub(crate) struct OtlpBody {
    pub(crate) bytes: Bytes,
    pub(crate) is_json: bool,
    pub(crate) memory: RequestMemory,
}

impl<S> FromRequest<S> for OtlpBody
where
    HttpContext: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers())?;
        let is_compressed = is_compressed(request.headers())?;
        let length = content_length(request.headers());
        let memory = RequestMemory::of(request.extensions());
        let bytes = read(request.into_body(), length, MAX_BYTES, &memory).await?;
        let bytes = match is_compressed {
            // Decompressing takes longer than its input suggests.
            true => {
                let memory = memory.clone();
                off_runtime(usize::MAX, move || decompress(&bytes, &memory)).await??
            }
            false => bytes,
        };
        Ok(Self { bytes, is_json, memory })
    }
}

fn is_json(headers: &HeaderMap) -> Result<bool, ApiError> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-protobuf") {
        Ok(false)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Ok(true)
    } else {
        Err(unsupported(
            "the header `Content-Type` must be `application/x-protobuf` or `application/json`",
        ))
    }
}

fn is_compressed(headers: &HeaderMap) -> Result<bool, ApiError> {
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()) {
        None => Ok(false),
        Some(value) if value == b"identity" => Ok(false),
        Some(value) if value == b"gzip" => Ok(true),
        Some(_) => Err(unsupported("the header `Content-Encoding` must be `gzip` or absent")),
    }
}

fn unsupported(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::ValidationError, message)
}

/// Decompresses a body while it stays within the limit and the available memory.
fn decompress(compressed: &[u8], memory: &RequestMemory) -> Result<Bytes, ApiError> {
    let mut decoder = MultiGzDecoder::new(compressed);
    let mut bytes = Vec::new();
    loop {
        let size = bytes.len() as u64;
        if !memory.try_reserve(compressed.len() as u64 + (size + STEP) * COPIES) {
            return Err(ApiError::busy("large requests"));
        }
        let mut step = decoder.by_ref().take(STEP);
        step.read_to_end(&mut bytes)
            .map_err(|_| ApiError::bad_request("the body is not valid gzip data"))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ApiError::too_large(format!(
                "the decompressed request body is larger than {MAX_BYTES} bytes"
            )));
        }
        if bytes.len() as u64 == size {
            return Ok(bytes.into());
        }
    }
}
