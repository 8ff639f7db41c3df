//! Readiness, the admin listener, draining, and metrics of the server's state.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use mistral_datasets_server::{ApiKey, DataLocation, Server, ServerConfig};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{Api, DATASETS, Response, eventually, send};

/// An address with a free port.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Returns the value of a metric.
fn sample(metrics: &Response, name: &str) -> Option<f64> {
    assert_eq!(metrics.status, 200, "{}", metrics.text());
    let text = metrics.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

/// Sends a request without a key.
async fn get(api: &Api, url: &str) -> Response {
    let mut anonymous = api.with_key("");
    anonymous.set_key(None);
    anonymous.get(url).await
}

#[tokio::test]
async fn health_checks_need_no_key() {
    let config = ServerConfig::default().api_keys(vec![ApiKey::new("good")]);
    let api = Api::start_with(config).await;
    for (path, status) in [("/healthz", "ok"), ("/livez", "ok"), ("/readyz", "ready")] {
        let body: Value = get(&api, path).await.json(200);
        assert_eq!(body, json!({"status": status}), "{path}");
    }
    // The names of routes in the log and the metrics.
    let metrics = api.with_key("good").get("/metrics").await;
    let requests = "mistral_datasets_requests_total{operation=\"/readyz\",status=\"200\"}";
    assert_eq!(sample(&metrics, requests), Some(1.0));
}

#[tokio::test]
async fn health_checks_of_a_server_without_keys_check_the_host() {
    let api = Api::start().await;
    for path in ["/healthz", "/livez", "/readyz"] {
        let request = api.request(Method::GET, path).header("host", "attacker.example");
        send(request).await.error(403, "AUTH_FORBIDDEN");
    }
}

#[tokio::test]
async fn health_checks_are_answered_while_all_request_slots_are_taken() {
    let limits = ServerConfig::default().limits.requests(1);
    let api = Api::start_with(ServerConfig::default().limits(limits)).await;
    let rule = json!({"operation": "list_datasets", "delay_ms": 60_000, "times": null});
    api.post("/local/v1/faults", rule.to_string()).await.json::<Value>(201);
    let slow = api.with_key("a key");
    let slow = tokio::spawn(async move {
        // The other request may hold the only slot.
        while slow.get(DATASETS).await.status == 503 {}
    });
    eventually(async || (api.get("/v1/files").await.status == 503).then_some(())).await;
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(get(&api, path).await.status, 200, "{path}");
    }
    slow.abort();
}

#[tokio::test]
async fn the_admin_listener_serves_probes_and_metrics_without_a_key() {
    let config = ServerConfig::default()
        .api_keys(vec![ApiKey::new("good")])
        .admin_listen(Some(ANY_PORT))
        .dropped_log_lines(Some(Arc::new(|| 7)));
    let api = Api::start_with(config).await;
    let admin = format!("http://{}", api.server.admin_addr().unwrap());
    assert_ne!(api.server.admin_addr(), Some(api.server.addr()));
    assert_eq!(api.server.links_addr(), None);
    get(&api, &format!("{admin}/livez")).await.json::<Value>(200);
    get(&api, &format!("{admin}/readyz")).await.json::<Value>(200);
    let metrics = get(&api, &format!("{admin}/metrics")).await;
    assert_eq!(sample(&metrics, "mistral_datasets_dropped_log_lines_total"), Some(7.0));
    // Each listener serves its own routes only.
    let good = api.with_key("good");
    for path in ["/livez", "/readyz", "/metrics"] {
        good.get(path).await.error(404, "UNKNOWN_ERROR");
    }
    get(&api, "/healthz").await.json::<Value>(200);
    for path in [DATASETS, "/healthz", "/local/v1/requests", "/docs", "/openapi.json"] {
        good.get(&format!("{admin}{path}")).await.error(404, "UNKNOWN_ERROR");
    }
}

#[tokio::test]
async fn the_admin_listener_has_connections_of_its_own() {
    let limits = ServerConfig::default().limits.connections(1);
    let config = ServerConfig::default().limits(limits).admin_listen(Some(ANY_PORT));
    let api = Api::start_with(config).await;
    let _only = TcpStream::connect(api.server.addr()).await.unwrap();
    let refused = "mistral_datasets_refused_connections_total{reason=\"connections\"}";
    let metrics = format!("http://{}/metrics", api.server.admin_addr().unwrap());
    assert_eq!(sample(&get(&api, &metrics).await, refused), Some(0.0));
    let mut response = String::new();
    let mut second = TcpStream::connect(api.server.addr()).await.unwrap();
    second.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    assert_eq!(sample(&get(&api, &metrics).await, refused), Some(1.0));
}

#[tokio::test]
async fn a_draining_server_is_not_ready_but_still_serves() {
    let config =
        ServerConfig::default().admin_listen(Some(ANY_PORT)).drain_time(Duration::from_secs(60));
    let api = Api::start_with(config).await;
    let readyz = format!("http://{}/readyz", api.server.admin_addr().unwrap());
    get(&api, &readyz).await.json::<Value>(200);
    {
        let mut draining = std::pin::pin!(api.server.drain());
        let waiting = tokio::time::timeout(Duration::from_millis(50), draining.as_mut());
        assert!(waiting.await.is_err(), "draining ended early");
        let body: Value = get(&api, &readyz).await.json(503);
        assert_eq!(body["status"], "not ready");
        assert_eq!(body["problems"][0]["code"], "draining");
        // New connections are accepted.
        TcpStream::connect(api.server.addr()).await.unwrap();
        api.create_dataset("While draining").await;
        get(&api, &readyz.replace("readyz", "livez")).await.json::<Value>(200);
    }
    // The waiting was ended early, and shutdown does not start it again.
    let started = Instant::now();
    let Api { server, .. } = api;
    server.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn shutdown_drains_before_it_closes_the_listeners() {
    let drain_time = Duration::from_secs(2);
    let config = ServerConfig::default().drain_time(drain_time).admin_listen(Some(ANY_PORT));
    let server = Server::start(config).await.unwrap();
    let (address, admin) = (server.addr(), server.admin_addr().unwrap());
    let started = Instant::now();
    let stopping = tokio::spawn(server.shutdown());
    tokio::time::sleep(drain_time / 20).await;
    assert!(TcpStream::connect(address).await.is_ok());
    stopping.await.unwrap();
    assert!(started.elapsed() >= drain_time);
    for address in [address, admin] {
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn metrics_show_the_state_of_disk_writer_imports_and_process() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let location = DataLocation::Directory(data.clone());
    let api = Api::start_with(ServerConfig::default().data(location)).await;
    // Housekeeping empties the write-ahead log once after the start.
    let metrics = eventually(async || {
        api.create_dataset("Measured").await;
        let metrics = api.get("/metrics").await;
        let wal_bytes = sample(&metrics, "mistral_datasets_wal_size_bytes")?;
        (wal_bytes > 0.0).then_some(metrics)
    })
    .await;
    let value = |name: &str| sample(&metrics, name).unwrap_or_else(|| panic!("{name} is missing"));
    assert_eq!(value("mistral_datasets_disk{state=\"writable\"}"), 1.0);
    assert_eq!(value("mistral_datasets_disk{state=\"full\"}"), 0.0);
    assert_eq!(value("mistral_datasets_disk{state=\"failed\"}"), 0.0);
    // Workers may be claiming imports.
    assert!(value("mistral_datasets_pending_writes") < 10.0);
    assert_eq!(value("mistral_datasets_waiting_imports"), 0.0);
    assert_eq!(value("mistral_datasets_oldest_waiting_import_age_seconds"), 0.0);
    for reason in ["connections", "connections_per_address"] {
        let name = format!("mistral_datasets_refused_connections_total{{reason=\"{reason}\"}}");
        assert_eq!(value(&name), 0.0);
    }
    if cfg!(unix) {
        assert!(value("mistral_datasets_disk_free_bytes") > 1e6);
    }
    if cfg!(target_os = "linux") {
        assert!(value("process_open_fds") > 5.0);
        assert!(value("process_max_fds") > value("process_open_fds"));
    }
    // There was no backup, and an embedded server has no log of its own.
    assert_eq!(sample(&metrics, "mistral_datasets_last_backup_time_seconds"), None);
    assert_eq!(sample(&metrics, "mistral_datasets_dropped_log_lines_total"), None);

    let target = directory.path().join("backup");
    let backup = tokio::task::spawn_blocking(move || {
        mistral_datasets_server::backup(&data, &target, || true).unwrap();
        assert!(!target.join("last-backup").exists(), "the copy was not backed up itself");
    });
    backup.await.unwrap();
    let metrics = api.get("/metrics").await;
    let time = sample(&metrics, "mistral_datasets_last_backup_time_seconds").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!((now.as_secs_f64() - time).abs() < 600.0, "{time}");
}

#[tokio::test]
async fn metrics_show_waiting_imports() {
    let limits = ServerConfig::default().limits.imports(1);
    let api = Api::start_with(ServerConfig::default().limits(limits)).await;
    let dataset = api.create_dataset("Waiting").await;
    // Large enough that the next imports have to wait.
    let lines = "{\"messages\": []}\n".repeat(200_000);
    let file = api.upload("lines.jsonl", lines).await;
    let path = format!("{DATASETS}/{}/imports/from-file", dataset.id);
    for _ in 0..4 {
        let body = json!({"file_id": file.id}).to_string();
        assert_eq!(api.post(&path, body).await.status, 202);
    }
    eventually(async || {
        let metrics = api.get("/metrics").await;
        let waiting = sample(&metrics, "mistral_datasets_waiting_imports").unwrap();
        let age = sample(&metrics, "mistral_datasets_oldest_waiting_import_age_seconds").unwrap();
        (waiting >= 1.0 && age > 0.0).then_some(())
    })
    .await;
}

/// The routes of the test layer, with a method of each.
const TEST_ROUTES: [(Method, &str); 9] = [
    (Method::POST, "/local/v1/faults"),
    (Method::GET, "/local/v1/faults"),
    (Method::DELETE, "/local/v1/faults"),
    (Method::GET, "/local/v1/requests"),
    (Method::DELETE, "/local/v1/requests"),
    (Method::POST, "/local/v1/reset"),
    (Method::POST, "/local/v1/conversations"),
    (Method::POST, "/local/v1/campaigns"),
    (Method::POST, "/local/v1/chat-completion-events"),
];

#[tokio::test]
async fn a_server_without_test_routes_says_how_to_get_them() {
    let api = Api::start_with(ServerConfig::default().test_routes(false)).await;
    for (method, path) in TEST_ROUTES {
        let response = send(api.request(method, path).body("{}")).await;
        let message = response.error(404, "UNKNOWN_ERROR");
        assert!(message.contains("--test-routes"), "{path}: {message}");
    }
    // The rest of the API works as usual, signed links included.
    let file = api.upload("linked.jsonl", "linked").await;
    let link: Value = api.get(&format!("/v1/files/{}/url", file.id)).await.json(200);
    assert_eq!(get(&api, link["url"].as_str().unwrap()).await.text(), "linked");
}
