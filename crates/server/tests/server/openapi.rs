//! The OpenAPI document, and a server without the API explorer.

use http::Method;
use mistral_datasets_server::{ApiKey, ServerConfig};
use serde_json::Value;

use crate::support::{Api, send};

#[tokio::test]
async fn openapi_document_lists_this_server_and_requires_no_key() {
    let config = ServerConfig::default().api_keys(vec![ApiKey::new("good")]);
    let mut api = Api::start_with(config).await;
    api.set_key(None);
    let document: Value = api.get("/openapi.json").await.json(200);
    assert_eq!(document["openapi"], "3.0.3");
    assert_eq!(document["servers"][0]["url"], api.server.url());
    assert_eq!(document["servers"].as_array().unwrap().len(), 1);
    let create = &document["paths"]["/v1/observability/datasets"]["post"];
    assert_eq!(create["operationId"], "create_dataset");
    let named = api.request(Method::GET, "/openapi.json").header("host", "datasets.test:81");
    let document: Value = send(named).await.json(200);
    assert_eq!(document["servers"][0]["url"], "http://datasets.test:81");

    let public_url = Some("https://datasets.test/base/".to_owned());
    let api = Api::start_with(ServerConfig::default().public_url(public_url)).await;
    let document: Value = api.get("/openapi.json").await.json(200);
    assert_eq!(document["servers"][0]["url"], "https://datasets.test/base");
}

#[tokio::test]
async fn the_api_explorer_can_be_switched_off() {
    let api = Api::start_with(ServerConfig::default().explorer(false)).await;
    let unknown = api.get("/no/such/route").await.text();
    for path in ["/docs", "/docs/start.js"] {
        let response = api.get(path).await;
        assert_eq!((response.status.as_u16(), response.text()), (404, unknown.clone()), "{path}");
    }
    assert_eq!(api.get("/openapi.json").await.status, 200);
}
