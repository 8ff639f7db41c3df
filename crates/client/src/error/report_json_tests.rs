//! Tests of the JSON form of reports.

use std::time::Duration;

use mistral_datasets_types::ImportTask;
use serde_json::{Value, json};
use uuid::Uuid;

use super::report::UnfinishedImport;
use super::{
    CreateReport, Error, ErrorKind, ImportReport, ImportedFile, InvalidLine, Outcome, UnknownFile,
};
use crate::strategy::Strategy;

fn task() -> ImportTask {
    let id = Uuid::from_u128(1);
    let text = json!({
        "id": id, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "creator_id": id,
        "dataset_id": id, "workspace_id": id, "status": "RUNNING", "message": "waiting", "new_field": [1],
    })
    .to_string();
    serde_json::from_str(&text).unwrap()
}

fn error() -> Error {
    Error::failed_response(503, "overloaded".to_owned())
        .with_operation("create_record")
        .with_code(Some("UNAVAILABLE".to_owned()))
        .with_request_id(Some("r-1".to_owned()))
        .with_body(Some("my secret".to_owned()))
        .with_source(std::io::Error::other("my secret"))
        .with_attempts(3, Duration::from_millis(1500))
        .with_not_retried("the write may have been carried out")
        .with_ambiguity(true)
        .with_hint("wait")
        .with_task(task())
}

fn create_report() -> CreateReport {
    let (unknown, failed) = (error(), error());
    let mut items = vec![Outcome::Created(Uuid::from_u128(7)); 2];
    items.extend([Outcome::Imported, Outcome::Failed(failed), Outcome::Failed(error())]);
    items.resize(1_000_000, Outcome::Unknown(unknown));
    items.push(Outcome::NotSent);
    CreateReport {
        dataset_id: "refunds".to_owned(),
        items,
        strategy: Strategy::File,
        reason: "requested by the caller".to_owned(),
        task: Some(Box::new(task())),
        unfinished_import: Some(UnfinishedImport { file_id: "f".to_owned(), indices: 4..9 }),
        elapsed: Duration::from_millis(2500),
    }
}

fn import_report() -> ImportReport {
    let file = |first_line, lines| {
        let task = task();
        ImportedFile { file_id: "f".to_owned(), first_line, lines, records: 2, task }
    };
    ImportReport {
        dataset_id: "refunds".to_owned(),
        lines: 9,
        invalid_lines: vec![InvalidLine { line: 2, column: 3, problem: "bad".to_owned() }],
        invalid_line_count: 1,
        files: vec![file(1, 3), file(7, 2)],
        unknown: vec![UnknownFile { file_id: "u".to_owned(), first_line: 4, lines: 3, records: 3 }],
    }
}

#[test]
fn create_reports_round_trip_compactly() {
    let report = create_report();
    let json = report.to_json();
    assert!(json.len() < 5_000 && !json.contains("secret"), "{json}");
    let read = CreateReport::from_json(&json).unwrap();
    assert_eq!(read.to_json(), json);
    assert_eq!(read.items.len(), report.items.len());
    let counts = |report: &CreateReport| {
        (report.created(), report.failed(), report.unknown(), report.not_sent())
    };
    assert_eq!(counts(&read), counts(&report));
    assert_eq!(read.unfinished_import.unwrap().indices, 4..9);
    assert_eq!(read.elapsed, report.elapsed);
    let (Outcome::Failed(stored), Outcome::Failed(original)) = (&read.items[3], &report.items[3])
    else {
        panic!("the outcome is different");
    };
    assert_eq!(stored.to_string(), original.to_string());
    assert_eq!((stored.kind(), stored.hint()), (original.kind(), original.hint()));
    assert!(stored.is_ambiguous() && stored.body().is_none());
}

#[test]
fn import_reports_round_trip() {
    let json = import_report().to_json();
    let read = ImportReport::from_json(&json).unwrap();
    assert_eq!(read.to_json(), json);
    assert_eq!(read.imported_lines(), [1..=3, 4..=6, 7..=8]);
    assert_eq!((read.dataset_id(), read.imported_records()), ("refunds", 7));
    assert!(read.files[0].task.extra.is_empty());
    let empty = ImportReport::from_json(&ImportReport::default().to_json()).unwrap();
    assert!(empty.files.is_empty());
}

/// Returns the error of reading a report after a change.
fn read_changed<T>(
    json: &str,
    read: fn(&str) -> Result<T, Error>,
    change: impl FnOnce(&mut Value),
) -> Option<String> {
    let mut value: Value = serde_json::from_str(json).unwrap();
    change(&mut value);
    let error = read(&value.to_string()).err()?;
    assert_eq!(error.kind(), ErrorKind::Validation);
    Some(error.message().to_owned())
}

#[test]
fn newer_versions_and_other_reports_are_rejected() {
    let json = import_report().to_json();
    let read = ImportReport::from_json;
    assert_eq!(read_changed(&json, read, |json| json["added_later"] = json!(1)), None);
    let newer = read_changed(&json, read, |json| {
        *json = json!({"version": 2, "report": "import_jsonl", "parts": []});
    });
    assert_eq!(
        newer.unwrap(),
        "cannot read the report: it has version 2, but this version of the client reads only version 1; use a newer client"
    );
    assert!(read_changed(&json, read, |json| json["version"] = json!(0)).is_some());
    let other = CreateReport::from_json(&json).unwrap_err();
    assert_eq!(other.message(), "cannot read the report: expected a report of `create_records`");
    for text in ["", "my secret", "{}", "[\"my secret\"]", "{\"version\": \"my secret\"}"] {
        let error = ImportReport::from_json(text).unwrap_err();
        assert!(error.message().contains("unexpected content at line "), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[test]
fn inconsistent_reports_are_rejected() {
    let import = import_report().to_json();
    for (pointer, value) in [
        ("/files/0/first_line", json!(0)),
        ("/files/0/lines", json!(0)),
        ("/files/0/lines", json!(5)),
        ("/files/1/lines", json!(u64::MAX)),
        ("/files/0/records", json!(4)),
        ("/files/0/task", Value::Null),
        ("/unknown/0/first_line", json!(3)),
    ] {
        let changed = read_changed(&import, ImportReport::from_json, |json| {
            *json.pointer_mut(pointer).unwrap() = value.clone();
        });
        assert!(changed.is_some(), "{pointer}: {value}");
    }
    let create = create_report().to_json();
    for (pointer, value) in [
        ("/items/0/id", Value::Null),
        ("/items/3/error/kind", json!("odd")),
        ("/items/5/count", json!(u64::MAX)),
        ("/items/5/count", json!(1)),
        ("/task", Value::Null),
        ("/strategy", json!("odd")),
        ("/elapsed", json!(-1)),
        ("/unfinished_import/items", json!(u64::MAX)),
    ] {
        let changed = read_changed(&create, CreateReport::from_json, |json| {
            *json.pointer_mut(pointer).unwrap() = value.clone();
        });
        assert!(changed.is_some(), "{pointer}: {value}");
    }
}
