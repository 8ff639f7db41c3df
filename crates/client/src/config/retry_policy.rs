//! The retry policy.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// How often and after what delay failed requests are retried.
///
/// A request is retried only if that cannot repeat its effect: if it is idempotent, or if it was certainly not carried
/// out (no connection, status 429, or 503 with `Retry-After`).
///
/// The delay before the nth retry is random between 0 and `first_delay` × 2ⁿ⁻¹, capped at `max_delay` ("full jitter").
/// A `Retry-After` sent by the server is added to it. All clones of a client share a retry budget of 10 retries per
/// second plus one for every five calls, which keeps retries from overloading a failing server; without budget left, a
/// call fails without being retried.
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, RetryPolicy};
///
/// let client = Client::builder()
///     .api_key("a key")
///     .retries(RetryPolicy::default().max_attempts(8).max_delay(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) first_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Disables retries.
    pub fn none() -> Self {
        Self::default().max_attempts(1)
    }

    /// Sets the maximum number of attempts, including the first. Default: 5. 0 means 1.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Sets the maximum delay before the first retry; it doubles with every retry. Default: 0.5 s.
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// Sets the cap of the delay. Default: 8 s.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the longest `Retry-After` that is honored. If the server asks for more, the call fails and
    /// [`Error::retry_after`](crate::Error::retry_after) returns the requested delay. Default: 60 s.
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Returns the maximum delays before the first, second, … retry, before jitter.
    pub(crate) fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.max_delay.max(self.first_delay))
            .with_factor(2.0)
            .without_max_times()
            .build()
    }
}
