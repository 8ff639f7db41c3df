//! Creates connection pools.

use std::sync::Arc;
use std::time::Duration;

use super::proxy::Proxies;
use crate::config::{ConnectionOptions, Proxy, non_zero};
use crate::error::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a client makes its connections.
pub(crate) enum ConnectionSettings {
    /// By pools with these settings.
    Own {
        connect_timeout: Duration,
        #[cfg(feature = "rustls-no-provider")]
        tls: Box<rustls::ClientConfig>,
        proxies: Arc<Proxies>,
    },
    /// By an HTTP client that was given to the builder.
    Given(reqwest::Client),
}

impl ConnectionSettings {
    /// Validates the options of a client whose attempts have this timeout.
    ///
    /// # Errors
    /// `Configuration` if an option is invalid, or set in addition to an HTTP client.
    pub(crate) fn new(
        options: &ConnectionOptions,
        http_client: Option<reqwest::Client>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        if let Some(client) = http_client {
            return match options.first_set() {
                None => Ok(Self::Given(client)),
                Some(option) => Err(Error::configuration(format!(
                    "`{option}` cannot be combined with `http_client`"
                ))
                .with_hint("configure the `reqwest::Client` instead")),
            };
        }
        let connect_timeout = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT.min(timeout));
        Ok(Self::Own {
            connect_timeout: non_zero("connect_timeout", connect_timeout)?,
            #[cfg(feature = "rustls-no-provider")]
            tls: super::tls::configuration(&options.tls)?.into(),
            proxies: Arc::new(Proxies::new(options.proxy.as_ref().unwrap_or(&Proxy::Environment))?),
        })
    }

    /// Returns the proxies, or `None` if they are those of a given HTTP client.
    pub(super) fn proxies(&self) -> Option<&Proxies> {
        match self {
            Self::Own { proxies, .. } => Some(proxies),
            Self::Given(_) => None,
        }
    }

    /// Creates an empty connection pool, or returns the given HTTP client.
    ///
    /// # Errors
    /// `Configuration` if the HTTP client cannot be built.
    pub(crate) fn new_pool(&self) -> Result<reqwest::Client, Error> {
        let (connect_timeout, proxies) = match self {
            Self::Given(client) => return Ok(client.clone()),
            Self::Own { connect_timeout, proxies, .. } => (*connect_timeout, proxies),
        };
        let builder = reqwest::Client::builder()
            .connect_timeout(connect_timeout)
            .tcp_nodelay(true)
            // `redirect.rs` follows redirects.
            .redirect(reqwest::redirect::Policy::none());
        #[cfg(feature = "rustls-no-provider")]
        let builder = match self {
            Self::Own { tls, .. } => builder.tls_backend_preconfigured((**tls).clone()),
            Self::Given(_) => builder,
        };
        // `proxy.rs` reads the environment.
        let mut builder = builder.no_proxy();
        if !proxies.is_empty() {
            let proxies = proxies.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| {
                Some(proxies.find(url).ok()??.url().clone())
            }));
        }
        builder.build().map_err(|error| {
            Error::configuration("cannot build the HTTP client").with_source(error)
        })
    }
}
