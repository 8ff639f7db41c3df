//! What holds for all calls of a client, and what can be said otherwise for some, on its way in.

use std::time::Duration;

use mistral_datasets::RetryPolicy;
use napi_derive::napi;

/// What may hold for a client and for one call; what is absent is as before.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct Options {
    /// The key.
    pub api_key: Option<String>,
    /// The server's address.
    pub server_url: Option<String>,
    /// How long an attempt may take, in milliseconds.
    pub timeout_ms: Option<f64>,
    /// How long a call may take with all its attempts, in milliseconds.
    pub deadline_ms: Option<f64>,
    /// When calls are made again.
    pub retries: Option<RetryOptions>,
    /// Further headers: names and values in turn.
    pub headers: Vec<String>,
}

/// When calls are made again; what is absent is the default.
#[napi(object, object_to_js = false)]
pub struct RetryOptions {
    /// How often a request is sent at most.
    pub max_attempts: Option<u32>,
    /// The longest wait before the first repetition, in milliseconds.
    pub first_delay_ms: Option<f64>,
    /// What the waits do not grow beyond, in milliseconds.
    pub max_delay_ms: Option<f64>,
    /// The longest `Retry-After` that is obeyed, in milliseconds.
    pub max_retry_after_ms: Option<f64>,
}

/// What holds for every client. What comes of a response is copied for JavaScript at once, so nothing holds its body for longer.
pub fn usual() -> mistral_datasets::Options {
    mistral_datasets::Options::new().share_bodies(true)
}

impl From<Options> for mistral_datasets::Options {
    fn from(given: Options) -> Self {
        let mut options = usual();
        if let Some(key) = given.api_key {
            options = options.api_key(key);
        }
        if let Some(url) = given.server_url {
            options = options.server_url(url);
        }
        if let Some(timeout) = given.timeout_ms {
            options = options.timeout(milliseconds(timeout));
        }
        if let Some(deadline) = given.deadline_ms {
            options = options.deadline(milliseconds(deadline));
        }
        if let Some(retries) = given.retries {
            options = options.retries(retries.into());
        }
        for pair in given.headers.chunks_exact(2) {
            options = options.header(&pair[0], &pair[1]);
        }
        options
    }
}

impl From<RetryOptions> for RetryPolicy {
    fn from(given: RetryOptions) -> Self {
        let mut retries = Self::default();
        if let Some(attempts) = given.max_attempts {
            retries = retries.max_attempts(attempts);
        }
        if let Some(delay) = given.first_delay_ms {
            retries = retries.first_delay(milliseconds(delay));
        }
        if let Some(delay) = given.max_delay_ms {
            retries = retries.max_delay(milliseconds(delay));
        }
        if let Some(delay) = given.max_retry_after_ms {
            retries = retries.max_retry_after(milliseconds(delay));
        }
        retries
    }
}

/// A time as JavaScript counts it. It was checked there to be a number that is not negative.
pub fn milliseconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number / 1000.0).unwrap_or(Duration::MAX)
}

/// A whole number as JavaScript counts. It was checked there to be one.
pub fn size(number: f64) -> usize {
    number as usize
}
