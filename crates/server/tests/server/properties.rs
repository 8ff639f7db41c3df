//! Property tests for pages, imported lines and JSON.

use std::fmt::Debug;

use mistral_datasets_types::{Dataset, DatasetRecord, ExportResponse, ListRecordsResponse};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult, TestRunner};
use serde_json::json;
use uuid::Uuid;

use crate::json_strategies::{object, payload_fields, value};
use crate::support::{Api, DATASETS, RECORDS, records_path};

/// Checks a property on one server, with a new dataset for each case.
fn check<T: Debug>(
    cases: u32,
    input: impl Strategy<Value = T>,
    property: impl AsyncFn(&Api, &Dataset, T) -> TestCaseResult,
) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let api = runtime.block_on(Api::start());
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&input, |input| {
        runtime.block_on(async {
            let dataset = api.create_dataset("Property test").await;
            property(&api, &dataset, input).await?;
            api.delete(&format!("{DATASETS}/{}", dataset.id)).await.no_content();
            Ok(())
        })
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(api.server.shutdown());
}

async fn page(api: &Api, path: &str) -> mistral_datasets_types::RecordPage {
    api.get(path).await.json::<ListRecordsResponse>(200).records
}

#[test]
fn pages_match_a_slice_of_the_list() {
    let deletions = prop::collection::vec(0..1000_usize, 0..60);
    let pages = prop::collection::vec((0..=100_usize, 1..20_usize), 1..8);
    check(40, (0..400_usize, deletions, pages), async |api, dataset, (count, deleted, pages)| {
        let task = api.import_lines(dataset, "{\"messages\": []}\n".repeat(count)).await;
        prop_assert_eq!(task.status.as_str(), "COMPLETED");
        let mut list: Vec<Uuid> =
            api.records(dataset).await.iter().map(|record| record.id).collect();
        prop_assert_eq!(list.len(), count);
        for index in deleted.into_iter().take(count) {
            let id = list.remove(index % list.len());
            api.delete(&format!("{RECORDS}/{id}")).await.no_content();
        }
        for (size, number) in pages {
            let found =
                page(api, &format!("{}?page_size={size}&page={number}", records_path(dataset)))
                    .await;
            let expected: Vec<Uuid> =
                list.iter().skip(size * (number - 1)).take(size).copied().collect();
            let ids: Vec<Uuid> = found.results.iter().map(|record| record.id).collect();
            prop_assert_eq!(ids, expected);
            prop_assert_eq!(found.count, list.len() as i64);
            prop_assert_eq!(found.next.is_some(), size > 0 && size * number < list.len());
            prop_assert_eq!(found.previous.is_some(), size > 0 && number > 1);
            if let Some(next) = found.next {
                let next = page(api, &next).await;
                let first = next.results.first().map(|record| record.id);
                prop_assert_eq!(first, list.get(size * number).copied());
            }
        }
        Ok(())
    });
}

/// A line of an import file.
#[derive(Clone, Debug)]
enum Line {
    /// An object with `payload`: the fields of the payload, and the properties.
    Payload(Vec<String>, Option<String>),
    /// An object with `messages`: the fields of the payload, the properties, and their index among the fields.
    Messages(Vec<String>, Option<String>, usize),
    Blank,
}

impl Line {
    fn text(&self) -> String {
        match self {
            Self::Blank => "  ".to_owned(),
            Self::Payload(fields, None) => format!("{{\"payload\" : {{{}}}}}", fields.join(" ,")),
            Self::Payload(fields, Some(properties)) => {
                format!("{{\"properties\":{properties}, \"payload\": {{{}}}}}\r", fields.join(" ,"))
            }
            Self::Messages(fields, properties, index) => {
                let mut fields = fields.clone();
                if let Some(properties) = properties {
                    let index = index % (fields.len() + 1);
                    fields.insert(index, format!("\"properties\" : {properties}"));
                }
                format!("{{{}}}", fields.join(","))
            }
        }
    }

    /// Returns the payload and properties of the resulting record; `None` for a blank line.
    fn record(&self) -> Option<(String, String)> {
        let (payload, properties) = match self {
            Self::Blank => return None,
            Self::Payload(fields, properties) => (fields.join(" ,"), properties),
            Self::Messages(fields, properties, _) => (fields.join(","), properties),
        };
        let properties = match properties.as_deref() {
            None | Some("null") => "{}",
            Some(properties) => properties,
        };
        Some((format!("{{{payload}}}"), properties.to_owned()))
    }
}

fn line() -> impl Strategy<Value = Line> {
    let properties = || prop_oneof![3 => object().prop_map(Some), 1 => Just(None), 1 => Just(Some("null".to_owned()))];
    prop_oneof![
        3 => (payload_fields(), properties()).prop_map(|(payload, rest)| Line::Payload(payload, rest)),
        3 => (payload_fields(), properties(), 0..8_usize)
            .prop_map(|(payload, rest, index)| Line::Messages(payload, rest, index)),
        1 => Just(Line::Blank),
    ]
}

fn contents(records: &[DatasetRecord]) -> Vec<(String, String)> {
    let content = |record: &DatasetRecord| {
        (record.payload.get().to_owned(), record.properties.get().to_owned())
    };
    records.iter().map(content).collect()
}

#[test]
fn imported_lines_keep_their_json_through_export_and_import() {
    check(60, prop::collection::vec(line(), 0..12), async |api, dataset, lines| {
        let file: Vec<String> = lines.iter().map(Line::text).collect();
        let expected: Vec<(String, String)> = lines.iter().filter_map(Line::record).collect();
        let task = api.import_lines(dataset, file.join("\n")).await;
        prop_assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
        let records = api.records(dataset).await;
        prop_assert_eq!(contents(&records), expected.clone());

        let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
        let link = api.get(&path).await.json::<ExportResponse>(200).file_url;
        let exported = api.get(&link).await;
        let copy = api.create_dataset("Imported again").await;
        let task = api.import_lines(&copy, exported.body.to_vec()).await;
        prop_assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
        prop_assert_eq!(contents(&api.records(&copy).await), expected);
        Ok(())
    });
}

/// An invalid line, and the start of the error message.
fn invalid_line() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    let not_an_object = value().prop_filter("not an object", |text| !text.starts_with('{'));
    prop_oneof![
        not_an_object.prop_map(|text| (text.into_bytes(), "the line: expected an object")),
        object().prop_map(|text| (text[..text.len() - 1].into(), "the line is not JSON")),
        object().prop_map(|text| (format!("{text}]").into_bytes(), "the line is not JSON")),
        value().prop_filter("not an array", |text| !text.starts_with('[')).prop_map(|text| {
            (format!("{{\"messages\":{text}}}").into_bytes(), "messages: expected an array")
        }),
        value().prop_filter("not an object", |text| !text.starts_with('{')).prop_map(|text| {
            (format!("{{\"payload\":{text}}}").into_bytes(), "payload: expected an object")
        }),
        Just((b"{\"messages\":[], \"x\": \"\xc3\x28\"}".to_vec(), "the line is not UTF-8")),
        Just((b"{}".to_vec(), "expected a field `payload` or a field `messages`")),
    ]
}

#[test]
fn invalid_line_fails_the_import_with_its_number() {
    let lines = || prop::collection::vec(line(), 0..6);
    check(
        60,
        (lines(), invalid_line(), lines()),
        async |api, dataset, (before, invalid, after)| {
            let (invalid, reason) = invalid;
            let texts = |lines: &[Line]| {
                lines.iter().map(|line| line.text().into_bytes()).collect::<Vec<_>>()
            };
            let file = [texts(&before), vec![invalid], texts(&after)].concat().join(&b'\n');
            let task = api.import_lines(dataset, file).await;
            prop_assert_eq!(task.status.as_str(), "FAILED");
            let message = task.message.unwrap_or_default();
            let expected = format!("line {}: {reason}", before.len() + 1);
            prop_assert!(message.starts_with(&expected), "{} instead of {}", message, expected);
            prop_assert_eq!(api.record_count(dataset).await, 0);
            Ok(())
        },
    );
}

/// Returns a zero in nested arrays.
fn nested(levels: usize) -> String {
    format!("{}0{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn json_is_stored_byte_for_byte() {
    let text = (payload_fields(), object(), 0..130_usize);
    check(150, text, async |api, dataset, (mut fields, properties, levels)| {
        fields.push(format!("\"nested\":{}", nested(levels)));
        let payload = format!("{{{}}}", fields.join(", "));
        let body = format!("{{\"payload\": {payload},\n \"properties\":{properties}}}");
        let created = api.post(&records_path(dataset), body).await;
        // The body and the payload add two levels; 128 are allowed.
        if levels > 126 {
            let message = created.error(422, "VALIDATION_ERROR");
            prop_assert_eq!(message, "the body has more than 128 levels of arrays and objects");
            return Ok(());
        }
        let created: DatasetRecord = created.json(201);
        let fetched = api.get(&format!("{RECORDS}/{}", created.id)).await.json(200);
        for record in [&created, &fetched, &api.records(dataset).await[0]] {
            prop_assert_eq!(record.payload.get(), &payload);
            prop_assert_eq!(record.properties.get(), &properties);
        }
        let edit =
            format!("{{\"properties\":{properties}, \"properties\" : {{\"x\":{properties}}} }}");
        let path = format!("{RECORDS}/{}/properties", created.id);
        api.put(&path, edit).await.no_content();
        let edited: DatasetRecord = api.get(&format!("{RECORDS}/{}", created.id)).await.json(200);
        // The last of several fields with the same name wins, as in the parsers of the official clients.
        prop_assert_eq!(edited.properties.get(), format!("{{\"x\":{properties}}}"));
        prop_assert_eq!(edited.payload.get(), payload);
        Ok::<_, TestCaseError>(())
    });
}

#[test]
fn invalid_bodies_are_rejected_and_write_nothing() {
    check(100, value(), async |api, dataset, text| {
        let path = records_path(dataset);
        let body = json!({"payload": {"messages": []}}).to_string();
        // Any object is a payload, but an array is not.
        let payload = format!("[{text}]");
        for body in
            [text.clone(), format!("{text} {text}"), body.replace("{\"messages\":[]}", &payload)]
        {
            let response = api.post(&path, body).await;
            response.error(422, "VALIDATION_ERROR");
        }
        prop_assert_eq!(api.record_count(dataset).await, 0);
        Ok(())
    });
}
