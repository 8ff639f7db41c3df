//! Metrics, request ids and health checks.

use std::collections::BTreeMap;

use http::Method;
use mistral_datasets_server::{ApiKey, ServerConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Api, DATASETS, eventually, send};

/// Fetches the metrics and returns the samples by name and labels.
async fn samples(api: &Api) -> BTreeMap<String, f64> {
    let response = api.get("/metrics").await;
    assert_eq!(response.status, 200, "{}", response.text());
    let kind = response.headers["content-type"].to_str().unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text();
    assert!(text.ends_with("# EOF\n"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn requests(operation: &str, status: u16) -> String {
    format!("mistral_datasets_requests_total{{operation=\"{operation}\",status=\"{status}\"}}")
}

#[tokio::test]
async fn metrics_count_requests_data_and_bytes() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("Counted").await;
    for number in 0..3 {
        api.create_record(&dataset, number).await;
    }
    api.post(DATASETS, "{}").await.error(422, "VALIDATION_ERROR");
    assert_eq!(
        api.import_lines(&dataset, "{\"messages\": []}\n").await.status.as_str(),
        "COMPLETED"
    );
    api.import_lines(&dataset, "wrong\n").await;
    api.get("/nowhere").await.error(404, "UNKNOWN_ERROR");
    api.set_key(Some("another key"));
    let other = api.create_dataset("Other workspace").await;
    api.set_key(None);

    let samples = samples(&api).await;
    let sample = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name}: {samples:#?}"));
    assert_eq!(sample(&requests("create_dataset", 201)), 2.0);
    assert_eq!(sample(&requests("create_dataset", 422)), 1.0);
    assert_eq!(sample(&requests("create_record", 201)), 3.0);
    assert_eq!(sample(&requests("unknown", 404)), 1.0);
    let duration = "mistral_datasets_request_duration_seconds";
    assert_eq!(sample(&format!("{duration}_count{{operation=\"create_record\"}}")), 3.0);
    assert!(sample(&format!("{duration}_sum{{operation=\"create_record\"}}")) > 0.0);
    assert_eq!(sample("mistral_datasets_datasets"), 2.0);
    assert_eq!(sample("mistral_datasets_records"), 4.0);
    assert_eq!(sample("mistral_datasets_files"), 2.0);
    assert_eq!(sample("mistral_datasets_files_size_bytes"), 23.0);
    assert_eq!(sample("mistral_datasets_tasks{status=\"COMPLETED\"}"), 1.0);
    assert_eq!(sample("mistral_datasets_tasks{status=\"FAILED\"}"), 1.0);
    assert_eq!(sample("mistral_datasets_tasks{status=\"RUNNING\"}"), 0.0);
    assert!(sample("mistral_datasets_received_bytes_total") > 1_000.0);
    assert!(sample("mistral_datasets_sent_bytes_total") > 1_000.0);
    assert!(sample("mistral_datasets_start_time_seconds") > 1.6e9);

    // Metrics do not identify workspaces, datasets or keys.
    let text = api.get("/metrics").await.text();
    for secret in [dataset.id, dataset.workspace_id, other.workspace_id] {
        assert!(!text.contains(&secret.to_string()));
    }
    assert!(!text.contains("Counted") && !text.contains("key"));
}

#[tokio::test]
async fn connection_gauge_counts_open_connections() {
    let api = Api::start().await;
    let connections = async || samples(&api).await["mistral_datasets_connections"];
    let before = connections().await;
    let idle = tokio::net::TcpStream::connect(api.server.addr()).await.unwrap();
    eventually(async || (connections().await == before + 1.0).then_some(())).await;
    drop(idle);
    eventually(async || (connections().await == before).then_some(())).await;
}

#[tokio::test]
async fn metrics_require_a_key_if_keys_are_configured() {
    let config = ServerConfig::default().api_keys(vec![ApiKey::new("good")]);
    let mut api = Api::start_with(config).await;
    api.get("/metrics").await.error(401, "AUTH_UNAUTHORIZED");
    api.set_key(None);
    api.get("/metrics").await.error(401, "AUTH_UNAUTHORIZED");
    assert_eq!(api.get("/healthz").await.json::<Value>(200), json!({"status": "ok"}));
    api.set_key(Some("good"));
    assert_eq!(samples(&api).await[&requests("/metrics", 401)], 2.0);
}

#[tokio::test]
async fn deleted_data_is_not_counted() {
    let mut api = Api::start().await;
    let dataset = api.create_dataset("Soon deleted").await;
    api.create_record(&dataset, "gone").await;
    api.delete(&format!("{DATASETS}/{}", dataset.id)).await.no_content();
    api.set_key(Some("another key"));
    let dataset = api.create_dataset("Soon emptied").await;
    api.import_lines(&dataset, "{\"messages\": []}\n").await;
    api.post("/local/v1/reset", "").await.no_content();
    let samples = samples(&api).await;
    for name in ["datasets", "records", "files", "tasks{status=\"COMPLETED\"}"] {
        assert_eq!(samples[&format!("mistral_datasets_{name}")], 0.0, "{name}");
    }
}

#[tokio::test]
async fn clients_can_set_the_request_id() {
    let api = Api::start().await;
    let id = async |request_id: Option<&str>| {
        let request = api.request(Method::GET, DATASETS);
        let request =
            request_id.into_iter().fold(request, |request, id| request.header("x-request-id", id));
        send(request).await.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id(Some("my-run.7:3")).await, "my-run.7:3");
    let generated = id(None).await;
    assert!(Uuid::try_parse(&generated).is_ok() && generated != id(None).await);
    let long = "a".repeat(129);
    for invalid in ["two words", "<script>", &long] {
        assert!(Uuid::try_parse(&id(Some(invalid)).await).is_ok(), "{invalid}");
    }
}
