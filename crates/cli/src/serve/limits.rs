//! The options that say how much the server takes.

use std::num::NonZeroUsize;

use bytesize::ByteSize;
use clap::Args;
use humantime::Duration;
use mistral_datasets_server::Limits;

/// The limits. Sizes are written as 64MiB or 64MB, times as 90s or 10m.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// The largest JSON body, and the longest line of an imported file
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().json_bytes))]
    max_body: ByteSize,
    /// How deep arrays and objects may lie in each other in JSON
    #[arg(long, value_name = "LEVELS", default_value_t = Limits::default().json_depth as u8, value_parser = clap::value_parser!(u8).range(4..=128))]
    max_depth: u8,
    /// The largest file
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().file_bytes))]
    max_file: ByteSize,
    /// The longest path and query of a URL
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().url_bytes))]
    max_url: ByteSize,
    /// The largest headers of a request, all together
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().header_bytes))]
    max_headers: ByteSize,
    /// Connections at once
    #[arg(long, value_name = "COUNT", default_value_t = some(Limits::default().connections))]
    max_connections: NonZeroUsize,
    /// Requests that are answered at once
    #[arg(long, value_name = "COUNT", default_value_t = some(Limits::default().requests))]
    max_requests: NonZeroUsize,
    /// How long a request may take once it has come
    #[arg(long, value_name = "TIME", default_value_t = Limits::default().request_timeout.into())]
    request_timeout: Duration,
    /// How long a connection may be idle, or take to send the head of a request
    #[arg(long, value_name = "TIME", default_value_t = Limits::default().idle_timeout.into())]
    idle_timeout: Duration,
    /// How long a client may stop while it sends a body or takes a response
    #[arg(long, value_name = "TIME", default_value_t = Limits::default().stall_timeout.into())]
    stall_timeout: Duration,
    /// Imports that run at once
    #[arg(long, value_name = "COUNT", default_value_t = some(Limits::default().imports))]
    max_imports: NonZeroUsize,
    /// Imports that wait for their turn
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().queued_imports)]
    max_queued_imports: usize,
}

fn some(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

impl From<LimitOptions> for Limits {
    fn from(options: LimitOptions) -> Self {
        Self {
            json_bytes: options.max_body.as_u64(),
            json_depth: options.max_depth.into(),
            file_bytes: options.max_file.as_u64(),
            url_bytes: options.max_url.as_u64(),
            header_bytes: options.max_headers.as_u64(),
            connections: options.max_connections.get(),
            requests: options.max_requests.get(),
            request_timeout: options.request_timeout.into(),
            idle_timeout: options.idle_timeout.into(),
            stall_timeout: options.stall_timeout.into(),
            imports: options.max_imports.get(),
            queued_imports: options.max_queued_imports,
        }
    }
}
