//! Request latencies and their quantiles.

use std::time::Duration;

/// The latencies of many requests.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds a latency.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds all latencies of another collection.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns the number of latencies.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns a quantile between 0 and 1 in milliseconds, or `None` if there are no latencies.
    pub fn quantile(&mut self, quantile: f64) -> Option<f64> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        Some(self.0[(last as f64 * quantile).round() as usize].as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_in_milliseconds() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        (1..=101).rev().for_each(|number| latencies.add(Duration::from_millis(number)));
        assert_eq!(latencies.quantile(0.5), Some(51.0));
        assert_eq!(latencies.quantile(0.99), Some(100.0));
    }
}
