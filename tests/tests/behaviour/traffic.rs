//! Searches of the traffic of `traces.json` and `logs.json`, and the import of spans.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use mistral_datasets::filter::field;
use mistral_datasets::types::{
    AggregationRow, FieldOption, FilterOperator, FilterPayload, GetSpan, MetricAggregation,
    MetricDefinition, OrderByClause, RecordSource, SortOrder, SpanDatasetMapping,
    SpanDatasetMappingContract, SpanDatasetSourceNamespace, SpanDatasetSourceReference,
    TimeDimension, TimestampGranularity,
};
use mistral_datasets::{ErrorKind, FeedPager, RawJson, expression};
use mistral_datasets_tests::Fixture;
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// The spans, in the order they started.
const SPANS: [&str; 3] = ["00f067aa0ba902b1", "00f067aa0ba902b2", "00f067aa0ba902b3"];

/// Starts a server that has received the traces.
async fn started() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.send_telemetry("traces").await;
    fixture
}

fn value(json: &RawJson) -> Value {
    json.parse().unwrap()
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn span_ids(pager: FeedPager<GetSpan>) -> Vec<String> {
    pager.items().map_ok(|span| span.span_id).try_collect().await.unwrap()
}

#[tokio::test]
async fn events_are_searched_with_filters() {
    let fixture = started().await;
    let events = fixture.client.chat_completion_events();
    let summer = || {
        field("total_time_elapsed").gt(1) & field("last_user_message_preview").icontains("L'ÉTÉ")
    };
    let extra_fields = || ["model_name", "total_time_elapsed"].map(str::to_owned).to_vec();
    let found = events.search(summer()).extra_fields(extra_fields()).await.unwrap();
    let [event] = &*found.completion_events.results else { panic!("{found:?}") };
    assert_eq!((&*event.correlation_id, event.nb_input_tokens), (TRACE, 22));
    let expected = json!({"model_name": "large", "total_time_elapsed": 1.25});
    assert_eq!(value(&event.extra_fields), expected);
    let all = events.search(FilterPayload::all()).extra_fields(extra_fields()).page_size(1);
    let models =
        all.pager().items().map_ok(|event| value(&event.extra_fields)["model_name"].clone());
    assert_eq!(models.try_collect::<Vec<_>>().await.unwrap(), ["large", "large", "small"]);
    let ids = events.search_ids(summer()).await.unwrap().completion_event_ids;
    assert_eq!(ids, [&*event.event_id]);
}

#[tokio::test]
async fn event_messages_have_chat_form() {
    let fixture = started().await;
    let events = fixture.client.chat_completion_events();
    let filter = field("invoked_tools").includes("find_order");
    let ids = events.search_ids(filter).await.unwrap().completion_event_ids;
    let [id] = &*ids else { panic!("{ids:?}") };
    let event = events.fetch(id).await.unwrap();
    let messages: Vec<_> = event.request_messages.iter().map(value).collect();
    let expected = [
        json!({"role": "system", "content": "Be brief."}),
        json!({"role": "user", "content": "Where is order 7?"}),
    ];
    assert_eq!(messages, expected);
    let [message] = &*event.response_messages else { panic!("{event:?}") };
    let message = value(message);
    let call = &message["tool_calls"][0];
    assert_eq!((&message["role"], &call["id"]), (&json!("assistant"), &json!("call1")));
    assert_eq!(call["function"]["name"], "find_order");
    let arguments: Value = call["function"]["arguments"].as_str().unwrap().parse().unwrap();
    assert_eq!(arguments, json!({"number": 7}));
    assert_eq!(event.nb_messages, 3);
}

#[tokio::test]
async fn event_fields_and_options() {
    let fixture = started().await;
    let fields = fixture.client.chat_completion_events().fields();
    let definitions = fields.list().await.unwrap().field_definitions;
    let model = definitions.iter().find(|field| field.name == "model_name").unwrap();
    assert!(model.supported_operators.contains(&FilterOperator::Startswith));
    let options = fields.fetch_options("model_name", FilterOperator::Eq).await.unwrap().options;
    let mut options: Vec<_> = options
        .unwrap()
        .into_iter()
        .map(|option| match option {
            Some(FieldOption::String(text)) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    options.sort();
    assert_eq!(options, ["large", "small"]);
    for (filter, expected) in [
        (FilterPayload::all(), vec![("large", 2), ("small", 1)]),
        (field("invoked_tools").includes("find_order").into(), vec![("small", 1)]),
    ] {
        let counts = fields.fetch_option_counts("model_name").filter_params(filter).await.unwrap();
        let counts: Vec<_> =
            counts.counts.iter().map(|count| (&*count.value, count.count)).collect();
        assert_eq!(counts, expected);
    }
}

#[tokio::test]
async fn spans_are_searched_in_pages() {
    let fixture = started().await;
    let spans = fixture.client.spans();
    let mut pages = spans.search_spans().page_size(2).pager().pages();
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        let ids = page.unwrap().results.into_iter().map(|span| span.span_id);
        seen.push(ids.collect::<Vec<_>>());
    }
    assert_eq!(seen, [vec![SPANS[2], SPANS[1]], vec![SPANS[0]]]);
    let name = expression::key("span_attributes", "user.name");
    for search in [
        format!("{name} = {}", expression::text("O'Brien")),
        format!("input_messages CONTAINS {}", expression::text("l'été")),
    ] {
        let found = spans.search_spans().search_expression(search).await.unwrap().spans.results;
        let [span] = &*found else { panic!("{found:?}") };
        assert_eq!((&*span.span_id, &*span.request_model), (SPANS[1], "large"));
        assert_eq!(span.usage_input_tokens, 22);
        assert_eq!(span.span_attributes["user.name"], "O'Brien");
    }
    let search = "request_model = 'large' AND duration_ns > 1000000000";
    let search = spans.search_spans().search_expression(search);
    let search = search.from(time("2026-09-01T12:00:01Z")).to(time("2026-09-01T12:00:02Z"));
    assert_eq!(span_ids(search.pager()).await, [SPANS[1]]);
}

#[tokio::test]
async fn traces_are_summarized() {
    let fixture = started().await;
    let traces = fixture.client.traces();
    let search = traces.search().search_expression("span_count = 3").pager();
    let found: Vec<_> = search.items().try_collect().await.unwrap();
    let [trace] = &*found else { panic!("{found:?}") };
    assert_eq!(&traces.get_trace_by_id(TRACE).await.unwrap(), trace);
    assert_eq!((&*trace.trace_id, &*trace.service_name), (TRACE, "shop"));
    assert_eq!((trace.llm_call_count, trace.input_tokens), (3, 66));
    let mut models = trace.models_used.clone();
    models.sort();
    assert_eq!(models, ["large", "small"]);
    assert_eq!(trace.first_turn_last_input_message, "Where is order 7?");
    assert_eq!(span_ids(traces.get_trace_spans(TRACE).page_size(2).pager()).await, SPANS);
    assert_eq!(traces.get_span_by_id(TRACE, SPANS[0]).await.unwrap().request_model, "small");
    let error = traces.get_span_by_id(TRACE, "1".repeat(16)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, Some("SPAN_NOT_FOUND")));
}

#[tokio::test]
async fn span_evaluations_are_searched() {
    let fixture = started().await;
    fixture.send_telemetry("logs").await;
    let spans = fixture.client.spans();
    let search = "evaluation_name = 'relevance' AND score_value < 0.6";
    let some = spans.search_span_evaluations().search_expression(search).pager();
    let latest = spans.search_latest_span_evaluations().page_size(1).pager();
    for (pager, expected) in [(some, [0.5, 0.25]), (latest, [0.5, 0.75])] {
        let scores = pager.items().map_ok(|evaluation| evaluation.score_value);
        assert_eq!(scores.try_collect::<Vec<_>>().await.unwrap(), expected);
    }
    let metric = MetricDefinition::new("score_value", MetricAggregation::Max);
    let aggregation =
        spans.aggregate_span_evaluations(metric).dimensions(vec!["evaluation_name".to_owned()]);
    let rows = aggregation.await.unwrap().data;
    let [row] = &*rows else { panic!("{rows:?}") };
    assert_eq!((&*row.metric_name, row.metric_value), ("max_score_value", Some(0.75)));
    let options = spans.fetch_span_eval_field_options("score_label").await.unwrap().options;
    let mut options = options.unwrap();
    options.sort();
    assert_eq!(options, ["high", "low", "medium"]);
}

#[tokio::test]
async fn logs_are_searched() {
    let fixture = Fixture::start().await;
    fixture.send_telemetry("logs").await;
    let logs = fixture.client.logs();
    let search = logs.search().search_expression("event_name = ''");
    let bodies = search.order(SortOrder::Asc).page_size(1).pager().items().map_ok(|log| log.body);
    let bodies: Vec<_> = bodies.try_collect().await.unwrap();
    assert_eq!(bodies, ["started", "the payment failed"]);
    let search = "severity_text = 'ERROR' AND body CONTAINS 'fail'";
    let found = logs.search().search_expression(search).await.unwrap().logs.results;
    let [log] = &*found else { panic!("{found:?}") };
    assert_eq!((log.severity_number, &*log.service_name), (17, "shop"));
    let options = logs.fetch_options("service_name").await.unwrap().options;
    assert_eq!(options.unwrap(), ["shop"]);
}

#[tokio::test]
async fn spans_are_aggregated() {
    let fixture = started().await;
    let spans = fixture.client.spans();
    let average = MetricDefinition::new("duration_ns", MetricAggregation::Avg);
    let averages = spans
        .aggregate(average)
        .dimensions(vec!["request_model".to_owned()])
        .order_by(vec![OrderByClause::new("avg_duration_ns").direction(SortOrder::Desc)]);
    let row = |row: &AggregationRow| {
        (row.metric_name.clone(), row.metric_value, row.dimensions.as_ref().map(value))
    };
    let rows: Vec<_> = averages.await.unwrap().data.iter().map(row).collect();
    let expected = [("large", 1.25e9), ("small", 0.5e9)].map(|(model, average)| {
        ("avg_duration_ns".to_owned(), Some(average), Some(json!({"request_model": model})))
    });
    assert_eq!(rows, expected);
    let count = MetricDefinition::new("duration_ns", MetricAggregation::Count);
    let counts = spans
        .aggregate(count)
        .time_dimension(TimeDimension::new().granularity(TimestampGranularity::Hour))
        .search_expression("request_model = 'large'");
    let rows = counts.await.unwrap().data;
    let [row] = &*rows else { panic!("{rows:?}") };
    let hour = time("2026-09-01T12:00:00Z");
    assert_eq!((row.metric_value, row.time_bucket), (Some(2.0), Some(hour)));
}

#[tokio::test]
async fn unknown_search_field_is_rejected() {
    let fixture = Fixture::start().await;
    let search = |expression: &str| {
        fixture.client.spans().search_spans().search_expression(expression.to_owned())
    };
    let error = search("nothing = 1").await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, Some(400)));
    assert_eq!(error.code(), Some("FIELDS_BAD_REQUEST"));
    assert_eq!(error.operation(), Some("search_spans"));
    let filter = field("model_name").eq("large") | field("nothing").eq(1);
    let error = fixture.client.chat_completion_events().search(filter).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, Some(400)));
    assert_eq!(error.code(), Some("FIELDS_BAD_REQUEST"));
    let error = search("duration_ns > > 1").await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Validation, Some(400)));
    assert_eq!(error.code(), Some("TRACES_FILTER_QUERY_PARSE_ERROR"));
    assert!(error.message().contains("15"), "{error}");
}

#[tokio::test]
async fn import_spans() {
    let fixture = started().await;
    let dataset = fixture.create_dataset().await;
    let namespace = SpanDatasetSourceNamespace::SpanAttributes;
    let source = SpanDatasetSourceReference::new(namespace, "gen_ai.input.messages");
    let mapping = SpanDatasetMappingContract::new([SpanDatasetMapping::new("messages", source)]);
    let search = fixture.client.spans().search_spans();
    let spans = search.search_expression("request_model = 'large'").pager().items();
    let import = fixture.client.datasets().import_spans(dataset.id, spans, mapping);
    let report = import.await.unwrap();
    assert_eq!((report.spans(), report.records(), report.skipped()), (2, 2, 0));
    let records = fixture.list_records(&dataset).await;
    let mut texts: Vec<_> = records
        .iter()
        .map(|record| value(&record.payload)["messages"][0]["parts"][0]["content"].clone())
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["It's l'été", "Thanks"]);
    for record in &records {
        assert_eq!(record.source, RecordSource::TelemetrySpan);
        assert_eq!(value(&record.properties)["trace_id"], TRACE);
    }
}
