//! Reduces the number of concurrent requests while the server is overloaded.

use std::time::{Duration, Instant};

use crate::config::RetryPolicy;

/// An additive-increase, multiplicative-decrease concurrency limit.
///
/// When the server signals overload, the limit is halved and all requests pause for `Retry-After` plus a random backoff.
/// Successful requests raise the limit again, by one for each round of requests.
#[derive(Debug)]
pub(super) struct AdaptiveConcurrency {
    max: f64,
    limit: f64,
    paused_until: Option<Instant>,
    /// When the limit was last halved. Rejected requests that were sent before that do not lower it again.
    last_decrease: Option<Instant>,
    /// The number of decreases since the last success.
    consecutive_decreases: u32,
    retries: RetryPolicy,
}

impl AdaptiveConcurrency {
    pub(super) fn new(max: usize, retries: RetryPolicy) -> Self {
        let max = max as f64;
        Self {
            max,
            limit: max,
            paused_until: None,
            last_decrease: None,
            consecutive_decreases: 0,
            retries,
        }
    }

    /// Returns the number of requests that may be in progress.
    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Returns when requests may be sent again, if they are paused.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until.filter(|until| *until > Instant::now())
    }

    /// Records a successful request.
    pub(super) fn on_success(&mut self) {
        self.consecutive_decreases = 0;
        self.limit = (self.limit + 1.0 / self.limit).min(self.max);
    }

    /// Records that a request sent at `sent_at` failed because the server is overloaded or unreachable.
    pub(super) fn on_overload(&mut self, sent_at: Instant, retry_after: Option<Duration>) {
        let now = Instant::now();
        if self.last_decrease.is_none_or(|last| sent_at >= last) {
            self.last_decrease = Some(now);
            self.limit = (self.limit / 2.0).max(1.0);
            self.consecutive_decreases += 1;
            tracing::debug!(limit = self.limit(), ?retry_after, "reducing concurrency");
        }
        let step = usize::try_from(self.consecutive_decreases.saturating_sub(1));
        let max_backoff =
            self.retries.delays().nth(step.unwrap_or(usize::MAX)).unwrap_or(self.retries.max_delay);
        // Jitter keeps clients that were rejected together from retrying together.
        let pause = retry_after.unwrap_or_default() + max_backoff.mul_f64(rand::random());
        self.paused_until = self.paused_until.max(Some(now + pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concurrency(max: usize) -> AdaptiveConcurrency {
        let short = Duration::from_millis(1);
        AdaptiveConcurrency::new(max, RetryPolicy::default().first_delay(short).max_delay(short))
    }

    #[test]
    fn concurrent_rejections_halve_the_limit_once() {
        let mut concurrency = concurrency(16);
        let sent_at = Instant::now();
        (0..16).for_each(|_| concurrency.on_overload(sent_at, None));
        assert_eq!(concurrency.limit(), 8);
        (0..10).for_each(|_| concurrency.on_overload(Instant::now(), None));
        assert_eq!(concurrency.limit(), 1);
    }

    #[test]
    fn successes_raise_the_limit_slowly() {
        let mut concurrency = concurrency(8);
        concurrency.on_overload(Instant::now(), None);
        concurrency.on_success();
        assert_eq!(concurrency.limit(), 4);
        (0..4).for_each(|_| concurrency.on_success());
        assert_eq!(concurrency.limit(), 5);
        (0..100).for_each(|_| concurrency.on_success());
        assert_eq!(concurrency.limit(), 8);
    }

    #[test]
    fn the_longest_retry_after_determines_the_pause() {
        let mut concurrency = concurrency(8);
        assert_eq!(concurrency.paused_until(), None);
        concurrency.on_overload(Instant::now(), Some(Duration::from_secs(60)));
        concurrency.on_overload(Instant::now(), Some(Duration::from_secs(1)));
        let pause = concurrency.paused_until().unwrap() - Instant::now();
        assert!(pause > Duration::from_secs(59) && pause < Duration::from_secs(61), "{pause:?}");
    }
}
