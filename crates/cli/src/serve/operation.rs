//! The options of `serve` for running it behind load balancers and proxies.

use std::net::SocketAddr;

use clap::Args;
use mistral_datasets_server::ServerConfig;

/// The options for further listeners, draining and proxies.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operation")]
pub struct OperationOptions {
    /// Another address to listen on, for `/livez`, `/readyz` and `/metrics`
    ///
    /// They require no key there, and are no longer served on the main address.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// Another address to listen on, for signed links
    ///
    /// They are no longer served on the main address. Requests that carry `Authorization` are rejected there.
    #[arg(long, value_name = "ADDRESS")]
    links_listen: Option<SocketAddr>,
    /// The URL by which clients reach signed links
    ///
    /// Required if `--links-listen` is not a loopback address.
    #[arg(long, value_name = "URL")]
    links_url: Option<String>,
    /// The clients connect through a reverse proxy, which limits them
    ///
    /// Switches off the limits per client address, because all connections come from the proxy.
    #[arg(long)]
    behind_proxy: bool,
    /// The time to keep serving after SIGTERM or Ctrl-C, while `/readyz` responds with 503
    ///
    /// A second signal ends the waiting.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    drain_time: humantime::Duration,
}

impl OperationOptions {
    /// Sets the options in a configuration.
    pub fn apply(self, config: ServerConfig) -> ServerConfig {
        config
            .admin_listen(self.admin_listen)
            .links_listen(self.links_listen)
            .links_url(self.links_url)
            .behind_proxy(self.behind_proxy)
            .drain_time(self.drain_time.into())
    }
}
