//! Tests over HTTP that a server extends the leases of the imports that a fault rule holds back or blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::storage::{FailingStorage, TestLeases};
use crate::{RunningServer, Server, ServerConfig};

const DATASETS: &str = "/v1/observability/datasets";

async fn start(leases: TestLeases) -> RunningServer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::start_on(ServerConfig::default(), |storage| {
        let fails = Arc::new(AtomicBool::new(false));
        Arc::new(FailingStorage::new(Arc::new(storage), fails).with_leases(leases))
    });
    server.await.unwrap()
}

async fn post(server: &RunningServer, path: &str, body: Value) -> Value {
    let request = reqwest::Client::new().post(format!("{}{path}", server.url()));
    let request = request.bearer_auth("a key").header("content-type", "application/json");
    let response = request.body(body.to_string()).send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_are_held_back_or_stuck_keep_their_lease() {
    for fault in [json!({"delay_ms": 600_000}), json!({"stuck": true})] {
        let renewals = Arc::new(AtomicUsize::new(0));
        let duration = Duration::from_millis(60);
        let server = start(TestLeases { duration, renewals: Arc::clone(&renewals) }).await;
        let dataset = post(&server, DATASETS, json!({"name": "Dataset", "description": ""})).await;
        let dataset = dataset["id"].as_str().unwrap();
        let record = json!({"payload": {"messages": []}, "properties": {}});
        let record = post(&server, &format!("{DATASETS}/{dataset}/records"), record).await;
        post(&server, "/local/v1/faults", json!({"task": fault})).await;
        let ids = json!({"dataset_record_ids": [record["id"]]});
        post(&server, &format!("{DATASETS}/{dataset}/imports/from-dataset"), ids).await;
        let deadline = Instant::now() + Duration::from_secs(10);
        while renewals.load(Ordering::SeqCst) < 5 {
            assert!(Instant::now() < deadline, "the lease was not extended");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server.shutdown().await;
    }
}
