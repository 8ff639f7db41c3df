//! The API explorer, with the feature `explorer`.

use mistral_datasets_server::{ApiKey, ServerConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Api, Response};

/// Returns the `src` and `href` values in the page.
fn references(page: &str) -> Vec<&str> {
    let after = page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1));
    after.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[track_caller]
fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers[name].to_str().unwrap()
}

#[tokio::test]
async fn docs_page_loads_and_connects_to_this_server_only() {
    let config = ServerConfig::default().api_keys(vec![ApiKey::new("good")]);
    let mut api = Api::start_with(config).await;
    api.set_key(None);
    let page = api.get("/docs").await;
    assert_eq!(
        (page.status.as_u16(), header(&page, "content-type")),
        (200, "text/html; charset=utf-8")
    );
    let text = page.text();
    let references = references(&text);
    assert_eq!(references.len(), 4);
    for reference in references {
        assert!(!reference.contains("//"), "{reference} is on another host");
        let asset = api.get(&format!("/{reference}")).await;
        assert_eq!(asset.status, 200, "{reference}");
        let kind = match reference.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/png",
        };
        assert_eq!(header(&asset, "content-type"), kind);
    }
    for path in ["/docs", "/docs/start.js"] {
        let response = api.get(path).await;
        assert!(!response.text().contains("://"), "{path} names another host");
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("connect-src 'self';") && !policy.contains("://"), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    }
    api.get("/docs/other.js").await.error(404, "UNKNOWN_ERROR");
    api.get("/docs/..%2f..%2fCargo.toml").await.error(404, "UNKNOWN_ERROR");
}

/// Returns the headers of a response and the size of its body before decompression.
async fn fetch_raw(api: &Api, path: &str, accept_encoding: &str) -> (String, usize) {
    let mut stream = TcpStream::connect(api.server.addr()).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept-encoding: {accept_encoding}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("complete headers");
    (String::from_utf8_lossy(&bytes[..end]).to_lowercase(), bytes.len() - end - 4)
}

#[tokio::test]
async fn large_assets_are_compressed_if_the_client_accepts_gzip() {
    let api = Api::start().await;
    let path = "/docs/swagger-ui-bundle.js";
    let (head, size) = fetch_raw(&api, path, "br, gzip").await;
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"));
    let (plain, plain_size) = fetch_raw(&api, path, "identity").await;
    assert!(!plain.contains("content-encoding") && plain.contains("vary: accept-encoding"));
    assert!(size * 3 < plain_size, "{size} of {plain_size}");
    assert!(api.get(path).await.text().contains("SwaggerUIBundle"));
}

#[tokio::test]
async fn documentation_and_health_requests_are_not_recorded() {
    let api = Api::start().await;
    api.post("/local/v1/faults", json!({"status": 500, "times": null}).to_string())
        .await
        .json::<Value>(201);
    for path in ["/openapi.json", "/docs", "/docs/start.js", "/healthz"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
    let journal: Value = api.get("/local/v1/requests").await.json(200);
    assert_eq!(journal, json!({"requests": []}));
}
