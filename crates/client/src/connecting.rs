//! How connections are made.

use std::fmt;
use std::time::Duration;

use rustls::ClientConfig;

use crate::error::Error;
use crate::options::misconfigured;

/// What all connections of a client have in common.
pub(crate) struct Connecting {
    /// The `User-Agent` of every request.
    pub(crate) user_agent: String,
    /// How long setting up a connection may take.
    pub(crate) timeout: Duration,
    pub(crate) tls: ClientConfig,
    pub(crate) proxy: Proxy,
}

/// Which way requests take.
#[derive(Clone, Default)]
pub(crate) enum Proxy {
    /// The one that the environment names, if it names one.
    #[default]
    Environment,
    /// This one.
    Given(String),
    /// None.
    #[cfg_attr(not(feature = "local"), allow(dead_code))]
    Never,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Given(_) => "Given",
            Self::Never => "Never",
        })
    }
}

impl Connecting {
    /// A pool for connections, in which there is none yet.
    ///
    /// # Errors
    /// `Configuration` when the proxy's address is none.
    pub(crate) fn pool(&self) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.timeout)
            .tcp_nodelay(true)
            // A redirect must not tell the next host the link that led there, whose query is a secret.
            .referer(false)
            .tls_backend_preconfigured(self.tls.clone());
        let builder = match &self.proxy {
            Proxy::Environment => builder,
            Proxy::Never => builder.no_proxy(),
            Proxy::Given(url) => builder.proxy(reqwest::Proxy::all(url).map_err(|_| {
                misconfigured(
                    "the proxy is not a URL; expected something like http://proxy.example:3128",
                )
            })?),
        };
        builder
            .build()
            .map_err(|error| misconfigured("the HTTP client cannot be built").with_source(error))
    }
}
