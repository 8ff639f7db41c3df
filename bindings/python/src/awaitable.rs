//! Coroutines for native calls, independent of the event loop that awaits them.

use std::future::IntoFuture;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, OnceLock, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::{MutexExt, PyOnceLock};
use tokio::task::AbortHandle;
use tracing::Instrument;

use crate::convert::{ConvertContext, IntoPython};
use crate::interpreter;
use crate::log_context;
use crate::raw_response;
use crate::runtime;

/// Creates a coroutine that starts a call when it is awaited. `name` appears in warnings about coroutines that were never awaited.
///
/// # Errors
/// `TypeError` if the response was requested and the call does not return it.
pub fn coroutine<'py, C>(
    py: Python<'py>,
    name: &'static str,
    call: C,
) -> PyResult<Bound<'py, PyAny>>
where
    C: IntoFuture,
    C::IntoFuture: Send + 'static,
    C::Output: IntoPython,
{
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    raw_response::refuse_request()?;
    let call = call.into_future();
    let call = async move {
        let result = AssertUnwindSafe(call).catch_unwind().await;
        let convert: Convert = Box::new(move |py| match result {
            Ok(output) => output.into_python(ConvertContext::detached(py)),
            Err(_) => Err(runtime::panicked()),
        });
        convert
    };
    let call = Call { call: Mutex::new(Some(call.boxed())), task: OnceLock::new() };
    let coroutine = RUN.import(py, "mistral_datasets._async", "run")?.call1((call,))?;
    coroutine.setattr(intern!(py, "__qualname__"), name)?;
    Ok(coroutine)
}

/// Converts the output of a call on the thread of the event loop.
type Convert = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A call that an event loop awaits. `mistral_datasets._async` starts it and aborts it on cancellation.
#[pyclass(frozen, module = "mistral_datasets._native")]
struct Call {
    call: Mutex<Option<BoxFuture<'static, Convert>>>,
    task: OnceLock<AbortHandle>,
}

#[pymethods]
impl Call {
    /// Starts the call. The event loop's thread resolves the future.
    fn start(&self, py: Python<'_>, event_loop: Py<PyAny>, future: Py<PyAny>) -> PyResult<()> {
        if interpreter::is_shutting_down() {
            // The event loop could not be notified.
            return Err(PyRuntimeError::new_err(
                "the interpreter is shutting down, so the event loop cannot be notified; use the blocking method",
            ));
        }
        let call = self.call.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        let call =
            call.ok_or_else(|| PyRuntimeError::new_err("the call has already been started"))?;
        let call = call.instrument(log_context::span());
        let task = runtime::get(py)?.spawn(async move {
            let resolve = Resolve { convert: Mutex::new(Some(call.await)) };
            // Fails if the loop was closed in the meantime. Then the result is not needed.
            interpreter::attach(|py| {
                let _ = event_loop.call_method1(py, "call_soon_threadsafe", (resolve, future));
            });
        });
        // Set only once, because the future above can be taken only once.
        let _ = self.task.set(task.abort_handle());
        Ok(())
    }

    /// Cancels the call. Does nothing if it has completed.
    fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

/// Resolves an asyncio future with the output of a call, on the thread of the event loop.
#[pyclass(frozen, module = "mistral_datasets._native")]
struct Resolve {
    convert: Mutex<Option<Convert>>,
}

#[pymethods]
impl Resolve {
    fn __call__(&self, future: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = future.py();
        let convert =
            self.convert.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner).take();
        // If the task was cancelled, its future is already done.
        if let Some(convert) = convert
            && !future.call_method0("done")?.is_truthy()?
        {
            match convert(py) {
                Ok(value) => future.call_method1("set_result", (value,))?,
                Err(error) => future.call_method1("set_exception", (error,))?,
            };
        }
        Ok(())
    }
}
