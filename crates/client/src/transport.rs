//! Sending: authentication, timeouts, repetition.
//!
//! core-client hands every request to [`Transport`], which sends it as often as [`RetryPolicy`](crate::RetryPolicy) allow and reads the
//! whole response, so that a body that breaks off is repeated like a connection that does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets_core_client as core;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode};

use crate::connecting::Connecting;
use crate::envelope;
use crate::error::{Error, ErrorKind};
use crate::options::Settings;
use crate::raw_response::{self, RawResponse};
use crate::retry::{self, Attempts, Budget, Failure};
use crate::seen::{self, Seen, note};

/// Sends requests with the key.
#[derive(Clone)]
pub(crate) struct Transport {
    connecting: Arc<Connecting>,
    http: reqwest::Client,
    budget: Budget,
    settings: Arc<Settings>,
}

impl Transport {
    pub(crate) fn new(connecting: Connecting, settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            http: connecting.pool()?,
            connecting: Arc::new(connecting),
            budget: Budget::default(),
            settings: Arc::new(settings),
        })
    }

    /// The same connections and the same budget with other settings.
    pub(crate) fn with(&self, settings: Settings) -> Self {
        Self { settings: Arc::new(settings), ..self.clone() }
    }

    /// The same settings and the same budget with connections of its own.
    pub(crate) fn with_own_connection_pool(&self) -> Result<Self, Error> {
        Ok(Self { http: self.connecting.pool()?, ..self.clone() })
    }

    /// The same settings and the same budget over the connections of another.
    pub(crate) fn with_connection_pool_of(&self, other: &Self) -> Self {
        Self { http: other.http.clone(), ..self.clone() }
    }

    /// The connections. Requests sent over them directly carry no key.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long one attempt may take, and how long the pieces of a transfer may be apart.
    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Begins the attempts of a call.
    pub(crate) fn attempts(&self, method: Method, deadline: Duration) -> Attempts {
        Attempts::begin(&self.settings.retries, &self.budget, method, deadline)
    }

    /// Sends one request once, with the key, but without a timeout of its own.
    pub(crate) async fn send(
        &self,
        operation: &'static str,
        mut request: Request,
    ) -> reqwest::Result<Response> {
        let headers = request.headers_mut();
        headers.extend(self.settings.headers.clone());
        headers.insert(AUTHORIZATION, self.settings.authorization.clone());
        let started = Instant::now();
        let result = self.http.execute(request).await;
        let elapsed_ms = started.elapsed().as_millis() as u64;
        match &result {
            Ok(response) => {
                let status = response.status().as_u16();
                let request_id = seen::request_id(response.headers());
                tracing::debug!(operation, status, request_id, elapsed_ms, "response");
            }
            Err(error) => {
                tracing::debug!(operation, elapsed_ms, timeout = error.is_timeout(), "no response");
            }
        }
        result
    }

    /// Sends one request once and reads its whole response.
    async fn attempt(&self, operation: &'static str, request: Request) -> reqwest::Result<Whole> {
        let mut response = self.send(operation, request).await?;
        let status = response.status();
        note(|seen| seen.response(status.as_u16(), response.headers()));
        let headers = std::mem::take(response.headers_mut());
        Ok(Whole { status, headers, body: whole(response).await? })
    }
}

/// So much room is made at most for a body before it comes.
const AHEAD: usize = 8 << 20;

/// Reads a body to its end. Each piece is let go of before the next, so that all come through the same memory, which is near
/// by; to collect them first would fill fresh memory with them and then copy it.
async fn whole(mut response: Response) -> reqwest::Result<Bytes> {
    let length = response.content_length().and_then(|length| length.try_into().ok()).unwrap_or(0);
    let Some(first) = response.chunk().await? else { return Ok(Bytes::new()) };
    let mut body = if first.len() < length {
        let mut body = Vec::with_capacity(length.min(AHEAD).max(first.len()));
        body.extend_from_slice(&first);
        drop(first);
        body
    } else {
        // All of it, or a part of what does not say how long it is.
        match response.chunk().await? {
            None => return Ok(first),
            Some(second) => [first, second].concat(),
        }
    };
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
    }
    Ok(body.into())
}

/// Whether a request carries the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// It does: it goes to the API.
    Sent,
    /// It does not: its link is a key of its own.
    Withheld,
}

impl Transport {
    /// Sends a GET once, with the key or without, and returns a good response of which the body is still to come.
    pub(crate) async fn open(
        &self,
        operation: &'static str,
        request: Request,
        key: Key,
        seen: &mut Seen,
    ) -> Result<Response, (Failure, Error)> {
        let answer = async {
            match key {
                Key::Sent => self.send(operation, request).await,
                Key::Withheld => self.http.execute(request).await,
            }
        };
        let response = match tokio::time::timeout(self.settings.timeout, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err((failure(&error), seen::broken(error))),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout, "no response in time");
                return Err((Failure::Broken, error));
            }
        };
        let status = response.status().as_u16();
        seen.response(status, response.headers());
        if response.status().is_success() {
            return Ok(response);
        }
        let failure =
            Failure::Refused { status, retry_after: retry::retry_after(response.headers()) };
        // Where the body does not come, the status alone says enough.
        let body = match tokio::time::timeout(self.settings.timeout, response.bytes()).await {
            Ok(Ok(bytes)) => bytes,
            _ => Bytes::new(),
        };
        Err((failure, envelope::read(status, &body).into_error(status)))
    }
}

/// A response that was read to its end.
struct Whole {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Whole {
    fn is_good(&self) -> bool {
        self.status.is_success() || self.status.is_redirection()
    }

    /// The response as the generated code takes it. That reads every failure as the API's envelope, and would lose the status
    /// of any other, so it is given an empty one; what the failure said is noted already. What is read of it may share its
    /// body.
    fn into_response(mut self, share: bool) -> Response {
        if !self.is_good() {
            self.body = Bytes::from_static(br#"{"detail":{"message":""}}"#);
            self.headers.remove(CONTENT_LENGTH);
            self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if share {
            response.extensions_mut().insert(core::SharedBody);
        }
        response.into()
    }
}

/// How an attempt that brought no response failed.
pub(crate) fn failure(error: &reqwest::Error) -> Failure {
    if error.is_connect() || error.is_builder() { Failure::NotSent } else { Failure::Broken }
}

/// Tells the log that an attempt failed and is made again.
pub(crate) fn log_retry(operation: &'static str, attempt: u32, delay: Duration, how: &str) {
    let delay_ms = delay.as_millis() as u64;
    tracing::warn!(operation, attempt, delay_ms, reason = how, "retry");
}

impl core::Exchange for Transport {
    fn exchange<'a>(
        &'a self,
        operation: &'static str,
        mut request: Request,
    ) -> BoxFuture<'a, reqwest::Result<Response>> {
        async move {
            *request.timeout_mut() = Some(self.settings.timeout);
            let share = self.settings.share_bodies;
            let method = request.method().clone();
            let mut attempts = self.attempts(method.clone(), self.settings.deadline);
            loop {
                note(|seen| seen.attempt(attempts.made(), retry::is_write(&method)));
                let copy = request.try_clone().expect("the bodies of generated calls are bytes");
                let result = self.attempt(operation, copy).await;
                note(|seen| seen.lasted(attempts.elapsed()));
                let (failure, how) = match &result {
                    Ok(whole) if whole.is_good() => {
                        raw_response::offer(|| RawResponse {
                            status: whole.status.as_u16(),
                            headers: whole.headers.clone(),
                            body: whole.body.clone(),
                            elapsed: attempts.elapsed(),
                            attempts: attempts.made(),
                        });
                        return result.map(|whole| whole.into_response(share));
                    }
                    Ok(whole) => {
                        let status = whole.status.as_u16();
                        note(|seen| seen.failed(envelope::read(status, &whole.body)));
                        let retry_after = retry::retry_after(&whole.headers);
                        (Failure::Refused { status, retry_after }, format!("status {status}"))
                    }
                    Err(error) if error.is_timeout() => {
                        (failure(error), "no response in time".to_owned())
                    }
                    Err(error) => (failure(error), "the connection failed".to_owned()),
                };
                note(|seen| seen.ended(failure.is_ambiguous(&method), how.clone()));
                let made = attempts.made();
                match attempts.after(failure) {
                    Some(delay) => {
                        log_retry(operation, made, delay, &how);
                        tokio::time::sleep(delay).await;
                    }
                    None => return result.map(|whole| whole.into_response(share)),
                }
            }
        }
        .boxed()
    }
}
