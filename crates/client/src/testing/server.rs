//! The server that tests share.

use mistral_datasets_server::{RunningServer, Server, ServerConfig};
use uuid::Uuid;

use super::workspace::Workspace;
use crate::error::{Error, ErrorKind};

/// A local server in this process, of which every test takes a workspace. It stops when it is dropped.
///
/// Starting one takes some milliseconds and a workspace costs next to nothing, so one server may serve a whole run of tests; in
/// Rust, where every test mostly has a runtime of its own, each starts one.
#[derive(Debug)]
pub struct LocalServer {
    running: RunningServer,
}

impl LocalServer {
    /// Starts a server that keeps its data in memory and takes every key.
    ///
    /// # Errors
    /// As [`start_with`](Self::start_with).
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(ServerConfig::default()).await
    }

    /// Starts a server that is set up otherwise: for another generation of the API, with other limits, in a directory.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::testing::{Generation, LocalServer, ServerConfig};
    ///
    /// let newest = ServerConfig { generation: Generation::G3, ..ServerConfig::default() };
    /// let server = LocalServer::start_with(newest).await?;
    /// let datasets = server.workspace()?.client().datasets();
    /// let dataset = datasets.create("Free payloads", "").await?;
    /// datasets.create_record(dataset.id, serde_json::json!({"anything": 1}), serde_json::json!({})).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the server cannot start: the directory or the address cannot be used.
    pub async fn start_with(config: ServerConfig) -> Result<Self, Error> {
        let running = Server::start(config).await.map_err(|error| {
            Error::new(ErrorKind::Configuration, format!("the local server cannot start: {error}"))
                .with_source(error)
        })?;
        Ok(Self { running })
    }

    /// The server's address, without a slash at its end.
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// A workspace that nobody else knows. It is empty.
    ///
    /// # Errors
    /// As [`workspace_with_key`](Self::workspace_with_key).
    pub fn workspace(&self) -> Result<Workspace, Error> {
        self.workspace_with_key(Uuid::new_v4())
    }

    /// The workspace of a key, which is the same whoever asks with that key.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the key is empty or cannot be sent.
    pub fn workspace_with_key(&self, api_key: impl ToString) -> Result<Workspace, Error> {
        Workspace::connect(self.url(), api_key)
    }

    /// Stops the server, and returns when it has: its port is free, and its data are gone or written. Requests that are still
    /// being answered, such as those a fault delays, are cut off.
    pub async fn stop(self) {
        self.running.shutdown_now().await;
    }

    /// The server without what stands around it.
    pub(crate) fn into_running(self) -> RunningServer {
        self.running
    }
}
