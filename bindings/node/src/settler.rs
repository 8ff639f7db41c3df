//! How the outcomes of calls come back to JavaScript.
//!
//! A promise of Node-API's own makes a queue to the thread of JavaScript and tears it down again, which is a good part of what a
//! small call costs. Here one queue brings everything: a call has a number, and what it brought is handed to `lib/settler.js`
//! with that.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use napi::bindgen_prelude::{Env, FnArgs, spawn};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Either, Error, Status};
use napi_derive::napi;

use crate::failure::Outcome;
use crate::lanes::{Lanes, Taken};
use crate::response::Response;

/// The number of a call, and what it brought: a response, or none at the end of a pager, or a failure. A call that panicked brings
/// an error of JavaScript's own.
type Settled = FnArgs<(u32, Either<Outcome<Option<Response>>, Error>)>;

/// What takes the outcomes. It is weak, so that being ready for more keeps no process alive.
type Settle = ThreadsafeFunction<Settled, (), Settled, Status, false, true>;

/// Where the calls of the JavaScript of one thread run, and their outcomes go.
#[napi]
pub struct NativeSettler {
    pub(crate) settler: Settler,
}

/// The same, for whoever makes calls.
#[derive(Clone)]
pub(crate) struct Settler {
    settle: Arc<Mutex<Settle>>,
    lanes: Arc<Lanes>,
}

#[napi]
impl NativeSettler {
    /// A settler that calls a function with the outcome of each call.
    #[napi(constructor)]
    pub fn new(settle: Settle) -> Self {
        Self { settler: Settler { settle: Arc::new(Mutex::new(settle)), lanes: Lanes::new() } }
    }

    /// Keeps the process alive, because outcomes are waited for.
    #[napi]
    pub fn hold(&self, env: Env) -> napi::Result<()> {
        refer(&mut lock(&self.settler.settle), &env)
    }

    /// Lets the process end, because none is.
    #[napi]
    pub fn release(&self, env: Env) -> napi::Result<()> {
        unref(&mut lock(&self.settler.settle), &env)
    }
}

/// The JavaScript has ended, and nobody waits for its calls any more.
impl Drop for NativeSettler {
    fn drop(&mut self) {
        self.settler.lanes.stop();
    }
}

impl Settler {
    /// A lane for a call.
    pub(crate) fn lane(&self) -> Taken {
        self.lanes.take()
    }

    /// Carries out what is part of something larger, in the common runtime, and hands over its outcome.
    pub(crate) fn begin(
        &self,
        number: u32,
        part: impl Future<Output = Outcome<Option<Response>>> + Send + 'static,
    ) {
        spawn(self.settled(number, part));
    }

    /// Carries out a call in a lane and hands over its outcome.
    pub(crate) fn begin_in(
        &self,
        lane: Taken,
        number: u32,
        call: impl Future<Output = Outcome<Option<Response>>> + Send + 'static,
    ) {
        lane.spawn(self.settled(number, call));
    }

    fn settled(
        &self,
        number: u32,
        call: impl Future<Output = Outcome<Option<Response>>> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let settle = self.settle.clone();
        async move {
            let outcome = match AssertUnwindSafe(call).catch_unwind().await {
                Ok(outcome) => Either::A(outcome),
                Err(_) => {
                    Either::B(Error::from_reason("a call panicked; its trace is on standard error"))
                }
            };
            // Where JavaScript is shutting down, nobody waits any more.
            let _ = lock(&settle)
                .call((number, outcome).into(), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

fn lock(settle: &Mutex<Settle>) -> MutexGuard<'_, Settle> {
    settle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    deprecated,
    reason = "what is there instead makes another queue, which is the cost to be spared"
)]
fn refer(settle: &mut Settle, env: &Env) -> napi::Result<()> {
    settle.refer(env)
}

#[expect(deprecated, reason = "as above")]
fn unref(settle: &mut Settle, env: &Env) -> napi::Result<()> {
    settle.unref(env)
}
