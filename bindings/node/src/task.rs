//! Waiting for import tasks.

use std::future::IntoFuture;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mistral_datasets::Wait;
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

/// A wait for an import task.
#[napi]
pub struct NativeWait {
    native: NativeClient,
    wait: Mutex<Option<Wait>>,
    updates: tokio::sync::Mutex<UnboundedReceiver<EncodedResponse>>,
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
        let (sender, updates) = mpsc::unbounded_channel();
        let mut wait = self.client.datasets().task(dataset_id, task_id).wait();
        if let Some(timeout) = options.timeout_ms {
            wait = wait.timeout(from_milliseconds(timeout));
        }
        if let Some(interval) = options.poll_interval_ms {
            wait = wait.poll_interval(from_milliseconds(interval), MAX_POLL_INTERVAL);
        }
        if options.track_progress {
            wait = wait.on_progress(move |task| {
                // The receiver may have been dropped; that is fine.
                let _ = sender.send(encode(task));
            });
        }
        NativeWait {
            native: self.clone(),
            wait: Mutex::new(Some(wait)),
            updates: tokio::sync::Mutex::new(updates),
        }
    }
}

#[napi]
impl NativeWait {
    /// Waits for the task. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<EncodedResponse>> {
        let wait = self.wait.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wait = wait.ok_or_else(|| napi::Error::from_reason("the wait was already started"))?;
        let task = self.native.run(wait.into_future()).await;
        Ok(call_result(task.map(|task| encode(&task))))
    }

    /// Returns the state of the task after the next poll, or `undefined` when the wait has ended.
    #[napi]
    pub async fn next_update(&self) -> Option<EncodedResponse> {
        self.updates.lock().await.recv().await
    }
}
