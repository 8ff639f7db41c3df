//! Signed links from a listener of their own, and fault rules for links.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Method;
use mistral_datasets_server::{ApiKey, Server, ServerConfig, StartError};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS, Response, send};

const FAULTS: &str = "/local/v1/faults";

fn config() -> ServerConfig {
    let any_port = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    ServerConfig::default().links_listen(Some(any_port))
}

/// Uploads a file and returns its link.
async fn link(api: &Api) -> String {
    let file = api.upload("linked.jsonl", "linked").await;
    let link: Value = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    link["url"].as_str().unwrap().to_owned()
}

/// Opens a link without a key.
async fn open(api: &Api, link: &str) -> Response {
    let mut anonymous = api.with_key("");
    anonymous.set_key(None);
    anonymous.get(link).await
}

#[tokio::test]
async fn links_start_with_the_url_of_their_listener() {
    let api = Api::start_with(config()).await;
    let base = format!("http://{}/files/", api.server.links_addr().unwrap());
    let link = link(&api).await;
    assert!(link.starts_with(&base), "{link}");
    assert_eq!(open(&api, &link).await.text(), "linked");
    let dataset = api.create_dataset("Exported").await;
    api.create_record(&dataset, "hello").await;
    let export = api.get(&format!("{DATASETS}/{}/exports/to-jsonl", dataset.id)).await;
    let export = export.json::<Value>(200)["file_url"].as_str().unwrap().to_owned();
    assert!(export.starts_with(&base), "{export}");
    assert!(open(&api, &export).await.text().contains("hello"));
    // Links to pages are not signed links.
    let page: Value = api.get(&format!("{DATASETS}?page_size=1&page=2")).await.json(200);
    let previous = page["datasets"]["previous"].as_str().unwrap();
    assert!(previous.starts_with(&api.server.url()), "{previous}");
}

#[tokio::test]
async fn each_listener_serves_only_its_own_routes() {
    let api = Api::start_with(config()).await;
    let link = link(&api).await;
    let links_url = format!("http://{}", api.server.links_addr().unwrap());
    open(&api, &link.replace(&links_url, &api.server.url())).await.error(404, "UNKNOWN_ERROR");
    for path in [DATASETS, "/v1/files", "/healthz", "/metrics", "/docs", "/local/v1/requests"] {
        open(&api, &format!("{links_url}{path}")).await.error(404, "UNKNOWN_ERROR");
    }
}

#[tokio::test]
async fn a_link_that_is_opened_with_a_key_is_rejected() {
    let api = Api::start_with(config()).await;
    let link = link(&api).await;
    for value in ["Bearer a key", "Basic YTpi", ""] {
        let request = reqwest::Client::new().get(&link).header("authorization", value);
        let message = send(request).await.error(400, "VALIDATION_ERROR");
        assert!(message.contains("Authorization") && !message.contains("a key"), "{message}");
    }
    // Without a listener for links, nothing is rejected.
    let plain = Api::start().await;
    let link = self::link(&plain).await;
    assert_eq!(plain.get(&link).await.text(), "linked");
}

#[tokio::test]
async fn faults_and_the_journal_cover_the_links_listener() {
    let api = Api::start_with(config()).await;
    let link = link(&api).await;
    let rule = json!({"operation": "open_link", "status": 503});
    api.post(FAULTS, rule.to_string()).await.json::<Value>(201);
    assert_eq!(open(&api, &link).await.status, 503);
    assert_eq!(api.get(&link).await.status, 400);
    assert_eq!(open(&api, &link).await.status, 200);
    let journal: Value = api.get("/local/v1/requests").await.json(200);
    let requests = journal["requests"].as_array().unwrap();
    let opened = requests.iter().filter(|request| request["operation"] == "open_link");
    let statuses = Vec::from_iter(opened.map(|request| request["status"].as_u64().unwrap()));
    assert_eq!(statuses, [503, 400, 200]);
}

#[tokio::test]
async fn the_url_of_links_can_be_set() {
    let links_url = "https://files.example/base/";
    let api = Api::start_with(config().links_url(Some(links_url.into()))).await;
    let address = api.server.links_addr().unwrap();
    let link = link(&api).await;
    assert!(link.starts_with("https://files.example/base/files/"), "{link}");
    // A proxy forwards the request with its own host name, which a server without keys allows then.
    let direct = link.replace("https://files.example/base", &format!("http://{address}"));
    let request = |host| reqwest::Client::new().get(&direct).header("host", host);
    assert_eq!(send(request("files.example")).await.text(), "linked");
    send(request("attacker.example")).await.error(403, "AUTH_FORBIDDEN");
}

#[tokio::test]
async fn invalid_configurations_of_links_are_rejected() {
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let error = Server::start(config().links_listen(Some(everywhere))).await.unwrap_err();
    assert!(matches!(error, StartError::NoLinksUrl(_)), "{error}");
    let error = Server::start(config().links_url(Some("files.example".into()))).await.unwrap_err();
    assert!(matches!(error, StartError::LinksUrl(_)), "{error}");
    let links_url = Some("http://files.example".to_owned());
    let started = config().links_listen(Some(everywhere)).links_url(links_url);
    Server::start(started).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn rules_cannot_serve_content_through_links_if_keys_are_configured() {
    let page = json!("<script>alert(1)</script>");
    let html = json!({"content-type": "text/html"});
    let keys = || vec![ApiKey::new("a key")];
    let api = Api::start_with(ServerConfig::default().api_keys(keys())).await;
    let link = link(&api).await;
    for rule in [
        json!({"operation": "open_link", "body": page}),
        json!({"operation": "open_link", "headers": html}),
        json!({"route": "/files/{file_id}", "status": 302, "headers": {"location": "https://attacker.example"}}),
    ] {
        let message = api.post(FAULTS, rule.to_string()).await.error(422, "VALIDATION_ERROR");
        assert!(message.contains("signed links"), "{message}");
    }
    // A rule for all requests does not count those for links, and other rules still apply to them.
    let everything = json!([
        {"method": "GET", "body": page, "headers": html},
        {"operation": "open_link", "status": 503},
    ]);
    api.post(FAULTS, everything.to_string()).await.json::<Value>(201);
    assert_eq!(open(&api, &link).await.status, 503);
    assert_eq!(open(&api, &link).await.text(), "linked");
    let injected = api.get(DATASETS).await;
    assert_eq!(injected.text(), page.as_str().unwrap());
    assert_eq!(injected.headers["content-security-policy"], "sandbox");
    assert_eq!(injected.headers["x-content-type-options"], "nosniff");

    // A server without keys accepts such rules. They no longer apply once keys are configured.
    let api = Api::start().await;
    let link = self::link(&api).await;
    let rule = json!({"operation": "open_link", "body": page, "headers": html, "times": null});
    api.post(FAULTS, rule.to_string()).await.json::<Value>(201);
    let injected = open(&api, &link).await;
    assert_eq!(injected.text(), page.as_str().unwrap());
    assert_eq!(injected.headers["content-security-policy"], "sandbox");
    api.server.set_api_keys(keys()).unwrap();
    assert_eq!(open(&api, &link).await.text(), "linked");
    assert_eq!(send(api.request(Method::GET, FAULTS)).await.status, 200);
}
