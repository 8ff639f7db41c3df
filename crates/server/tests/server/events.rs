//! Chat completion events: search, paging, fields, and events that are received as spans.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Api, send};

pub const EVENTS: &str = "/v1/observability/chat-completion-events";
const FIELDS: &str = "/v1/observability/chat-completion-fields";
const JUDGE: &str = "__judge_6f1c2a34-5b6d-4e7f-8a90-1b2c3d4e5f60";

/// Returns a fixture with these fields.
fn event(id: &str, fields: Value) -> Value {
    let message = fields["message"].as_str().unwrap_or("Hello");
    json!({
        "event_id": id,
        "request_messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": message}],
        "response_messages": [{"role": "assistant", "content": "Yes."}],
        "extra_fields": fields,
    })
}

pub async fn insert(api: &Api, events: &[Value]) {
    let path = "/local/v1/chat-completion-events";
    let _: Value = api.post(path, json!(events).to_string()).await.json(200);
}

/// Inserts three events, from the oldest to the newest.
async fn insert_three(api: &Api) {
    insert(
        api,
        &[
            event("not a uuid", json!({
                "timestamp": "2026-08-01T10:00:00Z", "model_name": "small", "input_tokens": 5, "total_time_elapsed": 0.5,
                "last_user_message_preview": "Où est ma commande ?", "invoked_tools": ["web_search"],
                "metadata": {"customer.id": "c-1"}, "own": {"a": 1}, JUDGE: "yes",
            })),
            event("b", json!({
                "timestamp": "2026-08-02T10:00:00Z", "model_name": "medium", "input_tokens": 50,
                "last_user_message_preview": "Where is my order?", "invoked_tools": [], JUDGE: 3,
            })),
            event("c", json!({"timestamp": "2026-08-03T10:00:00Z", "message": "Where is the ORDER?"})),
        ],
    )
    .await;
}

async fn search(api: &Api, body: Value, query: &str) -> Value {
    api.post(&format!("{EVENTS}/search{query}"), body.to_string()).await.json(200)
}

async fn search_ids(api: &Api, filters: Value) -> Vec<String> {
    let body = json!({"search_params": {"filters": filters}});
    let found: Value = api.post(&format!("{EVENTS}/search-ids"), body.to_string()).await.json(200);
    let ids = found["completion_event_ids"].as_array().unwrap();
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_operator_selects_events() {
    let api = Api::start().await;
    insert_three(&api).await;
    let (a, b, c) = ("not a uuid", "b", "c");
    for (field, op, value, expected) in [
        ("model_name", "eq", json!("small"), vec![a]),
        ("model_name", "neq", json!("small"), vec![c, b]),
        ("input_tokens", "lt", json!(50), vec![a]),
        ("input_tokens", "lte", json!(50), vec![b, a]),
        ("input_tokens", "gt", json!(5.5), vec![b]),
        ("timestamp", "gte", json!("2026-08-02T12:00:00+02:00"), vec![c, b]),
        ("last_user_message_preview", "contains", json!("order"), vec![b]),
        ("last_user_message_preview", "notcontains", json!("order"), vec![c, a]),
        ("last_user_message_preview", "icontains", json!("oRDEr"), vec![c, b]),
        ("last_user_message_preview", "icontains", json!("OÙ"), vec![a]),
        ("last_user_message_preview", "inotcontains", json!("oRDEr"), vec![a]),
        ("model_name", "startswith", json!("m"), vec![b]),
        ("model_name", "istartswith", json!("M"), vec![b]),
        ("model_name", "endswith", json!("ll"), vec![a]),
        ("model_name", "iendswith", json!("LL"), vec![a]),
        ("last_user_message_preview", "matches", json!(r"(?i)\border\?$"), vec![c, b]),
        ("invoked_tools", "includes", json!("web_search"), vec![a]),
        ("invoked_tools", "excludes", json!("web_search"), vec![c, b]),
        ("invoked_tools", "len_eq", json!(0), vec![c, b]),
        ("model_name", "isnull", json!(true), vec![c]),
        ("model_name", "isnull", json!(false), vec![b, a]),
        ("metadata.customer.id", "eq", json!("c-1"), vec![a]),
        ("event_id", "eq", json!(a), vec![a]),
        (JUDGE, "eq", json!("yes"), vec![a]),
        (JUDGE, "gt", json!(2), vec![b]),
        (JUDGE, "isnull", json!(true), vec![c]),
    ] {
        let found = search_ids(&api, json!({"field": field, "op": op, "value": value})).await;
        assert_eq!(found, expected, "{field} {op} {value}");
    }
    let condition =
        |field: &str, op: &str, value: &str| json!({"field": field, "op": op, "value": value});
    let group = json!({
        "AND": [condition("last_user_message_preview", "icontains", "order")],
        "OR": [condition("model_name", "eq", "small"), {"AND": [condition("model_name", "eq", "medium")]}],
    });
    assert_eq!(search_ids(&api, group).await, [b]);
    for everything in [json!(null), json!({}), json!({"AND": null, "OR": []})] {
        assert_eq!(search_ids(&api, everything).await, [c, b, a]);
    }
}

#[tokio::test]
async fn a_search_returns_exactly_the_requested_fields() {
    let api = Api::start().await;
    insert_three(&api).await;
    let filters = json!({"field": "event_id", "op": "neq", "value": "c"});
    let body = json!({
        "search_params": {"filters": filters},
        "extra_fields": ["model_name", "total_time_elapsed", "metadata.customer.id", JUDGE, "model_name"],
    });
    let found = search(&api, body, "").await;
    let [b, a] = &found["completion_events"]["results"].as_array().unwrap()[..] else {
        panic!("{found}")
    };
    assert_eq!(
        a,
        &json!({
            "event_id": "not a uuid", "correlation_id": "", "created_at": "2026-08-01T10:00:00.000000Z",
            "extra_fields": {"model_name": "small", "total_time_elapsed": 0.5, "metadata.customer.id": "c-1", JUDGE: "yes"},
            "nb_input_tokens": 5, "nb_output_tokens": 0,
        })
    );
    assert_eq!(
        b["extra_fields"],
        json!({"model_name": "medium", "total_time_elapsed": null, "metadata.customer.id": null, JUDGE: 3})
    );
    let plain = search(&api, json!({"search_params": {"filters": null}}), "").await;
    assert_eq!(plain["completion_events"]["results"][0]["extra_fields"], json!({}));
    assert_eq!(plain["completion_events"]["next"], Value::Null);
    let body = json!({"search_params": {"filters": null}, "extra_fields": ["model"]}).to_string();
    let message =
        api.post(&format!("{EVENTS}/search"), body).await.error(400, "FIELDS_BAD_REQUEST");
    assert!(
        message.starts_with("extra_fields[0]: unknown field; expected one of timestamp,"),
        "{message}"
    );
}

#[tokio::test]
async fn an_event_is_fetched_with_all_its_fields() {
    let api = Api::start().await;
    insert_three(&api).await;
    let event: Value = api.get(&format!("{EVENTS}/not%20a%20uuid")).await.json(200);
    assert_eq!(event["event_id"], "not a uuid");
    assert_eq!(
        (event["nb_messages"].as_i64(), event["nb_input_tokens"].as_i64()),
        (Some(3), Some(5))
    );
    assert_eq!(event["response_messages"], json!([{"role": "assistant", "content": "Yes."}]));
    let extra = &event["extra_fields"];
    assert_eq!((&extra["own"], &extra[JUDGE]), (&json!({"a": 1}), &json!("yes")));
    assert_eq!(
        (&extra["metadata"], &extra["api_agent_id"]),
        (&json!({"customer.id": "c-1"}), &Value::Null)
    );
    assert_eq!(
        (&event["enabled_tools"], &event["chat_transcription_events"]),
        (&json!([]), &json!([]))
    );
    api.get(&format!("{EVENTS}/other")).await.error(404, "UNKNOWN_ERROR");
    // Events of other workspaces do not exist.
    let other = api.with_key("another key");
    other.get(&format!("{EVENTS}/b")).await.error(404, "UNKNOWN_ERROR");
    assert!(search_ids(&other, json!({})).await.is_empty());
}

#[tokio::test]
async fn pages_are_stable_while_events_are_inserted() {
    let api = Api::start().await;
    let at = |minute: usize, id: String| {
        event(&id, json!({"timestamp": format!("2026-08-01T10:{:02}:00Z", minute / 2)}))
    };
    let events: Vec<Value> = (0..25).map(|n| at(n, format!("e{n:02}"))).collect();
    insert(&api, &events).await;
    let body = json!({"search_params": {"filters": {"field": "event_id", "op": "startswith", "value": "e"}}});
    let (mut found, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let cursor_part = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let feed = search(&api, body.clone(), &format!("?page_size=4{cursor_part}")).await;
        let feed = &feed["completion_events"];
        assert_eq!(feed["next"], feed["cursor"]);
        let results = feed["results"].as_array().unwrap();
        found.extend(results.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()));
        // Newer events are not part of the listing that has begun.
        insert(&api, &[at(60, format!("enew{pages}"))]).await;
        pages += 1;
        cursor = feed["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    // Events of the same time have the order of their insertion, like all others.
    let expected: Vec<String> = (0..25).rev().map(|n| format!("e{n:02}")).collect();
    assert_eq!((found, pages), (expected, 7));
    let empty = search(&api, body, "?page_size=0").await;
    assert_eq!(empty["completion_events"], json!({"results": [], "next": null, "cursor": null}));
    let invalid = api.post(&format!("{EVENTS}/search?cursor=3"), "{}").await;
    invalid.error(422, "VALIDATION_ERROR");
}

#[tokio::test]
async fn similar_events_are_found_by_their_last_user_message() {
    let api = Api::start().await;
    insert(
        &api,
        &[
            event("first", json!({"message": "Where is my order 17?"})),
            event("close", json!({"message": "where is my order 23?"})),
            event("far", json!({"message": "Is there a discount on orders?"})),
            event("none", json!({"message": "zzz"})),
        ],
    )
    .await;
    let found: Value = api.get(&format!("{EVENTS}/first/similar-events")).await.json(200);
    let results = found["completion_events"]["results"].as_array().unwrap();
    let ids: Vec<&str> = results.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["close", "far"]);
    api.get(&format!("{EVENTS}/other/similar-events")).await.error(404, "UNKNOWN_ERROR");
}

#[tokio::test]
async fn at_most_50_similar_events_are_returned() {
    let api = Api::start().await;
    let events: Vec<Value> =
        (0..60).map(|n| event(&format!("e{n}"), json!({"message": "the same"}))).collect();
    insert(&api, &events).await;
    let found: Value = api.get(&format!("{EVENTS}/e59/similar-events")).await.json(200);
    let results = found["completion_events"]["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0]["event_id"]), (50, &json!("e58")));
}

#[tokio::test]
async fn fields_are_listed_with_their_operators() {
    let api = Api::start().await;
    let listed: Value = api.get(FIELDS).await.json(200);
    let fields = listed["field_definitions"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(fields.len(), 13);
    assert_eq!(field("model_name")["type"], "ENUM");
    assert_eq!(field("total_time_elapsed")["type"], "FLOAT");
    assert_eq!(
        field("invoked_tools"),
        &json!({
            "name": "invoked_tools", "label": "Invoked tools", "type": "ARRAY", "group": "messages",
            "supported_operators": ["includes", "excludes", "len_eq", "isnull"],
        })
    );
    let groups = listed["field_groups"].as_array().unwrap();
    for field in fields {
        assert!(groups.iter().any(|group| group["name"] == field["group"]), "{field}");
        // Exactly the listed operators are accepted.
        let name = field["name"].as_str().unwrap();
        for op in ["eq", "lt", "contains", "includes", "isnull"] {
            let is_listed = field["supported_operators"].as_array().unwrap().contains(&json!(op));
            let value = match (op, field["type"].as_str().unwrap()) {
                ("isnull", _) => json!(true),
                (_, "TIMESTAMP") => json!("2026-08-01T00:00:00Z"),
                (_, "INT" | "FLOAT") => json!(1),
                _ => json!("x"),
            };
            let filters = json!({"field": name, "op": op, "value": value});
            let body = json!({"search_params": {"filters": filters}}).to_string();
            let response = api.post(&format!("{EVENTS}/search-ids"), body).await;
            assert_eq!(response.status, if is_listed { 200 } else { 400 }, "{name} {op}");
        }
    }
}

#[tokio::test]
async fn options_and_counts_are_those_of_the_events() {
    let api = Api::start().await;
    insert_three(&api).await;
    insert(
        &api,
        &[event("d", json!({"model_name": "small", "invoked_tools": ["web_search", "x"]}))],
    )
    .await;
    let options =
        async |path: &str| -> Value { api.get(&format!("{FIELDS}/{path}")).await.json(200) };
    assert_eq!(
        options("model_name/options?operator=eq").await,
        json!({"options": ["small", "medium"]})
    );
    assert_eq!(options("model_name/options?operator=contains").await, json!({"options": null}));
    assert_eq!(
        options("invoked_tools/options?operator=includes").await,
        json!({"options": ["web_search", "x"]})
    );
    assert_eq!(options("event_id/options?operator=eq").await, json!({"options": null}));
    assert_eq!(
        options("metadata/options?operator=isnull").await,
        json!({"options": [true, false]})
    );
    let path = |path: &str| format!("{FIELDS}/{path}");
    api.get(&path("model_name/options")).await.error(422, "VALIDATION_ERROR");
    api.get(&path("model_name/options?operator=x")).await.error(422, "VALIDATION_ERROR");
    api.get(&path("model_name/options?operator=gt")).await.error(400, "SEARCH_BAD_REQUEST");
    api.get(&path("model/options?operator=eq")).await.error(404, "FIELDS_NOT_FOUND");

    let counts = async |field: &str, body: Value| -> Value {
        let path = format!("{FIELDS}/{field}/options-counts");
        let mut counts: Value = api.post(&path, body.to_string()).await.json(200);
        counts["counts"].take()
    };
    let count = |value: &str, count: u64| json!({"value": value, "count": count});
    assert_eq!(
        counts("model_name", json!({})).await,
        json!([count("small", 2), count("medium", 1)])
    );
    let filters = json!({"filters": {"field": "event_id", "op": "neq", "value": "d"}});
    let filtered = json!({"filter_params": filters});
    assert_eq!(
        counts("model_name", filtered).await,
        json!([count("medium", 1), count("small", 1)])
    );
    assert_eq!(
        counts("invoked_tools", json!({})).await,
        json!([count("web_search", 2), count("x", 1)])
    );
    assert_eq!(counts("input_tokens", json!({})).await, json!([count("5", 1), count("50", 1)]));
    assert_eq!(counts("metadata", json!({})).await, json!([count("customer.id", 1)]));
    assert_eq!(counts("metadata.customer.id", json!({})).await, json!([count("c-1", 1)]));
    assert_eq!(
        counts(JUDGE, json!({"filter_params": null})).await,
        json!([count("3", 1), count("yes", 1)])
    );
    let times = counts("timestamp", json!({})).await;
    assert!(
        times.as_array().unwrap().contains(&count("2026-08-02T10:00:00.000000Z", 1)),
        "{times}"
    );
}

/// Returns an OTLP request with one chat span for each user message.
pub fn chat_spans(messages: &[&str]) -> Value {
    let text = |value: &str| json!({"stringValue": value});
    let spans: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let attribute = |key: &str, value: Value| json!({"key": key, "value": value});
            let input = json!([{"role": "user", "parts": [{"type": "text", "content": message}]}]);
            let output = json!([{"role": "assistant", "parts": [{"type": "text", "content": "It ships today."}]}]);
            json!({
                "traceId": format!("{:032x}", index + 1), "spanId": format!("{:016x}", index + 1), "name": "chat small",
                "kind": 3, "startTimeUnixNano": format!("{}", 1_786_000_000_000_000_000_u64 + index as u64 * 1_000_000_000),
                "endTimeUnixNano": format!("{}", 1_786_000_001_250_000_000_u64 + index as u64 * 1_000_000_000),
                "attributes": [
                    attribute("gen_ai.operation.name", text("chat")),
                    attribute("gen_ai.request.model", text("small")),
                    attribute("gen_ai.usage.input_tokens", json!({"intValue": "21"})),
                    attribute("gen_ai.system_instructions", text(r#"[{"type":"text","content":"Be brief."}]"#)),
                    attribute("gen_ai.input.messages", text(&input.to_string())),
                    attribute("gen_ai.output.messages", text(&output.to_string())),
                ],
            })
        })
        .collect();
    let service = json!([{"key": "service.name", "value": text("shop-bot")}]);
    json!({"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [{"spans": spans}]}]})
}

/// Sends an OTLP request.
pub async fn send_spans(api: &Api, spans: &Value) {
    let request = api.request(Method::POST, "/telemetry/v1/traces");
    let request = request.header("content-type", "application/json").body(spans.to_string());
    let response = send(request).await;
    assert_eq!((response.status.as_u16(), response.text()), (200, "{}".to_owned()));
}

#[tokio::test]
async fn chat_spans_are_events() {
    let api = Api::start().await;
    send_spans(&api, &chat_spans(&["Où est ma commande ?", "Where is my order?"])).await;
    let filters = json!({"field": "last_user_message_preview", "op": "icontains", "value": "OÙ"});
    let ids = search_ids(&api, filters).await;
    let [id] = &ids[..] else { panic!("{ids:?}") };
    let event: Value = api.get(&format!("{EVENTS}/{id}")).await.json(200);
    assert_eq!(event["correlation_id"], "00000000000000000000000000000001");
    assert_eq!(
        event["request_messages"],
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Où est ma commande ?"}])
    );
    let extra = &event["extra_fields"];
    assert_eq!(
        (&extra["model_name"], &extra["total_time_elapsed"]),
        (&json!("small"), &json!(1.25))
    );
    assert_eq!((&event["nb_input_tokens"], &extra["api_agent_id"]), (&json!(21), &Value::Null));
}

#[tokio::test]
async fn large_pages_are_cut_off_at_a_limit() {
    let api = Api::start().await;
    let large = "x".repeat(1 << 20);
    let events: Vec<Value> =
        (0..10).map(|n| event(&format!("e{n}"), json!({"own": large}))).collect();
    insert(&api, &events).await;
    let body = json!({"search_params": {"filters": null}});
    let (mut found, mut query) = (0, "?page_size=100".to_owned());
    loop {
        let feed = search(&api, body.clone(), &query).await;
        let feed = &feed["completion_events"];
        let count = feed["results"].as_array().unwrap().len();
        assert!(count <= 5, "{count}");
        found += count;
        let Some(next) = feed["next"].as_str() else { break };
        query = format!("?page_size=100&cursor={next}");
    }
    assert_eq!(found, 10);
}
