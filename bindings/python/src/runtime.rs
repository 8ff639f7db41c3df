//! The multi-threaded tokio runtime behind awaitables, transfers and multi-request operations.
//!
//! Single blocking calls bypass it; see [`blocking`](crate::blocking).
//!
//! There is one runtime per process. A forked child has none of its parent's threads, so it creates its own runtime and never
//! touches the parent's. The lock in this module is only held while attached to the interpreter, and Python also forks while
//! attached, so a child never inherits a locked mutex.

use std::future::IntoFuture;
use std::process;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use tokio::runtime::{Builder, Runtime};
use tracing::Instrument;

use crate::log_context;

/// How often a blocking call checks for pending signals.
pub const SIGNAL_CHECK_INTERVAL: Duration = Duration::from_millis(25);

/// The maximum number of worker threads; the default is half the number of processors.
///
/// The workers do little computation and compete with Python's threads for processors. Every additional worker is woken for each
/// response and finds nothing to do.
const MAX_WORKERS: usize = 4;

struct ProcessRuntime {
    process: u32,
    runtime: &'static Runtime,
}

static RUNTIME: Mutex<Option<ProcessRuntime>> = Mutex::new(None);

/// Returns the runtime of this process, creating it on first use. It is never shut down.
pub fn get(py: Python<'_>) -> PyResult<&'static Runtime> {
    let mut current = RUNTIME.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
    let process = process::id();
    if let Some(current) = &*current
        && current.process == process
    {
        return Ok(current.runtime);
    }
    let processors = std::thread::available_parallelism().map_or(2, |number| number.get());
    let runtime = Builder::new_multi_thread()
        .worker_threads((processors / 2).clamp(1, MAX_WORKERS))
        .thread_name("mistral-datasets")
        .enable_all()
        .build()?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *current = Some(ProcessRuntime { process, runtime });
    Ok(runtime)
}

/// Runs a call on the runtime's threads and blocks until it completes.
///
/// Other Python threads run in the meantime. On the main thread a signal such as Ctrl-C runs its handler; if the handler
/// raises, the call is cancelled.
pub fn block<C>(py: Python<'_>, call: C) -> PyResult<C::Output>
where
    C: IntoFuture,
    C::IntoFuture: Send + 'static,
    C::Output: Send + 'static,
{
    let call = call.into_future().instrument(log_context::span());
    let (sender, mut receiver) = mpsc::sync_channel(1);
    let task = get(py)?.spawn(async move {
        // The receiver is gone if a signal handler raised; that is fine.
        let _ = sender.send(call.await);
    });
    loop {
        let receiver = &mut receiver;
        match py.detach(move || receiver.recv_timeout(SIGNAL_CHECK_INTERVAL)) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| task.abort())?,
            Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
        }
    }
}

/// Returns the exception for a call that panicked.
pub fn panicked() -> PyErr {
    PyRuntimeError::new_err("the native call panicked; see the backtrace on standard error")
}
