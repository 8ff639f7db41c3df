//! The retry policy.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The default number of retries of a single call.
pub(crate) const DEFAULT_MAX_RETRIES: u32 = 4;

/// The default number of retries of a record in a bulk call, which has more to lose by giving up.
pub(crate) const DEFAULT_BULK_MAX_RETRIES: u32 = 9;

const DEFAULT_FIRST_DELAY: Duration = Duration::from_millis(500);
const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(8);
const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How often and after what delay failed requests are retried.
///
/// A request is retried after a transient failure if that cannot repeat its effect:
///
/// - Idempotent requests (GET, PUT, PATCH, DELETE) are retried if the connection failed or was lost, after a timeout, and
///   after status 408, 429, 500, 502, 503 and 504.
/// - Other requests (POST) are retried if no connection could be made, after status 429, and after status 503 with
///   `Retry-After`. HTTP does not guarantee that a server which responds with 503 has not carried out the request; treating it
///   as rejected is a policy that [`retry_unavailable_writes`](Self::retry_unavailable_writes) switches off.
///
/// The delay before the nth retry is random between 0 and `first_delay` × 2ⁿ⁻¹, capped at `max_delay` ("full jitter").
/// A `Retry-After` sent by the server is added to it. All clones of a client share a retry budget of 10 retries per
/// second plus one for every five calls, which keeps retries from overloading a failing server; without budget left, a
/// call fails without being retried.
///
/// A setting that is not given keeps the value of the client that the policy is applied to, or its default.
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, RetryPolicy};
///
/// let client = Client::builder()
///     .api_key("a key")
///     .retries(RetryPolicy::new().max_retries(8).max_delay(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryPolicy {
    max_retries: Option<u32>,
    first_delay: Option<Duration>,
    max_delay: Option<Duration>,
    max_retry_after: Option<Duration>,
    retry_unavailable_writes: Option<bool>,
}

impl RetryPolicy {
    /// Creates a policy that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a policy that disables retries.
    pub fn none() -> Self {
        Self::new().max_retries(0)
    }

    /// Sets the maximum number of retries after the first attempt; 0 disables retries. Default: 4, and 9 for each record of
    /// [`create_records`](crate::calls::Datasets::create_records).
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = Some(retries);
        self
    }

    /// Sets the maximum delay before the first retry; it doubles with every retry. Default: 0.5 s.
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = Some(delay);
        self
    }

    /// Sets the cap of the delay. Default: 8 s.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = Some(delay);
        self
    }

    /// Sets the longest `Retry-After` that is honored. If the server asks for more, the call fails and
    /// [`Error::retry_after`](crate::Error::retry_after) returns the requested delay. Default: 60 s.
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = Some(delay);
        self
    }

    /// Sets whether POST requests are retried after status 503 with `Retry-After`. Default: `true`. If `false`, such a failure
    /// is [ambiguous](crate::Error::is_ambiguous).
    pub fn retry_unavailable_writes(mut self, retry: bool) -> Self {
        self.retry_unavailable_writes = Some(retry);
        self
    }

    /// Returns this policy with the settings of another, where it has any.
    pub(crate) fn with(&self, overrides: &Self) -> Self {
        Self {
            max_retries: overrides.max_retries.or(self.max_retries),
            first_delay: overrides.first_delay.or(self.first_delay),
            max_delay: overrides.max_delay.or(self.max_delay),
            max_retry_after: overrides.max_retry_after.or(self.max_retry_after),
            retry_unavailable_writes: overrides
                .retry_unavailable_writes
                .or(self.retry_unavailable_writes),
        }
    }

    /// Returns this policy with a number of retries, unless it has one.
    pub(crate) fn with_default_max_retries(&self, retries: u32) -> Self {
        Self::new().max_retries(retries).with(self)
    }

    pub(crate) fn retry_limit(&self) -> u32 {
        self.max_retries.unwrap_or(DEFAULT_MAX_RETRIES)
    }

    pub(crate) fn delay_limit(&self) -> Duration {
        self.max_delay.unwrap_or(DEFAULT_MAX_DELAY)
    }

    pub(crate) fn retry_after_limit(&self) -> Duration {
        self.max_retry_after.unwrap_or(DEFAULT_MAX_RETRY_AFTER)
    }

    pub(crate) fn retries_unavailable_writes(&self) -> bool {
        self.retry_unavailable_writes.unwrap_or(true)
    }

    /// Returns the maximum delays before the first, second, … retry, before jitter.
    pub(crate) fn delays(&self) -> ExponentialBackoff {
        let first_delay = self.first_delay.unwrap_or(DEFAULT_FIRST_DELAY);
        ExponentialBuilder::new()
            .with_min_delay(first_delay)
            .with_max_delay(self.delay_limit().max(first_delay))
            .with_factor(2.0)
            .without_max_times()
            .build()
    }
}
