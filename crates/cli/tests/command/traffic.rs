//! Searching spans, traces, log records and events, and importing them.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::otlp::{chat_span, send_logs, send_spans};
use crate::server::{PROGRAM, TestServer, stderr, stdout};

/// Starts a server that has received two traces, of two calls and of one.
fn server_with_traffic() -> TestServer {
    let server = TestServer::start(&["--memory"]);
    send_spans(
        &server,
        &[
            chat_span(0, 0, "small", "Where is my refund?", "On its way."),
            chat_span(0, 1, "small", "Thanks", "You are welcome."),
            chat_span(1, 0, "large", "Can I get a refund?", "Yes."),
        ],
    );
    server
}

/// Returns the IDs of trace and span of the spans in a response.
fn ids(spans: &Value) -> Vec<(&str, &str)> {
    let spans = spans.as_array().unwrap().iter();
    spans
        .map(|span| (span["trace_id"].as_str().unwrap(), span["span_id"].as_str().unwrap()))
        .collect()
}

const FIRST: (&str, &str) = ("00000000000000000000000000000001", "0000000000000101");
const SECOND: (&str, &str) = ("00000000000000000000000000000001", "0000000000000102");
const THIRD: (&str, &str) = ("00000000000000000000000000000002", "0000000000000201");

#[test]
fn spans_are_searched_and_aggregated() {
    let server = server_with_traffic();
    let all = server.json(&["spans", "search"]);
    assert_eq!(ids(&all["spans"]["results"]), [THIRD, SECOND, FIRST]);
    let refunds = "operation_name = 'chat' AND input_messages ILIKE '%REFUND%'";
    let found =
        server.json(&["spans", "search", "--search", refunds, "--to", "2026-08-06T05:20:30Z"]);
    assert_eq!(ids(&found["spans"]["results"]), [FIRST]);
    assert_eq!(server.json(&["spans", "search", "--from", "1h"])["spans"]["results"], json!([]));

    let table = stdout(&server.command(&["spans", "search", "--page-size", "2"]));
    assert!(table.contains("chat large") && table.contains("500.0 ms"), "{table}");
    let (_, cursor) = table.trim_end().trim_end_matches('`').rsplit_once(' ').unwrap();
    assert!(table.contains("2 spans; for more, use `--all`"), "{table}");
    let rest = server.json(&["spans", "search", "--cursor", cursor]);
    assert_eq!(ids(&rest["spans"]["results"]), [FIRST]);
    for (option, count) in [(&["--all"][..], 3), (&["--limit", "2"], 2)] {
        let lines = server.command(&[&["--json", "spans", "search"], option].concat());
        assert_eq!(stdout(&lines).lines().count(), count);
    }
    let text = stdout(&server.command(&["spans", "search", "--all"]));
    assert!(text.trim_end().ends_with("\n3 spans"), "{text}");

    let counts = stdout(&server.command(&["spans", "aggregate", "count", "--by", "request_model"]));
    let rows: Vec<Vec<&str>> =
        counts.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["REQUEST_MODEL", "COUNT_SPAN_ID"]);
    assert!(rows.contains(&vec!["small", "2"]) && rows.contains(&vec!["large", "1"]), "{counts}");
    let hourly = ["spans", "aggregate", "p95", "duration_ns", "--per", "hour"];
    let hourly =
        server.json(&[&hourly[..], &["--order-by", "time_bucket", "--descending"]].concat());
    assert_eq!(hourly["data"][0]["metric_value"], 5e8);
    assert_eq!(server.command(&["spans", "aggregate", "p95"]).status.code(), Some(2));

    let fields = stdout(&server.command(&["spans", "fields"]));
    assert!(fields.lines().any(|line| line.trim_start().starts_with("request_model ")), "{fields}");
    assert_eq!(stdout(&server.command(&["spans", "options", "service_name"])), "shop-bot\n");
}

#[test]
fn invalid_expressions_are_errors() {
    let server = TestServer::start(&["--memory"]);
    for (expression, message) in [
        ("request_model = ", "TRACES_FILTER_QUERY_PARSE_ERROR"),
        ("nothing = 1", "FIELDS_BAD_REQUEST"),
    ] {
        let output = server.command(&["spans", "search", "--search", expression]);
        assert_eq!(output.status.code(), Some(6));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    let output = server.command(&["traces", "search", "--from", "yesterday"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("how long ago"), "{}", stderr(&output));
}

#[test]
fn traces_are_searched_and_shown_with_their_spans() {
    let server = server_with_traffic();
    let (trace, span) = SECOND;
    let found = server.json(&["traces", "search", "--search", "span_count = 2"]);
    assert_eq!(found["traces"]["results"][0]["trace_id"], trace);
    let table = stdout(&server.command(&["traces", "search"]));
    assert!(table.contains("shop-bot") && table.contains("60"), "{table}");
    let text = stdout(&server.command(&["traces", "get", trace]));
    assert!(text.contains("llm_call_count") && !text.contains("agent_name"), "{text}");
    let spans = server.json(&["traces", "spans", trace]);
    assert_eq!(ids(&spans["spans"]["results"]), [FIRST, SECOND]);
    assert_eq!(server.json(&["traces", "span", trace, span])["span_id"], span);
    let count = server.json(&["traces", "aggregate", "count"]);
    assert_eq!(count["data"][0]["metric_value"], 2.0);
    assert!(stdout(&server.command(&["traces", "fields"])).contains("span_count"));
    assert_eq!(server.command(&["traces", "get", &"f".repeat(32)]).status.code(), Some(4));
}

#[test]
fn log_records_and_evaluations_are_searched() {
    let server = server_with_traffic();
    let (trace, span) = FIRST;
    let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
    send_logs(
        &server,
        &[
            json!({"timeUnixNano": "1785993600000000000", "severityText": "ERROR", "severityNumber": 17,
                   "body": {"stringValue": "out of stock"}}),
            json!({"timeUnixNano": "1785993601000000000", "severityText": "INFO", "severityNumber": 9,
                   "body": {"stringValue": "sold"}}),
            json!({"timeUnixNano": "1785993602000000000", "eventName": "gen_ai.evaluation.result",
            "traceId": trace, "spanId": span, "attributes": [
                attribute("gen_ai.evaluation.name", json!({"stringValue": "relevance"})),
                attribute("gen_ai.evaluation.score.value", json!({"doubleValue": 0.75})),
                attribute("gen_ai.evaluation.score.label", json!({"stringValue": "high"})),
            ]}),
        ],
    );
    let table = stdout(&server.command(&["logs", "search", "--oldest-first"]));
    assert!(table.find("out of stock") < table.find("sold"), "{table}");
    let errors = server.json(&["logs", "search", "--search", "severity_text = 'ERROR'"]);
    assert_eq!(errors["logs"]["results"][0]["body"], "out of stock");
    assert!(stdout(&server.command(&["logs", "fields"])).contains("severity_text"));

    for latest in [&[][..], &["--latest"]] {
        let search = [&["spans", "evaluations", "search"], latest].concat();
        assert_eq!(server.json(&search)["span_evaluations"]["results"][0]["score_value"], 0.75);
        let table = stdout(&server.command(&search));
        assert!(table.contains("relevance") && table.contains("high"), "{table}");
    }
    let average = server.json(&["spans", "evaluations", "aggregate", "avg", "score_value"]);
    assert_eq!(average["data"][0]["metric_name"], "avg_score_value");
    let names = server.command(&["spans", "evaluations", "options", "evaluation_name"]);
    assert_eq!(stdout(&names), "relevance\n");
}

#[test]
fn events_are_searched_by_conditions() {
    let server = server_with_traffic();
    let refunds = ["--where", "last_user_message_preview icontains REFUND"];
    let table = stdout(&server.command(&[&["events", "search"], &refunds[..]].concat()));
    assert!(table.contains("Can I get a refund?") && table.contains("2 events"), "{table}");
    let found = server.json(&[
        "events",
        "search",
        "--where",
        "model_name eq small",
        "--field",
        "total_time_elapsed",
    ]);
    let results = found["completion_events"]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    assert_eq!(results[0]["extra_fields"], json!({"total_time_elapsed": 0.5}));

    let either = r#"{"OR": [{"field": "model_name", "op": "eq", "value": "large"},
                            {"field": "last_user_message_preview", "op": "eq", "value": "Thanks"}]}"#;
    let both = [&["events", "ids", "--filter", either], &refunds[..]].concat();
    let ids = stdout(&server.command(&both));
    assert_eq!(ids.lines().count(), 1, "{ids}");
    let event = ids.trim();
    assert_eq!(
        server.json(&["events", "get", event])["request_messages"][0]["content"],
        "Can I get a refund?"
    );
    let similar = stdout(&server.command(&["events", "similar", event]));
    assert!(!similar.contains(event) && similar.lines().count() > 1, "{similar}");
    let recent = server.json(&["events", "ids", "--from", "2026-08-06T05:20:30Z"]);
    assert_eq!(recent["completion_event_ids"], json!([event]));

    assert!(stdout(&server.command(&["events", "fields"])).contains("len_eq"));
    assert!(stdout(&server.command(&["events", "options", "model_name"])).contains("large"));
    let counts = stdout(&server.command(&["events", "counts", "model_name"]));
    let rows: Vec<Vec<&str>> =
        counts.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows, [["VALUE", "EVENTS"], ["small", "2"], ["large", "1"]]);
    let invalid = server.command(&["events", "search", "--where", "model_name is small"]);
    assert_eq!(invalid.status.code(), Some(2));
    assert!(stderr(&invalid).contains("expected one of eq, neq"), "{}", stderr(&invalid));
}

#[test]
fn spans_and_events_are_imported() {
    let server = server_with_traffic();
    let created = server.json(&["datasets", "create", "Refund requests"]);
    let dataset = created["id"].as_str().unwrap();
    let (trace, span) = THIRD;
    let reference = format!("{trace}:{span}");
    let task = server.json(&[
        "import",
        dataset,
        "--spans",
        &reference,
        "--map",
        "model=gen_ai.request.model",
        "--map",
        "service=resource:service.name",
    ]);
    assert_eq!(
        (&task["status"], &task["result"]["imported_record_count"]),
        (&json!("COMPLETED"), &json!(1))
    );
    server.json(&["import", dataset, "--traces", FIRST.0]);
    server.json(&["import", dataset, "--search", "request_model = 'large'"]);
    let records = server.json(&["records", "list", dataset]);
    let records = records["records"]["results"].as_array().unwrap();
    assert_eq!(records.len(), 4);
    assert_eq!(records[0]["payload"], json!({"model": "large", "service": "shop-bot"}));
    assert_eq!(records[0]["properties"], json!({"trace_id": trace, "span_id": span}));
    assert!(
        records[1]["payload"]["messages"].is_array() && records[1]["payload"]["output"].is_array()
    );

    let none = server.command(&["import", dataset, "--search", "request_model = 'huge'"]);
    assert_eq!(none.status.code(), Some(6));
    assert!(stderr(&none).contains("there are no such spans"), "{}", stderr(&none));
    assert_eq!(server.command(&["import", dataset, "--spans", trace]).status.code(), Some(2));

    let ids = stdout(&server.command(&["events", "ids"]));
    let mut import = Command::new(PROGRAM)
        .env("MISTRAL_SERVER_URL", &server.url)
        .env("MISTRAL_API_KEY", "a key")
        .args(["import", dataset, "--events", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    import.stdin.take().unwrap().write_all(ids.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    assert_eq!(server.json(&["records", "list", dataset])["records"]["count"], 7);
}
