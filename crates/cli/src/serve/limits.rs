//! The limit options of `serve`.

use std::num::NonZeroUsize;

use bytesize::ByteSize;
use clap::Args;
use humantime::Duration;
use mistral_datasets_server::Limits;

/// The limit options. Sizes are written as `64MiB` or `64MB`, durations as `90s` or `10m`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// The maximum size of a JSON body, or of a line of an imported file
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().json_bytes))]
    max_body: ByteSize,
    /// The maximum nesting depth of JSON arrays and objects
    #[arg(long, value_name = "LEVELS", default_value_t = Limits::default().json_depth as u8, value_parser = clap::value_parser!(u8).range(4..=128))]
    max_depth: u8,
    /// The maximum size of a file
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().file_bytes))]
    max_file: ByteSize,
    /// The maximum memory of all request bodies and responses together
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().memory_bytes))]
    max_memory: ByteSize,
    /// The maximum size of a request's path and query
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().url_bytes))]
    max_url: ByteSize,
    /// The maximum total size of a request's headers
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize::b(Limits::default().header_bytes))]
    max_headers: ByteSize,
    /// The maximum number of concurrent connections
    #[arg(long, value_name = "COUNT", default_value_t = non_zero(Limits::default().connections))]
    max_connections: NonZeroUsize,
    /// The maximum number of concurrent connections from one client address
    ///
    /// Loopback addresses are not limited.
    #[arg(long, value_name = "COUNT", default_value_t = non_zero(Limits::default().connections_per_address))]
    max_connections_per_address: NonZeroUsize,
    /// The maximum number of requests with an invalid key from one client address, per minute
    ///
    /// Loopback addresses are not limited.
    #[arg(long, value_name = "COUNT", default_value_t = non_zero(Limits::default().failed_keys))]
    max_failed_keys: NonZeroUsize,
    /// The maximum number of concurrent requests
    #[arg(long, value_name = "COUNT", default_value_t = non_zero(Limits::default().requests))]
    max_requests: NonZeroUsize,
    /// The maximum time to process a request after it was received
    #[arg(long, value_name = "TIME", default_value_t = Limits::default().request_timeout.into())]
    request_timeout: Duration,
    /// The maximum time a connection may be idle, or take to send the headers of a request
    #[arg(long, value_name = "TIME", default_value_t = Limits::default().idle_timeout.into())]
    idle_timeout: Duration,
    /// The maximum time a client may pause while sending a body or reading a response
    #[arg(long, value_name = "TIME", default_value_t = Limits::default().stall_timeout.into())]
    stall_timeout: Duration,
    /// The maximum number of concurrent imports
    #[arg(long, value_name = "COUNT", default_value_t = non_zero(Limits::default().imports))]
    max_imports: NonZeroUsize,
    /// The maximum number of queued imports of a workspace; ten times as many in all workspaces
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().queued_imports)]
    max_queued_imports: usize,
    /// The maximum number of concurrent judgements, those of campaigns included
    #[arg(long, value_name = "COUNT", default_value_t = non_zero(Limits::default().judgements))]
    max_judgements: NonZeroUsize,
}

fn non_zero(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

impl From<LimitOptions> for Limits {
    fn from(options: LimitOptions) -> Self {
        Self::default()
            .json_bytes(options.max_body.as_u64())
            .json_depth(options.max_depth.into())
            .file_bytes(options.max_file.as_u64())
            .memory_bytes(options.max_memory.as_u64())
            .url_bytes(options.max_url.as_u64())
            .header_bytes(options.max_headers.as_u64())
            .connections(options.max_connections.get())
            .connections_per_address(options.max_connections_per_address.get())
            .failed_keys(options.max_failed_keys.get())
            .requests(options.max_requests.get())
            .request_timeout(options.request_timeout.into())
            .idle_timeout(options.idle_timeout.into())
            .stall_timeout(options.stall_timeout.into())
            .imports(options.max_imports.get())
            .queued_imports(options.max_queued_imports)
            .judgements(options.max_judgements.get())
    }
}
