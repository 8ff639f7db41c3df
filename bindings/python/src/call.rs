//! How the calls of resources are made.

use std::future::IntoFuture;

use mistral_datasets::{Error, RawResponse, Wait, WithResponse};
use pyo3::prelude::*;

use crate::error;
use crate::lane::Lane;
use crate::model::Source;
use crate::options::Seconds;
use crate::raw;
use crate::runtime::{self, Response};
use crate::session::Session;

/// Carries out a call of the lane's client and blocks until its response is there.
pub fn send<C, R>(py: Python<'_>, lane: Lane, call: C) -> PyResult<Py<PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Response,
{
    let answer = answer(lane.session(), call);
    runtime::finish(py, lane.run(py, answer)?)
}

/// Has the runtime's threads carry out a call, for one that takes long or whose body moves on afterwards, and blocks until its
/// response is there.
pub fn send_by_runtime<C, R>(py: Python<'_>, session: &Session, call: C) -> PyResult<Py<PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Response,
{
    runtime::wait(py, answer(session, call))
}

/// A coroutine that carries out a call; warnings name it as `name`.
pub fn send_async<'py, C, R>(
    py: Python<'py>,
    name: &'static str,
    session: &Session,
    call: C,
) -> PyResult<Bound<'py, PyAny>>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Response,
{
    runtime::coroutine(py, name, answer(session, call))
}

/// What became of a call, together with the client that made it.
pub struct Answer<R> {
    session: Session,
    result: Result<R, Error>,
    response: Option<RawResponse>,
}

/// The call, with its response as it came where [`raw::call`] wants that.
fn answer<C, R>(
    session: &Session,
    call: C,
) -> impl Future<Output = Result<Answer<R>, Error>> + Send + 'static + use<C, R>
where
    C: IntoFuture<Output = Result<R, Error>>,
    C::IntoFuture: Send + 'static,
    R: Response,
{
    let session = session.clone();
    let call = call.into_future();
    let wants_response = raw::is_wanted();
    async move {
        if !wants_response {
            return Ok(Answer { session, result: call.await, response: None });
        }
        Ok(match call.with_response().await {
            Ok((value, response)) => {
                Answer { session, result: Ok(value), response: Some(response) }
            }
            Err(error) => Answer { session, result: Err(error), response: None },
        })
    }
}

impl<R: Response> Response for Answer<R> {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let source = Source { session: Some(&self.session), ..source };
        let value = self
            .result
            .map_err(|error| error::exception(source.py, source.session, &error))?
            .into_object(source)?;
        match self.response {
            Some(response) => raw::object(source.py, value, &response),
            None => Ok(value),
        }
    }
}

/// A wait for a task that ends after a time, if one is given.
pub fn limited(wait: Wait, timeout: Option<Seconds>) -> Wait {
    match timeout {
        Some(Seconds(timeout)) => wait.timeout(timeout),
        None => wait,
    }
}
