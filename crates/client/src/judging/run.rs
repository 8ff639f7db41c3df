//! The call that judges every record of a dataset.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use mistral_datasets_types::{DatasetRecord, Judge, JudgeOutput, JudgeOutputUnion};
use uuid::Uuid;

use super::answers_file::{AnswersFile, JudgeVersion, Line};
use super::judge_record::{PropertyKeys, RecordJudge};
use crate::checks::Checks;
use crate::client::Client;
use crate::config::{DEFAULT_BULK_MAX_RETRIES, Options};
use crate::error::{Error, ErrorKind, JudgingReport, Report};
use crate::pager::Pager;
use crate::progress::{Progress, ProgressReporter};

pub(super) const OPERATION: &str = "run_judge";

const DEFAULT_CONCURRENCY: usize = 8;
const MAX_CONCURRENCY: usize = 64;

const DEFAULT_MAX_FAILURES: u64 = 20;

/// Judging is slow, so that more pages would only use memory.
const PAGES_AHEAD: usize = 2;

/// A [`Judges::run`](crate::calls::Judges::run) call. Nothing is sent until it is awaited.
///
/// Dropping the future ends the requests in progress. Answers that were stored before remain.
#[must_use = "a call is sent when it is awaited"]
pub struct RunJudge {
    client: Client,
    judge: String,
    dataset_id: String,
    concurrency: usize,
    max_failures: u64,
    limit: Option<i64>,
    file: Option<PathBuf>,
    keys: Option<PropertyKeys>,
    reporter: ProgressReporter,
}

impl RunJudge {
    pub(crate) fn new(client: Client, judge: String, dataset_id: String) -> Self {
        Self {
            client,
            judge,
            dataset_id,
            concurrency: DEFAULT_CONCURRENCY,
            max_failures: DEFAULT_MAX_FAILURES,
            limit: None,
            file: None,
            keys: None,
            reporter: ProgressReporter::default(),
        }
    }

    /// Appends the answers to a JSONL file, in the order in which they arrive.
    ///
    /// Each line has `record_id`, `judge_id`, `judge_updated_at`, `answer` and `analysis`. If the file exists, the records in it
    /// are skipped. A file that contains something else, or answers of another judge or of an earlier version of the judge, is
    /// rejected and left unchanged. Cannot be combined with [`to_properties`](Self::to_properties).
    pub fn to_jsonl(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Stores the answer of each record as a property with this key. Other properties are kept.
    ///
    /// Records that have the property are skipped. The properties of a record are read again before they are replaced; a
    /// change between these two requests is lost. Cannot be combined with [`to_jsonl`](Self::to_jsonl).
    pub fn to_properties(mut self, key: impl Into<String>) -> Self {
        let analysis = self.keys.take().and_then(|keys| keys.analysis);
        self.keys = Some(PropertyKeys { answer: key.into(), analysis });
        self
    }

    /// Also stores the analysis of each record as a property with this key. Requires [`to_properties`](Self::to_properties).
    pub fn analysis_to_properties(mut self, key: impl Into<String>) -> Self {
        let answer = self.keys.take().map_or_else(String::new, |keys| keys.answer);
        self.keys = Some(PropertyKeys { answer, analysis: Some(key.into()) });
        self
    }

    /// Sets the maximum number of concurrent requests, 1 to 64. Default: 8.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets after how many failures in a row the call ends, at least 1. Default: 20.
    pub fn max_failures(mut self, failures: u64) -> Self {
        self.max_failures = failures;
        self
    }

    /// Sets the maximum number of records, from the beginning of the dataset. Default: all.
    pub fn limit(mut self, records: i64) -> Self {
        self.limit = Some(records);
        self
    }

    /// Sets a progress callback. The only phase is `judge`.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.reporter = ProgressReporter::new(on_progress);
        self
    }

    fn check(&self) -> Result<(), Error> {
        let checks = Checks::new(OPERATION);
        checks.segment("dataset_id", &self.dataset_id)?;
        let concurrency = i64::try_from(self.concurrency).unwrap_or(i64::MAX);
        checks.number("concurrency", concurrency, 1..=MAX_CONCURRENCY as i64)?;
        let failures = i64::try_from(self.max_failures).unwrap_or(i64::MAX);
        checks.number("max_failures", failures, 1..=i64::MAX)?;
        let problem = match (&self.keys, &self.file) {
            (Some(_), Some(_)) => "answers go either to a file or to properties, not to both",
            (Some(keys), None) if keys.answer.is_empty() => "to_properties: must not be empty",
            (Some(keys), None) if keys.analysis.as_ref() == Some(&keys.answer) => {
                "analysis_to_properties: must differ from the key of the answer"
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(OPERATION, problem.to_owned()))
    }

    async fn run(self) -> Result<JudgingReport, Error> {
        let started = Instant::now();
        let mut report = JudgingReport::default();
        let reporter = self.reporter.clone();
        let result = self.judge_records(&mut report).await;
        reporter.end_phase();
        report.elapsed = started.elapsed();
        match result {
            Ok(()) => Ok(report),
            Err(error) => {
                let error = match error.operation() {
                    Some(_) => error,
                    None => error.with_operation(OPERATION),
                };
                Err(error.with_report(Report::Judging(report)))
            }
        }
    }

    async fn judge_records(self, report: &mut JudgingReport) -> Result<(), Error> {
        self.check()?;
        let judge = self.client.judges().find(&self.judge).await?;
        for label in labels(&judge) {
            report.answers.define_label(label);
        }
        let pager = self.client.datasets().list_records(&self.dataset_id).pager();
        // Also finds out whether the dataset exists, before a file is created.
        let count = pager.count().await?;
        let file = match &self.file {
            Some(path) => Some(open(path.clone(), &judge, report).await?),
            None => None,
        };
        let (pager, total) = match self.limit {
            Some(limit) => (pager.limit(limit), count.min(limit.max(0) as u64)),
            None => (pager, count),
        };
        self.reporter.start_phase("judge", None, Some(total));
        let retries = self.client.transport()?.settings().retries.clone();
        let options =
            Options::new().retries(retries.with_default_max_retries(DEFAULT_BULK_MAX_RETRIES));
        let client = self.client.with_options(options)?;
        let run = Run {
            record_judge: RecordJudge::new(client.clone(), &judge, self.keys),
            judge: JudgeVersion { id: judge.id, updated_at: judge.updated_at },
            client,
            file,
            concurrency: self.concurrency,
            max_failures: self.max_failures,
            failures_in_a_row: 0,
            reporter: &self.reporter,
            report,
            in_progress: FuturesUnordered::new(),
            fatal_error: None,
        };
        run.run(pager).await
    }
}

/// Opens the file of answers in a thread for blocking work.
async fn open(
    path: PathBuf,
    judge: &Judge,
    report: &mut JudgingReport,
) -> Result<AnswersFile, Error> {
    let version = JudgeVersion { id: judge.id, updated_at: judge.updated_at };
    let mut answers = std::mem::take(&mut report.answers);
    let opened = tokio::task::spawn_blocking(move || {
        AnswersFile::open(&path, version, &mut answers).map(|file| (file, answers))
    });
    let (file, answers) = opened.await.map_err(|_| {
        Error::new(ErrorKind::Cancelled, "the runtime ended while a file was opened")
    })??;
    report.answers = answers;
    Ok(file)
}

/// Returns the labels that a judge can answer with.
fn labels(judge: &Judge) -> impl Iterator<Item = &str> {
    let options = match &judge.output {
        JudgeOutputUnion::Classification(output) => &output.options[..],
        _ => &[],
    };
    options.iter().map(|option| option.value.as_str())
}

/// The state of a call while records are judged.
struct Run<'a> {
    client: Client,
    record_judge: RecordJudge,
    judge: JudgeVersion,
    file: Option<AnswersFile>,
    concurrency: usize,
    max_failures: u64,
    failures_in_a_row: u64,
    reporter: &'a ProgressReporter,
    report: &'a mut JudgingReport,
    in_progress: FuturesUnordered<Pin<Box<dyn Future<Output = Judged> + Send>>>,
    /// The error that ends the call. Once it is set, no more records are judged.
    fatal_error: Option<Error>,
}

struct Judged {
    record_id: Uuid,
    result: Result<JudgeOutput, Error>,
}

impl Run<'_> {
    async fn run(mut self, pager: Pager<DatasetRecord>) -> Result<(), Error> {
        let mut records = pager.prefetch(PAGES_AHEAD).items();
        let mut ended = false;
        loop {
            let stopped = ended || self.fatal_error.is_some();
            if stopped && self.in_progress.is_empty() {
                return self.fatal_error.map_or(Ok(()), Err);
            }
            let may_start = !stopped && self.in_progress.len() < self.concurrency;
            tokio::select! {
                biased;
                Some(judged) = self.in_progress.next() => self.complete(judged),
                () = self.client.cancelled(), if self.fatal_error.is_none() => {
                    self.fatal_error = Some(self.client.cancelled_error());
                }
                record = records.next(), if may_start => match record {
                    Some(Ok(record)) => self.accept(record),
                    Some(Err(error)) => self.fatal_error = Some(error),
                    None => ended = true,
                },
            }
        }
    }

    /// Judges a record unless it has an answer.
    fn accept(&mut self, record: DatasetRecord) {
        let record_id = record.id;
        let is_in_file = self.file.as_ref().is_some_and(|file| file.has(&record_id));
        match self.record_judge.existing_answer(&record) {
            Ok(None) if is_in_file => self.skip(),
            Ok(None) => {
                let judging = self.record_judge.clone().judge(record);
                self.in_progress
                    .push(Box::pin(async move { Judged { record_id, result: judging.await } }));
            }
            Ok(Some(answer)) => {
                if let Some(answer) = answer {
                    self.report.answers.add(&answer);
                }
                self.skip();
            }
            Err(error) => self.fail(record_id, error),
        }
    }

    fn skip(&mut self) {
        self.report.skipped += 1;
        self.count_record();
    }

    fn complete(&mut self, judged: Judged) {
        let Judged { record_id, result } = judged;
        let output = match result {
            Ok(output) => output,
            Err(error) => return self.fail(record_id, error),
        };
        let stored = self.file.as_mut().map_or(Ok(()), |file| {
            file.append(&Line {
                record_id,
                judge_id: self.judge.id,
                judge_updated_at: self.judge.updated_at,
                answer: output.answer.clone(),
                analysis: output.analysis,
            })
        });
        if let Err(error) = stored {
            // The next answers could not be stored either.
            self.fatal_error.get_or_insert(error);
            return;
        }
        self.failures_in_a_row = 0;
        self.report.judged += 1;
        self.report.answers.add(&output.answer);
        self.count_record();
    }

    fn fail(&mut self, record_id: Uuid, error: Error) {
        if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed) {
            self.fatal_error.get_or_insert(error);
            return;
        }
        self.failures_in_a_row += 1;
        if affects_all_records(&error) || self.failures_in_a_row >= self.max_failures {
            self.fatal_error.get_or_insert_with(|| error.clone());
        }
        self.report.add_failure(record_id, error);
        self.count_record();
    }

    fn count_record(&self) {
        self.reporter.update(|progress| progress.records += 1);
    }
}

/// Returns whether every other record would fail with the same error.
fn affects_all_records(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Configuration
        | ErrorKind::Authentication
        | ErrorKind::Permission
        | ErrorKind::RateLimit => true,
        // An unambiguous connection error means that the server could not be reached.
        ErrorKind::Connection => !error.is_ambiguous(),
        _ => matches!(error.code(), Some("FEATURE_NOT_SUPPORTED" | "TEMPLATE_SYNTAX_ERROR")),
    }
}

impl IntoFuture for RunJudge {
    type Output = Result<JudgingReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for RunJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunJudge")
            .field("judge", &self.judge)
            .field("dataset_id", &self.dataset_id)
            .field("concurrency", &self.concurrency)
            .field("max_failures", &self.max_failures)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
