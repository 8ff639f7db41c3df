//! Collects failures and test counts, so that one run reports everything that fails.

use super::counts::Counts;
use crate::step::{self, Step};

/// The result of one test runner.
struct RunnerResult {
    runner: String,
    counts: Counts,
}

/// The results of all steps.
#[derive(Default)]
pub struct Report {
    results: Vec<RunnerResult>,
    /// How many checks passed and failed.
    checks: [usize; 2],
    failures: Vec<String>,
}

impl Report {
    /// Runs a check, which passes or fails as a whole.
    pub fn check(&mut self, step: Step) {
        self.checked(step::run(step).map(drop));
    }

    /// Records the result of a check.
    pub fn checked(&mut self, result: Result<(), String>) {
        let index = usize::from(!self.succeeded(result));
        self.checks[index] += 1;
    }

    /// Records the failure of a result. Returns whether it succeeded.
    pub fn succeeded(&mut self, result: Result<(), String>) -> bool {
        result.map_err(|failure| self.fail(failure)).is_ok()
    }

    /// Records a failure.
    pub fn fail(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// Runs a test runner and reads its counts. A runner that runs no tests fails.
    pub fn tests(&mut self, runner: &str, step: Step, counts: fn(&str) -> Counts) {
        let (text, failure) = match step::run(step) {
            Ok(text) => (text, None),
            Err(text) => (text.clone(), Some(text)),
        };
        let counts = counts(&text);
        for line in text.lines().filter(|line| line.trim_start().starts_with("SKIPPED")) {
            eprintln!("    {}", line.trim());
        }
        if failure.is_none() && counts[0] == 0 {
            self.fail(format!("{runner} ran no tests:\n{text}"));
        }
        self.failures.extend(failure);
        self.results.push(RunnerResult { runner: runner.to_owned(), counts });
    }

    /// Prints all failures and counts.
    ///
    /// # Errors
    /// Fails if any step failed.
    pub fn finish(self) -> Result<(), String> {
        for failure in &self.failures {
            eprintln!("\n{failure}");
        }
        println!();
        let [passed, failed] = self.checks;
        let mut sum = [passed, failed, 0];
        println!("checks: {}", display(sum));
        for RunnerResult { runner, counts } in &self.results {
            println!("{runner}: {}", display(*counts));
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        println!("\n{}", display(sum));
        match self.failures.len() {
            0 => Ok(()),
            1 => Err("one step failed; see above".to_owned()),
            steps => Err(format!("{steps} steps failed; see above")),
        }
    }
}

fn display([passed, failed, skipped]: Counts) -> String {
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}
