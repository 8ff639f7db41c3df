//! The chat endpoint that a judge's model is behind.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Url};
use serde_json::{Value, json};

use super::{JudgeDefinition, JudgeError, answer};
use crate::config::JudgeEndpoint;
use crate::tls;

/// The maximum size of a response in bytes.
const MAX_BYTES: usize = 4 << 20;

/// How often a request is repeated. The timeout of the judgement ends it earlier.
const RETRIES: usize = 5;

/// The longest time that a response can make us wait before the next attempt.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// An endpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// The URL is invalid.
    #[error("the judge URL {0}")]
    Url(&'static str),
    /// The API key cannot be sent in a header.
    #[error("the judge key is empty or contains characters that a header cannot have")]
    Key,
    /// Every judgement would time out.
    #[error("the judge timeout must be greater than 0")]
    Timeout,
    /// There is no HTTP client.
    #[error("the HTTP client of judges cannot be created")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An OpenAI-compatible chat endpoint.
pub(super) struct Endpoint {
    client: Client,
    url: Url,
    key: Option<String>,
    models: BTreeMap<String, String>,
    /// Models for which the endpoint refused `response_format`.
    text_only: Mutex<Vec<String>>,
}

/// A failed request.
enum Failure {
    /// Another attempt may succeed.
    Transient { message: String, retry_after: Option<Duration> },
    /// The endpoint does not support `response_format`.
    NoResponseFormat,
    /// Another attempt fails, too.
    Permanent(String),
}

impl Endpoint {
    pub(super) fn new(config: JudgeEndpoint) -> Result<Self, EndpointError> {
        let mut url = Url::parse(&config.url).map_err(|_| EndpointError::Url("is invalid"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(EndpointError::Url("must begin with `http://` or `https://`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Url(
                "must not contain credentials; set the judge key instead",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Url("must not have a query or a fragment"));
        }
        url.path_segments_mut()
            .map_err(|()| EndpointError::Url("is invalid"))?
            .pop_if_empty()
            .extend(["chat", "completions"]);
        if let Some(key) = &config.key
            && (key.is_empty() || http::HeaderValue::from_str(key).is_err())
        {
            return Err(EndpointError::Key);
        }
        if config.timeout.is_zero() {
            return Err(EndpointError::Timeout);
        }
        let tls = tls::configuration().map_err(|error| EndpointError::Client(error.into()))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            // The key and the conversation are only for the configured endpoint.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| EndpointError::Client(error.into()))?;
        let JudgeEndpoint { key, models, .. } = config;
        Ok(Self { client, url, key, models, text_only: Mutex::default() })
    }

    /// Returns the text that the model answers.
    pub(super) async fn ask(
        &self,
        definition: &JudgeDefinition,
        prompt: &str,
    ) -> Result<String, JudgeError> {
        let model = self.models.get(&definition.model_name).unwrap_or(&definition.model_name);
        if !self.is_text_only(model) {
            match self.ask_with_retries(&request(definition, model, prompt, true)).await {
                Err(Failure::NoResponseFormat) => {
                    self.text_only
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(model.clone());
                }
                result => return result.map_err(Failure::into_error),
            }
        }
        let result = self.ask_with_retries(&request(definition, model, prompt, false)).await;
        result.map_err(Failure::into_error)
    }

    fn is_text_only(&self, model: &String) -> bool {
        self.text_only.lock().unwrap_or_else(PoisonError::into_inner).contains(model)
    }

    async fn ask_with_retries(&self, body: &Value) -> Result<String, Failure> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(RETRIES)
            .with_jitter();
        (|| self.ask_once(body))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|failure| matches!(failure, Failure::Transient { .. }))
            .adjust(|failure, delay| match failure {
                Failure::Transient { retry_after: Some(after), .. } => {
                    delay.map(|delay| delay.max(*after))
                }
                _ => delay,
            })
            .await
    }

    async fn ask_once(&self, body: &Value) -> Result<String, Failure> {
        let mut request = self.client.post(self.url.clone()).json(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let transient = |message: &str, headers: Option<&HeaderMap>| Failure::Transient {
            message: message.to_owned(),
            retry_after: headers.and_then(retry_after),
        };
        // The text of reqwest's errors contains the URL, but nothing of the request.
        let response = request.send().await.map_err(|error| {
            let what = if error.is_connect() { "no connection to" } else { "no response from" };
            transient(&format!("{what} the endpoint"), None)
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = read(response).await?;
        if status.is_success() {
            return content(&text).ok_or_else(|| {
                Failure::Permanent("its response is not a chat completion with text".to_owned())
            });
        }
        let names_format = text.contains("response_format") || text.contains("json_schema");
        let is_refusal =
            matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        if is_refusal && names_format && body.get("response_format").is_some() {
            return Err(Failure::NoResponseFormat);
        }
        // The body of an error may repeat the prompt.
        let message = format!("it responded with status {}", status.as_u16());
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(transient(&message, Some(&headers)));
        }
        Err(Failure::Permanent(message))
    }
}

impl Failure {
    fn into_error(self) -> JudgeError {
        match self {
            Self::Transient { message, .. } | Self::Permanent(message) => {
                JudgeError::Endpoint(message)
            }
            Self::NoResponseFormat => {
                JudgeError::Endpoint("it does not support `response_format`".to_owned())
            }
        }
    }
}

/// Reads a response of bounded size.
async fn read(mut response: reqwest::Response) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|_| Failure::Transient {
            message: "its response was interrupted".to_owned(),
            retry_after: None,
        })?;
        let Some(chunk) = chunk else { return Ok(String::from_utf8_lossy(&bytes).into_owned()) };
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(Failure::Permanent("its response is too large".to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// Returns the wait that a response asks for, in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Returns the text of the first choice: a string, or the text chunks of an array.
fn content(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    match &body["choices"][0]["message"]["content"] {
        Value::String(text) => Some(text.clone()),
        Value::Array(chunks) => {
            let texts: Vec<&str> =
                chunks.iter().filter_map(|chunk| chunk["text"].as_str()).collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

fn request(definition: &JudgeDefinition, model: &str, prompt: &str, has_format: bool) -> Value {
    let system = format!(
        "You evaluate a conversation. Respond with a JSON object with the fields `analysis`, which explains the answer, and `answer`. {}",
        definition.output.in_words()
    );
    let mut body = json!({
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
        "temperature": 0,
    });
    if has_format {
        let schema = answer::schema(&definition.output);
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": {"name": "judgement", "schema": schema, "strict": true},
        });
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(JudgeEndpoint::new(url))
    }

    #[test]
    fn the_path_of_completions_is_appended() {
        for (url, expected) in [
            ("https://api.mistral.ai/v1", "https://api.mistral.ai/v1/chat/completions"),
            ("http://localhost:8000/v1/", "http://localhost:8000/v1/chat/completions"),
            ("http://localhost:8000", "http://localhost:8000/chat/completions"),
        ] {
            assert_eq!(endpoint(url).ok().unwrap().url.as_str(), expected);
        }
        for url in [
            "localhost:8000",
            "ftp://host/v1",
            "https://user:secret@host/v1",
            "https://host/v1?key=secret",
        ] {
            let error = endpoint(url).err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn unusable_keys_and_timeouts_are_rejected() {
        for key in ["", "sec\nret"] {
            let config = JudgeEndpoint::new("http://host").key(Some(key.to_owned()));
            let error = Endpoint::new(config).err().unwrap().to_string();
            assert!(error.contains("the judge key") && !error.contains("sec"), "{error}");
        }
        let config = JudgeEndpoint::new("http://host").timeout(Duration::ZERO);
        assert!(matches!(Endpoint::new(config), Err(EndpointError::Timeout)));
    }

    #[test]
    fn text_and_chunks_are_content() {
        let content_of = |message: Value| {
            content(&json!({"choices": [{"message": {"content": message}}]}).to_string())
        };
        assert_eq!(content_of(json!("a")).as_deref(), Some("a"));
        let chunks = json!([{"type": "thinking"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        assert_eq!(content_of(chunks).as_deref(), Some("ab"));
        assert_eq!(content_of(Value::Null), None);
        assert_eq!(content("{}"), None);
    }
}
