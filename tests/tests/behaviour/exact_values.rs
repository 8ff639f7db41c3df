//! Values are written exactly or refused, and uploads that can be read again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use mistral_datasets::{Error, ErrorKind, Jsonl, NewRecord, Outcome, RawJson, Strategy, Upload};
use mistral_datasets_tests::Fixture;
use mistral_datasets_tests::bulk::record;
use serde::Serialize;
use serde_json::json;

const SURROGATE: &str = r#"{"messages":[{"role":"user","content":"a \ud800 b"}],"\udfff":1}"#;

const STRATEGIES: [Strategy; 2] = [Strategy::Single, Strategy::File];

/// A payload whose messages have a score.
#[derive(Serialize)]
struct Scored {
    messages: Vec<Message>,
}

#[derive(Serialize)]
struct Message {
    role: Option<&'static str>,
    score: f64,
}

fn scored(score: f64) -> Scored {
    Scored { messages: vec![Message { role: None, score }] }
}

#[tokio::test]
async fn values_are_written_exactly_or_refused() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    fixture.take_requests().await;
    let datasets = fixture.client.datasets();
    for (score, problem) in [
        (f64::NAN, "NaN is not a JSON number"),
        (f64::NEG_INFINITY, "-Infinity is not a JSON number"),
    ] {
        let call = datasets.create_record(dataset.id, scored(score), json!({}));
        let error = call.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        assert_eq!(error.message(), format!("payload.messages[0].score: {problem}"));
    }
    let properties = json!({"messages": null, "n": [1]});
    let call = datasets.create_record(dataset.id, json!({"messages": []}), [("a b", f32::NAN)]);
    assert_eq!(call.await.unwrap_err().message(), "properties[0][1]: NaN is not a JSON number");
    assert!(fixture.take_requests().await.is_empty());
    let call = datasets.create_record(dataset.id, scored(-0.0), &properties);
    let created = call.await.unwrap();
    assert_eq!(created.payload.get(), r#"{"messages":[{"role":null,"score":-0.0}]}"#);
    assert_eq!(created.properties.get(), properties.to_string());
}

#[tokio::test]
async fn create_records_names_the_invalid_value() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let records = || {
        [
            record(0),
            NewRecord::new(scored(f64::NAN), json!({})),
            NewRecord::new(json!({"messages": []}), json!(["my secret"])),
            record(3),
        ]
    };
    for strategy in STRATEGIES {
        let call = datasets.create_records_iter(dataset.id, records()).strategy(strategy);
        let report = call.continue_on_error(true).await.unwrap();
        let failed: Vec<_> = report
            .items()
            .iter()
            .filter_map(|item| match item {
                Outcome::Failed(error) => Some(error.message()),
                _ => None,
            })
            .collect();
        assert_eq!(
            failed,
            [
                "records[1]: payload.messages[0].score: NaN is not a JSON number",
                "records[2]: properties: expected an object",
            ]
        );
        assert_eq!(report.created(), 2);
        let call = datasets.create_records_iter(dataset.id, records()).strategy(strategy);
        let error = call.concurrency(1).await.unwrap_err();
        assert_eq!(error.message(), failed[0]);
    }
}

#[tokio::test]
async fn escaped_lone_surrogates_are_preserved() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let payload = RawJson::from_string(SURROGATE.to_owned()).unwrap();
    let received = datasets.create_record(dataset.id, payload, json!({})).await.unwrap();
    assert_eq!(received.payload.get(), SURROGATE);
    for strategy in STRATEGIES {
        let copy = fixture.create_dataset().await;
        let record = NewRecord::new(&received.payload, &received.properties);
        datasets.create_records_iter(copy.id, [record]).strategy(strategy).await.unwrap();
        assert_eq!(fixture.list_records(&copy).await[0].payload.get(), SURROGATE);
    }
}

#[tokio::test]
async fn null_properties_are_empty() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let payload = || json!({"messages": []});
    let created = datasets.create_record(dataset.id, payload(), json!(null)).await.unwrap();
    assert_eq!(created.properties.get(), "{}");
    let filled = fixture.create_record(&dataset, "Hi").await;
    datasets.records().update_properties(filled.id, json!(null)).await.unwrap();
    let filled = datasets.records().fetch(filled.id).await.unwrap();
    assert_eq!(filled.properties.get(), "{}");
    let line = r#"{"messages": [], "properties": null}"#;
    for strategy in STRATEGIES {
        let records = [NewRecord::new(payload(), ()), NewRecord::from_jsonl_line(line)];
        datasets.create_records_iter(dataset.id, records).strategy(strategy).await.unwrap();
    }
    datasets.import_jsonl(dataset.id, Jsonl::bytes(line)).await.unwrap();
    let records = fixture.list_records(&dataset).await;
    assert_eq!(records.len(), 7);
    assert!(records.iter().all(|record| record.properties.get() == "{}"));
    let error = datasets.create_record(dataset.id, (), ()).await.unwrap_err();
    assert_eq!(error.message(), "payload: expected an object");
}

#[tokio::test]
async fn properties_beside_messages_belong_to_the_record() {
    let fixture = Fixture::start().await;
    let dataset = fixture.create_dataset().await;
    let datasets = fixture.client.datasets();
    let line = r#"{"messages": [], "properties": {"n": 1}, "model": "m"}"#;
    for strategy in STRATEGIES {
        let records = [NewRecord::from_jsonl_line(line)];
        datasets.create_records_iter(dataset.id, records).strategy(strategy).await.unwrap();
    }
    datasets.import_jsonl(dataset.id, Jsonl::bytes(line)).await.unwrap();
    let records = fixture.list_records(&dataset).await;
    assert_eq!(records.len(), 3);
    for record in records {
        let payload: serde_json::Value = record.payload.parse().unwrap();
        assert_eq!(payload, json!({"messages": [], "model": "m"}));
        assert_eq!(record.properties.get(), r#"{"n": 1}"#);
    }
}

#[tokio::test]
async fn uploads_from_memory_are_retried() {
    let fixture = Fixture::start().await;
    let files = fixture.client.files();
    let text = "0123456789".repeat(20_000);
    let fault = |times| json!({"operation": "upload_file", "status": 429, "headers": {"retry-after": "0"}, "times": times});
    let chunks = {
        let text = text.clone();
        move || futures::stream::iter([Ok(Bytes::from(text.clone()))])
    };
    let opened = Arc::new(AtomicUsize::new(0));
    let reopenable = {
        let (chunks, opened) = (chunks.clone(), opened.clone());
        Upload::reopenable("a", text.len() as u64, move || {
            opened.fetch_add(1, Ordering::Relaxed);
            chunks()
        })
    };
    for upload in [Upload::bytes("a", text.clone()), reopenable] {
        fixture.inject_fault(fault(2)).await;
        fixture.take_requests().await;
        let file = files.upload(upload).await.unwrap();
        assert_eq!(fixture.take_operations().await, ["upload_file"; 3]);
        let content = files.download(&file.id).await.unwrap().into_stream();
        let content: Vec<Result<Bytes, Error>> = content.collect().await;
        let content: Vec<Bytes> = content.into_iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(content.concat(), text.as_bytes());
    }
    assert_eq!(opened.load(Ordering::Relaxed), 3);
    fixture.inject_fault(fault(1)).await;
    let error = files.upload(Upload::stream("a", chunks(), None)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimit, 1));
}
