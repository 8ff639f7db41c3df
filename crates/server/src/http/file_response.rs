//! Responses that hand out a file's content, whole or a part of it.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use mistral_datasets_types::ErrorCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::ApiError;
use crate::storage::FileEntry;

/// Hands out an opened file, or the range of it that the request asks for.
pub(crate) async fn file_response(
    mut file: File,
    entry: &FileEntry,
    request: &HeaderMap,
) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", entry.signature);
    // A part is of use only to who has the rest of the very same content.
    let same = request.get(IF_RANGE).is_none_or(|known| known == tag.as_str());
    let range = request.get(RANGE).filter(|_| same);
    let (status, range) = match range.map(|range| requested(range, entry.bytes)) {
        None | Some(Requested::Whole) => (StatusCode::OK, 0..entry.bytes),
        Some(Requested::Part(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Requested::Nothing) => return Err(unsatisfiable(entry.bytes)),
    };
    file.seek(SeekFrom::Start(range.start)).map_err(|error| ApiError::internal(&error))?;
    let length = range.end - range.start;
    let reader = tokio::fs::File::from_std(file).take(length);
    let body = Body::from_stream(ReaderStream::with_capacity(reader, 64 << 10));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // The digest of a content names it whatever link or file it is behind, so a download goes on behind a new link.
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
    // Characters that a quoted name cannot hold are left to the second, encoded one.
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// What the header `Range` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Requested {
    /// What it says is not understood, or more than one range; the whole is then an allowed answer.
    Whole,
    Part(Range<u64>),
    Nothing,
}

fn requested(header: &HeaderValue, bytes: u64) -> Requested {
    let range = header.to_str().ok().and_then(|header| header.trim().strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Requested::Whole;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..bytes.min(last.saturating_add(1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..bytes,
        (Err(_), Ok(count)) if first.trim().is_empty() => bytes.saturating_sub(count)..bytes,
        _ => return Requested::Whole,
    };
    if range.is_empty() { Requested::Nothing } else { Requested::Part(range) }
}

fn unsatisfiable(bytes: u64) -> ApiError {
    let message = format!("the file has {bytes} bytes, of which the range has none");
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
    fn ranges_are_read_as_the_standard_has_them() {
        let requested = |header: &'static str| requested(&HeaderValue::from_static(header), 10);
        assert_eq!(requested("bytes=2-5"), Requested::Part(2..6));
        assert_eq!(requested("bytes=2-"), Requested::Part(2..10));
        assert_eq!(requested("bytes=-3"), Requested::Part(7..10));
        assert_eq!(requested("bytes=-30"), Requested::Part(0..10));
        assert_eq!(requested("bytes=9-99999999999"), Requested::Part(9..10));
        assert_eq!(requested("bytes=10-"), Requested::Nothing);
        assert_eq!(requested("bytes=-0"), Requested::Nothing);
        for header in ["lines=1-2", "bytes=5-2", "bytes=1-2,4-5", "bytes=-", "bytes=x-"] {
            assert_eq!(requested(header), Requested::Whole, "{header}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(
            disposition("ä\"b\n.jsonl"),
            "attachment; filename=\"__b_.jsonl\"; filename*=UTF-8''%C3%A4%22b%0A%2Ejsonl"
        );
    }
}
