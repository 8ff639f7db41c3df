//! The client as the objects of Python share it, across forks.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use mistral_datasets::{Client, ClientBuilder, Options};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;

use crate::lane::{Lane, Track};
use crate::{error, logging, options};

/// A client that is made again in a forked child, where the sockets of its pool belong to the parent.
///
/// Python knows it as `Client`; its methods are in [`crate::client`].
#[pyclass(name = "Client", frozen, module = "mistral_datasets._native")]
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    /// What is to hold otherwise than for the client that is shared, each over what stands before it.
    options: Arc<[Options]>,
}

struct Shared {
    origin: Origin,
    current: Mutex<Current>,
}

/// How to make the client again.
pub enum Origin {
    /// With the configuration it was made with.
    Built(Box<ClientBuilder>),
    /// Not at all: its server runs in the parent.
    Local,
}

/// So many lanes are kept for the calls to come. A program with more threads than that makes new ones when all call at once.
const MOST_LANES: usize = 64;

/// The client of one process.
struct Current {
    process: u32,
    /// Taken out only when it is dropped.
    client: Option<Client>,
    /// The lanes that no call has taken, the last one on top: its connections are the least likely to have been closed.
    lanes: Vec<Track>,
}

impl Current {
    fn new(client: Client) -> Self {
        Self { process: process::id(), client: Some(client), lanes: Vec::new() }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("the client is there until it is dropped")
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        if self.process != process::id() {
            // What is the parent's must not be shut down by its child.
            std::mem::forget(self.client.take());
            std::mem::forget(std::mem::take(&mut self.lanes));
        }
    }
}

impl Session {
    /// Shares a client.
    pub fn new(origin: Origin, client: Client) -> Self {
        let current = Mutex::new(Current::new(client));
        Self { shared: Arc::new(Shared { origin, current }), options: Arc::default() }
    }

    /// The same client, for which something is otherwise.
    ///
    /// # Errors
    /// `ConfigurationError` when the options cannot hold.
    pub fn with(&self, py: Python<'_>, options: Options) -> PyResult<Self> {
        let all = self.options.iter().cloned().chain([options]).collect();
        let session = Self { shared: self.shared.clone(), options: all };
        // What is wrong with them is told here, not at the first call.
        session.client(py)?;
        Ok(session)
    }

    /// Whether the client's server runs in this process, or did in a parent of it.
    pub fn is_local(&self) -> bool {
        matches!(self.shared.origin, Origin::Local)
    }

    /// The server's address, without a slash at its end.
    pub fn server_url(&self, py: Python<'_>) -> PyResult<String> {
        let client = {
            let current = self.current(py);
            if current.process != process::id() && self.options.is_empty() {
                // It is the same there, and to be printed a client needs no connections.
                return Ok(current.client().server_url().to_owned());
            }
            current.client().clone()
        };
        let address = self.adapt(py, client.clone()).map(|client| client.server_url().to_owned());
        if self.current(py).process != process::id() {
            std::mem::forget(client);
        }
        address
    }

    fn current<'a>(&'a self, py: Python<'_>) -> std::sync::MutexGuard<'a, Current> {
        self.shared.current.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    /// The client of this process.
    ///
    /// # Errors
    /// `ConfigurationError` in a forked child of a process that has a local server.
    pub fn client(&self, py: Python<'_>) -> PyResult<Client> {
        logging::refresh(py)?;
        let client = self.shared_client(py)?;
        self.adapt(py, client)
    }

    /// The client of this process with the keywords that one call was given beside its arguments.
    ///
    /// # Errors
    /// `TypeError` for an unknown keyword, `ConfigurationError` when an option cannot hold.
    pub fn client_with(
        &self,
        py: Python<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Client> {
        let client = self.client(py)?;
        match options {
            None => Ok(client),
            Some(keywords) => client
                .with_options(options::of_call(keywords)?)
                .map_err(|error| error::exception(py, None, &error)),
        }
    }

    /// A lane for a single blocking call with the keywords that it was given beside its arguments.
    ///
    /// # Errors
    /// As [`client_with`](Self::client_with).
    pub fn lane(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Lane> {
        logging::refresh(py)?;
        let shared = self.shared_client(py)?;
        let track = self.current(py).lanes.pop();
        let track = match track {
            Some(track) => track,
            None => Track::new(py, &shared)?,
        };
        let mut client = self.adapt(py, track.client.clone())?;
        if let Some(keywords) = options {
            client = client
                .with_options(options::of_call(keywords)?)
                .map_err(|error| error::exception(py, None, &error))?;
        }
        Ok(Lane::new(self.clone(), track, client))
    }

    /// Leaves a lane to the next call.
    pub fn leave(&self, py: Python<'_>, track: Track) {
        let mut current = self.current(py);
        if current.lanes.len() < MOST_LANES && !track.client.is_closed() {
            current.lanes.push(track);
        }
    }

    /// Gives up the lanes that no call has taken, and their connections.
    pub fn forget_lanes(&self, py: Python<'_>) {
        let mut current = self.current(py);
        // A forked child leaves its parent's alone.
        if current.process == process::id() {
            current.lanes.clear();
        }
    }

    /// This client with the keywords that were given beside the arguments, for what makes more than one call.
    ///
    /// # Errors
    /// As [`client_with`](Self::client_with).
    pub fn with_keywords(
        &self,
        py: Python<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        match options {
            None => Ok(self.clone()),
            Some(keywords) => self.with(py, options::of_call(keywords)?),
        }
    }

    fn adapt(&self, py: Python<'_>, client: Client) -> PyResult<Client> {
        self.options.iter().try_fold(client, |client, options| {
            client.with_options(options.clone()).map_err(|error| error::exception(py, None, &error))
        })
    }

    fn shared_client(&self, py: Python<'_>) -> PyResult<Client> {
        let mut current = self.current(py);
        let client = current.client().clone();
        if current.process == process::id() || client.is_closed() {
            return Ok(client);
        }
        // One of the parent's; see above.
        std::mem::forget(client);
        let Origin::Built(builder) = &self.shared.origin else {
            return Err(error::misconfigured(
                py,
                "a local server does not outlive a fork; start one in this process, or one for all of them with \
                 `mistral-datasets serve`",
            ));
        };
        let rebuilt =
            (**builder).clone().build().map_err(|error| error::exception(py, None, &error))?;
        *current = Current::new(rebuilt.clone());
        Ok(rebuilt)
    }
}
