//! Delegates sending the requests of generated operations to a [`SendRequest`] implementation.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use progenitor_client::{ClientHooks, ClientInfo, Error, OperationInfo};
use reqwest::header::HeaderName;
use reqwest::{Request, Response};

use crate::Client;

/// Sends the requests of generated operations. Wrap an implementation in [`Hooks`] to pass it to
/// [`Client::new_with_client`].
pub trait SendRequest: Send + Sync + 'static {
    /// Sends a request and returns the response, or `None` if the call has failed. The sender keeps the error, because
    /// progenitor's error type has no place for it. `operation` is the operation id.
    fn send_request<'a>(
        &'a self,
        operation: &'static str,
        request: Request,
    ) -> BoxFuture<'a, Option<Response>>;
}

/// The state of the generated client, which contains the sender of its requests.
#[derive(Clone)]
pub struct Hooks(Arc<dyn SendRequest>);

impl Hooks {
    /// Creates hooks that send requests with `sender`.
    pub fn new(sender: impl SendRequest) -> Self {
        Self(Arc::new(sender))
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl ClientHooks<Hooks> for Client {
    async fn pre<E>(&self, request: &mut Request, _: &OperationInfo) -> Result<(), Error<E>> {
        // The generated code sends the document's version, which the service does not expect.
        request.headers_mut().remove(HeaderName::from_static("api-version"));
        Ok(())
    }

    async fn exec(&self, request: Request, info: &OperationInfo) -> reqwest::Result<Response> {
        let response = self.inner().0.send_request(info.operation_id, request).await;
        Ok(response.unwrap_or_else(failed))
    }

    /// Ends the call if it has failed, before the generated code decodes the response.
    async fn post<E>(
        &self,
        result: &reqwest::Result<Response>,
        _: &OperationInfo,
    ) -> Result<(), Error<E>> {
        match result {
            Ok(response) if response.extensions().get::<Failed>().is_some() => {
                Err(Error::Custom("the call failed".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Marks the response that [`ClientHooks::exec`] must return for a failed call.
#[derive(Clone)]
struct Failed;

fn failed() -> Response {
    let mut response = http::Response::new("");
    response.extensions_mut().insert(Failed);
    response.into()
}
