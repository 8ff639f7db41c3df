//! API keys and workspaces.

use std::net::SocketAddr;

use http::Method;
use mistral_datasets_server::{ApiKey, Server, ServerConfig, StartError, Workspaces};
use mistral_datasets_types::{Dataset, File, ListDatasetsResponse, ListFilesResponse};
use serde_json::{Value, json};

use crate::support::{Api, DATASETS, RECORDS, records_path, send};

#[tokio::test]
async fn requests_without_a_key_are_unauthorized() {
    let mut api = Api::start().await;
    api.set_key(None);
    for (method, path) in [
        (Method::GET, DATASETS),
        (Method::POST, DATASETS),
        (Method::GET, "/v1/files"),
        (Method::POST, "/v1/files"),
        (Method::POST, "/local/v1/reset"),
    ] {
        let response = send(api.request(method, path)).await;
        assert_eq!(response.headers["www-authenticate"], "Bearer");
        response.error(401, "AUTH_UNAUTHORIZED");
    }
    for value in ["", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"] {
        let request = api.request(Method::GET, DATASETS).header("authorization", value);
        send(request).await.error(401, "AUTH_UNAUTHORIZED");
    }
    let twice = api.request(Method::GET, DATASETS);
    let twice = twice.header("authorization", "Bearer a").header("authorization", "Bearer b");
    send(twice).await.error(401, "AUTH_UNAUTHORIZED");
    let any_case = api.request(Method::GET, DATASETS).header("authorization", "bEaReR a");
    send(any_case).await.json::<ListDatasetsResponse>(200);
    assert_eq!(api.get("/healthz").await.json::<Value>(200)["status"], "ok");
}

#[tokio::test]
async fn only_configured_keys_are_accepted() {
    let api_keys = vec!["one".into(), "two".into()];
    let mut api = Api::start_with(ServerConfig::default().api_keys(api_keys)).await;
    let message = api.get(DATASETS).await.error(401, "AUTH_UNAUTHORIZED");
    assert!(!message.contains("a key"), "{message}");
    for key in ["one", "two"] {
        api.set_key(Some(key));
        api.get(DATASETS).await.json::<ListDatasetsResponse>(200);
    }
    for key in ["One", "on", "onee", "one two"] {
        api.set_key(Some(key));
        api.get(DATASETS).await.error(401, "AUTH_UNAUTHORIZED");
    }
}

#[tokio::test]
async fn keys_can_be_replaced_at_run_time() {
    let api_keys = vec!["old".into(), ApiKey::with_workspace("ci", "stays")];
    let mut api = Api::start_with(ServerConfig::default().api_keys(api_keys)).await;
    api.set_key(Some("stays"));
    let dataset = api.create_dataset("Team dataset").await;
    let path = format!("{DATASETS}/{}", dataset.id);
    let keys = vec![
        ApiKey::with_workspace("ci", "stays"),
        ApiKey::with_workspace("ci", "new"),
        ApiKey::with_workspace("dev", "theirs"),
    ];
    api.server.set_api_keys(keys).unwrap();
    api.set_key(Some("old"));
    api.get(DATASETS).await.error(401, "AUTH_UNAUTHORIZED");
    for key in ["stays", "new"] {
        api.set_key(Some(key));
        assert_eq!(api.get(&path).await.json::<Dataset>(200), dataset);
    }
    // Keys of the same workspace are interchangeable.
    let second = api.create_dataset("Second team dataset").await;
    assert_eq!((second.workspace_id, second.owner_id), (dataset.workspace_id, dataset.owner_id));
    api.set_key(Some("theirs"));
    api.get(&path).await.error(404, "DATASET_NOT_FOUND");
}

#[tokio::test]
async fn last_key_cannot_be_removed_from_a_non_loopback_server() {
    let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let public_url = Some("http://datasets.example".to_owned());
    let api_keys = vec!["key".into()];
    let config = ServerConfig::default().listen(listen).public_url(public_url).api_keys(api_keys);
    let server = Server::start(config).await.unwrap();
    let error = server.set_api_keys(Vec::new()).unwrap_err();
    assert!(matches!(error, StartError::NoKeys(_)), "{error}");
    server.set_api_keys(vec!["another".into()]).unwrap();
    server.shutdown().await;
}

#[tokio::test]
async fn resources_of_another_key_are_not_found() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("First key").await;
    let record = api.create_record(&dataset, "private").await;
    let file = api.upload("private.jsonl", "{\"messages\": []}").await;
    let task = api.import(&dataset, "from-file", json!({"file_id": file.id})).await;
    let conversations = r#"[{"conversation_id": "c", "messages": []}]"#;
    api.post("/local/v1/conversations", conversations).await.json::<Value>(200);
    let events = r#"[{"event_id": "e", "request_messages": [], "response_messages": []}]"#;
    api.post("/local/v1/chat-completion-events", events).await.json::<Value>(200);
    let campaign = r#"{"name": "c", "event_ids": ["e"]}"#;
    let campaign: Value = api.post("/local/v1/campaigns", campaign).await.json(200);

    api.set_key(Some("the second key"));
    let own = api.create_dataset("First key").await;
    assert_eq!(own.slug, dataset.slug);
    assert_ne!((own.workspace_id, own.owner_id), (dataset.workspace_id, dataset.owner_id));
    let path = format!("{DATASETS}/{}", dataset.id);
    api.get(&path).await.error(404, "DATASET_NOT_FOUND");
    api.patch(&path, "{}").await.error(404, "DATASET_NOT_FOUND");
    api.delete(&path).await.error(404, "DATASET_NOT_FOUND");
    api.get(&records_path(&dataset)).await.error(404, "DATASET_NOT_FOUND");
    api.get(&format!("{path}/tasks/{}", task.id)).await.error(404, "DATASET_NOT_FOUND");
    api.get(&format!("{path}/exports/to-jsonl")).await.error(404, "DATASET_NOT_FOUND");
    let record_path = format!("{RECORDS}/{}", record.id);
    api.get(&record_path).await.error(404, "DATASET_RECORD_NOT_FOUND");
    api.delete(&record_path).await.error(404, "DATASET_RECORD_NOT_FOUND");
    let ids = json!({"dataset_record_ids": [record.id]}).to_string();
    let bulk = api.post(&format!("{RECORDS}/bulk-delete"), ids.clone()).await;
    bulk.error(404, "DATASET_RECORD_NOT_FOUND");
    let file_path = format!("/v1/files/{}", file.id);
    for path in [file_path.clone(), format!("{file_path}/content"), format!("{file_path}/url")] {
        api.get(&path).await.error(404, "UNKNOWN_ERROR");
    }
    api.delete(&file_path).await.error(404, "UNKNOWN_ERROR");
    assert_eq!(api.get("/v1/files").await.json::<ListFilesResponse>(200).total, Some(0));
    for (from, body) in [
        ("from-file", json!({"file_id": file.id}).to_string()),
        ("from-dataset", ids),
        ("from-playground", json!({"conversation_ids": ["c"]}).to_string()),
        ("from-explorer", json!({"completion_event_ids": ["e"]}).to_string()),
        ("from-campaign", json!({"campaign_id": campaign["id"]}).to_string()),
    ] {
        let response = api.post(&format!("{DATASETS}/{}/imports/{from}", own.id), body).await;
        assert_eq!(response.status, 404, "{from}: {}", response.text());
    }

    api.set_key(Some("a key"));
    assert_eq!(api.get(&path).await.json::<Dataset>(200), dataset);
    assert_eq!(api.record_count(&dataset).await, 2);
    assert_eq!(api.get(&file_path).await.json::<File>(200).filename, "private.jsonl");
}

#[tokio::test]
async fn all_keys_can_share_one_workspace() {
    let workspaces = Workspaces::Shared;
    let mut api = Api::start_with(ServerConfig::default().workspaces(workspaces)).await;
    let dataset = api.create_dataset("Shared").await;
    api.set_key(Some("another key"));
    let found: Dataset = api.get(&format!("{DATASETS}/{}", dataset.id)).await.json(200);
    assert_eq!(found, dataset);
}

#[tokio::test]
async fn server_without_keys_listens_on_loopback_only() {
    let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let config = ServerConfig::default().listen(listen);
    let error = Server::start(config.clone()).await.unwrap_err();
    assert!(matches!(error, StartError::NoKeys(_)));
    assert!(error.to_string().contains("API key"), "{error}");
    let api_keys = vec!["key".into()];
    let public_url = Some("http://datasets.example".to_owned());
    let config = config.api_keys(api_keys).public_url(public_url);
    Server::start(config).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn a_server_reachable_from_other_machines_needs_a_public_url() {
    let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let config = ServerConfig::default().listen(listen).api_keys(vec!["key".into()]);
    let error = Server::start(config).await.unwrap_err();
    assert!(matches!(error, StartError::NoPublicUrl(_)), "{error}");
}

#[tokio::test]
async fn a_key_belongs_to_one_workspace() {
    let start = |api_keys| Server::start(ServerConfig::default().api_keys(api_keys));
    let (ci, dev) = (ApiKey::with_workspace("ci", "key"), ApiKey::with_workspace("dev", "key"));
    let error = start(vec![ci.clone(), dev.clone()]).await.unwrap_err();
    assert!(matches!(error, StartError::AmbiguousKey), "{error}");
    let server = start(vec![ci.clone(), ci.clone()]).await.unwrap();
    let error = server.set_api_keys(vec![ci, dev]).unwrap_err();
    assert!(matches!(error, StartError::AmbiguousKey), "{error}");
    server.shutdown().await;
}

/// DNS rebinding: a page points its own host name at this machine, so the browser treats the server as same-origin.
#[tokio::test]
async fn server_without_keys_rejects_foreign_host_headers() {
    let request = |api: &Api, method: Method, path: &str, host: &str| {
        send(api.request(method, path).header("host", host).body("{}"))
    };
    let api = Api::start().await;
    let port = api.server.addr().port();
    let foreign = format!("attacker.example:{port}");
    for (method, path) in [
        (Method::GET, DATASETS),
        (Method::POST, "/local/v1/reset"),
        (Method::GET, "/metrics"),
        (Method::GET, "/nowhere"),
    ] {
        let message = request(&api, method, path, &foreign).await.error(403, "AUTH_FORBIDDEN");
        assert!(message.contains("Host") && !message.contains("attacker"), "{message}");
    }
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "[::1]".to_owned()] {
        request(&api, Method::GET, DATASETS, &host).await.json::<ListDatasetsResponse>(200);
    }
    // With configured keys, a page would need to know one. A proxy's host name is allowed by `public_url`.
    for config in [
        ServerConfig::default().api_keys(vec!["a key".into()]),
        ServerConfig::default().public_url(Some("https://attacker.example".into())),
    ] {
        let api = Api::start_with(config).await;
        request(&api, Method::GET, DATASETS, &foreign).await.json::<ListDatasetsResponse>(200);
    }
}

#[tokio::test]
async fn invalid_public_url_fails_startup() {
    for url in ["", "datasets.example", "ftp://datasets.example", "/base", "http://x/?a=b"] {
        let config = ServerConfig::default().public_url(Some(url.to_owned()));
        let error = Server::start(config).await.unwrap_err();
        assert!(matches!(error, StartError::PublicUrl(_)), "{url}: {error}");
    }
}

#[tokio::test]
async fn test_routes_can_be_switched_off() {
    let config = ServerConfig::default().test_routes(false);
    let api = Api::start_with(config).await;
    for (method, path) in [
        (Method::POST, "/local/v1/faults"),
        (Method::GET, "/local/v1/requests"),
        (Method::POST, "/local/v1/reset"),
        (Method::POST, "/local/v1/conversations"),
    ] {
        let response = send(api.request(method, path).body("{}")).await;
        response.error(404, "UNKNOWN_ERROR");
    }
    assert_eq!(api.get(DATASETS).await.status, 200);
}
