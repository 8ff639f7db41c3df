//! Reports of bulk calls that are stored as JSON and resumed from.

use mistral_datasets::{CreateReport, ErrorKind, ImportReport, Jsonl, Outcome};
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::{
    create_report, import_report, lines, numbers, outcome_names, record, take_request_count,
};
use serde_json::{Value, json};

/// A fault that loses the response to a carried-out request, after `skip` requests.
fn lost_response(operation: &str, skip: usize) -> Value {
    json!({"operation": operation, "skip": skip, "carry_out": true, "reset_after_bytes": 0})
}

#[tokio::test]
async fn create_report_survives_a_restart() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    fixture.take_requests().await;
    fixture.inject_fault(lost_response("create_record", 3)).await;
    let call = || datasets.create_records_iter(dataset.id, (0..8).map(record)).concurrency(1);
    let error = call().await.unwrap_err();
    let original = create_report(&error);
    let json = original.to_json();
    assert!(!json.contains("question"), "{json}");
    let report = CreateReport::from_json(&json).unwrap();
    assert_eq!(outcome_names(&report), outcome_names(original));
    assert_eq!(report.dataset_id(), dataset.id.to_string());
    let Outcome::Unknown(stored) = &report.items()[3] else { panic!("{report:?}") };
    assert_eq!((stored.kind(), stored.to_string()), (error.kind(), error.to_string()));
    assert!(stored.is_ambiguous() && stored.is_retryable());

    let report = call().resume(report).await.unwrap();
    assert_eq!((report.created(), report.unknown()), (7, 1));
    assert_eq!(take_request_count(&fixture, "create_record").await, 8);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..8).collect::<Vec<_>>());
}

#[tokio::test]
async fn import_report_survives_a_restart() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    fixture.inject_fault(lost_response("import_from_file", 1)).await;
    let call = || {
        let jsonl = Jsonl::bytes(lines(30));
        fixture.client.datasets().import_jsonl(dataset.id, jsonl).max_file_bytes(500)
    };
    let error = call().await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    let original = import_report(&error);
    let json = original.to_json();
    assert!(!json.contains("messages"), "{json}");
    let report = ImportReport::from_json(&json).unwrap();
    assert_eq!((report.files().len(), report.unknown()), (1, original.unknown()));
    assert_eq!(report.files()[0].task, original.files()[0].task);

    let report = call().resume(report).await.unwrap();
    let unknown: u64 = report.unknown().iter().map(|file| file.records).sum();
    assert_eq!((report.lines(), report.records() + unknown), (30, 30));
    let imports = report.files().len() + 1;
    assert_eq!(take_request_count(&fixture, "import_from_file").await, imports);
    assert_eq!(numbers(&fixture.client, &dataset).await, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn report_of_another_dataset_is_rejected() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let other = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let created = datasets.create_records_iter(dataset.id, [record(0)]).await.unwrap();
    let imported = datasets.import_jsonl(dataset.id, Jsonl::bytes(lines(1))).await.unwrap();
    fixture.take_requests().await;
    let create = datasets.create_records_iter(other.id, [record(0)]).resume(created.clone());
    let import = datasets.import_jsonl(other.id, Jsonl::bytes(lines(1))).resume(imported);
    for error in [create.await.unwrap_err(), import.await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Validation);
        let message = format!("resume: the report belongs to the dataset `{}`", dataset.id);
        assert!(error.message().starts_with(&message), "{error}");
    }
    assert!(fixture.take_requests().await.is_empty());
    // The same ID in another form is the same dataset.
    let id = dataset.id.to_string().to_uppercase();
    let again = datasets.create_records_iter(id, [record(0)]).resume(created).await.unwrap();
    assert_eq!(again.created(), 1);
    assert_eq!(take_request_count(&fixture, "create_record").await, 0);
}

#[tokio::test]
async fn unreadable_report_is_rejected() {
    let newer = json!({"version": 2, "report": "create_records", "outcomes": []}).to_string();
    let error = CreateReport::from_json(&newer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(error.message().contains("version 2") && error.message().contains("newer client"));
    let import = ImportReport::default().to_json();
    let error = CreateReport::from_json(&import).unwrap_err();
    assert!(error.message().contains("expected a report of `create_records`"), "{error}");
    for text in ["", "{}", "[\"my secret\"]", "my secret"] {
        let error = ImportReport::from_json(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
