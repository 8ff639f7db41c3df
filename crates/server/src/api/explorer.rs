//! The API explorer: a page on which users can read and try the API. All its assets are embedded, so that it works offline.

use std::io::Read;

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::http::ApiError;

/// The page may load assets from this server and call this server, and nothing else. Swagger UI needs inline styles and `data:`
/// images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A file of the page.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    compressed: bool,
}

const PAGE: Asset = Asset {
    name: "",
    media_type: "text/html; charset=utf-8",
    bytes: include_bytes!("../../assets/docs/index.html"),
    compressed: false,
};

const ASSETS: &[Asset] = &[
    Asset {
        name: "start.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/docs/start.js"),
        compressed: false,
    },
    Asset {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        compressed: true,
    },
    Asset {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz"),
        compressed: true,
    },
    Asset {
        name: "favicon.png",
        media_type: "image/png",
        bytes: include_bytes!("../../assets/swagger-ui/favicon-32x32.png"),
        compressed: false,
    },
];

pub(super) async fn page(headers: HeaderMap) -> Response {
    PAGE.response(&headers)
}

pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => asset.response(&headers),
        None => ApiError::not_found("documentation file not found").into_response(),
    }
}

impl Asset {
    fn response(&self, request: &HeaderMap) -> Response {
        let is_verbatim = !self.compressed || accepts_gzip(request);
        let body =
            if is_verbatim { Body::from(self.bytes) } else { Body::from(self.decompressed()) };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, self.media_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            // Another version of the server serves other files under the same names.
            (CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.compressed {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
            if is_verbatim {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }

    fn decompressed(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // The input is embedded, and a test decompresses it.
        let _ = GzDecoder::new(self.bytes).read_to_end(&mut bytes);
        bytes
    }
}

/// Returns whether the client accepts gzip. Every browser does.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parameters = coding.split(';').map(str::trim);
        let is_gzip = parameters.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_rejected = |parameter: &str| {
            let weight = parameter.strip_prefix("q=").map(str::parse::<f32>);
            matches!(weight, Some(Ok(weight)) if weight == 0.0)
        };
        is_gzip && !parameters.any(is_rejected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_files_can_be_decompressed() {
        let sizes =
            ASSETS.iter().filter(|asset| asset.compressed).map(|asset| asset.decompressed().len());
        assert!(sizes.min() > Some(100_000));
        let size: usize = ASSETS.iter().map(|asset| asset.bytes.len()).sum();
        assert!(size < 1_500_000, "the embedded files have {size} bytes");
    }

    #[test]
    fn accept_encoding_is_parsed() {
        let accepts = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
        };
        assert!(accepts("deflate, GZip;q=0.5, br") && accepts("gzip"));
        assert!(!accepts("br") && !accepts("gzip; q=0") && !accepts("gzipped"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
