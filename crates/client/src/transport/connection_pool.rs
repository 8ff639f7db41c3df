//! Creates connection pools.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use super::proxy::Proxies;
use crate::error::Error;

/// The settings that all connections of a client share.
pub(crate) struct ConnectionSettings {
    /// The `User-Agent` of every request.
    pub(crate) user_agent: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) tls: ClientConfig,
    pub(crate) proxies: Arc<Proxies>,
}

impl ConnectionSettings {
    /// Creates an empty connection pool.
    ///
    /// # Errors
    /// `Configuration` if the HTTP client cannot be built.
    pub(crate) fn new_pool(&self) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            // `redirect.rs` follows redirects.
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(self.tls.clone());
        // `proxy.rs` reads the environment.
        let mut builder = builder.no_proxy();
        if !self.proxies.is_empty() {
            let proxies = self.proxies.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| {
                Some(proxies.find(url).ok()??.url().clone())
            }));
        }
        builder.build().map_err(|error| {
            Error::configuration("cannot build the HTTP client").with_source(error)
        })
    }
}
