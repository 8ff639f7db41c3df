//! Creating many records from a stream.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::stream::{self, BoxStream, Stream, StreamExt};

use super::by_file::ByFile;
use super::one_by_one::{OneByOne, Records};
use super::record::{IntoRecord, NewRecord};
use super::report::{CreateReport, Report};
use super::strategy::Strategy;
use super::transfer::Transfer;
use crate::argument::IntoId;
use crate::calls::Datasets;
use crate::check::Checks;
use crate::client::Client;
use crate::error::Error;
use crate::progress::{Progress, Watch};

const OPERATION: &str = "create_records";

/// How many requests are under way at once where nothing else is said, and at most.
const CONCURRENCY: usize = 8;
const MAX_CONCURRENCY: usize = 64;

/// Up to so many records, and bytes of them, `Auto` sends one by one.
const AUTO_RECORDS: usize = 1_000;
const AUTO_BYTES: usize = 32 << 20;

/// So long `Auto` waits for the source before it chooses.
const AUTO_PATIENCE: Duration = Duration::from_secs(5);

impl Datasets {
    /// Creates many records in a dataset: what a stream yields, pulled only as fast as it is sent.
    ///
    /// Nothing is sent twice: a record whose request failed so that it may have been carried out is
    /// [`Unknown`](super::Outcome::Unknown) in the report, and no call sends it again. A server that is too busy is given
    /// time: fewer requests go out at once, none before the wait it asks for is over, and slowly more again after that.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::NewRecord;
    /// use serde_json::json;
    ///
    /// let questions = futures::stream::iter(["Where is my money?", "When do you open?"]);
    /// let records = futures::StreamExt::map(questions, |question| {
    ///     let payload = json!({"messages": [{"role": "user", "content": question}]});
    ///     NewRecord::new(payload, json!({}))
    /// });
    /// let report = client.datasets().create_records("refund-requests", records).concurrency(4).await?;
    /// println!("{} created", report.created());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first failure of a record, unless [`continue_on_error`](CreateRecords::continue_on_error); and in any case a failure
    /// that every record would meet, such as a refused key or a server that stays too busy, and that of the source. All of
    /// them carry a [`report`](Error::report), with which a later call goes on.
    ///
    /// Sends `POST /v1/observability/datasets/{dataset_id}/records` for each record, or uploads and imports files; see
    /// [`Strategy`].
    pub fn create_records<R: IntoRecord + 'static>(
        &self,
        dataset_id: impl IntoId,
        records: impl Stream<Item = R> + Send + 'static,
    ) -> CreateRecords {
        let (least, most) = records.size_hint();
        CreateRecords {
            client: self.client.clone(),
            dataset_id: dataset_id.into_id(),
            total: most.filter(|most| *most == least),
            // Not every stream may be asked again after its end.
            records: records.map(IntoRecord::into_record).fuse().boxed(),
            concurrency: CONCURRENCY,
            strategy: Strategy::default(),
            continue_on_error: false,
            resume: None,
            watch: Watch::default(),
        }
    }

    /// As [`create_records`](Self::create_records), from an iterator. It must not block for long; one that does belongs
    /// into a thread of its own, with a channel as the stream.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::NewRecord;
    /// use serde_json::json;
    ///
    /// let records = (0..10_000).map(|n| {
    ///     NewRecord::new(json!({"messages": [{"role": "user", "content": "Hi"}]}), json!({"n": n}))
    /// });
    /// let report = client.datasets().create_records_iter("refund-requests", records).await?;
    /// println!("{} created ({}: {})", report.created(), report.strategy(), report.reason());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`create_records`](Self::create_records).
    pub fn create_records_iter<I>(&self, dataset_id: impl IntoId, records: I) -> CreateRecords
    where
        I: IntoIterator<Item: IntoRecord + 'static, IntoIter: Send + 'static>,
    {
        self.create_records(dataset_id, stream::iter(records))
    }
}

/// A call of [`Datasets::create_records`]. Nothing is taken from the source until it is awaited; dropping it stops everything.
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
    watch: Watch,
}

impl CreateRecords {
    /// How many requests may be under way at once, 1 to 64. Default: 8. With 1, records are created in the source's order.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// How records are sent. Default: `Auto`.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Whether records are sent after one has failed. Default: not; then nothing new is taken from the source, and the call
    /// fails when the requests under way have ended.
    pub fn continue_on_error(mut self, continue_on_error: bool) -> Self {
        self.continue_on_error = continue_on_error;
        self
    }

    /// Goes on after an earlier call with the same source: what the report says was created, or may have been, is passed over.
    /// What failed is tried again.
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

    /// What is told how far the call is. The phase is `send`, or `check`, `upload` and `import`.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.watch = Watch::new(on_progress);
        self
    }

    async fn run(mut self) -> Result<CreateReport, Error> {
        let began = Instant::now();
        let mut report = self.resume.take().unwrap_or_default();
        let result = self.create(&mut report).await;
        report.elapsed = began.elapsed();
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
        let Self { client, dataset_id, watch, continue_on_error, concurrency, .. } = self;
        let checks = Checks::new(OPERATION);
        checks.segment("dataset_id", &dataset_id)?;
        let number = i64::try_from(concurrency).unwrap_or(i64::MAX);
        checks.number("concurrency", number, 1..=MAX_CONCURRENCY as i64)?;

        let transfer = Transfer {
            client: client.clone(),
            dataset_id: dataset_id.clone(),
            operation: OPERATION,
            unit: "records",
            watch: watch.clone(),
            wait: true,
            timeout: None,
        };
        let mut by_file = ByFile { transfer, continue_on_error, report };
        by_file.settle_earlier().await?;

        let records = self.records.enumerate().boxed();
        let report = &mut *by_file.report;
        let (records, chosen) = match self.strategy {
            Strategy::Auto => choose(&client, records, report).await,
            asked => (records, (asked, "it was asked for".to_owned())),
        };
        (report.strategy, report.reason) = chosen;
        tracing::debug!(strategy = %report.strategy, reason = report.reason, "creating records");
        if report.strategy == Strategy::File {
            return by_file.run(records).await;
        }
        let total = self.total.map(|total| (total - report.settled(total)) as u64);
        watch.begin("send", None, total);
        let one_by_one =
            OneByOne::new(&client, &dataset_id, concurrency, continue_on_error, &watch, report)?;
        let result = one_by_one.run(records).await;
        watch.end();
        result
    }
}

/// Takes enough from the source to choose a strategy. Returns the source as it was, and the choice with its reason.
async fn choose(
    client: &Client,
    mut records: Records,
    report: &mut CreateReport,
) -> (Records, (Strategy, String)) {
    let deadline = tokio::time::Instant::now() + AUTO_PATIENCE;
    let (mut taken, mut number, mut bytes) = (Vec::new(), 0_usize, 0_usize);
    let chosen = loop {
        if number > AUTO_RECORDS {
            break (Strategy::File, format!("there are more than {AUTO_RECORDS} records"));
        }
        if bytes > AUTO_BYTES {
            let reason = format!("there are more than {} MiB of records", AUTO_BYTES >> 20);
            break (Strategy::File, reason);
        }
        let next = tokio::select! {
            next = tokio::time::timeout_at(deadline, records.next()) => next,
            () = client.ended() => break (Strategy::Auto, "the call was broken off".to_owned()),
        };
        let (place, record) = match next {
            Ok(Some(next)) => next,
            Ok(None) => {
                let reason = format!(
                    "there are {number} records, and a file is for more than {AUTO_RECORDS}"
                );
                break (Strategy::Single, reason);
            }
            Err(_) => {
                let reason =
                    format!("the source gave {number} records in {} s", AUTO_PATIENCE.as_secs());
                break (Strategy::Single, reason);
            }
        };
        if report.wants(place) {
            number += 1;
            bytes += record.as_ref().map_or(0, NewRecord::size);
            if record.is_ok() {
                report.take(place);
            }
            taken.push((place, record));
        } else if record.is_err() {
            taken.push((place, record));
        }
    };
    (stream::iter(taken).chain(records).boxed(), chosen)
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
