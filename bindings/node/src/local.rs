//! What `mistral-datasets/testing` is made of: a server for tests, and what a test has of it.

use std::sync::{Mutex, PoisonError};

use mistral_datasets::testing::{DataLocation, Generation, LocalServer, ServerConfig, Workspace};
use napi_derive::napi;

use crate::client::NativeClient;
use crate::failure::{Outcome, outcome};
use crate::options;
use crate::settler::NativeSettler;

/// A server in this process.
#[napi]
pub struct NativeServer {
    url: String,
    running: Mutex<Option<LocalServer>>,
}

/// A generation of the API.
#[napi(string_enum = "lowercase")]
pub enum ServedGeneration {
    G1,
    G2,
    G3,
}

impl From<ServedGeneration> for Generation {
    fn from(generation: ServedGeneration) -> Self {
        match generation {
            ServedGeneration::G1 => Self::G1,
            ServedGeneration::G2 => Self::G2,
            ServedGeneration::G3 => Self::G3,
        }
    }
}

/// Starts a server for tests.
#[napi]
pub async fn start_server(
    directory: Option<String>,
    generation: Option<ServedGeneration>,
) -> Outcome<NativeServer> {
    let config = ServerConfig {
        data: directory
            .map_or(DataLocation::Memory, |directory| DataLocation::Directory(directory.into())),
        generation: generation.map(Into::into).unwrap_or_default(),
        ..ServerConfig::default()
    };
    let started = LocalServer::start_with(config).await;
    outcome(
        started.map(|server| NativeServer { url: server.url(), running: Mutex::new(Some(server)) }),
    )
}

#[napi]
impl NativeServer {
    /// The server's address.
    #[napi(getter)]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server. Stopping twice is no error.
    #[napi]
    pub async fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = running {
            server.stop().await;
        }
    }
}

/// A key's part of a local server.
#[napi]
pub struct NativeWorkspace {
    workspace: Workspace,
}

/// The workspace of a key on a local server.
#[napi]
pub fn workspace_at(url: String, api_key: String) -> Outcome<NativeWorkspace> {
    outcome(Workspace::connect(url, api_key).map(|workspace| NativeWorkspace { workspace }))
}

#[napi]
impl NativeWorkspace {
    /// A client of the workspace.
    #[napi]
    pub fn client(&self, user_agent: String, settler: &NativeSettler) -> Outcome<NativeClient> {
        let client = self.workspace.builder().user_agent(user_agent).build();
        let client = client.and_then(|client| client.with_options(options::usual()));
        outcome(client.map(|client| NativeClient::of(client, settler)))
    }

    /// Calls one of the local server's own routes with a body of JSON, and returns the response's.
    #[napi]
    pub async fn ask(
        &self,
        method: String,
        route: String,
        json: Option<String>,
    ) -> Outcome<String> {
        outcome(self.workspace.send_request(&method, &route, json).await)
    }
}
