//! [`Error`], the only error type of the crate, and the reports of bulk calls.
//!
//! Both are in one module because they refer to each other: the error of a bulk call contains a partial report, and a report
//! contains the errors of single records.

mod judging_report;
mod kind;
mod report;
mod report_json;
#[cfg(test)]
mod report_json_tests;
mod unknown_key_counts;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mistral_datasets_types::ImportTask;

pub use judging_report::{AnswerSummary, JudgingFailure, JudgingReport, ScoreSummary};
pub use kind::ErrorKind;
pub(crate) use report::UnfinishedImport;
pub use report::{
    CreateReport, ImportReport, ImportedFile, ImportedSpans, InvalidLine, Outcome, Report,
    SpanImportReport, UnknownFile,
};
pub(crate) use unknown_key_counts::UnknownKeyCounts;

/// The error of a call.
///
/// `Display` prints one line: the operation, the message, and in parentheses the server's error code, the status, the
/// request id and the attempts. The underlying error, if any, is the [`source`](StdError::source).
///
/// ```
/// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
/// use mistral_datasets::ErrorKind;
///
/// match client.datasets().fetch("holiday-questions").await {
///     Ok(dataset) => println!("{}", dataset.name),
///     Err(error) if error.kind() == ErrorKind::NotFound => println!("not created yet"),
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
    operation: Option<Cow<'static, str>>,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    body: Option<String>,
    retry_after: Option<Duration>,
    ambiguous: bool,
    attempts: u32,
    elapsed: Option<Duration>,
    /// Why the call was not retried although its failure is transient.
    not_retried: Option<Cow<'static, str>>,
    /// A hint that replaces the general one.
    hint: Option<String>,
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
            not_retried: None,
            hint: None,
            task: None,
            report: None,
            source: None,
        }))
    }

    /// Creates the error for an invalid client configuration.
    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// Creates the error for a request that was rejected before being sent, with the code that the server would use.
    pub(crate) fn invalid(operation: &'static str, message: String) -> Self {
        Self::new(ErrorKind::Validation, message)
            .with_operation(operation)
            .with_code(Some("VALIDATION_ERROR".to_owned()))
    }

    /// Creates the error for a response with an error status.
    pub(crate) fn failed_response(status: u16, message: String) -> Self {
        let mut error = Self::new(ErrorKind::from_status(status), message);
        error.inner_mut().status = Some(status);
        error
    }

    /// Returns the fields for modification. Fields shared with a clone are copied first: in bulk calls, one error may be the
    /// outcome of many records.
    fn inner_mut(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    pub(crate) fn with_message_prefix(mut self, prefix: &str) -> Self {
        self.inner_mut().message.insert_str(0, prefix);
        self
    }

    pub(crate) fn with_operation(mut self, operation: &'static str) -> Self {
        self.inner_mut().operation = Some(operation.into());
        self
    }

    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.inner_mut().status = status;
        self
    }

    pub(crate) fn with_code(mut self, code: Option<String>) -> Self {
        self.inner_mut().code = code;
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: Option<String>) -> Self {
        self.inner_mut().request_id = request_id;
        self
    }

    pub(crate) fn with_body(mut self, body: Option<String>) -> Self {
        self.inner_mut().body = body;
        self
    }

    pub(crate) fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.inner_mut().retry_after = retry_after;
        self
    }

    pub(crate) fn with_ambiguity(mut self, ambiguous: bool) -> Self {
        let inner = self.inner_mut();
        if ambiguous && !inner.ambiguous {
            // This comes first, because a write that is retried without checking may be carried out twice.
            inner.hint = inner.hint.take().map(|hint| {
                let hint = hint.strip_prefix("try again; ").unwrap_or(&hint);
                format!("{AMBIGUOUS_HINT}; {hint}")
            });
        }
        inner.ambiguous = ambiguous;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.inner_mut().attempts = attempts;
        self.inner_mut().elapsed = (attempts > 0).then_some(elapsed);
        self
    }

    /// Adds the reason why the call was not retried although its failure is transient.
    pub(crate) fn with_not_retried(mut self, reason: &'static str) -> Self {
        self.inner_mut().not_retried = Some(reason.into());
        self
    }

    /// Sets a hint for this error instead of the general one for its kind.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.inner_mut().hint = Some(hint.into());
        self
    }

    pub(crate) fn with_task(mut self, task: ImportTask) -> Self {
        self.inner_mut().task = Some(Box::new(task));
        self
    }

    /// Prefixes the message with a context.
    pub(crate) fn in_context(mut self, context: &str) -> Self {
        let inner = self.inner_mut();
        inner.message = format!("{context}: {}", inner.message);
        self
    }

    pub(crate) fn with_report(mut self, report: Report) -> Self {
        self.inner_mut().report = Some(Box::new(report));
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.inner_mut().source = Some(Arc::new(source));
        self
    }

    /// Returns the error kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the name of the operation that failed: an `operationId` of the OpenAPI document such as `create_dataset`, or the
    /// name of a hand-written method such as `export`.
    pub fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// Returns the status code of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns the server's error code, such as `DATASET_NOT_FOUND`. It is `VALIDATION_ERROR` if the request was rejected
    /// before being sent.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the request id that the server assigned. Include it when you report a problem.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Returns the message, without the operation and the details that `Display` adds.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the first 8 KiB of the failed response's body as text. It may repeat parts of the request, so neither
    /// `Display` nor `Debug` prints it.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// Returns whether the same call may succeed later.
    ///
    /// This is independent of whether the failed call was carried out; see [`is_ambiguous`](Self::is_ambiguous).
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            // 407: the proxy will not accept the same request later either.
            ErrorKind::Connection => self.0.status != Some(407),
            ErrorKind::Timeout | ErrorKind::RateLimit => true,
            ErrorKind::Server => matches!(self.0.status, Some(500 | 502..=504)),
            _ => false,
        }
    }

    /// Returns whether the call was a write that may have been carried out: it was sent, and then the connection was lost,
    /// the server failed or the call was aborted. Such a call is never retried automatically. Check whether it was carried
    /// out before sending it again.
    pub fn is_ambiguous(&self) -> bool {
        self.0.ambiguous
    }

    /// Returns the number of attempts; 0 if the request was not sent.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns how long the call took, including all attempts and the delays between them. `None` if nothing was sent.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    /// Returns how long the server asked to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the import task that failed, or the task that was still running when the wait for it ended.
    pub fn task(&self) -> Option<&ImportTask> {
        self.0.task.as_deref()
    }

    /// Returns the partial report of a failed bulk call, from which a later call can resume.
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_deref()
    }

    /// Returns a hint on how to resolve the error, if there is one.
    ///
    /// The code that detects a problem sets a hint if it knows the cause. Otherwise the hint depends on the kind, and says
    /// only what is true of every error of that kind.
    pub fn hint(&self) -> Option<&str> {
        if let Some(hint) = &self.0.hint {
            return Some(hint);
        }
        if self.0.ambiguous {
            return Some(AMBIGUOUS_HINT);
        }
        match self.0.kind {
            ErrorKind::Authentication => {
                Some("pass a valid API key to the client or set MISTRAL_API_KEY")
            }
            ErrorKind::Permission => Some("use an API key with the required permission"),
            ErrorKind::RateLimit => Some("wait before sending the next request"),
            ErrorKind::Connection => Some("try again; a proxy or firewall may close connections"),
            // A longer timeout of the client does not help if a gateway ran into its own.
            ErrorKind::Timeout if self.0.status.is_some() => Some("try again later"),
            ErrorKind::Timeout => Some("try again, or use a longer timeout"),
            ErrorKind::Closed => Some("create a new client"),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(operation) = &inner.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&inner.message)?;
        let notes = [
            inner.code.clone(),
            inner.status.map(|status| format!("status {status}")),
            inner.request_id.as_ref().map(|id| format!("request {id}")),
            (inner.attempts > 1).then(|| format_attempts(inner.attempts, inner.elapsed)),
            inner.not_retried.as_ref().map(|reason| format!("not retried: {reason}")),
        ];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        if !notes.is_empty() {
            write!(f, " ({})", notes.join(", "))?;
        }
        Ok(())
    }
}

const AMBIGUOUS_HINT: &str = "the request may have been carried out; check before sending it again";

/// Returns a hint for a failure to create or write a temporary file.
pub(crate) fn temporary_directory_hint() -> String {
    let directory = std::env::temp_dir();
    let problem = match directory.metadata() {
        Ok(metadata) if metadata.is_dir() => "check the permissions and the free space of",
        _ => "create the folder",
    };
    let variable = if cfg!(windows) { "TEMP" } else { "TMPDIR" };
    let folder = directory.display();
    format!("{problem} {folder}, or set {variable} to a folder that can be written to")
}

/// Formats the number of attempts and their duration.
fn format_attempts(count: u32, elapsed: Option<Duration>) -> String {
    let seconds = elapsed.unwrap_or_default().as_secs_f64();
    format!("{count} attempts in {seconds:.1} s")
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
            .field("not_retried", &inner.not_retried)
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
    fn display_is_one_line_with_all_details() {
        let error = Error::failed_response(404, "dataset `x` not found".to_owned())
            .with_operation("fetch_dataset")
            .with_code(Some("DATASET_NOT_FOUND".to_owned()))
            .with_request_id(Some("r-1".to_owned()));
        assert_eq!(
            error.to_string(),
            "fetch_dataset: dataset `x` not found (DATASET_NOT_FOUND, status 404, request r-1)"
        );
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(!error.is_retryable());
    }

    #[test]
    fn the_body_is_available_but_never_printed() {
        let error = Error::failed_response(500, "failed".to_owned())
            .with_body(Some("what the user said".to_owned()));
        assert_eq!(error.body(), Some("what the user said"));
        assert!(!format!("{error:?} {error}").contains("user said"));
    }
}
