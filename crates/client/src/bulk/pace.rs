//! How many requests go out at once, and when: less after the server has said that it is too busy, slowly more again after that.

use std::time::{Duration, Instant};

use crate::retry::RetryPolicy;

/// The pace of a bulk call. A busy server is asked for half as much at once, after the wait it asks for, which holds for all
/// requests alike; every round of successes allows one request more.
#[derive(Debug)]
pub(super) struct Pace {
    most: f64,
    at_once: f64,
    /// Nothing goes out before.
    gate: Option<Instant>,
    /// What went out before that time and comes back refused says nothing new.
    slowed: Option<Instant>,
    /// How often in a row the pace went down.
    in_a_row: u32,
    retries: RetryPolicy,
}

impl Pace {
    pub(super) fn new(most: usize, retries: RetryPolicy) -> Self {
        let most = most as f64;
        Self { most, at_once: most, gate: None, slowed: None, in_a_row: 0, retries }
    }

    /// How many requests may be under way.
    pub(super) fn at_once(&self) -> usize {
        self.at_once as usize
    }

    /// Until when nothing may go out, if something may not now.
    pub(super) fn gate(&self) -> Option<Instant> {
        self.gate.filter(|gate| *gate > Instant::now())
    }

    /// A request has succeeded.
    pub(super) fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.at_once = (self.at_once + 1.0 / self.at_once).min(self.most);
    }

    /// A request that went out then was refused, because the server or the way to it is too busy.
    pub(super) fn refused(&mut self, sent: Instant, retry_after: Option<Duration>) {
        let now = Instant::now();
        if self.slowed.is_none_or(|slowed| sent >= slowed) {
            self.slowed = Some(now);
            self.at_once = (self.at_once / 2.0).max(1.0);
            self.in_a_row += 1;
            tracing::debug!(at_once = self.at_once(), ?retry_after, "slowing down");
        }
        let skipped = usize::try_from(self.in_a_row.saturating_sub(1)).unwrap_or(usize::MAX);
        let longest = self.retries.delays().nth(skipped).unwrap_or(self.retries.max_delay);
        // A random part keeps clients that were refused together from returning together.
        let wait = retry_after.unwrap_or_default() + longest.mul_f64(rand::random());
        self.gate = self.gate.max(Some(now + wait));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(most: usize) -> Pace {
        let short = Duration::from_millis(1);
        Pace::new(most, RetryPolicy::default().first_delay(short).max_delay(short))
    }

    #[test]
    fn the_pace_halves_once_for_what_went_out_together() {
        let mut pace = pace(16);
        let sent = Instant::now();
        (0..16).for_each(|_| pace.refused(sent, None));
        assert_eq!(pace.at_once(), 8);
        (0..10).for_each(|_| pace.refused(Instant::now(), None));
        assert_eq!(pace.at_once(), 1);
    }

    #[test]
    fn the_pace_comes_back_slowly() {
        let mut pace = pace(8);
        pace.refused(Instant::now(), None);
        pace.succeeded();
        assert_eq!(pace.at_once(), 4);
        (0..4).for_each(|_| pace.succeeded());
        assert_eq!(pace.at_once(), 5);
        (0..100).for_each(|_| pace.succeeded());
        assert_eq!(pace.at_once(), 8);
    }

    #[test]
    fn the_longest_wait_that_the_server_asks_for_counts() {
        let mut pace = pace(8);
        assert_eq!(pace.gate(), None);
        pace.refused(Instant::now(), Some(Duration::from_secs(60)));
        pace.refused(Instant::now(), Some(Duration::from_secs(1)));
        let wait = pace.gate().unwrap() - Instant::now();
        assert!(wait > Duration::from_secs(59) && wait < Duration::from_secs(61), "{wait:?}");
    }
}
