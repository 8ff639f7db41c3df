//! The native client: construction, per-call settings and sending. The generated operations are further methods of it.

use std::future::Future;

use mistral_datasets::{Client, LocalData, LocalOptions, WithResponse};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use crate::encode::{Encode, EncodedResponse, encode};
use crate::failure::{CallResult, call_result};
use crate::local::NativeJudge;
use crate::logger::{self, LogFunction};
use crate::options::{self, Options};

/// A Rust client, or a variant of it for a single call.
#[napi]
#[derive(Clone)]
pub struct NativeClient {
    pub(crate) client: Client,
    /// Receives the client's tracing events, if it has a logger.
    dispatch: Option<Dispatch>,
    /// Cancels the calls of this client, if they are cancellable.
    token: Option<CancellationToken>,
    /// Whether calls also return the raw response.
    raw: bool,
}

/// Options that cannot be overridden for single calls.
#[napi(object, object_to_js = false)]
pub struct ConnectOptions {
    /// Proxy URL.
    pub proxy: Option<String>,
    /// Further trusted certificates, as PEM.
    pub ca_certificates: Option<Buffer>,
    /// Prefix of the `User-Agent` header.
    pub user_agent: String,
}

/// Settings of a single call.
#[napi(object, object_to_js = false)]
pub struct CallSettings {
    /// Overrides of the client's options.
    pub options: Option<Options>,
    /// Whether the call can be cancelled.
    pub cancellable: bool,
    /// Whether to return the raw response.
    pub raw: bool,
}

/// Creates a client. No connection is opened yet.
#[napi]
pub fn connect(
    connect_options: ConnectOptions,
    options: Options,
    log: Option<LogFunction>,
) -> CallResult<NativeClient> {
    let mut builder =
        Client::builder().options(options.into()).user_agent(connect_options.user_agent);
    builder = builder.certificate_variable("NODE_EXTRA_CA_CERTS");
    if let Some(proxy) = connect_options.proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(certificates) = connect_options.ca_certificates {
        builder = builder.ca_certificates(certificates.to_vec());
    }
    let dispatch = log.map(logger::dispatch);
    let client = match &dispatch {
        Some(dispatch) => tracing::dispatcher::with_default(dispatch, || builder.build()),
        None => builder.build(),
    };
    call_result(client.map(|client| NativeClient { dispatch, ..NativeClient::new(client) }))
}

/// Starts a server in this process and returns a client for it.
#[napi]
pub async fn connect_local(
    directory: Option<String>,
    judge: Option<NativeJudge>,
) -> CallResult<NativeClient> {
    let data =
        directory.map_or(LocalData::Memory, |directory| LocalData::Directory(directory.into()));
    let local_options = LocalOptions::new(data).judge(judge.map(Into::into));
    let client = Client::local_with(local_options).await;
    let client = client.and_then(|client| client.with_options(options::base_options()));
    call_result(client.map(NativeClient::new))
}

#[napi]
impl NativeClient {
    /// Returns the server URL.
    #[napi(getter)]
    pub fn server_url(&self) -> &str {
        self.client.server_url()
    }

    /// Returns the same client with other options, and another logger if one is given.
    #[napi]
    pub fn with(&self, options: Options, log: Option<LogFunction>) -> CallResult<NativeClient> {
        let dispatch = log.map(logger::dispatch).or_else(|| self.dispatch.clone());
        let client = self.client.with_options(options.into());
        call_result(client.map(|client| Self { client, dispatch, raw: false, ..self.clone() }))
    }

    /// Returns the same client with the settings of a single call.
    #[napi]
    pub fn for_call(&self, settings: CallSettings) -> CallResult<NativeClient> {
        let mut client = self.client.clone();
        if let Some(options) = settings.options {
            match client.with_options(options.into()) {
                Ok(variant) => client = variant,
                Err(error) => return CallResult::B(error.into()),
            }
        }
        let mut token = self.token.clone();
        if settings.cancellable {
            let (cancellable, own_token) = client.cancellable();
            (client, token) = (cancellable, Some(own_token));
        }
        CallResult::A(Self { client, token, raw: settings.raw, ..self.clone() })
    }

    /// Cancels the calls of this client, if they are cancellable.
    #[napi]
    pub fn cancel(&self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }

    /// Closes the client and stops its embedded server.
    #[napi]
    pub async fn close(&self) {
        self.client.close().await;
    }
}

impl NativeClient {
    /// Wraps a client without a logger.
    pub(crate) fn new(client: Client) -> Self {
        Self { client, dispatch: None, token: None, raw: false }
    }

    /// Runs a future with the client's logger as tracing subscriber.
    pub(crate) async fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.dispatch {
            None => future.await,
            Some(dispatch) => future.with_subscriber(dispatch.clone()).await,
        }
    }

    /// Sends a call and encodes its result, with the raw response if the settings request it.
    pub(crate) async fn send<T, C>(&self, call: C) -> CallResult<EncodedResponse>
    where
        T: Encode + Send + 'static,
        C: WithResponse<T, IntoFuture: Send + 'static>,
    {
        call_result(if self.raw {
            let result = self.run(call.with_response()).await;
            result.map(|(value, response)| EncodedResponse {
                raw_response: Some((&response).into()),
                ..encode(&value)
            })
        } else {
            self.run(call.into_future()).await.map(|value| encode(&value))
        })
    }
}
