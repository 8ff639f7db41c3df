//! Options of clients and calls, and conversions of numbers and durations.

use std::time::Duration;

use mistral_datasets::RetryPolicy;
use napi_derive::napi;

/// Options of a client or of one call. Missing ones are left unchanged.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct Options {
    /// API key.
    pub api_key: Option<String>,
    /// Server URL.
    pub server_url: Option<String>,
    /// Timeout of one attempt, in milliseconds.
    pub timeout_ms: Option<f64>,
    /// Deadline of a call including retries, in milliseconds.
    pub deadline_ms: Option<f64>,
    /// Retry policy.
    pub retries: Option<RetryOptions>,
    /// Additional header names and values, alternating.
    pub headers: Vec<String>,
}

/// A retry policy. Missing fields are left unchanged.
#[napi(object, object_to_js = false)]
pub struct RetryOptions {
    /// Maximum number of retries after the first attempt.
    pub max_retries: Option<u32>,
    /// Upper bound of the first delay, in milliseconds.
    pub first_delay_ms: Option<f64>,
    /// Upper bound of any delay, in milliseconds.
    pub max_delay_ms: Option<f64>,
    /// Longest `Retry-After` that is honored, in milliseconds.
    pub max_retry_after_ms: Option<f64>,
    /// Whether POST requests are retried after status 503 with `Retry-After`.
    pub retry_unavailable_writes: Option<bool>,
}

/// Returns the default options of all clients. Decoded values may share the response body instead of copying from it, because
/// they are encoded for JavaScript immediately.
pub fn base_options() -> mistral_datasets::Options {
    mistral_datasets::Options::new().share_bodies(true)
}

impl From<Options> for mistral_datasets::Options {
    fn from(native: Options) -> Self {
        let mut options = base_options();
        if let Some(key) = native.api_key {
            options = options.api_key(key);
        }
        if let Some(url) = native.server_url {
            options = options.server_url(url);
        }
        if let Some(timeout) = native.timeout_ms {
            options = options.timeout(from_milliseconds(timeout));
        }
        if let Some(deadline) = native.deadline_ms {
            options = options.deadline(from_milliseconds(deadline));
        }
        if let Some(retries) = native.retries {
            options = options.retries(retries.into());
        }
        for pair in native.headers.chunks_exact(2) {
            options = options.header(&pair[0], &pair[1]);
        }
        options
    }
}

impl From<RetryOptions> for RetryPolicy {
    fn from(native: RetryOptions) -> Self {
        let mut policy = Self::new();
        if let Some(retries) = native.max_retries {
            policy = policy.max_retries(retries);
        }
        if let Some(delay) = native.first_delay_ms {
            policy = policy.first_delay(from_milliseconds(delay));
        }
        if let Some(delay) = native.max_delay_ms {
            policy = policy.max_delay(from_milliseconds(delay));
        }
        if let Some(delay) = native.max_retry_after_ms {
            policy = policy.max_retry_after(from_milliseconds(delay));
        }
        if let Some(retry) = native.retry_unavailable_writes {
            policy = policy.retry_unavailable_writes(retry);
        }
        policy
    }
}

/// Converts milliseconds to a duration. JavaScript has already checked that the number is not negative.
pub fn from_milliseconds(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or(Duration::MAX)
}

/// Converts a duration to milliseconds.
pub fn as_milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Converts a JavaScript number that was already checked to be an integer.
pub fn to_i64(number: f64) -> i64 {
    number as i64
}

/// Converts a JavaScript number that was already checked to be a non-negative integer.
pub fn to_usize(number: f64) -> usize {
    number as usize
}

/// Replaces the names of options in a message of the client by their names in JavaScript.
pub fn spell_options(message: &str) -> String {
    message.replace("`allow_unknown_keys`", "`allowUnknownKeys`")
}
