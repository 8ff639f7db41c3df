//! What the Python class `Mistral` is made of.

use std::path::PathBuf;

use mistral_datasets::{ClientBuilder, Error, LocalData};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::model::Source;
use crate::runtime::{self, Response};
use crate::session::{Origin, Session};
use crate::{error, file, options, raw};

impl Response for Session {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(source.py, self)?.into_any())
    }
}

/// Set up for Python: its requests say where they come from.
pub fn named(py: Python<'_>, builder: ClientBuilder) -> ClientBuilder {
    let version = py.version_info();
    builder.user_agent(format!(
        "mistral-datasets-python/{} python/{}.{}",
        env!("CARGO_PKG_VERSION"),
        version.major,
        version.minor
    ))
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (given, proxy, ca_certificates, /))]
    fn open(
        py: Python<'_>,
        given: &Bound<'_, PyDict>,
        proxy: Option<String>,
        ca_certificates: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let mut builder =
            named(py, mistral_datasets::Client::builder()).options(options::read(given)?);
        if let Some(url) = proxy {
            builder = builder.proxy(url);
        }
        if let Some(certificates) = ca_certificates {
            builder = builder.ca_certificates(certificates);
        }
        // A forked child builds from these settings again, and its environment may be another by then.
        let builder = builder.with_environment();
        let client = builder.clone().build().map_err(|error| error::exception(py, None, &error))?;
        Ok(Self::new(Origin::Built(Box::new(builder)), client))
    }

    /// A client of a server that runs in this process.
    #[staticmethod]
    #[pyo3(signature = (directory, /))]
    fn local(py: Python<'_>, directory: Option<PathBuf>) -> PyResult<Py<PyAny>> {
        let data = directory.map_or(LocalData::Memory, LocalData::Directory);
        runtime::wait(py, async {
            let client = mistral_datasets::Client::local(data).await?;
            Ok::<_, Error>(Session::new(Origin::Local, client))
        })
    }

    /// The same client, for which something is otherwise.
    #[pyo3(signature = (given, /))]
    fn with_options(&self, py: Python<'_>, given: &Bound<'_, PyDict>) -> PyResult<Self> {
        self.with(py, options::read(given)?)
    }

    /// Whether its server runs in this process, or did in a parent of it.
    #[getter(is_local)]
    fn served_here(&self) -> bool {
        self.is_local()
    }

    /// The server's address, without a slash at its end.
    #[getter(server_url)]
    fn address(&self, py: Python<'_>) -> PyResult<String> {
        self.server_url(py)
    }

    /// Makes a call of a resource, and returns its response as it came beside what was made of it.
    #[pyo3(signature = (method, /, *arguments, **keywords))]
    fn raw<'py>(
        &self,
        method: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        raw::call(method, arguments, keywords)
    }

    /// Opens a presigned link.
    #[pyo3(signature = (url, /))]
    fn open_link(&self, py: Python<'_>, url: String) -> PyResult<Py<PyAny>> {
        runtime::wait(py, file::open_link(self.client(py)?, url))
    }

    /// Opens a presigned link, for asyncio.
    #[pyo3(signature = (url, /))]
    fn open_link_async<'py>(&self, py: Python<'py>, url: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::coroutine(py, "Client.open_link_async", file::open_link(self.client(py)?, url))
    }

    /// Closes the client, and stops a local server.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.forget_lanes(py);
        runtime::wait(py, close(self.client(py)?))
    }

    /// Closes the client, and stops a local server, for asyncio.
    fn close_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.forget_lanes(py);
        runtime::coroutine(py, "Client.close_async", close(self.client(py)?))
    }
}

async fn close(client: mistral_datasets::Client) -> Result<(), Error> {
    client.close().await;
    Ok(())
}
