//! How long requests to an object store may take, and how often they are retried.

use std::time::Duration;

use ::object_store::{BackoffConfig, RetryConfig};

/// The limits of requests. They suit a server whose clients wait for the response: a request to a store that does not respond fails
/// after about 20 seconds, with all its attempts.
#[derive(Clone, Debug)]
pub(super) struct RequestLimits {
    /// The maximum time to connect.
    pub(super) connect_timeout: Duration,
    /// The maximum time from the start of an attempt to the headers of its response, and then between two parts of the body.
    pub(super) read_timeout: Duration,
    /// When a failed attempt is repeated.
    pub(super) retry: RetryConfig,
}

impl Default for RequestLimits {
    fn default() -> Self {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 3.0,
        };
        // The last attempt starts after 12 seconds at most, and waits for 8 seconds.
        let retry_timeout = Duration::from_secs(12);
        Self {
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(8),
            retry: RetryConfig { backoff, max_retries: 4, retry_timeout },
        }
    }
}
