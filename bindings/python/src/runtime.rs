//! The tokio runtime under the awaitables, the transfers and what makes many calls of one. (A single blocking call does without;
//! see [`lane`](crate::lane).)
//!
//! There is one for each process. A forked child has none of its parent's threads, so it gets a runtime of its own; the
//! parent's is left alone there. No lock of this module is held without being attached to the interpreter, and Python
//! forks while attached, so that no child inherits a lock that nobody can open.

use std::future::IntoFuture;
use std::panic::AssertUnwindSafe;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::error;
use crate::model::Source;

/// How often a blocking call looks whether a signal came.
pub const SIGNAL_CHECK: Duration = Duration::from_millis(25);

/// The most threads that move bytes, of which there are half as many as processors. They compute little, Python's own threads
/// want the processors too, and a thread more is woken for every response only to find that there is nothing to do.
const MOST_THREADS: usize = 4;

struct OfProcess {
    process: u32,
    runtime: &'static Runtime,
}

static RUNTIME: Mutex<Option<OfProcess>> = Mutex::new(None);

/// The runtime of this process, made when it is first asked for. It lives as long as the process does.
fn runtime(py: Python<'_>) -> PyResult<&'static Runtime> {
    let mut current = RUNTIME.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
    let process = process::id();
    if let Some(current) = &*current
        && current.process == process
    {
        return Ok(current.runtime);
    }
    // The parent's threads are not there.
    ATTACHED.store(0, Ordering::SeqCst);
    let threads = std::thread::available_parallelism().map_or(2, |number| number.get());
    let runtime = Builder::new_multi_thread()
        .worker_threads((threads / 2).clamp(1, MOST_THREADS))
        .thread_name("mistral-datasets")
        .enable_all()
        .build()?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *current = Some(OfProcess { process, runtime });
    Ok(runtime)
}

/// How many threads of the runtime run Python's code, or are about to.
static ATTACHED: AtomicUsize = AtomicUsize::new(0);

/// Whether the interpreter is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);

/// How long the end of the interpreter waits for those threads.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs Python's code on a thread of the runtime, unless the interpreter is ending.
///
/// While it ends, Python kills threads that want to go on with its code, wherever in ours they are. So none of them may be at it
/// by then, for which [`end`] cares.
pub fn attach<T>(code: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            ATTACHED.fetch_sub(1, Ordering::SeqCst);
        }
    }
    ATTACHED.fetch_add(1, Ordering::SeqCst);
    let _leave = Leave;
    if ENDING.load(Ordering::SeqCst) { None } else { Python::try_attach(code) }
}

/// Waits until no thread of the runtime runs Python's code, and lets none begin any more. Python calls it before it ends.
#[pyfunction]
pub fn end(py: Python<'_>) {
    ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let started = Instant::now();
        while ATTACHED.load(Ordering::SeqCst) > 0 && started.elapsed() < LAST_WORDS {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// What a call brings, as Python sees it.
pub trait Response: Send + 'static {
    /// Makes the Python object.
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>>;
}

impl Response for () {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(source.py.None())
    }
}

/// Carries out a call and blocks until its response is there; see [`wait_for`].
pub fn wait<C, R>(py: Python<'_>, call: C) -> PyResult<Py<PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Response,
{
    finish(py, block(py, call)?)
}

/// Carries out a call and blocks until it is done; see [`block`].
pub fn wait_for<C, R>(py: Python<'_>, call: C) -> PyResult<R>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Send + 'static,
{
    block(py, call)?.map_err(|error| error::exception(py, None, &error))
}

/// Has the runtime's threads carry out a call and blocks until it is done.
///
/// Other Python threads run meanwhile. On the main thread a signal, such as Ctrl-C, interrupts the call: its handler
/// runs, and when that raises, the call is dropped.
pub fn block<C>(py: Python<'_>, call: C) -> PyResult<C::Output>
where
    C: IntoFuture,
    C::IntoFuture: Send + 'static,
    C::Output: Send + 'static,
{
    let call = call.into_future();
    let (sender, mut receiver) = mpsc::sync_channel(1);
    let task = runtime(py)?.spawn(async move {
        // Nobody listens any more after a signal.
        let _ = sender.send(call.await);
    });
    loop {
        let receiver = &mut receiver;
        match py.detach(move || receiver.recv_timeout(SIGNAL_CHECK)) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| task.abort())?,
            Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
        }
    }
}

/// The exception of a call that panicked.
pub fn panicked() -> PyErr {
    PyRuntimeError::new_err("a call panicked; its trace is on standard error")
}

/// The Python object of what a call brought, or the exception of its failure.
pub fn finish<R: Response>(py: Python<'_>, result: Result<R, Error>) -> PyResult<Py<PyAny>> {
    let response = result.map_err(|error| error::exception(py, None, &error))?;
    response.into_object(Source::unknown(py))
}

/// A coroutine that carries out a call when it is awaited, on whatever event loop awaits it. Warnings name it as `name`.
pub fn coroutine<'py, C, R>(
    py: Python<'py>,
    name: &'static str,
    call: C,
) -> PyResult<Bound<'py, PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Response,
{
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let call = call.into_future();
    let call = async move {
        let result = AssertUnwindSafe(call).catch_unwind().await;
        let finish: Finish = Box::new(move |py| match result {
            Ok(result) => finish(py, result),
            Err(_) => Err(panicked()),
        });
        finish
    };
    let call = Call { call: Mutex::new(Some(call.boxed())), task: OnceLock::new() };
    let coroutine = RUN.import(py, "mistral_datasets._async", "run")?.call1((call,))?;
    coroutine.setattr(intern!(py, "__qualname__"), name)?;
    Ok(coroutine)
}

/// Makes the Python object of a response, on the thread of the event loop.
type Finish = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A call that an event loop waits for; `mistral_datasets._async` starts it and, when nobody waits any more, aborts it.
#[pyclass(frozen, module = "mistral_datasets._native")]
struct Call {
    call: Mutex<Option<BoxFuture<'static, Finish>>>,
    task: OnceLock<AbortHandle>,
}

#[pymethods]
impl Call {
    /// Starts the call. Its outcome is put into the loop's future, by the loop's own thread.
    fn start(&self, py: Python<'_>, event_loop: Py<PyAny>, future: Py<PyAny>) -> PyResult<()> {
        if ENDING.load(Ordering::SeqCst) {
            // Nobody would tell the loop of the outcome.
            return Err(PyRuntimeError::new_err(
                "the interpreter is ending, and event loops hear of nothing any more; use the blocking method",
            ));
        }
        let call = self.call.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        let call = call.ok_or_else(|| PyRuntimeError::new_err("the call was started before"))?;
        let task = runtime(py)?.spawn(async move {
            let outcome = Outcome { finish: Mutex::new(Some(call.await)) };
            // An interpreter that is shutting down, or a loop that was closed meanwhile, has nobody left to tell.
            attach(|py| {
                let _ = event_loop.call_method1(py, "call_soon_threadsafe", (outcome, future));
            });
        });
        // The future was there to be taken only once.
        let _ = self.task.set(task.abort_handle());
        Ok(())
    }

    /// Drops the call, wherever it is. Nothing happens when it is done.
    fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// The outcome of a call on its way to the thread of the event loop.
#[pyclass(frozen, module = "mistral_datasets._native")]
struct Outcome {
    finish: Mutex<Option<Finish>>,
}

#[pymethods]
impl Outcome {
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = future.py();
        let finish =
            self.finish.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        // The future of a task that was cancelled is done already.
        if let Some(finish) = finish
            && !future.call_method0("done")?.is_truthy()?
        {
            match finish(py) {
                Ok(response) => future.call_method1("set_result", (response,))?,
                Err(error) => future.call_method1("set_exception", (error,))?,
            };
        }
        Ok(())
    }
}
