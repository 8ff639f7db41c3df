//! The local server and its workspaces, for `mistral-datasets/testing`.

use std::sync::{Mutex, PoisonError};

use mistral_datasets::JudgeEndpoint;
use mistral_datasets::testing::{DataLocation, Generation, LocalServer, ServerConfig, Workspace};
use napi_derive::napi;

use crate::client::NativeClient;
use crate::failure::{CallResult, call_result};
use crate::options;

/// A server in this process.
#[napi]
pub struct NativeServer {
    url: String,
    server: Mutex<Option<LocalServer>>,
}

/// Generation of the API.
#[napi(string_enum = "lowercase")]
pub enum ServedGeneration {
    Any,
    G1,
    G2,
    G3,
}

impl From<ServedGeneration> for Generation {
    fn from(generation: ServedGeneration) -> Self {
        match generation {
            ServedGeneration::Any => Self::Any,
            ServedGeneration::G1 => Self::G1,
            ServedGeneration::G2 => Self::G2,
            ServedGeneration::G3 => Self::G3,
        }
    }
}

/// The model endpoint that judges ask. JavaScript has validated the types.
#[napi(object, object_to_js = false)]
pub struct NativeJudge {
    pub url: String,
    pub key: Option<String>,
    pub timeout_ms: Option<f64>,
    /// Names of models, alternating with those of the endpoint.
    pub models: Vec<String>,
}

impl From<NativeJudge> for JudgeEndpoint {
    fn from(judge: NativeJudge) -> Self {
        let models = judge.models.chunks_exact(2);
        let endpoint = Self::new(judge.url)
            .key(judge.key)
            .models(models.map(|names| (names[0].clone(), names[1].clone())).collect());
        match judge.timeout_ms {
            Some(timeout) => endpoint.timeout(options::from_milliseconds(timeout)),
            None => endpoint,
        }
    }
}

/// Starts a test server.
#[napi]
pub async fn start_server(
    directory: Option<String>,
    generation: Option<ServedGeneration>,
    judge: Option<NativeJudge>,
) -> CallResult<NativeServer> {
    let data = directory
        .map_or(DataLocation::Memory, |directory| DataLocation::Directory(directory.into()));
    let config = ServerConfig::default()
        .data(data)
        .judge(judge.map(Into::into))
        .generation(generation.map(Into::into).unwrap_or_default());
    let server = LocalServer::start_with(config).await;
    call_result(
        server.map(|server| NativeServer { url: server.url(), server: Mutex::new(Some(server)) }),
    )
}

#[napi]
impl NativeServer {
    /// Returns the server URL.
    #[napi(getter)]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server. Further calls have no effect.
    #[napi]
    pub async fn stop(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.stop().await;
        }
    }
}

/// A workspace of a local server, identified by its API key.
#[napi]
pub struct NativeWorkspace {
    workspace: Workspace,
}

/// Returns the workspace of an API key.
#[napi]
pub fn workspace_at(url: String, api_key: String) -> CallResult<NativeWorkspace> {
    call_result(Workspace::connect(url, api_key).map(|workspace| NativeWorkspace { workspace }))
}

#[napi]
impl NativeWorkspace {
    /// Creates a client for the workspace.
    #[napi]
    pub fn client(&self, user_agent: String) -> CallResult<NativeClient> {
        let client = self.workspace.builder().user_agent(user_agent).build();
        let client = client.and_then(|client| client.with_options(options::base_options()));
        call_result(client.map(NativeClient::new))
    }

    /// Sends a JSON request to one of the control routes and returns the response body.
    #[napi]
    pub async fn send_request(
        &self,
        method: String,
        route: String,
        json: Option<String>,
    ) -> CallResult<String> {
        call_result(self.workspace.send_request(&method, &route, json).await)
    }
}
