//! Calls of the observability groups against canned servers: pages with cursors, retries of searches, values with several shapes,
//! checks before sending, and waiting for campaigns.

use std::time::Duration;

use futures::TryStreamExt;
use mistral_datasets::filter::field;
use mistral_datasets::types::{
    CreateJudgeRequest, FilterOperator, FilterPayload, GetSpan, JudgeAnswer, JudgeOutputUnion,
    JudgeRegressionOutput, SpanDatasetMapping, SpanDatasetMappingContract,
    SpanDatasetSourceNamespace, SpanDatasetSourceReference, TaskStatus, TelemetrySpanReference,
};
use mistral_datasets::{Client, Error, ErrorKind, Report, RetryPolicy, expression};
use mistral_datasets_tests::{CannedResponse, CannedServer};
use serde_json::{Value, json};
use uuid::Uuid;

fn client(server: &CannedServer) -> Client {
    let fast = RetryPolicy::new().first_delay(Duration::from_millis(1));
    Client::builder().api_key("the key").server_url(server.url()).retries(fast).build().unwrap()
}

/// Returns a page of events with these ids.
fn events(ids: &[&str], next: Value, cursor: Value) -> CannedResponse {
    let results: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({
                "event_id": id, "correlation_id": "c", "created_at": "2026-09-01T00:00:00Z",
                "extra_fields": {"score": 1.0}, "nb_input_tokens": 1, "nb_output_tokens": 2,
            })
        })
        .collect();
    let page = json!({"results": results, "next": next, "cursor": cursor});
    CannedResponse::json(200, json!({ "completion_events": page }).to_string())
}

async fn event_ids(server: &CannedServer) -> Result<Vec<String>, Error> {
    let search = client(server).chat_completion_events().search(FilterPayload::all());
    search.pager().items().map_ok(|event| event.event_id).try_collect().await
}

#[tokio::test]
async fn a_feed_is_read_by_its_cursors() {
    let server = CannedServer::start_sequence([
        events(&["a", "b"], json!("1"), json!("x")),
        events(&[], json!("2"), Value::Null),
        events(&["c"], json!(""), json!("3 &")),
        CannedResponse::json(200, r#"{"completion_events": {}}"#),
    ])
    .await;
    assert_eq!(event_ids(&server).await.unwrap(), ["a", "b", "c"]);
    let path = "post /v1/observability/chat-completion-events/search?";
    assert_eq!(
        server.request_lines(),
        [
            "page_size=100",
            "cursor=1&page_size=100",
            "cursor=2&page_size=100",
            "cursor=3+%26&page_size=100"
        ]
        .map(|query| format!("{path}{query}"))
    );
    assert_eq!(server.bodies(), [r#"{"search_params":{"filters":null}}"#; 4]);
}

#[tokio::test]
async fn a_feed_ends_at_a_cursor_that_was_sent_before() {
    let server = CannedServer::start_sequence([
        events(&["a"], json!("1"), Value::Null),
        events(&["b"], json!("2"), Value::Null),
        events(&["c"], json!("1"), Value::Null),
    ])
    .await;
    assert_eq!(event_ids(&server).await.unwrap(), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_feed_that_never_sends_items_fails() {
    let pages = (0..1_100).map(|number| events(&[], json!(number.to_string()), Value::Null));
    let server = CannedServer::start_sequence(pages).await;
    let error = event_ids(&server).await.unwrap_err();
    assert_eq!(error.message(), "the server sent 1000 pages without items in a row");
    assert_eq!(server.requests().len(), 1_001);
}

#[tokio::test]
async fn a_feed_has_a_limit_and_starts_at_a_cursor() {
    let server = CannedServer::start_sequence([
        events(&["a", "b"], json!("1"), Value::Null),
        events(&["c", "d"], json!("2"), Value::Null),
    ])
    .await;
    let search = client(&server).chat_completion_events().search(field("model_name").eq("m"));
    let pager = search.cursor("0").page_size(2).pager().limit(3);
    let mut pages = pager.clone().pages();
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!((page.number, page.count, page.next_cursor.as_deref()), (1, None, Some("1")));
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!((page.number, page.results.len(), pages.total()), (2, 1, None));
    assert!(pages.next().await.is_none());
    let queries: Vec<String> = server.request_lines();
    assert!(queries[0].ends_with("?cursor=0&page_size=2"), "{queries:?}");
    assert!(queries[1].ends_with("?cursor=1&page_size=1"), "{queries:?}");

    let error = pager.page_size(101).items().next().await.unwrap().unwrap_err();
    assert_eq!(error.message(), "page_size: expected 1 to 100, found 101");
}

#[tokio::test]
async fn searches_are_retried_and_judging_is_not() {
    let lost = CannedResponse::lost();
    let server =
        CannedServer::start_sequence([lost.clone(), events(&["a"], Value::Null, Value::Null)])
            .await;
    assert_eq!(event_ids(&server).await.unwrap(), ["a"]);

    let server = CannedServer::start(lost).await;
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let judging = client(&server).judges().judge_conversation(Uuid::nil(), messages);
    let error = judging.await.unwrap_err();
    assert!(error.is_ambiguous() && error.attempts() == 1, "{error}");
}

fn judge(output: Value) -> Value {
    let id = Uuid::nil();
    json!({
        "id": id, "created_at": "2026-09-01T00:00:00Z", "updated_at": "2026-09-01T00:00:00Z",
        "owner_id": id, "workspace_id": id, "name": "Polite", "description": "", "model_name": "m",
        "output": output, "instructions": "Is it polite?", "tools": [],
    })
}

#[tokio::test]
async fn unknown_outputs_of_judges_are_read_and_not_sent() {
    let ranking = json!({"type": "RANKING", "places": 3});
    let server =
        CannedServer::start(CannedResponse::json(200, judge(ranking.clone()).to_string())).await;
    let judges = client(&server).judges();
    let judge = judges.fetch(Uuid::nil()).await.unwrap();
    let JudgeOutputUnion::Other(json) = &judge.output else { panic!("{:?}", judge.output) };
    assert_eq!(json.parse::<Value>().unwrap(), ranking);
    assert!(!format!("{judge:?}").contains("polite?"), "{judge:?}");

    let update = judges.update(judge.id, "Polite", "", "m", judge.output, "Judge.", [""; 0]);
    assert!(!format!("{update:?}").contains("Judge."), "{update:?}");
    let error = update.await.unwrap_err();
    assert_eq!(
        error.message(),
        "output: expected an object whose `type` is `CLASSIFICATION` or `REGRESSION`"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn limits_inside_arguments_are_checked() {
    let server = CannedServer::start(CannedResponse::new(500, "")).await;
    let client = client(&server);
    let definition = |name: &str, output: JudgeRegressionOutput| {
        CreateJudgeRequest::new(name, "", "m", output, "Judge.", Vec::<String>::new())
    };
    let scale = || JudgeRegressionOutput::new("bad", "good");
    let conditions = field("a").eq(1) & (field("b").eq(2) | field("c").lt(f64::NAN));
    let events = client.chat_completion_events();
    for (error, expected) in [
        (
            events.judge("e", definition("abc", scale())).await.unwrap_err(),
            "judge_definition.name: expected 5 to 50 characters, found 3",
        ),
        (
            events.judge("e", definition("Polite", scale().min(-0.5))).await.unwrap_err(),
            "judge_definition.output.min: expected at least 0, found -0.5",
        ),
        (
            events.judge("e", definition("Polite", scale().max(1e9))).await.unwrap_err(),
            "judge_definition.output.max: expected less than 1000000000, found 1000000000",
        ),
        (
            events.judge("e", definition("Polite", scale().min(f64::INFINITY))).await.unwrap_err(),
            "judge_definition.output.min: expected a finite number, found inf",
        ),
        (
            events.search(conditions).await.unwrap_err(),
            "search_params.filters.AND[1].OR[1].value: expected a value that JSON can represent",
        ),
        (
            client
                .judges()
                .judge_conversation(Uuid::nil(), json!([{}, "secret"]))
                .await
                .unwrap_err(),
            "messages[1]: expected an object",
        ),
        (
            client.judges().judge_conversation(Uuid::nil(), "secret").await.unwrap_err(),
            "messages: expected an array of objects",
        ),
        (
            client.spans().search_spans().search_expression("a = 'b").await.unwrap_err(),
            "search_expression: the quote at character 5 has no closing quote; write a quote inside a text as `\\'`",
        ),
    ] {
        assert_eq!((error.kind(), error.message()), (ErrorKind::Validation, expected));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn field_names_are_encoded_and_times_are_written_in_utc() {
    let server = CannedServer::start(CannedResponse::json(200, r#"{"options": null}"#)).await;
    let name = expression::key("span_attributes", r"a/b\'c");
    let from = chrono::DateTime::parse_from_rfc3339("2026-09-01T14:00:00.5+02:00").unwrap();
    let options = client(&server).spans().fetch_span_field_options(name).from(from.to_utc());
    assert_eq!(options.await.unwrap().options, None);
    let line = server.request_lines().remove(0);
    // The canned server records lower case.
    assert_eq!(
        line,
        "get /v1/observability/spans/fields/span_attributes%5b%27a%2fb%5c%5c%5c%27c%27%5d/options\
         ?from=2026-09-01t12%3a00%3a00.500z"
    );
}

#[tokio::test]
async fn repeated_query_parameters_and_values_of_several_types() {
    let server = CannedServer::start_sequence([
        CannedResponse::json(200, r#"{"judges": {"count": 0}}"#),
        CannedResponse::json(200, r#"{"analysis": "a", "answer": 3}"#),
        CannedResponse::json(200, r#"{"options": ["a", true, null]}"#),
    ])
    .await;
    let client = client(&server);
    let models = vec!["a".to_owned(), "b c".to_owned()];
    client.judges().list().model_filter(models).await.unwrap();
    assert!(server.request_lines()[0].ends_with("?model_filter=a&model_filter=b+c"));
    let output = client.judges().judge_conversation(Uuid::nil(), json!([{}])).await.unwrap();
    assert_eq!(output.answer, JudgeAnswer::Number(3.0));
    let fields = client.chat_completion_events().fields();
    let options = fields.fetch_options("x", FilterOperator::Eq).await.unwrap().options.unwrap();
    assert_eq!(serde_json::to_string(&options).unwrap(), r#"["a",true,null]"#);
}

#[tokio::test]
async fn a_campaign_is_waited_for() {
    let status = |status: &str| CannedResponse::json(200, json!({ "status": status }).to_string());
    let server =
        CannedServer::start_sequence([status("RUNNING"), status("PAUSED"), status("COMPLETED")])
            .await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let statuses = seen.clone();
    let wait = client(&server)
        .campaigns()
        .wait(Uuid::nil())
        .poll_interval(Duration::ZERO, Duration::ZERO)
        .on_progress(move |status| statuses.lock().unwrap().push(status.to_string()));
    assert_eq!(wait.await.unwrap(), TaskStatus::Completed);
    assert_eq!(*seen.lock().unwrap(), ["RUNNING", "PAUSED", "COMPLETED"]);

    let server = CannedServer::start(status("CANCELED")).await;
    let error = client(&server).campaigns().wait(Uuid::nil()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskFailed);
    assert_eq!(error.message(), "the campaign is CANCELED: the server gave no reason");

    let server = CannedServer::start(status("RUNNING")).await;
    let wait = client(&server).campaigns().wait(Uuid::nil()).timeout(Duration::ZERO);
    let error = wait.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.message(), "the campaign is still RUNNING after 0ns");
}

fn mapping() -> SpanDatasetMappingContract {
    let namespace = SpanDatasetSourceNamespace::SpanAttributes;
    let source = SpanDatasetSourceReference::new(namespace, "gen_ai.input.messages");
    SpanDatasetMappingContract::new([SpanDatasetMapping::new("messages", source)])
}

fn task(code: u16, status: &str, imported: i64) -> CannedResponse {
    let id = Uuid::nil();
    let task = json!({
        "id": id, "dataset_id": id, "created_at": "2026-09-01T00:00:00Z",
        "updated_at": "2026-09-01T00:00:00Z", "creator_id": id, "workspace_id": id, "status": status,
        "result": {
            "imported_record_count": imported, "requested_record_count": imported + 1,
            "skipped_record_count": 1
        },
    });
    CannedResponse::json(code, task.to_string())
}

fn references(count: usize) -> Vec<TelemetrySpanReference> {
    (0..count).map(|n| TelemetrySpanReference::new("a", format!("{n}"))).collect()
}

#[tokio::test]
async fn spans_are_imported_in_parts() {
    let server = CannedServer::start_sequence([
        task(202, "RUNNING", 0),
        task(200, "COMPLETED", 9_999),
        task(202, "RUNNING", 0),
        task(200, "COMPLETED", 4),
    ])
    .await;
    let spans = futures::stream::iter(references(10_005));
    let report = client(&server).datasets().import_spans("d", spans, mapping()).await.unwrap();
    assert_eq!((report.spans(), report.records(), report.skipped()), (10_005, 10_003, 2));
    let parts: Vec<_> = report.parts().iter().map(|part| (part.first, part.spans)).collect();
    assert_eq!(parts, [(0, 10_000), (10_000, 5)]);
    let bodies: Vec<Value> =
        server.bodies().iter().map(|body| serde_json::from_str(body).unwrap_or_default()).collect();
    assert_eq!(bodies[2]["span_references"][0], json!({"trace_id": "a", "span_id": "10000"}));
    let contract = json!({"mappings": [{
        "target_field": "messages",
        "source_field": {"namespace": "span_attributes", "key": "gen_ai.input.messages"}
    }]});
    assert_eq!(bodies[2]["mapping_contract"], contract);
}

#[tokio::test]
async fn an_import_of_spans_is_resumed() {
    let server = CannedServer::start_sequence([
        task(202, "RUNNING", 0),
        task(200, "COMPLETED", 9_999),
        CannedResponse::lost(),
    ])
    .await;
    let datasets = client(&server).datasets();
    let spans = |count| futures::stream::iter(references(count));
    let error = datasets.import_spans("d", spans(10_002), mapping()).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error}");
    assert!(error.message().contains("spans 10001 to 10002 may have started"), "{error}");
    let Some(Report::Spans(report)) = error.report() else { panic!("{error}") };
    assert!(report.parts()[0].task.is_some() && report.parts()[1].task.is_none());

    let server =
        CannedServer::start_sequence([task(202, "RUNNING", 0), task(200, "COMPLETED", 1)]).await;
    let datasets = client(&server).datasets();
    let resumed = datasets.import_spans("d", spans(10_003), mapping()).resume(report.clone());
    let report = resumed.await.unwrap();
    assert_eq!((report.spans(), server.bodies().len()), (10_003, 2));
    assert!(server.bodies()[0].contains(r#""span_id":"10002""#));

    let other = datasets.import_spans("d", spans(3), mapping()).resume(report);
    let error = other.await.unwrap_err();
    assert_eq!(error.message(), "resume: the report belongs to a different source");
    let mut failing = GetSpan::empty();
    failing.span_id = "b".to_owned();
    let source =
        [Ok(failing), Err(datasets.import_spans("d", spans(0), mapping()).await.unwrap_err())];
    let error = datasets.import_spans("d", futures::stream::iter(source), mapping()).await;
    assert!(error.unwrap_err().message().contains("the source is empty"));
    assert_eq!(server.bodies().len(), 2);
}
