//! Lines and files that are not, or not quite, JSON Lines.

use std::io::Write;

use mistral_datasets::{Compression, ErrorKind, ImportReport, Jsonl, NewRecord, Strategy};
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::{create_report, import_report, outcome_names, write_file};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Returns the message of the error with which an import of `content` must fail.
async fn refused(fixture: &Fixture, content: impl Into<Vec<u8>>, lenient: bool) -> String {
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let jsonl = Jsonl::bytes(content.into());
    let call = fixture.client.datasets().import_jsonl(dataset.id, jsonl).lenient(lenient);
    let error = call.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(fixture.take_requests().await.is_empty(), "a request was sent");
    assert_eq!(import_report(&error).invalid_lines().len(), 1);
    error.message().to_owned()
}

/// Imports content and returns the report and the payloads.
async fn imported(fixture: &Fixture, content: impl Into<Vec<u8>>) -> (ImportReport, Vec<String>) {
    let dataset = fixture.create_dataset().await;
    let jsonl = Jsonl::bytes(content.into());
    let report = fixture.client.datasets().import_jsonl(dataset.id, jsonl).await.unwrap();
    let records = fixture.list_records(&dataset).await;
    (report, records.iter().map(|record| record.payload.get().to_owned()).collect())
}

#[tokio::test]
async fn import_jsonl_refuses_json_arrays() {
    let fixture = Fixture::start().await;
    let records = json!([{"messages": []}, {"messages": []}]);
    let payloads = json!([{"payload": {"messages": []}}]);
    let share_gpt = json!([{"id": 1, "conversations": [{"from": "human", "value": "secret"}]}]);
    for array in [records, payloads, share_gpt] {
        for text in [array.to_string(), format!("\n{array:#}\n")] {
            for lenient in [false, true] {
                let message = refused(&fixture, text.clone(), lenient).await;
                assert!(message.contains("a JSON array of records, not JSON Lines"), "{message}");
                assert!(message.contains("jq -c '.[]'"), "{message}");
                assert!(!message.contains("secret"));
            }
        }
    }
    let object = format!("{:#}", json!({"messages": [{"role": "user"}]}));
    let message = refused(&fixture, object, false).await;
    assert!(message.contains("on one line") && message.contains("jq -c ."), "{message}");
    let messages = r#"[{"role": "user", "content": "[{\"messages\": []}]"}]"#;
    let (_, payloads) = imported(&fixture, messages).await;
    assert_eq!(payloads, [format!("{{\"messages\":{messages}}}")]);
}

/// Lines with the unknown keys `metadata` (twice) and `propertys`.
const UNKNOWN_KEYS: &str = concat!(
    "{\"messages\": [], \"metadata\": 1}\n",
    "{\"payload\": {\"messages\": []}, \"propertys\": {\"n\": 1}, \"metadata\": {}}\n",
    "{\"payload\": {\"messages\": []}, \"metadata\": {}, \"id\": 1, \"created_at\": 2, \"updated_at\": 3}\n",
    "{\"payload\": {\"messages\": []}, \"deleted_at\": null, \"dataset_id\": 4, \"source\": \"OTHER\"}\n",
);

#[tokio::test]
async fn import_jsonl_checks_keys() {
    let fixture = Fixture::start().await;
    let message = refused(&fixture, UNKNOWN_KEYS, false).await;
    for part in ["line 2, column 31: ", "`propertys`", "`properties`?", "`allow_unknown_keys`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let one = "{\"payload\": {\"messages\": []}, \"metadata\": {}}";
    let message = refused(&fixture, one, false).await;
    assert!(message.contains("`metadata`") && message.contains("`properties`"), "{message}");

    let dataset = fixture.create_dataset().await;
    let call = || fixture.client.datasets().import_jsonl(dataset.id, Jsonl::bytes(UNKNOWN_KEYS));
    for call in [call().allow_unknown_keys(true), call().lenient(true)] {
        let report = call.await.unwrap();
        assert_eq!((report.records(), report.invalid_line_count()), (4, 0));
        let counts: Vec<_> = report.unknown_keys().iter().collect();
        assert_eq!(counts, [(&"metadata".to_owned(), &2), (&"propertys".to_owned(), &1)]);
        assert_eq!(report.unknown_key_count(), 3);
    }
    let records = fixture.list_records(&dataset).await;
    assert_eq!(records[0].payload.get(), r#"{"messages":[],"metadata":1}"#);
    assert!(records.iter().all(|record| record.properties.get() == "{}"));
}

#[tokio::test]
async fn create_records_checks_keys() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let records = || UNKNOWN_KEYS.lines().map(NewRecord::from_jsonl_line).collect::<Vec<_>>();
    for strategy in [Strategy::Single, Strategy::File] {
        let call = || {
            datasets.create_records_iter(dataset.id, records()).strategy(strategy).concurrency(1)
        };
        let error = call().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert!(error.message().contains("did you mean `properties`?"), "{error}");
        assert_eq!(create_report(&error).items().len(), 2);
        let report = call().continue_on_error(true).await.unwrap();
        let created = if strategy == Strategy::File { "imported" } else { "created" };
        assert_eq!(outcome_names(&report), [created, "failed", "failed", created]);
        assert_eq!(report.unknown_key_count(), 0);
        let report = call().allow_unknown_keys(true).await.unwrap();
        assert_eq!((report.created(), report.unknown_key_count()), (4, 3));
        assert_eq!((report.unknown_keys()["metadata"], report.unknown_keys()["propertys"]), (2, 1));
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const LINE: &str = "{\"messages\": [], \"text\": \"\u{feff}\"}";
const PAYLOAD: &str = "{\"messages\":[],\"text\":\"\u{feff}\"}";

#[tokio::test]
async fn import_jsonl_accepts_byte_order_marks() {
    let fixture = Fixture::start().await;
    let directory = TempDir::new().unwrap();
    let plain = LINE.replace('\u{feff}', "x");
    for (content, payload) in [
        (format!("\u{feff}{LINE}\n\u{feff}{LINE}\n{LINE}\n\u{feff}\u{feff}{LINE}"), PAYLOAD),
        // Files without a final line break were joined.
        (
            format!("\u{feff}{plain}\u{feff}{plain}\n{plain}\u{feff}{plain}"),
            "{\"messages\":[],\"text\":\"x\"}",
        ),
    ] {
        let (report, payloads) = imported(&fixture, content.clone()).await;
        assert_eq!((report.records(), payloads), (4, vec![payload.to_owned(); 4]));
        // The mark is not uploaded.
        let dataset = fixture.create_dataset().await;
        let path = write_file(&directory, "marked.jsonl", content.as_bytes());
        let call = fixture.client.datasets().import_jsonl(dataset.id, Jsonl::path(path));
        let report = call.wait(false).await.unwrap();
        let uploaded = fixture.client.files().download(&report.files()[0].file_id).await.unwrap();
        let uploaded = String::from_utf8(uploaded.bytes().await.unwrap().into()).unwrap();
        assert!(
            uploaded.lines().all(|line| line.starts_with('{')) && uploaded.lines().count() == 4
        );
    }
    let record = NewRecord::from_jsonl_line(format!("\u{feff}{LINE}")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(record.payload().get()).unwrap()["text"], "\u{feff}");
}

#[tokio::test]
async fn import_jsonl_names_other_formats() {
    let fixture = Fixture::start().await;
    for mark in ["\u{feff}", ""] {
        let units: Vec<u16> = format!("{mark}{LINE}\n{LINE}\n").encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (content, name) in [(little, "UTF-16 (little-endian)"), (big, "UTF-16 (big-endian)")] {
            for lenient in [false, true] {
                let message = refused(&fixture, content.clone(), lenient).await;
                assert!(message.contains(name) && message.contains("UTF-8"), "{message}");
            }
        }
    }
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    let message = refused(&fixture, pointer, true).await;
    assert!(message.contains("a Git LFS pointer") && message.contains("git lfs pull"), "{message}");
    for (content, position) in [
        (format!("{LINE}\r\n\u{1a}"), "line 2, column 1: "),
        (format!("{LINE}\u{1a}"), "line 1, column 30: "),
    ] {
        let message = refused(&fixture, content, false).await;
        assert!(message.contains(position) && message.contains("Ctrl-Z"), "{message}");
    }
}

#[tokio::test]
async fn import_jsonl_reads_unusual_compression() {
    let fixture = Fixture::start().await;
    let line = format!("{LINE}\n");
    let zstd = zstd::encode_all(line.as_bytes(), 1).unwrap();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"size"].concat();
    let marked = format!("\u{feff}{line}");
    for content in [
        [gzip(line.as_bytes()), gzip(line.as_bytes()), vec![0; 1_000]].concat(),
        [gzip(marked.as_bytes()), gzip(marked.as_bytes())].concat(),
        [skippable.clone(), zstd.clone(), skippable, zstd].concat(),
    ] {
        let (report, payloads) = imported(&fixture, content).await;
        assert_eq!((report.records(), payloads), (2, vec![PAYLOAD.to_owned(); 2]));
    }
    let dataset = fixture.create_dataset().await;
    let compressed = Jsonl::bytes(gzip(line.as_bytes()));
    let call = fixture.client.datasets().import_jsonl(dataset.id, compressed);
    let error = call.compression(Compression::None).await.unwrap_err();
    assert!(error.message().contains("gzip data"), "{error}");
}
