//! Client configuration: the builder, the options and their validated form, and the retry policy.
//!
//! Nothing here knows [`Client`](crate::Client); `ClientBuilder::build` is defined next to it.

mod builder;
mod options;
mod retry_policy;
#[cfg(feature = "rustls-no-provider")]
mod tls_options;

pub use builder::ClientBuilder;
pub(crate) use builder::{ConnectionOptions, Proxy, parse_server_url};
pub use options::Options;
pub(crate) use options::{Settings, non_zero};
pub(crate) use retry_policy::DEFAULT_BULK_MAX_RETRIES;
pub use retry_policy::RetryPolicy;
#[cfg(feature = "rustls-no-provider")]
pub(crate) use tls_options::TlsOptions;
