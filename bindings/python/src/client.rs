//! What the Python class `Mistral` is made of.

use std::path::PathBuf;
use std::time::Duration;

use mistral_datasets::{Error, LocalData};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::error;
use crate::file;
use crate::generated::{Datasets, Files};
use crate::runtime::{self, Reply};
use crate::session::{Origin, Session};

/// A connection to a server, and the resources over it.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Client {
    session: Session,
    datasets: PyOnceLock<Py<Datasets>>,
    files: PyOnceLock<Py<Files>>,
}

impl From<Session> for Client {
    fn from(session: Session) -> Self {
        Self { session, datasets: PyOnceLock::new(), files: PyOnceLock::new() }
    }
}

impl Reply for Session {
    fn into_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(Py::new(py, Client::from(self))?.into_any())
    }
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (api_key, server_url, timeout_ms, /))]
    fn new(
        py: Python<'_>,
        api_key: Option<String>,
        server_url: Option<String>,
        timeout_ms: Option<i64>,
    ) -> PyResult<Self> {
        let version = py.version_info();
        let mut builder = mistral_datasets::Client::builder().user_agent(format!(
            "mistral-datasets-python/{} python/{}.{}",
            env!("CARGO_PKG_VERSION"),
            version.major,
            version.minor
        ));
        if let Some(key) = api_key {
            builder = builder.api_key(key);
        }
        if let Some(url) = server_url {
            builder = builder.server_url(url);
        }
        if let Some(timeout) = timeout_ms {
            // The client refuses a timeout of nothing, which a negative one is too.
            builder = builder.timeout(Duration::from_millis(timeout.try_into().unwrap_or(0)));
        }
        let client = builder.clone().build().map_err(|error| error::exception(py, &error))?;
        Ok(Session::new(Origin::Built(builder), client).into())
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

    /// The server's address, without a slash at its end.
    #[getter]
    fn server_url(&self, py: Python<'_>) -> String {
        self.session.server_url(py)
    }

    /// Datasets, the records in them, imports, exports and tasks.
    #[getter]
    fn datasets(&self, py: Python<'_>) -> PyResult<Py<Datasets>> {
        let datasets = self
            .datasets
            .get_or_try_init(py, || Py::new(py, Datasets::new(self.session.clone())))?;
        Ok(datasets.clone_ref(py))
    }

    /// Uploaded files, which imports read.
    #[getter]
    fn files(&self, py: Python<'_>) -> PyResult<Py<Files>> {
        let files =
            self.files.get_or_try_init(py, || Py::new(py, Files::new(self.session.clone())))?;
        Ok(files.clone_ref(py))
    }

    /// Opens a presigned link.
    #[pyo3(signature = (url, /))]
    fn open_link(&self, py: Python<'_>, url: String) -> PyResult<Py<PyAny>> {
        runtime::wait(py, file::open_link(self.session.client(py)?, url))
    }

    /// Opens a presigned link, for asyncio.
    #[pyo3(signature = (url, /))]
    fn open_link_async<'py>(&self, py: Python<'py>, url: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::coroutine(
            py,
            "Client.open_link_async",
            file::open_link(self.session.client(py)?, url),
        )
    }

    /// Closes the client, and stops a local server.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        runtime::wait(py, close(self.session.client(py)?))
    }

    /// Closes the client, and stops a local server, for asyncio.
    fn close_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::coroutine(py, "Client.close_async", close(self.session.client(py)?))
    }
}

async fn close(client: mistral_datasets::Client) -> Result<(), Error> {
    client.close().await;
    Ok(())
}
