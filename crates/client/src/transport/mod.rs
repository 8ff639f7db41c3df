//! Sends requests, with authentication, timeouts and retries.
//!
//! The generated operations hand every request to a [`CallSender`], which sends it as often as the
//! [`RetryPolicy`](crate::RetryPolicy) allows. An attempt includes reading the whole body, so a connection lost in the middle
//! of a body is retried like any other failure. Uploads and downloads send single requests with [`Transport::send`] and
//! [`Transport::open`] and have their own retry loops.

mod call_context;
mod connection_pool;
mod error_body;
mod failed_response;
mod raw_response;
mod retry;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets_core_client as core;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, Request, Response, StatusCode};

use crate::config::Settings;
use crate::error::{Error, ErrorKind};

pub(crate) use call_context::CallContext;
pub(crate) use connection_pool::ConnectionSettings;
pub(crate) use failed_response::{FailedResponse, ResponseInfo, decoding_error, request_error};
pub(crate) use raw_response::store_if_requested;
pub use raw_response::{RawResponse, WithResponse};
pub(crate) use retry::{Attempts, FailureClass, log_retry};
pub(crate) use tls::configuration as tls_configuration;

use retry::{RetryBudget, is_write};

/// Sends requests over a connection pool with the client's settings. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport {
    connection_settings: Arc<ConnectionSettings>,
    http: reqwest::Client,
    budget: RetryBudget,
    settings: Arc<Settings>,
}

impl Transport {
    pub(crate) fn new(
        connection_settings: ConnectionSettings,
        settings: Settings,
    ) -> Result<Self, Error> {
        Ok(Self {
            http: connection_settings.new_pool()?,
            connection_settings: Arc::new(connection_settings),
            budget: RetryBudget::default(),
            settings: Arc::new(settings),
        })
    }

    /// Returns a transport with other settings and the same connections and retry budget.
    pub(crate) fn with_settings(&self, settings: Settings) -> Self {
        Self { settings: Arc::new(settings), ..self.clone() }
    }

    /// Returns a transport with its own connections and the same settings and retry budget.
    pub(crate) fn with_own_connection_pool(&self) -> Result<Self, Error> {
        Ok(Self { http: self.connection_settings.new_pool()?, ..self.clone() })
    }

    /// Returns a transport with the connections of another and the same settings and retry budget.
    pub(crate) fn with_connection_pool_of(&self, other: &Self) -> Self {
        Self { http: other.http.clone(), ..self.clone() }
    }

    /// Returns the connection pool. Requests sent directly through it carry no API key.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the timeout of one attempt, which is also the longest time a transfer may take without progress.
    pub(crate) fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// Starts counting the attempts of a call.
    pub(crate) fn start_attempts(&self, method: Method, deadline: Duration) -> Attempts {
        Attempts::start(&self.settings.retries, &self.budget, method, deadline)
    }

    /// Sends a request once, with the API key. The caller is responsible for the timeout.
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
                let request_id = failed_response::request_id(response.headers());
                tracing::debug!(operation, status, request_id, elapsed_ms, "response");
            }
            Err(error) => {
                tracing::debug!(operation, elapsed_ms, timeout = error.is_timeout(), "no response");
            }
        }
        result
    }

    /// Sends a GET request once and returns the response if it is successful, without reading its body.
    pub(crate) async fn open(
        &self,
        operation: &'static str,
        request: Request,
        auth: Auth,
    ) -> Result<Response, (FailureClass, Error)> {
        let sending = async {
            match auth {
                Auth::ApiKey => self.send(operation, request).await,
                Auth::None => self.http.execute(request).await,
            }
        };
        let response = match tokio::time::timeout(self.settings.timeout, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err((FailureClass::of(&error), request_error(error))),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout, "no response within the timeout");
                return Err((FailureClass::ConnectionLost, error));
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let info = ResponseInfo::new(response.status().as_u16(), response.headers());
        // Without its body the response still has a meaningful status.
        let body = match tokio::time::timeout(self.settings.timeout, response.bytes()).await {
            Ok(Ok(bytes)) => bytes,
            _ => Bytes::new(),
        };
        let failed = FailedResponse::new(info, &body);
        Err((failed.class(), failed.into_error()))
    }
}

/// How a request is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// With the API key.
    ApiKey,
    /// Not at all: the URL is a presigned link, whose host must not receive the API key.
    None,
}

/// Sends the requests of one generated call and records what happens in the call's context.
pub(crate) struct CallSender {
    transport: Transport,
    context: CallContext,
}

impl CallSender {
    pub(crate) fn new(transport: Transport, context: CallContext) -> Self {
        Self { transport, context }
    }

    /// Sends a request once and reads the whole response.
    async fn attempt(
        &self,
        operation: &'static str,
        request: Request,
    ) -> reqwest::Result<CompleteResponse> {
        let mut response = self.transport.send(operation, request).await?;
        let status = response.status();
        let info = ResponseInfo::new(status.as_u16(), response.headers());
        self.context.lock().received_headers(info);
        let headers = std::mem::take(response.headers_mut());
        Ok(CompleteResponse { status, headers, body: read_body(response).await? })
    }
}

impl core::SendRequest for CallSender {
    fn send_request<'a>(
        &'a self,
        operation: &'static str,
        mut request: Request,
    ) -> BoxFuture<'a, reqwest::Result<Response>> {
        async move {
            let settings = self.transport.settings();
            *request.timeout_mut() = Some(settings.timeout);
            let method = request.method().clone();
            let mut attempts = self.transport.start_attempts(method.clone(), settings.deadline);
            loop {
                self.context.lock().start_attempt(attempts.count(), is_write(&method));
                let copy = request.try_clone().expect("generated calls have in-memory bodies");
                let result = self.attempt(operation, copy).await;
                self.context.lock().set_elapsed(attempts.elapsed());
                let (class, reason, failed_response) = match &result {
                    Ok(response) if !response.is_failure() => {
                        store_if_requested(|| response.to_raw(&attempts));
                        return result
                            .map(|response| response.into_response(settings.share_bodies));
                    }
                    Ok(response) => {
                        let failed = response.to_failed();
                        let reason = format!("status {}", response.status.as_u16());
                        (failed.class(), reason, Some(failed))
                    }
                    Err(error) if error.is_timeout() => {
                        (FailureClass::of(error), "no response within the timeout".to_owned(), None)
                    }
                    Err(error) => (FailureClass::of(error), "connection lost".to_owned(), None),
                };
                let is_ambiguous = class.is_ambiguous(&method);
                self.context.lock().attempt_failed(is_ambiguous, reason.clone(), failed_response);
                let attempt = attempts.count();
                match attempts.next_delay(class) {
                    Some(delay) => {
                        log_retry(operation, attempt, delay, &reason);
                        tokio::time::sleep(delay).await;
                    }
                    None => {
                        return result
                            .map(|response| response.into_response(settings.share_bodies));
                    }
                }
            }
        }
        .boxed()
    }
}

/// A response with its whole body.
struct CompleteResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl CompleteResponse {
    fn is_failure(&self) -> bool {
        !self.status.is_success() && !self.status.is_redirection()
    }

    fn to_failed(&self) -> FailedResponse {
        FailedResponse::new(ResponseInfo::new(self.status.as_u16(), &self.headers), &self.body)
    }

    fn to_raw(&self, attempts: &Attempts) -> RawResponse {
        RawResponse {
            status: self.status.as_u16(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            elapsed: attempts.elapsed(),
            attempts: attempts.count(),
        }
    }

    /// Converts the response into the type that the generated code decodes.
    fn into_response(self, share_body: bool) -> Response {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if share_body {
            response.extensions_mut().insert(core::SharedBody);
        }
        response.into()
    }
}

/// The number of bytes allocated up front for a body; `Content-Length` may be wrong.
const MAX_INITIAL_CAPACITY: usize = 8 << 20;

/// Reads a whole body. Unlike `Response::bytes`, which collects all chunks before copying them, this frees each chunk
/// before reading the next, so that they reuse the same memory.
async fn read_body(mut response: Response) -> reqwest::Result<Bytes> {
    let length = response.content_length().and_then(|length| length.try_into().ok()).unwrap_or(0);
    let Some(first) = response.chunk().await? else { return Ok(Bytes::new()) };
    let mut body = if first.len() < length {
        let mut body = Vec::with_capacity(length.min(MAX_INITIAL_CAPACITY).max(first.len()));
        body.extend_from_slice(&first);
        drop(first);
        body
    } else {
        // Either the whole body, or the first chunk of a body without `Content-Length`.
        match response.chunk().await? {
            None => return Ok(first),
            Some(second) => [first, second].concat(),
        }
    };
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}
