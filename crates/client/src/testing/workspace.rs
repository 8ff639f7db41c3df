//! What a test has of a server.

use std::fmt;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, FaultRule};
use super::journal::RecordedRequest;
use crate::client::Client;
use crate::config::ClientBuilder;
use crate::envelope;
use crate::error::{Error, ErrorKind};
use crate::seen;

/// What asks the server for what is not of the API; it is named so in errors.
const OPERATION: &str = "local";

/// A workspace of a local server: a client of it, the faults of its responses and the journal of its requests. Other workspaces of
/// the server see nothing of it.
#[derive(Clone)]
pub struct Workspace {
    client: Client,
    /// Asks for what is not of the API. It goes on when the test closes its own client.
    control: Client,
    api_key: String,
}

impl Workspace {
    /// The workspace of a key on a local server that runs elsewhere, such as `mistral-datasets serve --memory`.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when the address is none, or the key is empty or cannot be sent.
    pub fn connect(server_url: impl Into<String>, api_key: impl ToString) -> Result<Self, Error> {
        let api_key = api_key.to_string();
        let builder = builder(server_url.into(), &api_key);
        Ok(Self { client: builder.clone().build()?, control: builder.build()?, api_key })
    }

    /// A client of the workspace, with a budget of repetitions of its own.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sets up another client of the workspace.
    pub fn builder(&self) -> ClientBuilder {
        builder(self.url().to_owned(), &self.api_key)
    }

    /// The server's address, without a slash at its end: what other clients of the API need as `MISTRAL_SERVER_URL`.
    pub fn url(&self) -> &str {
        self.control.server_url()
    }

    /// The workspace's key: what other clients of the API need as `MISTRAL_API_KEY`.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Spoils responses as the rule says. A request is spoiled by the first rule that applies, so that rules which are used up
    /// one after another make a sequence.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when the rule cannot be meant; the message names the member.
    pub async fn inject_fault(&self, fault: Fault) -> Result<FaultRule, Error> {
        let [planted] =
            self.insert_fixture("faults", &fault).await.and_then(|Faults { faults }| {
                <[FaultRule; 1]>::try_from(faults).map_err(|_| unexpected())
            })?;
        Ok(planted)
    }

    /// The rules that were given, and to how many requests each was applied.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn faults(&self) -> Result<Vec<FaultRule>, Error> {
        Ok(self.get::<Faults>("faults").await?.faults)
    }

    /// Ends all faults.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn clear_faults(&self) -> Result<(), Error> {
        self.send_request("DELETE", "faults", None).await.map(drop)
    }

    /// The requests that came to the workspace, the oldest first: the newest 10,000 since it was emptied.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn requests(&self) -> Result<Vec<RecordedRequest>, Error> {
        Ok(self.get::<Requests>("requests").await?.requests)
    }

    /// Empties the journal, so that [`requests`](Self::requests) tells what came since.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn clear_requests(&self) -> Result<(), Error> {
        self.send_request("DELETE", "requests", None).await.map(drop)
    }

    /// Plants what the service would have from elsewhere, such as the events that imports from the explorer read.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), mistral_datasets::Error> {
    /// # use mistral_datasets::testing::LocalServer;
    /// # let server = LocalServer::start().await?;
    /// let local = server.workspace()?;
    /// let event = serde_json::json!({
    ///     "event_id": "event-1",
    ///     "request_messages": [{"role": "user", "content": "Where is my money?"}],
    ///     "response_messages": [{"role": "assistant", "content": "On its way."}],
    /// });
    /// let _: serde_json::Value = local.insert_fixture("chat-completion-events", &[event]).await?;
    /// let datasets = local.client().datasets();
    /// let dataset = datasets.create("Refund requests", "").await?;
    /// datasets.import_from_explorer(dataset.id, ["event-1"]).wait().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when it cannot be read as that.
    pub async fn insert_fixture<T: DeserializeOwned>(
        &self,
        what: &str,
        items: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        let json = serde_json::to_string(items).map_err(|error| {
            Error::new(ErrorKind::Validation, format!("not to be written as JSON: {error}"))
        })?;
        read(&self.send_request("POST", what, Some(json)).await?)
    }

    /// Makes the workspace as it was at first: without data, faults and journal.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn reset(&self) -> Result<(), Error> {
        self.send_request("POST", "reset", None).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, Error> {
        read(&self.send_request("GET", route, None).await?)
    }

    /// Calls one of the server's own routes, which lie under `/local/v1/`, with a body of JSON, and returns the response's.
    ///
    /// # Errors
    /// As the calls of a client, but nothing is sent twice.
    pub async fn send_request(
        &self,
        method: &str,
        route: &str,
        json: Option<String>,
    ) -> Result<String, Error> {
        self.control.until_closed(OPERATION, self.once(method, route, json)).await
    }

    async fn once(&self, method: &str, route: &str, json: Option<String>) -> Result<String, Error> {
        let transport = self.control.transport()?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::new(ErrorKind::Validation, "method: expected a method of HTTP"))?;
        let url = format!("{}/local/v1/{route}", self.url());
        let mut request = transport.http().request(method, url).timeout(transport.timeout());
        if let Some(json) = json {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        let request = request.build().map_err(seen::broken)?;
        let response = transport.send(OPERATION, request).await.map_err(seen::broken)?;
        let status = response.status();
        let body = response.bytes().await.map_err(seen::broken)?;
        if !status.is_success() {
            let status = status.as_u16();
            return Err(envelope::read(status, &body).into_error(status));
        }
        String::from_utf8(body.into()).map_err(|_| unexpected())
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// A local server is never behind a proxy, whatever the environment says.
fn builder(server_url: String, api_key: &str) -> ClientBuilder {
    Client::builder().server_url(server_url).api_key(api_key).no_proxy()
}

#[derive(Deserialize)]
struct Faults {
    faults: Vec<FaultRule>,
}

#[derive(Deserialize)]
struct Requests {
    requests: Vec<RecordedRequest>,
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|_| unexpected())
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Decoding, "this is no response of the local server")
}
