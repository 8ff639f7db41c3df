//! The report of a run of a judge over a dataset.

use std::collections::BTreeMap;
use std::time::Duration;

use mistral_datasets_types::JudgeAnswer;
use uuid::Uuid;

use super::Error;

/// The maximum number of failures that a report lists.
const MAX_LISTED_FAILURES: usize = 1_000;

/// The maximum number of different labels that a report counts separately.
const MAX_LABELS: usize = 1_000;

/// The report of [`Judges::run`](crate::calls::Judges::run).
#[derive(Clone, Debug, Default)]
pub struct JudgingReport {
    pub(crate) judged: u64,
    pub(crate) skipped: u64,
    pub(crate) answers: AnswerSummary,
    pub(crate) failures: Vec<JudgingFailure>,
    pub(crate) failure_counts: BTreeMap<String, u64>,
    pub(crate) elapsed: Duration,
}

impl JudgingReport {
    /// Returns how many records this call judged.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// Returns how many records were skipped, because an earlier call had judged them.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns how many records could not be judged, or whose answer could not be stored. A later call judges them again.
    pub fn failed(&self) -> u64 {
        self.failure_counts.values().sum()
    }

    /// Returns the first 1,000 failures.
    pub fn failures(&self) -> &[JudgingFailure] {
        &self.failures
    }

    /// Returns the number of failures by the server's error code, such as `JUDGE_MISTRAL_API_ERROR`, or by the name of the
    /// [kind](crate::ErrorKind) for errors without a code.
    pub fn failure_counts(&self) -> &BTreeMap<String, u64> {
        &self.failure_counts
    }

    /// Returns a summary of all answers, including those of earlier calls.
    pub fn answers(&self) -> &AnswerSummary {
        &self.answers
    }

    /// Returns how long the call took.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Adds a failure.
    pub(crate) fn add_failure(&mut self, record_id: Uuid, error: Error) {
        let kind = error.code().unwrap_or_else(|| error.kind().name()).to_owned();
        *self.failure_counts.entry(kind).or_default() += 1;
        if self.failures.len() < MAX_LISTED_FAILURES {
            self.failures.push(JudgingFailure { record_id, error });
        }
    }
}

/// A record that could not be judged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JudgingFailure {
    /// The ID of the record.
    pub record_id: Uuid,
    /// Why it could not be judged.
    pub error: Error,
}

/// A summary of answers: the number of answers with each label, and the distribution of scores.
#[derive(Clone, Debug, Default)]
pub struct AnswerSummary {
    labels: BTreeMap<String, u64>,
    other_labels: u64,
    scores: Scores,
}

/// Running sums of scores, by Welford's method, which is stable for long series.
#[derive(Clone, Copy, Debug, Default)]
struct Scores {
    count: u64,
    mean: f64,
    /// The sum of the squared distances from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl AnswerSummary {
    /// Returns how many answers are labels or scores.
    pub fn count(&self) -> u64 {
        self.labels.values().sum::<u64>() + self.other_labels + self.scores.count
    }

    /// Returns how often each label was the answer. The labels that the judge defines are included even if they were never
    /// the answer. At most 1,000 different labels are listed; see [`other_labels`](Self::other_labels).
    pub fn labels(&self) -> &BTreeMap<String, u64> {
        &self.labels
    }

    /// Returns the number of answers whose labels are not listed.
    pub fn other_labels(&self) -> u64 {
        self.other_labels
    }

    /// Returns the distribution of the scores, or `None` if no answer is a number.
    pub fn scores(&self) -> Option<ScoreSummary> {
        let Scores { count, mean, squares, min, max } = self.scores;
        let deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        (count > 0).then_some(ScoreSummary { count, mean, standard_deviation: deviation, min, max })
    }

    /// Lists a label that the judge defines.
    pub(crate) fn define_label(&mut self, label: &str) {
        self.add_label(label, 0);
    }

    /// Adds an answer.
    pub(crate) fn add(&mut self, answer: &JudgeAnswer) {
        match answer {
            JudgeAnswer::String(label) => self.add_label(label, 1),
            JudgeAnswer::Number(score) => self.scores.add(*score),
        }
    }

    fn add_label(&mut self, label: &str, count: u64) {
        if let Some(known) = self.labels.get_mut(label) {
            *known += count;
        } else if self.labels.len() < MAX_LABELS {
            self.labels.insert(label.to_owned(), count);
        } else {
            self.other_labels += count;
        }
    }
}

impl Scores {
    fn add(&mut self, score: f64) {
        self.count += 1;
        let distance = score - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (score - self.mean);
        (self.min, self.max) = match self.count {
            1 => (score, score),
            _ => (self.min.min(score), self.max.max(score)),
        };
    }
}

/// The distribution of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScoreSummary {
    /// The number of scores.
    pub count: u64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The sample standard deviation, or `None` for a single score.
    pub standard_deviation: Option<f64>,
    /// The lowest score.
    pub min: f64,
    /// The highest score.
    pub max: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn scores_are_summarized() {
        let mut answers = AnswerSummary::default();
        assert_eq!(answers.scores(), None);
        answers.add(&JudgeAnswer::Number(4.0));
        let single = answers.scores().unwrap();
        assert_eq!((single.mean, single.standard_deviation), (4.0, None));
        for score in [2.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
            answers.add(&JudgeAnswer::Number(score));
        }
        let scores = answers.scores().unwrap();
        assert_eq!((scores.count, scores.mean, scores.min, scores.max), (8, 5.0, 2.0, 9.0));
        // The population's standard deviation is 2, so the sample's is the root of 32 / 7.
        let deviation = scores.standard_deviation.unwrap();
        assert!((deviation - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12, "{deviation}");
    }

    #[test]
    fn the_spread_of_large_scores_is_exact() {
        let mut answers = AnswerSummary::default();
        for score in [999_999_997.0, 999_999_998.0, 999_999_999.0] {
            answers.add(&JudgeAnswer::Number(score));
        }
        assert_eq!(answers.scores().unwrap().standard_deviation, Some(1.0));
    }

    #[test]
    fn labels_are_counted_and_bounded() {
        let mut answers = AnswerSummary::default();
        answers.define_label("rude");
        for label in ["polite", "polite"] {
            answers.add(&JudgeAnswer::String(label.to_owned()));
        }
        assert_eq!((answers.labels()["polite"], answers.labels()["rude"]), (2, 0));
        for number in 0..MAX_LABELS {
            answers.add(&JudgeAnswer::String(number.to_string()));
        }
        assert_eq!((answers.labels().len(), answers.other_labels()), (MAX_LABELS, 2));
        assert_eq!(answers.count(), MAX_LABELS as u64 + 2);
    }

    #[test]
    fn failures_are_counted_by_code_or_kind() {
        let mut report = JudgingReport::default();
        let coded = Error::failed_response(400, "failed".to_owned())
            .with_code(Some("JUDGE_MISTRAL_API_ERROR".to_owned()));
        for _ in 0..MAX_LISTED_FAILURES {
            report.add_failure(Uuid::nil(), coded.clone());
        }
        report.add_failure(Uuid::nil(), Error::new(ErrorKind::Connection, "connection lost"));
        assert_eq!(report.failure_counts()["connection"], 1);
        assert_eq!((report.failed(), report.failures().len()), (1_001, MAX_LISTED_FAILURES));
    }
}
