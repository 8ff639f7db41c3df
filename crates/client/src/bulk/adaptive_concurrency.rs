//! Reduces the number of concurrent requests while the server is overloaded.

use std::time::{Duration, Instant};

/// An additive-increase, multiplicative-decrease concurrency limit.
///
/// When the server signals overload, the limit is halved and all requests pause until the rejected one may be retried.
/// Successful requests raise the limit again, by one for each round of requests.
#[derive(Debug)]
pub(super) struct AdaptiveConcurrency {
    max: f64,
    limit: f64,
    paused_until: Option<Instant>,
    /// When the limit was last halved. Rejected requests that were sent before that do not lower it again.
    last_decrease: Option<Instant>,
}

impl AdaptiveConcurrency {
    pub(super) fn new(max: usize) -> Self {
        let max = max as f64;
        Self { max, limit: max, paused_until: None, last_decrease: None }
    }

    /// Returns the number of requests that may be in progress.
    pub(super) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Returns when requests may be retried, if they are paused.
    pub(super) fn paused_until(&self) -> Option<Instant> {
        self.paused_until.filter(|until| *until > Instant::now())
    }

    /// Records a successful request.
    pub(super) fn on_success(&mut self) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.max);
    }

    /// Records that a request sent at `sent_at` failed because the server is overloaded or unreachable.
    pub(super) fn on_overload(&mut self, sent_at: Instant) {
        if self.last_decrease.is_none_or(|last| sent_at >= last) {
            self.last_decrease = Some(Instant::now());
            self.limit = (self.limit / 2.0).max(1.0);
            tracing::debug!(limit = self.limit(), "reducing concurrency");
        }
    }

    /// Pauses all requests for at least this time.
    pub(super) fn pause(&mut self, delay: Duration) {
        self.paused_until = self.paused_until.max(Some(Instant::now() + delay));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_rejections_halve_the_limit_once() {
        let mut concurrency = AdaptiveConcurrency::new(16);
        let sent_at = Instant::now();
        (0..16).for_each(|_| concurrency.on_overload(sent_at));
        assert_eq!(concurrency.limit(), 8);
        (0..10).for_each(|_| concurrency.on_overload(Instant::now()));
        assert_eq!(concurrency.limit(), 1);
    }

    #[test]
    fn successes_raise_the_limit_slowly() {
        let mut concurrency = AdaptiveConcurrency::new(8);
        concurrency.on_overload(Instant::now());
        concurrency.on_success();
        assert_eq!(concurrency.limit(), 4);
        (0..4).for_each(|_| concurrency.on_success());
        assert_eq!(concurrency.limit(), 5);
        (0..100).for_each(|_| concurrency.on_success());
        assert_eq!(concurrency.limit(), 8);
    }

    #[test]
    fn the_longest_delay_determines_the_pause() {
        let mut concurrency = AdaptiveConcurrency::new(8);
        assert_eq!(concurrency.paused_until(), None);
        concurrency.pause(Duration::from_secs(60));
        concurrency.pause(Duration::from_secs(1));
        let pause = concurrency.paused_until().unwrap() - Instant::now();
        assert!(pause > Duration::from_secs(59) && pause < Duration::from_secs(61), "{pause:?}");
    }
}
