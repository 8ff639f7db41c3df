//! The `Single` strategy: one request per record, several at a time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::{BoxStream, FuturesUnordered};
use reqwest::Method;
use uuid::Uuid;

use super::adaptive_concurrency::AdaptiveConcurrency;
use super::may_have_been_applied;
use super::record::{NewRecord, is_record_error};
use crate::client::Client;
use crate::config::{DEFAULT_BULK_MAX_RETRIES, Options, RetryPolicy};
use crate::error::{CreateReport, Error, ErrorKind, Outcome};
use crate::progress::ProgressReporter;
use crate::transport::{Attempts, Failure, FailureClass, Transport};

/// How long requests pause if the client's retry budget is exhausted. It is filled again at a constant rate.
const BUDGET_PAUSE: Duration = Duration::from_secs(1);

/// The records of a source with their indices.
pub(super) type Records = BoxStream<'static, (usize, Result<NewRecord, Error>)>;

/// Sends records and stores their outcomes in the report.
pub(super) struct SingleCreator<'a> {
    client: Client,
    dataset_id: &'a str,
    continue_on_error: bool,
    reporter: &'a ProgressReporter,
    report: &'a mut CreateReport,
    transport: Transport,
    retries: RetryPolicy,
    concurrency: AdaptiveConcurrency,
    in_progress: FuturesUnordered<Pin<Box<dyn Future<Output = Completed> + Send>>>,
    /// Items that the overloaded server rejected. They are retried before new items.
    retry_queue: VecDeque<Item>,
    /// The error that ends the call. Once it is set, no more requests are sent.
    fatal_error: Option<Error>,
}

struct Item {
    index: usize,
    record: NewRecord,
    attempts: Attempts,
}

struct Completed {
    item: Item,
    sent_at: Instant,
    result: Result<Uuid, Error>,
}

impl<'a> SingleCreator<'a> {
    pub(super) fn new(
        client: &Client,
        dataset_id: &'a str,
        concurrency: usize,
        continue_on_error: bool,
        reporter: &'a ProgressReporter,
        report: &'a mut CreateReport,
    ) -> Result<Self, Error> {
        let transport = client.transport()?.clone();
        let retries = &transport.settings().retries;
        Ok(Self {
            retries: retries.with_default_max_retries(DEFAULT_BULK_MAX_RETRIES),
            // Retries are handled here, so that an overloaded server slows down all requests.
            client: client.with_options(Options::new().retries(RetryPolicy::none()))?,
            dataset_id,
            continue_on_error,
            reporter,
            report,
            concurrency: AdaptiveConcurrency::new(concurrency),
            transport,
            in_progress: FuturesUnordered::new(),
            retry_queue: VecDeque::new(),
            fatal_error: None,
        })
    }

    /// Sends all records of the source.
    pub(super) async fn run(mut self, mut records: Records) -> Result<(), Error> {
        let mut source_ended = false;
        loop {
            let stopped = self.fatal_error.is_some();
            let paused_until = self.concurrency.paused_until();
            let below_limit = self.in_progress.len() < self.concurrency.limit();
            let may_send = !stopped && paused_until.is_none() && below_limit;
            if may_send && !self.retry_queue.is_empty() {
                self.send_again();
                continue;
            }
            let has_more = !source_ended || !self.retry_queue.is_empty();
            let wants_to_send = !stopped && has_more;
            if self.in_progress.is_empty() && !wants_to_send {
                return self.fatal_error.map_or(Ok(()), Err);
            }
            tokio::select! {
                biased;
                Some(completed) = self.in_progress.next() => self.complete(completed),
                () = self.client.cancelled(), if !stopped => {
                    self.fatal_error = Some(self.client.cancelled_error());
                }
                () = sleep_until(paused_until), if wants_to_send && below_limit => {}
                record = records.next(), if may_send && !source_ended => match record {
                    Some((index, record)) => self.accept(index, record),
                    None => source_ended = true,
                },
            }
        }
    }

    /// Sends a record from the source unless an earlier call did.
    fn accept(&mut self, index: usize, record: Result<NewRecord, Error>) {
        match record {
            Err(error) if !is_record_error(&error) => {
                // The source itself failed; no record has this index.
                self.fatal_error.get_or_insert(error);
            }
            _ if !self.report.needs_sending(index) => {}
            Ok(record) => {
                self.report.mark_read(index);
                let attempts = self.start_attempts();
                self.send(Item { index, record, attempts });
            }
            Err(error) => self.fail(index, error),
        }
    }

    /// Starts counting the attempts of a record. Each of them is a call, which adds to the retry budget itself.
    fn start_attempts(&self) -> Attempts {
        let (budget, deadline) =
            (self.transport.retry_budget(), self.transport.settings().deadline);
        Attempts::start(self.retries.clone(), budget.clone(), Method::POST, deadline)
    }

    /// Sends the next item of the retry queue, or pauses if the retry budget is exhausted.
    fn send_again(&mut self) {
        if !self.transport.retry_budget().withdraw() {
            self.concurrency.pause(BUDGET_PAUSE);
        } else if let Some(item) = self.retry_queue.pop_front() {
            self.send(item);
        }
    }

    fn send(&mut self, item: Item) {
        let call = self.client.datasets().create_record(
            self.dataset_id,
            item.record.payload(),
            item.record.properties(),
        );
        self.in_progress.push(Box::pin(async move {
            let sent_at = Instant::now();
            let result = call.await.map(|record| record.id);
            Completed { item, sent_at, result }
        }));
    }

    fn complete(&mut self, completed: Completed) {
        let Completed { mut item, sent_at, result } = completed;
        let error = match result {
            Ok(id) => {
                self.concurrency.on_success();
                self.report.set(item.index, Outcome::Created(id));
                self.report_progress(item.record.size());
                return;
            }
            Err(error) => error.with_attempts(item.attempts.count(), item.attempts.elapsed()),
        };
        if may_have_been_applied(&error) {
            let error = error.with_ambiguity(true);
            self.report.set(item.index, Outcome::Unknown(error.clone()));
            self.report_progress(0);
            return self.stop_if_fatal(error);
        }
        if error.is_retryable() {
            self.concurrency.on_overload(sent_at);
        }
        if self.fatal_error.is_some() {
            return self.fail(item.index, error);
        }
        let failure = Failure { class: FailureClass::of_call(&error), error };
        match item.attempts.plan(failure) {
            Ok(delay) => {
                self.concurrency.pause(delay);
                self.retry_queue.push_back(item);
            }
            Err(error) => self.fail(item.index, error),
        }
    }

    fn report_progress(&self, bytes: usize) {
        self.reporter.update(|progress| {
            progress.bytes += bytes as u64;
            progress.records += 1;
        });
    }

    /// Records that a record was certainly not created.
    fn fail(&mut self, index: usize, error: Error) {
        self.report.set(index, Outcome::Failed(error.clone()));
        self.report_progress(0);
        self.stop_if_fatal(error);
    }

    fn stop_if_fatal(&mut self, error: Error) {
        if !self.continue_on_error || affects_all_records(&error) {
            self.fatal_error.get_or_insert(error);
        }
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// Returns whether every other record would fail with the same error.
fn affects_all_records(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Configuration
        | ErrorKind::Authentication
        | ErrorKind::Permission
        | ErrorKind::NotFound
        | ErrorKind::RateLimit
        | ErrorKind::Cancelled
        | ErrorKind::Closed => true,
        // An unambiguous connection error means that the server could not be reached.
        ErrorKind::Connection => !error.is_ambiguous(),
        _ => false,
    }
}
