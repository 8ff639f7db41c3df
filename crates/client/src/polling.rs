//! Polls something that runs on the server until it has ended.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use mistral_datasets_types::TaskStatus;

use crate::client::Client;
use crate::error::{Error, ErrorKind};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The delay before the first poll, which grows by half after each poll, and the maximum delay.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// The minimum time for the last poll, which starts when the timeout expires.
const LAST_POLL: Duration = Duration::from_secs(1);

/// A state that is polled.
pub(crate) trait Polled {
    /// What has the state, for messages.
    const NOUN: &'static str;

    /// Returns the status. A status that this version does not know counts as running.
    fn status(&self) -> &TaskStatus;

    /// Describes why it failed.
    fn failure(&self) -> String;

    /// Adds the state to an error.
    fn add_to(self, error: Error) -> Error;
}

/// How long and how often to poll.
pub(crate) struct Polling<T> {
    /// The maximum time to wait.
    pub(crate) timeout: Duration,
    first_interval: Duration,
    max_interval: Duration,
    /// Receives the state after every poll.
    pub(crate) on_progress: Option<OnProgress<T>>,
}

type OnProgress<T> = Box<dyn FnMut(&T) + Send>;

impl<T> Polling<T> {
    /// Sets the delay before the first poll, and the maximum to which it grows.
    pub(crate) fn set_intervals(&mut self, first: Duration, longest: Duration) {
        self.first_interval = first;
        self.max_interval = longest.max(first);
    }
}

impl<T> Default for Polling<T> {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            first_interval: FIRST_INTERVAL,
            max_interval: MAX_INTERVAL,
            on_progress: None,
        }
    }
}

impl<T> fmt::Debug for Polling<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("timeout", &self.timeout)
            .field("first_interval", &self.first_interval)
            .field("max_interval", &self.max_interval)
            .finish_non_exhaustive()
    }
}

/// Polls until the status shows success, and returns the last state. `state` is the current one.
///
/// # Errors
/// [`TaskFailed`](ErrorKind::TaskFailed) if the status shows failure, [`Timeout`](ErrorKind::Timeout), and the errors of a poll.
pub(crate) async fn until_ended<T: Polled, P>(
    client: &Client,
    mut polling: Polling<T>,
    started: Instant,
    mut state: T,
    refresh: impl Fn() -> P,
) -> Result<T, Error>
where
    P: Future<Output = Result<T, Error>>,
{
    let mut interval = polling.first_interval;
    loop {
        if let Some(on_progress) = &mut polling.on_progress {
            on_progress(&state);
        }
        if state.status().is_success() {
            return Ok(state);
        }
        if state.status().is_failure() {
            let message = format!("the {} is {}: {}", T::NOUN, state.status(), state.failure());
            let error = Error::new(ErrorKind::TaskFailed, message);
            return Err(state.add_to(error.with_operation("wait")));
        }
        let remaining = polling.timeout.saturating_sub(started.elapsed());
        if remaining.is_zero() {
            return Err(still_running(state, polling.timeout));
        }
        tokio::select! {
            () = tokio::time::sleep(interval.min(remaining)) => {}
            () = client.cancelled() => {
                return Err(state.add_to(client.cancelled_error().with_operation("wait")));
            }
        }
        interval = interval.saturating_add(interval / 2).min(polling.max_interval);
        let remaining = polling.timeout.saturating_sub(started.elapsed()).max(LAST_POLL);
        match tokio::time::timeout(remaining, refresh()).await {
            Ok(refreshed) => state = refreshed?,
            Err(_) => return Err(still_running(state, polling.timeout)),
        }
    }
}

fn still_running<T: Polled>(state: T, timeout: Duration) -> Error {
    let message = format!("the {} is still {} after {timeout:?}", T::NOUN, state.status());
    state.add_to(Error::new(ErrorKind::Timeout, message).with_operation("wait"))
}
