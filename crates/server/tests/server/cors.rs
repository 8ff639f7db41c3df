//! CORS is disabled unless origins are configured.

use http::Method;
use mistral_datasets_server::{Limits, Server, ServerConfig, StartError};

use crate::support::{Api, DATASETS, Response, send};

const PAGE: &str = "http://localhost:3000";

async fn start(origins: &[&str]) -> Api {
    let cors = origins.iter().map(|&origin| origin.to_owned()).collect();
    Api::start_with(ServerConfig::default().cors(cors)).await
}

/// Sends the preflight request for a JSON request with a key.
async fn preflight(api: &mut Api, origin: &str, method: &str) -> Response {
    api.set_key(None);
    let request = api
        .request(Method::OPTIONS, DATASETS)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,content-type");
    let response = send(request).await;
    api.set_key(Some("a key"));
    response
}

#[tokio::test]
async fn without_origins_there_are_no_cors_headers() {
    let mut api = start(&[]).await;
    let response = preflight(&mut api, PAGE, "POST").await;
    let request = api.request(Method::GET, DATASETS).header("origin", PAGE);
    for response in [response, send(request).await] {
        assert!(response.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn only_configured_origins_are_allowed() {
    let mut api = start(&["http://LOCALHOST:3000", "https://app.example"]).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let response = preflight(&mut api, PAGE, method).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.headers["access-control-allow-origin"], PAGE);
        let allowed = |name: &str| response.headers[name].to_str().unwrap().to_ascii_lowercase();
        assert!(allowed("access-control-allow-methods").contains(&method.to_ascii_lowercase()));
        assert!(allowed("access-control-allow-headers").contains("authorization"));
        assert!(allowed("vary").contains("origin"));
    }
    let request =
        |api: &Api, origin: &str| api.request(Method::GET, DATASETS).header("origin", origin);
    let response = send(request(&api, PAGE)).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["access-control-allow-origin"], PAGE);
    let exposed = response.headers["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
    for origin in ["http://localhost:3001", "http://localhost", "https://localhost:3000", "null"] {
        let response = send(request(&api, origin)).await;
        assert!(!response.headers.contains_key("access-control-allow-origin"));
        let response = preflight(&mut api, origin, "POST").await;
        assert!(!response.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
    // Pages can read error responses too.
    api.set_key(None);
    let request = api.request(Method::GET, DATASETS).header("origin", PAGE);
    let response = send(request).await;
    assert_eq!(response.headers["access-control-allow-origin"], PAGE);
    response.error(401, "AUTH_UNAUTHORIZED");
}

#[tokio::test]
async fn errors_before_routing_have_cors_headers() {
    let limits = Limits::default().url_bytes(100);
    for (cors, allowed) in [(vec![PAGE.to_owned()], Some(PAGE)), (vec![], None)] {
        let api = Api::start_with(ServerConfig::default().limits(limits).cors(cors)).await;
        let long = format!("{DATASETS}?q={}", "x".repeat(100));
        let response = send(api.request(Method::GET, &long).header("origin", PAGE)).await;
        let found = response.headers.get("access-control-allow-origin");
        assert_eq!(found.map(|found| found.to_str().unwrap()), allowed);
        response.error(414, "VALIDATION_ERROR");
        let response = send(api.request(Method::GET, &long)).await;
        assert!(!response.headers.contains_key("access-control-allow-origin"));
        response.error(414, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn wildcard_allows_any_origin() {
    let mut api = start(&["*"]).await;
    let response = preflight(&mut api, "https://elsewhere.example", "POST").await;
    assert_eq!(response.headers["access-control-allow-origin"], "*");
    let allowed = response.headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");
    // Pages send the key themselves, so credentials added by the browser are not allowed.
    assert!(!response.headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn invalid_origin_fails_startup() {
    for origin in ["localhost:3000", "http://localhost:3000/", "https://app.example/path", ""] {
        let config = ServerConfig::default().cors(vec![origin.to_owned()]);
        let error = Server::start(config).await.unwrap_err();
        assert!(matches!(error, StartError::Origin(_)), "{error}");
    }
}
