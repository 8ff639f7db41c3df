//! Failures on their way to JavaScript. They are handed over as values, never thrown: what Node-API throws has a message
//! and nothing else, while the error classes in `lib/errors.js` want every fact.

use std::error::Error as _;
use std::time::Duration;

use mistral_datasets::{Error, ErrorKind};
use napi::Either;
use napi_derive::napi;

use crate::report::{self, AnyReport};
use crate::response::{Response, cross};

/// What a call hands over: what was asked for, or why there is none.
pub type Outcome<T> = Either<T, Failure>;

/// The facts of an error.
#[napi(object, object_from_js = false)]
pub struct Failure {
    /// The name of the kind, which decides the class.
    pub kind: &'static str,
    /// What went wrong, without the rest.
    pub message: String,
    /// Everything in one line.
    pub line: String,
    /// The document's name of the operation.
    pub operation: Option<String>,
    /// The status of the response.
    pub status: Option<u16>,
    /// The server's name for what went wrong.
    pub error_code: Option<String>,
    /// The id the server gave the request.
    pub request_id: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Whether it was a write that may have been carried out.
    pub ambiguous: bool,
    /// How often the request was sent.
    pub attempts: u32,
    /// How long the call took with all its attempts.
    pub elapsed_ms: Option<f64>,
    /// How long the server asked to wait.
    pub retry_after_ms: Option<f64>,
    /// The import task that failed or is still under way.
    pub task: Option<Response>,
    /// What a bulk call had done by then.
    pub report: Option<AnyReport>,
    /// What to do about it.
    pub hint: Option<&'static str>,
    /// The body of the failed response.
    pub body: Option<String>,
    /// The causes in words, the nearest first.
    pub causes: Vec<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        Self {
            kind: error.kind().name(),
            message: error.message().to_owned(),
            line: error.to_string(),
            operation: error.operation().map(str::to_owned),
            status: error.status(),
            error_code: error.code().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
            retryable: error.is_retryable(),
            ambiguous: error.is_ambiguous(),
            attempts: error.attempts(),
            elapsed_ms: error.elapsed().map(as_milliseconds),
            retry_after_ms: error.retry_after().map(as_milliseconds),
            task: error.task().map(cross),
            report: error.report().map(report::any),
            hint: error.hint(),
            body: error.body().map(str::to_owned),
            causes: causes.map(ToString::to_string).collect(),
        }
    }
}

/// A time as JavaScript counts it.
pub fn as_milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Splits a result the way JavaScript is told of it.
pub fn outcome<T>(result: Result<T, Error>) -> Outcome<T> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}

/// The name of every kind of error. A test compares them with the classes.
#[napi]
pub fn error_kinds() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.name()).collect()
}
