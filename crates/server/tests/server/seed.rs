//! Seeds: the initial contents of every workspace.

use std::path::Path;
use std::time::{Duration, Instant};

use mistral_datasets_server::{
    ApiKey, DataLocation, Generation, Server, ServerConfig, StartError, Workspaces,
};
use mistral_datasets_types::{Dataset, ListDatasetsResponse, ListRecordsResponse};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{Api, DATASETS, RECORDS, records_path};

const CAMPAIGN: Uuid = Uuid::from_u128(0x5eed);

/// Creates a directory with these files.
fn files(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn config_with_seed(seed: &Path) -> ServerConfig {
    ServerConfig::default().seed(Some(seed.to_owned()))
}

fn seed_document() -> String {
    let messages = json!([{"role": "user", "content": "hello"}]);
    json!({
        "datasets": [
            {
                "name": "Refund requests",
                "description": "From the seed",
                "records": [
                    {"payload": {"messages": messages}, "properties": {"grade": 5}},
                    {"messages": messages},
                ],
                "records_file": "more.jsonl",
            },
            {"name": "Nothing yet"},
        ],
        "events": [
            {"event_id": "e-1", "request_messages": messages, "response_messages": []},
            {"event_id": "e-2", "request_messages": [], "response_messages": messages},
        ],
        "conversations": [{"conversation_id": "c-1", "messages": messages}],
        "campaigns": [{"id": CAMPAIGN, "name": "All", "event_ids": ["e-1", "e-2"]}],
    })
    .to_string()
}

fn seed_directory() -> TempDir {
    files(&[
        ("a-seed.json", &seed_document()),
        ("more.jsonl", "\u{feff}{\"messages\": []}\n\n{\"payload\": {\"messages\": []}}\n"),
        ("Complaints.jsonl", "{\"messages\": []}\n"),
        ("README.md", "not a seed"),
    ])
}

/// Returns the names and record counts of all datasets, sorted by name.
async fn datasets(api: &Api) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for dataset in list_datasets(api).await {
        found.push((dataset.name.clone(), api.record_count(&dataset).await));
    }
    found.sort();
    found
}

async fn list_datasets(api: &Api) -> Vec<Dataset> {
    api.get(DATASETS).await.json::<ListDatasetsResponse>(200).datasets.results
}

/// The datasets in [`seed_directory`].
fn seeded_datasets() -> Vec<(String, i64)> {
    [("Complaints", 1), ("Nothing yet", 0), ("Refund requests", 4)]
        .map(|(name, count)| (name.to_owned(), count))
        .to_vec()
}

#[tokio::test]
async fn each_workspace_gets_its_own_copy_of_the_seed() {
    let directory = seed_directory();
    let mut api = Api::start_with(config_with_seed(directory.path())).await;
    assert_eq!(datasets(&api).await, seeded_datasets());
    let dataset: Dataset = api.get(&format!("{DATASETS}/refund-requests")).await.json(200);
    assert_eq!(dataset.description, "From the seed");
    let records = api.records(&dataset).await;
    let sources: Vec<_> = records.iter().map(|record| record.source.as_str()).collect();
    assert_eq!(sources, ["DIRECT_INPUT", "DIRECT_INPUT", "UPLOADED_FILE", "UPLOADED_FILE"]);
    assert_eq!(records[0].properties.get(), r#"{"grade":5}"#);
    for (from, body) in [
        ("from-campaign", json!({"campaign_id": CAMPAIGN})),
        ("from-explorer", json!({"completion_event_ids": ["e-1"]})),
        ("from-playground", json!({"conversation_ids": ["c-1"]})),
    ] {
        assert_eq!(api.import(&dataset, from, body).await.status.as_str(), "COMPLETED");
    }
    assert_eq!(api.record_count(&dataset).await, 8);

    api.set_key(Some("another key"));
    assert_eq!(datasets(&api).await, seeded_datasets());
    let other: Dataset = api.get(&format!("{DATASETS}/refund-requests")).await.json(200);
    assert_ne!(other.id, dataset.id);
    let body = json!({"campaign_id": CAMPAIGN});
    assert_eq!(api.import(&other, "from-campaign", body).await.status.as_str(), "COMPLETED");
}

#[tokio::test]
async fn concurrent_first_requests_seed_once() {
    let directory = seed_directory();
    let api = Api::start_with(config_with_seed(directory.path())).await;
    let counts = futures::future::join_all((0..20).map(|_| datasets(&api))).await;
    assert!(counts.iter().all(|found| *found == seeded_datasets()));
}

#[tokio::test]
async fn reset_restores_the_seed() {
    let directory = seed_directory();
    let api = Api::start_with(config_with_seed(directory.path())).await;
    let before: Dataset = api.get(&format!("{DATASETS}/refund-requests")).await.json(200);
    api.create_record(&before, "mine").await;
    api.create_dataset("My own").await;
    api.post("/local/v1/reset", "").await.no_content();
    assert_eq!(datasets(&api).await, seeded_datasets());
    let after: Dataset = api.get(&format!("{DATASETS}/refund-requests")).await.json(200);
    assert_ne!(before.id, after.id);
    let body = json!({"campaign_id": CAMPAIGN});
    assert_eq!(api.import(&after, "from-campaign", body).await.status.as_str(), "COMPLETED");
}

#[tokio::test]
async fn restart_does_not_seed_again_unless_the_seed_changed() {
    let data = tempfile::tempdir().unwrap();
    let directory = seed_directory();
    let config = |workspaces| {
        config_with_seed(directory.path())
            .data(DataLocation::Directory(data.path().to_owned()))
            .workspaces(workspaces)
    };
    let api = Api::start_with(config(Workspaces::Shared)).await;
    let nothing: Dataset = api.get(&format!("{DATASETS}/nothing-yet")).await.json(200);
    api.delete(&format!("{DATASETS}/{}", nothing.id)).await.no_content();
    let dataset: Dataset = api.get(&format!("{DATASETS}/complaints")).await.json(200);
    api.create_record(&dataset, "mine").await;
    let changed = vec![("Complaints".to_owned(), 2), ("Refund requests".to_owned(), 4)];
    assert_eq!(datasets(&api).await, changed);
    api.server.shutdown().await;

    let api = Api::start_with(config(Workspaces::Shared)).await;
    assert_eq!(datasets(&api).await, changed, "deleted data stays deleted");
    api.server.shutdown().await;

    std::fs::write(directory.path().join("Further.jsonl"), "{\"messages\": []}").unwrap();
    let api = Api::start_with(config(Workspaces::Shared)).await;
    let expected = [("Complaints", 2), ("Further", 1), ("Nothing yet", 0), ("Refund requests", 4)];
    assert_eq!(datasets(&api).await, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[tokio::test]
async fn unauthorized_request_does_not_seed() {
    let directory = seed_directory();
    let config = config_with_seed(directory.path()).api_keys(vec![ApiKey::new("good")]);
    let mut api = Api::start_with(config).await;
    api.get(DATASETS).await.error(401, "AUTH_UNAUTHORIZED");
    api.set_key(Some("good"));
    assert_eq!(datasets(&api).await, seeded_datasets());
}

#[tokio::test]
async fn jsonl_file_seeds_one_dataset() {
    let directory = files(&[("Some records.jsonl", "{\"a\": 1, \"messages\": []}\n")]);
    let api = Api::start_with(config_with_seed(&directory.path().join("Some records.jsonl"))).await;
    assert_eq!(datasets(&api).await, [("Some records".to_owned(), 1)]);
}

/// Starts a server with these files as its seed and returns the error.
async fn seed_error(contents: &[(&str, &str)]) -> String {
    let directory = files(contents);
    let config = config_with_seed(directory.path()).generation(Generation::G1);
    let error = Server::start(config).await.expect_err("the seed is invalid");
    assert!(matches!(error, StartError::Seed(_)));
    error.to_string().replace(&format!("{}/", directory.path().display()), "")
}

#[tokio::test]
async fn invalid_seed_fails_startup_with_its_location() {
    for (text, message) in [
        ("{\n  \"datasets\": [,]\n}", "2:16: not JSON: expected value"),
        ("[]", "1:1: the seed: expected an object, found an array"),
        ("{\"dataset\": []}", "1:13: dataset: unknown field; expected one of datasets, events"),
        ("{\"datasets\": [{}]}", "1:15: datasets[0].name: required"),
        ("{\"datasets\":\n [{\"name\": \"abc\"}]}", "2:12: datasets[0].name: expected 5 to 50"),
        (
            "{\"datasets\": [{\"name\": \"abcde\"},\n{\"name\": \"abcde\"}]}",
            "2:10: datasets[1].name: the seed has another dataset with this name",
        ),
        (
            "{\"datasets\": [{\"name\": \"abcde\", \"records\": [\n{\"payload\": {}}]}]}",
            "2:13: datasets[0].records[0].payload.messages: required",
        ),
        (
            "{\"datasets\": [{\"name\": \"abcde\", \"records_file\": \"none.jsonl\"}]}",
            "1:49: datasets[0].records_file: file not found; the path is relative to the directory of the seed",
        ),
        (
            "{\"events\": [{\"request_messages\": [], \"response_messages\": []}]}",
            "1:13: events[0].event_id: required",
        ),
        (
            "{\"campaigns\": [{\"id\": \"x\", \"name\": \"\", \"event_ids\": []}]}",
            "1:23: campaigns[0].id: expected a UUID",
        ),
    ] {
        let found = seed_error(&[("seed.json", text)]).await;
        assert!(found.starts_with(&format!("invalid seed: seed.json:{message}")), "{found}");
    }
    for (text, message) in [
        ("\n{\"messages\": []}\n{\"messages\": [}\n", "3:15: not JSON: expected value"),
        ("{\"messages\": []}\n  {\"payload\": []}\n", "2:15: payload: expected an object"),
        ("{\"messages\": [\"\u{ff}", "1:17: not JSON: EOF"),
    ] {
        let found = seed_error(&[("Records.jsonl", text)]).await;
        assert!(found.starts_with(&format!("invalid seed: Records.jsonl:{message}")), "{found}");
    }
    assert!(seed_error(&[("abc.jsonl", "")]).await.contains("5 to 50 characters"));
    assert!(
        seed_error(&[("README.md", "")])
            .await
            .contains("the directory has no `.json` or `.jsonl` files")
    );
    let missing =
        Server::start(config_with_seed(Path::new("/nowhere/seed.json"))).await.unwrap_err();
    assert!(missing.to_string().starts_with("invalid seed: cannot read /nowhere/seed.json"));
}

#[tokio::test]
async fn seed_records_may_be_any_object_by_default() {
    let directory = files(&[("Anything.jsonl", "{\"payload\": {\"question\": 1}}\n")]);
    let api = Api::start_with(config_with_seed(directory.path())).await;
    assert_eq!(datasets(&api).await, [("Anything".to_owned(), 1)]);
}

#[tokio::test]
async fn reset_returns_before_records_are_removed() {
    let api = Api::start().await;
    let dataset = api.create_dataset("Very many").await;
    let lines = "{\"messages\": []}\n".repeat(200_000);
    assert_eq!(api.import_lines(&dataset, lines).await.status.as_str(), "COMPLETED");
    let path = format!("{}?page_size=1", records_path(&dataset));
    let page: ListRecordsResponse = api.get(&path).await.json(200);
    let record = page.records.results[0].id;
    let started = Instant::now();
    api.post("/local/v1/reset", "").await.no_content();
    // Removing this many rows takes seconds in a debug build; hiding them is fast.
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    let response = api.get(&format!("{RECORDS}/{record}")).await;
    response.error(404, "DATASET_RECORD_NOT_FOUND");
    assert_eq!(api.get(DATASETS).await.json::<Value>(200)["datasets"]["count"], 0);
}
