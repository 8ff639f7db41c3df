//! Single blocking calls, carried out by the thread that makes them.
//!
//! Such a thread has nothing else to do until the response is there, so it moves the bytes itself: handing the call to a thread
//! of the runtime and back would cost more than the rest of it. For that it takes a lane, a small runtime and connections
//! that only this runtime works, and leaves it to the next caller. There are as many lanes as calls at a time.

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
use crate::runtime::{self, SIGNAL_CHECK};
use crate::session::Session;

/// The runtime of a lane, and the client whose connections it works.
pub struct Track {
    /// Taken out only when it is dropped.
    runtime: Option<Runtime>,
    pub client: Client,
}

impl Track {
    /// A lane for what this client calls.
    pub fn new(py: Python<'_>, client: &Client) -> PyResult<Self> {
        let client = client
            .with_own_connection_pool()
            .map_err(|error| error::exception(py, None, &error))?;
        Ok(Self { runtime: Some(Builder::new_current_thread().enable_all().build()?), client })
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread of another runtime may drop it, and must not wait.
            runtime.shutdown_background();
        }
    }
}

/// A lane that a call has taken.
pub struct Lane {
    session: Session,
    track: Track,
    client: Client,
}

impl Lane {
    /// A lane of a session, for calls of this client over its connections.
    pub fn new(session: Session, track: Track, client: Client) -> Self {
        Self { session, track, client }
    }

    /// The client to make the call of.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The session that the lane belongs to.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Carries out a call of [`client`](Self::client) and blocks until it is done.
    ///
    /// Other Python threads run meanwhile. On the main thread a signal, such as Ctrl-C, interrupts the call: its handler
    /// runs, and when that raises, the call is dropped, and its connection with it.
    pub fn run<C>(self, py: Python<'_>, call: C) -> PyResult<C::Output>
    where
        C: IntoFuture,
        C::IntoFuture: Send + 'static,
        C::Output: Send + 'static,
    {
        let Self { session, track, client } = self;
        drop(client);
        if Handle::try_current().is_ok() {
            // This thread runs Python's code for a runtime, and cannot drive another one meanwhile: its threads do.
            return runtime::block(py, call);
        }
        let call = AssertUnwindSafe(call.into_future()).catch_unwind();
        let mut call = pin!(async {
            // While nobody drove the runtime the server may have closed connections, and the last call left its own to be tidied up:
            // the first look lets that happen, the second lets the tasks that it woke run.
            yield_now().await;
            yield_now().await;
            call.await
        });
        let runtime = track.runtime.as_ref().expect("the runtime is there until it is dropped");
        let _interruptible = logging::Interruptible::begin();
        loop {
            // What it tells of itself meanwhile may end it.
            let step = poll_fn(|context| {
                let step = call.as_mut().poll(context);
                logging::interruption().map_or(step.map(Ok), |raised| Poll::Ready(Err(raised)))
            });
            let some_time = async move { timeout(SIGNAL_CHECK, step).await };
            match py.detach(|| runtime.block_on(some_time)) {
                Ok(Ok(Ok(outcome))) => {
                    session.leave(py, track);
                    return Ok(outcome);
                }
                Ok(Ok(Err(_))) => return Err(runtime::panicked()),
                Ok(Err(raised)) => return Err(raised),
                Err(_) => py.check_signals()?,
            }
        }
    }
}
