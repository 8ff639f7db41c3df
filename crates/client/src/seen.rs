//! What is seen of a call beside its result, and the errors that are made of it.
//!
//! core-client's error types have no room for the status and the request id of a response that could not be read, the body of a
//! failure, or the number of attempts. They are noted in the [`Seen`] of the call, a task-local, and joined with the error
//! afterwards.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mistral_datasets_core_client as core;
use mistral_datasets_types::ErrorResponse;
use reqwest::header::HeaderMap;

use crate::envelope::{self, Envelope};
use crate::error::{Error, ErrorKind};

/// The headers in which servers and gateways say a request's id, the likeliest first. Which of them the service uses is
/// documented nowhere.
const REQUEST_ID_HEADERS: [&str; 3] =
    ["x-request-id", "mistral-correlation-id", "x-kong-request-id"];

pub(crate) fn request_id(headers: &HeaderMap) -> Option<&str> {
    REQUEST_ID_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok())
}

tokio::task_local! {
    static SEEN: Arc<Mutex<Seen>>;
}

/// What was seen of the call under way: of its last attempt, and of all.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    status: Option<u16>,
    request_id: Option<String>,
    failure: Option<Envelope>,
    retry_after: Option<Duration>,
    /// Whether the call changes something that a second time would change again.
    write: bool,
    under_way: bool,
    ambiguous: bool,
    attempts: u32,
    elapsed: Duration,
    /// How the attempt before the present one failed.
    before: Option<String>,
}

/// Notes what is seen of a call while it runs, in a place that outlives it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observer(Arc<Mutex<Seen>>);

impl Observer {
    /// Runs a call so that [`note`] reaches this observer.
    pub(crate) fn observe<T>(&self, call: impl Future<Output = T>) -> impl Future<Output = T> {
        SEEN.scope(self.0.clone(), call)
    }

    /// What was seen so far.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *lock(&self.0))
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes something about the call under way. Outside a call, as in core-client used by itself, nobody asks.
pub(crate) fn note(change: impl FnOnce(&mut Seen)) {
    let _ = SEEN.try_with(|seen| change(&mut lock(seen)));
}

impl Seen {
    /// A response of which the head is there.
    pub(crate) fn response(&mut self, status: u16, headers: &HeaderMap) {
        self.status = Some(status);
        self.request_id = request_id(headers).map(str::to_owned);
        self.retry_after = crate::retry::retry_after(headers);
    }

    /// The response says that the request failed.
    pub(crate) fn failed(&mut self, envelope: Envelope) {
        self.failure = Some(envelope);
    }

    /// An attempt begins.
    pub(crate) fn attempt(&mut self, number: u32, write: bool) {
        self.attempts = number;
        self.write = write;
        self.under_way = true;
        self.status = None;
        self.request_id = None;
        self.failure = None;
        self.retry_after = None;
        self.ambiguous = false;
    }

    /// An attempt ended in failure.
    pub(crate) fn ended(&mut self, ambiguous: bool, how: String) {
        self.ambiguous = ambiguous;
        self.under_way = false;
        self.before = Some(how);
    }

    /// The call has lasted that long.
    pub(crate) fn lasted(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
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
                self.joined(Error::new(
                    ErrorKind::Decoding,
                    format!("the server answered with the unexpected status {status}"),
                ))
            }
            core::Error::InvalidRequest(message) => Error::new(ErrorKind::Validation, message),
            _ => self.refused(),
        }
    }

    /// The error of a response that says that the request failed.
    pub(crate) fn refused(mut self) -> Error {
        let status = self.status.unwrap_or_default();
        let envelope = self.failure.take().unwrap_or_else(|| envelope::read(status, b""));
        self.joined(envelope.into_error(status))
    }

    /// The error of a response that is not what the API promises.
    pub(crate) fn unreadable(self, error: &serde_json::Error) -> Error {
        // serde's words may quote the response; only the name of a missing member is safe to repeat.
        let words = error.to_string();
        let place = format!("line {} column {}", error.line(), error.column());
        let problem = match words.strip_prefix("missing field ") {
            Some(rest) => format!("missing {}", rest.split(" at line").next().unwrap_or(rest)),
            None => "unexpected content".to_owned(),
        };
        self.joined(Error::new(
            ErrorKind::Decoding,
            format!("the response is not what the API promises: {problem} at {place}"),
        ))
    }

    /// The error of a connection that could not be made, or broke.
    pub(crate) fn broken(self, error: reqwest::Error) -> Error {
        self.joined(broken(error))
    }

    /// The error of a call that was broken off from this side, for a reason of its own.
    pub(crate) fn given_up(mut self, kind: ErrorKind, mut message: String) -> Error {
        // An attempt under way may have been carried out; one that is still waited for was not.
        self.ambiguous = self.write && self.under_way;
        if let Some(before) = self.before.take() {
            message = format!("{message}; an attempt had failed before: {before}");
        }
        self.joined(Error::new(kind, message))
    }

    /// An error with everything that was seen beside it.
    pub(crate) fn joined(self, error: Error) -> Error {
        error
            .with_status(self.status)
            .with_request_id(self.request_id)
            .with_retry_after(self.retry_after)
            .with_ambiguity(self.ambiguous)
            .with_attempts(self.attempts, self.elapsed)
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
        (ErrorKind::Timeout, format!("no response from {host} in time"))
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
