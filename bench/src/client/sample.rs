//! Collects measurements and reduces several rounds to one figure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::cases::{Case, Measure};
use super::runner::{Client, Language, Runner};

/// The measurements of one run of a case.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// The number of records that the program processed.
    pub records: u64,
    pub wall_seconds: f64,
    pub cpu_seconds: f64,
    /// Resident memory at the end.
    pub rss_kib: Option<f64>,
    /// Peak resident memory.
    pub peak_rss_kib: Option<f64>,
}

/// The samples of all rounds.
#[derive(Debug, Default)]
pub struct Results(BTreeMap<(&'static str, Language, Client), Vec<Sample>>);

impl Results {
    /// Adds a sample.
    pub fn add(&mut self, case: &Case, runner: &Runner, sample: Sample) {
        self.0.entry((case.name, runner.language, runner.client)).or_default().push(sample);
    }

    /// Returns the figure of a case: seconds per iteration, or MiB.
    ///
    /// Times are the minimum of all rounds, because other load on the machine can only add to them. Memory is the median, because
    /// garbage collection varies in both directions.
    pub fn figure(&self, case: &Case, language: Language, client: Client) -> Option<f64> {
        let mut figures = self.figures(case, language, client)?;
        figures.sort_by(f64::total_cmp);
        let index = match case.measure {
            Measure::Cpu | Measure::Wall => 0,
            Measure::Memory => figures.len() / 2,
        };
        figures.get(index).copied()
    }

    /// Returns the official SDK's figure divided by ours.
    pub fn ratio(&self, case: &Case, language: Language) -> Option<f64> {
        let figure = |client| self.figure(case, language, client);
        Some(figure(Client::Official)? / figure(Client::Ours)?)
    }

    /// Returns the figure of every round.
    fn figures(&self, case: &Case, language: Language, client: Client) -> Option<Vec<f64>> {
        let samples = |client| self.0.get(&(case.name, language, client));
        let iterations = f64::from(case.iterations);
        let figure = |sample: &Sample| match case.measure {
            Measure::Cpu => Some(sample.cpu_seconds / iterations),
            Measure::Wall => Some(sample.wall_seconds / iterations),
            Measure::Memory => sample.rss_kib.map(|rss| rss / 1024.0),
        };
        let figures = samples(client)?.iter().filter_map(figure);
        Some(match case.measure {
            Measure::Cpu | Measure::Wall => figures.collect(),
            Measure::Memory => {
                let baseline = samples(Client::Baseline)?.iter().filter_map(figure);
                figures.zip(baseline).map(|(rss, baseline)| rss - baseline).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::cases::CASES;

    fn sample(cpu_seconds: f64, rss_kib: f64) -> Sample {
        let rss_kib = Some(rss_kib);
        Sample { records: 1, wall_seconds: 1.0, cpu_seconds, rss_kib, peak_rss_kib: rss_kib }
    }

    #[test]
    fn times_are_the_minimum_per_iteration_and_memory_is_the_median_above_the_baseline() {
        let mut results = Results::default();
        let page = CASES.iter().find(|case| case.name == "page").unwrap();
        let retain = CASES.iter().find(|case| case.name == "retain").unwrap();
        let runner = |client| Runner { language: Language::Python, client };
        for (official, ours) in [(40.0, 5.0), (20.0, 4.0), (90.0, 2.0)] {
            results.add(page, &runner(Client::Official), sample(official, 0.0));
            results.add(page, &runner(Client::Ours), sample(ours, 0.0));
        }
        for (official, ours) in [(110.0, 20.0), (60.0, 30.0), (310.0, 40.0)] {
            results.add(retain, &runner(Client::Baseline), sample(0.0, 10.0 * 1024.0));
            results.add(retain, &runner(Client::Official), sample(0.0, official * 1024.0));
            results.add(retain, &runner(Client::Ours), sample(0.0, ours * 1024.0));
        }
        let per_iteration = 20.0 / f64::from(page.iterations);
        assert_eq!(results.figure(page, Language::Python, Client::Official), Some(per_iteration));
        assert_eq!(results.ratio(page, Language::Python), Some(10.0));
        assert_eq!(results.ratio(retain, Language::Python), Some(5.0));
        assert_eq!(results.ratio(page, Language::Node), None);
    }
}
