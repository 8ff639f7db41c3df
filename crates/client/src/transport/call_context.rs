//! The state of a generated call that its result cannot contain.
//!
//! progenitor's `exec` hook returns `reqwest::Result<Response>`, and the generated code turns that into its own error type.
//! Neither can contain the number of attempts, whether a write may have been carried out, or an error response in another
//! format than the API's. Each call therefore has a [`CallContext`], which its hook and `Client` share: the transport
//! records attempts and the failed response in it, and [`CallState::into_error`] builds the error from it. It also
//! survives the call's future, so that it can be used when the call is cancelled or exceeds its deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mistral_datasets_core_client as core;
use mistral_datasets_types::ErrorResponse;

use super::failed_response::{FailedResponse, ResponseInfo, decoding_error, request_error};
use crate::error::{Error, ErrorKind};

/// The shared state of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallContext(Arc<Mutex<CallState>>);

impl CallContext {
    pub(crate) fn lock(&self) -> MutexGuard<'_, CallState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the state, leaving the default.
    pub(crate) fn take(&self) -> CallState {
        std::mem::take(&mut *self.lock())
    }
}

/// The attempts of a call so far and the outcome of the last one.
#[derive(Debug, Default)]
pub(crate) struct CallState {
    attempts: u32,
    elapsed: Duration,
    is_write: bool,
    in_progress: bool,
    is_ambiguous: bool,
    /// The response of the last attempt, if its headers were received.
    response: Option<ResponseInfo>,
    /// The same response with its body, if it has an error status.
    failed_response: Option<FailedResponse>,
    /// Why the last failed attempt failed.
    last_failure: Option<String>,
}

impl CallState {
    /// Records the start of an attempt.
    pub(crate) fn start_attempt(&mut self, number: u32, is_write: bool) {
        *self = Self {
            attempts: number,
            elapsed: self.elapsed,
            is_write,
            in_progress: true,
            last_failure: self.last_failure.take(),
            ..Self::default()
        };
    }

    /// Records a response's status and headers.
    pub(crate) fn received_headers(&mut self, response: ResponseInfo) {
        self.response = Some(response);
    }

    /// Records how long the call has taken so far.
    pub(crate) fn set_elapsed(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// Records that the current attempt failed.
    pub(crate) fn attempt_failed(
        &mut self,
        is_ambiguous: bool,
        reason: String,
        failed_response: Option<FailedResponse>,
    ) {
        self.is_ambiguous = is_ambiguous;
        self.in_progress = false;
        self.last_failure = Some(reason);
        self.failed_response = failed_response;
    }

    /// Builds the error of a call that the generated code failed with `error`.
    pub(crate) fn into_error(mut self, error: core::Error<ErrorResponse>) -> Error {
        if let Some(failed) = self.failed_response.take()
            && !matches!(error, core::Error::UnexpectedResponse(_))
        {
            return self.complete(failed.into_error());
        }
        let error = match error {
            core::Error::CommunicationError(error) | core::Error::ResponseBodyError(error) => {
                request_error(error)
            }
            core::Error::InvalidResponsePayload(_, error) => decoding_error(&error),
            core::Error::InvalidRequest(message) => {
                return Error::new(ErrorKind::Validation, message);
            }
            _ => {
                let status = self.response.as_ref().map_or(0, |response| response.status);
                let message = format!("the server responded with the unexpected status {status}");
                Error::new(ErrorKind::Decoding, message)
            }
        };
        self.complete(error)
    }

    /// Builds the error of a call that this client aborted.
    pub(crate) fn aborted(mut self, kind: ErrorKind, mut message: String) -> Error {
        // During the delay between two attempts the request is known not to have been carried out.
        self.is_ambiguous = self.is_write && self.in_progress;
        if let Some(failure) = self.last_failure.take() {
            message = format!("{message}; the previous attempt failed: {failure}");
        }
        self.complete(Error::new(kind, message))
    }

    /// Adds the attempts and the last response to an error.
    fn complete(self, error: Error) -> Error {
        let error = match self.response {
            Some(response) => response.add_to(error),
            None => error,
        };
        error.with_ambiguity(self.is_ambiguous).with_attempts(self.attempts, self.elapsed)
    }
}
