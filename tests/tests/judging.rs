//! Judges of the local server, with a chat server that answers well and badly.

use std::time::Duration;

use mistral_datasets_server::{JudgeEndpoint, Limits, RunningServer, Server, ServerConfig};
use mistral_datasets_tests::{ChatServer, plain_http};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const KEY: &str = "secret-judge-key";

/// A local server that asks a chat server.
struct Setup {
    chat: ChatServer,
    server: RunningServer,
    http: Client,
}

impl Setup {
    async fn start() -> Self {
        Self::start_with(ServerConfig::default()).await
    }

    async fn start_with(config: ServerConfig) -> Self {
        let chat = ChatServer::start().await;
        let endpoint = JudgeEndpoint::new(chat.url())
            .key(Some(KEY.to_owned()))
            .timeout(Duration::from_secs(3))
            .models([("renamed".to_owned(), "other".to_owned())].into());
        let server = Server::start(config.judge(Some(endpoint))).await.unwrap();
        Self { chat, server, http: plain_http() }
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let url = format!("{}/v1/observability/{path}", self.server.url());
        let response = self.http.post(url).bearer_auth("key").json(body).send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    /// Creates a judge and judges a conversation with it.
    async fn judge(&self, judge: &Value, messages: &Value) -> (StatusCode, Value) {
        let (status, created) = self.post("judges", judge).await;
        assert_eq!(status, 201, "{created}");
        let path = format!("judges/{}/live-judging", created["id"].as_str().unwrap());
        self.post(&path, &json!({"messages": messages, "properties": {"expected": "polite"}})).await
    }
}

fn classifier(model: &str) -> Value {
    json!({
        "name": format!("politeness {model}"), "description": "", "model_name": model, "tools": [],
        "instructions": "Is it polite?\n{{ assistant_message }}\n{{ answer_type_definition }}",
        "output": {"type": "CLASSIFICATION", "options": [
            {"value": "polite", "description": "It is"}, {"value": "rude", "description": "It is not"}]},
    })
}

fn scorer(model: &str) -> Value {
    json!({
        "name": format!("score {model}"), "description": "", "model_name": model, "tools": [],
        "instructions": "{{ properties.expected }} {{ user_message }}",
        "output": {"type": "REGRESSION", "min": 1, "max": 5, "min_description": "bad", "max_description": "good"},
    })
}

fn messages() -> Value {
    json!([{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Go away."}])
}

/// Returns the error code of a response.
fn code((status, body): &(StatusCode, Value)) -> (u16, &str) {
    (status.as_u16(), body["detail"]["error_code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_conversation_is_judged() {
    let setup = Setup::start().await;
    let (status, judged) = setup.judge(&classifier("plain"), &messages()).await;
    assert_eq!((status.as_u16(), &judged["answer"]), (200, &json!("polite")), "{judged}");
    assert!(judged["analysis"].as_str().unwrap().contains("characters"));
    let (_, judged) = setup.judge(&scorer("plain"), &messages()).await;
    assert!((1.0..=5.0).contains(&judged["answer"].as_f64().unwrap()), "{judged}");
    assert!(setup.chat.keys().iter().all(|key| *key == format!("Bearer {KEY}")));
    // The endpoint has another name for this model.
    setup.judge(&classifier("renamed"), &messages()).await;
    assert_eq!((setup.chat.requests("other"), setup.chat.requests("renamed")), (1, 0));
}

#[tokio::test]
async fn a_record_is_judged_by_a_definition() {
    let setup = Setup::start().await;
    let dataset = json!({"name": "Support chats", "description": ""});
    let (_, dataset) = setup.post("datasets", &dataset).await;
    let path = format!("datasets/{}/records", dataset["id"].as_str().unwrap());
    let record = json!({"payload": {"messages": messages()}, "properties": {"expected": "rude"}});
    let (_, record) = setup.post(&path, &record).await;
    let path = format!("dataset-records/{}/live-judging", record["id"].as_str().unwrap());
    let mut definition = classifier("plain");
    definition["instructions"] = json!("{{ properties.expected }}");
    let (status, judged) = setup.post(&path, &json!({"judge_definition": definition})).await;
    assert_eq!((status.as_u16(), &judged["answer"]), (200, &json!("rude")), "{judged}");
    let unknown = "dataset-records/01890000-0000-7000-8000-000000000000/live-judging";
    let missing = setup.post(unknown, &json!({"judge_definition": definition})).await;
    assert_eq!(code(&missing), (404, "DATASET_RECORD_NOT_FOUND"));
}

#[tokio::test]
async fn refused_and_unusual_responses_are_handled() {
    let setup = Setup::start().await;
    for model in ["fenced", "no-response-format", "http-429-then-ok"] {
        let (status, judged) = setup.judge(&classifier(model), &messages()).await;
        assert_eq!(
            (status.as_u16(), &judged["answer"]),
            (200, &json!("polite")),
            "{model}: {judged}"
        );
    }
    assert_eq!(setup.chat.requests("http-429-then-ok"), 3);
    // The endpoint is not asked for a format again.
    assert_eq!(setup.chat.requests("no-response-format"), 2);
    let mut other = classifier("no-response-format");
    other["name"] = json!("another judge");
    setup.judge(&other, &messages()).await;
    assert_eq!(setup.chat.requests("no-response-format"), 3);
}

#[tokio::test]
async fn failures_have_their_codes_and_reveal_nothing() {
    let setup = Setup::start().await;
    for (model, expected) in [
        ("broken-json", (400, "JUDGE_MISTRAL_API_ERROR")),
        ("undefined-answer", (400, "JUDGE_MISTRAL_API_ERROR")),
        ("http-401", (400, "JUDGE_MISTRAL_API_ERROR")),
        ("slow", (408, "JUDGE_MISTRAL_API_TIMEOUT")),
    ] {
        for judge in [classifier(model), scorer(model)] {
            let failed = setup.judge(&judge, &messages()).await;
            assert_eq!(code(&failed), expected, "{model}: {}", failed.1);
            let text = failed.1.to_string();
            for secret in ["Go away", "Hello", KEY, "I would say"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
    assert_eq!(setup.chat.requests("http-401"), 2, "permanent failures are not retried");
}

#[tokio::test]
async fn a_failing_endpoint_is_retried_within_the_timeout() {
    let setup = Setup::start().await;
    let failed = setup.judge(&classifier("http-500"), &messages()).await;
    assert!(matches!(code(&failed), (408, _) | (400, "JUDGE_MISTRAL_API_ERROR")), "{}", failed.1);
    assert!(setup.chat.requests("http-500") > 1);
}

#[tokio::test]
async fn invalid_conversations_and_templates_are_rejected() {
    let setup = Setup::start().await;
    for messages in [json!([]), json!([{"content": "no role"}])] {
        let mut judge = classifier("plain");
        judge["name"] = json!(format!("judge of {} messages", messages.as_array().unwrap().len()));
        let failed = setup.judge(&judge, &messages).await;
        assert_eq!(code(&failed), (422, "JUDGE_CONVERSATION_FORMAT_ERROR"));
    }
    let mut judge = classifier("plain");
    judge["instructions"] = json!("{% if %}");
    assert_eq!(code(&setup.post("judges", &judge).await), (422, "TEMPLATE_SYNTAX_ERROR"));
    judge["instructions"] =
        json!("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}");
    let failed = setup.judge(&judge, &messages()).await;
    assert_eq!(code(&failed), (422, "TEMPLATE_ERROR"));
}

/// Sends 40 judgements at the same time, and returns how many the endpoint received at the same time.
async fn most_running(setup: &Setup) -> usize {
    let (_, judge) = setup.post("judges", &classifier("brief")).await;
    let path = format!("judges/{}/live-judging", judge["id"].as_str().unwrap());
    let body = json!({"messages": messages()});
    let judgements = (0..40).map(|_| setup.post(&path, &body));
    for (status, judged) in futures::future::join_all(judgements).await {
        assert_eq!(status, 200, "{judged}");
    }
    setup.chat.most_running()
}

#[tokio::test]
async fn judgements_run_at_most_eight_at_a_time_by_default() {
    let most = most_running(&Setup::start().await).await;
    assert!((2..=8).contains(&most), "{most}");
}

#[tokio::test]
async fn the_limit_on_judgements_can_be_changed() {
    let with_limit = |count| ServerConfig::default().limits(Limits::default().judgements(count));
    assert_eq!(most_running(&Setup::start_with(with_limit(1)).await).await, 1);
    let most = most_running(&Setup::start_with(with_limit(20)).await).await;
    assert!((9..=20).contains(&most), "{most}");
}

#[tokio::test]
async fn a_server_without_an_endpoint_does_not_judge() {
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let http = plain_http();
    let setup = Setup { chat: ChatServer::start().await, server, http };
    let failed = setup.judge(&classifier("plain"), &messages()).await;
    assert_eq!(code(&failed), (400, "FEATURE_NOT_SUPPORTED"));
    assert!(failed.1["detail"]["message"].as_str().unwrap().contains("--judge-url"));
}

#[tokio::test]
async fn judges_are_listed_updated_and_deleted() {
    let setup = Setup::start().await;
    let (_, first) = setup.post("judges", &classifier("one")).await;
    let (_, second) = setup.post("judges", &scorer("two")).await;
    let url = |path: &str| format!("{}/v1/observability/judges{path}", setup.server.url());
    let get = async |path: &str| {
        let response = setup.http.get(url(path)).bearer_auth("key").send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    let ids = |listed: &Value| {
        let results = listed["judges"]["results"].as_array().unwrap().clone();
        results.iter().map(|judge| judge["id"].clone()).collect::<Vec<_>>()
    };
    let (_, all) = get("").await;
    assert_eq!(
        (ids(&all), &all["judges"]["count"]),
        (vec![second["id"].clone(), first["id"].clone()], &json!(2))
    );
    for (query, expected) in [
        ("?q=POLITE", vec![&first]),
        ("?type_filter=REGRESSION", vec![&second]),
        ("?type_filter=REGRESSION&type_filter=CLASSIFICATION", vec![&second, &first]),
        ("?model_filter=one", vec![&first]),
        ("?model_filter=three", vec![]),
    ] {
        let (_, listed) = get(query).await;
        let expected: Vec<_> = expected.iter().map(|judge| judge["id"].clone()).collect();
        assert_eq!(ids(&listed), expected, "{query}");
    }
    let (_, page) = get("?page_size=1&model_filter=one&model_filter=two").await;
    let next = page["judges"]["next"].as_str().unwrap();
    assert!(next.ends_with("?page_size=1&page=2&model_filter=one&model_filter=two"), "{next}");
    assert_eq!(code(&get("?type_filter=OTHER").await), (422, "VALIDATION_ERROR"));

    let path = format!("/{}", first["id"].as_str().unwrap());
    let put = async |judge: &Value| {
        let response =
            setup.http.put(url(&path)).bearer_auth("key").json(judge).send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap_or_default())
    };
    assert_eq!(code(&put(&classifier("one")).await), (409, "JUDGE_DID_NOT_CHANGE"));
    assert_eq!(code(&put(&scorer("two")).await), (409, "JUDGE_NAME_ALREADY_EXISTS"));
    assert_eq!(put(&scorer("one")).await.0, 204);
    let (_, updated) = get(&path).await;
    assert_eq!(
        (&updated["output"]["type"], &updated["name"]),
        (&json!("REGRESSION"), &json!("score one"))
    );
    assert_eq!(
        code(&setup.post("judges", &scorer("one")).await),
        (409, "JUDGE_NAME_ALREADY_EXISTS")
    );

    let deleted = setup.http.delete(url(&path)).bearer_auth("key").send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(code(&get(&path).await), (404, "JUDGE_NOT_FOUND"));
    assert_eq!(setup.post("judges", &scorer("one")).await.0, 201, "the name is free again");
}
