//! Runtimes for single blocking calls, driven by the calling thread.
//!
//! A thread that makes a blocking call has nothing else to do until the response arrives, so it performs the I/O itself. Passing
//! the call to a worker thread and the result back would take longer than the rest of the binding's work for a call. Each runtime
//! has its own connection pool, because a connection makes progress only while its runtime is driven.

use std::future::{IntoFuture, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;

use futures::FutureExt;
use mistral_datasets::Client;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::error;
use crate::logging;
use crate::runtime::{self, SIGNAL_CHECK_INTERVAL};

/// A single-threaded runtime and a client whose connections it drives.
pub struct BlockingRuntime {
    /// `None` only while being dropped.
    runtime: Option<Runtime>,
    client: Client,
}

impl BlockingRuntime {
    /// Creates a runtime with a new connection pool for the client's requests.
    pub fn new(py: Python<'_>, client: &Client) -> PyResult<Self> {
        let client =
            client.with_own_connection_pool().map_err(|error| error::exception(py, &error))?;
        Ok(Self { runtime: Some(Builder::new_current_thread().enable_all().build()?), client })
    }

    /// Returns the client whose connections this runtime drives.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a call of this runtime's client and blocks until it completes.
    ///
    /// Other Python threads run in the meantime. On the main thread a signal such as Ctrl-C runs its handler; if the handler
    /// raises, the call and its connection are dropped. After an error the runtime must not be used again.
    pub fn run<C>(&self, py: Python<'_>, call: C) -> PyResult<C::Output>
    where
        C: IntoFuture,
        C::IntoFuture: Send + 'static,
        C::Output: Send + 'static,
    {
        let call = AssertUnwindSafe(call.into_future()).catch_unwind();
        let mut call = pin!(async {
            // While the runtime was idle, the server may have closed connections, and the connection of the previous call has
            // not been returned to the pool. The first yield delivers these events, and the second runs the tasks they wake.
            yield_now().await;
            yield_now().await;
            call.await
        });
        let runtime = self.runtime.as_ref().expect("the runtime exists until it is dropped");
        let _interruptible = logging::Interruptible::begin();
        loop {
            // A log message emitted by the call runs Python code, which may raise.
            let step = poll_fn(|context| {
                let step = call.as_mut().poll(context);
                logging::interruption().map_or(step.map(Ok), |raised| Poll::Ready(Err(raised)))
            });
            let step = async move { timeout(SIGNAL_CHECK_INTERVAL, step).await };
            match py.detach(|| runtime.block_on(step)) {
                Ok(Ok(Ok(output))) => return Ok(output),
                Ok(Ok(Err(_))) => return Err(runtime::panicked()),
                Ok(Err(raised)) => return Err(raised),
                Err(_) => py.check_signals()?,
            }
        }
    }
}

impl Drop for BlockingRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A worker of another runtime may drop it, and must not block.
            runtime.shutdown_background();
        }
    }
}

/// Returns whether this thread already drives a runtime and therefore cannot drive another one.
pub fn is_inside_runtime() -> bool {
    Handle::try_current().is_ok()
}
