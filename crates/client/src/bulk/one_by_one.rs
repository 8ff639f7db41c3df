//! Creating records each by itself, several at a time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::{BoxStream, FuturesUnordered};
use uuid::Uuid;

use super::may_be_done;
use super::pace::Pace;
use super::record::{NewRecord, is_of_the_record};
use super::report::{CreateReport, Outcome};
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::options::Options;
use crate::progress::Watch;
use crate::retry::RetryPolicy;

/// How often a record is sent to a server that is too busy, if the client repeats anything at all.
const BUSY_ATTEMPTS: u32 = 10;

/// A source of records, with the place of each.
pub(super) type Records = BoxStream<'static, (usize, Result<NewRecord, Error>)>;

/// Sends records and notes what becomes of them.
pub(super) struct OneByOne<'a> {
    client: Client,
    dataset_id: &'a str,
    continue_on_error: bool,
    watch: &'a Watch,
    report: &'a mut CreateReport,
    retries: RetryPolicy,
    pace: Pace,
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Sent> + Send>>>,
    /// What was refused because the server was too busy, and goes out again before anything new does.
    again: VecDeque<Item>,
    failure: Option<Error>,
}

struct Item {
    place: usize,
    record: NewRecord,
    attempts: u32,
    began: Instant,
}

struct Sent {
    item: Item,
    at: Instant,
    result: Result<Uuid, Error>,
}

impl<'a> OneByOne<'a> {
    pub(super) fn new(
        client: &Client,
        dataset_id: &'a str,
        concurrency: usize,
        continue_on_error: bool,
        watch: &'a Watch,
        report: &'a mut CreateReport,
    ) -> Result<Self, Error> {
        let retries = client.transport()?.settings().retries.clone();
        Ok(Self {
            // What is repeated is repeated here, where it slows down all requests alike.
            client: client.with_options(Options::new().retries(RetryPolicy::none()))?,
            dataset_id,
            continue_on_error,
            watch,
            report,
            pace: Pace::new(concurrency, retries.clone()),
            retries,
            under_way: FuturesUnordered::new(),
            again: VecDeque::new(),
            failure: None,
        })
    }

    /// Sends all records of the source, as fast as the pace allows.
    pub(super) async fn run(mut self, mut records: Records) -> Result<(), Error> {
        let mut exhausted = false;
        loop {
            let stopped = self.failure.is_some();
            let gate = self.pace.gate();
            let room = self.under_way.len() < self.pace.at_once();
            let may_send = !stopped && gate.is_none() && room;
            if may_send && let Some(item) = self.again.pop_front() {
                self.send(item);
                continue;
            }
            let is_more = !exhausted || !self.again.is_empty();
            let waits_to_send = !stopped && is_more;
            if self.under_way.is_empty() && !waits_to_send {
                return self.failure.map_or(Ok(()), Err);
            }
            tokio::select! {
                biased;
                Some(sent) = self.under_way.next() => self.ended(sent),
                () = self.client.ended(), if !stopped => self.failure = Some(self.client.broken_off()),
                () = open(gate), if waits_to_send && room => {}
                record = records.next(), if may_send && !exhausted => match record {
                    Some((place, record)) => self.took(place, record),
                    None => exhausted = true,
                },
            }
        }
    }

    /// Sends a record that was taken from the source, unless that was done before.
    fn took(&mut self, place: usize, record: Result<NewRecord, Error>) {
        match record {
            Err(error) if !is_of_the_record(&error) => {
                // The source itself has failed, and what was taken last is no record.
                self.failure.get_or_insert(error);
            }
            _ if !self.report.wants(place) => {}
            Ok(record) => {
                self.report.take(place);
                self.send(Item { place, record, attempts: 0, began: Instant::now() });
            }
            Err(error) => self.failed(place, error),
        }
    }

    fn send(&mut self, item: Item) {
        let call = self.client.datasets().create_record(
            self.dataset_id,
            item.record.payload(),
            item.record.properties(),
        );
        self.under_way.push(Box::pin(async move {
            let at = Instant::now();
            let result = call.await.map(|record| record.id);
            Sent { item, at, result }
        }));
    }

    fn ended(&mut self, sent: Sent) {
        let Sent { mut item, at, result } = sent;
        item.attempts += 1;
        let error = match result {
            Ok(id) => {
                self.pace.succeeded();
                self.report.set(item.place, Outcome::Created(id));
                self.dealt_with(item.record.size());
                return;
            }
            Err(error) => error.with_attempts(item.attempts, item.began.elapsed()),
        };
        if may_be_done(&error) {
            let error = error.with_ambiguity(true);
            self.report.set(item.place, Outcome::Unknown(error.clone()));
            self.dealt_with(0);
            return self.stop_unless_asked(error);
        }
        if !error.is_retryable() {
            return self.failed(item.place, error);
        }
        self.pace.refused(at, error.retry_after());
        if self.failure.is_none() && self.is_worth_another(&item, &error) {
            self.again.push_back(item);
        } else {
            self.failed(item.place, error);
        }
    }

    fn is_worth_another(&self, item: &Item, error: &Error) -> bool {
        let attempts = match self.retries.max_attempts {
            1 => 1,
            most if error.kind() == ErrorKind::RateLimit => most.max(BUSY_ATTEMPTS),
            most => most,
        };
        item.attempts < attempts && error.retry_after() <= Some(self.retries.max_retry_after)
    }

    fn dealt_with(&self, bytes: usize) {
        self.watch.update(|progress| {
            progress.bytes += bytes as u64;
            progress.records += 1;
        });
    }

    /// The record was surely not created.
    fn failed(&mut self, place: usize, error: Error) {
        self.report.set(place, Outcome::Failed(error.clone()));
        self.dealt_with(0);
        self.stop_unless_asked(error);
    }

    fn stop_unless_asked(&mut self, error: Error) {
        if !self.continue_on_error || concerns_all(&error) {
            self.failure.get_or_insert(error);
        }
    }
}

/// Waits until something may go out again.
async fn open(gate: Option<Instant>) {
    match gate {
        Some(gate) => tokio::time::sleep_until(gate.into()).await,
        None => std::future::pending().await,
    }
}

/// Whether every other record would fail just so.
fn concerns_all(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Configuration
        | ErrorKind::Authentication
        | ErrorKind::Permission
        | ErrorKind::NotFound
        | ErrorKind::RateLimit
        | ErrorKind::Cancelled
        | ErrorKind::Closed => true,
        // It could not even be sent.
        ErrorKind::Connection => !error.is_ambiguous(),
        _ => false,
    }
}
