//! Errors as plain objects. Calls return them instead of throwing, because an error thrown through Node-API carries only a
//! message and a code, while the classes in `lib/errors.js` need every field.

use std::error::Error as _;

use mistral_datasets::{Error, ErrorKind};
use napi::Either;
use napi_derive::napi;

use crate::encode::{EncodedResponse, encode};
use crate::options::{as_milliseconds, spell_options};
use crate::report::{NativeReport, native_report};

/// The value or the failure of a call.
pub type CallResult<T> = Either<T, Failure>;

/// The fields of an error.
#[napi(object, object_from_js = false)]
pub struct Failure {
    /// Name of the error kind, which selects the error class.
    pub kind: &'static str,
    /// What went wrong, without operation and code.
    pub message: String,
    /// The complete error on one line.
    pub line: String,
    /// Operation ID from the OpenAPI document.
    pub operation: Option<String>,
    /// HTTP status of the response.
    pub status: Option<u16>,
    /// Error code from the server.
    pub error_code: Option<String>,
    /// Request ID from the server.
    pub request_id: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Whether the call was a write that may have been carried out.
    pub ambiguous: bool,
    /// Number of requests sent.
    pub attempts: u32,
    /// Duration of the call including retries.
    pub elapsed_ms: Option<f64>,
    /// Delay requested by the server.
    pub retry_after_ms: Option<f64>,
    /// Import task that failed or is still running.
    pub task: Option<EncodedResponse>,
    /// Partial report of a bulk call.
    pub report: Option<NativeReport>,
    /// Suggested fix.
    pub hint: Option<String>,
    /// Body of the failed response.
    pub body: Option<String>,
    /// Messages of the underlying errors, outermost first.
    pub causes: Vec<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        Self {
            kind: error.kind().name(),
            message: spell_options(error.message()),
            line: spell_options(&error.to_string()),
            operation: error.operation().map(str::to_owned),
            status: error.status(),
            error_code: error.code().map(str::to_owned),
            request_id: error.request_id().map(str::to_owned),
            retryable: error.is_retryable(),
            ambiguous: error.is_ambiguous(),
            attempts: error.attempts(),
            elapsed_ms: error.elapsed().map(as_milliseconds),
            retry_after_ms: error.retry_after().map(as_milliseconds),
            task: error.task().map(encode),
            report: error.report().and_then(native_report),
            hint: error.hint().map(spell_options),
            body: error.body().map(str::to_owned),
            causes: causes.map(ToString::to_string).collect(),
        }
    }
}

/// Converts a result for JavaScript.
pub fn call_result<T>(result: Result<T, Error>) -> CallResult<T> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}

/// Returns the names of all error kinds. A test checks that each has a class.
#[napi]
pub fn error_kinds() -> Vec<&'static str> {
    ErrorKind::ALL.iter().map(|kind| kind.name()).collect()
}
