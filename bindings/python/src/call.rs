//! Sends calls: blocking, on the runtime's threads, or as a coroutine.

use std::future::IntoFuture;

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
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    let call = with_session(client.session(), call);
    client.run(py, call)?.into_python(ConvertContext::detached(py))
}

/// Sends a call on the runtime's threads and blocks until it completes.
///
/// Used for long calls, and for downloads, whose body arrives between two calls from Python.
pub fn send_by_runtime<C, R>(py: Python<'_>, session: &Session, call: C) -> PyResult<Py<PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    block(py, with_session(session, call))
}

/// Creates a coroutine that sends a call. `name` appears in warnings.
pub fn send_async<'py, C, R>(
    py: Python<'py>,
    name: &'static str,
    session: &Session,
    call: C,
) -> PyResult<Bound<'py, PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    awaitable::coroutine(py, name, with_session(session, call))
}

/// Runs a future on the runtime's threads, blocks until it completes and converts its output.
pub fn block<F>(py: Python<'_>, future: F) -> PyResult<Py<PyAny>>
where
    F: Future + Send + 'static,
    F::Output: IntoPython,
{
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
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: IntoPython,
{
    let session = session.clone();
    let call = call.into_future();
    let includes_response = raw_response::take_request();
    async move {
        let result = if includes_response {
            call.with_response().await.map(|(value, response)| (value, Some(response)))
        } else {
            call.await.map(|value| (value, None))
        };
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
