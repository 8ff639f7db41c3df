//! The native part of `mistral_datasets.testing`: a local server and its workspaces.

use std::path::PathBuf;
use std::process;
use std::sync::Mutex;

use mistral_datasets::Error;
use mistral_datasets::testing::{DataLocation, Generation, LocalServer, ServerConfig, Workspace};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;

use crate::client;
use crate::error;
use crate::judge;
use crate::runtime;
use crate::session::Session;

/// A local server in this process.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct TestServer {
    process: u32,
    /// URL of the server, without a trailing slash.
    #[pyo3(get)]
    url: String,
    running: Mutex<Option<LocalServer>>,
}

#[pymethods]
impl TestServer {
    #[new]
    #[pyo3(signature = (directory, generation, judge, /))]
    fn start(
        py: Python<'_>,
        directory: Option<PathBuf>,
        generation: Option<&str>,
        judge: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let data = directory.map_or(DataLocation::Memory, DataLocation::Directory);
        let generation = generation.map(parse_generation).transpose()?.unwrap_or_default();
        let judge = judge::parse(judge)?;
        let config = ServerConfig::default().data(data).generation(generation).judge(judge);
        let server = block(py, LocalServer::start_with(config))?;
        let url = server.url();
        Ok(Self { process: process::id(), url, running: Mutex::new(Some(server)) })
    }

    /// Stops the server. Has no effect if it is already stopped, or in a forked child.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if self.process != process::id() {
            return Ok(());
        }
        let running = self.running.lock_py_attached(py).map_or(None, |mut server| server.take());
        runtime::block(py, async {
            if let Some(server) = running {
                server.stop().await;
            }
        })
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.process != process::id() {
            // The server's threads and files belong to the parent.
            std::mem::forget(self.running.get_mut().map_or(None, |server| server.take()));
        }
    }
}

fn parse_generation(name: &str) -> PyResult<Generation> {
    match name {
        "any" => Ok(Generation::Any),
        "g1" => Ok(Generation::G1),
        "g2" => Ok(Generation::G2),
        "g3" => Ok(Generation::G3),
        _ => Err(PyValueError::new_err("generation: expected \"any\", \"g1\", \"g2\" or \"g3\"")),
    }
}

fn block<T: Send + 'static>(
    py: Python<'_>,
    call: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> PyResult<T> {
    runtime::block(py, call)?.map_err(|error| error::exception(py, &error))
}

/// The data that belongs to one API key of a local server.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct TestWorkspace {
    process: u32,
    workspace: Workspace,
}

#[pymethods]
impl TestWorkspace {
    #[new]
    #[pyo3(signature = (url, api_key, /))]
    fn connect(py: Python<'_>, url: &str, api_key: &str) -> PyResult<Self> {
        let workspace = Workspace::connect(url, api_key);
        let workspace = workspace.map_err(|error| error::exception(py, &error))?;
        Ok(Self { process: process::id(), workspace })
    }

    /// Returns a client for the workspace.
    fn client(&self, py: Python<'_>) -> PyResult<Session> {
        client::build(py, client::with_user_agent(py, self.workspace.builder()))
    }

    /// Sends a request to one of the local server's own routes, and returns the body of the response.
    #[pyo3(signature = (method, route, json, /))]
    fn send_request(
        &self,
        py: Python<'_>,
        method: String,
        route: String,
        json: Option<String>,
    ) -> PyResult<String> {
        let workspace = self.workspace.clone();
        let is_forked = self.process != process::id();
        block(py, async move {
            if !is_forked {
                return workspace.send_request(&method, &route, json).await;
            }
            // The connections belong to the parent and must be neither used nor closed.
            let own = Workspace::connect(workspace.url(), workspace.api_key());
            std::mem::forget(workspace);
            own?.send_request(&method, &route, json).await
        })
    }
}
