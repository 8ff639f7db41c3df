//! What runs have cost, and what is made of several of them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rows::{Measure, Row};
use super::runner::{Language, Runner, Who};

/// What one run of one row has cost.
#[derive(Clone, Debug, Deserialize)]
pub struct Sample {
    /// How many records it saw, so that a runner that does nothing is found out.
    pub records: u64,
    pub wall_seconds: f64,
    pub cpu_seconds: f64,
    pub held_kib: Option<f64>,
    pub peak_kib: Option<f64>,
}

/// All runs.
#[derive(Debug, Default)]
pub struct Results(BTreeMap<(&'static str, Language, Who), Vec<Sample>>);

impl Results {
    /// Adds a run.
    pub fn add(&mut self, row: &Row, runner: &Runner, sample: Sample) {
        self.0.entry((row.name, runner.language, runner.who)).or_default().push(sample);
    }

    /// What a row comes to: the least seconds a unit of all rounds, because whatever else the machine does only adds to a time;
    /// or the median of the MiB, of which a garbage collector may leave more or fewer.
    pub fn figure(&self, row: &Row, language: Language, who: Who) -> Option<f64> {
        let mut figures = self.figures(row, language, who)?;
        figures.sort_by(f64::total_cmp);
        let place = match row.measure {
            Measure::Cpu | Measure::Wall => 0,
            Measure::Held => figures.len() / 2,
        };
        figures.get(place).copied()
    }

    /// How many times less ours is than the official SDK's.
    pub fn ratio(&self, row: &Row, language: Language) -> Option<f64> {
        let figure = |who| self.figure(row, language, who);
        Some(figure(Who::Official)? / figure(Who::Ours)?)
    }

    /// What is compared in a row, of every round.
    fn figures(&self, row: &Row, language: Language, who: Who) -> Option<Vec<f64>> {
        let samples = |who| self.0.get(&(row.name, language, who));
        let units = f64::from(row.units);
        let of_one = |sample: &Sample| match row.measure {
            Measure::Cpu => Some(sample.cpu_seconds / units),
            Measure::Wall => Some(sample.wall_seconds / units),
            Measure::Held => sample.held_kib.map(|held| held / 1024.0),
        };
        let figures = samples(who)?.iter().filter_map(of_one);
        Some(match row.measure {
            Measure::Cpu | Measure::Wall => figures.collect(),
            Measure::Held => {
                let bare = samples(Who::Bare)?.iter().filter_map(of_one);
                figures.zip(bare).map(|(held, bare)| held - bare).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::ROWS;

    fn sample(cpu_seconds: f64, held_kib: f64) -> Sample {
        let held_kib = Some(held_kib);
        Sample { records: 1, wall_seconds: 1.0, cpu_seconds, held_kib, peak_kib: held_kib }
    }

    #[test]
    fn times_are_the_least_a_unit_and_memory_is_the_median_above_the_bare_interpreter() {
        let mut results = Results::default();
        let page = ROWS.iter().find(|row| row.name == "page").unwrap();
        let hold = ROWS.iter().find(|row| row.name == "hold").unwrap();
        let runner = |who| Runner { language: Language::Python, who };
        for (official, ours) in [(40.0, 5.0), (20.0, 4.0), (90.0, 2.0)] {
            results.add(page, &runner(Who::Official), sample(official, 0.0));
            results.add(page, &runner(Who::Ours), sample(ours, 0.0));
        }
        for (official, ours) in [(110.0, 20.0), (60.0, 30.0), (310.0, 40.0)] {
            results.add(hold, &runner(Who::Bare), sample(0.0, 10.0 * 1024.0));
            results.add(hold, &runner(Who::Official), sample(0.0, official * 1024.0));
            results.add(hold, &runner(Who::Ours), sample(0.0, ours * 1024.0));
        }
        let unit = 20.0 / f64::from(page.units);
        assert_eq!(results.figure(page, Language::Python, Who::Official), Some(unit));
        assert_eq!(results.ratio(page, Language::Python), Some(10.0));
        assert_eq!(results.ratio(hold, Language::Python), Some(5.0));
        assert_eq!(results.ratio(page, Language::Node), None);
    }
}
