//! What must hold for any page, any line of a file and any JSON.

use std::fmt::Debug;

use mistral_datasets_types::{Dataset, DatasetRecord, ExportResponse, ListRecordsResponse};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult, TestRunner};
use serde_json::json;
use uuid::Uuid;

use crate::json_texts::{object, payload_members, value};
use crate::support::{Api, DATASETS, RECORDS, records_of};

/// Tries a property on one server, each time with another dataset.
fn holds<T: Debug>(
    cases: u32,
    what: impl Strategy<Value = T>,
    property: impl AsyncFn(&Api, &Dataset, T) -> TestCaseResult,
) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let api = runtime.block_on(Api::start());
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let tested = TestRunner::new(config).run(&what, |what| {
        runtime.block_on(async {
            let dataset = api.dataset("A property").await;
            property(&api, &dataset, what).await?;
            api.delete(&format!("{DATASETS}/{}", dataset.id)).await.no_content();
            Ok(())
        })
    });
    tested.unwrap_or_else(|failure| panic!("{failure}"));
    runtime.block_on(api.server.shutdown());
}

async fn page(api: &Api, path: &str) -> mistral_datasets_types::RecordPage {
    api.get(path).await.json::<ListRecordsResponse>(200).records
}

#[test]
fn any_page_is_the_part_of_the_list_that_it_says() {
    let deletions = prop::collection::vec(0..1000_usize, 0..60);
    let pages = prop::collection::vec((0..=100_usize, 1..20_usize), 1..8);
    holds(40, (0..400_usize, deletions, pages), async |api, dataset, (count, deleted, pages)| {
        let task = api.import_lines(dataset, "{\"messages\": []}\n".repeat(count)).await;
        prop_assert_eq!(task.status.as_str(), "COMPLETED");
        let mut list: Vec<Uuid> =
            api.records(dataset).await.iter().map(|record| record.id).collect();
        prop_assert_eq!(list.len(), count);
        for place in deleted.into_iter().take(count) {
            let id = list.remove(place % list.len());
            api.delete(&format!("{RECORDS}/{id}")).await.no_content();
        }
        for (size, number) in pages {
            let found =
                page(api, &format!("{}?page_size={size}&page={number}", records_of(dataset))).await;
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

/// A line of a file.
#[derive(Clone, Debug)]
enum Line {
    /// With `payload`; the members of it, and the properties.
    Payload(Vec<String>, Option<String>),
    /// With `messages`: the members of the payload, the properties and the place where these stand among the members.
    Messages(Vec<String>, Option<String>, usize),
    Blank,
}

impl Line {
    fn text(&self) -> String {
        match self {
            Self::Blank => "  ".to_owned(),
            Self::Payload(members, None) => format!("{{\"payload\" : {{{}}}}}", members.join(" ,")),
            Self::Payload(members, Some(properties)) => {
                format!(
                    "{{\"properties\":{properties}, \"payload\": {{{}}}}}\r",
                    members.join(" ,")
                )
            }
            Self::Messages(members, properties, place) => {
                let mut members = members.clone();
                if let Some(properties) = properties {
                    let place = place % (members.len() + 1);
                    members.insert(place, format!("\"properties\" : {properties}"));
                }
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// Payload and properties of the record that the line becomes.
    fn record(&self) -> Option<(String, String)> {
        let (payload, properties) = match self {
            Self::Blank => return None,
            Self::Payload(members, properties) => (members.join(" ,"), properties),
            Self::Messages(members, properties, _) => (members.join(","), properties),
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
        3 => (payload_members(), properties()).prop_map(|(payload, rest)| Line::Payload(payload, rest)),
        3 => (payload_members(), properties(), 0..8_usize)
            .prop_map(|(payload, rest, place)| Line::Messages(payload, rest, place)),
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
fn any_lines_become_records_as_they_were_also_through_an_export() {
    holds(60, prop::collection::vec(line(), 0..12), async |api, dataset, lines| {
        let file: Vec<String> = lines.iter().map(Line::text).collect();
        let expected: Vec<(String, String)> = lines.iter().filter_map(Line::record).collect();
        let task = api.import_lines(dataset, file.join("\n")).await;
        prop_assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
        let records = api.records(dataset).await;
        prop_assert_eq!(contents(&records), expected.clone());

        let path = format!("{DATASETS}/{}/exports/to-jsonl", dataset.id);
        let link = api.get(&path).await.json::<ExportResponse>(200).file_url;
        let exported = api.get(&link).await;
        let again = api.dataset("Again").await;
        let task = api.import_lines(&again, exported.body.to_vec()).await;
        prop_assert_eq!(task.status.as_str(), "COMPLETED", "{:?}", task.message);
        prop_assert_eq!(contents(&api.records(&again).await), expected);
        Ok(())
    });
}

/// A line that is none, and what the reason begins with.
fn broken_line() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    let no_object = value().prop_filter("no object", |text| !text.starts_with('{'));
    prop_oneof![
        no_object.prop_map(|text| (text.into_bytes(), "the line: expected an object")),
        object().prop_map(|text| (text[..text.len() - 1].into(), "the line is not JSON")),
        object().prop_map(|text| (format!("{text}]").into_bytes(), "the line is not JSON")),
        value().prop_filter("no array", |text| !text.starts_with('[')).prop_map(|text| {
            (format!("{{\"messages\":{text}}}").into_bytes(), "messages: expected an array")
        }),
        value().prop_filter("no object", |text| !text.starts_with('{')).prop_map(|text| {
            (format!("{{\"payload\":{text}}}").into_bytes(), "payload: expected an object")
        }),
        Just((b"{\"messages\":[], \"x\": \"\xc3\x28\"}".to_vec(), "the line is not UTF-8")),
        Just((b"{}".to_vec(), "expected a field `payload` or a field `messages`")),
    ]
}

#[test]
fn a_broken_line_refuses_the_file_and_is_named() {
    let lines = || prop::collection::vec(line(), 0..6);
    holds(60, (lines(), broken_line(), lines()), async |api, dataset, (before, broken, behind)| {
        let (broken, reason) = broken;
        let texts =
            |lines: &[Line]| lines.iter().map(|line| line.text().into_bytes()).collect::<Vec<_>>();
        let file = [texts(&before), vec![broken], texts(&behind)].concat().join(&b'\n');
        let task = api.import_lines(dataset, file).await;
        prop_assert_eq!(task.status.as_str(), "FAILED");
        let message = task.message.unwrap_or_default();
        let expected = format!("line {}: {reason}", before.len() + 1);
        prop_assert!(message.starts_with(&expected), "{} and not {}", message, expected);
        prop_assert_eq!(api.record_count(dataset).await, 0);
        Ok(())
    });
}

/// Levels of arrays around a zero.
fn nested(levels: usize) -> String {
    format!("{}0{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn any_json_is_kept_as_the_very_text() {
    let text = (payload_members(), object(), 0..130_usize);
    holds(150, text, async |api, dataset, (mut members, properties, levels)| {
        members.push(format!("\"nested\":{}", nested(levels)));
        let payload = format!("{{{}}}", members.join(", "));
        let body = format!("{{\"payload\": {payload},\n \"properties\":{properties}}}");
        let created = api.post(&records_of(dataset), body).await;
        // The body and the payload are two levels; 128 are allowed.
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
        // Of members of the same name the last counts, as in every parser of the official clients.
        prop_assert_eq!(edited.properties.get(), format!("{{\"x\":{properties}}}"));
        prop_assert_eq!(edited.payload.get(), payload);
        Ok::<_, TestCaseError>(())
    });
}

#[test]
fn any_other_body_is_refused_and_changes_nothing() {
    holds(100, value(), async |api, dataset, text| {
        let path = records_of(dataset);
        let body = json!({"payload": {"messages": []}}).to_string();
        for body in
            [text.clone(), format!("{text} {text}"), body.replace("{\"messages\":[]}", &text)]
        {
            let response = api.post(&path, body).await;
            response.error(422, "VALIDATION_ERROR");
        }
        prop_assert_eq!(api.record_count(dataset).await, 0);
        Ok(())
    });
}
