//! A small chat server of the OpenAI API, for judges and for programs that chat.
//!
//! It answers without a model, and the same way every time. A judge is recognized by the JSON schema of its request, or by the
//! description of its answer: the answer is the first option that the conversation contains, or else the first option; a score is
//! derived from the length of the prompt. Any other request gets [`REPLY`].
//!
//! The name of the model selects how the server misbehaves; see [`answer`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The reply to a request that is not from a judge.
pub const REPLY: &str = "Your order ships today.";

/// What the server has received.
#[derive(Debug, Default)]
struct Received {
    /// The number of requests by model.
    requests: HashMap<String, usize>,
    /// The values of `Authorization`.
    keys: Vec<String>,
    running: usize,
    most_running: usize,
}

/// A running chat server. It stops with the test's runtime.
#[derive(Clone, Debug)]
pub struct ChatServer {
    url: String,
    received: Arc<Mutex<Received>>,
}

impl ChatServer {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1:0").await
    }

    /// Starts a server on an address.
    pub async fn start_on(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let url = format!("http://{}/v1", listener.local_addr().expect("listener is bound"));
        let received = Arc::default();
        let routes = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/{rest}", post(|Path(_): Path<String>| async { StatusCode::NOT_FOUND }))
            .with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, received }
    }

    /// Returns the base URL, which ends with `/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns how many requests asked a model.
    pub fn requests(&self, model: &str) -> usize {
        let received = self.received.lock().expect("no thread panicked");
        received.requests.get(model).copied().unwrap_or_default()
    }

    /// Returns the values of the header `Authorization` of all requests.
    pub fn keys(&self) -> Vec<String> {
        self.received.lock().expect("no thread panicked").keys.clone()
    }

    /// Returns how many requests were handled at the same time at most.
    pub fn most_running(&self) -> usize {
        self.received.lock().expect("no thread panicked").most_running
    }
}

async fn complete(
    State(received): State<Arc<Mutex<Received>>>,
    headers: HeaderMap,
    axum::Json(request): axum::Json<Value>,
) -> Response {
    let model = request["model"].as_str().unwrap_or_default().to_owned();
    let attempt = {
        let mut received = received.lock().expect("no thread panicked");
        let key = headers.get("authorization").and_then(|key| key.to_str().ok());
        received.keys.extend(key.map(str::to_owned));
        received.running += 1;
        received.most_running = received.most_running.max(received.running);
        let requests = received.requests.entry(model.clone()).or_default();
        *requests += 1;
        *requests
    };
    let response = answer(&model, attempt, &request).await;
    received.lock().expect("no thread panicked").running -= 1;
    response
}

/// Returns the response to the `attempt`th request for a model.
///
/// | model | behaviour |
/// |---|---|
/// | `slow` | takes ten seconds |
/// | `brief` | takes 50 milliseconds |
/// | `broken-json` | answers with text that is not JSON |
/// | `undefined-answer` | answers with an option or a number that the judge does not have |
/// | `fenced` | answers with JSON in a fenced block |
/// | `no-response-format` | refuses `response_format` with 400, and answers without it |
/// | `http-429-then-ok` | refuses the first two requests with 429 and `Retry-After: 0` |
/// | `http-500` | fails every time |
/// | `http-401` | rejects the key |
async fn answer(model: &str, attempt: usize, request: &Value) -> Response {
    let error = |status: StatusCode, message: &str| {
        (status, axum::Json(json!({"error": {"message": message}}))).into_response()
    };
    match model {
        "slow" => tokio::time::sleep(Duration::from_secs(10)).await,
        "brief" => tokio::time::sleep(Duration::from_millis(50)).await,
        "http-429-then-ok" if attempt <= 2 => {
            let response = error(StatusCode::TOO_MANY_REQUESTS, "slow down");
            return ([("retry-after", "0")], response).into_response();
        }
        "http-500" => return error(StatusCode::INTERNAL_SERVER_ERROR, "out of order"),
        "http-401" => return error(StatusCode::UNAUTHORIZED, "unknown key"),
        "no-response-format" if request.get("response_format").is_some() => {
            return error(StatusCode::BAD_REQUEST, "response_format is not supported");
        }
        _ => {}
    }
    let text = match judgement(request) {
        None => REPLY.to_owned(),
        Some(judgement) => match model {
            "broken-json" => "I would say: yes.".to_owned(),
            "undefined-answer" => json!({"analysis": "?", "answer": "undefined"}).to_string(),
            "fenced" => format!("Here it is:\n```json\n{judgement}\n```"),
            _ => judgement.to_string(),
        },
    };
    let words = |text: &str| text.split_whitespace().count();
    let (input, output) = (words(&request["messages"].to_string()), words(&text));
    axum::Json(json!({
        "id": "cmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
        },
    }))
    .into_response()
}

/// Returns the answer to the request of a judge.
fn judgement(request: &Value) -> Option<Value> {
    let prompt = request["messages"].as_array()?.last()?["content"].as_str()?;
    let schema = &request["response_format"]["json_schema"]["schema"]["properties"]["answer"];
    let system = request["messages"][0]["content"].as_str()?;
    let answer = if let Some(options) = schema["enum"].as_array() {
        option(options.iter().filter_map(Value::as_str), prompt)?
    } else if schema["type"] == "number" {
        score(schema["minimum"].as_f64()?, schema["maximum"].as_f64()?, prompt)
    } else if system.contains("`analysis`") {
        // Without a schema, the description of the answer remains.
        let described =
            system.lines().filter_map(|line| line.strip_prefix("- \"")?.split_once('"'));
        option(described.map(|(value, _)| value), prompt)?
    } else {
        return None;
    };
    Some(
        json!({"analysis": format!("The prompt has {} characters.", prompt.len()), "answer": answer}),
    )
}

fn option<'a>(options: impl Iterator<Item = &'a str>, prompt: &str) -> Option<Value> {
    let options: Vec<&str> = options.collect();
    let found = options.iter().find(|option| prompt.contains(**option)).or(options.first())?;
    Some((*found).into())
}

fn score(min: f64, max: f64, prompt: &str) -> Value {
    let fraction = (prompt.len() % 100) as f64 / 100.0;
    (min + (max - min) * fraction).into()
}
