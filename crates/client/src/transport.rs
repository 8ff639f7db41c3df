//! Sending: authentication, the timeout, what is seen of a reply, and how a failure is told.
//!
//! core-client hands every request to [`Transport`]. What its error types have no room for — the status and the request id of a
//! reply that could not be read, the raw body of a failure — is noted in the [`Seen`] of the call, a task-local, and
//! joined with the error afterwards. Retries and deadlines belong here too, between the two.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets_core_client as core;
use mistral_datasets_core_client::types::ErrorResponse;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Request, Response};

use crate::envelope::{self, Envelope};
use crate::error::{Error, ErrorKind};

/// The headers in which servers and gateways say a request's id, the likeliest first. Which of them the service uses is
/// documented nowhere.
const REQUEST_ID_HEADERS: [&str; 3] =
    ["x-request-id", "mistral-correlation-id", "x-kong-request-id"];

/// Sends requests with the key.
#[derive(Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
    authorization: HeaderValue,
    timeout: Duration,
}

impl Transport {
    pub(crate) fn new(
        http: reqwest::Client,
        authorization: HeaderValue,
        timeout: Duration,
    ) -> Self {
        Self { http, authorization, timeout }
    }

    /// The connections. Requests sent over them directly carry no key.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends one request with the key, but without a timeout of its own.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        mut request: Request,
    ) -> reqwest::Result<Response> {
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        let started = Instant::now();
        let result = self.http.execute(request).await;
        let elapsed_ms = started.elapsed().as_millis() as u64;
        match &result {
            Ok(reply) => {
                let request_id = request_id(reply.headers());
                tracing::debug!(
                    operation,
                    status = reply.status().as_u16(),
                    request_id,
                    elapsed_ms
                );
            }
            Err(error) => {
                tracing::debug!(operation, elapsed_ms, timeout = error.is_timeout(), "no reply");
            }
        }
        result
    }
}

impl core::Exchange for Transport {
    fn exchange<'a>(
        &'a self,
        operation: &'static str,
        mut request: Request,
    ) -> BoxFuture<'a, reqwest::Result<Response>> {
        async move {
            *request.timeout_mut() = Some(self.timeout);
            let reply = self.send(operation, request).await?;
            note(|seen| seen.reply(&reply));
            if reply.status().is_success() || reply.status().is_redirection() {
                return Ok(reply);
            }
            let status = reply.status();
            let mut headers = reply.headers().clone();
            let bytes = reply.bytes().await?;
            note(|seen| seen.failure = Some(envelope::read(status.as_u16(), &bytes)));

            // The generated code reads every failure as the API's envelope, and would lose the status of any other.
            let mut rebuilt = http::Response::new(r#"{"detail":{"message":""}}"#);
            *rebuilt.status_mut() = status;
            headers.remove(CONTENT_LENGTH);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *rebuilt.headers_mut() = headers;
            Ok(rebuilt.into())
        }
        .boxed()
    }
}

fn request_id(headers: &HeaderMap) -> Option<&str> {
    REQUEST_ID_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok())
}

tokio::task_local! {
    static SEEN: Arc<Mutex<Seen>>;
}

/// What was seen of the reply to the call under way.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    status: Option<u16>,
    request_id: Option<String>,
    failure: Option<Envelope>,
}

/// Runs a call and returns what was seen of its reply.
pub(crate) async fn observed<T>(future: impl Future<Output = T>) -> (T, Seen) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let output = SEEN.scope(seen.clone(), future).await;
    let seen = std::mem::take(&mut *lock(&seen));
    (output, seen)
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(change: impl FnOnce(&mut Seen)) {
    // Outside a call, as in core-client used by itself, nobody asks.
    let _ = SEEN.try_with(|seen| change(&mut lock(seen)));
}

impl Seen {
    pub(crate) fn reply(&mut self, reply: &Response) {
        self.status = Some(reply.status().as_u16());
        self.request_id = request_id(reply.headers()).map(str::to_owned);
    }

    pub(crate) fn failed(&mut self, envelope: Envelope) {
        self.failure = Some(envelope);
    }

    /// The error of a generated call.
    pub(crate) fn explain(self, error: core::Error<ErrorResponse>) -> Error {
        match error {
            core::Error::CommunicationError(error) | core::Error::ResponseBodyError(error) => {
                self.broken(error)
            }
            core::Error::InvalidResponsePayload(_, error) => self.unreadable(&error),
            core::Error::UnexpectedResponse(_) => {
                let status = self.status.unwrap_or_default();
                self.finish(Error::new(
                    ErrorKind::Decoding,
                    format!("the server answered with the unexpected status {status}"),
                ))
            }
            core::Error::InvalidRequest(message) => Error::new(ErrorKind::Validation, message),
            _ => self.refused(),
        }
    }

    /// The error of a reply that says that the request failed.
    pub(crate) fn refused(mut self) -> Error {
        let status = self.status.unwrap_or_default();
        let envelope = self.failure.take().unwrap_or_else(|| envelope::read(status, b""));
        let error = Error::failed_reply(status, envelope.message)
            .with_code(envelope.code)
            .with_body(envelope.body);
        self.finish(error)
    }

    /// The error of a reply that is not what the API promises.
    pub(crate) fn unreadable(self, error: &serde_json::Error) -> Error {
        // serde's words may quote the reply; only the name of a missing member is safe to repeat.
        let words = error.to_string();
        let place = format!("line {} column {}", error.line(), error.column());
        let problem = match words.strip_prefix("missing field ") {
            Some(rest) => format!("missing {}", rest.split(" at line").next().unwrap_or(rest)),
            None => "unexpected content".to_owned(),
        };
        self.finish(Error::new(
            ErrorKind::Decoding,
            format!("the reply is not what the API promises: {problem} at {place}"),
        ))
    }

    /// The error of a connection that could not be made, or broke.
    pub(crate) fn broken(self, error: reqwest::Error) -> Error {
        self.finish(broken(error))
    }

    fn finish(self, error: Error) -> Error {
        error.with_status(self.status).with_request_id(self.request_id)
    }
}

/// What reqwest reports, without the URL, whose query may be a secret.
pub(crate) fn broken(error: reqwest::Error) -> Error {
    let host = error
        .url()
        .and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default())))
        .map_or("the server".to_owned(), |(host, port)| match port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        });
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::Timeout, format!("no reply from {host} in time"))
    } else if error.is_connect() {
        (ErrorKind::Connection, format!("cannot connect to {host}"))
    } else if error.is_redirect() {
        (ErrorKind::Decoding, format!("too many redirects from {host}"))
    } else if error.is_builder() {
        (ErrorKind::Validation, "the request cannot be built".to_owned())
    } else {
        (ErrorKind::Connection, format!("the connection to {host} broke"))
    };
    let error = error.without_url();
    let message = match root_cause(&error) {
        Some(cause) if kind == ErrorKind::Connection => format!("{message}: {cause}"),
        _ => message,
    };
    Error::new(kind, message).with_source(error)
}

/// The innermost cause, which is the one that says something, such as `Connection refused`.
fn root_cause(error: &reqwest::Error) -> Option<String> {
    let mut cause = std::error::Error::source(error)?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Some(cause.to_string())
}
