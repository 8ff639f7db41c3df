//! The state of a generated call that its result cannot contain.
//!
//! progenitor's hooks and error type have no place for our [`Error`] or for the number of attempts. Each call therefore has a
//! [`CallContext`], which its hook and `Client` share: the transport records attempts and the final error in it, and
//! [`CallState::into_error`] returns that error. It also survives the call's future, so that it can be used when the call is
//! cancelled or exceeds its deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mistral_datasets_core_client as core;
use mistral_datasets_types::ErrorResponse;

use super::failed_response::{ResponseInfo, decoding_error};
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
    /// The response of the last attempt, if its headers were received.
    response: Option<ResponseInfo>,
    /// Why the last failed attempt failed.
    last_failure: Option<String>,
    /// The error with which the transport ended the call.
    error: Option<Error>,
}

impl CallState {
    /// Records the start of an attempt.
    pub(crate) fn start_attempt(&mut self, number: u32, elapsed: Duration, is_write: bool) {
        *self = Self {
            attempts: number,
            elapsed,
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

    /// Records that a complete response was received.
    pub(crate) fn succeeded(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// Records that the current attempt failed.
    pub(crate) fn attempt_failed(&mut self, reason: String, elapsed: Duration) {
        self.in_progress = false;
        self.elapsed = elapsed;
        self.last_failure = Some(reason);
    }

    /// Records the final error.
    pub(crate) fn failed(&mut self, error: Error) {
        self.error = Some(error);
    }

    /// Returns the error of a call that the generated code ended with `error`.
    pub(crate) fn into_error(mut self, error: core::Error<ErrorResponse>) -> Error {
        if let Some(error) = self.error.take() {
            return error;
        }
        let error = match error {
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
        let is_ambiguous = self.is_write && self.in_progress;
        if let Some(failure) = self.last_failure.take() {
            message = format!("{message}; the previous attempt failed: {failure}");
        }
        self.complete(Error::new(kind, message)).with_ambiguity(is_ambiguous)
    }

    /// Adds the attempts and the last response to an error.
    fn complete(self, error: Error) -> Error {
        let error = match self.response {
            Some(response) => response.add_to(error),
            None => error,
        };
        error.with_attempts(self.attempts, self.elapsed)
    }
}
