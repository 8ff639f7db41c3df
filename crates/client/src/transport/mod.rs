//! Sends requests, with authentication, redirects, timeouts and retries.
//!
//! From the bottom up:
//!
//! - [`Transport::exchange`] sends a request and follows its redirects. Calls, uploads and downloads all use it.
//! - [`Attempts`] decides after a failed attempt whether and when there is another one.
//! - [`CallSender`] sends the requests of the generated operations. Its attempts include reading the whole body, so a
//!   connection lost in the middle of a body is retried like any other failure.

mod call_context;
mod connection_pool;
mod error_body;
mod failed_response;
mod no_proxy;
mod proxy;
mod raw_response;
mod redirect;
mod retry;
mod route;
#[cfg(feature = "rustls-no-provider")]
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets_core_client as core;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Request, Response, StatusCode, Url};

use crate::config::Settings;
use crate::error::{Error, ErrorKind};

pub(crate) use call_context::CallContext;
pub(crate) use connection_pool::ConnectionSettings;
pub(crate) use failed_response::{ResponseInfo, decoding_error, failed_response};
pub(crate) use raw_response::store_if_requested;
pub use raw_response::{RawResponse, SingleRequest, WithResponse};
pub(crate) use retry::{Attempts, Failure, FailureClass};

use redirect::Redirects;
use retry::{RetryBudget, is_write};
use route::Route;

/// Sends requests over a connection pool with the client's settings. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport {
    connection_settings: Arc<ConnectionSettings>,
    http: reqwest::Client,
    user_agent: HeaderValue,
    budget: RetryBudget,
    settings: Arc<Settings>,
}

impl Transport {
    pub(crate) fn new(
        connection_settings: ConnectionSettings,
        user_agent: HeaderValue,
        settings: Settings,
    ) -> Result<Self, Error> {
        Ok(Self {
            user_agent,
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

    /// Returns a transport with its own connections and the same settings and retry budget. A given HTTP client is shared.
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
        self.budget.deposit();
        Attempts::start(self.settings.retries.clone(), self.budget.clone(), method, deadline)
    }

    /// Returns the retry budget that all clients derived from the same one share.
    pub(crate) fn retry_budget(&self) -> &RetryBudget {
        &self.budget
    }

    /// Sends a request and follows its redirects. Returns the first response that is not a redirect, without its body.
    ///
    /// `request` creates the request; it is called once for every hop, because a body may have been consumed. If it returns
    /// `None` after the first hop, the redirect fails. The caller is responsible for the timeout.
    pub(crate) async fn exchange(
        &self,
        operation: &'static str,
        auth: Auth,
        mut request: impl FnMut() -> Result<Option<Request>, Error>,
    ) -> Result<Response, Failure> {
        let permanent =
            |error| Failure { class: FailureClass::Permanent { is_ambiguous: false }, error };
        let mut next = request().map_err(permanent)?.expect("the first request can be created");
        let mut redirects = Redirects::new(next.method(), next.url().clone());
        loop {
            next.headers_mut().insert(USER_AGENT, self.user_agent.clone());
            if auth == Auth::ApiKey && !redirects.has_left_origin() {
                let headers = next.headers_mut();
                headers.extend(self.settings.headers.clone());
                headers.insert(AUTHORIZATION, self.settings.authorization.clone());
            }
            let response = self.send(operation, next, redirects.is_first()).await?;
            let Some(target) = redirects.next(&response)? else { return Ok(response) };
            tracing::debug!(operation, host = target.host_str(), "redirect");
            next = request().map_err(permanent)?.ok_or_else(|| {
                let message =
                    "the server redirected the request, but its content can only be read once";
                permanent(Error::new(ErrorKind::Connection, message))
            })?;
            *next.url_mut() = target;
        }
    }

    /// Returns the way of requests for a URL, for error messages.
    fn route<'a>(&'a self, url: &'a Url) -> Route<'a> {
        Route::new(Some(url), self.connection_settings.proxies())
    }

    /// Returns the parts of a response that errors report.
    pub(crate) fn response_info(&self, response: &Response) -> ResponseInfo {
        ResponseInfo::new(response, self.connection_settings.proxies())
    }

    /// Returns the failure of a request to `url` that received no complete response. `is_first` says whether it is the first
    /// request of its attempt; only then does a failed connection mean that nothing was sent.
    pub(crate) fn request_failure(
        &self,
        error: reqwest::Error,
        is_first: bool,
        url: Option<&Url>,
    ) -> Failure {
        let url = error.url().cloned().or_else(|| url.cloned());
        let route = Route::new(url.as_ref(), self.connection_settings.proxies());
        route::request_failure(error, is_first, route)
    }

    /// Sends a single request.
    async fn send(
        &self,
        operation: &'static str,
        request: Request,
        is_first: bool,
    ) -> Result<Response, Failure> {
        if let Some(proxies) = self.connection_settings.proxies()
            && let Err(error) = proxies.find(request.url())
        {
            return Err(Failure { class: FailureClass::Permanent { is_ambiguous: false }, error });
        }
        let (url, is_ambiguous) = (request.url().clone(), is_write(request.method()));
        let started = Instant::now();
        let result = self.http.execute(request).await;
        let elapsed_ms = started.elapsed().as_millis() as u64;
        match result {
            Ok(response) => {
                let status = response.status().as_u16();
                let request_id = failed_response::request_id(response.headers());
                tracing::debug!(operation, status, request_id, elapsed_ms, "response");
                if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                    let route = self.route(response.url());
                    return Err(route::proxy_authentication_failure(route));
                }
                // Only a given HTTP client follows redirects.
                if *response.url() != url {
                    let class = FailureClass::Permanent { is_ambiguous };
                    return Err(Failure { class, error: redirect::followed_by_http_client() });
                }
                Ok(response)
            }
            Err(error) => {
                tracing::debug!(operation, elapsed_ms, timeout = error.is_timeout(), "no response");
                Err(self.request_failure(error, is_first, None))
            }
        }
    }

    /// Sends a GET request once, follows its redirects and returns the response if it is successful, without reading its body.
    pub(crate) async fn open(
        &self,
        operation: &'static str,
        request: Request,
        auth: Auth,
    ) -> Result<Response, Failure> {
        let opening = self.exchange(operation, auth, || Ok(request.try_clone()));
        let response = match tokio::time::timeout(self.settings.timeout, opening).await {
            Ok(response) => response?,
            Err(_) => return Err(self.timed_out(NO_RESPONSE, request.url())),
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let info = self.response_info(&response);
        // Without its body the response still has a meaningful status.
        let body = match tokio::time::timeout(self.settings.timeout, response.bytes()).await {
            Ok(Ok(bytes)) => bytes,
            _ => Bytes::new(),
        };
        let Failure { class, error } = failed_response(info, &body);
        let error = match (auth, error.kind()) {
            (Auth::None, ErrorKind::Authentication | ErrorKind::Permission) => {
                error.with_hint("the link may have expired; request a new one")
            }
            _ => error,
        };
        Err(Failure { class, error })
    }

    /// Returns the failure of an attempt that exceeded its timeout. `problem` is the start of the message, such as
    /// `no response from`.
    pub(crate) fn timed_out(&self, problem: &str, url: &Url) -> Failure {
        let message = format!("{problem} {} within the timeout", self.route(url));
        Failure::connection_lost(Error::new(ErrorKind::Timeout, message))
    }
}

const NO_RESPONSE: &str = "no response from";

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
    /// Whether the operation only reads, regardless of its method.
    only_reads: bool,
}

impl CallSender {
    pub(crate) fn new(transport: Transport, context: CallContext, only_reads: bool) -> Self {
        Self { transport, context, only_reads }
    }

    /// Sends a request once, follows its redirects and reads the whole response.
    async fn attempt(
        &self,
        operation: &'static str,
        request: &Request,
    ) -> Result<CompleteResponse, Failure> {
        let exchange = async {
            let copy = || Ok(request.try_clone());
            let mut response = self.transport.exchange(operation, Auth::ApiKey, copy).await?;
            let status = response.status();
            let info = self.transport.response_info(&response);
            self.context.lock().received_headers(info.clone());
            let headers = std::mem::take(response.headers_mut());
            let body = match read_body(response).await {
                Ok(body) => body,
                Err(error) => {
                    let Failure { class, error } =
                        self.transport.request_failure(error, false, Some(request.url()));
                    return Err(Failure { class, error: info.add_to(error) });
                }
            };
            Ok(CompleteResponse { status, headers, body, info })
        };
        match tokio::time::timeout(self.transport.timeout(), exchange).await {
            Ok(result) => result,
            Err(_) => Err(self.transport.timed_out(NO_RESPONSE, request.url())),
        }
    }
}

impl core::SendRequest for CallSender {
    fn send_request<'a>(
        &'a self,
        operation: &'static str,
        request: Request,
    ) -> BoxFuture<'a, Option<Response>> {
        async move {
            let settings = self.transport.settings();
            let method = request.method();
            let mut attempts = self.transport.start_attempts(method.clone(), settings.deadline);
            if self.only_reads {
                attempts = attempts.only_reads();
            }
            loop {
                let (count, elapsed) = (attempts.count(), attempts.elapsed());
                self.context.lock().start_attempt(count, elapsed, attempts.is_write());
                let response = self.attempt(operation, &request).await;
                let failure = match response {
                    Ok(response) => match response.failure() {
                        None => {
                            self.context.lock().succeeded(attempts.elapsed());
                            store_if_requested(|| response.to_raw(&attempts));
                            return Some(response.into_response(settings.share_bodies));
                        }
                        Some(failure) if attempts.shows_success(&failure) => {
                            self.context.lock().succeeded(attempts.elapsed());
                            store_if_requested(|| response.to_raw(&attempts));
                            return Some(deleted(request.url()));
                        }
                        Some(failure) => failure,
                    },
                    Err(failure) => failure,
                };
                self.context.lock().attempt_failed(failure.reason(), attempts.elapsed());
                if let Err(error) = attempts.retry(operation, failure).await {
                    self.context.lock().failed(error);
                    return None;
                }
            }
        }
        .boxed()
    }
}

/// Returns the response to a DELETE request whose own response was lost.
fn deleted(url: &Url) -> Response {
    let body = match url.path().rsplit_once("/v1/files/") {
        // The only deletion whose response has a body.
        Some((_, id)) => {
            serde_json::json!({"id": id, "object": "file", "deleted": true}).to_string()
        }
        None => String::new(),
    };
    let status = if body.is_empty() { StatusCode::NO_CONTENT } else { StatusCode::OK };
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    response.into()
}

/// A response with its whole body.
struct CompleteResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    info: ResponseInfo,
}

impl CompleteResponse {
    /// Returns the failure if the response has an error status.
    fn failure(&self) -> Option<Failure> {
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        is_error.then(|| failed_response(self.info.clone(), &self.body))
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
