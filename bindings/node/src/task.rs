//! Waiting for import tasks and campaigns.

use std::future::IntoFuture;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use mistral_datasets::Error;
use napi_derive::napi;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::client::NativeClient;
use crate::encode::{EncodedResponse, encode};
use crate::failure::{CallResult, call_result};
use crate::options::from_milliseconds;

/// Upper bound of the poll interval when the caller sets only the first one.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Options of a wait. Missing ones keep their defaults.
#[napi(object, object_to_js = false)]
pub struct WaitOptions {
    /// Maximum time to wait.
    pub timeout_ms: Option<f64>,
    /// Delay before the first poll.
    pub poll_interval_ms: Option<f64>,
    /// Whether to send an update after each poll.
    pub track_progress: bool,
}

/// A wait for an import task or a campaign.
#[napi]
pub struct NativeWait {
    native: NativeClient,
    wait: Mutex<Option<BoxFuture<'static, Result<EncodedResponse, Error>>>>,
    updates: tokio::sync::Mutex<UnboundedReceiver<EncodedResponse>>,
}

/// Applies the options to a wait, and makes it send its states if they are wanted.
macro_rules! prepared {
    ($native:expr, $wait:expr, $options:expr) => {{
        let WaitOptions { timeout_ms, poll_interval_ms, track_progress } = $options;
        let mut wait = $wait;
        if let Some(timeout) = timeout_ms {
            wait = wait.timeout(from_milliseconds(timeout));
        }
        if let Some(interval) = poll_interval_ms {
            wait = wait.poll_interval(from_milliseconds(interval), MAX_POLL_INTERVAL);
        }
        let (sender, updates) = mpsc::unbounded_channel();
        if track_progress {
            wait = wait.on_progress(move |state| {
                // The receiver may have been dropped; that is fine.
                let _ = sender.send(encode(state));
            });
        }
        let ended = wait.into_future().map_ok(|state| encode(&state)).boxed();
        NativeWait {
            native: $native.clone(),
            wait: Mutex::new(Some(ended)),
            updates: tokio::sync::Mutex::new(updates),
        }
    }};
}

#[napi]
impl NativeClient {
    /// Prepares to wait for a task. No request is sent yet.
    #[napi]
    pub fn prepare_wait(
        &self,
        dataset_id: String,
        task_id: String,
        options: WaitOptions,
    ) -> NativeWait {
        prepared!(self, self.client.datasets().task(dataset_id, task_id).wait(), options)
    }

    /// Prepares to wait for a campaign. No request is sent yet.
    #[napi]
    pub fn prepare_campaign_wait(&self, campaign_id: String, options: WaitOptions) -> NativeWait {
        prepared!(self, self.client.campaigns().wait(campaign_id), options)
    }
}

#[napi]
impl NativeWait {
    /// Waits for the end. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<EncodedResponse>> {
        let wait = self.wait.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wait = wait.ok_or_else(|| napi::Error::from_reason("the wait was already started"))?;
        Ok(call_result(self.native.run(wait).await))
    }

    /// Returns the state after the next poll, or `undefined` when the wait has ended.
    #[napi]
    pub async fn next_update(&self) -> Option<EncodedResponse> {
        self.updates.lock().await.recv().await
    }
}
