//! CORS: lets web pages of configured origins call the server.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, ORIGIN, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Response headers that pages may read.
const EXPOSED: [HeaderName; 7] = [
    HeaderName::from_static("x-request-id"),
    RETRY_AFTER,
    ETAG,
    ACCEPT_RANGES,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_DISPOSITION,
];

/// How long browsers may cache the result of a preflight request.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

/// The CORS policy. By default no page may call the server.
#[derive(Clone, Default)]
pub(crate) struct Cors(Option<CorsLayer>);

impl Cors {
    /// Allows pages of these origins; `*` allows all.
    ///
    /// # Errors
    /// Returns the first invalid origin.
    pub(crate) fn new(origins: &[String]) -> Result<Self, String> {
        Ok(Self(if origins.is_empty() { None } else { Some(cors_layer(origins)?) }))
    }

    /// Adds the policy to a router.
    pub(crate) fn layer(&self, routes: Router) -> Router {
        match &self.0 {
            Some(layer) => routes.layer(layer.clone()),
            None => routes,
        }
    }

    /// Returns the `Origin` of a request, or `None` if no page may call the server.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.0.as_ref().and_then(|_| headers.get(ORIGIN).cloned())
    }

    /// Adds CORS headers to a response that was not created by the router.
    pub(crate) async fn allow(&self, origin: Option<HeaderValue>, response: Response) -> Response {
        let (Some(layer), Some(origin)) = (&self.0, origin) else { return response };
        let mut request = Request::new(());
        request.headers_mut().insert(ORIGIN, origin);
        let mut response = Some(response);
        // The service is called once.
        let service =
            service_fn(move |_| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
        match layer.layer(service).oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn cors_layer(origins: &[String]) -> Result<CorsLayer, String> {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins = origins.iter().map(|text| parse_origin(text).ok_or_else(|| text.clone()));
        AllowOrigin::list(origins.collect::<Result<Vec<_>, _>>()?)
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // `*` does not cover `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE))
}

/// Parses an origin as browsers send it: scheme, host and port, and nothing after them.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let text = text.trim().to_ascii_lowercase();
    let uri: Uri = text.parse().ok()?;
    // Browsers send no trailing slash, so an origin with one would never match.
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    (origin == text && !text.contains('@')).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_a_scheme_and_a_host_but_no_path() {
        for text in ["http://localhost:3000", "HTTPS://App.Example", "http://[::1]:80"] {
            assert_eq!(parse_origin(text).unwrap(), text.to_ascii_lowercase());
        }
        for text in
            ["", "localhost:3000", "app.example", "http://a/", "http://a/b", "http://u@a", "null"]
        {
            assert_eq!(parse_origin(text), None, "{text}");
        }
    }
}
