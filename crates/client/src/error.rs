//! What can go wrong, told the same way whatever layer it went wrong in.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mistral_datasets_types::ImportTask;

use crate::bulk::Report;

/// The kinds of error, the same in every language. Python and Node have a class for each, `not_found` being
/// `NotFoundError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client was set up wrongly: no key, a server address that is none.
    Configuration,
    /// The server could not be reached, or the connection broke.
    Connection,
    /// No response came in time.
    Timeout,
    /// The key is missing or refused (401).
    Authentication,
    /// The key may not do this (403).
    Permission,
    /// There is no such thing (404).
    NotFound,
    /// The request does not go with the present state (409).
    Conflict,
    /// The request breaks a rule: refused before it was sent, or by the server (400, 422 and the other statuses from
    /// 400 to 499).
    Validation,
    /// Too many requests (429).
    RateLimit,
    /// The server failed (500 to 599).
    Server,
    /// The response is not what the API promises.
    Decoding,
    /// An import task ended without success; [`Error::task`] has it.
    TaskFailed,
    /// The call was broken off from this side while it was under way: the client was closed, or a signal was aborted.
    Cancelled,
    /// The client was closed before the call.
    Closed,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Configuration,
        Self::Connection,
        Self::Timeout,
        Self::Authentication,
        Self::Permission,
        Self::NotFound,
        Self::Conflict,
        Self::Validation,
        Self::RateLimit,
        Self::Server,
        Self::Decoding,
        Self::TaskFailed,
        Self::Cancelled,
        Self::Closed,
    ];

    /// The kind in snake case, as logs and bindings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Validation => "validation",
            Self::RateLimit => "rate_limit",
            Self::Server => "server",
            Self::Decoding => "decoding",
            Self::TaskFailed => "task_failed",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
        }
    }

    /// The kind a failed response belongs to.
    fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            409 => Self::Conflict,
            429 => Self::RateLimit,
            400..500 => Self::Validation,
            500.. => Self::Server,
            _ => Self::Decoding,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a call failed.
///
/// `Display` is one line for people: the operation, what happened, the server's code, the status and the request id. The
/// cause, where there is one, is the [`source`](StdError::source).
///
/// ```
/// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
/// use mistral_datasets::ErrorKind;
///
/// match client.datasets().fetch("holiday-questions").await {
///     Ok(dataset) => println!("{}", dataset.name),
///     Err(error) if error.kind() == ErrorKind::NotFound => println!("there is none yet"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    body: Option<String>,
    retry_after: Option<Duration>,
    ambiguous: bool,
    attempts: u32,
    elapsed: Option<Duration>,
    task: Option<Box<ImportTask>>,
    report: Option<Box<Report>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            status: None,
            code: None,
            request_id: None,
            body: None,
            retry_after: None,
            ambiguous: false,
            attempts: 0,
            elapsed: None,
            task: None,
            report: None,
            source: None,
        }))
    }

    /// A request that breaks a rule, found before it was sent. It carries the code the server would have answered with.
    pub(crate) fn invalid(operation: &'static str, message: String) -> Self {
        Self::new(ErrorKind::Validation, message)
            .with_operation(operation)
            .with_code(Some("VALIDATION_ERROR".to_owned()))
    }

    /// A response whose status says that the request failed.
    pub(crate) fn failed_response(status: u16, message: String) -> Self {
        let mut error = Self::new(ErrorKind::of_status(status), message);
        error.inner().status = Some(status);
        error
    }

    /// What to change. A clone that shares it keeps what it has: errors of bulk calls stand for many records each.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    pub(crate) fn with_operation(mut self, operation: &'static str) -> Self {
        self.inner().operation = Some(operation);
        self
    }

    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.inner().status = status;
        self
    }

    pub(crate) fn with_code(mut self, code: Option<String>) -> Self {
        self.inner().code = code;
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.inner().request_id = request_id;
        self
    }

    pub(crate) fn with_body(mut self, body: Option<String>) -> Self {
        self.inner().body = body;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.inner().retry_after = retry_after;
        self
    }

    pub(crate) fn with_ambiguity(mut self, ambiguous: bool) -> Self {
        self.inner().ambiguous = ambiguous;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.inner().attempts = attempts;
        self.inner().elapsed = (attempts > 0).then_some(elapsed);
        self
    }

    pub(crate) fn with_task(mut self, task: ImportTask) -> Self {
        self.inner().task = Some(Box::new(task));
        self
    }

    /// Says before the message what it is about.
    pub(crate) fn in_context(mut self, context: &str) -> Self {
        let inner = self.inner();
        inner.message = format!("{context}: {}", inner.message);
        self
    }

    pub(crate) fn with_report(mut self, report: Report) -> Self {
        self.inner().report = Some(Box::new(report));
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.inner().source = Some(Arc::new(source));
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, by the document's name for it, such as `create_dataset`.
    pub fn operation(&self) -> Option<&str> {
        self.0.operation
    }

    /// The status of the response, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The server's name for what went wrong, such as `DATASET_NOT_FOUND`. Requests refused before they were sent
    /// carry `VALIDATION_ERROR`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The id that the server gave the request, for asking its operators.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// What went wrong, without the operation and the rest.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The body of the failed response as text, at most 8 KiB of it. It may repeat what the request held, so it stands neither
    /// in `Display` nor in `Debug`.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// Whether the same call may succeed when it is made again later.
    ///
    /// It says nothing about whether this call was carried out; see [`is_ambiguous`](Self::is_ambiguous).
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::RateLimit => true,
            ErrorKind::Server => matches!(self.0.status, Some(500 | 502..=504)),
            _ => false,
        }
    }

    /// Whether this was a write that may have been carried out although it failed: the request went out, and the connection
    /// broke or the server failed. Such a call is never repeated by itself; look whether it was carried out before making
    /// it again.
    pub fn is_ambiguous(&self) -> bool {
        self.0.ambiguous
    }

    /// How often the request was sent; 0 when it never was.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long the call took with all its attempts and the waits between them, where something was sent.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    /// How long the server asked to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The import task that failed, or was still under way when waiting for it ended.
    pub fn task(&self) -> Option<&ImportTask> {
        self.0.task.as_deref()
    }

    /// What a bulk call had done by the time it failed, from which another call can go on.
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_deref()
    }

    /// What to do about it, where something general can be said.
    pub fn hint(&self) -> Option<&'static str> {
        if self.0.ambiguous {
            return Some("it may have been carried out: look before making it again");
        }
        match self.0.kind {
            ErrorKind::Authentication => {
                Some("give a valid key when building the client, or in MISTRAL_API_KEY")
            }
            ErrorKind::Permission => Some("ask for a key that may do this"),
            ErrorKind::RateLimit => Some("wait before the next request"),
            ErrorKind::Connection => {
                Some("check that the server runs and can be reached from here")
            }
            ErrorKind::Timeout => Some("try again, or allow more time with a longer timeout"),
            ErrorKind::Closed => Some("build a new client"),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(operation) = inner.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&inner.message)?;
        let notes = [
            inner.code.clone(),
            inner.status.map(|status| format!("status {status}")),
            inner.request_id.as_ref().map(|id| format!("request {id}")),
            (inner.attempts > 1).then(|| attempts(inner.attempts, inner.elapsed)),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        if !notes.is_empty() {
            write!(f, " ({})", notes.join(", "))?;
        }
        Ok(())
    }
}

/// The attempts in words.
fn attempts(number: u32, elapsed: Option<Duration>) -> String {
    let seconds = elapsed.unwrap_or_default().as_secs_f64();
    format!("{number} attempts in {seconds:.1} s")
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("operation", &inner.operation)
            .field("status", &inner.status)
            .field("code", &inner.code)
            .field("request_id", &inner.request_id)
            .field("retry_after", &inner.retry_after)
            .field("ambiguous", &inner.ambiguous)
            .field("attempts", &inner.attempts)
            .field("elapsed", &inner.elapsed)
            .field("task", &inner.task.as_ref().map(|task| task.id))
            .field("source", &inner.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_what_to_know() {
        let error = Error::failed_response(404, "there is no dataset `x`".to_owned())
            .with_operation("fetch_dataset")
            .with_code(Some("DATASET_NOT_FOUND".to_owned()))
            .with_request_id(Some("r-1".to_owned()));
        assert_eq!(
            error.to_string(),
            "fetch_dataset: there is no dataset `x` (DATASET_NOT_FOUND, status 404, request r-1)"
        );
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(!error.is_retryable());
    }

    #[test]
    fn the_body_is_at_hand_but_not_printed() {
        let error = Error::failed_response(500, "failed".to_owned())
            .with_body(Some("what the user said".to_owned()));
        assert_eq!(error.body(), Some("what the user said"));
        assert!(!format!("{error:?} {error}").contains("user said"));
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }
}
