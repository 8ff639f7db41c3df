//! Waiting for import tasks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mistral_datasets::Wait;
use napi_derive::napi;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::client::NativeClient;
use crate::failure::Outcome;
use crate::options::milliseconds;
use crate::response::{Response, cross};

/// What the waits between two looks at a task grow to where one is given that is shorter.
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// How a task is waited for; what is absent is the default.
#[napi(object, object_to_js = false)]
pub struct WaitOptions {
    /// How long at most.
    pub timeout_ms: Option<f64>,
    /// How long before the task is looked at again the first time.
    pub poll_interval_ms: Option<f64>,
    /// Whether somebody wants to be told how the task stands.
    pub watched: bool,
}

/// A wait for a task.
#[napi]
pub struct NativeWait {
    native: NativeClient,
    wait: Mutex<Option<Wait>>,
    looks: tokio::sync::Mutex<UnboundedReceiver<Response>>,
}

#[napi]
impl NativeClient {
    /// Prepares to wait for a task.
    #[napi]
    pub fn prepare_wait(
        &self,
        dataset_id: String,
        task_id: String,
        options: WaitOptions,
    ) -> NativeWait {
        let (sender, looks) = mpsc::unbounded_channel();
        let mut wait = self.client.datasets().task(dataset_id, task_id).wait();
        if let Some(timeout) = options.timeout_ms {
            wait = wait.timeout(milliseconds(timeout));
        }
        if let Some(interval) = options.poll_interval_ms {
            wait = wait.poll_interval(milliseconds(interval), LONGEST_INTERVAL);
        }
        if options.watched {
            wait = wait.on_progress(move |task| {
                // Whoever watched may have stopped.
                let _ = sender.send(cross(task));
            });
        }
        NativeWait {
            native: self.share(),
            wait: Mutex::new(Some(wait)),
            looks: tokio::sync::Mutex::new(looks),
        }
    }
}

#[napi]
impl NativeWait {
    /// Waits. It is called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<Outcome<Response>> {
        let wait = self.wait.lock().unwrap_or_else(PoisonError::into_inner).take();
        let wait = wait.ok_or_else(|| napi::Error::from_reason("the wait has begun before"))?;
        Ok(self.native.response(wait).await)
    }

    /// How the task stood the next time that it was looked at; absent when the wait has ended.
    #[napi]
    pub async fn look(&self) -> Option<Response> {
        self.looks.lock().await.recv().await
    }
}
