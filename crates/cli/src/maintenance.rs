//! Runs a blocking operation on a data directory until it is complete or the command is interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CliError;

/// Whether an operation should continue. Clones share their state.
#[derive(Clone, Debug)]
pub struct KeepRunning(Arc<AtomicBool>);

impl KeepRunning {
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `work` on a thread that may block. On `shutdown`, waits until it has stopped and cleaned up.
pub async fn run<T: Send + 'static>(
    shutdown: impl Future<Output = ()>,
    work: impl FnOnce(KeepRunning) -> T + Send + 'static,
) -> Result<T, CliError> {
    let keep_running = KeepRunning(Arc::new(AtomicBool::new(true)));
    let flag = keep_running.clone();
    let mut running = tokio::task::spawn_blocking(move || work(flag));
    let result = tokio::select! {
        result = &mut running => result,
        () = shutdown => {
            keep_running.0.store(false, Ordering::Relaxed);
            running.await
        }
    };
    result.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => CliError::Interrupted,
    })
}
