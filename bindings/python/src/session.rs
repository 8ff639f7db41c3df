//! A handle to the client that survives forks.

use std::future::IntoFuture;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mistral_datasets::{Client, ClientBuilder, Options};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;

use crate::blocking::{self, BlockingRuntime};
use crate::{error, logging, options, raw_response, runtime};

/// A shared client that is rebuilt in a forked child, because the sockets in its connection pool belong to the parent.
///
/// Python sees it as `_native.Client`; its Python methods are in [`crate::client`].
#[pyclass(name = "Client", frozen, module = "mistral_datasets._native")]
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    /// Overrides of the shared client's options; later entries take precedence.
    options: Arc<[Options]>,
}

struct Shared {
    origin: Origin,
    current: Mutex<ProcessClient>,
}

/// How to rebuild the client after a fork.
pub enum Origin {
    /// From its configuration.
    Built(Box<ClientBuilder>),
    /// It cannot be rebuilt, because its server runs in the parent process.
    Local,
}

/// The maximum number of idle blocking runtimes that are kept for reuse.
const MAX_IDLE_RUNTIMES: usize = 64;

/// The client of one process.
struct ProcessClient {
    process: u32,
    /// `None` only while being dropped.
    client: Option<Client>,
    /// Idle blocking runtimes. The most recently used one is last and reused first, because the server is least likely to have
    /// closed its connections.
    idle_runtimes: Vec<BlockingRuntime>,
}

impl ProcessClient {
    fn new(client: Client) -> Self {
        Self { process: process::id(), client: Some(client), idle_runtimes: Vec::new() }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the client exists until it is dropped")
    }
}

impl Drop for ProcessClient {
    fn drop(&mut self) {
        if self.process != process::id() {
            // A child must not shut down its parent's client.
            std::mem::forget(self.client.take());
            std::mem::forget(std::mem::take(&mut self.idle_runtimes));
        }
    }
}

impl Session {
    /// Wraps a client.
    pub fn new(origin: Origin, client: Client) -> Self {
        let current = Mutex::new(ProcessClient::new(client));
        Self { shared: Arc::new(Shared { origin, current }), options: Arc::default() }
    }

    /// Returns a session for the same client with some options overridden.
    ///
    /// # Errors
    /// `ConfigurationError` if an option is invalid.
    pub fn with_options(&self, py: Python<'_>, options: Options) -> PyResult<Self> {
        let options = self.options.iter().cloned().chain([options]).collect();
        let session = Self { shared: self.shared.clone(), options };
        // Reports invalid options now instead of at the first call.
        session.client(py)?;
        Ok(session)
    }

    /// Returns a session with the keyword options of a call of `method` applied, for operations that send several requests.
    ///
    /// # Errors
    /// As [`client_with`](Self::client_with).
    pub fn with_keywords(&self, keywords: &Bound<'_, PyDict>, method: &str) -> PyResult<Self> {
        match keywords.is_empty() {
            true => Ok(self.clone()),
            false => {
                let options = options::parse_call_options(keywords, method)?;
                self.with_options(keywords.py(), options)
            }
        }
    }

    /// Returns whether the client's server runs in this process or in one of its ancestors.
    pub fn is_local(&self) -> bool {
        matches!(self.shared.origin, Origin::Local)
    }

    /// Returns the server's URL without a trailing slash.
    pub fn server_url(&self, py: Python<'_>) -> PyResult<String> {
        let client = {
            let current = self.current(py);
            if current.process != process::id() && self.options.is_empty() {
                // The URL is the same in a child, and reading it needs no connections.
                return Ok(current.client().server_url().to_owned());
            }
            current.client().clone()
        };
        let url =
            self.apply_options(py, client.clone()).map(|client| client.server_url().to_owned());
        if self.current(py).process != process::id() {
            std::mem::forget(client);
        }
        url
    }

    /// Returns the client of this process.
    ///
    /// # Errors
    /// `ConfigurationError` in a forked child if the parent runs the client's local server.
    pub fn client(&self, py: Python<'_>) -> PyResult<Client> {
        logging::refresh_level(py)?;
        let client = self.shared_client(py)?;
        self.apply_options(py, client)
    }

    /// Returns the client of this process with the keyword options of a call of `method` applied.
    ///
    /// # Errors
    /// `TypeError` for an unknown keyword, `ConfigurationError` if an option is invalid.
    pub fn client_with(&self, keywords: &Bound<'_, PyDict>, method: &str) -> PyResult<Client> {
        apply_keywords(self.client(keywords.py())?, keywords, method)
    }

    /// Returns a client for a single blocking call of `method`, with its keyword options applied.
    ///
    /// # Errors
    /// As [`client_with`](Self::client_with).
    pub fn blocking(&self, keywords: &Bound<'_, PyDict>, method: &str) -> PyResult<BlockingClient> {
        let py = keywords.py();
        logging::refresh_level(py)?;
        let shared = self.shared_client(py)?;
        let idle = self.current(py).idle_runtimes.pop();
        let runtime = match idle {
            Some(runtime) => runtime,
            None => BlockingRuntime::new(py, &shared)?,
        };
        let client = self.apply_options(py, runtime.client().clone())?;
        let client = apply_keywords(client, keywords, method)?;
        Ok(BlockingClient { session: self.clone(), runtime, client })
    }

    /// Drops the idle blocking runtimes and their connections.
    pub fn drop_idle_runtimes(&self, py: Python<'_>) {
        let mut current = self.current(py);
        // A forked child must not touch the runtimes of its parent.
        if current.process == process::id() {
            current.idle_runtimes.clear();
        }
    }

    fn recycle(&self, py: Python<'_>, runtime: BlockingRuntime) {
        let mut current = self.current(py);
        if current.idle_runtimes.len() < MAX_IDLE_RUNTIMES && !runtime.client().is_closed() {
            current.idle_runtimes.push(runtime);
        }
    }

    fn current<'a>(&'a self, py: Python<'_>) -> MutexGuard<'a, ProcessClient> {
        self.shared.current.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    fn apply_options(&self, py: Python<'_>, client: Client) -> PyResult<Client> {
        self.options.iter().try_fold(client, |client, options| {
            client.with_options(options.clone()).map_err(|error| error::exception(py, &error))
        })
    }

    fn shared_client(&self, py: Python<'_>) -> PyResult<Client> {
        let mut current = self.current(py);
        let client = current.client().clone();
        if current.process == process::id() || client.is_closed() {
            return Ok(client);
        }
        // The parent's client must not be dropped here; see `ProcessClient::drop`.
        std::mem::forget(client);
        let Origin::Built(builder) = &self.shared.origin else {
            return Err(error::configuration(
                py,
                "a local server cannot be used after a fork; start one in this process, or one for all processes with \
                 `mistral-datasets serve`",
            ));
        };
        let rebuilt = (**builder).clone().build().map_err(|error| error::exception(py, &error))?;
        *current = ProcessClient::new(rebuilt.clone());
        Ok(rebuilt)
    }
}

fn apply_keywords(client: Client, keywords: &Bound<'_, PyDict>, method: &str) -> PyResult<Client> {
    match keywords.is_empty() {
        true => Ok(client),
        false => client
            .with_options(options::parse_call_options(keywords, method)?)
            .map_err(|error| error::exception(keywords.py(), &error)),
    }
}

/// A client together with a blocking runtime that was taken from the session for one call.
pub struct BlockingClient {
    session: Session,
    runtime: BlockingRuntime,
    client: Client,
}

impl BlockingClient {
    /// Returns the client to create the call with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the session that the client belongs to.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Runs a call of [`client`](Self::client), blocks until it completes and returns the runtime to the session.
    ///
    /// # Errors
    /// `TypeError` if the response was requested and the call does not return it.
    pub fn run<C>(self, py: Python<'_>, call: C) -> PyResult<C::Output>
    where
        C: IntoFuture,
        C::IntoFuture: Send + 'static,
        C::Output: Send + 'static,
    {
        raw_response::refuse_request()?;
        let Self { session, runtime, client } = self;
        drop(client);
        if blocking::is_inside_runtime() {
            // This thread runs a Python callback inside another runtime, so the worker threads run the call.
            return runtime::block(py, call);
        }
        let output = runtime.run(py, call)?;
        session.recycle(py, runtime);
        Ok(output)
    }
}
