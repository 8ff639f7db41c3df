//! Local servers for tests.

use mistral_datasets_server::{DataLocation, RunningServer, Server, ServerConfig};
use uuid::Uuid;

use super::workspace::Workspace;
use crate::error::{Error, ErrorKind, temporary_directory_hint};

/// A local server in this process. It stops when it is dropped.
///
/// Creating a [workspace](Self::workspace) is cheap, so tests that share a tokio runtime can share a server. Tests with their
/// own runtimes should each start one.
#[derive(Debug)]
pub struct LocalServer {
    running: RunningServer,
}

impl LocalServer {
    /// Starts a server that stores its data in memory and accepts every API key.
    ///
    /// # Errors
    /// The errors of [`start_with`](Self::start_with).
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(ServerConfig::default()).await
    }

    /// Starts a server with a configuration, for example another API generation, other limits or a data directory.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::testing::{Generation, LocalServer, ServerConfig};
    ///
    /// // The first generation requires messages; by default, a payload is any object.
    /// let strict = ServerConfig::default().generation(Generation::G1);
    /// let server = LocalServer::start_with(strict).await?;
    /// let client = server.workspace()?.client().clone();
    /// let dataset = client.datasets().create("Conversations", "").await?;
    /// let payload = serde_json::json!({"anything": 1});
    /// let created = client.datasets().create_record(dataset.id, payload, serde_json::json!({})).await;
    /// assert_eq!(created.unwrap_err().status(), Some(422));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the server cannot start, for example because the directory or address is in
    /// use.
    pub async fn start_with(config: ServerConfig) -> Result<Self, Error> {
        let needs_temporary_directory = config.data == DataLocation::Memory;
        let running = Server::start(config).await.map_err(|error| {
            let message = format!("cannot start the local server: {error}");
            let mut hinted = Error::new(ErrorKind::Configuration, message);
            if needs_temporary_directory && !std::env::temp_dir().is_dir() {
                hinted = hinted.with_hint(temporary_directory_hint());
            }
            hinted.with_source(error)
        })?;
        Ok(Self { running })
    }

    /// Returns the server's base URL, without a trailing slash.
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Creates an empty workspace.
    ///
    /// # Errors
    /// The errors of [`workspace_with_key`](Self::workspace_with_key).
    pub fn workspace(&self) -> Result<Workspace, Error> {
        self.workspace_with_key(Uuid::new_v4())
    }

    /// Returns the workspace of an API key. All callers with the same key share it.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the key is empty or contains invalid characters.
    pub fn workspace_with_key(&self, api_key: impl ToString) -> Result<Workspace, Error> {
        Workspace::connect(self.url(), api_key)
    }

    /// Stops the server and waits until its port is free and its data is written. Requests in progress, such as those delayed
    /// by a fault, are aborted.
    pub async fn stop(self) {
        self.running.shutdown_now().await;
    }

    /// Returns the running server.
    pub(crate) fn into_running(self) -> RunningServer {
        self.running
    }
}
