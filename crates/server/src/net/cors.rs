//! Which web pages may use the server.

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

/// What a page may know of a response, beside its body.
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

/// Lets pages of some origins use the server, where there are any.
#[derive(Clone, Default)]
pub(crate) struct Cors(Option<CorsLayer>);

impl Cors {
    /// Lets pages of these origins; `*` stands for all.
    ///
    /// # Errors
    /// The origin that is none.
    pub(crate) fn new(origins: &[String]) -> Result<Self, String> {
        Ok(Self(if origins.is_empty() { None } else { Some(cors_layer(origins)?) }))
    }

    /// The routes, as pages may use them.
    pub(crate) fn layer(&self, routes: Router) -> Router {
        match &self.0 {
            Some(layer) => routes.layer(layer.clone()),
            None => routes,
        }
    }

    /// The origin of the page that asks, where pages may.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.0.as_ref().and_then(|_| headers.get(ORIGIN).cloned())
    }

    /// Lets a page read a response that comes from beside the routes.
    pub(crate) async fn allow(&self, page: Option<HeaderValue>, response: Response) -> Response {
        let (Some(layer), Some(page)) = (&self.0, page) else { return response };
        let mut request = Request::new(());
        request.headers_mut().insert(ORIGIN, page);
        let mut response = Some(response);
        // It is asked once.
        let response =
            service_fn(move |_| ready(Ok::<_, Infallible>(response.take().unwrap_or_default())));
        match layer.layer(response).oneshot(request).await {
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
        // `*` would leave out `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE))
}

/// An origin as browsers send it: scheme, host and port, and nothing behind them.
fn parse_origin(text: &str) -> Option<HeaderValue> {
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
            assert_eq!(parse_origin(text).unwrap(), text.to_ascii_lowercase());
        }
        for text in
            ["", "localhost:3000", "app.example", "http://a/", "http://a/b", "http://u@a", "null"]
        {
            assert_eq!(parse_origin(text), None, "{text}");
        }
    }
}
