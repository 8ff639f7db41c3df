//! The client as the objects of Python share it, across forks.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use mistral_datasets::{Client, ClientBuilder};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::error;

/// A client that is made again in a forked child, where the sockets of its pool belong to the parent.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    origin: Origin,
    current: Mutex<Current>,
}

/// How to make the client again.
pub enum Origin {
    /// With the configuration it was made with.
    Built(ClientBuilder),
    /// Not at all: its server runs in the parent.
    Local,
}

/// The client of one process.
struct Current {
    process: u32,
    /// Taken out only when it is dropped.
    client: Option<Client>,
}

impl Current {
    fn new(client: Client) -> Self {
        Self { process: process::id(), client: Some(client) }
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
        }
    }
}

impl Session {
    /// Shares a client.
    pub fn new(origin: Origin, client: Client) -> Self {
        let current = Mutex::new(Current::new(client));
        Self { shared: Arc::new(Shared { origin, current }) }
    }

    /// The server's address, without a slash at its end.
    pub fn server_url(&self, py: Python<'_>) -> String {
        let current =
            self.shared.current.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        current.client().server_url().to_owned()
    }

    /// The client of this process.
    ///
    /// # Errors
    /// `ConfigurationError` in a forked child of a process that has a local server.
    pub fn client(&self, py: Python<'_>) -> PyResult<Client> {
        let mut current =
            self.shared.current.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
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
        let rebuilt = builder.clone().build().map_err(|error| error::exception(py, &error))?;
        *current = Current::new(rebuilt.clone());
        Ok(rebuilt)
    }
}
