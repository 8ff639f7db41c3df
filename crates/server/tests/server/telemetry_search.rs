//! Searches of spans, traces, log records and evaluations with search expressions.

use serde_json::{Value, json};

use crate::otlp::{evaluation, log, send_logs, send_spans, span};
use crate::support::Api;

const SPANS: &str = "/v1/observability/spans";
const TRACES: &str = "/v1/observability/traces";
const LOGS: &str = "/v1/observability/logs";

/// A span of a chat.
fn chat(trace: u64, id: u64, second: u64, model: &str, user: &str) -> Value {
    let input = json!([{"role": "user", "parts": [{"type": "text", "content": user}]}]).to_string();
    let output = json!([{"role": "assistant", "parts": [{"type": "text", "content": "Sure."}], "finish_reason": "stop"}]);
    let attributes = json!({
        "gen_ai.operation.name": "chat", "gen_ai.request.model": model, "gen_ai.response.model": format!("{model}-2508"),
        "gen_ai.input.messages": input, "gen_ai.output.messages": output.to_string(), "gen_ai.conversation.id": "c-1",
        "gen_ai.usage.input_tokens": 10 * id, "gen_ai.usage.output_tokens": 5, "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": ["stop"], "shop.items": id, "shop.user": format!("User_{id}"),
    });
    span(trace, id, second, &format!("chat {model}"), attributes)
}

/// Sends three traces: one with an agent, two chats and a failed tool, and two with a chat each.
async fn start() -> Api {
    let api = Api::start().await;
    let mut agent = span(
        1,
        1,
        0,
        "invoke_agent",
        json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "Ada"}),
    );
    agent["endTimeUnixNano"] = (crate::otlp::START + 9_000_000_000).to_string().into();
    let mut tool = span(
        1,
        4,
        3,
        "execute_tool",
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}),
    );
    tool["status"] = json!({"code": 2, "message": "no network"});
    let mut spans = vec![
        agent,
        chat(1, 2, 1, "small", "Hallo Welt"),
        chat(1, 3, 5, "large", "l'été 100%"),
        tool,
    ];
    for child in &mut spans[1..] {
        child["parentSpanId"] = format!("{:016x}", 1).into();
    }
    spans.push(chat(2, 5, 60, "small", "Wo ist meine Bestellung?"));
    spans.push(chat(3, 6, 120, "medium", "Danke"));
    send_spans(&api, spans).await;
    api
}

/// Returns the last digits of the ids of the spans that match.
async fn spans(api: &Api, expression: &str) -> String {
    let found: Value = search(api, SPANS, expression, "").await;
    ids(&found["spans"]["results"], "span_id")
}

async fn search(api: &Api, entity: &str, expression: &str, query: &str) -> Value {
    let body = json!({"search_expression": expression}).to_string();
    api.post(&format!("{entity}/search?{query}"), body).await.json(200)
}

fn ids(results: &Value, name: &str) -> String {
    let results = results.as_array().expect("an array").iter();
    results
        .map(|result| result[name].as_str().unwrap().trim_start_matches('0').to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn spans_are_found_by_expressions() {
    let api = start().await;
    for (expression, expected) in [
        ("", "6 5 3 4 2 1"),
        ("request_model = 'small'", "5 2"),
        ("request_model != 'small'", "6 3 4 1"),
        ("request_model IN ('small', 'medium') AND start_time >= '2026-08-01T00:01:00Z'", "6 5"),
        ("NOT (request_model = 'small' OR operation_name = 'invoke_agent')", "6 3 4"),
        ("duration_ns > 1000000000", "1"),
        ("duration_ns BETWEEN 1000000000 AND 2e9 AND status_code = 'Error'", "4"),
        ("span_name LIKE 'chat %'", "6 5 3 2"),
        ("span_name LIKE 'CHAT %'", ""),
        ("span_name ILIKE 'CHAT _mall'", "5 2"),
        (r"input_messages LIKE '%100\%%'", "3"),
        ("input_messages CONTAINS 'été'", "3"),
        ("input_messages ILIKE '%ÉTÉ%'", "3"),
        ("hasToken(input_messages, 'Bestellung')", "5"),
        ("hasToken(input_messages, 'Bestell')", ""),
        (r"span_name REGEXP '^chat (s|l)'", "5 3 2"),
        ("span_name NOT REGEXP 'chat'", "4 1"),
        ("request_temperature EXISTS", "6 5 3 2"),
        ("request_temperature NOT EXISTS", "4 1"),
        ("request_temperature < 0.4", ""),
        ("tool_name EXISTS", "4"),
        ("usage_input_tokens EXISTS AND usage_input_tokens <= 30", "3 2"),
        ("has(response_finish_reasons, 'stop')", "6 5 3 2"),
        ("response_finish_reasons NOT CONTAINS 'stop'", "4 1"),
        ("hasAny(response_finish_reasons, ['length', 'stop'])", "6 5 3 2"),
        ("hasAll(response_finish_reasons, ['length', 'stop'])", ""),
        ("span_attributes['gen_ai.request.model'] = 'small'", "5 2"),
        ("span_attributes['gen_ai.request.model'] != 'small'", "6 3 4 1"),
        ("span_attributes['shop.items'] > 2.5", "6 5 3"),
        ("span_attributes['shop.items'] = '5'", "5"),
        ("span_attributes['shop.user'] > 2", ""),
        (r"span_attributes['shop.user'] LIKE 'User\_%'", "6 5 3 2"),
        ("span_attributes['shop.user'] NOT EXISTS", "4 1"),
        ("span_attributes['gen_ai.input.messages'] CONTAINS 'Danke'", "6"),
        ("has(span_attributes['gen_ai.response.finish_reasons'], 'stop')", "6 5 3 2"),
        (
            "resource_attributes['service.name'] = 'shop' AND trace_id = '00000000000000000000000000000002'",
            "5",
        ),
        ("start_time = '2026-08-01T00:00:03Z'", "4"),
        ("start_time IN ('2026-08-01T00:00:03Z', '2026-08-01T00:00:05.000000Z')", "3 4"),
        ("provider_name = ''", "6 5 3 4 2 1"),
    ] {
        assert_eq!(spans(&api, expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn errors_of_expressions_have_a_code_and_a_position() {
    let api = start().await;
    let error = async |expression: &str, code: &str| {
        let body = json!({"search_expression": expression}).to_string();
        api.post(&format!("{SPANS}/search"), body).await.error(400, code)
    };
    let message = error("span_name = 'a' AND", "TRACES_FILTER_QUERY_PARSE_ERROR").await;
    assert_eq!(
        message,
        "search_expression: position 20: expected a field, a function, NOT, or a parenthesis"
    );
    let message = error("shop = 'a'", "FIELDS_BAD_REQUEST").await;
    assert!(
        message
            .starts_with("search_expression: position 1: unknown field; expected one of trace_id,"),
        "{message}"
    );
    error("duration_ns = 'a'", "TRACES_FILTER_QUERY_PARSE_ERROR").await;
    // As large as an expression may be.
    let widest = vec!["(span_attributes['gen_ai.input.messages'] = 'a')"; 250].join(" OR ");
    assert_eq!(spans(&api, &widest).await, "");
    let mut deepest = "span_attributes['a'] = 1".to_owned();
    for level in 0..63 {
        let operator = if level % 2 == 0 { "OR" } else { "AND" };
        deepest = format!("NOT has(response_finish_reasons, 'x') {operator} ({deepest})");
    }
    assert_eq!(spans(&api, &deepest).await, "6 5 3 4 2 1");
    let values = vec!["'small'"; 1_000].join(", ");
    assert_eq!(spans(&api, &format!("request_model IN ({values})")).await, "5 2");
    api.post(&format!("{SPANS}/search"), "").await.error(422, "VALIDATION_ERROR");
    api.post(&format!("{SPANS}/search"), "{\"search_expression\": 5}")
        .await
        .error(422, "VALIDATION_ERROR");
    api.post(&format!("{SPANS}/search?from=now"), "{}").await.error(422, "VALIDATION_ERROR");
}

#[tokio::test]
async fn pages_are_stable_while_spans_arrive() {
    let api = start().await;
    let mut found = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let response = search(&api, SPANS, "", &format!("page_size=2&cursor={cursor}")).await;
        found.push(ids(&response["spans"]["results"], "span_id"));
        assert_eq!(response["spans"]["next"], response["spans"]["cursor"]);
        let Some(next) = response["spans"]["next"].as_str() else { break };
        cursor = next.to_owned();
        // A newer span does not shift the pages.
        send_spans(&api, vec![span(9, 100 + page, 1_000 + page, "late", json!({}))]).await;
    }
    assert_eq!(found, ["6 5", "3 4", "2 1"]);
    let none = search(&api, SPANS, "", "page_size=0").await;
    assert_eq!(none, json!({"spans": {"results": [], "next": null, "cursor": null}}));
    let body = "{}".to_owned();
    let tampered = format!("{SPANS}/search?cursor=x{cursor}");
    api.post(&tampered, body.clone()).await.error(422, "VALIDATION_ERROR");
    api.post(&format!("{SPANS}/search?page_size=101"), body).await.error(422, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_range_includes_its_start_and_excludes_its_end() {
    let api = start().await;
    let found =
        search(&api, SPANS, "", "from=2026-08-01T00:00:03Z&to=2026-08-01T00:01:00.000Z").await;
    assert_eq!(ids(&found["spans"]["results"], "span_id"), "3 4");
    let found = search(&api, SPANS, "", "from=2026-08-01T02:01:00+02:00").await;
    assert_eq!(ids(&found["spans"]["results"], "span_id"), "6 5");
}

#[tokio::test]
async fn a_span_has_all_fields_and_the_attributes_that_arrived() {
    let api = start().await;
    let path = format!("{TRACES}/{:032X}/spans/{:016x}", 1, 3);
    let span: Value = api.get(&path).await.json(200);
    let required: Vec<String> = required_keys("GetSpan");
    assert!(required.len() >= 59);
    for key in &required {
        assert!(span.get(key).is_some(), "{key} is missing");
    }
    let pick = |keys: &[&str]| keys.iter().map(|key| span[*key].clone()).collect::<Vec<_>>();
    assert_eq!(
        pick(&[
            "customer_id",
            "service_name",
            "span_kind",
            "status_code",
            "request_model",
            "duration_ns",
            "request_top_p"
        ]),
        [
            json!(""),
            json!("shop"),
            json!("Client"),
            json!("Unset"),
            json!("large"),
            json!(1_000_000_000),
            Value::Null
        ]
    );
    assert_eq!(span["start_time"], "2026-08-01T00:00:05.000000Z");
    assert_eq!(span["request_temperature"], 0.5);
    assert_eq!(span["response_finish_reasons"], json!(["stop"]));
    let attributes = &span["span_attributes"];
    assert_eq!(attributes["shop.items"], "3");
    assert_eq!(attributes["gen_ai.input.messages"], span["input_messages"]);
    assert_eq!(attributes["gen_ai.response.finish_reasons"], "[\"stop\"]");
    assert!(attributes.get("gen_ai.tool.definitions").is_none());
    assert_eq!(span["resource_attributes"], json!({"service.name": "shop"}));
}

/// Returns the required keys of a schema of the document.
fn required_keys(schema: &str) -> Vec<String> {
    let text = include_str!("../../../../openapi/datasets.yaml");
    let start = text.find(&format!("\n    {schema}:\n")).expect("the schema");
    let required = &text[start + text[start..].find("required:").unwrap()..];
    let list = &required[required.find('[').unwrap() + 1..required.find(']').unwrap()];
    list.split(',').map(|key| key.trim().to_owned()).collect()
}

#[tokio::test]
async fn attributes_are_those_that_arrived_even_where_columns_differ() {
    let api = Api::start().await;
    // One span with escapes in its messages, one whose messages came under an older name.
    let escaped = r#"[{"role":"user","parts":[{"type":"text","content":"\u00e9t\u00e9"}]}]"#;
    let received = json!({"gen_ai.operation.name": "chat", "gen_ai.input.messages": escaped, "a\"b\\c": "odd"});
    let older = json!({"gen_ai.operation.name": "chat", "gen_ai.prompt": "[{\"role\":\"user\",\"content\":\"Salut\"}]"});
    send_spans(&api, vec![span(1, 1, 0, "new", received), span(1, 2, 1, "old", older)]).await;
    let found = search(&api, SPANS, "", "").await;
    let [old, new] = &found["spans"]["results"].as_array().unwrap()[..] else {
        panic!("two spans")
    };
    assert!(new["input_messages"].as_str().unwrap().contains("été"));
    assert_eq!(new["span_attributes"]["gen_ai.input.messages"], escaped);
    assert!(old["input_messages"].as_str().unwrap().contains("Salut"));
    assert!(old["span_attributes"].get("gen_ai.input.messages").is_none());
    for (expression, expected) in [
        ("input_messages CONTAINS 'été'", "1"),
        ("span_attributes['gen_ai.input.messages'] CONTAINS 'été'", ""),
        (r"span_attributes['gen_ai.input.messages'] CONTAINS '\\u00e9'", "1"),
        ("span_attributes['gen_ai.input.messages'] NOT EXISTS", "2"),
        (r#"span_attributes['a"b\\c'] = 'odd'"#, "1"),
    ] {
        assert_eq!(spans(&api, expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn traces_summarize_their_spans() {
    let api = start().await;
    let trace: Value = api.get(&format!("{TRACES}/{:032x}", 1)).await.json(200);
    for key in required_keys("GetTrace") {
        assert!(trace.get(&key).is_some(), "{key} is missing");
    }
    for (key, value) in [
        ("root_span_name", json!("invoke_agent")),
        ("duration_ns", json!(9_000_000_000_u64)),
        ("status_code", json!("Error")),
        ("span_count", json!(4)),
        ("llm_call_count", json!(2)),
        ("input_tokens", json!(50)),
        ("models_used", json!(["large-2508", "small-2508"])),
        ("tools_used", json!(["search"])),
        ("first_turn_last_input_message", json!("Hallo Welt")),
        ("last_turn_last_output_message", json!("Sure.")),
        ("agent_name", json!("Ada")),
    ] {
        assert_eq!(trace[key], value, "{key}");
    }
    assert!(trace.get("error_message").is_none() && trace.get("span_attributes").is_none());
    for (expression, expected) in [
        ("", "3 2 1"),
        ("status_code = 'Error'", "1"),
        ("error_message CONTAINS 'network'", "1"),
        ("models_used CONTAINS 'small-2508'", "2 1"),
        ("hasAll(models_used, ['small-2508', 'large-2508'])", "1"),
        ("span_attributes['shop.items'] >= 3", "3 2 1"),
        ("span_attributes['shop.items'] = 3", "1"),
        ("span_attributes['shop.items'] != 3", "3 2"),
        ("span_attributes['gen_ai.tool.name'] EXISTS", "1"),
        (
            "span_attributes['gen_ai.tool.name'] NOT EXISTS AND resource_attributes['service.name'] = 'shop'",
            "3 2",
        ),
        ("agent_name = 'Ada' OR input_tokens = 60", "3 1"),
    ] {
        let found = search(&api, TRACES, expression, "").await;
        assert_eq!(ids(&found["traces"]["results"], "trace_id"), expected, "{expression}");
    }
    let found = search(&api, TRACES, "", "to=2026-08-01T00:01:00Z").await;
    assert_eq!(ids(&found["traces"]["results"], "trace_id"), "1");
}

#[tokio::test]
async fn spans_of_a_trace_are_listed_in_the_order_of_their_start() {
    let api = start().await;
    let path = format!("{TRACES}/{:032x}/spans", 1);
    let found: Value = api.get(&path).await.json(200);
    assert_eq!(ids(&found["spans"]["results"], "span_id"), "1 2 4 3");
    let first: Value = api.get(&format!("{path}?page_size=3")).await.json(200);
    let cursor = first["spans"]["next"].as_str().unwrap();
    let second: Value = api.get(&format!("{path}?page_size=3&cursor={cursor}")).await.json(200);
    assert_eq!(ids(&second["spans"]["results"], "span_id"), "3");
    assert_eq!(second["spans"]["next"], Value::Null);
    let late: Value = api.get(&format!("{path}?from=2026-08-01T00:00:03Z")).await.json(200);
    assert_eq!(ids(&late["spans"]["results"], "span_id"), "4 3");
}

#[tokio::test]
async fn missing_traces_and_spans_have_codes() {
    let api = start().await;
    let (known, unknown) = (format!("{:032x}", 1), format!("{:032x}", 7));
    for id in [&*unknown, "x", "0", &known[1..]] {
        for path in ["", "/spans", "/spans/0000000000000001"] {
            api.get(&format!("{TRACES}/{id}{path}")).await.error(404, "TRACE_NOT_FOUND");
        }
    }
    for id in ["0000000000000007", "7", "0000000000000005", "zzzzzzzzzzzzzzzz"] {
        api.get(&format!("{TRACES}/{known}/spans/{id}")).await.error(404, "SPAN_NOT_FOUND");
    }
    let out_of_range = format!("{TRACES}/{known}/spans/{:016x}?to=2026-08-01T00:00:00Z", 1);
    api.get(&out_of_range).await.error(404, "SPAN_NOT_FOUND");
    // Another workspace does not see them.
    let other = api.with_key("another key");
    other.get(&format!("{TRACES}/{known}")).await.error(404, "TRACE_NOT_FOUND");
    assert_eq!(spans(&other, "").await, "");
}

#[tokio::test]
async fn logs_are_listed_in_either_order() {
    let api = Api::start().await;
    let records =
        (0..5).map(|second| log(second, &format!("line {second}"), json!({"n": second}))).collect();
    send_logs(&api, records).await;
    let mut of_trace = log(9, "line 9", json!({}));
    of_trace["traceId"] = "ab".repeat(16).into();
    let bodies = |found: &Value| ids(&found["logs"]["results"], "body").replace("line ", "");
    let find = async |body: Value, query: &str| -> Value {
        api.post(&format!("{LOGS}/search?{query}"), body.to_string()).await.json(200)
    };
    assert_eq!(bodies(&find(json!({}), "").await), "4 3 2 1 0");
    let first = find(json!({"order": "asc"}), "page_size=2").await;
    assert_eq!(bodies(&first), "0 1");
    let cursor = first["logs"]["next"].as_str().unwrap();
    let second = find(json!({"order": "asc"}), &format!("page_size=2&cursor={cursor}")).await;
    assert_eq!(bodies(&second), "2 3");
    let found = find(
        json!({"search_expression": "log_attributes['n'] < 2 AND severity_text = 'INFO'"}),
        "",
    )
    .await;
    assert_eq!(bodies(&found), "1 0");
    let record = &found["logs"]["results"][0];
    for key in required_keys("GetLog") {
        assert!(record.get(&key).is_some(), "{key} is missing");
    }
    send_logs(&api, vec![of_trace]).await;
    let of_trace = format!("trace_id = '{}' AND body LIKE 'line _'", "ab".repeat(16));
    assert_eq!(bodies(&find(json!({"search_expression": of_trace}), "").await), "9");
    let without = "trace_id = '' AND body != 'line 0'";
    let found = find(json!({"search_expression": without}), "page_size=2").await;
    assert_eq!(bodies(&found), "4 3");
    api.post(&format!("{LOGS}/search"), "{\"order\": \"up\"}").await.error(422, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_latest_evaluation_of_each_span_and_name_is_found() {
    let api = start().await;
    let evaluations = vec![
        evaluation(1, 2, 10, "quality", 0.2, "bad"),
        evaluation(1, 2, 20, "quality", 0.9, "good"),
        evaluation(1, 2, 15, "tone", 1.0, "kind"),
        evaluation(2, 5, 70, "quality", 0.5, "bad"),
    ];
    send_logs(&api, evaluations).await;
    let find = async |path: &str, expression: &str, query: &str| {
        let body = json!({"search_expression": expression}).to_string();
        let path = format!("{SPANS}/evaluations/{path}?{query}");
        let found: Value = api.post(&path, body).await.json(200);
        found["span_evaluations"]["results"].as_array().unwrap().clone()
    };
    let scores = |found: &[Value]| {
        found.iter().map(|found| found["score_value"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(scores(&find("search", "", "").await), [0.5, 0.9, 1.0, 0.2]);
    assert_eq!(scores(&find("search/latest", "", "").await), [0.5, 0.9, 1.0]);
    assert_eq!(scores(&find("search/latest", "score_label = 'bad'", "").await), [0.5]);
    assert_eq!(scores(&find("search/latest", "", "to=2026-08-01T00:00:20Z").await), [1.0, 0.2]);
    let found =
        find("search", "evaluation_name = 'tone' AND metadata['rater'] = 'tests'", "").await;
    for key in required_keys("GetSpanEvaluation") {
        assert!(found[0].get(&key).is_some(), "{key} is missing");
    }
    assert_eq!(found[0]["conversation_id"], "c-1");
    assert_eq!(found[0]["metadata"]["rater"], "tests");
}

#[tokio::test]
async fn fields_and_their_values_are_listed() {
    let api = start().await;
    for (entity, name, aggregates) in [
        (SPANS, "request_model", 2),
        ("/v1/observability/spans/evaluations", "score_value", 10),
        (TRACES, "error_count", 10),
        (LOGS, "body", 2),
    ] {
        let list: Value = api.get(&format!("{entity}/fields")).await.json(200);
        let fields = list["field_definitions"].as_array().unwrap();
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        assert!(field["supported_operators"].as_array().unwrap().len() > 5);
        assert_eq!(field["supported_aggregations"].as_array().unwrap().len(), aggregates);
    }
    let options = async |path: &str| -> Value {
        let found: Value = api.get(path).await.json(200);
        found["options"].clone()
    };
    assert_eq!(
        options(&format!("{SPANS}/fields/request_model/options")).await,
        json!(["small", "large", "medium"])
    );
    assert_eq!(options(&format!("{SPANS}/fields/span_name/options")).await, Value::Null);
    assert_eq!(
        options(&format!("{SPANS}/fields/response_finish_reasons/options")).await,
        json!(["stop"])
    );
    // The Python SDK does not encode quotes and brackets.
    let attribute =
        format!("{SPANS}/fields/span_attributes['shop.items']/options?from=2026-08-01T00:01:00Z");
    assert_eq!(options(&attribute).await, json!(["5", "6"]));
    let encoded = format!("{TRACES}/fields/span_attributes%5B%27gen_ai.tool.name%27%5D/options");
    assert_eq!(options(&encoded).await, json!(["search"]));
    assert_eq!(
        options(&format!("{TRACES}/fields/models_used/options")).await,
        json!(["small-2508", "large-2508", "medium-2508"])
    );
    assert_eq!(options(&format!("{LOGS}/fields/severity_text/options")).await, json!([]));
    assert_eq!(
        options(&format!("{SPANS}/evaluations/fields/explanation/options")).await,
        Value::Null
    );
    api.get(&format!("{SPANS}/fields/shop/options")).await.error(400, "FIELDS_BAD_REQUEST");
    api.get(&format!("{LOGS}/fields/request_model/options")).await.error(400, "FIELDS_BAD_REQUEST");
}
