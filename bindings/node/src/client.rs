//! The client that JavaScript holds, apart from the operations.

use std::future::{Future, IntoFuture};

use mistral_datasets::{Client, Error, LocalData, WithResponse};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use tokio_util::sync::CancellationToken;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use crate::failure::{Outcome, outcome};
use crate::lanes::Connections;
use crate::logger::{self, Log};
use crate::options::{self, Options};
use crate::response::{Cross, Response, cross};
use crate::settler::{NativeSettler, Settler};

/// The Rust client, or what one call makes of it. The generated calls are further methods of it.
#[napi]
pub struct NativeClient {
    pub(crate) client: Client,
    /// What is told of its calls, where there is a logger.
    dispatch: Option<Dispatch>,
    /// What breaks its calls off, where they can be broken off.
    token: Option<CancellationToken>,
    /// Whether its calls hand over the raw response too.
    raw: bool,
    /// What its calls go over.
    connections: Connections,
    /// Where its calls run, and their outcomes go.
    settler: Settler,
}

/// How a client is set up beyond what one call can have otherwise.
#[napi(object, object_to_js = false)]
pub struct Setup {
    /// The proxy that requests go through.
    pub proxy: Option<String>,
    /// Certificates in PEM that are trusted besides the system's.
    pub ca_certificates: Option<Buffer>,
    /// What stands before the client's own product token.
    pub user_agent: String,
}

/// What one call needs beyond its options.
#[napi(object, object_to_js = false)]
pub struct Scope {
    /// What is otherwise than for the rest of the client's calls.
    pub options: Option<Options>,
    /// Whether it may be broken off.
    pub cancellable: bool,
    /// Whether the raw response is wanted.
    pub raw: bool,
}

/// Sets up a client. Nothing is connected yet.
#[napi]
pub fn connect(
    setup: Setup,
    options: Options,
    log: Option<Log>,
    settler: &NativeSettler,
) -> Outcome<NativeClient> {
    let mut builder = Client::builder().options(options.into()).user_agent(setup.user_agent);
    if let Some(proxy) = setup.proxy {
        builder = builder.proxy(proxy);
    }
    if let Some(certificates) = setup.ca_certificates {
        builder = builder.ca_certificates(certificates.to_vec());
    }
    let dispatch = log.map(logger::dispatch);
    let client = match &dispatch {
        Some(dispatch) => tracing::dispatcher::with_default(dispatch, || builder.build()),
        None => builder.build(),
    };
    outcome(client.map(|client| NativeClient { dispatch, ..NativeClient::of(client, settler) }))
}

/// Starts a server in this process and returns a client of it.
#[napi]
pub async fn connect_local(
    directory: Option<String>,
    settler: &NativeSettler,
) -> Outcome<NativeClient> {
    let data =
        directory.map_or(LocalData::Memory, |directory| LocalData::Directory(directory.into()));
    let client = Client::local(data).await.and_then(|client| client.with_options(options::usual()));
    outcome(client.map(|client| NativeClient::of(client, settler)))
}

#[napi]
impl NativeClient {
    /// The server's address.
    #[napi(getter)]
    pub fn server_url(&self) -> &str {
        self.client.server_url()
    }

    /// The same client with other options, and another logger if one is given.
    #[napi]
    pub fn with(&self, options: Options, log: Option<Log>) -> Outcome<NativeClient> {
        let dispatch = log.map(logger::dispatch).or_else(|| self.dispatch.clone());
        let client = self.client.with_options(options.into());
        outcome(client.map(|client| Self { client, dispatch, raw: false, ..self.share() }))
    }

    /// The same client for one call that needs more than its arguments.
    #[napi]
    pub fn scoped(&self, scope: Scope) -> Outcome<NativeClient> {
        let mut client = self.client.clone();
        if let Some(options) = scope.options {
            match client.with_options(options.into()) {
                Ok(other) => client = other,
                Err(error) => return Outcome::B(error.into()),
            }
        }
        let mut token = self.token.clone();
        if scope.cancellable {
            let (cancellable, own) = client.cancellable();
            (client, token) = (cancellable, Some(own));
        }
        Outcome::A(Self { client, token, raw: scope.raw, ..self.share() })
    }

    /// Breaks its calls off, if it was made for that.
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
    /// A client without a logger.
    pub(crate) fn of(client: Client, settler: &NativeSettler) -> Self {
        Self {
            client,
            dispatch: None,
            token: None,
            raw: false,
            connections: Connections::new(),
            settler: settler.settler.clone(),
        }
    }

    /// The same client once more, for what outlives a call.
    pub(crate) fn share(&self) -> Self {
        Self {
            client: self.client.clone(),
            dispatch: self.dispatch.clone(),
            token: self.token.clone(),
            raw: self.raw,
            connections: self.connections.clone(),
            settler: self.settler.clone(),
        }
    }

    /// Where the outcomes of its calls go.
    pub(crate) fn settler(&self) -> &Settler {
        &self.settler
    }

    /// Runs a call so that the client's logger hears of it.
    pub(crate) async fn run<T>(&self, call: impl Future<Output = T>) -> T {
        match &self.dispatch {
            None => call.await,
            Some(dispatch) => call.with_subscriber(dispatch.clone()).await,
        }
    }

    /// Begins a call of the client that it is given, whose outcome goes to JavaScript by its number.
    pub(crate) fn begin<T, C>(&self, number: u32, call: impl FnOnce(&Client) -> C)
    where
        T: Cross + Send,
        C: IntoFuture<Output = Result<T, Error>, IntoFuture: Send> + Send + 'static,
    {
        let native = self.share();
        let lane = self.settler.lane();
        let call = call(&self.connections.of(&self.client, &lane));
        self.settler.begin_in(lane, number, async move {
            match native.response(call).await {
                Outcome::A(response) => Outcome::A(Some(response)),
                Outcome::B(failure) => Outcome::B(failure),
            }
        });
    }

    /// Sends a call and hands over what it returned, with the raw response where it is wanted.
    pub(crate) async fn response<T, C>(&self, call: C) -> Outcome<Response>
    where
        T: Cross + Send,
        C: IntoFuture<Output = Result<T, Error>, IntoFuture: Send>,
    {
        outcome(if self.raw {
            let responded = self.run(call.with_response()).await;
            responded.map(|(value, response)| Response {
                raw_response: Some((&response).into()),
                ..cross(&value)
            })
        } else {
            self.run(call.into_future()).await.map(|value| cross(&value))
        })
    }
}
