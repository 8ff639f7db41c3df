//! A page to read and try the API on. Everything it is made of is in the program, so that it works without a network.

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

/// The page may load what this server sends and call this server, and nothing and nobody else. The viewer sets styles from its
/// scripts and has its pictures in its style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A part of the page.
struct Part {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    compressed: bool,
}

const PAGE: Part = Part {
    name: "",
    media_type: "text/html; charset=utf-8",
    bytes: include_bytes!("../../assets/docs/index.html"),
    compressed: false,
};

const PARTS: &[Part] = &[
    Part {
        name: "start.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/docs/start.js"),
        compressed: false,
    },
    Part {
        name: "swagger-ui-bundle.js",
        media_type: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        compressed: true,
    },
    Part {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/swagger-ui/swagger-ui.css.gz"),
        compressed: true,
    },
    Part {
        name: "favicon.png",
        media_type: "image/png",
        bytes: include_bytes!("../../assets/swagger-ui/favicon-32x32.png"),
        compressed: false,
    },
];

pub(super) async fn page(headers: HeaderMap) -> Response {
    PAGE.response(&headers)
}

pub(super) async fn part(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match PARTS.iter().find(|part| part.name == name) {
        Some(part) => part.response(&headers),
        None => ApiError::not_found("the page has no such part").into_response(),
    }
}

impl Part {
    fn response(&self, asked: &HeaderMap) -> Response {
        let as_it_is = !self.compressed || takes_gzip(asked);
        let body = if as_it_is { Body::from(self.bytes) } else { Body::from(self.decompressed()) };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, self.media_type),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            // The next version of the server has others under the same names.
            (CACHE_CONTROL, "no-cache"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.compressed {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
            if as_it_is {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }

    fn decompressed(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What is read is in the program, and a test reads it to its end.
        let _ = GzDecoder::new(self.bytes).read_to_end(&mut bytes);
        bytes
    }
}

/// Whether a client takes compressed responses. Every browser does.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parameters = coding.split(';').map(str::trim);
        let is_gzip = parameters.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = |parameter: &str| {
            let weight = parameter.strip_prefix("q=").map(str::parse::<f32>);
            matches!(weight, Some(Ok(weight)) if weight == 0.0)
        };
        is_gzip && !parameters.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_the_program_can_be_read() {
        let sizes =
            PARTS.iter().filter(|part| part.compressed).map(|part| part.decompressed().len());
        assert!(sizes.min() > Some(100_000));
        let size: usize = PARTS.iter().map(|part| part.bytes.len()).sum();
        assert!(size < 1_500_000, "the page makes the program {size} bytes larger");
    }

    #[test]
    fn compressed_responses_go_to_those_who_take_them() {
        let takes = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
        };
        assert!(takes("deflate, GZip;q=0.5, br") && takes("gzip"));
        assert!(!takes("br") && !takes("gzip; q=0") && !takes("gzipped"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
