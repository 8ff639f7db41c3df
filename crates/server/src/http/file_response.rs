//! Responses with the content of a file, or a range of it.

use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use futures::stream::{StreamExt, TryStreamExt, iter};
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use mistral_datasets_types::ErrorCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::ApiError;
use crate::content::{ContentError, ContentStore, ExpectedContent, open_range, open_verified};
use crate::storage::FileEntry;

/// Returns a response with the content of a file, or with the range that the request asks for.
///
/// The checksum of a whole content is verified while it is sent. If it is wrong, the response breaks off before its end. A range
/// cannot be verified. `on_damage` is called if the content is found to be damaged.
pub(crate) async fn file_response(
    contents: &dyn ContentStore,
    entry: &FileEntry,
    request: &HeaderMap,
    on_damage: impl Fn() + Send + 'static,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", entry.signature);
    // If the content has changed since the client received the rest of it, `If-Range` asks for all of it.
    let is_unchanged = request.get(IF_RANGE).is_none_or(|known| known == tag.as_str());
    let range = request.get(RANGE).filter(|_| is_unchanged);
    let (status, range) = match range.map(|range| parse_range(range, entry.bytes)) {
        None | Some(RequestedRange::All) => (StatusCode::OK, 0..entry.bytes),
        Some(RequestedRange::Part(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(RequestedRange::Unsatisfiable) => return Err(unsatisfiable(entry.bytes)),
    };
    let length = range.end - range.start;
    let expected =
        ExpectedContent { id: entry.id, bytes: entry.bytes, sha256: entry.signature.clone() };
    let opened = match status {
        StatusCode::OK => open_verified(contents, expected).await,
        _ => open_range(contents, &expected, range.clone()).await,
    };
    let report = move |error: &ContentError| {
        if matches!(error, ContentError::Damaged) {
            on_damage();
        }
    };
    let mut chunks = opened.inspect_err(&report)?.inspect_err(report);
    // Reading ahead makes the response to a request for a small damaged file an error.
    let first = chunks.try_next().await?;
    let body = Body::from_stream(iter(first.map(Ok)).chain(chunks));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // The tag is a digest of the content, so a download can be resumed through a new link.
    if let Ok(value) = tag.parse() {
        headers.insert(ETAG, value);
    }
    if let Ok(value) = disposition(&entry.name).parse() {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, entry.bytes);
        if let Ok(value) = value.parse() {
            headers.insert(CONTENT_RANGE, value);
        }
    }
    Ok(response)
}

fn disposition(name: &str) -> String {
    // Characters that are not allowed in the quoted name are only in the encoded one.
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum RequestedRange {
    /// The entire content. HTTP allows this response to a header that is invalid or asks for several ranges.
    All,
    Part(Range<u64>),
    Unsatisfiable,
}

fn parse_range(header: &HeaderValue, bytes: u64) -> RequestedRange {
    let range = header.to_str().ok().and_then(|header| header.trim().strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return RequestedRange::All;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..bytes.min(last.saturating_add(1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..bytes,
        (Err(_), Ok(count)) if first.trim().is_empty() => bytes.saturating_sub(count)..bytes,
        _ => return RequestedRange::All,
    };
    if range.is_empty() { RequestedRange::Unsatisfiable } else { RequestedRange::Part(range) }
}

fn unsatisfiable(bytes: u64) -> ApiError {
    let message = format!("the requested range is outside the file, which has {bytes} bytes");
    let error =
        ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::ValidationError, message);
    match format!("bytes */{bytes}").parse() {
        Ok(value) => error.with_header(CONTENT_RANGE, value),
        Err(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_parsed_as_in_rfc_9110() {
        let parse = |header: &'static str| parse_range(&HeaderValue::from_static(header), 10);
        assert_eq!(parse("bytes=2-5"), RequestedRange::Part(2..6));
        assert_eq!(parse("bytes=2-"), RequestedRange::Part(2..10));
        assert_eq!(parse("bytes=-3"), RequestedRange::Part(7..10));
        assert_eq!(parse("bytes=-30"), RequestedRange::Part(0..10));
        assert_eq!(parse("bytes=9-99999999999"), RequestedRange::Part(9..10));
        assert_eq!(parse("bytes=10-"), RequestedRange::Unsatisfiable);
        assert_eq!(parse("bytes=-0"), RequestedRange::Unsatisfiable);
        for header in ["lines=1-2", "bytes=5-2", "bytes=1-2,4-5", "bytes=-", "bytes=x-"] {
            assert_eq!(parse(header), RequestedRange::All, "{header}");
        }
    }

    #[test]
    fn file_names_are_escaped() {
        assert_eq!(
            disposition("ä\"b\n.jsonl"),
            "attachment; filename=\"__b_.jsonl\"; filename*=UTF-8''%C3%A4%22b%0A%2Ejsonl"
        );
    }
}
