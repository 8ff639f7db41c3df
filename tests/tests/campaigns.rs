//! Campaigns of the local server, with a chat server that answers well and badly.

use std::path::Path;
use std::time::{Duration, Instant};

use mistral_datasets_server::{
    DataLocation, Generation, JudgeEndpoint, RunningServer, Server, ServerConfig,
};
use mistral_datasets_tests::ChatServer;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// A server and a client of it.
struct Api {
    server: RunningServer,
    http: Client,
}

impl Api {
    async fn start(config: ServerConfig) -> Self {
        // Fails if another test has already installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Server::start(config).await.unwrap();
        Self { server, http: Client::builder().no_proxy().build().unwrap() }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = match path.starts_with('/') {
            true => self.server.url() + path,
            false => format!("{}/v1/observability/{path}", self.server.url()),
        };
        let request = self.http.request(method, url).bearer_auth("key");
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }

    #[track_caller]
    fn get(&self, path: &str) -> impl Future<Output = Value> {
        self.expect(Method::GET, path, None, 200)
    }

    #[track_caller]
    fn post(&self, path: &str, body: Value, status: u16) -> impl Future<Output = Value> {
        self.expect(Method::POST, path, Some(body), status)
    }

    async fn expect(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let (found, body) = self.send(method, path, body).await;
        assert_eq!(found, status, "{path}: {body}");
        body
    }

    async fn insert_events(&self, count: usize) {
        let event = |n: usize| {
            json!({
                "event_id": format!("e{n:03}"),
                "request_messages": [{"role": "user", "content": format!("Question {n}")}],
                "response_messages": [{"role": "assistant", "content": if n.is_multiple_of(2) { "That was rude" } else { "Gladly" }}],
                "extra_fields": {"timestamp": format!("2026-08-01T10:{:02}:{:02}Z", n / 60, n % 60), "model_name": "small", "own": n},
            })
        };
        let events: Vec<Value> = (0..count).map(event).collect();
        self.post("/local/v1/chat-completion-events", json!(events), 200).await;
    }

    /// Creates a judge that asks this model, and returns its id.
    async fn create_judge(&self, model: &str) -> String {
        let judge = self.post("judges", classifier(model, "First"), 201).await;
        judge["id"].as_str().unwrap().to_owned()
    }

    async fn create_campaign(&self, judge: &str, max: usize) -> String {
        let campaign = self.post("campaigns", campaign(judge, max), 201).await;
        campaign["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a campaign has ended, and returns its status.
    async fn wait(&self, campaign: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.get(&format!("campaigns/{campaign}/status")).await;
            let status = status["status"].as_str().unwrap();
            if status != "RUNNING" {
                return status.to_owned();
            }
            assert!(Instant::now() < deadline, "the campaign does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the answers for the events of a campaign.
    async fn answers(&self, campaign: &str, judge: &str) -> Vec<Value> {
        let path = format!("campaigns/{campaign}/selected-events?page_size=100");
        let events = self.get(&path).await;
        let events = events["completion_events"]["results"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["extra_fields"][format!("__judge_{judge}")].clone())
            .collect()
    }
}

fn endpoint(chat: &ChatServer) -> Option<JudgeEndpoint> {
    Some(JudgeEndpoint::new(chat.url()).timeout(Duration::from_secs(30)))
}

fn config(chat: &ChatServer) -> ServerConfig {
    ServerConfig::default().judge(endpoint(chat))
}

fn stored(chat: &ChatServer, directory: &Path) -> ServerConfig {
    config(chat).data(DataLocation::Directory(directory.to_owned()))
}

fn classifier(model: &str, description: &str) -> Value {
    json!({
        "name": format!("tone of {model}"), "description": description, "model_name": model, "tools": [],
        "instructions": "{{ assistant_message }}",
        "output": {"type": "CLASSIFICATION", "options": [
            {"value": "polite", "description": "It is"}, {"value": "rude", "description": "It is not"}]},
    })
}

fn campaign(judge: &str, max: usize) -> Value {
    json!({
        "name": "Tone of answers", "description": "All answers", "judge_id": judge, "max_nb_events": max,
        "search_params": {"filters": {"field": "model_name", "op": "eq", "value": "small"}},
    })
}

/// Returns the error code of a response.
fn code((status, body): (StatusCode, Value)) -> (u16, String) {
    (status.as_u16(), body["detail"]["error_code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_newest_events_are_judged_and_imported_with_their_answers() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(12).await;
    let judge = api.create_judge("brief").await;
    let created = api.post("campaigns", campaign(&judge, 10), 201).await;
    assert_eq!(created["search_params"], campaign(&judge, 10)["search_params"]);
    assert_eq!((&created["judge"]["id"], &created["max_nb_events"]), (&json!(judge), &json!(10)));
    let id = created["id"].as_str().unwrap();
    assert_eq!(api.get(&format!("campaigns/{id}")).await, created);
    // An event that arrives later is not part of the campaign.
    api.insert_events(1).await;
    assert_eq!(api.wait(id).await, "COMPLETED");
    let (polite, rude) = (json!("polite"), json!("rude"));
    let expected: Vec<_> =
        (2..12).rev().map(|n| if n % 2 == 0 { rude.clone() } else { polite.clone() }).collect();
    assert_eq!(api.answers(id, &judge).await, expected);
    assert_eq!(chat.requests("brief"), 10);
    assert!((2..=8).contains(&chat.most_running()), "{}", chat.most_running());

    let field = format!("__judge_{judge}");
    let filters = json!({"field": field, "op": "eq", "value": "polite"});
    let found = json!({"search_params": {"filters": filters}});
    let found = api.post("chat-completion-events/search-ids", found, 200).await;
    assert_eq!(found["completion_event_ids"], json!(["e011", "e009", "e007", "e005", "e003"]));
    let fields = api.get("chat-completion-fields").await;
    let fields = fields["field_definitions"].as_array().unwrap();
    let annotation = fields.iter().find(|definition| definition["name"] == *field).unwrap();
    assert_eq!(
        (&annotation["type"], &annotation["label"]),
        (&json!("ENUM"), &json!("tone of brief"))
    );
    let options = api.get(&format!("chat-completion-fields/{field}/options?operator=eq")).await;
    assert_eq!(options, json!({"options": ["polite", "rude"]}));

    let dataset = api.post("datasets", json!({"name": "Judged", "description": ""}), 201).await;
    let dataset = dataset["id"].as_str().unwrap();
    let path = format!("datasets/{dataset}/imports/from-campaign");
    let task = api.post(&path, json!({"campaign_id": id}), 202).await;
    let path = format!("datasets/{dataset}/tasks/{}", task["id"].as_str().unwrap());
    while api.get(&path).await["status"] == "RUNNING" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let records = api.get(&format!("datasets/{dataset}/records")).await;
    let first = &records["records"]["results"][0];
    assert_eq!(records["records"]["count"], 10);
    assert_eq!((&first["properties"][&field], &first["properties"]["own"]), (&polite, &json!(11)));
    assert_eq!(
        first["payload"]["messages"],
        json!([{"role": "user", "content": "Question 11"}, {"role": "assistant", "content": "Gladly"}])
    );
}

#[tokio::test]
async fn a_campaign_that_cannot_run_is_not_created() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(1).await;
    let judge = api.create_judge("plain").await;
    let post = async |body: Value| code(api.send(Method::POST, "campaigns", Some(body)).await);
    let with = |name: &str, value: Value| {
        let mut body = campaign(&judge, 10);
        body[name] = value;
        body
    };
    let none = json!({"filters": {"field": "model_name", "op": "eq", "value": "large"}});
    let wrong = json!({"filters": {"field": "model_name", "op": "gt", "value": "large"}});
    let unknown = json!("6f1c2a34-5b6d-4e7f-8a90-1b2c3d4e5f60");
    for (body, expected) in [
        (with("search_params", none), (400, "CAMPAIGN_NO_MATCHING_EVENTS")),
        (with("search_params", wrong), (400, "SEARCH_BAD_REQUEST")),
        (with("judge_id", unknown), (404, "JUDGE_NOT_FOUND")),
        (with("name", json!("x")), (422, "VALIDATION_ERROR")),
        (with("max_nb_events", json!(0)), (422, "VALIDATION_ERROR")),
        (with("max_nb_events", json!(10_001)), (422, "VALIDATION_ERROR")),
    ] {
        assert_eq!(post(body).await, (expected.0, expected.1.to_owned()));
    }
    assert_eq!(api.get("campaigns").await["campaigns"]["count"], 0);
    let missing = code(
        api.send(Method::GET, "campaigns/6f1c2a34-5b6d-4e7f-8a90-1b2c3d4e5f60/status", None).await,
    );
    assert_eq!(missing, (404, "CAMPAIGN_NOT_FOUND".to_owned()));

    let api = Api::start(ServerConfig::default()).await;
    api.insert_events(1).await;
    let judge = api.create_judge("plain").await;
    let refused = code(api.send(Method::POST, "campaigns", Some(campaign(&judge, 1))).await);
    assert_eq!(refused, (400, "FEATURE_NOT_SUPPORTED".to_owned()));
}

#[tokio::test]
async fn a_campaign_continues_after_a_restart() {
    let (chat, directory) = (ChatServer::start().await, tempfile::tempdir().unwrap());
    let api = Api::start(stored(&chat, directory.path())).await;
    api.insert_events(60).await;
    let judge = api.create_judge("brief").await;
    let campaign = api.create_campaign(&judge, 100).await;
    while chat.requests("brief") < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    api.server.shutdown_now().await;
    let before = chat.requests("brief");
    assert!(before < 60, "the campaign ended before the restart");
    let api = Api::start(stored(&chat, directory.path())).await;
    assert_eq!(api.wait(&campaign).await, "COMPLETED");
    assert!(api.answers(&campaign, &judge).await.iter().all(|answer| !answer.is_null()));
    // Only those that were being judged are judged again.
    let requests = chat.requests("brief");
    assert!((60..=68).contains(&requests), "{requests} requests for 60 events");
}

#[tokio::test]
async fn a_campaign_fails_if_its_server_can_no_longer_judge() {
    let (chat, directory) = (ChatServer::start().await, tempfile::tempdir().unwrap());
    let api = Api::start(stored(&chat, directory.path())).await;
    api.insert_events(2).await;
    let judge = api.create_judge("slow").await;
    let campaign = api.create_campaign(&judge, 10).await;
    api.server.shutdown_now().await;
    let api = Api::start(stored(&chat, directory.path()).judge(None)).await;
    assert_eq!(api.wait(&campaign).await, "FAILED");
}

#[tokio::test]
async fn one_event_that_cannot_be_judged_does_not_fail_a_campaign() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(3).await;
    let broken = json!([{"event_id": "e001", "request_messages": [], "response_messages": [],
        "extra_fields": {"model_name": "small", "timestamp": "2026-08-01T10:00:01Z"}}]);
    api.post("/local/v1/chat-completion-events", broken, 200).await;
    let judge = api.create_judge("plain").await;
    let campaign = api.create_campaign(&judge, 10).await;
    assert_eq!(api.wait(&campaign).await, "COMPLETED");
    let rude = json!("rude");
    assert_eq!(api.answers(&campaign, &judge).await, [rude.clone(), Value::Null, rude]);
}

#[tokio::test]
async fn a_campaign_breaks_off_if_its_endpoint_keeps_failing() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(100).await;
    let judge = api.create_judge("http-401").await;
    let campaign = api.create_campaign(&judge, 100).await;
    assert_eq!(api.wait(&campaign).await, "FAILED");
    // Those that are judged at the same time as the last failure may still ask.
    let requests = chat.requests("http-401");
    assert!((20..=28).contains(&requests), "{requests}");
}

#[tokio::test]
async fn a_campaign_without_any_answer_has_failed() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(30).await;
    let judge = api.create_judge("undefined-answer").await;
    let campaign = api.create_campaign(&judge, 100).await;
    assert_eq!(api.wait(&campaign).await, "FAILED");
    assert_eq!(chat.requests("undefined-answer"), 30);
}

#[tokio::test]
async fn deleting_a_campaign_cancels_it() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(30).await;
    let judge = api.create_judge("slow").await;
    let campaign = api.create_campaign(&judge, 100).await;
    while chat.requests("slow") < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let path = format!("campaigns/{campaign}");
    assert_eq!(api.send(Method::DELETE, &path, None).await.0, 204);
    for path in [path.clone(), format!("{path}/status"), format!("{path}/selected-events")] {
        let missing = code(api.send(Method::GET, &path, None).await);
        assert_eq!(missing, (404, "CAMPAIGN_NOT_FOUND".to_owned()));
    }
    // The workers are free for other campaigns at once.
    let judge = api.create_judge("plain").await;
    let other = api.create_campaign(&judge, 10).await;
    let started = Instant::now();
    assert_eq!(api.wait(&other).await, "COMPLETED");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(chat.requests("slow"), 8);
}

#[tokio::test]
async fn a_campaign_keeps_the_judge_that_it_was_created_with() {
    let chat = ChatServer::start().await;
    for (generation, updated) in [(Generation::Any, 204), (Generation::G2, 409)] {
        let api = Api::start(config(&chat).generation(generation)).await;
        api.insert_events(1).await;
        let judge = api.create_judge("plain").await;
        let campaign = api.create_campaign(&judge, 10).await;
        api.wait(&campaign).await;
        let path = format!("judges/{judge}");
        let body = classifier("plain", "Second");
        let response = api.send(Method::PUT, &path, Some(body)).await;
        assert_eq!(response.0, updated, "{}", response.1);
        let campaign = api.get(&format!("campaigns/{campaign}")).await;
        assert_eq!(campaign["judge"]["description"], "First");
    }
}

#[tokio::test]
async fn campaigns_and_their_events_are_listed_in_pages() {
    let chat = ChatServer::start().await;
    let api = Api::start(config(&chat)).await;
    api.insert_events(5).await;
    let judge = api.create_judge("plain").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(api.create_campaign(&judge, 10).await);
    }
    let page = api.get("campaigns?page_size=2&q=TONE").await;
    let page = &page["campaigns"];
    assert_eq!(page["count"], 3);
    assert_eq!(page["results"][0]["id"], *ids[2]);
    assert!(page["next"].as_str().unwrap().contains("page_size=2&page=2&q=TONE"), "{page}");
    assert_eq!(api.get("campaigns?q=other").await["campaigns"]["count"], 0);
    let page = api.get(&format!("campaigns/{}/selected-events?page_size=2&page=3", ids[0])).await;
    let page = &page["completion_events"];
    assert_eq!((&page["count"], &page["next"]), (&json!(5), &Value::Null));
    assert_eq!(page["results"][0]["event_id"], "e000");
}
