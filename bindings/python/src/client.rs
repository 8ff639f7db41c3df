//! The Python methods of [`Session`], on which the class `Mistral` is built.

use std::path::PathBuf;

use mistral_datasets::{ClientBuilder, Error, LocalData, LocalOptions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arguments;
use crate::awaitable;
use crate::call;
use crate::convert::{ConvertContext, IntoPython};
use crate::session::{Origin, Session};
use crate::{error, file, judge, options, raw_response};

impl IntoPython for Session {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(context.py, self)?.into_any())
    }
}

/// Sets the `User-Agent` of the Python package.
pub fn with_user_agent(py: Python<'_>, builder: ClientBuilder) -> ClientBuilder {
    let version = py.version_info();
    builder.user_agent(format!(
        "mistral-datasets-python/{} python/{}.{}",
        env!("CARGO_PKG_VERSION"),
        version.major,
        version.minor
    ))
}

/// Builds a client that can be rebuilt after a fork.
pub fn build(py: Python<'_>, builder: ClientBuilder) -> PyResult<Session> {
    let client = builder.clone().build().map_err(|error| error::exception(py, &error))?;
    Ok(Session::new(Origin::Built(Box::new(builder)), client))
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (options, proxy, ca_certificates, /))]
    fn create(
        py: Python<'_>,
        options: &Bound<'_, PyDict>,
        proxy: &Bound<'_, PyAny>,
        ca_certificates: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let mut builder = with_user_agent(py, mistral_datasets::Client::builder())
            .options(options::parse(options)?);
        if let Some(url) = arguments::optional::<String>(proxy, "proxy")? {
            builder = builder.proxy(url);
        }
        if let Some(certificates) = ca_certificates {
            builder = builder.ca_certificates(certificates);
        }
        // Reads the environment now, because a forked child that rebuilds the client may have changed its environment.
        build(py, builder.with_environment())
    }

    /// Starts a server in this process and returns a client for it.
    #[staticmethod]
    #[pyo3(signature = (directory, judge, /))]
    fn local(
        py: Python<'_>,
        directory: Option<PathBuf>,
        judge: &Bound<'_, PyDict>,
    ) -> PyResult<Py<PyAny>> {
        let data = directory.map_or(LocalData::Memory, LocalData::Directory);
        let options = LocalOptions::new(data).judge(judge::parse(judge)?);
        call::block(py, async {
            let client = mistral_datasets::Client::local_with(options).await?;
            Ok::<_, Error>(Session::new(Origin::Local, client))
        })
    }

    /// Returns a client that shares this client's connections but overrides some options.
    #[pyo3(name = "with_options", signature = (options, /))]
    fn with_options_py(&self, py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        self.with_options(py, options::parse(options)?)
    }

    /// Whether the client's server runs in this process or in one of its ancestors.
    #[getter(is_local)]
    fn is_local_py(&self) -> bool {
        self.is_local()
    }

    /// URL of the server, without a trailing slash.
    #[getter(server_url)]
    fn server_url_py(&self, py: Python<'_>) -> PyResult<String> {
        self.server_url(py)
    }

    /// Calls a method of a resource and returns its `RawResponse`.
    #[pyo3(signature = (method, /, *arguments, **keywords))]
    fn raw<'py>(
        &self,
        method: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        raw_response::call(method, arguments, keywords)
    }

    /// Opens a presigned URL.
    #[pyo3(signature = (url, options, /))]
    fn open_link(
        &self,
        py: Python<'_>,
        url: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Py<PyAny>> {
        let url = arguments::required(url, "url")?;
        call::block(py, file::open_link(self.client_with(options, "open_link")?, url))
    }

    /// Returns an awaitable that opens a presigned URL.
    #[pyo3(signature = (url, options, /))]
    fn open_link_async<'py>(
        &self,
        py: Python<'py>,
        url: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let url = arguments::required(url, "url")?;
        let link = file::open_link(self.client_with(options, "open_link_async")?, url);
        awaitable::coroutine(py, "Client.open_link_async", link)
    }

    /// Closes the client and stops a local server.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.drop_idle_runtimes(py);
        call::block(py, close(self.client(py)?))
    }

    /// Returns an awaitable that closes the client and stops a local server.
    fn close_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.drop_idle_runtimes(py);
        awaitable::coroutine(py, "Client.close_async", close(self.client(py)?))
    }
}

async fn close(client: mistral_datasets::Client) {
    client.close().await;
}
