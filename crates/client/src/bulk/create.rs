//! The `create_records` call and its choice of a strategy.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, Stream, StreamExt};

use super::create_by_file::FileCreator;
use super::create_single::{Records, SingleCreator};
use super::import_part::PartImporter;
use super::record::{NewRecord, with_index};
use super::require_same_dataset;
use crate::checks::Checks;
use crate::client::Client;
use crate::error::{CreateReport, Error, Report};
use crate::progress::{Progress, ProgressReporter};
use crate::strategy::Strategy;

const OPERATION: &str = "create_records";

const DEFAULT_CONCURRENCY: usize = 8;
const MAX_CONCURRENCY: usize = 64;

/// The limits above which `Auto` chooses `File`.
const AUTO_MAX_RECORDS: usize = 1_000;
const AUTO_MAX_BYTES: usize = 32 << 20;

/// The maximum time that `Auto` reads from the source before it chooses.
const AUTO_TIMEOUT: Duration = Duration::from_secs(5);

/// A [`create_records`](crate::calls::Datasets::create_records) call. Nothing is read from the source until it is awaited.
/// Dropping the future cancels all requests in progress.
#[must_use = "a call is sent when it is awaited"]
pub struct CreateRecords {
    client: Client,
    dataset_id: String,
    records: BoxStream<'static, Result<NewRecord, Error>>,
    total: Option<usize>,
    concurrency: usize,
    strategy: Strategy,
    continue_on_error: bool,
    resume: Option<CreateReport>,
    reporter: ProgressReporter,
}

impl CreateRecords {
    /// Creates the call. `total` is the number of records, if known.
    pub(crate) fn new(
        client: Client,
        dataset_id: String,
        records: impl Stream<Item = Result<NewRecord, Error>> + Send + 'static,
        total: Option<usize>,
    ) -> Self {
        Self {
            client,
            dataset_id,
            total,
            // The stream may be polled after its end.
            records: records.fuse().boxed(),
            concurrency: DEFAULT_CONCURRENCY,
            strategy: Strategy::default(),
            continue_on_error: false,
            resume: None,
            reporter: ProgressReporter::default(),
        }
    }

    /// Sets the maximum number of concurrent requests, 1 to 64. Default: 8. With 1, records are created in the order of the
    /// source.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets how records are sent. Default: `Auto`.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets whether to continue after a record has failed. Default: `false`, in which case no further records are read from
    /// the source, and the call fails once the requests in progress have completed.
    pub fn continue_on_error(mut self, continue_on_error: bool) -> Self {
        self.continue_on_error = continue_on_error;
        self
    }

    /// Resumes an earlier call with the same source and dataset. Records that were or may have been created are skipped, failed
    /// records are sent again. [`CreateReport::to_json`] stores the report for another process.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::{NewRecord, Report};
    /// use serde_json::json;
    ///
    /// let records = || (0..10_000).map(|n| NewRecord::new(json!({"messages": []}), json!({"n": n})));
    /// let datasets = client.datasets();
    /// if let Err(error) = datasets.create_records_iter("refund-requests", records()).await {
    ///     let Some(Report::Create(report)) = error.report() else { return Err(error) };
    ///     let rest = datasets.create_records_iter("refund-requests", records());
    ///     rest.resume(report.clone()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(mut self, report: CreateReport) -> Self {
        self.resume = Some(report);
        self
    }

    /// Sets a progress callback. The phases are `send`, or `check`, `upload` and `import`, depending on the strategy.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.reporter = ProgressReporter::new(on_progress);
        self
    }

    async fn run(mut self) -> Result<CreateReport, Error> {
        let started = Instant::now();
        let mut report = self.resume.take().unwrap_or_default();
        let result = self.create(&mut report).await;
        report.elapsed = started.elapsed();
        match result {
            Ok(()) => Ok(report),
            Err(error) => {
                let error = match error.operation() {
                    Some(_) => error,
                    None => error.with_operation(OPERATION),
                };
                Err(error.with_report(Report::Create(report)))
            }
        }
    }

    async fn create(self, report: &mut CreateReport) -> Result<(), Error> {
        let Self { client, dataset_id, reporter, continue_on_error, concurrency, .. } = self;
        let checks = Checks::new(OPERATION);
        checks.segment("dataset_id", &dataset_id)?;
        require_same_dataset(OPERATION, &report.dataset_id, &dataset_id)?;
        report.dataset_id.clone_from(&dataset_id);
        let number = i64::try_from(concurrency).unwrap_or(i64::MAX);
        checks.number("concurrency", number, 1..=MAX_CONCURRENCY as i64)?;

        let importer = PartImporter {
            client: client.clone(),
            dataset_id: dataset_id.clone(),
            operation: OPERATION,
            unit: "records",
            reporter: reporter.clone(),
            wait: true,
            timeout: None,
        };
        let mut file_creator = FileCreator { importer, continue_on_error, report };
        file_creator.finish_earlier_import().await?;

        let records = self.records.enumerate();
        let records = records
            .map(|(index, record)| (index, record.map_err(|error| with_index(error, index))))
            .boxed();
        let report = &mut *file_creator.report;
        let (records, chosen) = match self.strategy {
            Strategy::Auto => choose(&client, records, report).await,
            strategy => (records, (strategy, "requested by the caller".to_owned())),
        };
        (report.strategy, report.reason) = chosen;
        tracing::debug!(strategy = %report.strategy, reason = report.reason, "creating records");
        if report.strategy == Strategy::File {
            return file_creator.run(records).await;
        }
        let total = self.total.map(|total| (total - report.settled_count(total)) as u64);
        reporter.start_phase("send", None, total);
        let creator = SingleCreator::new(
            &client,
            &dataset_id,
            concurrency,
            continue_on_error,
            &reporter,
            report,
        )?;
        let result = creator.run(records).await;
        reporter.end_phase();
        result
    }
}

/// Chooses a strategy by reading the first records. Returns a stream of all records, including those already read, and the
/// strategy with the reason for it.
async fn choose(
    client: &Client,
    mut records: Records,
    report: &mut CreateReport,
) -> (Records, (Strategy, String)) {
    let deadline = tokio::time::Instant::now() + AUTO_TIMEOUT;
    let (mut read, mut count, mut bytes) = (Vec::new(), 0_usize, 0_usize);
    let chosen = loop {
        if count > AUTO_MAX_RECORDS {
            break (Strategy::File, format!("more than {AUTO_MAX_RECORDS} records"));
        }
        if bytes > AUTO_MAX_BYTES {
            let reason = format!("more than {} MiB of records", AUTO_MAX_BYTES >> 20);
            break (Strategy::File, reason);
        }
        let next = tokio::select! {
            next = tokio::time::timeout_at(deadline, records.next()) => next,
            () = client.cancelled() => break (Strategy::Auto, "the call was cancelled".to_owned()),
        };
        let (index, record) = match next {
            Ok(Some(next)) => next,
            Ok(None) => {
                let reason = format!(
                    "only {count} records; files are used for more than {AUTO_MAX_RECORDS}"
                );
                break (Strategy::Single, reason);
            }
            Err(_) => {
                let reason = format!(
                    "the source produced only {count} records in {} s",
                    AUTO_TIMEOUT.as_secs()
                );
                break (Strategy::Single, reason);
            }
        };
        if report.needs_sending(index) {
            count += 1;
            bytes += record.as_ref().map_or(0, NewRecord::size);
            if record.is_ok() {
                report.mark_read(index);
            }
            read.push((index, record));
        } else if record.is_err() {
            read.push((index, record));
        }
    };
    (stream::iter(read).chain(records).boxed(), chosen)
}

impl IntoFuture for CreateRecords {
    type Output = Result<CreateReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for CreateRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateRecords")
            .field("dataset_id", &self.dataset_id)
            .field("concurrency", &self.concurrency)
            .field("strategy", &self.strategy)
            .field("continue_on_error", &self.continue_on_error)
            .finish_non_exhaustive()
    }
}
