//! What Python's `mistral_datasets.testing` is made of: a server for tests, and what a test has of it.

use std::path::PathBuf;
use std::process;
use std::sync::Mutex;

use mistral_datasets::testing::{DataLocation, Generation, LocalServer, ServerConfig, Workspace};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::client;
use crate::error;
use crate::runtime;
use crate::session::{Origin, Session};

/// A server in this process.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct TestServer {
    process: u32,
    /// The server's address, without a slash at its end.
    #[pyo3(get)]
    url: String,
    running: Mutex<Option<LocalServer>>,
}

#[pymethods]
impl TestServer {
    #[new]
    #[pyo3(signature = (directory, generation, /))]
    fn start(
        py: Python<'_>,
        directory: Option<PathBuf>,
        generation: Option<&str>,
    ) -> PyResult<Self> {
        let config = ServerConfig {
            data: directory.map_or(DataLocation::Memory, DataLocation::Directory),
            generation: generation.map(read_generation).transpose()?.unwrap_or_default(),
            ..ServerConfig::default()
        };
        let server = runtime::wait_for(py, LocalServer::start_with(config))?;
        let url = server.url();
        Ok(Self { process: process::id(), url, running: Mutex::new(Some(server)) })
    }

    /// Stops the server. Stopping twice is no error, and a forked child leaves its parent's alone.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if self.process != process::id() {
            return Ok(());
        }
        let running = self.running.lock_py_attached(py).map_or(None, |mut server| server.take());
        let stopped = async {
            if let Some(server) = running {
                server.stop().await;
            }
            Ok(())
        };
        runtime::wait_for(py, stopped)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.process != process::id() {
            // It is the parent's, with the parent's threads and files.
            std::mem::forget(self.running.get_mut().map_or(None, |server| server.take()));
        }
    }
}

fn read_generation(name: &str) -> PyResult<Generation> {
    match name {
        "g1" => Ok(Generation::G1),
        "g2" => Ok(Generation::G2),
        "g3" => Ok(Generation::G3),
        _ => Err(PyValueError::new_err("generation: expected \"g1\", \"g2\" or \"g3\"")),
    }
}

/// A key's part of a local server.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct TestWorkspace {
    process: u32,
    workspace: Workspace,
}

#[pymethods]
impl TestWorkspace {
    #[new]
    #[pyo3(signature = (url, api_key, /))]
    fn at(py: Python<'_>, url: &str, api_key: &str) -> PyResult<Self> {
        let workspace = Workspace::connect(url, api_key);
        let workspace = workspace.map_err(|error| error::exception(py, None, &error))?;
        Ok(Self { process: process::id(), workspace })
    }

    /// A client of the workspace.
    fn client(&self, py: Python<'_>) -> PyResult<Session> {
        let builder = client::named(py, self.workspace.builder());
        let client = builder.clone().build().map_err(|error| error::exception(py, None, &error))?;
        Ok(Session::new(Origin::Built(Box::new(builder)), client))
    }

    /// Calls one of the local server's own routes with a body of JSON, and returns the response's.
    #[pyo3(signature = (method, route, json, /))]
    fn ask(
        &self,
        py: Python<'_>,
        method: String,
        route: String,
        json: Option<String>,
    ) -> PyResult<String> {
        let workspace = self.workspace.clone();
        let forked = self.process != process::id();
        let call = async move {
            if !forked {
                return workspace.send_request(&method, &route, json).await;
            }
            // The connections are the parent's, and are neither used nor closed.
            let own = Workspace::connect(workspace.url(), workspace.api_key());
            std::mem::forget(workspace);
            own?.send_request(&method, &route, json).await
        };
        runtime::wait_for(py, call)
    }
}
