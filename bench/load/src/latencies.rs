//! How long requests took.

use std::time::Duration;

/// The times of many requests.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds those of others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time in milliseconds that this part of the requests did not exceed; `None` where there was none.
    pub fn quantile(&mut self, part: f64) -> Option<f64> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        Some(self.0[(last as f64 * part).round() as usize].as_secs_f64() * 1e3)
    }
}
