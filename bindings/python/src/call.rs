//! Sends calls: blocking, on the runtime's threads, or as a coroutine.

use std::future::IntoFuture;

use futures::future::Either;
use mistral_datasets::{Error, RawResponse, Wait, WithResponse};
use pyo3::prelude::*;

use crate::awaitable;
use crate::convert::{ConvertContext, IntoPython};
use crate::options::Seconds;
use crate::raw_response;
use crate::runtime;
use crate::session::{BlockingClient, Session};

/// Sends a call of a blocking client and returns its response.
pub fn send<C, R>(py: Python<'_>, client: BlockingClient, call: C) -> PyResult<Py<PyAny>>
where
    C: WithResponse<R>,
    C::IntoFuture: Send + 'static,
    R: IntoPython + Send + 'static,
{
    let call = with_session(client.session(), call);
    client.run(py, call)?.into_python(ConvertContext::detached(py))
}

/// Sends a call on the runtime's threads and blocks until it completes.
pub fn send_by_runtime<C, R>(py: Python<'_>, session: &Session, call: C) -> PyResult<Py<PyAny>>
where
    C: WithResponse<R>,
    C::IntoFuture: Send + 'static,
    R: IntoPython + Send + 'static,
{
    block(py, with_session(session, call))
}

/// Runs an operation that sends several requests on a blocking client.
pub fn run<C, R>(py: Python<'_>, client: BlockingClient, operation: C) -> PyResult<Py<PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    let operation = without_response(client.session(), operation);
    client.run(py, operation)?.into_python(ConvertContext::detached(py))
}

/// Runs an operation that sends several requests, or whose response is a stream, on the runtime's threads and blocks until it
/// completes.
pub fn run_by_runtime<C, R>(py: Python<'_>, session: &Session, operation: C) -> PyResult<Py<PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    block(py, without_response(session, operation))
}

/// Creates a coroutine that runs an operation that sends several requests, or whose response is a stream.
pub fn run_async<'py, C, R>(
    py: Python<'py>,
    name: &'static str,
    session: &Session,
    operation: C,
) -> PyResult<Bound<'py, PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    awaitable::coroutine(py, name, without_response(session, operation))
}

/// Creates a coroutine that sends a call. `name` appears in warnings.
pub fn send_async<'py, C, R>(
    py: Python<'py>,
    name: &'static str,
    session: &Session,
    call: C,
) -> PyResult<Bound<'py, PyAny>>
where
    C: WithResponse<R>,
    C::IntoFuture: Send + 'static,
    R: IntoPython + Send + 'static,
{
    awaitable::coroutine(py, name, with_session(session, call))
}

/// Runs a future on the runtime's threads, blocks until it completes and converts its output.
///
/// # Errors
/// `TypeError` if the response was requested and the future does not return it.
pub fn block<F>(py: Python<'_>, future: F) -> PyResult<Py<PyAny>>
where
    F: Future + Send + 'static,
    F::Output: IntoPython,
{
    raw_response::refuse_request()?;
    runtime::block(py, future)?.into_python(ConvertContext::detached(py))
}

/// The output of a call, and the session for objects that send further requests.
struct CallOutput<R> {
    session: Session,
    result: Result<(R, Option<RawResponse>), Error>,
}

/// Runs a call, and includes its response if [`raw_response::call`] requested it.
fn with_session<C, R>(
    session: &Session,
    call: C,
) -> impl Future<Output = CallOutput<R>> + Send + 'static + use<C, R>
where
    C: WithResponse<R>,
    C::IntoFuture: Send + 'static,
    R: IntoPython + Send + 'static,
{
    let session = session.clone();
    // Both futures are created here, because the call itself need not be `Send`.
    let call = match raw_response::take_request() {
        true => Either::Left(call.with_response()),
        false => Either::Right(call.into_future()),
    };
    async move {
        let result = match call {
            Either::Left(call) => call.await.map(|(value, response)| (value, Some(response))),
            Either::Right(call) => call.await.map(|value| (value, None)),
        };
        CallOutput { session, result }
    }
}

/// Runs an operation that has no single response.
fn without_response<C, R>(
    session: &Session,
    operation: C,
) -> impl Future<Output = CallOutput<R>> + Send + 'static + use<C, R>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    let (session, operation) = (session.clone(), operation.into_future());
    async move {
        let result = operation.await.map(|value| (value, None));
        CallOutput { session, result }
    }
}

impl<R: IntoPython> IntoPython for CallOutput<R> {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let context = ConvertContext::new(context.py, &self.session);
        match self.result {
            Ok((value, None)) => value.into_python(context),
            Ok((value, Some(response))) => {
                raw_response::to_python(context.py, value.into_python(context)?, &response)
            }
            Err(error) => Err::<(), _>(error).into_python(context),
        }
    }
}

/// Limits a wait for a task if a timeout is given.
pub fn limited(wait: Wait, timeout: Option<Seconds>) -> Wait {
    match timeout {
        Some(Seconds(timeout)) => wait.timeout(timeout),
        None => wait,
    }
}
