//! Creates connection pools.

use std::time::Duration;

use rustls::ClientConfig;

use crate::config::Proxy;
use crate::error::Error;

/// The settings that all connections of a client share.
pub(crate) struct ConnectionSettings {
    /// The `User-Agent` of every request.
    pub(crate) user_agent: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) tls: ClientConfig,
    pub(crate) proxy: Proxy,
}

impl ConnectionSettings {
    /// Creates an empty connection pool.
    ///
    /// # Errors
    /// `Configuration` if the proxy URL is invalid.
    pub(crate) fn new_pool(&self) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            // `redirect.rs` follows redirects.
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(self.tls.clone());
        let builder = match &self.proxy {
            Proxy::Environment => builder,
            Proxy::Disabled => builder.no_proxy(),
            Proxy::Url(url) => builder.proxy(reqwest::Proxy::all(url).map_err(|_| {
                Error::configuration(
                    "the proxy URL is invalid; expected something like http://proxy.example:3128",
                )
            })?),
        };
        builder.build().map_err(|error| {
            Error::configuration("cannot build the HTTP client").with_source(error)
        })
    }
}
