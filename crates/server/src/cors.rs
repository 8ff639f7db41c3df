//! Which web pages may use the server.

use std::time::Duration;

use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, RETRY_AFTER,
};
use http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// What a page may know of a reply, beside its body.
const EXPOSED: [HeaderName; 7] = [
    HeaderName::from_static("x-request-id"),
    RETRY_AFTER,
    ETAG,
    ACCEPT_RANGES,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_DISPOSITION,
];

/// For so long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// What lets pages of these origins use the server, where there are any; `*` stands for all.
///
/// # Errors
/// The origin that is none.
pub(crate) fn layer(origins: &[String]) -> Result<Option<CorsLayer>, String> {
    if origins.is_empty() {
        return Ok(None);
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins = origins.iter().map(|text| origin(text).ok_or_else(|| text.clone()));
        AllowOrigin::list(origins.collect::<Result<Vec<_>, _>>()?)
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // `*` would leave out `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE);
    Ok(Some(layer))
}

/// An origin as browsers send it: scheme, host and port, and nothing behind them.
fn origin(text: &str) -> Option<HeaderValue> {
    let text = text.trim().to_ascii_lowercase();
    let uri: Uri = text.parse().ok()?;
    // A browser leaves out the slash, so with it the origin would never be met.
    let whole = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    (whole == text && !text.contains('@')).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_and_a_host_and_no_path() {
        for text in ["http://localhost:3000", "HTTPS://App.Example", "http://[::1]:80"] {
            assert_eq!(origin(text).unwrap(), text.to_ascii_lowercase());
        }
        for text in
            ["", "localhost:3000", "app.example", "http://a/", "http://a/b", "http://u@a", "null"]
        {
            assert_eq!(origin(text), None, "{text}");
        }
    }
}
