//! Workspaces of a local server.

use std::fmt;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, FaultRule};
use super::recorded_request::RecordedRequest;
use crate::client::Client;
use crate::config::ClientBuilder;
use crate::error::{Error, ErrorKind};
use crate::transport::{Auth, failed_response};

/// The operation in the errors of the server's own routes.
const OPERATION: &str = "local";

/// A workspace of a local server: a client, fault rules and recorded requests. Workspaces of the same server are isolated from
/// each other.
#[derive(Clone)]
pub struct Workspace {
    client: Client,
    /// For the server's own routes. It stays open when the test closes `client`.
    control: Client,
    api_key: String,
}

impl Workspace {
    /// Connects to the workspace of an API key on a running local server, such as `mistral-datasets serve --memory`.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the URL is invalid, or the key is empty or contains invalid characters.
    pub fn connect(server_url: impl Into<String>, api_key: impl ToString) -> Result<Self, Error> {
        let api_key = api_key.to_string();
        let builder = builder(server_url.into(), &api_key);
        Ok(Self { client: builder.clone().build()?, control: builder.build()?, api_key })
    }

    /// Returns a client for the workspace, with its own retry budget.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns a builder for another client.
    pub fn builder(&self) -> ClientBuilder {
        builder(self.url().to_owned(), &self.api_key)
    }

    /// Returns the server's base URL, without a trailing slash. Other clients of the API can use it as `MISTRAL_SERVER_URL`.
    pub fn url(&self) -> &str {
        self.control.server_url()
    }

    /// Returns the workspace's API key. Other clients of the API can use it as `MISTRAL_API_KEY`.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Injects a fault. The first matching rule that is not used up applies to a request, so several rules can form a sequence.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) if the rule is invalid. The message names the field.
    pub async fn inject_fault(&self, fault: Fault) -> Result<FaultRule, Error> {
        let [rule] =
            self.insert_fixture("faults", &fault).await.and_then(|Faults { faults }| {
                <[FaultRule; 1]>::try_from(faults).map_err(|_| unexpected())
            })?;
        Ok(rule)
    }

    /// Returns the fault rules, with the number of requests that each rule applied to.
    ///
    /// # Errors
    /// The errors that any call can return.
    pub async fn faults(&self) -> Result<Vec<FaultRule>, Error> {
        Ok(self.get::<Faults>("faults").await?.faults)
    }

    /// Removes all fault rules.
    ///
    /// # Errors
    /// The errors that any call can return.
    pub async fn clear_faults(&self) -> Result<(), Error> {
        self.send_request("DELETE", "faults", None).await.map(drop)
    }

    /// Returns the newest 10,000 requests that the workspace has received since the last
    /// [`clear_requests`](Self::clear_requests), oldest first.
    ///
    /// # Errors
    /// The errors that any call can return.
    pub async fn requests(&self) -> Result<Vec<RecordedRequest>, Error> {
        Ok(self.get::<Requests>("requests").await?.requests)
    }

    /// Clears the recorded requests.
    ///
    /// # Errors
    /// The errors that any call can return.
    pub async fn clear_requests(&self) -> Result<(), Error> {
        self.send_request("DELETE", "requests", None).await.map(drop)
    }

    /// Inserts fixtures: data that the service gets from other products, such as the events that imports from the explorer read.
    ///
    /// `what` is the kind of fixture, such as `chat-completion-events`. `T` is the server's response.
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
    /// [`Validation`](ErrorKind::Validation) if the items are invalid.
    pub async fn insert_fixture<T: DeserializeOwned>(
        &self,
        what: &str,
        items: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        let json = serde_json::to_string(items).map_err(|error| {
            Error::new(ErrorKind::Validation, format!("cannot be serialized as JSON: {error}"))
        })?;
        parse(&self.send_request("POST", what, Some(json)).await?)
    }

    /// Deletes all data, fault rules and recorded requests of the workspace.
    ///
    /// # Errors
    /// The errors that any call can return.
    pub async fn reset(&self) -> Result<(), Error> {
        self.send_request("POST", "reset", None).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, Error> {
        parse(&self.send_request("GET", route, None).await?)
    }

    /// Sends a request with an optional JSON body to one of the server's own routes, `/local/v1/{route}`, and returns the body of
    /// the response.
    ///
    /// # Errors
    /// The errors that any call can return. Requests are never retried.
    pub async fn send_request(
        &self,
        method: &str,
        route: &str,
        json: Option<String>,
    ) -> Result<String, Error> {
        self.control.until_cancelled(OPERATION, self.send_once(method, route, json)).await
    }

    async fn send_once(
        &self,
        method: &str,
        route: &str,
        json: Option<String>,
    ) -> Result<String, Error> {
        let transport = self.control.transport()?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::new(ErrorKind::Validation, "method: expected an HTTP method"))?;
        let url = format!("{}/local/v1/{route}", self.url());
        let mut request = transport.http().request(method, url).timeout(transport.timeout());
        if let Some(json) = json {
            request = request.header(CONTENT_TYPE, "application/json").body(json);
        }
        let cannot_send = |error| transport.request_failure(error, true, None).error;
        let request = request.build().map_err(cannot_send)?;
        let response = transport
            .exchange(OPERATION, Auth::ApiKey, || Ok(request.try_clone()))
            .await
            .map_err(|failure| failure.error)?;
        let status = response.status();
        let info = transport.response_info(&response);
        let body = response.bytes().await.map_err(cannot_send)?;
        if !status.is_success() {
            return Err(failed_response(info, &body).error);
        }
        String::from_utf8(body.into()).map_err(|_| unexpected())
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// Returns a builder without a proxy, because a local server is never behind one, even if the environment sets one.
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

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|_| unexpected())
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Decoding, "unexpected response; is this a local server?")
}
